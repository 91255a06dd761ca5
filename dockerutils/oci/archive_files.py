"""The files of an image's archive or layout, read where they lie, by offset."""

from __future__ import annotations

import os
import posixpath
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from dockerutils.errors import DockerutilsError, ProjectError
from dockerutils.oci.compress import decompressed, is_compressed

if TYPE_CHECKING:
    import tarfile

CHUNK = 1 << 20
SMALL = 1 << 24  # bytes; no manifest or config is larger
LINKS = 8  # symbolic links that are followed, one after the other
AGAIN = "Get or make it again."


class Files(Protocol):
    """Files with names as in an OCI layout; a missing one is a `ProjectError`."""

    @property
    def where(self) -> str:
        """The path of the archive or folder."""

    def has(self, name: str) -> bool:
        """Tell whether there is a file."""

    def size(self, name: str) -> int:
        """Give a file's size in bytes."""

    def start(self, name: str) -> bytes:
        """Give a file's first 8 bytes."""

    def read(self, name: str) -> bytes:
        """Give a small file."""

    def chunks(self, name: str) -> Iterator[bytes]:
        """Give a file in chunks."""


class OpenFile:
    """A file that stays open as long as this object lives; threads can read it at once."""

    def __init__(self, number: int, where: str) -> None:
        self.where = where
        self.size = os.fstat(number).st_size
        self._number = number
        weakref.finalize(self, os.close, number)

    def read(self, offset: int, size: int) -> bytes:
        """Read so many bytes; raises `DockerutilsError` where the file has become shorter."""
        data = os.pread(self._number, size, offset)
        if len(data) < size:
            data = self._rest(data, offset, size)
        return data

    def stream(self) -> BinaryIO:
        """Give it as a file object, which has to be closed."""
        stream = os.fdopen(os.dup(self._number), "rb")
        stream.seek(0)
        return stream

    def chunks(self, offset: int, size: int) -> Iterator[bytes]:
        """Read so many bytes in chunks."""
        for done in range(0, size, CHUNK):
            yield self.read(offset + done, min(CHUNK, size - done))

    def _rest(self, data: bytes, offset: int, size: int) -> bytes:
        while len(data) < size:
            more = os.pread(self._number, size - len(data), offset + len(data))
            if not more:
                raise DockerutilsError(f"{self.where} is truncated.", hint=AGAIN)
            data += more
        return data


@dataclass(frozen=True)
class ArchiveFiles:
    """The files of a tar: name to offset and size."""

    where: str
    file: OpenFile
    places: Mapping[str, tuple[int, int]]

    def has(self, name: str) -> bool:
        """Tell whether there is a file."""
        return name in self.places

    def size(self, name: str) -> int:
        """Give a file's size in bytes."""
        return self._place(name)[1]

    def start(self, name: str) -> bytes:
        """Give a file's first 8 bytes."""
        offset, size = self._place(name)
        return self.file.read(offset, min(size, 8))

    def read(self, name: str) -> bytes:
        """Give a small file."""
        offset, size = self._place(name)
        return self.file.read(offset, _small(self.where, name, size))

    def chunks(self, name: str) -> Iterator[bytes]:
        """Give a file in chunks."""
        return self.file.chunks(*self._place(name))

    def _place(self, name: str) -> tuple[int, int]:
        try:
            return self.places[name]
        except KeyError:
            raise lacks(self.where, name) from None


@dataclass(frozen=True)
class FolderFiles:
    """The files of a folder."""

    folder: Path

    @property
    def where(self) -> str:
        """The folder's path."""
        return str(self.folder)

    def has(self, name: str) -> bool:
        """Tell whether there is a file."""
        return (self.folder / name).is_file()

    def size(self, name: str) -> int:
        """Give a file's size in bytes."""
        return self._open(name).size

    def start(self, name: str) -> bytes:
        """Give a file's first 8 bytes."""
        file = self._open(name)
        return file.read(0, min(file.size, 8))

    def read(self, name: str) -> bytes:
        """Give a small file."""
        file = self._open(name)
        return file.read(0, _small(self.where, name, file.size))

    def chunks(self, name: str) -> Iterator[bytes]:
        """Give a file in chunks."""
        file = self._open(name)
        yield from file.chunks(0, file.size)

    def _open(self, name: str) -> OpenFile:
        path = self.folder / name
        try:
            return OpenFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC), str(path))
        except FileNotFoundError:
            raise lacks(self.where, name) from None
        except OSError as error:
            raise _unreadable(path, error) from None


def lacks(where: str, name: str) -> ProjectError:
    """Make the error for a file that is not there."""
    return ProjectError(f"{where} is no complete image: it lacks {name}.", hint=AGAIN)


def _small(where: str, name: str, size: int) -> int:
    if size > SMALL:
        raise ProjectError(f"{where} is no image: {name} has {size} bytes.", hint=AGAIN)
    return size


def open_archive(path: Path) -> ArchiveFiles:
    """Open an archive; a compressed one is decompressed into a file that nobody else sees.

    Raises `ProjectError` for what cannot be read or is no tar.
    """
    try:
        if not path.is_file() and path.exists():
            raise ProjectError(f"{path} is no file.", hint="Name an archive that is a file.")
        file = OpenFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC), str(path))
        if is_compressed(file.read(0, min(file.size, 8))):
            file = _spooled(file)
        return ArchiveFiles(str(path), file, _places(file))
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> ProjectError:
    return ProjectError(
        f"{path} cannot be read: {error.strerror}.",
        hint="Name an archive or a layout of an image that you may read.",
    )


def _spooled(file: OpenFile) -> OpenFile:
    import tempfile  # noqa: PLC0415  # few archives need it

    try:
        with tempfile.TemporaryFile(prefix="dockerutils-") as spool:
            for chunk in decompressed(file.chunks(0, file.size)):
                spool.write(chunk)
            spool.flush()
            return OpenFile(os.dup(spool.fileno()), file.where)
    except DockerutilsError as error:
        raise ProjectError(f"{file.where}: {error.message}", error.hint) from None
    except OSError as error:
        raise ProjectError(
            f"{file.where} cannot be decompressed into {tempfile.gettempdir()}: {error.strerror}.",
            hint="Make room there, or name another folder in TMPDIR.",
        ) from None


def _places(file: OpenFile) -> dict[str, tuple[int, int]]:
    import tarfile  # noqa: PLC0415  # brings many modules along

    links: dict[str, str] = {}
    places: dict[str, tuple[int, int]] = {}
    try:
        with file.stream() as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
            for member in archive:
                _note(member, places, links)
    except (tarfile.TarError, ValueError) as error:
        raise ProjectError(
            f"{file.where} is no archive of an image, or is damaged: {error}.", hint=AGAIN
        ) from None
    _follow(links, places)
    return places


def _note(
    member: tarfile.TarInfo, places: dict[str, tuple[int, int]], links: dict[str, str]
) -> None:
    name = plain(member.name)
    if member.isfile():
        places[name] = (member.offset_data, member.size)
    elif member.issym():
        links[name] = plain(posixpath.join(posixpath.dirname(name), member.linkname))
    elif member.islnk():
        links[name] = plain(member.linkname)


def plain(name: str) -> str:
    """Write a path within an archive in one way: without `./`, `..` and a leading slash."""
    return posixpath.normpath(name).lstrip("/")


def _follow(links: Mapping[str, str], places: dict[str, tuple[int, int]]) -> None:
    """Add the files that links stand for: docker 20.10 saves a layer once, and links to it."""
    for name, first in links.items():
        target = first
        for _ in range(LINKS):
            target = links.get(target, target)
        if target in places:
            places[name] = places[target]
