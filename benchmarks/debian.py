"""A base from Debian packages: installed anew, beside the same mmdebstrap by itself; and kept."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measurement import Case, Group, Target
from benchmarks.processes import SCRIPTS, Place
from dockerutils.debian.bootstrap import roomy_folder

CONFIG = """\
name = "benchmark"

[image.os]
type = "debian"
packages = ["python3"]
documentation = false
locales = false
"""
BUILD = (SCRIPTS / "build-image", "os", "--output", "os.tar")
OURS = "build-image --output os.tar"
FRESH = (Target(1.2, "ratio"),)
KEPT = (Target(1),)
MOST_RUNS = 3  # half a minute each


@contextmanager
def groups() -> Iterator[list[Group]]:
    """Give the cases of an installation, and those of a tree that was kept."""
    with tempfile.TemporaryDirectory() as folder:
        place = project(Path(folder).resolve())
        bare = f"{installation(place)} >bare.tar"
        yield [
            Group(
                "debian, installed anew",
                (
                    Case("mmdebstrap, the same options", lambda: place.run("sh", "-c", bare)),
                    Case(f"{OURS} --no-cache", lambda: place.run(*BUILD, "--no-cache"), FRESH),
                ),
                MOST_RUNS,
            ),
            Group(
                "debian, kept",
                (
                    Case("cp bare.tar copy.tar", lambda: place.run("cp", "bare.tar", "copy.tar")),
                    Case(OURS, lambda: place.run(*BUILD), KEPT),
                ),
            ),
        ]


def project(folder: Path) -> Place:
    """Write a project with one image, and give it a cache of its own."""
    root = folder / "benchmark"
    (root / "docker").mkdir(parents=True)
    (root / "docker" / "dockerutils.toml").write_text(CONFIG)
    temporary = roomy_folder() or os.environ.get("TMPDIR", "/tmp")
    cache = {"XDG_CACHE_HOME": str(folder / "cache"), "TMPDIR": temporary}
    return Place(root, {"LOGNAME": "benchmark", **cache})


def installation(place: Place) -> str:
    """Give the command line that installs the packages, as it is printed."""
    script = place.run(SCRIPTS / "build-image", "os", "--dry-run")
    return script.splitlines()[-1].partition(" | docker import ")[0]
