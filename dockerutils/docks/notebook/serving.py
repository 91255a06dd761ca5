"""A user's Jupyter on a dock as this machine sees it: asked, reached by the tunnel, watched."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dockerutils.docks.connection.master import Master, wait_until
from dockerutils.docks.connection.presence import register, unregister
from dockerutils.docks.connection.sockets import is_free
from dockerutils.docks.connection.tunnel import open_tunnel
from dockerutils.docks.dock import Dock
from dockerutils.docks.errand import LATE, Errand, send_errand
from dockerutils.docks.listing.survey import silence
from dockerutils.docks.notebook import jupyter
from dockerutils.docks.notebook.api import HERE, heard, lives
from dockerutils.docks.notebook.jupyter import NoJupyter, Server
from dockerutils.docks.notebook.watch import watching
from dockerutils.docks.places import Berth
from dockerutils.docks.registry import UnknownDock, read_docks
from dockerutils.errors import DockerutilsError, Interrupted, UsageError
from dockerutils.runner import Crew, ShellRunner, Starts
from dockerutils.session import Session
from dockerutils.ssh.connection import Unreachable

QUICK = 15.0  # seconds that a dock has to tell of its Jupyter, or to end it
SLOW = 90.0  # seconds that Jupyter has to start
PORTS = 100  # ports here that are tried
LOWEST, HIGHEST = 1024, 65535  # of those
TICK = 3.0  # seconds between two looks at it
PAUSE = 0.2
GONE, FORGOTTEN = "gone", "forgotten"


@dataclass(frozen=True)
class Notebook:
    """A user's Jupyter on a dock, whether it runs or not."""

    session: Session
    dock: Dock
    berth: Berth

    @property
    def user(self) -> str:
        """Whose it is."""
        return self.session.project.user

    @property
    def runner(self) -> Starts:
        """What starts processes that outlive us; raises `UsageError` in a dry run."""
        runner = self.session.runner
        if isinstance(runner, ShellRunner):
            return runner
        raise UsageError("a dry run starts no Jupyter.")

    def say(self, text: str) -> None:
        """Tell the user what happens."""
        self.session.terminal.note(text)

    # On the dock ------------------------------------------------------------------------

    def find(self, crew: Crew) -> Server | None:
        """Ask for it; None where it does not run."""
        return jupyter.parse_server(self._ask(crew, jupyter.finding(self.user)), self.dock.name)

    def start(self, crew: Crew, entering: str, folder: str = "") -> Server:
        """Start it there unless it runs; raise `NoJupyter` where that cannot be."""
        answer = self._ask(crew, jupyter.starting(self.user, entering), SLOW)
        server = jupyter.parse_server(answer, self.dock.name, folder)
        if not server:
            raise jupyter.odd(self.dock.name)
        return server

    def stop(self, crew: Crew) -> bool:
        """End it; tell whether it ran."""
        return "stopped" in self._ask(crew, jupyter.stopping(self.user)).split()

    def _ask(self, crew: Crew, script: str, seconds: float = QUICK) -> str:
        errand = Errand(self.dock, self.berth, script, seconds)
        reply = send_errand(crew, errand, self.session.now)
        crew.check()
        if reply.ended:
            return reply.answer
        if reply.begun and reply.stopped == LATE:
            raise NoJupyter(
                f"Jupyter on {self.dock} has not answered in {seconds:g} s.",
                f"See how busy it is there: `ssh-dock {self.dock} -- uptime`.",
            )
        why = silence(self.dock, reply, seconds)
        raise Unreachable(
            f"{self.dock} cannot be asked: {why.reason or 'the connection was lost'}.",
            "`ls-dock` tells how your docks are.",
        )

    # Through the tunnel -----------------------------------------------------------------

    def master(self) -> Master:
        """The connection's master."""
        return Master(self.dock, self.berth, self.session.runner.read)

    def reach(self, server: Server, wanted: int = 0) -> int:
        """Have it answer on a port of this machine: the wanted one, or the first that is free.

        Raises `DockerutilsError` where there is none.
        """
        check_port(wanted)
        first = wanted or max(server.port, LOWEST)
        for port in range(first, min(first + (1 if wanted else PORTS), HIGHEST + 1)):
            if is_free(port) and self.holds(server, port):
                return port
        raise DockerutilsError(
            f"no port from {first} on could be had here.", "Name another one with --port."
        )

    def holds(self, server: Server, port: int) -> bool:
        """Tell whether a port of this machine is our connection's, and leads to it.

        ssh forwards it once more if it has to, and says that it cannot where others have the port.
        """
        return self.master().forward(spec(port, server))

    def last_use(self, server: Server, port: int) -> str | None:
        """Give when it was used last, None where it does not answer well.

        Its token goes through a port that is ours at that moment, else to whoever listens there.
        """
        return heard(server, port) if self.holds(server, port) else None

    def wait_until_ready(self, server: Server, port: int, crew: Crew) -> str:
        """Wait until it answers; give when it was used last. Raises `NoJupyter`."""
        answers: list[str] = []

        def ready() -> bool:
            crew.check()
            said = self.last_use(server, port) if lives(server, port) else None
            answers.extend(() if said is None else (said,))
            return bool(answers)

        if not wait_until(ready, SLOW, PAUSE):
            raise NoJupyter(
                f"Jupyter runs on {self.dock}, and does not answer on port {port} here.",
                f"See its log there, or end it with `nb-dock {self.dock} --stop`.",
            )
        return answers[0]

    @contextmanager
    def watched(self, server: Server, port: int, apart: bool) -> Iterator[None]:
        """Say here that we watch it; its port is closed afterwards."""
        with watching(self.berth, port, apart):
            try:
                yield
            finally:
                self.master().cancel(spec(port, server))

    def watch(self, server: Server, port: int, crew: Crew) -> str:
        """Wait for its end there; have it answer here again where the connection was lost.

        Gives why nobody is to watch it any more: it is gone, or its dock is one no more.
        """
        lost = ""
        while True:
            time.sleep(TICK)
            crew.check()
            if not lives(server, port):
                before, lost = lost, self._mend(server, port, crew)
                if lost in (GONE, FORGOTTEN):
                    return lost
                if lost and not before:
                    self.say(f"{lost} It is tried again and again.")
            elif lost:
                self.say(f"Jupyter on {self.dock} answers again.")
                lost = ""

    def _mend(self, server: Server, port: int, crew: Crew) -> str:
        """See why it does not answer, and have it answer again; give why that cannot be."""
        try:
            around = self.session
            read_docks(around.environ, around.project.home).find(self.dock.name)
            found = self.find(crew)
            if not found or (found.port, found.token) != (server.port, server.token):
                return GONE
            open_tunnel(self.dock, self.runner, around.environ, asks=False)
        except UnknownDock:
            return FORGOTTEN
        except Interrupted:
            raise
        except DockerutilsError as error:
            return error.message
        return "" if self.holds(server, port) else f"port {port} of this machine is taken."


def check_port(wanted: int) -> None:
    """Raise `UsageError` for a port that cannot be had here; 0 is none."""
    if wanted and not LOWEST <= wanted <= HIGHEST:
        raise UsageError(f"{wanted} is no port.", "Name one from 1024 to 65535.")
    if wanted and not is_free(wanted):
        raise UsageError(
            f"port {wanted} of this machine is taken.",
            "Name another one with --port, or none: one that is free is found then.",
        )


def spec(port: int, server: Server) -> str:
    """Give a forwarding as ssh takes it."""
    return f"{HERE}:{port}:{HERE}:{server.port}"


@contextmanager
def present(berth: Berth) -> Iterator[None]:
    """Have the connection kept for as long as we use it."""
    register(berth, os.getpid(), "none")
    try:
        yield
    finally:
        unregister(berth, os.getpid())
