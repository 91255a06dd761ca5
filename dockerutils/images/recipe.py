"""What every image type offers: a reading of the image, and from that the commands to make it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from dockerutils.command import Command
from dockerutils.errors import EngineError

if TYPE_CHECKING:
    from dockerutils.expansion import Expansion
    from dockerutils.images.catalogue import Image
    from dockerutils.oci.image import OciImage
    from dockerutils.runner import Answer


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


@dataclass(frozen=True)
class Assembled:
    """An image that was put together, and what is odd about it."""

    image: OciImage
    warnings: tuple[str, ...] = ()


def no_stream(command: Command) -> AbstractContextManager[BinaryIO]:
    """Start nothing."""
    raise EngineError(f"{command.argv[0]} cannot be started here.")


@dataclass(frozen=True)
class Bench:
    """What may be used while an image is put together: processes, and a folder that is removed.

    `read` asks a question. What `stream` starts is printed, and read while it runs; it raises
    `CommandFailed` at its end if it fails.
    """

    read: Callable[[Command], Answer]
    scratch: Path
    stream: Callable[[Command], AbstractContextManager[BinaryIO]] = no_stream


class Ground(Protocol):
    """What a builder makes between a base and an image that is put together upon it."""

    def reference(self, base: str, user: str) -> str:
        """Give its name upon a base with this digest and this user; the name tells the content."""

    def command(self, reference: str, base: str, user: str, request: BuildRequest) -> Command:
        """Give the build that makes it, under this name, upon the base of that name."""


class Assembly(Protocol):
    """How an image is put together here, of layers, without a builder."""

    @property
    def ground(self) -> Ground | None:
        """What a builder makes upon the base before, to stand on; None for nothing."""

    @property
    def base(self) -> str:
        """The image that it is put upon: a name, `oci:DIR`, or a file; empty for none."""

    @property
    def sources(self) -> tuple[str, ...]:
        """What it is made of, for a reader."""

    def upon(self, base: OciImage, labels: Mapping[str, str], bench: Bench) -> Assembled:
        """Put it together; raise `ProjectError` for a base that it cannot stand on."""

    def verify(self, image: str, bench: Bench) -> None:
        """Run the image, by its ID; raise `DockerutilsError` for what does not do there."""


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
        """Give the commands that make it, or something near it where it is put together here.

        `stand_ins` are taken for images that it names.
        """

    def assembly(self, request: BuildRequest) -> Assembly | None:
        """Give how it is put together here; None for an image that a builder makes."""

    def takes(self, file: str) -> bool:
        """Tell whether a file of the project, by its path from the root, goes into the image."""


class Parts(Protocol):
    """What an image that is put together here consists of."""

    @property
    def image(self) -> Image:
        """The image."""

    @property
    def place(self) -> Path:
        """The configuration file."""


@dataclass(frozen=True)
class Unbuilt:
    """What every reading of an image says that no builder makes: nothing runs, so nothing that a
    Dockerfile could name or mount is wanted."""

    parts: Parts

    @property
    def place(self) -> Path:
        """The configuration file."""
        return self.parts.place

    @property
    def tags(self) -> tuple[str, ...]:
        """Its own name."""
        return (str(self.parts.image.reference),)

    def mentions(self, file: str) -> bool:
        """Take nothing by its name."""
        del file
        return False

    @property
    def mounted(self) -> Mapping[str, str]:
        """No secrets."""
        return {}


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


Recipe = Callable[["Image", "Expansion", BuildRequest], Reading]
"""Reads an image of one type; raises `ProjectError` with the place for sources that are wrong."""
