"""The state of several builds: one line each on a terminal, prefixed lines elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from dockerutils.progress import Progress
from dockerutils.terminal import Terminal


@dataclass
class Row:
    """One build on the board: since when, in seconds of the clock, and how it goes."""

    name: str
    since: float
    progress: Progress = field(default_factory=Progress)

    def text(self, now: float, name_width: int) -> str:
        """Give the line: name, time, cached steps, current step."""
        progress = self.progress
        cached = f"{len(progress.cached)} cached" if progress.cached else ""
        time = f"{now - self.since:5.1f}s"
        # A tab or another control character would spoil the count of columns.
        step = "".join(char if char.isprintable() else " " for char in progress.step)
        return f"# {self.name:<{name_width}} {time}  {cached:<9}  {step}".rstrip()


@dataclass
class Board:
    """Takes the output of builds that run side by side, from any thread."""

    terminal: Terminal
    names: tuple[str, ...]
    clock: Callable[[], float]
    rows: dict[str, Row] = field(default_factory=dict)
    drawn: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)

    def begin(self, name: str, command: str = "") -> None:
        """Show a command that starts, if it is one, and a row for it from now on."""
        with self.lock:
            self._clear()
            if command:
                self.terminal.command(command)
            self.rows.setdefault(name, Row(name, self.clock()))
            self._draw()

    def take(self, name: str, line: str) -> None:
        """Take a line of a build's output."""
        with self.lock:
            self.rows[name].progress.feed(line)
            if not self.terminal.live and line.strip():
                self.terminal.note(f"{name:<{self._width}} | {line.rstrip()}")

    def show(self, name: str, step: str) -> None:
        """Show the step that a build is at, as long as it has a row."""
        with self.lock:
            if name in self.rows:
                self.rows[name].progress.step = step

    def end(self, name: str, said: str) -> None:
        """Take a row away, and say what came of the build."""
        with self.lock:
            self._clear()
            row = self.rows.pop(name, None)
            if said and row:
                seconds = self.clock() - row.since
                cached = f", {row.progress.summary()}" if row.progress.counted else ""
                self.terminal.note(f"{name:<{self._width}} {said} in {seconds:.1f} s{cached}")
            elif said:
                self.terminal.note(f"{name:<{self._width}} {said}")
            self._draw()

    def tail(self, name: str) -> list[str]:
        """Give the last lines of a build's output."""
        with self.lock:
            return list(self.rows[name].progress.tail) if name in self.rows else []

    def say(self, text: str) -> None:
        """Say something above the rows."""
        with self.lock:
            self._clear()
            self.terminal.note(text)
            self._draw()

    def warn(self, text: str) -> None:
        """Say what is odd above the rows."""
        with self.lock:
            self._clear()
            self.terminal.warn(text)
            self._draw()

    def clear(self) -> None:
        """Take all rows away."""
        with self.lock:
            self._clear()
            self.rows.clear()

    def draw(self) -> None:
        """Draw the rows anew: the times have changed."""
        with self.lock:
            self._clear()
            self._draw()

    @property
    def _width(self) -> int:
        return max(len(name) for name in self.names)

    def _clear(self) -> None:
        self.terminal.erase(self.drawn)
        self.drawn = 0

    def _draw(self) -> None:
        if self.terminal.live:
            now = self.clock()
            lines = [row.text(now, self._width) for row in self.rows.values()]
            self.drawn = self.terminal.sketch(lines)
