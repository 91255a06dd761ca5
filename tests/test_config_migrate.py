"""migrate: whatever a configuration says, its TOML says the same."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

import pytest
from configs import ini, toml, toml_value
from hypothesis import HealthCheck, settings
from hypothesis import given as for_all
from hypothesis import strategies as st
from projects import CommandLine, Projects

from dockerutils.config.debian_keys import VARIANTS
from dockerutils.config.image_kinds import Assignments, Items, Parsed, ProjectFolder
from dockerutils.config.key import Key
from dockerutils.config.kinds import Environment, OptionList, OtherOptions, Switch, Truth, Words
from dockerutils.config.migrate import literal, to_toml
from dockerutils.config.model import IMAGE_KEYS, IMAGE_TYPES, Config, ImageSettings
from dockerutils.config.run_keys import RUN_KEYS, RunSettings
from dockerutils.config.words import run_options

FOLDERS = ("base", "dev", "app")


def moved(config: Config) -> Config:
    """Read what migrate writes."""
    return toml(to_toml(config), FOLDERS)


@pytest.mark.parametrize(
    "text",
    [
        "volumes = -v a:/b --privileged -v c:/d -e X=1",
        "volumes = --mount type=volume,source=a,target=/b,volume-opt=x=1,volume-opt=y=2",
        "volumes = --mount '\"source=/a,b\",target=/c' --mount type=bind --mount=readonly=False",
        "volumes = --volume=-strange --new -x=-y",
        "volumes_docked = --privileged\nargs = --rm",
        "environment = -e A=1 -e B -e A=2 --env-file x -e C=${B} -e B=$$x",
        "environment = --env-file x",
        "environment =",
        "network = backend --ip 10.0.0.2",
        "network = --ip 10.0.0.2",
        "network = a --network b",
        "network =",
        "interactive = -i --detach-keys=-x",
        "gpu = --gpus '\"device=0,1\"'",
        'cmd = sh -c "a\n  b\t\\"c\\" é \x7f \u2028"',
        "args = --memory-swap -1 -m 1g --switch",
        "pre_build_script =\n  echo 'a'\n  echo \"b\\\\c\"",
    ],
)
def test_any_cfg_notation_means_the_same_as_its_toml(text: str) -> None:
    config = ini(f"[dev]\n{text}\n", FOLDERS)
    assert config == moved(config)
    assert ImageSettings() != config.images["dev"]


def test_synthetic_and_strange_names_are_kept() -> None:
    config = ini(
        '[dockerutils]\nname = Caf\u00e9 "x"\nsubstitute = a:1=x c=d a:1=b\n'
        "[run_image]\nsynthetic_images = b c, d.e\n[d.e]\nname=dev\n[b c]\nname=d.e\n",
        FOLDERS,
    )
    assert ("d.e", "dev") == (config.images["b c"].image, config.images["d.e"].image)
    assert config == moved(config)


def test_what_is_written_is_what_a_person_would_write() -> None:
    config = ini(
        """
        [dockerutils]
        name = shop
        substitute = python:3.11=mirror/python:3.11
        [dev]
        tag = 1
        volumes = -v a:/b --mount type=bind,source=/c,target=/d,readonly --privileged
        environment = -e A=1 -e TOKEN
        network = backend
        cmd_docked = bash -l
        [base]
        """
    )
    assert """\
name = "shop"

[substitute]
"python:3.11" = "mirror/python:3.11"

[image.dev]
tag = "1"
volumes = ["a:/b", { type = "bind", source = "/c", target = "/d", readonly = true }, \
["--privileged"]]
environment = { A = "1", TOKEN = { from = "TOKEN" } }
network = "backend"
docked.cmd = ["bash", "-l"]

