"""What is wrong or odd in a configuration: collected, so that one run tells everything."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from dockerutils.config.model import Origin
from dockerutils.config.template import UnsetVariable
from dockerutils.errors import ConfigError

Value = TypeVar("Value")


@dataclass
class Problems:
    """The faults and the warnings of one file, each with its line."""

    file: str
    faults: list[tuple[int, str]] = field(default_factory=list)
    warnings: list[tuple[int, str]] = field(default_factory=list)

    def fault(self, origin: Origin, section: str, key: str, sentence: str) -> None:
        """Note what makes the configuration unusable."""
        self.faults.append((origin.line, place(origin, section, key) + sentence))

    def warn(self, origin: Origin, section: str, key: str, sentence: str) -> None:
        """Note what is passed over."""
        self.warnings.append((origin.line, place(origin, section, key) + sentence))

    def attempt(
        self, read: Callable[[], Value], origin: Origin, section: str, key: str
    ) -> Value | None:
        """Read a value; a `ValueError` becomes a fault of this place, and None the value."""
        try:
            return read()
        except ValueError as error:
            self.fault(origin, section, key, f"{error}.")
            return None

    def finish(self) -> tuple[str, ...]:
        """Give the warnings in line order; raise `ConfigError` with all faults if there are any."""
        if self.faults:
            lines = in_order(self.faults)
            count = "a problem" if len(lines) == 1 else f"{len(lines)} problems"
            odd = [f"warning: {text}" for text in in_order(self.warnings)]
            raise ConfigError(
                "\n  ".join([f"{self.file} has {count}:", *lines, *odd]),
                "The documentation (docs/configuration.md) describes every key.",
            )
        return tuple(in_order(self.warnings))


def in_order(problems: Iterable[tuple[int, str]]) -> list[str]:
    """Give the sentences by their lines, each once: all sections share those of [DEFAULT]."""
    return list(dict.fromkeys(text for _, text in sorted(problems, key=lambda one: one[0])))


def place(origin: Origin, section: str, key: str) -> str:
    """Begin a message: file and line, section, key."""
    inside = f" [{section}]" if section else ""
    return f"{origin}:{inside} {key} " if key else f"{origin}:{inside} "


def closest(word: str, known: Iterable[str]) -> str:
    """Give `; did you mean …?` for the closest known word, or nothing."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean `{found[0]}`?" if found else ""


def unset_variable(error: UnsetVariable, origin: Origin, section: str, key: str) -> ConfigError:
    """Describe a value that names a variable which is not set."""
    return ConfigError(
        f"{origin}: [{section}] {key}: {error}.",
        f"Set it (`export {error.name}=…`), or write $$ for a dollar sign.",
    )
