"""Host keys: one is known to ssh already, or is confirmed, before anything is said to the host."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from dockerutils.command import Command
from dockerutils.docks.options import RegisterOptions
from dockerutils.docks.registration.ssh_settings import first_of, settings_of
from dockerutils.docks.told import plain
from dockerutils.errors import DockerutilsError, UsageError
from dockerutils.runner import Asks, Crew
from dockerutils.session import Session
from dockerutils.ssh.command import PATIENCE, PLAIN, Address
from dockerutils.ssh.connection import Connection, Unreachable, connected, refused, sockets

FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=?")
UNKNOWN = "host key is known for"  # ssh, of a host that it has no key of: "No ED25519 host key…"
CHANGED = "HOST IDENTIFICATION HAS CHANGED"
UNVERIFIED = "Host key verification failed"
REVOKED = "REVOKED HOST KEY"
# A host has several keys, and the owner may have given the fingerprint of any of them.
ALGORITHMS = (
    "",  # the ones that ssh would choose
    "ssh-ed25519",
    "ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521",
    "rsa-sha2-512,rsa-sha2-256",
)
NOWHERE = ("", "none", "/dev/null")
NEXT = re.compile(r" (?=[/~])")  # `ssh -G` does not mark where a path ends that has spaces
WHERE = "`ssh-keygen -lf /etc/ssh/ssh_host_{}_key.pub` shows it there"


@dataclass(frozen=True)
class HostKey:
    """The key with which a host proved itself: its lines for known_hosts, and its fingerprint."""

    lines: str
    kind: str
    fingerprint: str

    @property
    def where(self) -> str:
        """How the host's owner gets to see the fingerprint."""
        return WHERE.format(self.kind.lower())


@dataclass(frozen=True)
class Introduction:
    """How a host becomes known: to whom it is introduced, and what was said about its key."""

    session: Session
    address: Address
    options: RegisterOptions

    @contextmanager
    def connected(self, crew: Crew) -> Iterator[Connection]:
        """Connect to a host whose key is known or is confirmed now; raise `Unreachable`."""
        expected = self._expected() if self.options.host_key else None
        with ExitStack() as stack:
            folder = stack.enter_context(sockets(self.session.environ))
            try:
                connection = self._connect(stack, crew, folder)
            except Unreachable as error:
                self._make_known(error, expected)
                connection = self._connect(stack, crew, folder)
            yield connection

    def _connect(self, stack: ExitStack, crew: Crew, folder: Path) -> Connection:
        checked = replace(self.address, checked=True)
        return stack.enter_context(connected(checked, crew, folder, self.session.interactive))

    def _make_known(self, error: Unreachable, expected: HostKey | None) -> None:
        """Have ssh know a host from now on, if it only did not know it; raise what it said else."""
        if REVOKED in error.said:
            raise DockerutilsError(
                f"the host key of {self.address} was revoked in your known_hosts.",
                "Do not use this host; ask its owner for its new key.",
            ) from error
        if CHANGED in error.said:  # a host in between may say anything besides
            raise error
        if UNKNOWN not in error.said:
            raise self._on_the_way(error)
        key = expected or self._confirmed()
        add_known(known_hosts(self.session.runner, self.address), key)

    def _on_the_way(self, error: Unreachable) -> Unreachable:
        """Give an error, with the host in between where it is that one's key that is not known."""
        jump = self.address.jump
        if not jump or UNVERIFIED not in error.said:
            return error
        message = f"the host key of {jump}, on the way to {self.address}, is not known here."
        line = shlex.join(("ssh", *self.address.options, self.address.host))
        return Unreachable(
            message,
            f"Connect once with `{line}`, compare the fingerprint that it shows, and accept it.",
        )

    def _expected(self) -> HostKey:
        """Give the key of the host that has the fingerprint that was given."""
        wanted = self.options.host_key.rstrip("=")
        seen: dict[str, HostKey] = {}
        for algorithms in ALGORITHMS:
            key = presented(self.session.runner, self.address, algorithms)
            if key and key.fingerprint == wanted:
                return key
            if key:
                seen.setdefault(key.fingerprint, key)
        raise DockerutilsError(
            f"{self.address} has another host key than {wanted}: {', '.join(seen)}.",
            f"Compare it with the one on the host itself: {next(iter(seen.values())).where}.",
        )

    def _confirmed(self) -> HostKey:
        """Give the host's key once the user has accepted it; raise where nobody does."""
        terminal, host = self.session.terminal, self.address
        key = presented(self.session.runner, host)
        if key is None:
            raise Unreachable(f"{host} shows no host key.", "See that sshd runs there.")
        told = f"its {key.kind} key has the fingerprint {key.fingerprint}"
        if self.options.accept_new:
            terminal.note(f"{host} is accepted unseen, as --accept-new says; {told}.")
        elif not self.session.interactive:
            raise DockerutilsError(
                f"{host} is not known here, and there is no terminal to ask on: {told}.",
                f"Compare it ({key.where}), then add `--host-key {key.fingerprint}`.",
            )
        else:
            terminal.note(f"{host} is not known here; {told}.")
            if not terminal.ask("Is this the right one?"):
                raise DockerutilsError(
                    f"the host key of {host} was not accepted.",
                    f"Ask its owner for the fingerprint: {key.where}.",
                )
        return key


