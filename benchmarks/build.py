"""What build-image takes for an image that is in the cache already, beside `docker build`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import seed
from benchmarks.measurement import Case, Group, Target
from benchmarks.processes import SCRIPTS, Place
from benchmarks.workshop import PAIR, printed_commands, project

UNCHANGED = Target(1.3, "ratio")
REBUILT = Target(0.12, "difference")


@contextmanager
def groups() -> Iterator[list[Group]]:
    """Give the cases for an image by itself, and for one that stands on another of the project.

    The seed has a project of its own: what it builds has no label, so that we would build it anew.
    """
    seed.install()
    with project(PAIR) as ours, project(PAIR) as theirs:
        yield [
            building(ours, theirs, "build", "base"),
            building(ours, theirs, "build, on a sibling", "app"),
        ]


def building(ours: Place, theirs: Place, group: str, image: str) -> Group:
    """Give the cases of one image: docker with our very options, our command, the seed's."""
    build, seeds = SCRIPTS / "build-image", seed.SCRIPTS / "build-image"
    command = printed_commands(ours.talk(build, "--rebuild", image))[-1]
    return Group(
        group,
        (
            Case("docker build", lambda: ours.run(*command)),
            Case("build-image", lambda: ours.run(build, image), (UNCHANGED,)),
            Case("build-image --rebuild", lambda: ours.run(build, "--rebuild", image), (REBUILT,)),
            Case(f"build-image {seed.RELEASE}", lambda: theirs.run(seeds, image)),
        ),
    )
