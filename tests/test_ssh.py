"""ssh's command lines, what ssh says of failures, and what a host says of itself."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from dockerutils.docks.places import runtime_folder
from dockerutils.errors import EngineError, UsageError
from dockerutils.pipes import Dialogue
from dockerutils.ssh.command import Address, check_identity, master, parse_address, session, typed
from dockerutils.ssh.connection import LONGEST, Connection, Unreachable, refused, sockets
from dockerutils.ssh.host import familiar, parse_facts

DIGEST = "sha256:" + "1" * 64


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("gpu-box", "gpu-box", ""),
        ("alice@gpu-box", "alice@gpu-box", ""),
        ("alice@10.0.0.1:2222", "alice@10.0.0.1", "2222"),
        ("ssh://alice@gpu-box:2222/", "alice@gpu-box", "2222"),
        ("[fe80::1]:22", "fe80::1", "22"),
        ("fe80::1", "fe80::1", ""),
    ],
)
def test_an_address_is_what_ssh_takes(text: str, host: str, port: str) -> None:
    found = parse_address(text)

    assert (host, port, text) == (found.host, found.port, str(found))


@pytest.mark.parametrize("text", ["", "-oProxyCommand=x", "a@-x", "@b", "a b", "host:/path", "a/b"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no host"):
        parse_address(text)


def words_of(command: object) -> list[str]:
    return list(getattr(command, "argv"))  # noqa: B009


def test_no_command_line_weakens_how_host_keys_are_checked() -> None:
    address = parse_address("gpu-box", "/key")
    for asks in (True, False):
        words = " ".join(words_of(master(address, Path("/s"), asks)))
        assert "HostKey" not in words
        assert "KnownHosts" not in words
    assert "HostKey" not in " ".join(words_of(session(address, Path("/s"), "true")))


@pytest.mark.parametrize(("asks", "batch"), [(True, "BatchMode=no"), (False, "BatchMode=yes")])
def test_ssh_asks_only_on_a_terminal(asks: bool, batch: str) -> None:
    words = words_of(master(parse_address("gpu-box"), Path("/s"), asks))

    assert batch in words


def test_a_session_uses_the_connection_that_is_there_or_fails() -> None:
    words = words_of(session(parse_address("gpu-box:22"), Path("/s"), "echo 'a b'"))

    assert {"ControlPath=/s", "ControlMaster=no", "ProxyCommand=false"} <= set(words)
    assert ["--", "gpu-box", "sh -c 'echo '\"'\"'a b'\"'\"''"] == words[-3:]


def test_a_session_on_a_dock_sends_no_variables_of_the_configuration() -> None:
    dock = replace(parse_address("gpu-box"), checked=True)

    assert ["ssh", "-F", "none"] == words_of(session(dock, Path("/s"), "true"))[:3]
    assert "-F" not in words_of(session(parse_address("gpu-box"), Path("/s"), "true"))


def test_a_session_needs_no_jump_which_would_not_go_with_its_proxy_command() -> None:
    words = words_of(session(replace(parse_address("gpu-box"), jump="gate"), Path("/s"), "true"))

    assert "-J" not in words


def test_a_key_and_a_port_are_given_as_a_user_would() -> None:
    command = typed(parse_address("me@h:2222", "/key"), "docker load", "docker save app")

    assert "docker save app | ssh -i /key -p 2222 me@h 'docker load'" == str(command)


def test_a_key_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "id").touch()

    assert str(tmp_path / "id") == check_identity("~/id", Path("/"), str(tmp_path))
    assert "" == check_identity("", tmp_path, "")
    with pytest.raises(UsageError, match="the key none is not there"):
        check_identity("none", tmp_path, "")


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        ("Host key verification failed.", "host key of h is not known", "fingerprint"),
        (
            "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
            "h has another host key than before",
            "ssh-keygen -R",
        ),
        ("me@h: Permission denied (publickey).", "h does not let you in", "--identity"),
        ("ssh: Could not resolve hostname h: x", "there is no host h", "ssh_config"),
        ("ssh: connect to host h port 22: Connection refused", "Connection refused", "`ssh h`"),
        ("", "ssh gave no reason", "`ssh h`"),
    ],
)
def test_what_ssh_says_becomes_a_sentence(said: str, message: str, hint: str) -> None:
    error = refused(parse_address("h"), said)

    assert message in error.message
    assert hint in error.hint


@pytest.mark.parametrize(
    ("more", "known"),
    [("", "'[h]:2222'"), ("Host key for 10.1.2.3 has changed and you have", "10.1.2.3")],
)
def test_a_dock_with_another_key_is_told_what_to_remove(more: str, known: str) -> None:
    address = Address("gpu", "al@h", "2222", checked=True)
    error = refused(address, f"REMOTE HOST IDENTIFICATION HAS CHANGED\n{more}\n")

    assert f"`ssh-keygen -R {known}`, and register" in error.hint
    assert "`register-dock`" in refused(address, "Host key verification failed.").hint


def test_sockets_lie_in_a_private_folder_with_a_short_path(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    for runtime in (str(tmp_path), str(long), "/nowhere", ""):
        with sockets({"XDG_RUNTIME_DIR": runtime}) as folder:
            assert stat.S_IRWXU == stat.S_IMODE(folder.stat().st_mode)
            assert LONGEST > len(os.fsencode(folder)) or runtime == str(tmp_path)
        assert not folder.exists()


def test_letters_that_ssh_would_expand_are_in_no_path(tmp_path: Path) -> None:
    for name in ("a b", "50%h", "$x", "a:b"):
        odd = tmp_path / name
        odd.mkdir(mode=0o700)
        environ = {"XDG_RUNTIME_DIR": str(odd)}
        with sockets(environ) as folder:
            assert not str(folder).startswith(str(odd))
        assert not str(runtime_folder(environ)).startswith(str(odd))


class Speechless:
    """Says nothing, and after some lines lets us in."""

    def __init__(self, socket: Path, lets_in_after: int) -> None:
        self.socket, self.left = socket, lets_in_after
        self.asked = 0

    def tell(self, text: str) -> None:
        del text

    def line(self, patience: float | None = None) -> str:
        self.asked += 1
        if self.asked == self.left:
            self.socket.touch()
        raise TimeoutError(patience)


@pytest.mark.parametrize(
    ("asks", "lets_in_after", "expected"),
    [(True, 50, 51), (False, 2, 3), (False, 50, 4)],
)
def test_who_lets_us_in_and_says_nothing_is_given_up(
    tmp_path: Path, asks: bool, lets_in_after: int, expected: int
) -> None:
    silent = Speechless(tmp_path / "s", lets_in_after)
    connection = Connection(parse_address("h"), silent.socket, cast(Dialogue, silent), asks)
    with pytest.raises(Unreachable, match=r"^h says nothing\.$"):
        connection.ask(":")

    assert expected == silent.asked


ANSWER = f"""docker sudo -n /opt/docker
version 26.1.5
architecture x86_64
root /var/lib/docker
store [[driver-type io.containerd.snapshotter.v1]]
has zstd
has gzip
free /dev/sda1 100 50 40 50% /
there {{"Id": "{DIGEST}", "RootFS": {{"Layers": ["{DIGEST}"]}}}}
held 3
"""


def test_a_host_says_what_it_is() -> None:
    facts = parse_facts(ANSWER, "h")

    assert ("sudo", "-n", "/opt/docker") == facts.docker
    assert ("26.1.5", "x86_64", True) == (facts.version, facts.architecture, facts.by_manifest)
    assert (frozenset({"zstd", "gzip"}), 40 * 1024, 3) == (facts.programs, facts.free, facts.held)
    assert facts.there is not None
    assert (DIGEST, (DIGEST,)) == (facts.there.id, facts.there.layers)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("lacks docker\n", "h has no docker"),
        ("may not\n", "your user may not use Docker on h"),
        ("fault Cannot connect\n", "the Docker engine on h does not answer: Cannot connect"),
        ("", "the Docker engine on h does not answer: nothing"),
    ],
)
def test_a_host_without_docker_for_us_is_an_error(answer: str, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        parse_facts(answer, "h")


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("docker.io/library/python:3", "python:3"),
        ("docker.io/me/app:1", "me/app:1"),
        ("host/docker.io/x:1", "host/docker.io/x:1"),
    ],
)
def test_docker_lists_names_without_its_own_registry(reference: str, expected: str) -> None:
    assert expected == familiar(reference)
