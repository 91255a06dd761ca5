"""Which tool gives a project its version, as setup.cfg and pyproject.toml say."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dockerutils.errors import ConfigError

VERSIONEER = "versioneer"
SETUPTOOLS_SCM = "setuptools-scm"
HATCH_VCS = "hatch-vcs"
NAMED = re.compile(r"versioneer|setuptools[-_.]scm|hatch[-_.]vcs|\bvcs\b", re.IGNORECASE)


@dataclass(frozen=True)
class VersionSource:
    """The tool that gives a project its version, and the file that says so."""

    tool: str
    file: str
    root: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def version_source(root: Path) -> VersionSource | None:
    """Tell which tool gives a project its version: versioneer, else hatch-vcs or setuptools-scm.

    Raises `ConfigError` for files that cannot be read.
    """
    pyproject = _pyproject(root)
    versioneer = _table(pyproject, "tool", "versioneer")
    if versioneer:
        settings = {key: str(value) for key, value in versioneer.items()}
        return _versioneer(root, "pyproject.toml", settings)
    section = _setup_cfg(root)
    if section is not None:
        return _versioneer(root, "setup.cfg", section)
    tool = _pyproject_tool(pyproject)
    if not tool:
        return None
    return VersionSource(tool, "pyproject.toml", root, warnings=_unread(root, tool, pyproject))


def _versioneer(root: Path, file: str, settings: Mapping[str, str]) -> VersionSource:
    """Check a section of versioneer's, so that what it can say later is about the repository."""
    lower = {key.lower(): value for key, value in settings.items()}
    if lower.get("vcs") != "git":
        raise ConfigError(
            f"{file}: the section versioneer has no `VCS = git`.",
            "Versions come from git alone.",
        )
    style, prefix = lower.get("style") or "default", lower.get("tag_prefix", "")
    own = {
        "style": "pep440" if style == "default" else style,
        "tag_prefix": "" if prefix in ("''", '""') else prefix,
        "parentdir_prefix": lower.get("parentdir_prefix", ""),
    }
    return VersionSource(VERSIONEER, file, root, own)


def _setup_cfg(root: Path) -> Mapping[str, str] | None:
    """Give versioneer's section of setup.cfg."""
    text = _text(root, "setup.cfg")
    if "[versioneer]" not in text:
        return None
    import configparser  # noqa: PLC0415 - few projects need it

    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
        return dict(parser["versioneer"])
    except configparser.Error as error:
        raise ConfigError(
            f"setup.cfg cannot be understood: {str(error).splitlines()[0]}."
        ) from error
    except KeyError:  # the name stood in a comment
        return None


def _pyproject(root: Path) -> Mapping[str, Any]:
    """Give pyproject.toml, or nothing if it names none of the tools."""
    text = _text(root, "pyproject.toml")
    if not NAMED.search(text):
        return {}
    if sys.version_info >= (3, 11):
        import tomllib  # noqa: PLC0415 - few projects need it
    else:
        import tomli as tomllib  # noqa: PLC0415

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"pyproject.toml is no valid TOML: {error}.") from error


def _pyproject_tool(pyproject: Mapping[str, Any]) -> str:
    """Name the tool that is configured, or that the build requires for a version not written."""
    if _table(pyproject, "tool", "hatch", "version").get("source") == "vcs":
        return HATCH_VCS
    if "setuptools_scm" in _table(pyproject, "tool"):
        return SETUPTOOLS_SCM
    if "version" in _table(pyproject, "project"):
        return ""
    required = _table(pyproject, "build-system").get("requires")
    words = [str(word) for word in required] if isinstance(required, list) else []
    names = {re.split(r"[^\w.-]", word.strip(), maxsplit=1)[0] for word in words}
    normal = {re.sub(r"[-_.]+", "-", name).lower() for name in names}
    return next((tool for tool in (HATCH_VCS, SETUPTOOLS_SCM) if tool in normal), "")


def _unread(root: Path, tool: str, pyproject: Mapping[str, Any]) -> tuple[str, ...]:
    """Warn of settings of setuptools-scm in a program, which only a build reads."""
    if tool != SETUPTOOLS_SCM or "setuptools_scm" in _table(pyproject, "tool"):
        return ()
    if "use_scm_version" not in _text(root, "setup.py"):
        return ()
    warning = (
        "setup.py sets up setuptools-scm, which is not read here: its options, if it has any, "
        "belong into [tool.setuptools_scm] of pyproject.toml."
    )
    return (warning,)


def _table(content: Any, *path: str) -> Mapping[str, Any]:
    """Give a table by its path; an empty one where there is none."""
    for part in path:
        content = content.get(part) if isinstance(content, dict) else None
    return content if isinstance(content, dict) else {}


def _text(root: Path, name: str) -> str:
    """Read a file of the project; nothing if there is none."""
    try:
        return (root / name).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ConfigError(f"{name} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name} is no UTF-8.", "Save the file as UTF-8.") from error
