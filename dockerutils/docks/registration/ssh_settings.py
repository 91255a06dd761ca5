"""What ssh would do about a host, by the user's ssh_config: `ssh -G` tells, without connecting."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass

from dockerutils.command import Command
from dockerutils.docks.dock import DEFAULT_USER
from dockerutils.errors import UsageError
from dockerutils.runner import Asks
from dockerutils.ssh.command import Address

NOBODY = "dockerutils-nobody.invalid"  # a host that no ssh_config describes (RFC 6761)
# What differs between any two hosts.
VARYING = frozenset({"host", "hostname", "controlpath", "localcommand", "remotecommand"})

Settings = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Login:
    """The user to log in as, and why it is this one."""

    user: str
    reason: str


def settings_of(asks: Asks, address: Address) -> Settings:
    """Ask ssh for its settings for a host; raise `UsageError` where it takes them for wrong."""
    command = Command(("ssh", "-G", *address.options, "--", address.host))
    answer = asks.read(command)
    if answer.status:
        said = answer.errors.strip().splitlines() or ["it gave no reason."]
        raise UsageError(
            f"ssh cannot say how {address} is reached: {said[-1]}", f"See what `{command}` says."
        )
    found: dict[str, tuple[str, ...]] = {}
    for line in answer.output.splitlines():
        key, _, value = line.partition(" ")
        found[key] = (*found.get(key, ()), value)
    return found


def first_of(settings: Settings, key: str) -> str:
    """Give the first value of a setting, "" where there is none."""
    return settings.get(key, ("",))[0]


def local_login() -> str:
    """Give the name that ssh takes for the user's: the system's, whatever the environment says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user without an entry, for whom ssh does nothing at all
        return ""


def login_of(asks: Asks, host: str, local: str) -> Login:
    """Give the user that ssh_config says for a host, else the usual one of a dock.

    ssh always names a user, the local one if nothing else: that counts where the host has an
    entry of its own.
    """
    own = settings_of(asks, Address(host, host))
    others = settings_of(asks, Address(NOBODY, NOBODY))
    user = first_of(own, "user")
    if user != local or is_described(own, others, host):
        return Login(user, "as your ssh_config says")
    return Login(DEFAULT_USER, "since neither --user, DOCK_USER nor your ssh_config says another")


def is_described(own: Settings, others: Settings, host: str) -> bool:
    """Tell whether ssh_config has something for a host that it does not have for every other."""
    if first_of(own, "hostname").lower() != host.lower():
        return True
    mine, theirs = comparable(own, host), comparable(others, NOBODY)
    return any(mine.get(key) != theirs.get(key) for key in mine.keys() | theirs.keys())


def comparable(settings: Settings, host: str) -> Settings:
    """Give the settings without the host's own name in them."""
    return {
        key: tuple(value.replace(host, "") for value in values)
        for key, values in settings.items()
        if key not in VARYING
    }
