"""Compiled modules (.pyc) for another place and time: kept valid, or made anew.

Their form: https://docs.python.org/3/reference/import.html#cached-bytecode-invalidation and, for
the strings in them, CPython's Python/marshal.c.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import posixpath
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dockerutils.command import Command
from dockerutils.errors import DockerutilsError
from dockerutils.oci.tar import EPOCH
from dockerutils.runner import Answer

HEADER = 16  # bytes: magic number, flags, then the source's time and size, or its hash
EPOCH_BYTES = EPOCH.to_bytes(4, "little")
WORD = 0xFFFFFFFF
ENDINGS = {".pyc", ".opt-1.pyc", ".opt-2.pyc"}
# The first two bytes of the final releases' files (Lib/importlib/_bootstrap_external.py, and
# Include/internal/pycore_magic_number.h); those of releases before the final one differ.
MAGIC = {
    (3, 7): 3394,
    (3, 8): 3413,
    (3, 9): 3425,
    (3, 10): 3439,
    (3, 11): 3495,
    (3, 12): 3531,
    (3, 13): 3571,
}
SHARED = 0x80  # a flag of a string's type: others refer to it by its number
SHORT_TYPES = b"zZ"  # ASCII, length in one byte
LONG_TYPES = b"aAut"  # ASCII or UTF-8, length in four bytes


def tag_of(version: tuple[int, int]) -> str:
    """Give what a version's compiled modules have in their names (PEP 3147)."""
    return f"cpython-{version[0]}{version[1]}"


def source_of(path: str, version: tuple[int, int]) -> str | None:
    """Give the path of the source whose compiled form a file is; None where Python reads it not.

    That is, for a file in `__pycache__`, one of another version or tool.
    """
    folder, _, name = path.rpartition("/")
    module, _, ending = name.rpartition(f".{tag_of(version)}")
    if not module or ending not in ENDINGS:
        return None
    return f"{folder.removesuffix('__pycache__')}{module}.py"


def cached_path(source: str, version: tuple[int, int]) -> str:
    """Give the path of a source's compiled form."""
    folder, name = posixpath.split(source)
    tag = tag_of(version)
    return posixpath.join(folder, "__pycache__", f"{name.removesuffix('.py')}.{tag}.pyc")


def is_valid(code: bytes, version: tuple[int, int], mtime_ns: int, size: int) -> bool:
    """Tell whether Python would take a compiled form for a source of this time and size.

    One that has the hash of its source instead of a time is not checked against it.
    """
    magic = int.from_bytes(code[:2], "little")
    if len(code) <= HEADER or magic != MAGIC.get(version, magic):
        return False
    if int.from_bytes(code[4:8], "little"):
        return True
    mtime = mtime_ns // 1_000_000_000 & WORD
    return code[8:HEADER] == mtime.to_bytes(4, "little") + (size & WORD).to_bytes(4, "little")


