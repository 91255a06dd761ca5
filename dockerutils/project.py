"""The project: its folder, its name, its images' folders, and what variables stand for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from dockerutils.config.model import Config
from dockerutils.errors import ProjectError
from dockerutils.naming import valid_component, valid_tag
from dockerutils.roots import DOCKERFILE, TREE

FALLBACK_NAME = "project"


@dataclass(frozen=True)
class Project:
    """A folder that holds `docker/` or our table in its pyproject.toml, and what follows from its
    name, its user and its settings."""

    root: Path
    user: str
    home: str
    config: Config = field(default_factory=Config)
    folders: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def name(self) -> str:
        """The prefix of the images' names."""
        return valid_component(self.config.project or self.root.name) or FALLBACK_NAME

    @cached_property
    def tag(self) -> str:
        """The tag of images that have none configured: the user's name."""
        return valid_tag(self.user)

    @property
    def variables(self) -> dict[str, str]:
        """What `{project_root}` and its like stand for in run settings."""
        return {
            "project_root": str(self.root),
            "project": self.name,
            "user": self.user,
            "home": self.home,
        }

    @cached_property
    def mark(self) -> str:
        """The label's value that tells this project's and user's containers from all others."""
        import hashlib  # noqa: PLC0415  # only runs and their containers need it

        digest = hashlib.sha256(os.fsencode(self.root.resolve())).hexdigest()
        return f"{digest[:12]}/{self.user}"

    def dockerfile(self, image: str) -> Path:
        """Give the path of an image's Dockerfile, from the root."""
        return Path(TREE, image, DOCKERFILE)

    def oddities(self) -> list[str]:
        """Tell which names docker could not take as they were."""
        said = []
        written = self.config.project or self.root.name
        if self.name != written.lower():
            said.append(f"images are named {self.name}-…: docker does not take `{written}` whole.")
        if self.tag != self.user:
            said.append(f"images are tagged {self.tag}: docker takes no tag `{self.user}`.")
        return said


def image_folders(root: Path) -> tuple[str, ...]:
    """Name the sub-directories of `docker/`, with or without a Dockerfile, in order.

    Raises `ProjectError` where the folder is there but cannot be listed.
    """
    try:
        entries = sorted((root / TREE).iterdir())
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise ProjectError(f"{root / TREE} cannot be listed: {error.strerror}.") from error
    hidden = ("__pycache__", ".")
    return tuple(one.name for one in entries if one.is_dir() and not one.name.startswith(hidden))
