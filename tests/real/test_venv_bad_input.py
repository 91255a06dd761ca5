"""Virtualenvs, bases, caches and engines that are not as they should be, as a user meets them."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from elf_files import ElfFile
from engines import RealProject, RealProjects
from processes import started, wait_until
from venv_shops import Docker, Shops, error_of, python_of_base, state_of
from virtualenvs import make_virtualenv

pytestmark = pytest.mark.real

MUSL = """\
[image.app]
type = "venv"
venv = "compiled"
base = "<project>-musl"
"""


@pytest.fixture(scope="module")
def shops(request: pytest.FixtureRequest, real_projects: RealProjects) -> Shops:
    return Shops(real_projects, python_of_base(request))


@pytest.fixture(scope="module")
def base(shops: Shops, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a small base in the engine."""
    return shops.small_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def app(shops: Shops, base: str) -> RealProject:
    """A project whose image the engine has."""
    project = shops.small(base)
    project.build("app")
    return project


@pytest.fixture
def refusal(app: RealProject) -> Callable[..., str]:
    """What build-image says, with no tag moved and nothing touched, where one key is another."""

    def told_of(key: str, value: str, status: int = 2) -> str:
        file = app.root / "docker/dockerutils.toml"
        config = file.read_text()
        before = app.engine.image_id(app.reference("app")), state_of(app.root / ".venv")
        others = [line for line in config.splitlines() if not line.startswith(f"{key} =")]
        file.write_text("\n".join([*others, f"{key} = {value}"]))
        try:
            done = app("build-image", "app")
        finally:
            file.write_text(config)
        assert status == done.status, done.err
        after = app.engine.image_id(app.reference("app")), state_of(app.root / ".venv")
        assert before == after
        return error_of(done)

    return told_of


# Virtualenvs --------------------------------------------------------------------------------


def test_what_is_no_virtualenv_that_fits_is_named(
    app: RealProject, base: str, refusal: Callable[..., str]
) -> None:
    root = app.root
    (root / "snake/conda-meta").mkdir(parents=True)
    make_virtualenv(root / "newer", "3.12")
    (make_virtualenv(root / "broken").root / "bin/python").unlink()
    lacking = make_virtualenv(root / "lacking")
    (lacking.add("menu", {"menu.py": ""}) / "../menu.py").unlink()
    hanging = make_virtualenv(root / "hanging")
    (hanging.site / "wares").symlink_to("gone")
    said = {
        folder: refusal("venv", f'"{folder}"').splitlines()[0]
        for folder in ("none", "src", "snake", "newer", "broken", "lacking", "hanging")
    }
    assert {
        "none": f"there is no folder {root}/none.",
        "src": f"{root}/src is no virtualenv: it has no pyvenv.cfg.",
        "snake": f"{root}/snake is a conda environment, which cannot be packed.",
        "newer": f"{base} has no Python 3.12, which {root}/newer was made with; it has"
        " 3.11 (/usr/bin/python3.11).",
        "broken": f"{root}/broken is broken: bin/python3.11 leads to {root}/broken/bin/python,"
        " which is not there.",
        "lacking": "the virtualenv is broken: menu should have"
        " lib/python3.11/site-packages/menu.py.",
        "hanging": "the virtualenv is broken: these links lead nowhere:"
        " lib/python3.11/site-packages/wares -> gone.",
    } == said


def test_a_project_folder_that_is_not_there_is_named(refusal: Callable[..., str]) -> None:
    said = refusal("project", '["sources:/app"]')
    assert "docker/dockerutils.toml: `project` names sources, but there is no folder " in said


# Bases --------------------------------------------------------------------------------------


def test_a_base_that_nobody_has_is_named(refusal: Callable[..., str]) -> None:
    said = refusal("base", '"127.0.0.1:1/nobody/has:this"', status=1)
    assert said.startswith("app was not built: docker pull ended with status 1.")


