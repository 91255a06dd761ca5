"""The only starter of processes: prints a command, then runs it, or only prints it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol

from dockerutils.command import Command, printed_line
from dockerutils.errors import CommandFailed, DockerutilsError, Interrupted, missing_program
from dockerutils.pipes import DRAINING, MOST, Dialogue, Gatherer, Reader, feed, opened, takes
from dockerutils.signals import caught_signals
from dockerutils.terminal import Terminal

GRACE = 3.0  # seconds that what was asked to end has for it, where a network may be gone


@dataclass(frozen=True)
class Plan:
    """What a process's streams are, ours where None, and whether the terminal's keys reach it."""

    stdin: int | None = None
    stdout: int | None = None
    stderr: int | None = None
    apart: bool = False


SHOWN = Plan()
ASKED = Plan(subprocess.DEVNULL, subprocess.PIPE, subprocess.PIPE)
FOLLOWED = Plan(subprocess.DEVNULL, subprocess.PIPE, subprocess.STDOUT, apart=True)
FED = Plan(subprocess.PIPE, subprocess.PIPE, subprocess.PIPE, apart=True)
READ = Plan(subprocess.DEVNULL, subprocess.PIPE, subprocess.PIPE, apart=True)
HELD = Plan(subprocess.PIPE, subprocess.PIPE, subprocess.PIPE)  # it may ask on the terminal


@dataclass(frozen=True)
class Answer:
    """What a question to a program gave: its exit status and its two outputs."""

    status: int
    output: str
    errors: str


class Pipes(Protocol):
    """Processes that are fed, or read from, while they run. None of them is printed."""

    def write(self, command: Command, chunks: Iterable[bytes]) -> Answer:
        """Feed a process, which may end before it has read all; no status is an error."""

    def stream(self, command: Command) -> AbstractContextManager[BinaryIO]:
        """Read what a process writes; raise `CommandFailed` at its end if it fails."""


class Crew(Pipes, Protocol):
    """What runs side by side, in several threads, and is ended as one.

    All raise `Interrupted` once the user has ended it.
    """

    def follow(self, command: Command, take: Callable[[str], None]) -> None:
        """Run a command and hand its lines over as they come; raise `CommandFailed`."""

    def converse(self, command: Command) -> AbstractContextManager[Dialogue]:
        """Talk with a process, line by line, for as long as the `with` lasts."""

    def check(self) -> None:
        """Do nothing until the user ends it."""


class Asks(Protocol):
    """What questions are put to."""

    def read(self, command: Command) -> Answer:
        """Ask a question that changes nothing: not printed, and no status is an error."""


class Starts(Asks, Protocol):
    """Asks, and starts what goes on after us."""

    def start_apart(self, command: Command, log: Path) -> Callable[[], int | None]:
        """Start a process that no key and no end of ours reaches; what it says goes to a log.

        What it gives tells the process's status once it has ended.
        """

    def side_by_side(self, by_main: bool = False) -> AbstractContextManager[Crew]:
        """Run commands that signals end; see `Runner`."""


class Runner(Asks, Protocol):
    """Runs commands. The dry runner and the recording one of the tests are the same kind."""

    def having(self, variables: Mapping[str, str]) -> Runner:
        """Give one whose commands have more in their environment, which is not printed."""

    def run(self, command: Command) -> None:
        """Print and run to the end; raise `CommandFailed` or `Interrupted` if it does not."""

    def hand_over(self, command: Command) -> int:
        """Print, give the terminal to the command, and return its exit status, whatever it is."""

    def side_by_side(self, by_main: bool = False) -> AbstractContextManager[Crew]:
        """Run commands in several threads; signals end them all and come out as `Interrupted`.

        `by_main` says that the main thread runs them: a signal ends what it waits for as well.
        """

    def line(self, command: Command) -> str:
        """Give a command as it is printed here."""


@dataclass(frozen=True)
class ShellRunner:
    """Prints each command to the terminal, then runs it with the user's environment."""

    terminal: Terminal
    environ: Mapping[str, str]
    here: Path
    verbose: bool = False

    def having(self, variables: Mapping[str, str]) -> ShellRunner:
        """Give one whose commands have more in their environment, which is not printed."""
        return replace(self, environ={**self.environ, **variables})

    def run(self, command: Command) -> None:
        """Print and run to the end; raise `CommandFailed` or `Interrupted` if it does not."""
        status, signals = self._attend(command)
        if signals:
            message = f"interrupted while {command.argv[0]} was running."
            raise Interrupted(message, 128 + signals[0])
        if status:
            raise CommandFailed(f"{command.argv[0]} ended with status {status}.", status)

    def hand_over(self, command: Command) -> int:
        """Print, give the terminal to the command, and return its exit status, whatever it is."""
        return self._attend(command)[0]

    def read(self, command: Command) -> Answer:
        """Ask a question that changes nothing; it is shown only when we are verbose."""
        if self.verbose:
            self.terminal.note(f"asked: {command}")
        process = self.start(command, ASKED)
        output, errors = Gatherer(process.stdout, MOST, process.kill), Gatherer(process.stderr)
        feed_command(process, command)
        return answer_of(process, output, errors, patience=None)

    def start_apart(self, command: Command, log: Path) -> Callable[[], int | None]:
        """Start a process that no key and no end of ours reaches; what it says goes to a log.

        What it gives tells the process's status once it has ended.
        """
        with log.open("ab") as file:
            plan = Plan(subprocess.DEVNULL, file.fileno(), subprocess.STDOUT, apart=True)
            process = self.start(command, plan)
        threading.Thread(target=process.wait, daemon=True).start()  # else its end would stay
        return process.poll

    def _attend(self, command: Command) -> tuple[int, list[int]]:
        self.terminal.command(printed_line(command, self.here))
        with caught_signals() as signals:
            process = self.start(command, SHOWN)
            signals.attach(process)
            feed_command(process, command)
            process.wait()
        return exit_status(process), signals.came

    @contextlib.contextmanager
    def side_by_side(self, by_main: bool = False) -> Iterator[ShellCrew]:
        """Run commands in several threads; signals end them all and come out as `Interrupted`."""
        crew = ShellCrew(self.start, Group(by_main=by_main))
        with caught_signals(crew.group.end) as signals:
            try:
                yield crew
            except DockerutilsError:  # a question may have failed because the signal ended it
                if not signals.came:
                    raise
        if signals.came:
            raise Interrupted("interrupted; what was running has ended.", 128 + signals.came[0])

    def line(self, command: Command) -> str:
        """Give a command as it is printed here."""
        return printed_line(command, self.here)

    def start(self, command: Command, plan: Plan) -> subprocess.Popen[str]:
        """Start a process; raise `EngineError` or `CommandFailed` where that cannot be."""
        talk = sys.stderr.fileno() if command.talks else None
        try:
            return subprocess.Popen(
                command.argv,
                env={**self.environ, **command.variables()},
                cwd=command.folder,
                stdin=subprocess.PIPE if command.stdin else plan.stdin,
                stdout=talk if plan.stdout is None else plan.stdout,
                stderr=plan.stderr,
                start_new_session=plan.apart,
                encoding="utf-8",
                errors="replace",
            )
        except FileNotFoundError as error:
            if command.folder and not command.folder.is_dir():
                raise CommandFailed(f"the folder {command.folder} is gone.", 1) from error
            raise missing_program(command.argv[0]) from error
        except (OSError, ValueError) as error:  # a NUL or a character that the locale has not
            reason = error.strerror if isinstance(error, OSError) else error
            raise CommandFailed(f"{command.argv[0]} cannot be started: {reason}.", 1) from error


