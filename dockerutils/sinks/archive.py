"""Images into files: an archive that `docker load` takes, and OCI image layouts."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dockerutils.errors import ProjectError
from dockerutils.oci.archive import archive_entries
from dockerutils.oci.digest import digest_of
from dockerutils.oci.image import OciImage, manifest_bytes
from dockerutils.oci.layer import Advance, Descriptor, Layer, identities, ignore
from dockerutils.oci.media_types import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST
from dockerutils.oci.tar import tar_stream
from dockerutils.sinks.blobs import blob_chunks, each_layer, known_blob, learn_blob, watched
from dockerutils.sinks.files import new_file, pour, replace_with, told
from dockerutils.sinks.sink import Placed

REF_NAME = "org.opencontainers.image.ref.name"  # OCI annotations.md
LAYOUT = {"imageLayoutVersion": "1.0.0"}


@dataclass(frozen=True)
class FileSink:
    """A file that is an OCI layout and an archive of docker's at once, with plain layers."""

    path: Path
    reference: str = ""

    def missing(self, image: OciImage) -> tuple[Layer, ...]:
        """Give all layers: the file is written anew."""
        return image.layers

    def put(self, image: OciImage, advance: Advance = ignore) -> Placed:
        """Write the file; it is there whole, or as it was."""
        path = Path(os.path.realpath(self.path))
        if path.exists() and not path.is_file():
            raise ProjectError(f"{self.path} is no file.", "Name a file, such as app.tar.")
        sizes = identities(image.layers, advance=lambda _bytes: advance(0), sizes=True)
        with new_file(path) as file:
            entries = archive_entries(image, self.reference)
            pour(watched(tar_stream(entries), advance), file, self.path)
        sent = sum(one.size for one in sizes)
        return Placed(str(self.path), image.id, "", sent, 0, len(image.layers))


