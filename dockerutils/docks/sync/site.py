"""What a synchronization needs to know of where it was started: less than a whole session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dockerutils.runner import Runner, ShellRunner
from dockerutils.terminal import Terminal

if TYPE_CHECKING:
    from dockerutils.session import Session

Way = Literal["up", "down"]
"""To the dock, or from it."""


@dataclass(frozen=True)
class Site:
    """A project's folder, whose it is, and what talks and runs there."""

    root: Path
    user: str
    home: str
    here: Path
    environ: Mapping[str, str]
    terminal: Terminal
    runner: Runner
    interactive: bool = False

    @property
    def name(self) -> str:
        """The name of the project's folder, by whatever link it was reached."""
        return self.root.resolve().name


def site_of(session: Session) -> Site:
    """Give what a session knows; also where nothing is to be changed, a dock is asked."""
    project, terminal = session.project, session.terminal
    runner = session.runner
    if session.dry:
        runner = ShellRunner(terminal, session.environ, session.here)
    return Site(
        project.root,
        project.user,
        project.home,
        session.here,
        session.environ,
        terminal,
        runner,
        session.interactive,
    )
