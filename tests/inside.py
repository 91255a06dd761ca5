"""Our commands inside the test's process, and a docker that only records."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from projects import Result

from dockerutils.cli import SEED_VERBS, main
from dockerutils.images.inputs import LABEL

# Writes how it was called, then ends as the file `fails` beside it says: lines of STATUS PATTERN.
RECORDER = """#!/bin/sh
here=$(dirname "$0")
printf '%s\\0' "$#" "$PWD" "$TOKEN" "$@" >>"$here/calls"
if [ -f "$here/fails" ]; then
  while read -r status pattern; do
    case "$*" in $pattern) echo "docker says no" >&2; exit "$status" ;; esac
  done <"$here/fails"
fi
"""


@dataclass(frozen=True)
class Call:
    """How docker was called: its words, its folder, and the variable TOKEN."""

    words: list[str]
    folder: str
    token: str

    @property
    def asks(self) -> bool:
        """Tell whether docker was only asked something."""
        return self.words[:2] in (["image", "ls"], ["image", "inspect"]) or self.words[0] in (
            "version",
            "info",
        )

    @property
    def without_inputs(self) -> Call:
        """The call without the label of inputs, which a dry run cannot know."""
        return Call(without_inputs(self.words), self.folder, self.token)


def without_inputs(words: list[str]) -> list[str]:
    """Take the label of inputs off the words of a build."""
    at = next((at for at, word in enumerate(words) if word.startswith(f"{LABEL}=")), 0)
    return [*words[: at - 1], *words[at + 1 :]] if at else words


@dataclass(frozen=True)
class RecordingDocker:
    """A program called docker in a folder of its own."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, fails: str = "") -> RecordingDocker:
        """Write it; `fails` are lines of a status and a pattern of the words that get it."""
        folder.mkdir()
        program = folder / "docker"
        program.write_text(RECORDER)
        program.chmod(0o755)
        if fails:
            (folder / "fails").write_text(f"{fails}\n")
        return cls(folder)

    @property
    def path(self) -> str:
        """The PATH on which it is the first docker."""
        return f"{self.folder}{os.pathsep}{os.environ['PATH']}"

    def calls(self) -> list[Call]:
        """Give the calls up to now, and forget them."""
        record = self.folder / "calls"
        if not record.exists():
            return []
        parts = iter(os.fsdecode(record.read_bytes()).split("\0")[:-1])
        record.unlink()
        return list(_calls(parts))


def _calls(parts: Iterator[str]) -> Iterator[Call]:
    for count in parts:
        folder, token = next(parts), next(parts)
        yield Call([next(parts) for _ in range(int(count))], folder, token)


@dataclass(frozen=True)
class Inside:
    """Starts our commands as calls of `main`, with an environment of their own."""

    environ: Mapping[str, str]
    capture: pytest.CaptureFixture[str]

    def __call__(self, folder: Path, verb: str, *words: str, **more: str) -> Result:
        """Run a verb in a folder; keyword arguments are added to the environment."""
        words = (verb, *words) if verb in SEED_VERBS else ("dockerutils", verb, *words)
        with pytest.MonkeyPatch.context() as patch:
            for name in os.environ:
                patch.delenv(name)
            for name, value in {**self.environ, "PWD": str(folder), **more}.items():
                patch.setenv(name, value)
            patch.chdir(folder)
            patch.setattr(sys, "argv", list(words))
            self.capture.readouterr()
            with pytest.raises(SystemExit) as ended:
                main()
        out, err = self.capture.readouterr()
        assert ended.value.code is None or isinstance(ended.value.code, int)
        return Result(ended.value.code or 0, out, err)
