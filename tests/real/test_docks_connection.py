"""The connection of a dock and its keeper, on real hosts: opened, broken, mended and ended."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from dockyards import Dockyard
from moorings import Mooring, kill
from processes import processes_with, wait_until
from projects import Projects

from dockerutils.docks.connection.presence import answers, kept, register, unregister, users
from dockerutils.docks.connection.status import CONNECTED, ENDED, RECONNECTING
from dockerutils.docks.connection.tunnel import dock_connection, open_anew, open_tunnel
from dockerutils.docks.docked import explain
from dockerutils.docks.registry import read_docks
from dockerutils.errors import EngineError
from dockerutils.ssh.command import Pace
from dockerutils.ssh.connection import Refused, Unreachable

pytestmark = pytest.mark.real


@pytest.fixture
def h1(clean_dockyard: Dockyard) -> Iterator[Mooring]:
    """A dock that nobody is docked to yet; nothing of its connection is left at the end."""
    mooring = Mooring.at(clean_dockyard)
    yield mooring
    mooring.end()
    assert [] == mooring.leftovers()
    wait_until("all processes have ended", lambda: not clean_dockyard.processes())


def masters(mooring: Mooring) -> list[list[str]]:
    """Give the words of the ssh masters of a dock."""
    found = processes_with(f"ControlPath={mooring.berth.control}")
    return [words for words in found if "-fNM" in words]


def said(mooring: Mooring) -> str:
    """Give what a docked verb says of an engine that does not answer."""
    return explain(mooring.dock.name, mooring.berth, "Cannot connect").message


# Opened and used -----------------------------------------------------------------------------


def test_docker_works_there_over_a_connection_that_stays(h1: Mooring) -> None:
    h1.open()
    first = (h1.master.process(), h1.keeper)
    told = h1.docker("info", "--format", "{{.Name}}")
    h1.open()

    assert "h1\n" == told.stdout, told.stderr
    assert 0 not in first
    assert first == (h1.master.process(), h1.keeper)
    assert CONNECTED == h1.wait_for(CONNECTED).state


def test_sixty_docker_commands_at_once_all_get_their_answer(h1: Mooring) -> None:
    h1.open()
    with ThreadPoolExecutor(60) as threads:
        answered = list(threads.map(lambda _: h1.docker("ps", "--quiet").returncode, range(60)))

    assert [0] * 60 == answered


def test_only_the_user_can_reach_the_sockets(h1: Mooring) -> None:
    h1.open()
    h1.wait_for(CONNECTED)
    modes = {path.name: stat.S_IMODE(path.lstat().st_mode) for path in h1.berth.folder.iterdir()}
    names = ("ctl", "json", "lock", "log", "route", "sock")

    assert {**{f"h1.{name}": 0o600 for name in names}, "h1.users": 0o700} == modes
    assert 0o700 == stat.S_IMODE(h1.berth.folder.stat().st_mode)


def test_a_dock_behind_another_host_is_reached_and_kept(clean_dockyard: Dockyard) -> None:
    host = clean_dockyard.host("h1")
    clean_dockyard.trust(host)
    clean_dockyard.register(host, "h1", address="127.0.0.1", jump=f"ubuntu@{host.address}")
    dock = read_docks(clean_dockyard.environ, str(clean_dockyard.home)).find("h1")
    mooring = Mooring(clean_dockyard, host, dock, clean_dockyard.environ)
    mooring.open()
    try:
        mooring.wait_for(CONNECTED)
        with mooring.runner.side_by_side() as crew:
            way = dock_connection(dock, crew, mooring.runner, mooring.environ)
            with way as connection:
                assert "h1\n" == connection.ask("hostname").strip("\n") + "\n"
        assert "h1\n" == mooring.docker("info", "--format", "{{.Name}}").stdout
        assert processes_with("dockerutils-keeper of alice@")
    finally:
        mooring.end()


@pytest.mark.parametrize("kind", ["long", "none", "open"])
def test_paths_of_sockets_are_short_whatever_the_folder(
    clean_dockyard: Dockyard, kind: str
) -> None:
    folder = clean_dockyard.home / ("x" * 90 if kind == "long" else "gone")
    runtime = {"long": str(folder), "none": "", "open": "/usr"}[kind]
    if kind == "long":
        folder.mkdir(mode=0o700)
    mooring = Mooring.at(clean_dockyard, XDG_RUNTIME_DIR=runtime)
    before = set(mooring.leftovers())
    mooring.open()
    try:
        assert 0 == mooring.docker("ps").returncode
        assert 100 > len(bytes(mooring.berth.control))
    finally:
        mooring.end()
    assert before == set(mooring.leftovers())


OPEN = """
import os, sys
from moorings import quiet_runner
from dockerutils.docks.registry import read_docks
from dockerutils.docks.connection.tunnel import open_tunnel
dock = read_docks(os.environ, os.environ["HOME"]).find("h1")
open_tunnel(dock, quiet_runner(dict(os.environ)), os.environ, False)
"""


def test_two_terminals_that_dock_at_once_share_one_connection(h1: Mooring) -> None:
    paths = {"PYTHONPATH": str(Path(__file__).parents[1])}
    words = [sys.executable, "-c", OPEN]
    started = [subprocess.Popen(words, env={**h1.environ, **paths}) for _ in range(3)]
    register(h1.berth, os.getpid())

    assert [0, 0, 0] == [process.wait() for process in started]
    assert 1 == len(masters(h1))
    assert 1 == len([one for one in processes_with("_keeper") if "h1" in one])
    assert 0 == h1.docker("ps").returncode


def test_a_changed_entry_has_a_new_connection_made(h1: Mooring) -> None:
    h1.open()
    before = (h1.master.process(), h1.keeper)
    text = h1.yard.list_of_docks.read_text()
    h1.yard.list_of_docks.write_text(text.replace('user = "ubuntu"', 'user = "root"'))
    changed = read_docks(h1.environ, str(h1.yard.home)).find("h1")
    with pytest.raises(Refused, match="does not let you in"):
        open_tunnel(changed, h1.runner, h1.environ, asks=False)
    assert "root" == changed.user
    for process in before:
        h1.wait_for_end(process)

    h1.yard.list_of_docks.write_text(text)
    h1.open()
    assert 0 == h1.docker("ps").returncode


def test_a_lock_that_a_crash_left_is_in_nobodys_way(h1: Mooring) -> None:
    h1.berth.lock.write_text("123456789 1\n" * 9)
    h1.open()

    assert h1.keeper


def test_two_docks_at_once_are_two_connections(h1: Mooring) -> None:
    h2 = Mooring.at(h1.yard, "h2")
    h1.open()
    h2.open()
    names = [one.docker("info", "--format", "{{.Name}}").stdout for one in (h1, h2)]
    h2.end()

    assert ["h1\n", "h2\n"] == names
    assert (ENDED, 0) == (h2.status.state, h1.docker("ps").returncode)


def test_the_dock_can_tell_who_is_docked_to_it(h1: Mooring) -> None:
    h1.open()
    h1.wait_for(CONNECTED)

    there = h1.host.inside("ps", "-ewwo", "args")
    assert f"dockerutils-keeper of alice@{os.uname().nodename}" in there


def test_a_keeper_is_not_taken_from_the_users_folder(h1: Mooring) -> None:
    fake = h1.yard.home / "dockerutils"
    fake.mkdir()
    (fake / "__init__.py").write_text("raise SystemExit('the wrong one')")
    words = [sys.executable, "-c", f"import sys; sys.path.pop(0)\n{OPEN}"]
    paths = {"PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run(words, cwd=h1.yard.home, env={**h1.environ, **paths}, check=True)

    assert h1.keeper


def test_verbs_ask_over_the_connection_that_is_there_else_over_their_own(h1: Mooring) -> None:
    def asked() -> str:
        with (
            h1.runner.side_by_side() as crew,
            dock_connection(h1.dock, crew, h1.runner, h1.environ) as connection,
        ):
            return connection.ask("echo $SSH_CONNECTION")

    h1.open()
    shared = asked()
    assert shared == asked()
    h1.end()
    assert shared != asked()


# Broken and mended ---------------------------------------------------------------------------


def test_a_killed_master_is_replaced(h1: Mooring) -> None:
    h1.open()
    first, keeper = h1.master.process(), h1.keeper
    kill(first)
    h1.wait_for_end(first)
    h1.wait_for_answer()

    assert 0 == h1.docker("ps").returncode
    assert keeper == h1.keeper
    assert CONNECTED == h1.wait_for(CONNECTED).state


def test_a_host_that_ends_its_sessions_is_connected_anew(h1: Mooring) -> None:
    h1.open()
    first = h1.master.process()
    h1.host.cut()
    h1.wait_for_end(first)
    h1.wait_for_answer()

    assert 1 == len(masters(h1))


def test_without_its_keeper_a_connection_ends_by_itself_and_can_be_opened_again(
    h1: Mooring,
) -> None:
    h1.open(pace=Pace(lasts=1))
    first = h1.master.process()
    h1.wait_for(CONNECTED)
    kill(h1.keeper)
    h1.wait_for_end(first)

    assert "the connection to the dock h1 has ended." == said(h1)
    h1.open()
    assert 0 == h1.docker("ps").returncode


def test_a_dead_connection_is_replaced_by_the_next_who_docks(h1: Mooring) -> None:
    h1.open()
    first, keeper = h1.master.process(), h1.keeper
    h1.wait_for(CONNECTED)
    h1.unplug()
    try:
        with pytest.raises(Unreachable):
            open_anew(h1.master, asks=False)
    finally:
        h1.plug()
    h1.wait_for_end(first)
    h1.open()

    assert keeper == h1.keeper
    wait_until("docker answers", lambda: h1.docker("ps").returncode == 0)
    assert 1 == len(masters(h1))


def test_a_killed_keeper_is_replaced_by_the_next_who_docks(h1: Mooring) -> None:
    h1.open()
    master, keeper = h1.master.process(), h1.keeper
    kill(keeper)
    h1.wait_for_end(keeper)
    h1.open()

    assert keeper != h1.keeper
    assert (True, master) == (kept(h1.berth), h1.master.process())


def test_sockets_of_a_crash_are_in_nobodys_way(h1: Mooring) -> None:
    h1.open()
    for process in (h1.keeper, h1.master.process()):
        kill(process)
        h1.wait_for_end(process)
    assert {"h1.ctl", "h1.sock"} <= set(h1.leftovers())
    h1.open()

    assert 0 == h1.docker("ps").returncode


def test_a_short_loss_of_the_network_ends_nothing(h1: Mooring) -> None:
    h1.open()
    first = h1.master.process()
    h1.unplug()
    assert not answers(h1.berth.engine, 0.5)
    h1.plug()
    h1.wait_for_answer()

    assert first == h1.master.process()


def test_a_network_that_comes_back_is_used_again(h1: Mooring) -> None:
    """As a cable that is out for longer than three times 15 seconds, at a quicker pace."""
    h1.open(pace=Pace(alive=1))
    h1.wait_for(CONNECTED)
    h1.unplug()
    try:
        told = h1.wait_for(RECONNECTING)
        assert "not responding" in told.reason
        wait_until("a try has failed", lambda: "connect to host" in h1.status.reason)
        assert f"the dock h1 cannot be reached since {since(told.since)}: " in said(h1)
        assert "Cannot connect" in h1.docker("ps").stderr
    finally:
        h1.plug()
    h1.wait_for_answer()

    assert ("", 0) == (h1.wait_for(CONNECTED).reason, h1.docker("ps").returncode)


def since(seconds: float) -> str:
    return time.strftime("%H:%M", time.localtime(seconds))


KEEP = """
import contextlib, os
from moorings import quiet_runner
from dockerutils.docks.connection.keeper import Times, keep
from dockerutils.errors import Interrupted
times = Times(tick=0.2, slack=0.5, silent=0.5)
with contextlib.suppress(Interrupted):
    keep("h1", quiet_runner(dict(os.environ)), os.environ, times)
