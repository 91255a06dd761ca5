"""Images out of a registry: manifest and configuration at once, layers when they are read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from dockerutils.errors import ProjectError
from dockerutils.oci.compress import decompressed
from dockerutils.oci.digest_cache import DigestCache
from dockerutils.oci.image import (
    OciImage,
    choose,
    diff_ids_of,
    is_index,
    parse_manifest,
    read_object,
)
from dockerutils.oci.layer import (
    UNKNOWN_SIZE,
    Descriptor,
    Identity,
    Layer,
    StoredBlob,
    stored_layer,
)
from dockerutils.oci.registry.client import Registry

NESTED = 4  # indexes in indexes
LARGEST_CONFIG = 8 * 2**20  # bytes


@dataclass(frozen=True)
class RegistrySource:
    """A tag, or a digest, of a repository; no architecture means this machine's."""

    registry: Registry
    repository: str
    reference: str
    architecture: str = ""
    cache: DigestCache | None = None

    @contextlib.contextmanager
    def open(self) -> Iterator[OciImage]:
        """Give the image; raise `ProjectError` where it is not there."""
        manifest = parse_manifest(self._manifest())
        config = self._config(manifest.config)
        diff_ids = diff_ids_of(read_object(config, "the configuration of an image"))
        if len(diff_ids) != len(manifest.layers):
            raise ProjectError(
                f"{self._name} is damaged: it has {len(manifest.layers)} layers, and its "
                f"configuration names {len(diff_ids)}.",
                "Push it again, or take another image.",
            )
        pairs = enumerate(zip(diff_ids, manifest.layers, strict=True), 1)
        layers = (self._layer(number, diff_id, blob) for number, (diff_id, blob) in pairs)
        yield OciImage(tuple(layers), lambda _diff_ids: config, self._name)

    @property
    def _name(self) -> str:
        mark = "@" if ":" in self.reference else ":"
        return f"{self.registry.host}/{self.repository}{mark}{self.reference}"

    def _manifest(self) -> bytes:
        """Give the manifest, chosen from an index if there is one."""
        reference = self.reference
        for _ in range(NESTED):
            found = self.registry.manifest(self.repository, reference)
            if found is None:
                raise ProjectError(
                    f"{self._name} is not there.", "See that the name and the tag are right."
                )
            data, described = found
            if not is_index(described):
                return data
            reference = choose(data, self.architecture).descriptor.digest
        raise ProjectError(f"{self._name} is an index of indexes.", "Name an image.")

    def _config(self, blob: Descriptor) -> bytes:
        if blob.size > LARGEST_CONFIG:
            raise ProjectError(f"{self._name} is no image.", "Name an image.")
        return b"".join(self.registry.blob(self.repository, blob.digest, blob.size))

    def _layer(self, number: int, diff_id: str, blob: Descriptor) -> Layer:
        def stored() -> Iterator[bytes]:
            return self.registry.blob(self.repository, blob.digest, blob.size)

        def make() -> Iterator[bytes]:
            return decompressed(stored(), blob.media_type)

        return stored_layer(
            f"layer {number} of {self._name}",
            Identity(diff_id, UNKNOWN_SIZE),
            make,
            self.cache,
            StoredBlob(blob, stored, f"{self.registry.host}/{self.repository}"),
        )
