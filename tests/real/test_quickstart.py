"""bin/quickstart, the first command of a newcomer."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from engines import RealProject, RealProjects

pytestmark = pytest.mark.real

CHECKOUT = Path(__file__).parent.parent.parent
STAYS = shutil.ignore_patterns(".git", ".cache", "*_cache", "__pycache__", "*.egg-info")


def test_it_builds_and_runs_the_example_and_shows_the_result(
    real_projects: RealProjects, tmp_path: Path
) -> None:
    """In a copy of the checkout, so that the environment that runs this suite stays as it is."""
    copy = tmp_path / "checkout"
    shutil.copytree(CHECKOUT, copy, ignore=STAYS)
    mine = RealProject(copy / "examples" / "hello", real_projects.line, real_projects.mark)
    environ = {name: text for name, text in os.environ.items() if name != "DOCKERUTILS_SUBSTITUTE"}

    done = subprocess.run(
        [str(copy / "bin" / "quickstart"), "--yes"],
        cwd=tmp_path,
        env={**environ, "LOGNAME": mine.mark},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
    )

    assert done.returncode == 0, done.stderr
    assert "Hello, world!" in done.stdout.splitlines()
    assert "Traceback" not in done.stderr
    assert mine.has("app")
    mine("build-image", "clean")
