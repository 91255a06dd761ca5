"""Images out of a Docker engine: what it tells of one, and its content where that is wanted.

There is no command for one layer: `docker save` writes the whole image, so it is started only when
a layer is first read, and then into a file that is gone at the end.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dockerutils import docker_cli
from dockerutils.engine import ImageFacts
from dockerutils.errors import DockerutilsError, EngineError, ProjectError
from dockerutils.oci.archive import read_archive
from dockerutils.oci.digest_cache import DigestCache
from dockerutils.oci.image import OciImage
from dockerutils.oci.layer import UNKNOWN_SIZE, Identity, Layer, stored_layer
from dockerutils.runner import Pipes

BLOCK = 2**20  # bytes that are copied at once


@dataclass(frozen=True)
class EngineSource:
    """An image to stand on: known by the engine's facts, saved only if a layer has to be read."""

    reference: str
    facts: ImageFacts
    pipes: Pipes
    cache: DigestCache | None = None

    @contextlib.contextmanager
    def open(self) -> Iterator[OciImage]:
        """Give the image, with a configuration that says what the engine tells of it."""
        with contextlib.closing(Spool(self.facts.id, self.reference, self.pipes)) as spool:
            layers = (self._layer(number, spool) for number in range(len(self.facts.layers)))
            yield OciImage(tuple(layers), lambda _diff_ids: config_of(self.facts), self.reference)

    def _layer(self, number: int, spool: Spool) -> Layer:
        return stored_layer(
            f"base {number + 1}",
            Identity(self.facts.layers[number], UNKNOWN_SIZE),
            lambda: spool.layer(number, self.facts.layers).chunks(),
            self.cache,
        )


@dataclass(frozen=True)
class SavedSource:
    """An image as the engine writes it, with its own configuration, byte for byte."""

    reference: str
    pipes: Pipes
    cache: DigestCache | None = None

    @contextlib.contextmanager
    def open(self) -> Iterator[OciImage]:
        """Save the image, and give it."""
        own = Spool(self.reference, self.reference, self.pipes, self.cache)
        with contextlib.closing(own) as spool:
            yield spool.image()


@dataclass
class Spool:
    """An image, its name for people, that is saved to a file when a thread first wants it."""

    image_id: str
    name: str
    pipes: Pipes
    cache: DigestCache | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    saved: OciImage | None = None
    folder: tempfile.TemporaryDirectory[str] | None = None

    def image(self) -> OciImage:
        """Give the image as it was saved."""
        with self.lock:
            if self.saved is None:
                self.saved = self._save()
            return self.saved

    def layer(self, number: int, diff_ids: tuple[str, ...]) -> Layer:
        """Give a layer of an image that has to have these layers."""
        image = self.image()
        if len(image.layers) != len(diff_ids):
            raise EngineError(
                f"the engine saved {self.name} with {len(image.layers)} layers, "
                f"but told of {len(diff_ids)}.",
                "Pull or build that image again.",
            )
        return image.layers[number]

    def close(self) -> None:
        """Remove the file."""
        if self.folder:
            self.folder.cleanup()

    def _save(self) -> OciImage:
        try:
            self.folder = self.folder or tempfile.TemporaryDirectory(prefix="dockerutils-")
            path = Path(self.folder.name) / "image.tar"
            saving = self.pipes.stream(docker_cli.save([self.image_id]))
            with saving as saved, path.open("wb") as file:
                shutil.copyfileobj(saved, file, BLOCK)
        except OSError as error:
            raise DockerutilsError(
                f"{self.name} cannot be saved for a moment: {error.strerror}.",
                "Make room, or name another folder for files that are gone afterwards in TMPDIR.",
            ) from error
        try:
            return read_archive(path, cache=self.cache)
        except ProjectError as error:
            raise EngineError(
                f"the engine does not have all of {self.name}: what it saves is no whole image.",
                "Remove that image and pull or build it again; a store of containerd leaves out "
                "layers that another image has in another form.",
            ) from error


def config_of(facts: ImageFacts) -> bytes:
    """Give an OCI configuration that says what the engine tells of an image."""
    told = {
        "architecture": facts.architecture,
        "os": facts.os,
        "variant": facts.variant,
        "created": facts.created,
        "author": facts.author,
        "config": dict(facts.config),
        "rootfs": {"type": "layers", "diff_ids": list(facts.layers)},
    }
    return json.dumps({key: value for key, value in told.items() if value}).encode()
