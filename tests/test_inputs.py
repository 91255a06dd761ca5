"""The digests of what an image is made from, and the label that keeps them."""

from __future__ import annotations

import pytest

from dockerutils.images.inputs import (
    Inputs,
    base_digest,
    changed_parts,
    digest,
    make_inputs,
    read_label,
    secret_digest,
)

DETAILS = {
    "version": {"dockerutils": "1.0"},
    "dockerfile": {"docker/app/Dockerfile": "d1"},
    "options": {"": "", "--target": ""},
    "context": {"a.py": "f1", "b.py": "f2"},
    "bases": {"python:3": "b1"},
}


def test_the_label_is_one_word_with_a_digest_of_each_part() -> None:
    parts = make_inputs(DETAILS).parts
    texts = [f"{name}={value}" for name, value in parts.items()]

    assert list(DETAILS) == list(parts)
    assert {12} == {len(value) for value in parts.values()}
    assert ",".join(["1", *texts]) == make_inputs(DETAILS).label


def test_a_label_is_read_as_it_was_written() -> None:
    inputs = make_inputs(DETAILS)

    assert inputs == read_label(inputs.label)


@pytest.mark.parametrize("label", ["", "2,version=x", "nonsense", "0", "1x,version=a"])
def test_a_label_of_another_form_is_not_read(label: str) -> None:
    assert read_label(label) is None


@pytest.mark.parametrize("label", ["1", "1,", "1,version", "1,=,=", "1,other=x"])
def test_a_damaged_label_equals_no_inputs(label: str) -> None:
    found, inputs = read_label(label), make_inputs(DETAILS)

    assert found is not None
    assert found != inputs
    assert list(DETAILS) == changed_parts(found, inputs)


@pytest.mark.parametrize("part", DETAILS)
@pytest.mark.parametrize("change", [{"new": "x"}, {}])
def test_a_changed_part_is_named_and_only_that(part: str, change: dict[str, str]) -> None:
    old, new = make_inputs(DETAILS), make_inputs({**DETAILS, part: change})

    assert [part] == changed_parts(old, new)
    assert old.label != new.label


def test_nothing_has_changed_between_equal_inputs() -> None:
    assert [] == changed_parts(make_inputs(DETAILS), make_inputs(DETAILS))
    assert [] == changed_parts(None, make_inputs(DETAILS))


def test_the_order_of_names_is_nothing() -> None:
    assert digest([("a", "1"), ("b", "2")]) == digest([("b", "2"), ("a", "1")])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([("a", "bc")], [("ab", "c")]),
        ([("a", "1"), ("b", "2")], [("a", "2"), ("b", "1")]),
        ([("a", "")], []),
        ([('a", "b', "c")], [("a", 'b", "c')]),
    ],
)
def test_names_and_values_do_not_run_together(
    one: list[tuple[str, str]], other: list[tuple[str, str]]
) -> None:
    assert digest(one) != digest(other)


def test_names_that_are_no_utf_8_have_a_digest() -> None:
    assert digest([("caf\udce9", "x")]) != digest([("caf\udce8", "x")])
    assert secret_digest("caf\udce9") != secret_digest("caf\udce8")


def test_details_are_no_part_of_what_is_equal() -> None:
    inputs = make_inputs(DETAILS)

    assert Inputs(inputs.parts) == inputs


CONFIG = {"Env": ["PATH=/bin"], "Cmd": None, "Labels": {"vendor": "x"}}


@pytest.mark.parametrize(
    ("layers", "config"),
    [
        (["l1"], CONFIG),
        (["l2", "l1"], CONFIG),
        (["l1", "l2"], {**CONFIG, "Env": ["PATH=/usr/bin"]}),
        (["l1", "l2"], {**CONFIG, "Labels": {"vendor": "y"}}),
    ],
)
def test_another_base_has_another_digest(layers: list[str], config: dict[str, object]) -> None:
    assert base_digest(["l1", "l2"], CONFIG) != base_digest(layers, config)


@pytest.mark.parametrize("others", [{}, None, {"vendor": "x"}])
def test_our_own_labels_do_not_make_another_base(others: dict[str, str] | None) -> None:
    own = {"dockerutils.inputs": "1,version=x", "dockerutils.image": "shop-base"}
    plain = base_digest(["l1"], {"Labels": others})

    assert plain == base_digest(["l1"], {"Labels": {**own, **(others or {})}})


def test_the_same_base_is_the_same_whoever_tells_of_it() -> None:
    as_engines_do = {
        "Hostname": "",
        "AttachStdin": False,
        "Image": "sha256:1",
        "Env": ["PATH=/bin"],
        "Cmd": None,
        "Volumes": None,
        "Entrypoint": [],
        "OnBuild": None,
        "Labels": None,
    }

    assert base_digest(["l1"], {"Env": ["PATH=/bin"]}) == base_digest(["l1"], as_engines_do)
    assert base_digest(["l1"], {}) == base_digest(("l1",), {"Labels": {}, "User": ""})


@pytest.mark.parametrize("name", ["Entrypoint", "Volumes", "OnBuild", "User", "Healthcheck"])
def test_each_setting_of_a_base_counts(name: str) -> None:
    assert base_digest(["l1"], {}) != base_digest(["l1"], {name: ["x"]})
