"""The runner of a dry run: it prints commands as a shell script and runs none of them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from dockerutils.command import Command, printed_line
from dockerutils.errors import EngineError
from dockerutils.runner import Answer, Crew
from dockerutils.terminal import Terminal


@dataclass(frozen=True)
class DryRunner:
    """Prints commands as a shell script on standard output and runs none of them."""

    terminal: Terminal
    here: Path
    begun: list[bool] = field(default_factory=list)

    def having(self, variables: Mapping[str, str]) -> DryRunner:
        """Give the same: nothing gets an environment."""
        del variables
        return self

    def run(self, command: Command) -> None:
        """Print the line that would run."""
        self.begin()
        self.terminal.data(printed_line(command, self.here))

    def hand_over(self, command: Command) -> int:
        """Print the line that would get the terminal."""
        self.run(command)
        return 0

    def read(self, command: Command) -> Answer:
        """Refuse: a dry run asks nobody."""
        raise EngineError(f"a dry run cannot ask: {command}")

    def side_by_side(self, by_main: bool = False) -> AbstractContextManager[Crew]:
        """Refuse: a dry run prints one thing after the other, and feeds nobody."""
        del by_main
        raise EngineError("a dry run starts nothing side by side.")

    def line(self, command: Command) -> str:
        """Give a command as it is printed here."""
        return printed_line(command, self.here)

    def begin(self) -> None:
        """Print the head of the script, once: it stops at a failure, and knows its folder."""
        if self.begun:
            return
        self.begun.append(True)
        self.terminal.data(f"#!/bin/sh\nset -e\ncd {shlex.quote(str(self.here))}")
