"""Four images with three seconds of work each: a base, and three that stand on it.

Each way to build them has a project of its own, so that none finds what another one has built.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.measurement import Case, Group, Target
from benchmarks.processes import SCRIPTS, Place
from benchmarks.workshop import LABEL, STAND_IN, USER, image_name, printed_commands, project

LEAVES = ("api", "web", "worker")
WORK = "RUN sleep 3 && echo {image} > /{image}.txt\n"
COPY = "COPY docker/{image}/notes.txt /{image}/\n"
DOCKERFILES = {
    image: f"FROM {parent}\n{(COPY + WORK).replace('{image}', image)}"
    for image, parent in (("base", STAND_IN), *((leaf, "{project}-base:{user}") for leaf in LEAVES))
}
SEQUENCE = "docker build, 4 times"
BAKE = "docker buildx bake"
CHANGED = (Target(0.55, "ratio"), Target(1.1, "ratio", BAKE))
UNCHANGED = (Target(0.3, "ratio"),)
MOST_RUNS = 5  # half a minute each
BUILD = SCRIPTS / "build-image"


@contextmanager
def groups() -> Iterator[list[Group]]:
    """Give the cases after a change to the base, which changes all four, and those after none."""
    with project(DOCKERFILES) as one, project(DOCKERFILES) as two, project(DOCKERFILES) as three:
        write_bake_file(three)
        plan = printed_commands(one.run(BUILD, "all", "--dry-run"))
        yield [
            Group(
                "waves, one change",
                (
                    Case(SEQUENCE, lambda: in_turn(one, plan), prepare=lambda: change(one)),
                    Case("build-image all", lambda: ours(two), CHANGED, 1, lambda: change(two)),
                    Case(BAKE, lambda: bake(three), prepare=lambda: change(three)),
                ),
                MOST_RUNS,
            ),
            Group(
                "waves, no change",
                (
                    Case(SEQUENCE, lambda: in_turn(one, plan)),
                    Case("build-image all", lambda: ours(two), UNCHANGED),
                    Case(BAKE, lambda: bake(three)),
                ),
            ),
        ]


def in_turn(place: Place, commands: list[list[str]]) -> None:
    """Run docker's commands one after the other."""
    for command in commands:
        place.run(*command)


def ours(place: Place) -> None:
    """Build all images with our command."""
    place.run(BUILD, "all")


def bake(place: Place) -> None:
    """Build all images by the bake file."""
    place.run("docker", "buildx", "bake", "--file", "bake.json")


def change(place: Place) -> None:
    """Change a file of the base."""
    (place.folder / "docker" / "base" / "notes.txt").write_text(f"{secrets.token_hex()}\n")


def write_bake_file(place: Place) -> None:
    """Write the bake file that a person would write for these images."""
    targets = {image: bake_target(place, image) for image in DOCKERFILES}
    content = {"group": {"default": {"targets": list(targets)}}, "target": targets}
    (place.folder / "bake.json").write_text(json.dumps(content, indent=2))


def bake_target(place: Place, image: str) -> dict[str, object]:
    """Give an image's target; the base is linked to, so that all are one build."""
    own, base = (f"{image_name(place, name)}:{USER}" for name in (image, "base"))
    return {
        "context": ".",
        "dockerfile": f"docker/{image}/Dockerfile",
        "tags": [own],
        "labels": {LABEL: image_name(place, image)},
        "network": "none",
        "contexts": {} if image == "base" else {base: "target:base"},
    }
