"""Lines to a host: slow ones, and such as are cut."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

PIECE = 1 << 14


@dataclass
class Line:
    """A line to a host that counts what is sent, and is cut at given numbers of bytes.

    What goes in comes out `delay` seconds later, each way.
    """

    target: tuple[str, int]
    cuts: list[int] = field(default_factory=list)
    delay: float = 0.0
    sent: int = 0
    cut: int = 0  # how often
    down: bool = False
    sockets: list[socket.socket] = field(default_factory=list)

    @contextlib.contextmanager
    def open(self) -> Iterator[int]:
        """Give the port of this machine that leads to the host."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=self._serve, args=(listener,), daemon=True).start()
            yield listener.getsockname()[1]
            self.sever()

    def sever(self) -> None:
        """Cut all connections, and take no new ones until `mend`."""
        self.down = True
        while self.sockets:
            shut(self.sockets.pop())

    def mend(self) -> None:
        """Take connections again."""
        self.down = False

    def _serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = listener.accept()[0]
                threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        with client, socket.socket() as host:
            if self.down:
                return
            with contextlib.suppress(OSError):
                host.connect(self.target)
                self.sockets += [client, host]
                ways = (host, client, len, self.delay)
                back = threading.Thread(target=pass_on, args=ways, daemon=True)
                back.start()
                pass_on(client, host, self._count, self.delay)
                back.join()

    def _count(self, piece: bytes) -> None:
        self.sent += len(piece)
        if self.cuts and self.sent >= self.cuts[0]:
            self.cuts.pop(0)
            self.cut += 1
            raise ConnectionResetError


def pass_on(
    source: socket.socket,
    target: socket.socket,
    count: Callable[[bytes], object],
    delay: float = 0.0,
) -> None:
    """Copy all from one socket to another; both are closed where that ends."""
    with contextlib.ExitStack() as stack:
        stack.callback(shut, source, target)
        give = stack.enter_context(late(target, delay)) if delay else target.sendall
        with contextlib.suppress(OSError):
            while piece := source.recv(PIECE):
                give(piece)
                count(piece)


def shut(*ends: socket.socket) -> None:
    """Close both ways of sockets."""
    for one in ends:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def late(target: socket.socket, delay: float) -> Iterator[Callable[[bytes], None]]:
    """Give what sends some seconds later; in the end it waits until all is sent."""
    due: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()

    def send() -> None:
        with contextlib.suppress(OSError):
            while True:
                moment, piece = due.get()
                time.sleep(max(0.0, moment - time.monotonic()))
                if not piece:
                    return
                target.sendall(piece)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    yield lambda piece: due.put((time.monotonic() + delay, piece))
    due.put((0.0, b""))
    sender.join()
