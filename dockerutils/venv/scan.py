"""What a folder holds: each file and link with what tells whether it has changed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from dockerutils.errors import ContentChanged, ProjectError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_MARK = "pyvenv.cfg"


class File(NamedTuple):
    """A file, or a symbolic link where `link` is its target; `path` is relative to the folder.

    Names that are not UTF-8 have surrogate escapes. `mode` holds the permission bits, `size` is
    in bytes (0 for a link), times are in nanoseconds.
    """

    path: str
    mode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    link: str | None = None


def never(_path: str) -> bool:
    """Leave nothing out."""
    return False


def scan(
    root: Path, excluded: Callable[[str], bool] = never, *, virtualenvs: bool = True
) -> list[File]:
    """Give all files and links below a folder, sorted by the bytes of their paths.

    Links are not followed, `excluded` is asked for folders too, and without `virtualenvs` those
    inside are left out. Raises `ProjectError` for what an image cannot hold or what is closed to
    us, `ContentChanged` for what goes away meanwhile.
    """
    top = os.fspath(root)
    found: list[File] = []
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        try:
            waiting += _scan_folder(top, prefix, excluded, virtualenvs, found)
        except OSError as error:
            raise _unreadable(top, prefix, error) from error
    found.sort(key=lambda file: os.fsencode(file.path))
    return found


def _scan_folder(
    top: str, prefix: str, excluded: Callable[[str], bool], virtualenvs: bool, found: list[File]
) -> list[str]:
    """Add the files of one folder to those found; gives the folders in it."""
    inside = []
    folder = os.open(f"{top}/{prefix}", _FOLDER)
    try:
        with os.scandir(folder) as items:  # by number: a stat need not walk the whole path
            entries = list(items)
        if prefix and not virtualenvs and any(item.name == _MARK for item in entries):
            return []
        for item in entries:
            path = prefix + item.name
            if excluded(path):
                continue
            if item.is_dir(follow_symlinks=False):
                inside.append(f"{path}/")
            else:
                found.append(_file(top, folder, path, item))
    finally:
        os.close(folder)
    return inside


def _file(top: str, folder: int, path: str, item: os.DirEntry[str]) -> File:
    """Describe one entry of an open folder."""
    facts = item.stat(follow_symlinks=False)
    mode, size, link = facts.st_mode, facts.st_size, None
    if stat.S_ISLNK(mode):
        size, link = 0, os.readlink(item.name, dir_fd=folder)
    elif not stat.S_ISREG(mode):
        raise ProjectError(
            f"{top}/{path} is no file, folder or link, so no image can hold it.",
            "Remove it, or leave it out with `exclude`.",
        )
    return File(path, mode & 0o7777, size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, link)


def read_start(root: Path, path: str, size: int = -1) -> bytes:
    """Read the first bytes of a file, or all of it; raises `ProjectError` for one closed to us."""
    try:
        with (root / path).open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise ProjectError(
            f"{path} in {root} cannot be read: {error.strerror}.",
            "Make it readable, or install again what it belongs to.",
        ) from error


def _unreadable(top: str, prefix: str, error: OSError) -> Exception:
    """Say which folder could not be read, or that it has just gone."""
    path = f"{top}/{prefix}".rstrip("/")
    if prefix and isinstance(error, FileNotFoundError | NotADirectoryError):
        return ContentChanged(
            f"{path} changed while it was read.", "Start again when nothing writes there."
        )
    return ProjectError(
        f"{path} cannot be read: {error.strerror}.",
        "Name a folder that is there and that you may read.",
    )
