"""Where a session is assembled from the real world: the environment, the folder, the user."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from dockerutils.config.load import INI, load_config, read_config
from dockerutils.config.model import Config
from dockerutils.docks.docked import explanation
from dockerutils.dry_runner import DryRunner
from dockerutils.engine import CliEngine, NoEngine
from dockerutils.errors import ProjectError
from dockerutils.person import home_folder, user_name
from dockerutils.project import Project, image_folders
from dockerutils.roots import current_folder, find_root
from dockerutils.runner import Runner, ShellRunner
from dockerutils.session import Session
from dockerutils.terminal import Terminal

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Manner:
    """How a verb goes about its work, whatever it is."""

    dry_run: bool = False
    quiet: bool = False
    verbose: bool = False


@dataclass(frozen=True)
class Surroundings:
    """Where a verb was started, and by whom."""

    here: Path
    user: str
    home: str
    environ: Mapping[str, str]


def open_session(terminal: Terminal, manner: Manner) -> Session:
    """Assemble a session for the folder and the user of this process.

    Raises `ProjectError` and `ConfigError`; says what is odd about the project.
    """
    around = surroundings()
    project = open_project(around.here, around.user, around.home, around.environ)
    for text in (*project.oddities(), *project.config.warnings):
        terminal.warn(text)
    return assemble_session(terminal, manner, around, project)


def open_session_anywhere(terminal: Terminal, manner: Manner) -> Session:
    """Assemble a session also where there is no project: one without images stands for it."""
    around = surroundings()
    try:
        find_root(around.here)
    except ProjectError:
        return open_session_apart(terminal, manner)
    return open_session(terminal, manner)


def open_session_apart(terminal: Terminal, manner: Manner) -> Session:
    """Assemble a session for a verb that has nothing to do with the project it is started in."""
    around = surroundings()
    project = Project(around.here, around.user, around.home, environ=around.environ)
    return assemble_session(terminal, manner, around, project)


def surroundings() -> Surroundings:
    """Give the surroundings of this process."""
    environ = dict(os.environ)
    return Surroundings(current_folder(environ), user_name(environ), home_folder(environ), environ)


def assemble_session(
    terminal: Terminal, manner: Manner, around: Surroundings, project: Project
) -> Session:
    """Assemble a session for a project."""
    here, environ = around.here, around.environ
    runner: Runner
    if manner.dry_run:
        runner = DryRunner(terminal, here)
    else:
        runner = ShellRunner(terminal, environ, here, manner.verbose)
    return Session(
        project=project,
        runner=runner,
        engine=NoEngine() if manner.dry_run else CliEngine(runner, explanation(environ)),
        environ=environ,
        terminal=terminal,
        here=here,
        interactive=sys.stdin.isatty() and sys.stdout.isatty(),
        dry=manner.dry_run,
    )


def open_project(here: Path, user: str, home: str, environ: Mapping[str, str] = NOTHING) -> Project:
    """Find the project that a folder belongs to and read its configuration.

    Raises `ProjectError` where there is none, `ConfigError` where it is configured wrongly.
    """
    root = find_root(here)
    folders = image_folders(root)
    return Project(root, user, home, load_config(root, folders), folders, environ)


def read_ini_alone() -> Config:
    """Read the .cfg file of the project that this folder belongs to, whatever is beside it.

    Raises `ProjectError` where there is none.
    """
    root = find_root(current_folder(os.environ))
    config = read_config(root, INI, image_folders(root))
    if config is None:
        raise ProjectError(f"there is no {INI} to migrate.", "Only a .cfg file needs it.")
    return config


def standard_terminal(quiet: bool = False) -> Terminal:
    """Give the terminal of this process; names of files that are no UTF-8 pass as they are."""
    codecs.register_error("terminal", encoding_error)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="terminal")
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return Terminal(sys.stdout, sys.stderr, quiet, colours=not plain, answers=sys.stdin)


def encoding_error(error: UnicodeError) -> tuple[str | bytes, int]:
    """Give the bytes that a name of a file came from, or escape what the locale cannot write."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)
