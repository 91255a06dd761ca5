"""`_version.py.bld`: the project's version, for images that are built without its `.git`.

A Dockerfile copies it over the module that the project's version tool writes, so it defines what
that module does. Tools run in the project's interpreter, never in ours.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dockerutils.command import Command
from dockerutils.files import replace_file
from dockerutils.version.git import (
    UNLOCKED,
    Facts,
    Reader,
    VersionError,
    ailment,
    ask_git,
    shallow_warning,
    tag_pattern,
    version_facts,
)
from dockerutils.version.probe import PROBES
from dockerutils.version.source import HATCH_VCS, VERSIONEER, VersionSource, version_source

VERSION_FILE = "_version.py.bld"
FOR_EVERY_USER = 0o644  # of an image that gets the file

# versioneer reads the JSON back by these marks when the project is built inside an image.
VERSIONEER_TEXT = """\
# Written before the image is built: the version of the sources that it is built from.

import json

version_json = '''
{facts}
'''  # END VERSION_JSON


def get_versions():
    return json.loads(version_json)
"""


@dataclass(frozen=True)
class VersionText:
    """The text of a version file, the version in it, and what is odd about that."""

    version: str
    text: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refreshed:
    """What became of a project's version file."""

    version: str
    changed: bool
    warnings: tuple[str, ...]


def refresh_version_file(
    root: Path, environ: Mapping[str, str], reader: Reader
) -> Refreshed | None:
    """Bring the version file of a project up to date; None if no version tool is configured.

    Raises `ConfigError` for a broken configuration, `VersionError` where the version is not known.
    """
    rendered = _rendered(root, environ, reader)
    if rendered is None:
        return None
    changed = write_version_file(root, rendered.text)
    return Refreshed(rendered.version, changed, rendered.warnings)


def upcoming_version(root: Path, environ: Mapping[str, str], reader: Reader) -> str | None:
    """Give the version that a refresh would write now; None where it would change nothing.

    Nothing is written. Raises what `refresh_version_file` raises.
    """
    rendered = _rendered(root, environ, reader)
    if rendered is None or _is_written(root / VERSION_FILE, rendered.text):
        return None
    return rendered.version


def _rendered(root: Path, environ: Mapping[str, str], reader: Reader) -> VersionText | None:
    source = version_source(root)
    return render_version(source, reader, interpreters(root, environ)) if source else None


