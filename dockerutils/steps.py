"""The steps of a build: commands, and layers that are moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dockerutils.command import Command
from dockerutils.destination import Target
from dockerutils.images.recipe import Assembly, BuildRequest, Node


@dataclass(frozen=True)
class Assembling:
    """An image is put together here, and brought to the engine or another destination."""

    node: Node
    assembly: Assembly
    request: BuildRequest
    destination: Target | None = None
    verify: bool = False
    below: Assembling | None = None  # an image of the project that is put together for this one
    ground: str = ""  # the image of the engine that stands on the base, and this one on that

    @property
    def summary(self) -> str:
        """Say what is going to be done."""
        sources = " and ".join(self.assembly.sources)
        base = f" on {self.assembly.base}" if self.assembly.base else ""
        target = f", for {self.destination.text}" if self.destination else ""
        return f"{self.node.image.reference} is made of {sources}{base}{target}"


@dataclass(frozen=True)
class Saving:
    """An image of the engine is written to a file or a layout."""

    reference: str
    destination: Target

    @property
    def summary(self) -> str:
        """Say what is going to be done."""
        return f"{self.reference} is written to {self.destination.text}"


Step = Command | Assembling | Saving
Execute = Callable[[str, Step], None]
"""Takes a step for an image, by its name; raises `CommandFailed`, `Interrupted` and others."""

Say = Callable[[str], None]


def started(step: Step) -> str:
    """Name what a step runs."""
    return " ".join(step.argv[:2]) if isinstance(step, Command) else "putting it together"


@dataclass(frozen=True)
class Talk:
    """Where a step speaks: lines that stay, warnings, and one line that does not stay.

    `command` shows a command that is started.
    """

    say: Say
    warn: Say
    show: Say
    command: Say
