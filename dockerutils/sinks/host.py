"""Images to a Docker host: in parts that stay there when a connection is lost.

A part is an image without a name that has the lowest layers of the one to come. The engine keeps
it, so a later run finds its layers like those of any image; once all is there, parts are removed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from dockerutils import docker_cli
from dockerutils.engine import ImageFacts, Questions
from dockerutils.errors import DockerutilsError, EngineError
from dockerutils.oci.image import ImageConfig, OciImage
from dockerutils.oci.layer import Advance
from dockerutils.oci.tar import Entry
from dockerutils.oci.wire import GZIP, NONE, ZSTD, travelling
from dockerutils.runner import Answer
from dockerutils.sinks.blobs import watched
from dockerutils.sinks.engine import NO_ROOM, EngineSink, Refused, is_image
from dockerutils.sinks.sink import Placed
from dockerutils.sources.supply import Supply
from dockerutils.ssh.connection import Dropped
from dockerutils.ssh.host import Host, HostFacts

PART_LABEL = "dockerutils.partial"
PART_OF_LABEL = "dockerutils.partial.of"
GROUP = 8 * 2**20  # bytes of layers, from which on a part is worth its while
UNPACKING = {ZSTD: "zstd -dc | ", GZIP: "gzip -dc | ", NONE: ""}
# What was sent whole is loaded to its end, also where the connection is gone by then.
LOADING = """trap '' HUP
said=$({load}) || {{ status=$?; printf '%s\\n' "$said"; exit $status; }}
printf '%s\\n' "$said"
id=$(printf '%s\\n' "$said" | sed -n 's/^Loaded image ID: //p')
{name}"""
AWAY = (  # what docker says where the engine ended, or ends
    "EOF",
    "Cannot connect to the Docker daemon",
    "connection refused",
    "connection reset",
    "broken pipe",
    "is shutting down",
)


@dataclass(frozen=True)
class HostSink:
    """A name on a Docker host, to which a supply's image goes in a form.

    `pace` may slow down what is sent.
    """

    reference: str
    host: Host
    facts: HostFacts
    supply: Supply
    form: str
    pace: Callable[[Iterator[bytes]], Iterator[bytes]] = iter

    @property
    def layers(self) -> tuple[str, ...]:
        """The diff IDs of the image."""
        return self.supply.subject.facts.layers

    def missing(self) -> tuple[str, ...]:
        """Give the diff IDs of the layers that the host lacks, the lowest first."""
        return self.layers[self.facts.held :]

    def has_all(self) -> bool:
        """Tell whether the host has this very image under this name."""
        there = self.facts.there
        return there is not None and is_image(there, self.supply.subject.facts)

    def put(self, advance: Advance) -> Placed:
        """Bring the image there, and name it once all of it is there.

        Raises `Dropped` where another try may end better, `EngineError` where it would not.
        """
        try:
            id_, held = self._bring(advance), self.facts.held
        except EngineError as error:
            raise self._away(error) from error
        except Refused as refused:
            if is_away(refused.message):
                raise self._away(refused) from refused
            if NO_ROOM in refused.message:
                self._finish("")
                raise no_room(self.host.name) from refused
            if not self.facts.held and len(self.layers) < 2:
                raise
            id_, held = self._bring_whole(advance), 0
        self._finish(id_)
        sent, _ = self.supply.travelled(self.layers[held:])
        return Placed(self.reference, id_, "", sent, 0, len(self.layers) - held)

    def _away(self, error: DockerutilsError) -> DockerutilsError:
        """Give what another try may overcome as such, and all else as it is."""
        if not is_away(error.message):
            return error
        return Dropped(
            f"the Docker engine on {self.host.name} went away: {error.message.rstrip('.')}.",
            "See that it runs there, then run the same command again.",
        )

    def _bring(self, advance: Advance) -> str:
        """Load part after part, and the image last; the next is sent while one is unpacked."""
        with ThreadPoolExecutor(max_workers=2) as pool:
            before: Future[str] | None = None
            held = self.facts.held
            for count in self._parts():
                self._check_room(held, count)
                sent = threading.Event()
                sink = self._sink(advance, before, sent)
                whole = count == len(self.layers)
                image = self.supply.image() if whole else self._part(count)
                load = pool.submit(sink.load, image, held, advance)
                load.add_done_callback(lambda _, sent=sent: sent.set())  # type: ignore[misc]
                sent.wait()
                if before and before.done():
                    before.result()
                before, held = load, count
            if before is None:
                raise EngineError(
                    f"{self.reference} has no layers.", "Build it from another image."
                )
            return before.result()

    def _bring_whole(self, advance: Advance) -> str:
        """Load all layers at once: whatever the host has, it does not count."""
        self.supply.want(self.form, self.layers, every_size=True)
        return self._sink(advance, None, threading.Event()).load(self.supply.image(), 0, advance)

    def _parts(self) -> Iterator[int]:
        """Give how many of the lowest layers each part has, the image itself last."""
        size = 0
        for count, diff_id in enumerate(self.missing(), self.facts.held + 1):
            size += self.supply.layer(diff_id).sized().size
            if size >= GROUP and count < len(self.layers):
                size = 0
                yield count
        yield len(self.layers)

    def _part(self, count: int) -> OciImage:
        """Make the image of the lowest layers."""
        about = self.supply.subject.facts
        labels = {PART_LABEL: "1", PART_OF_LABEL: self.reference}
        config = ImageConfig(about.architecture, about.os or "linux", settings={"Labels": labels})
        layers = tuple(self.supply.layer(one) for one in self.layers[:count])
        return OciImage(layers, config.to_json)

    def _sink(
        self, advance: Advance, before: Future[str] | None, sent: threading.Event
    ) -> EngineSink:
        """Give what loads one image; the end of it is held back until the one before is loaded."""

        def feed(entries: Iterable[Entry], _advance: Advance) -> Answer:
            chunks = travelling(entries, self.form, self.supply.chunks)
            stream = watched(self.pace(chunks), advance)
            script = f"{UNPACKING[self.form]}{self.host.shown(docker_cli.load())}"
            script = LOADING.format(load=script, name=self._naming("$id"))
            return self.host.pipe(script, held_back(stream, before, sent))

        engine = self.host.engine if self.facts.by_manifest else ByContent(self.host.engine)
        sink = EngineSink(self.reference, engine, self.host, told={})
        return replace(sink, feed=feed)

    def _naming(self, id_: str) -> str:
        """Give the script that names what was loaded where its ID alone proves what it is."""
        if self.facts.by_manifest:
            return ""
        expected = self.supply.subject.facts.id
        return f'if [ "{id_}" = "{expected}" ]; then {self._finishing(expected)}; fi'

    def _check_room(self, held: int, count: int) -> None:
        """Raise `EngineError` where the next part would fill the disk."""
        sizes = [self.supply.layer(one).sized().size for one in self.layers[held:count]]
        if 0 <= self.facts.free < sum(sizes):
            raise no_room(self.host.name)

    def _finish(self, id_: str) -> None:
        """Name the image, and remove all parts of it."""
        if id_ == self.supply.subject.facts.id and not self.facts.by_manifest:
            return  # it was named as soon as it was loaded
        answer = self.host.pipe(self._finishing(id_), ())
        if answer.status:
            said = answer.errors.strip().splitlines()[-1:]
            raise EngineError(
                f"the image cannot be named {self.reference} on {self.host.name}: {''.join(said)}"
            )

    def _finishing(self, id_: str) -> str:
        """Give the script that names an image, if there is one, and removes all parts of it."""
        filters = [f"label={PART_OF_LABEL}={self.reference}"]
        parts = f"parts=$({self.host.shown(docker_cli.list_images(filters))})"
        remove = self.host.shown(docker_cli.remove_images([]))
        name = f"{self.host.shown(docker_cli.tag(id_, self.reference))} || exit; " if id_ else ""
        return f'{name}{parts}; [ -z "$parts" ] || {remove} -f $parts >/dev/null 2>&1 || :'


@dataclass(frozen=True)
class ByContent(Questions):
    """An engine that calls images by the digests of their configurations.

    What it has loaded under such an ID has that configuration, and so these layers: each was
    compared with its diff ID.
    """

    def facts(self, references: Iterable[str]) -> dict[str, ImageFacts]:
        """Give what an ID says of itself; it is asked for nothing else."""
        return {one: ImageFacts(one) for one in references}


def held_back(
    chunks: Iterator[bytes], before: Future[str] | None, sent: threading.Event
) -> Iterator[bytes]:
    """Give chunks, the last one only when what has to be there before is there."""
    last = b""
    for chunk in chunks:
        if last:
            yield last
        last = chunk
    sent.set()
    if before:
        before.result()
    yield last


def is_away(message: str) -> bool:
    """Tell whether an engine failed because it ended, and may be back soon."""
    return any(mark.lower() in message.lower() for mark in AWAY)


def no_room(name: str) -> EngineError:
    """Describe a full disk."""
    return EngineError(
        f"the disk of the Docker engine on {name} has no room for the image.",
        "`docker system df` there shows what takes room, `docker image prune` frees some; then run "
        "the same command again.",
    )
