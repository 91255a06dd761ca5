"""ELF files with headers only, made for a test."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

ADDRESS = 0x10000  # in memory, of the file's first byte
NEEDED, STRTAB, SONAME, RPATH, RUNPATH = 1, 5, 14, 15, 29
VERDEF, VERDEFNUM, VERNEED, VERNEEDNUM = 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF


@dataclass
class ElfFile:
    """What the file is to say; `versions` are needed of the C library, `defines` offered."""

    needed: Sequence[str] = ("libc.so.6",)
    runpath: str = ""
    rpath: str = ""
    soname: str = ""
    loader: str = ""
    versions: Sequence[str] = ()
    defines: Sequence[str] = ()
    machine: int = 62
    wide: bool = True
    order: str = "<"
    static: bool = False
    padding: int = 0
    strings: bytearray = field(default_factory=lambda: bytearray(b"\0"))

    def content(self) -> bytes:
        """Give the bytes of the file."""
        head = 64 if self.wide else 52
        start = head + 3 * (56 if self.wide else 32) + self.padding
        dynamic = [(NEEDED, self.string(name)) for name in self.needed]
        for tag, text in ((RUNPATH, self.runpath), (RPATH, self.rpath), (SONAME, self.soname)):
            dynamic += [(tag, self.string(text))] if text else []
        needs, offers = self.verneed(), self.verdef()
        loader = self.string(self.loader)
        strings = bytes(self.strings) + bytes(8)
        places = [start]
        for part in (strings, needs, offers):
            places.append(places[-1] + len(part))
        dynamic += [(STRTAB, ADDRESS + places[0])]
        if needs:
            dynamic += [(VERNEED, ADDRESS + places[1]), (VERNEEDNUM, 1)]
        if offers:
            dynamic += [(VERDEF, ADDRESS + places[2]), (VERDEFNUM, len(self.defines))]
        table = b"".join(self.pack("qQ" if self.wide else "iI", *one) for one in [*dynamic, (0, 0)])
        size = places[3] + len(table)
        headers = [(1, 0, ADDRESS, size)]
        headers += [] if self.static else [(2, places[3], ADDRESS + places[3], len(table))]
        headers += [(3, start + loader, 0, len(self.loader) + 1)] if self.loader else []
        parts = (strings, needs, offers, table)
        return self.header(len(headers)) + self.programs(headers, start) + b"".join(parts)

    def header(self, count: int) -> bytes:
        """Give the file header."""
        ident = bytes((2 if self.wide else 1, 1 if self.order == "<" else 2, 1))
        form = "HHIQQQIHHHHHH" if self.wide else "HHIIIIIHHHHHH"
        size, one = (64, 56) if self.wide else (52, 32)
        numbers = (3, self.machine, 1, 0, size, 0, 0, size, one, count, 0, 0, 0)
        return (b"\x7fELF" + ident).ljust(16, b"\0") + self.pack(form, *numbers)

    def programs(self, headers: Sequence[tuple[int, int, int, int]], start: int) -> bytes:
        """Give the program headers, up to where the rest of the file starts."""
        written = b""
        for kind, offset, address, size in headers:
            if self.wide:
                written += self.pack("IIQQQQQQ", kind, 5, offset, address, address, size, size, 8)
            else:
                written += self.pack("IIIIIIII", kind, offset, address, address, size, size, 5, 4)
        return written.ljust(start - (64 if self.wide else 52), b"\0")

    def verneed(self) -> bytes:
        """Give the table of the versions that are needed, all of one library."""
        if not self.versions:
            return b""
        count = len(self.versions)
        table = self.pack("HHIII", 1, count, self.string("libc.so.6"), 16, 0)
        for number, name in enumerate(self.versions, 1):
            following = 16 if number < count else 0
            table += self.pack("IHHII", 0, 0, number + 1, self.string(name), following)
        return table

    def verdef(self) -> bytes:
        """Give the table of the versions that are offered."""
        table = b""
        for number, name in enumerate(self.defines, 1):
            following = 28 if number < len(self.defines) else 0
            table += self.pack("HHHHIII", 1, 0, number, 1, 0, 20, following)
            table += self.pack("II", self.string(name), 0)
        return table

    def string(self, text: str) -> int:
        """Put a text into the string table; gives its place."""
        place = len(self.strings)
        self.strings += text.encode() + b"\0"
        return place

    def pack(self, form: str, *numbers: int) -> bytes:
        """Pack numbers in the file's byte order."""
        return struct.pack(self.order + form, *numbers)


def shared(*needed: str, glibc: str = "2.17", **more: object) -> bytes:
    """Give an extension module or a library for amd64 and glibc."""
    file = ElfFile((*needed, "libc.so.6"), versions=(f"GLIBC_{glibc}",))
    for name, value in more.items():
        setattr(file, name, value)
    return file.content()


def musl(*needed: str) -> bytes:
    """Give one for amd64 and musl."""
    return ElfFile((*needed, "libc.musl-x86_64.so.1")).content()
