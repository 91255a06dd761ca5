"""What the engine is asked, and what is said of one that does not answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import RecordingRunner

from dockerutils import docker_cli
from dockerutils.command import Command
from dockerutils.engine import CliEngine, NoEngine, full_disk, no_answer
from dockerutils.errors import EngineError
from dockerutils.runner import Answer


def engine(*answers: tuple[Command, Answer]) -> CliEngine:
    return CliEngine(RecordingRunner(answers={str(asked): answer for asked, answer in answers}))


DOWN = Answer(
    1, "", "WARNING: x\nCannot connect to the Docker daemon at unix:///x. Is it running?\n"
)


def test_images_that_are_there_have_their_ids() -> None:
    names = ["shop-a:1", "host:5000/b:2", "c:3"]
    answer = Answer(0, "shop-a:1 sha256:aa\nhost:5000/b:2 sha256:bb\n", "")

    expected = {"shop-a:1": "sha256:aa", "host:5000/b:2": "sha256:bb"}
    assert expected == engine((docker_cli.list_images(names), answer)).images(iter(names))


def test_no_image_is_asked_for_in_vain() -> None:
    assert {} == engine().images([])


def test_containers_are_given_by_name() -> None:
    asked = docker_cli.list_containers(["a=1"], stopped=True)

    found = engine((asked, Answer(0, "x\ny\n", "")))

    assert ["x", "y"] == found.containers(["a=1"], stopped=True)


def test_an_engine_that_does_not_answer_is_told_in_its_own_words() -> None:
    with pytest.raises(EngineError) as caught:
        engine((docker_cli.list_images(["a:1"]), DOWN)).images(["a:1"])

    said = "Cannot connect to the Docker daemon at unix:///x. Is it running?"
    assert f"the Docker engine does not answer: {said}" == caught.value.message
    assert "Start the engine" in caught.value.hint
    assert 1 == caught.value.status


def test_a_socket_that_is_not_ours_says_how_to_get_it() -> None:
    error = no_answer("Got permission denied while trying to connect to the socket")

    assert "join the group docker" in error.hint


def test_an_engine_without_a_word_is_told_as_that() -> None:
    assert "the Docker engine does not answer: no reason was given" == no_answer("").message


def test_a_working_engine_has_no_ailment(tmp_path: Path) -> None:
    version = docker_cli.server_version(), Answer(0, "26.1.5\n", "")
    root = docker_cli.data_root(), Answer(0, f"{tmp_path}\n", "")

    assert engine(version, root).ailment() is None


def test_an_engine_on_a_full_disk_has_that_ailment() -> None:
    version = docker_cli.server_version(), Answer(0, "26.1.5\n", "")
    found = engine(version, (docker_cli.data_root(), Answer(0, "/proc\n", ""))).ailment()

    assert found is not None
    assert "is full" in found.message


def test_an_engine_that_is_down_has_that_ailment() -> None:
    found = engine((docker_cli.server_version(), DOWN)).ailment()

    assert found is not None
    assert "does not answer" in found.message


def test_a_full_disk_is_told_with_what_to_do() -> None:
    found = full_disk("/proc")  # a file system without any room

    assert found is not None
    assert "the disk of the Docker engine (/proc) is full: 0 MB are free." == found.message
    assert "docker builder prune" in found.hint


def test_the_disk_of_an_engine_elsewhere_is_not_looked_at() -> None:
    assert full_disk("/no/such/folder") is None


def test_a_dry_runs_engine_knows_nothing() -> None:
    assert ({}, [], None) == (
        NoEngine().images(["a:1"]),
        NoEngine().containers(["a"]),
        NoEngine().ailment(),  # type: ignore[func-returns-value]
    )
