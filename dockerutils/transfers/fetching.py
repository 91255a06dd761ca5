"""Getting an image from a host: what the engine here lacks of it travels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from dockerutils import docker_cli
from dockerutils.engine import Engine, ImageFacts
from dockerutils.errors import CommandFailed, DockerutilsError, EngineError, ProjectError
from dockerutils.oci.archive_files import open_archive
from dockerutils.oci.archive_reading import Wanted, image_in
from dockerutils.oci.image import OciImage
from dockerutils.oci.layer import Advance
from dockerutils.oci.wire import GZIP, NONE, ZSTD
from dockerutils.runner import Crew
from dockerutils.sinks.engine import HELD, EngineSink, Refused, inventory, is_image
from dockerutils.sinks.sink import Placed
from dockerutils.sources.zstd import expanded
from dockerutils.ssh.host import Host, HostFacts

BLOCK = 1 << 16
PACKING = {ZSTD: " | zstd -q -3 -T0 -c", GZIP: " | gzip -c", NONE: ""}
# Any engine's archive has a manifest.json that names the configuration, and the layers in order.
SCRIPT = """trap 'rm -rf "$d"' EXIT
trap exit HUP INT TERM
d=$(mktemp -d) && {save} | tar -xf - -C "$d" && cd "$d" && m=$(cat manifest.json) || exit 1
config=$(printf %s "$m" | sed 's/.*"Config":"\\([^"]*\\)".*/\\1/')
layers=$(printf %s "$m" | sed 's/.*"Layers":\\[\\([^]]*\\)\\].*/\\1/' | tr -d '"' | tr , '\\n')
tar -chf - manifest.json "$config" $(printf '%s\\n' "$layers" | tail -n +{first}){packing}"""


@dataclass(frozen=True)
class Fetching:
    """An image of a host, and the engine here that is to have it."""

    reference: str
    engine: Engine
    crew: Crew
    form: str
    pace: Callable[[Iterator[bytes]], Iterator[bytes]]

    def fetch(self, host: Host, facts: HostFacts, advance: Advance) -> Placed | None:
        """Get the image; None where it is here already. Raises `EngineError`, `Dropped`."""
        there = facts.there
        if there is None:
            raise ProjectError(
                f"{host.name} has no image {self.reference}.",
                "Name one that `docker images` shows there.",
            )
        here = self.engine.facts([self.reference]).get(self.reference)
        if here and is_image(here, there) and here.id in self.engine.images():
            return None
        held = 0 if here and here.by_manifest else len(inventory(self.engine, there.layers))
        try:
            return self._get(host, there, held, advance)
        except Refused:
            if not held:
                raise
        return self._get(host, there, 0, advance)

    def _get(self, host: Host, there: ImageFacts, held: int, advance: Advance) -> Placed:
        with self._received(host, there, held, advance) as image:
            told = {HELD: ImageFacts("", there.layers[:held])}
            sink = EngineSink(self.reference, self.engine, self.crew, HELD, told=told)
            if not held:
                return sink.put(image)
            id_ = sink.load(image, held)
            sink.name(id_)
            return Placed(self.reference, id_, layers_sent=len(image.layers) - held)

    @contextmanager
    def _received(
        self, host: Host, there: ImageFacts, held: int, advance: Advance
    ) -> Iterator[OciImage]:
        """Get an image without its lowest layers into a file."""
        save = host.shown(docker_cli.save([there.id]))
        script = SCRIPT.format(save=save, first=held + 1, packing=PACKING[self.form])
        with TemporaryDirectory(prefix="dockerutils-") as folder:
            path = Path(folder) / "image.tar"
            try:
                with host.pour(script) as stream, path.open("wb") as file:
                    for block in self.pace(iter(lambda: stream.read(BLOCK), b"")):
                        file.write(block)
                        advance(len(block))
            except CommandFailed as error:
                raise EngineError(
                    f"{host.name} does not give {self.reference}: {error.said.strip()}",
                    "See that there is room for it below its /tmp.",
                ) from error
            except OSError as error:
                raise DockerutilsError(
                    f"{folder} cannot take the image: {error.strerror}.",
                    "Make room, or name another folder for passing files in TMPDIR.",
                ) from error
            wanted = Wanted(held=frozenset(there.layers[:held]))
            if self.form == ZSTD:
                with expanded(path, self.crew) as plain:
                    yield image_in(open_archive(plain), wanted, None)
            else:
                yield image_in(open_archive(path), wanted, None)
