"""The dockyard that the tests of docks stand on."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

import pytest
from dock_hosts import DockHost, dock_host
from dockyards import Dockyard
from engines import STAND_IN
from lines import Line
from processes import processes_with, wait_until

pytestmark = pytest.mark.real


def ssh(yard: Dockyard, host: DockHost, *words: str) -> subprocess.CompletedProcess[str]:
    target = f"ubuntu@{host.address}"
    quick = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=2")
    line = ["ssh", *quick, target, *words]
    return subprocess.run(line, env=yard.environ, capture_output=True, text=True)


def test_a_dock_is_a_machine_with_an_engine_of_its_own(clean_dockyard: Dockyard) -> None:
    yard, host = clean_dockyard, clean_dockyard.host()
    yard.trust(host)
    host.take_stand_in()

    told = ssh(yard, host, "hostname; id -un; pwd; docker info -f '{{.Name}}'; sudo id -u; echo $$")
    made = ssh(yard, host, f"touch /data/one; ls -d {yard.folder} 2>&1; cat /proc/1/comm")
    run = ["run", "--rm", STAND_IN, "hostname"]

    expected = ["h1", "ubuntu", "/home/ubuntu", "h1", "0"]
    assert expected == told.stdout.split()[:-1], told.stderr
    assert 10_000 > int(told.stdout.split()[-1])
    assert 0 == made.returncode
    assert ["No such file or directory", "sh"] == made.stdout.rpartition(": ")[2].splitlines()
    assert ["one"] == [path.name for path in host.data.iterdir()]
    assert not Path("/data/one").exists()
    assert 12 == len(host.docker(*run))
    assert "SHA256:" == host.fingerprint[:7]


def test_the_key_of_a_host_is_checked(clean_dockyard: Dockyard) -> None:
    yard, host = clean_dockyard, clean_dockyard.host()
    unknown = ssh(yard, host, "true")
    yard.trust(host)
    known = ssh(yard, host, "true")
    before = host.public
    host.new_host_key()
    changed = ssh(yard, host, "true")

    assert [255, 0, 255] == [one.returncode for one in (unknown, known, changed)]
    assert "Host key verification failed" in unknown.stderr
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in changed.stderr
    assert before != host.public


def test_the_cable_the_sessions_and_the_engine_can_fail(clean_dockyard: Dockyard) -> None:
    yard, host = clean_dockyard, clean_dockyard.host()
    yard.trust(host)
    session = ["ssh", f"ubuntu@{host.address}", "echo there; sleep 1000"]
    with subprocess.Popen(session, env=yard.environ, stdout=-1, text=True) as process:
        assert process.stdout
        assert "there\n" == process.stdout.readline()
        host.cut()
        assert 255 == process.wait(20)
    host.disconnect()
    away = ssh(yard, host, "true")
    host.reconnect()
    wait_until("the host is back", lambda: ssh(yard, host, "true").returncode == 0)
    host.stop_engine()
    stopped = ssh(yard, host, "docker", "ps")
    host.start_engine()

    assert 255 == away.returncode
    assert "Cannot connect" in stopped.stderr
    assert 0 == ssh(yard, host, "docker", "ps").returncode
    assert [] == host.docker("ps", "--all", "--quiet").split()


def test_a_kind_of_host_lacks_something(clean_dockyard: Dockyard) -> None:
    yard, host = clean_dockyard, clean_dockyard.host("poor", "no-docker+no-rsync+no-sudo+no-data")
    yard.trust(host)

    told = ssh(yard, host, "command -v docker dockerd rsync; sudo -n true; touch /data/one; id -nG")

    assert "" == "".join(line for line in told.stdout.splitlines() if "/" in line)
    assert "a password is required" in told.stderr
    assert "'/data/one': Permission denied" in told.stderr
    assert not (host.folder / "run/docker.sock").exists()


def test_the_user_of_a_forbidden_host_may_not_reach_its_engine(clean_dockyard: Dockyard) -> None:
    yard, host = clean_dockyard, clean_dockyard.host("shut", "forbidden")
    yard.trust(host)

    told = ssh(yard, host, "docker ps; sudo -n true")

    assert "permission denied" in told.stderr
    assert "a password is required" in told.stderr
    assert "" == host.docker("ps", "--quiet")


def test_the_user_of_the_dockyard_has_little_but_our_commands(clean_dockyard: Dockyard) -> None:
    yard = clean_dockyard
    host = yard.host()
    yard.register(host, "box", port=22)
    other = ["bash", "-c", "echo $HOME; command -v ssh build-image; sleep 1000"]
    with subprocess.Popen(other, env=yard.environ, stdout=-1, text=True) as process:
        assert process.stdout
        lines = [process.stdout.readline().strip() for _ in range(3)]
        assert process.pid in yard.processes()
        yard.forget()
        assert -9 == process.wait(20)

    folder = yard.fabric.folder / "bin"
    assert [str(yard.home), f"{folder}/ssh", f"{folder}/build-image"] == lines
    assert [] == list(yard.home.iterdir())
    assert "" == yard.fabric.known.read_text()
    assert 40 > len(f"{yard.runtime}/dockerutils")


def test_a_line_to_a_host_is_slow_and_can_be_cut(clean_dockyard: Dockyard) -> None:
    yard, host = clean_dockyard, clean_dockyard.host()
    with yard.behind(host, Line((host.address, 22), delay=0.05)) as (line, port):
        yard.register(host, "far", address="127.0.0.1", port=port)
        words = ["ssh", "-p", str(port), "ubuntu@127.0.0.1", "cat"]
        start = time.monotonic()
        done = subprocess.run(words, env=yard.environ, input=b"x" * 300_000, capture_output=True)
        took = time.monotonic() - start
        line.sever()
        severed = subprocess.run(words, env=yard.environ, capture_output=True).returncode
        line.mend()
        mended = subprocess.run(words, env=yard.environ, input=b"", capture_output=True).returncode

    assert 300_000 == len(done.stdout)
    assert 0.5 < took
    assert [255, 0] == [severed, mended]


def test_nothing_is_left_of_a_dock(clean_dockyard: Dockyard) -> None:
    with dock_host(clean_dockyard.fabric, clean_dockyard.folder / "h4", "h4", "docker") as host:
        host.take_stand_in()
        host.docker("run", "--detach", "--init", STAND_IN, "sleep", "1000")
        group = f"{clean_dockyard.folder.name}-h4"
        assert processes_with(group)
        assert list(Path("/sys/fs/cgroup").glob(f"**/{group}"))
        first, device = host.process, host.network.device

    assert [] == processes_with(group)
    assert not list(Path("/sys/fs/cgroup").glob(f"**/{group}"))
    assert not Path(f"/proc/{first}").exists()
    assert not Path(f"/sys/class/net/{device}").exists()


def test_a_user_in_the_dock_is_another_one(clean_dockyard: Dockyard) -> None:
    host = clean_dockyard.host()

    assert "ubuntu\n" == host.inside("id", "-un", as_user="ubuntu")
    assert "given" == host.inside("cat", stdin="given")
    assert socket.gethostname() != host.inside("hostname").strip()
