"""The guard itself: a test without the marker cannot reach the outside."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CASE = """
import socket, subprocess

def test_{name}():
    {line}
"""


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("docker", "subprocess.run(['docker', 'ps'])"),
        ("ssh", "subprocess.run(['ssh', 'nowhere'])"),
        ("shell", "subprocess.run('docker ps || true', shell=True)"),
        ("network", "socket.create_connection(('127.0.0.1', 9))"),
    ],
)
def test_a_test_without_the_marker_fails_when_it_reaches_out(
    pytester: pytest.Pytester, name: str, line: str
) -> None:
    outcome = run_case(pytester, CASE.format(name=name, line=line))

    assert outcome.ret != 0
    outcome.stdout.fnmatch_lines(["*without the marker `real`*"])


def test_a_test_that_stays_inside_passes(pytester: pytest.Pytester) -> None:
    outcome = run_case(pytester, CASE.format(name="quiet", line="subprocess.run(['true'])"))

    outcome.assert_outcomes(passed=1)


def run_case(pytester: pytest.Pytester, text: str) -> pytest.RunResult:
    here = Path(__file__).parent
    for module in (
        "conftest.py",
        "engines.py",
        "own_engines.py",
        "processes.py",
        "projects.py",
        "terminals.py",
    ):
        pytester.makepyfile(**{module.removesuffix(".py"): (here / module).read_text()})
    pytester.makepyfile(test_case=text)
    return pytester.runpytest_subprocess("-p", "no:cacheprovider")


def test_the_guard_stands_before_the_real_docker() -> None:
    found = subprocess.run(["sh", "-c", "command -v docker"], capture_output=True, text=True)

    assert "guard" in found.stdout