"""


def test_a_machine_that_wakes_up_looks_whether_its_connection_lives(h1: Mooring) -> None:
    """The keeper is halted instead of the machine; ssh would notice after 45 seconds."""
    h1.open()
    first, keeper = h1.master.process(), h1.keeper
    kill(keeper)
    h1.wait_for_end(keeper)
    paths = {"PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen([sys.executable, "-c", KEEP], env={**h1.environ, **paths}) as process:
        wait_until("it keeps the connection", lambda: h1.keeper == process.pid)
        h1.wait_for(CONNECTED)
        halt(process.pid)
        assert h1.master.process() == first  # a good connection stays
        h1.unplug()
        halt(process.pid)
        h1.wait_for_end(first)
        h1.plug()
        h1.wait_for_answer()
        h1.end()
        assert 0 == process.wait()


def halt(process: int) -> None:
    """Halt a process for longer than it can have waited."""
    with subprocess.Popen(["sleep", "1"]) as night:
        os.kill(process, signal.SIGSTOP)
        night.wait()
    os.kill(process, signal.SIGCONT)


def test_a_master_that_was_halted_goes_on(h1: Mooring) -> None:
    h1.open()
    master = h1.master.process()
    os.kill(master, signal.SIGSTOP)
    assert not answers(h1.berth.engine, 0.3)
    os.kill(master, signal.SIGCONT)
    h1.wait_for_answer()

    assert master == h1.master.process()


def test_an_engine_that_is_restarted_there_is_followed_again(h1: Mooring) -> None:
    h1.open()
    first = h1.master.process()
    h1.wait_for(CONNECTED)
    h1.host.stop_engine()
    try:
        wait_until("its silence is told", lambda: h1.status.reason)
        assert "the Docker engine of h1 does not answer." == said(h1)
    finally:
        h1.host.start_engine()
    wait_until("it is told no more", lambda: not h1.status.reason)

    assert (first, 0) == (h1.master.process(), h1.docker("ps").returncode)


def test_a_host_with_another_key_is_not_connected_again(h1: Mooring) -> None:
    h1.open()
    first = h1.master.process()
    h1.host.new_host_key()
    h1.wait_for_end(first)
    told = h1.wait_for(RECONNECTING)
    wait_until("there is a reason", lambda: "another host key" in h1.status.reason)

    assert told.state == RECONNECTING
    assert "since" in said(h1)
    assert "ssh-keygen -R" in h1.status.hint
    with pytest.raises(Refused, match="another host key"):
        h1.open()
    assert not masters(h1)

    h1.yard.fabric.known.write_text("")
    h1.yard.trust(h1.host)
    h1.open()
    assert (0, CONNECTED) == (h1.docker("ps").returncode, h1.wait_for(CONNECTED).state)


def test_a_host_that_wants_a_password_again_has_one_dock_again(h1: Mooring) -> None:
    keys = "/home/ubuntu/.ssh/authorized_keys"
    h1.open()
    h1.wait_for(CONNECTED)
    h1.host.inside("mv", keys, f"{keys}.away")
    try:
        kill(h1.master.process())
        wait_until("there is a reason", lambda: "does not let you in" in h1.status.reason)
        assert "source dock h1" in h1.status.hint
    finally:
        h1.host.inside("mv", f"{keys}.away", keys)
    h1.open()

    assert (0, CONNECTED) == (h1.docker("ps").returncode, h1.wait_for(CONNECTED).state)


# Ended ---------------------------------------------------------------------------------------


def test_a_dock_that_is_removed_while_docked_leaves_nothing(
    h1: Mooring, projects: Projects
) -> None:
    h1.open()
    socket = f"unix://{h1.berth.engine}"
    docked = {"DOCKER_IP": h1.host.address, "DOCK_MONIKER": "h1", "DOCKER_HOST": socket}
    processes = (h1.master.process(), h1.keeper)
    h1.end()

    assert [] == h1.leftovers()
    for process in processes:
        h1.wait_for_end(process)
    assert "Cannot connect" in h1.docker("ps").stderr
    told = h1.yard.line(projects.images("base"), "ps", **docked)
    assert 1 == told.status
    assert "dockerutils: the connection to the dock h1 has ended.\n" in told.err
    assert "source dock h1" in told.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_keeper_that_is_asked_to_end_takes_all_along(h1: Mooring, number: int) -> None:
    h1.open()
    master, keeper = h1.master.process(), h1.keeper
    os.kill(keeper, number)
    h1.wait_for_end(keeper)
    h1.wait_for_end(master)

    assert [] == h1.leftovers()


def test_a_connection_that_nobody_uses_ends_after_a_while(h1: Mooring) -> None:
    h1.yard.list_of_docks.write_text('linger = "1s"\n' + h1.yard.list_of_docks.read_text())
    h1.open()
    master, keeper = h1.master.process(), h1.keeper
    with subprocess.Popen(["sleep", "600"]) as other:
        register(h1.berth, other.pid)
        unregister(h1.berth, os.getpid())
        h1.wait_for(CONNECTED)
        assert [other.pid] == [one.pid for one in users(h1.berth)]
        other.kill()
    h1.wait_for_end(keeper)
    h1.wait_for_end(master)

    assert [] == h1.leftovers()


def test_what_is_lost_and_nobodys_is_not_connected_again(h1: Mooring) -> None:
    h1.open()
    keeper = h1.keeper
    unregister(h1.berth, os.getpid())
    kill(h1.master.process())
    h1.wait_for_end(keeper)

    assert [] == h1.leftovers()


# Never there ---------------------------------------------------------------------------------


def test_a_host_that_is_down_is_told_and_leaves_nothing(h1: Mooring) -> None:
    h1.host.stop_sshd()
    try:
        with pytest.raises(Unreachable, match=r"^h1 cannot be reached: .*Connection refused\.$"):
            open_tunnel(h1.dock, h1.runner, h1.environ, asks=False)
    finally:
        h1.host.start_sshd()

    assert [] == h1.leftovers()


def test_a_wrong_user_is_told(h1: Mooring) -> None:
    stranger = replace(h1.dock, user="nobody")
    with pytest.raises(Refused, match="h1 does not let you in"):
        open_tunnel(stranger, h1.runner, h1.environ, asks=False)

    assert [] == h1.leftovers()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("forbidden", "ubuntu may not use the engine of dock-forbidden (/var/run/docker.sock)."),
        ("no-docker", "there is no Docker on dock-no-docker."),
        (
            "no-forwarding",
            "the ssh server of dock-no-forwarding does not forward its engine's socket.",
        ),
    ],
)
def test_an_engine_that_cannot_be_used_is_told_and_leaves_nothing(
    clean_dockyard: Dockyard, kind: str, message: str
) -> None:
    mooring = Mooring.at(clean_dockyard, f"dock-{kind}", kind)
    with pytest.raises(EngineError) as caught:
        open_tunnel(mooring.dock, mooring.runner, mooring.environ, asks=False)

    assert message in caught.value.message
    assert caught.value.hint
    assert [] == mooring.leftovers()
    wait_until("all processes have ended", lambda: not clean_dockyard.processes())


def test_an_engine_that_does_not_run_is_told_and_leaves_nothing(h1: Mooring) -> None:
    h1.host.stop_engine()
    try:
        with pytest.raises(EngineError, match="the Docker engine of h1 does not"):
            open_tunnel(h1.dock, h1.runner, h1.environ, asks=False)
    finally:
        h1.host.start_engine()

    assert [] == h1.leftovers()
