"""A .dockerignore: which paths of the context docker leaves out.

The rules are those of BuildKit (its packages `patternmatcher`, `ignorefile` and `fsutil`), held
against engine 26.1.5. The last pattern that matches decides; one that matches a folder matches
what is below; `!` takes back. Docker decides while it walks, folder by folder, which is not the
same as looking at a path alone: `a/b` and then `!a` leaves `a/b` out, because `!a` was of no use
when the walk came to `a`. The kind of a path never matters. Neither the Dockerfile nor the
.dockerignore are special: docker sends what it needs of them apart, and COPY sees them only if
the rules let them in.

One thing is stricter: a line that docker refuses only once it comes to compare it (`[z-a]`) is
refused at once, also where docker would never come to it.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple

from dockerutils.context.pattern import Matcher, PatternError, make_matcher
from dockerutils.errors import ProjectError
from dockerutils.images.dockerfile_text import SPACE

IGNORE_FILE = ".dockerignore"
LONGEST_LINE = 64 * 1024
_NOT_PRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
_WILD = re.compile(r"[*\[\]?^\\]")
_HINT = "Docker refuses such a line. A `\\` before a special character takes its meaning away."


class Pattern(NamedTuple):
    """A line of the file: `takes_back` is `!`; `text` is the pattern, cleaned as docker does."""

    text: str
    takes_back: bool
    run: _Run


class _Run:
    """Patterns of one sign that follow each other, matched as one."""

    def __init__(self, matchers: Iterable[Matcher]) -> None:
        texts: dict[str, list[str]] = {"exact": [], "prefix": [], "suffix": [], "regex": []}
        for kind, text in matchers:
            texts[kind].append(text)
        below = (text[1:] for text in texts["suffix"] if text.startswith("/"))
        self.exact = frozenset((*texts["exact"], *below))
        self.prefixes = tuple(texts["prefix"])
        self.suffixes = tuple(texts["suffix"])
        regex = "|".join(f"(?:{text})" for text in texts["regex"])
        self.regex = re.compile(regex, re.ASCII) if regex else None

    def matches(self, path: str) -> bool:
        """Tell whether one of the patterns matches this very path."""
        return (
            path in self.exact
            or path.endswith(self.suffixes)
            or path.startswith(self.prefixes)
            or (self.regex is not None and self.regex.search(path) is not None)
        )


@dataclass(frozen=True)
class Place:
    """A folder of the context as the rules see it, on the way from the root down.

    `skipped` means that docker does not even look into it.
    """

    rules: IgnoreRules
    excluded: bool = False
    skipped: bool = False
    matched: tuple[bool, ...] = ()
    inherited: tuple[bool, ...] = ()

    def excludes(self, path: str) -> bool:
        """Tell whether something that lies directly in this folder is left out."""
        excluded = False
        for run, takes_back, inherited in zip(*self.rules.runs, self.inherited, strict=True):
            if inherited or (excluded == takes_back and run.matches(path)):
                excluded = not takes_back
        return excluded

    def enter(self, path: str) -> Place:
        """Give the folder of that path, which lies directly in this one."""
        if not self.rules.patterns:
            return self
        excluded, matched = False, []
        for pattern, inherited in zip(self.rules.patterns, self.matched, strict=True):
            match = inherited or (excluded == pattern.takes_back and pattern.run.matches(path))
            matched.append(match)
            if match:
                excluded = not pattern.takes_back
        skipped = excluded and self.rules.sends_nothing_below(path)
        return self.rules.place(matched, excluded, skipped)


class IgnoreRules:
    """The patterns of a .dockerignore, in order."""

    def __init__(self, patterns: Sequence[Pattern], matchers: Sequence[Matcher]) -> None:
        self.patterns = tuple(patterns)
        pairs = list(zip(self.patterns, matchers, strict=True))
        groups = [list(group) for _, group in groupby(pairs, lambda pair: pair[0].takes_back)]
        self.lengths = [len(group) for group in groups]
        self.runs = (
            [_Run(matcher for _, matcher in group) for group in groups],
            [group[0][0].takes_back for group in groups],
        )
        kept = [pattern.text for pattern in self.patterns if pattern.takes_back]
        plain = [text.removesuffix("/**").removesuffix("/*") for text in kept]
        self.kept = tuple(f"{text}/" for text in plain)
        self.kept_anywhere = any(_WILD.search(text) for text in plain)

    def excludes(self, path: str) -> bool:
        """Tell whether docker leaves out a path of the context, relative and with `/`.

        A folder that is left out is still made where something below it is sent.
        """
        place = self.top()
        for end, char in enumerate(path):
            if char == "/":
                place = place.enter(path[:end])
                if place.skipped:
                    return True
        return place.excludes(path)

    def top(self) -> Place:
        """Give the context's root, from where a walk begins."""
        return self.place([False] * len(self.patterns), excluded=False, skipped=False)

    def place(self, matched: Sequence[bool], excluded: bool, skipped: bool) -> Place:
        """Make a place; of each run it is enough to know whether one of its patterns matched."""
        rest = iter(matched)
        inherited = tuple(any(tuple(islice(rest, size))) for size in self.lengths)
        return Place(self, excluded, skipped, tuple(matched), inherited)

    def sends_nothing_below(self, folder: str) -> bool:
        """Tell whether docker skips a folder that is left out, as no `!` can be about its inside.

        Docker guesses by the text of the patterns: `!a/*/**` does not save `a/b/c`.
        """
        start = f"{folder}/"
        return not self.kept_anywhere and not any(kept.startswith(start) for kept in self.kept)


