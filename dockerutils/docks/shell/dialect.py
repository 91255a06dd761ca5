"""What the shells have in common: each can set variables, and be given functions and a prompt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

PROGRAM = "@PROGRAM@"  # stands in the code for the words that start dockerutils
COMMANDS = "@COMMANDS@"  # and for those that completion is for
COMMANDS = "@COMMANDS@"


@dataclass(frozen=True)
class Dialect:
    """How one shell is told things.

    `borrowed` defines castoff where shell-init has not, `returned` takes it away. `show` makes the
    prompt tell the dock, in an interactive shell that is docked; `hide` takes that away. `init` is
    what a new shell is told.
    """

    name: str
    quote: Callable[[str], str]
    export: str
    unset: str
    borrowed: str
    returned: str
    show: str
    hide: str
    init: str

    def setting(self, name: str, value: str | None) -> str:
        """Give the code that exports a variable, or unsets it where its value is None."""
        if value is None:
            return self.unset.format(name=name)
        return self.export.format(name=name, value=self.quote(value))

    def settings(self, values: Mapping[str, str | None]) -> str:
        """Give the code for some variables."""
        return "\n".join(self.setting(name, value) for name, value in values.items())

    def docking(self, values: Mapping[str, str | None], program: tuple[str, ...]) -> str:
        """Give the code that docks a shell, as far as it knows."""
        borrowed = self._addressed(self.borrowed, program)
        return joined(self.settings(values), borrowed, self.show)

    def leaving(self, values: Mapping[str, str | None]) -> str:
        """Give the code that takes away what docking brought."""
        return joined(self.settings(values), self.hide, self.returned)

    def starting(self, program: tuple[str, ...], commands: tuple[str, ...]) -> str:
        """Give the code for a new shell, with completion for some commands."""
        init = self._addressed(self.init, program).replace(COMMANDS, " ".join(commands))
        return joined(init, self.show)

    def _addressed(self, code: str, program: tuple[str, ...]) -> str:
        """Put the words that start dockerutils into code."""
        return code.replace(PROGRAM, " ".join(self.quote(word) for word in program))


def joined(*parts: str) -> str:
    """Put pieces of code together; the whole ends well."""
    return "\n".join([*(part.strip("\n") for part in parts), "true"])
