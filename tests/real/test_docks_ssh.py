"""ssh-dock against real docks: commands, terminals, statuses, options, the agent, the keys."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dock_hosts import DockHost
from dockyards import Dockyard
from projects import Result
from terminals import Terminals, exit_status

pytestmark = pytest.mark.real

# What `source dock` does for the connection, without a shell.
OPEN = """
import os
from dockerutils.docks.chosen import chosen_dock
from dockerutils.docks.connection.tunnel import open_tunnel
from dockerutils.startup import Manner, open_session_apart, standard_terminal
session = open_session_apart(standard_terminal(), Manner())
open_tunnel(chosen_dock(session, "gpu-box"), session.runner, session.environ, False)
"""


@pytest.fixture
def yard(clean_dockyard: Dockyard) -> Dockyard:
    clean_dockyard.register(clean_dockyard.host(), "gpu-box")
    return clean_dockyard


@pytest.fixture
def host(yard: Dockyard) -> Iterator[DockHost]:
    yield yard.host()
    yard.host().clear()


@pytest.fixture
def connected(yard: Dockyard) -> None:
    subprocess.run([sys.executable, "-c", OPEN], env=yard.environ, check=True)


def run(yard: Dockyard, *words: str, stdin: str = "", **more: str) -> Result:
    return yard.line(yard.home, "ssh-dock", *words, stdin=stdin, **more)


def test_a_command_gets_its_words_as_they_are(yard: Dockyard, host: DockHost) -> None:
    (host.home / "a b").touch()
    odd = ["a b", "$HOME", "*", "it's", '"', "-n", "", "ü"]

    listed = run(yard, "gpu-box", "--", "ls", "a b")
    told = run(yard, "gpu-box", "--", "printf", "<%s>\\n", *odd)
    script = run(yard, "gpu-box", "--", "sh", "-c", "cd / && pwd | tr / :")

    assert (0, "a b\n") == (listed.status, listed.out)
    assert [f"<{one}>" for one in odd] == told.out.splitlines()
    assert ":\n" == script.out


def test_the_status_is_that_of_the_command(yard: Dockyard) -> None:
    statuses = [run(yard, "gpu-box", "--", *words.split()).status for words in ("true", "false")]
    third = run(yard, "gpu-box", "--", "sh", "-c", "exit 42")

    assert [0, 1, 42] == [*statuses, third.status]
    assert "255" not in third.err


def test_a_command_reads_what_we_are_fed(yard: Dockyard) -> None:
    fed = run(yard, "gpu-box", "--", "tr", "a-z", "A-Z", stdin="shout\n")
    script = run(yard, "gpu-box", stdin="cd /; pwd\n")

    assert "SHOUT\n" == fed.out
    assert (0, "/\n") == (script.status, script.out)


def test_the_dock_is_the_one_that_the_terminal_is_docked_to(yard: Dockyard) -> None:
    docked = {"DOCKER_IP": yard.host().address, "DOCK_MONIKER": "gpu-box"}
    named, found = run(yard, "--", "hostname", **docked), run(yard, yard.host().address, "--", "id")
    nowhere = run(yard, "--", "hostname")

    assert (0, "h1\n") == (named.status, named.out)
    assert 0 == found.status
    assert 2 == nowhere.status
    assert "not docked" in nowhere.err


def test_the_line_that_is_printed_can_be_pasted(yard: Dockyard, connected: None) -> None:
    printed = run(yard, "gpu-box", "--", "echo", "a  b").err.strip()
    pasted = subprocess.run(["sh", "-c", printed], env=yard.environ, capture_output=True, text=True)

    assert printed.startswith("ssh ")
    assert "a  b\n" == pasted.stdout


def test_the_connection_that_is_there_is_used(yard: Dockyard, connected: None) -> None:
    """Each ssh connection has a port of its own, which sshd tells what it starts."""

    def line(*words: str) -> str:
        return run(yard, "gpu-box", *words, "--", "printenv", "SSH_CONNECTION").out

    assert line() == line()
    assert line() != line("-s", "-C")
    assert line() != line("-A")


def test_a_stale_connection_is_no_obstacle(yard: Dockyard, connected: None) -> None:
    (master,) = [
        number
        for number in yard.processes()
        if b"-fNM" in Path(f"/proc/{number}/cmdline").read_bytes()
    ]
    for number in (*keepers(yard), master):
        os.kill(number, 9)

    assert "h1\n" == run(yard, "gpu-box", "--", "hostname").out


def keepers(yard: Dockyard) -> list[int]:
    return [
        number
        for number in yard.processes()
        if b"_keeper" in Path(f"/proc/{number}/cmdline").read_bytes()
    ]


def test_options_are_ssh_s_own(yard: Dockyard) -> None:
    chatty = run(yard, "gpu-box", "-s", "-v -o 'SetEnv LC_ONE=two'", "--", "true")
    broken = run(yard, "gpu-box", "-s", "-o 'x", "--", "true")

    assert 0 == chatty.status
    assert "debug1: Sending command" in chatty.err
    assert 2 == broken.status
    assert "quote" in broken.err


def test_no_option_has_another_host_key_accepted(yard: Dockyard, host: DockHost) -> None:
    yard.fabric.known.write_text("")

    trusting = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
    result = run(yard, "gpu-box", "-s", trusting, "--", "hostname")

    assert (255, "") == (result.status, result.out)
    assert "Host key verification failed" in result.err


def test_a_dock_that_cannot_be_reached_is_told(yard: Dockyard) -> None:
    yard.register(yard.host(), "off", port=1)

    result = run(yard, "off", "--", "true")
    own = run(yard, "gpu-box", "--", "sh", "-c", "exit 255")

    assert 255 == result.status
    assert "Connection refused" in result.err
    assert "off was not reached" in result.err
    assert 255 == own.status


def test_the_agent_is_forwarded_only_if_asked(yard: Dockyard, agent: str, connected: None) -> None:
    script = ("--", "sh", "-c", "echo ${SSH_AUTH_SOCK:-none}; ssh-add -l")
    (yard.fabric.config).write_text(f"ForwardAgent yes\n{yard.fabric.config.read_text()}")

    plain = run(yard, "gpu-box", *script, SSH_AUTH_SOCK=agent)
    own = run(yard, "gpu-box", "-s", "-C", *script, SSH_AUTH_SOCK=agent)
    forwarded = run(yard, "gpu-box", "-A", *script, SSH_AUTH_SOCK=agent)

    assert ["none\n", "none\n"] == [plain.out, own.out]
    assert 0 == forwarded.status
    assert "ED25519" in forwarded.out


@pytest.fixture
def agent(dockyard: Dockyard) -> Iterator[str]:
    path = dockyard.folder / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL) as agent:
        environ = {**dockyard.environ, "SSH_AUTH_SOCK": str(path)}
        while subprocess.run(["ssh-add", "-l"], env=environ, capture_output=True).returncode == 2:
            assert agent.poll() is None
        subprocess.run(["ssh-add", "-q", str(dockyard.fabric.key)], env=environ, check=True)
        yield str(path)
        agent.terminate()


def test_without_a_command_it_is_a_terminal_there(yard: Dockyard) -> None:
    terminals = Terminals(yard.environ)
    child = terminals.open(yard.home, "ssh-dock", "gpu-box", size=(31, 99))
    try:
        child.sendline("tty; stty size; hostname; exit 7")
        child.expect(r"/dev/pts/\d+\r\n31 99\r\nh1\r\n")

        assert 7 == exit_status(child)
    finally:
        terminals.close()


def test_a_command_gets_the_terminal_that_is_here(yard: Dockyard, connected: None) -> None:
    terminals = Terminals(yard.environ)
    child = terminals.open(
        yard.home, "ssh-dock", "gpu-box", "--", "sh", "-c", "tty; read x; echo [$x]"
    )
    try:
        child.expect(r"/dev/pts/\d+\r\n")
        child.sendline("typed")
        child.expect(r"\[typed\]")

        assert 0 == exit_status(child)
    finally:
        terminals.close()
