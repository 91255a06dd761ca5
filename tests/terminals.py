"""Commands on a real pseudo-terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pexpect

TIMEOUT = 60  # seconds; a container's start under load is slow, and nothing is timed here


@dataclass
class Terminals:
    """Starts commands on terminals of their own."""

    environ: Mapping[str, str]
    opened: list[pexpect.spawn[str]] = field(default_factory=list)

    def open(
        self, folder: Path, verb: str, *words: str, size: tuple[int, int] = (24, 80)
    ) -> pexpect.spawn[str]:
        """Run a verb in a folder on a terminal of `size` (rows, columns)."""
        return self.start(folder, [sys.executable, "-m", "dockerutils", verb, *words], size)

    def start(
        self, folder: Path, words: list[str], size: tuple[int, int] = (24, 80)
    ) -> pexpect.spawn[str]:
        """Run any program in a folder on a terminal."""
        child = pexpect.spawn(
            words[0],
            words[1:],
            cwd=str(folder),
            env={**self.environ, "TERM": "xterm"},
            dimensions=size,
            timeout=TIMEOUT,
            encoding="utf-8",
        )
        self.opened.append(child)
        return child

    def close(self) -> None:
        """End what is still running."""
        for child in self.opened:
            child.close(force=True)


def exit_status(child: pexpect.spawn[str]) -> int | None:
    """Wait for the end; give the status, or 128 and the signal's number."""
    child.expect(pexpect.EOF)
    child.wait()
    return child.exitstatus if child.signalstatus is None else 128 + child.signalstatus