@dataclass
class Group:
    """Processes that run side by side, each in a session of its own, which no key reaches."""

    running: set[subprocess.Popen[str]] = field(default_factory=set)
    ended: bool = False
    by_main: bool = False  # the main thread works, and does not only wait for others

    @contextlib.contextmanager
    def member(self, process: subprocess.Popen[str]) -> Iterator[None]:
        """Count a process as running; it ends at once if the others have been ended."""
        self.running.add(process)
        try:
            if self.ended:
                send(process, signal.SIGINT)
            yield
        finally:
            self.running.discard(process)
            if self.ended:  # a shell's background jobs are deaf to the SIGINT that ended it
                send(process, signal.SIGTERM)

    def end(self, number: int) -> None:
        """End all processes: as the signal says at first, by force the second time.

        Raises `Interrupted` where the main thread itself is at work, and there is no process to
        end: it may wait for a registry that does not answer.
        """
        waits = self.by_main and (not self.running or self.ended)
        for process in tuple(self.running):
            send(process, signal.SIGKILL if self.ended else number)
        self.ended = True
        late = threading.Timer(GRACE, self.end_connections)
        late.daemon = True
        late.start()
        if waits:
            raise Interrupted("interrupted before it was done.")

    def end_connections(self) -> None:
        """End by force what still waits for a host: ssh is deaf while its network is gone."""
        for process in tuple(self.running):
            if isinstance(process.args, tuple) and process.args[:1] == ("ssh",):
                send(process, signal.SIGKILL)


