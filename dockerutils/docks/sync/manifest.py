"""What both sides had after the last synchronization: whoever differs from it has changed.

It is of one dock, one project and one user. A folder there that was made anew has another mark, and
then nothing is known of it.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from dockerutils.docks.sync.shelf import keep
from dockerutils.docks.sync.tree import State, is_coarser

FORM = "dockerutils sync manifest 1"


class Pair(NamedTuple):
    """How something stood here and there when both sides last agreed; None where it was not.

    The two differ where the content is the same and the times are not, and after a conflict that
    was left beside: then `here` is from before it.
    """

    here: State | None
    there: State | None


@dataclass(frozen=True)
class Manifest:
    """What was synchronized: the mark and the path of the folder there, and the pairs by path.

    `owner` is the user and the group that files there belong to, as numbers.
    """

    mark: str = ""
    target: str = ""
    owner: str = ""
    pairs: Mapping[str, Pair] = field(default_factory=dict)


def load_manifest(path: Path) -> Manifest:
    """Read a manifest; one that is missing, damaged or of another form counts as empty."""
    try:
        head, _, body = path.read_bytes().partition(b"\n")
        if head != _head(body):
            return Manifest()
        content = json.loads(body)
        pairs = {name: _pair(row) for name, row in content["files"].items()}
        return Manifest(content["mark"], content["target"], content["owner"], pairs)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Manifest()


def save_manifest(path: Path, manifest: Manifest) -> None:
    """Replace a manifest in one step; raise `DockerutilsError` where that cannot be."""
    rows = {name: _row(pair) for name, pair in manifest.pairs.items()}
    content = {"mark": manifest.mark, "target": manifest.target, "owner": manifest.owner}
    body = json.dumps({**content, "files": rows}, separators=(",", ":")).encode()
    keep(path, _head(body) + b"\n" + body)


def as_kept(pairs: Mapping[str, Pair], there: Mapping[str, State]) -> Mapping[str, Pair]:
    """Take the times that a dock's file system keeps, where these are coarser than what it got."""
    coarser = {
        path: Pair(pair.here, there[path])
        for path, pair in pairs.items()
        if pair.there != there.get(path) and is_coarser(there.get(path), pair.there)
    }
    return {**pairs, **coarser} if coarser else pairs


def _row(pair: Pair) -> object:
    """Write a pair: one text where both sides are the same, as nearly always."""
    return pair.here if pair.here == pair.there else list(pair)


def _pair(row: str | list[str | None]) -> Pair:
    if isinstance(row, str):
        return Pair(row, row)
    here, there = row
    return Pair(here, there)


def _head(body: bytes) -> bytes:
    return f"{FORM} {zlib.crc32(body):08x}".encode()
