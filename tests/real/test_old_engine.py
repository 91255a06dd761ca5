"""Docker 20.10, which takes no images for names: the Dockerfile is rewritten on its way."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest
from engines import STAND_IN, RealProject, RealProjects
from own_engines import old_programs, own_engine
from projects import Result

pytestmark = pytest.mark.real

CHAIN = {
    "docker/base/Dockerfile": (
        "# FROM python:3.11-slim is replaced, in this line it is not\n"
        "FROM python:3.11-slim\nRUN echo 'python:3.11-slim & /more\\' >/named\n"
    ),
    "docker/tools/Dockerfile": (
        "FROM scratch\nARG KIND=some\nLABEL kind=$KIND\nCOPY docker/tools/Dockerfile /tool\n"
    ),
    "docker/app/Dockerfile": (
        "FROM <project>-base AS builder\nRUN cp /named /made\n"
        "FROM <project>-base AS last\nCOPY --from=<project>-tools /tool /tool\n"
        "COPY --from=builder /made /taken\n"
        "RUN --mount=from=<project>-tools,target=/t cp /t/tool /again\n"
    ),
}
IMAGES = ("base", "tools", "app", "app-builder")


@pytest.fixture(scope="module")
def old_engine(request: pytest.FixtureRequest, real_engine: str) -> Iterator[str]:
    """An engine of 20.10 with the stand-in base; gives its DOCKER_HOST."""
    del real_engine  # the stand-in is taken from there
    programs = old_programs(request)
    path = f"{programs}:{os.environ['PATH']}"
    with own_engine(request, "1500m", ENGINE_MIN="20", PATH=path) as engine:
        engine.take_stand_in()
        yield engine.host


def ids(project: RealProject) -> dict[str, str]:
    return {name: project.engine.image_id(project.reference(name)) for name in IMAGES}


def lines_of_a_build(result: Result) -> list[str]:
    return [line for line in result.err.splitlines() if line.startswith(("docker ", "sed "))]


@pytest.mark.usefixtures("built")
class TestAChainWithUntaggedSiblingsAndASubstitute:
    @pytest.fixture(scope="class")
    @classmethod
    def chain(cls, real_projects: RealProjects, old_engine: str) -> RealProject:
        return real_projects.make(CHAIN).having(DOCKER_HOST=old_engine)

    @pytest.fixture(scope="class")
    @classmethod
    def built(cls, chain: RealProject) -> Result:
        version = chain.engine.docker("version", "--format", "{{.Server.Version}}")
        assert version.startswith("20.10.")
        return chain.build("all", "--jobs", "1")

    def test_is_built_from_dockerfiles_on_standard_input(
        self, chain: RealProject, built: Result
    ) -> None:
        lines = lines_of_a_build(built)

        assert len(lines) == 4
        assert f"docker build --tag {chain.reference('tools')} --file docker/tools/Dockerfile" in (
            "\n".join(lines)
        )
        assert len([line for line in lines if line.startswith("sed -e ")]) == 3
        assert "--build-context" not in built.err

    def test_stands_on_the_siblings_and_on_the_substitute(self, chain: RealProject) -> None:
        stand_in, base, app = (
            chain.engine.layers(reference)
            for reference in (STAND_IN, chain.reference("base"), chain.reference("app"))
        )

        assert stand_in == base[: len(stand_in)]
        assert base == app[: len(base)]

    def test_holds_what_was_copied_and_nothing_else_was_replaced(self, chain: RealProject) -> None:
        words = ("run", "--rm", "--network", "none", chain.reference("app"))

        assert chain.engine.docker(*words, "cat", "/taken") == "python:3.11-slim & /more\\"
        expected = CHAIN["docker/tools/Dockerfile"].strip()
        assert [expected, expected] == [
            chain.engine.docker(*words, "cat", file) for file in ("/tool", "/again")
        ]

    def test_is_not_built_again(self, chain: RealProject) -> None:
        assert lines_of_a_build(chain.build("all")) == []
        assert "app is up to date" in chain("why", "app").out

    def test_is_built_again_after_a_change_below(self, chain: RealProject) -> None:
        first = chain.build("tools", "--build-arg", "KIND=another")
        told = chain("why", "app").out
        second = chain.build("app")

        assert len(lines_of_a_build(first)) == 1
        assert f"  {chain.name}-tools changed\n" in told
        assert len(lines_of_a_build(second)) == 2

    @pytest.mark.parametrize("below", [".", "docker/base"])
    def test_its_printed_lines_make_the_same_images(self, chain: RealProject, below: str) -> None:
        folder = chain.root / below
        done = chain.line(folder, "build-image", "all", "--rebuild", "-j", "1")
        built = ids(chain)
        chain.build("clean")
        assert set(ids(chain).values()) == {""}

        lines = [
            line for line in done.err.splitlines() if line.startswith(("docker ", "sed ", "(cd "))
        ]
        pasted = subprocess.run(
            ["sh"],
            input="\n".join(["set -e", *lines]),
            cwd=folder,
            env=chain.line.environ,
            capture_output=True,
            encoding="utf-8",
        )

        assert pasted.returncode == 0, pasted.stderr
        assert built == ids(chain)
        assert all(built.values())

    def test_is_built_side_by_side_as_well(self, chain: RealProject) -> None:
        done = chain.build("all", "--rebuild", "-j", "3")

        assert len(lines_of_a_build(done)) == 4
        assert "# base  | #" in done.err


def test_a_secret_reaches_a_rewritten_dockerfile(
    real_projects: RealProjects, old_engine: str
) -> None:
    step = "RUN --mount=type=secret,id=netrc,required=true,target=/n cp /n /seen # <project>\n"
    project = real_projects.make(
        {"docker/app/Dockerfile": f"FROM python:3.11-slim\n{step}", "login": "machine x\n"}
    ).having(DOCKER_HOST=old_engine)

    project.build("app", NETRC=str(project.root / "login"))

    assert project.run("app", "-n", "none", "--", "cat", "/seen").out == "machine x\n"


def test_an_ignore_file_of_its_own_is_refused_where_it_would_be_passed_over(
    real_projects: RealProjects, old_engine: str
) -> None:
    project = real_projects.make(
        {
            "docker/app/Dockerfile": "FROM python:3.11-slim\nCOPY . /all\n",
            "docker/app/Dockerfile.dockerignore": "secret\n",
            "docker/plain/Dockerfile": "FROM scratch\nCOPY . /all\n",
            "docker/plain/Dockerfile.dockerignore": "secret\n",
            "secret": "x",
        }
    ).having(DOCKER_HOST=old_engine)

    refused = project("build-image", "app")
    project.build("plain")

    assert refused.status == 2
    assert "has a .dockerignore of its own, which this engine passes over" in refused.err
    assert f"Write the tags: FROM {STAND_IN}, or use Docker 23 or newer." in refused.err
    assert not project.has("app")


def test_a_dockerfile_without_other_names_is_built_as_it_is(
    real_projects: RealProjects, old_engine: str
) -> None:
    project = real_projects.make(
        {"docker/app/Dockerfile": f"FROM {STAND_IN}\nRUN echo <project>\n"}
    ).having(DOCKER_HOST=old_engine)

    done = project.build("app")

    assert lines_of_a_build(done)[0].startswith("docker build --tag ")
    assert " --file docker/app/Dockerfile " in lines_of_a_build(done)[0]
