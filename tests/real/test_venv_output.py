"""Images that are written to files and layouts, with no engine in reach where none is needed."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from engines import RealProject, RealProjects
from own_engines import missing
from projects import Result
from registries import debian_registry, is_installed, running_front
from venv_shops import SMALL, Shops, error_of, python_of_base, state_of

pytestmark = pytest.mark.real

NOWHERE = "unix:///nonexistent"


@pytest.fixture(scope="module")
def shops(request: pytest.FixtureRequest, real_projects: RealProjects) -> Shops:
    return Shops(real_projects, python_of_base(request))


@dataclass(frozen=True)
class Base:
    """A small base: in the engine, as docker saves it, and as a layout made of that."""

    name: str
    archive: Path
    layout: Path


@pytest.fixture(scope="module")
def base(shops: Shops, tmp_path_factory: pytest.TempPathFactory) -> Base:
    """The base of all that is written here."""
    folder = tmp_path_factory.mktemp("bases")
    made = Base(shops.small_base(folder), folder / "base.tar", folder / "base")
    words = ["docker", "save", "--output", str(made.archive), made.name]
    subprocess.run(words, env=shops.projects.line.environ, check=True)
    with tarfile.open(made.archive) as archive:
        archive.extractall(made.layout, filter="data")
    return made


@pytest.fixture(scope="module")
def app(shops: Shops, base: Base) -> RealProject:
    """A project whose image the engine has."""
    project = shops.small(base.name)
    project.build("app")
    return project


def index(layout: Path) -> dict[str, dict[str, Any]]:
    """Give the manifests of a layout by their ref names."""
    rows = json.loads((layout / "index.json").read_text())["manifests"]
    return {row["annotations"]["org.opencontainers.image.ref.name"]: row for row in rows}


def image_id(layout: Path, ref: str) -> str:
    """Give the digest of an image's configuration."""
    digest = index(layout)[ref]["digest"].replace(":", "/")
    found: str = json.loads((layout / "blobs" / digest).read_text())["config"]["digest"]
    return found


def id_in(archive: Path) -> str:
    """Give the digest of the configuration in an archive."""
    with tarfile.open(archive) as members:
        manifest = members.extractfile("manifest.json")
        assert manifest
        (entry,) = json.load(manifest)
    return "sha256:" + Path(entry["Config"]).name.removesuffix(".json")


def test_docker_loads_a_file_as_the_image_that_the_engine_has(app: RealProject, base: Base) -> None:
    name = app.reference("app")
    before = app.engine.image_id(name)

    done = app.build("app", "--output", "app.tar")

    assert before == app.engine.image_id(name)
    assert f"# {name} is made of .venv and src on {base.name}, for app.tar\n" in done.err
    assert before == id_in(app.root / "app.tar")
    app.engine.docker("image", "rm", name)
    assert f"Loaded image: {name}" == app.engine.docker("load", "--input", f"{app.root}/app.tar")
    assert before == app.engine.image_id(name)
    assert "hello\n" == app.run("app").out


def test_a_layout_takes_one_tag_after_another(app: RealProject, tmp_path: Path) -> None:
    place = f"oci:{tmp_path}/layout"
    app.build("app", "--output", place, "-t", "1")
    (app.root / "src/greeting").write_text("good evening\n")
    app.build("app", "--output", place, "-t", "2")

    layout = tmp_path / "layout"
    assert {"1", "2"} == set(index(layout))
    assert image_id(layout, "1") != image_id(layout, "2")
    for ref in "12":
        inspected = ["skopeo", "inspect", "--config", f"oci:{layout}:{ref}"]
        found = json.loads(subprocess.check_output(inspected))
        assert ["cat", "/app/greeting"] == found["config"]["Cmd"]
    unpacked = ["umoci", "unpack", "--rootless", "--image", f"{layout}:2", str(tmp_path / "root")]
    subprocess.run(unpacked, check=True, capture_output=True)
    assert "good evening\n" == (tmp_path / "root/rootfs/app/greeting").read_text()


