"""The shipped examples besides `hello`, built and run for real by their own verify scripts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from engines import RealProject, RealProjects
from own_engines import missing
from terminals import Terminals, exit_status
from venv_shops import python_of_base

pytestmark = pytest.mark.real

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def copy_of(example: str, folder: Path, real_projects: RealProjects) -> RealProject:
    """Copy an example; its folder keeps its name, which is in the Dockerfiles."""
    root = folder / example
    shutil.copytree(EXAMPLES / example, root, ignore=shutil.ignore_patterns("__pycache__"))
    return RealProject(root, real_projects.line, real_projects.mark)


def verify(project: RealProject) -> list[str]:
    """Run the example's verify.sh, which has to succeed; gives what it found to be true."""
    environ = project.line.environ
    path = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"
    done = subprocess.run(
        [str(project.root / "verify.sh")],
        env={**environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [line.removeprefix("ok: ") for line in done.stdout.splitlines()]


class TestCpuGpu:
    @pytest.fixture(scope="class")
    @classmethod
    def cpu_gpu(
        cls, real_projects: RealProjects, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[RealProject]:
        """The example, built."""
        project = copy_of("cpu-gpu", tmp_path_factory.mktemp("example"), real_projects)
        project.build("all")
        yield project
        project("build-image", "clean")

    def test_the_container_picks_the_environment_for_its_devices(
        self, cpu_gpu: RealProject
    ) -> None:
        found = verify(cpu_gpu)

        assert {
            "without a GPU it is the cpu",
            "with all GPUs it is the gpu",
            "run-image -g framework asks for the GPUs and tells the entry point",
            "a login shell keeps the gpu",
            "bash -lc 'exit 7' ends with its own status",
            "what both need is in the image once, outside of them",
        } <= set(found)

    def test_the_prompt_of_a_login_shell_tells_which_one_is_active(
        self, cpu_gpu: RealProject, terminals: Terminals
    ) -> None:
        child = terminals.open(
            cpu_gpu.root, "run-image", "-e", "NVIDIA_VISIBLE_DEVICES=all", "shell"
        )
        child.expect(r"\(gpu\) .*# ")
        child.sendline("source /cpu-env")
        child.expect(r"\(cpu\) .*# ")
        child.sendline("python train.py; exit 4")
        child.expect("mean 3, on the cpu\r\n")

        assert exit_status(child) == 4


class TestLockedDown:
    @pytest.fixture(scope="class")
    @classmethod
    def outside(
        cls, real_projects: RealProjects, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[RealProject]:
        """The example, its base built; the base's tag is one of this run of the suite."""
        project = copy_of("locked-down", tmp_path_factory.mktemp("example"), real_projects)
        settings = project.root / "docker" / "dockerutils.cfg"
        text = settings.read_text()
        assert "\ntag=deps-1\n" in text
        settings.write_text(text.replace("\ntag=deps-1\n", f"\ntag=deps-{project.mark}\n"))
        project.build("base")
        yield project
        project("build-image", "clean")

    @pytest.fixture
    def inside(self, outside: RealProject, tmp_path: Path) -> RealProject:
        """The same for another user, who has of the images only the base, out of an archive."""
        base, archive = outside.reference("base", f"deps-{outside.mark}"), tmp_path / "base.tar"
        engine = outside.engine
        built = engine.layers(base)
        engine.docker("save", "--output", str(archive), base)
        engine.docker("image", "rm", base)
        engine.docker("load", "--input", str(archive))
        assert built == engine.layers(base)
        return outside.known_as(f"{outside.mark}-inside")

    def test_all_but_the_base_is_built_without_a_network(self, inside: RealProject) -> None:
        found = verify(inside)

        assert {
            "the base has all of requirements.txt",
            "app and test are built without a network",
            "app lacks nothing",
            "a change of the source needs only the images on top",
            "the base is the same",
            "a dependency that the base lacks is named by the build",
        } <= set(found)
        assert not inside.has("app", f"{inside.mark}-verify")

    def test_a_build_inside_makes_no_base_and_the_images_work(self, inside: RealProject) -> None:
        done = inside.build("app", "test", DOCKERUTILS_SUBSTITUTE="")

        assert f"--tag {inside.name}-base:" not in done.err
        assert inside.run("app").out == "Menu: soup 4, bread 2\n"
        assert "1 passed" in inside.run("test").out


def test_a_virtualenv_becomes_an_image_that_serves(
    request: pytest.FixtureRequest, tmp_path: Path, real_projects: RealProjects
) -> None:
    project = copy_of("venv-app", tmp_path, real_projects)

    found = verify(project.having(PYTHON=python_of_base(request)))

    assert {
        "it answers over HTTP",
        "it runs in the image's own virtualenv",
        "it runs as nobody",
        "the virtualenv and the sources are as they were",
        "a change of a line changes the last layer only",
        "each package can be imported in the image",
        "it becomes a file",
    } == set(found)


def test_without_an_engine_an_archive_is_made_that_runs(
    request: pytest.FixtureRequest, tmp_path: Path, real_projects: RealProjects
) -> None:
    if not shutil.which("mmdebstrap"):
        missing(request, "mmdebstrap is missing: bin/test installs it")
    project = copy_of("no-engine", tmp_path, real_projects)
    cache = EXAMPLES.parent / ".cache" / "debian"  # as in test_debian_image

    found = verify(project.having(XDG_CACHE_HOME=str(cache)))

    assert {
        "no engine is needed for the archive",
        "it has a base and an application",
        "what nobody needs is left out",
        "the application runs from the file tree",
        "with the virtualenv's compiled modules",
        "a second time gives the same bytes",
    } == set(found)
