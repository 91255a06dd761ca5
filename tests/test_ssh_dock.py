"""ssh-dock: the line that is run, and what becomes of its status."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import RecordingRunner, fake_session, said
from projects import Projects

from dockerutils.docks.connection.presence import note_route, users
from dockerutils.docks.dock import Dock
from dockerutils.docks.options import SshOptions
from dockerutils.docks.places import Berth
from dockerutils.docks.registry import UnknownDock, write_docks
from dockerutils.errors import UsageError
from dockerutils.session import Session
from dockerutils.ssh_dock import own_options, ssh_command, ssh_dock

DOCK = Dock("gpu-box", "10.1.2.3", "carol")
PLAIN = "ssh -o StrictHostKeyChecking=yes -o ForwardAgent=no"
NONE = SshOptions()


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A folder for sockets: its path has to be short."""
    with tempfile.TemporaryDirectory(prefix="dk", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def environ(runtime: Path) -> dict[str, str]:
    return {"XDG_RUNTIME_DIR": str(runtime), "XDG_CONFIG_HOME": str(runtime / "config")}


@pytest.fixture
def session(projects: Projects, environ: dict[str, str]) -> tuple[Session, RecordingRunner]:
    write_docks(environ, "/home/alice", [DOCK])
    return fake_session(projects.images("app"), environ, statuses={"exit 3": 3, "lost": 255})


def test_a_command_is_quoted_for_the_shell_there() -> None:
    words = ssh_command(DOCK, ["ls", "a b", "it's", ""]).argv

    assert ("--", "carol@10.1.2.3", """ls 'a b' 'it'"'"'s' ''""") == words[-3:]


def test_a_terminal_is_there_only_where_there_is_one_here() -> None:
    def words(command: tuple[str, ...], terminal: bool) -> set[str]:
        return {"-t", "-T"} & set(ssh_command(DOCK, command, terminal=terminal).argv)

    assert set() == words((), True)
    assert {"-T"} == words((), False)
    assert {"-t"} == words(("top",), True)
    assert {"-T"} == words(("top",), False)


def test_everything_that_the_dock_needs_is_said() -> None:
    dock = Dock("x", "2001:db8::1", "carol", 2022, "/keys/one", "jump.example")

    assert f"{PLAIN} -T -i /keys/one -J jump.example -p 2022 -- carol@2001:db8::1" == str(
        ssh_command(dock, ())
    )


def test_the_users_options_come_behind_those_that_are_not_theirs_to_change() -> None:
    options = SshOptions("-o StrictHostKeyChecking=no -L '1:a b:2'", forward_agent=True)
    command = ssh_command(DOCK, ("true",), own_options(options))

    assert (
        "ssh -o StrictHostKeyChecking=yes -o ControlMaster=no -o ControlPath=none"
        " -o RemoteCommand=none -T -A -o StrictHostKeyChecking=no -L '1:a b:2'"
        " -- carol@10.1.2.3 true"
    ) == str(command)


def test_an_open_quote_is_a_mistake() -> None:
    with pytest.raises(UsageError, match="quote"):
        own_options(SshOptions("-o 'x"))


def test_the_connection_that_is_there_is_used_and_kept(
    session: tuple[Session, RecordingRunner], runtime: Path
) -> None:
    (runtime / "dockerutils").mkdir(mode=0o700)
    berth = Berth(runtime / "dockerutils", "gpu-box")
    berth.control.touch()
    note_route(berth, DOCK)

    ssh_dock(session[0], "gpu-box", (), NONE)
    ssh_dock(session[0], "gpu-box", (), SshOptions("-v"))

    own, apart = session[1].lines
    assert f"-o ControlMaster=no -o ControlPath={berth.control} -T" in own
    assert "-o ControlPath=none -T -v" in apart
    assert () == users(berth)


def test_a_connection_to_where_the_dock_was_before_is_not_used(
    session: tuple[Session, RecordingRunner], runtime: Path
) -> None:
    (runtime / "dockerutils").mkdir(mode=0o700)
    berth = Berth(runtime / "dockerutils", "gpu-box")
    berth.control.touch()
    note_route(berth, Dock("gpu-box", "10.9.9.9", "carol"))
    ssh_dock(session[0], "gpu-box", (), NONE)

    assert [f"{PLAIN} -T -- carol@10.1.2.3"] == session[1].lines


def test_without_a_connection_ssh_makes_its_own(session: tuple[Session, RecordingRunner]) -> None:
    ssh_dock(session[0], "10.1.2.3", (), NONE)

    assert [f"{PLAIN} -T -- carol@10.1.2.3"] == session[1].lines


def test_the_status_is_that_of_what_ran_there(session: tuple[Session, RecordingRunner]) -> None:
    assert 0 == ssh_dock(session[0], "gpu-box", ("true",), NONE)
    assert 3 == ssh_dock(session[0], "gpu-box", ("sh", "-c", "exit 3"), NONE)
    assert "" == said(session[0])
    assert 255 == ssh_dock(session[0], "gpu-box", ("lost",), NONE)
    assert "gpu-box was not reached" in said(session[0])


def test_the_dock_that_one_is_docked_to_needs_no_name(
    projects: Projects, environ: dict[str, str]
) -> None:
    docked = {**environ, "DOCKER_IP": "10.1.2.3"}
    write_docks(environ, "/home/alice", [DOCK])
    session, runner = fake_session(projects.images("app"), docked)
    undocked, _ = fake_session(projects.images("app", name="b"), environ)
    lost, _ = fake_session(projects.images("app", name="c"), {**docked, "DOCK_MONIKER": "gone"})

    ssh_dock(session, "", (), NONE)

    assert ["carol@10.1.2.3"] == [line.split()[-1] for line in runner.lines]
    with pytest.raises(UsageError, match="not docked"):
        ssh_dock(undocked, "", (), NONE)
    with pytest.raises(UnknownDock, match="gone"):
        ssh_dock(lost, "", (), NONE)