def check_fingerprint(text: str) -> None:
    """Raise `UsageError` for what is no fingerprint as ssh shows it."""
    if text and not FINGERPRINT.fullmatch(text):
        raise UsageError(
            f"--host-key {plain(text, 60)} is no fingerprint.",
            "Write SHA256: and the 43 letters that `ssh-keygen -l` shows.",
        )


def presented(asks: Asks, address: Address, algorithms: str = "") -> HostKey | None:
    """Give the key that a host shows and proves to have; None where it has none of a kind.

    Nothing is said to the host but hello: it is not known yet. Raises `Unreachable`.
    """
    with TemporaryDirectory(prefix="dockerutils-") as folder:
        file = Path(folder, "known_hosts")
        answer = asks.read(introduction(address, file, algorithms))
        try:
            return host_key(file.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            pass
    if algorithms:  # another key of the host was seen before
        return None
    raise refused(address, answer.errors)


def introduction(address: Address, file: Path, algorithms: str = "") -> Command:
    """Give what has ssh note a host's key in a file of its own, and go no further."""
    options = (
        *PLAIN,
        "BatchMode=yes",
        f"ConnectTimeout={PATIENCE}",
        "ControlMaster=no",
        "ControlPath=none",
        "PermitLocalCommand=no",
        "StrictHostKeyChecking=accept-new",
        f"UserKnownHostsFile={quoted(file)}",
        "UpdateHostKeys=no",
        "PreferredAuthentications=none",
        *((f"HostKeyAlgorithms={algorithms}",) if algorithms else ()),
    )
    words = (word for option in options for word in ("-o", option))
    return Command(("ssh", "-T", *words, *address.options, "--", address.host, "true"))


def quoted(file: Path) -> str:
    """Give a path as ssh takes it in an option that may have several, with signs of its own."""
    return '"' + str(file).replace("%", "%%") + '"'


def host_key(lines: str) -> HostKey:
    """Read the lines that ssh wrote for one host; raise `ValueError` for what is none."""
    words = lines.split("\n", 1)[0].split()
    if len(words) < 3:
        raise ValueError("this is no line of known_hosts")
    kind = words[1].removeprefix("ssh-").split("-")[0].upper()
    return HostKey(lines, kind, fingerprint(words[2]))


def fingerprint(key: str) -> str:
    """Give the fingerprint of a public key, as `ssh-keygen -l` shows it; raise `ValueError`."""
    try:
        digest = hashlib.sha256(base64.b64decode(key, validate=True)).digest()
    except binascii.Error as error:
        raise ValueError("this is no public key") from error
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def known_hosts(asks: Asks, address: Address) -> Path:
    """Give the file in which ssh notes the keys of hosts; raise where there is none."""
    files = first_of(settings_of(asks, address), "userknownhostsfile")
    file = NEXT.split(files)[0]
    if file in NOWHERE:
        raise DockerutilsError(
            f"ssh does not note the key of {address}: its UserKnownHostsFile is {file or 'none'}.",
            "Name a file there in your ssh_config, or take the line away.",
        )
    return Path(file)


def add_known(file: Path, key: HostKey) -> None:
    """Add a key to known_hosts, as ssh does when it was told yes."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(number, "r+b") as known:
            known.seek(max(0, known.seek(0, os.SEEK_END) - 1))
            start = b"" if known.read() in (b"", b"\n") else b"\n"
            known.write(start + key.lines.encode())
    except OSError as error:
        raise DockerutilsError(
            f"the host key cannot be noted in {file}: {error.strerror}.",
            "See whose file it is.",
        ) from error
