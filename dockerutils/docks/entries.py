"""A dock's entry in a file: read, checked and written. Files may have been edited by hand.

Nothing here may import what takes long to load: a terminal waits for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields

from dockerutils.docks.dock import ENGINE_SOCKET, MONIKER, Dock

# What neither ssh nor a shell takes in a name (OpenSSH's valid_hostname and valid_ruser).
HOST = re.compile(r"[^-\s'\"`$\\;&<>|(){}/@,][^\s'\"`$\\;&<>|(){}/@,]*")
USER = re.compile(r"[^-\s'\"`$\\;&<>|(){}/@:,][^\s'\"`$\\;&<>|(){}/@:,]*")
JUMP = re.compile(r"[^-\s'\"`$\\;&<>|(){}][^\s'\"`$\\;&<>|(){}]*")
# ssh expands `%` and `${…}` in the paths that it forwards, and a colon ends one there.
SOCKET = re.compile(r"/[A-Za-z0-9_/.+@-]+")
FOLDER = re.compile(r"/.*")
PORTS = 65535
KEYS = tuple(one.name for one in fields(Dock) if one.name not in {"name", "more"})


def read_entry(name: str, table: object) -> Dock:
    """Read the entry of a dock; raise `ValueError` with what is wrong with it."""
    if not isinstance(table, dict):
        raise ValueError("it is no table")  # all that is wrong is one error
    known = {key: value for key, value in table.items() if key in KEYS}
    for key, value in known.items():
        kind = int if key == "port" else str
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ValueError(f"its {key} is no {'number' if kind is int else 'text'}")
    if "address" not in known:
        raise ValueError("it has no address")
    more = {key: value for key, value in table.items() if key not in KEYS}
    dock = Dock(name=name, **known, more=more)
    if flaw := flaw_of(dock):
        raise ValueError(flaw)
    return dock


def entry_of(dock: Dock) -> dict[str, object]:
    """Give the entry of a dock: what is not said is left out, and so is what is usual."""
    said = {key: getattr(dock, key) for key in KEYS}
    if said["socket"] == ENGINE_SOCKET:
        del said["socket"]
    return {**{key: value for key, value in said.items() if value}, **dock.more}


def flaw_of(dock: Dock) -> str:
    """Tell what is wrong with a dock, "" for nothing: what could be taken for something else."""
    texts = {key: value for key in KEYS if isinstance(value := getattr(dock, key), str)}
    checks: Mapping[str, tuple[re.Pattern[str], str]] = {
        "address": (HOST, "no host"),
        "user": (USER, "no user name"),
        "jump": (JUMP, "no list of hosts"),
        "socket": (SOCKET, "no path of a socket that ssh could forward"),
        "workspace": (FOLDER, "no absolute path"),
    }
    for key, text in texts.items():
        if not text.isprintable():
            return f"its {key} holds what cannot be seen"
        pattern, lack = checks.get(key, (None, ""))
        if pattern and (text or key == "address") and not pattern.fullmatch(text):
            return f"its {key} `{text}` is {lack}"
    if not 0 <= dock.port <= PORTS:
        return f"its port {dock.port} is none"
    return "" if dock.name == dock.address else moniker_flaw(dock.name)


def moniker_flaw(name: str) -> str:
    """Tell what is wrong with a moniker, "" for nothing."""
    if MONIKER.fullmatch(name):
        return ""
    return f"its name {name!a} is neither its address nor letters, digits, `_`, `.` and `-`"
