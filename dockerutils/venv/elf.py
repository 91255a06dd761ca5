"""What ELF files say of themselves in their headers: machine, libraries and versions they need.

Rules: System V ABI, chapters 4 and 5; Linux Standard Base, "Symbol Versioning".
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

Read = Callable[[int, int], bytes]
"""Gives so many bytes (first) from an offset (second); fewer at the end of a file."""

# e_machine to OCI's names of architectures (those of Go), little endian unless said.
MACHINES = {
    (3, "<"): "386",
    (8, ">"): "mips",
    (8, "<"): "mipsle",
    (20, ">"): "ppc",
    (21, ">"): "ppc64",
    (21, "<"): "ppc64le",
    (22, ">"): "s390x",
    (40, "<"): "arm",
    (62, "<"): "amd64",
    (183, "<"): "arm64",
    (243, "<"): "riscv64",
    (258, "<"): "loong64",
}
PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NEEDED, DT_STRTAB, DT_SONAME, DT_RPATH, DT_RUNPATH = 1, 5, 14, 15, 29
DT_VERDEF, DT_VERDEFNUM, DT_VERNEED, DT_VERNEEDNUM = (0x6FFFFFFC + number for number in range(4))
HEAD = 4096  # bytes read at once: a file's headers and most string tables take one reading
MOST_PARTS = 4096  # of a table in a file; more of them are damage
MOST_LINKED = 256  # of a chain in a file; a damaged one may have millions
GLIBC = re.compile(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?")
RELATIVE_RELOCATIONS = "GLIBC_ABI_DT_RELR"  # a mark that glibc has since this version
RELATIVE_RELOCATIONS_SINCE = (2, 36)

Version = tuple[int, int]


class Damaged(Exception):
    """A file that is no ELF file, or one whose headers contradict each other."""


class Segment(NamedTuple):
    """A program header: its type, and where its bytes are in the file and in memory."""

    kind: int
    offset: int
    address: int
    size: int


@dataclass(frozen=True)
class Elf:
    """An executable or a shared library; `architecture` is OCI's name, `glibc` what it needs.

    `search` are the folders of DT_RUNPATH, or DT_RPATH where there is none, as they are written;
    `loader` is the program that a dynamic executable asks for, `defines` the highest GLIBC
    version that the file itself offers (the C library does).
    """

    architecture: str
    needed: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    soname: str = ""
    loader: str = ""
    glibc: Version | None = None
    defines: Version | None = None

    @property
    def libc(self) -> str:
        """The C library that it was linked with: "glibc", "musl", or nothing if none shows."""
        names = (*self.needed, self.loader.rpartition("/")[2])
        if any(name.startswith(("libc.musl-", "ld-musl-")) for name in names):
            return "musl"
        return "glibc" if self.glibc or "libc.so.6" in names else ""


def read_elf(path: str | os.PathLike[str]) -> Elf | None:
    """Read a file's facts; `None` for one that is no ELF file, is damaged or cannot be read."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    try:
        return parse_elf(lambda size, offset: os.pread(number, size, offset))
    finally:
        os.close(number)


def parse_bytes(content: bytes) -> Elf | None:
    """Read the facts of a file that is in memory."""
    return parse_elf(lambda size, offset: content[offset : offset + size])


def parse_elf(read: Read) -> Elf | None:
    """Read the facts through a function that gives bytes of the file."""
    try:
        return _Reader(read).facts()
    except (Damaged, OSError, OverflowError):
        return None


