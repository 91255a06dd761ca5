"""The shipped example, built and run for real in each of the three configuration spellings."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from engines import RealProject, RealProjects
from processes import LIMIT, read_up_to
from terminals import Terminals, exit_status

pytestmark = pytest.mark.real

TESTS = Path(__file__).parent.parent
EXAMPLE = TESTS.parent / "examples" / "hello"
SETTINGS = Path("docker", "dockerutils.cfg")
IMAGES = ("base", "dev", "app", "app-builder", "test", "cicd")


def as_shipped(_root: Path) -> None:
    """Leave docker/dockerutils.cfg."""


def as_toml(root: Path) -> None:
    """Put docker/dockerutils.toml in the place of docker/dockerutils.cfg."""
    (root / SETTINGS).unlink()
    shutil.copy(TESTS / "spellings" / "hello.toml", root / SETTINGS.with_suffix(".toml"))


def as_tables(root: Path) -> None:
    """Put tables of pyproject.toml in the place of docker/dockerutils.cfg."""
    (root / SETTINGS).unlink()
    tables = (TESTS / "spellings" / "pyproject-tables.toml").read_text()
    with (root / "pyproject.toml").open("a") as stream:
        stream.write(f"\n{tables}")


SPELLINGS: dict[str, Callable[[Path], None]] = {
    "dockerutils.cfg": as_shipped,
    "dockerutils.toml": as_toml,
    "pyproject.toml": as_tables,
}


@pytest.fixture(scope="module", params=list(SPELLINGS.values()), ids=list(SPELLINGS))
def hello(
    request: pytest.FixtureRequest,
    real_projects: RealProjects,
    tmp_path_factory: pytest.TempPathFactory,
) -> RealProject:
    """A copy of the example, all of it built; later spellings find most of it in the cache."""
    root = tmp_path_factory.mktemp("example") / "hello"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
    request.param(root)
    project = RealProject(root, real_projects.line, real_projects.mark)
    request.addfinalizer(lambda: project("build-image", "clean"))  # noqa: PT021
    done = project.build("all")
    assert "[internal] load build definition from Dockerfile" in done.err  # BuildKit says so
    return project


def test_every_image_is_built_and_does_what_it_is_for(hello: RealProject) -> None:
    commands = Path(sys.executable).parent
    environ = {
        **hello.line.environ,
        "PATH": f"{commands}{os.pathsep}{hello.line.environ['PATH']}",
        "TAG": hello.mark,
    }
    missing = [name for name in IMAGES if not hello.has(name)]

    done = subprocess.run(
        [str(hello.root / "verify.sh")], env=environ, capture_output=True, encoding="utf-8"
    )

    assert missing == []
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok: ") >= 15


def test_an_edit_outside_is_seen_in_dev_at_once(hello: RealProject) -> None:
    source = hello.root / "src" / "hello" / "greeting.py"
    before = source.read_text()
    script = "hello Ada; read line; hello Ada; read line; hello Ada"
    with hello.start("run-image", "dev", "--", "sh", "-c", script) as process:
        first = read_up_to(process.stdout, "Ada")
        source.write_text(before.replace("{word}, {people}!", "{people}: {word}."))
        process.stdin.write("\n")
        process.stdin.flush()
        second = read_up_to(process.stdout, "Ada")
        source.write_text(before)
        third, _ = process.communicate("\n", timeout=LIMIT)

    assert (first, second, third) == ("Hi, Ada!\n", "Ada: Hi.\n", "Hi, Ada!\n")


def test_shell_is_a_login_shell_on_the_terminal_with_the_project_at_hand(
    hello: RealProject, terminals: Terminals
) -> None:
    child = terminals.open(hello.root, "run-image", "shell")
    child.expect(r"[#$] ")
    child.sendline("tty; pwd; ls; shopt -q login_shell && echo log''in")
    child.expect("/dev/pts/")
    child.expect("/workdir")
    child.expect("verify.sh")
    child.expect("login\r\n")
    child.sendline("exit 5")

    assert exit_status(child) == 5
