"""Images as values: configuration, manifest, and the choice among an index's platforms."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dockerutils.errors import ProjectError
from dockerutils.oci.descriptor import Descriptor
from dockerutils.oci.digest import digest_of, is_digest
from dockerutils.oci.layer import Layer
from dockerutils.oci.media_types import CONFIGS, INDEXES, OCI_MANIFEST

SETTINGS = (  # of OCI config.md, "Properties", and docker's additions
    "Cmd",
    "Entrypoint",
    "Env",
    "ExposedPorts",
    "Healthcheck",
    "Labels",
    "OnBuild",
    "Shell",
    "StopSignal",
    "User",
    "Volumes",
    "WorkingDir",
)
BASE_STEP = "base"
# What the kernel calls a machine, and what images call it (Go's names).
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386", "armv7l": "arm"}
ATTESTATION = "vnd.docker.reference.type"


@dataclass(frozen=True)
class ImageConfig:
    """What an image is to run with; `steps` says how each layer was made, the lowest first.

    `settings` is the "config" of OCI's config.md; `created` is a time as RFC 3339 writes it.
    """

    architecture: str
    os: str = "linux"
    variant: str = ""
    created: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    author: str = ""
    steps: tuple[str, ...] = ()

    def to_json(self, diff_ids: Sequence[str]) -> bytes:
        """Give the configuration of these layers: the same bytes for the same values."""
        steps = self.steps or (BASE_STEP,) * len(diff_ids)
        if len(steps) != len(diff_ids):
            raise ValueError(f"{len(steps)} steps cannot describe {len(diff_ids)} layers")
        time = {"created": self.created} if self.created else {}
        optional = {"variant": self.variant, "author": self.author}
        return canonical_json(
            {
                "architecture": self.architecture,
                "os": self.os,
                **{name: value for name, value in optional.items() if value},
                **time,
                "config": settings_of(self.settings),
                "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
                "history": [{**time, "created_by": step} for step in steps],
            }
        )


@dataclass(frozen=True)
class OciImage:
    """An image: its layers, the lowest first, and what makes the config's bytes of diff IDs.

    `reference` is the name under which its source has it, if it has one there.
    """

    layers: tuple[Layer, ...]
    config: Callable[[Sequence[str]], bytes]
    reference: str = ""

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """The layers' diff IDs; layers that are not known yet are read for it."""
        return tuple(layer.identity().diff_id for layer in self.layers)

    @property
    def id(self) -> str:
        """The image ID: the digest of the config."""
        return digest_of(self.config_bytes())

    def config_bytes(self) -> bytes:
        """Give the config."""
        return self.config(self.diff_ids)


def canonical_json(data: Mapping[str, Any]) -> bytes:
    """Write JSON compactly and in the order of the names, the same bytes for the same values."""
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()


def settings_of(config: Mapping[str, Any] | None) -> dict[str, Any]:
    """Take the settings of a "config" that say something; others, as engines add them, are left."""
    return {name: config[name] for name in SETTINGS if config.get(name)} if config else {}


def parse_config(data: bytes) -> ImageConfig:
    """Read the config of an image.

    Its history is left out, because an engine does not tell it for nothing: the same base from an
    engine, a registry and an archive is the same. Raises `ProjectError` for what is no config.
    """
    config = read_object(data, "the configuration of an image")
    try:
        return ImageConfig(
            architecture=str(config.get("architecture", "")),
            os=str(config.get("os", "linux")),
            variant=str(config.get("variant", "")),
            created=str(config.get("created") or ""),
            settings=settings_of(config.get("config")),
            author=str(config.get("author", "")),
            steps=(BASE_STEP,) * len(diff_ids_of(config)),
        )
    except (AttributeError, KeyError, TypeError):
        raise _no_image("the configuration of an image") from None