@dataclass(frozen=True)
class ShellCrew:
    """Processes that run side by side, each in a session of its own, which no key reaches."""

    start: Callable[[Command, Plan], subprocess.Popen[str]]
    group: Group = field(default_factory=Group)

    def check(self) -> None:
        """Raise `Interrupted` once the user has ended what runs side by side."""
        if self.group.ended:
            raise Interrupted("interrupted before it was done.")

    def follow(self, command: Command, take: Callable[[str], None]) -> None:
        """Run a command and hand its lines over as they come; raise `CommandFailed`."""
        with self._member(command, FOLLOWED) as process:
            feed_command(process, command)
            reader = Reader(process.stdout, take, process.terminate)
            reader.start()
            process.wait()
            # What the process left in the background may hold the pipe: its end is not ours.
            reader.join(DRAINING)
        if reader.failure:
            raise reader.failure
        self._end(command, process, "")

    def write(self, command: Command, chunks: Iterable[bytes]) -> Answer:
        """Feed a process, which may end before it has read all; no status is an error."""
        with self._member(command, FED) as process:
            kill = partial(send, process, signal.SIGKILL)
            output, errors = Gatherer(process.stdout, MOST, kill), Gatherer(process.stderr)
            self._pour(chunks, process)
            answer = answer_of(process, output, errors, DRAINING)
        self._while_running(command)
        return answer

    @contextlib.contextmanager
    def stream(self, command: Command) -> Iterator[BinaryIO]:
        """Read what a process writes; raise `CommandFailed` at its end if it fails."""
        with self._member(command, READ) as process:
            errors = Gatherer(process.stderr)
            try:
                with opened(process.stdout) as output, contextlib.ExitStack() as given_up:
                    given_up.callback(send, process, signal.SIGTERM)
                    yield output.buffer
                    given_up.pop_all()
            finally:
                process.wait()
        self._end(command, process, errors.text())

    @contextlib.contextmanager
    def converse(self, command: Command) -> Iterator[Dialogue]:
        """Talk with a process, line by line, for as long as the `with` lasts."""
        with self._member(command, HELD) as process:
            with Dialogue(process.stdin, process.stdout, process.stderr) as dialogue:
                try:
                    yield dialogue
                finally:
                    process.terminate()
            late = threading.Timer(GRACE, process.kill)  # ssh is deaf while its network is gone
            late.start()
            process.wait()
            late.cancel()

    def _pour(self, chunks: Iterable[bytes], process: subprocess.Popen[str]) -> None:
        """Write all to a process; end it where there is no more to be had, not where it ends."""
        pipe = opened(process.stdin)
        try:
            with contextlib.ExitStack() as given_up:
                # Killed: the end of its input would look like the end of a whole one.
                given_up.callback(process.wait)
                given_up.callback(send, process, signal.SIGKILL)
                for chunk in chunks:
                    self.check()
                    if not takes(pipe, chunk):
                        break
                given_up.pop_all()
        finally:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    @contextlib.contextmanager
    def _member(self, command: Command, plan: Plan) -> Iterator[subprocess.Popen[str]]:
        self.check()
        process = self.start(command, plan)
        with self.group.member(process):
            yield process

    def _while_running(self, command: Command) -> None:
        if self.group.ended:
            raise Interrupted(f"interrupted while {command.argv[0]} was running.")

    def _end(self, command: Command, process: subprocess.Popen[str], errors: str) -> None:
        """Raise what became of a process that did not end well."""
        self._while_running(command)
        status = exit_status(process)
        if status:
            said = errors.strip().splitlines()
            reason = f": {said[-1]}" if said else "."
            message = f"{command.argv[0]} ended with status {status}{reason}"
            raise CommandFailed(message, status, said=errors)


def answer_of(
    process: subprocess.Popen[str], output: Gatherer, errors: Gatherer, patience: float | None
) -> Answer:
    """Wait for the end of a process, and give its answer.

    `patience` is for the outputs, which what it left in the background may hold.
    """
    process.wait()
    said, complaints = output.text(patience), errors.text(patience)
    if output.full:
        complaints += f"it was ended: its answer has more than {MOST >> 20} MB.\n"
    return Answer(exit_status(process), said, complaints)


def exit_status(process: subprocess.Popen[str]) -> int:
    """Give the status as a shell tells it: 128 and the signal's number for a killed process."""
    status = process.returncode
    return status if status >= 0 else 128 - status


def send(process: subprocess.Popen[str], number: int) -> None:
    """Send a signal to a process, with those that it started if it has a session of its own."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:  # it is in our session, or has ended
        process.send_signal(number)


def feed_command(process: subprocess.Popen[str], command: Command) -> None:
    """Give a process what its command says that it reads."""
    if command.stdin:
        feed(process.stdin, command.stdin.text)
