"""The only writer to the terminal: data on standard output, talk on standard error."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

TYPE_CHECKING = False  # typing takes long to import, and a shell may be waiting
if TYPE_CHECKING:
    from typing import TextIO

BOLD = "\x1b[1m"
RED = "\x1b[31m"
YELLOW = "\x1b[33m"
PLAIN = "\x1b[0m"
# What steers a terminal: all control characters but those that divide lines and words.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Terminal:
    """Two streams. Colours appear only where the stream is a terminal."""

    out: TextIO
    err: TextIO
    quiet: bool = False
    colours: bool = True
    answers: TextIO | None = None

    def data(self, text: str) -> None:
        """Write what was asked for, to standard output; a terminal is not steered by it."""
        self.out.write(f"{visible(text) if self.out.isatty() else text}\n")
        self.out.flush()

    def command(self, line: str) -> None:
        """Write a command that is about to run, alone and unchanged so that it can be pasted.

        What would steer the terminal stands in a quoted word: it is shown as bash and zsh take it.
        """
        if not self.quiet:
            self._talk(CONTROL.sub(_quoted, line), BOLD)

    def note(self, text: str) -> None:
        """Say what happens, as a shell comment: a whole transcript can be pasted."""
        if not self.quiet:
            self._talk(_comment(text), "")

    def warn(self, text: str) -> None:
        """Say what is odd but does not stop us."""
        self._talk(_comment(f"warning: {text}"), YELLOW)

    def error(self, speaker: str, message: str, hint: str) -> None:
        """Say what went wrong and, on the next line, what to do."""
        self._talk(visible(f"{speaker}: {message}"), RED)
        if hint:
            self._talk(visible(f"  {hint}"), "")

    def line(self, text: str) -> None:
        """Write a line of another program, as it is."""
        self.err.write(text)
        self.err.flush()

    def ask(self, question: str) -> bool:
        """Ask a question; only a yes is one."""
        self.err.write(f"{visible(question)} [y/N] ")
        self.err.flush()
        answer = self.answers.readline() if self.answers else ""
        return answer.strip().lower() in {"y", "yes"}

    @property
    def live(self) -> bool:
        """Tell whether lines can be drawn anew: standard error is a terminal."""
        return self.err.isatty() and not self.quiet

    def sketch(self, lines: Sequence[str]) -> int:
        """Draw lines that `erase` takes away again, as many and as much as there is room for.

        Gives the number of lines that were drawn.
        """
        columns, rows = self._size()
        room = max(1, rows - 2)
        drawn = [visible(line)[: columns - 1] for line in lines[:room]]
        if len(lines) > room:
            drawn[-1] = f"# and {len(lines) - room + 1} more"
        self.err.write("".join(f"{line}\n" for line in drawn))
        self.err.flush()
        return len(drawn)

    def erase(self, count: int) -> None:
        """Take away the last so many lines that were sketched."""
        if count:
            self.err.write(f"\x1b[{count}A\x1b[J")

    def _size(self) -> tuple[int, int]:
        """Give the columns and rows of the terminal that is drawn on; stdout may be elsewhere."""
        import shutil  # noqa: PLC0415  # slow to import, and seldom needed

        try:
            columns, rows = os.get_terminal_size(self.err.fileno())
        except OSError:
            columns = rows = 0
        fallback = shutil.get_terminal_size()
        return columns or fallback.columns, rows or fallback.lines

    def abandon(self) -> None:
        """Throw away data that cannot be written: Python would try again at its end."""
        with contextlib.suppress(OSError):
            self.out.close()

    def _talk(self, text: str, style: str) -> None:
        coloured = style and self.colours and self.err.isatty()
        self.err.write(f"{style}{text}{PLAIN}\n" if coloured else f"{text}\n")
        self.err.flush()


def visible(text: str) -> str:
    """Give a text in which control characters are seen and do nothing."""
    return CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _comment(text: str) -> str:
    return "\n".join(f"# {visible(line)}" for line in text.splitlines())


def _quoted(found: re.Match[str]) -> str:
    """Show a letter of a quoted word so that a shell makes it of that again."""
    code = "".join(f"\\x{byte:02x}" for byte in found[0].encode())
    return f"'$'{code}''"
