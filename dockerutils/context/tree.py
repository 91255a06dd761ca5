"""The context as a value: what docker would send, its size, and a digest that content decides.

Owner, times and extended attributes do not count. A socket arrives in an image as an empty file,
a fifo or a device as itself; none of them is ever opened.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from dockerutils.context.ignore import IgnoreRules, Place, pattern_for
from dockerutils.context.stat_cache import Known, Stamp, StatCache, stamp_of
from dockerutils.errors import ContentChanged, ProjectError

Kind = Literal["file", "folder", "link", "special"]
CHUNK = 1 << 20
_READ_ONLY = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Entry(NamedTuple):
    """Something that docker sends: `path` is relative, `mode` holds type and permissions.

    `size` is that of a file's content, `target` that of a link, `device` the numbers of a device.
    """

    path: str
    kind: Kind
    mode: int
    size: int
    target: str
    device: int
    stamp: Stamp


@dataclass(frozen=True)
class ContextDigest:
    """What a context holds: `files` has a value for each path, folders and links too.

    A value is the mode, and the digest of what is there. `bytes` and `count` are of the files.
    """

    files: Mapping[str, str]
    bytes: int
    count: int


@dataclass(frozen=True)
class Difference:
    """Which paths two contexts do not share, or hold otherwise; sorted."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


class FolderSize(NamedTuple):
    """A folder, the bytes below it, and the line for .dockerignore that leaves it out."""

    path: str
    bytes: int
    line: str


# The walk ------------------------------------------------------------------------------------


@dataclass
class _Folder:
    """A folder that is being walked; it waits to be told of if only what is below may be sent."""

    prefix: str
    place: Place
    items: Iterator[os.DirEntry[str]]
    waiting: Entry | None = None


def walk_context(root: Path, rules: IgnoreRules) -> Iterator[Entry]:
    """Give what docker sends, sorted by name in each folder; a folder comes before its content.

    Raises `ProjectError` for what cannot be read and is not left out.
    """
    top = rules.top()
    open_folders = [_Folder("", top, _listing(root, "", top))]
    while open_folders:
        folder = open_folders[-1]
        item = next(folder.items, None)
        if item is None:
            open_folders.pop()
        elif item.is_dir(follow_symlinks=False):
            inside = _enter(root, folder, item)
            open_folders += inside
            if inside and not inside[0].place.excluded:
                yield from _announce(open_folders)
        elif not folder.place.excludes(folder.prefix + item.name):
            entry = _entry(item, folder.prefix + item.name)
            if entry is not None:
                yield from _announce(open_folders)
                yield entry


def _enter(root: Path, folder: _Folder, item: os.DirEntry[str]) -> list[_Folder]:
    """Open a folder; none where docker would not look into it, or where it has just gone."""
    path = folder.prefix + item.name
    place = folder.place.enter(path)
    entry = None if place.skipped else _entry(item, path)
    if entry is None:
        return []
    return [_Folder(f"{path}/", place, _listing(root, path, place), entry)]


def _announce(open_folders: Iterable[_Folder]) -> Iterator[Entry]:
    """Give the folders that have waited."""
    for folder in open_folders:
        if folder.waiting is not None:
            yield folder.waiting
            folder.waiting = None


def _listing(root: Path, path: str, place: Place) -> Iterator[os.DirEntry[str]]:
    """List a folder; one that is left out may be closed to us, and any may have just gone."""
    try:
        with os.scandir(root / path) as items:
            return iter(sorted(items, key=lambda item: item.name))
    except (FileNotFoundError, NotADirectoryError):
        if path:
            return iter(())
        raise ProjectError(f"the build context {root} is no folder.") from None
    except OSError as error:
        if place.excluded and isinstance(error, PermissionError):
            return iter(())
        raise _unreadable(path or str(root), error) from error


def _entry(item: os.DirEntry[str], path: str) -> Entry | None:
    """Look at something in a folder; None if it has just gone."""
    try:
        status = item.stat(follow_symlinks=False)
        kind = _kind(status.st_mode)
        target = os.readlink(item.path) if kind == "link" else ""  # noqa: PTH115 (as written)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error) from error
    size = status.st_size if kind == "file" else 0
    device = status.st_rdev if kind == "special" else 0
    return Entry(path, kind, status.st_mode, size, target, device, stamp_of(status))


def _kind(mode: int) -> Kind:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "special"


def _unreadable(path: str, error: OSError) -> ProjectError:
    return ProjectError(
        f"{path} cannot be read, and is part of the build context: {error.strerror}.",
        f"Change its permissions, or leave it out: write {pattern_for(path)} in .dockerignore.",
    )


# The digest ----------------------------------------------------------------------------------


