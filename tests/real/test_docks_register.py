"""register-dock with real hosts: whose key is known, or confirmed, and what is said of each."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from dock_hosts import DockHost
from dockyards import Dockyard
from processes import wait_until
from projects import Result
from terminals import Terminals, exit_status

from dockerutils.docks.dock import Dock
from dockerutils.docks.registry import read_docks

pytestmark = pytest.mark.real

SSHD_CONFIG = "/etc/ssh/sshd_config"
JUNK = "\x1b]0;owned\x07\x1b[2J"


@pytest.fixture
def yard(clean_dockyard: Dockyard) -> Dockyard:
    """The dockyard, whose user has no docks."""
    return clean_dockyard


@pytest.fixture
def host(yard: Dockyard) -> Iterator[DockHost]:
    """A host that nobody knows yet; what a test writes into its user's home is gone afterwards."""
    host = yard.host()
    yield host
    host.inside("sh", "-c", "cp -a /etc/skel/. ~ubuntu; rm -rf ~ubuntu/evil")


@pytest.fixture
def terminals(yard: Dockyard) -> Iterator[Terminals]:
    """The user's terminals."""
    opened = Terminals(yard.environ)
    yield opened
    opened.close()


def register(yard: Dockyard, *words: str, **more: str) -> Result:
    return yard.line(yard.folder, "register-dock", *words, **more)


def docks(yard: Dockyard) -> list[Dock]:
    return list(read_docks({}, str(yard.home)).docks)


def registered(yard: Dockyard, host: DockHost) -> bool:
    """Tell whether the only dock is this host."""
    return [host.address] == [one.address for one in docks(yard)]


def reload(host: DockHost, lines: str) -> None:
    """Have sshd read its configuration with other lines at its end; see that it listens."""
    host.inside(
        "sh", "-c", f"sed -i '/^# ours/,$d' {SSHD_CONFIG}; cat >>{SSHD_CONFIG}", stdin=lines
    )
    host.stop_sshd()
    host.start_sshd()


# Keys ---------------------------------------------------------------------------------------


def test_a_host_whose_key_is_known_is_registered(yard: Dockyard, host: DockHost) -> None:
    yard.trust(host)
    known = yard.fabric.known.read_text()

    done = register(yard, host.address, "gpu")

    version = host.docker("version", "--format", "{{.Server.Version}}")
    assert (0, "") == (done.status, done.out), done.err
    assert [Dock("gpu", host.address, "ubuntu", architecture="amd64")] == docks(yard)
    assert f"# gpu is registered: ubuntu@{host.address}, Docker {version}, amd64." in done.err
    assert "warning" not in done.err
    assert known == yard.fabric.known.read_text()


def test_a_key_that_is_not_known_is_refused_where_nobody_can_be_asked(
    yard: Dockyard, host: DockHost
) -> None:
    done = register(yard, host.address, "gpu")

    assert (1, []) == (done.status, docks(yard))
    assert f"{host.address} is not known here, and there is no terminal to ask on" in done.err
    assert f"add `--host-key {host.fingerprint}`" in done.err
    assert "" == yard.fabric.known.read_text()


def test_a_key_with_the_fingerprint_that_was_given_is_known_from_then_on(
    yard: Dockyard, host: DockHost
) -> None:
    done = register(yard, host.address, "gpu", "--host-key", host.fingerprint)

    plain = subprocess.run(
        ["ssh", "-o", "BatchMode=yes", f"ubuntu@{host.address}", "true"], env=yard.environ
    )
    assert (0, 0, True) == (done.status, plain.returncode, registered(yard, host)), done.err
    assert host.public in yard.fabric.known.read_text()


@pytest.mark.parametrize("known", [False, True])
def test_a_key_with_another_fingerprint_is_refused(
    yard: Dockyard, host: DockHost, known: bool
) -> None:
    if known:
        yard.trust(host)
    before = yard.fabric.known.read_text()

    done = register(yard, host.address, "gpu", "--host-key", "SHA256:" + "A" * 43)

    assert (1, []) == (done.status, docks(yard))
    assert f"another host key than SHA256:{'A' * 43}: {host.fingerprint}." in done.err
    assert before == yard.fabric.known.read_text()


