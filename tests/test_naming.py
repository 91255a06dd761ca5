"""Names that docker takes, made of names that people give."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import configuration, given
from hypothesis import strategies as st

from dockerutils.naming import (
    Reference,
    container_name,
    split_reference,
    valid_component,
    valid_tag,
)

configuration.set_hypothesis_home_dir(Path(__file__).parents[1] / ".cache" / "hypothesis")

# As docker's own reference package has them.
COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
CONTAINER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("shop", "shop"),
        ("Shop", "shop"),
        ("my shop", "my-shop"),
        ('it\'s $5 "x" `y`', "it-s-5-x-y"),
        ("a\nb\tc", "a-b-c"),
        ("Größe", "groe"),
        ("naïve café", "naive-cafe"),
        ("日本", ""),
        ("日本 shop", "shop"),
        ("a__b.c-d--e", "a__b.c-d--e"),
        ("a___b..c._d-_e", "a-b-c-d-e"),
        ("-._a_.-", "a"),
        (" ", ""),
        ("", ""),
        ("$$$", ""),
    ],
)
def test_a_repository_is_made_of(text: str, expected: str) -> None:
    assert expected == valid_component(text)


@given(st.text())
def test_any_text_gives_a_repository_that_docker_takes_or_none(text: str) -> None:
    component = valid_component(text)
    assert not component or COMPONENT.fullmatch(component)
    assert component == valid_component(component)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alice", "alice"),
        ("Alice.B_c-d", "Alice.B_c-d"),
        ("alice@corp.example", "alice-corp.example"),
        ("DOMAIN\\alice", "DOMAIN-alice"),
        ("Zoë", "Zo-"),
        (".hidden", "hidden"),
        ("-x", "x"),
        ("日本", "latest"),
        ("", "latest"),
        ("x" * 200, "x" * 128),
    ],
)
def test_a_tag_is_made_of(text: str, expected: str) -> None:
    assert expected == valid_tag(text)


@given(st.text())
def test_any_text_gives_a_tag_that_docker_takes(text: str) -> None:
    assert TAG.fullmatch(valid_tag(text))


@given(st.text(), st.text())
def test_any_parts_give_a_container_that_docker_takes(image: str, user: str) -> None:
    assert CONTAINER.fullmatch(container_name("shop", image, user, "c0ffee"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("shop-base", ("shop-base", "")),
        ("shop-base:1", ("shop-base", "1")),
        ("host:5000/team/base", ("host:5000/team/base", "")),
        ("host:5000/team/base:1", ("host:5000/team/base", "1")),
        ("shop-base@sha256:ab", ("shop-base@sha256", "ab")),
    ],
)
def test_a_reference_is_split_into_repository_and_tag(text: str, expected: tuple[str, str]) -> None:
    assert expected == split_reference(text)


def test_a_reference_is_written_as_docker_writes_it() -> None:
    assert "shop-app:alice" == str(Reference("shop-app", "alice"))
