"""migrate: a configuration written as TOML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from dockerutils.config.key import Key, given
from dockerutils.config.model import IMAGE_KEYS, Config, ImageSettings
from dockerutils.config.run_keys import RUN_KEYS

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
ESCAPES = {
    "\\": "\\\\",
    '"': '\\"',
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
}


def to_toml(config: Config) -> str:
    """Write a configuration as the text of a dockerutils.toml file that means the same."""
    lines = [f"name = {literal(config.project)}"] if config.project else []
    if config.substitute:
        lines += ["", "[substitute]"]
        lines += [f"{quoted_key(name)} = {literal(value)}" for name, value in config.substitute]
    for name, settings in config.images.items():
        lines += ["", f"[image.{quoted_key(name)}]", *image_lines(settings)]
    return "\n".join(lines).strip() + "\n"


def image_lines(settings: ImageSettings) -> Iterator[str]:
    """Write the keys of one image."""
    yield from key_lines(given(settings), IMAGE_KEYS)
    yield from key_lines(given(settings.run), RUN_KEYS)
    yield from key_lines(given(settings.docked), RUN_KEYS, "docked.")


def key_lines(
    values: Mapping[str, object], keys: Mapping[str, Key], prefix: str = ""
) -> Iterator[str]:
    """Write keys with their values."""
    for name, value in values.items():
        yield f"{prefix}{name} = {literal(keys[name].kind.to_toml(value))}"


def literal(value: object) -> str:
    """Write a TOML value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + "".join(character(one) for one in value) + '"'
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    if isinstance(value, dict):
        pairs = (f"{quoted_key(name)} = {literal(item)}" for name, item in value.items())
        return "{ " + ", ".join(pairs) + " }"
    return str(value)


def character(one: str) -> str:
    """Write a character of a TOML string."""
    if one in ESCAPES:
        return ESCAPES[one]
    return one if one.isprintable() else f"\\U{ord(one):08x}"


def quoted_key(name: str) -> str:
    """Write a TOML key."""
    return name if BARE_KEY.fullmatch(name) else literal(name)
