"""What goes to the Docker engine, in bytes: a socket that hands all on, and counts."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.processes import Place

PIECE = 1 << 18


class EngineMeter:
    """Counts the bytes that clients send through a socket to the engine behind it."""

    def __init__(self, address: Path, engine: str) -> None:
        """Listen at `address` for clients of the engine at the path `engine`."""
        self.address, self.engine = address, engine
        self.sent = 0
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(address))
        self._listener.listen()

    def serve(self) -> None:
        """Hand on one connection after the other, until `close`."""
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Take no more clients."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _connect(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as engine:
            engine.connect(self.engine)
            back = threading.Thread(target=hand_on, args=(engine, client), daemon=True)
            back.start()
            for size in hand_on_pieces(client, engine):
                with self._lock:
                    self.sent += size
            back.join()


def hand_on(source: socket.socket, target: socket.socket) -> None:
    """Copy all from one socket to another."""
    for _ in hand_on_pieces(source, target):
        pass


def hand_on_pieces(source: socket.socket, target: socket.socket) -> Iterator[int]:
    """Copy all from one socket to another, tell the size of each piece, and say where it ends."""
    with suppress(OSError):
        while piece := source.recv(PIECE):
            target.sendall(piece)
            yield len(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def metered(place: Place, folder: Path, engine: str) -> Iterator[tuple[Place, EngineMeter]]:
    """Give a place whose processes reach the engine through a meter, and the meter."""
    meter = EngineMeter(folder / "engine.sock", engine)
    thread = threading.Thread(target=meter.serve)
    thread.start()
    try:
        variables = {**place.variables, "DOCKER_HOST": f"unix://{meter.address}"}
        yield Place(place.folder, variables), meter
    finally:
        meter.close()
        thread.join()
        meter.address.unlink()
