"""sync-up and sync-down without any option: the quick way, and what is left to the whole one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from projects import Projects

from dockerutils.sync_line import quick_sync

HEAVY = ("typer", "docker", "boto3", "paramiko", "dockerutils.config.model", "dockerutils.engine")
DOCKED = {"DOCKER_IP": "10.0.0.1", "DOCK_MONIKER": "gpu"}


@pytest.mark.parametrize(
    ("verb", "words", "environ"),
    [
        ("sync-up", ["gpu", "--dry-run"], {}),
        ("sync-up", ["--json"], DOCKED),
        ("sync-up", ["-h"], DOCKED),
        ("sync-up", ["a", "b"], {}),
        ("sync-up", [], {}),
        ("sync-up", [""], DOCKED),
        ("sync-down", [], {"DOCK_MONIKER": "gpu"}),
        ("ps", [], DOCKED),
    ],
)
def test_what_is_not_plain_is_left_to_the_whole_command_line(
    verb: str, words: list[str], environ: dict[str, str]
) -> None:
    assert quick_sync(verb, words, environ, verb) is None


@pytest.mark.parametrize(
    ("words", "environ", "name"),
    [
        (["cpu"], DOCKED, "cpu"),
        ([], DOCKED, "gpu"),
        ([], {"DOCKER_IP": "10.0.0.1"}, "10.0.0.1"),
        (["evil\x1b[2J"], {}, "evil"),
    ],
)
def test_a_dock_that_is_not_there_is_one_sentence(
    projects: Projects,
    words: list[str],
    environ: dict[str, str],
    name: str,
) -> None:
    root = projects.images("dev")
    around = {**environ, "HOME": str(root.parent), "PWD": str(root), "LOGNAME": "alice"}
    script = (
        "import sys; from dockerutils.sync_line import quick_sync;"
        f"sys.exit(quick_sync('sync-up', {words!r}, {around!r}, 'sync-up'))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True)

    assert 1 == done.returncode
    assert f"sync-up: there is no dock {name}.\n" in done.stderr


def test_a_folder_without_a_project_is_one_sentence(tmp_path: Path) -> None:
    around = {"HOME": str(tmp_path), "PWD": str(tmp_path), "LOGNAME": "alice"}
    script = (
        "import sys; from dockerutils.sync_line import quick_sync;"
        f"sys.exit(quick_sync('sync-up', ['gpu'], {around!r}, 'sync-up'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True
    )

    assert (2, "sync-up: there is no docker/ folder in") == (done.returncode, done.stderr[:38])


def test_nothing_heavy_is_loaded() -> None:
    script = f"import sys, dockerutils.sync_line; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert "[]\n" == done.stdout, done.stderr
