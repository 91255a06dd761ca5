"""Published ports of containers on a dock, which answer on this machine while one is docked."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest
from dockyards import Dockyard
from moorings import Mooring, kill
from processes import wait_until

from dockerutils.docks.connection.forwards import await_ports, taken_ports
from dockerutils.docks.connection.presence import register, unregister
from dockerutils.docks.connection.status import CONNECTED, Conflict, Forward

pytestmark = pytest.mark.real


@pytest.fixture
def h1(clean_dockyard: Dockyard) -> Iterator[Mooring]:
    """A dock that nobody is docked to yet, without containers afterwards."""
    mooring = Mooring.at(clean_dockyard)
    mooring.host.take_stand_in()
    yield mooring
    mooring.end()
    mooring.host.clear()


@pytest.fixture
def port() -> int:
    """A port of this machine that nothing has."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Give ports of this machine that nothing has, none of them twice."""
    holders = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [holder.getsockname()[1] for holder in holders]
    for holder in holders:
        holder.close()
    return ports


def answer(port: int) -> str:
    """Give what answers on a port of this machine, "" where nothing does."""
    with socket.socket() as line:
        line.settimeout(5)
        try:
            line.connect(("127.0.0.1", port))
            line.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return line.makefile("rb").read().partition(b"\r\n\r\n")[2].decode()
        except OSError:
            return ""


def listens(port: int) -> bool:
    """Tell whether anything has a port of this machine."""
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


def test_a_published_port_answers_here_until_its_container_ends(h1: Mooring, port: int) -> None:
    h1.open()
    h1.serve("web", f"{port}:8000")
    wait_until("it answers", lambda: answer(port) == "web")
    told = h1.status.ports
    h1.host.docker("kill", "web")
    wait_until("it is gone", lambda: not listens(port))

    assert (Forward(port, "web"),) == told
    wait_until("it is told no more", lambda: not h1.status.ports)


def test_a_container_that_ran_before_is_found(h1: Mooring, port: int) -> None:
    h1.serve("web", f"{port}:8000")
    h1.open()

    wait_until("it answers", lambda: answer(port) == "web")


def test_ports_of_other_peoples_containers_stay_there(h1: Mooring) -> None:
    mine, theirs, nobodys = free_ports(3)
    h1.serve("theirs", f"{theirs}:8000", mark="0123456789ab/bob")
    h1.serve("nobodys", f"{nobodys}:8000", mark="")
    h1.serve("mine", f"{mine}:8000")
    h1.open()
    wait_until("mine answers", lambda: answer(mine) == "mine")
    assert (False, False) == (listens(theirs), listens(nobodys))

    h1.open("all")
    wait_until("all answer", lambda: answer(theirs) == "theirs" and answer(nobodys) == "nobodys")
    register(h1.berth, os.getpid(), "none")
    wait_until("none listens", lambda: not any(map(listens, (mine, theirs, nobodys))))
    register(h1.berth, os.getpid(), "own")
    wait_until("mine answers again", lambda: answer(mine) == "mine")
    unregister(h1.berth, os.getpid())
    wait_until("nobody is docked any more", lambda: not listens(mine))


def test_a_taken_port_is_told_and_used_once_it_is_free(h1: Mooring) -> None:
    taken, other = free_ports(2)
    with socket.create_server(("127.0.0.1", taken)):
        h1.open()
        assert [taken] == taken_ports([taken, other], h1.berth)
        h1.serve("web", f"{taken}:8000")
        seen = await_ports(h1.berth, [taken], 60)

        conflict = Conflict(taken, "web", f"port {taken} of this machine is taken.")
        assert ((), (conflict,), ()) == (seen.forwarded, seen.conflicts, seen.missing)
    wait_until("it answers", lambda: answer(taken) == "web")

    wait_until("that is told", lambda: (taken,) == await_ports(h1.berth, [taken], 1).forwarded)
    assert [] == taken_ports([taken], h1.berth)


def test_of_two_docks_with_one_port_the_first_has_it(h1: Mooring, port: int) -> None:
    h1.yard.register(h1.host, "twin")
    twin = replace(h1, dock=replace(h1.dock, name="twin"))
    h1.serve("web", f"{port}:8000")
    h1.open()
    wait_until("the first has it", lambda: h1.status.ports)
    twin.open()
    (conflict,) = await_ports(twin.berth, [port], 60).conflicts
    assert f"port {port} of this machine is the dock h1's already." == conflict.reason

    h1.end()
    wait_until("the second has it", lambda: twin.status.ports)
    assert "web" == answer(port)
    twin.end()


def test_a_port_of_a_certain_address_there_is_reached_at_that_address(h1: Mooring) -> None:
    inner, outer, low = free_ports(3)
    h1.serve("inner", f"127.0.0.1:{inner}:8000")
    h1.serve("outer", f"{h1.host.address}:{outer}:8000")
    h1.serve("low", "81:8000")
    h1.open()
    wait_until("both answer", lambda: (answer(inner), answer(outer)) == ("inner", "outer"))

    expected = {Forward(inner, "inner"), Forward(outer, "outer", h1.host.address)}
    assert expected == set(h1.status.ports)
    assert (Conflict(81, "low", "ports below 1024 are not forwarded."),) == h1.status.conflicts
    assert not listens(low)


def test_ports_are_there_again_after_the_connection_was_lost(h1: Mooring, port: int) -> None:
    h1.serve("web", f"{port}:8000")
    h1.open()
    wait_until("it answers", lambda: answer(port) == "web")
    kill(h1.master.process())
    wait_until("the connection is lost", lambda: not listens(port))
    wait_until("it answers again", lambda: answer(port) == "web")


def test_nothing_of_it_listens_beyond_this_machine(h1: Mooring, port: int) -> None:
    h1.serve("web", f"{port}:8000")
    h1.open()
    wait_until("it answers", lambda: answer(port) == "web")
    with socket.socket() as line:
        assert line.connect_ex((h1.host.network.ours, port))


def test_ports_end_with_the_connection(h1: Mooring, port: int) -> None:
    h1.serve("web", f"{port}:8000")
    h1.open()
    wait_until("it answers", lambda: answer(port) == "web")
    assert CONNECTED == h1.status.state
    h1.end()
    wait_until("it is gone", lambda: not listens(port))
