"""What a kind of value is to the readers of the configuration, and how TOML's types are called."""

from __future__ import annotations

from typing import Protocol


class Kind(Protocol):
    """One kind of value, named in the documentation as `label`."""

    @property
    def label(self) -> str:
        """Name the kind for a reader."""

    def from_ini(self, text: str) -> object:
        """Read the text of a .cfg file; None where nothing means that the key is not set."""

    def from_toml(self, value: object) -> object:
        """Read a TOML value."""

    def to_toml(self, value: object) -> object:
        """Give what `from_toml` reads as this value: strings, lists, tables, numbers."""


def toml_type(value: object) -> str:
    """Name the type of a TOML value for a reader."""
    names = {bool: "a Boolean", int: "a number", float: "a number", str: "a string"}
    names |= {list: "a list", dict: "a table"}
    return names.get(type(value), "a date")