def diff_ids_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the diff IDs of a config that was read; raises `ProjectError` where it has none."""
    try:
        diff_ids = config["rootfs"].get("diff_ids") or ()
        if all(is_digest(one) for one in diff_ids):
            return tuple(diff_ids)
    except (AttributeError, KeyError, TypeError):
        pass
    raise _no_image("the configuration of an image")


@dataclass(frozen=True)
class Manifest:
    """The blobs of an image: its config, and its layers from the lowest."""

    config: Descriptor
    layers: tuple[Descriptor, ...]


def manifest_bytes(config: Descriptor, layers: Sequence[Descriptor]) -> bytes:
    """Give the manifest of an image (OCI manifest.md), the same bytes for the same blobs."""
    return canonical_json(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": config.to_json(),
            "layers": [layer.to_json() for layer in layers],
        }
    )


def parse_manifest(data: bytes) -> Manifest:
    """Read the manifest of an image, OCI's or docker's (schema 2).

    Raises `ProjectError` for what is none, as for a chart or another artefact.
    """
    manifest = read_object(data, "a manifest")
    if not isinstance(manifest.get("layers"), list) or "config" not in manifest:
        raise _no_image("the manifest of an image")
    config = Descriptor.from_json(manifest["config"])
    if config.media_type not in CONFIGS:
        raise ProjectError(
            f"this is no image, but an artefact of the type {config.media_type}.",
            hint="Name an image.",
        )
    return Manifest(config, tuple(Descriptor.from_json(one) for one in manifest["layers"]))


@dataclass(frozen=True)
class Listed:
    """A manifest, or a further index, of an index; the platform may not be told."""

    descriptor: Descriptor
    architecture: str = ""
    os: str = ""
    variant: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def platform(self) -> str:
        """The platform as docker writes it, as in linux/arm64/v8."""
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    def fits(self, architecture: str, os: str) -> bool:
        """Tell whether it can be for a platform."""
        return not self.platform or (self.architecture, self.os) == (architecture, os)


def parse_index(data: bytes) -> tuple[Listed, ...]:
    """Read an index, OCI's or docker's manifest list; attestations are left out."""
    index = read_object(data, "an index")
    if not isinstance(index.get("manifests"), list):
        raise _no_image("an index of images")
    listed = (_listed(one) for one in index["manifests"])
    return tuple(
        one for one in listed if ATTESTATION not in one.annotations and one.os != "unknown"
    )


def _listed(data: Mapping[str, Any]) -> Listed:
    descriptor = Descriptor.from_json(data)
    platform = data.get("platform") or {}
    try:
        return Listed(
            descriptor,
            architecture=str(platform.get("architecture", "")),
            os=str(platform.get("os", "")),
            variant=str(platform.get("variant", "")),
            annotations={
                str(key): str(one) for key, one in (data.get("annotations") or {}).items()
            },
        )
    except AttributeError:
        raise _no_image("an index of images") from None


def choose(listed: bytes | Iterable[Listed], architecture: str = "", os: str = "linux") -> Listed:
    """Choose from an index what is for a platform; no architecture means this machine's.

    The choice may be a further index: see its `descriptor.media_type`. Raises `ProjectError`
    where nothing is for the platform.
    """
    found = parse_index(listed) if isinstance(listed, bytes) else tuple(listed)
    architecture = architecture or own_architecture()
    fitting = [one for one in found if one.fits(architecture, os)]
    if not fitting:
        platforms = ", ".join(sorted({one.platform for one in found})) or "nothing"
        raise ProjectError(
            f"the image is not there for {os}/{architecture}, only for {platforms}.",
            hint="Take an image for this platform.",
        )
    return min(fitting, key=lambda one: (not one.platform, len(one.variant), one.variant))


def is_index(descriptor: Descriptor) -> bool:
    """Tell whether a descriptor names an index and not one image."""
    return descriptor.media_type in INDEXES


def own_architecture() -> str:
    """Give this machine's architecture as images name it."""
    machine = os.uname().machine
    return ARCHITECTURES.get(machine, machine)


def read_object(data: bytes, what: str) -> dict[str, Any]:
    """Read a JSON object; raises `ProjectError` for anything else."""
    try:
        found = json.loads(data)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise _no_image(what)
    return found


def _no_image(what: str) -> ProjectError:
    return ProjectError(
        f"what should be {what} is something else.",
        hint="Name an image, or get or make this one again: it may be damaged.",
    )
