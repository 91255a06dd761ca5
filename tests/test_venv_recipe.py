"""What an image of the type `venv` is made of, and how it is put upon a base."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from bakeries import APP, LARGE, Bakery, base_of, open_bakery, reading_request
from oci_images import files_of, layer_of, write_stream
from projects import Projects

from dockerutils.command import Command
from dockerutils.errors import ConfigError, ContentChanged, DockerutilsError, ProjectError
from dockerutils.images import project_folders, venv_assembly
from dockerutils.images.baked import PATH
from dockerutils.images.recipe import Details
from dockerutils.oci.archive import archive_entries
from dockerutils.oci.image import OciImage
from dockerutils.runner import Answer

NO_FILES: Any = None  # a virtualenv has no contexts
EPOCH = "1980-01-01T00:00:00Z"


@pytest.fixture
def bakery(projects: Projects) -> Bakery:
    return open_bakery(projects)


def details(bakery: Bakery) -> Details:
    found = bakery.reading().details(reading_request(), NO_FILES, False)
    assert found is not None
    return found


def changes(before: Details, after: Details) -> dict[str, set[str]]:
    """Name what differs, part by part."""
    found = {part: before[part].items() ^ after[part].items() for part in before}
    return {part: {name for name, _ in pairs} for part, pairs in found.items() if pairs}


# What stands below --------------------------------------------------------------------------


def test_the_image_below_is_used_by_its_name(bakery: Bakery) -> None:
    (use,) = bakery.reading().uses

    assert ("python:3", "docker/dockerutils.toml") == (use.name, use.place)


def test_without_a_base_it_is_the_usual_one_for_the_virtualenvs_python(bakery: Bakery) -> None:
    bakery.change("docker/dockerutils.toml", '[image.app]\ntype = "venv"\n')

    assert ["python:3.11-slim"] == [use.name for use in bakery.reading().uses]


@pytest.mark.parametrize("base", ["./base.tar", "oci:layout", "images/base.tgz"])
def test_a_base_from_a_file_is_no_image_of_the_engine(bakery: Bakery, base: str) -> None:
    bakery.configure(f'base = "{base}"')

    assert () == bakery.reading().uses


def test_a_base_can_have_its_name_from_the_environment(projects: Projects) -> None:
    config = APP.replace("python:3", "python:${RELEASE}")

    assert (
        "python:3.12" == open_bakery(projects, config=config, RELEASE="3.12").reading().parts.base
    )


def test_a_missing_virtualenv_is_told_unless_a_script_may_make_it(projects: Projects) -> None:
    plain = '[image.app]\ntype = "venv"\nvenv = "none"\n'
    bakery = open_bakery(projects, config=plain)
    with pytest.raises(ProjectError, match="none"):
        _ = bakery.reading().uses

    bakery.change("docker/dockerutils.toml", f'{plain}pre_build_script = "make venv"\n')
    assert () == bakery.reading().uses


def test_an_image_of_the_project_can_be_below(projects: Projects) -> None:
    config = APP.replace("python:3", "shop-base")
    bakery = open_bakery(projects, {"docker/base/Dockerfile": "FROM python:3\n"}, config)

    assert ("base",) == bakery.node().bases


def test_a_name_for_itself_is_all_that_it_moves(bakery: Bakery) -> None:
    reading = bakery.reading()

    assert ("shop-app:alice",) == reading.tags
    assert {} == reading.mounted
    assert not reading.mentions("pip.conf")


@pytest.mark.parametrize(
    ("project", "file", "expected"),
    [
        ("src:/app", "src/VERSION", True),
        ("src:/app", "VERSION", False),
        ("src:/app", "src2/VERSION", False),
        (".:/app", "VERSION", True),
        ("./src/:/app", "src/VERSION", True),
        ("lib:/app", "lib/ignored/VERSION", False),
    ],
)
def test_files_of_the_projects_folders_are_taken(
    bakery: Bakery, project: str, file: str, expected: bool
) -> None:
    bakery.configure(f'project = ["{project}"]')
    bakery.change(".dockerignore", "lib/ignored\n")

    assert expected == bakery.reading().takes(file)


# Its inputs ---------------------------------------------------------------------------------


def test_inputs_are_told_in_parts_by_name(bakery: Bakery) -> None:
    found = details(bakery)

    assert {"menu 1.0", "soup 1.0", "menu", "small", "venv"} == set(found["venv"])
    assert {"src/shop.py"} == set(found["project"])


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("src/shop.py", "x = 2\n", {"project": {"src/shop.py"}}),
        ("src/new.py", "", {"project": {"src/new.py"}}),
        (".venv/lib/python3.11/site-packages/soup.py", "NAME = 1\n", {"venv": {"small"}}),
        (".venv/lib/python3.11/site-packages/menu/__init__.py", "", {"venv": {"menu"}}),
        ("src/__pycache__/shop.cpython-311.pyc", "", {}),
        ("README.md", "", {}),
    ],
)
def test_a_change_is_told_where_it_was(
    bakery: Bakery, path: str, text: str, expected: dict[str, set[str]]
) -> None:
    before = details(bakery)
    bakery.change(path, text)

    assert expected == changes(before, details(bakery))


def test_a_distribution_of_another_version_is_told_by_it(bakery: Bakery) -> None:
    before = details(bakery)
    (bakery.venv.site / "soup-1.0.dist-info").rename(bakery.venv.site / "gone")
    bakery.venv.add("soup", version="2.0")

    assert {"soup 1.0", "soup 2.0"} <= changes(before, details(bakery))["venv"]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('dest = "/srv/venv"', "dest"),
        ('bytecode = "drop"', "bytecode"),
        ("created = 2024-05-01", "created"),
        ('image_cmd = ["shop"]', "image settings"),
        ('image_labels = { a = "b" }', "image settings"),
        ("project_path = false", "image settings"),
    ],
)
def test_a_changed_key_is_told(bakery: Bakery, line: str, name: str) -> None:
    before = details(bakery)
    bakery.configure(line)

    assert name in changes(before, details(bakery))["options"]


def test_another_place_of_a_folder_counts_even_where_no_path_tells_of_it(bakery: Bakery) -> None:
    lines = ("project_path = false", 'image_workdir = "/"')
    bakery.configure(*lines)
    before = details(bakery)
    bakery.configure(*lines, 'project = ["src:/srv"]')

    assert {"options": {"project"}} == changes(before, details(bakery))


@pytest.mark.parametrize("dest", ["/lib", "/app"])
def test_two_folders_of_one_name_or_place_are_told_apart(bakery: Bakery, dest: str) -> None:
    bakery.configure(f'project = ["src:/app", "other/src:{dest}"]')
    bakery.change("other/src/shop.py", "")
    before = details(bakery)
    bakery.change("src/shop.py", "x = 3\n")

    assert {"project": {"src/shop.py"}} == changes(before, details(bakery))


def test_two_large_folders_at_one_place_both_count(
    bakery: Bakery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project_folders, "FEW", 0)
    bakery.configure('project = ["src:/app", "lib:/app"]')
    bakery.change("lib/a.py", "a")
    before = details(bakery)
    bakery.change("src/shop.py", "x = 3\n")

    assert {"project": {"project /app"}} == changes(before, details(bakery))


def test_a_distribution_that_is_called_like_a_group_counts_beside_it(bakery: Bakery) -> None:
    bakery.venv.add("small", {"small.bin": "s" * LARGE})
    before = details(bakery)
    (bakery.venv.site / "small.bin").write_text("t" * LARGE)

    assert {"venv": {"small"}} == changes(before, details(bakery))


def test_a_base_in_a_file_counts_with_its_content(bakery: Bakery) -> None:
    bakery.configure('base = "./base.tar"')
    write_base(bakery, base_of())
    before = details(bakery)
    write_base(bakery, base_of())
    assert {} == changes(before, details(bakery))

    write_base(bakery, base_of(Env=["A=1"]))
    assert {"options": {"base"}} == changes(before, details(bakery))


def test_no_value_of_a_setting_is_kept(projects: Projects) -> None:
    config = APP + 'image_env = { TOKEN = "$TOKEN" }\nimage_cmd = ["$TOKEN"]\n'

    found = details(open_bakery(projects, config=config, TOKEN="h1dden"))
    assert "h1dden" not in json.dumps(found)


def test_inputs_are_told_without_compiling(bakery: Bakery) -> None:
    bakery.configure('bytecode = "compile"')
    details(bakery)

    assert [] == bakery.runner.commands


@pytest.mark.parametrize("text", ["src\n", "*\n", "src/*.py\n"])
def test_a_folder_of_which_nothing_is_left_is_told(bakery: Bakery, text: str) -> None:
    assert () == bakery.reading().notes
    bakery.change(".dockerignore", text)

    (note,) = bakery.reading().notes
    assert f"no file of {bakery.root}/src gets into the image" in note


def test_a_missing_folder_is_told(bakery: Bakery) -> None:
    bakery.configure('project = ["lost:/app"]')
    with pytest.raises(ProjectError, match="`project` names lost"):
        details(bakery)


def write_base(bakery: Bakery, base: OciImage) -> Path:
    return write_stream(bakery.root / "base.tar", archive_entries(base, "python:3"))


# When it is said to be made -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "environ", "moment"),
    [
        ("", {}, EPOCH),
        ("", {"SOURCE_DATE_EPOCH": ""}, EPOCH),
        ("", {"SOURCE_DATE_EPOCH": "1700000000"}, "2023-11-14T22:13:20Z"),
        ("created = 2024-05-01\n", {"SOURCE_DATE_EPOCH": "1"}, "2024-05-01T00:00:00Z"),
        ('created = "now"\n', {}, "now"),
    ],
)
def test_the_moment_is_a_settings_or_the_environments(
    projects: Projects, line: str, environ: Mapping[str, str], moment: str
) -> None:
    bakery = open_bakery(projects, None, APP + line, **environ)

    assert moment == bakery.reading().parts.created()


@pytest.mark.parametrize("text", ["soon", "99999999999999999999", "1e9"])
def test_a_moment_that_is_none_is_told(projects: Projects, text: str) -> None:
    bakery = open_bakery(projects, SOURCE_DATE_EPOCH=text)
    with pytest.raises(ConfigError, match=f"SOURCE_DATE_EPOCH is `{text}`"):
        details(bakery)


def test_now_is_now(bakery: Bakery) -> None:
    bakery.configure('created = "now"')
    config = json.loads(bakery.upon().config_bytes())

    assert EPOCH < config["created"] == config["history"][-1]["created"]


# Upon a base --------------------------------------------------------------------------------


def settings(image: OciImage) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(image.config_bytes())["config"]
    return found


def test_what_changes_often_lies_above_what_does_not(bakery: Bakery) -> None:
    base = base_of()
    image = bakery.upon(base)
    names = ["", "menu", "small", "venv", "project /app"]

    assert names == [layer.name for layer in image.layers]
    assert base.diff_ids == image.diff_ids[:1]
    steps = [step["created_by"] for step in json.loads(image.config_bytes())["history"]]
    assert ["base", *(f"dockerutils: {name}" for name in names[1:])] == steps


def test_each_file_has_its_place(bakery: Bakery) -> None:
    _, menu, small, own, project = bakery.upon().layers

    inside = "opt/venv/lib/python3.11/site-packages"
    large = {path for path in files_of(menu.chunks()) if "-info" not in path}
    assert {f"{inside}/menu/__init__.py", f"{inside}/menu/photos.bin"} == large
    assert f"{inside}/soup.py" in files_of(small.chunks())
    assert b"home = /usr/bin" in files_of(own.chunks())["opt/venv/pyvenv.cfg"]
    assert {"app/shop.py": b"x = 1\n"} == files_of(project.chunks())


def test_layers_of_one_name_have_each_their_own_files(bakery: Bakery) -> None:
    bakery.configure('project = ["src:/app", "lib:/app"]')
    bakery.change("lib/extra.py", "")
    bakery.venv.add("small", {"small.bin": "s" * LARGE})
    image = bakery.upon()

    found = [set(files_of(layer.chunks())) for layer in image.layers]
    inside = "opt/venv/lib/python3.11/site-packages"
    for path in (f"{inside}/small.bin", f"{inside}/soup.py", "app/shop.py", "app/extra.py"):
        assert 1 == sum(path in files for files in found)


def test_the_base_says_what_the_image_does_not(bakery: Bakery) -> None:
    bakery.configure('image_cmd = ["python", "-m", "shop"]', "image_expose = [8000]")
    environment = ["PATH=/usr/bin", "LANG=C"]
    image = bakery.upon(base_of(Env=environment, Cmd=["sh"], User="1000"))
    expected = {
        "Cmd": ["python", "-m", "shop"],
        "Env": [
            "PATH=/app:/opt/venv/bin:/usr/bin",
            "LANG=C",
            "PYTHONPATH=/app",
            "VIRTUAL_ENV=/opt/venv",
        ],
        "ExposedPorts": {"8000/tcp": {}},
        "Labels": {"dockerutils.image": "shop-app"},
        "User": "1000",
        "WorkingDir": "/app",
    }

    assert expected == settings(image)


def test_the_environment_s_values_and_other_paths_are_the_user_s(projects: Projects) -> None:
    lines = 'image_env = { MODE = "$MODE", VIRTUAL_ENV = "/v" }\nproject_path = false\n'
    image = open_bakery(projects, config=APP + lines, MODE="test").upon()

    expected = [f"PATH=/opt/venv/bin:{PATH}", "VIRTUAL_ENV=/v", "MODE=test"]
    assert expected == settings(image)["Env"]


def test_an_image_depends_on_content_and_not_on_where_it_was_made(projects: Projects) -> None:
    one = open_bakery(projects)
    other = open_bakery(Projects(projects.folder / "elsewhere"))

    assert one.upon().id == other.upon().id


def test_a_changed_file_changes_one_layer(bakery: Bakery) -> None:
    before = bakery.upon().diff_ids
    bakery.change("src/shop.py", "x = 2\n")
    after = bakery.upon().diff_ids

    assert before[:-1] == after[:-1]
    assert before[-1] != after[-1]


def test_a_file_that_changes_after_it_was_found_is_told(bakery: Bakery) -> None:
    image = bakery.upon()
    bakery.change("src/shop.py", "x = 22\n")
    with pytest.raises(ContentChanged):
        _ = image.id


def test_what_is_excluded_is_left_out_of_virtualenv_and_project(bakery: Bakery) -> None:
    bakery.configure('exclude = ["**/*.bin", "notes"]')
    bakery.change("src/notes/todo", "")
    found = {path for layer in bakery.upon().layers for path in files_of(layer.chunks())}

    assert not [path for path in found if "photos" in path or "notes" in path]


@pytest.mark.parametrize(
    ("base", "has"), [(("bin/sh",), "none at all"), (("usr/bin/python3.12",), "3.12")]
)
def test_a_base_without_that_python_is_refused_with_the_ways_out(
    bakery: Bakery, base: tuple[str, ...], has: str
) -> None:
    with pytest.raises(ProjectError, match=r"python:3 has no Python 3\.11") as caught:
        bakery.upon(base_of(*base))

    assert has in caught.value.message
    assert "base=python:3.11-slim" in caught.value.hint


def test_all_that_is_wrong_is_told_at_once(bakery: Bakery) -> None:
    (bakery.venv.site / "soup.py").unlink()
    with pytest.raises(ProjectError) as caught:
        bakery.upon(base_of("bin/sh"))

    assert "has no Python 3.11" in caught.value.message
    assert "soup.py" in caught.value.message


def test_what_is_only_odd_is_a_warning(bakery: Bakery) -> None:
    _, warnings = bakery.assembled(base_of(OnBuild=["RUN a", "RUN b"]))

    assert ("the base's ONBUILD instructions are passed over: RUN a; RUN b",) == warnings
    assert "OnBuild" not in settings(bakery.upon(base_of(OnBuild=["RUN a"])))


def test_more_layers_than_engines_take_are_refused(bakery: Bakery) -> None:
    bottom = base_of()
    filled = [layer_of({f"file{n}": b""}) for n in range(venv_assembly.MOST - 4)]
    image = OciImage((*bottom.layers, *filled), bottom.config)
    with pytest.raises(ProjectError, match=r"would have 121 layers, .* python:3 has 117") as caught:
        bakery.upon(image)

    assert "max_layers=3" in caught.value.hint
    assert bakery.upon(OciImage(image.layers[:-1], bottom.config))


def test_bytecode_is_compiled_by_the_virtualenvs_python_when_it_is_wanted(bakery: Bakery) -> None:
    bakery.configure('bytecode = "compile"')
    bakery.runner.tells = lambda _command: Answer(1, "", "no")
    image = bakery.upon()
    assert [] == bakery.runner.commands
    with pytest.raises(DockerutilsError):  # nothing is compiled here
        _ = image.id

    interpreter = bakery.venv.root.parents[1] / "base" / "bin" / "python3.11"
    assert str(interpreter) == bakery.runner.commands[0].argv[0]


# Verifying ----------------------------------------------------------------------------------


def test_modules_are_imported_on_both_sides(bakery: Bakery) -> None:
    bakery.build(verify="import")
    here, there = bakery.runner.commands

    assert str(bakery.venv.root / "bin" / "python") == here.argv[0]
    assert ("menu", "soup") == here.argv[-2:] == there.argv[-2:]
    assert "/opt/venv/bin/python" in there.argv


# A dry run ----------------------------------------------------------------------------------


def test_a_dry_run_shows_a_build_of_the_folders(bakery: Bakery) -> None:
    (command,) = bakery.reading().commands(reading_request(), {"python:3": "mirror/python:3"})

    assert isinstance(command, Command)
    assert command.stdin is not None
    lines = command.stdin.text.splitlines()
    assert ["FROM mirror/python:3", "COPY --from=venv . /opt/venv"] == lines[:2]
    assert "COPY --from=project1 . /app" in lines
    assert "WORKDIR /app" in lines
    assert f"project1={bakery.root}/src" in command.argv
