"""One `docker run` as a value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dockerutils import docker_cli
from dockerutils.command import Command, Secret
from dockerutils.config.words import Option, flatten


@dataclass(frozen=True)
class Run:
    """One `docker run`: its image, its options and the container's command.

    `as_host` says that it runs as the user of the host, by number.
    """

    image: str
    options: tuple[Option, ...]
    words: tuple[str, ...]
    variables: Mapping[str, Secret]
    folder: Path
    as_host: bool = False

    def command(self) -> Command:
        """Give docker's command."""
        options = flatten(self.options)
        return docker_cli.run(self.image, options, self.words, self.variables, self.folder)

    @property
    def detached(self) -> bool:
        """Tell whether the container goes on by itself."""
        return ("--detach",) in self.options

    def moved(self, options: tuple[Option, ...], owner: str) -> Run:
        """Give the same with other options; the host's user is the `owner` of files there."""
        user = ("--user", f"{os.getuid()}:{os.getgid()}")
        for_host = self.as_host and bool(owner)
        there = (("--user", owner) if one == user and for_host else one for one in options)
        return replace(self, options=tuple(there))
