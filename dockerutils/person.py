"""Who uses this machine: asked by what has no time to import more."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping


def user_name(environ: Mapping[str, str]) -> str:
    """Give the user's name as getpass does: the environment's first, then the system's."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        if environ.get(name):
            return environ[name]
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user without an entry
        return str(os.getuid())


def home_folder(environ: Mapping[str, str]) -> str:
    """Give the user's home."""
    return environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111
