"""Processes as a benchmark starts them: silent, or on a terminal; a failure ends the benchmark."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = Path(sys.executable).parent


@dataclass(frozen=True)
class Place:
    """Where processes start: their folder, and what their environment has besides ours."""

    folder: Path = ROOT
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment; Python keeps its bytecode, as it does where nobody forbids it."""
        usual = {"PWD": str(self.folder), "PYTHONDONTWRITEBYTECODE": "", "PYTHONUNBUFFERED": ""}
        return {**os.environ, **usual, **self.variables}

    def run(self, *words: str | Path) -> str:
        """Run to the end without input, and give what it wrote to standard output."""
        return self.outputs(*words)[0]

    def talk(self, *words: str | Path) -> str:
        """Run to the end without input, and give what it wrote to standard error."""
        return self.outputs(*words)[1]

    def outputs(self, *words: str | Path) -> tuple[str, str]:
        """Run to the end without input, and give both of its outputs."""
        done = subprocess.run(
            words,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        succeeded(words, done.returncode, done.stdout, done.stderr)
        return done.stdout, done.stderr

    def run_on_terminal(self, *words: str | Path) -> str:
        """Run to the end on a terminal of its own, and give what it wrote there."""
        ours, theirs = os.openpty()
        with subprocess.Popen(
            words,
            cwd=self.folder,
            env=self.environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        ) as process:
            os.close(theirs)
            written = read_to_end(ours)
        return succeeded(words, process.returncode, written, "")


def read_to_end(terminal: int) -> str:
    """Read all that comes from a terminal until nobody holds its other side, and close it."""
    parts = []
    with open(terminal, "rb", buffering=0) as stream:
        try:
            while part := stream.read(65536):
                parts.append(part)
        except OSError:  # so Linux says that the other side is closed
            pass
    return b"".join(parts).decode(errors="replace").replace("\r\n", "\n")


def succeeded(words: tuple[str | Path, ...], status: int, output: str, errors: str) -> str:
    """Give the output of a process that ended well; what failed must not be measured."""
    if status:
        line = " ".join(map(str, words))
        raise SystemExit(f"{line} ended with status {status}:\n{output}{errors}")
    return output
