"""Sending no faster than a rate."""

from __future__ import annotations

import pytest

from dockerutils.errors import UsageError
from dockerutils.transfers.pace import Pace, parse_rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [("", 0), ("500", 500), ("500k", 500_000), ("2M", 2e6), ("1.5MB/s", 1.5e6), ("1g", 1e9)],
)
def test_a_rate_is_read(text: str, rate: float) -> None:
    assert rate == parse_rate(text)


@pytest.mark.parametrize("text", ["fast", "0", "-1", "2T", "1.M"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no rate"):
        parse_rate(text)


class Watch:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_all_that_goes_through_has_the_rate_together() -> None:
    watch = Watch()
    pace = Pace(1_000_000, lambda: watch.now, watch.sleep)

    first = b"".join(pace(iter([b"x" * 300_000])))
    second = b"".join(pace(iter([b"y" * 200_000])))

    assert (300_000, 200_000) == (len(first), len(second))
    assert 0.5 == pytest.approx(watch.now - 100, abs=0.07)


def test_without_a_rate_nothing_waits() -> None:
    watch = Watch()

    assert [b"xy"] == list(Pace(0, lambda: watch.now, watch.sleep)(iter([b"xy"])))
    assert 100.0 == watch.now