def moved(code: bytes, name: str, places: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Give a compiled form for a source that has our time and lies elsewhere.

    `name` is that of the source; `places` are pairs of a folder here and in the image, the longest
    first. Nothing is compiled: marshal refers to its strings by number, so that one of another
    length changes no other.
    """
    ending = b"/" + os.fsencode(name)
    pieces: list[bytes] = []
    done = 0
    if code[4:8] == b"\0\0\0\0":
        pieces += (code[:8], EPOCH_BYTES)
        done = 12
    for start, end, text in file_names(code, ending, places):
        if start >= done:  # one folder may be inside the other
            pieces += (code[done:start], marshalled(code[start], text))
            done = end
    return b"".join((*pieces, code[done:])) if pieces else code


def file_names(
    code: bytes, ending: bytes, places: Sequence[tuple[bytes, bytes]]
) -> list[tuple[int, int, bytes]]:
    """Find the names of the source: where each string begins and ends, and what it becomes."""
    names = []
    for folder, place in places:
        found = code.find(folder + b"/", HEADER)
        while found >= 0:
            start, end = string_at(code, found)
            if code.endswith(ending, found, end) and end <= len(code):
                names.append((start, end, place + code[found + len(folder) : end]))
            found = code.find(folder + b"/", max(end, found + 1))
    return sorted(names, key=lambda name: name[0])


def string_at(code: bytes, position: int) -> tuple[int, int]:
    """Give where the string whose text is at a position begins, with its type, and its end.

    Where there is none, both are the position.
    """
    if code[position - 2] & ~SHARED in SHORT_TYPES:
        return position - 2, position + code[position - 1]
    if code[position - 5] & ~SHARED in LONG_TYPES:
        return position - 5, position + int.from_bytes(code[position - 4 : position], "little")
    return position, position


def marshalled(kind: int, text: bytes) -> bytes:
    """Write a string as marshal does, in the form that its content needs."""
    shared = kind & SHARED
    if not text.isascii():
        return bytes((ord("u") | shared,)) + len(text).to_bytes(4, "little") + text
    if len(text) < 256:
        return bytes((ord("z") | shared, len(text))) + text
    return bytes((ord("a") | shared,)) + len(text).to_bytes(4, "little") + text


def in_code(folder: str) -> bytes:
    """Give a path as it stands in compiled code."""
    return folder.encode("utf-8", "surrogatepass")


# Making them -------------------------------------------------------------------------------------

# Runs in the virtualenv's Python: reads a plan (JSON: the source's path, its name in the image),
# writes all code into one file, and into another the magic number and the length of each; 0 for
# what is not Python.
PROGRAM = """\
import importlib.util, json, marshal, sys
plan, code, facts = sys.argv[1:]
with open(plan, encoding="ascii") as file:
    sources = json.load(file)
lengths = []
with open(code, "wb") as out:
    for path, name in sources:
        with open(path, "rb") as file:
            source = file.read()
        try:
            data = marshal.dumps(compile(source, name, "exec", dont_inherit=True, optimize=0))
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
            data = b""
        lengths.append(len(data))
        out.write(data)
with open(facts, "w", encoding="ascii") as file:
    json.dump([importlib.util.MAGIC_NUMBER.hex(), lengths], file)
"""
# Nothing of the user's settings may change the code; an empty value is as good as none.
ENVIRONMENT = {
    **dict.fromkeys(("PYTHONPATH", "PYTHONHOME", "PYTHONINSPECT"), ""),
    **dict.fromkeys(("PYTHONDEVMODE", "PYTHONNODEBUGRANGES"), ""),
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
}


@dataclass(frozen=True)
class Source:
    """A module to compile: its path in its group, the file with it, its content if that changes.

    The size is that of the module in the image, in bytes.
    """

    path: str
    file: str
    content: bytes | None
    size: int


@dataclass(frozen=True)
class Compiler:
    """Compiles modules with one interpreter, in a process of its own for each set of them.

    All in the order of their names, and in one process: how marshal writes a value depends on who
    else holds it. The folder is a temporary one that its owner removes.
    """

    interpreter: Path
    read: Callable[[Command], Answer]
    folder: Path

    def compiled(self, key: str, dest: str, sources: Sequence[Source]) -> Compiled:
        """Compile a set once for its key; raises `DockerutilsError` if the interpreter fails."""
        kept = self.folder / key
        if not kept.is_dir():
            made = Path(tempfile.mkdtemp(dir=self.folder))
            self._compile(made, dest, sources)
            with contextlib.suppress(OSError):  # another thread was faster
                made.rename(kept)
        magic, lengths = json.loads((kept / "facts").read_bytes())
        ends = list(itertools.accumulate(lengths))
        modules = {
            source.path: (end - length, length, source.size)
            for source, length, end in zip(sources, lengths, ends, strict=True)
            if length
        }
        return Compiled(kept / "code", bytes.fromhex(magic), modules)

    def _compile(self, folder: Path, dest: str, sources: Sequence[Source]) -> None:
        plan = []
        for number, source in enumerate(sources):
            file = source.file
            if source.content is not None:
                file = str(folder / f"{number}.py")
                Path(file).write_bytes(source.content)
            plan.append((file, f"{dest}/{source.path}"))
        (folder / "plan").write_text(json.dumps(plan), encoding="ascii")
        answer = self.read(compiling(self.interpreter, folder))
        if answer.status:
            reason = (answer.errors.strip().splitlines() or [f"status {answer.status}"])[-1]
            raise DockerutilsError(
                f"{self.interpreter} could not compile modules: {reason}",
                "Set `bytecode` to `keep`, or make the virtualenv again.",
            )


def compiling(interpreter: Path, folder: Path) -> Command:
    """Give the command that compiles the plan in a folder."""
    files = (str(folder / name) for name in ("plan", "code", "facts"))
    argv = (str(interpreter), "-S", "-s", "-B", "-W", "ignore", "-c", PROGRAM, *files)
    return Command(argv, ENVIRONMENT)


@dataclass(frozen=True)
class Compiled:
    """Code in one file: for each module where it begins, its length, and its source's size."""

    code: Path
    magic: bytes
    modules: dict[str, tuple[int, int, int]]

    @contextlib.contextmanager
    def opened(self) -> Iterator[Callable[[str], bytes]]:
        """Give a function that gives a module's compiled form by its path."""
        with self.code.open("rb") as file:

            def form(path: str) -> bytes:
                start, length, size = self.modules[path]
                code = os.pread(file.fileno(), length, start)
                header = self.magic + bytes(4) + EPOCH_BYTES + (size & WORD).to_bytes(4, "little")
                return header + code

            yield form
