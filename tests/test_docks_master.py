"""ssh's command lines for a dock's connection, and why an engine does not answer through it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dockerutils.command import Command
from dockerutils.docks.addresses import address_of
from dockerutils.docks.connection.keeper import delay_of, has_slept, label, loss_of, shorten
from dockerutils.docks.connection.master import Master, end_process, wait_until
from dockerutils.docks.connection.presence import leads_to, note_route, register, started, users
from dockerutils.docks.connection.tunnel import end_connection, failure_of, locked
from dockerutils.docks.dock import Dock
from dockerutils.docks.errand import Reply
from dockerutils.docks.places import Berth
from dockerutils.errors import EngineError
from dockerutils.runner import Answer
from dockerutils.ssh.command import USUAL, Pace, order, standing_master
from dockerutils.ssh.connection import Refused, Unreachable, refused

DOCK = Dock("gpu-box", "10.1.2.3", "alice", 2222, "/key", "gate")


def options_of(command: Command) -> list[str]:
    words = command.argv
    return [words[at + 1] for at, word in enumerate(words) if word == "-o"]


def line(asks: bool = False, pace: Pace = USUAL) -> Command:
    return standing_master(address_of(DOCK), Path("/r/x.ctl"), Path("/r/x.log"), asks, pace)


def test_a_dock_is_reached_as_it_was_registered() -> None:
    expected = ("-i", "/key", "-J", "gate", "-p", "2222", "--", "alice@10.1.2.3")

    assert expected == line().argv[-8:]
    assert ("ssh", "-fNM", "-E", "/r/x.log") == line().argv[:4]


@pytest.mark.parametrize("asks", [True, False])
def test_the_host_key_of_a_dock_is_always_checked(asks: bool) -> None:
    options = options_of(line(asks))
    about_keys = [one for one in options if "HostKey" in one or "KnownHosts" in one]

    assert ["StrictHostKeyChecking=yes"] == about_keys


@pytest.mark.parametrize(("asks", "expected"), [(True, "no"), (False, "yes")])
def test_only_a_terminal_is_asked_for_a_password(asks: bool, expected: str) -> None:
    assert f"BatchMode={expected}" in options_of(line(asks))


def test_a_connection_that_nobody_holds_ends() -> None:
    assert "ControlPersist=20" in options_of(line())


def test_a_silent_host_is_asked_whether_it_is_there() -> None:
    assert "ServerAliveInterval=2" in options_of(line(pace=Pace(2)))
    assert "ServerAliveInterval=15" in options_of(line())


def test_forwardings_of_the_users_configuration_are_not_made() -> None:
    assert "ClearAllForwardings=yes" in options_of(line())
    assert ("ssh", "-F", "none") == order(Path("/r/x.ctl"), "forward", "a:b").argv[:3]


def test_the_engines_socket_is_the_users_alone() -> None:
    assert "StreamLocalBindMask=0177" in options_of(line())


def test_a_master_is_ordered_over_its_socket() -> None:
    expected = "ssh -F none -S /r/x.ctl -O forward -L 1:h:1 -- master"
    assert expected == str(order(Path("/r/x.ctl"), "forward", "1:h:1"))
    assert "ssh -F none -S /r/x.ctl -O check -- master" == str(order(Path("/r/x.ctl"), "check"))


@pytest.mark.parametrize(
    ("said", "final"),
    [
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @", True),
        ("Host key verification failed.", True),
        ("alice@h: Permission denied (publickey).", True),
        ("ssh: Could not resolve hostname h: Name or service not known", False),
        ("ssh: connect to host h port 22: Connection timed out", False),
        ("", False),
    ],
)
def test_a_host_that_refuses_us_is_told_from_one_that_is_away(said: str, final: bool) -> None:
    assert (Refused if final else Unreachable) is type(refused(address_of(DOCK), said))


# A master, as its dock answers ---------------------------------------------------------------


@dataclass
class Ssh:
    """Answers what has a text among its words; all else succeeds in silence."""

    answers: dict[str, Answer] = field(default_factory=dict)
    log: Path | None = None
    said: str = ""
    lines: list[str] = field(default_factory=list)

    def __call__(self, command: Command) -> Answer:
        line = str(command)
        self.lines.append(line)
        if self.log:
            self.log.write_text(self.said)
        found = (answer for text, answer in self.answers.items() if text in line)
        return next(found, Answer(0, "", ""))


@pytest.fixture
def berth(tmp_path: Path) -> Berth:
    return Berth(tmp_path, "gpu-box")


def test_without_a_control_socket_there_is_no_master(berth: Berth) -> None:
    ssh = Ssh()

    assert (0, []) == (Master(DOCK, berth, ssh).process(), ssh.lines)


def test_a_master_says_its_number(berth: Berth) -> None:
    berth.control.touch()
    ssh = Ssh({"-O check": Answer(0, "", "Master running (pid=4711)\r\n")})

    assert 4711 == Master(DOCK, berth, ssh).process()
    assert 0 == Master(DOCK, berth, Ssh({"check": Answer(255, "", "refused")})).process()


def test_a_connection_that_cannot_be_made_leaves_nothing_and_says_why(berth: Berth) -> None:
    ssh = Ssh({"-fNM": Answer(255, "", "")}, berth.log, "x\nalice@h: Permission denied (password).")
    with pytest.raises(Refused, match=r"does not let you in"):
        Master(DOCK, berth, ssh).start(asks=False)

    assert not berth.control.exists()
    assert not berth.engine.exists()


def test_sockets_of_a_crash_are_removed_before_a_connection_is_made(berth: Berth) -> None:
    berth.control.touch()
    berth.engine.touch()
    seen: list[bool] = []

    def ssh(command: Command) -> Answer:
        seen.append(berth.control.exists() or berth.engine.exists())
        return Answer(255, "", str(command)[:0])

    with pytest.raises(Unreachable):
        Master(DOCK, berth, ssh).start(asks=False)

    assert [False] == seen


def test_the_log_is_the_users_alone(berth: Berth) -> None:
    with pytest.raises(Unreachable):
        Master(DOCK, berth, Ssh({"-fNM": Answer(255, "", "")})).start(asks=False)

    assert 0o600 == berth.log.stat().st_mode & 0o777


def asked(berth: Berth, said: str) -> EngineError:
    """Give why there is no engine, as a dock says it."""
    return Master(DOCK, berth, Ssh(), send=lambda _errand: Reply(said, "")).ailment()


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        ("absent\n", "there is no Docker on gpu-box.", "Install Docker's engine"),
        (
            "closed alice\n",
            "alice may not use the engine of gpu-box (/var/run/docker.sock).",
            "`sudo usermod -aG docker alice`",
        ),
        ("Welcome!\nclosed eve\n\n", "eve may not use", "usermod -aG docker eve"),
        ("closed", "your user may not use", "usermod -aG docker USER"),
        (
            "stopped",
            "of gpu-box does not run: there is no /var/run/docker.sock.",
            "systemctl start",
        ),
        ("unforwarded", "does not forward its engine's socket", "AllowStreamLocalForwarding yes"),
        ("silent", "of gpu-box does not answer on /var/run/docker.sock.", "systemctl status"),
        ("\x1b[31mwhat?\x1b[0m", "does not answer on", "systemctl status"),
        ("", "does not answer on", "systemctl status"),
    ],
)
def test_a_dock_says_why_its_engine_does_not_answer(
    berth: Berth, said: str, message: str, hint: str
) -> None:
    error = asked(berth, said)

    assert message in error.message
    assert hint in error.hint
    assert isinstance(error, EngineError)


def test_what_a_dock_calls_its_user_steers_no_terminal(berth: Berth) -> None:
    said = "closed \x1b]0;x\x07eve\x1b[2J"

    assert asked(berth, said).message.startswith("eve may not use")


def test_a_master_of_which_nobody_asks_has_no_reason(berth: Berth) -> None:
    assert "does not answer on" in Master(DOCK, berth, Ssh()).ailment().message


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("", ("it gave no reason.", "Dock again.")),
        ("ssh: x\n", ("ssh: x", "Dock again.")),
        ("ssh: x\ndockerutils: it is odd.\n  Do this.\n", ("it is odd.", "Do this.")),
        ("dockerutils: it is odd.\nmux: y\n", ("it is odd.", "Dock again.")),
    ],
)
def test_a_keepers_failure_is_told_by_its_message(log: str, expected: tuple[str, str]) -> None:
    assert expected == failure_of(log)


def test_a_changed_entry_ends_the_connection_and_not_its_users(berth: Berth) -> None:
    note_route(berth, DOCK)
    register(berth, os.getpid())
    for path in (berth.control, berth.engine, berth.log):
        path.touch()
    end_connection(DOCK, berth, Asked())

    assert (False, 1) == (leads_to(berth, DOCK), len(users(berth)))
    assert [berth.users] == list(berth.folder.iterdir())


class Asked:
    """A user's runner, to whom no master answers."""

    def read(self, command: Command) -> Answer:
        return Answer(255, "", str(command)[:0])


