"""The sentence, and the command that prints it."""

from __future__ import annotations

import pytest
from hello.cli import main
from hello.greeting import greeting


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], "Hello, world!"),
        (["Ada"], "Hello, Ada!"),
        (["Ada", "Grace"], "Hello, Ada and Grace!"),
        (["Ada", "Grace", "Edsger"], "Hello, Ada, Grace and Edsger!"),
    ],
)
def test_everybody_is_greeted(names: list[str], sentence: str) -> None:
    assert sentence == greeting(names)


def test_the_word_can_be_changed() -> None:
    sentence = "Ahoy, Ada!"
    assert sentence == greeting(["Ada"], word="Ahoy")


def test_the_command_takes_names_and_prints_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["hello", "Ada", "Grace"])
    monkeypatch.setenv("HELLO_WORD", "Ahoy")
    main()
    printed = "Ahoy, Ada and Grace!\n"
    assert printed == capsys.readouterr().out