@dataclass(frozen=True)
class LayoutSink:
    """A folder in OCI image layout, with compressed layers; other images in it stay.

    `ref` is the image's name in it.
    """

    folder: Path
    ref: str
    jobs: int = 2

    def missing(self, image: OciImage) -> tuple[Layer, ...]:
        """Give the layers whose blobs are not there, as far as that is known."""
        blobs = ((layer, known_blob(layer)) for layer in image.layers)
        return tuple(layer for layer, blob in blobs if not (blob and self._has(blob)))

    def put(self, image: OciImage, advance: Advance = ignore) -> Placed:
        """Add what is missing, and then the name; what fails leaves the folder as it was."""
        with self._locked(), self._added() as added:
            there = set(image.layers) - set(self.missing(image))

            def place(layer: Layer, step: Advance) -> Descriptor:
                blob = known_blob(layer)
                if layer in there and blob:
                    return blob
                return self._write_layer(layer, step, added)

            layers = each_layer(image.layers, self.jobs, place, advance)
            digest = self._finish(image, layers, added)
        sizes = {layer: blob.size for layer, blob in zip(image.layers, layers, strict=True)}
        skipped = sum(size for layer, size in sizes.items() if layer in there)
        sent = sum(sizes.values()) - skipped
        name = f"oci:{self.folder}:{self.ref}"
        return Placed(name, image.id, digest, sent, skipped, len(sizes) - len(there))

    def _finish(self, image: OciImage, layers: Sequence[Descriptor], added: list[Path]) -> str:
        """Write all but the layers, the name last; give the manifest's digest."""
        config = image.config_bytes()
        described = Descriptor(OCI_CONFIG, digest_of(config), len(config))
        manifest = manifest_bytes(described, layers)
        self._write_blob(config, added)
        self._write_blob(manifest, added)
        self._write_json("oci-layout", LAYOUT, added)
        entry = Descriptor(OCI_MANIFEST, digest_of(manifest), len(manifest)).to_json()
        named = {**entry, "annotations": {REF_NAME: self.ref}} if self.ref else entry
        self._write_json("index.json", with_entry(self._index(), named, self.ref), added)
        return str(entry["digest"])

    def _write_layer(self, layer: Layer, advance: Advance, added: list[Path]) -> Descriptor:
        """Write a layer's blob under a name of its own until its digest is known."""
        digest, size = hashlib.sha256(), 0
        unnamed = self._blobs / f"{id(layer):x}"

        def counted() -> Iterator[bytes]:
            nonlocal size
            for chunk in blob_chunks(layer, advance):
                digest.update(chunk)
                size += len(chunk)
                yield chunk

        replace_with(unnamed, counted())
        try:
            blob = learn_blob(layer, f"sha256:{digest.hexdigest()}", size)
            added.append(self._path(blob.digest))
            with told(self.folder):
                unnamed.replace(self._path(blob.digest))
        finally:
            unnamed.unlink(missing_ok=True)
        return blob

    def _write_blob(self, data: bytes, added: list[Path]) -> None:
        path = self._path(digest_of(data))
        if not path.exists():
            added.append(path)
            replace_with(path, [data])

    def _write_json(self, name: str, data: object, added: list[Path]) -> None:
        path = self.folder / name
        text = json.dumps(data, sort_keys=True, separators=(",", ":")).encode()
        if not path.exists():
            added.append(path)
        elif name == "oci-layout":
            return
        replace_with(path, [text])

    def _index(self) -> dict[str, Any]:
        """Give the index that is there, or an empty one."""
        try:
            found = json.loads((self.folder / "index.json").read_bytes())
            entries = list(found["manifests"])
        except FileNotFoundError:
            return {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ProjectError(
                f"{self.folder / 'index.json'} cannot be read.", "Name another folder."
            ) from error
        return {**found, "manifests": entries}

    @property
    def _blobs(self) -> Path:
        return self.folder / "blobs" / "sha256"

    def _path(self, digest: str) -> Path:
        return self._blobs / digest.removeprefix("sha256:")

    def _has(self, blob: Descriptor) -> bool:
        try:
            return self._path(blob.digest).stat().st_size == blob.size
        except OSError:
            return False

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep others of our kind out of the folder, which is made where there is none."""
        new = make_layout_folder(self.folder)
        number = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with contextlib.suppress(OSError):  # some network file systems have no locks
                fcntl.flock(number, fcntl.LOCK_EX)
            with told(self.folder):
                self._blobs.mkdir(parents=True, exist_ok=True)
            yield
        finally:
            if new and not (self.folder / "index.json").exists():
                shutil.rmtree(self.folder, ignore_errors=True)
            os.close(number)

    @contextlib.contextmanager
    def _added(self) -> Iterator[list[Path]]:
        """Give a list for the files that are added; they are removed if it comes to nothing."""
        added: list[Path] = []
        with contextlib.ExitStack() as undo:
            undo.callback(remove, added)
            yield added
            undo.pop_all()


def remove(paths: Iterable[Path]) -> None:
    """Remove files that may be there."""
    for path in paths:
        path.unlink(missing_ok=True)


def make_layout_folder(folder: Path) -> bool:
    """Make the folder of a layout; tell whether it is new. Raises `ProjectError` for another."""
    if not folder.exists():
        with told(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return True
    if not folder.is_dir():
        raise ProjectError(f"{folder} is no folder.", "Name a folder, which may be new.")
    content = {path.name for path in folder.iterdir()}
    if content and "oci-layout" not in content and "blobs" not in content:
        raise ProjectError(
            f"{folder} is not empty, and no OCI image layout.", "Name a new or an empty folder."
        )
    return False


def with_entry(index: dict[str, Any], entry: dict[str, Any], ref: str) -> dict[str, Any]:
    """Give an index with an entry in the place of the one of the same name."""
    return {**index, "manifests": [*others(index["manifests"], entry, ref), entry]}


def others(entries: Iterable[Any], entry: dict[str, Any], ref: str) -> list[Any]:
    """Give the entries of an index that have another name, or no name and another digest."""
    return [one for one in entries if not is_named(one, entry, ref)]


def is_named(one: dict[str, Any], entry: dict[str, Any], ref: str) -> bool:
    """Tell whether an entry has this name; without one, whether it is the same manifest."""
    name = (one.get("annotations") or {}).get(REF_NAME, "")
    return bool(name == ref and (ref or one.get("digest") == entry["digest"]))
