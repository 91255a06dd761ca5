"""What build-image adds to `docker build` of an image that is in the cache already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import seed
from benchmarks.measurement import Case, Group, Target
from benchmarks.processes import SCRIPTS, Place
from benchmarks.workshop import printed_commands, project

TARGET = Target(0.12, beyond_baseline=True)


@contextmanager
def groups() -> Iterator[list[Group]]:
    """Give the cases for an image by itself, and for one that stands on another of the project."""
    seed.install()
    with project() as place:
        yield [
            building(place, "build", "base"),
            building(place, "build, on a sibling", "app"),
        ]


def building(place: Place, group: str, image: str) -> Group:
    """Give the cases of one image: docker with our very options, our command, the seed's."""
    ours, theirs = SCRIPTS / "build-image", seed.SCRIPTS / "build-image"
    command = printed_commands(place.run(ours, image, "--dry-run"))[-1]
    return Group(
        group,
        (
            Case("docker build", lambda: place.run(*command)),
            Case("build-image", lambda: place.run(ours, image), TARGET),
            Case(f"build-image {seed.RELEASE}", lambda: place.run(theirs, image)),
        ),
    )
