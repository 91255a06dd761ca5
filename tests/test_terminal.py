"""What is written to the terminal, and where."""

from __future__ import annotations

import io

from dockerutils.terminal import Terminal


class Tty(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def written(terminal: Terminal) -> tuple[str, str]:
    assert isinstance(terminal.out, io.StringIO)
    assert isinstance(terminal.err, io.StringIO)
    return terminal.out.getvalue(), terminal.err.getvalue()


def test_data_goes_to_standard_output_and_talk_to_standard_error() -> None:
    terminal = Terminal(io.StringIO(), io.StringIO())
    terminal.data("data")
    terminal.command("docker ps")
    terminal.note("a note")
    terminal.warn("odd")
    terminal.error("build-image", "it is wrong.", "Do this.")

    said = "docker ps\n# a note\n# warning: odd\nbuild-image: it is wrong.\n  Do this.\n"
    assert ("data\n", said) == written(terminal)


def test_an_error_without_a_hint_is_one_line() -> None:
    terminal = Terminal(io.StringIO(), io.StringIO())
    terminal.error("build-image", "it is wrong.", "")

    assert ("", "build-image: it is wrong.\n") == written(terminal)


def test_every_line_of_a_note_is_a_comment_of_the_shell() -> None:
    terminal = Terminal(io.StringIO(), io.StringIO())
    terminal.note("one\ntwo\rthree\u2028four")

    assert ("", "# one\n# two\n# three\n# four\n") == written(terminal)


def test_quiet_leaves_out_commands_and_notes_but_no_warnings() -> None:
    terminal = Terminal(io.StringIO(), io.StringIO(), quiet=True)
    terminal.command("docker ps")
    terminal.note("a note")
    terminal.warn("odd")
    terminal.data("data")

    assert ("data\n", "# warning: odd\n") == written(terminal)


def test_colours_appear_on_a_terminal_only() -> None:
    terminal = Terminal(io.StringIO(), Tty())
    terminal.command("docker ps")
    terminal.error("x", "wrong.", "")

    assert "\x1b[1mdocker ps\x1b[0m\n\x1b[31mx: wrong.\x1b[0m\n" == written(terminal)[1]


def test_data_is_never_coloured() -> None:
    terminal = Terminal(Tty(), Tty())
    terminal.data("data")

    assert "data\n" == written(terminal)[0]


class Full(io.StringIO):
    """A stream that cannot be written to the end."""

    def close(self) -> None:
        super().close()
        raise OSError


def test_data_that_cannot_be_written_is_thrown_away() -> None:
    terminal = Terminal(Full(), io.StringIO())
    terminal.abandon()

    assert terminal.out.closed
