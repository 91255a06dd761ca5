"""What a dock says of itself is data, and what is missing there is said in sentences."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from dockerutils.docks.registration.probe import (
    CONTEXT,
    LARGEST,
    QUESTION,
    VERSION,
    Findings,
    parse_engine,
    parse_findings,
)
from dockerutils.ssh.host import PLACES

ALL = "machine x86_64\nhome /home/ubuntu\nhas docker\nhas rsync\nhas curl\nhas find\nhas sudo\n"
ENGINE = "engine 26.1.5+dfsg1 amd64\nsocket /var/run/docker.sock\n"


def lacks(answer: str) -> list[str]:
    return list(parse_findings(answer).lacks("gpu", "bob"))


def test_a_dock_with_everything_lacks_nothing() -> None:
    found = parse_findings(ALL + ENGINE)

    assert [] == lacks(ALL + ENGINE)
    assert ("26.1.5+dfsg1", "amd64", "/var/run/docker.sock", "/home/ubuntu") == (
        found.engine,
        found.architecture,
        found.socket,
        found.home,
    )


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (ALL.replace("has rsync\n", "") + ENGINE, "gpu has no rsync"),
        (ALL.replace("has find\n", "") + ENGINE, "gpu has no GNU find"),
        (ALL.replace("has sudo\n", "") + ENGINE, "gpu does not let you use sudo"),
        (ALL.replace("has docker\n", "") + ENGINE, "gpu has no docker command"),
        (ALL.replace("has docker\n", "") + "unasked /var/run/docker.sock\n", "gpu has no docker c"),
        (ALL.replace("has docker\n", ""), "gpu has no Docker: install"),
        (ALL, "no Docker engine runs on gpu: start it"),
        (
            ALL + "mute Cannot connect to the daemon.\n",
            "the Docker engine on gpu does not answer (",
        ),
        (ALL + "denied /var/run/docker.sock\n", "bob may not use Docker on gpu (/var/run/docker.s"),
        (
            ALL + "engine 26.1.5 amd64\nsocket /${SECRET}/x.sock\n",
            "the socket of Docker on gpu cannot be used: /${SECRET}/x.sock is no path for ssh.",
        ),
        (ALL + "denied /%h.sock\n", "the socket of Docker on gpu cannot be used: /%h.sock is"),
        (ALL + "elsewhere tcp://10.0.0.9:2376\n", "docker on gpu talks to tcp://10.0.0.9:2376"),
    ],
)
def test_each_thing_that_is_missing_is_one_sentence(answer: str, expected: str) -> None:
    found = lacks(answer)

    assert 1 == len(found)
    assert expected == found[0][: len(expected)]


def test_a_machine_of_an_engine_that_does_not_answer_is_known_by_its_kernel() -> None:
    assert "arm64" == parse_findings("machine aarch64\n").architecture
    assert "" == parse_findings("machine vax\n").architecture


def test_a_socket_that_is_denied_is_the_docks_all_the_same() -> None:
    assert "/run/x.sock" == parse_findings("denied /run/x.sock\n").socket


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("26.1.5 amd64", ("26.1.5", "amd64")),
        ('{"Version": "20.10.24", "Arch": "arm64"}', ("20.10.24", "arm64")),
        ('{"Version": "\x1b[2J", "Arch": 5}', ("", "")),
        ('{"Version":', ("", "")),
        ('{"a":' * 20_000, ("", "")),
        ("26.1.5; rm -rf / amd64", ("", "")),
        ("9" * 1000 + " amd64", ("", "")),
        ("", ("", "")),
    ],
)
def test_a_version_is_read_as_data(text: str, expected: tuple[str, str]) -> None:
    assert expected == parse_engine(text)


def test_words_of_a_hostile_dock_do_not_steer_the_terminal() -> None:
    hostile = "\x1b]0;x\x07\x1b[2J"
    for key in ("mute", "denied", "elsewhere"):
        assert "\x1b" not in "".join(lacks(f"{ALL}{key} {hostile}text\n"))


def test_what_does_not_belong_to_an_answer_is_passed_over() -> None:
    assert "1" == parse_findings("Welcome!\n\n  * news\nengine 1 amd64\n").engine
    assert Findings({"": ("",)}) == parse_findings("\n")


def test_the_question_is_one_that_a_shell_takes() -> None:
    question = QUESTION.format(
        places=PLACES, version=shlex.quote(VERSION), context=shlex.quote(CONTEXT)
    )

    assert 0 == subprocess.run(["sh", "-n", "-c", question], check=False).returncode
    assert LARGEST > len(question)
