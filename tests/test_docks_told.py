"""What a dock says is shown without anything that steers a terminal."""

from __future__ import annotations

import pytest

from dockerutils.docks.told import plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Docker 26.1", "Docker 26.1"),
        ("größer → 数", "größer → 数"),
        ("red \x1b[31mred\x1b[0m", "red red"),
        ("title\x1b]0;rm -rf /\x07 after", "title after"),
        ("title\x1b]0;rm -rf /\x1b\\ after", "title after"),
        ("title\x1b]0;never ended", "title"),
        ("8 bit \x9b31mred\x9d0;x\x9c", "8 bit red"),
        ("device \x1bP+q\x1b\\end", "device end"),
        ("charset \x1b(0 and reset \x1bc", "charset and reset"),
        ("one\ntwo\r\nthree\tfour", "one two three four"),
        ("back\x08\x08\x00\x7fspace", "backspace"),
        ("gpj.\u202egnp", "gpj.gnp"),
        ("\u2066\u200b\ufeffx\u2069", "x"),
        ("half \udc80 a letter", "half a letter"),
        ("\x1b", ""),
        ("", ""),
    ],
)
def test_only_what_can_be_seen_is_left(text: str, expected: str) -> None:
    assert expected == plain(text)


def test_a_long_text_is_cut() -> None:
    assert "aaaa…" == plain("a" * 10, 5)
    assert "aaaaa" == plain("a" * 5, 5)


def test_megabytes_are_not_looked_at() -> None:
    assert "" == plain("\x1b[0m" * 1_000_000)