class TestWithoutAnEngine:
    """The base comes from elsewhere, and nothing of the sources is touched."""

    @pytest.fixture(scope="class")
    @classmethod
    def here(cls, shops: Shops, base: Base) -> RealProject:
        """A project whose image the engine has."""
        project = shops.small(base.name)
        project.build("app")
        return project

    def standing_on(self, here: RealProject, base: str) -> None:
        """Name the base."""
        config = here.root / "docker/dockerutils.toml"
        config.write_text(SMALL.replace("<base>", base))

    def written(self, here: RealProject, base: str, output: str, substitute: str = "") -> Path:
        """Have the image written somewhere."""
        self.standing_on(here, base)
        before = state_of(here.root / ".venv", here.root / "src")
        words = {"DOCKER_HOST": NOWHERE, "DOCKERUTILS_SUBSTITUTE": substitute}
        here.build("app", "--output", output, **words)
        assert before == state_of(here.root / ".venv", here.root / "src")
        return here.root / output.removeprefix("oci:")

    def test_bases_in_archives_and_layouts_are_taken(self, here: RealProject, base: Base) -> None:
        expected = here.engine.layers(here.reference("app"))

        archive = self.written(here, str(base.archive), "app.tar")
        layout = self.written(here, f"oci:{base.layout}", "oci:layout")

        assert id_in(archive) == image_id(layout, here.mark)
        blob = id_in(archive).replace(":", "/")
        config = json.loads((layout / "blobs" / blob).read_text())
        assert expected == config["rootfs"]["diff_ids"]

    def test_a_base_in_a_registry_gives_what_the_engine_s_gives(
        self, request: pytest.FixtureRequest, here: RealProject, base: Base, tmp_path: Path
    ) -> None:
        if not is_installed():
            missing(request, "docker-registry is not installed.")
        with debian_registry(tmp_path) as host:
            pushed = f"{host}/python:1"
            for words in (("tag", base.name, pushed), ("push", pushed), ("image", "rm", pushed)):
                here.engine.docker(*words)
            written = self.written(here, base.name, "again.tar", f"{base.name}={pushed}")
        assert here.engine.image_id(here.reference("app")) == id_in(written)

    def test_a_full_disk_leaves_no_file(self, here: RealProject, base: Base) -> None:
        """A limit on the size of files stands for the disk."""
        self.standing_on(here, str(base.archive))
        before = {path.name for path in here.root.iterdir()}
        limit = ["sh", "-c", 'ulimit -f 2000; exec "$@"', "sh"]
        words = [sys.executable, "-m", "dockerutils", "build-image", "app", "--output", "big.tar"]

        done = subprocess.run(
            [*limit, *words],
            cwd=here.root,
            env=here.line.environ,
            capture_output=True,
            encoding="utf-8",
        )

        said = error_of(Result(done.returncode, done.stdout, done.stderr))
        assert (1, True) == (done.returncode, "big.tar" in said)
        assert before == {path.name for path in here.root.iterdir()}

    def test_a_registry_that_refuses_is_told(self, here: RealProject) -> None:
        with running_front() as front:
            front.basic, front.password = True, "secret"
            self.standing_on(here, f"{front.host}/python:1")
            done = here("build-image", "app", "--output", "lost.tar", DOCKER_HOST=NOWHERE)
        assert (1, True) == (done.status, f"docker login {front.host}" in error_of(done))

    def test_json_tells_what_was_written(self, here: RealProject, base: Base) -> None:
        self.standing_on(here, str(base.archive))
        done = here.build("app", "--json", "--output", "told.tar", DOCKER_HOST=NOWHERE)
        (row,) = json.loads(done.out)
        assert ("built", id_in(here.root / "told.tar")) == (row["state"], row["id"])

    def test_a_failure_leaves_no_file(self, here: RealProject) -> None:
        self.standing_on(here, "oci:nothing")
        before = {path.name for path in here.root.iterdir()}

        done = here("build-image", "app", "--output", "lost.tar")

        assert 2 == done.status
        assert "nothing is no OCI layout: there is no such folder." in error_of(done)
        assert before == {path.name for path in here.root.iterdir()}


def test_a_dockerfile_s_image_is_written_too(real_projects: RealProjects) -> None:
    project = real_projects.make({"docker/app/Dockerfile": "FROM scratch\nCOPY docker /docker\n"})
    done = project.build("app", "--output", "app.tar")
    name = project.reference("app")
    assert project.engine.image_id(name) == id_in(project.root / "app.tar")
    assert f"# {name} is written to app.tar\n" in done.err
    project.build("app", "--output", "oci:layout")
    assert project.engine.image_id(name) == image_id(project.root / "layout", project.mark)


def test_only_one_image_can_be_written_and_only_somewhere(app: RealProject) -> None:
    for words in (["app", "--output", "app.zip"], ["app", "--output", "oci:"]):
        done = app("build-image", *words)
        assert 2 == done.status
        assert "Write --output NAME.tar, or --output oci:FOLDER" in done.err
    done = app("build-image", "app", "--output", "no/such/folder/app.tar")
    assert 1 == done.status
    assert "no/such/folder" in error_of(done)
