"""What is written to the terminal, and where."""

from __future__ import annotations

import fcntl
import io
import os
import shlex
import struct
import subprocess
import termios

import pytest
from fakes import Tty

from dockerutils.terminal import Terminal


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


@pytest.mark.parametrize(
    ("stream", "quiet", "live"),
    [(Tty(), False, True), (Tty(), True, False), (io.StringIO(), False, False)],
)
def test_lines_are_drawn_anew_on_a_terminal_that_is_not_quiet(
    stream: io.StringIO, quiet: bool, live: bool
) -> None:
    assert live == Terminal(io.StringIO(), stream, quiet).live


def test_a_sketch_is_cut_to_the_width_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "5")
    terminal = Terminal(io.StringIO(), Tty())
    terminal.sketch(["123456", "12"])
    terminal.erase(2)
    terminal.erase(0)

    assert ("", "1234\n12\n\x1b[2A\x1b[J") == written(terminal)


def test_the_width_is_that_of_the_terminal_that_is_drawn_on() -> None:
    main, other = os.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("4H", 24, 7, 0, 0))
    with os.fdopen(other, "w") as stream:
        Terminal(io.StringIO(), stream).sketch(["123456789"])

        assert b"123456\r\n" == os.read(main, 100)
    os.close(main)


def test_what_is_said_steers_no_terminal() -> None:
    terminal = Terminal(Tty(), io.StringIO())
    odd = "a\x1b]0;x\x07\tb\x9b"
    terminal.note(odd)
    terminal.warn(odd)
    terminal.error("x", odd, odd)
    terminal.data(odd)

    shown = "a\\x1b]0;x\\x07\tb\\x9b"
    said = f"# {shown}\n# warning: {shown}\nx: {shown}\n  {shown}\n"
    assert (f"{shown}\n", said) == written(terminal)


def test_data_that_is_piped_and_the_lines_of_programs_stay_as_they_are() -> None:
    terminal = Terminal(io.StringIO(), Tty())
    terminal.data("\x1b")
    terminal.line("\x1b")

    assert ("\x1b\n", "\x1b") == written(terminal)


def test_a_printed_command_steers_no_terminal_and_can_be_pasted() -> None:
    terminal = Terminal(io.StringIO(), io.StringIO())
    text = "it's \x1b[2J\x07f\x9b\tend\n"
    terminal.command(shlex.join(["printf", "%s", text]))
    line = written(terminal)[1]

    assert {"\n", "\t"} >= {one for one in line if not one.isprintable()}
    pasted = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert text == pasted.stdout
