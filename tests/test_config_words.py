"""Docker's option notation: words, options, commands."""

from __future__ import annotations

import csv
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockerutils.config.words import (
    Option,
    csv_field,
    run_options,
    split_command,
    split_words,
    unquoted,
    written,
)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("-v /a:/b", [("--volume", "/a:/b")]),
        ("--volume /a:/b", [("--volume", "/a:/b")]),
        ("--volume=/a:/b", [("--volume", "/a:/b")]),
        ("-v=/a:/b", [("--volume", "/a:/b")]),
        ("-v/a:/b", [("--volume", "/a:/b")]),
        ("-v '/a b:/c'", [("--volume", "/a b:/c")]),
        ("-e A=b=c", [("--env", "A=b=c")]),
        ("--env=A=b=c", [("--env", "A=b=c")]),
        ("-eA=b", [("--env", "A=b")]),
        ("-e FOO", [("--env", "FOO")]),
        ("-e EMPTY=", [("--env", "EMPTY=")]),
        ("--mount type=bind,source=/a,target=/b", [("--mount", "type=bind,source=/a,target=/b")]),
        ("--net host", [("--network", "host")]),
        ("-it", [("--interactive",), ("--tty",)]),
        ("-i -t", [("--interactive",), ("--tty",)]),
        ("-dp 80:80", [("--detach",), ("--publish", "80:80")]),
        ("-dp80:80", [("--detach",), ("--publish", "80:80")]),
        ("-ti=false", [("--tty",), ("--interactive=false",)]),
        ("-P --rm", [("--publish-all",), ("--rm",)]),
        ("--init=false", [("--init=false",)]),
        ("--memory-swap -1 --oom-score-adj=-500", [
            ("--memory-swap", "-1"), ("--oom-score-adj", "-500"),
        ]),
        ("--brand-new thing -v /a:/b", [("--brand-new", "thing"), ("--volume", "/a:/b")]),
        ("--brand-new -v /a:/b --newer", [
            ("--brand-new",), ("--volume", "/a:/b"), ("--newer",),
        ]),
        ("--privileged -v /a:/b --read-only", [
            ("--privileged",), ("--volume", "/a:/b"), ("--read-only",),
        ]),
        ("-a stdin -a stdout", [("--attach", "stdin"), ("--attach", "stdout")]),
        ("--env-file -", [("--env-file", "-")]),
        ("", []),
    ],
)  # fmt: skip
def test_options_are_read_in_every_notation_that_docker_takes(
    text: str, options: list[Option]
) -> None:
    assert options == list(run_options(split_words(text)))


@pytest.mark.parametrize(
    ("text", "word"), [("8888:8888", "8888:8888"), ("-it shell", "shell"), ("-i -- x", "--"),
                       ("-v a:b c:d", "c:d"), ("-1", "-1"), ("'' -i", ""), ("-", "-")]
)  # fmt: skip
def test_a_word_that_docker_would_take_as_the_image_is_refused(text: str, word: str) -> None:
    with pytest.raises(ValueError, match="docker would run it as the image") as caught:
        run_options(split_words(text))
    assert f"holds `{word}`, " in str(caught.value)


@pytest.mark.parametrize("text", ["-v", "-e -p 80:80", "-it -v", "--mount", "-p --rm"])
def test_an_option_without_the_value_that_it_needs_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^gives --[a-z]+ no value$"):
        run_options(split_words(text))


def test_words_are_split_as_in_a_shell_over_several_lines() -> None:
    assert ("-v", "/a b:/c", "-e", 'A="x"', "-p", "1:1") == split_words(
        "\n-v '/a b:/c' \\\n-e A='\"x\"'\n\n-p 1:1"
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("bash -c 'echo", "has a quote that is not closed; close it, or write \\ before it"),
        ("a \\", "ends with a \\; write \\\\ for one, or leave it out"),
    ],
)
def test_what_a_shell_would_wait_for_the_end_of_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        split_words(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('["bash", "-l"]', ("bash", "-l")),
        ('["sh", "-c", "a | b && echo \\"$$HOME\\""]', ("sh", "-c", 'a | b && echo "$$HOME"')),
        ("sh -c 'a | b; echo $$HOME > \"x y\"'", ("sh", "-c", 'a | b; echo $$HOME > "x y"')),
        ("[ -f setup.py ]", ("[", "-f", "setup.py", "]")),
        ("[]", ()),
        ("", ()),
    ],
)
def test_a_command_is_words_or_the_json_form_of_a_dockerfile(
    text: str, words: tuple[str, ...]
) -> None:
    assert words == split_command(text)


def test_the_json_form_of_a_command_holds_strings_only() -> None:
    with pytest.raises(ValueError, match="list of strings"):
        split_command('["sleep", 3]')


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"two words"', "two words"),
        ("two words", "two words"),
        ("it's", "it's"),
        ("'{\"a\": 1}'", '{"a": 1}'),
        ('{"a": 1, "b": 2}', '{"a": 1, "b": 2}'),
        ("", ""),
    ],
)
def test_quotes_around_one_word_are_the_shells(text: str, value: str) -> None:
    assert value == unquoted(text)


WORD = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
NAME = st.sampled_from(["-v", "-e", "--env", "--mount", "--memory-swap", "-p", "--new", "-x"])
OPTION_WORDS = st.lists(
    st.one_of(
        st.sampled_from(["-it", "--rm", "--init=false", "--tty", "-dp80:80", "--switch"]).map(
            lambda word: [word]
        ),
        st.tuples(NAME, st.one_of(WORD, st.sampled_from(["-1", "-x", "--rm"]))).map(
            lambda pair: ["=".join(pair)]
        ),
        st.tuples(NAME, WORD.filter(lambda word: not word.startswith("-"))).map(list),
    )
).map(lambda parts: [word for part in parts for word in part])


@settings(deadline=None)
@given(OPTION_WORDS)
def test_options_written_as_words_are_read_as_the_same_options(words: list[str]) -> None:
    options = run_options(words)
    assert options == run_options(written(options))


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("src=/a b", "src=/a b"),
        ("a,b", '"a,b"'),
        ('say "a"', '"say ""a"""'),
        ("two\nlines", '"two\nlines"'),
    ],
)
def test_a_field_is_quoted_where_it_has_to_be(text: str, field: str) -> None:
    assert field == csv_field(text)


# A NUL can be in no word of a command, and the csv of Python 3.10 takes none.
@given(st.lists(st.text(st.characters(exclude_characters="\0")), min_size=2))
def test_fields_are_read_as_they_were(fields: list[str]) -> None:
    line = ",".join(map(csv_field, fields))

    assert [fields] == [*csv.reader([line])]
