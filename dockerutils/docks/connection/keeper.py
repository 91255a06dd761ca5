"""The keeper of a dock's connection: one small process for each dock that is in use.

It holds a session over the ssh master, which would else end; connects anew when the connection is
lost; follows the engine's events, by which published ports answer on this machine; and ends,
with all that belongs to the connection, when nobody has used the dock for a while.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dockerutils.docks.addresses import address_of
from dockerutils.docks.connection.follower import Follower
from dockerutils.docks.connection.master import Master, end_process
from dockerutils.docks.connection.presence import POKE, note_keeper, started, users
from dockerutils.docks.connection.status import CONNECTED, RECONNECTING, Status, write_status
from dockerutils.docks.connection.tunnel import is_file, locked, opening_lock, remove_files
from dockerutils.docks.errand import send_errand
from dockerutils.docks.places import Berth, berth_of
from dockerutils.docks.registry import linger_of, read_docks
from dockerutils.docks.told import plain
from dockerutils.errors import FAILED, DockerutilsError, EngineError, Interrupted
from dockerutils.person import home_folder, user_name
from dockerutils.runner import ShellRunner
from dockerutils.ssh.command import session
from dockerutils.ssh.connection import Refused, Unreachable
from dockerutils.terminal import Terminal

if TYPE_CHECKING:
    from dockerutils.command import Command
    from dockerutils.docks.errand import Errand, Reply
    from dockerutils.pipes import Dialogue
    from dockerutils.runner import Answer, Crew

DELAYS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)  # seconds between two tries to connect
SESSION = 10.0  # seconds that a session there has to begin
SELDOM = 300.0  # seconds between two tries where the host refuses us
NOTHING = Status("")
LOSS = "the connection was lost."
BARRED = "Permission denied"
ASKED_AGAIN = "Dock again with `source dock {}`: ssh can then ask for a password or a passphrase."
LARGEST_LOG = 2**18  # bytes
LOST, POKED = "lost", "poked"
LABEL = "dockerutils-keeper"  # by which the session is known on the dock
HOLD = "echo held; while read -r line; do :; done"


@dataclass(frozen=True)
class Times:
    """Times of a keeper, in seconds.

    A `tick` is between two looks around. With more than `slack` beyond it this machine was asleep,
    and a connection that is `silent` so long is a dead one.
    """

    tick: float = 5.0
    slack: float = 5.0
    silent: float = 3.0


USUAL = Times()


def main(words: Sequence[str], environ: Mapping[str, str]) -> int:
    """Keep the connection to the dock that is named; give the exit status."""
    terminal = Terminal(sys.stdout, sys.stderr, quiet=True)
    try:
        keep(words[0], ShellRunner(terminal, environ, Path("/")), environ)
    except Interrupted:
        return 0
    except DockerutilsError as error:
        terminal.error("dockerutils", error.message, error.hint)
        return error.status
    except OSError as error:  # the folder of sockets may be gone, with all that is in it
        terminal.error("dockerutils", f"{error.filename}: {error.strerror}.", "")
        return FAILED
    return 0


def keep(name: str, runner: ShellRunner, environ: Mapping[str, str], times: Times = USUAL) -> None:
    """Keep a dock's connection, unless another process does; remove all of it at the end."""
    home = home_folder(environ)
    dock = read_docks(environ, home).find(name)
    berth = berth_of(dock, environ)
    with held(berth) as number:
        if number < 0:
            return
        looks: queue.SimpleQueue[str] = queue.SimpleQueue()
        signal.signal(POKE, lambda _number, _frame: looks.put(POKED))
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(one, signal.SIG_IGN)  # but for the time in which they are caught
        with contextlib.ExitStack() as stack:
            os.ftruncate(number, 0)  # the number of one that has ended is nobody's
            own = partial(is_file, berth.lock, number)
            stack.callback(leave, Master(dock, berth, runner.read), own)
            crew = stack.enter_context(runner.side_by_side(by_main=True))
            note_keeper(number)
            master = Master(dock, berth, partial(ask, crew), send=partial(sent, crew))
            user = user_name(environ)
            follower = Follower(master, user, looks.put)
            linger = linger_of(environ, home)
            Keeper(master, crew, looks, follower, linger, label(user), own, times).work()


