"""What Jupyter answers through the tunnel."""

from __future__ import annotations

import http.client
import json
from contextlib import closing

from dockerutils.docks.notebook.jupyter import Server

HERE = "127.0.0.1"
LARGEST = 1 << 16  # bytes of an answer that are looked at
FINE, FORBIDDEN = 200, 403


def heard(server: Server, port: int, patience: float = 3.0) -> str | None:
    """Ask Jupyter through a port of this machine how it is; None where it does not answer well.

    Gives when it was used last, as it writes that: an open page asks it for something at once.
    """
    headers = {"Authorization": f"token {server.token}"} if server.token else {}
    with closing(http.client.HTTPConnection(HERE, port, timeout=patience)) as line:
        try:
            line.request("GET", f"{server.base}api/status", headers=headers)
            answer = line.getresponse()
            content = answer.read(LARGEST)
        except (OSError, http.client.HTTPException):
            return None
    if answer.status == FORBIDDEN and server.locked:
        return ""
    return last_use(content) if answer.status == FINE else None


def last_use(content: bytes) -> str | None:
    """Read Jupyter's own status; None for what is none."""
    try:
        return str(json.loads(content)["last_activity"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
