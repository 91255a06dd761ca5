"""Variables in settings, and values that must not be shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from dockerutils.command import Secret
from dockerutils.config.model import Config, Origin
from dockerutils.errors import ConfigError
from dockerutils.expansion import Assigned, Expansion, reserved
from dockerutils.project import Project

ENVIRON = {"DATA": "/my data", "EMPTY": "", "TOKEN": "h1dden", "HTTP_PROXY": "http://u:h1dden@p"}


def expansion(docked: bool = False) -> Expansion:
    origins = {
        ("dev", "volumes"): Origin("docker/dockerutils.cfg", 7),
        ("dev", "volumes_docked"): Origin("docker/dockerutils.cfg", 9),
    }
    project = Project(Path("/x/Shop"), "alice", "/home/alice", Config(origins=origins))
    return Expansion(project, ENVIRON, "dev", docked)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("{project_root}:/w", "/x/Shop:/w"),
        ("{project} {user} {home}", "shop alice /home/alice"),
        ("$DATA ${DATA}x", "/my data /my datax"),
        ("[$EMPTY]", "[]"),
        ("$$DATA $$$$ $$", "$DATA $$ $"),
        ("{other} {} { user } $ $1 ${ $(x)", "{other} {} { user } $ $1 ${ $(x)"),
        ("{{user}}", "{alice}"),
    ],
)
def test_variables_are_replaced(text: str, expected: str) -> None:
    assert expected == expansion().text("volumes", text)


def test_a_value_is_expanded_once() -> None:
    once = Expansion(expansion().project, {"A": "$B {user} $$"}, "dev")

    assert "$B {user} $$" == once.text("volumes", "$A")


def test_an_unset_variable_is_an_error_with_its_place_and_a_way_out() -> None:
    with pytest.raises(ConfigError) as caught:
        expansion().text("volumes", "x:$MISSING")

    place = "docker/dockerutils.cfg:7: [dev] volumes: "
    assert f"{place}the environment variable MISSING is not set." == caught.value.message
    assert "Set it (`export MISSING=…`), or write $$ for a dollar sign." == caught.value.hint


def test_a_docked_terminal_names_the_docked_key() -> None:
    with pytest.raises(ConfigError, match=r"cfg:9: \[dev\] volumes_docked: "):
        expansion(docked=True).text("volumes", "x:$MISSING")


def test_a_key_without_a_known_place_is_named_all_the_same() -> None:
    with pytest.raises(ConfigError, match=r"^\[dev\]: \[dev\] cmd: "):
        expansion().words("cmd", ["$MISSING"])


@pytest.mark.parametrize(
    ("text", "word", "variables"),
    [
        ("A=1", "A=1", {}),
        ("A", "A", {}),
        ("A=", "A=", {}),
        ("A={user}", "A=alice", {}),
        ("A=$$TOKEN", "A=$TOKEN", {}),
        ("TOKEN=$TOKEN", "TOKEN", {}),
        ("TOKEN=${TOKEN}", "TOKEN", {}),
        ("A=$TOKEN", "A", {"A": Secret("h1dden", '"$TOKEN"')}),
        ("TOKEN=$TOKEN!", "TOKEN", {"TOKEN": Secret("h1dden!", '"$TOKEN"\'!\'""')}),
        ('A=`"\\$$${TOKEN}', "A", {"A": Secret('`"\\$h1dden', '"\\`\\"\\\\\\$${TOKEN}"')}),
        ("A={user}$TOKEN", "A", {"A": Secret("aliceh1dden", '"alice$TOKEN"')}),
        ("HTTP_PROXY=$HTTP_PROXY", "HTTP_PROXY", {}),
        ("no_proxy=x$EMPTY", "no_proxy", {"no_proxy": Secret("x", '"x$EMPTY"')}),
        ("PATH=x$EMPTY", "PATH=x", {}),
    ],
)
def test_a_value_from_the_environment_goes_through_dockers_environment(
    text: str, word: str, variables: dict[str, Secret]
) -> None:
    assert Assigned(word, variables) == expansion().assignment("environment", text)


def test_a_variable_that_is_passed_on_to_its_own_name_has_to_be_set() -> None:
    with pytest.raises(ConfigError, match="MISSING is not set"):
        expansion().assignment("environment", "MISSING=$MISSING")


@pytest.mark.parametrize(
    "name",
    ["DOCKER_HOST", "DOCKER_TLS_VERIFY", "BUILDX_BUILDER", "PATH", "HOME", "SSH_AUTH_SOCK"],
)
def test_a_variable_that_docker_reads_itself_is_reserved(name: str) -> None:
    assert reserved(name)


@pytest.mark.parametrize(
    "name", ["TOKEN", "SSH_KEY", "DOCKER_AUTH_CONFIG", "https_proxy", "MY_DOCKER_HOST", "path"]
)
def test_other_variables_are_not_reserved(name: str) -> None:
    assert not reserved(name)