def test_a_dock_that_is_silent_costs_ten_seconds() -> None:
    assert "ConnectTimeout=10" in options_of(line())


def test_nothing_of_this_machine_is_offered_to_a_dock() -> None:
    assert {"ForwardAgent=no", "ForwardX11=no", "Tunnel=no"} <= set(options_of(line()))


def test_a_process_that_took_an_ended_ones_number_is_let_be() -> None:
    with subprocess.Popen(["sleep", "600"]) as process:
        end_process(process.pid, start="1")
        assert process.poll() is None
        process.kill()


# The keeper's parts --------------------------------------------------------------------------


def test_a_machine_was_asleep_when_a_wait_took_much_too_long() -> None:
    assert not has_slept(5, 5.2, slack=5)
    assert not has_slept(5, 10, slack=5)
    assert has_slept(5, 10.5, slack=5)


def test_tries_become_rarer_up_to_half_a_minute() -> None:
    assert [1, 2, 4, 8, 16, 30, 30] == [delay_of(tries) for tries in range(7)]


def test_the_session_there_says_whose_keeper_it_is() -> None:
    name = label("alice; rm -rf /")

    assert name.startswith("dockerutils-keeper of alice--rm--rf--@")
    assert "'" not in name


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("", "the connection was lost."),
        ("channel 2: open failed: connect failed: open failed\n", "the connection was lost."),
        ("Timeout, server 10.1.2.3 not responding.\nchannel 3: x\n", None),
    ],
)
def test_ssh_says_why_a_connection_was_lost(log: str, expected: str | None) -> None:
    assert (expected or log.splitlines()[0]) == loss_of(log)


def test_a_long_log_is_emptied(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("short")
    shorten(log)
    assert "short" == log.read_text()

    log.write_bytes(bytes(2**18 + 1))
    shorten(log)
    assert b"" == log.read_bytes()
    shorten(tmp_path / "gone")


def test_a_lock_is_held_by_one_and_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    with locked(path, wait=False) as first, locked(path, wait=False) as second:
        assert (True, -1) == (first >= 0, second)

    assert not path.exists()
    with locked(path, wait=True) as again:
        assert again >= 0


def test_a_process_that_does_not_listen_is_ended_by_force() -> None:
    script = "trap '' TERM; echo deaf; while :; do sleep 0.05; done"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        end_process(process.pid, 0.05)
        assert "" == started(process.pid)
        assert -9 == process.wait()


def test_a_process_that_is_gone_needs_no_end() -> None:
    end_process(2**22 + 1)


def test_what_does_not_happen_is_not_waited_for_for_ever() -> None:
    assert (False, True) == (wait_until(lambda: False, 0.01), wait_until(lambda: True, 0))
