"""How far something has come, on one line."""

from __future__ import annotations

import io
import threading

import pytest
from fakes import Tty
from test_board import Clock, screen

from dockerutils.errors import Interrupted
from dockerutils.meter import Meter, StatusLine, megabytes
from dockerutils.terminal import Terminal


def meter(clock: Clock) -> tuple[Meter, list[str]]:
    """Give a meter, and what it shows."""
    shown: list[str] = []
    return Meter(shown.append, clock), shown


def test_it_says_at_once_what_begins() -> None:
    one, shown = meter(Clock())
    one.begin("app: layers", 10**7)

    assert ["app: layers"] == shown


def test_it_tells_now_and_then_how_far_it_is() -> None:
    clock = Clock()
    one, shown = meter(clock)
    one.begin("app", 20_000_000)
    for _ in range(4):
        one.advance(1_000_000)
        clock.time += 0.06

    assert ["app", "app: 3.0 of 20 MB"] == shown


def test_a_total_that_nobody_knows_is_not_told() -> None:
    clock = Clock()
    one, shown = meter(clock)
    one.begin("app", 0)
    clock.time += 10
    one.advance(30_000_000)

    assert "app: 30 MB, 3.0 MB/s" == shown[-1]


def test_rate_and_time_left_are_told_once_they_mean_something() -> None:
    clock = Clock()
    one, shown = meter(clock)
    one.begin("app", 300_000_000)
    clock.time += 0.4
    one.advance(0)
    clock.time += 0.6
    one.advance(100_000_000)

    assert ["app", "app: 0.0 of 300 MB", "app: 100 of 300 MB, 100 MB/s, 2 s left"] == shown


def test_more_than_was_expected_leaves_no_time() -> None:
    one, _ = meter(Clock())
    one.begin("app", 1)
    one.advance(2_000_000)

    assert "app: 2.0 of 0.0 MB, 1.0 MB/s, 0 s left" == one.text(2.0)


def test_nothing_done_has_no_rate() -> None:
    one, _ = meter(Clock())
    one.begin("app", 10**6)

    assert "app: 0.0 of 1.0 MB" == one.text(9.0)


def test_it_starts_anew_with_what_begins_next() -> None:
    clock = Clock()
    one, shown = meter(clock)
    one.begin("one", 10**6)
    one.advance(10**6)
    one.begin("two", 2 * 10**6)
    clock.time += 1
    one.advance(10**6)

    assert "two: 1.0 of 2.0 MB, 1.0 MB/s, 1 s left" == shown[-1]


def test_what_has_to_end_it_ends_it_before_anything_is_counted() -> None:
    def end() -> None:
        raise Interrupted("interrupted.")

    one = Meter(lambda _text: None, Clock(), end)
    with pytest.raises(Interrupted):
        one.advance(1)

    assert 0 == one.done


def test_threads_count_together() -> None:
    one, _ = meter(Clock())
    one.begin("app", 1)

    def count() -> None:
        for _ in range(2000):
            one.advance(1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 8000 == one.done


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0.0"), (123_456, "0.1"), (9_940_000, "9.9"), (10_000_000, "10")]
)
def test_few_megabytes_have_a_decimal(size: int, text: str) -> None:
    assert text == megabytes(size)


# The line -----------------------------------------------------------------------------------


def line(stream: io.StringIO) -> StatusLine:
    return StatusLine(Terminal(io.StringIO(), stream))


def test_a_text_takes_the_place_of_the_last_one() -> None:
    stream = Tty()
    shown = line(stream)
    shown.show("one")
    shown.show("two")
    assert ["# two"] == screen(stream)

    shown.clear()
    shown.clear()
    assert [] == screen(stream)


def test_what_is_said_stays_and_the_line_goes() -> None:
    stream = Tty()
    shown = line(stream)
    shown.show("one")
    shown.say("built")
    shown.show("two")
    shown.warn("odd")
    shown.show("three")
    shown.command("docker pull a")
    shown.clear()

    assert ["# built", "# warning: odd", "docker pull a"] == screen(stream)


def test_elsewhere_there_is_no_such_line() -> None:
    stream = io.StringIO()
    shown = line(stream)
    shown.show("one")
    shown.say("built")
    shown.clear()

    assert "# built\n" == stream.getvalue()
