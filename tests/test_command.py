"""Commands as values, and the lines that a shell takes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import configuration, example, given, settings
from hypothesis import strategies as st

from dockerutils.command import Command, Secret, Stdin

configuration.set_hypothesis_home_dir(Path(__file__).parents[1] / ".cache" / "hypothesis")

WORD = st.one_of(
    st.text(),
    st.text(alphabet="$`\"'\\!*?~#&|;<>(){}[]= \t\n-%aé"),
    st.binary().map(os.fsdecode),
).filter(lambda word: "\0" not in word)


def pasted(command: Command, **environ: str) -> bytes:
    """Give what the printed line writes in a real shell."""
    return subprocess.run(
        ["sh", "-c", str(command)],
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        check=True,
    ).stdout


@settings(deadline=None)
@given(st.lists(WORD, min_size=1))
@example(["", "-", "--", "~", "!!", "$HOME", "a\nb", "it's", "*"])
def test_any_words_come_out_of_a_shell_as_they_were(words: list[str]) -> None:
    expected = b"".join(os.fsencode(word) + b"\0" for word in words)

    assert expected == pasted(Command(("printf", "%s\\0", *words)))


@settings(deadline=None, max_examples=30)
@given(WORD)
def test_any_plain_value_of_a_variable_comes_out_of_a_shell_as_it_was(value: str) -> None:
    command = Command(("sh", "-c", 'printf %s "$IT"'), {"IT": value})

    assert os.fsencode(value) == pasted(command)


def test_equal_commands_are_equal_values() -> None:
    assert Command(("a",), {"b": "c"}) == Command(("a",), {"b": "c"})


def test_a_secret_is_shown_as_a_shell_word_and_never_as_its_value() -> None:
    command = Command(("docker", "run", "--env", "TOKEN"), {"TOKEN": Secret("h1dden", '"$T"')})

    assert 'TOKEN="$T" docker run --env TOKEN' == str(command)
    assert "h1dden" not in f"{command!r} {command} {command.environment['TOKEN']}"


def test_a_secret_reaches_the_process_by_its_environment() -> None:
    command = Command(("a",), {"TOKEN": Secret("h1dden", '"$T"'), "B": "plain"})

    assert {"TOKEN": "h1dden", "B": "plain"} == command.variables()


def test_the_printed_line_of_a_secret_works_where_its_source_is_set() -> None:
    command = Command(("sh", "-c", 'printf %s "$TOKEN"'), {"TOKEN": Secret("x", '"$SOURCE"')})

    assert b"it's $5 \\" == pasted(command, SOURCE="it's $5 \\")


@pytest.mark.parametrize("name", ["spring.password", "my-token", "a b", "1st", "$(x)"])
def test_a_name_that_no_shell_assigns_to_is_set_all_the_same(name: str) -> None:
    command = Command(("printenv", name), {name: Secret("x", '"$SOURCE"')})

    assert b"value\n" == pasted(command, SOURCE="value")


def test_a_secret_cannot_be_a_word() -> None:
    with pytest.raises(TypeError, match="plain strings"):
        Command(("docker", Secret("h1dden", "$T")))  # type: ignore[arg-type]


def test_what_a_command_reads_is_shown_as_what_writes_it() -> None:
    fed = Stdin("h1dden text", "sed s/a/b/ 'a file'")
    command = Command(("docker", "build", "-"), {"TOKEN": Secret("h1dden", "$TOKEN")}, stdin=fed)

    assert "sed s/a/b/ 'a file' | TOKEN=$TOKEN docker build -" == str(command)
    assert "h1dden" not in repr(command)
