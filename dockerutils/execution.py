"""How each step of a build is taken: alone with the terminal, or beside others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dockerutils.board import Board
from dockerutils.build_log import Log
from dockerutils.command import Command
from dockerutils.meter import StatusLine
from dockerutils.runner import Crew
from dockerutils.session import Session
from dockerutils.sinks.sink import Placed
from dockerutils.steps import Assembling, Execute, Saving, Step, Talk

if TYPE_CHECKING:
    from dockerutils.freshness import Freshness


@dataclass(frozen=True)
class Execution:
    """Takes steps; `placed` has what became of images that were put together here, by name."""

    session: Session
    freshness: Freshness
    placed: dict[str, Placed] = field(default_factory=dict)

    def alone(self, name: str, step: Step) -> None:
        """Take a step with the terminal to itself."""
        if isinstance(step, Command):
            self.session.runner.run(step)
            return
        line = StatusLine(self.session.terminal)
        with self.session.runner.side_by_side(by_main=True) as crew:
            try:
                talk = Talk(line.say, line.warn, line.show, line.command)
                self._move(name, step, crew, talk)
            finally:
                line.clear()

    def beside(self, crew: Crew, board: Board, log: Log) -> Execute:
        """Give what takes a step beside others: shown on the board, kept in a log."""

        def execute(name: str, step: Step) -> None:
            def take(text: str) -> None:
                board.take(name, text)
                log.write(text)

            if isinstance(step, Command):
                board.begin(name, self.session.runner.line(step))
                crew.follow(step, take)
                return
            board.begin(name)
            talk = Talk(
                say=board.say,
                warn=board.warn,
                show=lambda text: board.show(name, text),
                command=lambda text: board.begin(name, text),
            )
            self._move(name, step, crew, talk)

        return execute

    def _move(self, name: str, step: Assembling | Saving, crew: Crew, talk: Talk) -> None:
        """Move layers from where they come from to where they go."""
        from dockerutils.assemble import Assembler  # noqa: PLC0415  # a builder needs none of it

        talk.say(step.summary)
        assembler = Assembler(self.session, self.freshness, crew, talk)
        if isinstance(step, Saving):
            assembler.save(step)
        else:
            self.placed[name] = assembler.assemble(step)
