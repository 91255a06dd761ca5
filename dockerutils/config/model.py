"""The declaration: every key once, with its kind, its meaning and an example.

The readers, `docs/configuration.md`, `show` and `migrate` are all made from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType

from dockerutils.config import debian_keys, venv_keys
from dockerutils.config.baked_keys import BakedSettings
from dockerutils.config.debian_keys import DebianSettings
from dockerutils.config.key import Key, given, key, keys_of
from dockerutils.config.kinds import Text, Truth, Words
from dockerutils.config.publication_keys import PublicationSettings
from dockerutils.config.run_keys import RunSettings
from dockerutils.config.venv_keys import VenvSettings

DOCKERFILE = "dockerfile"
VENV = venv_keys.TYPE
DEBIAN = debian_keys.TYPE
IMAGE_TYPES = (DOCKERFILE, VENV, DEBIAN)
FOLDERLESS = (VENV, DEBIAN)  # the types whose images need no folder in docker/
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
REPOSITORY = re.compile(
    r"(?:[A-Za-z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
    r"(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*"
)


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


def check_type(text: str) -> None:
    """Raise `ValueError` for a way of making images that there is not."""
    if text not in IMAGE_TYPES:
        raise ValueError(f"is `{text}`; the image types are: {', '.join(IMAGE_TYPES)}")


@dataclass(frozen=True)
class CommonSettings:
    """What an image is called and how it is built; and what a Dockerfile's one has."""

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
        Text(f"{', '.join(IMAGE_TYPES[:-1])} or {IMAGE_TYPES[-1]}", check=check_type),
        "How the image is made: from a Dockerfile, from a virtualenv, or from Debian packages. The"
        " latter two need neither a Dockerfile nor a folder in `docker/`.",
        default=DOCKERFILE,
        ini=VENV,
        toml=f'"{VENV}"',
    )
    build_args: tuple[str, ...] | None = key(
        Words(),
        "Any options of `docker build`. `--build-arg NAME=$VARIABLE` keeps the value off the"
        " command line.",
        default="none",
        ini="--build-arg VERSION=1.2 --network host",
        toml='["--build-arg", "VERSION=1.2", "--network", "host"]',
        types=(DOCKERFILE,),
    )
    pull_FROM_on_force: bool | None = key(
        Truth(),
        "Whether `build-image -f` pulls the image that this one stands on.",
        default="false",
        ini="True",
        toml="true",
        types=(DOCKERFILE,),
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


@dataclass(frozen=True)
class ImageSettings(  # last keys first
    BakedSettings, DebianSettings, VenvSettings, PublicationSettings, CommonSettings
):
    """One image: what it is called, how it is made, published and run."""

    run: RunSettings = field(default_factory=RunSettings)
    docked: RunSettings = field(default_factory=RunSettings)

    @property
    def made_as(self) -> str:
        """The image type, as it is set or by default."""
        return self.type or DOCKERFILE

    @property
    def folderless(self) -> bool:
        """Tell whether the image is made here without a folder in docker/."""
        return self.image is None and self.type in FOLDERLESS

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


IMAGE_KEYS: Mapping[str, Key] = MappingProxyType({one.name: one for one in keys_of(ImageSettings)})