def test_a_base_without_python_or_with_another_c_library_is_told(shops: Shops) -> None:
    files = {"docker/bare/Dockerfile": "FROM scratch\nCOPY docker /\n"}
    files["docker/musl/Dockerfile"] = "FROM scratch\nCOPY docker/musl /\n"
    files["docker/musl/usr/bin/python3.11"] = "python"
    files["docker/musl/lib/ld-musl-x86_64.so.1"] = "musl"
    project = shops.make(MUSL.replace("musl", "bare"), files)
    venv = shops.empty(project.root / "compiled")
    venv.write({f"{venv.inside}/fast.cpython-311-x86_64-linux-gnu.so": ElfFile().content()})

    project.build("bare", "musl")

    bare = project("build-image", "app")
    said = f"{project.name}-bare has no Python 3.11, which {venv.root} was made with; it has none"
    assert error_of(bare).startswith(f"{said} at all.\n")
    config = MUSL.replace("<project>", project.name)
    (project.root / "docker/dockerutils.toml").write_text(config)
    musl = project("build-image", "app")
    assert "fast.cpython-311-x86_64-linux-gnu.so is made for glibc, and " in error_of(musl)
    assert f"{project.name}-musl has musl." in error_of(musl)
    assert (2, 2, False) == (bare.status, musl.status, project.has("app"))


# What is kept -------------------------------------------------------------------------------


def test_a_cache_that_cannot_be_written_or_is_damaged_does_no_harm(
    app: RealProject, tmp_path: Path
) -> None:
    name, cache = app.reference("app"), tmp_path / "cache"
    expected = app.engine.image_id(name)
    cache.write_text("a file")
    app.build("app", "--rebuild", XDG_CACHE_HOME=str(cache))
    assert expected == app.engine.image_id(name)

    cache.unlink()
    app.build("app", "--rebuild", XDG_CACHE_HOME=str(cache))
    kept = [path for path in cache.rglob("*") if path.is_file()]
    assert kept
    for number, path in enumerate(kept):
        path.write_bytes((b"", b"{", b"\xff\x00", b'{"diff_id": 7}')[number % 4])
    app.build("app", "--rebuild", XDG_CACHE_HOME=str(cache))
    assert expected == app.engine.image_id(name)


# Engines ------------------------------------------------------------------------------------


LIES = {
    "nothing": 'if [ "$1" = load ]; then cat >/dev/null; echo; exit 0; fi',
    "an error": """\
if [ "$1" = load ]; then
    cat >/dev/null; echo '{"errorDetail":{"message":"open 1.tar: no such file"}}'; exit 0
fi""",
    "an image that it lacks": f"""\
if [ "$1" = load ]; then
    cat >/dev/null; echo 'Loaded image ID: sha256:{"0" * 64}'; exit 0
fi""",
}


@pytest.mark.parametrize("lie", LIES)
def test_an_engine_that_says_it_has_loaded_is_not_believed(
    app: RealProject, tmp_path: Path, lie: str
) -> None:
    docker = Docker(tmp_path / "bin", LIES[lie])
    name = app.reference("app")
    before = app.engine.image_id(name)
    (app.root / "src/greeting").write_text("a lie\n")

    done = app("build-image", "app", PATH=docker.path)

    assert (1, before) == (done.status, app.engine.image_id(name))
    assert error_of(done).startswith(f"the Docker engine did not take {name}: ")
    assert 2 == docker.asked().count("load")
    assert "a lie\n" != app.run("app").out


def test_an_engine_that_refuses_parts_gets_all(app: RealProject, tmp_path: Path) -> None:
    once = tmp_path / "once"
    refuses = f"""\
if [ "$1" = load ] && [ ! -e {once} ]; then
    touch {once}; cat >/dev/null; echo 'open 1.tar: no such file' >&2; exit 1
fi"""
    docker = Docker(tmp_path / "bin", refuses)
    (app.root / "src/greeting").write_text("all of it\n")

    done = app.build("app", PATH=docker.path)

    assert 2 == docker.asked().count("load")
    assert f"{app.reference('app')}: 6 of 6 layers, " in done.err
    assert "all of it\n" == app.run("app").out


