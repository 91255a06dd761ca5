"""Images made of virtualenvs, as a user meets them: built, run, changed, stood upon."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from engines import STAND_IN, RealProject, RealProjects
from venv_shops import APP, Docker, Shops, changed, error_of, python_of_base, state_of, told

pytestmark = pytest.mark.real

BAKED = """\
image_entrypoint = ["python", "-m", "shop"]
image_cmd = ["soup", "of the day"]
image_env = { MODE = "production", PATH_OF_NOBODY = "a b" }
image_user = "65534:65534"
image_workdir = "/srv"
image_expose = [8000, "53/udp"]
image_labels = ["vendor=Shop Ltd.", "version=7"]
interactive = false
"""
SEVERAL = {
    "src/shop/__main__.py": "import wares; print(wares.__file__)\n",
    "src/shop/tests/one.py": "",
    "src/notes.md": "",
    "src/secret": "",
    "lib/wares.py": "",
    "lib/data.txt": "",
    "lib/count": "#!/bin/sh\necho counted in $(pwd)\n",
    ".dockerignore": "src/secret\n",
}
# Stands for a compiled part whose library the base lacks.
LACKING = """\
import sys
if sys.prefix == "/opt/venv":
    raise ImportError("libodd.so.1: cannot open shared object file")
"""
BELOW = """\
[image.app]
type = "venv"
base = "<project>-below"
project = ["src:/app"]
image_cmd = ["python", "-m", "shop"]
"""
NEIGHBOURS = {
    "docker/below/Dockerfile": "FROM python:3.11-slim\nENV BELOW=yes\n",
    "docker/above/Dockerfile": "FROM <project>-app\nENV ABOVE=yes\n",
    "docker/aside/Dockerfile": "FROM scratch\nCOPY docker /\n",
}


@pytest.fixture(scope="module")
def shops(request: pytest.FixtureRequest, real_projects: RealProjects) -> Shops:
    return Shops(real_projects, python_of_base(request))


class TestApp:
    """One image, with all that can be baked in."""

    @pytest.fixture(scope="class")
    @classmethod
    def app(cls, shops: Shops) -> RealProject:
        config = APP.replace('image_cmd = ["python", "-m", "shop"]\n', BAKED)
        project = shops.make(config)
        before = state_of(project.root / ".venv", project.root / "src")
        done = project.build("app")
        assert before == state_of(project.root / ".venv", project.root / "src")
        name = project.reference("app")
        made, moved = done.err.splitlines()
        assert f"# {name} is made of .venv and src on python:3.11-slim" == made
        id_ = project.engine.image_id(name)[:19]
        assert f"# {name}: 4 of 5 layers, 2 MB; the image is {id_}" == moved
        return project

    def test_it_runs_with_all_that_was_baked_in(self, app: RealProject) -> None:
        answer = told(app)
        environ = answer.pop("environ")

        assert ["soup", "of the day"] == answer["argv"]
        assert ("/opt/venv", "/srv") == (answer["prefix"], answer["folder"])
        assert ("/app/shop/__main__.py", 65534) == (answer["file"], answer["user"])
        assert ({"soup": 4}, ["soup", "bread"]) == (answer["prices"], answer["namespace"])
        assert "thank you" == answer["receipt"]
        assert ("production", "a b") == (environ["MODE"], environ["PATH_OF_NOBODY"])
        assert ("/opt/venv", "/app") == (environ["VIRTUAL_ENV"], environ["PYTHONPATH"])
        assert environ["PATH"].startswith("/app:/opt/venv/bin:/usr/local/bin:")

    def test_the_engine_tells_what_was_baked_in(self, app: RealProject) -> None:
        config = app.engine.inspect(app.reference("app"))["Config"]

        assert {"8000/tcp": {}, "53/udp": {}} == config["ExposedPorts"]
        assert ("Shop Ltd.", "7") == (config["Labels"]["vendor"], config["Labels"]["version"])
        assert "LANG=C.UTF-8" in config["Env"]
        assert ["python", "-m", "shop"] == config["Entrypoint"]

    def test_its_layers_stand_on_those_of_the_base(self, app: RealProject) -> None:
        base = app.engine.layers(STAND_IN)
        assert base == app.engine.layers(app.reference("app"))[: len(base)]
        history = app.engine.docker(
            "history", "--format", "{{.CreatedBy}}", app.reference("app")
        ).splitlines()
        steps = ["project /app", "venv", "small", "menu"]
        assert [f"dockerutils: {name}" for name in steps] == history[:4]

    def test_nothing_is_compiled_at_the_start(self, app: RealProject) -> None:
        expected = compiled("menu/__init__", "till")
        assert expected == imported(app) & expected

    def test_scripts_of_the_virtualenv_are_on_the_path(self, app: RealProject) -> None:
        done = app.engine.docker("run", "--rm", "--entrypoint=till", app.reference("app"))
        assert "till /opt/venv /opt/venv/bin/till" == done

    def test_nothing_changed_means_that_nothing_happens(
        self, app: RealProject, tmp_path: Path
    ) -> None:
        docker = Docker(tmp_path / "bin")
        before = app.engine.inspect(app.reference("app"))

        done = app.build("app", PATH=docker.path)

        assert "# app is up to date; --rebuild would build anyway.\n" == done.err
        assert {"image"} == set(docker.asked())
        assert before == app.engine.inspect(app.reference("app"))

    def test_new_times_of_files_change_nothing(self, app: RealProject) -> None:
        os.utime(app.root / ".venv/lib/python3.11/site-packages/menu/photos.bin")
        os.utime(app.root / "src/shop/__main__.py")
        assert "# app is up to date; --rebuild would build anyway.\n" == app.build("app").err

    def test_a_rebuild_of_the_same_moves_no_layer(self, app: RealProject, tmp_path: Path) -> None:
        docker = Docker(tmp_path / "bin")
        before = app.engine.image_id(app.reference("app"))

        done = app.build("app", "--rebuild", PATH=docker.path)

        assert f"{app.reference('app')}: 0 of 5 layers, 0 bytes; the image is " in done.err
        assert {"image", "images"} >= set(docker.asked())
        assert before == app.engine.image_id(app.reference("app"))

    def test_show_why_and_graph_know_it(self, app: RealProject) -> None:
        shown = {line.split()[0]: line for line in app("show", "app").out.splitlines()}
        assert shown["app"].endswith(", made from .venv")
        assert '["src:/app"]' in shown["project"]
        assert "docker/dockerutils.toml:" in shown["project"]
        assert app("why", "app").out.startswith("app is up to date (")
        assert f"└─ app  {app.reference('app')}\n" in app("graph").out

    def test_run_image_starts_and_ps_lists_a_container(self, app: RealProject) -> None:
        sleeping = app.run("-d", "-a", "--entrypoint=sleep", "app", "--", "60")
        assert 0 == sleeping.status, sleeping.err
        listed = app("ps").out
        app("stop", "app")
        assert app.reference("app") in listed or " app " in listed

    def test_a_changed_file_changes_one_layer(self, app: RealProject) -> None:
        before = app.engine.layers(app.reference("app"))
        changed(app, "src/shop/__main__.py", '"argv"', '"words"')
        assert "src/shop/__main__.py" in app("why", "app").out

        done = app.build("app")

        after = app.engine.layers(app.reference("app"))
        assert (before[:-1], len(before)) == (after[:-1], len(after))
        assert before[-1] != after[-1]
        assert f"{app.reference('app')}: 1 of 5 layers, " in done.err
        assert ["soup", "of the day"] == told(app)["words"]

    def test_a_changed_distribution_changes_one_layer(self, app: RealProject) -> None:
        before = set(app.engine.layers(app.reference("app")))
        prices = ".venv/lib/python3.11/site-packages/menu/__init__.py"
        changed(app, prices, "'soup': 4", "'soup': 5")
        assert "menu" in app("why", "app").out

        app.build("app")

        assert 1 == len(set(app.engine.layers(app.reference("app"))) - before)
        assert {"soup": 5} == told(app)["prices"]

    def test_a_changed_setting_changes_no_layer(self, app: RealProject) -> None:
        before = app.engine.layers(app.reference("app"))
        changed(app, "docker/dockerutils.toml", "of the day", "of yesterday")
        done = app.build("app")
        assert before == app.engine.layers(app.reference("app"))
        assert f"{app.reference('app')}: 0 of 5 layers, 0 bytes" in done.err
        assert ["soup", "of yesterday"] == told(app)["words"]


def test_two_virtualenvs_in_two_folders_give_the_same_image(shops: Shops, tmp_path: Path) -> None:
    name = f"shop-{shops.projects.suffix}-twin"
    ids = []
    for seed in "12":
        project = shops.make(name=name)
        home = {"HOME": str(tmp_path / seed), "PYTHONHASHSEED": seed}
        project.build("app", "-t", f"{project.mark}-{seed}", **home)
        ids.append(project.engine.image_id(project.reference("app", f"{project.mark}-{seed}")))
    assert ids[0]
    assert ids[0] == ids[1]


class TestNeighbours:
    """Dockerfiles and virtualenvs that stand on each other."""

    @pytest.fixture(scope="class")
    @classmethod
    def built(cls, shops: Shops) -> RealProject:
        """A project in which only the topmost image was asked for."""
        project = shops.make(BELOW, NEIGHBOURS)
        project.build("above")
        return project

    def test_what_is_missing_below_is_built_first(self, built: RealProject) -> None:
        environ = told(built, image="above")["environ"]
        assert ("yes", "yes") == (environ["BELOW"], environ["ABOVE"])
        layers = {name: built.engine.layers(built.reference(name)) for name in ("app", "above")}
        assert layers["app"] == layers["above"][: len(layers["app"])]

    def test_a_change_below_is_a_reason_above(self, built: RealProject) -> None:
        changed(built, "docker/below/Dockerfile", "BELOW=yes", "BELOW=again")
        built.build("below")
        assert f"{built.name}-below" in built("why", "app").out

        done = built.build("all", "-j", "4")

        assert "again" == told(built, image="above")["environ"]["BELOW"]
        assert "# below is up to date; --rebuild would build anyway.\n" in done.err
        assert f"{built.reference('app')}: 0 of 5 layers, 0 bytes; the image is " in done.err
        assert built.has("aside")

    def test_json_and_quiet_tell_the_images(self, built: RealProject) -> None:
        done = built.build("app", "--json", "--rebuild")
        id_ = built.engine.image_id(built.reference("app"))
        (row,) = json.loads(done.out)
        assert ("app", "built", id_) == (row["image"], row["state"], row["id"])
        for words in (["--rebuild"], []):
            quiet = built.build("app", "-q", *words)
            assert (f"{id_}\n", "") == (quiet.out, quiet.err)

    def test_options_that_mean_nothing_for_it_are_refused(self, built: RealProject) -> None:
        for words in (["app", "--target", "x"], ["below", "--verify", "import"]):
            done = built("build-image", *words)
            assert (2, True) == (done.status, "none of the images has " in error_of(done))

    def test_clean_removes_it(self, built: RealProject) -> None:
        assert built.has("app")
        built.build("clean")
        assert not built.has("app")


def test_several_folders_are_found_in_their_order(shops: Shops) -> None:
    config = APP.replace('["src:/app"]', '["src:/app", "lib:/srv/lib"]')
    project = shops.make(f'{config}exclude = ["**/tests", "**/*.md", "**/photos.bin"]\n', SEVERAL)
    (project.root / "lib/count").chmod(0o755)
    project.build("app")

    assert "/srv/lib/wares.py\n" == project.run("app").out
    assert "counted in /app\n" == project.run("app", "--", "count").out
    found = project.run("app", "--", "find", "/app", "/srv", "/opt/venv/lib").out.splitlines()
    names = {Path(line).name for line in found}
    assert {"__main__.py", "wares.py", "menu", "data.txt"} <= names
    assert set() == {"tests", "one.py", "notes.md", "photos.bin", "secret"} & names


def test_folders_need_not_be_on_any_path(shops: Shops) -> None:
    project = shops.make(f"{APP}project_path = false\n")
    project.build("app")

    tried = project.run("app", "--", "sh", "-c", "cd / && exec python -m shop")
    assert (1, True) == (tried.status, "No module named shop" in tried.err)
    assert "/app/shop/__main__.py" == told(project)["file"]


def imported(project: RealProject) -> set[str]:
    """Start Python where nobody can write; gives what it says of the modules that it takes."""
    words = ["run", "--rm", "--read-only", "--entrypoint=python", project.reference("app")]
    done = subprocess.run(
        ["docker", *words, "-v", "-c", "import menu, till"],
        env=project.line.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.splitlines())


def compiled(*modules: str) -> set[str]:
    """Give what Python says where it takes modules as they were compiled."""
    site = "/opt/venv/lib/python3.11/site-packages"
    return {
        f"# {site}/{folder}__pycache__/{name}.cpython-311.pyc matches {site}/{folder}{name}.py"
        for folder, name in (module.rpartition("/")[::2] for module in modules)
        for folder in [f"{folder}/" if folder else ""]
    }


@pytest.mark.parametrize("bytecode", ["compile", "drop"])
def test_bytecode_is_made_anew_or_left_out(shops: Shops, bytecode: str) -> None:
    project = shops.make(f'{APP}bytecode = "{bytecode}"\n')
    shutil.rmtree(project.root / ".venv/lib/python3.11/site-packages/__pycache__")
    project.build("app")
    expected = compiled("menu/__init__", "till") if bytecode == "compile" else set()
    assert expected == imported(project) & compiled("menu/__init__", "till")


def test_an_editable_package_comes_along(shops: Shops) -> None:
    project = shops.make()
    elsewhere = project.root.parent / "wares"
    (elsewhere / "src/wares").mkdir(parents=True)
    (elsewhere / "src/wares/__init__.py").write_text("")
    venv = shops.empty(project.root / "dev")
    venv.add_editable("wares", elsewhere, {"__editable__.wares.pth": f"{elsewhere}/src\n"})
    changed(project, "docker/dockerutils.toml", "[image.app]", '[image.app]\nvenv = "dev"')
    (project.root / "src/shop/__main__.py").write_text("import wares; print(wares.__file__)\n")
    project.build("app")
    assert "/opt/venv/src/wares/src/wares/__init__.py" == project.run("app").out.strip()


def test_what_only_the_image_cannot_import_is_named_and_moves_no_tag(shops: Shops) -> None:
    project = shops.make()
    name = project.reference("app")
    done = project.build("app", "--verify", "import")
    assert f"# {name} is run once, before it gets its name, to verify it\n" in done.err
    before = project.engine.image_id(name)
    module = project.root / ".venv/lib/python3.11/site-packages/till.py"
    module.write_text(LACKING)

    done = project("build-image", "app", "--verify", "import")

    assert (1, before) == (done.status, project.engine.image_id(name))
    assert "\nError: " not in done.err
    assert "till" in done.err
    assert "libodd.so.1" in done.err
    label = f"label=dockerutils.image={project.name}-app"
    nameless = ("images", "--quiet", "--filter", "dangling=true", "--filter", label)
    assert "" == project.engine.docker(*nameless)


def test_the_script_of_a_dry_run_makes_an_image_that_runs(shops: Shops, tmp_path: Path) -> None:
    project = shops.make()
    done = project.build("app", "--dry-run")
    assert not project.has("app")
    script = tmp_path / "script"
    script.write_text(done.out)
    subprocess.run(
        ["sh", str(script)],
        check=True,
        capture_output=True,
        cwd=project.root,
        env=dict(project.line.environ),
    )
    answer = told(project)
    assert ("/opt/venv", "/app/shop/__main__.py") == (answer["prefix"], answer["file"])


def test_an_interpreter_comes_along_where_the_base_has_none(shops: Shops) -> None:
    gone = "RUN rm -rf /usr/bin/python3* /usr/lib/python3*"
    files = {"docker/bare/Dockerfile": f"FROM python:3.11-slim\n{gone}\n"}
    config = APP.replace("python:3.11-slim", "<project>-bare")
    project = shops.make(f'{config}interpreter = "bundle"\n', files)
    project.build("app")
    assert ("/opt/venv", {"soup": 4}) == tuple(told(project)[key] for key in ("prefix", "prices"))
    before = project.engine.layers(project.reference("app"))
    changed(project, "src/shop/__main__.py", "import json", "import  json")
    project.build("app")
    assert before[:-1] == project.engine.layers(project.reference("app"))[:-1]
