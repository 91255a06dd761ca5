"""The building of several images: what is needed, in which order, side by side where it can be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from dockerutils import docker_cli
from dockerutils.board import Board
from dockerutils.build_log import Log
from dockerutils.command import Command
from dockerutils.destination import Target
from dockerutils.errors import (
    CommandFailed,
    ConfigError,
    ContentChanged,
    DockerutilsError,
    EngineError,
    Interrupted,
)
from dockerutils.execution import Execution
from dockerutils.freshness import Freshness, names_of
from dockerutils.groundwork import Groundwork
from dockerutils.images.graph import Graph
from dockerutils.images.inputs import LABEL, Inputs
from dockerutils.images.recipe import Assembly, BuildRequest, Node
from dockerutils.schedule import run_side_by_side, width
from dockerutils.session import Session
from dockerutils.steps import Assembling, Execute, Saving, Step, started


@dataclass(frozen=True)
class WorkOptions:
    """How a run of build-image goes about it."""

    request: BuildRequest
    target: str = ""
    force_bases: bool = False
    pull: bool = False
    rebuild: bool = False
    jobs: int = 1
    destination: Target | None = None
    verify: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of one image."""

    image: str
    reference: str
    state: str  # built, unchanged, failed, or skipped because of `reason`
    reason: str = ""


