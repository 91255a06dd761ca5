"""Where a command was started, and the project that this is in: asked by what has no time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from dockerutils.errors import ProjectError

TREE = "docker"
DOCKERFILE = "Dockerfile"
CONFIG_NAMES = ("dockerutils.cfg", "dockerutils.toml")
PYPROJECT = "pyproject.toml"
OUR_TABLE = re.compile(rb"^\s*\[\s*tool\s*\.\s*[\"']?dockerutils[\"']?\s*[\].]", re.MULTILINE)


def find_root(here: Path) -> Path:
    """Give the nearest folder, from here upwards, whose `docker/` holds images or settings, or
    whose pyproject.toml has settings."""
    candidates = []
    for folder in (here, *here.parents):
        has_tree = (folder / TREE).is_dir()
        if (has_tree and _is_tree(folder / TREE)) or _has_table(folder / PYPROJECT):
            return folder
        candidates += [folder] if has_tree else []
    if candidates:
        raise ProjectError(
            f"{candidates[0] / TREE} holds no image.",
            f"Make {TREE}/dev/{DOCKERFILE}; `build-image dev` builds it then.",
        )
    raise ProjectError(
        f"there is no {TREE}/ folder in {here} or above it.",
        f"Make {TREE}/dev/{DOCKERFILE} at your project's root; `build-image dev` builds it then."
        f" Images that need none are configured below [tool.dockerutils] in {PYPROJECT}.",
    )


def _is_tree(tree: Path) -> bool:
    if any((tree / name).exists() for name in CONFIG_NAMES):
        return True
    return any((folder / DOCKERFILE).exists() for folder in tree.iterdir() if folder.is_dir())


def _has_table(pyproject: Path) -> bool:
    """Tell whether a pyproject.toml has a table of ours; TOML itself takes long to read."""
    try:
        return OUR_TABLE.search(pyproject.read_bytes()) is not None
    except OSError:  # most often there is none
        return False


def current_folder(environ: Mapping[str, str]) -> Path:
    """Give the folder as the shell knows it, links and all; raise `ProjectError` if it is gone."""
    here = Path(environ.get("PWD") or "/")
    if here.is_absolute() and _same_folder(here):
        return here
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise ProjectError(
            "the current folder is gone.", "Change into one that is there."
        ) from error


def _same_folder(path: Path) -> bool:
    """Tell whether the shell's idea of the folder, which keeps links, is the real one."""
    try:
        return path.samefile(".")
    except OSError:
        return False
