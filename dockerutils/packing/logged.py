"""Steps whose whole output is kept, beside being shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dockerutils.command import Command
from dockerutils.execution import Execution
from dockerutils.meter import StatusLine
from dockerutils.steps import Step, Talk


def nowhere(_text: str) -> None:
    """Keep nothing."""


@dataclass(frozen=True)
class Logged(Execution):
    """Takes steps one by one; each line goes to `keep` as well."""

    keep: Callable[[str], None] = nowhere

    def alone(self, name: str, step: Step) -> None:
        """Take a step; a program that writes to us shows no more than lines."""
        terminal, runner = self.session.terminal, self.session.runner

        def kept(say: Callable[[str], None], mark: str) -> Callable[[str], None]:
            def both(text: str) -> None:
                self.keep(f"{mark}{text}\n")
                say(text)

            return both

        def take(text: str) -> None:
            self.keep(text)
            terminal.line(text)

        line = StatusLine(terminal)
        with runner.side_by_side() as crew:
            try:
                if isinstance(step, Command):
                    kept(terminal.command, "")(runner.line(step))
                    crew.follow(step, take)
                else:
                    talk = Talk(
                        say=kept(line.say, "# "),
                        warn=kept(line.warn, "# warning: "),
                        show=line.show,
                        command=kept(line.command, ""),
                    )
                    self._move(name, step, crew, talk)
            finally:
                line.clear()
