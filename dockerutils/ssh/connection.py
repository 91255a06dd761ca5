"""One connection to a host, which all that is done there shares."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dockerutils.command import Command
from dockerutils.docks.places import FIT
from dockerutils.docks.told import plain
from dockerutils.errors import DockerutilsError
from dockerutils.pipes import Dialogue
from dockerutils.runner import Crew
from dockerutils.ssh.command import Address, master, session

LONGEST = 80  # bytes of a socket's path: ssh adds 17 for a moment, and 108 are the most
CUT = 255  # the status of ssh itself
GREETING = 1 << 20  # letters that a host may write before it listens
LARGEST = 1 << 26  # letters of an answer: a host that says more is out of its mind
SILENCE = 30.0  # seconds for each line; a host that lets us in may take them twice
STRANGE = 4  # times as many, where nobody is asked, for a host that has not let us in


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
DOCK_HINTS = {
    "REMOTE HOST IDENTIFICATION HAS CHANGED": (
        "Compare the new key with its owner's; only then remove the old one with "
        "`ssh-keygen -R {known}`, and register the dock again with `register-dock`."
    ),
    "Host key verification failed": (
        "Register the dock again with `register-dock`: it shows the fingerprint, and asks."
    ),
}
"""What to do instead where the host is a dock, whose key register-dock confirms."""
# How ssh calls the host in known_hosts: "Host key for [h]:2222 has changed and you have …".
KNOWN_AS = re.compile(r"^Host key for ([\w.:%\[\]][\w.:%\[\]-]*) has changed and", re.MULTILINE)
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
    asks: bool = False  # ssh may ask the user, who may take any time

    def ask(self, script: str, limit: int = LARGEST, silence: float = SILENCE) -> str:
        """Have the shell there run a script, and give what it writes; raise `Dropped`.

        Raises `Unreachable` where it writes more than `limit` letters, or nothing for so many
        seconds.
        """
        end = os.urandom(8).hex()
        self.dialogue.tell(f"{{\n{script}\n}} </dev/null 2>&1\necho; echo {end}\n")
        said: list[str] = []
        while (line := self._line(silence)) != f"{end}\n":
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

    def _line(self, silence: float) -> str:
        """Wait for a line, not for ever once there is a connection: ssh then has its socket."""
        tries, inside = 0, False
        while True:
            with contextlib.suppress(TimeoutError):
                return self.dialogue.line(silence)
            tries += 1
            if inside or (tries >= STRANGE and not self.asks):
                raise Unreachable(
                    f"{self.address} says nothing.",
                    "See there whether it is well, and what its login scripts wait for.",
                )
            inside = self.socket.exists()

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
            if len(os.fsencode(path)) < LONGEST and FIT.fullmatch(str(path)):
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
        connection = Connection(address, socket, dialogue, asks)
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


def known_as(address: Address, errors: str) -> str:
    """Give the name of a host in known_hosts, as ssh-keygen takes it in a shell."""
    if found := KNOWN_AS.search(errors):
        return shlex.quote(found[1])
    host = address.host.rpartition("@")[2]
    return shlex.quote(f"[{host}]:{address.port}" if address.port not in ("", "22") else host)


def refused(address: Address, errors: str) -> Unreachable:
    """Describe why there is no connection, by what ssh said of it."""
    line = f"ssh {' '.join((*address.options, address.host))}"
    for mark, message, hint in REASONS:
        if mark.lower() in errors.lower():
            kind = Unreachable if mark == TEMPORARY else Refused
            advice = DOCK_HINTS.get(mark, hint) if address.checked else hint
            told = advice.format(line=line, known=known_as(address, errors))
            return kind(message.format(host=address), told, errors)
    said = [one for one in errors.strip().splitlines() if one.strip()]
    reason = plain(said[-1]).rstrip(".") if said else "ssh gave no reason"
    return Unreachable(
        f"{address} cannot be reached: {reason}.",
        f"See that `{line}` works, then try again.",
        errors,
    )
