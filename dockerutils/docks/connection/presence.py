"""Who uses a dock's connection, who keeps it, and whether it answers.

Nothing here may import what takes long to load: a terminal waits for it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from dockerutils.docks.dock import Dock
from dockerutils.docks.places import Berth

PORTS = ("own", "all", "none")
PING = "/_ping"
POKE = signal.SIGUSR1  # tells a keeper to look around


@dataclass(frozen=True)
class User:
    """A process that uses a dock, and which published ports it wants here."""

    pid: int
    ports: str = "own"


def answers(engine_socket: Path, patience: float = 5.0) -> bool:
    """Tell whether an engine answers through a socket, within `patience` seconds."""
    from dockerutils.docks.connection.sockets import get  # noqa: PLC0415  # the rest here does without

    try:
        get(engine_socket, PING, patience)
    except OSError:
        return False
    return True


def route_of(dock: Dock) -> str:
    """Give all that decides where a connection to a dock leads to, as it is noted."""
    parts = (dock.address, dock.user, dock.port, dock.identity, dock.jump, dock.socket)
    return "".join(f"{part!r}\n" for part in parts)


def leads_to(berth: Berth, dock: Dock) -> bool:
    """Tell whether the connection of a berth was made to where its dock is now.

    It was not where the dock's entry has changed since, and where there is no connection.
    """
    try:
        return berth.route.read_bytes() == route_of(dock).encode()
    except OSError:
        return False


def note_route(berth: Berth, dock: Dock) -> None:
    """Note where the connection of a berth leads to."""
    new = berth.route.with_suffix(".route-new")
    _write(new, route_of(dock))
    new.replace(berth.route)


def register(berth: Berth, pid: int, ports: str = "own") -> None:
    """Note that a process uses the dock, until it ends; tell the keeper."""
    text = f"{started(pid)} {ports}\n"
    new = berth.users / f".{pid}"
    while True:
        berth.users.mkdir(mode=0o700, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # the last user has just left
            _write(new, text)
            new.replace(berth.users / str(pid))
            break
    poke(berth)


def unregister(berth: Berth, pid: int) -> None:
    """Note that a process uses the dock no more; tell the keeper."""
    with contextlib.suppress(OSError):
        (berth.users / str(pid)).unlink()
        poke(berth)
        berth.users.rmdir()  # unless there are others


def users(berth: Berth) -> tuple[User, ...]:
    """Give the processes that live and use the dock; what others left is removed."""
    try:
        names = [name for name in os.listdir(berth.users) if name.isdecimal()]  # noqa: PTH208
    except FileNotFoundError:
        return ()
    found = (_user(berth.users / name) for name in sorted(names, key=int))
    return tuple(user for user in found if user)


def kept(berth: Berth) -> bool:
    """Tell whether a keeper holds the lock."""
    try:
        number = os.open(berth.lock, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(number)


def keeper_of(berth: Berth) -> int:
    """Give the process that keeps the connection, 0 where none does, or is not ready for it."""
    if not kept(berth):
        return 0
    try:
        pid, start = berth.lock.read_bytes().split()
        number = int(pid)
        return number if started(number) == start.decode() else 0
    except (OSError, ValueError):  # it is not there yet, or of one that has ended
        return 0


def note_keeper(lock: int) -> None:
    """Write into the lock that is held, an open file, that this process is ready as its keeper.

    When it was started is written as well: what an earlier keeper left counts for nobody.
    """
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()} {started(os.getpid())}\n".encode(), 0)


def poke(berth: Berth) -> None:
    """Have the keeper look around, if there is one."""
    pid = keeper_of(berth)
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, POKE)


def started(pid: int) -> str:
    """Give when a process was started, as the kernel counts; "" for none, "-" where it hides that.

    One that has ended and only waits for its parent to notice is none (proc(5)).
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return "" if Path("/proc/self/stat").exists() or not _lives(pid) else "-"
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode()


def _write(path: Path, text: str) -> None:
    """Write a file that only the user may read."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(text)


def _user(path: Path) -> User | None:
    """Read who uses the dock; remove what says so of a process that has ended."""
    try:
        start, _, ports = path.read_text().strip().partition(" ")
    except FileNotFoundError:
        return None
    if start and start == started(int(path.name)):
        return User(int(path.name), ports if ports in PORTS else "own")
    path.unlink(missing_ok=True)
    return None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
