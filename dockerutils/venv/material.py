"""All that an image of a virtualenv is made of, found once: groups of files, each a layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dockerutils.venv.editable import Editables, Place, find_editables
from dockerutils.venv.environment import Virtualenv, open_virtualenv
from dockerutils.venv.grouping import Group, Limits, group_files
from dockerutils.venv.ownership import Ownership, read_ownership
from dockerutils.venv.scan import File, never, scan


@dataclass(frozen=True)
class Material:
    """A virtualenv's files, whose they are, and the groups that they make with the project's."""

    virtualenv: Virtualenv
    files: Sequence[File]
    ownership: Ownership
    editables: Editables
    groups: tuple[Group, ...]

    @cached_property
    def shipped(self) -> tuple[File, ...]:
        """The virtualenv's files that get into the image."""
        root = self.virtualenv.root
        return tuple(file for group in self.groups if group.root == root for file in group.files)


def gather(
    folder: Path,
    dest: str,
    places: Sequence[Place] = (),
    limits: Limits | None = None,
    excluded: Callable[[str], bool] = never,
) -> Material:
    """Look at a virtualenv that comes to `dest`, and at folders of the project.

    Raises `ProjectError` for what cannot be packed, `ContentChanged` for what goes away meanwhile.
    """
    virtualenv = open_virtualenv(folder)
    files = scan(virtualenv.root, excluded)
    ownership = read_ownership(virtualenv, files, excluded)
    editables = find_editables(virtualenv, ownership, dest, places)
    groups = group_files(
        virtualenv,
        files,
        ownership,
        editables,
        dest,
        projects=places,
        limits=limits or Limits(),
        excluded=excluded,
    )
    return Material(virtualenv, files, ownership, editables, groups)