def test_the_fingerprint_of_any_of_its_keys_will_do(yard: Dockyard, host: DockHost) -> None:
    host.inside("sh", "-c", "rm -f /etc/ssh/second*")
    host.inside("ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", "/etc/ssh/second")
    second = host.inside("ssh-keygen", "-l", "-f", "/etc/ssh/second.pub").split()[1]
    reload(host, "# ours\nHostKey /etc/ssh/second\n")
    try:
        done = register(yard, host.address, "gpu", "--host-key", second)
    finally:
        reload(host, "")

    assert (0, True) == (done.status, registered(yard, host)), done.err
    assert "ecdsa-sha2-nistp256" in yard.fabric.known.read_text()


def test_a_key_is_accepted_unseen_if_that_is_said(yard: Dockyard, host: DockHost) -> None:
    done = register(yard, host.address, "gpu", "--accept-new")

    assert (0, True) == (done.status, registered(yard, host)), done.err
    assert (
        f"{host.address} is accepted unseen, as --accept-new says; its ED25519 key has" in done.err
    )
    assert host.fingerprint in done.err
    assert host.public in yard.fabric.known.read_text()


def test_a_folder_with_signs_of_its_own_does_not_hinder(yard: Dockyard, host: DockHost) -> None:
    folder = yard.home / "a b%h"
    folder.mkdir()
    done = register(yard, host.address, "gpu", "--accept-new", TMPDIR=str(folder))

    assert (0, True, []) == (done.status, registered(yard, host), list(folder.iterdir())), done.err


@pytest.mark.parametrize("answer", ["y", "n", "\x03"])
def test_a_key_is_asked_about_on_a_terminal(
    yard: Dockyard, host: DockHost, terminals: Terminals, answer: str
) -> None:
    child = terminals.open(yard.folder, "register-dock", host.address, "gpu", size=(24, 250))
    child.expect_exact(f"its ED25519 key has the fingerprint {host.fingerprint}.")
    child.expect_exact("Is this the right one? [y/N] ")
    child.send(answer if answer == "\x03" else f"{answer}\r")
    status = exit_status(child)

    accepted = answer == "y"
    assert {"y": 0, "n": 1, "\x03": 130}[answer] == status, child.before
    assert (accepted, accepted) == (registered(yard, host), "ssh-ed25519" in known(yard))


def known(yard: Dockyard) -> str:
    return yard.fabric.known.read_text()


@pytest.mark.parametrize("way", [(), ("--accept-new",), ("--host-key",)])
def test_a_changed_key_is_refused_whatever_is_said(
    yard: Dockyard, host: DockHost, way: tuple[str, ...]
) -> None:
    with yard.fabric.known.open("a") as file:
        file.write(f"{host.address} {Path(f'{yard.fabric.key}.pub').read_text()}")
    words = (*way, host.fingerprint) if way == ("--host-key",) else way

    done = register(yard, host.address, "gpu", *words)

    assert (1, []) == (done.status, docks(yard))
    assert f"{host.address} has another host key than before" in done.err
    assert "ssh-keygen -R" in done.err
    assert host.public not in known(yard)


def test_a_revoked_key_is_refused(yard: Dockyard, host: DockHost) -> None:
    yard.fabric.known.write_text(f"@revoked * {host.public}\n")

    done = register(yard, host.address, "gpu", "--accept-new")

    assert (1, []) == (done.status, docks(yard))
    assert f"the host key of {host.address} was revoked in your known_hosts." in done.err


@pytest.mark.parametrize("signed_by_ours", [True, False])
def test_a_key_that_an_authority_signed_is_known_where_that_one_is(
    yard: Dockyard, host: DockHost, signed_by_ours: bool
) -> None:
    authority = "/etc/ssh/authority"
    sign = f"ssh-keygen -q -s {authority} -I h -h -n {host.address} /etc/ssh/hostkey.pub"
    new = f"rm -f {authority}*; ssh-keygen -q -t ed25519 -N '' -f {authority}"
    host.inside("sh", "-c", f"{new} && {sign}")
    trusted = host.inside("cat", f"{authority}.pub") if signed_by_ours else host.public
    yard.fabric.known.write_text(f"@cert-authority 10.* {trusted}\n")
    reload(host, "# ours\nHostCertificate /etc/ssh/hostkey-cert.pub\n")
    try:
        done = register(yard, host.address, "gpu")
    finally:
        reload(host, "")

    assert (signed_by_ours, signed_by_ours) == (done.status == 0, registered(yard, host)), done.err
    assert signed_by_ours or f"--host-key {host.fingerprint}" in done.err


