"""Host keys: how they are shown, what is done with them, and what never is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from fakes import RecordingRunner

from dockerutils.docks.registration.host_keys import (
    HostKey,
    add_known,
    check_fingerprint,
    fingerprint,
    host_key,
    introduction,
    known_hosts,
)
from dockerutils.errors import DockerutilsError, UsageError
from dockerutils.runner import Answer
from dockerutils.ssh.command import Address

GPU = Address("gpu", "ubuntu@10.1.2.3", "2222", "/k", "gate")
KEY = HostKey("10.1.2.3 ssh-ed25519 AAAA\n", "ED25519", "SHA256:x")


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_a_fingerprint_is_the_one_that_ssh_shows(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", file], check=True)
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", file], check=True, capture_output=True, text=True
    ).stdout.split()

    found = host_key(f"10.1.2.3 {file.with_suffix('.pub').read_text()}")

    assert (shown[1], kind.upper()) == (found.fingerprint, found.kind)
    assert f"/etc/ssh/ssh_host_{kind}_key.pub" in found.where
    check_fingerprint(found.fingerprint)


@pytest.mark.parametrize("text", ["", "10.1.2.3 ssh-rsa", "10.1.2.3 ssh-rsa !!!"])
def test_what_is_no_key_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="this is no"):
        host_key(text)
    with pytest.raises(ValueError, match="this is no public key"):
        fingerprint("not base64")


@pytest.mark.parametrize(
    "text", ["x", "SHA256:", "SHA256:" + "A" * 42, "MD5:" + "a1:" * 16, "SHA256:" + "é" * 43]
)
def test_what_is_no_fingerprint_is_a_mistake_of_usage(text: str) -> None:
    with pytest.raises(UsageError, match="is no fingerprint"):
        check_fingerprint(text)


def test_a_host_that_is_not_known_is_told_nothing_but_hello(tmp_path: Path) -> None:
    words = introduction(GPU, tmp_path / "known", "ssh-ed25519").argv

    for option in (
        "StrictHostKeyChecking=accept-new",
        f'UserKnownHostsFile="{tmp_path / "known"}"',
        "PreferredAuthentications=none",
        "BatchMode=yes",
        "ForwardAgent=no",
        "HostKeyAlgorithms=ssh-ed25519",
    ):
        assert option in words
    assert ("-i", "/k", "-J", "gate", "-p", "2222", "--", "ubuntu@10.1.2.3", "true") == words[-9:]
    assert not any("=no" in word and "HostKey" in word and "Update" not in word for word in words)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, KEY.lines),
        ("", KEY.lines),
        ("a ssh-rsa B\n", "a ssh-rsa B\n" + KEY.lines),
        ("a ssh-rsa B", "a ssh-rsa B\n" + KEY.lines),
    ],
)
def test_a_key_is_added_on_a_line_of_its_own(
    tmp_path: Path, before: str | None, after: str
) -> None:
    file = tmp_path / "ssh/known_hosts"
    if before is not None:
        file.parent.mkdir()
        file.write_text(before)

    add_known(file, KEY)

    assert after == file.read_text()
    if before is None:
        assert (0o700, 0o600) == (file.parent.stat().st_mode & 0o777, file.stat().st_mode & 0o777)


def test_a_file_that_cannot_take_it_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DockerutilsError, match="the host key cannot be noted in"):
        add_known(tmp_path, KEY)


def answering(files: str) -> RecordingRunner:
    text = f"user x\nuserknownhostsfile {files}\n" if files else "user x\n"
    return RecordingRunner(answers={"ssh -G -- gpu": Answer(0, text, "")})


@pytest.mark.parametrize("home", ["/home/alice", "/home/alice of ours"])
def test_a_key_goes_into_the_first_file_that_ssh_names(home: str) -> None:
    runner = answering(f"{home}/.ssh/known_hosts {home}/.ssh/known_hosts2")

    assert Path(f"{home}/.ssh/known_hosts") == known_hosts(runner, Address("gpu", "gpu"))


@pytest.mark.parametrize("file", ["/dev/null", "none", ""])
def test_where_ssh_notes_nothing_that_is_said(file: str) -> None:
    with pytest.raises(DockerutilsError, match="ssh does not note the key of gpu"):
        known_hosts(answering(file), Address("gpu", "gpu"))
