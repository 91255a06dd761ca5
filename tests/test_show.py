"""show: what holds for an image, and where each value comes from."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from fakes import fake_session, said
from projects import Projects

from dockerutils.errors import ProjectError
from dockerutils.show import Row, show_image, table

CONFIG = """\
[run_image]
synthetic_images=shell,web

[app]
volumes=-v {project_root}/data:/data
ports=-p 80:80
volumes_docked=-v /remote:/data

[shell]
name=app
cmd=bash

[web]
name=nginx
prefix=False
"""


def shown(root: Path, image: str, as_json: bool = False, **environ: str) -> str:
    session, _ = fake_session(root, environ)
    show_image(session, image, as_json)
    assert isinstance(session.terminal.out, io.StringIO)
    return session.terminal.out.getvalue()


def rows(root: Path, image: str, **environ: str) -> dict[str, tuple[object, str]]:
    """Give value and origin of each setting."""
    settings = json.loads(shown(root, image, as_json=True, **environ))["settings"]
    return {row["key"]: (row["value"], row["origin"]) for row in settings}


@pytest.fixture
def root(projects: Projects) -> Path:
    return projects.images("app", config=CONFIG)


def origin(line: str) -> str:
    """Give the place of a line of the configuration."""
    return f"docker/dockerutils.cfg:{CONFIG.splitlines().index(line) + 1}"


PORTS, VOLUMES = "ports=-p 80:80", "volumes=-v {project_root}/data:/data"


# The table -----------------------------------------------------------------------------------


def test_the_table_has_a_line_for_each_setting_with_its_origin_in_a_column(root: Path) -> None:
    head, *lines = shown(root, "app").splitlines()
    found = {line.split()[0]: line for line in lines}

    assert "app is shop-app:alice, built from docker/app/Dockerfile" == head
    assert found["ports"].split() == ["ports", '["80:80"]', "#", origin(PORTS)]
    assert found["gpu"].split() == ["gpu", "false", "#", "default"]
    assert found["tag"].split()[:2] == ["tag", "alice"]
    assert found["cmd"].split() == ["cmd", "-", "#", "default"]
    assert 1 == len({line.index("#") for line in lines if "volumes" not in line})


def test_a_long_value_pushes_its_origin_to_the_right() -> None:
    short, long = table([Row("a", "x", "here"), Row("bc", "y" * 60, "there")])

    assert f"  a   {'x':<48}  # here" == short
    assert f"  bc  {'y' * 60}  # there" == long


def test_values_are_written_as_a_reader_would() -> None:
    values = (None, True, "é x", ["é"], {"A": "1"})
    lines = table([Row("key", value, "o") for value in values])

    expected = ["-", "true", "é x", '["é"]', '{"A": "1"}']
    assert expected == [line.removeprefix("  key  ").partition("  #")[0].rstrip() for line in lines]


def test_an_image_from_elsewhere_says_so(root: Path) -> None:
    (head, *_) = shown(root, "web").splitlines()

    assert head.startswith("web is nginx:")
    assert head.endswith(", which this project does not build")


def test_an_image_that_there_is_not_is_refused(root: Path) -> None:
    with pytest.raises(ProjectError, match="there is no image ap"):
        shown(root, "ap")


# JSON ----------------------------------------------------------------------------------------


def test_json_has_the_image_and_its_settings_as_toml_would_have_them(root: Path) -> None:
    whole = json.loads(shown(root, "app", as_json=True))

    expected = {"image": "app", "reference": "shop-app:alice", "built": True}
    assert expected == {key: whole[key] for key in expected}
    assert (["80:80"], origin(PORTS)) == rows(root, "app")["ports"]
    assert {"key", "value", "origin"} == {key for row in whole["settings"] for key in row}


def test_table_and_json_tell_the_same_settings(root: Path) -> None:
    _, *lines = shown(root, "app").splitlines()

    assert [line.split()[0] for line in lines] == [*rows(root, "app")]


def test_the_project_s_root_is_shown_and_the_environment_is_not(projects: Projects) -> None:
    config = "[app]\nvolumes=-v {project_root}/data:/data -v ${PLACE}:/place\n"
    root = projects.images("app", config=config)
    text = shown(root, "app", PLACE="/hidden")

    assert "${PLACE}:/place" in text
    assert "hidden" not in text


def test_a_synthetic_image_has_its_own_settings_and_the_other_s_name(root: Path) -> None:
    found = rows(root, "shell")

    assert ("shop-app", "as app") == found["name"]
    assert ("alice", "as app") == found["tag"]
    assert (["bash"], origin("cmd=bash")) == found["cmd"]
    assert (None, "default") == found["ports"]
    assert "shell is shop-app:alice, built from docker/app/Dockerfile" in shown(root, "shell")


# Made from a virtualenv ----------------------------------------------------------------------

VENV_TOML = """\
[image.app]
type = "venv"
project = ["src:/app"]
min_layer = "500kB"
image_env = { BUILD = "$BUILD" }
ports = ["80:80"]

