"""What run-image adds to `docker run` of a container that does nothing.

The seed's command asks docker for a terminal always, so all of them run on one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import seed
from benchmarks.measurement import Case, Group, Target
from benchmarks.processes import SCRIPTS, Place
from benchmarks.workshop import PAIR, printed_commands, project

TARGET = Target(0.12, "difference")
IMAGE = "base"


@contextmanager
def groups() -> Iterator[list[Group]]:
    """Give the cases: docker with our very options, our command, the seed's."""
    seed.install()
    with project(PAIR) as place:
        yield [running(place)]


def running(place: Place) -> Group:
    """Give the cases of running `true`."""
    ours, theirs = SCRIPTS / "run-image", seed.SCRIPTS / "run-image"
    (command,) = printed_commands(place.run_on_terminal(ours, IMAGE, "--dry-run"))
    return Group(
        "run, on a terminal",
        (
            Case("docker run", lambda: place.run_on_terminal(*command)),
            Case("run-image", lambda: place.run_on_terminal(ours, IMAGE), (TARGET,)),
            Case(f"run-image {seed.RELEASE}", lambda: place.run_on_terminal(theirs, IMAGE)),
        ),
    )
