"""How long and how often a failure that may pass is waited for."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TypeVar

from dockerutils.oci.registry.failures import PassingFailure

T = TypeVar("T")

PROGRESS = 16 * 2**20  # bytes of an upload or download after which the tries count anew


@dataclass(frozen=True)
class Patience:
    """How many tries, and how many seconds between them: twice as long each time, and jittered."""

    tries: int = 4
    first: float = 0.5
    longest: float = 60.0  # what a registry may ask us to wait
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def pause(self, failed: int, after: float | None) -> float | None:
        """Give the seconds to wait after so many failed tries, or None: no other try."""
        if failed >= self.tries or (after or 0) > self.longest:
            return None
        doubled: float = self.first * 2 ** (failed - 1)
        return max(after or 0.0, doubled * (0.5 + self.jitter()))

    def persist(self, attempt: Callable[[], T], progress: Callable[[], int] = int) -> T:
        """Attempt until it is done; raise the last `PassingFailure` where it never is.

        `progress` counts the bytes that are done: who gets on has all tries again.
        """
        tries = Tries(self)
        while True:
            try:
                return attempt()
            except PassingFailure as failure:
                tries.wait(failure, progress())


class Tries:
    """Counts the failed tries of one thing that is done."""

    def __init__(self, patience: Patience) -> None:
        self.patience = patience
        self.failed = 0
        self.done = 0

    def wait(self, failure: PassingFailure, done: int = 0) -> None:
        """Wait before the next try, or raise the failure if there is none."""
        if done >= self.done + PROGRESS:
            self.failed, self.done = 0, done
        self.failed += 1
        pause = self.patience.pause(self.failed, failure.after)
        if pause is None:
            raise failure
        self.patience.sleep(pause)


def asked_to_wait(headers: Mapping[str, str]) -> float | None:
    """Give the seconds of a Retry-After header (RFC 9110, 10.2.3), None without a valid one.

    A date counts from the answer's own Date: our clock may differ.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        until, now = (parsedate_to_datetime(one) for one in (value, headers.get("Date", "")))
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError):
        return None
