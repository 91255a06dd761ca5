"""genversion: writes the project's version file for its images."""

from __future__ import annotations

from dockerutils.errors import UsageError
from dockerutils.session import Session
from dockerutils.version.file import VERSION_FILE, refresh_version_file


def generate_version(session: Session) -> None:
    """Write the version file and give the version; raise `UsageError` if no tool is configured."""
    refreshed = refresh_version_file(session.project.root, session.environ, session.runner.read)
    if refreshed is None:
        raise UsageError(
            "no tool for the version of this project is configured.",
            "Write a section [versioneer] in setup.cfg, or [tool.versioneer], [tool.setuptools_scm]"
            " or hatch-vcs in pyproject.toml.",
        )
    for text in refreshed.warnings:
        session.terminal.warn(text)
    state = "is written" if refreshed.changed else "is as it was"
    session.terminal.note(f"{VERSION_FILE} {state}.")
    session.terminal.data(refreshed.version)