class _Reader:
    """Reads one file by small pieces; raises `Damaged` where it makes no sense."""

    def __init__(self, read: Read) -> None:
        self.read = read
        self.window, self.start = read(HEAD, 0), 0
        ident = self.window[:16]
        if len(ident) < 16 or ident[:4] != b"\x7fELF" or ident[4] not in (1, 2):
            raise Damaged
        if ident[5] not in (1, 2):
            raise Damaged
        self.wide = ident[4] == 2
        self.order = "<" if ident[5] == 1 else ">"
        self.segments = tuple(self._segments())

    def facts(self) -> Elf:
        """Give what the headers say."""
        (machine,) = self._unpack("H", 18)
        dynamic = self._dynamic()
        strings = self._offset(dynamic[DT_STRTAB][0]) if DT_STRTAB in dynamic else 0
        names = {
            tag: tuple(self._text(strings + value) for value in dynamic.get(tag, ()))
            for tag in (DT_NEEDED, DT_SONAME, DT_RPATH, DT_RUNPATH)
        }
        search = names[DT_RUNPATH] or names[DT_RPATH]
        return Elf(
            MACHINES.get((machine, self.order), f"machine {machine}"),
            names[DT_NEEDED],
            tuple(folder for text in search for folder in text.split(":") if folder),
            "".join(names[DT_SONAME][:1]),
            self._loader(),
            _highest(self._needed_versions(dynamic, strings)),
            _highest(self._defined_versions(dynamic, strings)),
        )

    def _bytes(self, size: int, offset: int) -> bytes:
        """Give exactly so many bytes, from what was read last where they are in it."""
        if offset < 0 or size > 1 << 20:
            raise Damaged
        begin = offset - self.start
        if begin < 0 or begin + size > len(self.window):
            self.window, self.start = self.read(max(size, HEAD), offset), offset
            begin = 0
        if begin + size > len(self.window):
            raise Damaged
        return self.window[begin : begin + size]

    def _unpack(self, form: str, offset: int) -> tuple[int, ...]:
        form = self.order + form
        return struct.unpack(form, self._bytes(struct.calcsize(form), offset))

    def _segments(self) -> Iterator[Segment]:
        start, size, count = self._table()
        for number in range(count):
            offset = start + number * size
            if self.wide:
                kind, _, place, address, _, length = self._unpack("IIQQQQ", offset)
            else:
                kind, place, address, _, length = self._unpack("IIIII", offset)
            yield Segment(kind, place, address, length)

    def _table(self) -> tuple[int, int, int]:
        """Give where the program headers are, the size of one, and their number."""
        (start,) = self._unpack("Q" if self.wide else "I", 32 if self.wide else 28)
        size, count = self._unpack("HH", 54 if self.wide else 42)
        if count and size < (56 if self.wide else 32):
            raise Damaged
        return start, size, min(count, MOST_PARTS)

    def _dynamic(self) -> dict[int, list[int]]:
        """Give the dynamic section's values by their tags; nothing for a static file."""
        values: dict[int, list[int]] = {}
        form, size = ("qQ", 16) if self.wide else ("iI", 8)
        for segment in self.segments:
            if segment.kind == PT_DYNAMIC:
                for number in range(min(segment.size // size, MOST_PARTS)):
                    tag, value = self._unpack(form, segment.offset + number * size)
                    if not tag:
                        break
                    values.setdefault(tag, []).append(value)
        return values

    def _offset(self, address: int) -> int:
        """Give the place in the file of an address in memory."""
        for segment in self.segments:
            if segment.kind == PT_LOAD and 0 <= address - segment.address < segment.size:
                return address - segment.address + segment.offset
        raise Damaged

    def _text(self, offset: int) -> str:
        """Give a string that ends with a zero byte."""
        try:
            text = self._bytes(64, offset)
        except Damaged:  # near the end of the file
            text = self.read(64, offset)
        if b"\0" not in text:
            text = self.read(MOST_PARTS, offset)
            if b"\0" not in text:
                raise Damaged
        return os.fsdecode(text[: text.index(b"\0")])

    def _loader(self) -> str:
        found = (one for one in self.segments if one.kind == PT_INTERP)
        return next((self._text(one.offset) for one in found), "")

    def _needed_versions(self, dynamic: dict[int, list[int]], strings: int) -> Iterator[str]:
        # A verneed is (version, number of names, file, first name, next verneed), a vernaux
        # (hash, flags, index, name, next vernaux); distances are from the structure's own place.
        for place in self._chain(dynamic, DT_VERNEED, DT_VERNEEDNUM, 12):
            _, count, _, aux, _ = self._unpack("HHIII", place)
            for name_place in self._linked(place + aux, count, 12):
                _, _, _, name, _ = self._unpack("IHHII", name_place)
                yield self._text(strings + name)

    def _defined_versions(self, dynamic: dict[int, list[int]], strings: int) -> Iterator[str]:
        # A verdef is (version, flags, index, number of names, hash, first name, next verdef).
        for place in self._chain(dynamic, DT_VERDEF, DT_VERDEFNUM, 16):
            _, _, _, count, _, aux, _ = self._unpack("HHHHIII", place)
            if count:
                (name,) = self._unpack("I", place + aux)
                yield self._text(strings + name)

    def _chain(
        self, dynamic: dict[int, list[int]], tag: int, number: int, distance: int
    ) -> Iterator[int]:
        if tag not in dynamic or number not in dynamic:
            return iter(())
        return self._linked(self._offset(dynamic[tag][0]), dynamic[number][0], distance)

    def _linked(self, place: int, count: int, distance: int) -> Iterator[int]:
        """Give the places of linked structures; at `distance` each has the way to the next."""
        for _ in range(min(count, MOST_LINKED)):
            yield place
            (step,) = self._unpack("I", place + distance)
            if not step:
                return
            place += step


def _highest(names: Iterator[str]) -> Version | None:
    found: Version | None = None
    for name in names:
        match = GLIBC.fullmatch(name)
        version = (int(match[1]), int(match[2])) if match else None
        if name == RELATIVE_RELOCATIONS:
            version = RELATIVE_RELOCATIONS_SINCE
        if version and (found is None or version > found):
            found = version
    return found
