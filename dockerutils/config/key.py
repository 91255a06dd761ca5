"""What a key of the configuration is: a dataclass field that says everything about itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from dockerutils.config.kind import Kind


@dataclass(frozen=True)
class Key:
    """What a reader has to know of a key; `ini` and `toml` are one example in either spelling.

    `ini_name` is what the key is called in a .cfg, if not the same; `types` are the image types
    that know it, none for all of them.
    """

    name: str
    kind: Kind
    meaning: str
    default: str
    ini: str
    toml: str
    ini_name: str
    types: tuple[str, ...]

    def suits(self, image_type: str) -> bool:
        """Tell whether an image of this type can have the key."""
        return not self.types or image_type in self.types


def key(
    kind: Kind,
    meaning: str,
    *,
    default: str,
    ini: str,
    toml: str,
    ini_name: str = "",
    types: tuple[str, ...] = (),
) -> Any:
    """Declare a key: the attribute is None where the configuration does not set it."""
    declared = {"kind": kind, "meaning": meaning, "default": default, "ini": ini, "toml": toml}
    return field(default=None, metadata={**declared, "ini_name": ini_name, "types": types})


def keys_of(settings: type[Any]) -> Iterator[Key]:
    """Give the declared keys of a class, in order."""
    for item in fields(settings):
        if item.metadata:
            declared = dict(item.metadata)
            yield Key(name=item.name, **{**declared, "ini_name": declared["ini_name"] or item.name})


def given(settings: Any) -> dict[str, object]:
    """Give the keys that are set, with their values."""
    values = {one.name: getattr(settings, one.name) for one in keys_of(type(settings))}
    return {name: value for name, value in values.items() if value is not None}
