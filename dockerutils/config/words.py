"""Docker's option notation: the words of a value, and the options that they spell."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Sequence

Option = tuple[str, ...]
"""One option as docker takes it, by its long name: `("--volume", "a:b")`, `("--privileged",)`."""

LONG_NAMES = {
    "-a": "--attach",
    "-d": "--detach",
    "-e": "--env",
    "-h": "--hostname",
    "-i": "--interactive",
    "-l": "--label",
    "-m": "--memory",
    "-p": "--publish",
    "-P": "--publish-all",
    "-t": "--tty",
    "-u": "--user",
    "-v": "--volume",
    "-w": "--workdir",
    "--net": "--network",
}
VALUELESS = {
    "--detach",
    "--disable-content-trust",
    "--help",
    "--init",
    "--interactive",
    "--no-healthcheck",
    "--oom-kill-disable",
    "--privileged",
    "--publish-all",
    "--quiet",
    "--read-only",
    "--rm",
    "--sig-proxy",
    "--tty",
}
SWITCH_LETTERS = set("ditP")
OPTION = re.compile(r"-[^\d]")  # -1 is a value, as in --memory-swap -1


def split_words(text: str) -> tuple[str, ...]:
    """Split as a shell does; raise `ValueError` with a sentence when a quote is not closed."""
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise ValueError(f"the value cannot be split into words: {str(error).lower()}") from error


def split_command(text: str) -> tuple[str, ...]:
    """Split a command, which may also stand in the JSON form of a Dockerfile's CMD."""
    if text.lstrip().startswith("["):
        return _json_words(text)
    return split_words(text)


def _json_words(text: str) -> tuple[str, ...]:
    try:
        words = json.loads(text)
    except json.JSONDecodeError:
        return split_words(text)
    if not all(isinstance(word, str) for word in words):
        raise ValueError("the JSON form of a command is a list of strings")
    return tuple(words)


def run_options(words: Sequence[str]) -> tuple[Option, ...]:
    """Read the words of docker run options: long names, each with the value that it takes.

    Raises `ValueError` for a word that belongs to no option, which docker would take as the image.
    """
    options: list[Option] = []
    rest = list(words)
    while rest:
        options.extend(_next_options(rest))
    return tuple(options)


def _next_options(rest: list[str]) -> Iterable[Option]:
    word = rest.pop(0)
    if not word.startswith("-") or word in ("-", "--"):
        raise ValueError(f"`{word}` belongs to no option; docker would take it as the image")
    if not word.startswith("--") and len(word) > 2:
        return _short_options(word, rest)
    name, equals, value = word.partition("=")
    name = LONG_NAMES.get(name, name)
    if equals:
        return [(name, value)] if name not in VALUELESS else [(f"{name}={value}",)]
    return [_with_value(name, rest)]


def _short_options(word: str, rest: list[str]) -> Iterable[Option]:
    """Read `-it`, `-dp80:80` or `-eA=b`: switches, then at most one option with its value."""
    letters = word[1:]
    found: list[Option] = []
    while letters:
        letter, letters = letters[0], letters[1:]
        name = LONG_NAMES.get(f"-{letter}", f"-{letter}")
        if letter in SWITCH_LETTERS:
            found.append((name,))
        elif letters:
            found.append((name, letters.removeprefix("=")))
            break
        else:
            found.append(_with_value(name, rest))
    return found


def _with_value(name: str, rest: list[str]) -> Option:
    if name in VALUELESS or (rest and OPTION.match(rest[0])):
        return (name,)
    if not rest:
        raise ValueError(f"the option {name} lacks its value")
    return (name, rest.pop(0))


def flatten(options: Iterable[Option]) -> tuple[str, ...]:
    """Give the words of options as docker takes them."""
    return tuple(word for option in options for word in option)
