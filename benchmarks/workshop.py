"""Projects with images on the engine, for as long as they are measured."""

from __future__ import annotations

import secrets
import shlex
import tempfile
from collections.abc import Iterator, Mapping
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
"""
LABEL = "dockerutils.image"

STEPS = """\
FROM {parent}
WORKDIR /{image}
COPY docker/{image}/notes.txt .
RUN wc notes.txt
"""
PAIR: Mapping[str, str] = {
    "base": STEPS.format(parent=STAND_IN, image="base"),
    "app": STEPS.format(parent="{project}-base:{user}", image="app"),
}
"""The Dockerfiles of two images, one on the other, each with the name of the project to be put in.

They stand on the Python base image, or its stand-in here, by full names: the seed needs that.
"""


@contextmanager
def project(dockerfiles: Mapping[str, str]) -> Iterator[Place]:
    """Make a project of these images, build them, and remove all in the end."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve() / f"benchmark{secrets.token_hex(3)}"
        write_project(root, dockerfiles)
        cache = {"XDG_CACHE_HOME": str(Path(folder).resolve() / "cache")}
        place = Place(root, {"LOGNAME": USER, "DOCKER_CLI_HINTS": "false", **cache})
        try:
            place.run(SCRIPTS / "build-image", "all")
            yield place
        finally:
            remove(place, [image_name(place, image) for image in dockerfiles])


def image_name(place: Place, image: str) -> str:
    """Give the name of an image without its tag."""
    return f"{place.folder.name}-{image}"


def write_project(root: Path, dockerfiles: Mapping[str, str]) -> None:
    """Write the files of the project."""
    for image, steps in dockerfiles.items():
        folder = root / "docker" / image
        folder.mkdir(parents=True)
        text = steps.replace("{project}", root.name).replace("{user}", USER)
        (folder / "Dockerfile").write_text(text)
        (folder / "notes.txt").write_text(f"{image}\n" * 1000)
    (root / "docker" / "dockerutils.cfg").write_text(CONFIG)


def remove(place: Place, names: list[str]) -> None:
    """Remove the images, those that lost their names as well, and what containers are left."""
    images = {image for name in names for image in images_of(place, name)}
    filters = [word for image in images for word in ("--filter", f"ancestor={image}")]
    containers = place.run("docker", "ps", "--all", "--quiet", *filters).split() if filters else []
    if containers:
        place.run("docker", "rm", "--force", *containers)
    if images:
        place.run("docker", "image", "rm", "--force", *sorted(images))


def images_of(place: Place, name: str) -> list[str]:
    """Give the IDs of what was built as this image, by us or by the seed, which sets no label."""
    listing = ("docker", "image", "ls", "--no-trunc", "--quiet", "--filter")
    by_label = place.run(*listing, f"label={LABEL}={name}").split()
    return by_label + place.run(*listing, f"reference={name}").split()


def printed_commands(script: str) -> list[list[str]]:
    """Give the docker commands among the lines of a dry run's script, or of our talk, as words."""
    return [shlex.split(text) for text in script.splitlines() if text.startswith("docker ")]
