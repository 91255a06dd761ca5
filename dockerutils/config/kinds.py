"""Kinds of values: how each is read from an INI text, from TOML, and written as TOML.

Every kind gives the same immutable value for both spellings. A value that is no good raises
`ValueError` with the end of a sentence that begins with the key's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from dockerutils.config.words import Option, run_options, split_command, split_words

TRUE = {"true", "t", "yes", "y", "on", "1"}
FALSE = {"false", "f", "no", "n", "off", "0", ""}


class Kind(Protocol):
    """One kind of value, named in the documentation as `label`."""

    @property
    def label(self) -> str:
        """Name the kind for a reader."""

    def from_ini(self, text: str) -> object:
        """Read the text of a .cfg file."""

    def from_toml(self, value: object) -> object:
        """Read a TOML value."""

    def to_toml(self, value: object) -> object:
        """Give what `from_toml` reads as this value: strings, lists, tables, numbers."""


@dataclass(frozen=True)
class Text:
    """A string; `check` raises `ValueError` for one that cannot be used."""

    label: str = "string"
    check: Callable[[str], None] = lambda _text: None

    def from_ini(self, text: str) -> str:
        """Take the text as it stands."""
        self.check(text)
        return text

    def from_toml(self, value: object) -> str:
        """Take a string."""
        if not isinstance(value, str):
            raise ValueError(f"has to be a string, not {toml_type(value)}")
        return self.from_ini(value)

    def to_toml(self, value: object) -> object:
        """Give the string."""
        return value


@dataclass(frozen=True)
class Truth:
    """A Boolean."""

    label: str = "true or false"

    def from_ini(self, text: str) -> bool:
        """Read True, T, yes, y, on, 1 or their opposites, in any case; nothing is False."""
        word = text.strip().lower()
        if word not in TRUE | FALSE:
            raise ValueError(f"has to be True or False, not `{text}`")
        return word in TRUE

    def from_toml(self, value: object) -> bool:
        """Take a Boolean."""
        if not isinstance(value, bool):
            raise ValueError(f"has to be true or false, not {toml_type(value)}")
        return value

    def to_toml(self, value: object) -> object:
        """Give the Boolean."""
        return value


@dataclass(frozen=True)
class Switch:
    """A Boolean, or docker's own options instead; some options only mean a Boolean."""

    true: tuple[tuple[Option, ...], ...] = ()
    false: tuple[tuple[Option, ...], ...] = ()
    label: str = "true or false, or docker's options"

    def from_ini(self, text: str) -> bool | tuple[Option, ...]:
        """Read a Boolean word or docker's options."""
        word = text.strip().lower()
        if word in TRUE | FALSE:
            return word in TRUE
        return self._options(split_words(text))

    def from_toml(self, value: object) -> bool | tuple[Option, ...]:
        """Take a Boolean, or a list of docker's words."""
        if isinstance(value, bool):
            return value
        if isinstance(value, str):
            raise ValueError("has to be true, false or a list of docker's words, not a string")
        return self._options(string_list(value))

    def to_toml(self, value: object) -> object:
        """Give the Boolean or the words."""
        return value if isinstance(value, bool) else option_words(value)

    def _options(self, words: tuple[str, ...]) -> bool | tuple[Option, ...]:
        options = run_options(words)
        spelled = tuple(sorted(options))
        if spelled in self.true:
            return True
        return False if spelled in self.false else options


@dataclass(frozen=True)
class Words:
    """The words of a command or of any docker options, as they stand."""

    command: bool = False
    label: str = "list of words"

    def from_ini(self, text: str) -> tuple[str, ...]:
        """Split as a shell does."""
        return split_command(text) if self.command else split_words(text)

    def from_toml(self, value: object) -> tuple[str, ...]:
        """Take a list of strings."""
        if isinstance(value, str):
            raise ValueError('has to be a list of words, such as ["bash", "-l"], not a string')
        return string_list(value)

    def to_toml(self, value: object) -> object:
        """Give the list."""
        return option_words((value,))


@dataclass(frozen=True)
class RunOptions:
    """Docker run's own options, any of them: `args`."""

    label: str = "docker run options"

    def from_ini(self, text: str) -> tuple[Option, ...]:
        """Read option notation."""
        return run_options(split_words(text))

    def from_toml(self, value: object) -> tuple[Option, ...]:
        """Take a list of words."""
        if isinstance(value, str):
            raise ValueError('has to be a list of words, such as ["--cap-add", "SYS_PTRACE"]')
        return run_options(string_list(value))

    def to_toml(self, value: object) -> object:
        """Give the words."""
        return option_words(value)


