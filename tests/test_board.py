"""The state of several builds, on a terminal and elsewhere."""

from __future__ import annotations

import io
import re
import threading

import pytest
from fakes import Tty

from dockerutils.board import Board
from dockerutils.terminal import Terminal

STYLE = re.compile(r"\x1b\[\d*m")
ERASED = re.compile(r"\x1b\[(\d+)A\x1b\[J")


class Clock:
    """Shows the time that it is set to."""

    time = 100.0

    def __call__(self) -> float:
        return self.time


def board(stream: io.StringIO, clock: Clock | None = None, quiet: bool = False) -> Board:
    terminal = Terminal(io.StringIO(), stream, quiet)
    return Board(terminal, ("app", "worker"), clock or Clock())


def screen(stream: io.StringIO) -> list[str]:
    """Give the lines that a terminal shows after what was written."""
    shown: list[str] = []
    first, *parts = ERASED.split(STYLE.sub("", stream.getvalue()))
    shown += first.splitlines()
    for count, text in zip(parts[::2], parts[1::2], strict=True):
        del shown[len(shown) - int(count) :]
        shown += text.splitlines()
    return shown


def test_each_build_has_a_line_below_the_commands() -> None:
    stream = Tty()
    shown = board(stream)
    shown.begin("app", "docker build app")
    shown.begin("worker", "docker build worker")

    assert [
        "docker build app",
        "docker build worker",
        "# app      0.0s",
        "# worker   0.0s",
    ] == screen(stream)


def test_a_line_tells_the_time_the_cached_steps_and_the_current_one() -> None:
    stream, clock = Tty(), Clock()
    shown = board(stream, clock)
    shown.begin("app", "docker build app")
    for line in ("#4 [1/2] FROM x\n", "#4 CACHED\n", "#5 [2/2] RUN make\n"):
        shown.take("app", line)
    clock.time += 12.34
    shown.draw()

    assert "# app     12.3s  1 cached   [2/2] RUN make" == screen(stream)[-1]


def test_lines_are_erased_before_they_are_drawn_again() -> None:
    stream = Tty()
    shown = board(stream)
    shown.begin("app", "one")
    stream.truncate(0)
    stream.seek(0)
    shown.draw()

    assert "\x1b[1A\x1b[J# app      0.0s\n" == stream.getvalue()


def test_a_build_that_ended_leaves_one_sentence() -> None:
    stream, clock = Tty(), Clock()
    shown = board(stream, clock)
    shown.begin("app", "docker build app")
    shown.begin("worker", "docker build worker")
    shown.take("app", "#4 [1/1] RUN make\n")
    clock.time += 2
    shown.end("app", "built")

    expected = ["# app    built in 2.0 s, 0 of 1 steps cached", "# worker   2.0s"]
    assert expected == screen(stream)[-2:]


def test_an_image_that_never_began_ends_in_a_sentence_without_a_time() -> None:
    stream = io.StringIO()
    shown = board(stream)
    shown.end("app", "skipped")
    shown.end("worker", "")

    assert "# app    skipped\n" == stream.getvalue()


def test_what_is_said_and_warned_stands_above_the_lines_and_stays() -> None:
    stream = Tty()
    shown = board(stream)
    shown.begin("app", "docker build app")
    shown.say("a note")
    shown.warn("odd")
    shown.draw()

    expected = ["docker build app", "# a note", "# warning: odd", "# app      0.0s"]
    assert expected == screen(stream)


def test_nothing_is_left_of_the_lines_at_the_end() -> None:
    stream = Tty()
    shown = board(stream)
    shown.begin("app", "docker build app")
    shown.clear()
    shown.draw()

    assert ["docker build app"] == screen(stream)


def test_a_step_with_tabs_or_escapes_stays_in_its_line() -> None:
    stream = Tty()
    shown = board(stream)
    shown.begin("app", "one")
    shown.take("app", "#5 [2/2] RUN a \t\x1b[31m\r b\n")
    shown.draw()

    assert "[2/2] RUN a   [31m  b" == screen(stream)[-1][-21:]
    assert "\t" not in stream.getvalue()


def test_a_step_that_is_no_command_has_a_line_and_is_not_printed() -> None:
    stream, clock = Tty(), Clock()
    shown = board(stream, clock)
    shown.begin("app")
    shown.show("app", "layers: 1.5 of 9.0 MB")
    clock.time += 2
    shown.draw()
    assert ["# app      2.0s             layers: 1.5 of 9.0 MB"] == screen(stream)

    shown.end("app", "built")
    assert ["# app    built in 2.0 s"] == screen(stream)


def test_a_step_of_a_build_that_has_ended_is_not_shown() -> None:
    stream = Tty()
    shown = board(stream)
    shown.begin("app")
    shown.end("app", "")
    shown.show("app", "late")
    shown.draw()

    assert [] == screen(stream)


def test_without_a_terminal_no_step_is_shown() -> None:
    stream = io.StringIO()
    shown = board(stream)
    shown.begin("app")
    shown.show("app", "layers: 1.5 of 9.0 MB")
    shown.draw()

    assert "" == stream.getvalue()


def test_without_a_terminal_each_line_has_its_image_before_it() -> None:
    stream = io.StringIO()
    shown = board(stream)
    shown.begin("app", "docker build app")
    shown.begin("worker", "docker build worker")
    for line in ("#5 [2/2] RUN make\n", "\n", "#5 0.1 making  \n"):
        shown.take("app", line)
    shown.take("worker", "#1 DONE 0.0s\n")
    shown.draw()
    shown.end("app", "built")

    assert [
        "docker build app",
        "docker build worker",
        "# app    | #5 [2/2] RUN make",
        "# app    | #5 0.1 making",
        "# worker | #1 DONE 0.0s",
        "# app    built in 0.0 s, 0 of 1 steps cached",
    ] == stream.getvalue().splitlines()
    assert "\x1b" not in stream.getvalue()


def test_a_quiet_board_says_nothing() -> None:
    stream = Tty()
    shown = board(stream, quiet=True)
    shown.begin("app", "docker build app")
    shown.take("app", "#5 [2/2] RUN make\n")
    shown.draw()
    shown.end("app", "built")

    assert "" == stream.getvalue()


def test_the_tail_is_that_of_one_build() -> None:
    shown = board(io.StringIO())
    shown.begin("app", "one")
    shown.begin("worker", "two")
    shown.take("app", "#5 0.1 mine\n")
    shown.take("worker", "#5 0.1 other\n")

    assert (["mine"], []) == (shown.tail("app"), shown.tail("unknown"))


def test_the_second_command_of_an_image_goes_on_in_its_line() -> None:
    stream, clock = Tty(), Clock()
    shown = board(stream, clock)
    shown.begin("app", "one")
    clock.time += 3
    shown.begin("app", "two")

    assert ["one", "two", "# app      3.0s"] == screen(stream)


@pytest.mark.parametrize("stream", [Tty(), io.StringIO()], ids=["terminal", "file"])
def test_builds_may_speak_at_once(stream: io.StringIO) -> None:
    names = tuple(f"i{number}" for number in range(8))
    shown = Board(Terminal(io.StringIO(), stream), names, Clock())

    def work(name: str) -> None:
        shown.begin(name, f"docker build {name}")
        for number in range(50):
            shown.take(name, f"#5 [{number}/50] RUN x\n")
            shown.draw()
        shown.end(name, "built")

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    seen = [line for line in screen(stream) if "|" not in line]
    commands = {f"docker build {name}" for name in names}
    ends = {f"# {name} built in 0.0 s, 0 of 50 steps cached" for name in names}
    assert sorted(commands | ends) == sorted(seen)
