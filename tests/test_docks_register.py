"""register-dock and unregister-dock: what is taken for a dock, and what becomes of the list."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from fakes import RecordingRunner, fake_session, said
from projects import Projects

from dockerutils.docks.connection.presence import register
from dockerutils.docks.dock import Dock
from dockerutils.docks.options import RegisterOptions
from dockerutils.docks.places import berth_of, docks_file
from dockerutils.docks.registration.probe import Findings
from dockerutils.docks.registration.ssh_settings import NOBODY
from dockerutils.docks.registry import UnknownDock, read_docks
from dockerutils.errors import DockerutilsError, UsageError
from dockerutils.register_dock import (
    check_options,
    completed,
    register_dock,
    register_line,
    unregister_dock,
)
from dockerutils.runner import Answer
from dockerutils.session import Session

HOST = "10.1.2.3"
FINGERPRINT = "SHA256:" + "A" * 43


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A folder for sockets; its path is short, else those go elsewhere."""
    with TemporaryDirectory(prefix="docks-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def session(projects: Projects, tmp_path: Path, runtime: Path) -> Session:
    """A session of a user with no docks, whose ssh_config is empty."""
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_RUNTIME_DIR": str(runtime)}
    made, runner = fake_session(projects.images("app"), environ)
    runner.answers = {
        f"ssh -G -- {host}": Answer(0, f"host {host}\nuser root\nhostname {host}\n", "")
        for host in (HOST, NOBODY, "fe80::1")
    }
    project = replace(made.project, home=str(tmp_path / "home"))
    return replace(made, project=project)


def docks(session: Session) -> list[Dock]:
    return list(read_docks(session.environ, session.project.home).docks)


def enter(session: Session, host: str = HOST, moniker: str = "", **options: Any) -> None:
    """Register a host without a look at it, as `bob` where nothing else is said."""
    chosen = {"user": "bob", "no_probe": True, **options}
    register_dock(session, host, moniker, RegisterOptions(**chosen))


def old_file(session: Session, address: str, moniker: str) -> Path:
    path = Path(session.project.home, ".docker", address, "connection_config.txt")
    path.parent.mkdir(parents=True)
    path.write_text(f"DOCK_USER=ubuntu\nDOCK_MONIKER={moniker}\nDOCK_IP={address}\n")
    return path


# What is taken ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "moniker", "options", "expected"),
    [
        (HOST, "gpu", {}, Dock("gpu", HOST, "bob")),
        (HOST, "", {}, Dock(HOST, HOST, "bob")),
        (HOST, "none", {}, Dock(HOST, HOST, "bob")),
        (HOST, HOST, {}, Dock(HOST, HOST, "bob")),
        ("fe80::1", "", {}, Dock("fe80::1", "fe80::1", "bob")),
        (f"al@{HOST}:22", "gpu", {"user": ""}, Dock("gpu", HOST, "al", 22)),
        (f"ssh://bob@{HOST}:22/", "gpu", {"port": 22}, Dock("gpu", HOST, "bob", 22)),
        (
            HOST,
            "gpu",
            {"port": 2222, "jump": "me@gate:22", "workspace": "/data/x"},
            Dock("gpu", HOST, "bob", 2222, jump="me@gate:22", workspace="/data/x"),
        ),
    ],
)
def test_what_is_said_is_registered(
    session: Session, host: str, moniker: str, options: dict[str, Any], expected: Dock
) -> None:
    enter(session, host, moniker, **options)

    assert [expected] == docks(session)


