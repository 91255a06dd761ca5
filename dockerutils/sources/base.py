"""The image below another one, by the words of the key `base`: a file, a layout, a registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dockerutils.command import Command
from dockerutils.config.image_kinds import base_place
from dockerutils.oci.digest_cache import DigestCache
from dockerutils.runner import Answer
from dockerutils.sources.archive import ArchiveSource, LayoutSource
from dockerutils.sources.source import Source

if TYPE_CHECKING:
    from dockerutils.oci.registry.credentials import CredentialSource


def file_base(text: str, root: Path, cache: DigestCache | None = None) -> Source | None:
    """Give the source of a base that lies in a file or a layout; None for one with a name."""
    kind, place = base_place(text)
    if kind == "archive":
        return ArchiveSource(root / place, cache=cache)
    if kind == "image":
        return None
    folder, colon, ref = place.rpartition(":")
    if (root / place).is_dir() or not colon:
        return LayoutSource(root / place, cache=cache)
    return LayoutSource(root / folder, ref, cache=cache)


def registry_base(
    text: str,
    environ: Mapping[str, str],
    home: str,
    read: Callable[[Command], Answer],
    cache: DigestCache | None = None,
    *,
    own_login: CredentialSource | None = None,
) -> Source:
    """Give the source of a base in a registry, with the logins that docker has for it, or ours."""
    from dockerutils.oci.registry.client import open_registry  # noqa: PLC0415  # takes long
    from dockerutils.oci.registry.credentials import docker_credentials  # noqa: PLC0415
    from dockerutils.oci.registry.reference import parse_reference  # noqa: PLC0415
    from dockerutils.oci.registry.trust import docker_trust  # noqa: PLC0415
    from dockerutils.sources.registry import RegistrySource  # noqa: PLC0415

    reference = parse_reference(text)
    credentials = own_login or docker_credentials(environ, Path(home), read)
    registry = open_registry(reference.host, credentials, environ, docker_trust(Path(home)))
    return RegistrySource(registry, reference.repository, reference.wanted, cache=cache)