def leave(master: Master, own: Callable[[], bool]) -> None:
    """Remove all of a connection, unless it is another keeper's, or about to be opened."""
    with locked(opening_lock(master.berth), wait=False) as number:
        if number >= 0 and own():
            master.end()
            remove_files(master.berth)


def ask(crew: Crew, command: Command) -> Answer:
    """Run a question of the keeper's, which a signal ends."""
    return crew.write(command, ())


def sent(crew: Crew, errand: Errand) -> Reply:
    """Ask the dock something, which a signal ends."""
    return send_errand(crew, errand, time.monotonic)


@contextlib.contextmanager
def held(berth: Berth) -> Iterator[int]:
    """Hold the keeper's lock; gives -1 where another one has it.

    Who looks whether it is held holds it for a moment: that is no keeper.
    """
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            number = stack.enter_context(locked(berth.lock, wait=False))
            if number >= 0:
                break
            time.sleep(0.02)
        yield number


def real_time() -> float:
    """Give seconds that go on while the machine is asleep."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.time()


def has_slept(waited: float, passed: float, slack: float) -> bool:
    """Tell whether so much more time passed than was waited that the machine was asleep."""
    return passed > waited + slack


def delay_of(tries: int) -> float:
    """Give the seconds until the next try to connect after so many."""
    return DELAYS[min(tries, len(DELAYS) - 1)]


def label(user: str) -> str:
    """Give the words by which the session is known on the dock: whose keeper it is."""
    who = (re.sub(r"[^A-Za-z0-9_.-]", "-", text) for text in (user, os.uname().nodename))
    return f"{LABEL} of {'@'.join(who)}"


def loss_of(log: str) -> str:
    """Say why a connection was lost, by what ssh said last of it itself."""
    said = [line for line in log.splitlines() if line.startswith(("Timeout,", "Connection "))]
    return plain(said[-1]) if said else LOSS


def shorten(log: Path) -> None:
    """Empty a log that has become long: ssh writes a line for each thing that it cannot do."""
    with contextlib.suppress(OSError):
        if log.stat().st_size > LARGEST_LOG:
            os.truncate(log, 0)


@dataclass
class Keeper:
    """What is kept, and what is known of it."""

    master: Master
    crew: Crew
    looks: queue.SimpleQueue[str]
    follower: Follower
    linger: float
    label: str
    own: Callable[[], bool]  # tells whether the lock, and with it all other files, is ours
    times: Times = USUAL
    told: Status = NOTHING
    process: int = 0  # the master's
    begun: str = ""  # when that was started
    sessions: int = 0
    used: float = field(default_factory=real_time)  # when the dock was in use last
    woken: float = 0.0  # when the last wait was over
    given_up: bool = False

    def work(self) -> None:
        """Keep the connection until nobody needs it, or a signal ends us; take it along."""
        try:
            while not self.is_over():
                self.attend()
                if not self.is_over():
                    self.repair()
        finally:
            self.follower.stop()
            self.end_master()

    def is_over(self) -> bool:
        """Tell whether the dock has not been used for so long that the connection can end."""
        in_use = self.follower.serve(users(self.master.berth))
        if in_use:
            self.used = real_time()
        is_left = not in_use and real_time() - self.used > self.linger
        return self.given_up or is_left or not self.own()

    # The connection ---------------------------------------------------------------------

    def attend(self) -> None:
        """Hold a session and look around, until the connection is lost or needed no more.

        A host that gives us no session keeps the connection while its events are followed.
        """
        self.process = self.master.process()
        self.begun = started(self.process) if self.process else ""
        if not self.begun:
            return
        self.sessions += 1
        script = f"exec sh -c {shlex.quote(HOLD)} {shlex.quote(self.label)}"
        command = session(address_of(self.master.dock), self.master.berth.control, script)
        with self.crew.converse(command) as dialogue:
            if self.answers(dialogue):
                words = (dialogue, f"{LOST} {self.sessions}")
                threading.Thread(target=self._notice_end, args=words, daemon=True).start()
                self.watch()
                return
        self.crew.check()
        self.watch()

    def answers(self, dialogue: Dialogue) -> bool:
        """Tell whether the session there has begun; what hangs is done without."""
        try:
            return bool(dialogue.line(SESSION))
        except TimeoutError:
            return False

    def watch(self) -> None:
        """Look around until the connection is lost or needed no more."""
        self.follower.start()
        looks, slept = {POKED}, False
        while not self.is_over() and not (slept and self.master.is_dead(self.times.silent)):
            gone = started(self.process) != self.begun
            if gone or f"{LOST} {self.sessions}" in looks:
                return
            self.follower.look(looks)
            self.tell(CONNECTED, self.follower.complaint)
            shorten(self.master.berth.log)
            looks, slept = self.wait(self.follower.pause(self.times.tick))

    def repair(self) -> None:
        """Connect anew, again and again, while somebody uses the dock."""
        self.follower.stop()
        self.end_master()
        self.tell(RECONNECTING, loss_of(self.master.log()))
        tries, due = 0, 0.0
        while users(self.master.berth):
            if real_time() >= due:
                delay = self.connect(tries)
                if not delay:
                    return
                tries, due = tries + 1, real_time() + delay
            looks, _ = self.wait(min(self.times.tick, delay))
            if POKED in looks:  # who docks now may have changed what was in the way
                tries, due = 0, 0.0
        self.given_up = True

    def connect(self, tries: int) -> float:
        """Try to connect; give the seconds until the next try, 0 for none."""
        with locked(opening_lock(self.master.berth), wait=False) as number:
            if number < 0:  # somebody is about to connect, and may be asked for a password
                return delay_of(0)
            if self.master.process():
                return 0
            try:
                self.master.start(asks=False)
            except (Unreachable, EngineError) as error:
                return self.tell_failure(error, tries)
        return 0

    def tell_failure(self, error: Unreachable | EngineError, tries: int) -> float:
        """Tell why there is no connection; give the seconds until the next try."""
        start = f"{address_of(self.master.dock)} cannot be reached: "
        barred = isinstance(error, Unreachable) and BARRED in error.said
        hint = ASKED_AGAIN.format(self.master.dock) if barred else error.hint
        self.tell(RECONNECTING, error.message.removeprefix(start), hint)
        return SELDOM if isinstance(error, Refused) else delay_of(tries)

    def end_master(self) -> None:
        """End the master that is known, if it has not ended."""
        if self.begun:
            end_process(self.process, start=self.begun)
        self.process, self.begun = (
            0,
            "",
        )  # its sockets stay: those of a new one may lie in their place already

    def tell(self, state: str, reason: str = "", hint: str = "") -> None:
        """Have others read how the connection is, if that has changed."""
        since = self.told.since if state == self.told.state else time.time()
        ports = tuple(self.follower.forwards.active.values())
        conflicts = self.follower.forwards.conflicts
        status = Status(state, since, plain(reason, 400), hint, ports, conflicts)
        if status != self.told:
            write_status(self.master.berth, status)
            self.told = status

    def wait(self, seconds: float) -> tuple[set[str], bool]:
        """Wait for something to look at; tell as well whether this machine was asleep meanwhile."""
        before, start = self.woken or real_time(), real_time()
        if not self.follower.served:
            seconds = min(seconds, max(0.1, self.used + self.linger - start))
        looks = set()
        with contextlib.suppress(queue.Empty):
            looks.add(self.looks.get(timeout=seconds))
            while True:
                looks.add(self.looks.get_nowait())
        self.crew.check()
        self.woken = real_time()
        if POKED in looks:
            self.used = self.woken
        return looks, has_slept(seconds, self.woken - before, self.times.slack)

    def _notice_end(self, dialogue: Dialogue, look: str) -> None:
        with contextlib.suppress(ValueError):  # closed by us
            while dialogue.line():
                pass
        self.looks.put(look)