@pytest.mark.parametrize(
    ("host", "moniker", "options", "message"),
    [
        ("-oProxyCommand=x", "", {}, "is no host"),
        ("a b", "", {}, "is no host"),
        ("h\x1b[2J", "", {}, "its address holds what cannot be seen"),
        ("$(id)", "", {}, "is no host"),
        (HOST, "-x", {}, "'-x' is no moniker"),
        (HOST, "a b", {}, "'a b' is no moniker"),
        (HOST, "../x", {}, "is no moniker"),
        (HOST, "\x1b[2J", {}, r"'\\x1b\[2J' is no moniker"),
        (HOST, "gpu", {"user": "-l"}, "is no user name"),
        (HOST, "gpu", {"user": "a b"}, "is no user name"),
        (HOST, "gpu", {"jump": "-oProxyCommand=x"}, "is no list of hosts"),
        (HOST, "gpu", {"port": 70000}, "its port 70000 is none"),
        (HOST, "gpu", {"port": -1}, "its port -1 is none"),
        (f"{HOST}:{'9' * 5000}", "gpu", {}, "is none"),
        (HOST, "gpu", {"identity": "nowhere"}, "the key nowhere is not there"),
        (HOST, "gpu", {"workspace": "data"}, "nobody knows the home there"),
        (HOST, "gpu", {"workspace": "/a\nb"}, "its workspace holds what cannot be seen"),
        (f"alice@{HOST}", "gpu", {}, "say two things"),
        (f"{HOST}:22", "gpu", {"port": 23}, "say two things"),
        (HOST, "gpu", {"host_key": "x"}, "is no fingerprint"),
        (HOST, "gpu", {"accept_new": True}, "with --no-probe nobody sees"),
        (HOST, "gpu", {"host_key": FINGERPRINT}, "with --no-probe nobody sees"),
    ],
)
def test_what_cannot_be_meant_is_a_mistake_of_usage(
    session: Session, host: str, moniker: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        enter(session, host, moniker, **options)

    assert [] == docks(session)
    assert "\x1b" not in caught.value.message


def test_a_key_is_confirmed_in_one_way() -> None:
    with pytest.raises(UsageError, match="two ways"):
        check_options(RegisterOptions(host_key=FINGERPRINT, accept_new=True))


def test_a_key_is_noted_with_its_whole_path(session: Session) -> None:
    (session.here / "key").touch()

    enter(session, identity="key")

    assert str(session.here / "key") == docks(session)[0].identity


# The user -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "variable", "expected", "reason"),
    [
        ("bob", "carol", "bob", "as you said"),
        ("", "carol", "carol", "as DOCK_USER says"),
        ("", "", "ubuntu", "since neither --user, DOCK_USER nor your ssh_config says another"),
    ],
)
def test_the_user_is_said_with_the_reason(
    session: Session, option: str, variable: str, expected: str, reason: str
) -> None:
    enter(replace(session, environ={**session.environ, "DOCK_USER": variable}), user=option)

    assert expected == docks(session)[0].user
    assert f"# the user on {HOST} is {expected}, {reason}." in said(session)


def test_the_user_of_the_dock_that_a_terminal_is_docked_to_is_not_that_of_another_one(
    session: Session,
) -> None:
    docked = {"DOCKER_IP": "10.9.9.9", "DOCK_USER": "carol"}
    enter(replace(session, environ={**session.environ, **docked}), user="")

    assert "ubuntu" == docks(session)[0].user


# Names --------------------------------------------------------------------------------------


def test_the_same_again_changes_it(session: Session) -> None:
    enter(session, HOST, "gpu", port=22)
    enter(session, HOST, "gpu", user="carol")

    assert [Dock("gpu", HOST, "carol")] == docks(session)


def test_what_a_newer_version_noted_stays(session: Session) -> None:
    enter(session, HOST, "gpu")
    path = Path(session.environ["XDG_CONFIG_HOME"], "dockerutils/docks.toml")
    path.write_text(path.read_text() + 'instance = "i-1"\n')

    enter(session, HOST, "gpu", user="carol")

    assert {"instance": "i-1"} == docks(session)[0].more


def test_the_moniker_of_another_dock_is_taken_only_by_force(session: Session) -> None:
    enter(session, "10.9.9.9", "gpu")

    with pytest.raises(UsageError, match=r"gpu is a dock already: bob@10\.9\.9\.9\."):
        enter(session, HOST, "gpu")
    assert ["10.9.9.9"] == [one.address for one in docks(session)]

    enter(session, HOST, "gpu", force=True)
    assert [HOST] == [one.address for one in docks(session)]


def test_the_address_of_another_dock_is_no_moniker(session: Session) -> None:
    enter(session, "10.9.9.9", "gpu")

    with pytest.raises(UsageError, match=r"10\.9\.9\.9 is the address of gpu"):
        enter(session, HOST, "10.9.9.9", force=True)


def test_two_docks_at_one_address_are_said(session: Session) -> None:
    enter(session, HOST, "gpu")
    enter(session, HOST, "mine", user="carol")

    assert ["gpu", "mine"] == [one.name for one in docks(session)]
    assert "# gpu has the same address." in said(session)


def test_the_old_file_of_an_address_gives_way(session: Session) -> None:
    kept = old_file(session, HOST, "old")

    enter(session, HOST, "gpu")

    assert (["gpu"], True) == ([one.name for one in docks(session)], kept.exists())


def test_what_comes_next_is_said(session: Session) -> None:
    enter(session, HOST, "gpu")

    assert f"# gpu is registered: bob@{HOST}." in said(session)
    assert "# `source dock gpu` docks a terminal to it" in said(session)