def test_where_ssh_notes_no_keys_that_is_said(yard: Dockyard, host: DockHost) -> None:
    text = yard.fabric.config.read_text()
    yard.fabric.config.write_text(text.replace(str(yard.fabric.known), "/dev/null"))

    done = register(yard, host.address, "gpu", "--accept-new")

    assert (1, []) == (done.status, docks(yard))
    assert "its UserKnownHostsFile is /dev/null" in done.err


# Ways there ---------------------------------------------------------------------------------


def test_a_host_of_ssh_config_is_reached_as_that_says(yard: Dockyard, host: DockHost) -> None:
    entry = f"Host box\n  HostName {host.address}\n  Port 2200\n  User ubuntu\n"
    yard.fabric.config.write_text(entry + yard.fabric.config.read_text())
    reload(host, "# ours\nPort 2200\n")
    try:
        done = register(yard, "box", "--host-key", host.fingerprint)
    finally:
        reload(host, "")

    assert [Dock("box", "box", "ubuntu", architecture="amd64")] == docks(yard), done.err
    assert "# the user on box is ubuntu, as your ssh_config says." in done.err
    assert f"[{host.address}]:2200 {host.public}\n" == known(yard)


def test_a_host_behind_another_is_reached_through_that(yard: Dockyard, host: DockHost) -> None:
    gate = f"ubuntu@{host.address}"

    shut = register(yard, "127.0.0.1", "inner", "--jump", gate, "--accept-new")
    yard.trust(host)
    done = register(yard, "127.0.0.1", "inner", "--jump", gate, "--host-key", host.fingerprint)

    assert 1 == shut.status
    assert f"the host key of {gate}, on the way to 127.0.0.1, is not known here." in shut.err
    assert [Dock("inner", "127.0.0.1", "ubuntu", jump=gate, architecture="amd64")] == docks(yard)
    assert 0 == done.status
    assert f"127.0.0.1 {host.public}\n" in known(yard)


def test_a_user_who_is_not_let_in_has_no_dock(yard: Dockyard, host: DockHost) -> None:
    done = register(yard, host.address, "gpu", "--accept-new", "--user", "mallory")

    assert (1, []) == (done.status, docks(yard))
    assert f"{host.address} does not let you in." in done.err
    assert f"`ssh mallory@{host.address}`" in done.err


def test_a_host_that_does_not_answer_is_registered_only_unseen(
    yard: Dockyard, host: DockHost
) -> None:
    host.stop_sshd()
    try:
        done = register(yard, host.address, "gpu")
        unseen = register(yard, host.address, "gpu", "--no-probe")
    finally:
        host.start_sshd()

    assert (1, 0) == (done.status, unseen.status), unseen.err
    assert f"{host.address} cannot be reached: " in done.err
    assert "Connection refused" in done.err
    assert [Dock("gpu", host.address, "ubuntu")] == docks(yard)


def test_a_host_without_a_name_is_said(yard: Dockyard) -> None:
    done = register(yard, "gpu.invalid")

    assert (1, True) == (done.status, "there is no host gpu.invalid." in done.err)


def test_a_broken_list_hinders_before_anything_is_asked(yard: Dockyard, host: DockHost) -> None:
    yard.list_of_docks.parent.mkdir(parents=True)
    yard.list_of_docks.write_text("[dock")

    done = register(yard, host.address, "gpu", "--accept-new")

    assert (2, "[dock", "") == (done.status, yard.list_of_docks.read_text(), known(yard))
    assert "docks.toml is no valid TOML" in done.err


def test_a_moniker_like_an_option_is_a_mistake_of_usage(yard: Dockyard) -> None:
    assert 2 == register(yard, "10.1.2.3", "--", "-rf").status
    assert 2 == register(yard, "--", "-oProxyCommand=touch x", "gpu").status
    assert 2 == register(yard, "10.1.2.3", "-x").status
    assert [] == docks(yard)


# What is missing there ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("no-docker", ["has no Docker: install its engine and command line there."]),
        (
            "forbidden+no-rsync",
            ["ubuntu may not use Docker on", "has no rsync", "let you use sudo"],
        ),
    ],
)
def test_what_is_missing_is_said_and_the_dock_registered(
    yard: Dockyard, kind: str, expected: list[str]
) -> None:
    host = yard.host(kind.replace("+", "-"), kind)

    done = register(yard, host.address, "gpu", "--accept-new")

    warnings = [line for line in done.err.splitlines() if "# warning: " in line]
    assert (0, True, len(expected)) == (done.status, registered(yard, host), len(warnings)), (
        done.err
    )
    assert all(part in line for part, line in zip(expected, warnings, strict=True)), warnings


