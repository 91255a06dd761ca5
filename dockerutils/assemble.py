"""Putting an image together here: its base is found, its layers are made and brought to a sink."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from dockerutils import docker_cli
from dockerutils.aws.pull_logins import own_login
from dockerutils.command import Command
from dockerutils.destination import Target
from dockerutils.files import cache_folder
from dockerutils.freshness import Freshness, written_size
from dockerutils.images.inputs import LABEL, base_digest
from dockerutils.images.recipe import Bench
from dockerutils.meter import Meter
from dockerutils.oci.digest_cache import DigestCache
from dockerutils.oci.image import ImageConfig, OciImage, own_architecture, parse_config
from dockerutils.runner import Crew
from dockerutils.session import Session
from dockerutils.sinks.blobs import weight
from dockerutils.sinks.engine import EngineSink
from dockerutils.sinks.sink import Placed, Sink
from dockerutils.sources.base import file_base, registry_base
from dockerutils.sources.engine import EngineSource, SavedSource
from dockerutils.sources.source import Source
from dockerutils.steps import Assembling, Saving, Talk


@dataclass(frozen=True)
class Assembler:
    """Puts images together, or takes them as they are, and brings them to where they go."""

    session: Session
    freshness: Freshness
    crew: Crew
    talk: Talk
    cache: DigestCache = field(init=False)

    def __post_init__(self) -> None:
        folder = cache_folder(self.session.environ, self.session.project.home)
        object.__setattr__(self, "cache", DigestCache(folder / "digests"))

    def assemble(self, step: Assembling) -> Placed:
        """Put an image together and bring it where it belongs; raise what hinders it."""
        meter = Meter(self.talk.show, self.session.now, self.crew.check)
        with ExitStack() as stack:
            scratch = stack.enter_context(TemporaryDirectory(prefix="dockerutils-"))
            bench = self._bench(Path(scratch))
            image, sink = self._image(step, bench, stack), self._sink(step, bench)
            # Only a terminal shows how far it is, and the question takes its time.
            missing = sink.missing(image) if self.session.terminal.live else ()
            sizes = [weight(layer) for layer in missing]
            total = sum(sizes) if all(sizes) else 0  # of the engine's layers it is seldom known
            meter.begin(f"{step.node.image.name}: layers", total)
            placed = sink.put(image, meter.advance)
        self.talk.say(told(step.destination, placed, len(image.layers)))
        return placed

    def save(self, step: Saving) -> None:
        """Write an image of the engine elsewhere, with its own configuration."""
        meter = Meter(self.talk.show, self.session.now, self.crew.check)
        self.talk.show("docker saves the image")
        with SavedSource(step.reference, self.crew, self.cache).open() as image:
            sink = step.destination.sink(step.reference)
            missing = sink.missing(image) if self.session.terminal.live else ()
            meter.begin(step.destination.text, sum(map(weight, missing)))
            placed = sink.put(image, meter.advance)
        self.talk.say(told(step.destination, placed, len(image.layers)))

    def _bench(self, scratch: Path) -> Bench:
        def stream(command: Command) -> AbstractContextManager[BinaryIO]:
            self.talk.command(self.session.runner.line(command))
            self.talk.show(f"{command.argv[0]} is at work")
            return self.crew.stream(command)

        return Bench(lambda command: self.crew.write(command, ()), scratch, stream)

    def _image(self, step: Assembling, bench: Bench, stack: ExitStack) -> OciImage:
        """Put an image together, and before it the one below where that is nowhere yet."""
        if step.below:
            base = self._image(step.below, bench, stack)
        elif step.assembly.base:
            base = stack.enter_context(self._base(step).open())
        else:
            base = nothing_below()
        assembled = step.assembly.upon(base, self._labels(step, base), bench)
        for text in assembled.warnings:
            self.talk.warn(text)
        return assembled.image

    def _base(self, step: Assembling) -> Source:
        """Give where the image below comes from: a file, the engine, or else a registry."""
        if step.ground:
            facts = self.freshness.facts[step.ground]
            return EngineSource(step.ground, facts, self.crew, self.cache)
        project, text = self.session.project, step.assembly.base
        found = file_base(text, project.root, self.cache)
        if found:
            return found
        reference = step.node.stand_ins.get(text, text)
        known = self.freshness.facts.get(reference)
        if known:
            return EngineSource(reference, known, self.crew, self.cache)
        read, login = self.session.runner.read, own_login(self.session, step.node, reference)
        environ, home = self.session.environ, project.home
        return registry_base(reference, environ, home, read, self.cache, own_login=login)

    def _sink(self, step: Assembling, bench: Bench) -> Sink:
        reference = str(step.node.image.reference)
        if step.destination:
            return step.destination.sink(reference)

        def accept(image: str) -> None:
            if step.verify:
                self.talk.say(f"{reference} is run once, before it gets its name, to verify it")
                step.assembly.verify(image, bench)

        base = step.ground or next(iter(step.node.below), "")
        return EngineSink(
            reference, self.session.engine, self.crew, base, accept, self.freshness.facts
        )

    def _labels(self, step: Assembling, base: OciImage) -> dict[str, str]:
        """Give our labels, which tell what the image was made from wherever it is made."""
        node = step.node
        settings = parse_config(base.config_bytes()).settings
        digest = base_digest(base.diff_ids, settings)
        bases = {use.name: digest for use in node.reading.uses}
        # What a builder made upon the base is told by what it was made from, and by the base.
        inputs = self.freshness.inputs(node, step.request, None if step.ground else bases)
        own = {docker_cli.IMAGE_LABEL: node.image.reference.repository}
        return {**own, **({LABEL: inputs.label} if inputs else {})}


def nothing_below() -> OciImage:
    """Give an image without layers, for this machine's architecture."""
    return OciImage((), ImageConfig(own_architecture()).to_json)


def told(destination: Target | None, placed: Placed, count: int) -> str:
    """Tell what became of an image: where it is, and what of it had to move."""
    where = destination.text if destination else placed.reference
    moved = f"{placed.layers_sent} of {count} layers, {written_size(placed.sent)}"
    return f"{where}: {moved}; the image is {placed.id[:19]}"