[image.base]
""" == to_toml(config)


def test_migrate_prints_toml_that_takes_the_place_of_the_cfg(
    projects: Projects, command_line: CommandLine
) -> None:
    root = projects.images("dev", config="[dev]\nvolumes=-v a:/b --privileged\ntag=1\n")
    before = command_line(root, "show", "dev", "--json")
    done = command_line(root, "migrate")
    assert (0, "") == (done.status, done.err)
    (root / "docker/dockerutils.cfg").unlink()
    (root / "docker/dockerutils.toml").write_text(done.out)
    after = command_line(root, "show", "dev", "--json")
    assert 0 == after.status
    assert without_origins(before.out) == without_origins(after.out)


def without_origins(text: str) -> list[str]:
    """Give the lines of `show --json` that tell no origin."""
    return [line for line in text.splitlines() if '"origin"' not in line]


def test_there_has_to_be_a_cfg_to_migrate(projects: Projects, command_line: CommandLine) -> None:
    result = command_line(projects.images("dev"), "migrate")
    assert 2 == result.status
    assert "there is no docker/dockerutils.cfg to migrate" in result.err


# Any configuration at all.

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=10)
WORD = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=10)
VARIABLE = st.from_regex(r"[A-Za-z_.][A-Za-z0-9_.-]{0,6}", fullmatch=True)
OPTIONS = st.lists(
    st.one_of(
        st.sampled_from(["--privileged", "--rm", "-dp1:1", "-it", "--init=false", "-v=-x"]),
        st.tuples(st.sampled_from(["--volume", "--network", "--mount", "--new", "-x"]), WORD).map(
            "=".join
        ),
        st.tuples(st.just("--env"), VARIABLE, WORD).map(lambda one: f"--env={one[1]}={one[2]}"),
        VARIABLE.map(lambda name: f"--env={name}"),
    ),
    max_size=5,
).map(run_options)
MOUNTS = st.dictionaries(
    st.sampled_from(["type", "source", "readonly", "x"]), st.one_of(st.booleans(), WORD)
).map(lambda table: OptionList("--volume", "", table="--mount").from_toml([{**table, "dst": "/d"}]))
PLACE = st.from_regex(r"(/[A-Za-z0-9 _@-]{1,5}){1,3}", fullmatch=True)
TAG = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,9}", fullmatch=True)
SPECIAL = {
    "tag": TAG,
    "user": st.sampled_from(["host", "image", "1000", "1000:1000"]),
    "image": st.sampled_from(FOLDERS),
    "name": st.from_regex(r"[a-z0-9]+(/[a-z0-9]+)?", fullmatch=True),
    "project": st.lists(st.builds(ProjectFolder, TEXT, PLACE), max_size=3).map(tuple),
    "base": st.sampled_from(["python:3.11-slim", "oci:a b", "./a b.tar", "x.tgz"]),
    "dest": PLACE,
    "apt": st.lists(
        st.sampled_from(["libpq5", "g++:amd64=4:12-1", "./a b", "x.txt"]), max_size=3
    ).map(tuple),
    "paths": st.lists(PLACE, max_size=3).map(tuple),
    "pypaths": st.lists(PLACE, max_size=3).map(tuple),
    "maintainer": st.text(st.characters(codec="utf-8", min_codepoint=33), min_size=1, max_size=9),
    "image_user": st.sampled_from(["app", "1000", "1000:staff"]),
    "image_workdir": PLACE | st.just("/"),
    "image_expose": st.lists(st.integers(1, 65535).map("{}/udp".format), max_size=3).map(tuple),
    "bytecode": st.sampled_from(["keep", "compile", "drop"]),
    "suite": st.sampled_from(["bookworm", "sid", "trixie-backports"]),
    "packages": st.lists(st.sampled_from(["python3", "g++:amd64=4:12-1"]), max_size=3).map(tuple),
    "variant": st.sampled_from(VARIANTS),
    "interpreter": st.sampled_from(["base", "bundle"]),
    "max_layers": st.integers(1, 100),
    "min_layer": st.integers(0, 10**12),
    "exclude": st.lists(st.sampled_from(["a b", "!**/x", "*.md", "#"]), max_size=3).map(tuple),
    "created": st.just("now")
    | st.datetimes().map(lambda one: f"{one.replace(microsecond=0).isoformat()}Z"),
}


def values_of(key: Key) -> st.SearchStrategy[Any]:
    """Give the values that a key can have."""
    by_kind: dict[type, st.SearchStrategy[Any]] = {
        Truth: st.booleans(),
        Switch: st.one_of(st.booleans(), OPTIONS).map(lambda value: normal(key, value)),
        Words: st.lists(WORD, max_size=4).map(tuple),
        OtherOptions: OPTIONS,
        OptionList: st.one_of(OPTIONS, MOUNTS if key.name == "volumes" else OPTIONS),
        Environment: OPTIONS,
        Assignments: st.dictionaries(VARIABLE, WORD, max_size=3).map(lambda one: (*one.items(),)),
    }
    return SPECIAL[key.name] if key.name in SPECIAL else by_kind.get(type(key.kind), TEXT)


def normal(key: Key, value: object) -> object:
    """Give a switch's Boolean where its options spell one, as every reader does."""
    assert isinstance(key.kind, Switch)
    return value if isinstance(value, bool) else key.kind.from_toml(key.kind.to_toml(value))


