"""Sockets of a connection: the dock's engine as it answers here, and ports of this machine.

The engine is asked by HTTP/1.0, in which an answer is what comes until the end. Nothing here may
import what takes long to load: a terminal waits for it.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import time
from pathlib import Path

HERE = "127.0.0.1"
HERE_TOO = "::1"  # the other address that `localhost` stands for
HEAD = 2**16  # bytes that the head of an answer may have
ANSWER = 2**23  # bytes that an answer may have
PIECE = 2**15
END_OF_HEAD = b"\r\n\r\n"
FINE = b"200"


class NoAnswer(OSError):
    """An engine answers with an error, or with more than can be meant."""


def get(path: Path, target: str, patience: float, most: int = ANSWER) -> bytes:
    """Ask an engine, and give the body of its answer; raise `OSError` where there is none.

    It has `patience` seconds for all of it.
    """
    end = time.monotonic() + patience
    with dialled(path, target, patience) as line:
        head, body = head_of(line, end)
        if head.split(None, 2)[1:2] != [FINE]:
            raise NoAnswer("the engine refuses that")
        while piece := received(line, end):
            body += piece
            if len(body) > most:
                raise NoAnswer("the answer is too long")
    return bytes(body)


class Events:
    """An engine's events, which are noticed and not read. Ends with the connection."""

    def __init__(self, path: Path, target: str, patience: float) -> None:
        self.over = False
        self.line = dialled(path, target, patience)
        try:
            head, _ = head_of(self.line, time.monotonic() + patience)
            if head.split(None, 2)[1:2] != [FINE]:
                raise NoAnswer("the engine refuses that")
            self.line.settimeout(None)
        except OSError:
            self.line.close()
            raise

    def come(self) -> bool:
        """Wait for the next ones; false once there can be no more."""
        with contextlib.suppress(OSError):
            if self.line.recv(PIECE):
                return True
        self.over = True
        return False

    def close(self) -> None:
        """Hang up, also under somebody who waits."""
        with contextlib.suppress(OSError):
            self.line.shutdown(socket.SHUT_RDWR)
        self.line.close()


def dialled(path: Path, target: str, patience: float) -> socket.socket:
    """Give a line to an engine that has heard the question."""
    line = socket.socket(socket.AF_UNIX)
    try:
        line.settimeout(patience)
        line.connect(str(path))
        line.sendall(f"GET {target} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
    except OSError:
        line.close()
        raise
    return line


def head_of(line: socket.socket, end: float) -> tuple[bytes, bytearray]:
    """Give the head of an answer, and what has come of its body."""
    came = bytearray()
    while END_OF_HEAD not in came:
        piece = received(line, end)
        came += piece
        if not piece or len(came) > HEAD:
            raise NoAnswer("that is no answer of an engine")
    head, _, body = came.partition(END_OF_HEAD)
    return bytes(head), body


def received(line: socket.socket, end: float) -> bytes:
    """Give what comes next, b"" at the end; raise `TimeoutError` when it is too late."""
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("the engine is too slow")
    line.settimeout(left)
    return line.recv(PIECE)


def is_free(port: int) -> bool:
    """Tell whether nothing on this machine has a TCP port of `localhost`; not for what is none."""
    return all(
        _is_free(*one, port) for one in ((socket.AF_INET, HERE), (socket.AF_INET6, HERE_TOO))
    )


def _is_free(family: socket.AddressFamily, address: str, port: int) -> bool:
    try:
        with socket.socket(family) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as ssh will
            trial.bind((address, port))
    except OverflowError:
        return False
    except OSError as error:  # a machine without IPv6 has nobody there
        return family == socket.AF_INET6 and error.errno != errno.EADDRINUSE
    return True


def address_there(text: str) -> str:
    """Give the address to connect to for what is bound to an address; "" for what is none.

    What is bound to all addresses answers on 127.0.0.1.
    """
    for family, all_of_them in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):  # noqa: S104
        with contextlib.suppress(OSError, ValueError):  # a NUL, or a lone surrogate
            number = socket.inet_pton(family, text)
            known = socket.inet_ntop(family, number)
            return HERE if known == all_of_them else known
    return ""
