"""Whose project a folder on a dock is: the side that made the folder says so in it.

Two projects of one name have the same place on a dock. Who finds another one's folder is told.
"""

from __future__ import annotations

import os
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from dockerutils.docks.told import plain

MACHINE = Path("/etc/machine-id")  # systemd's; it is nobody else's business (machine-id(5))
ODD = re.compile(rb"[^A-Za-z0-9_./-]")
QUOTED = re.compile(rb"%([0-9A-F]{2})")
FORM = re.compile(r"([0-9a-f]{8}) ([A-Za-z0-9_./%-]{1,300}) (/[A-Za-z0-9_./%-]{0,12000})")
WORDS = 400  # letters of a path that are shown


@dataclass(frozen=True)
class Origin:
    """The machine and the folder that a project comes from; the host's name may change."""

    machine: str
    root: str
    host: str = field(compare=False)

    def __str__(self) -> str:
        return f"{plain(self.root, WORDS)} on {plain(self.host)}"


def origin_of(root: Path, machine: Path = MACHINE) -> Origin:
    """Give the origin of a project of this machine."""
    host = os.uname().nodename or "localhost"
    try:
        own = machine.read_bytes().strip()
    except OSError:
        own = b""
    key = zlib.crc32(b"dockerutils " + (own or os.fsencode(host)))
    return Origin(f"{key:08x}", str(root.resolve()), host)


def written(origin: Origin) -> str:
    """Write an origin in one line of ASCII."""
    return f"{origin.machine} {_quoted(origin.host)} {_quoted(origin.root)}"


def read_origin(line: str) -> Origin | None:
    """Read what a dock says of an origin; None where that is nothing of the kind."""
    found = FORM.fullmatch(line)
    return Origin(found[1], _unquoted(found[3]), _unquoted(found[2])) if found else None


def _quoted(text: str) -> str:
    return ODD.sub(lambda one: b"%%%02X" % one[0][0], os.fsencode(text)).decode("ascii")


def _unquoted(text: str) -> str:
    return os.fsdecode(QUOTED.sub(lambda one: bytes([int(one[1], 16)]), text.encode("ascii")))
