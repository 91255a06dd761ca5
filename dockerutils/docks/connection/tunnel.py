"""The connection of a dock: opened, ended, and used by whoever asks the dock something."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dockerutils.command import Command
from dockerutils.docks.addresses import address_of
from dockerutils.docks.connection.master import Master, end_process, wait_until
from dockerutils.docks.connection.presence import answers, keeper_of, kept, leads_to, poke
from dockerutils.docks.dock import Dock
from dockerutils.docks.errand import send_errand
from dockerutils.docks.places import Berth, berth_of
from dockerutils.docks.told import plain
from dockerutils.errors import DockerutilsError
from dockerutils.ssh.connection import Dropped, attached, connected, sockets

if TYPE_CHECKING:
    from dockerutils.docks.errand import Errand, Reply
    from dockerutils.runner import Asks, Crew, Starts
    from dockerutils.ssh.connection import Connection

# Not with `-m`: a folder called dockerutils where the user is would be taken for the package.
KEEP = "from dockerutils.__main__ import main; main()"
KEEPER = "_keeper"
SPEAKER = "dockerutils: "  # before what the keeper says
STARTING = 20.0  # seconds that a keeper has to begin, on a machine with much to do
ENDING = 5.0  # seconds that it has to end what it keeps
SILENT = 3.0  # seconds without a word, after which a connection is a dead one


def open_tunnel(dock: Dock, runner: Starts, environ: Mapping[str, str], asks: bool) -> Berth:
    """Connect to a dock, and have the connection kept; nothing is done where both is so.

    `asks` lets ssh ask on the terminal. Raises `Unreachable` and `EngineError`; nothing is left
    running then, unless others use it.
    """
    berth = berth_of(dock, environ)
    with opening(berth), contextlib.ExitStack() as given_up:
        if not leads_to(berth, dock):  # its users stay: they will use the new one
            end_connection(dock, berth, runner)
        if not kept(berth):
            given_up.callback(berth.log.unlink, missing_ok=True)
            given_up.callback(berth.route.unlink, missing_ok=True)
        if not answers(berth.engine):
            open_anew(Master(dock, berth, runner.read, send=partial(sent, runner)), asks)
        if kept(berth):
            poke(berth)
        else:
            start_keeper(dock, berth, runner)
        given_up.pop_all()
    return berth


def sent(runner: Starts, errand: Errand) -> Reply:
    """Ask a dock something, which Ctrl-C ends."""
    with runner.side_by_side(by_main=True) as crew:
        return send_errand(crew, errand, time.monotonic)


def open_anew(master: Master, asks: bool) -> None:
    """Have an engine answer that does not; raise what `Master.start` raises."""
    process = master.process()
    if process and master.is_dead(SILENT):
        master.end(process)
        process = 0
    if process:
        master.check_engine()
    else:
        master.start(asks)


def start_keeper(dock: Dock, berth: Berth, runner: Starts) -> None:
    """Start the keeper, and wait until it is ready; raise `DockerutilsError` where it ends."""
    command = Command((sys.executable, "-c", KEEP, KEEPER, dock.name), folder=Path("/"))
    ended = runner.start_apart(command, berth.log)
    wait_until(lambda: bool(keeper_of(berth)) or ended() is not None, STARTING)
    if not keeper_of(berth):
        master = Master(dock, berth, runner.read)
        said, hint = failure_of(master.log())
        master.end()
        remove_files(berth)
        raise DockerutilsError(f"nobody keeps the connection to {dock}: {said}", hint)


def failure_of(log: str) -> tuple[str, str]:
    """Give why a keeper ended, and what to do, by what it wrote into its log last."""
    lines = log.strip().splitlines() or ["it gave no reason."]
    said = [number for number, line in enumerate(lines) if line.startswith(SPEAKER)]
    at = said[-1] if said else len(lines) - 1
    hint = next((line for line in lines[at + 1 : at + 2] if said and line.startswith("  ")), "")
    return plain(lines[at].removeprefix(SPEAKER)), plain(hint) or "Dock again."


def end_tunnel(dock: Dock, runner: Asks, environ: Mapping[str, str]) -> None:
    """End the keeper and the connection of a dock; none of their files is left."""
    berth = berth_of(dock, environ)
    end_keeper(berth)
    with opening(berth):
        end_connection(dock, berth, runner)
        remove_files(berth)


def end_keeper(berth: Berth) -> None:
    """End the process that keeps a connection, if one does."""
    end_process(keeper_of(berth), ENDING)


def end_connection(dock: Dock, berth: Berth, runner: Asks) -> None:
    """End what there is of a connection that nobody else opens meanwhile, wherever it leads to."""
    end_keeper(berth)
    Master(dock, berth, runner.read).end()
    remove_files(berth, users_too=False)


@contextlib.contextmanager
def dock_connection(
    dock: Dock, crew: Crew, runner: Asks, environ: Mapping[str, str], asks: bool = False
) -> Iterator[Connection]:
    """Use the dock's connection that is there, else one that ends with the `with`.

    Raises `Unreachable`.
    """
    address, berth = address_of(dock), berth_of(dock, environ)
    with contextlib.ExitStack() as stack:
        connection = None
        if leads_to(berth, dock) and Master(dock, berth, runner.read).process():
            with contextlib.suppress(Dropped):  # the host may give it no further session
                connection = stack.enter_context(attached(address, crew, berth.control))
        if connection is None:
            own = connected(address, crew, stack.enter_context(sockets(environ)), asks)
            connection = stack.enter_context(own)
        yield connection


@contextlib.contextmanager
def opening(berth: Berth) -> Iterator[None]:
    """Be the only one who opens or ends a connection; wait for another one."""
    with locked(opening_lock(berth), wait=True):
        yield


def opening_lock(berth: Berth) -> Path:
    """The lock that is held while a connection is opened or ended."""
    return berth.lock.with_suffix(".opening")


@contextlib.contextmanager
def locked(path: Path, wait: bool) -> Iterator[int]:
    """Hold a lock, and remove its file afterwards; gives the open file, -1 where another has it."""
    number = -1
    while number < 0:
        number = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(number)
            yield -1
            return
        if not is_file(path, number):  # it was removed by who held it
            os.close(number)
            number = -1
    try:
        yield number
    finally:
        if is_file(path, number):
            path.unlink()
        os.close(number)


def is_file(path: Path, number: int) -> bool:
    """Tell whether an open file is the one that has this path."""
    try:
        return os.path.samestat(path.stat(), os.fstat(number))
    except FileNotFoundError:
        return False


def remove_files(berth: Berth, users_too: bool = True) -> None:
    """Remove what a connection leaves: but for the locks, which who holds them removes."""
    for path in (berth.control, berth.engine, berth.status, berth.log, berth.route):
        path.unlink(missing_ok=True)
    if users_too:
        shutil.rmtree(berth.users, ignore_errors=True)
