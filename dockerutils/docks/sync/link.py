"""The way to a dock, and the question that is asked over it while something else is done."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dockerutils.command import Command
from dockerutils.docks.sync.there import read_all
from dockerutils.docks.told import plain
from dockerutils.errors import CommandFailed, DockerutilsError
from dockerutils.runner import Crew
from dockerutils.ssh.command import Address, session
from dockerutils.ssh.connection import CUT, dropped

MOST_WORDS = 400  # letters of what a dock complains of


class Link(Protocol):
    """A connection to a dock, over which commands run there."""

    @property
    def address(self) -> Address:
        """The dock's address."""

    @property
    def socket(self) -> Path:
        """The control socket of its ssh."""

    def run(self, script: str) -> Command:
        """Give the command that runs a script there."""


@dataclass(frozen=True)
class Standing:
    """The connection that is kept for a dock, taken as it is: whether it lives shows in its use."""

    address: Address
    socket: Path

    def run(self, script: str) -> Command:
        """Give the command that runs a script there; without the connection, it fails."""
        return session(self.address, self.socket, script)


class Asking(threading.Thread):
    """Asks a dock for its list while something else is done."""

    def __init__(self, crew: Crew, command: Command) -> None:
        super().__init__(daemon=True)
        self.crew, self.command = crew, command
        self.said = b""
        self.failure: DockerutilsError | None = None
        self.start()

    def run(self) -> None:
        """Read the list."""
        try:
            with self.crew.stream(self.command) as output:
                self.said = read_all(output)
        except DockerutilsError as error:
            self.failure = error

    def answer(self, link: Link) -> bytes:
        """Wait for the list; raise what hinders it."""
        self.join()
        if isinstance(self.failure, CommandFailed) and self.failure.status == CUT:
            raise dropped(link.address) from self.failure
        if isinstance(self.failure, CommandFailed):
            text = plain(self.failure.message, MOST_WORDS)
            raise DockerutilsError(text, self.failure.hint) from self.failure
        if self.failure:
            raise self.failure
        return self.said
