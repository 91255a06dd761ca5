"""One script run on a dock. A dock may say anything: its answer is limited in time and in size."""

from __future__ import annotations

import math
import os
import secrets
import select
import shlex
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from dockerutils.command import Command
from dockerutils.docks.addresses import address_of
from dockerutils.docks.dock import Dock
from dockerutils.docks.places import Berth
from dockerutils.errors import CommandFailed
from dockerutils.runner import Crew
from dockerutils.ssh.connection import CUT

MOST = 1 << 20  # bytes of an answer that are looked at
PIECE = 1 << 16
# Nobody is asked anything; a master that is there is used, and none is made.
UNSEEN = (
    "StrictHostKeyChecking=yes",
    "BatchMode=yes",
    "ControlMaster=no",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "Tunnel=no",
    "RemoteCommand=none",
)
LATE = "late"
LONG = "long"


@dataclass(frozen=True)
class Errand:
    """A script for a dock, and how long it may take, in seconds."""

    dock: Dock
    berth: Berth
    script: str
    seconds: float


@dataclass(frozen=True)
class Reply:
    """What came of an errand.

    `answer` is what the script wrote, `talk` what ssh and the dock said besides. `stopped` is why
    no more was read: it came too late, or was too long. `lost` says that ssh itself failed.
    """

    answer: str
    talk: str
    begun: bool = False
    ended: bool = False
    stopped: str = ""
    lost: bool = False


class _GivenUpError(Exception):
    """No more is read: the process is to end."""


def send_errand(crew: Crew, errand: Errand, now: Callable[[], float]) -> Reply:
    """Run a script on a dock; its ssh has ended afterwards. Raises `Interrupted` only."""
    mark = secrets.token_hex(8)
    end = now() + errand.seconds
    said, status, stopped = bytearray(), 0, ""
    with suppress(_GivenUpError):
        try:
            with crew.stream(command(errand, mark)) as output:
                stopped = drain(output, said, lambda: end - now())
                if stopped:
                    raise _GivenUpError
        except CommandFailed as error:
            status = error.status
    return sorted_out(said.decode(errors="replace"), mark, stopped, status == CUT)


def drain(output: BinaryIO, said: bytearray, left: Callable[[], float]) -> str:
    """Read to the end; give why not, where time is up or there is too much."""
    number = output.fileno()
    while True:
        if not select.select([number], [], [], max(0.0, left()))[0]:
            return LATE
        piece = os.read(number, PIECE)
        said += piece
        if not piece:
            return ""
        if len(said) > MOST:
            del said[MOST:]
            return LONG
        if left() <= 0:
            return LATE


def sorted_out(said: str, mark: str, stopped: str, lost: bool) -> Reply:
    """Tell the script's own words from what was said before it ran, and after it."""
    before, begun, rest = said.partition(f"{mark} begins\n")
    answer, ended, after = rest.partition(f"{mark} ends\n")
    # Without its end, ssh's complaint stands where the answer stops.
    talk = before + (after if ended else rest)
    return Reply(answer, talk, bool(begun), bool(ended), stopped, lost)


def command(errand: Errand, mark: str) -> Command:
    """Give ssh's command. What it complains of comes with the rest, and is limited like it."""
    script = f"echo; echo {mark} begins\n(\n{errand.script}\n) 2>/dev/null\necho; echo {mark} ends"
    patience = max(1, math.ceil(errand.seconds))
    options = (*UNSEEN, f"ConnectTimeout={patience}", f"ControlPath={errand.berth.control}")
    words = (word for option in options for word in ("-o", option))
    address = address_of(errand.dock)
    remote = f"sh -c {shlex.quote(script)}"
    ssh = ("ssh", "-T", *words, *address.options, "--", address.host, remote)
    return Command(("sh", "-c", 'exec "$@" 2>&1', "sh", *ssh))
