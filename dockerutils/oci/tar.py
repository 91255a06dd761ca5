"""Tar archives whose bytes depend on nothing but the entries.

The form is POSIX ustar; GNU's extensions stand where that cannot hold a name or a size, because
they take any bytes in a name (PAX wants UTF-8), and Go, GNU tar and tarfile read them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from zlib import adler32

from dockerutils.errors import ContentChanged, ProjectError

EPOCH = 315532800  # 1980-01-01T00:00:00Z, seconds; zip cannot store earlier
CHUNK = 1 << 20
LARGE = 1 << 18  # pieces from this size on are handed on without a copy
BLOCK = 512
ZEROS = bytes(BLOCK)
END = bytes(2 * BLOCK)

FILE, LINK, FOLDER, LONG_TARGET, LONG_NAME = b"0", b"2", b"5", b"K", b"L"
USTAR, GNU = b"ustar\x0000", b"ustar  \0"
NAME, PREFIX = 100, 155  # bytes that the fields hold
LARGEST = 8**11 - 1  # bytes; what the size field holds in octal digits
HEADER = struct.Struct("100s8s16s12s12s8sc100s8s64s16s155s12x")
NUMBERS = b"0000000\0" * 2  # user and group ID; also the device numbers
MTIME = b"%011o\0" % EPOCH


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, a symbolic link (with `target`) or a directory of an archive.

    `path` has no leading or trailing slash and no `.` or `..`; `mode` has the permission bits.
    `size` is the number of bytes of content; with content that is there as bytes it can be 0.
    """

    path: bytes
    mode: int = 0o644
    size: int = 0
    content: bytes | Callable[[], Iterator[bytes]] = b""
    target: bytes | None = None
    directory: bool = False


