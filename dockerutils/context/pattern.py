"""One pattern of a .dockerignore: what docker takes as valid, and what it then matches.

Docker checks a pattern as a file name pattern of Go (`filepath.Match`), and matches with another
thing: a regular expression for Go's RE2 that it makes of the pattern, character by character. The
two disagree (`[*]` is no class with a star, `\\d` is a digit, `a|b*` is whatever begins with `a` or
ends in a name with `b`: docker means to escape `{|}` and does not), and what docker does is what
counts: the same expression is made here, read by RE2's rules, and written anew for Python.
Patterns without special characters between the ends are compared as text, as docker does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

Kind = Literal["exact", "prefix", "suffix", "regex"]
Range = tuple[int, int]

_MEMBER = r"(?:\\.|[^\\\]-])"
_CLASS = rf"\[(?:\^|(?!\^))(?:{_MEMBER}(?:-{_MEMBER})?)+\]"
_VALID = re.compile(rf"(?:\\.|[^\\\[]|{_CLASS})*", re.DOTALL)
_SPECIAL = re.compile(r"[*?\[\]\\]")
_TOKEN = re.compile(r"\*\*/?|\*|\?|\\.|[.+()$]", re.DOTALL)
_LAST = 0x10FFFF

_CONTROL: Mapping[str, int] = MappingProxyType(
    {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11},
)
_OCTAL = re.compile("0[0-7]{0,2}|[1-7][0-7]{1,2}")
_HEX = re.compile(r"x(?:[0-9A-Fa-f]{2}|\{[0-9A-Fa-f]+\})")
_REPEAT = re.compile(r"\{(0|[1-9]\d*)(,?)(0|[1-9]\d*)?\}", re.ASCII)
_MOST_REPEATS = 1000
_DIGITS: tuple[Range, ...] = ((48, 57),)
_LETTERS: tuple[Range, ...] = ((65, 90), (97, 122))
_BLANKS: tuple[Range, ...] = ((9, 10), (12, 13), (32, 32))
_WORD = (*_DIGITS, *_LETTERS, (95, 95))
_SHORT: Mapping[str, tuple[Range, ...]] = MappingProxyType(
    {"d": _DIGITS, "s": _BLANKS, "w": _WORD},
)
_POSIX: Mapping[str, tuple[Range, ...]] = MappingProxyType(
    {
        "alnum": (*_DIGITS, *_LETTERS),
        "alpha": _LETTERS,
        "ascii": ((0, 127),),
        "blank": ((9, 9), (32, 32)),
        "cntrl": ((0, 31), (127, 127)),
        "digit": _DIGITS,
        "graph": ((33, 126),),
        "lower": _LETTERS[1:],
        "print": ((32, 126),),
        "punct": ((33, 47), (58, 64), (91, 96), (123, 126)),
        "space": ((9, 13), (32, 32)),
        "upper": _LETTERS[:1],
        "word": _WORD,
        "xdigit": (*_DIGITS, (65, 70), (97, 102)),
    },
)


class PatternError(ValueError):
    """A pattern that docker refuses; the text says what is wrong with it."""


class Matcher(NamedTuple):
    """What a pattern is compared as: the text itself, a start, an end, or an expression."""

    kind: Kind
    text: str


def make_matcher(pattern: str) -> Matcher:
    """Tell how docker matches a pattern; raises `PatternError` where docker refuses it."""
    if not _VALID.fullmatch(pattern):
        raise PatternError("has a `[` without a valid class, or ends in `\\`")
    if not _SPECIAL.search(pattern):
        return Matcher("exact", pattern)
    if pattern.endswith("**") and not _SPECIAL.search(pattern[:-2]):
        return Matcher("prefix", pattern[:-2])
    if pattern.startswith("**") and not _SPECIAL.search(pattern[2:]):
        return Matcher("suffix", pattern[2:])
    expression = _Translation(_go_expression(pattern)).result()
    try:
        re.compile(expression, re.ASCII)
    except re.error as error:
        raise PatternError("repeats what cannot be repeated") from error
    return Matcher("regex", expression)


def _go_expression(pattern: str) -> str:
    """Make the expression that docker makes, without looking where classes begin and end."""

    def replace(token: re.Match[str]) -> str:
        if token[0] in ("**", "**/"):
            return ".*" if token.end() == len(pattern) else "(.*/)?"
        written = {"*": "[^/]*", "?": "[^/]"}
        return written.get(token[0]) or (token[0] if token[0][0] == "\\" else "\\" + token[0])

    return f"^{_TOKEN.sub(replace, pattern)}$"


class _Translation:
    """An expression of RE2, read from its start and written for Python.

    Only what docker can make of a pattern is known: it escapes `.+()$`, so a bare one of these is
    docker's own.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def result(self) -> str:
        """Translate the whole."""
        parts = []
        while self.at < len(self.text):
            parts.append(self._next())
        return "".join(parts)

    def _next(self) -> str:
        char = self._take()
        if char == "[":
            return self._class()
        if char == "\\":
            return self._escape()
        if char == "{":
            return self._repetition()
        anchors = {"^": r"(?:\A)", "$": r"(?:\Z)", "(": "(?:"}
        return anchors.get(char) or (char if char in ").*?|" else re.escape(char))

    def _repetition(self) -> str:
        """Read a number of times; what is none is a brace like any character."""
        found = _REPEAT.match(self.text, self.at - 1)
        if found is None or (found[3] and not found[2]):
            return r"\{"
        self.at = found.end()
        least, most = int(found[1]), int(found[3] or found[1])
        if not least <= most <= _MOST_REPEATS:
            raise PatternError(f"has `{found[0]}`, which docker takes for a number of times")
        return found[0]

    def _take(self) -> str:
        char = self.text[self.at : self.at + 1]
        self.at += 1
        return char

    def _escape(self) -> str:
        char = self.text[self.at]
        if char in "bBAz":
            self.at += 1
            return rf"(?:\{'Z' if char == 'z' else char})"
        if char == "Q":
            literal, _, _ = self.text[self.at + 1 :].partition(r"\E")
            self.at += 1 + len(literal) + len(r"\E")
            return re.escape(literal)
        short = self._short_class()
        if short is not None:
            return _written(short)
        return re.escape(chr(self._escaped_character()))

    def _short_class(self) -> tuple[Range, ...] | None:
        r"""Read the letter of `\d` or its like, if one is there."""
        letter = self.text[self.at : self.at + 1]
        ranges = _SHORT.get(letter.lower())
        if ranges is None:
            return None
        self.at += 1
        return _complement(ranges) if letter.isupper() else ranges

    def _escaped_character(self) -> int:
        for known, base in ((_OCTAL, 8), (_HEX, 16)):
            found = known.match(self.text, self.at)
            if found:
                self.at = found.end()
                return int(found[0].strip("x{}"), base)
        char = self._take()
        if char in _CONTROL:
            return _CONTROL[char]
        if char.isascii() and not char.isalnum():
            return ord(char)
        raise PatternError(f"has `\\{char}`, which means nothing; take the `\\` away")

    def _class(self) -> str:
        negated = self.text[self.at] == "^"
        self.at += negated
        ranges: list[Range] = []
        first = True
        while first or self.text[self.at : self.at + 1] != "]":
            first = False
            if self.at >= len(self.text):
                raise PatternError("has a `[` without its `]`")
            ranges += self._named_class() or (self._range(),)
        self.at += 1
        return _written(ranges, "^" if negated else "")

    def _named_class(self) -> tuple[Range, ...] | None:
        r"""Read `[:alpha:]` or `\d` inside a class, if one is there."""
        if self.text.startswith("[:", self.at):
            end = self.text.find(":]", self.at + 2)
            if end >= 0:
                return self._posix_class(end)
        if self.text[self.at] != "\\":
            return None
        self.at += 1
        short = self._short_class()
        self.at -= short is None
        return short

    def _posix_class(self, end: int) -> tuple[Range, ...]:
        name = self.text[self.at + 2 : end]
        self.at = end + 2
        ranges = _POSIX.get(name.removeprefix("^"))
        if ranges is None:
            raise PatternError(f"has the class `[:{name}:]`, which does not exist")
        return _complement(ranges) if name.startswith("^") else ranges

    def _range(self) -> Range:
        start = self.at
        low = high = self._member()
        if self.text[self.at : self.at + 1] == "-" and self.text[self.at + 1 : self.at + 2] != "]":
            self.at += 1
            high = self._member()
        if high < low:
            raise PatternError(f"has the range `{self.text[start : self.at]}`, which is backwards")
        return low, high

    def _member(self) -> int:
        if self.at >= len(self.text):
            raise PatternError("has a `[` without its `]`")
        char = self._take()
        return self._escaped_character() if char == "\\" else ord(char)


def _complement(ranges: Iterable[Range]) -> tuple[Range, ...]:
    gaps, start = [], 0
    for low, high in sorted(ranges):
        if start < low:
            gaps.append((start, low - 1))
        start = high + 1
    return (*gaps, (start, _LAST))


def _written(ranges: Iterable[Range], sign: str = "") -> str:
    """Write a class for Python."""
    members = (f"{re.escape(chr(low))}-{re.escape(chr(high))}" for low, high in ranges)
    return f"[{sign}{''.join(members)}]"
