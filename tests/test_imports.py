"""What a command loads on its way: nothing that costs more than the command itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from projects import Projects

ROOT = Path(__file__).resolve().parents[1]

# None of these is needed to print a help or a plan; typer brings some of them along if it may.
HEAVY = frozenset(
    {
        "asyncio",
        "boto3",
        "botocore",
        "click",
        "cryptography",
        "docker",
        "email",
        "http.client",
        "importlib.metadata",
        "importlib.resources",
        "logging",
        "multiprocessing",
        "paramiko",
        "pkg_resources",
        "pydantic",
        "pygments",
        "requests",
        "rich",
        "socket",
        "sqlite3",
        "ssl",
        "unittest",
        "urllib.request",
        "urllib3",
        "xml",
        "zipfile",
    }
)

# Starts a command as its script does, and tells on the last line of standard error what is loaded.
PROBE = """
import atexit, sys
sys.argv = sys.argv[1:]
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
from dockerutils.__main__ import main
main()
"""


def loaded_by(folder: Path, *words: str) -> set[str]:
    """Run a command that has to succeed, and give the modules that it had loaded at its end."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *words],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


COMMANDS = (
    "dockerutils --help",
    "build-image --help",
    "run-image --help",
    "dockerutils build-image --help",
    "dockerutils build-image app --dry-run",
    "build-image all --dry-run",
    "run-image app --dry-run -- true",
    "dockerutils show app",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_loads_nothing_heavy(projects: Projects, command: str) -> None:
    folder = projects.images("base", "app", config="[app]\nenvironment=-e MODE=dev\n")
    loaded = loaded_by(folder, *command.split())

    assert "typer" in loaded
    assert not HEAVY & loaded


def test_a_heavy_module_would_be_noticed(projects: Projects) -> None:
    """The version is asked of importlib.metadata, and that is why it is not asked otherwise."""
    loaded = loaded_by(projects.images("app"), "dockerutils", "--version")

    assert "importlib.metadata" in HEAVY & loaded


def test_parsing_a_command_line_does_not_load_pydantic(projects: Projects) -> None:
    """From 0.29 on, typer checks values with pydantic, which takes longer to load than all else."""
    words = ("-t", "1.2", "--build-arg", "A=1", "--no-cache", "--dry-run")
    loaded = loaded_by(projects.images("app"), "dockerutils", "build-image", "app", *words)

    assert "pydantic" not in loaded


def test_the_versions_of_typer_that_load_pydantic_are_ruled_out() -> None:
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    (requirement,) = (line.strip(' ",') for line in lines if line.startswith('    "typer'))
    expected = "typer>=0.26,<0.29"

    assert expected == requirement