def tar_stream(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Give the archive of the entries, in their order, in chunks of about 1 MiB.

    A parent directory that is no entry before its first child is added with mode 0755. Raises
    `ProjectError` for a path that no layer can hold, and `ContentChanged` for content that has
    another size than its entry.
    """
    return gathered(_flat(tar_parts(entries)), CHUNK)


def _flat(parts: Iterable[bytes | Entry]) -> Iterator[bytes]:
    for part in parts:
        if isinstance(part, bytes):
            yield part
        else:
            yield from _content(part)


def gathered(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Join small pieces into chunks of at least `size` bytes; large ones are handed on."""
    held: list[bytes] = []
    count = 0
    for piece in pieces:
        if len(piece) >= LARGE:
            if held:
                yield b"".join(held)
                held, count = [], 0
            yield piece
            continue
        held.append(piece)
        count += len(piece)
        if count >= size:
            yield b"".join(held)
            held, count = [], 0
    if held:
        yield b"".join(held)


def tar_parts(entries: Iterable[Entry]) -> Iterator[bytes | Entry]:
    """Give an archive in parts: where a file's content stands that is still to be read, its entry.

    Raises `ProjectError` for a path that no layer can hold.
    """
    folders = {b""}
    for entry in entries:
        path = entry.path
        check_path(path)
        folder = path.rpartition(b"/")[0]
        if folder not in folders:
            yield from _folders(folder, folders)
        if entry.directory:
            if path not in folders:
                folders.add(path)
                yield _header(path + b"/", entry.mode, 0, FOLDER)
        elif entry.target is not None:
            yield _header(path, 0o777, 0, LINK, entry.target)
        else:
            yield from _file(entry)
    yield END


def check_path(path: bytes) -> None:
    """Raise `ProjectError` for a path that cannot be in a layer.

    A name with the prefix `.wh.` would delete a file of a lower layer (OCI layer.md, "Whiteouts").
    """
    framed = b"/%b/" % path
    if b"/." not in framed and b"//" not in framed and b"\0" not in framed:
        return
    parts = path.split(b"/")
    if any(part in {b"", b".", b".."} or b"\0" in part for part in parts):
        raise ProjectError(f'"{readable(path)}" is no path of a file in an image.')
    if any(part.startswith(b".wh.") for part in parts):
        raise ProjectError(
            f"{readable(path)} cannot be put into an image: names that begin with .wh. delete "
            "the file of that name in lower layers.",
            hint="Rename or exclude it.",
        )


def readable(path: bytes) -> str:
    """Give a path for people; bytes that are not UTF-8 are written as `\\xe4`."""
    return path.decode("utf-8", "backslashreplace")


def _folders(path: bytes, known: set[bytes]) -> Iterator[bytes]:
    parent = path.rpartition(b"/")[0]
    if parent not in known:
        yield from _folders(parent, known)
    known.add(path)
    yield _header(path + b"/", 0o755, 0, FOLDER)


def _file(entry: Entry) -> Iterator[bytes | Entry]:
    content = entry.content
    if isinstance(content, bytes):
        size = len(content)
        if size != entry.size and entry.size:
            raise _changed(entry, size)
        yield _header(entry.path, entry.mode, size, FILE)
        yield content
    else:
        size = entry.size
        yield _header(entry.path, entry.mode, size, FILE)
        yield entry
    if size % BLOCK:
        yield ZEROS[size % BLOCK :]


def _content(entry: Entry) -> Iterator[bytes]:
    """Give a file's content, which has to have the size that its entry says."""
    content = entry.content
    done = 0
    for chunk in (content,) if isinstance(content, bytes) else content():
        done += len(chunk)
        if done > entry.size:
            break
        yield chunk
    if done != entry.size:
        raise _changed(entry, done)


def _changed(entry: Entry, size: int) -> ContentChanged:
    return ContentChanged(
        f"{readable(entry.path)} changed while it was read: {entry.size} bytes were expected, "
        f"{'more' if size > entry.size else size} came.",
        hint="Start the command again when nothing writes to it any more.",
    )


def _header(path: bytes, mode: int, size: int, kind: bytes, target: bytes = b"") -> bytes:
    if len(path) <= NAME and len(target) <= NAME and size <= LARGEST:
        return _block(path, mode, b"%011o\0" % size, kind, target=target)
    prefix, name = _split(path)
    if name and len(target) <= NAME and size <= LARGEST:
        return _block(name, mode, b"%011o\0" % size, kind, target=target, prefix=prefix)
    return b"".join(_extended(path, mode, size, kind, target))


def _split(path: bytes) -> tuple[bytes, bytes]:
    """Divide a path at a slash, so that both fields hold it; the name is empty if none does."""
    if len(path) <= NAME:
        return b"", path
    slash = path.find(b"/", max(len(path) - NAME - 1, 1))
    if 0 < slash <= PREFIX and slash < len(path) - 1:
        return path[:slash], path[slash + 1 :]
    return b"", b""


def _extended(path: bytes, mode: int, size: int, kind: bytes, target: bytes) -> Iterator[bytes]:
    for text, of in ((target, LONG_TARGET), (path, LONG_NAME)):
        if len(text) > NAME:
            data = text + b"\0"
            yield _block(b"././@LongLink", 0o644, b"%011o\0" % len(data), of, magic=GNU)
            yield data + bytes(-len(data) % BLOCK)
    field = b"%011o\0" % size if size <= LARGEST else b"\x80" + size.to_bytes(11, "big")
    yield _block(path[:NAME], mode, field, kind, target=target[:NAME], magic=GNU)


def _block(
    name: bytes,
    mode: int,
    size: bytes,
    kind: bytes,
    *,
    target: bytes = b"",
    prefix: bytes = b"",
    magic: bytes = USTAR,
) -> bytes:
    """Make a header (POSIX pax, "ustar Interchange Format")."""
    permissions = b"%07o\0" % (mode & 0o7777)
    block = HEADER.pack(
        *(name, permissions, NUMBERS, size, MTIME, b" " * 8, kind, target, magic),
        *(b"", NUMBERS, prefix),
    )
    return b"%b%06o\0 %b" % (block[:148], _sum(block), block[156:])


def _sum(block: bytes) -> int:
    """Add up the bytes of a header; Adler-32's lower half does it, faster than `sum`.

    It is the sum plus one modulo 65521, which the sum of 256 bytes cannot reach.
    """
    return (adler32(block[:256]) & 0xFFFF) + (adler32(block[256:]) & 0xFFFF) - 2
