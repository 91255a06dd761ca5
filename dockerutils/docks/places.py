"""Where docks keep their things: the list of docks, and the sockets of connections.

Nothing here may import what takes long to load: a terminal waits for it.
"""

from __future__ import annotations

import os
import re
import stat
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dockerutils.docks.dock import MONIKER, Dock
from dockerutils.errors import DockerutilsError

LONGEST = 82  # bytes of a socket's path: ssh adds 17 for a moment, and 108 are the most (unix(7))
READABLE = 24  # letters of a name that stay as they are
# Letters that ssh takes as they are in its options and forwards: it expands `%` and `$` in paths,
# and divides at blanks and colons (ssh_config(5)).
FIT = re.compile(r"[A-Za-z0-9_/.+@-]+")


def docks_file(environ: Mapping[str, str], home: str) -> Path:
    """Give the path of the list of docks (XDG base directory specification)."""
    return Path(environ.get("XDG_CONFIG_HOME") or Path(home, ".config"), "dockerutils/docks.toml")


def state_folder(environ: Mapping[str, str], home: str) -> Path:
    """Give the folder of what has to outlive a restart, such as what was synchronized."""
    return Path(environ.get("XDG_STATE_HOME") or Path(home, ".local/state"), "dockerutils")


def runtime_folder(environ: Mapping[str, str]) -> Path:
    """Give the folder for sockets, which nobody else may enter; make it where it is missing.

    Raises `DockerutilsError` where somebody else has put something in its place.
    """
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    folder = Path(runtime, "dockerutils")
    fit = FIT.fullmatch(runtime) and len(os.fsencode(folder)) <= LONGEST - 40
    if not fit or not _is_own(Path(runtime)):
        folder = Path(f"/tmp/dockerutils-{os.getuid()}")  # noqa: S108  # verified below
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DockerutilsError(f"{folder} cannot be made: {error.strerror}.") from error
    if not _is_own(folder) or stat.S_IMODE(folder.lstat().st_mode) != 0o700:
        raise DockerutilsError(
            f"{folder} is no private folder of yours.",
            "Remove it, or set XDG_RUNTIME_DIR to a folder that only you may enter.",
        )
    return folder


@dataclass(frozen=True)
class Berth:
    """The files of one dock's connection in the runtime folder."""

    folder: Path
    key: str

    @property
    def engine(self) -> Path:
        """The socket that leads to the dock's engine."""
        return self.folder / f"{self.key}.sock"

    @property
    def control(self) -> Path:
        """The control socket of the ssh master."""
        return self.folder / f"{self.key}.ctl"

    @property
    def lock(self) -> Path:
        """The lock that the keeper holds as long as it lives."""
        return self.folder / f"{self.key}.lock"

    @property
    def status(self) -> Path:
        """What the keeper tells of the connection, as JSON."""
        return self.folder / f"{self.key}.json"

    @property
    def log(self) -> Path:
        """What ssh and the keeper complained of."""
        return self.folder / f"{self.key}.log"

    @property
    def route(self) -> Path:
        """Where the connection leads to, by which a changed entry of the list is noticed."""
        return self.folder / f"{self.key}.route"

    @property
    def users(self) -> Path:
        """The folder with a file for each process that uses the dock."""
        return self.folder / f"{self.key}.users"


def berth_of(dock: Dock, environ: Mapping[str, str]) -> Berth:
    """Give the files of a dock's connection; raise what `runtime_folder` raises."""
    return Berth(runtime_folder(environ), key_of(dock.name))


def key_of(name: str) -> str:
    """Give a short name for files: the dock's own, or the beginning of it and a checksum."""
    if len(name) <= READABLE and MONIKER.fullmatch(name):
        return name
    kept = "".join(one if one.isascii() and one.isalnum() else "-" for one in name[:12])
    return f"{kept}-{zlib.crc32(name.encode(errors='surrogateescape')):08x}"


def _is_own(folder: Path) -> bool:
    """Tell whether a folder is there, no link, and ours."""
    try:
        about = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid()
