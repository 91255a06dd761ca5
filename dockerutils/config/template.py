"""Values with variables: `{project_root}` and its like, and `$NAME` from the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from dockerutils.command import Secret

VARIABLE = re.compile(
    r"\$\$"
    r"|\$(?P<bare>[A-Za-z_][A-Za-z0-9_]*)"
    r"|\$\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)\}"
    r"|\{(?P<field>[a-z_]+)\}"
)
VARIABLE_OR_TEXT = re.compile(rf"{VARIABLE.pattern}|(?P<rest>[^${{]+|.)", re.DOTALL)
SHELL_SPECIAL = re.compile(r'([\\"$`])')


class UnsetVariable(ValueError):
    """A value names an environment variable that is not set."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the environment variable {name} is not set")
        self.name = name


@dataclass(frozen=True)
class Scope:
    """What variables stand for: the `{fields}` of the place, and the environment."""

    fields: Mapping[str, str]
    environ: Mapping[str, str]

    def expand(self, text: str) -> str:
        """Replace the variables of a value; raise `UnsetVariable` for one that is not set.

        `$$` is a dollar sign; braces and dollar signs that name no variable are literal.
        """
        return VARIABLE.sub(self._value, text)

    def secret(self, text: str) -> Secret:
        """Expand a value that must not be shown: printed, its variables stay names."""
        return Secret(self.expand(text), f'"{VARIABLE_OR_TEXT.sub(self._shown, text)}"')

    def describe(self, text: str) -> str:
        """Replace the `{fields}` only, for showing a setting without the environment's values."""
        return VARIABLE.sub(lambda match: self._field(match) or match[0], text)

    def _value(self, match: re.Match[str]) -> str:
        name = match["bare"] or match["braced"]
        if name is None:
            return "$" if match[0] == "$$" else self._field(match) or match[0]
        try:
            return self.environ[name]
        except KeyError:
            raise UnsetVariable(name) from None

    def _field(self, match: re.Match[str]) -> str | None:
        return self.fields.get(match["field"]) if match["field"] else None

    def _shown(self, match: re.Match[str]) -> str:
        if match["bare"] and match.string.startswith("{", match.end()):
            return f"${{{match['bare']}}}"  # the field that follows could lengthen the name
        if match["bare"] or match["braced"]:
            return match[0]
        return double_quoted(self._value(match) if match["rest"] is None else match[0])


def double_quoted(text: str) -> str:
    """Write literal text for the inside of a shell's double quotes.

    An interactive shell would replace `!` even there, so that stands in single quotes between.
    """
    return SHELL_SPECIAL.sub(r"\\\1", text).replace("!", "\"'!'\"")


def names_environment(text: str) -> bool:
    """Tell whether a value takes anything from the environment."""
    return any(match["bare"] or match["braced"] for match in VARIABLE.finditer(text))
