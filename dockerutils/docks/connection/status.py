"""What a keeper tells of its connection, for other processes to read."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import Any

from dockerutils.docks.connection.presence import kept
from dockerutils.docks.places import Berth
from dockerutils.files import replace_file

STATES = (CONNECTED, RECONNECTING, ENDED) = ("connected", "reconnecting", "ended")


@dataclass(frozen=True)
class Forward:
    """A published port of a container that answers on 127.0.0.1 here, and its address there."""

    port: int
    container: str
    address: str = "127.0.0.1"


@dataclass(frozen=True)
class Conflict:
    """A published port of a container that does not answer here, and the sentence that says why."""

    port: int
    container: str
    reason: str


@dataclass(frozen=True)
class Status:
    """How a connection is, and since when (seconds since 1970).

    `reason` is a sentence: why it is not there, or what is not well though it is. `hint` says what
    to do. All of it is fit to be shown.
    """

    state: str
    since: float = 0.0
    reason: str = ""
    hint: str = ""
    ports: tuple[Forward, ...] = ()
    conflicts: tuple[Conflict, ...] = ()


def read_status(berth: Berth) -> Status:
    """Give what the keeper told last; "ended" where none keeps the connection."""
    if not kept(berth):
        return Status(ENDED)
    try:
        said: dict[str, Any] = json.loads(berth.status.read_bytes())
        ports = tuple(Forward(**one) for one in said.pop("ports"))
        conflicts = tuple(Conflict(**one) for one in said.pop("conflicts"))
        return Status(**said, ports=ports, conflicts=conflicts)
    except (OSError, ValueError, TypeError, KeyError):  # it has just begun, or is another version
        return Status(CONNECTED)


def write_status(berth: Berth, status: Status) -> None:
    """Tell how the connection is."""
    replace_file(berth.status, json.dumps(asdict(status)).encode(), 0o600)


def complaint(name: str, status: Status) -> tuple[str, str]:
    """Say why docker gets no answer from a dock, and what to do; two empty texts for no reason."""
    if status.state == ENDED:
        return (
            f"the connection to the dock {name} has ended.",
            f"Dock again with `source dock {name}`, or leave it with `castoff`.",
        )
    if status.state == RECONNECTING:
        since = time.strftime("%H:%M", time.localtime(status.since))
        reason = status.reason or "the connection was lost."
        hint = status.hint or "It is tried again and again; `castoff` leaves the dock."
        return f"the dock {name} cannot be reached since {since}: {reason}", hint
    return status.reason, status.hint
