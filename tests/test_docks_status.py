"""What a keeper tells of its connection, and what a docked terminal's verbs make of it."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockerutils.docks.connection.status import (
    CONNECTED,
    ENDED,
    RECONNECTING,
    Conflict,
    Forward,
    Status,
    complaint,
    read_status,
    write_status,
)
from dockerutils.docks.docked import explain, explanation
from dockerutils.docks.places import Berth

SINCE = time.mktime((2026, 11, 23, 12, 1, 30, 0, 0, -1))
DOWN = "WARNING: x\nCannot connect to the Docker daemon at unix:///x. Is it running?"


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Berth]:
    """A berth whose keeper's lock is held."""
    berth = Berth(tmp_path, "gpu-box")
    with berth.lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield berth


def test_what_is_told_is_read_again(kept: Berth) -> None:
    status = Status(
        RECONNECTING,
        SINCE,
        "it is gone.",
        "Wait.",
        (Forward(8080, "web", "10.1.2.3"),),
        (Conflict(9090, "app", "taken."),),
    )
    write_status(kept, status)

    assert status == read_status(kept)
    assert 0o600 == kept.status.stat().st_mode & 0o777


def test_what_nobody_keeps_has_ended_whatever_was_told(tmp_path: Path) -> None:
    berth = Berth(tmp_path, "gpu-box")
    write_status(berth, Status(CONNECTED, SINCE))

    assert Status(ENDED) == read_status(berth)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "\0", '{"state": 1, "ports": [{}], "conflicts": []}']
)
def test_a_keeper_that_has_told_nothing_readable_keeps_its_connection(
    kept: Berth, text: str
) -> None:
    kept.status.write_text(text)

    assert Status(CONNECTED) == read_status(kept)


def test_what_another_version_told_is_not_readable(kept: Berth) -> None:
    kept.status.write_text(json.dumps({"state": CONNECTED, "ports": [], "conflicts": [], "x": 1}))

    assert Status(CONNECTED) == read_status(kept)


# What is said of a dock that does not answer -------------------------------------------------


def test_a_dock_out_of_reach_is_told_with_the_time_and_the_reason(kept: Berth) -> None:
    write_status(kept, Status(RECONNECTING, SINCE, "Connection timed out."))
    error = explain("gpu-box", kept, DOWN)

    expected = "the dock gpu-box cannot be reached since 12:01: Connection timed out."
    assert expected == error.message
    assert "tried again" in error.hint


def test_what_the_keeper_advises_comes_first(kept: Berth) -> None:
    write_status(kept, Status(RECONNECTING, SINCE, "x.", "Compare the key."))

    assert "Compare the key." == explain("gpu-box", kept, DOWN).hint


def test_a_connection_that_was_ended_is_told(tmp_path: Path) -> None:
    error = explain("gpu-box", Berth(tmp_path, "gpu-box"), DOWN)

    assert "the connection to the dock gpu-box has ended." == error.message
    assert "source dock gpu-box" in error.hint


def test_an_engine_that_does_not_answer_over_a_good_connection_is_told(kept: Berth) -> None:
    write_status(kept, Status(CONNECTED, SINCE, "the Docker engine of gpu-box does not answer."))
    assert "the Docker engine of gpu-box does not answer." == explain("g", kept, DOWN).message

    write_status(kept, Status(CONNECTED, SINCE))
    expected = "the Docker engine of the dock g does not answer: Cannot connect to the Docker"
    assert explain("g", kept, DOWN).message.startswith(expected)
    assert explain("g", kept, "").message.endswith(": no reason was given")


def test_what_the_engine_of_a_dock_refuses_is_not_the_connections_fault(tmp_path: Path) -> None:
    refused = "Error response from daemon: No such container: x"
    error = explain("gpu-box", Berth(tmp_path, "gpu-box"), refused)

    assert "the Docker engine refuses that: No such container: x" == error.message


def test_nothing_is_said_of_a_good_connection() -> None:
    assert ("", "") == complaint("gpu-box", Status(CONNECTED, SINCE))


def test_a_docked_terminals_connection_is_found_by_its_socket(tmp_path: Path) -> None:
    socket = f"unix://{tmp_path}/gpu-box-12ab.sock"
    found = explanation({"DOCKER_IP": "10.1.2.3", "DOCKER_HOST": socket})

    assert found
    assert "the connection to the dock 10.1.2.3 has ended." == found(DOWN).message
    named = explanation({"DOCKER_IP": "x", "DOCK_MONIKER": "box\x1b[31m", "DOCKER_HOST": socket})
    assert named
    assert "the connection to the dock box has ended." == named(DOWN).message


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"DOCKER_HOST": "unix:///run/x.sock"},
        {"DOCKER_IP": "h", "DOCKER_HOST": "ssh://alice@h"},
        {"DOCKER_IP": "h"},
    ],
)
def test_without_a_forwarded_socket_docker_itself_says_why(environ: dict[str, str]) -> None:
    assert explanation(environ) is None
