"""Which published ports of a dock answer here, and what becomes of the others."""

from __future__ import annotations

import fcntl
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dockerutils.command import Command
from dockerutils.docks.connection.forwards import (
    MOST,
    Awaited,
    Forwards,
    await_ports,
    chosen,
    is_own,
    of,
    spec_of,
    taken_ports,
    wish_of,
)
from dockerutils.docks.connection.master import Master
from dockerutils.docks.connection.presence import User
from dockerutils.docks.connection.sockets import address_there, is_free
from dockerutils.docks.connection.status import CONNECTED, Conflict, Forward, Status, write_status
from dockerutils.docks.dock import Dock
from dockerutils.docks.places import Berth
from dockerutils.runner import Answer


def container(*ports: object, name: str = "/web", **labels: str) -> dict[str, object]:
    return {"Names": [name], "Labels": labels, "Ports": list(ports)}


def port(number: object, address: object = "0.0.0.0", kind: str = "tcp") -> dict[str, object]:
    return {"IP": address, "PrivatePort": 80, "PublicPort": number, "Type": kind}


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ((), "none"),
        (("own",), "own"),
        (("none", "none"), "none"),
        (("none", "own"), "own"),
        (("own", "all", "none"), "all"),
    ],
)
def test_the_boldest_wish_of_a_docks_users_counts(wishes: tuple[str, ...], expected: str) -> None:
    assert expected == wish_of(User(number, wish) for number, wish in enumerate(wishes))


@pytest.mark.parametrize(
    ("mark", "own"),
    [
        ("0123456789ab/alice", True),
        ("0123456789ab/bob", False),
        ("0123456789ab/malice", False),
        ("alice", False),
        ("", False),
    ],
)
def test_containers_are_ones_own_by_their_label(mark: str, own: bool) -> None:
    assert own == is_own({"Labels": {"dockerutils.run": mark}}, "alice")


def test_a_container_without_labels_is_nobodys() -> None:
    assert not is_own({"Labels": None}, "alice")
    assert not is_own({"Labels": {"dockerutils.run": ["x/alice"]}}, "alice")


def test_published_tcp_ports_are_found_with_their_address_there() -> None:
    found = of(
        container(
            port(8080),
            port(8080, "::"),
            port(8081, "10.1.2.3"),
            port(8082, "::1"),
            port(8083, kind="udp"),
            {"PrivatePort": 443, "Type": "tcp"},
            port(8084, ""),
        )
    )

    expected = [(8080, "127.0.0.1")] * 2
    expected += [(8081, "10.1.2.3"), (8082, "::1"), (8084, "127.0.0.1")]
    assert [Forward(number, "web", address) for number, address in expected] == list(found)


@pytest.mark.parametrize(
    "odd",
    [
        port("8080"),
        port(0),
        port(65536),
        port(-1),
        port(8080, "10.1.2.3 -o ProxyCommand=x"),
        port(8080, "evil"),
        port(8080, ["x"]),
        port(8080, "\0"),
        port(8080, "\ud800"),
        "8080",
        None,
    ],
)
def test_what_is_no_port_is_passed_over(odd: object) -> None:
    assert [] == list(of(container(odd)))


def test_a_containers_name_steers_no_terminal() -> None:
    (found,) = of(container(port(8080), name="/web\x1b]0;x\x07\nroot"))

    assert "web root" == found.container
    nameless = {"Names": None, "Ports": [port(8080)]}
    assert ["a container"] == [one.container for one in of(nameless)]


def test_low_ports_stay_there() -> None:
    wanted, conflicts = chosen([Forward(1023, "web"), Forward(1024, "app")])

    assert {1024: Forward(1024, "app")} == wanted
    assert [Conflict(1023, "web", "ports below 1024 are not forwarded.")] == conflicts


def test_of_two_containers_with_one_port_the_one_at_all_addresses_is_chosen() -> None:
    special, usual = Forward(8080, "a", "10.1.2.3"), Forward(8080, "b")
    wanted, conflicts = chosen([special, usual])

    assert {8080: usual} == wanted
    reason = "b has the same port at another address there."
    assert [Conflict(8080, "a", reason)] == conflicts


def test_one_container_at_two_addresses_is_no_conflict() -> None:
    wanted, conflicts = chosen([Forward(8080, "a", "::1"), Forward(8080, "a"), Forward(8080, "a")])

    assert ({8080: Forward(8080, "a")}, []) == (wanted, conflicts)


def test_a_dock_cannot_take_all_ports_of_this_machine() -> None:
    wanted, conflicts = chosen(Forward(number, "x") for number in range(2000, 60000))

    assert (MOST, MOST) == (len(wanted), len(conflicts))
    assert "more than 100 ports are not forwarded." == conflicts[0].reason


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", "127.0.0.1:8080:127.0.0.1:8080"),
        ("10.1.2.3", "127.0.0.1:8080:10.1.2.3:8080"),
        ("::1", "127.0.0.1:8080:[::1]:8080"),
    ],
)
def test_a_port_is_bound_here_to_this_machine_only(address: str, expected: str) -> None:
    assert expected == spec_of(Forward(8080, "web", address))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0.0.0.0", "127.0.0.1"), ("::", "127.0.0.1"), ("0::0", "127.0.0.1"), ("10.0.0.1\n", "")],
)
def test_what_listens_everywhere_is_reached_at_home(text: str, expected: str) -> None:
    assert expected == address_there(text)


