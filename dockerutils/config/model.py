"""The declaration: every key once, with its kind, its meaning and an example.

The readers, `docs/configuration.md`, `show` and `migrate` are all made from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dockerutils.config.kinds import (
    Environment,
    Kind,
    OptionList,
    OtherOptions,
    Switch,
    Text,
    Truth,
    Words,
)
from dockerutils.config.words import Option

IMAGE_TYPES = ("dockerfile",)
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
REPOSITORY = re.compile(
    r"(?:[A-Za-z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
    r"(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*"
)


@dataclass(frozen=True)
class Key:
    """What a reader has to know of a key; `ini` and `toml` are one example in either spelling.

    `ini_name` is what the key is called in a .cfg, if not the same.
    """

    name: str
    kind: Kind
    meaning: str
    default: str
    ini: str
    toml: str
    ini_name: str


def key(kind: Kind, meaning: str, *, default: str, ini: str, toml: str, ini_name: str = "") -> Any:
    """Declare a key: the attribute is None where the configuration does not set it."""
    declared = {"kind": kind, "meaning": meaning, "default": default, "ini": ini, "toml": toml}
    return field(default=None, metadata={**declared, "ini_name": ini_name})


def check_tag(text: str) -> None:
    """Raise `ValueError` for what docker refuses as a tag; with a `$` it is judged when used."""
    if "$" not in text and not TAG.fullmatch(text):
        raise ValueError(
            f"is `{text}`, which docker refuses as a tag: letters, digits, `_`, `.` and `-` only,"
            " 128 at most, beginning with neither `.` nor `-`"
        )


def check_repository(text: str) -> None:
    """Raise `ValueError` for what docker refuses as an image's name."""
    if not REPOSITORY.fullmatch(text):
        raise ValueError(
            f"is `{text}`, which docker refuses as an image name: lower-case letters, digits and"
            " single `.`, `_`, `-` or `/` between them"
        )


def check_user(text: str) -> None:
    """Raise `ValueError` for what the key `user` does not mean."""
    if not re.fullmatch(r"host|image|\d+(?::\d+)?", text):
        raise ValueError(f"is `{text}`; write host, image, or a number such as 1000 or 1000:1000")


def check_type(text: str) -> None:
    """Raise `ValueError` for a way of making images that there is not."""
    if text not in IMAGE_TYPES:
        raise ValueError(f"is `{text}`; the image types are: {', '.join(IMAGE_TYPES)}")


@dataclass(frozen=True)
class RunSettings:
    """How a container of an image is run. Every key has a variant for docked terminals."""

    volumes: tuple[Option, ...] | None = key(
        OptionList("--volume", "list of volumes and mounts", table="--mount"),
        "What is mounted into the container; in TOML a table is a `--mount`.",
        default="nothing",
        ini="-v {project_root}:/workdir --mount type=bind,source={home}/.aws,target=/root/.aws",
        toml='["{project_root}:/workdir",'
        ' { type = "bind", source = "{home}/.aws", target = "/root/.aws" }]',
    )
    ports: tuple[Option, ...] | None = key(
        OptionList("--publish", "list of ports"),
        "Ports that are published.",
        default="none",
        ini="-p 8888:8888",
        toml='["8888:8888"]',
    )
    environment: tuple[Option, ...] | None = key(
        Environment(),
        "Environment variables. A name alone passes on the host's variable if it is set there."
        " Values taken from the environment (`$NAME`) never reach a command line.",
        default="none",
        ini="-e MODE=dev -e TOKEN",
        toml='{ MODE = "dev", TOKEN = { from = "TOKEN" } }',
    )
    network: tuple[Option, ...] | None = key(
        OptionList("--network", "name of a network", bare=True),
        "The network that the container joins.",
        default="docker's own",
        ini="backend",
        toml='"backend"',
    )
    interactive: bool | tuple[Option, ...] | None = key(
        Switch(
            true=((("--interactive",), ("--tty",)), (("--tty",),)),
            false=(),
        ),
        "Whether the container gets standard input and, where there is one, the terminal; or"
        " docker's options, such as `-d`.",
        default="true",
        ini="-d",
        toml='["-d"]',
    )
    gpu: bool | tuple[Option, ...] | None = key(
        Switch(),
        "Whether the container sees the GPUs: `--gpus all` and `NVIDIA_VISIBLE_DEVICES=all`; or"
        " docker's options for it, such as `--runtime=nvidia -e NVIDIA_VISIBLE_DEVICES=0`.",
        default="false",
        ini="True",
        toml="true",
    )
    init: bool | tuple[Option, ...] | None = key(
        Switch(true=((("--init",),),), false=((("--init=false",),),)),
        "Whether a small init process reaps children and forwards signals.",
        default="true",
        ini="False",
        toml="false",
    )
    keep_container: bool | tuple[Option, ...] | None = key(
        Switch(true=((("--rm=false",),),), false=((("--rm",),), (("--rm=true",),))),
        "Whether the container stays after its end (no `--rm`).",
        default="false",
        ini="True",
        toml="true",
    )
    cmd: tuple[str, ...] | None = key(
        Words(command=True),
        "The command that runs, instead of the image's own; a .cfg may use the JSON form.",
        default="the image's CMD",
        ini="bash -l",
        toml='["bash", "-l"]',
    )
    args: tuple[Option, ...] | None = key(
        OtherOptions(),
        "Any other options of `docker run`.",
        default="none",
        ini="--shm-size 1g --cap-add SYS_PTRACE",
        toml='["--shm-size", "1g", "--cap-add", "SYS_PTRACE"]',
    )
    user: str | None = key(
        Text("host, image or a number", check=check_user),
        "Whom the container runs as: `host` is you, so that files in mounted folders stay yours;"
        " `image` is whom the image says.",
        default="image",
        ini="host",
        toml='"host"',
    )
    aws: bool | None = key(
        Truth(),
        "Whether the AWS variables that are set (`AWS_ACCESS_KEY_ID` and its like) are passed on"
        " by name.",
        default="false",
        ini="True",
        toml="true",
    )


