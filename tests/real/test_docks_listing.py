"""ls-dock against real docks: well, down, closed, without docker, hostile, in use."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from dock_hosts import DockHost
from dockyards import Dockyard
from engines import STAND_IN
from processes import started, wait_until
from terminals import Terminals, exit_status

pytestmark = pytest.mark.real

# What `source dock` does, but for the shell: this process uses the dock for as long as it lives.
USE = """
import os, sys
from dockerutils.docks.chosen import chosen_dock
from dockerutils.docks.connection.presence import register
from dockerutils.docks.connection.tunnel import open_tunnel
from dockerutils.startup import Manner, open_session_apart, standard_terminal
session = open_session_apart(standard_terminal(), Manner())
berth = open_tunnel(chosen_dock(session, "gpu-box"), session.runner, session.environ, False)
register(berth, os.getpid())
print("docked", flush=True)
sys.stdin.read()
"""
RUN = ("run", "--detach", "--init", "--label")
# In the place of docker: more than anybody wants to know, and what steers a terminal.
LIAR = r"""#!/bin/sh
case $* in
*version*) printf 'version 9\033[2J\033]0;owned\007.1\narchitecture x\n' ;;
*info*) echo /nowhere ;;
*ps*)
  echo 'not JSON'; echo '[1, 2'; echo '{"a": 1}'; echo '["too", "few"]'
  n=0
  while [ $n -lt 3000 ]; do
    n=$((n + 1))
    printf '["id%s","img\\u001b[31m","name","running","Up\\r\\n9 s","",""]\n' $n
  done ;;
