"""Where the tables and keys of a TOML text stand, which its parser does not tell."""

from __future__ import annotations

import re

Path = tuple[str, ...]
KEY = r"""(?:[\w-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
PATH = rf"(?P<path>{KEY}(?:\s*\.\s*{KEY})*)"
HEADER = re.compile(rf"\s*\[\[?\s*{PATH}\s*\]")
ASSIGNMENT = re.compile(rf"\s*{PATH}\s*=")
PART = re.compile(KEY)
TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|[\[\]{}\n]",
    re.DOTALL,
)


def line_numbers(text: str, table: Path) -> dict[Path, int]:
    """Find the lines of keys in a valid TOML text; paths are below `table`."""
    found: dict[Path, int] = {}
    header: Path = ()
    inside = lines_inside_values(text)
    for number, line in enumerate(text.split("\n"), start=1):
        opened = None if number in inside else HEADER.match(line)
        assigned = None if number in inside or opened else ASSIGNMENT.match(line)
        if opened:
            header = parts(opened["path"])
        path = header + parts(assigned["path"]) if assigned else header
        if path[: len(table)] == table and (opened or assigned):
            for end in range(len(table), len(path) + 1):  # a.b.c makes a and a.b as well
                found.setdefault(path[len(table) : end], number)
    return found


def lines_inside_values(text: str) -> set[int]:
    """Give the lines that begin within a list, a table or a string of several lines."""
    inside: set[int] = set()
    number, depth = 1, 0
    for piece in TOKEN.findall(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(piece, 0)
        following = range(number + 1, number + 1 + piece.count("\n"))
        if depth or piece != "\n":
            inside.update(following)
        number += len(following)
    return inside


def parts(path: str) -> Path:
    """Split a dotted key."""
    return tuple(part.strip("\"'") for part in PART.findall(path))
