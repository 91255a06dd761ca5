"""What the engine is asked, and what is said of one that does not answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes import FixedEngine, RecordingRunner

from dockerutils import docker_cli
from dockerutils.command import Command
from dockerutils.engine import AnyEngine, CliEngine, ImageFacts, NoEngine, full_disk, no_answer
from dockerutils.errors import EngineError
from dockerutils.runner import Answer


def engine(*answers: tuple[Command, Answer]) -> CliEngine:
    return CliEngine(RecordingRunner(answers={str(asked): answer for asked, answer in answers}))


DOWN = Answer(
    1, "", "WARNING: x\nCannot connect to the Docker daemon at unix:///x. Is it running?\n"
)


def test_no_image_is_asked_for_in_vain() -> None:
    assert {} == engine().facts([])


def test_who_stands_before_an_engine_says_why_it_does_not_answer() -> None:
    asked = {str(docker_cli.server_version()): DOWN, str(docker_cli.inspect_images(["a"])): DOWN}
    away = CliEngine(RecordingRunner(answers=asked), lambda errors: EngineError(f"away: {errors}"))
    said = f"away: {DOWN.errors.strip()}"

    assert said == str(away.ailment())
    with pytest.raises(EngineError) as caught:
        away.facts(["a"])
    assert said == str(caught.value)


def inspected(*layers: str, **config: object) -> dict[str, object]:
    return {"Id": f"id of {layers}", "RootFS": {"Layers": list(layers)}, "Config": config}


def inspect(names: list[str], found: list[object], *errors: str) -> tuple[Command, Answer]:
    answer = Answer(1 if errors else 0, json.dumps(found), "".join(f"{one}\n" for one in errors))
    return docker_cli.inspect_images(names), answer


OVERLAY2 = {"GraphDriver": {"Data": {"UpperDir": "/x"}, "Name": "overlay2"}}
GONE = "Error response from daemon: No such image: "


def test_facts_are_told_by_name_whatever_else_is_missing() -> None:
    names = ["a:1", "gone:1", "b", "lost"]
    found = [inspected("l1", Labels={"x": "y"}), inspected("l1", "l2")]
    asked = inspect(names, list(found), f"{GONE}gone:1", f"{GONE}lost:latest")
    facts = engine(asked).facts(names)

    assert ["a:1", "b"] == list(facts)
    assert (("l1",), {"x": "y"}) == (facts["a:1"].layers, facts["a:1"].labels)
    assert (("l1", "l2"), {}) == (facts["b"].layers, facts["b"].labels)


def test_an_image_without_layers_or_configuration_has_facts() -> None:
    bare = {"Id": "x", "RootFS": {"Type": "layers"}, "Config": None, **OVERLAY2}

    assert {"a": ImageFacts("x")} == engine(inspect(["a"], [bare])).facts(["a"])
    labels = {"Id": "x", "Config": {"Labels": None}, **OVERLAY2}
    assert {} == engine(inspect(["a"], [labels])).facts(["a"])["a"].labels


def test_what_an_image_is_for_and_when_it_was_made_are_facts() -> None:
    told = {"Id": "x", "Architecture": "arm64", "Os": "linux", "Variant": "v8", "Author": "me"}
    asked = inspect(["a"], [{**told, "Created": "2026-11-23T02:11:54Z", **OVERLAY2}])
    facts = engine(asked).facts(["a"])["a"]

    assert ("arm64", "linux", "v8") == (facts.architecture, facts.os, facts.variant)
    assert ("2026-11-23T02:11:54Z", "me") == (facts.created, facts.author)


@pytest.mark.parametrize("driver", [{}, {"GraphDriver": {"Data": None, "Name": "overlayfs"}}])
def test_a_store_that_tells_no_places_names_images_by_their_manifests(
    driver: dict[str, object],
) -> None:
    assert engine(inspect(["a"], [{"Id": "x", **driver}])).facts(["a"])["a"].by_manifest
    assert not engine(inspect(["a"], [{"Id": "x", **OVERLAY2}])).facts(["a"])["a"].by_manifest


def test_images_are_listed_once_each() -> None:
    asked = (
        docker_cli.list_images(["dangling=true"]),
        Answer(0, "sha256:b\nsha256:a\nsha256:b\n", ""),
    )

    assert ["sha256:b", "sha256:a"] == engine(asked).images(["dangling=true"])


def test_no_facts_are_asked_for_in_vain_and_none_twice() -> None:
    assert {} == engine().facts([])
    assert ["a"] == list(engine(inspect(["a"], [inspected()])).facts(iter(["a", "a"])))


def test_names_that_the_engine_writes_in_another_way_are_asked_for_one_by_one() -> None:
    names = ["docker.io/library/gone:1", "a"]
    asked = [
        inspect(names, [inspected("l1")], f"{GONE}gone:1"),
        inspect(names[:1], [], f"{GONE}gone:1"),
        inspect(names[1:], [inspected("l1")]),
    ]

    assert ["a"] == list(engine(*asked).facts(names))


@pytest.mark.parametrize(
    "complaint",
    [
        "Error response from daemon: invalid reference format",
        "Error: invalid reference format: repository name (library/${X}) must be lowercase",
    ],
)
def test_a_name_that_nothing_can_have_is_missing(complaint: str) -> None:
    names = ["${X}", "a"]
    asked = [
        inspect(names, [inspected("l1")], complaint),
        inspect(names[:1], [], complaint),
        inspect(names[1:], [inspected("l1")]),
    ]

    assert ["a"] == list(engine(*asked).facts(names))


WARNING = "WARNING: Error loading config file: /root/.docker/config.json: permission denied"


def test_a_warning_of_docker_is_no_complaint() -> None:
    answer = Answer(0, json.dumps([inspected("l1")]), f"{WARNING}\n")
    assert ["a"] == list(engine((docker_cli.inspect_images(["a"]), answer)).facts(["a"]))

    asked = inspect(["a", "gone"], [inspected("l1")], WARNING, f"{GONE}gone:latest")
    assert ["a"] == list(engine(asked).facts(["a", "gone"]))


def test_facts_of_an_engine_that_is_down_are_an_error() -> None:
    down = Answer(1, "[]\n", f"{WARNING}\n{DOWN.errors}")
    with pytest.raises(EngineError, match="the Docker engine does not answer: Cannot connect"):
        engine((docker_cli.inspect_images(["a"]), down)).facts(["a"])


@pytest.mark.parametrize(
    ("version", "takes"),
    [("20.10.24", False), ("22.06.0-beta", False), ("23.0.0", True), ("26.1.5", True), ("", True)],
)
def test_engines_from_23_on_take_named_contexts(version: str, takes: bool) -> None:
    asked = docker_cli.server_version(), Answer(0, f"{version}\n", "")

    assert takes == engine(asked).takes_named_contexts()


@pytest.mark.parametrize(
    ("listed", "name"),
    [
        ("web-1.a_b", "web-1.a_b"),
        ("db,web/db", "db"),
        ("--env=AWS_SECRET_ACCESS_KEY", ""),
        ("x --env=Y", ""),
        ("x\x1b]0;y\x07", ""),
        ("_x", ""),
    ],
)
def test_a_containers_name_is_no_option(listed: str, name: str) -> None:
    asked = str(docker_cli.list_containers(["a=1"], stopped=False))
    runner = RecordingRunner(answers={asked: Answer(0, f"{listed}\n", "")})

    assert [name] == CliEngine(runner).containers(["a=1"])


def test_containers_are_given_by_name() -> None:
    asked = docker_cli.list_containers(["a=1"], stopped=True)

    found = engine((asked, Answer(0, "x\ny\n", "")))

    assert ["x", "y"] == found.containers(["a=1"], stopped=True)


def test_an_engine_that_does_not_answer_is_told_in_its_own_words() -> None:
    with pytest.raises(EngineError) as caught:
        engine((docker_cli.inspect_images(["a:1"]), DOWN)).facts(["a:1"])

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
    assert NoEngine().takes_named_contexts()
    assert ({}, [], [], None) == (
        NoEngine().facts(["a:1"]),
        NoEngine().images(),
        NoEngine().containers(["a"]),
        NoEngine().ailment(),  # type: ignore[func-returns-value]
    )


def test_an_engine_that_need_not_answer_has_nothing_where_it_does_not() -> None:
    one = AnyEngine(engine((docker_cli.inspect_images(["a:1"]), DOWN)))

    assert {} == one.facts(["a:1"])
    with pytest.raises(EngineError):
        engine((docker_cli.inspect_images(["a:1"]), DOWN)).facts(["a:1"])


def test_an_engine_that_need_not_answer_is_asked_all_the_same() -> None:
    ill = EngineError("ill.")
    fixed = FixedEngine({"a:1": "sha256:1"}, {"x": ["c"]}, is_ill=ill, is_modern=False)
    one = AnyEngine(fixed)

    assert fixed.facts(["a:1"]) == one.facts(["a:1"])
    assert (["sha256:1"], ["c"], ill, False) == (
        one.images(["dangling=true"]),
        one.containers(["x"]),
        one.ailment(),
        one.takes_named_contexts(),
    )
