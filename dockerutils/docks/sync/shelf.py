"""Where what is known of a project on a dock lies, and the lock of a project."""

from __future__ import annotations

import contextlib
import fcntl
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dockerutils.docks.dock import Dock
from dockerutils.docks.places import key_of, state_folder
from dockerutils.errors import DockerutilsError


@dataclass(frozen=True)
class Shelf:
    """Where the manifest and its companions of one dock and one project lie."""

    folder: Path
    key: str
    project: str

    @property
    def manifest(self) -> Path:
        """The manifest."""
        return self.folder / f"{self.key}-{self.project}.json"

    @property
    def listed(self) -> Path:
        """The paths that rsync was last told to bring, each with a NUL behind it."""
        return self.folder / f"{self.key}-{self.project}.list"

    @property
    def lock(self) -> Path:
        """The lock of a project: one synchronization at a time, whatever the dock."""
        return self.folder / f"{self.project}.lock"


def shelf_of(environ: Mapping[str, str], home: str, dock: Dock, root: Path, user: str) -> Shelf:
    """Give the place for what is known of a project on a dock."""
    place = root.resolve()
    own = b"\0".join((os.fsencode(place), os.fsencode(user)))
    project = f"{key_of(place.name)[:24]}-{zlib.crc32(own):08x}"
    return Shelf(state_folder(environ, home) / "sync", key_of(dock.name), project)


def keep(path: Path, content: bytes) -> None:
    """Write a file of ours that nobody else reads; raise `DockerutilsError`."""
    from dockerutils.files import replace_file  # noqa: PLC0415  # most runs write nothing

    try:
        replace_file(path, content, 0o600)
    except OSError as error:
        raise DockerutilsError(
            f"{path} cannot be written: {error.strerror}.", "See whose folder it is in."
        ) from error


@contextlib.contextmanager
def alone(path: Path, wait: Callable[[], None]) -> Iterator[None]:
    """Be the only one who synchronizes a project; `wait` is called where somebody else does.

    Raises `DockerutilsError` where the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DockerutilsError(
            f"{path} cannot be written: {error.strerror}.", "See whose folder it is in."
        ) from error
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            wait()
            fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)
