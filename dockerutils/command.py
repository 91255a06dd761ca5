"""Commands as values: built by pure functions, printed and run elsewhere."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Secret:
    """Text that is never shown: a printed line has `shown`, a shell word, in its place."""

    value: str = field(repr=False)
    shown: str

    def __str__(self) -> str:
        return self.shown


class Expanded(str):
    """A word of a command with a value from the environment: printed, that stays a name."""

    __slots__ = ("shown",)
    shown: str

    def __new__(cls, value: str, shown: str) -> Expanded:
        """Make a word that is `value` to the process and `shown`, a shell word, to a reader."""
        word = super().__new__(cls, value)
        word.shown = shown
        return word


@dataclass(frozen=True)
class Stdin:
    """What a process is fed, and the shell command that writes the same."""

    text: str = field(repr=False)
    shown: str


@dataclass(frozen=True)
class Command:
    """One process to start: its words, what its environment gets besides ours, and its folder.

    `str()` gives the line that a shell takes; a `Secret` can stand in the environment only,
    because everybody on the machine can read the words of a process.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str | Secret] = field(default_factory=dict)
    folder: Path | None = None
    talks: bool = False  # standard output is talk, not data: it goes to standard error
    stdin: Stdin | None = None

    def __post_init__(self) -> None:
        if not all(isinstance(word, str) for word in self.argv):
            raise TypeError("the words of a command are plain strings; a secret is none")

    def __str__(self) -> str:
        variables = [
            f"{shlex.quote(name)}={_shown(value)}" for name, value in self.environment.items()
        ]
        # A shell assigns to identifiers only; docker takes `spring.datasource.url` as well.
        plain = all(IDENTIFIER.fullmatch(name) for name in self.environment)
        line = " ".join([*(() if plain else ("env",)), *variables, *map(shown_word, self.argv)])
        return f"{self.stdin.shown} | {line}" if self.stdin else line

    def variables(self) -> dict[str, str]:
        """Give the environment's additions with their real values."""
        return {
            name: value.value if isinstance(value, Secret) else value
            for name, value in self.environment.items()
        }


def _shown(value: str | Secret) -> str:
    return value.shown if isinstance(value, (Secret, Expanded)) else shlex.quote(value)


def shown_word(word: str) -> str:
    """Give a word of a command as a shell takes it."""
    return word.shown if isinstance(word, Expanded) else shlex.quote(word)


def printed_line(command: Command, here: Path) -> str:
    """Give the line to paste: in a sub-shell with its folder where that is not the user's."""
    if command.folder in (None, here):
        return str(command)
    return f"(cd {shlex.quote(os.path.relpath(str(command.folder), here))} && {command})"
