"""Builders of ssh's command lines: pure functions from values to commands.

All that the user's ssh_config says of a host holds: names, ports, keys, jump hosts, known host
keys. Nothing here weakens how a host's key is checked.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from dockerutils.command import Command, Stdin
from dockerutils.errors import UsageError

PATIENCE = 20  # seconds until a host has to answer
SOON = 10  # seconds until a dock has to: a terminal waits for it
URL = "ssh://"
# Nothing in it can be taken for an option.
PLACE = re.compile(
    r"(?P<user>[^-@/\s][^@/\s]*@)?(?P<host>[^-:@/\[\]\s][^:@/\s]*|\[[^]@/\s]+\])(?::(?P<port>[0-9]+))?"
)
IPV6 = re.compile(r"(?P<user>[^-@/\s][^@/\s]*@)?(?P<host>[0-9a-fA-F:.]+(?:%\w+)?)(?P<port>)")
# What a user's configuration may say, and what would be in the way of one command after the other.
BARE = (
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "Tunnel=no",
    "RemoteCommand=none",
)
PLAIN = (*BARE, "ControlPersist=no")


@dataclass(frozen=True)
class Address:
    """A host as the user names it, in `text`; the key to identify oneself with and the hosts to
    jump over, if any.

    `checked` says that its key was confirmed before: ssh is then not to ask about another one.
    """

    text: str
    host: str
    port: str = ""
    identity: str = ""
    jump: str = ""
    checked: bool = False

    @property
    def options(self) -> tuple[str, ...]:
        """The options that a user would give for it."""
        key = ("-i", self.identity) if self.identity else ()
        jump = ("-J", self.jump) if self.jump else ()
        return (*key, *jump, *(("-p", self.port) if self.port else ()))

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Pace:
    """Times of a standing master, in seconds.

    A host that is silent for `alive` is asked whether it is there; three questions may stay
    unanswered. Without a session the connection `lasts` so long; `connecting` may take so long.
    """

    alive: int = 15
    lasts: int = 20
    connecting: int = SOON


USUAL = Pace()


def parse_address(text: str, identity: str = "") -> Address:
    """Read `HOST`, `user@host[:port]` or `ssh://…`; raise `UsageError` for what is neither."""
    place = text[len(URL) :].rstrip("/") if text.startswith(URL) else text
    found = PLACE.fullmatch(place) or IPV6.fullmatch(place)
    if not found:
        raise UsageError(
            f"`{text}` is no host.", "Write a Host of your ssh_config, or user@host[:port]."
        )
    host = found["host"].removeprefix("[").removesuffix("]")
    return Address(text, f"{found['user'] or ''}{host}", found["port"] or "", identity)


def check_identity(text: str, here: Path, home: str) -> str:
    """Give the path of a key; raise `UsageError` where there is none, which ssh only warns of."""
    if not text:
        return ""
    path = Path(home, text[2:]) if text.startswith("~/") else here / text
    if not path.is_file():
        raise UsageError(
            f"the key {text} is not there.", "Name a private key with --identity, or in SSH_KEY."
        )
    return str(path)


def master(address: Address, socket: Path, asks: bool) -> Command:
    """Connect, and have a shell there take lines; others use the connection through the socket.

    `asks` lets ssh ask on the terminal, for a password or about a host that it does not know.
    """
    options = (
        *PLAIN,
        f"BatchMode={'no' if asks else 'yes'}",
        f"ConnectTimeout={SOON if address.checked else PATIENCE}",
        "ServerAliveInterval=15",
        "ServerAliveCountMax=3",
        "ControlMaster=yes",
        f"ControlPath={socket}",
    )
    return _ssh(address, options, "sh")


def standing_master(
    address: Address, socket: Path, log: Path, asks: bool, pace: Pace = USUAL
) -> Command:
    """Connect, and go to the background; the connection is for others, and ends without them.

    What ssh says goes to the log.
    """
    options = (
        *BARE,
        f"BatchMode={'no' if asks else 'yes'}",
        f"ConnectTimeout={pace.connecting}",
        f"ServerAliveInterval={pace.alive}",
        "ServerAliveCountMax=3",
        "ControlMaster=yes",
        f"ControlPath={socket}",
        f"ControlPersist={pace.lasts}",
        "StreamLocalBindUnlink=yes",
        "StreamLocalBindMask=0177",
        "LogLevel=INFO",
    )
    start, *words = _ssh(address, options, "").argv[:-1]
    return Command((start, "-fNM", "-E", str(log), *words))


def order(socket: Path, what: str, forward: str = "") -> Command:
    """Have a master check that it lives, `exit`, `forward` something or `cancel` that.

    No configuration is read: what it says of forwarding would be done as well.
    """
    forwards = ("-L", forward) if forward else ()
    return Command(("ssh", "-F", "none", "-S", str(socket), "-O", what, *forwards, "--", "master"))


def session(address: Address, socket: Path, script: str) -> Command:
    """Run a shell script over a connection that is there; without it, it fails.

    To a dock no variables are sent, whatever the configuration says: it is not read. An option
    cannot take its `SendEnv` back.
    """
    options = (
        *PLAIN,
        "BatchMode=yes",
        "ControlMaster=no",
        f"ControlPath={socket}",
        "ProxyCommand=false",  # else ssh would connect anew, unseen; it goes with no -J
    )
    start, *words = _ssh(replace(address, jump=""), options, f"sh -c {shlex.quote(script)}").argv
    return Command((start, *(("-F", "none") if address.checked else ()), *words))


def typed(address: Address, script: str, fed_by: str = "") -> Command:
    """Give the line that a user would type to run a script there, fed by another one here."""
    command = ("ssh", *address.options, address.host, script)
    return Command(command, stdin=Stdin("", fed_by) if fed_by else None)


def _ssh(address: Address, options: Iterable[str], remote: str) -> Command:
    checked = ("StrictHostKeyChecking=yes",) if address.checked else ()
    words = (word for option in (*checked, *options) for word in ("-o", option))
    return Command(("ssh", "-T", *words, *address.options, "--", address.host, remote))