def read_rules(text: str, source: str = IGNORE_FILE) -> IgnoreRules:
    """Read the text of a .dockerignore; raises `ProjectError` with the line docker refuses."""
    patterns, matchers = [], []
    written = list(_written_patterns(text, source))
    _check_printable(written, source)
    for number, line in written:
        try:
            cleaned = _clean(line.strip(SPACE))
            takes_back = cleaned.startswith("!")
            cleaned = cleaned.removeprefix("!") if takes_back else cleaned
            if not cleaned:
                raise PatternError("takes nothing back")
            matcher = make_matcher(cleaned)
        except PatternError as error:
            raise ProjectError(f"{source}:{number}: `{line}` {error}.", _HINT) from error
        matchers.append(matcher)
        patterns.append(Pattern(cleaned, takes_back, _Run([matcher])))
    return IgnoreRules(patterns, matchers)


def _written_patterns(text: str, source: str) -> Iterable[tuple[int, str]]:
    """Give the lines that are patterns, with their numbers, as docker's reader hands them on."""
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        if len(line) * 4 >= LONGEST_LINE <= len(line.encode(errors="replace")):
            raise ProjectError(f"{source}:{number}: the line is longer than docker reads.")
        pattern = line.strip(SPACE)
        if not pattern or line.startswith("#"):
            continue
        sign = "!" if pattern.startswith("!") else ""
        pattern = pattern.removeprefix("!").strip(SPACE) if sign else pattern
        if pattern:
            pattern = _clean(pattern)
            pattern = pattern.removeprefix("/") if len(pattern) > 1 else pattern
        yield number, sign + pattern


def _clean(path: str) -> str:
    """Give the shortest form of a path; a `//` at the start is nothing special."""
    cleaned = posixpath.normpath(path)
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def _check_printable(written: Sequence[tuple[int, str]], source: str) -> None:
    """Refuse control characters, which docker cannot send unless something is beyond ASCII."""
    if all(pattern.isascii() for _, pattern in written):
        for number, pattern in written:
            if _NOT_PRINTABLE.search(pattern):
                sentence = "the pattern holds a control character, which docker refuses."
                raise ProjectError(f"{source}:{number}: {sentence}", "Write `?` for it.")


def load_rules(context: Path, dockerfile: Path) -> IgnoreRules:
    """Read the rules of a build: the file beside the Dockerfile, else the one at the root.

    They do not add up, and an empty file beside the Dockerfile wins as well.
    """
    path = find_ignore_file(context, dockerfile)
    if path is None:
        return read_rules("")
    try:
        text = path.read_bytes().decode("utf-8", errors="replace")
    except OSError as error:
        raise ProjectError(f"{path} cannot be read: {error.strerror}.") from error
    return read_rules(text, os.path.relpath(path, context))


def find_ignore_file(context: Path, dockerfile: Path) -> Path | None:
    """Find the file whose rules docker takes for this Dockerfile.

    Like docker, follow links only inside the folder that is sent, and pass over what is no file.
    """
    beside = dockerfile.with_name(f"{dockerfile.name}{IGNORE_FILE}")
    for path in (beside, context / IGNORE_FILE):
        inside = path.resolve().is_relative_to(path.parent.resolve())
        if inside and path.is_file():
            return path
    return None


def pattern_for(path: str) -> str:
    """Write the line of a .dockerignore that leaves out this very path."""
    escaped = re.sub(r"([*?\[\]\\{|}^]|^[!#])", r"\\\1", path)
    ends = (len(escaped) - len(escaped.lstrip(SPACE)), len(escaped.rstrip(SPACE)))
    middle = _NOT_PRINTABLE.sub("?", escaped[slice(*ends)])
    return "?" * ends[0] + middle + "?" * (len(escaped) - ends[1])
