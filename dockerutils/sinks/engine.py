"""Images into a Docker engine: `docker load` is fed the layers that the engine lacks.

`docker load` takes an archive without the layers that it has if those are the lowest ones. Nobody
promises that, so what has arrived is looked at before it gets its name, and whatever is wrong with
it, all layers are sent instead.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dockerutils import docker_cli
from dockerutils.engine import Engine, ImageFacts
from dockerutils.errors import DockerutilsError, EngineError
from dockerutils.naming import split_reference
from dockerutils.oci.archive import archive_entries
from dockerutils.oci.image import ImageConfig, OciImage, parse_config
from dockerutils.oci.layer import Advance, Layer, identities, ignore
from dockerutils.oci.tar import Entry, tar_stream
from dockerutils.runner import Answer, Pipes
from dockerutils.sinks.blobs import watched
from dockerutils.sinks.sink import Placed
from dockerutils.sources.engine import config_of

LOADED = re.compile(r"^Loaded image(?: ID)?: (sha256:[0-9a-f]{64})$", re.MULTILINE)
NO_ROOM = "no space left on device"
HELD = "what is held"  # stands for whichever image has the layers that are left out
NEWEST = 20  # so many images of the same name, now lost, are looked at for their layers

Known = dict[str, ImageFacts]
Feed = Callable[[Iterable[Entry], Advance], Answer]
"""Has an engine load an archive of these entries."""


class Refused(DockerutilsError):
    """The engine did not take an image, or took it and does not have it."""


@dataclass(frozen=True)
class EngineSink:
    """A name in an engine; `base` is an image of it that the new one probably stands on.

    `accept` looks at what was loaded, by its ID, before it gets its name; it may raise. `told` is
    what the engine has just told of the two names; without it, it is asked. `feed` takes the place
    of `docker load` where an archive does not go there as it is.
    """

    reference: str
    engine: Engine
    pipes: Pipes
    base: str = ""
    accept: Callable[[str], None] = lambda _id: None
    told: Mapping[str, ImageFacts] | None = None
    feed: Feed | None = None

    def missing(self, image: OciImage) -> tuple[Layer, ...]:
        """Give the layers above those that an image with this name, or the base, has as well."""
        return image.layers[held_layers(image, self._known()) :]

    def put(self, image: OciImage, advance: Advance = ignore) -> Placed:
        """Load the image, and name it once it is there; raise `EngineError` if it is not."""
        identities(image.layers, advance=lambda _bytes: advance(0))
        known = self._known()
        there = next((name for name, one in known.items() if self._is_there(one, image)), None)
        if there is not None:
            self.accept(known[there].id)
            if there != self.reference:
                self.name(known[there].id)
            return self._placed(image, len(image.layers))
        if any(one.by_manifest for one in known.values()):
            # Such a store takes a manifest at its word: with wrong sizes it saves half an image.
            identities(image.layers, advance=lambda _bytes: advance(0), sizes=True)
        held, id_ = self._load(image, held_layers(image, known), advance)
        with contextlib.ExitStack() as given_up:
            given_up.callback(self._forget, id_)
            self.accept(id_)
            given_up.pop_all()
        self.name(id_)
        return self._placed(image, held)

    def _known(self) -> Known:
        """Ask for the images that may have layers of ours: this name's, the base, lost ones."""
        names = [name for name in (self.reference, self.base) if name]
        if self.told is None:
            known = self.engine.facts(names)
        else:
            known = {name: self.told[name] for name in names if name in self.told}
        if self.reference not in known and not self.feed:
            label = f"label={docker_cli.IMAGE_LABEL}={split_reference(self.reference)[0]}"
            known |= self.engine.facts(self.engine.images([label])[:NEWEST])
        return known

    def _is_there(self, facts: ImageFacts, image: OciImage) -> bool:
        return is_same(facts, image) and self._is_listed(facts)

    def _is_listed(self, facts: ImageFacts) -> bool:
        """Tell whether the engine lists an image, and so has all of it.

        A store of containerd has records of images that lack content: they can be inspected, but
        are not listed. What was just loaded has no name, so it is looked for among those first.
        """
        if not facts.by_manifest:
            return True
        return facts.id in self.engine.images(["dangling=true"]) or facts.id in self.engine.images()

    def _load(self, image: OciImage, held: int, advance: Advance) -> tuple[int, str]:
        """Load without the layers that are held, or with all; give how many were left out."""
        try:
            return held, self.load(image, held, advance)
        except Refused as refused:
            if not held or NO_ROOM in refused.message:
                raise
        return 0, self.load(image, 0, advance)

    def load(self, image: OciImage, held: int, advance: Advance = ignore) -> str:
        """Load without the lowest layers, and give the ID of what is there now, without a name."""
        manifests: list[str] = []
        diff_ids = image.diff_ids  # one below may come again above, on other layers
        entries = archive_entries(image, "", set(diff_ids[:held]) - set(diff_ids[held:]))
        feed = self.feed or self._plainly
        answer = feed(noting(entries, manifests.append), advance)
        loaded = LOADED.findall(answer.output)[-1:]
        fault = self._fault(answer, loaded, image)
        if fault:
            self._discard([*loaded, *manifests])
            raise refused_load(self.reference, fault)
        return str(loaded[0])

    def _plainly(self, entries: Iterable[Entry], advance: Advance) -> Answer:
        return self.pipes.write(docker_cli.load(), watched(tar_stream(entries), advance))

    def _fault(self, answer: Answer, loaded: list[str], image: OciImage) -> str:
        """Tell what is wrong with what was loaded, "" if nothing is."""
        said = (answer.errors.strip() or answer.output.strip()).splitlines()[-1:]
        if answer.status or not loaded:
            return said[0] if said else "it gave no reason"
        facts = self.engine.facts(loaded)
        if not facts:
            return "it says that it has loaded it, but it does not have it"
        if not is_same(facts[loaded[0]], image):
            return "what it has loaded has other layers or another configuration"
        if not self._is_listed(facts[loaded[0]]):
            return "it has loaded an image that lacks content"
        return ""

    def _discard(self, ids: list[str]) -> None:
        """Remove the records of images that lack content."""
        for id_, facts in self.engine.facts(ids).items():
            if not self._is_listed(facts):
                self.pipes.write(docker_cli.remove_images([id_], force=True), ())

    def _forget(self, id_: str) -> None:
        """Remove what was loaded, unless it is somebody's image under another name."""
        if id_ in self.engine.images(["dangling=true"]):
            self.pipes.write(docker_cli.remove_images([id_]), ())

    def name(self, id_: str) -> None:
        """Give what was loaded its name; raise `EngineError` where that cannot be."""
        answer = self.pipes.write(docker_cli.tag(id_, self.reference), ())
        if answer.status:
            said = answer.errors.strip().splitlines()[-1:]
            raise EngineError(f"the image cannot be named {self.reference}: {''.join(said)}")

    def _placed(self, image: OciImage, held: int) -> Placed:
        return Placed(
            self.reference,
            image.id,
            sent=known_bytes(image.layers[held:]),
            skipped=known_bytes(image.layers[:held]),
            layers_sent=len(image.layers) - held,
        )


