"""What the options of a run mean on a dock: which folders they mount, and which ports they publish.

Pure functions: nothing here looks at a file.
"""

from __future__ import annotations

import csv
import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dockerutils.config.words import Option, csv_field

VOLUME, MOUNT, PUBLISH = "--volume", "--mount", "--publish"
SOURCES = ("source", "src")
PORTS = re.compile(r"(?:.*:)?([0-9]+)(?:-([0-9]+))?:[0-9-]+(?:/(?:tcp|udp|sctp))?")
MOST = 100  # ports of a range that are looked at


@dataclass(frozen=True)
class Moved:
    """The options with what they mount moved; the paths in the project that they mounted before,
    relative to its root, and those elsewhere."""

    options: tuple[Option, ...]
    inside: tuple[str, ...]
    outside: tuple[str, ...]


def move_binds(options: Iterable[Option], roots: Sequence[Path], target: str) -> Moved:
    """Have bind mounts from the project come from the folder on the dock that stands for it.

    `roots` are the names that the project's folder has here; relative sources start from it.
    """
    moved: list[Option] = []
    inside: list[str] = []
    outside: list[str] = []
    for option in options:
        source = bind_source(option)
        within = None if not source else _within(source, roots)
        if within is None:
            outside += [source] if source else []
            moved.append(option)
        else:
            inside.append(within)
            moved.append(_from(option, source, posixpath.join(target, within).rstrip("/")))
    return Moved(tuple(moved), tuple(dict.fromkeys(inside)), tuple(dict.fromkeys(outside)))


def bind_source(option: Option) -> str:
    """Give the folder or file of the host that an option mounts, "" where it mounts none."""
    if len(option) != 2:
        return ""
    if option[0] == VOLUME:
        source, colon, _ = option[1].partition(":")
        return source if colon and source.startswith(("/", ".")) else ""
    if option[0] == MOUNT:
        fields = dict(_fields(option[1]))
        source = next((fields[name] for name in SOURCES if name in fields), "")
        return source if fields.get("type") == "bind" else ""
    return ""


def published_ports(options: Iterable[Option]) -> list[int]:
    """Give the ports of the host that options publish; those that docker chooses are not known."""
    found = (PORTS.fullmatch(option[1]) for option in options if option[0] == PUBLISH)
    ranges = ((int(one[1]), int(one[2] or one[1])) for one in found if one)
    return [port for low, high in ranges for port in range(low, min(high + 1, low + MOST))]


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """Read docker's comma-separated fields."""
    for field in next(csv.reader([text]), []):
        name, _, value = field.partition("=")
        yield name.strip().lower(), value


def _within(source: str, roots: Sequence[Path]) -> str | None:
    """Give a path relative to the project's root; None where it is not in there."""
    for root in roots:
        path = os.path.normpath(root / source)
        if path == str(root):
            return ""
        if path.startswith(f"{str(root).rstrip('/')}/"):
            return path[len(str(root).rstrip("/")) + 1 :]
    return None


def _from(option: Option, source: str, place: str) -> Option:
    """Have an option mount another place."""
    name, text = option
    if name == VOLUME:
        return name, place + text[len(source) :]
    fields = (
        f"{key}={place}" if key in SOURCES else f"{key}={value}" if value else key
        for key, value in _fields(text)
    )
    return name, ",".join(map(csv_field, fields))
