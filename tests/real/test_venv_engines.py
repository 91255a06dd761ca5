"""Images made of virtualenvs, in engines of other kinds: on a base that was pulled, on a full disk.

The base has no Python that runs, only a file in its place: what is run is `cat`.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from engines import RealProject, RealProjects
from own_engines import OwnEngine, missing, old_programs, own_engine
from pulled import CONTAINERD, registry_beside, small_base
from registries import client, debian_registry, is_installed
from venv_shops import Shops, error_of, python_of_base, state_of

from dockerutils.sinks.registry import RegistrySink

pytestmark = pytest.mark.real

DISK = "250m"
WHOLE = 3_000_000  # bytes; what the image has at least


@contextlib.contextmanager
def engine_of(request: pytest.FixtureRequest, kind: str) -> Iterator[OwnEngine]:
    """Start an engine of a kind."""
    if kind == "20.10":
        path = f"{old_programs(request)}:{os.environ['PATH']}"
        engine = own_engine(request, DISK, ENGINE_MIN="20", PATH=path)
    else:
        engine = own_engine(request, DISK, CONTAINERD)
    with engine as own:
        yield own


@pytest.fixture(scope="module", params=["20.10", "containerd"])
def app(
    request: pytest.FixtureRequest,
    real_projects: RealProjects,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RealProject]:
    """A project that was built in such an engine, on a base that it pulled."""
    if not is_installed():
        missing(request, "docker-registry is not installed.")
    shops, folder = Shops(real_projects, python_of_base(request)), tmp_path_factory.mktemp("store")
    with engine_of(request, request.param) as own:
        with debian_registry(folder) as place:
            RegistrySink(client(place), "base", "1").put(small_base())
        with registry_beside(own, folder) as place:
            project = shops.small(f"{place}/base:1").having(DOCKER_HOST=own.host)
            done = project.build("app")
        assert f"docker pull {place}/base:1\n" in done.err
        yield project


def saved(project: RealProject) -> int:
    """Save the image; gives the bytes of its content, compressed or not."""
    words = ["docker", "save", project.reference("app")]
    done = subprocess.run(words, env=project.line.environ, capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        return sum(member.size for member in archive)


def test_a_whole_image_can_be_listed_run_and_saved(app: RealProject) -> None:
    assert app.engine.docker("images", "--quiet", app.reference("app"))
    assert "hello\n" == app.run("app").out
    assert saved(app) > WHOLE
    assert "# app is up to date; --rebuild would build anyway.\n" == app.build("app").err
    for words in ((), ("--rebuild",)):
        assert (
            f"{app.engine.image_id(app.reference('app'))}\n" == app.build("app", "-q", *words).out
        )


def test_a_change_moves_one_layer(app: RealProject) -> None:
    before = app.engine.layers(app.reference("app"))
    (app.root / "src/greeting").write_text("good evening\n")

    done = app.build("app")

    assert f"# {app.reference('app')}: 1 of {len(before)} layers, " in done.err
    assert before[:-1] == app.engine.layers(app.reference("app"))[:-1]
    assert "good evening\n" == app.run("app").out
    assert saved(app) > WHOLE


def test_a_full_disk_is_told_and_moves_no_tag(app: RealProject, tmp_path: Path) -> None:
    large = app.root / ".venv/lib/python3.11/site-packages/menu/large.bin"
    before = app.engine.image_id(app.reference("app"))
    with large.open("wb") as file:
        file.truncate(300 * 2**20)
    state = state_of(app.root / "src")

    done = app("build-image", "app", TMPDIR=str(tmp_path))
    large.unlink()

    assert (1, before) == (done.status, app.engine.image_id(app.reference("app")))
    said = error_of(done)
    assert said.startswith(f"the Docker engine did not take {app.reference('app')}: ")
    assert "no space left on device" in said
    assert state == state_of(app.root / "src")
    assert [] == list(tmp_path.iterdir())
