"""File trees that were made before: a tar for each recipe and state of the archives."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dockerutils.debian.failures import no_room

NAMED = 24  # hex digits of a digest that stand in a file's name
MOST = 4  # files that are kept
USED = 3600.0  # seconds for which none is removed: a build may be reading it
LOST = 86400.0  # seconds after which a half-written one is nobody's
PART = "part-"
BLOCK = 512  # bytes; an archive ends with two of zeros


@dataclass(frozen=True)
class Trees:
    """A folder of tars. Processes can use it at once: the last writer's file stays."""

    folder: Path

    def find(self, recipe: str, archive: str) -> Path | None:
        """Give the tree of a recipe that was made from the archives as they are."""
        path = self._path(recipe, archive)
        return used(path) if is_whole(path) else None

    def newest(self, recipe: str) -> Path | None:
        """Give the tree of a recipe that was made last, whatever the archives had then."""
        found = [path for path in self.folder.glob(f"{recipe[:NAMED]}-*.tar") if is_whole(path)]
        found.sort(key=lambda path: path.stat().st_mtime_ns)
        return used(found[-1]) if found else None

    def keep(self, recipe: str, archive: str, chunks: Iterable[bytes]) -> Path:
        """Write a tree in one step, and remove those that were not used for longest.

        Raises what `chunks` raises, or `DockerutilsError` for a full disk; nothing stays then.
        """
        path = self._path(recipe, archive)
        self.folder.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(prefix=PART, dir=self.folder)
        try:
            with os.fdopen(number, "wb") as file:
                for chunk in chunks:
                    file.write(chunk)
            Path(name).replace(path)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise no_room() from error
            raise
        finally:
            Path(name).unlink(missing_ok=True)
        self._tidy(path)
        return path

    def _path(self, recipe: str, archive: str) -> Path:
        return self.folder / f"{recipe[:NAMED]}-{archive[:NAMED]}.tar"

    def _tidy(self, kept: Path) -> None:
        now = time.time()
        with contextlib.suppress(OSError):  # another process tidies as well
            trees = sorted(self.folder.glob("*.tar"), key=last_use, reverse=True)
            old = [path for path in trees[MOST:] if now - last_use(path) > USED]
            lost = [path for path in self.folder.glob(f"{PART}*") if now - last_use(path) > LOST]
            for path in (*old, *lost):
                if path != kept:
                    path.unlink(missing_ok=True)


def is_whole(path: Path) -> bool:
    """Tell whether a file is there and ends as a tar does."""
    try:
        with path.open("rb") as file:
            file.seek(-2 * BLOCK, os.SEEK_END)
            return file.read() == bytes(2 * BLOCK)
    except OSError:
        return False


def used(path: Path) -> Path:
    """Note that a file was used; its time of change, by which it is known again, stays."""
    with contextlib.suppress(OSError):
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
    return path


def last_use(path: Path) -> float:
    """Tell when a file was made or used last, in seconds since the epoch."""
    found = path.stat()
    return max(found.st_atime, found.st_mtime)
