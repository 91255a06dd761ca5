"""What every image type offers: a reading of the image, and from that the commands to make it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True)
class NamedImage:
    """An image that another one names, and where: `docker/app/Dockerfile:3`."""

    name: str
    place: str


class Reading(Protocol):
    """An image's sources, read once."""

    @property
    def uses(self) -> tuple[NamedImage, ...]:
        """The images that this one names, in order."""

    @property
    def tags(self) -> tuple[str, ...]:
        """The names that a build of it moves, its own first."""

    def commands(self, request: BuildRequest, stand_ins: Mapping[str, str]) -> tuple[Command, ...]:
        """Give the commands that make it; `stand_ins` are taken for images that it names."""


Recipe = Callable[[Image, Expansion, BuildRequest], Reading]
"""Reads an image of one type; raises `ProjectError` with the place for sources that are wrong."""
