"""Where files from a dock are put into the project: in one step each, and only where they belong.

They come from a machine that may be hostile, into a folder that somebody may be working in. Every
folder on the way is opened as what it is: none is a link. What is replaced or removed is looked at
once more just before; where it is not what the plan was made for, it stays, and the dock's version
is put beside it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dockerutils.docks.sync.tree import CONFLICTS, FOLDER, OWN, State, beside, is_beside, state_of
from dockerutils.errors import DockerutilsError

FOLDER_ITSELF = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
EXECUTE = 0o111
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV, errno.EMLINK)


class OutOfPlace(Exception):
    """Something on the way to a path is no folder of the tree."""


@dataclass(frozen=True)
class Landed:
    """Where something was put, and how it stands there."""

    name: str
    state: State


@dataclass(frozen=True)
class Landing:
    """The project's folder and the one in it in which files arrive."""

    root: Path
    staging: Path

    def land(self, path: str, name: str, expected: State | None) -> Landed | None:
        """Move what arrived at a path to a name; None if nothing has arrived there.

        Where something else is than what was expected, it goes beside. Raises `OutOfPlace`.
        """
        with _parent(self.staging, path, make=False) as source:
            last = path.rpartition("/")[2]
            arrived = _state(source, last)
            if arrived is None or arrived == FOLDER:
                return None
            with _parent(self.root, name, make=True) as target:
                own = name.rpartition("/")[2]
                if _put(source, last, target, own, expected):
                    return Landed(name, arrived)
                kept = _put_beside(source, last, target, own)
            return Landed(name.removesuffix(own) + kept, arrived)

    def arrived(self, path: str) -> bool:
        """Tell whether something has arrived at a path."""
        return os.path.lexists(self.staging / path)

    def link(self, path: str, target: str) -> None:
        """Make a link where files arrive; it is moved like one of them."""
        with _parent(self.staging, path, make=True) as folder:
            os.symlink(target, path.rpartition("/")[2], dir_fd=folder)

    def folder(self, name: str, expected: State | None) -> bool:
        """Make a folder in the project; tell whether it is there now."""
        with _parent(self.root, name, make=True) as target:
            last = name.rpartition("/")[2]
            if expected is not None and expected != FOLDER:
                _removed(target, last, expected)
            with contextlib.suppress(FileExistsError):
                os.mkdir(last, dir_fd=target)
            return _state(target, last) == FOLDER

    def remove(self, path: str, expected: State) -> bool:
        """Remove something of the project, if it is as expected; tell whether it is gone."""
        try:
            with _parent(self.root, path, make=False) as folder:
                return _removed(folder, path.rpartition("/")[2], expected)
        except OutOfPlace:
            return False


@contextlib.contextmanager
def staging_folder(root: Path) -> Iterator[Path]:
    """Give a folder in the project in which files arrive; it is gone afterwards.

    What an earlier one left that was killed goes as well: only one runs at a time.
    """
    for left in root.glob(f"{OWN}-*"):
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
    try:
        folder = Path(tempfile.mkdtemp(prefix=f"{OWN}-", dir=root))
    except OSError as error:
        raise DockerutilsError(f"{root} cannot be written: {error.strerror}.") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _parent(root: Path, path: str, make: bool) -> Iterator[int]:
    """Open the folder that a path lies in, step by step from the root."""
    number = os.open(root, FOLDER_ITSELF & ~os.O_NOFOLLOW)
    try:
        for part in path.split("/")[:-1]:
            inner = _open_folder(number, part, make)
            os.close(number)
            number = inner
        yield number
    finally:
        os.close(number)


def _open_folder(parent: int, name: str, make: bool) -> int:
    if make:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, dir_fd=parent)
    try:
        return os.open(name, FOLDER_ITSELF, dir_fd=parent)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise OutOfPlace(name) from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OutOfPlace(name) from error
        raise


def _state(folder: int, name: str) -> State | None:
    """Give how something stands in a folder; None where there is nothing."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        is_link = stat.S_ISLNK(status.st_mode)
        return state_of(status, os.readlink(name, dir_fd=folder) if is_link else "")
    except FileNotFoundError:
        return None


def _put(source: int, arrived: str, target: int, name: str, expected: State | None) -> bool:
    """Move what arrived to a name that is free, or has what was expected; tell whether it was."""
    if is_beside(name):
        return False
    now = _state(target, name)
    if now is not None and now != expected:
        return False
    if now is not None and now != FOLDER:
        _imitate(source, arrived, target, name)
        os.rename(arrived, name, src_dir_fd=source, dst_dir_fd=target)
        return True
    try:
        if now == FOLDER:
            os.rmdir(name, dir_fd=target)
    except OSError:
        return False
    return _put_anew(source, arrived, target, name)


def _put_anew(source: int, arrived: str, target: int, name: str) -> bool:
    """Give what arrived a name that nothing has; what came there a moment ago stays."""
    try:
        os.link(arrived, name, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        try:
            os.close(os.open(name, NEW, 0o600, dir_fd=target))
        except FileExistsError:
            return False
        os.rename(arrived, name, src_dir_fd=source, dst_dir_fd=target)
    return True


def _imitate(source: int, arrived: str, target: int, name: str) -> None:
    """Give what arrived the permissions of the file that it replaces, but for the execute bits."""
    new = os.stat(arrived, dir_fd=source, follow_symlinks=False).st_mode
    with contextlib.suppress(FileNotFoundError):
        old = os.stat(name, dir_fd=target, follow_symlinks=False).st_mode
        if stat.S_ISREG(old) and stat.S_ISREG(new):
            # Who may read it may run it, as rsync and `chmod +x` have it.
            execute = (old & 0o444) >> 2 if new & stat.S_IXUSR else 0
            mode = stat.S_IMODE(old) & ~EXECUTE | execute
            os.chmod(arrived, mode, dir_fd=source, follow_symlinks=True)


def _put_beside(source: int, arrived: str, target: int, name: str) -> str:
    """Put what arrived beside a name, under one that is free; give that."""
    path = CONFLICTS.sub("", name)
    taken: set[str] = set()
    while True:
        wanted = beside(path, taken)
        taken.add(wanted)
        if _put_anew(source, arrived, target, wanted):
            return wanted


def _removed(folder: int, name: str, expected: State) -> bool:
    """Remove what is as expected; tell whether it is gone."""
    if _state(folder, name) != expected:
        return _state(folder, name) is None
    try:
        if expected == FOLDER:
            os.rmdir(name, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)
    except OSError:
        return False
    return True