[image.own]
type = "venv"
venv = "env"

[image.shell]
image = "app"
"""


@pytest.fixture
def venvs(projects: Projects) -> Path:
    return projects.make({"docker/dockerutils.toml": VENV_TOML})


@pytest.mark.parametrize(
    ("image", "line"),
    [
        ("app", "app is shop-app:alice, made from .venv"),
        ("shell", "shell is shop-app:alice, made from .venv"),
        ("own", "own is shop-own:alice, made from env"),
    ],
)
def test_an_image_made_from_a_virtualenv_says_so(venvs: Path, image: str, line: str) -> None:
    assert line == shown(venvs, image).splitlines()[0]


def test_it_has_the_keys_of_its_type_and_no_others(venvs: Path) -> None:
    found = rows(venvs, "app", BUILD="hidden")

    assert ("venv", "docker/dockerutils.toml:2") == found["type"]
    assert (["src:/app"], "docker/dockerutils.toml:3") == found["project"]
    assert (500_000, "docker/dockerutils.toml:4") == found["min_layer"]
    assert ({"BUILD": "$BUILD"}, "docker/dockerutils.toml:5") == found["image_env"]
    assert (".venv", "default") == found["venv"]
    assert (50, "default") == found["max_layers"]
    assert (1 << 20, "default: 1 MiB") == rows(venvs, "own")["min_layer"]
    assert "build_args" not in found


def test_an_image_of_a_dockerfile_has_no_keys_of_a_virtualenv(root: Path) -> None:
    found = rows(root, "app")

    assert ("dockerfile", "default") == found["type"]
    assert "build_args" in found
    assert "venv" not in found


def test_a_synthetic_image_does_not_tell_how_the_other_is_made(venvs: Path) -> None:
    found = rows(venvs, "shell")

    assert ("venv", "as app") == found["type"]
    assert {"venv", "build_args"}.isdisjoint(found)


# On a dock -----------------------------------------------------------------------------------


def test_a_docked_value_holds_on_a_dock_with_the_place_of_its_own_key(root: Path) -> None:
    here, there = (rows(root, "app", **more) for more in ({}, {"DOCKER_IP": "10.0.0.7"}))

    assert origin(VOLUMES) == here["volumes"][1]
    assert (["/remote:/data"], origin("volumes_docked=-v /remote:/data")) == there["volumes"]
    assert here["ports"] == there["ports"] == (["80:80"], origin(PORTS))


def test_a_docked_table_of_toml_is_the_origin_too(projects: Projects) -> None:
    text = '[image.app]\nports = ["80:80"]\ndocked.ports = ["81:80"]\n'
    root = projects.make(
        {"docker/app/Dockerfile": "FROM scratch\n", "docker/dockerutils.toml": text}
    )

    assert (["80:80"], "docker/dockerutils.toml:2") == rows(root, "app")["ports"]
    expected = (["81:80"], "docker/dockerutils.toml:3")
    assert expected == rows(root, "app", DOCKER_IP="10.0.0.7")["ports"]


# Build secrets -------------------------------------------------------------------------------


def secrets(root: Path, **environ: str) -> dict[str, str]:
    settings = json.loads(shown(root, "app", as_json=True, **environ))["settings"]
    return {row["value"]: row["origin"] for row in settings if row["key"] == "secret"}


MOUNTS = "FROM scratch\n" + "".join(
    f"RUN --mount=type=secret,id={id_} x\n" for id_ in ("pip.conf", "netrc", "token", "other")
)


def test_secrets_are_told_with_where_they_come_from(projects: Projects, tmp_path: Path) -> None:
    config = "[app]\nbuild_args=--secret id=token,src=/t\n"
    files = {"docker/app/Dockerfile": MOUNTS, "pip.conf": "", "docker/dockerutils.cfg": config}
    root = projects.make(files)
    expected = {"pip.conf": f"{root}/pip.conf", "token": "build_args", "other": "not given"}

    assert {**expected, "netrc": "not found"} == secrets(root)
    netrc = tmp_path / "logins"
    netrc.touch()
    assert {**expected, "netrc": str(netrc)} == secrets(root, NETRC=str(netrc))


def test_the_table_has_a_line_for_each_secret(projects: Projects) -> None:
    root = projects.make({"docker/app/Dockerfile": MOUNTS})
    lines = [line.split() for line in shown(root, "app").splitlines()]

    assert ["secret", "token", "#", "not", "given"] in lines


def test_an_image_that_mounts_none_has_no_line_of_them(root: Path) -> None:
    assert "secret" not in shown(root, "app")
    assert "secret" not in shown(root, "web")


def test_a_dockerfile_that_cannot_be_read_is_a_warning(root: Path) -> None:
    (root / "docker" / "app" / "Dockerfile").write_text("COPY a b\n")
    session, _ = fake_session(root)
    show_image(session, "app", as_json=False)

    assert "warning: docker/app/Dockerfile" in said(session)