def test_a_port_of_the_other_localhost_is_taken() -> None:
    with socket.socket(socket.AF_INET6) as other:
        other.bind(("::1", 0))
        other.listen()

        assert not is_free(other.getsockname()[1])


def test_what_is_no_port_is_neither_free_nor_taken(tmp_path: Path) -> None:
    assert (False, False) == (is_free(99999), is_free(-1))
    assert [] == taken_ports([99999, 0], Berth(tmp_path, "h"))


# Through a master ----------------------------------------------------------------------------


@dataclass
class Ssh:
    """Takes orders for a master, and refuses those with a text among their words."""

    refuses: str = "nothing"
    orders: list[str] = field(default_factory=list)

    def __call__(self, command: Command) -> Answer:
        line = " ".join(command.argv[command.argv.index("-O") + 1 : -2])
        self.orders.append(line)
        return Answer(255 if self.refuses in line else 0, "", "")

    def taken(self) -> list[str]:
        """Give the orders since the last question."""
        found = list(self.orders)
        self.orders.clear()
        return found


@pytest.fixture
def ssh() -> Ssh:
    return Ssh()


@pytest.fixture
def forwards(tmp_path: Path, ssh: Ssh) -> Forwards:
    return Forwards(Master(Dock("h", "h"), Berth(tmp_path, "h"), ssh))


@pytest.fixture
def holder() -> Iterator[socket.socket]:
    """Something that has a port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield one


@pytest.fixture
def free() -> int:
    """A port of this machine that nothing has."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def test_a_port_comes_and_goes_with_its_container(forwards: Forwards, ssh: Ssh, free: int) -> None:
    web = Forward(free, "web")
    forwards.adjust([web])
    assert [f"forward -L 127.0.0.1:{free}:127.0.0.1:{free}"] == ssh.taken()
    assert {free: web} == forwards.active

    forwards.adjust([web])
    assert [] == ssh.taken()
    forwards.adjust([])
    assert [f"cancel -L 127.0.0.1:{free}:127.0.0.1:{free}"] == ssh.taken()
    assert {} == forwards.active


def test_a_container_at_another_address_takes_the_place_of_one(
    forwards: Forwards, ssh: Ssh, free: int
) -> None:
    forwards.adjust([Forward(free, "web")])
    forwards.adjust([Forward(free, "web", "10.1.2.3")])

    expected = [("forward", "127.0.0.1"), ("cancel", "127.0.0.1"), ("forward", "10.1.2.3")]
    lines = [f"{order} -L 127.0.0.1:{free}:{address}:{free}" for order, address in expected]
    assert lines == ssh.taken()


def test_a_taken_port_is_a_conflict_until_it_is_free(
    forwards: Forwards, ssh: Ssh, holder: socket.socket
) -> None:
    number = holder.getsockname()[1]
    forwards.adjust([Forward(number, "web")])
    reason = f"port {number} of this machine is taken."
    assert ((Conflict(number, "web", reason),), []) == (forwards.conflicts, ssh.taken())

    holder.close()
    forwards.retry()
    assert ((), [number]) == (forwards.conflicts, list(forwards.active))


def test_a_port_of_another_dock_is_a_conflict_that_names_it(
    forwards: Forwards, tmp_path: Path, holder: socket.socket
) -> None:
    number, other = holder.getsockname()[1], Berth(tmp_path, "gpu-box")
    write_status(other, Status(CONNECTED, ports=(Forward(number, "app"),)))
    with other.lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        forwards.adjust([Forward(number, "web")])

    reason = f"port {number} of this machine is the dock gpu-box's already."
    assert (Conflict(number, "web", reason),) == forwards.conflicts


def test_what_ssh_cannot_forward_is_a_conflict(forwards: Forwards, ssh: Ssh, free: int) -> None:
    ssh.refuses = "forward"
    forwards.adjust([Forward(free, "web"), Forward(80, "low")])

    assert [free, 80] == [one.port for one in forwards.conflicts]
    assert {} == forwards.active


def test_nothing_is_forwarded_by_a_master_that_is_gone(forwards: Forwards, free: int) -> None:
    forwards.adjust([Forward(free, "web"), Forward(80, "low")])
    forwards.forget()

    assert ({}, ()) == (forwards.active, forwards.conflicts)


# For run-image -------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Berth]:
    """A berth whose keeper's lock is held."""
    berth = Berth(tmp_path, "gpu-box")
    with berth.lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield berth


def test_ports_that_something_else_has_are_told(
    kept: Berth, holder: socket.socket, free: int
) -> None:
    taken = holder.getsockname()[1]
    assert [taken] == taken_ports([taken, free], kept)

    write_status(kept, Status(CONNECTED, ports=(Forward(taken, "web"),)))
    assert [] == taken_ports([taken, free], kept)


def test_what_became_of_ports_is_told_once_it_is_known(kept: Berth) -> None:
    conflict = Conflict(8081, "web", "taken.")
    status = Status(CONNECTED, ports=(Forward(8080, "web"),), conflicts=(conflict,))
    write_status(kept, status)

    assert Awaited((8080,), (conflict,), ()) == await_ports(kept, [8080, 8081], 60)
    assert Awaited((), (), (9000,)) == await_ports(kept, [9000], 0)


def test_a_port_that_is_bound_is_not_free(holder: socket.socket, free: int) -> None:
    assert (False, True) == (is_free(holder.getsockname()[1]), is_free(free))