@dataclass(frozen=True)
class OptionList:
    """Values of one docker option, which a .cfg writes with the option's name before each.

    A .cfg may hold other options beside them, as the older tool pasted the value in as it stood.
    `bare` allows the value alone there; `table` names the option that a TOML table stands for.
    """

    option: str
    label: str
    bare: bool = False
    table: str = ""

    def from_ini(self, text: str) -> tuple[Option, ...]:
        """Read option notation."""
        words = split_words(text)
        if self.bare and words and not words[0].startswith("-"):
            words = (self.option, *words)
        try:
            return run_options(words)
        except ValueError as error:
            raise ValueError(f"{error}; write `{self.option} VALUE`") from error

    def from_toml(self, value: object) -> tuple[Option, ...]:
        """Take a list of strings, numbers or tables; with `bare` one string will do."""
        if self.bare and isinstance(value, str):
            value = [value]
        if not isinstance(value, list):
            raise ValueError(f"has to be a list, not {toml_type(value)}")
        return tuple(self._item(item) for item in value)

    def to_toml(self, value: object) -> object:
        """Give strings and tables; other options have no place here."""
        own = [self._plain(option) for option in options_of(value) if self.owns(option)]
        return own[0] if self.bare and len(own) == 1 else own

    def owns(self, option: Option) -> bool:
        """Tell whether TOML can hold this option here; else it belongs to `args`."""
        return option[0] in (self.option, self.table) and len(option) == 2

    def _item(self, item: object) -> Option:
        if isinstance(item, dict) and self.table:
            return (self.table, mount_text(item))
        if isinstance(item, bool) or not isinstance(item, (str, int)):
            raise ValueError(f"has to hold strings, not {toml_type(item)}")
        if str(item).startswith("-"):
            raise ValueError(f"holds `{item}`: write the value alone, or use args for options")
        return (self.option, str(item))

    def _plain(self, option: Option) -> object:
        if option[0] != self.table:
            return option[1]
        pairs = (part.partition("=") for part in option[1].split(","))
        return {key: text if equals else True for key, equals, text in pairs}


def mount_text(table: dict[str, object]) -> str:
    """Write a TOML table as the value of docker's --mount."""
    parts = (key if value is True else f"{key}={value}" for key, value in table.items())
    text = ",".join(part for part in parts if not part.endswith("=False"))
    if not re.search(r"(?:^|,)(?:target|dst|destination)=", text):
        raise ValueError('holds a mount without a target; write target = "/path"')
    return text


def string_list(value: object) -> tuple[str, ...]:
    """Take a TOML list of strings."""
    if not isinstance(value, list):
        raise ValueError(f"has to be a list of strings, not {toml_type(value)}")
    for item in value:
        if not isinstance(item, str):
            raise ValueError(f"has to hold strings only, not {toml_type(item)}")
    return tuple(value)


def options_of(value: object) -> tuple[Option, ...]:
    """Narrow a stored value to options."""
    return value if isinstance(value, tuple) else ()


def option_words(value: object) -> list[str]:
    """Give the words of stored options as a list."""
    return [word for option in options_of(value) for word in option]


def toml_type(value: object) -> str:
    """Name the type of a TOML value for a reader."""
    names = {bool: "a Boolean", int: "a number", float: "a number", str: "a string"}
    names |= {list: "a list", dict: "a table"}
    return names.get(type(value), "a date")


@dataclass(frozen=True)
class Environment:
    """Variables of the container: `--env NAME=VALUE`, or `--env NAME` to pass the host's on."""

    label: str = "table of variables"
    option: str = "--env"

    def from_ini(self, text: str) -> tuple[Option, ...]:
        """Read option notation."""
        try:
            options = run_options(split_words(text))
        except ValueError as error:
            raise ValueError(f"{error}; write `-e NAME=VALUE`") from error
        for option in options:
            if option[0] == self.option:
                check_variable(option[1])
        return options

    def from_toml(self, value: object) -> tuple[Option, ...]:
        """Take a table; `{ from = "NAME" }` is the host's variable of that name."""
        if not isinstance(value, dict):
            raise ValueError(
                f'has to be a table, such as {{ MODE = "dev" }}, not {toml_type(value)}'
            )
        return tuple((self.option, self._item(str(name), item)) for name, item in value.items())

    def to_toml(self, value: object) -> object:
        """Give the table; other options have no place here."""
        words = [option[1] for option in options_of(value) if self.owns(option)]
        pairs = (word.partition("=") for word in words)
        return {name: text if equals else {"from": name} for name, equals, text in pairs}

    def owns(self, option: Option) -> bool:
        """Tell whether TOML can hold this option here; else it belongs to `args`."""
        return option[0] == self.option and len(option) == 2

    def _item(self, name: str, item: object) -> str:
        check_variable(name)
        if isinstance(item, dict):
            source = item.get("from")
            if list(item) != ["from"] or not isinstance(source, str):
                raise ValueError(f'has to give {name} a value or {{ from = "NAME" }}')
            return name if source == name else f"{name}=${{{source}}}"
        if isinstance(item, bool) or not isinstance(item, (str, int, float)):
            raise ValueError(f"has to give {name} a string, not {toml_type(item)}")
        return f"{name}={item}"


def check_variable(assignment: str) -> None:
    """Raise `ValueError` unless this begins with a name that a variable can have."""
    name = assignment.partition("=")[0]
    if not name or re.search(r"[\s\x00]", name):
        raise ValueError(f"`{assignment}` does not begin with a variable's name")


def split_owned(kind: Kind, value: object) -> tuple[object, tuple[Option, ...]]:
    """Part a value into what TOML holds under its key, and the options that belong to `args`."""
    if not isinstance(kind, (OptionList, Environment)):
        return value, ()
    options = options_of(value)
    owned = tuple(option for option in options if kind.owns(option))
    return owned, tuple(option for option in options if not kind.owns(option))


def toml_value(kind: Kind, value: object) -> object:
    """Give a value as TOML would have it, followed by the words of options it has no place for."""
    owned, strays = split_owned(kind, value)
    plain = kind.to_toml(owned)
    return [plain, *option_words(strays)] if strays else plain
