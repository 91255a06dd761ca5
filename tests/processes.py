"""Processes while they run: what the machine shows of them, and waiting for what they do."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, TypeVar

LIMIT = 60  # seconds; reached only where something is broken

Value = TypeVar("Value")


def wait_until(what: str, condition: Callable[[], Value]) -> Value:
    """Wait for a condition, and give what it gives; fail with `what` if it never holds."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"in {LIMIT} seconds it did not happen that {what}")


def words_of_processes() -> list[list[str]]:
    """Give the words of every process that this machine shows."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_bytes().split(b"\0")[:-1]
                found.append([os.fsdecode(word) for word in words])
    return found


def processes_with(text: str) -> list[list[str]]:
    """Give the words of the processes that have a text among them."""
    return [words for words in words_of_processes() if any(text in word for word in words)]


@contextlib.contextmanager
def started(
    folder: Path, environ: Mapping[str, str], verb: str, *words: str, **more: str
) -> Iterator[subprocess.Popen[str]]:
    """Start a verb in a session of its own, away from the terminal; it is ended at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dockerutils", verb, *words],
        cwd=folder,
        env={**environ, **more},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def read_up_to(stream: IO[str] | None, text: str) -> str:
    """Read lines up to the one that holds a text; fail where the stream ends before."""
    assert stream is not None
    said = ""
    for line in stream:
        said += line
        if text in line:
            return said
    raise AssertionError(f"{text!r} was never said, but:\n{said}")
