"""Variables in values: fields of the project, and the environment."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dockerutils.config.template import Scope, UnsetVariable, names_environment

FIELDS = {"project_root": "/src/shop", "project": "shop", "user": "alice", "home": "/home/alice"}
SCOPE = Scope(FIELDS, {"A": "one", "B_2": "two words", "DOLLAR": "$A {user}"})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{project_root}:/workdir", "/src/shop:/workdir"),
        ("{home}/.{project}/{user}", "/home/alice/.shop/alice"),
        ("$A-${B_2}", "one-two words"),
        ("${A}b $A.b", "oneb one.b"),
        ("$$A $$ $$$A", "$A $ $one"),
        ("{unknown} {} {0} {User} {user", "{unknown} {} {0} {User} {user"),
        ("{'user': {user}}", "{'user': alice}"),
        ("awk '{print $$1}' $1 $(date) $ ${} ${1}", "awk '{print $1}' $1 $(date) $ ${} ${1}"),
        ("$DOLLAR", "$A {user}"),
        ("100%", "100%"),
        ("", ""),
    ],
)
def test_variables_are_replaced_and_all_else_stays(text: str, value: str) -> None:
    assert value == SCOPE.expand(text)


@pytest.mark.parametrize("text", ["$MISSING", "a ${MISSING} b", "$A $MISSING"])
def test_a_variable_that_is_not_set_is_named(text: str) -> None:
    with pytest.raises(UnsetVariable) as caught:
        SCOPE.expand(text)
    assert "MISSING" == caught.value.name


@pytest.mark.parametrize(
    ("text", "takes"),
    [("$A", True), ("x${A}", True), ("$$A", False), ("{user}", False), ("$1 $", False)],
)
def test_it_is_known_whether_a_value_takes_anything_from_the_environment(
    text: str, takes: bool
) -> None:
    assert takes is names_environment(text)


def test_showing_a_value_replaces_fields_and_keeps_the_environments_names() -> None:
    assert "/src/shop $A ${B_2} $$ {x}" == SCOPE.describe("{project_root} $A ${B_2} $$ {x}")


PIECES = st.sampled_from(
    [
        "$A",
        "${A}",
        "$B_2",
        "$$",
        "{user}",
        "{x}",
        '"',
        "'",
        "`",
        "\\",
        " ",
        ".",
        "*",
        "!",
        "é",
        "\n",
    ]
)


@settings(max_examples=60, deadline=None)
@example("$A{user}")
@given(st.lists(PIECES).map("".join))
def test_what_is_shown_of_a_secret_means_the_same_to_a_shell(text: str) -> None:
    secret = SCOPE.secret(text)
    script = f"printf '%s.' {secret.shown}"
    done = subprocess.run(["sh", "-c", script], env=dict(SCOPE.environ), capture_output=True)
    assert f"{SCOPE.expand(text)}." == secret.value + "." == done.stdout.decode()
    assert "two words" not in secret.shown
