"""Ctrl-C and the like, caught while something runs that has to end first."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from typing import Protocol


class Target(Protocol):
    """What signals are passed on to: a process."""

    def send_signal(self, number: int) -> None:
        """Send it a signal."""


class Signals:
    """The signals that came while a process ran; it gets them, and decides what they mean."""

    def __init__(self, also: Callable[[int], None] = lambda _number: None) -> None:
        self.also = also
        self.came: list[int] = []
        self.process: Target | None = None

    def attach(self, process: Target) -> None:
        """Pass signals on to a process, also those that came while it started."""
        self.process = process
        for number in self.came:
            process.send_signal(number)

    def take(self, number: int, _frame: object) -> None:
        """Note a signal, and pass it on where the terminal has not done so.

        The terminal sends Ctrl-C to the child as well; a `kill` of us alone does not reach it.
        """
        self.came.append(number)
        self.also(number)
        if self.process and (number != signal.SIGINT or not in_foreground()):
            self.process.send_signal(number)


@contextlib.contextmanager
def caught_signals(also: Callable[[int], None] = lambda _number: None) -> Iterator[Signals]:
    """Take Ctrl-C and the like instead of ending at once; `also` is told of each."""
    signals = Signals(also)
    caught = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signals.take) for number in caught}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def in_foreground() -> bool:
    """Tell whether the terminal's keys reach this process's group."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
