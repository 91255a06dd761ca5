"""Asking archives how they are now: each dates and signs itself in a file called InRelease."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dockerutils.command import Command
from dockerutils.debian.apt_sources import AptSource, date_of

# Part of apt: it reaches mirrors as apt does, by proxies and with passwords.
HELPER = "/usr/lib/apt/apt-helper"
PATIENCE = 10  # seconds
ABSENT = re.compile(r"(?m)^E: Failed to fetch (\S+) +404")


class Said(Protocol):
    """What a question to a program gave."""

    @property
    def errors(self) -> str:
        """What it wrote to standard error."""


@dataclass(frozen=True)
class Archive:
    """The state of some archives: a digest of their dates, empty where one did not answer.

    `absent` are those of the sources that their mirrors do not have.
    """

    state: str
    absent: tuple[AptSource, ...] = ()


def ask(sources: Iterable[AptSource], read: Callable[[Command], Said], folder: Path) -> Archive:
    """Ask the mirrors; nothing is checked of what they say but whether it has changed."""
    files = {one: folder / f"release-{number}" for number, one in enumerate(sources)}
    if not Path(HELPER).exists():
        return Archive("")
    patience = (f"-oAcquire::{scheme}::Timeout={PATIENCE}" for scheme in ("http", "https", "ftp"))
    words = [HELPER, "-q", "-oAcquire::Retries=0", *patience, "download-file"]
    for source, file in files.items():
        file.unlink(missing_ok=True)
        words += [source.release, str(file), ""]  # no digest is expected of it
    said = read(Command(tuple(words[:-1]))).errors
    missing = set(ABSENT.findall(said))
    absent = tuple(one for one, file in files.items() if one.release in missing)
    there = {one: file for one, file in files.items() if one not in absent}
    if not there or not all(file.exists() for file in there.values()):
        return Archive("", absent)
    dates = [(one.release, date_of(file) or whole(file)) for one, file in there.items()]
    return Archive(hashlib.sha256(repr(dates).encode()).hexdigest(), absent)


def whole(file: Path) -> str:
    """Digest a file that has no date."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
