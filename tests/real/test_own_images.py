"""The images in which dockerutils itself is developed: our own docker/ tree, used by us."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from engines import RealProject, RealProjects

pytestmark = pytest.mark.real

CHECKOUT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def ours(real_projects: RealProjects) -> Iterator[RealProject]:
    """This checkout as a project, its image `dev` built."""
    project = RealProject(CHECKOUT, real_projects.line, real_projects.mark)
    project.build("dev")
    yield project
    project("build-image", "clean")


def test_dev_has_the_commands_of_the_checkout(ours: RealProject) -> None:
    done = ours.run("dev", "--", "dockerutils", "--version")

    assert done.status == 0, done.err
    assert done.out.startswith("dockerutils ")


def test_dev_runs_the_checkout_itself_and_has_the_tools_and_the_engine_outside(
    ours: RealProject,
) -> None:
    script = (
        "python -c 'import dockerutils; print(dockerutils.__file__)'"
        " && docker version --format '{{.Server.Version}}'"
        " && ruff --version && mypy --version && pytest --version"
    )

    done = ours.run("dev", "--", "sh", "-c", script)

    version = ours.engine.docker("version", "--format", "{{.Server.Version}}")
    assert done.status == 0, done.err
    assert done.out.startswith(f"{CHECKOUT}/dockerutils/__init__.py\n{version}\nruff ")
