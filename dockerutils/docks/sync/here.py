"""The project's folder as synchronizing sees it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from dockerutils.context.ignore import IGNORE_FILE, IgnoreRules, Place, pattern_for, read_rules
from dockerutils.docks.sync.tree import (
    FOLDER,
    Places,
    Tree,
    file_state,
    is_beside,
    is_never,
    state_of,
)
from dockerutils.errors import DockerutilsError, ProjectError

PIECE = 1 << 20
UNMOVED = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def project_rules(root: Path) -> IgnoreRules:
    """Read the .dockerignore at the root; raise `ProjectError` where docker would refuse it."""
    path = root / IGNORE_FILE
    try:
        text = path.read_bytes().decode("utf-8", errors="replace") if path.is_file() else ""
    except OSError as error:
        raise ProjectError(f"{path} cannot be read: {error.strerror}.") from error
    return read_rules(text)


def look_here(root: Path, places: Places) -> Tree:
    """Look at all files of the project; raise `ProjectError` for a folder that cannot be read.

    `places` learns of its folders.
    """
    tree, folders = Tree(), [""]
    while folders:
        folder = folders.pop()
        place, start = places.known[folder], f"{folder}/" if folder else ""
        for item in _listed(root, folder, place):
            path = start + item.name
            if is_never(item.name):
                tree.beside.update((path,) if is_beside(item.name) else ())
            elif item.is_dir(follow_symlinks=False):
                if places.enter(path):
                    tree.entries[path] = FOLDER
                if path in places.known:
                    folders.append(path)
            elif not place.excludes(path):
                _add(tree, path, item)
    return tree


def _listed(root: Path, folder: str, place: Place) -> list[os.DirEntry[str]]:
    """List a folder; one that is left out may be closed to us, and any may have just gone."""
    try:
        with os.scandir(f"{root}/{folder}") as items:
            return list(items)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        if place.excluded:
            return []
        raise _closed(folder or str(root), error) from error


def _add(tree: Tree, path: str, item: os.DirEntry[str]) -> None:
    """Look at something in a folder, which may have just gone."""
    try:
        status = item.stat(follow_symlinks=False)
        if stat.S_ISREG(status.st_mode):
            executable = bool(status.st_mode & stat.S_IXUSR)
            state = file_state(status.st_size, status.st_mtime_ns, executable)
            tree.entries[path] = state
        else:
            target = os.readlink(item.path) if item.is_symlink() else ""  # noqa: PTH115  # as it is
            tree.add(path, state_of(status, target))
    except FileNotFoundError:
        return
    except OSError as error:
        raise _closed(path, error) from error


def _closed(path: str, error: OSError) -> ProjectError:
    return ProjectError(
        f"{path} cannot be read: {error.strerror}.",
        f"Change its permissions, or leave it out: write {pattern_for(path)} in {IGNORE_FILE}.",
    )


def read_still(root: Path, path: str) -> tuple[bytes, int]:
    """Read a file, and give when it changed (in ns); nothing and 0 for one that is not there."""
    try:
        with open(f"{root}/{path}", "rb", opener=_unmoved) as file:
            return file.read(), os.fstat(file.fileno()).st_mtime_ns
    except OSError:
        return b"", 0


def digests_here(root: Path, paths: Iterable[str]) -> list[str]:
    """Give the SHA-256 of each file, "" for one that is gone by now."""
    return [_digest(root, path) for path in paths]


def _digest(root: Path, path: str) -> str:
    import hashlib  # noqa: PLC0415  # few runs need it, and it takes a while

    digest = hashlib.sha256()
    try:
        with open(f"{root}/{path}", "rb", opener=_unmoved) as file:
            while piece := file.read(PIECE):
                digest.update(piece)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise DockerutilsError(f"{path} cannot be read: {error.strerror}.") from error
    return digest.hexdigest()


def _unmoved(path: str, _flags: int) -> int:
    """Open a file for reading; neither led away by a link nor stopped by a pipe."""
    return os.open(path, UNMOVED)
