"""Who uses a dock's connection, and who keeps it."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dockerutils.docks.connection.presence import (
    POKE,
    User,
    answers,
    keeper_of,
    kept,
    leads_to,
    note_keeper,
    note_route,
    register,
    started,
    unregister,
    users,
)
from dockerutils.docks.dock import Dock
from dockerutils.docks.places import Berth


@pytest.fixture
def berth(tmp_path: Path) -> Berth:
    return Berth(tmp_path, "gpu-box")


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives until the test ends."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def test_who_uses_a_dock_is_known_until_it_casts_off(
    berth: Berth, other: subprocess.Popen[bytes]
) -> None:
    me = os.getpid()
    register(berth, me)
    register(berth, other.pid, "all")

    assert {User(me, "own"), User(other.pid, "all")} == set(users(berth))
    unregister(berth, me)
    assert (User(other.pid, "all"),) == users(berth)


def test_nothing_is_left_when_the_last_one_casts_off(berth: Berth) -> None:
    register(berth, os.getpid())
    unregister(berth, os.getpid())

    assert ([], ()) == (list(berth.folder.iterdir()), users(berth))


def test_only_the_user_can_see_who_uses_a_dock(berth: Berth) -> None:
    register(berth, os.getpid())

    (file,) = berth.users.iterdir()
    assert (0o700, 0o600) == (berth.users.stat().st_mode & 0o777, file.stat().st_mode & 0o777)


def test_who_casts_off_twice_is_not_blamed(berth: Berth) -> None:
    unregister(berth, os.getpid())

    assert () == users(berth)


def test_a_later_wish_takes_the_place_of_an_earlier_one(berth: Berth) -> None:
    register(berth, os.getpid(), "all")
    register(berth, os.getpid(), "none")

    assert (User(os.getpid(), "none"),) == users(berth)


def test_who_has_ended_uses_nothing_and_leaves_nothing(
    berth: Berth, other: subprocess.Popen[bytes]
) -> None:
    register(berth, other.pid)
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # still in the table, as a zombie

    assert ((), False) == (users(berth), (berth.users / str(other.pid)).exists())


def test_another_process_with_the_same_number_is_not_taken_for_the_first(berth: Berth) -> None:
    register(berth, os.getpid())
    (berth.users / str(os.getpid())).write_text("1 own\n")

    assert () == users(berth)


@pytest.mark.parametrize("text", ["", "x", "\n", "\0 own"])
def test_what_is_no_registration_is_none(berth: Berth, text: str) -> None:
    berth.users.mkdir()
    (berth.users / str(os.getpid())).write_text(text)
    (berth.users / "name").write_text("x")

    assert () == users(berth)


def test_a_wish_that_is_unknown_is_the_usual_one(berth: Berth) -> None:
    berth.users.mkdir()
    (berth.users / str(os.getpid())).write_text(f"{started(os.getpid())} \x1b[31m\n")

    assert (User(os.getpid(), "own"),) == users(berth)


def test_a_process_that_is_not_there_was_never_started() -> None:
    assert "" == started(2**22 + 1)


KEEPER = """
import fcntl, os, signal, sys
from dockerutils.docks.connection.presence import note_keeper
number = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(number, fcntl.LOCK_EX)
signal.signal(signal.SIGUSR1, lambda *_: print("poked", flush=True))
if sys.argv[2:]:
    note_keeper(number)
print("held", flush=True)
while True:
    signal.pause()
"""


@pytest.fixture
def keeper(berth: Berth) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a keeper's lock as a keeper does."""
    words = [sys.executable, "-c", KEEPER, str(berth.lock), "ready"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert "held\n" == line_of(process)
        yield process
        process.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline()


def test_a_connection_is_kept_while_the_lock_is_held(
    berth: Berth, keeper: subprocess.Popen[str]
) -> None:
    assert (True, keeper.pid) == (kept(berth), keeper_of(berth))
    keeper.send_signal(signal.SIGKILL)
    keeper.wait()
    assert (False, 0) == (kept(berth), keeper_of(berth))


def test_a_connection_without_a_lock_is_not_kept(berth: Berth) -> None:
    assert (False, 0) == (kept(berth), keeper_of(berth))
    assert [] == list(berth.folder.iterdir())


def test_a_keeper_that_is_not_ready_is_not_disturbed(berth: Berth) -> None:
    with berth.lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        register(berth, os.getpid())

        assert (True, 0) == (kept(berth), keeper_of(berth))


def test_the_number_of_a_keeper_that_has_ended_is_nobodys(berth: Berth) -> None:
    with berth.lock.open("w+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(f"{os.getpid()} 1\n{'9' * 50}\n")
        file.flush()
        assert (True, 0) == (kept(berth), keeper_of(berth))
        note_keeper(file.fileno())

        assert os.getpid() == keeper_of(berth)


def test_a_changed_entry_of_a_dock_is_noticed(berth: Berth) -> None:
    dock = Dock("gpu-box", "10.1.2.3", "alice", 22, "/key", "gate", "/run/docker.sock")
    assert not leads_to(berth, dock)
    note_route(berth, dock)

    assert leads_to(berth, dock)
    assert leads_to(berth, replace(dock, workspace="/data", architecture="arm64"))
    changes: list[dict[str, Any]] = [
        {"address": "10.1.2.4"},
        {"user": "bob"},
        {"port": 2222},
        {"identity": "/other"},
        {"jump": ""},
        {"socket": "/run/other.sock"},
    ]
    assert [False] * 6 == [leads_to(berth, replace(dock, **change)) for change in changes]
    assert 0o600 == berth.route.stat().st_mode & 0o777


def test_the_keeper_is_told_of_who_comes_and_goes(
    berth: Berth, keeper: subprocess.Popen[str]
) -> None:
    register(berth, os.getpid())
    assert "poked\n" == line_of(keeper)
    unregister(berth, os.getpid())
    assert "poked\n" == line_of(keeper)
    assert POKE == signal.SIGUSR1


def test_a_socket_that_is_not_there_does_not_answer(berth: Berth) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("socket.socket.connect", refuse)
        assert not answers(berth.engine)


def refuse(_socket: object, _address: object) -> None:
    raise FileNotFoundError
