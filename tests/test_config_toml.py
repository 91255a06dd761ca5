"""docker/dockerutils.toml and [tool.dockerutils]: typed, and an unknown key is an error."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from configs import TOML_FILE, toml, toml_dev, toml_problems

from dockerutils.config.key import Key
from dockerutils.config.model import IMAGE_KEYS, Config, ImageSettings
from dockerutils.config.run_keys import RUN_KEYS
from dockerutils.config.toml import read_toml
from dockerutils.config.toml_lines import line_numbers
from dockerutils.errors import ConfigError

TABLE = ("tool", "dockerutils")
WRONG_VALUES = {
    "string": ("3", "true", '["a"]', "{ a = 1 }", '""', "1979-05-27"),
    "true or false": ('"true"', "1", "[]", "{}"),
    "true or false, or docker's options": ('"-d"', "1", '["word"]', "[1]", '["-v"]'),
    "list of words": ('"bash -l"', "[1]", "{}", "true"),
    "docker run options": ('"--rm"', '["word"]', "[1]", "3"),
    "list of volumes and mounts": ('"a:b"', '["-v a:b"]', "[true]", "[{ source = 'a' }]", '[["a"]]',
                                   "[{ target = ['a'] }]", '[""]', "[1.5]", "[['-v']]"),
    "table of variables": ('"A=1"', '["A=1"]', "{ A = true }", "{ A = { from = 1 } }",
                           "{ A = {} }", "{ A = { from = 'b c' } }", "{ 'A=B' = '1' }",
                           "{ ' ' = '1' }", "[['-e']]", "{ A = ['x'] }", "[1]"),
    "name of a network": ("true", '["--net"]', "{}", '[""]'),
    "host, image or a number": ('"root"', "1000", "true", '""'),
    "dockerfile, venv or debian": ('"zip"', "1"),
    "release's name": ('"Book worm"', '"bookworm/updates"', '""', "12"),
    "list of packages": ('"python3"', "[1]", '["Python3"]', '["./list.txt"]', '["a b"]', '["-q"]'),
    "minbase, essential, apt, required, buildd, important or standard": ('"full"', "1"),
    "list of packages or files": ('"libpq5"', "[1]", '["Libpq5"]', '["a b"]', '["-q"]'),
    "file": ("1", '""', "[]"),
    "list of absolute paths": ('"/opt"', "[1]", '["opt"]', '["/a:b"]', '["/../a"]'),
    "name": ("1", '"a\\nb"', '""'),
    "folder": ("1", '""', "[]"),
    "list of FOLDER:PLACE": ('"src:/app"', "[1]", '["src"]', '["src:app"]', '[":/app"]',
                             '["src:/../app"]', '["a:/b:/c d$E"]'),
    "image or place of one": ("1", '""', '"oci:"', '"a b"'),
    "absolute path": ("1", '"app"', '"./app"', '"/a/../b"', '"/a:b"', '"/$A"', '""'),
    "table of strings": ('"A=1"', "{ A = true }", "{ A = { from = 'A' } }", "{ A = {} }", "[1]",
                         "{ 'A=B' = '1' }", "{ ' ' = '1' }", "{ '' = '1' }", '["A"]', '["=1"]'),
    "user's name or number": ('"a b"', "1000", '"a:b:c"', '"$USER"', '"a:"', '""'),
    "list of ports": ('"80:80"', "80", '["-p 80:80"]', "[{ target = '80' }]", '[["80"]]'),
    "list of port numbers": ("8000", '["x"]', "[0]", "[65536]", '["80/http"]', "[1.5]", "[true]",
                             '["1-2"]'),
    "keep, compile or drop": ('"yes"', "true", '""'),
    "base or bundle": ('"host"', "true", '""'),
    "number from 1 to 100": ('"50"', "0", "101", "1.5", "true"),
    "size": ('"1 mile"', '"-1"', "-1", "true", '"MiB"', '""'),
    "list of patterns": ('"*.md"', "[1]", '[""]', '["a\\nb"]'),
    "date or `now`": ('"yesterday"', "2024", '"2024-13-01"', "2024-05-01T10:00:00", "10:00:00",
                      '"0001-01-01T00:00:00+23:00"'),
    "shell command": ('["a"]', "1", '""'),
}  # fmt: skip
DECLARED: Mapping[str, Key] = {**IMAGE_KEYS, **RUN_KEYS}
WRONG = [(name, value) for name, key in DECLARED.items() for value in WRONG_VALUES[key.kind.label]]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_value_of_the_wrong_type_is_an_error_with_its_place(name: str, value: str) -> None:
    types = DECLARED[name].types
    line = f"type = '{types[0]}'" if types else ""
    (problem,) = toml_problems(f"[image.dev]\n{line}\n{name} = {value}\n")
    assert problem.startswith(f"{TOML_FILE}:3: [dev] {name} ")
    assert problem.endswith(".")


def test_values_are_typed() -> None:
    run = toml_dev(
        'volumes = ["a:/b", { type = "bind", source = "c", target = "/d", readonly = true,'
        " bind-nonrecursive = false }]",
        'ports = ["80:80", 8888]',
        'environment = { MODE = "dev", N = 1, TOKEN = { from = "TOKEN" }, T = { from = "OTHER" } }',
        'network = "backend"',
    ).run
    assert (("--volume", "a:/b"), ("--mount", "type=bind,source=c,target=/d,readonly")) == (
        run.volumes
    )
    assert (("--publish", "80:80"), ("--publish", "8888")) == run.ports
    assert (
        ("--env", "MODE=dev"),
        ("--env", "N=1"),
        ("--env", "TOKEN"),
        ("--env", "T=${OTHER}"),
    ) == run.environment
    assert (("--network", "backend"),) == run.network


def test_a_comma_in_a_mount_is_quoted_as_docker_wants_it() -> None:
    run = toml_dev('volumes = [{ source = "/a,b", target = "/c" }]').run
    assert (("--mount", '"source=/a,b",target=/c'),) == run.volumes


def test_other_options_of_docker_stand_in_lists_of_words() -> None:
    run = toml_dev(
        'volumes = ["a:/b", ["--privileged", "-e", "X=1"], "c:/d"]',
        'network = ["backend", ["--ip", "10.0.0.2"]]',
        'environment = [{ A = "1" }, ["--env-file", "x"], { A = "2" }]',
    ).run
    assert (("--volume", "a:/b"), ("--privileged",), ("--env", "X=1"), ("--volume", "c:/d")) == (
        run.volumes
    )
    assert (("--network", "backend"), ("--ip", "10.0.0.2")) == run.network
    assert (("--env", "A=1"), ("--env-file", "x"), ("--env", "A=2")) == run.environment


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("false", False), ('["-it"]', True), ('["-d"]', (("--detach",),)), ("[]", ())],
)
def test_a_switch_is_a_boolean_or_dockers_words(text: str, value: object) -> None:
    assert value == toml_dev(f"interactive = {text}").run.interactive


@pytest.mark.parametrize(
    "lines",
    [
        ["docked.cmd = ['a']", "docked.network = 'n'"],
        ["docked = { cmd = ['a'], network = 'n' }"],
        ["[image.dev.docked]", "cmd = ['a']", "network = 'n'"],
    ],
)
def test_docked_settings_stand_in_a_table_in_any_notation(lines: list[str]) -> None:
    docked = toml_dev(*lines).docked
    assert (("a",), (("--network", "n"),)) == (docked.cmd, docked.network)


def test_a_synthetic_image_names_a_folder_or_another_image() -> None:
    config = toml("[image.a]\nimage = 'b'\n[image.b]\nimage = 'dev'\n")
    assert ("b", "dev") == (config.images["a"].image, config.images["b"].image)
    assert () == config.warnings


def test_the_project_has_a_name_and_substitutes() -> None:
    config = toml("name = 'shop'\nsubstitute = { 'a:1' = 'x/a:1', b = 'x/b' }\n")
    assert ("shop", (("a:1", "x/a:1"), ("b", "x/b"))) == (config.project, config.substitute)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nane = 'x'", "nane is no key that we know; did you mean `name`?"),
        ("name = ''", "name has to be a string, not an empty one."),
        ("name = 3", "name has to be a string, not a number."),
        ("image = 3", "image has to be a table, not a number."),
        ("image.dev = 3", "image.dev has to be a table, not a number."),
        ("image.dev.docked = []", "image.dev.docked has to be a table, not a list."),
        ("image.dev.docked.tag = '1'", "[dev] tag is no key that we know."),
        ("image.dev.volume = []", "[dev] volume is no key that we know; did you mean `volumes`?"),
        ("image.dev.docked.cmb = []", "[dev] cmb is no key that we know; did you mean `cmd`?"),
        ("substitute = 'a=b'", "substitute has to be a table, not a string."),
        (
            "substitute.a = 1",
            "substitute has to give a the name of an image, not a number.",
        ),
        (
            "image.x.image = 'dew'",
            "[x] image names `dew`, which is no image of this project; did you mean `dev`?",
        ),
        (
            "image.x = { image = 'dev', name = 'y' }",
            (
                "[x] image cannot stand beside name: a synthetic image has the name of the one it"
                " names; remove one of them."
            ),
        ),
    ],
)
def test_what_cannot_be_meant_is_an_error(text: str, problem: str) -> None:
    assert [f"{TOML_FILE}:1: {problem}"] == toml_problems(text)


def test_an_image_that_there_is_not_is_warned_of_with_the_closest_one() -> None:
    assert (
        (
            f"{TOML_FILE}:1: [dew] has no folder in docker/ and names no other image;"
            " did you mean `dev`?"
        ),
    ) == toml("[image.dew]\ntag = '1'\n").warnings


def test_a_name_behind_the_projects_prefix_is_made_valid_later() -> None:
    assert "My Image" == toml("[image.dev]\nname = 'My Image'\n").images["dev"].name


def test_tables_of_pyproject_are_read_below_tool_dockerutils() -> None:
    text = (
        "[project]\nname = 'x'\n[tool.dockerutils]\nname = 'shop'\n[tool.dockerutils.image.dev]\n"
    )
    config = read_toml(text, "pyproject.toml", ["dev"], TABLE)
    assert Config(project="shop", images={"dev": ImageSettings()}) == config


@pytest.mark.parametrize("text", ["", "[tool.other]\nx = 1\n", "tool = 3\n", "[project]\n"])
def test_a_pyproject_without_our_table_configures_nothing(text: str) -> None:
    assert read_toml(text, "pyproject.toml", [], TABLE) is None


def test_a_pyproject_whose_table_is_none_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"pyproject.toml:2: dockerutils has to be a table, not"):
        read_toml("[tool]\ndockerutils = 3\n", "pyproject.toml", [], TABLE)


@pytest.mark.parametrize(
    ("text", "line"), [("[a]\nx = \n", ":2"), ("[a]\n[a]\n", ":2"), ("x = 1\nx = 2\n", ":2")]
)
def test_what_is_no_toml_is_told_with_its_line(text: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        toml(text)
    assert caught.value.message.startswith(f"{TOML_FILE}{line}: is no valid TOML: ")


def test_toml_that_ends_too_early_is_told() -> None:
    with pytest.raises(ConfigError) as caught:
        toml("x = [")
    assert caught.value.message.startswith(f"{TOML_FILE}: is no valid TOML: ")


def test_every_value_knows_its_line() -> None:
    config = toml(
        '''\
        # first: an open [ and it's open, too
        [image.dev] # [image.no]
        volumes = [
            "a:/b", # tag = 1
            { source = "[x]", target = "/c" },
            ["--rm"]
        ]
        pre_build_script = """
        [ -f x ]
        tag = "no"
        """
        post_build_script = \'\'\'
        [image.base]
        tag = "it's"\'\'\'
        tag = "1"
        docked.cmd = ["a"]
        [image."base".docked]
        'cmd' = ["]"]
        network = "n"
        [image]
        other = { image = "dev", tag = "2" }
        '''
    )
    assert {
        ("dev", ""): 2,
        ("dev", "volumes"): 3,
        ("dev", "pre_build_script"): 8,
        ("dev", "post_build_script"): 12,
        ("dev", "tag"): 15,
        ("dev", "cmd_docked"): 16,
        ("base", ""): 17,
        ("base", "cmd_docked"): 18,
        ("base", "network_docked"): 19,
        ("other", ""): 21,
        ("other", "image"): 21,
        ("other", "tag"): 21,
    } == {place: origin.line for place, origin in config.origins.items()}


def test_keys_of_other_tables_have_no_lines() -> None:
    text = "[tool.other]\na = 1\n[tool.dockerutils]\nb = 2\n[[x]]\nc = 3\n"
    assert {(): 3, ("b",): 4} == line_numbers(text, TABLE)