@pytest.mark.parametrize("socket", ["/x:/y", "/${AWS_SECRET_ACCESS_KEY}", "/%h", "/a b", "/\x1b"])
def test_what_a_dock_says_badly_does_not_count(socket: str) -> None:
    dock = Dock("gpu", HOST, workspace="code")
    hostile = Findings({"socket": (socket,), "home": ("/home/ubuntu",)}, "26", "amd64")

    found = completed(dock, hostile)

    assert ("/var/run/docker.sock", "/home/ubuntu/code") == (found.socket, found.workspace)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", ""),
        ("code", "/home/bob/code"),
        ("~/code/", "/home/bob/code"),
        ("~", "/home/bob"),
        ("/data/", "/data"),
    ],
)
def test_a_workspace_is_in_the_home_there(given: str, expected: str) -> None:
    found = completed(Dock("gpu", HOST, workspace=given), Findings({"home": ("/home/bob",)}))

    assert expected == found.workspace


# unregister-dock ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gpu", HOST])
def test_a_dock_is_forgotten_by_its_name_or_address(session: Session, name: str) -> None:
    enter(session, HOST, "gpu")
    enter(session, "10.9.9.9", "other")
    kept = old_file(session, "10.8.8.8", "old")

    unregister_dock(session, name)

    assert ["old", "other"] == [one.name for one in docks(session)]
    assert kept.exists()
    assert f"# `register-dock {HOST} gpu --user bob` makes it one again." in said(session)


def test_the_old_file_goes_with_it(session: Session) -> None:
    gone = old_file(session, HOST, "old")
    enter(session, HOST, "gpu")

    unregister_dock(session, "gpu")

    assert ([], False) == (docks(session), gone.parent.exists())


def test_a_dock_of_an_old_file_alone_is_forgotten(session: Session) -> None:
    gone = old_file(session, HOST, "none")

    unregister_dock(session, HOST)

    assert ([], False) == (docks(session), gone.exists())
    assert not Path(session.environ["XDG_CONFIG_HOME"], "dockerutils/docks.toml").exists()


def test_a_dock_that_there_is_not_cannot_be_forgotten(session: Session) -> None:
    with pytest.raises(UnknownDock, match="there is no dock gpu"):
        unregister_dock(session, "gpu")


def test_terminals_that_are_docked_to_it_are_told_of(session: Session) -> None:
    enter(session, HOST, "gpu")
    register(berth_of(docks(session)[0], session.environ), os.getpid())

    unregister_dock(session, "gpu")

    assert "# warning: a terminal is still docked to gpu: type `castoff` there." in said(session)


def test_a_name_that_terminals_are_docked_to_is_given_to_no_other_host(session: Session) -> None:
    enter(session, HOST, "gpu")
    register(berth_of(docks(session)[0], session.environ), os.getpid())

    with pytest.raises(DockerutilsError, match="a terminal is docked to gpu") as caught:
        enter(session, "10.9.9.9", "gpu", force=True)
    assert "castoff" in caught.value.hint
    assert [HOST] == [one.address for one in docks(session)]


def test_the_line_that_makes_a_dock_again_says_all_of_it() -> None:
    dock = Dock("gpu", HOST, "bob", 2222, "/k y", "gate", workspace="/data")
    expected = (
        f"register-dock {HOST} gpu --user bob --port 2222 --identity '/k y' --jump gate"
        " --workspace /data"
    )

    assert expected == register_line(dock)
    assert f"register-dock {HOST}" == register_line(Dock(HOST, HOST))


def test_an_entry_that_is_passed_over_can_be_removed(session: Session) -> None:
    enter(session, HOST, "gpu")
    path = docks_file(session.environ, session.project.home)
    path.write_text(path.read_text() + '[dock.bad]\naddress = "-x"\n')

    unregister_dock(session, "bad")

    assert "# bad, which described no dock, is removed." in said(session)
    assert "bad" not in path.read_text()
    assert ["gpu"] == [one.name for one in docks(session)]


def test_a_connection_that_would_lead_elsewhere_ends(session: Session) -> None:
    enter(session, HOST, "gpu")
    berth = berth_of(docks(session)[0], session.environ)
    berth.engine.touch()

    enter(session, HOST, "gpu")
    assert berth.engine.exists()

    enter(session, HOST, "gpu", port=2222)
    assert not berth.engine.exists()


def test_nothing_is_run_for_a_dock_without_a_connection(session: Session) -> None:
    enter(session, HOST, "gpu")
    unregister_dock(session, "gpu")

    assert isinstance(session.runner, RecordingRunner)
    assert [] == session.runner.commands