def hash_context(
    root: Path, rules: IgnoreRules, cache: StatCache | None, now: float
) -> ContextDigest:
    """Digest what docker would send; `now` (seconds) is a time before anything is read.

    Files that the cache knows as they are now are not read, all others are, one by one: threads
    were measured to gain nothing. What has gone since the walk is no part of it. Raises
    `ProjectError` for what cannot be read, `ContentChanged` for a file that changes all the time.
    """
    known = cache.load() if cache is not None else {}
    entries = list(walk_context(root, rules))
    unknown = [one.path for one in entries if one.kind == "file" and not _is_known(one, known)]
    looked = {path: _read(root, path) for path in unknown}
    fresh = {path: one for path, one in looked.items() if one is not None}
    if len(fresh) < len(looked):
        entries = list(_still_there(root, entries, looked))
    if cache is not None and fresh:
        _remember(root, cache, known, fresh, int(now * 1e9))
    read = {**known, **fresh}
    values = {entry.path: _value(entry, read) for entry in entries}
    sizes = [read[entry.path].stamp.size for entry in entries if entry.kind == "file"]
    return ContextDigest(values, sum(sizes), len(sizes))


def _still_there(
    root: Path, entries: Iterable[Entry], looked: Mapping[str, Known | None]
) -> Iterator[Entry]:
    """Leave out files that could not be read any more, and folders that went with them."""
    for entry in entries:
        gone = entry.path in looked and looked[entry.path] is None
        if not gone and (entry.kind != "folder" or os.path.lexists(root / entry.path)):
            yield entry


def _is_known(entry: Entry, known: Mapping[str, Known]) -> bool:
    found = known.get(entry.path)
    return found is not None and found.stamp == entry.stamp


def _value(entry: Entry, read: Mapping[str, Known]) -> str:
    """Say in a word what is at a path."""
    if entry.kind == "file":
        stamp, content = read[entry.path]
        return f"{stamp.mode:o} {content}"
    if entry.kind == "link":
        return f"{entry.mode:o} {hashlib.sha256(os.fsencode(entry.target)).hexdigest()}"
    return f"{entry.mode:o} {entry.device}" if entry.device else f"{entry.mode:o}"


def _remember(
    root: Path, cache: StatCache, known: Mapping[str, Known], fresh: Mapping[str, Known], now: int
) -> None:
    """Keep what has settled, and what other rules let in, as long as it is there."""
    settled = {path: one for path, one in fresh.items() if one.stamp.settled(now)}
    others = {
        path: one
        for path, one in known.items()
        if path not in fresh and os.path.lexists(root / path)
    }
    if settled or len(others) < len(known):
        cache.save({**others, **settled})


def _read(root: Path, path: str) -> Known | None:
    """Read a file, and once more if it changed meanwhile; None if it has gone."""
    for _ in range(2):
        known = _read_once(root, path)
        if known is not None:
            return known
    if not os.path.lexists(root / path):
        return None
    raise ContentChanged(
        f"{path} changed while it was read, twice.",
        f"Build again when it is still, or leave it out: write {pattern_for(path)} "
        "in .dockerignore.",
    )


def _read_once(root: Path, path: str) -> Known | None:
    """Read a file; None if it is not the same before and after."""
    try:
        with open(f"{root}/{path}", "rb", buffering=0, opener=_open) as file:
            before = stamp_of(os.fstat(file.fileno()))
            if not stat.S_ISREG(before.mode):
                return None
            content = _digest_file(file)
            return Known(before, content) if stamp_of(os.fstat(file.fileno())) == before else None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link by now
            return None
        raise _unreadable(path, error) from error


def _open(path: str, _flags: int) -> int:
    """Open a file for reading; neither led away by a link nor stopped by a fifo."""
    return os.open(path, _READ_ONLY)


def _digest_file(file: io.RawIOBase) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


# What is said of it --------------------------------------------------------------------------


def compare(old: Mapping[str, str], new: Mapping[str, str]) -> Difference:
    """Compare the `files` of two digests."""
    return Difference(
        tuple(sorted(new.keys() - old.keys())),
        tuple(sorted(old.keys() - new.keys())),
        tuple(sorted(path for path in old.keys() & new.keys() if old[path] != new[path])),
    )


def biggest_folders(entries: Iterable[Entry], limit: int) -> list[FolderSize]:
    """Name the folders that hold most, the biggest first; none of them lies in another.

    A folder whose bytes are nearly all in one folder below it stands back for that one.
    """
    sizes: Counter[str] = Counter()
    for entry in entries:
        for parent in PurePosixPath(entry.path).parents if entry.size else ():
            sizes[str(parent)] += entry.size
    below: dict[str, list[str]] = {path: [] for path in sizes}
    for path in sizes.keys() - {"."}:
        below[str(PurePosixPath(path).parent)].append(path)
    found = (_inmost(path, sizes, below) for path in below.get(".", ()))
    ranked = sorted(found, key=lambda path: (-sizes[path], path))
    return [FolderSize(path, sizes[path], pattern_for(path)) for path in ranked[:limit]]


def _inmost(path: str, sizes: Mapping[str, int], below: Mapping[str, list[str]]) -> str:
    """Go down as long as one folder holds nine tenths."""
    while below[path]:
        biggest = max(below[path], key=lambda child: sizes[child])
        if sizes[biggest] < sizes[path] * 0.9:
            break
        path = biggest
    return path
