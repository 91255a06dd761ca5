"""How planning grows with the project: reading it, ordering its images, making the commands."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measurement import Case, Group, Target
from benchmarks.processes import SCRIPTS, Place
from dockerutils.build import build_images
from dockerutils.build_options import BuildOptions
from dockerutils.dry_runner import DryRunner
from dockerutils.engine import NoEngine
from dockerutils.session import Session
from dockerutils.startup import open_project
from dockerutils.terminal import Terminal

SIZES = (20, 200, 2000)
TARGETS = {200: (Target(0.5),)}
CHILDREN = 4  # images that stand on the same one

DOCKERFILE = """\
# image {number}
FROM {parent} AS builder
ARG VERSION={number}
WORKDIR /src/{number}
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt

FROM {parent}
COPY --from=builder /src/{number} /srv
{other}
CMD ["python", "-m", "service_{number}"]
"""
SECTION = """\
[{name}]
volumes = -v {{project_root}}:/workdir -v {{home}}/.aws:/root/.aws
ports = -p {port}:8000
environment = -e MODE=dev -e NUMBER={number}
build_args = --build-arg VERSION={number}
cmd = python -m service_{number}

"""


@contextmanager
def groups(sizes: Iterable[int] = SIZES) -> Iterator[list[Group]]:
    """Give the cases: the planning alone, and the whole command that prints the plan."""
    with tempfile.TemporaryDirectory() as folder:
        places = {size: Place(write_project(Path(folder), size)) for size in sizes}
        yield [
            Group("plan, in process", tuple(planning(*one) for one in places.items())),
            Group("plan, whole command", tuple(printing(*one) for one in places.items())),
        ]


def planning(size: int, place: Place) -> Case:
    """Give the case of planning inside this process."""
    return Case(f"plan {size} images", lambda: plan(place.folder), TARGETS.get(size, ()), size)


def printing(size: int, place: Place) -> Case:
    """Give the case of a dry run."""
    words = (SCRIPTS / "build-image", "all", "--dry-run")
    return Case(f"build-image all --dry-run, {size} images", lambda: place.run(*words), items=size)


def plan(root: Path) -> str:
    """Read a project anew and give the commands that build all of it."""
    terminal = Terminal(io.StringIO(), io.StringIO())
    session = Session(
        project=open_project(root, user="alice", home="/home/alice"),
        runner=DryRunner(terminal, root),
        engine=NoEngine(),
        environ={},
        terminal=terminal,
        here=root,
        dry=True,
    )
    build_images(session, ("all",), BuildOptions())
    return terminal.out.getvalue() if isinstance(terminal.out, io.StringIO) else ""


def write_project(folder: Path, size: int) -> Path:
    """Write a project of so many images: a tree, in which every fifth copies from another one."""
    root = folder / f"shop{size}"
    sections = []
    for number in range(size):
        home = root / "docker" / name_of(number)
        home.mkdir(parents=True)
        (home / "Dockerfile").write_text(dockerfile(root.name, number))
        section = SECTION.format(name=name_of(number), number=number, port=8000 + number)
        sections.append(section)
    (root / "docker" / "dockerutils.cfg").write_text("".join(sections))
    return root


def dockerfile(project: str, number: int) -> str:
    """Give the Dockerfile of one image; the first stands on Python's."""
    parent = f"{project}-{name_of((number - 1) // CHILDREN)}" if number else "python:3.11-slim"
    copied = f"COPY --from={project}-{name_of(number // 2)} /srv /opt/other"
    other = copied if number and number % 5 == 0 else "RUN true"
    return DOCKERFILE.format(number=number, parent=parent, other=other)


def name_of(number: int) -> str:
    """Name an image; names are not in the order of building."""
    return f"image-{number * 7919 % 10007:05}"
