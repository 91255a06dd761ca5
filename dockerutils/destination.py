"""Where an image is written to besides an engine: a file, a folder in OCI image layout, or more."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dockerutils.command import Command
from dockerutils.errors import UsageError
from dockerutils.sinks.sink import Sink

LAYOUT = "oci:"
ARCHIVE = ".tar"


class Target(Protocol):
    """A place that an image is brought to; `text` names it for a reader."""

    @property
    def text(self) -> str:
        """Name it as the user does."""

    def sink(self, reference: str) -> Sink:
        """Give what takes an image of this name."""

    def saving(self, reference: str) -> Command:
        """Give docker's own way to bring an image there that its engine has."""


@dataclass(frozen=True)
class Destination:
    """A file for `docker load` and tools that read OCI, or the folder of a layout."""

    text: str  # as the user wrote it
    path: Path
    is_layout: bool = False

    def sink(self, reference: str) -> Sink:
        """Give what takes an image of this name; a layout knows it by its tag."""
        from dockerutils.sinks.archive import FileSink, LayoutSink  # noqa: PLC0415  # rarely used

        if self.is_layout:
            return LayoutSink(self.path, reference.rpartition(":")[2])
        return FileSink(self.path, reference)

    def saving(self, reference: str) -> Command:
        """Give docker's own way to write an image that its engine has."""
        path = shlex.quote(str(self.path))
        if self.is_layout:
            script = f"mkdir -p {path} && docker save {shlex.quote(reference)} | tar -xC {path}"
            return Command(("sh", "-c", script))
        return Command(("docker", "save", "--output", str(self.path), reference))


def parse_destination(text: str, here: Path) -> Destination | None:
    """Read what `--output` says, None for nothing; paths start from a folder.

    Raises `UsageError` for what is neither a file nor a layout.
    """
    if not text:
        return None
    is_layout = text.startswith(LAYOUT)
    place = text.removeprefix(LAYOUT)
    if not place or not (is_layout or place.endswith(ARCHIVE)):
        raise UsageError(
            f"--output {text} is neither a file nor a folder that an image can be written to.",
            "Write --output NAME.tar, or --output oci:FOLDER for an OCI image layout.",
        )
    return Destination(text, here / place, is_layout)
