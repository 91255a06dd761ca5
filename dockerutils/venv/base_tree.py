"""The file tree of an image: its layers' tar streams merged bottom to top, without any unpacking.

Rules: OCI image-spec layer.md, "Whiteouts" and "Applying Changesets".
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from dockerutils.errors import ProjectError

if TYPE_CHECKING:
    import tarfile

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
MOST_LINKS = 40  # as Linux follows them in one path
BLOCK = 1 << 18  # bytes that are read from a layer at once


class Readable(Protocol):
    """What is needed of a layer."""

    @property
    def name(self) -> str:
        """What it is called in messages."""

    def chunks(self) -> Iterator[bytes]:
        """Give its uncompressed tar."""


@dataclass(frozen=True)
class Plain:
    """Anything but a folder or a link; the content of those files only that were asked for."""

    executable: bool = False
    content: bytes | None = None


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass
class Folder:
    """A folder of a layer, or of all layers so far; `hidden` are names that lower layers lose."""

    entries: dict[str, Plain | Link | Folder] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    opaque: bool = False

    def merge(self, upper: Folder) -> None:
        """Put the same folder of the layer above over this one."""
        if upper.opaque:
            self.entries.clear()
        for name in upper.hidden:
            self.entries.pop(name, None)
        for name, entry in upper.entries.items():
            below = self.entries.get(name)
            if isinstance(entry, Folder):
                kept = below if isinstance(below, Folder) else Folder()
                kept.merge(entry)
                self.entries[name] = kept
            else:
                self.entries[name] = entry


PLAIN, EXECUTABLE = Plain(), Plain(executable=True)
Entry = Plain | Link | Folder


@dataclass(frozen=True)
class Tree:
    """All files of an image; paths have no leading slash, and "" is the root."""

    root: Folder

    def resolve(self, path: str) -> str | None:
        """Give the path without links; `None` if there is nothing, or a link leads nowhere."""
        return self._walk(path)[0]

    def find(self, path: str) -> Entry | None:
        """Give what is at a path once all links are followed."""
        return self._walk(path)[1]

    def names(self, path: str) -> list[str]:
        """Give the names in a folder; none if it is not there."""
        entry = self.find(path)
        return list(entry.entries) if isinstance(entry, Folder) else []

    def files(self) -> Iterator[tuple[str, Plain | Link]]:
        """Give all paths, and what is there, but folders."""
        stack: list[tuple[str, Folder]] = [("", self.root)]
        while stack:
            path, folder = stack.pop()
            for name, entry in folder.entries.items():
                if isinstance(entry, Folder):
                    stack.append((f"{path}{name}/", entry))
                else:
                    yield path + name, entry

    def _walk(self, path: str) -> tuple[str | None, Entry | None]:
        parts = _parts(path)[::-1]
        trail: list[tuple[str, Folder]] = []  # names so far, with the folder that each is in
        here: Entry = self.root
        links = 0
        while parts:
            name = parts.pop()
            if name == "..":
                here = trail.pop()[1] if trail else self.root
                continue
            entry = here.entries.get(name) if isinstance(here, Folder) else None
            if entry is None:
                return None, None
            if isinstance(entry, Link):
                links += 1
                if links > MOST_LINKS:
                    return None, None
                parts += _parts(entry.target)[::-1]
                if entry.target.startswith("/"):
                    trail, here = [], self.root
                continue
            trail.append((name, _folder(here)))
            here = entry
        return "/".join(name for name, _ in trail), here


def _folder(entry: Entry) -> Folder:
    return entry if isinstance(entry, Folder) else Folder()


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def read_tree(layers: Sequence[Readable], wanted: re.Pattern[str]) -> Tree:
    """Read all layers, and the content of the files whose whole path matches `wanted`."""
    root = Folder()
    for layer in layers:
        root.merge(read_layer(layer, wanted))
    return Tree(root)


def read_layer(layer: Readable, wanted: re.Pattern[str]) -> Folder:
    """Read one layer's tar; raises `ProjectError` where it is none."""
    import tarfile  # noqa: PLC0415  # a build whose base is known needs none

    root = Folder()
    stream = Stream(layer.chunks())
    try:
        with tarfile.open(
            fileobj=stream, mode="r|", bufsize=BLOCK, errors="surrogateescape"
        ) as tar:
            while (member := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]  # the list would only grow
                add_member(root, member, tar, wanted)
    except tarfile.TarError as error:
        raise ProjectError(
            f"the layer {layer.name} cannot be read: {error}.",
            "Fetch the base image again, or name another one.",
        ) from error
    for _ in stream.rest():  # a reader that is left early could not tell that its end is damaged
        pass
    return root


def add_member(
    root: Folder, member: tarfile.TarInfo, tar: tarfile.TarFile, wanted: re.Pattern[str]
) -> None:
    """Put one member of a layer's tar into the layer's tree."""
    *parents, name = _parts(member.name) or [""]
    if not name or ".." in parents:
        return
    folder = _enter(root, parents)
    if name == OPAQUE:
        folder.opaque = True
    elif name.startswith(WHITEOUT):
        folder.hidden.add(name.removeprefix(WHITEOUT))
    elif member.isdir():
        _enter(folder, [name])
    elif member.issym():
        folder.entries[name] = Link(member.linkname)
    elif member.islnk():
        folder.entries[name] = _linked(root, member.linkname)
    else:
        folder.entries[name] = _plain(member, tar, wanted)


def _plain(member: tarfile.TarInfo, tar: tarfile.TarFile, wanted: re.Pattern[str]) -> Plain:
    executable = bool(member.mode & 0o111)
    if member.isreg() and wanted.fullmatch("/".join(_parts(member.name))):
        file = tar.extractfile(member)
        return Plain(executable, file.read() if file else None)
    return EXECUTABLE if executable else PLAIN


def _enter(folder: Folder, names: Iterable[str]) -> Folder:
    """Give the folder at a path below another; it is made where there is none."""
    for name in names:
        entry = folder.entries.get(name)
        if not isinstance(entry, Folder):
            entry = folder.entries[name] = Folder()
        folder = entry
    return folder


def _linked(root: Folder, path: str) -> Plain | Link:
    """Give what a hard link means: another name of a file of the same layer."""
    entry: Entry = root
    for name in _parts(path):
        found = entry.entries.get(name) if isinstance(entry, Folder) else None
        if found is None:
            return PLAIN
        entry = found
    return PLAIN if isinstance(entry, Folder) else entry


class Stream(io.RawIOBase):
    """Chunks of bytes as a file that is read from its beginning to its end."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self.chunks = chunks
        self.left = memoryview(b"")

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Give so many bytes; fewer, even none, only at the end."""
        pieces: list[bytes | memoryview] = []
        missing = size if size >= 0 else 1 << 62
        while missing:
            if not self.left:
                chunk = next(self.chunks, None)
                if chunk is None:
                    break
                self.left = memoryview(chunk)
                continue
            piece, self.left = self.left[:missing], self.left[missing:]
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def rest(self) -> Iterator[bytes]:
        """Give the chunks that nobody has asked for."""
        return self.chunks
