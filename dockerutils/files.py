"""Files that are written in one step, and where those lie that we keep for ourselves."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


def replace_file(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Put a file in the place of another; of two writers at once, the last one's stays.

    Its folder is made where there is none, for the user alone where the file is. Raises `OSError`,
    and then leaves nothing behind.
    """
    make_folder(path.parent, 0o777 if mode & 0o077 else 0o700)
    number, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
        Path(name).chmod(mode)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def make_folder(path: Path, mode: int) -> None:
    """Make a folder with those above it; all that are made get the mode, less the umask."""
    missing = [one for one in (path, *path.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode, exist_ok=True)
    path.mkdir(exist_ok=True)  # it raises where that is something else


def cache_folder(environ: Mapping[str, str], home: str) -> Path:
    """Give the folder of what we keep and can lose (XDG base directory specification)."""
    return Path(environ.get("XDG_CACHE_HOME") or Path(home, ".cache")) / "dockerutils"
