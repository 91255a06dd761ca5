"""The list of docks as a reader sees it: a table as wide as the terminal, details below each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dockerutils.docks.dock import Dock
from dockerutils.docks.listing.mooring import Mooring
from dockerutils.docks.listing.survey import Container, Survey, counted
from dockerutils.docks.told import plain

HEADS = ("DOCK", "ADDRESS", "STATE", "ENGINE", "GPUS", "FREE", "RUNS", "DOCKED")
GAP = "  "
NARROWEST = 8  # letters of a column that gives way to others
NAME = 22  # of the first one
MANY = 8  # lines of details of one kind
UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


@dataclass(frozen=True)
class Listed:
    """A dock, what it says of itself, and what this machine has to do with it."""

    dock: Dock
    survey: Survey
    mooring: Mooring
    current: bool = False

    def cells(self) -> tuple[str, ...]:
        """Give its line of the table; the dock that the terminal is docked to has a star."""
        survey, up = self.survey, bool(self.survey.version)
        users = len(self.mooring.users) + len(self.survey.keepers)
        return (
            f"{'*' if self.current else ' '} {self.dock.name}",
            place(self.dock),
            survey.state,
            survey.version,
            counted(survey.gpus) or ("-" if up else ""),
            f"{amount(survey.free)} of {amount(survey.size)}" if survey.size >= 0 else "",
            str(len(survey.containers)) if up else "",
            str(users) if users else "",
        )

    def details(self) -> Iterator[str]:
        """Give the lines that stand below it."""
        survey, mooring = self.survey, self.mooring
        if survey.reason:
            yield survey.reason
        if survey.cut:
            yield "its answer was too long: the rest was not looked at"
        yield from some([run(one) for one in survey.containers], "containers")
        yield from some([f"docked here: {one}" for one in mooring.users], "terminals")
        yield from some([f"docked from elsewhere: {one}" for one in survey.keepers], "people")
        status = mooring.status
        if status.reason:
            yield f"connection here: {status.state}, {plain(status.reason)}"
        if mooring.notebook:
            yield f"Jupyter is on localhost here: {mooring.notebook}"
        if status.ports:
            yield f"on localhost here: {', '.join(str(one.port) for one in status.ports)}"
        for one in status.conflicts[:MANY]:
            yield f"not on localhost: {plain(one.reason)}"


def place(dock: Dock) -> str:
    """Give a dock's address with what ssh is told besides."""
    return f"{dock.login}:{dock.port}" if dock.port else dock.login


def run(container: Container) -> str:
    """Tell of a container."""
    whose = f", run by {container.user}" if container.user else ""
    status = container.status or container.state
    return f"runs {container.image} ({container.name}): {status}{whose}"


def some(lines: Sequence[str], what: str) -> Iterator[str]:
    """Give the first lines, and how many there are besides."""
    yield from lines[:MANY]
    if len(lines) > MANY:
        yield f"and {len(lines) - MANY} more {what}; --json has them all"


def amount(size: int) -> str:
    """Write a number of bytes for a reader."""
    number = float(max(0, size))
    for unit in UNITS:
        if number < 1000 or unit == UNITS[-1]:
            return f"{number:.0f} {unit}" if number >= 10 or unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    raise AssertionError


def table(rows: Sequence[Listed], width: int) -> Iterator[str]:
    """Give the lines of the table, none longer than `width` unless that is 0."""
    cells = [tuple(f"  {one}" if one == "DOCK" else one for one in HEADS)]
    cells += [row.cells() for row in rows]
    head, *lines = columns(cells, width)
    yield shortened(head, width)
    for row, line in zip(rows, lines, strict=True):
        yield shortened(line, width)
        yield from (shortened(f"      {detail}", width) for detail in row.details())


def columns(cells: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Give lines of cells in columns, without those that only have a head."""
    used = [index for index in range(len(cells[0])) if any(line[index] for line in cells[1:])]
    widths = fitted([max(len(line[index]) for line in cells) for index in used], width)
    for line in cells:
        pairs = zip((line[index] for index in used), widths, strict=True)
        yield GAP.join(f"{shortened(cell, most):<{most}}" for cell, most in pairs).rstrip()


def fitted(widths: Sequence[int], width: int) -> list[int]:
    """Take from the widest columns what is too much for the terminal; names stay longest."""
    widths = list(widths)
    least = [NAME, *(NARROWEST for _ in widths[1:])]
    while width and sum(widths) + len(GAP) * (len(widths) - 1) > width:
        wide = [index for index, one in enumerate(widths) if one > least[index]]
        if not wide:
            break
        widths[max(wide, key=widths.__getitem__)] -= 1
    return widths


def shortened(text: str, most: int) -> str:
    """Cut a text that is longer, unless `most` is 0."""
    return text if not most or len(text) <= most else f"{text[: most - 1]}…"
