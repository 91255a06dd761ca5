"""What is planned for a project: the cases of plans/*.toml, each a dry run."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from inside import Inside
from projects import Projects
from virtualenvs import make_virtualenv

from dockerutils.project import Project

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PLANS = sorted((Path(__file__).parent / "plans").glob("*.toml"))
OWN = re.compile(
    r"--name [\w.-]+-[0-9a-f]{6} --label dockerutils\.run=[0-9a-f]{12}/alice"
    r" --label ('dockerutils\.run\.image=[^']*'|dockerutils\.run\.image=\S+)"
)
# What has a virtualenv know its new place; the real tests look at that.
MOVING = re.compile(r"'RUN grep .*?pyvenv\.cfg'")


def cases() -> list[Any]:
    """Read the cases; what stands outside of [[case]] holds for all of a file."""
    found = []
    for path in PLANS:
        plans = tomllib.loads(path.read_text())
        common = {key: value for key, value in plans.items() if key != "case"}
        for case in plans["case"]:
            images = {**common.get("images", {}), **case.get("images", {})}
            says = f"{path.stem}: {case['says']}"
            found.append(pytest.param({**common, **case, "images": images}, id=says))
    return found


def make(projects: Projects, case: Mapping[str, Any]) -> Path:
    """Make the project of a case."""
    files = {f"docker/{name}/Dockerfile": text for name, text in case["images"].items()}
    files |= case.get("files", {})
    if "config" in case:
        files["docker/dockerutils.cfg"] = case["config"]
    root = projects.make(files, case.get("project", "shop"))
    for folder in case.get("virtualenvs", []):
        make_virtualenv(root / folder)
    return root


@pytest.mark.parametrize("case", cases())
def test_the_plan_is_as_written(
    case: Mapping[str, Any],
    projects: Projects,
    environ: dict[str, str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    root = make(projects, case)
    inside = Inside(environ, capfd)
    verb, *words = shlex.split(case["arguments"])
    folder, environment = root / case.get("folder", ""), case.get("environment", {})
    result = inside(folder, verb, "--dry-run", *words, **environment)

    mark = Project(root, "alice", "").mark
    texts = [OWN.sub("...", line) for line in result.commands]
    lines = [MOVING.sub("MOVING", text.replace(str(root), "ROOT")) for text in texts]
    lines = [text.replace(mark, "MARK") for text in lines]
    mine = f"{os.getuid()}:{os.getgid()}"
    expected = [line.strip().replace("MY_IDS", mine) for line in case.get("lines", [])]
    assert expected == lines, result.err
    assert case.get("status", 0) == result.status
    assert "Traceback" not in result.err
    error = " ".join(result.err.replace(str(root), "ROOT").split())
    assert case.get("error", "") in error
    assert ("error" in case) == bool(error)
