"""A project with images on the engine, for as long as they are measured."""

from __future__ import annotations

import secrets
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.processes import SCRIPTS, Place

STAND_IN = "dockerutils-standin/python:3.11-slim"
USER = "benchmark"
# Without a network: how long an engine takes to set one up is not what is measured.
CONFIG = """\
[DEFAULT]
build_args = --network none

[base]
network = none
volumes = -v {project_root}:/work
cmd = true

[app]
"""


@contextmanager
def project() -> Iterator[Place]:
    """Make a project of two images, one on the other, build them, and remove all in the end.

    They stand on the Python base image, or its stand-in here, by full names: the seed needs that.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve() / f"benchmark{secrets.token_hex(3)}"
        write_project(root)
        place = Place(root, {"LOGNAME": USER, "DOCKER_CLI_HINTS": "false"})
        try:
            place.run(SCRIPTS / "build-image", "all")
            yield place
        finally:
            remove(place)


def write_project(root: Path) -> None:
    """Write the files of the project."""
    sources = {"base": STAND_IN, "app": f"{root.name}-base:{USER}"}
    for image, parent in sources.items():
        folder = root / "docker" / image
        folder.mkdir(parents=True)
        steps = (
            f"FROM {parent}\nWORKDIR /{image}\nCOPY docker/{image}/notes.txt .\nRUN wc notes.txt\n"
        )
        (folder / "Dockerfile").write_text(steps)
        (folder / "notes.txt").write_text(f"{image}\n" * 1000)
    (root / "docker" / "dockerutils.cfg").write_text(CONFIG)


def remove(place: Place) -> None:
    """Remove the images, and the containers of commands that were interrupted."""
    label = f"reference={place.folder.name}-*"
    images = place.run(
        *("docker", "image", "ls", "--filter", label, "--format", "{{.Repository}}:{{.Tag}}")
    ).split()
    filters = [word for image in images for word in ("--filter", f"ancestor={image}")]
    containers = place.run("docker", "ps", "--all", "--quiet", *filters).split() if filters else []
    if containers:
        place.run("docker", "rm", "--force", *containers)
    if images:
        place.run("docker", "image", "rm", "--force", *images)


def printed_commands(script: str) -> list[list[str]]:
    """Give the docker commands of a dry run's script as words."""
    return [shlex.split(text) for text in script.splitlines() if text.startswith("docker ")]
