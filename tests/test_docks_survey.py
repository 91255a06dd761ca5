"""What is made of a dock's answer, whatever it is, and the list that a reader sees."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from dockerutils.command import Command
from dockerutils.docks.connection.status import Conflict, Forward, Status
from dockerutils.docks.dock import Dock
from dockerutils.docks.errand import LATE, LONG, MOST, Errand, Reply, command, drain, sorted_out
from dockerutils.docks.listing.mooring import Mooring, Terminal
from dockerutils.docks.listing.survey import Survey, disk, script_for, survey_of
from dockerutils.docks.listing.table import Listed, amount, fitted, table
from dockerutils.docks.places import Berth

DOCK = Dock("gpu-box", "10.1.2.3", "carol")
ANSWER = """
keeper bash -c exec sh -c 'read line' 'dockerutils-keeper of bob@desk'
keeper sh -c read line dockerutils-keeper of bob@desk
version 26.1.5
architecture amd64
root /var/lib/docker
disk /dev/sda 1 1000 400 600 40% /
gpu NVIDIA A10G
gpu NVIDIA A10G
container ["id1","shop-app:carol","shop-app-1","running","Up 3 hours","8080->80/tcp","12ab/carol"]
container ["id2","postgres","db","running","Up 1 second","",""]
"""


def answered(text: str, **more: object) -> Survey:
    return survey_of(DOCK, Reply(text, "", **{"begun": True, "ended": True, **more}), 5)  # type: ignore[arg-type]


def unanswered(talk: str, stopped: str = "", lost: bool = True) -> Survey:
    return survey_of(DOCK, Reply("", talk, stopped=stopped, lost=lost), 5)


# The answer ---------------------------------------------------------------------------------


def test_an_answer_tells_all_that_is_asked() -> None:
    survey = answered(ANSWER)

    assert ("up", "", "26.1.5", "amd64") == (
        survey.state,
        survey.reason,
        survey.version,
        survey.architecture,
    )
    assert ("/var/lib/docker", 600 * 1024, 1000 * 1024) == (survey.root, survey.free, survey.size)
    assert ("NVIDIA A10G", "NVIDIA A10G") == survey.gpus
    assert [("shop-app-1", "carol"), ("db", "")] == [(c.name, c.user) for c in survey.containers]
    assert ("bob@desk",) == survey.keepers


@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        ("no docker\n", "no docker", ""),
        ("no command\n", "no docker", "it has an engine, and no docker command"),
        (
            "fault Cannot connect to the Docker daemon at unix:///var/run/docker.sock.\n",
            "engine down",
            "nobody answers at /var/run/docker.sock",
        ),
        (
            "fault permission denied while trying to connect to the Docker daemon socket\n",
            "not allowed",
            "the user may not use /var/run/docker.sock",
        ),
        ("fault \n", "engine down", "it does not answer"),
        ("fault odd \x1b[31mthings\n", "engine down", "odd things"),
        ("version none\n", "odd answer", "it says nothing of its engine"),
        ("", "odd answer", "it says nothing of its engine"),
    ],
)
def test_why_there_is_no_engine_is_told(answer: str, state: str, reason: str) -> None:
    survey = answered(answer)

    assert (state, reason) == (survey.state, survey.reason)


@pytest.mark.parametrize(
    ("talk", "state", "reason"),
    [
        (
            "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.\n",
            "key changed",
            "another machine may answer in its place",
        ),
        ("Host key verification failed.\n", "key unknown", "register-dock makes its key known"),
        ("x: Permission denied (publickey).\n", "refused", "it does not let carol@10.1.2.3 in"),
        (
            "Control socket connect(/x): Connection refused\nssh: connect: No route to host\n",
            "unreachable",
            "no route to it",
        ),
        ("ssh: connect: Connection timed out\n", "unreachable", "no answer in 5 s"),
        ("kex_exchange: \x1b]0;x\x07odd.\n", "unreachable", "kex_exchange: odd"),
        ("", "unreachable", "ssh gave no reason"),
    ],
)
def test_why_there_is_no_connection_is_told(talk: str, state: str, reason: str) -> None:
    survey = unanswered(talk)

    assert (state, reason) == (survey.state, survey.reason)


def test_a_dock_that_says_nothing_or_too_much_is_told() -> None:
    silent, loud = unanswered("", LATE, lost=False), unanswered("junk\n" * 9, LONG, lost=False)
    odd = unanswered("Please \x1b[1mlog in\n", lost=False)

    assert ("unreachable", "no answer in 5 s") == (silent.state, silent.reason)
    assert ("odd answer", "it says too much, and nothing that was asked") == (
        loud.state,
        loud.reason,
    )
    assert ("odd answer", "Please log in") == (odd.state, odd.reason)


def test_an_answer_that_was_cut_off_counts_as_far_as_it_goes() -> None:
    hangs = answered("keeper x\n", ended=False, stopped=LATE)
    slow = answered(ANSWER, ended=False, stopped=LATE)
    long = answered(f'{ANSWER}container ["id3","cut of', ended=False, stopped=LONG)
    lost = answered("version 26\n", ended=False, lost=True)

    assert ("engine down", "the engine gave no answer in 5 s") == (hangs.state, hangs.reason)
    assert ("up", "it had not said all in 5 s") == (slow.state, slow.reason)
    assert ("up", True, 2) == (long.state, long.cut, len(long.containers))
    assert ("unreachable", "the connection was lost") == (lost.state, lost.reason)


def test_odd_containers_are_left_out() -> None:
    rows = [
        "not JSON",
        "[1, 2",
        "{}",
        '["a","b"]',
        "[" * 100_000,
        '[1,null,{},[],"a","b","c"]',
        '["id","\\u001b[2Jimage\\u202e","n\\nm","running","Up","",""]',
    ]
    survey = answered("version 26\n" + "".join(f"container {row}\n" for row in rows))

    assert [("", ""), ("image", "n m")] == [(one.image, one.name) for one in survey.containers]


def test_texts_are_cut() -> None:
    long = "x" * 10_000
    survey = answered(f"version 2{long}\nroot /{long}\n" + f"gpu {long}\n" * 100)

    assert 64 == len(survey.gpus)
    assert all(len(text) <= 200 for text in (survey.version, survey.root, *survey.gpus))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/dev/my disk 2000 1500 500 75% /", (2000 * 1024, 500 * 1024)),
        ("df: /x: No such file", (-1, -1)),
        ("/dev/sda 99999999999999999999 1 1 1% /", (-1, -1)),
        ("", (-1, -1)),
    ],
)
def test_a_disk_is_read_if_it_can_be(line: str, expected: tuple[int, int]) -> None:
    assert expected == disk(line)


# The errand ---------------------------------------------------------------------------------


@contextmanager
def pipe(content: bytes = b"", ended: bool = True) -> Iterator[BinaryIO]:
    read, write = os.pipe()
    with os.fdopen(read, "rb") as output, os.fdopen(write, "wb", buffering=0) as input_:
        input_.write(content)
        if ended:
            input_.close()
        yield output


def test_an_answer_is_read_to_its_end() -> None:
    said = bytearray()
    with pipe(b"all of it") as output:
        stopped = drain(output, said, lambda: 5.0)

    assert ("", b"all of it") == (stopped, bytes(said))


def test_nobody_waits_longer_than_the_limit() -> None:
    said, end = bytearray(), time.monotonic() + 0.2
    with pipe(b"a begin", ended=False) as output:
        stopped = drain(output, said, lambda: end - time.monotonic())

    assert (LATE, b"a begin") == (stopped, bytes(said))


def test_no_more_is_kept_than_the_limit(tmp_path: Path) -> None:
    said = bytearray()
    (tmp_path / "much").write_bytes(b"x" * (MOST + 1_000_000))
    with (tmp_path / "much").open("rb") as output:
        stopped = drain(output, said, lambda: 5.0)

    assert (LONG, MOST) == (stopped, len(said))


def test_what_login_scripts_say_is_no_part_of_the_answer() -> None:
    reply = sorted_out("Welcome!\n\nf00 begins\nkey value\n\nf00 ends\nbye\n", "f00", "", False)
    broken = sorted_out("x\nf00 begins\nkey\nssh: closed\n", "f00", "", True)

    assert ("key value\n\n", "Welcome!\n\nbye\n", True) == (reply.answer, reply.talk, reply.ended)
    assert ("key\nssh: closed\n", True, False, True) == (
        broken.answer,
        broken.begun,
        broken.ended,
        broken.lost,
    )


def test_an_errand_asks_nobody_and_accepts_no_other_key() -> None:
    odd = Dock("odd", "10.1.2.3", "carol", 2022, "/k e y", "jump.example", socket="/it's a/socket")
    errand = Errand(odd, Berth(Path("/run/d"), "odd"), script_for(odd, 5), 5)
    words = command(errand, "f00").argv

    assert "BatchMode=yes" in words
    assert "StrictHostKeyChecking=yes" == words[7]
    assert "ControlPath=/run/d/odd.ctl" in words
    assert ("-i", "/k e y", "-J", "jump.example", "-p", "2022", "--", "carol@10.1.2.3") == words[
        -9:-1
    ]
    assert "BEGIN" not in str(Command(words))


def test_the_script_is_one_that_a_shell_can_read(tmp_path: Path) -> None:
    odd = Dock("odd", "10.1.2.3", socket="/it's a/socket")
    script = script_for(odd, 5).partition("\n")[2]  # without the PATH that finds docker
    words = ["/bin/sh", "-c", f"({script}) 2>{tmp_path}/errors"]
    done = subprocess.run(words, env={"PATH": "/nowhere"}, capture_output=True, text=True)

    assert "no docker\n" == done.stdout


# The list -----------------------------------------------------------------------------------


def listed(**more: object) -> Listed:
    status = Status(
        "connected",
        ports=(Forward(8080, "web"),),
        conflicts=(Conflict(80, "low", "ports below 1024 are not forwarded."),),
    )
    mooring = Mooring((Terminal(7, "pts/3", "bash"),), 8888, status)
    return Listed(DOCK, answered(ANSWER), mooring, **more)  # type: ignore[arg-type]


def test_a_dock_is_a_line_with_details_below() -> None:
    lines = list(table([listed(current=True)], 0))

    assert "DOCK ADDRESS STATE ENGINE GPUS FREE RUNS DOCKED" == " ".join(lines[0].split())
    assert "* gpu-box  carol@10.1.2.3  up" == lines[1][:29]
    assert "614 kB of 1.0 MB  2     2" == lines[1].rpartition("A10G  ")[2]
    assert [
        "runs shop-app:carol (shop-app-1): Up 3 hours, run by carol",
        "runs postgres (db): Up 1 second",
        "docked here: bash 7 on pts/3",
        "docked from elsewhere: bob@desk",
        "Jupyter is on localhost here: 8888",
        "on localhost here: 8080",
        "not on localhost: ports below 1024 are not forwarded.",
    ] == [line.strip() for line in lines[2:]]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = list(table([listed(), listed(current=True)], width))

    assert all(len(line) <= width for line in lines)


def test_columns_that_nobody_needs_are_left_out() -> None:
    down = Listed(DOCK, unanswered("No route to host"), Mooring())

    assert ["DOCK", "ADDRESS", "STATE"] == next(table([down], 0)).split()


def test_the_widest_column_gives_way_and_the_name_last() -> None:
    assert [10, 30, 16] == fitted([10, 60, 16], 60)
    assert [22, 8, 8] == fitted([40, 60, 16], 10)
    assert [40, 60] == fitted([40, 60], 0)


@pytest.mark.parametrize(
    ("size", "expected"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (52_000_000, "52 MB"), (10**18, "1000 PB")],
)
def test_sizes_are_written_for_readers(size: int, expected: str) -> None:
    assert expected == amount(size)


def test_much_is_counted() -> None:
    row = ["i", "img", "n", "running", "Up", "", ""]
    survey = answered("version 26\n" + f"container {json.dumps(row)}\n" * 50)
    lines = list(Listed(DOCK, survey, Mooring()).details())

    assert 9 == len(lines)
    assert "and 42 more containers; --json has them all" == lines[-1]
