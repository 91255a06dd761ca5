"""Projects with a virtualenv, whose images a real engine gets: what is in them, and what it says.

The virtualenv is made by Python's own venv; its distributions are written by hand.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from engines import Engine, RealProject, RealProjects
from own_engines import missing
from projects import Result
from pulled import small_base
from virtualenvs import MadeVirtualenv

from dockerutils.sinks.archive import FileSink

BASE_VERSION = "3.11"  # of the Python in the stand-in
APP = """\
[image.app]
type = "venv"
base = "python:3.11-slim"
project = ["src:/app"]
image_cmd = ["python", "-m", "shop"]
"""
# The same on a base that has nothing but `cat` to run.
SMALL = """\
[image.app]
type = "venv"
base = "<base>"
project = ["src:/app"]
image_cmd = ["cat", "/app/greeting"]
interactive = false
"""
# What runs in a container of the image tells all that the tests ask for.
TELLS = """\
import json, os, sys, acme.bread, acme.soup, menu, till
print(json.dumps({
    "argv": sys.argv[1:], "prefix": sys.prefix, "file": __file__, "folder": os.getcwd(),
    "user": os.getuid(), "prices": menu.PRICES, "namespace": [acme.soup.NAME, acme.bread.NAME],
    "receipt": till.receipt(), "environ": dict(os.environ), "path": sys.path,
}))
"""
SOURCES = {"src/shop/__init__.py": "", "src/shop/__main__.py": TELLS}
TILL = """\
import pathlib, sys
def receipt():
    return (pathlib.Path(sys.prefix) / "share/till/receipt.txt").read_text()
def main():
    print("till", sys.prefix, sys.argv[0])
"""


@dataclass(frozen=True)
class Shops:
    """Makes such projects."""

    projects: RealProjects
    python: str

    def make(
        self, config: str = APP, files: Mapping[str, str] | None = None, name: str = ""
    ) -> RealProject:
        """Write a project with a filled virtualenv in `.venv`."""
        own = {"docker/dockerutils.toml": config, **SOURCES, **(files or {})}
        project = self.projects.make(own, name)
        self.fill(project.root / ".venv")
        return project

    def small(self, base: str) -> RealProject:
        """Write a project whose image shows a greeting, on a small base."""
        return self.make(SMALL.replace("<base>", base), {"src/greeting": "hello\n"})

    def small_base(self, folder: Path) -> str:
        """Have the engine load the small base; gives its name."""
        name = f"base-{self.projects.suffix}:{self.projects.mark}"
        FileSink(folder / "loaded.tar", name).put(small_base())
        Engine(self.projects.line.environ).docker("load", "--input", f"{folder}/loaded.tar")
        return name

    def empty(self, root: Path, *options: str) -> MadeVirtualenv:
        """Make a virtualenv with nothing in it."""
        words = [self.python, "-m", "venv", "--without-pip", *options, os.fspath(root)]
        subprocess.run(words, check=True)
        return MadeVirtualenv(root, BASE_VERSION)

    def fill(self, root: Path) -> MadeVirtualenv:
        """Make a virtualenv: a large distribution, a namespace of two, a script, a data file."""
        venv = self.empty(root)
        prices = "PRICES = {'soup': 4}\n"
        venv.add("menu", {"menu/__init__.py": prices, "menu/photos.bin": "photo" * 400_000})
        venv.add("acme-soup", {"acme/soup.py": "NAME = 'soup'\n"})
        venv.add("acme-bread", {"acme/bread.py": "NAME = 'bread'\n"})
        receipt, script = "share/till/receipt.txt", "bin/till"
        venv.write({receipt: "thank you", script: script_of(root)})
        listed = [f"../../../{path}" for path in (receipt, script)]
        venv.add("till", {"till.py": TILL}, listed=listed)
        subprocess.run([self.python, "-m", "compileall", "-q", venv.site], check=True)
        return venv


def script_of(root: Path) -> str:
    """Write what pip writes for an entry point."""
    return f"#!{root}/bin/python\nimport sys\nfrom till import main\nsys.exit(main())\n"


def python_of_base(request: pytest.FixtureRequest) -> str:
    """Give a Python of this machine that makes virtualenvs for the stand-in."""
    found = shutil.which(f"python{BASE_VERSION}", path=f"/usr/bin:{os.environ['PATH']}")
    if f"{sys.version_info[0]}.{sys.version_info[1]}" == BASE_VERSION:
        found = sys.executable
    if found is None:
        missing(request, f"there is no Python {BASE_VERSION} here, as the stand-in has it.")
    return found


def told(project: RealProject, *words: str, image: str = "app") -> dict[str, Any]:
    """Run an image of such a project; gives what its program tells."""
    done = project.run(image, *words)
    assert done.status == 0, done.err
    answer: dict[str, Any] = json.loads(done.out)
    return answer


def error_of(done: Result) -> str:
    """Give what a command that failed says of it, at the end of all; there is one error."""
    assert done.status
    assert "Traceback" not in done.err
    before, _, said = f"\n{done.err}".partition("\ndockerutils: ")
    assert said, before
    assert "\ndockerutils: " not in said
    assert not said[0].isupper()
    return said


def state_of(*roots: Path) -> dict[str, tuple[object, ...]]:
    """Give what can be seen of all files below some folders: status, times, content."""
    found: dict[str, tuple[object, ...]] = {}
    for root in roots:
        for path in (root, *root.rglob("*")):
            status = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            link = str(path.readlink()) if path.is_symlink() else ""
            kept = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            found[os.fspath(path)] = (*kept, status.st_ino, status.st_uid, link, content)
    return found


def changed(project: RealProject, path: str, old: str, new: str) -> None:
    """Change a file of a project."""
    file = project.root / path
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@dataclass(frozen=True)
class Docker:
    """A program `docker` that stands before docker's own, and notes what is asked of it.

    `instead` are lines of sh that come first; `$1` is docker's command, `$docker` its own program.
    """

    folder: Path
    instead: str = ""

    @property
    def path(self) -> str:
        """The PATH on which it is the first."""
        program = self.folder / "docker"
        if not program.exists():
            self.folder.mkdir(exist_ok=True)
            own = shutil.which("docker")
            lines = ["#!/bin/sh", f"docker={own}", f'echo "$*" >>{self.folder}/asked', self.instead]
            program.write_text("\n".join([*lines, 'exec "$docker" "$@"\n']))
            program.chmod(0o755)
        return f"{self.folder}{os.pathsep}{os.environ['PATH']}"

    def asked(self) -> list[str]:
        """Give the commands that were started, without their arguments."""
        lines = (self.folder / "asked").read_text().splitlines()
        return [line.split()[0] for line in lines]