@dataclass(frozen=True)
class ImageSettings:
    """One image: what it is called, how it is built and published, how it is run."""

    image: str | None = key(
        Text(),
        "Makes this a synthetic image: the named image with run settings of its own. In a .cfg"
        " this is said by `name`.",
        default="not synthetic",
        ini="base",
        toml='"base"',
        ini_name="name",
    )
    name: str | None = key(
        Text(),
        "The name after the project's prefix, or the whole name with `prefix` false. In a .cfg the"
        " name of another image of the project makes a synthetic image.",
        default="the folder's or the section's name",
        ini="jupyter/base-notebook",
        toml='"jupyter/base-notebook"',
    )
    tag: str | None = key(
        Text(check=check_tag),
        "The tag; it may come from the environment (`$VERSION`). A synthetic image has that of the"
        " image that it names.",
        default="your user name",
        ini="latest",
        toml='"latest"',
    )
    prefix: bool | None = key(
        Truth(),
        "Whether the project's name stands before the image's. False, with `name` and without a"
        " folder, makes a configuration-only image: one that exists already.",
        default="true",
        ini="False",
        toml="false",
    )
    type: str | None = key(
        Text(" or ".join(IMAGE_TYPES), check=check_type),
        "How the image is made.",
        default="dockerfile",
        ini="dockerfile",
        toml='"dockerfile"',
    )
    build_args: tuple[str, ...] | None = key(
        Words(),
        "Any options of `docker build`. `--build-arg NAME=$VARIABLE` keeps the value off the"
        " command line.",
        default="none",
        ini="--build-arg VERSION=1.2 --network host",
        toml='["--build-arg", "VERSION=1.2", "--network", "host"]',
    )
    pull_FROM_on_force: bool | None = key(
        Truth(),
        "Whether `build-image -f` pulls the image that this one stands on.",
        default="false",
        ini="True",
        toml="true",
    )
    pre_build_script: str | None = key(
        Text("shell command", script=True),
        "Runs in `sh -c` at the project's root before the build, which its failure stops.",
        default="none",
        ini="./docker/fetch-models.sh",
        toml='"./docker/fetch-models.sh"',
    )
    post_build_script: str | None = key(
        Text("shell command", script=True),
        "Runs in `sh -c` at the project's root after a successful build.",
        default="none",
        ini="./docker/scan.sh",
        toml='"./docker/scan.sh"',
    )
    image_repo: str | None = key(
        Text(),
        "Where the image is published.",
        default="nowhere",
        ini="aws",
        toml='"aws"',
    )
    publication_tag: str | None = key(
        Text(),
        "The whole name under which it is published; `{account}`, `{region}`, `{image}`, `{tag}`"
        " and `{user}` are replaced.",
        default="the registry's usual form",
        ini="{account}.dkr.ecr.{region}.amazonaws.com/{image}:{tag}",
        toml='"{account}.dkr.ecr.{region}.amazonaws.com/{image}:{tag}"',
    )
    run: RunSettings = field(default_factory=RunSettings)
    docked: RunSettings = field(default_factory=RunSettings)

    def running(self, docked: bool) -> RunSettings:
        """Give the run settings that hold here: docked ones first where the terminal is docked."""
        if not docked:
            return self.run
        both = {item.name: getattr(self.run, item.name) for item in fields(RunSettings)}
        return RunSettings(**{**both, **given(self.docked)})


@dataclass(frozen=True)
class Origin:
    """Where a value stands: a file, as shown to the user, and a line (from 1)."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True)
class Config:
    """A whole configuration, checked. Equal ones mean the same, however they were spelled."""

    project: str | None = None
    substitute: tuple[tuple[str, str], ...] = ()
    images: Mapping[str, ImageSettings] = field(default_factory=dict)
    origins: Mapping[tuple[str, str], Origin] = field(default_factory=dict, compare=False)
    warnings: tuple[str, ...] = field(default=(), compare=False)
    file: Path | None = field(default=None, compare=False)

    def settings(self, image: str) -> ImageSettings:
        """Give the settings of an image, the defaults where it has none."""
        return self.images.get(image, ImageSettings())


def keys_of(settings: type[RunSettings] | type[ImageSettings]) -> Iterator[Key]:
    """Give the declared keys, in order."""
    for item in fields(settings):
        if item.metadata:
            declared = dict(item.metadata)
            yield Key(name=item.name, **{**declared, "ini_name": declared["ini_name"] or item.name})


def given(settings: RunSettings | ImageSettings) -> dict[str, object]:
    """Give the keys that are set, with their values."""
    values = {one.name: getattr(settings, one.name) for one in keys_of(type(settings))}
    return {name: value for name, value in values.items() if value is not None}


RUN_KEYS: Mapping[str, Key] = MappingProxyType({one.name: one for one in keys_of(RunSettings)})
IMAGE_KEYS: Mapping[str, Key] = MappingProxyType({one.name: one for one in keys_of(ImageSettings)})
