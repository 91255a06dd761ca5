"""The logs of builds that run side by side: whole, one file for each image."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TextIO


class Log:
    """The file that keeps a build's output. A disk that is full costs the log, not the build."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.unfinished = ""
        self.file: TextIO | None = None

    def __enter__(self) -> Log:
        # Its own until it is whole: two builds of a project at once do not mix their lines.
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            number, self.unfinished = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.name)
            self.file = os.fdopen(number, "w", encoding="utf-8", errors="replace")
        return self

    def write(self, text: str) -> None:
        """Keep a line."""
        with contextlib.suppress(OSError, ValueError):
            if self.file:
                self.file.write(text)

    def __exit__(self, *_: object) -> None:
        if self.file:
            with contextlib.suppress(OSError):
                self.file.close()
            with contextlib.suppress(OSError):
                Path(self.unfinished).replace(self.path)
