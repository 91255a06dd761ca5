"""What every test can use: projects, the command line, the guard, and the real engine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from engines import STAND_IN, RealProjects
from own_engines import missing, own_engine
from projects import CommandLine, Projects
from terminals import Terminals

if TYPE_CHECKING:
    from dockyards import Dockyard

GUARDED_PROGRAMS = ("docker", "ssh", "scp", "rsync", "aws", "curl")
KEPT = ("PATH", "LANG", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "SSL_CERT_FILE", "TERM")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-real",
        action="store_true",
        help="fail where the engine or another real component is missing, instead of skipping",
    )


def pytest_configure() -> None:
    """Clean up also where the suite is ended by a signal, as after Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the real tests last: the quick ones tell most."""
    items.sort(key=lambda item: item.get_closest_marker("real") is not None)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """The environment of commands under test: no setting of the developer's own leaks in."""
    home = tmp_path / "home"
    home.mkdir()
    own = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**own, "HOME": str(home), "LOGNAME": "alice"}


@pytest.fixture(autouse=True)
def guard(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Fail a test that reaches docker, ssh or a network without the marker `real`."""
    if request.node.get_closest_marker("real"):
        yield
        return
    folder = tmp_path_factory.mktemp("guard")
    reached = folder / "reached"
    for program in GUARDED_PROGRAMS:
        stub = folder / program
        stub.write_text(f'#!/bin/sh\necho "{program} $*" >>{reached}\nexit 97\n')
        stub.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        patch.setattr(socket.socket, "connect", refuse_connection)
        yield
    if reached.exists():
        pytest.fail(f"without the marker `real`, the test started: {reached.read_text()}")


def refuse_connection(_socket: socket.socket, address: object) -> None:
    pytest.fail(f"without the marker `real`, the test connected to {address}")


@pytest.fixture
def projects(tmp_path: Path) -> Projects:
    """A maker of projects in a temporary folder."""
    return Projects(tmp_path)


@pytest.fixture
def command_line(environ: dict[str, str], guard: None) -> CommandLine:
    """The commands as a user starts them, each a process of its own."""
    return CommandLine({**environ, "PATH": os.environ["PATH"]})


@pytest.fixture(scope="session")
def real_engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """The Docker engine; gives the mark, a tag that all has that this run of the suite makes."""
    answer = subprocess.run(
        ["docker", "version", "--format", "{{.Server.Version}}"], capture_output=True, text=True
    )
    if answer.returncode:
        missing(request, f"no Docker engine answers: {answer.stderr.strip()}")
    there = subprocess.run(["docker", "image", "inspect", STAND_IN], capture_output=True)
    if there.returncode:
        missing(request, f"the image {STAND_IN} is missing: run bin/stand-in")
    mark = f"test-{uuid.uuid4().hex[:8]}"
    yield mark
    remove_marked(mark)


@pytest.fixture(scope="session")
def engine_line(real_engine: str, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """The commands on the real engine; images get the mark as their tag, as the user's name."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    settings = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    if settings.is_dir():  # docker's plugins and contexts may be there, and only there
        kept["DOCKER_CONFIG"] = str(settings)
    own = {
        "HOME": str(tmp_path_factory.mktemp("home")),
        "LOGNAME": real_engine,
        "DOCKERUTILS_SUBSTITUTE": f"python:3.11-slim={STAND_IN}",
    }
    return CommandLine({**kept, **own})


@pytest.fixture(scope="session")
def real_projects(
    engine_line: CommandLine, real_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> RealProjects:
    """A maker of projects whose images are really built."""
    return RealProjects(tmp_path_factory.mktemp("real"), engine_line, real_engine)


@pytest.fixture(scope="session")
def private_engine(request: pytest.FixtureRequest, real_engine: str) -> Iterator[str]:
    """An engine of this run's own, on a small disk in memory; gives its DOCKER_HOST."""
    with own_engine(request, "192m", ENGINE_ARGS="--bridge=none --iptables=false") as engine:
        yield engine.host


@pytest.fixture(scope="session")
def dockyard(request: pytest.FixtureRequest, real_engine: str) -> Iterator[Dockyard]:
    """A user with docks: machines with sshd and engines of their own, started when wanted."""
    from dockyards import lacking_for_docks, open_dockyard  # noqa: PLC0415  # few tests need it

    lack = lacking_for_docks()
    if lack:
        missing(request, lack)
    with open_dockyard() as yard:
        yield yard


@pytest.fixture
def clean_dockyard(dockyard: Dockyard) -> Iterator[Dockyard]:
    """The dockyard, whose user has no docks and no processes before a test and after it."""
    dockyard.forget()
    yield dockyard
    dockyard.forget()


@pytest.fixture
def terminals(engine_line: CommandLine) -> Iterator[Terminals]:
    """Commands on a real terminal, ended with the test."""
    opened = Terminals(engine_line.environ)
    yield opened
    opened.close()


def remove_marked(mark: str) -> None:
    """Remove what one run of the suite left: containers, images, and images that lost their name.

    All of it has the mark in its name, or at least the mark's number.
    """
    number = mark.removeprefix("test-")
    containers = listed("ps --all --format", "{{.ID}} {{.Image}} {{.Names}}", number)
    if containers:
        docker_output("rm", "--force", "--volumes", *(line.split()[0] for line in containers))
    images = listed("images --format", "{{.Repository}}:{{.Tag}}", number)
    if images:
        docker_output("image", "rm", "--force", *images)
    nameless = docker_output("images", "--quiet", "--filter", "dangling=true").split()
    form = '{{.Id}} {{index .Config.Labels "dockerutils.image"}}'
    lost = listed(f"image inspect {' '.join(nameless)} --format", form, number) if nameless else []
    if lost:
        docker_output("image", "rm", *(line.split()[0] for line in lost))


def listed(words: str, form: str, part: str) -> list[str]:
    """Give the lines with a text among those that a docker command lists."""
    lines = docker_output(*words.split(), form).splitlines()
    return [line for line in lines if part in line]


def docker_output(*words: str) -> str:
    """Give what a docker command writes."""
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=False).stdout
