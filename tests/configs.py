"""Configurations as texts: read as one image's settings, or as a whole."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Collection

import pytest

from dockerutils.config.ini import read_ini
from dockerutils.config.model import Config, ImageSettings
from dockerutils.config.toml import read_toml
from dockerutils.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

INI_FILE = "docker/dockerutils.cfg"
TOML_FILE = "docker/dockerutils.toml"
FOLDERS = ("base", "dev")


def ini(text: str, folders: Collection[str] = FOLDERS) -> Config:
    """Read a .cfg text of a project with these folders."""
    return read_ini(textwrap.dedent(text), INI_FILE, folders)


def toml(text: str, folders: Collection[str] = FOLDERS) -> Config:
    """Read a TOML text of a project with these folders."""
    config = read_toml(textwrap.dedent(text), TOML_FILE, folders)
    assert config is not None
    return config


def ini_dev(*lines: str) -> ImageSettings:
    """Read lines of the section [dev]."""
    return ini("\n".join(["[dev]", *lines])).images["dev"]


def toml_dev(*lines: str) -> ImageSettings:
    """Read lines of the table [image.dev]."""
    return toml("\n".join(["[image.dev]", *lines])).images["dev"]


def toml_value(text: str) -> object:
    """Read one TOML value."""
    return tomllib.loads(f"value = {text}")["value"]


def ini_problems(text: str, folders: Collection[str] = FOLDERS) -> list[str]:
    """Give the lines of the error that a .cfg text makes."""
    with pytest.raises(ConfigError) as caught:
        ini(text, folders)
    return problem_lines(caught.value)


def toml_problems(text: str, folders: Collection[str] = FOLDERS) -> list[str]:
    """Give the lines of the error that a TOML text makes."""
    with pytest.raises(ConfigError) as caught:
        toml(text, folders)
    return problem_lines(caught.value)


def problem_lines(error: ConfigError) -> list[str]:
    """Give the problems that an error lists, without its head."""
    return [line.strip() for line in error.message.splitlines()[1:]]
