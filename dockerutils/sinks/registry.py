"""Images into a registry: blobs that it lacks, then the manifest, which gives them a name.

Layers that we make are hashed, compressed, hashed again and sent in one pass; where the digest of
the compressed form is known from an earlier time, it is asked for first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dockerutils.errors import ProjectError
from dockerutils.oci.digest import digest_of
from dockerutils.oci.image import OciImage, manifest_bytes, parse_manifest
from dockerutils.oci.layer import Advance, Descriptor, Layer, ignore
from dockerutils.oci.media_types import OCI_CONFIG, OCI_MANIFEST
from dockerutils.oci.registry.client import Registry
from dockerutils.sinks.blobs import blob_chunks, each_layer, known_blob, learn_blob, taken_form
from dockerutils.sinks.sink import Placed


@dataclass(frozen=True)
class There:
    """What the tag names now: the manifest's digest, and the blobs that are there because of it."""

    digest: str = ""
    blobs: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Sent:
    """A layer's blob, and whether it had to be sent."""

    blob: Descriptor
    is_new: bool


@dataclass(frozen=True)
class RegistrySink:
    """A tag of a repository; `jobs` layers are sent at once.

    `elsewhere` names, by their digests, blobs that other repositories of the registry have.
    """

    registry: Registry
    repository: str
    tag: str
    jobs: int = 3
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    def missing(self, image: OciImage) -> tuple[Layer, ...]:
        """Give the layers whose blobs are not there, as far as that is known."""
        there = self._there()
        return tuple(layer for layer in image.layers if not self._has(known_blob(layer), there))

    def put(self, image: OciImage, advance: Advance = ignore) -> Placed:
        """Send what is missing, and the manifest last; raise `RegistryError` where that fails."""
        there = self._there()
        sent = each_layer(
            image.layers, self.jobs, lambda layer, step: self._send(layer, there, step), advance
        )
        digest = self._finish(image, [one.blob for one in sent], there)
        new = [one.blob.size for one in sent if one.is_new]
        skipped = sum(one.blob.size for one in sent if not one.is_new)
        name = f"{self.registry.host}/{self.repository}:{self.tag}"
        return Placed(name, image.id, digest, sum(new), skipped, len(new))

    def _there(self) -> There:
        """Ask for the manifest of the tag: a registry that has it has its blobs."""
        found = self.registry.manifest(self.repository, self.tag)
        if found is None:
            return There()
        data, described = found
        try:
            manifest = parse_manifest(data)
        except ProjectError:  # an index, or something else than an image
            return There(described.digest)
        blobs = (manifest.config, *manifest.layers)
        return There(described.digest, frozenset(one.digest for one in blobs))

    def _has(self, blob: Descriptor | None, there: There) -> bool:
        if blob is None:
            return False
        if blob.digest in there.blobs:
            return True
        return self.registry.has_blob(self.repository, blob.digest) in (0, blob.size)

    def _send(self, layer: Layer, there: There, advance: Advance) -> Sent:
        """Bring one layer there, in the way that moves least."""
        known = known_blob(layer)
        if known and (self._has(known, there) or self._mounted(layer, known)):
            return Sent(known, is_new=False)
        expected = known.digest if known else ""
        sent = self.registry.upload(self.repository, lambda: blob_chunks(layer, advance), expected)
        return Sent(learn_blob(layer, sent.digest, sent.size), is_new=True)

    def _mounted(self, layer: Layer, blob: Descriptor) -> bool:
        """Have a blob of another repository of this registry taken over."""
        taken = taken_form(layer)
        host, _, repository = taken.repository.partition("/") if taken else ("", "", "")
        if host != self.registry.host or not repository:
            repository = self.elsewhere.get(blob.digest, "")
        if repository in ("", self.repository):
            return False
        return self.registry.mount(self.repository, blob.digest, repository)

    def _finish(self, image: OciImage, layers: Sequence[Descriptor], there: There) -> str:
        """Put configuration and manifest, if there is another; give the manifest's digest."""
        config = image.config_bytes()
        described = Descriptor(OCI_CONFIG, digest_of(config), len(config))
        manifest = manifest_bytes(described, layers)
        digest = digest_of(manifest)
        if digest != there.digest:
            if not self._has(described, there):
                self.registry.put_blob(self.repository, config)
            self.registry.put_manifest(self.repository, self.tag, manifest, OCI_MANIFEST)
        return digest