def interpreters(root: Path, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Name the interpreters that may have the project's tools, the likeliest first."""
    folders = (environ.get("VIRTUAL_ENV"), str(root / ".venv"))
    virtual = [Path(folder, "bin", "python") for folder in folders if folder]
    found = [str(python) for python in virtual if python.is_file()]
    on_path = shutil.which("python3", path=environ.get("PATH"))
    return tuple(dict.fromkeys([*found, *([on_path] if on_path else []), sys.executable]))


def render_version(source: VersionSource, reader: Reader, pythons: tuple[str, ...]) -> VersionText:
    """Make the text of the version file by asking the project's tool.

    Raises `VersionError` with what to do where there is no tool, repository or commit.
    """
    if source.tool == VERSIONEER:
        return _by_versioneer(source, reader, pythons)
    answer = _ask_tool(source, reader, pythons)
    if "missing" in answer:
        raise _missing(source, str(answer["missing"]), pythons)
    if "failed" in answer:
        raise _failed(source, reader, str(answer["failed"]))
    warning = shallow_warning(source.root, reader)
    return VersionText(answer["version"], answer["text"], (*source.warnings, *_some(warning)))


def write_version_file(root: Path, text: str) -> bool:
    """Write the version file if its content changes, in one step; tell whether it did.

    Raises `VersionError` where the file cannot be written.
    """
    target = root / VERSION_FILE
    if _is_written(target, text):
        return False
    try:
        replace_file(target, text.encode(), FOR_EVERY_USER)
    except OSError as error:
        raise VersionError(f"{target} cannot be written: {error.strerror}.") from error
    return True


def _is_written(target: Path, text: str) -> bool:
    try:
        return target.read_bytes() == text.encode()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise VersionError(f"{target} cannot be written: {error.strerror}.") from error


# versioneer ---------------------------------------------------------------------------------


def _by_versioneer(source: VersionSource, reader: Reader, pythons: tuple[str, ...]) -> VersionText:
    """Ask the project's versioneer: it may be an old or a changed one, and its word counts.

    Where there is none, as a build in a fresh virtualenv would install it, or where it does not
    run, git is asked by its rules.
    """
    answer = _ask_tool(source, reader, pythons)
    warnings = []
    if "versions" in answer:
        facts: Facts = answer["versions"]
    else:
        facts = version_facts(source.root, reader, source.settings)
        if "failed" in answer:
            warnings.append(
                f"the project's versioneer does not run ({_first_line(answer['failed'])}); "
                "the version was worked out by its rules."
            )
    if facts.get("error"):
        raise ailment(source.root, reader, f"versioneer says: {facts['error']}")
    pattern = tag_pattern(source.settings["tag_prefix"])
    warnings += _some(shallow_warning(source.root, reader, pattern))
    return VersionText(str(facts["version"]), _versioneer_text(facts), tuple(warnings))


def _versioneer_text(facts: Facts) -> str:
    for value in facts.values():
        if isinstance(value, str) and re.search(r"""['"\\\n]""", value):
            raise VersionError(
                f"the version tool gives {value!r}, which cannot stand in a version file.",
                "Rename the tag that it comes from.",
            )
    shown = json.dumps(facts, sort_keys=True, indent=1, separators=(",", ": "))
    return VERSIONEER_TEXT.format(facts=shown)


# Asking a tool ------------------------------------------------------------------------------


def _ask_tool(source: VersionSource, reader: Reader, pythons: tuple[str, ...]) -> dict[str, Any]:
    """Ask in one interpreter after the other, until one has the tool."""
    missing: dict[str, Any] = {"missing": "an interpreter of Python 3"}
    for number, python in enumerate(pythons):
        answer = _ask_python(source, reader, python)
        if "missing" not in answer:
            return answer
        if not number:  # the project's own interpreter says it best
            missing = answer
    return missing


def _ask_python(source: VersionSource, reader: Reader, python: str) -> dict[str, Any]:
    # -B: an import must not leave a folder in the project, which would be another context.
    words = (python, "-B", "-c", PROBES[source.tool])
    answer = reader(Command(words, UNLOCKED, source.root))
    try:
        facts = json.loads(answer.output)
    except ValueError:
        facts = None
    if isinstance(facts, dict):
        return facts
    said = answer.errors.strip().splitlines()
    return {"failed": said[-1] if said else f"{python} ended with status {answer.status}"}


def _missing(source: VersionSource, module: str, pythons: tuple[str, ...]) -> VersionError:
    return VersionError(
        f"{source.file} takes the version from {source.tool}, which needs {module}; "
        f"none of these has it: {', '.join(pythons)}.",
        f"Install it for the project: `python3 -m pip install {_packages(source.tool)}` "
        "in its virtualenv.",
    )


def _failed(source: VersionSource, reader: Reader, words: str) -> VersionError:
    """Explain a failure: where git itself is the reason, in git's words."""
    error = ailment(source.root, reader, f"{source.tool} says: {_first_line(words)}")
    if error.hint:
        return error
    below = ask_git(source.root, reader, "rev-parse", "--show-prefix").output.strip()
    return VersionError(error.message, _above(source, below) if below else _more(source))


def _above(source: VersionSource, below: str) -> str:
    """Say how the tools find a repository that begins above the project."""
    table = "tool.hatch.version.raw-options" if source.tool == HATCH_VCS else "tool.setuptools_scm"
    above = "/".join([".."] * below.count("/"))
    return f'The repository begins above the project: set `root = "{above}"` in [{table}].'


def _more(source: VersionSource) -> str:
    command = "hatchling version" if source.tool == HATCH_VCS else "setuptools_scm"
    return f"`python3 -m {command}` in that folder says more."


def _packages(tool: str) -> str:
    return "hatchling hatch-vcs" if tool == HATCH_VCS else tool


def _first_line(words: str) -> str:
    return next((line.strip().rstrip(".") for line in words.splitlines() if line.strip()), words)


def _some(warning: str) -> list[str]:
    return [warning] if warning else []
