"""What was known of files when they were last read, so that unchanged ones need not be read."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from dockerutils.files import replace_file

FORM = "dockerutils stat cache 1"
SETTLED = 2_000_000_000  # ns; what changed within this time may change again unseen


class Stamp(NamedTuple):
    """How a file stood: as long as all of it stays, a settled file is the same file."""

    mode: int
    size: int
    mtime: int
    ctime: int
    inode: int
    device: int

    def settled(self, now: int) -> bool:
        """Tell whether any change after `now` (ns) is bound to show in the times."""
        return max(self.mtime, self.ctime) <= now - SETTLED


class Known(NamedTuple):
    """A file's content as it was read, and how the file stood then, settled."""

    stamp: Stamp
    content: str


def stamp_of(status: os.stat_result) -> Stamp:
    """Take what tells a changed file from an unchanged one."""
    return Stamp(
        status.st_mode,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_ino,
        status.st_dev,
    )


class StatCache:
    """A file that keeps what is known of the files below one root, whatever the rules.

    It only ever saves reading: a missing, damaged or older one counts as empty. Two processes
    that save at once do no harm, the last one's stays.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> dict[str, Known]:
        """Read what is known."""
        try:
            head, _, body = self.path.read_bytes().partition(b"\n")
            if head != _head(body):
                return {}
            rows = json.loads(body)
        except (OSError, ValueError):
            return {}
        return {path: Known(Stamp(*row[:6]), row[6]) for path, row in rows.items()}

    def save(self, known: Mapping[str, Known]) -> None:
        """Replace the file; where that cannot be, the next run reads more, and nothing is said."""
        rows = {path: (*stamp, content) for path, (stamp, content) in known.items()}
        body = json.dumps(rows, separators=(",", ":")).encode()
        with contextlib.suppress(OSError):
            replace_file(self.path, _head(body) + b"\n" + body)


def _head(body: bytes) -> bytes:
    return f"{FORM} {hashlib.sha256(body).hexdigest()}".encode()
