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
    "-c": "--cpu-shares",
    "-d": "--detach",
    "-e": "--env",
    "-h": "--hostname",
    "-i": "--interactive",
    "-l": "--label",
    "-m": "--memory",
    "-p": "--publish",
    "-P": "--publish-all",
    "-q": "--quiet",
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
    "--use-api-socket",
}
SWITCH_LETTERS = set("ditPq")
TAKE_VALUES = {*LONG_NAMES.values(), "--mount"} - VALUELESS
UNSPLIT = {
    "No closing quotation": "has a quote that is not closed; close it, or write \\ before it",
    "No escaped character": "ends with a \\; write \\\\ for one, or leave it out",
}
NEEDS_QUOTES = re.compile(r'[,"\r\n]')
OPTION = re.compile(r"-[^\d]")  # -1 is a value, as in --memory-swap -1


def split_words(text: str) -> tuple[str, ...]:
    """Split as a shell does; raise `ValueError` with a sentence where a quote is not closed."""
    try:
        return tuple(shlex.split(text.replace("\\\n", "")))
    except ValueError as error:
        raise ValueError(UNSPLIT.get(str(error), str(error))) from error


def unquoted(text: str) -> str:
    """Read one word as a shell does; a text that is not one word stays as it stands."""
    try:
        words = split_words(text)
    except ValueError:
        return text
    return words[0] if len(words) == 1 else text


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
        raise ValueError("has to be a list of strings in its JSON form")
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
    if not OPTION.match(word) or word == "--":
        raise ValueError(f"holds `{word}`, which no option takes: docker would run it as the image")
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
        if letter in SWITCH_LETTERS and letters.startswith("="):
            return [*found, (f"{name}{letters}",)]
        if letter in SWITCH_LETTERS:
            found.append((name,))
        elif letters:
            found.append((name, letters.removeprefix("=")))
            break
        else:
            found.append(_with_value(name, rest))
    return found


def _with_value(name: str, rest: list[str]) -> Option:
    if name in VALUELESS:
        return (name,)
    if rest and not OPTION.match(rest[0]):
        return (name, rest.pop(0))
    if name in TAKE_VALUES:
        raise ValueError(f"gives {name} no value")
    return (name,)  # one that we do not know


def written(options: Iterable[Option]) -> list[str]:
    """Give words that `run_options` reads as these options."""
    return [word for option in options for word in _written(option)]


def _written(option: Option) -> Option:
    if len(option) == 2 and OPTION.match(option[1]):
        return ("=".join(option),)
    return option


def csv_field(text: str) -> str:
    """Quote a field of docker's comma-separated values where it needs it."""
    return '"' + text.replace('"', '""') + '"' if NEEDS_QUOTES.search(text) else text


def flatten(options: Iterable[Option]) -> tuple[str, ...]:
    """Give the words of options as docker takes them."""
    return tuple(word for option in options for word in option)
