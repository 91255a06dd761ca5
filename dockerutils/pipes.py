"""The ends of pipes that we hold: what a process writes is read, what it reads is written."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import IO, Any

DRAINING = 1.0  # seconds that the output of a process may outlive it
PART = 1 << 16  # letters of a line, or bytes, that are read at once
MOST = 1 << 26  # bytes of an answer: who writes more is out of its mind
COMPLAINTS = 1 << 20  # bytes of complaints that are kept, the last ones


class Reader(threading.Thread):
    """Hands over what a process writes, until nobody holds its output any more.

    A line that is very long comes in parts. Where that fails the process is ended: nobody would
    know how it goes on.
    """

    def __init__(
        self, lines: IO[str] | None, take: Callable[[str], None], end: Callable[[], None]
    ) -> None:
        super().__init__(daemon=True)
        self.lines = lines
        self.take = take
        self.end = end
        self.failure: OSError | None = None

    def run(self) -> None:
        """Hand over line by line."""
        with opened(self.lines) as lines:
            try:
                while line := lines.readline(PART):
                    self.take(line)
            except OSError as error:
                self.failure = error
                self.end()


class Gatherer(threading.Thread):
    """Keeps the last `most` bytes that a process writes while it is busy with something else.

    `end` is called where it writes more.
    """

    def __init__(
        self, lines: IO[str] | None, most: int = COMPLAINTS, end: Callable[[], None] | None = None
    ) -> None:
        super().__init__(daemon=True)
        self.lines, self.most, self.end = lines, most, end
        self.kept = bytearray()
        self.full = False
        self.start()

    def run(self) -> None:
        """Keep what comes."""
        with opened(self.lines) as lines, contextlib.suppress(OSError):
            while piece := lines.buffer.read1(PART):
                self.kept += piece
                if len(self.kept) > 2 * self.most or (self.end and len(self.kept) > self.most):
                    del self.kept[: -self.most]
                    self._overflow()

    def _overflow(self) -> None:
        if self.end and not self.full:
            self.end()
        self.full = True

    def text(self, patience: float | None = DRAINING) -> str:
        """Give it, once the process has ended."""
        self.join(patience)
        text = bytes(self.kept[-self.most :]).decode(errors="replace")
        return text.replace("\r\n", "\n").replace("\r", "\n")


class Dialogue:
    """A process that answers, line by line, what it is told, until the `with` ends."""

    def __init__(self, told: IO[str] | None, lines: IO[str] | None, errors: IO[str] | None) -> None:
        self._told, self._lines = opened(told), opened(lines)
        self._errors = Gatherer(errors)
        utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._decoder = io.IncrementalNewlineDecoder(utf8, translate=True)
        self._came: deque[str] = deque()
        self._rest = ""  # the beginning of a line
        self._reading = threading.Lock()

    def __enter__(self) -> Dialogue:
        return self

    def tell(self, text: str) -> None:
        """Say something, which a process that has ended does not hear."""
        with contextlib.suppress(BrokenPipeError):
            self._told.write(text)
            self._told.flush()

    def line(self, patience: float | None = None) -> str:
        """Wait for the next line of an answer, or a part of a long one; "" at their end.

        Raises `TimeoutError` where it has not come in `patience` seconds.
        """
        end = None if patience is None else time.monotonic() + patience
        with self._reading:
            while not self._came:
                left = None if end is None else end - time.monotonic()
                self._read(left)
            return self._came[0] and self._came.popleft()

    def _read(self, patience: float | None) -> None:
        """Wait for more of the answer, and take it apart."""
        number = self._lines.fileno()
        if patience is not None and (
            patience <= 0 or not select.select([number], [], [], patience)[0]
        ):
            raise TimeoutError("the process says nothing")
        piece = os.read(number, PART)
        text = self._rest + self._decoder.decode(piece, final=not piece)
        *whole, self._rest = text.split("\n")
        self._came.extend(f"{line}\n" for line in whole)
        if self._rest and (not piece or len(self._rest) >= PART):
            self._came.append(self._rest)
            self._rest = ""
        if not piece:
            self._came.append("")

    def errors(self) -> str:
        """Give what it has complained of, once it has ended."""
        return self._errors.text()

    def __exit__(self, *_exception: object) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._told.close()
        with self._reading:
            self._lines.close()


def opened(stream: IO[str] | None) -> Any:
    """Give a stream that was asked for as a pipe, with the buffer below its text."""
    if stream is None:
        raise TypeError("the process was started without this pipe")
    return stream


def takes(pipe: Any, chunk: bytes) -> bool:
    """Write to a process, and tell whether it still reads."""
    try:
        pipe.buffer.write(chunk)
    except BrokenPipeError:
        return False
    return True


def feed(pipe: IO[str] | None, text: str) -> None:
    """Write what a process reads; it may end before it has read all."""
    with contextlib.suppress(BrokenPipeError), opened(pipe) as stream:
        stream.write(text)
