"""Finding the configuration of a project: one file of three, or none."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

from dockerutils.config.ini import read_ini
from dockerutils.config.model import Config
from dockerutils.errors import ConfigError

INI = Path("docker/dockerutils.cfg")
TOML = Path("docker/dockerutils.toml")
PYPROJECT = Path("pyproject.toml")
TABLE = ("tool", "dockerutils")

Reader = Callable[[str, str, Collection[str]], Config | None]


def load_config(root: Path, folders: Collection[str]) -> Config:
    """Read the configuration below a project's root; `folders` are its image folders' names.

    Raises `ConfigError` for faults, and where more than one spelling is present.
    """
    found = {path: config for path in READERS if (config := _read(root, path, folders))}
    if len(found) > 1:
        *others, last = map(str, found)
        raise ConfigError(
            f"{', '.join(others)} and {last} configure this project at once.",
            "Keep one of them; `dockerutils migrate` prints a .cfg file as TOML.",
        )
    for config in found.values():
        if isinstance(config, ConfigError):
            raise config
        return config
    return Config()


def read_config(root: Path, path: Path, folders: Collection[str]) -> Config | None:
    """Read one file alone; None where it is not there. Raises `ConfigError` for faults."""
    config = _read(root, path, folders)
    if isinstance(config, ConfigError):
        raise config
    return config


def _read(root: Path, path: Path, folders: Collection[str]) -> Config | ConfigError | None:
    """Give the configuration of a file, or what is wrong with it; None where it has none."""
    if not os.path.lexists(root / path):
        return None
    try:
        config = READERS[path](read_text(root / path, str(path)), str(path), folders)
    except ConfigError as error:
        return error
    return replace(config, file=path) if config else None


def read_text(path: Path, shown: str) -> str:
    """Read a text file that a person wrote: UTF-8, with or without a byte order mark.

    Raises `ConfigError` for one that cannot be read, under the name `shown`.
    """
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise ConfigError(f"{shown} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"{shown}:{line}: holds a byte that is no UTF-8.", "Save the file as UTF-8."
        ) from error


def _read_toml(
    text: str, file: str, folders: Collection[str], table: tuple[str, ...] = ()
) -> Config | None:
    # Most projects have no TOML file of ours, and its parser takes long to import.
    from dockerutils.config.toml import read_toml  # noqa: PLC0415

    return read_toml(text, file, folders, table)


def _read_pyproject(text: str, file: str, folders: Collection[str]) -> Config | None:
    # Most pyproject files have no table of ours, and parsing TOML costs more than looking.
    return _read_toml(text, file, folders, TABLE) if "dockerutils" in text else None


READERS: Mapping[Path, Reader] = {
    INI: read_ini,
    TOML: _read_toml,
    PYPROJECT: _read_pyproject,
}
