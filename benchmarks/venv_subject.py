"""What becomes an image: a small web project of some thirty files, and the venv that it needs.

The venv is that of lock/requirements.txt: 104 distributions, 950 MB, from wheels only. The lock was
made from requirements.in beside it, by `uv pip compile --python-version 3.11 --python-platform
x86_64-manylinux_2_28 --only-binary :all: --no-annotate --no-header`.
"""

from __future__ import annotations

import re
import secrets
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.processes import ROOT, Place

LOCK = ROOT / "benchmarks" / "lock" / "requirements.txt"
UV_RELEASE = "0.13.9"
UV_VENV = ROOT / ".cache" / f"uv-{UV_RELEASE}"
UV = UV_VENV / "bin" / "uv"
PYTHONS = ("/usr/bin/python3.11", "/usr/local/bin/python3.11", "python3.11")

# A distribution of one file that everything agrees with: one version after the other is taken.
SMALL = "six"
VERSIONS = tuple(f"1.{minor}.0" for minor in range(16, 8, -1))

ROUTES = 24
MAIN = """\
'''The application: its routes, and what they need.'''

import importlib

import boto3
import celery
import httpx
import jinja2
import matplotlib.figure
import numpy
import pandas
import requests
import scipy.stats
import sklearn.linear_model
import sqlalchemy.orm
from fastapi import FastAPI

from shop.settings import Settings

settings = Settings()
app = FastAPI(title=settings.title)
for number in range({routes}):
    app.include_router(importlib.import_module(f"shop.routes.route{{number:02}}").router)
"""
SETTINGS = """\
'''What the environment says.'''

from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    title: str = "shop"
    pages: int = 20
"""
ROUTE = """\
'''The route {number}.'''

from fastapi import APIRouter
from pydantic import BaseModel

router = APIRouter(prefix="/{number}")


class Item{number}(BaseModel):
    name: str
    price: float


@router.get("/")
def items() -> list[Item{number}]:
    return [Item{number}(name=f"item {{one}}", price={number} * one) for one in range(20)]
"""
START = """\
'''Start the application, print the CPU seconds that this took, and end.'''

import resource

from shop.main import app

assert len(app.routes) > {routes} // 4, app.routes
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime)
"""


class Subject:
    """The files of one side: its own copy of the project and of the lock."""

    def __init__(self, root: Path, source: str, versions: Iterable[str] = VERSIONS) -> None:
        """Write the project into the folder `source` of a new folder `root`."""
        self.lock = root / "requirements.txt"
        self.source = root / source
        self._versions: Iterator[str] = iter(versions)
        write_project(self.source)
        shutil.copy(LOCK, self.lock)

    def change_code(self) -> None:
        """Change one line of one module."""
        module = self.source / "shop" / "settings.py"
        text = re.sub(
            r'title: str = ".*"', f'title: str = "{secrets.token_hex(4)}"', module.read_text()
        )
        module.write_text(text)

    def change_lock(self) -> None:
        """Take a version of the small distribution that was not taken yet."""
        version = next(self._versions, "")
        if not version:
            raise SystemExit(f"{SMALL} has no more versions for so many runs")
        self.lock.write_text(with_version(self.lock.read_text(), version))


def with_version(lock: str, version: str) -> str:
    """Give the lock with another version of the small distribution."""
    return re.sub(rf"(?m)^{SMALL}==.*$", f"{SMALL}=={version}", lock)


def write_project(folder: Path) -> None:
    """Write the package `shop` into a folder."""
    routes = {
        f"routes/route{number:02}.py": ROUTE.format(number=number) for number in range(ROUTES)
    }
    files = {
        "__init__.py": "'''A shop.'''\n",
        "main.py": MAIN.format(routes=ROUTES),
        "settings.py": SETTINGS,
        "start.py": START.format(routes=ROUTES),
        "routes/__init__.py": "'''The routes.'''\n",
        **routes,
    }
    for name, text in files.items():
        path = folder / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def install_uv() -> None:
    """Install uv unless it is there, in a venv of its own."""
    if UV.exists():
        return
    here = Place()
    here.run(sys.executable, "-m", "venv", UV_VENV)
    options = ("--quiet", "--disable-pip-version-check", "--only-binary", ":all:")
    here.run(UV_VENV / "bin" / "pip", "install", *options, f"uv=={UV_RELEASE}")


def find_python() -> str:
    """Give the Python that venvs are made with: the minor version of the base image's."""
    found = next(filter(None, map(shutil.which, PYTHONS)), None)
    if not found:
        raise SystemExit("There is no python3.11, which the base image has, for the venv.")
    return found


def make_venv(place: Place, venv: Path) -> None:
    """Make an empty venv."""
    place.run(UV, "venv", "--quiet", "--python", find_python(), venv)


def install_lock(place: Place, venv: Path, lock: Path, compiled: bool = True) -> None:
    """Have a venv hold what the lock says, with bytecode, as an image has it, or without."""
    bytecode = ("--compile-bytecode",) if compiled else ()
    options = ("--quiet", "--python", venv / "bin" / "python", *bytecode)
    place.run(UV, "pip", "install", *options, "--requirement", lock)
