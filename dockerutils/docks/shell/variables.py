"""The variables of a docked terminal, and the one that holds what was in them before."""

from __future__ import annotations

import binascii
import json
import os
from collections.abc import Mapping

from dockerutils.docks.dock import ENGINE_SOCKET, Dock
from dockerutils.errors import DockerutilsError

RESTORE = "_DOCK_RESTORE"
MONIKER = "DOCK_MONIKER"
MANAGED = (
    "DOCKER_HOST",
    "DOCKER_IP",
    "DOCK_IP",
    "DOCK_HOSTNAME",
    "DOCK_USER",
    MONIKER,
    "DOCK_PROMPT",
    # Docker would prefer these to DOCKER_HOST, or use them with it.
    "DOCKER_CONTEXT",
    "DOCKER_TLS",
    "DOCKER_TLS_VERIFY",
    "DOCKER_CERT_PATH",
    "DOCKER_API_VERSION",
)
Values = Mapping[str, str | None]


class BrokenRestore(DockerutilsError):
    """What was in the variables before cannot be read any more."""


def docked_values(dock: Dock, host: str) -> dict[str, str | None]:
    """Give the managed variables of a terminal that is docked; None for those that it lacks."""
    shown = "".join(letter for letter in dock.name if letter.isprintable())
    given = {
        "DOCKER_HOST": host,
        "DOCKER_IP": dock.address,
        "DOCK_IP": dock.address,
        "DOCK_HOSTNAME": dock.address,
        "DOCK_USER": dock.user or None,
        MONIKER: dock.name,
        "DOCK_PROMPT": f"[dock:{shown}] ",
    }
    return {name: given.get(name) for name in MANAGED}


def direct_host(dock: Dock) -> str:
    """Give the dock's address as docker's own ssh takes it.

    Raises `DockerutilsError` where the dock needs what cannot be said there.
    """
    lacking = {
        "a key of its own": dock.identity,
        "a jump host": dock.jump,
        f"its engine on {dock.socket}": dock.socket != ENGINE_SOCKET,
    }
    reasons = [reason for reason, there in lacking.items() if there]
    if reasons:
        raise DockerutilsError(
            f"{dock} has {' and '.join(reasons)}, which DOCKER_HOST=ssh://… cannot say.",
            "Put that into your ~/.ssh/config and register the Host there, or leave out --direct.",
        )
    user, at, address = dock.login.rpartition("@")
    host = f"[{address}]" if ":" in address else address
    return f"ssh://{user}{at}{host}" + (f":{dock.port}" if dock.port else "")


def is_docked(environ: Mapping[str, str]) -> bool:
    """Tell whether a terminal is docked."""
    return bool(environ.get(RESTORE) or environ.get(MONIKER))


def values_before(environ: Mapping[str, str]) -> Values:
    """Give what was in the managed variables before the terminal was docked.

    Raises `BrokenRestore` where that is lost.
    """
    if RESTORE not in environ:
        return {name: environ.get(name) for name in MANAGED}
    return unpack(environ[RESTORE])


def pack(values: Values) -> str:
    """Give values as a text that fits into a variable."""
    kept = {name: value for name, value in values.items() if value is not None}
    return binascii.b2a_base64(json.dumps(kept).encode(), newline=False).decode()


def unpack(text: str) -> dict[str, str | None]:
    """Give the values that were packed; raise `BrokenRestore` where they are none."""
    try:
        found = json.loads(binascii.a2b_base64(text))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(map(_fits, found.values())):
        raise BrokenRestore(
            f"what was in DOCKER_HOST and the like before is lost: {RESTORE} is damaged.",
            "They are unset now.",
        )
    return {name: found.get(name) for name in MANAGED}


def changes(environ: Mapping[str, str], values: Values) -> dict[str, str | None]:
    """Give those of the values that an environment does not have."""
    return {name: value for name, value in values.items() if environ.get(name) != value}


def _fits(value: object) -> bool:
    """Tell whether something can be in a variable."""
    if value is None:
        return True
    try:
        return isinstance(value, str) and b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False