def test_an_engine_that_is_stopped_is_said(yard: Dockyard, host: DockHost) -> None:
    host.stop_engine()
    try:
        done = register(yard, host.address, "gpu", "--accept-new")
    finally:
        host.start_engine()

    assert (0, True) == (done.status, registered(yard, host)), done.err
    assert 1 == done.err.count("# warning: ")
    assert "start it there, for example with `sudo systemctl start docker`" in done.err


def test_the_socket_is_where_docker_there_looks(yard: Dockyard, host: DockHost) -> None:
    host.inside("sh", "-c", "ln -sf /var/run/docker.sock /run/own.sock")
    (host.home / ".bashrc").write_text("export DOCKER_HOST=unix:///run/own.sock\n")

    done = register(yard, host.address, "gpu", "--accept-new", "--workspace", "code")

    assert 0 == done.status, done.err
    assert ("/run/own.sock", "/home/ubuntu/code") == (
        docks(yard)[0].socket,
        docks(yard)[0].workspace,
    )


# A hostile dock -----------------------------------------------------------------------------


def test_a_dock_that_greets_with_megabytes_is_refused(yard: Dockyard, host: DockHost) -> None:
    (host.home / ".bashrc").write_text("yes 'no end' | tr -d '\\n'\n")

    done = register(yard, host.address, "gpu", "--accept-new")

    assert (1, []) == (done.status, docks(yard))
    assert f"{host.address} says more than was asked." in done.err


def test_a_dock_whose_docker_lies_steers_nothing(yard: Dockyard, host: DockHost) -> None:
    program = host.home / "evil/docker"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nprintf '%s' '{JUNK}'; yes | head -c 1000; echo '{JUNK}'\n")
    program.chmod(0o755)
    (host.home / ".bashrc").write_text(f"PATH=~/evil:$PATH\necho '{JUNK} Welcome'\n")

    done = register(yard, host.address, "gpu", "--accept-new")

    assert (0, True) == (done.status, registered(yard, host)), done.err
    assert "\x1b" not in done.err + yard.list_of_docks.read_text()
    assert "the Docker engine on gpu does not answer" in done.err


@pytest.mark.parametrize("command", [f"printf '{JUNK}'", f"printf '{JUNK}' >&2", "true"])
def test_a_dock_that_runs_something_else_is_refused(
    yard: Dockyard, host: DockHost, command: str
) -> None:
    reload(host, f"# ours\nForceCommand {command}\n")
    try:
        done = register(yard, host.address, "gpu", "--accept-new")
    finally:
        reload(host, "")

    assert (1, []) == (done.status, docks(yard))
    assert f"{host.address} cannot be reached: " in done.err
    assert "\x1b" not in done.err


# unregister-dock ----------------------------------------------------------------------------


def test_a_dock_is_forgotten_with_its_old_file(yard: Dockyard, host: DockHost) -> None:
    old = yard.home / ".docker" / host.address / "connection_config.txt"
    old.parent.mkdir(parents=True)
    old.write_text(f"DOCK_USER=ubuntu\nDOCK_MONIKER=none\nDOCK_IP={host.address}\n")
    register(yard, host.address, "gpu", "--accept-new")

    done = yard.line(yard.folder, "unregister-dock", host.address)
    again = yard.line(yard.folder, "unregister-dock", host.address)

    assert (0, 1) == (done.status, again.status), done.err
    assert ([], False) == (docks(yard), old.parent.exists())
    assert f"there is no dock {host.address}." in again.err


# transfer-image -----------------------------------------------------------------------------


def test_an_image_goes_to_a_dock_by_its_moniker_and_back(
    yard: Dockyard, host: DockHost, real_engine: str
) -> None:
    del real_engine
    wait_until("the engine is there", lambda: host.docker("images", "--quiet") is not None)
    name = f"dockerutils-tests/dock:{yard.folder.name.lower()}"
    register(yard, host.address, "gpu", "--accept-new")
    build = ["docker", "import", "-", name]
    subprocess.run(build, input=b"\0" * 1024, check=True, capture_output=True)
    try:
        sent = yard.line(yard.folder, "transfer-image", name, "gpu")
        there = host.docker("images", "--quiet", "--no-trunc", name)
        back = yard.line(yard.folder, "transfer-image", "--from", host.address, name)
    finally:
        subprocess.run(["docker", "image", "rm", name], check=True, capture_output=True)

    assert (0, 0) == (sent.status, back.status), sent.err + back.err
    assert there.startswith("sha256:")
