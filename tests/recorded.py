"""A docker that notes what it is called with, and then is the real one."""

from __future__ import annotations

import os
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

SCRIPT = """\
#!/bin/sh
echo "$@" >>{calls}
exec {docker} "$@"
"""


@dataclass(frozen=True)
class RecordedDocker:
    """A folder for the front of PATH."""

    folder: Path

    @property
    def path(self) -> str:
        """A PATH on which it is found first."""
        return f"{self.folder}{os.pathsep}{os.environ['PATH']}"

    def make(self) -> None:
        """Write it."""
        self.folder.mkdir(parents=True)
        docker = self.folder / "docker"
        words = {"calls": self._calls, "docker": shutil.which("docker")}
        quoted = {name: shlex.quote(str(word)) for name, word in words.items()}
        docker.write_text(SCRIPT.format(**quoted))
        docker.chmod(0o755)

    def take(self) -> list[str]:
        """Give the calls since the last time, a line each."""
        lines = self._calls.read_text().splitlines() if self._calls.exists() else []
        self._calls.unlink(missing_ok=True)
        return lines

    @property
    def _calls(self) -> Path:
        return self.folder / "calls"
