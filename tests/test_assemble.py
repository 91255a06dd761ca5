"""Images that are put together here, from the command to the engine or a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bakeries import APP, Bakery, DownEngine, base_of, open_bakery
from oci_images import write_stream
from projects import Projects
from stores import Store, made_of
from test_board import screen

from dockerutils.command import Command
from dockerutils.errors import (
    CommandFailed,
    DockerutilsError,
    Interrupted,
    ProjectError,
    UsageError,
)
from dockerutils.images.inputs import LABEL
from dockerutils.oci.archive import archive_entries, read_archive, read_layout
from dockerutils.runner import Answer
from dockerutils.sinks.engine import Refused

NAME = "shop-app:alice"
LAYERS = 5  # the base's, menu, small, venv, project


@pytest.fixture
def bakery(projects: Projects) -> Bakery:
    return open_bakery(projects)


def layers_fed(bakery: Bakery) -> int:
    """Count the layers in what the engine was fed, and forget it."""
    blobs = [name for files in bakery.store.fed for name in files if name.startswith("blobs/")]
    archives = len(bakery.store.fed)
    bakery.store.fed.clear()
    return len(blobs) - 2 * archives  # the manifest and the config


def failure(bakery: Bakery, *names: str, **options: Any) -> DockerutilsError:
    with pytest.raises(DockerutilsError) as caught:
        bakery.build(*names, **options)
    return caught.value


# Into the engine ----------------------------------------------------------------------------


def test_an_image_comes_to_the_engine_without_the_layers_of_its_base(bakery: Bakery) -> None:
    said = bakery.build()
    image = bakery.store.images[bakery.store.tags[NAME]]

    base = bakery.store.images[bakery.store.tags["python:3"]]
    assert base.layers == image.layers[:1]
    assert LAYERS == len(image.layers)
    assert LAYERS - 1 == layers_fed(bakery)
    assert "# shop-app:alice is made of .venv and src on python:3\n" in said
    assert f"# {NAME}: 4 of 5 layers, 1 MB; the image is {bakery.store.tags[NAME][:19]}\n" in said


def test_it_carries_our_labels(bakery: Bakery) -> None:
    bakery.runner.have("python:3", base_of(Labels={"dockerutils.image": "x", "vendor": "y"}))
    bakery.build()
    labels = bakery.settings()["Labels"]

    assert ("shop-app", "y") == (labels["dockerutils.image"], labels["vendor"])
    assert {"venv", "project", "options", "bases"} <= {
        part.partition("=")[0] for part in labels[LABEL].split(",")
    }


def test_where_nothing_changed_nothing_is_done(bakery: Bakery) -> None:
    bakery.build()
    bakery.store.commands.clear()

    assert "# app is up to date; --rebuild would build anyway.\n" in bakery.build()
    assert [] == bakery.store.commands


def test_a_change_of_one_file_moves_one_layer(bakery: Bakery) -> None:
    bakery.build()
    layers_fed(bakery)
    bakery.change("src/shop.py", "x = 2\n")

    assert "1 of 5 layers" in bakery.build()
    assert 1 == layers_fed(bakery)


def test_another_base_makes_another_image(bakery: Bakery) -> None:
    bakery.build()
    layers_fed(bakery)
    bakery.runner.have("python:3", base_of(Env=["A=1"]))
    bakery.build()

    assert "A=1" in bakery.settings()["Env"]
    assert 0 == layers_fed(bakery)


def test_forced_it_is_put_together_again_and_moves_nothing(bakery: Bakery) -> None:
    bakery.build()
    layers_fed(bakery)

    assert "0 of 5 layers" in bakery.build(rebuild=True)
    assert "0 of 5 layers" in bakery.build(no_cache=True)
    assert 0 == layers_fed(bakery)


def test_its_id_is_all_that_a_quiet_build_writes(bakery: Bakery) -> None:
    bakery.build(quiet=True)
    assert f"{bakery.store.tags[NAME]}\n" == bakery.out.getvalue()

    bakery.build(quiet=True)
    assert f"{bakery.store.tags[NAME]}\n" == bakery.out.getvalue()


def test_the_id_is_the_engine_s_own_where_it_calls_images_by_their_manifests(
    projects: Projects,
) -> None:
    bakery = open_bakery(projects)
    bakery.runner.store = Store(by_manifest=True)
    bakery.runner.have("python:3", base_of())
    for _ in range(2):
        bakery.build(quiet=True)
        assert f"{bakery.store.tags[NAME]}\n" == bakery.out.getvalue()

    bakery.build(json=True, rebuild=True)
    assert bakery.store.tags[NAME] == json.loads(bakery.out.getvalue())[0]["id"]


def test_json_tells_its_id(bakery: Bakery) -> None:
    bakery.build(json=True)
    (row,) = json.loads(bakery.out.getvalue())

    assert ("built", bakery.store.tags[NAME]) == (row["state"], row["id"])


def test_why_it_was_built_is_kept_with_the_files_name(bakery: Bakery) -> None:
    bakery.build()
    bakery.change("src/shop.py", "x = 2\n")
    bakery.build()
    (record,) = (bakery.root.parent / "cache").rglob("inputs/shop-app*")

    assert ["src/shop.py changed"] == json.loads(record.read_text())["because"]


def test_hooks_stand_around_it_and_one_may_make_the_virtualenv(bakery: Bakery) -> None:
    hooks = 'pre_build_script = "before"\npost_build_script = "after"\n'
    bakery.change("docker/dockerutils.toml", APP + hooks)
    bakery.build()
    bakery.build()

    expected = ["before", "after", "before"]
    assert expected == [command.argv[-1] for command in bakery.runner.commands]


def test_a_base_that_the_engine_lacks_is_pulled_and_one_that_it_has_is_not(bakery: Bakery) -> None:
    bakery.configure('base = "python:3.11-slim"')
    bakery.runner.makes["python:3.11-slim"] = base_of(Env=["A=1"])
    bakery.build()
    bakery.build()

    assert ["docker pull python:3.11-slim"] == bakery.runner.lines
    assert "A=1" in bakery.settings()["Env"]
    bakery.build(pull_base=True)
    assert 2 == len(bakery.runner.lines)


def test_a_pull_that_fails_is_a_failure(bakery: Bakery) -> None:
    bakery.configure('base = "python:4"')
    bakery.runner.statuses = {"docker pull": 3}
    caught = failure(bakery)

    assert (3, "app was not built: docker pull ended with status 3.") == (
        caught.status,
        caught.message,
    )


def test_a_substitute_stands_in_for_a_base(projects: Projects) -> None:
    bakery = open_bakery(projects, DOCKERUTILS_SUBSTITUTE="python:3=mirror/python:3")
    bakery.runner.have("mirror/python:3", base_of(Env=["MIRROR=1"]))
    bakery.build()

    assert "MIRROR=1" in bakery.settings()["Env"]


def test_a_base_may_be_a_file_or_a_layout(bakery: Bakery) -> None:
    base = base_of(Env=["FILE=1"])
    write_stream(bakery.root / "base.tar", archive_entries(base, "python:3"))
    bakery.configure('base = "./base.tar"')
    bakery.build()

    assert "FILE=1" in bakery.settings()["Env"]
    assert [] == bakery.runner.commands


# Others below and above ---------------------------------------------------------------------


def test_an_image_of_a_dockerfile_is_built_below_it(projects: Projects) -> None:
    files = {"docker/base/Dockerfile": "FROM python:3\n"}
    bakery = open_bakery(projects, files, APP.replace("python:3", "shop-base"))
    bakery.runner.makes["shop-base:alice"] = base_of(Env=["OWN=1"])
    bakery.build()

    assert ["shop-base:alice"] == [command.argv[3] for command in bakery.runner.commands]
    assert "OWN=1" in bakery.settings()["Env"]


def test_an_image_of_a_dockerfile_is_built_above_it_with_its_name(projects: Projects) -> None:
    files = {"docker/test/Dockerfile": "FROM shop-app\nRUN pytest\n"}
    bakery = open_bakery(projects, files)
    bakery.build("test")
    (command,) = bakery.runner.commands

    assert f"shop-app=docker-image://{NAME}" in command.argv
    assert NAME in bakery.store.tags


SIBLINGS = ("app", "tool")
TWO = APP + '\n[image.tool]\ntype = "venv"\nbase = "shop-app"\ndest = "/opt/tool"\n'


def test_one_stands_on_another(projects: Projects) -> None:
    bakery = open_bakery(projects, config=TWO)
    bakery.build("tool")

    app, tool = (bakery.store.images[bakery.store.tags[f"shop-{one}:alice"]] for one in SIBLINGS)
    assert app.layers == tool.layers[:LAYERS]
    assert "shop-tool" == bakery.settings("shop-tool:alice")["Labels"]["dockerutils.image"]


def test_side_by_side_with_a_builder_each_says_what_became_of_it(projects: Projects) -> None:
    files = {"docker/web/Dockerfile": "FROM scratch\n"}
    two = APP + '\n[image.tool]\ntype = "venv"\nbase = "python:3"\n'
    bakery = open_bakery(projects, files, two)
    said = bakery.build("all", jobs=3)

    assert {NAME, "shop-tool:alice"} < set(bakery.store.tags)
    assert ["docker build --tag shop-web:alice"] == [
        " ".join(command.argv[:4]) for command in bakery.runner.commands
    ]
    for name in ("app ", "tool", "web "):
        assert f"# {name} built in 0.0 s\n" in said


def test_what_fails_fails_what_stands_on_it_and_nothing_else(projects: Projects) -> None:
    files = {"docker/web/Dockerfile": "FROM scratch\n", "docker/test/Dockerfile": "FROM shop-app\n"}
    bakery = open_bakery(projects, files)
    (bakery.venv.site / "soup.py").unlink()
    caught = failure(bakery, "all")

    assert "2 of 3 images are missing: app (failed), test (skipped)." == caught.message
    assert ["shop-web:alice"] == [command.argv[3] for command in bakery.runner.commands]


# What goes wrong ----------------------------------------------------------------------------


def test_a_base_that_will_not_do_moves_nothing(bakery: Bakery) -> None:
    bakery.runner.have("python:3", base_of("bin/sh"))
    caught = failure(bakery)

    assert isinstance(caught, ProjectError)
    assert [] == bakery.store.fed
    assert NAME not in bakery.store.tags


def test_an_engine_that_refuses_it_keeps_the_old_image(bakery: Bakery) -> None:
    bakery.build()
    old = bakery.store.tags[NAME]
    bakery.change("src/shop.py", "x = 2\n")
    bakery.store.lies = [Answer(0, "", "no space left on device")] * 2

    assert isinstance(failure(bakery), Refused)
    assert old == bakery.store.tags[NAME]


def test_the_user_can_end_it_while_layers_move(bakery: Bakery) -> None:
    def end() -> None:
        raise Interrupted("interrupted.")

    bakery.runner.check = end
    assert isinstance(failure(bakery), Interrupted)
    assert NAME not in bakery.store.tags


def test_the_place_for_a_moment_is_gone_afterwards(
    bakery: Bakery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "moment").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "moment"))
    bakery.build()
    bakery.runner.have("python:3", base_of("bin/sh"))
    failure(bakery)

    assert [] == list((tmp_path / "moment").iterdir())


# Verified -----------------------------------------------------------------------------------


def breaks_in_the_image(command: Command) -> Answer:
    text = "ImportError: no libsoup" if command.argv[0] == "docker" else ""
    report = {"version": [3, 11, 2], "soabi": "", "prefix": "", "modules": {"soup": text}}
    return Answer(0, json.dumps({**report, "scripts": {}}), "")


def test_what_does_not_run_in_the_image_gets_no_name(bakery: Bakery) -> None:
    bakery.build()
    old = bakery.store.tags[NAME]
    bakery.change("src/shop.py", "x = 2\n")
    bakery.runner.tells = breaks_in_the_image
    caught = failure(bakery, verify="import")

    assert "soup cannot be imported: ImportError: no libsoup" in caught.message
    assert old == bakery.store.tags[NAME]
    assert 2 == len(bakery.store.images)  # of the base and the old one


def test_an_unchanged_image_is_verified_too(bakery: Bakery) -> None:
    bakery.build()
    said = bakery.build(verify="import")

    assert f"# {NAME} is run once, before it gets its name, to verify it\n" in said
    assert [bakery.store.tags[NAME]] == [
        word for word in bakery.runner.commands[-1].argv if word.startswith("sha256:")
    ]


def test_only_what_is_named_is_verified(projects: Projects) -> None:
    bakery = open_bakery(projects, config=TWO)
    bakery.build("tool", verify="import")

    assert 2 == len(bakery.runner.commands)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"verify": "all"}, "--verify all: write --verify import."),
        ({"verify": "import", "output": "app.tar"}, "--verify runs the image, which --output"),
        ({"output": "app"}, "--output app is neither a file nor a folder"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    bakery: Bakery, options: dict[str, str], words: str
) -> None:
    caught = failure(bakery, **options)

    assert isinstance(caught, UsageError)
    assert words in caught.message


# Elsewhere ----------------------------------------------------------------------------------


def test_a_file_gets_the_image_that_the_engine_would_get_and_the_engine_nothing(
    bakery: Bakery,
) -> None:
    said = bakery.build(output="app.tar")
    assert [] == [line for line in bakery.store.commands if not line.startswith("save")]
    assert NAME not in bakery.store.tags
    assert "# app.tar: 5 of 5 layers, " in said

    bakery.build()
    assert bakery.store.tags[NAME] == read_archive(bakery.root / "app.tar", NAME).id


def test_a_layout_knows_it_by_its_tag(bakery: Bakery) -> None:
    bakery.build(output="oci:out/app")

    assert LAYERS == len(read_layout(bakery.root / "out/app", "alice").layers)


def test_it_is_written_though_the_engine_has_it(bakery: Bakery) -> None:
    bakery.build()
    bakery.build(output="app.tar")

    assert (bakery.root / "app.tar").exists()


def test_what_is_written_elsewhere_leaves_what_is_known_of_the_engine_s_image(
    bakery: Bakery,
) -> None:
    bakery.change("docker/dockerutils.toml", APP + 'post_build_script = "after"\n')
    bakery.build()
    bakery.change("src/shop.py", "x = 2\n")
    bakery.build(output="app.tar")
    bakery.build()
    (record,) = (bakery.root.parent / "cache").rglob("inputs/shop-app*")

    assert ["src/shop.py changed"] == json.loads(record.read_text())["because"]
    assert 2 == len(bakery.runner.commands)  # the script


def test_its_id_is_told_and_not_that_of_what_the_engine_has_by_its_name(bakery: Bakery) -> None:
    bakery.build()
    bakery.change("src/shop.py", "x = 2\n")
    bakery.build(output="app.tar", json=True)
    written = read_archive(bakery.root / "app.tar", NAME).id

    (row,) = json.loads(bakery.out.getvalue())
    assert written == row["id"]
    bakery.build(output="app.tar", quiet=True)
    assert f"{written}\n" == bakery.out.getvalue()


def test_without_an_engine_a_file_is_made_from_a_file(bakery: Bakery) -> None:
    write_stream(bakery.root / "base.tar", archive_entries(base_of(), "python:3"))
    bakery.configure('base = "./base.tar"')
    bakery.engine = DownEngine()
    bakery.build(output="app.tar", json=True)

    (row,) = json.loads(bakery.out.getvalue())
    assert read_archive(bakery.root / "app.tar", NAME).id == row["id"]


def test_without_an_engine_nothing_comes_into_it(bakery: Bakery) -> None:
    bakery.engine = DownEngine()

    assert "the Docker engine does not answer" in failure(bakery).message


def test_one_that_stands_on_another_is_written_whole_without_an_engine(projects: Projects) -> None:
    bakery = open_bakery(projects, config=TWO.replace("python:3", "./base.tar"))
    write_stream(bakery.root / "base.tar", archive_entries(base_of(), "python:3"))
    bakery.engine = DownEngine()
    bakery.build("tool", output="tool.tar")

    image = read_archive(bakery.root / "tool.tar", "shop-tool:alice")
    assert LAYERS + 3 == len(image.layers)
    settings = json.loads(image.config_bytes())["config"]
    assert "shop-tool" == settings["Labels"]["dockerutils.image"]


def test_an_image_of_a_dockerfile_is_saved_as_it_is(projects: Projects) -> None:
    bakery = open_bakery(projects, {"docker/web/Dockerfile": "FROM scratch\n"})
    web = made_of("page", Cmd=["serve"])
    bakery.runner.makes["shop-web:alice"] = web
    said = bakery.build("web", output="web.tar")

    assert web.id == read_archive(bakery.root / "web.tar", "shop-web:alice").id
    assert "# shop-web:alice is written to web.tar\n" in said


def test_only_one_image_can_be_written(projects: Projects) -> None:
    bakery = open_bakery(projects, config=TWO)

    assert "--output writes one image, but several are named." == (
        failure(bakery, "app", "tool", output="x.tar").message
    )


def test_a_build_that_failed_is_not_written(projects: Projects) -> None:
    bakery = open_bakery(projects, {"docker/web/Dockerfile": "FROM scratch\n"})
    bakery.runner.statuses = {"docker build": 1}

    assert isinstance(failure(bakery, "web", output="web.tar"), CommandFailed)
    assert not (bakery.root / "web.tar").exists()


# On a terminal ------------------------------------------------------------------------------


def test_what_is_said_stays_when_the_line_of_the_progress_is_gone(bakery: Bakery) -> None:
    watched = bakery.on_terminal()
    watched.build(verify="import")
    shown = screen(watched.err)

    id_ = bakery.store.tags[NAME][:19]
    assert [
        f"# {NAME} is made of .venv and src on python:3",
        f"# {NAME} is run once, before it gets its name, to verify it",
        f"# {NAME}: 4 of 5 layers, 1 MB; the image is {id_}",
    ] == shown


def test_a_warning_stays_too(bakery: Bakery) -> None:
    bakery.runner.have("python:3", base_of(OnBuild=["RUN a"]))
    watched = bakery.on_terminal()
    watched.build()

    assert "# warning: the base's ONBUILD instructions are passed over: RUN a" in (
        screen(watched.err)
    )


def test_without_a_terminal_no_progress_is_shown(bakery: Bakery) -> None:
    said = bakery.build()

    assert "layers:" not in said
    assert "\x1b" not in said
