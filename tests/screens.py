"""What a terminal shows in the end of all that was written to it: lines, and the cursor's moves."""

from __future__ import annotations

import re

PIECE = re.compile(r"\x1b\[(?P<number>\d*)(?P<code>[A-Za-z])|\x1b\[\?\d+[a-z]|(?P<text>[^\x1b]+)")
COLOUR = "m"


def shown(written: str, columns: int) -> list[str]:
    """Give the lines on a screen that never scrolls; raise for a move that we do not know."""
    lines, row, column = [""], 0, 0
    for piece in PIECE.finditer(written):
        code = piece["code"]
        if code == "A":
            row = max(0, row - int(piece["number"] or 1))
        elif code == "J":
            lines[row:] = [lines[row][:column]]
        elif code and code != COLOUR:
            raise AssertionError(f"an unknown move: {piece[0]!r}")
        for letter in piece["text"] or "":
            if letter == "\r":
                column = 0
            elif letter == "\n" or column == columns:
                row += 1
                lines += [""] * (row + 1 - len(lines))
            if letter not in "\r\n":
                column = 0 if column == columns else column
                lines[row] = f"{lines[row]:<{column}}"[:column] + letter + lines[row][column + 1 :]
                column += 1
    return [line.rstrip() for line in lines]
