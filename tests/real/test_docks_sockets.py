"""What comes through a forwarded socket: an engine's answers, and those of who only claims so."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dockerutils.docks.connection.forwards import published
from dockerutils.docks.connection.presence import answers
from dockerutils.docks.connection.sockets import Events, NoAnswer, get
from dockerutils.docks.connection.status import Forward

pytestmark = pytest.mark.real

FINE = b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\n"
Serve = Callable[..., Path]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start what gives each caller some pieces, and then hangs up or is silent."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(*pieces: bytes, silent: bool = False) -> Path:
        path = tmp_path / f"{len(listeners)}.sock"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        listeners.append(listener)
        words = (listener, pieces, silent)
        threads.append(threading.Thread(target=give, args=words))
        threads[-1].start()
        return path

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join()
    for listener in listeners:
        listener.close()


def give(listener: socket.socket, pieces: tuple[bytes, ...], silent: bool) -> None:
    with contextlib.ExitStack() as kept, contextlib.suppress(OSError):
        while True:
            caller = kept.enter_context(listener.accept()[0])
            caller.recv(4096)
            with contextlib.suppress(OSError):
                for piece in pieces:
                    caller.sendall(piece)
            if not silent:
                caller.close()


def test_an_answer_is_what_comes_until_the_end(serve: Serve) -> None:
    path = serve(FINE[:20], FINE[20:] + b"a", b"b\r\n\r\nc")

    assert b"ab\r\n\r\nc" == get(path, "/x", 30)
    assert answers(path)


@pytest.mark.parametrize(
    "piece", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.0 500 No\r\n\r\n", b"\r\n\r\n", b"x" * 70000]
)
def test_what_is_no_good_answer_is_none(serve: Serve, piece: bytes) -> None:
    assert not answers(serve(piece), 30)


def test_who_is_silent_is_not_waited_for_for_long(serve: Serve) -> None:
    with pytest.raises(TimeoutError):
        get(serve(silent=True), "/x", 0.1)
    with pytest.raises(TimeoutError):
        get(serve(FINE, b"x", silent=True), "/x", 0.1)


def test_an_answer_without_end_is_not_kept(serve: Serve) -> None:
    with pytest.raises(NoAnswer, match="too long"):
        get(serve(FINE, *[b"x" * 1000] * 50), "/x", 30, most=20_000)


def test_events_are_noticed_until_their_end(serve: Serve) -> None:
    events = Events(serve(FINE, b"{}\n"), "/events", 30)
    while events.come():
        assert not events.over
    events.close()

    assert events.over


def test_who_waits_for_events_is_released_when_they_are_given_up(serve: Serve) -> None:
    events = Events(serve(FINE, silent=True), "/events", 30)
    waiter = threading.Thread(target=events.come)
    waiter.start()
    events.close()
    waiter.join(30)

    assert not waiter.is_alive()


def test_who_tells_no_events_is_told_from_who_does(serve: Serve) -> None:
    with pytest.raises(NoAnswer):
        Events(serve(b"HTTP/1.0 404 No\r\n\r\n"), "/events", 30)


@pytest.mark.parametrize("body", ["", "{", "null", '{"a": 1}', "[1, null, [], {}]", "[" * 100_000])
def test_what_is_no_list_of_containers_publishes_nothing(serve: Serve, body: str) -> None:
    found: list[Forward] = []
    with contextlib.suppress(NoAnswer):
        found = published(serve(FINE + body.encode()), "all", "alice")

    assert [] == found


def test_wanted_ports_are_found_in_a_list_of_containers(serve: Serve) -> None:
    port = {"IP": "0.0.0.0", "PublicPort": 8080, "Type": "tcp"}
    labels = {"dockerutils.run": "0123456789ab/alice"}
    mine = {"Names": ["/mine"], "Labels": labels, "Ports": [port]}
    other = {"Names": ["/other"], "Labels": {}, "Ports": [{**port, "PublicPort": 8081}]}
    path = serve(FINE + json.dumps([mine, other]).encode())

    assert [Forward(8080, "mine")] == published(path, "own", "alice")
    assert [] == published(path, "own", "bob")
    assert [8080, 8081] == [one.port for one in published(path, "all", "bob")]
    assert [] == published(path, "none", "alice")
