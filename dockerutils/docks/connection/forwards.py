"""Published ports of a dock's containers, which answer on 127.0.0.1 of this machine as well.

What an engine says of its containers is data: checked, cut and made harmless.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dockerutils.docker_cli import RUN_LABEL
from dockerutils.docks.connection.master import Master, wait_until
from dockerutils.docks.connection.presence import User
from dockerutils.docks.connection.sockets import HERE, NoAnswer, address_there, get, is_free
from dockerutils.docks.connection.status import Conflict, Forward, Status, read_status
from dockerutils.docks.places import Berth
from dockerutils.docks.told import plain

LOWEST = 1024  # lower ports are this machine's own
HIGHEST = 65535
MOST = 100  # ports of one dock that are forwarded
PATIENCE = 20.0  # seconds that an engine has to list its containers
ANY = "0.0.0.0"  # noqa: S104  # what a container is bound to, not we


@dataclass(frozen=True)
class Awaited:
    """What became of ports: forwarded now, not to be forwarded, and not heard of in time."""

    forwarded: tuple[int, ...]
    conflicts: tuple[Conflict, ...]
    missing: tuple[int, ...]


def wish_of(users: Iterable[User]) -> str:
    """Give whose ports are wanted here: "all", "own", or "none" where nobody wants any."""
    wishes = {user.ports for user in users}
    return next((wish for wish in ("all", "own") if wish in wishes), "none")


def published(engine: Path, wish: str, user: str) -> list[Forward]:
    """Ask an engine for the ports of its running containers that are wanted; raise `OSError`."""
    if wish == "none":
        return []
    filters = {} if wish == "all" else {"label": [RUN_LABEL]}
    target = f"/containers/json?filters={quote(json.dumps(filters))}"
    try:
        said = json.loads(get(engine, target, PATIENCE))
    except (ValueError, RecursionError) as error:
        raise NoAnswer("that is no list of containers") from error
    containers = [one for one in said if isinstance(one, dict)] if isinstance(said, list) else []
    return [one for each in containers if wish == "all" or is_own(each, user) for one in of(each)]


def is_own(container: Mapping[str, Any], user: str) -> bool:
    """Tell whether run-image started a container for a user."""
    labels = container.get("Labels")
    mark = labels.get(RUN_LABEL) if isinstance(labels, dict) else None
    return isinstance(mark, str) and mark.partition("/")[2] == user


def of(container: Mapping[str, Any]) -> Iterator[Forward]:
    """Give the published TCP ports of a container as they would be forwarded."""
    name = name_of(container)
    ports = container.get("Ports")
    for one in ports if isinstance(ports, list) else ():
        port = one.get("PublicPort") if isinstance(one, dict) else None
        if not isinstance(port, int) or one.get("Type") != "tcp" or not 0 < port <= HIGHEST:
            continue
        there = one.get("IP") or ANY
        address = address_there(there) if isinstance(there, str) else ""
        if address:
            yield Forward(port, name, address)


def name_of(container: Mapping[str, Any]) -> str:
    """Give the first name of a container, fit to be shown."""
    names = container.get("Names")
    first = names[0] if isinstance(names, list) and names else ""
    return plain(first if isinstance(first, str) else "", 80).removeprefix("/") or "a container"


def chosen(found: Iterable[Forward]) -> tuple[dict[int, Forward], list[Conflict]]:
    """Choose what is to be forwarded, one for each port; the others are conflicts.

    A port of all addresses there is better than one of a certain address.
    """
    wanted: dict[int, Forward] = {}
    conflicts: list[Conflict] = []
    for one in sorted(set(found), key=lambda one: (one.port, one.address != HERE, one.container)):
        rival = wanted.get(one.port)
        if rival and rival.container == one.container:
            continue
        if rival:
            reason = f"{rival.container} has the same port at another address there."
        elif one.port < LOWEST:
            reason = f"ports below {LOWEST} are not forwarded."
        elif len(wanted) >= MOST:
            reason = f"more than {MOST} ports are not forwarded."
        else:
            wanted[one.port] = one
            continue
        if len(conflicts) < MOST:
            conflicts.append(Conflict(one.port, one.container, reason))
    return wanted, conflicts


def spec_of(one: Forward) -> str:
    """Give a forward as ssh takes it."""
    there = f"[{one.address}]" if ":" in one.address else one.address
    return f"{HERE}:{one.port}:{there}:{one.port}"


@dataclass
class Forwards:
    """What is forwarded through a master, and what could not be."""

    master: Master
    active: dict[int, Forward] = field(default_factory=dict)
    refused: list[Conflict] = field(default_factory=list)  # for good
    taken: list[Conflict] = field(default_factory=list)  # until the port becomes free
    wanted: dict[int, Forward] = field(default_factory=dict)

    def adjust(self, found: Iterable[Forward]) -> None:
        """Forward what was found and nothing else."""
        self.wanted, self.refused = chosen(found)
        for port, one in tuple(self.active.items()):
            if self.wanted.get(port) != one:
                self.master.cancel(spec_of(one))
                del self.active[port]
        self.retry()

    def retry(self) -> None:
        """Try again what was taken here."""
        self.taken = []
        for port, one in self.wanted.items():
            if port in self.active:
                continue
            if is_free(port) and self.master.forward(spec_of(one)):
                self.active[port] = one
            else:
                self.taken.append(Conflict(port, one.container, self._holder(port)))

    def forget(self) -> None:
        """Know that the master is gone, and all that it forwarded."""
        self.active.clear()
        self.wanted, self.taken, self.refused = {}, [], []

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """All that is not forwarded."""
        return (*self.taken, *self.refused)

    def _holder(self, port: int) -> str:
        """Say who has a port here: another dock, or something else."""
        own = self.master.berth
        for path in sorted(own.folder.glob("*.json")):
            other = Berth(own.folder, path.name.removesuffix(".json"))
            if other != own and port in {one.port for one in read_status(other).ports}:
                return f"port {port} of this machine is the dock {other.key}'s already."
        return f"port {port} of this machine is taken."


def taken_ports(ports: Iterable[int], berth: Berth) -> list[int]:
    """Give those of the ports that something on this machine has, other than this dock.

    What is no port is docker's to refuse.
    """
    ours = {one.port for one in read_status(berth).ports}
    return [
        port for port in ports if 0 < port <= HIGHEST and port not in ours and not is_free(port)
    ]


def await_ports(berth: Berth, ports: Iterable[int], patience: float) -> Awaited:
    """Wait until ports of a container that has just started are forwarded, or cannot be."""
    wanted = tuple(dict.fromkeys(ports))
    seen = [read_status(berth)]

    def settled() -> bool:
        seen[0] = read_status(berth)
        return set(wanted) <= told_ports(seen[0])

    wait_until(settled, patience, 0.03)
    status = seen[0]
    forwarded = tuple(one.port for one in status.ports if one.port in wanted)
    conflicts = tuple(one for one in status.conflicts if one.port in wanted)
    missing = tuple(port for port in wanted if port not in told_ports(status))
    return Awaited(forwarded, conflicts, missing)


def told_ports(status: Status) -> set[int]:
    """Give the ports that a keeper has decided on."""
    ports = {one.port for one in status.ports}
    return ports | {one.port for one in status.conflicts}
