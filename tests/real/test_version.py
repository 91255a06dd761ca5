"""The version of a project in its images: `_version.py.bld`, written before a build."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from engines import RealProject, RealProjects
from own_engines import missing

pytestmark = pytest.mark.real

FILE = "_version.py.bld"
ASK = "import runpy; print(runpy.run_path('/version.py')['get_versions']()['version'])"
TAKES = f"FROM python:3.11-slim\nCOPY {FILE} /version.py\n"
FILES = {
    "docker/app/Dockerfile": TAKES,
    "docker/other/Dockerfile": TAKES,
    "setup.cfg": "[versioneer]\nVCS = git\nstyle = pep440\ntag_prefix = v\n",
    "code": "1",
    ".gitignore": FILE,
    ".dockerignore": ".git\n",
}


def git(project: RealProject, *words: str) -> str:
    own = ("-c", "user.name=a", "-c", "user.email=a@b.invalid", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", *own, *words], cwd=project.root, env=project.line.environ, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().strip()


def inside(project: RealProject, image: str = "app") -> str:
    """The version that an image tells."""
    return project.run(image, "--", "python", "-c", ASK).out.strip()


@pytest.fixture
def project(request: pytest.FixtureRequest, real_projects: RealProjects) -> RealProject:
    """A repository with one commit, tagged v1.2."""
    if not shutil.which("git"):
        missing(request, "the program git is missing.")
    made = real_projects.make(FILES)
    git(made, "init", "--quiet")
    git(made, "add", "--all")
    git(made, "commit", "--quiet", "--message", "first")
    git(made, "tag", "v1.2")
    return made


def test_a_tagged_a_later_and_a_dirty_one_tell_their_versions_inside(
    project: RealProject,
) -> None:
    project.build("app")
    tagged = inside(project)
    git(project, "commit", "--quiet", "--allow-empty", "--message", "second")
    project.build("app")
    later = inside(project)
    (project.root / "code").write_text("2")
    done = project.build("app")

    short = git(project, "rev-parse", "--short", "HEAD")
    assert tagged == "1.2"
    assert f"1.2+1.g{short}" == later
    assert f"1.2+1.g{short}.dirty" == inside(project)
    assert f"# {FILE} is of version 1.2+1.g{short}.dirty.\n" in done.err


def test_the_same_version_is_no_reason_to_build_again_and_another_one_is(
    project: RealProject,
) -> None:
    project.build("app")

    assert "docker build" not in project.build("app").err
    git(project, "tag", "v1.3")
    git(project, "tag", "--delete", "v1.2")
    again = project.build("app")

    assert "docker build" in again.err
    assert f"{FILE} changed" in project("why", "app").out
    assert inside(project) == "1.3"


def test_genversion_alone_writes_the_file_and_prints_the_version(project: RealProject) -> None:
    first, second = project("genversion"), project("genversion")

    assert (first.status, first.out) == (0, "1.2\n")
    assert f"# {FILE} is written.\n" in first.err
    assert (second.status, second.out) == (0, "1.2\n")
    assert f"# {FILE} is as it was.\n" in second.err
    assert git(project, "status", "--porcelain") == ""


def test_it_is_written_once_for_images_that_are_built_side_by_side(project: RealProject) -> None:
    done = project.build("all", "-j", "2")

    assert done.err.count(f"{FILE} is of version") == 1
    assert done.err.index(f"{FILE} is of version") < done.err.index("docker build")
    assert ["1.2", "1.2"] == [inside(project, image) for image in ("app", "other")]


def test_a_shallow_clone_without_a_tag_is_warned_of(project: RealProject) -> None:
    git(project, "commit", "--quiet", "--allow-empty", "--message", "second")
    clone = RealProject(project.root.parent / "clone", project.line, project.mark)
    words = ("clone", "--quiet", "--depth", "1", "--no-tags", f"file://{project.root}")
    git(project, *words, str(clone.root))

    done = clone("genversion")

    assert done.status == 0
    assert done.out.startswith("0+untagged.1.g")
    assert "# warning: this is a shallow clone without a tag" in done.err


def test_a_project_without_a_repository_fails_where_an_image_takes_the_version(
    real_projects: RealProjects,
) -> None:
    """And is warned where none does."""
    project = real_projects.make(
        {**FILES, "docker/plain/Dockerfile": "FROM scratch\nCOPY code /\n"}
    )

    failed, plain = project("build-image", "app"), project("build-image", "plain")

    assert failed.status == 1
    assert "it is in no git repository" in failed.err
    assert "docker build" not in failed.err
    assert plain.status == 0
    assert f"# warning: no {FILE} was written: " in plain.err
