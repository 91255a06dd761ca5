"""The declaration of the keys of a run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dockerutils.config.key import Key, key, keys_of
from dockerutils.config.kinds import (
    Environment,
    OptionList,
    OtherOptions,
    Switch,
    Text,
    Truth,
    Words,
)
from dockerutils.config.words import Option


def check_user(text: str) -> None:
    """Raise `ValueError` for what the key `user` does not mean."""
    if not re.fullmatch(r"host|image|\d+(?::\d+)?", text):
        raise ValueError(f"is `{text}`; write host, image, or a number such as 1000 or 1000:1000")


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


RUN_KEYS: Mapping[str, Key] = MappingProxyType({one.name: one for one in keys_of(RunSettings)})
