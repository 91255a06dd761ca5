"""What Jupyter answers through the tunnel. All of an answer has to come in a few seconds."""

from __future__ import annotations

import json
import socket
import time

from dockerutils.docks.notebook.jupyter import Server

HERE = "127.0.0.1"
LARGEST = 1 << 16  # bytes of an answer that are looked at
PATIENCE = 3.0  # seconds that an answer may take
PIECE = 1 << 14
FINE, FORBIDDEN = "200", "403"
NOTHING = ("", b"")


def lives(server: Server, port: int, patience: float = PATIENCE) -> bool:
    """Tell whether Jupyter answers at a port of this machine, as far as that is seen without its
    token: somebody else may listen there after a lost connection.
    """
    status, content = asked(port, f"{server.base}api", "", patience)
    return status == FORBIDDEN or (status == FINE and told(content, "version") is not None)


def heard(server: Server, port: int, patience: float = PATIENCE) -> str | None:
    """Ask Jupyter how it is, at a port that is known to be ours: it gets the token.

    Gives when it was used last, as it writes that: an open page asks it for something at once. None
    where it does not answer well.
    """
    status, content = asked(port, f"{server.base}api/status", server.token, patience)
    if status == FORBIDDEN and server.locked:
        return ""
    return last_use(content) if status == FINE else None


def asked(port: int, path: str, token: str, patience: float) -> tuple[str, bytes]:
    """Give the status and the content of an answer, both empty where none comes in time.

    It is asked by HTTP/1.0, in which an answer is what comes until the end.
    """
    name = f"Authorization: token {token}\r\n" if token else ""
    question = f"GET {path} HTTP/1.0\r\nHost: {HERE}:{port}\r\n{name}\r\n"
    end = time.monotonic() + patience
    came = bytearray()
    try:
        with socket.create_connection((HERE, port), timeout=patience) as line:
            line.sendall(question.encode())
            while piece := received(line, end):
                came += piece
                if len(came) > LARGEST:
                    return NOTHING
    except OSError:
        return NOTHING
    head, _, content = bytes(came).partition(b"\r\n\r\n")
    words = head.split(None, 2)
    is_http = len(words) > 1 and words[0].startswith(b"HTTP/")
    return (words[1].decode(errors="replace"), content) if is_http else NOTHING


def received(line: socket.socket, end: float) -> bytes:
    """Give what comes next, b"" at the end; raise `TimeoutError` when it is too late."""
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("it is too slow")
    line.settimeout(left)
    return line.recv(PIECE)


def last_use(content: bytes) -> str | None:
    """Read Jupyter's own status; None for what is none."""
    return told(content, "last_activity")


def told(content: bytes, key: str) -> str | None:
    """Give what an answer says of something; None where it says nothing of it."""
    try:
        return str(json.loads(content)[key])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
