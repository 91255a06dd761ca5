"""How far something of known size has come: bytes, rate and time left, on one line."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from dockerutils.terminal import Terminal

OFTEN = 0.1  # seconds between two looks of the line
SURE = 0.5  # seconds after which a rate means something
ENOUGH = 1e6  # bytes after which it does


@dataclass
class StatusLine:
    """One line at the end of a terminal that changes in its place; nothing elsewhere."""

    terminal: Terminal
    drawn: int = 0

    def show(self, text: str) -> None:
        """Put a text in the place of the last one."""
        self.clear()
        if self.terminal.live:
            self.drawn = self.terminal.sketch([f"# {text}"])

    def say(self, text: str) -> None:
        """Say something that stays, in its place."""
        self.clear()
        self.terminal.note(text)

    def warn(self, text: str) -> None:
        """Say what is odd, in its place."""
        self.clear()
        self.terminal.warn(text)

    def command(self, line: str) -> None:
        """Write a command that is about to run, in its place."""
        self.clear()
        self.terminal.command(line)

    def clear(self) -> None:
        """Take the line away."""
        self.terminal.erase(self.drawn)
        self.drawn = 0


@dataclass
class Meter:
    """Counts bytes, from any thread, and tells now and then how far it is."""

    show: Callable[[str], None]
    clock: Callable[[], float]
    check: Callable[[], None] = lambda: None
    lock: threading.Lock = field(default_factory=threading.Lock)
    doing: str = ""
    total: int = 0
    done: int = 0
    since: float = 0.0
    shown: float = 0.0

    def begin(self, doing: str, total: int) -> None:
        """Begin with something of so many bytes, 0 where nobody knows."""
        with self.lock:
            self.doing, self.total, self.done = doing, total, 0
            self.since = self.shown = self.clock()
        self.show(doing)

    def advance(self, count: int) -> None:
        """Count bytes that are done; raise what `check` raises, such as `Interrupted`."""
        self.check()
        with self.lock:
            self.done += count
            now = self.clock()
            if now - self.shown < OFTEN:
                return
            self.shown = now
            self.show(self.text(now - self.since))

    def text(self, seconds: float) -> str:
        """Tell how far it is after so many seconds."""
        total = f" of {megabytes(self.total)}" if self.total else ""
        words = [f"{self.doing}: {megabytes(self.done)}{total} MB"]
        if seconds >= SURE and self.done >= ENOUGH:
            rate = self.done / seconds
            words.append(f"{megabytes(rate)} MB/s")
        if total and len(words) > 1:
            words.append(f"{max(0.0, self.total - self.done) / rate:.0f} s left")
        return ", ".join(words)


def megabytes(count: float) -> str:
    """Write a number of bytes as megabytes: with a decimal where there are few."""
    size = count / 1e6
    return f"{size:.1f}" if size < 10 else f"{size:.0f}"