def some(keys: Mapping[str, Key], names: Collection[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Give some of the keys of these names, with values."""
    return st.fixed_dictionaries(
        {}, optional={name: values_of(keys[name]) for name in sorted(names)}
    )


def typed(image_type: str | None) -> st.SearchStrategy[dict[str, Any]]:
    """Give keys that an image of a type can have; one with a type of its own is not synthetic."""
    settings_ = ImageSettings(type=image_type)
    keys = {name: key for name, key in IMAGE_KEYS.items() if key.suits(settings_.made_as)}
    synthetic = {*keys} - {"name", "type"}
    others = {*keys} - {"image", "type"}
    named = others if settings_.folderless else synthetic
    values = st.sampled_from([named, others]).flatmap(lambda names: some(keys, names))
    return values.map(lambda values: {"type": image_type, **values})


RUNS = some(RUN_KEYS, RUN_KEYS).map(lambda values: RunSettings(**values))
IMAGES = st.builds(
    lambda values, run, docked: ImageSettings(**values, run=run, docked=docked),
    st.sampled_from([None, *IMAGE_TYPES]).flatmap(typed),
    RUNS,
    RUNS,
)
NAMES = st.one_of(
    st.sampled_from(FOLDERS),
    st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), min_size=1, max_size=6),
)


def configs() -> st.SearchStrategy[Config]:
    """Give any configuration without circles: synthetic images name folders that are none."""
    return st.builds(
        Config,
        project=st.none() | TEXT,
        substitute=st.dictionaries(TEXT, TEXT, max_size=2).map(lambda pairs: tuple(pairs.items())),
        images=st.dictionaries(NAMES, IMAGES, max_size=3).map(without_circles),
    )


def without_circles(images: dict[str, ImageSettings]) -> dict[str, ImageSettings]:
    """Let no image that others may name be synthetic."""
    return {
        name: ImageSettings(**{**own(one), "image": None}) if name in FOLDERS else one
        for name, one in images.items()
    }


def own(settings_: ImageSettings) -> dict[str, Any]:
    """Give the attributes of settings."""
    return {item.name: getattr(settings_, item.name) for item in fields(ImageSettings)}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@for_all(configs())
def test_any_configuration_is_read_from_its_toml_as_it_was(config: Config) -> None:
    assert config == moved(config)


@settings(deadline=None)
@for_all(st.recursive(st.booleans() | st.integers(-9, 9) | st.text(), lambda inner: st.lists(inner)
                      | st.dictionaries(st.text(), inner), max_leaves=8))  # fmt: skip
def test_any_value_is_written_as_toml_that_is_read_as_it_was(value: object) -> None:
    assert value == toml_value(literal(value))


# Any cfg text.

OPTION_TEXTS = ["-v a:/b", "--mount type=bind,source=/a,target=/b", "-e A=1 -e B", "--privileged",
                "-p 1:1", "--net host", "-it", "-m -1", "-e 'C=%% $$A ${B}'", "--new",
                "\n   -v c:/d\n   # x\n   -e A=2"]  # fmt: skip
INI_TEXTS: dict[type, list[str]] = {
    Truth: ["True", "F", "no", ""],
    Words: ["bash -c 'a b'", '"é ü"', "%%", "-x", "\n  a"],
}


def ini_texts(key: Key) -> st.SearchStrategy[str]:
    """Give what a .cfg may hold for a key."""
    if key.name in ("type", *SPECIAL) or isinstance(key.kind, (Parsed, Items, Assignments)):
        quoted = [] if isinstance(key.kind, (Items, Assignments)) else [f'"{key.ini}"']
        return st.sampled_from(["", key.ini, *quoted])
    if isinstance(key.kind, Switch):
        return st.sampled_from(["True", "F", "", "-it", "-d", "--rm", "--init", "-i -e A=1"])
    pieces = INI_TEXTS.get(type(key.kind), OPTION_TEXTS)
    most = 1 if isinstance(key.kind, Truth) else 3
    return st.lists(st.sampled_from(pieces), max_size=most).map(" ".join)


INI_KEYS = {
    **{key.ini_name: key for key in IMAGE_KEYS.values() if key.ini_name == key.name},
    **RUN_KEYS,
    **{f"{name}_docked": key for name, key in RUN_KEYS.items()},
}
INI_SECTIONS = st.fixed_dictionaries(
    {},
    optional={
        **{name: ini_texts(key) for name, key in INI_KEYS.items()},
        "env": st.just("variables"),
        "env_docked": st.just("variables"),
    },
).map(lambda pairs: "\n".join(f"{name} = {text}" for name, text in pairs.items()))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@for_all(INI_SECTIONS, INI_SECTIONS)
def test_any_cfg_means_the_same_as_its_toml(first: str, second: str) -> None:
    config = ini(f"[dev]\n{first}\n[base]\n{second}\n[variables]\nA = 3\nZ = a b\n", FOLDERS)
    assert config == moved(config)
