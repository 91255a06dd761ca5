"""Compressed layers that are kept, by diff ID, and read while they are still being written."""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
import time
import weakref
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dockerutils.errors import ContentChanged, DockerutilsError

MOST = 4 * 2**30  # bytes of a cache
PIECE = 1 << 20
LOOK = 0.02  # seconds between two looks for more
FORGOTTEN = 86400  # seconds after which a file that nobody finished is removed


class Packed:
    """A layer as it travels, in a file that may still grow; `size` is that of its tar.

    Threads can read it at once, until it is closed.
    """

    def __init__(self, path: Path, size: int, checksum: int | None = None) -> None:
        self.path = path
        self.size = size
        self._checksum = checksum
        self._whole = threading.Event()
        self._failure: Exception | None = None
        self._number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.close = weakref.finalize(self, os.close, self._number)
        if checksum is not None:
            self._whole.set()

    def chunks(self) -> Iterator[bytes]:
        """Give the compressed layer; raise what kept it from being made, or `ContentChanged`."""
        offset = checksum = 0
        while True:
            whole = self._whole.is_set()
            data = os.pread(self._number, PIECE, offset)
            offset += len(data)
            checksum = zlib.crc32(data, checksum)
            if data:
                yield data
            elif whole:
                break
            else:
                self._whole.wait(LOOK)
        if self._failure:
            raise self._failure
        if checksum != self._checksum:
            self.path.unlink(missing_ok=True)
            raise ContentChanged(
                f"{self.path}, a layer that was kept compressed, is damaged; it was removed.",
                "Run the same command again.",
            )

    def written(self) -> int:
        """Count the bytes that are there so far."""
        return os.fstat(self._number).st_size

    def finish(self, failure: Exception | None = None) -> int:
        """Let readers come to an end, or raise what went wrong; give its checksum."""
        self._failure = failure
        checksum = offset = 0
        while not failure and (data := os.pread(self._number, PIECE, offset)):
            checksum = zlib.crc32(data, checksum)
            offset += len(data)
        self._checksum = checksum
        self._whole.set()
        return checksum


@dataclass(frozen=True)
class WireCache:
    """A folder of compressed layers; those that were used last stay, `most` bytes of them.

    A name tells the diff ID, the size of the tar and a checksum. Processes can use it at once.
    """

    folder: Path
    most: int = MOST

    def find(self, diff_id: str, form: str) -> Packed | None:
        """Give a layer in a form, if it is kept."""
        digest = diff_id.removeprefix("sha256:")
        for path in sorted((self.folder / form / digest[:2]).glob(f"{digest}-*")):
            with contextlib.suppress(OSError, ValueError):
                _, size, checksum = path.name.split("-")
                found = Packed(path, int(size), int(checksum, 16))
                os.utime(path)
                return found
        return None

    @contextlib.contextmanager
    def growing(
        self, diff_id: str, form: str, size: int, show: Callable[[Packed], None]
    ) -> Iterator[Path]:
        """Give a path to write a layer to; `show` gets it at once, to be read as it grows.

        Raises `DockerutilsError` where nothing can be written.
        """
        digest = diff_id.removeprefix("sha256:")
        folder = self.folder / form / digest[:2]
        new = folder / f"{secrets.token_hex(6)}.new"
        with self._told(new):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            new.touch(mode=0o600)
            packed = Packed(new, size)
        show(packed)
        failure: Exception = DockerutilsError("a layer could not be made ready.")
        try:
            yield new
            with self._told(new):
                self._keep(packed, folder / digest)
            return
        except (DockerutilsError, OSError) as error:
            failure = error
            raise
        finally:
            if packed.path == new:
                packed.finish(failure)
                new.unlink(missing_ok=True)

    def _keep(self, packed: Packed, name: Path) -> None:
        """Give a whole layer the name under which it is found again."""
        kept = name.with_name(f"{name.name}-{packed.size}-{packed.finish():08x}")
        packed.path.replace(kept)
        packed.path = kept

    def prune(self) -> None:
        """Remove what was not used for the longest time, down to the bound."""
        found = []
        for path in self.folder.glob("*/*/*"):
            with contextlib.suppress(OSError):
                about = path.stat()
                old = path.suffix == ".new" and about.st_mtime < time.time() - FORGOTTEN
                found.append((0 if old else about.st_mtime, about.st_size, path))
        room = self.most
        for time_used, size, path in sorted(found, reverse=True):
            room -= size
            if room < 0 or not time_used:
                with contextlib.suppress(OSError):
                    path.unlink()

    @contextlib.contextmanager
    def _told(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise no_room(path, error) from error


def no_room(path: Path, error: OSError) -> DockerutilsError:
    """Describe a place that cannot be written to."""
    return DockerutilsError(
        f"{path.parent} cannot be written to: {error.strerror}.",
        "Make room there, or name another folder for caches in XDG_CACHE_HOME.",
    )
