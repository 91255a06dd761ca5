"""What a blob, and what a layer is known by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dockerutils.errors import ProjectError
from dockerutils.oci.digest import is_digest

UNKNOWN_SIZE = -1


@dataclass(frozen=True)
class Identity:
    """A layer's uncompressed tar: its diff ID, and its size in bytes or `UNKNOWN_SIZE`."""

    diff_id: str
    size: int


@dataclass(frozen=True)
class Descriptor:
    """A blob as manifests and indexes name it, its size in bytes (OCI descriptor.md)."""

    media_type: str
    digest: str
    size: int

    def to_json(self) -> dict[str, Any]:
        """Give it as it stands in a manifest."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Descriptor:
        """Read it from a manifest; raises `ProjectError` where it is none."""
        try:
            media_type, digest, size = data.get("mediaType", ""), data["digest"], data["size"]
            valid = is_digest(digest) and isinstance(media_type, str)
            if valid and isinstance(size, int) and size >= 0:
                return cls(media_type, digest, size)
        except (AttributeError, KeyError, TypeError):
            pass
        raise ProjectError(
            f"what should describe a blob is something else: {str(data)[:200]}.",
            hint="The image is damaged, or has digests other than SHA-256; make it again.",
        )


@dataclass(frozen=True)
class Kept:
    """A layer's identity, and its compressed forms by the ID of the compressor."""

    identity: Identity
    blobs: Mapping[str, Descriptor] = field(default_factory=dict)
