"""How long a command takes before it does anything, beside Python's own start."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.measurement import Case, Group, Target
from benchmarks.processes import SCRIPTS, Place

HELP = Target(0.2)


@contextmanager
def groups() -> Iterator[list[Group]]:
    """Give the cases; nothing is left behind."""
    here = Place()
    yield [
        Group(
            "start",
            (
                Case("python -c pass", lambda: here.run(sys.executable, "-c", "pass")),
                *(helping(here, name) for name in ("dockerutils", "build-image", "run-image")),
            ),
        )
    ]


def helping(here: Place, name: str) -> Case:
    """Give the case of one command's help."""
    return Case(f"{name} --help", lambda: here.run(SCRIPTS / name, "--help"), (HELP,))
