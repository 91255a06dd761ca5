"""Kinds of values: how each is read from an INI text, from TOML, and written as TOML.

Every kind gives the same immutable value for both spellings. A value that is no good raises
`ValueError` with the end of a sentence that begins with the key's name.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dockerutils.config.kind import toml_type
from dockerutils.config.words import (
    Option,
    csv_field,
    run_options,
    split_command,
    split_words,
    unquoted,
    written,
)

TRUE = {"true", "t", "yes", "y", "on", "1"}
FALSE = {"false", "f", "no", "n", "off", "0"}
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Text:
    """A string; `check` raises `ValueError` for one that cannot be used.

    In a .cfg it may be quoted as a shell's word, unless it is a `script` that a shell runs.
    """

    label: str = "string"
    check: Callable[[str], None] = lambda _text: None
    script: bool = False

    def from_ini(self, text: str) -> str | None:
        """Take the text; nothing is not set."""
        value = text.strip() if self.script else unquoted(text.strip())
        if value:
            self.check(value)
        return value or None

    def from_toml(self, value: object) -> str:
        """Take a string."""
        if not isinstance(value, str) or not value:
            what = "an empty one" if value == "" else toml_type(value)
            raise ValueError(f"has to be a string, not {what}")
        self.check(value)
        return value

    def to_toml(self, value: object) -> object:
        """Give the string."""
        return value


@dataclass(frozen=True)
class Truth:
    """A Boolean."""

    label: str = "true or false"

    def from_ini(self, text: str) -> bool | None:
        """Read True, T, yes, y, on, 1 or their opposites, in any case; nothing is not set."""
        word = text.strip().lower()
        if word not in TRUE | FALSE:
            if not word:
                return None
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
        """Read a Boolean word or docker's options; nothing is no option, and so False."""
        word = text.strip().lower()
        if not word or word in TRUE | FALSE:
            return word in TRUE
        try:
            return self._options(split_words(text))
        except ValueError as error:
            raise ValueError(f"{error}; write True, False or docker's options") from error

    def from_toml(self, value: object) -> bool | tuple[Option, ...]:
        """Take a Boolean, or a list of docker's words."""
        if isinstance(value, bool):
            return value
        if isinstance(value, str):
            raise ValueError("has to be true, false or a list of docker's words, not a string")
        return self._options(string_list(value))

    def to_toml(self, value: object) -> object:
        """Give the Boolean or the words."""
        return value if isinstance(value, bool) else written(options_of(value))

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
        return list(value) if isinstance(value, tuple) else []


@dataclass(frozen=True)
class OtherOptions:
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
        return written(options_of(value))


@dataclass(frozen=True)
class OptionList:
    """Values of one docker option, which a .cfg writes with the option's name before each.

    A .cfg may hold other options beside them, as the older tool pasted the value in as it stood;
    in TOML a list inside the list holds their words. `bare` allows the value alone; `table` names
    the option that a TOML table stands for.
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
        """Take a list of strings, numbers, tables or lists of words; with `bare` a string too."""
        if self.bare and isinstance(value, str):
            value = [value]
        if not isinstance(value, list):
            raise ValueError(f"has to be a list, not {toml_type(value)}")
        return tuple(option for item in value for option in self._options(item))

    def to_toml(self, value: object) -> object:
        """Give strings, tables, and lists of words for other options."""
        items = [self._item(option) for option in options_of(value)]
        return items[0] if self.bare and len(items) == 1 and isinstance(items[0], str) else items

    def _options(self, item: object) -> tuple[Option, ...]:
        if isinstance(item, list):
            return run_options(string_list(item))
        if isinstance(item, dict) and self.table:
            return ((self.table, mount_text(item)),)
        if isinstance(item, bool) or not isinstance(item, (str, int)):
            raise ValueError(f"has to hold strings, not {toml_type(item)}")
        if item == "" or str(item).startswith("-"):
            raise ValueError(f"holds `{item}`: write the value alone, or use args for options")
        return ((self.option, str(item)),)

    def _item(self, option: Option) -> object:
        name, text = (*option, "")[:2]
        if name == self.option and text and not text.startswith("-"):
            return text
        if name == self.table and (table := mount_table(text)):
            return table
        return written([option])


def mount_text(table: Mapping[str, object]) -> str:
    """Write a TOML table as the value of docker's --mount, which is a line of CSV."""
    for name, value in table.items():
        if not isinstance(value, (str, int)):
            raise ValueError(f"has to give {name} of a mount a string, not {toml_type(value)}")
    if not {"target", "dst", "destination"} & set(table):
        raise ValueError('holds a mount without a target; write target = "/path"')
    fields = (
        name if value is True else f"{name}={value}"
        for name, value in table.items()
        if value is not False
    )
    return ",".join(map(csv_field, fields))


