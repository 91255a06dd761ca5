"""What every test can use: projects, the command line, the guard, and the real engine."""

from __future__ import annotations

import os
import socket
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from projects import CommandLine, Projects
from terminals import Terminals

GUARDED_PROGRAMS = ("docker", "ssh", "scp", "rsync", "aws", "curl")
STAND_IN = "dockerutils-standin/python:3.11-slim"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-real",
        action="store_true",
        help="fail where the engine or another real component is missing, instead of skipping",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the real tests last: the quick ones tell most."""
    items.sort(key=lambda item: item.get_closest_marker("real") is not None)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """The environment of commands under test: no setting of the developer's own leaks in."""
    keep = ("PATH", "LANG", "DOCKER_HOST", "DOCKER_CONFIG", "SSL_CERT_FILE", "TERM")
    home = tmp_path / "home"
    home.mkdir()
    own = {name: os.environ[name] for name in keep if name in os.environ}
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
    """The Docker engine; gives the tag that marks all that this run of the suite makes on it."""
    answer = subprocess.run(
        ["docker", "version", "--format", "{{.Server.Version}}"], capture_output=True, text=True
    )
    if answer.returncode:
        missing(request, f"no Docker engine answers: {answer.stderr.strip()}")
    mark = f"test-{uuid.uuid4().hex[:8]}"
    yield mark
    remove_marked(mark)


@pytest.fixture
def engine_line(
    request: pytest.FixtureRequest, environ: dict[str, str], real_engine: str
) -> CommandLine:
    """The commands on the real engine; images get the mark as their tag, as the user's name."""
    there = subprocess.run(["docker", "image", "inspect", STAND_IN], capture_output=True)
    if there.returncode:
        missing(request, f"the image {STAND_IN} is missing: run bin/stand-in")
    substitute = f"python:3.11-slim={STAND_IN}"
    return CommandLine({**environ, "LOGNAME": real_engine, "DOCKERUTILS_SUBSTITUTE": substitute})


@pytest.fixture
def terminals(engine_line: CommandLine) -> Iterator[Terminals]:
    """Commands on a real terminal, ended with the test."""
    opened = Terminals(engine_line.environ)
    yield opened
    opened.close()


def missing(request: pytest.FixtureRequest, what: str) -> None:
    """Skip for want of a component, or fail where everything has to be real."""
    if request.config.getoption("--require-real"):
        pytest.fail(what)
    pytest.skip(what)


def remove_marked(mark: str) -> None:
    """Remove the containers and images of one run of the suite."""
    form = ("--format", "{{.ID}} {{.Image}} {{.Names}}")
    listed = docker_output("ps", "--all", *form).splitlines()
    containers = [line.split()[0] for line in listed if mark in line]
    if containers:
        docker_output("rm", "--force", *containers)
    images = docker_output("images", "--format", "{{.Repository}}:{{.Tag}}").splitlines()
    marked = [image for image in images if mark in image]
    if marked:
        docker_output("image", "rm", "--force", *marked)


def docker_output(*words: str) -> str:
    """Give what a docker command writes."""
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=False).stdout
