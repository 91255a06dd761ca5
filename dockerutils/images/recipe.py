"""What every image type offers: a reading of the image, and from that the commands to make it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dockerutils.command import Command
from dockerutils.expansion import Expansion
from dockerutils.images.catalogue import Image


@dataclass(frozen=True)
class BuildRequest:
    """What a user asks of a build, for each image that it makes."""

    pull: bool = False
    no_cache: bool = False
    quiet: bool = False
    verbose: bool = False
    target: str = ""
    build_args: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    named_contexts: bool = True  # whether the engine takes images for names in the sources


Details = Mapping[str, Mapping[str, str]]
"""The parts of an image's inputs: for each, names and their digests."""


class Contexts(Protocol):
    """The filtered contexts of this project, each digested once."""

    def files(self, dockerfile: Path) -> Mapping[str, str]:
        """Give the digest of each path that docker would send with this Dockerfile."""


@dataclass(frozen=True)
class NamedImage:
    """An image that another one names, and where: `docker/app/Dockerfile:3`."""

    name: str
    place: str


class Reading(Protocol):
    """An image's sources, read once."""

    @property
    def place(self) -> Path:
        """The file that says how it is made, from the project's root."""

    @property
    def uses(self) -> tuple[NamedImage, ...]:
        """The images that this one names, in order."""

    @property
    def tags(self) -> tuple[str, ...]:
        """The names that a build of it moves, its own first."""

    def mentions(self, file: str) -> bool:
        """Tell whether its sources name a file, other than as a build secret."""

    @property
    def mounted(self) -> Mapping[str, str]:
        """The ids of the secrets that it mounts, and where each comes from."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of it before the build."""

    def details(self, request: BuildRequest, contexts: Contexts, whole: bool) -> Details | None:
        """Give what it is made from, part by part; None where that cannot be told.

        `whole` says that an image below may look at any file of the context.
        """

    def commands(self, request: BuildRequest, stand_ins: Mapping[str, str]) -> tuple[Command, ...]:
        """Give the commands that make it; `stand_ins` are taken for images that it names."""


@dataclass(frozen=True)
class Node:
    """An image with its sources, the siblings below it, and what stands in for names in it."""

    image: Image
    reading: Reading
    bases: tuple[str, ...]
    stand_ins: Mapping[str, str]
    siblings: Mapping[str, str]  # the names in the sources that mean siblings, and which
    foreign: tuple[str, ...]  # the names in the sources whose repository is no sibling's
    strangers: tuple[str, ...]

    @property
    def below(self) -> tuple[str, ...]:
        """The images that it stands on, as the engine knows them."""
        return tuple(self.stand_ins.get(use.name, use.name) for use in self.reading.uses)

    @property
    def has_locals(self) -> bool:
        """Tell whether it names images that only this engine may have: no `--pull` finds them."""
        return bool(self.siblings or self.stand_ins or self.strangers)


Recipe = Callable[[Image, Expansion, BuildRequest], Reading]
"""Reads an image of one type; raises `ProjectError` with the place for sources that are wrong."""
