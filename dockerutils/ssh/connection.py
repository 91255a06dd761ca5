"""One connection to a host, which all that is done there shares."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dockerutils.command import Command
from dockerutils.docks.told import plain
from dockerutils.errors import DockerutilsError
from dockerutils.pipes import Dialogue
from dockerutils.runner import Crew
from dockerutils.ssh.command import Address, master, session

LONGEST = 80  # bytes of a socket's path: ssh adds 17 for a moment, and 108 are the most
CUT = 255  # the status of ssh itself
GREETING = 1 << 20  # letters that a host may write before it listens
LARGEST = 1 << 26  # letters of an answer: a host that says more is out of its mind


REASONS = (
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        (
            "{host} has another host key than before: it may have been set up anew, or another "
            "machine answers in its place."
        ),
        (
            "Compare the new key with its owner's; only then remove the old one with "
            "`ssh-keygen -R`, and connect once with `{line}`."
        ),
    ),
    (
        "Host key verification failed",
        "the host key of {host} is not known here.",
        "Connect once with `{line}`, compare the fingerprint that it shows, and accept it.",
    ),
    (
        "Permission denied",
        "{host} does not let you in.",
        "See that `{line}` works; name a key with --identity or SSH_KEY, or add it to your agent.",
    ),
    (
        "Could not resolve hostname",
        "there is no host {host}.",
        "Write a Host of your ssh_config, or user@host[:port].",
    ),
)
"""What ssh says, and what that means for a user."""
TEMPORARY = "Could not resolve hostname"  # of these: a network may come back


class Unreachable(DockerutilsError):
    """A host cannot be reached, or does not let us in: another try would end the same.

    `said` is all that ssh wrote about it.
    """

    def __init__(self, message: str, hint: str = "", said: str = "") -> None:
        super().__init__(message, hint)
        self.said = said


class Refused(Unreachable):
    """A host answers, and is not the one that we know or does not let us in."""


class Dropped(DockerutilsError):
    """A connection that was there is there no more."""


@dataclass(frozen=True)
class Connection:
    """A connection to a host, with a shell at its other end that answers questions."""

    address: Address
    socket: Path
    dialogue: Dialogue

    def ask(self, script: str, limit: int = LARGEST) -> str:
        """Have the shell there run a script, and give what it writes; raise `Dropped`.

        Raises `Unreachable` where it writes more than `limit` letters.
        """
        end = os.urandom(8).hex()
        self.dialogue.tell(f"{{\n{script}\n}} </dev/null 2>&1\necho; echo {end}\n")
        said: list[str] = []
        while (line := self.dialogue.line()) != f"{end}\n":
            if not line:
                raise dropped(self.address)
            said.append(line)
            limit -= len(line)
            if limit < 0:
                raise Unreachable(
                    f"{self.address} says more than was asked.",
                    "See what its shell and its login scripts write.",
                )
        return "".join(said)

    def run(self, script: str) -> Command:
        """Give the command that runs a script there over this connection."""
        return session(self.address, self.socket, script)


@contextlib.contextmanager
def sockets(environ: Mapping[str, str]) -> Iterator[Path]:
    """Give a folder for the sockets of connections, which nobody else may enter."""
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    with contextlib.ExitStack() as stack:
        for parent in (runtime, None, "/tmp"):  # noqa: S108  # the folder in it is private
            if parent == "" or (parent == runtime and not is_private(Path(runtime))):
                continue
            folder = tempfile.TemporaryDirectory(prefix="du-", dir=parent)
            path = Path(stack.enter_context(folder))
            if len(os.fsencode(path)) < LONGEST:
                break
        yield path


def is_private(folder: Path) -> bool:
    """Tell whether a folder is there and nobody else's."""
    try:
        about = folder.stat()
    except OSError:
        return False
    return about.st_uid == os.getuid() and stat.S_ISDIR(about.st_mode)


@contextlib.contextmanager
def connected(address: Address, crew: Crew, folder: Path, asks: bool) -> Iterator[Connection]:
    """Connect; raise `Unreachable` with what to do. The connection ends with the `with`."""
    socket = folder / os.urandom(4).hex()
    with crew.converse(master(address, socket, asks)) as dialogue:
        connection = Connection(address, socket, dialogue)
        try:
            connection.ask(":", GREETING)
        except Dropped:
            crew.check()
            raise refused(address, dialogue.errors()) from None
        yield connection


@contextlib.contextmanager
def attached(address: Address, crew: Crew, socket: Path) -> Iterator[Connection]:
    """Use a master that is there; raise `Dropped` where it is not. It stays afterwards."""
    with crew.converse(session(address, socket, "sh")) as dialogue:
        connection = Connection(address, socket, dialogue)
        connection.ask(":", GREETING)
        yield connection


def dropped(address: Address) -> Dropped:
    """Describe a connection that is gone."""
    return Dropped(
        f"the connection to {address} was lost.",
        "Run the same command again: what has arrived is not sent again.",
    )


def refused(address: Address, errors: str) -> Unreachable:
    """Describe why there is no connection, by what ssh said of it."""
    line = f"ssh {' '.join((*address.options, address.host))}"
    for mark, message, hint in REASONS:
        if mark.lower() in errors.lower():
            kind = Unreachable if mark == TEMPORARY else Refused
            return kind(message.format(host=address), hint.format(line=line), errors)
    said = [one for one in errors.strip().splitlines() if one.strip()]
    reason = plain(said[-1]).rstrip(".") if said else "ssh gave no reason"
    return Unreachable(
        f"{address} cannot be reached: {reason}.",
        f"See that `{line}` works, then try again.",
        errors,
    )
