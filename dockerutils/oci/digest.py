"""Digests as OCI writes them, and the chain IDs that an engine knows stacks of layers by."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from itertools import accumulate

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def digest_of(data: bytes) -> str:
    """Give the digest of bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def is_digest(text: str) -> bool:
    """Tell whether a text is a SHA-256 digest (OCI image-spec, descriptor.md, "Digests")."""
    return DIGEST.fullmatch(text) is not None


def chain_ids(diff_ids: Sequence[str]) -> tuple[str, ...]:
    """Give the ID of each layer together with all below it (OCI config.md, "Layer ChainID")."""
    return tuple(accumulate(diff_ids, lambda below, one: digest_of(f"{below} {one}".encode())))