@dataclass
class Work:
    """One run of build-image over several images."""

    session: Session
    graph: Graph
    requested: tuple[str, ...]
    options: WorkOptions
    freshness: Freshness
    failures: list[DockerutilsError] = field(default_factory=list)
    ailment: EngineError | None = None
    board: Board | None = None  # while images are built side by side
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    stood_upon: frozenset[str] = frozenset()  # images that others of this run stand on
    means: Callable[[Session, Freshness], Execution] = Execution

    @cached_property
    def execution(self) -> Execution:
        """What takes the steps of this run."""
        return self.means(self.session, self.freshness)

    @cached_property
    def groundwork(self) -> Groundwork:
        """What has to be there before an image is put together."""
        return Groundwork(self.session, self.freshness)

    def needed(self) -> list[Node]:
        """Give what is to be looked at, bases first: the requested images, and of the siblings
        below them all if that was forced, else those that the engine does not have."""
        nodes = self.graph.order(self.requested)
        for note in dict.fromkeys(text for node in nodes for text in node.strangers):
            self.session.terminal.warn(note)
        check_tags(nodes)
        self.freshness.facts.update(self.session.engine.facts(names_of(nodes)))
        if self.options.force_bases:
            return nodes
        needed = set(self.requested)
        for node in reversed(nodes):
            if node.image.name in needed:
                needed |= {base for base in self._built_below(node) if not self._is_there(base)}
        return [node for node in nodes if node.image.name in needed]

    def _built_below(self, node: Node) -> Iterator[str]:
        """Name the images below that are built first: not those that are put together with it."""
        along = self._goes_elsewhere(node) and self._put_together(node.image.name)
        return (base for base in node.bases if not (along and self._put_together(base)))

    def _put_together(self, name: str) -> Assembly | None:
        """Give how an image is put together, if no engine has to have what is below it."""
        node = self.graph.node(name)
        assembly = node.reading.assembly(self._request(node))
        return None if assembly is None or assembly.ground else assembly

    def _is_there(self, name: str) -> bool:
        return str(self.graph.node(name).image.reference) in self.freshness.facts

    def build(self, nodes: list[Node]) -> list[Outcome]:
        """Build each as soon as what it stands on is there.

        An image below which one failed is passed over; an engine that cannot work fails the rest.
        """
        needs = {node.image.name: node.bases for node in nodes}
        self.stood_upon = frozenset(base for bases in needs.values() for base in bases)
        if min(self.options.jobs, width(needs)) > 1 and not self.session.dry:
            self._build_side_by_side(needs)
        else:
            for name in needs:
                self._look_after(name, self.execution.alone)
        return [self.outcomes[name] for name in needs]

    def finish(self, outcomes: list[Outcome]) -> None:
        """Raise what failed: the failure itself for one image, a summary for several."""
        if not self.failures:
            return
        first = self.failures[0]
        if len(outcomes) == 1:
            raise first
        for failure in self.failures:
            self.session.terminal.error("build-image", failure.message, failure.hint)
        lost = [f"{one.image} ({one.state})" for one in outcomes if one.reason]
        raise CommandFailed(
            f"{len(lost)} of {len(outcomes)} images are missing: {', '.join(lost)}.", first.status
        )

    # Side by side ---------------------------------------------------------------------------

    def _build_side_by_side(self, needs: dict[str, tuple[str, ...]]) -> None:
        board = self.board = Board(self.session.terminal, tuple(needs), self.session.now)
        with self.session.runner.side_by_side() as crew:

            def look_after(name: str) -> None:
                with Log(self.log_file(name)) as log:
                    self._look_after(name, self.execution.beside(crew, board, log))
                self._end_row(board, name)

            try:
                run_side_by_side(needs, look_after, self.options.jobs, board.draw)
            finally:
                board.clear()
                self.board = None

    def _end_row(self, board: Board, name: str) -> None:
        outcome = self.outcomes[name]
        tail = board.tail(name) if outcome.state == "failed" else []
        board.end(name, outcome.state if outcome.state != "unchanged" else "")
        if tail:
            log = self.log_file(name)
            rest = f"; all of them are in {log}" if log.exists() else ""
            lines = "\n".join(f"  {line}" for line in tail)
            board.say(f"{name}: the last lines of its build{rest}\n{lines}")

    def log_file(self, name: str) -> Path:
        """Give where the whole output of an image's build is kept."""
        return self.freshness.folder / "logs" / f"{name}.log"

    # One image ------------------------------------------------------------------------------

    def _look_after(self, name: str, execute: Execute) -> None:
        """Build one image if it is to be built; the outcome is kept."""
        node = self.graph.node(name)
        self.outcomes[name] = self._passed_over(node) or self._attempt(node, execute)

    def _passed_over(self, node: Node) -> Outcome | None:
        lost = (self.outcomes[base] for base in node.bases if base in self.outcomes)
        broken = [outcome.image for outcome in lost if outcome.reason]
        if self.ailment:
            return self._outcome(node, "skipped", self.ailment.message)
        if broken:
            return self._outcome(node, "skipped", f"{broken[0]}, which it stands on, was not built")
        return None

    def _attempt(self, node: Node, execute: Execute) -> Outcome:
        """Do what is to be done; whatever goes wrong is this image's failure, not the others'."""
        step = ""
        try:
            for state, command in self._steps(node):
                step = state
                execute(node.image.name, command)
        except Interrupted:
            raise
        except DockerutilsError as error:
            failure = self._explained(f"{node.image.name} {step}", error)
            self.failures.append(failure)
            return self._outcome(node, "failed", failure.message)
        return self._outcome(node, "built" if step else "unchanged")

    def _outcome(self, node: Node, state: str, reason: str = "") -> Outcome:
        return Outcome(node.image.name, str(node.image.reference), state, reason)

    def _steps(self, node: Node) -> Iterator[tuple[str, Step]]:
        """Give the commands, each with how a failure of it is told, after the image's name."""
        settings = node.image.settings
        if settings.pre_build_script:
            yield "was not built: its pre_build_script", self._script(settings.pre_build_script)
            self.freshness.contexts.forget()
            node = self.graph.read_again(node.image.name)
            self._learn(names_of([node]))
        pulls = self._pulls(node)
        for command in pulls:
            yield "was not built: docker pull", command
        if pulls:
            self._learn(names_of([node]))
        inputs = None if self.session.dry else self._inputs(node)
        if not (inputs and self._unchanged(node, inputs)):
            yield from self._building(node, inputs)
        yield from self._written(node)

    def _building(self, node: Node, inputs: Inputs | None) -> Iterator[tuple[str, Step]]:
        """Give the commands of a build itself, and keep what it was made from."""
        for text in node.reading.notes:
            self._warn(text)
        because = self.freshness.reasons(node, inputs, self._request(node)) if inputs else []
        because = because or ["it was asked for (--rebuild, --no-cache, -f or -p)"]
        for command in self._commands(node, inputs):
            yield f"was not built: {started(command)}", command
        if self._goes_elsewhere(node):
            return
        trusted = self._settled(node, inputs)
        script = node.image.settings.post_build_script
        if script:
            # Until the script has passed, the image is one that the next build has to do again.
            self._keep(node, inputs, because, trusted=False)
            yield "was built, but its post_build_script", self._script(script)
        self._keep(node, inputs, because, trusted)

    def _inputs(self, node: Node) -> Inputs | None:
        return self.freshness.inputs(node, self._request(node))

    def _unchanged(self, node: Node, inputs: Inputs) -> bool:
        """Tell whether the image is what a build would give, and nobody asked for one anyway."""
        request = self._request(node)
        forced = self.options.rebuild or self.options.force_bases
        if forced or request.pull or request.no_cache or self._goes_elsewhere(node):
            return False
        if self.options.verify and self._named(node) and node.reading.assembly(request):
            return False
        return self.freshness.is_fresh(node, inputs, request)

    def _learn(self, names: Iterable[str]) -> None:
        if not self.session.dry:
            self.freshness.facts.update(self.session.engine.facts(names))

    def _warn(self, text: str) -> None:
        (self.board or self.session.terminal).warn(text)

    def _settled(self, node: Node, inputs: Inputs | None) -> bool:
        """Learn what the image is, for those above it; tell whether its files stood still."""
        if node.image.name in self.stood_upon:
            self._learn(node.reading.tags)
        moved = inputs is not None and "context" in inputs.parts and self._has_moved(node, inputs)
        if moved:
            self._warn(f"files changed while {node.image.name} was built; build it once more.")
        return not moved

    def _keep(self, node: Node, inputs: Inputs | None, because: list[str], trusted: bool) -> None:
        if not trusted:
            self._learn(node.reading.tags)
        if inputs is not None:
            self.freshness.keep(node, inputs, because, trusted)

    def _has_moved(self, node: Node, inputs: Inputs) -> bool:
        """Tell whether the context is another one now than before the build."""
        self.freshness.contexts.forget(self.session.project.root / node.reading.place)
        try:
            now = self._inputs(node)
        except ContentChanged:
            return True
        return now is not None and now.parts["context"] != inputs.parts["context"]

    def _pulls(self, node: Node) -> list[Command]:
        """Give the pulls in the place of --pull, which would look for local images elsewhere."""
        request = self._request(node)
        assembly = node.reading.assembly(request)
        if assembly:
            return self.groundwork.pulls(node, assembly, request, self._goes_elsewhere(node))
        if not (node.has_locals and request.pull):
            return []
        return [docker_cli.pull(node.stand_ins.get(name, name)) for name in node.foreign]

    def _commands(self, node: Node, inputs: Inputs | None) -> Iterator[Step]:
        """Give docker's commands; only the ID of an image that was asked for is data."""
        request = self._request(node)
        if inputs:
            request = replace(request, labels=((LABEL, inputs.label),))
        request = replace(request, pull=request.pull and not node.has_locals)
        assembly = node.reading.assembly(request)
        if assembly and not self.session.dry:
            yield from self.groundwork.steps(node, assembly, request)
            yield self._assembling(node, assembly, request)
            return
        if node.stand_ins and not self.named_contexts:
            request = replace(request, named_contexts=False)
        for command in node.reading.commands(request, node.stand_ins):
            yield command if self._named(node) else replace(command, talks=True)

    @cached_property
    def named_contexts(self) -> bool:
        """Whether the engine takes images for names in Dockerfiles; asked once."""
        return self.session.engine.takes_named_contexts()

    def _request(self, node: Node) -> BuildRequest:
        """Give what holds for one image: a stage that was asked for is one of the requested."""
        named = self._named(node)
        forced = self.options.force_bases and bool(node.image.settings.pull_FROM_on_force)
        pull = forced or (self.options.pull and named)
        # A style that the environment asks for could not be read beside other builds.
        styled = self.board is not None and "BUILDKIT_PROGRESS" in self.session.environ
        return replace(
            self.options.request,
            pull=pull,
            target=self.options.target if named else "",
            verbose=self.options.request.verbose or styled,
        )

    def _assembling(self, node: Node, assembly: Assembly, request: BuildRequest) -> Assembling:
        named = self._named(node)
        destination = self.options.destination if named else None
        return Assembling(
            node,
            assembly,
            request,
            destination,
            verify=self.options.verify and named,
            below=self._below(node),
            ground=self.groundwork.reference(node, assembly),
        )

    def _below(self, node: Node) -> Assembling | None:
        """Give the image below where the engine does not have it, and need not."""
        for base in node.bases:
            assembly = self._put_together(base)
            if assembly and not self._is_there(base):
                below = self.graph.node(base)
                return self._assembling(below, assembly, self._request(below))
        return None

    def _goes_elsewhere(self, node: Node) -> bool:
        """Tell whether an image is put together for a destination, and not for the engine."""
        elsewhere = self.options.destination is not None and self._named(node)
        return elsewhere and node.reading.assembly(self._request(node)) is not None

    def _written(self, node: Node) -> Iterator[tuple[str, Step]]:
        """Give the step that writes an image of the engine to the user's destination."""
        destination = self.options.destination
        if destination is None or not self._named(node):
            return
        reference = str(node.image.reference)
        if self.session.dry:
            yield "was not written", destination.saving(reference)
        elif not self._goes_elsewhere(node):
            yield "was not written", Saving(reference, destination)

    def _named(self, node: Node) -> bool:
        return node.image.name in self.requested

    def _script(self, script: str) -> Command:
        return Command(("sh", "-c", script), folder=self.session.project.root, talks=True)

    def _explained(self, step: str, error: DockerutilsError) -> DockerutilsError:
        """Tell what failed, and add the reason that lies in the engine itself, if it lies there."""
        if isinstance(error, EngineError):
            self.ailment = error
        if not isinstance(error, CommandFailed):
            return error
        message = f"{step} ended with status {error.status}."
        self.ailment = self.session.engine.ailment()
        if self.ailment is None:
            return CommandFailed(message, error.status, "The reason stands above.")
        return CommandFailed(f"{message}\n{self.ailment.message}", error.status, self.ailment.hint)


def check_tags(nodes: Iterable[Node]) -> None:
    """Raise `ConfigError` where two images would move the same tag, a stage's included."""
    owners: dict[str, str] = {}
    for node in nodes:
        for tag in node.reading.tags:
            owner = owners.setdefault(tag, node.image.name)
            if owner != node.image.name:
                raise ConfigError(
                    f"{owner} and {node.image.name} would both make {tag}.",
                    "Rename a folder or the stage `builder`, or give one of them a `name`.",
                )
