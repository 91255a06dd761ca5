"""One model in three spellings: the same project resolves to the same settings."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from configs import ini_dev, toml_dev, toml_value
from fakes import fake_session
from projects import Projects

from dockerutils.config.key import Key, given
from dockerutils.config.load import load_config
from dockerutils.config.model import IMAGE_KEYS, Config
from dockerutils.config.run_keys import RUN_KEYS
from dockerutils.errors import ConfigError
from dockerutils.images.catalogue import Catalogue, Image
from dockerutils.images.recipes import substitutes
from dockerutils.startup import open_project

HERE = Path(__file__).parent
HELLO = HERE.parent / "examples" / "hello"
SPELLINGS = {
    "cfg": ("docker/dockerutils.cfg", ".cfg"),
    "toml": ("docker/dockerutils.toml", ".toml"),
    "pyproject": ("pyproject.toml", "-pyproject.toml"),
}
PAIRS = list(combinations(SPELLINGS, 2))
FOLDERS = ("base", "dev", "app", "test", "cicd")


def hello(spelling: str) -> str:
    """Give the configuration of the example in one of its spellings."""
    if spelling == "cfg":
        return (HELLO / "docker" / "dockerutils.cfg").read_text()
    name = {"toml": "hello.toml", "pyproject": "pyproject-tables.toml"}[spelling]
    own = (HELLO / "pyproject.toml").read_text() if spelling == "pyproject" else ""
    return own + "\n" + (HERE / "spellings" / name).read_text()


def every_key(spelling: str) -> str:
    """Give the configuration of a made-up project that uses every key."""
    return (HERE / "spellings" / f"every-key{SPELLINGS[spelling][1]}").read_text()


def make(projects: Projects, spelling: str, text: str) -> Path:
    """Make a project with these folders, configured in one spelling; all have the same name."""
    files = {f"docker/{image}/Dockerfile": "FROM scratch\n" for image in FOLDERS}
    return Projects(projects.folder / spelling).make({**files, SPELLINGS[spelling][0]: text})


def resolved(root: Path) -> dict[str, Image]:
    """Resolve every image of a project, with its reference."""
    catalogue = Catalogue(open_project(root, user="alice", home="/home/alice"))
    return {name: catalogue.find(name) for name in catalogue.names}


@pytest.mark.parametrize(("first", "second"), PAIRS)
@pytest.mark.parametrize("text", [hello, every_key])
def test_the_same_project_in_two_spellings_resolves_to_the_same(
    projects: Projects, first: str, second: str, text: object
) -> None:
    assert callable(text)
    one, other = (make(projects, spelling, text(spelling)) for spelling in (first, second))
    assert load_config(one, FOLDERS) == load_config(other, FOLDERS)
    assert resolved(one) == resolved(other)
    assert () == load_config(one, FOLDERS).warnings


def test_the_made_up_project_uses_every_key_docked_and_not(projects: Projects) -> None:
    config = load_config(make(projects, "cfg", every_key("cfg")), FOLDERS)
    images = config.images.values()
    assert set(IMAGE_KEYS) == {key for image in images for key in given(image)}
    assert set(RUN_KEYS) == {key for image in images for key in given(image.run)}
    assert set(RUN_KEYS) == {key for image in images for key in given(image.docked)}
    assert config.project
    assert config.substitute


@pytest.mark.parametrize("key", {**IMAGE_KEYS, **RUN_KEYS}.values(), ids=lambda key: key.name)
def test_the_example_of_a_key_is_the_same_value_in_both_notations(key: Key) -> None:
    value = key.kind.from_ini(key.ini)
    assert value is not None
    assert value == key.kind.from_toml(toml_value(key.toml))


@pytest.mark.parametrize("key", RUN_KEYS.values(), ids=RUN_KEYS)
def test_a_run_key_is_read_alike_docked_and_not(key: Key) -> None:
    lines = (f"{key.ini_name} = {key.ini}", f"{key.ini_name}_docked = {key.ini}")
    typed = (f"{key.name} = {key.toml}", f"docked.{key.name} = {key.toml}")
    settings = ini_dev(*lines)
    assert settings == toml_dev(*typed)
    assert settings.run == settings.docked


def test_nothing_configured_is_the_same_in_all_spellings(projects: Projects) -> None:
    texts = {"cfg": "", "toml": "", "pyproject": "[tool.dockerutils]\n"}
    configs = [
        load_config(make(projects, spelling, text), FOLDERS) for spelling, text in texts.items()
    ]
    assert [Config()] * 3 == configs


@pytest.mark.parametrize(
    ("spelling", "text"),
    [
        ("cfg", "[dockerutils]\nsubstitute = a:1=x/a:1, b=x/b\n"),
        ("toml", "substitute = { 'a:1' = 'x/a:1', b = 'x/b' }\n"),
        ("pyproject", "[tool.dockerutils.substitute]\n'a:1' = 'x/a:1'\nb = 'x/b'\n"),
    ],
)
def test_the_environments_substitutes_win_over_those_of_any_spelling(
    projects: Projects, spelling: str, text: str
) -> None:
    root = make(projects, spelling, text)
    session, _ = fake_session(root, {"DOCKERUTILS_SUBSTITUTE": "b=y/b\n c=y/c,b=z/b"})
    assert {"a:1": "x/a:1", "b": "z/b", "c": "y/c"} == substitutes(session.project, session.environ)
    assert {"a:1": "x/a:1", "b": "x/b"} == substitutes(fake_session(root)[0].project, {})


@pytest.mark.parametrize("words", ["a", "a=", "=b", "a=b c"])
def test_a_substitute_of_the_environment_without_both_names_is_an_error(
    projects: Projects, words: str
) -> None:
    session, _ = fake_session(projects.images("dev"), {"DOCKERUTILS_SUBSTITUTE": words})
    with pytest.raises(ConfigError, match=r"DOCKERUTILS_SUBSTITUTE holds .*; write NAME=REPLACE"):
        substitutes(session.project, session.environ)
