"""What is asked of registries, and what never is: a real engine pulls from a registry in here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from engines import Engine, RealProject, RealProjects
from registry import Registry, running_registry

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with running_registry() as running:
        yield running


@pytest.fixture
def base(registry: Registry, real_projects: RealProjects) -> Iterator[str]:
    """An image that the engine has, while the registry has a newer one of that name."""
    name = f"base-{real_projects.suffix}:1"
    engine = Engine(real_projects.line.environ)
    reference = registry.publish(name, "old")
    engine.docker("pull", reference)
    old = engine.image_id(reference)
    registry.publish(name, "new")
    registry.asked.clear()
    yield reference
    engine.docker("image", "rm", "--force", *{old, engine.image_id(reference)})


def content(project: RealProject, image: str) -> str:
    """What is in the file /content of an image, which has nothing to run."""
    engine = project.engine
    container = engine.docker("create", "--pull", "never", project.reference(image), "x")
    copied = project.root / "content"
    engine.docker("cp", f"{container}:/content", str(copied))
    engine.docker("rm", container)
    return copied.read_text()


def test_the_base_that_is_there_is_taken(
    real_projects: RealProjects, base: str, registry: Registry
) -> None:
    project = real_projects.make({"docker/app/Dockerfile": f"FROM {base}\n"})

    project.build("app")

    assert content(project, "app") == "old"
    assert registry.asked == []


def test_pull_base_asks_the_registry(
    real_projects: RealProjects, registry: Registry, base: str
) -> None:
    project = real_projects.make({"docker/app/Dockerfile": f"FROM {base}\n"})

    done = project("build-image", "-p", "app")

    assert done.status == 0, done.err
    assert registry.asked


def test_pull_base_takes_the_newer_one_beside_a_sibling(
    real_projects: RealProjects, base: str
) -> None:
    project = real_projects.make(
        {
            "docker/below/Dockerfile": "FROM scratch\nCOPY docker /from-below\n",
            "docker/app/Dockerfile": f"FROM {base}\nCOPY --from=<project>-below / /\n",
        }
    )

    done = project.build("-p", "app")

    assert content(project, "app") == "new"
    assert f"docker pull {base}\n" in done.err
    assert f"docker pull {project.name}" not in done.err


@pytest.mark.parametrize(("setting", "expected"), [("True", "new"), ("False", "old")])
def test_force_pulls_where_the_image_s_own_section_says_so(
    real_projects: RealProjects, base: str, setting: str, expected: str
) -> None:
    project = real_projects.make(
        {
            "docker/first/Dockerfile": "FROM scratch\nCOPY docker /from-first\n",
            "docker/below/Dockerfile": f"FROM {base}\nCOPY --from=<project>-first / /\n",
            "docker/app/Dockerfile": "FROM <project>-below\n",
            "docker/dockerutils.cfg": f"[below]\npull_FROM_on_force={setting}\n",
        }
    )

    project.build("-f", "app")

    assert expected == content(project, "app")


def test_a_substitute_is_pulled_in_the_place_of_the_base(
    real_projects: RealProjects, base: str
) -> None:
    project = real_projects.make({"docker/app/Dockerfile": "FROM python:3.11-slim\n"})

    project.build("-p", "app", DOCKERUTILS_SUBSTITUTE=f"python:3.11-slim={base}")

    assert content(project, "app") == "new"


def test_no_registry_is_asked_for_an_image_of_the_project_that_was_not_built(
    real_projects: RealProjects, registry: Registry
) -> None:
    name = registry.reference(f"app-{real_projects.suffix}")
    project = real_projects.make(
        {
            "docker/app/Dockerfile": "FROM scratch\nCOPY docker /\n",
            "docker/dockerutils.cfg": f"[app]\nname={name}\nprefix=False\n",
        }
    )
    registry.asked.clear()

    done = project.run("app")

    assert done.status == 125
    assert "has not been built" in done.err
    assert registry.asked == []


def test_a_configured_image_from_elsewhere_is_pulled_when_it_is_run(
    real_projects: RealProjects, registry: Registry
) -> None:
    registry.publish(f"other-{real_projects.suffix}:2", "x")
    name = registry.reference(f"other-{real_projects.suffix}")
    project = real_projects.make(
        {"docker/dockerutils.cfg": f"[other]\nname={name}\ntag=2\nprefix=False\n"}
    )

    done = project.run("other", "--", "/nothing-to-run")

    assert done.status == 127
    assert f"other-{real_projects.suffix}/manifests/2" in registry.asked
