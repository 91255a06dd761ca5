"""The context: what is left out is no reason to build, and what makes it big is named."""

from __future__ import annotations

import re

import pytest
from engines import RealProject, RealProjects

pytestmark = pytest.mark.real

FILES = {
    "docker/app/Dockerfile": "FROM scratch\nCOPY . /\n",
    "docker/own/Dockerfile": "FROM scratch\nCOPY . /\n",
    "docker/own/Dockerfile.dockerignore": "**/*.log\n!keep.log\n",
    ".dockerignore": "data\n",
    "data/file": "1",
    "source/file": "1",
    "run.log": "1",
    "keep.log": "1",
}


def built(project: RealProject, *words: str) -> list[str]:
    """The images that a run of build-image has docker build."""
    return re.findall(r"docker build --tag \S+-(\w+):", project.build(*words, "-j", "1").err)


class TestTheRulesOfIgnoring:
    @pytest.fixture(scope="class")
    @classmethod
    def shared(cls, real_projects: RealProjects) -> RealProject:
        return real_projects.make(FILES)

    @pytest.fixture
    def project(self, shared: RealProject) -> RealProject:
        """Built, and up to date."""
        shared.build("all", "-j", "1")
        return shared

    @pytest.mark.parametrize(
        ("file", "expected"),
        [
            ("data/file", ["own"]),
            ("data/more", ["own"]),
            ("run.log", ["app"]),
            ("source/run.log", ["app"]),
            ("keep.log", ["app", "own"]),
            ("source/file", ["app", "own"]),
        ],
    )
    def test_decide_which_images_a_changed_file_makes_stale(
        self, project: RealProject, file: str, expected: list[str]
    ) -> None:
        (project.root / file).write_text(project.mark)

        assert expected == built(project, "all")
        assert built(project, "all") == []

    def test_beside_the_dockerfile_are_taken_in_the_place_of_the_common_ones(
        self, project: RealProject
    ) -> None:
        (project.root / ".dockerignore").write_text("data\nsource\n")

        told = project("why", "own").out

        assert ".dockerignore changed" in told
        assert "source" not in told
        assert "source, source/file" in project("why", "app").out


def test_the_size_of_each_context_is_told_once(real_projects: RealProjects) -> None:
    project = real_projects.make(
        {"docker/app/Dockerfile": "FROM scratch\nCOPY . /\n", "a": "x" * 2000, "b": "x" * 1000}
    )

    done = project.build("app")

    expected = r"^# context: 3 files, 3 kB, looked at in \d+\.\d\d s$"
    assert len(re.findall(expected, done.err, re.MULTILINE)) == 1


class TestABigContext:
    @pytest.fixture(scope="class")
    @classmethod
    def project(cls, real_projects: RealProjects) -> RealProject:
        made = real_projects.make(
            {
                "docker/app/Dockerfile": "FROM scratch\nCOPY docker /docker\n",
                "docker/other/Dockerfile": "FROM scratch\nCOPY docker /other\n",
                "data/notes": "x",
                "source/file": "x",
            }
        )
        for name, size in (("data/[raw]/sparse", 190 * 10**6), ("more stuff/sparse", 30 * 10**6)):
            path = made.root / name
            path.parent.mkdir(parents=True)
            with path.open("wb") as stream:
                stream.truncate(size)
        return made

    def test_is_hinted_at_with_the_lines_that_leave_the_biggest_folders_out(
        self, project: RealProject
    ) -> None:
        done = project.build("all")

        hint = re.compile(r"^# (.*)/ has (.*) of the context; \.dockerignore: (.*)$", re.MULTILINE)
        assert [
            ("data/[raw]", "190 MB", r"data/\[raw\]"),
            ("more stuff", "30 MB", "more stuff"),
        ] == hint.findall(done.err)[:2]
        assert "220 MB" in done.err

    def test_is_small_once_a_line_was_added(self, project: RealProject) -> None:
        done = project.build("app", "--rebuild")
        line = re.findall(r"\.dockerignore: (.*)$", done.err, re.MULTILINE)[0]
        (project.root / ".dockerignore").write_text(f"{line}\n")

        after = project.build("app")

        assert "of the context; .dockerignore" not in after.err
        assert re.search(r"# context: \d+ files, 30 MB,", after.err)
        (project.root / "data/[raw]/more").write_text("x")
        assert built(project, "app") == []