def is_same(facts: ImageFacts, image: OciImage) -> bool:
    """Tell whether an image of the engine is this one.

    An ID that is a manifest's differs with the compression of the layers, so there the content is
    compared.
    """
    if facts.id == image.id:
        return True
    same_layers = facts.by_manifest and tuple(facts.layers) == tuple(image.diff_ids)
    return same_layers and content(config_of(facts)) == content(image.config_bytes())


def is_image(there: ImageFacts, here: ImageFacts) -> bool:
    """Tell whether two engines speak of the same image, each in its own way."""
    if not (there.by_manifest or here.by_manifest):
        return there.id == here.id
    same_layers = tuple(there.layers) == tuple(here.layers)
    return same_layers and content(config_of(there)) == content(config_of(here))


def content(config: bytes) -> ImageConfig:
    """Give what an engine tells of a configuration: all but the history of its layers."""
    return replace(parse_config(config), steps=())


def held_layers(image: OciImage, known: Known) -> int:
    """Count the lowest layers that one of the images has as well."""
    return max((common(one.layers, image.diff_ids) for one in known.values()), default=0)


def inventory(engine: Engine, layers: Sequence[str]) -> tuple[str, ...]:
    """Give the longest beginning of these layers that an image of the engine has."""
    ids = engine.images()
    counts = [common(one.layers, layers) for one in engine.facts(ids).values()] if ids else [0]
    return tuple(layers[: max(counts, default=0)])


def common(one: Iterable[str], other: Iterable[str]) -> int:
    """Count the first words that are the same."""
    count = 0
    for mine, yours in zip(one, other, strict=False):
        if mine != yours:
            break
        count += 1
    return count


def noting(entries: Iterable[Entry], note: Callable[[str], None]) -> Iterator[Entry]:
    """Give the entries of an archive, and note the digest of the image's manifest."""
    for entry in entries:
        if entry.path == b"index.json" and isinstance(entry.content, bytes):
            note(json.loads(entry.content)["manifests"][0]["digest"])
        yield entry


def known_bytes(layers: Iterable[Layer]) -> int:
    """Add the sizes of layers, as far as they are known."""
    known = (layer.known() for layer in layers)
    return sum(max(0, one.size) for one in known if one)


def refused_load(reference: str, fault: str) -> Refused:
    """Describe a failed load by what docker said of it."""
    hint = "Nothing was changed: the name still has the image that it had, if any."
    if NO_ROOM in fault:
        hint = "`docker system df` shows what takes room, `docker builder prune` frees the cache."
    return Refused(f"the Docker engine did not take {reference}: {fault.rstrip('.')}.", hint)
