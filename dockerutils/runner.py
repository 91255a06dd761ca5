"""The only starter of processes: prints a command, then runs it, or only prints it."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from dockerutils.command import Command
from dockerutils.errors import CommandFailed, DockerutilsError, EngineError, Interrupted
from dockerutils.terminal import Terminal

DRAINING = 1.0  # seconds that the output of a process may outlive it


@dataclass(frozen=True)
class Answer:
    """What a question to a program gave: its exit status and its two outputs."""

    status: int
    output: str
    errors: str


Follow = Callable[[Command, Callable[[str], None]], None]
"""Runs a command in the calling thread and hands its lines over as they come; not printed.

Raises `CommandFailed`, and `Interrupted` once the user has ended what runs side by side.
"""


class Runner(Protocol):
    """Runs commands. The dry runner and the recording one of the tests are the same kind."""

    def run(self, command: Command) -> None:
        """Print and run to the end; raise `CommandFailed` or `Interrupted` if it does not."""

    def hand_over(self, command: Command) -> int:
        """Print, give the terminal to the command, and return its exit status, whatever it is."""

    def read(self, command: Command) -> Answer:
        """Ask a question that changes nothing: not printed, and no status is an error."""

    def side_by_side(self) -> AbstractContextManager[Follow]:
        """Run commands in several threads; signals end them all and come out as `Interrupted`."""

    def line(self, command: Command) -> str:
        """Give a command as it is printed here."""


@dataclass(frozen=True)
class ShellRunner:
    """Prints each command to the terminal, then runs it with the user's environment."""

    terminal: Terminal
    environ: Mapping[str, str]
    here: Path
    verbose: bool = False

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
        process = self._start(command, stdin=subprocess.DEVNULL, pipe=True)
        output, errors = process.communicate()
        return Answer(exit_status(process), output, errors)

    def _attend(self, command: Command) -> tuple[int, list[int]]:
        self.terminal.command(printed_line(command, self.here))
        with caught_signals() as signals:
            process = self._start(command)
            signals.attach(process)
            feed(process, command)
            process.wait()
        return exit_status(process), signals.came

    @contextlib.contextmanager
    def side_by_side(self) -> Iterator[Follow]:
        """Run commands in several threads; signals end them all and come out as `Interrupted`."""
        group = Group()
        with caught_signals(group.end) as signals:
            try:
                yield lambda command, take: self._follow(group, command, take)
            except DockerutilsError:  # a question may have failed because the signal ended it
                if not signals.came:
                    raise
        if signals.came:
            raise Interrupted("interrupted; what was running has ended.", 128 + signals.came[0])

    def _follow(self, group: Group, command: Command, take: Callable[[str], None]) -> None:
        if group.ended:
            raise Interrupted("interrupted before it began.")
        process = self._start(command, stdin=subprocess.DEVNULL, merged=True)
        with group.member(process):
            feed(process, command)
            reader = Reader(process, take)
            reader.start()
            process.wait()
            # What the process left in the background may hold the pipe: its end is not ours.
            reader.join(DRAINING)
        if reader.failure:
            raise reader.failure
        status = exit_status(process)
        if group.ended:
            raise Interrupted(f"interrupted while {command.argv[0]} was running.")
        if status:
            raise CommandFailed(f"{command.argv[0]} ended with status {status}.", status)

    def line(self, command: Command) -> str:
        """Give a command as it is printed here."""
        return printed_line(command, self.here)

    def _start(
        self,
        command: Command,
        stdin: int | None = None,
        pipe: bool = False,
        merged: bool = False,
    ) -> subprocess.Popen[str]:
        talk = sys.stderr.fileno() if command.talks else None
        try:
            return subprocess.Popen(
                command.argv,
                env={**self.environ, **command.variables()},
                cwd=command.folder,
                stdin=subprocess.PIPE if command.stdin else stdin,
                stdout=subprocess.PIPE if pipe or merged else talk,
                stderr=subprocess.PIPE if pipe else subprocess.STDOUT if merged else None,
                start_new_session=merged,
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


@dataclass(frozen=True)
class DryRunner:
    """Prints commands as a shell script on standard output and runs none of them."""

    terminal: Terminal
    here: Path
    begun: list[bool] = field(default_factory=list)

    def run(self, command: Command) -> None:
        """Print the line that would run."""
        self.begin()
        self.terminal.data(printed_line(command, self.here))

    def hand_over(self, command: Command) -> int:
        """Print the line that would get the terminal."""
        self.run(command)
        return 0

    def read(self, command: Command) -> Answer:
        """Refuse: a dry run asks nobody."""
        raise EngineError(f"a dry run cannot ask: {command}")

    @contextlib.contextmanager
    def side_by_side(self) -> Iterator[Follow]:
        """Print the lines one after the other."""
        yield lambda command, _take: self.run(command)

    def line(self, command: Command) -> str:
        """Give a command as it is printed here."""
        return printed_line(command, self.here)

    def begin(self) -> None:
        """Print the head of the script, once: it stops at a failure, and knows its folder."""
        if self.begun:
            return
        self.begun.append(True)
        self.terminal.data(f"#!/bin/sh\nset -e\ncd {shlex.quote(str(self.here))}")


def printed_line(command: Command, here: Path) -> str:
    """Give the line to paste: in a sub-shell with its folder where that is not the user's."""
    if command.folder in (None, here):
        return str(command)
    return f"(cd {shlex.quote(os.path.relpath(str(command.folder), here))} && {command})"


def exit_status(process: subprocess.Popen[str]) -> int:
    """Give the status as a shell tells it: 128 and the signal's number for a killed process."""
    status = process.returncode
    return status if status >= 0 else 128 - status


class Signals:
    """The signals that came while a process ran; it gets them, and decides what they mean."""

    def __init__(self, also: Callable[[int], None] = lambda _number: None) -> None:
        self.also = also
        self.came: list[int] = []
        self.process: subprocess.Popen[str] | None = None

    def attach(self, process: subprocess.Popen[str]) -> None:
        """Pass signals on to a process, also those that came while it started."""
        self.process = process
        for number in self.came:
            process.send_signal(number)

    def take(self, number: int, _frame: object) -> None:
        """Note a signal, and pass it on where the terminal has not done so.

        The terminal sends Ctrl-C to the child as well; a `kill` of us alone does not reach it.
        """
        self.came.append(number)
        self.also(number)
        if self.process and (number != signal.SIGINT or not in_foreground()):
            self.process.send_signal(number)


@dataclass
class Group:
    """Processes that run side by side, each in a session of its own, which no key reaches."""

    running: set[subprocess.Popen[str]] = field(default_factory=set)
    ended: bool = False

    @contextlib.contextmanager
    def member(self, process: subprocess.Popen[str]) -> Iterator[None]:
        """Count a process as running; it ends at once if the others have been ended."""
        self.running.add(process)
        try:
            if self.ended:
                self._signal(process, signal.SIGINT)
            yield
        finally:
            self.running.discard(process)
            if self.ended:  # a shell's background jobs are deaf to the SIGINT that ended it
                self._signal(process, signal.SIGTERM)

    def end(self, number: int) -> None:
        """End all processes: as the signal says at first, by force the second time."""
        for process in tuple(self.running):
            self._signal(process, signal.SIGKILL if self.ended else number)
        self.ended = True

    @staticmethod
    def _signal(process: subprocess.Popen[str], number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)


class Reader(threading.Thread):
    """Hands over what a process writes, until nobody holds its output any more.

    Where that fails the process is ended: nobody would know how it goes on.
    """

    def __init__(self, process: subprocess.Popen[str], take: Callable[[str], None]) -> None:
        super().__init__(daemon=True)
        self.process = process
        self.take = take
        self.failure: OSError | None = None

    def run(self) -> None:
        """Hand over line by line."""
        with self.process.stdout or contextlib.nullcontext(()) as lines:
            try:
                for line in lines:
                    self.take(line)
            except OSError as error:
                self.failure = error
                self.process.terminate()


def feed(process: subprocess.Popen[str], command: Command) -> None:
    """Write what a process reads; it may end before it has read all."""
    if command.stdin and process.stdin:
        with contextlib.suppress(BrokenPipeError), process.stdin:
            process.stdin.write(command.stdin.text)


@contextlib.contextmanager
def caught_signals(also: Callable[[int], None] = lambda _number: None) -> Iterator[Signals]:
    """Take Ctrl-C and the like instead of ending at once; `also` is told of each."""
    signals = Signals(also)
    caught = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signals.take) for number in caught}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def in_foreground() -> bool:
    """Tell whether the terminal's keys reach this process's group."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def missing_program(name: str) -> EngineError:
    """Describe a program that is not on the PATH."""
    if name == "docker":
        hint = "Install Docker's command line (on Debian: `apt install docker.io docker-cli`)."
    else:
        hint = f"Install {name}, or put it on the PATH."
    return EngineError(f"the program {name} was not found.", hint)
