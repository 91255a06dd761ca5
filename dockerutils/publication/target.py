"""A name in a registry as the place that an image is brought to, with further tags."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dockerutils import docker_cli
from dockerutils.command import Command
from dockerutils.engine import ImageFacts
from dockerutils.errors import DockerutilsError, ProjectError
from dockerutils.oci.image import Manifest, OciImage, parse_manifest
from dockerutils.oci.layer import Advance, Layer, ignore
from dockerutils.oci.registry.failures import RegistryError
from dockerutils.oci.registry.reference import RegistryReference
from dockerutils.sinks.sink import Placed

if TYPE_CHECKING:
    from dockerutils.oci.registry.client import Registry
    from dockerutils.sinks.registry import RegistrySink

IMMUTABLE = "immutable"
QUOTA = ("quota", "exceed", "insufficient storage")
FULL, TOO_MANY = 507, 429


@dataclass
class RegistryTarget:
    """One repository of a registry, and the tags that the image gets there, the first one first.

    `shared` says of blobs, by digest, which repository of the registry has them; it grows. `rights`
    is what to do where the registry refuses us, if that is not docker's login.
    """

    registry: Registry
    reference: RegistryReference
    more_tags: tuple[str, ...] = ()
    shared: dict[str, str] = field(default_factory=dict)
    rights: str = ""
    placed: Placed | None = None

    @property
    def text(self) -> str:
        """Name it as the user does."""
        return str(self.reference)

    @property
    def repository(self) -> str:
        """The name without a tag."""
        return f"{self.reference.host}/{self.reference.repository}"

    @property
    def tags(self) -> tuple[str, ...]:
        """All tags, each once."""
        return tuple(dict.fromkeys((self.reference.tag, *self.more_tags)))

    def sink(self, reference: str) -> RegistryTarget:
        """Give what takes the image."""
        del reference
        return self

    def saving(self, reference: str) -> Command:
        """Give docker's own way, for an image that has this name here already."""
        del reference
        return docker_cli.push(self.text)

    def missing(self, image: OciImage) -> tuple[Layer, ...]:
        """Give the layers whose blobs are not there, as far as that is known."""
        return self._sink.missing(image)

    def put(self, image: OciImage, advance: Advance = ignore) -> Placed:
        """Bring the image there, and give it all its tags; raise what hinders it."""
        with self._advised():
            self.placed = self._finished(self._sink.put(image, advance))
        return self.placed

    def has(self, facts: ImageFacts) -> bool:
        """Tell whether the tag means this image already, which the engine need not save then.

        A store of containerd calls images by something else than their configuration.
        """
        if facts.by_manifest:
            return False
        with self._advised():
            found = self.registry.manifest(self.reference.repository, self.reference.tag)
            manifest = manifest_in(found[0]) if found else None
            if found is None or manifest is None or manifest.config.digest != facts.id:
                return False
            size = sum(layer.size for layer in manifest.layers)
            there = Placed(self.text, facts.id, found[1].digest, skipped=size)
            self.placed = self._finished(there)
        return True

    @contextlib.contextmanager
    def _advised(self) -> Iterator[None]:
        """Say what to do where a registry's words, or our knowledge of it, tell more."""
        try:
            yield
        except RegistryError as error:
            error.hint = self._advice(error) or error.hint
            raise

    def _advice(self, error: RegistryError) -> str:
        words = error.message.lower()
        if IMMUTABLE in words:
            return "Its tags stay what they are: publish under another one, `-t TAG`."
        is_quota = any(word in words for word in QUOTA) and error.code != TOO_MANY
        if error.code == FULL or is_quota:
            return "Remove images there that nobody needs, or have its limit raised."
        return self.rights if error.code in (401, 403) else ""

    @property
    def _sink(self) -> RegistrySink:
        from dockerutils.sinks.registry import RegistrySink  # noqa: PLC0415  # brings urllib3 along

        return RegistrySink(
            self.registry, self.reference.repository, self.reference.tag, elsewhere=self.shared
        )

    def _finished(self, placed: Placed) -> Placed:
        """See that all is there, remember its blobs, and give it the other tags."""
        repository = self.reference.repository
        found = self.registry.manifest(repository, placed.digest)
        manifest = manifest_in(found[0]) if found else None
        if found is None or manifest is None:
            raise DockerutilsError(
                f"{self.reference.host} has taken {self.text}, but does not give it back.",
                "Publish it again; the registry's own log says more.",
            )
        for layer in manifest.layers:
            self.shared.setdefault(layer.digest, repository)
        for tag in self.tags[1:]:
            there = self.registry.manifest(repository, tag)
            if there is None or there[1].digest != placed.digest:
                self.registry.put_manifest(repository, tag, found[0], found[1].media_type)
        return replace(placed, reference=self.text)


def manifest_in(data: bytes) -> Manifest | None:
    """Read the manifest of one image; None for an index or something else."""
    try:
        return parse_manifest(data)
    except ProjectError:
        return None
