"""The ends of pipes that we hold: what a process writes is read, what it reads is written."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import IO, Any

DRAINING = 1.0  # seconds that the output of a process may outlive it
PART = 1 << 16  # letters of a line that are read at once


class Reader(threading.Thread):
    """Hands over what a process writes, until nobody holds its output any more.

    Where that fails the process is ended: nobody would know how it goes on.
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
                for line in lines:
                    self.take(line)
            except OSError as error:
                self.failure = error
                self.end()


class Gatherer:
    """Keeps what a process writes while it is busy with something else."""

    def __init__(self, lines: IO[str] | None) -> None:
        self.lines: list[str] = []
        self.reader = Reader(lines, self.lines.append, lambda: None)
        self.reader.start()

    def text(self) -> str:
        """Give all of it, once the process has ended."""
        self.reader.join(DRAINING)
        return "".join(self.lines)


class Dialogue:
    """A process that answers, line by line, what it is told, until the `with` ends."""

    def __init__(self, told: IO[str] | None, lines: IO[str] | None, errors: IO[str] | None) -> None:
        self._told, self._lines = opened(told), opened(lines)
        self._errors = Gatherer(errors)

    def __enter__(self) -> Dialogue:
        return self

    def tell(self, text: str) -> None:
        """Say something, which a process that has ended does not hear."""
        with contextlib.suppress(BrokenPipeError):
            self._told.write(text)
            self._told.flush()

    def line(self) -> str:
        """Wait for the next line of an answer, or a part of a long one; "" at their end."""
        return str(self._lines.readline(PART))

    def errors(self) -> str:
        """Give what it has complained of, once it has ended."""
        return self._errors.text()

    def __exit__(self, *_exception: object) -> None:
        for stream in (self._told, self._lines):
            with contextlib.suppress(BrokenPipeError):
                stream.close()


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
