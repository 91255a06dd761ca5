"""The ssh master of a dock: one connection, through which its engine answers on this machine."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dockerutils.docks.addresses import address_of
from dockerutils.docks.connection.presence import PING, answers, note_route, started
from dockerutils.docks.connection.sockets import get
from dockerutils.docks.dock import Dock
from dockerutils.docks.errand import Errand
from dockerutils.docks.places import Berth
from dockerutils.docks.told import plain
from dockerutils.errors import EngineError
from dockerutils.ssh.command import USUAL, Pace, order, standing_master
from dockerutils.ssh.connection import refused

if TYPE_CHECKING:
    from dockerutils.command import Command
    from dockerutils.docks.errand import Reply
    from dockerutils.runner import Answer

PATIENCE = 10.0  # seconds that an engine has for its first answer
ASKING = 15.0  # seconds that a dock has to say why there is no engine
ENDING = 1.0  # seconds that a master has for its end
PAUSE = 0.005
READABLE = 2**16  # bytes of the log that are looked at
RUNNING = re.compile(r"Master running \(pid=([0-9]+)\)")
# What keeps the user from the engine's socket. Each answer begins with a word of ours.
QUESTION = """\
PATH=$PATH:/usr/local/bin:/usr/sbin:/sbin:/snap/bin
if [ -S {socket} ]; then
  if [ ! -r {socket} ] || [ ! -w {socket} ]; then echo "closed $(id -un)"
  elif docker -H unix://{socket} version >/dev/null 2>&1; then echo unforwarded
  else echo silent; fi
elif command -v docker >/dev/null || command -v dockerd >/dev/null; then echo stopped
else echo absent
fi"""


@dataclass(frozen=True)
class Master:
    """The master of a dock. `read` runs ssh; `send` has what the dock says limited."""

    dock: Dock
    berth: Berth
    read: Callable[[Command], Answer]
    pace: Pace = USUAL
    send: Callable[[Errand], Reply] | None = None  # asks why there is no engine

    def process(self) -> int:
        """Give the number of the master's process, 0 where there is none."""
        if not self.berth.control.exists():
            return 0
        found = RUNNING.search(self._order("check").errors)
        return int(found[1]) if found else 0

    def start(self, asks: bool) -> None:
        """Connect, and have the engine answer on its socket here.

        Raises `Unreachable`, and `EngineError` where there is a connection but no engine; there is
        nothing left of it then.
        """
        self.clear()
        note_route(self.berth, self.dock)
        self.berth.log.write_bytes(b"")
        self.berth.log.chmod(0o600)
        command = standing_master(
            address_of(self.dock), self.berth.control, self.berth.log, asks, self.pace
        )
        answer = self.read(command)
        if answer.status:
            self.clear()
            raise refused(address_of(self.dock), answer.errors + self.log())
        with contextlib.ExitStack() as given_up:
            given_up.callback(self.end)
            self.check_engine()
            given_up.pop_all()

    def is_dead(self, patience: float) -> bool:
        """Tell whether nothing comes through the connection, not even that there is no engine."""
        try:
            get(self.berth.engine, PING, patience)
        except TimeoutError:
            return True
        except OSError:
            pass
        return False

    def check_engine(self) -> None:
        """Have the engine answer on its socket here; raise `EngineError` with why it does not."""
        if not self.berth.engine.is_socket():
            answer = self._order("forward", f"{self.berth.engine}:{self.dock.socket}")
            if answer.status:
                reason = plain(answer.errors or "ssh gave no reason")
                raise EngineError(f"{self.berth.engine} cannot be made: {reason}.")
        if not answers(self.berth.engine, PATIENCE):
            raise self.ailment()

    def ailment(self) -> EngineError:
        """Ask the dock why its engine does not answer."""
        script = QUESTION.format(socket=shlex.quote(self.dock.socket))
        errand = Errand(self.dock, self.berth, script, ASKING)
        said = self.send(errand).answer[:READABLE] if self.send else ""
        lines = said.strip().splitlines() or [""]
        word, _, user = plain(lines[-1], 80).partition(" ")
        return told_ailment(self.dock, word, user)

    def forward(self, spec: str) -> bool:
        """Forward a port; tell whether that could be done."""
        return not self._order("forward", spec).status

    def cancel(self, spec: str) -> None:
        """Forward a port no longer."""
        self._order("cancel", spec)

    def end(self, process: int = 0) -> None:
        """End the master, by force if it does not listen, and remove its sockets.

        `process` is its number, where that was asked for while it answered.
        """
        end_process(process or self.process())
        self.clear()

    def clear(self) -> None:
        """Remove the sockets; a new master would stumble over those of an old one."""
        self.berth.control.unlink(missing_ok=True)
        self.berth.engine.unlink(missing_ok=True)

    def log(self) -> str:
        """Give the end of what ssh said."""
        try:
            return self.berth.log.read_bytes()[-READABLE:].decode(errors="replace")
        except OSError:
            return ""

    def _order(self, what: str, forward: str = "") -> Answer:
        return self.read(order(self.berth.control, what, forward))


def told_ailment(dock: Dock, word: str, user: str) -> EngineError:
    """Describe why an engine does not answer, by what its dock says."""
    if word == "absent":
        return EngineError(
            f"there is no Docker on {dock}.", "Install Docker's engine there, then dock again."
        )
    if word == "unforwarded":
        return EngineError(
            f"the ssh server of {dock} does not forward its engine's socket.",
            "Set `AllowTcpForwarding yes` and `AllowStreamLocalForwarding yes` in its sshd_config.",
        )
    if word == "closed":
        return EngineError(
            f"{user or 'your user'} may not use the engine of {dock} ({dock.socket}).",
            f"Add the user to the group docker there (`sudo usermod -aG docker {user or 'USER'}`),"
            " then dock again.",
        )
    if word == "stopped":
        return EngineError(
            f"the Docker engine of {dock} does not run: there is no {dock.socket}.",
            "Start it there, for example with `sudo systemctl start docker`, then dock again.",
        )
    return EngineError(
        f"the Docker engine of {dock} does not answer on {dock.socket}.",
        "See there how it is, for example with `sudo systemctl status docker`, then dock again.",
    )


def end_process(process: int, patience: float = ENDING, start: str = "") -> None:
    """End a process, by force if it takes longer than `patience` seconds; it is gone then.

    `start` says when it was started, where that is known from before: its number may be another
    one's by now.
    """
    start = start or (started(process) if process else "")
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not start or started(process) != start:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)
        wait_until(lambda: started(process) != start, patience)


def wait_until(true: Callable[[], bool], patience: float, pause: float = PAUSE) -> bool:
    """Wait until something is so, for `patience` seconds at most; tell whether it is."""
    end = time.monotonic() + patience
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True