def mount_table(text: str) -> dict[str, object]:
    """Give the value of --mount as a TOML table; an empty one if no table says just the same."""
    try:
        pairs = [field.partition("=") for field in next(csv.reader([text]), [])]
        table: dict[str, object] = {name: value if sign else True for name, sign, value in pairs}
        return table if mount_text(table) == text else {}
    except (csv.Error, ValueError):
        return {}


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


@dataclass(frozen=True)
class Environment:
    """Variables of the container: `--env NAME=VALUE`, or `--env NAME` to pass the host's on."""

    label: str = "table of variables"
    option: str = "--env"

    def from_ini(self, text: str) -> tuple[Option, ...]:
        """Read option notation."""
        try:
            return self._checked(split_words(text))
        except ValueError as error:
            raise ValueError(f"{error}; write `-e NAME=VALUE`") from error

    def from_toml(self, value: object) -> tuple[Option, ...]:
        """Take a table; `{ from = "NAME" }` is the host's variable of that name.

        A list holds tables, and lists of words for other options.
        """
        if not isinstance(value, (dict, list)):
            raise ValueError(
                f'has to be a table, such as {{ MODE = "dev" }}, not {toml_type(value)}'
            )
        parts = value if isinstance(value, list) else [value]
        return tuple(option for part in parts for option in self._options(part))

    def to_toml(self, value: object) -> object:
        """Give a table; for repeated variables and other options a list of tables and words."""
        parts: list[object] = [{}]
        for option in options_of(value):
            if option[0] != self.option:
                parts.append(written([option]))
                continue
            name, equals, text = option[1].partition("=")
            table = parts[-1]
            if not isinstance(table, dict) or name in table:
                parts.append(table := {})
            table[name] = text if equals else {"from": name}
        parts = [part for part in parts if part] or [{}]
        return parts[0] if len(parts) == 1 and isinstance(parts[0], dict) else parts

    def _options(self, part: object) -> tuple[Option, ...]:
        if isinstance(part, dict):
            return tuple((self.option, self._item(str(name), item)) for name, item in part.items())
        return self._checked(string_list(part))

    def _checked(self, words: tuple[str, ...]) -> tuple[Option, ...]:
        options = run_options(words)
        for option in options:
            if option[0] == self.option:
                check_variable(option[1])
        return options

    def _item(self, name: str, item: object) -> str:
        check_variable(name)
        if "=" in name:
            raise ValueError(f"holds the variable `{name}`, whose name has a `=` in it")
        if isinstance(item, dict):
            source = item.get("from")
            if list(item) != ["from"] or not isinstance(source, str):
                raise ValueError(f'has to give {name} a value or {{ from = "NAME" }}')
            if source != name and not VARIABLE_NAME.fullmatch(source):
                raise ValueError(f"takes {name} from `{source}`, which is no variable's name")
            return name if source == name else f"{name}=${{{source}}}"
        if isinstance(item, bool) or not isinstance(item, (str, int, float)):
            raise ValueError(f"has to give {name} a string, not {toml_type(item)}")
        return f"{name}={item}"


def check_variable(assignment: str) -> None:
    """Raise `ValueError` unless this begins with a name that a variable can have."""
    name = assignment.partition("=")[0]
    if not name or re.search(r"[\s\x00]", name):
        raise ValueError(f"holds `{assignment}`, which does not begin with a variable's name")
