"""bin/quickstart, the first command of a newcomer."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from engines import RealProject, RealProjects
from own_engines import missing

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


@pytest.fixture(scope="module")
def without_engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A copy of the checkout on a machine where no engine can be had."""
    if not shutil.which("mmdebstrap"):
        missing(request, "mmdebstrap is missing: bin/test installs it")
    copy = tmp_path_factory.mktemp("quickstart") / "checkout"
    shutil.copytree(CHECKOUT, copy, ignore=STAYS)
    (copy / "bin" / "engine").write_text("#!/bin/sh\necho there is none >&2\nexit 1\n")
    return copy


@pytest.mark.parametrize("words", [["--no-engine"], ["--yes"]])
def test_without_an_engine_it_makes_an_archive_and_runs_what_is_in_it(
    without_engine: Path, words: list[str]
) -> None:
    cache = str(CHECKOUT / ".cache" / "debian")  # as in test_debian_image
    done = subprocess.run(
        [str(without_engine / "bin" / "quickstart"), *words],
        cwd=without_engine.parent,
        env={**os.environ, "XDG_CACHE_HOME": cache, "LOGNAME": "alice"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
    )

    assert done.returncode == 0, done.stderr
    assert "Today: soup 4 fish &amp; chips 9" == done.stdout.splitlines()[0]
    assert "docker load --input .cache/bistro.tar" in done.stdout
    assert ("there is none" in done.stderr) is ("--no-engine" not in words)
    assert "layers, all as their digests say" in done.stderr
    with tarfile.open(without_engine / ".cache" / "bistro.tar") as archive:
        assert {"oci-layout", "index.json", "manifest.json"} <= set(archive.getnames())
