"""What a dock says, made harmless: it may hold anything, and is shown on a terminal."""

from __future__ import annotations

import re

LIMIT = 200  # letters that are shown
WASTE = 20  # times as many are looked at: the rest may be escape sequences
# Sequences that begin with ESC or its 8-bit forms (ECMA-48): texts up to their end, then
# commands with parameters, then the short ones.
SEQUENCES = re.compile(
    r"(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
)


def plain(text: str, limit: int = LIMIT) -> str:
    """Give a text in one line of at most `limit` letters, without what steers a terminal.

    Escape sequences, control characters, overrides of the writing direction and what is not seen
    go; what separates words becomes a space.
    """
    kept = SEQUENCES.sub("", text[: limit * WASTE])
    line = " ".join("".join(_harmless(one) for one in kept).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _harmless(letter: str) -> str:
    """Give a letter if it can be seen, a space for one that separates, else nothing."""
    if letter.isprintable():
        return letter
    return " " if letter.isspace() else ""