def test_a_file_that_changes_while_it_is_read_is_named(app: RealProject, tmp_path: Path) -> None:
    """By the time that it is read for the engine, it is not what was digested.

    It comes behind more than a pipe holds, so it is not read before the engine takes anything.
    """
    file = app.root / "src/shop/__init__.py"
    (app.root / "src/album.bin").write_bytes(bytes(4_000_000))
    docker = Docker(tmp_path / "bin", f'if [ "$1" = load ]; then echo "# more" >>{file}; fi')
    before = app.engine.image_id(app.reference("app"))

    done = app("build-image", "app", PATH=docker.path)
    (app.root / "src/album.bin").unlink()

    assert (1, before) == (done.status, app.engine.image_id(app.reference("app")))
    assert "shop/__init__.py changed while it was read" in error_of(done)


def test_ctrl_c_moves_no_tag_and_leaves_no_file(app: RealProject, tmp_path: Path) -> None:
    loading, temporary = tmp_path / "loading", tmp_path / "tmp"
    temporary.mkdir()
    waits = f'if [ "$1" = load ]; then touch {loading}; exec sleep 60; fi'
    docker = Docker(tmp_path / "bin", waits)
    before = app.engine.image_id(app.reference("app")), state_of(app.root / ".venv")
    (app.root / "src/greeting").write_text("interrupted\n")
    more = {"PATH": docker.path, "TMPDIR": str(temporary)}

    with started(app.root, app.line.environ, "build-image", "app", **more) as process:
        wait_until("the image is loaded", loading.exists)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate()

    assert 130 == process.returncode, said
    assert "Traceback" not in said
    assert before == (app.engine.image_id(app.reference("app")), state_of(app.root / ".venv"))
    assert [] == list(temporary.iterdir())
    assert [] == list(app.root.glob("*.tar*"))


def test_two_builds_at_once_end_well(app: RealProject, tmp_path: Path) -> None:
    (app.root / "src/greeting").write_text("two at once\n")
    cache = {"XDG_CACHE_HOME": str(tmp_path)}
    with (
        app.start("build-image", "app", **cache) as one,
        app.start("build-image", "app", **cache) as two,
    ):
        said = [process.communicate()[1] for process in (one, two)]
    assert [0, 0] == [one.returncode, two.returncode], said
    assert "two at once\n" == app.run("app").out
    assert "is up to date" in app.build("app").err


def test_a_script_may_make_the_virtualenv(shops: Shops, base: str, tmp_path: Path) -> None:
    """The name of the base follows from the virtualenv, so it is known late."""
    make = f"{shops.python} -m venv --without-pip .venv"
    config = f'[image.app]\ntype = "venv"\npre_build_script = "{make}"\n'
    project = shops.projects.make({"docker/dockerutils.toml": config})
    docker = Docker(tmp_path / "bin")
    substitute = f"python:3.11-slim={base}"

    environ = {"PATH": docker.path, "DOCKERUTILS_SUBSTITUTE": substitute}
    first, second = project.build("app", **environ), project.build("app", **environ)

    made = f"# {project.reference('app')} is made of .venv on python:3.11-slim\n"
    assert (True, False) == (made in first.err, made in second.err)
    assert 1 == docker.asked().count("load")
    assert "pull" not in docker.asked()


def test_the_virtualenv_may_vanish_between_builds(app: RealProject) -> None:
    name = app.reference("app")
    before = app.engine.image_id(name)
    shutil.move(app.root / ".venv", app.root / "gone")
    done, drawn = app("build-image", "app"), app("graph")
    shutil.move(app.root / "gone", app.root / ".venv")
    assert (2, before) == (done.status, app.engine.image_id(name))
    assert f"there is no folder {app.root}/.venv.\n  Make a virtualenv there" in error_of(done)
    assert f"└─ app  {name}\n" in drawn.out
    assert f"stale images are not marked: there is no folder {app.root}/.venv." in drawn.err
    assert 0 == app.run("app").status
