"""The module that a project's version tool writes, which gets the version file's text on a dock."""

from __future__ import annotations

import posixpath
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dockerutils.docks.sync.tree import is_never
from dockerutils.version.file import VERSION_FILE, refresh_version_file
from dockerutils.version.git import VersionError
from dockerutils.version.source import version_source

if TYPE_CHECKING:
    from dockerutils.docks.sync.site import Site

# Where the tools' settings name it, the more particular first.
TABLES = (
    (("tool", "versioneer"), "versionfile_source"),
    (("tool", "setuptools_scm"), "version_file"),
    (("tool", "setuptools_scm"), "write_to"),
    (("tool", "hatch", "build", "hooks", "vcs"), "version-file"),
)


@dataclass(frozen=True)
class VersionFile:
    """The path of the module, from the root, and what it gets; None where that is not known."""

    place: str
    content: bytes | None = None
    mtime: int = 0


def version_module(root: Path) -> str:
    """Give the path of the module, "" where there is none.

    Raises `ConfigError` for files that cannot be read.
    """
    if version_source(root) is None:
        return ""
    given = _in_setup_cfg(root / "setup.cfg") or _in_pyproject(root / "pyproject.toml")
    path = posixpath.normpath(given) if given else ""
    parts = path.split("/")
    return "" if path.startswith("/") or "" in parts or any(map(_is_odd, parts)) else path


def version_file(site: Site, place: str, refresh: bool) -> VersionFile:
    """Give what the module gets on a dock; `refresh` brings the version file up to date before."""
    root = site.root
    if refresh and not _refreshed(site):
        return VersionFile(place)
    try:
        path = root / VERSION_FILE
        return VersionFile(place, path.read_bytes(), path.stat().st_mtime_ns)
    except OSError:
        return VersionFile(place)


def _refreshed(site: Site) -> bool:
    """Write the version file as genversion does; tell whether it says the version now."""
    try:
        refreshed = refresh_version_file(site.root, site.environ, site.runner.read)
    except VersionError as error:
        site.terminal.warn(f"no {VERSION_FILE} was written: {error.message}")
        return False
    for text in refreshed.warnings if refreshed else ():
        site.terminal.warn(text)
    if refreshed and refreshed.changed:
        site.terminal.note(f"{VERSION_FILE} is of version {refreshed.version}.")
    return refreshed is not None


def _is_odd(part: str) -> bool:
    return part in (".", "..") or is_never(part)


def _in_setup_cfg(path: Path) -> str:
    """Read versioneer's section of setup.cfg; what is wrong with it was told before."""
    from configparser import Error, RawConfigParser  # noqa: PLC0415  # few projects need it

    parser = RawConfigParser(strict=False)
    try:
        parser.read_string(path.read_text("utf-8-sig"))
    except (OSError, ValueError, Error):
        return ""
    return parser.get("versioneer", "versionfile_source", fallback="").strip()


def _in_pyproject(path: Path) -> str:
    """Read the settings of the tools that have theirs in pyproject.toml."""
    if sys.version_info >= (3, 11):
        import tomllib  # noqa: PLC0415  # few projects need it
    else:
        import tomli as tomllib  # noqa: PLC0415
    try:
        content: Mapping[str, object] = tomllib.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError):
        return ""
    found = (_named(content, table, key) for table, key in TABLES)
    return next((text for text in found if text), "")


def _named(content: object, table: tuple[str, ...], key: str) -> str:
    for part in (*table, key):
        content = content.get(part) if isinstance(content, dict) else None
    return content.strip() if isinstance(content, str) else ""