esac
"""


@pytest.fixture
def yard(clean_dockyard: Dockyard) -> Dockyard:
    clean_dockyard.register(clean_dockyard.host(), "gpu-box")
    return clean_dockyard


@pytest.fixture
def bare(yard: Dockyard) -> Iterator[DockHost]:
    """A dock without docker, which a test may have say anything."""
    host = yard.host("bare", "no-docker")
    yard.register(host, "bare")
    yield host
    host.inside("sh", "-c", "rm -rf ~ubuntu/.local ~ubuntu/.ssh/rc")


def listed(yard: Dockyard, *words: str, **more: str) -> dict[str, dict[str, Any]]:
    result = yard.line(yard.home, "ls-dock", "--json", *words, **more)
    assert (0, "") == (result.status, result.err)
    return {dock["name"]: dock for dock in json.loads(result.out)}


def table(yard: Dockyard, *words: str, **more: str) -> list[str]:
    result = yard.line(yard.home, "ls-dock", *words, **more)
    assert (0, "") == (result.status, result.err)
    return result.out.splitlines()


def write_program(host: DockHost, path: str, text: str) -> None:
    host.inside(
        "sh", "-c", f"mkdir -p $(dirname {path}); cat >{path}", as_user="ubuntu", stdin=text
    )
    host.inside("chmod", "755", path)


def test_each_dock_says_how_it_is(yard: Dockyard, bare: DockHost) -> None:
    yard.register(yard.host("shut", "forbidden"), "shut")
    yard.register(yard.host(), "off", port=1)
    yard.register(yard.host(), "nowhere", address="nowhere.invalid")

    docks = listed(yard)

    assert {
        "bare": "no docker",
        "gpu-box": "up",
        "nowhere": "unreachable",
        "off": "unreachable",
        "shut": "not allowed",
    } == {name: dock["state"] for name, dock in docks.items()}
    assert "nothing answers on its ssh port" == docks["off"]["reason"]
    assert "there is no such host" == docks["nowhere"]["reason"]
    up = docks["gpu-box"]
    assert "26." == up["version"][:3]
    assert "/var/lib/docker" == up["disk"]["root"]
    assert 0 < up["disk"]["free"] <= up["disk"]["size"] < 10**9
    assert docks["shut"]["disk"]["size"] is None


def test_what_runs_there_is_told_with_whose_it_is(yard: Dockyard) -> None:
    host = yard.host()
    host.take_stand_in()
    try:
        host.docker(*RUN, "dockerutils.run=0123/carol", "--name", "ours", STAND_IN, "sleep", "60")
        host.docker(*RUN, "one=two", "--name", "theirs", STAND_IN, "sleep", "60")
        found = {one["name"]: one for one in listed(yard)["gpu-box"]["containers"]}
        lines = table(yard)
    finally:
        host.clear()

    assert {"ours": "carol", "theirs": ""} == {name: one["user"] for name, one in found.items()}
    assert (STAND_IN, "running") == (found["ours"]["image"], found["ours"]["state"])
    assert any("(ours): Up" in line and line.endswith("run by carol") for line in lines)


def test_gpus_are_counted(yard: Dockyard, bare: DockHost) -> None:
    write_program(bare, "/home/ubuntu/.local/bin/docker", LIAR)
    smi = "#!/bin/sh\n[ $# = 2 ] && printf 'NVIDIA A10G\\nNVIDIA A10G\\nNVIDIA T4\\n'\n"
    write_program(bare, "/home/ubuntu/.local/bin/nvidia-smi", smi)

    assert ["NVIDIA A10G", "NVIDIA A10G", "NVIDIA T4"] == listed(yard)["bare"]["gpus"]
    assert any("2 x NVIDIA A10G, NVIDIA T4" in line for line in table(yard))


def test_an_engine_that_is_down_is_told(yard: Dockyard) -> None:
    host = yard.host()
    host.stop_engine()
    try:
        dock = listed(yard)["gpu-box"]
    finally:
        host.start_engine()

    assert "engine down" == dock["state"]
    assert "/var/run/docker.sock" in dock["reason"]


def test_a_changed_key_and_a_refusal_are_told(yard: Dockyard) -> None:
    """Nobody is asked anything, and no other key is accepted."""
    yard.register(yard.host(), "stranger", user="nobody")
    refused = listed(yard)["stranger"]
    yard.host().new_host_key()
    changed = listed(yard)["gpu-box"]

    assert "refused" == refused["state"]
    assert f"it does not let nobody@{yard.host().address} in" == refused["reason"]
    assert "key changed" == changed["state"]


@pytest.mark.parametrize(
    ("says", "state", "reason"),
    [
        ("sleep 600", "unreachable", "no answer in 1 s"),
        ("yes $(printf '\\033[31m')junk", "odd answer", "it says too much"),
        ("yes $(printf '\\033[31m')junk >&2", "odd answer", "it says too much"),
        ("while sleep 0.1; do echo wait; done", "unreachable", "no answer in 1 s"),
    ],
)
def test_a_dock_that_never_ends_is_cut_off(
    yard: Dockyard, bare: DockHost, says: str, state: str, reason: str
) -> None:
    write_program(bare, "/home/ubuntu/.ssh/rc", f"{says}\n")

    begin = time.monotonic()
    docks = listed(yard, "--timeout", "1")
    took = time.monotonic() - begin

    assert "up" == docks["gpu-box"]["state"]
    assert (state, True) == (docks["bare"]["state"], docks["bare"]["reason"].startswith(reason))
    assert took < 20  # nobody waits for ever
    assert not yard.processes()


def test_ctrl_c_ends_all_of_it(yard: Dockyard, bare: DockHost) -> None:
    write_program(bare, "/home/ubuntu/.ssh/rc", "sleep 600\n")
    with started(yard.home, yard.environ, "ls-dock", "--timeout", "60") as process:
        wait_until("ssh is there", lambda: len(yard.processes()) > 1)
        process.send_signal(signal.SIGINT)
        out = process.communicate()[0]

    assert (130, "") == (process.returncode, out)
    assert not yard.processes()


def test_what_a_dock_says_is_harmless(yard: Dockyard, bare: DockHost) -> None:
    write_program(bare, "/home/ubuntu/.local/bin/docker", LIAR)
    write_program(bare, "/home/ubuntu/.ssh/rc", "printf '\\033]0;owned\\007welcome\\n'\n")

    dock, lines = listed(yard)["bare"], table(yard)

    assert ("up", "9.1") == (dock["state"], dock["version"])
    assert 3000 == len(dock["containers"])
    assert ("img", "Up 9 s") == tuple(dock["containers"][0][key] for key in ("image", "status"))
    assert all(one.isprintable() for line in lines for one in line)
    assert any("and 2992 more containers" in line for line in lines)


def test_an_answer_without_end_is_cut(yard: Dockyard, bare: DockHost) -> None:
    write_program(bare, "/home/ubuntu/.local/bin/docker", LIAR.replace("-lt 3000", "-ge 0"))

    dock = listed(yard, "--timeout", "1")["bare"]

    assert "9.1" == dock["version"]
    assert dock["reason"] == "it had not said all in 1 s"


def test_who_is_docked_is_told(yard: Dockyard) -> None:
    docked = {"DOCKER_IP": yard.host().address, "DOCK_MONIKER": "gpu-box"}
    other = [*yard.host().entrance, "sh", "-c", "read line", "dockerutils-keeper of bob@desk"]
    with (
        subprocess.Popen(other, stdin=subprocess.PIPE),
        subprocess.Popen(
            [sys.executable, "-c", USE],
            env=yard.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as user,
    ):
        assert user.stdout is not None
        assert "docked\n" == user.stdout.readline()
        dock = wait_until("he is seen", lambda: seen(listed(yard, **docked)["gpu-box"]))
        lines = table(yard, **docked)
        user.kill()

    assert dock["docked"]
    assert ["bob@desk"] == dock["keepers"]
    assert [user.pid] == [one["pid"] for one in dock["here"]["users"]]
    assert "connected" == dock["here"]["connection"]["state"]
    assert any(line.startswith("* gpu-box") for line in lines)
    assert any("docked from elsewhere: bob@desk" in line for line in lines)


def seen(dock: dict[str, Any]) -> dict[str, Any]:
    return dock if dock["keepers"] else {}


def test_the_table_is_as_wide_as_the_terminal(yard: Dockyard) -> None:
    yard.register(yard.host(), "a-moniker-that-is-longer-than-any-other", port=1)
    terminals = Terminals(yard.environ)
    try:
        child = terminals.open(yard.home, "ls-dock", size=(24, 60))
        status = exit_status(child)
        lines = str(child.before).splitlines()
    finally:
        terminals.close()

    assert 0 == status
    assert max(map(len, lines)) <= 60
    assert any("gpu-box " in line for line in lines)
    assert any("…" in line for line in lines)


def test_without_docks_the_way_to_one_is_told(clean_dockyard: Dockyard) -> None:
    result = clean_dockyard.line(clean_dockyard.home, "ls-dock")
    as_json = clean_dockyard.line(clean_dockyard.home, "ls-dock", "--json")

    assert (0, "") == (result.status, result.out)
    assert "register-dock" in result.err
    assert [] == json.loads(as_json.out)


def test_an_odd_time_limit_is_a_mistake(yard: Dockyard) -> None:
    statuses = [
        yard.line(yard.home, "ls-dock", "--timeout", text).status for text in ("0", "-1", "nan")
    ]

    assert [2, 2, 2] == statuses
