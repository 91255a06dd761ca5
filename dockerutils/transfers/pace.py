"""Sending no faster than so many bytes a second."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from dockerutils.errors import UsageError

RATE = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)(?P<unit>[kKmMgG]?)[bB]?(?:/s)?")
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
PIECE = 1 << 16  # bytes that are sent at once


def parse_rate(text: str) -> float:
    """Read a rate such as `500k` or `2M`, in bytes a second; 0 for none. Raises `UsageError`."""
    if not text:
        return 0
    found = RATE.fullmatch(text)
    rate = float(found["number"]) * UNITS[found["unit"].lower()] if found else 0
    if not rate:
        raise UsageError(
            f"--limit-rate {text} is no rate.", "Write bytes a second, such as 500k or 2M."
        )
    return rate


@dataclass
class Pace:
    """Lets bytes through at a rate; all that goes through it at once has the rate together."""

    rate: float  # bytes a second; 0 is as fast as can be
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    lock: threading.Lock = field(default_factory=threading.Lock)
    free: float = 0.0  # when the next byte may go

    def __call__(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Give chunks, in pieces where they have to wait."""
        if not self.rate:
            yield from chunks
            return
        for chunk in chunks:
            for start in range(0, len(chunk), PIECE):
                piece = chunk[start : start + PIECE]
                self._wait(len(piece))
                yield piece

    def _wait(self, count: int) -> None:
        with self.lock:
            now = self.clock()
            begin = max(now, self.free)
            self.free = begin + count / self.rate
        if begin > now:
            self.sleep(begin - now)
