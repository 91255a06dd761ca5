"""How often a failure is tried again, and what is said about those that stay."""

from __future__ import annotations

import math

import pytest
from registries import Watch, error

from dockerutils.oci.registry.failures import (
    PassingFailure,
    RegistryError,
    Subject,
    of_status,
    words_of,
)
from dockerutils.oci.registry.patience import PROGRESS, Patience, asked_to_wait

SUBJECT = Subject("ghcr.io", "a/b")


class Flaky:
    """Fails in the listed ways, then works."""

    def __init__(self, *failures: RegistryError) -> None:
        self.failures = list(failures)
        self.tried = 0

    def attempt(self) -> str:
        self.tried += 1
        if self.failures:
            raise self.failures.pop(0)
        return "done"


def passing(after: float | None = None) -> PassingFailure:
    return PassingFailure("it hung up.", after=after)


def test_a_passing_failure_is_tried_again_after_longer_and_longer_pauses() -> None:
    watch, flaky = Watch(), Flaky(passing(), passing(), passing())

    assert "done" == watch.patience().persist(flaky.attempt)
    assert [0.5, 1.0, 2.0] == watch.slept


def test_it_is_given_up_after_four_tries() -> None:
    watch, flaky = Watch(), Flaky(*(passing() for _ in range(9)))

    with pytest.raises(PassingFailure):
        watch.patience().persist(flaky.attempt)

    assert 4 == flaky.tried


def test_other_failures_are_not_tried_again() -> None:
    watch, flaky = Watch(), Flaky(RegistryError("forbidden."))

    with pytest.raises(RegistryError):
        watch.patience().persist(flaky.attempt)

    assert (1, []) == (flaky.tried, watch.slept)


@pytest.mark.parametrize(("after", "slept"), [(7, [7]), (0, [0.5]), (60, [60])])
def test_a_registry_may_ask_for_a_pause(after: float, slept: list[float]) -> None:
    watch = Watch()

    watch.patience().persist(Flaky(passing(after)).attempt)

    assert slept == watch.slept


@pytest.mark.parametrize("after", [61, math.inf])
def test_a_pause_that_is_too_long_ends_the_tries(after: float) -> None:
    watch, flaky = Watch(), Flaky(passing(after))

    with pytest.raises(PassingFailure):
        watch.patience().persist(flaky.attempt)

    assert (1, []) == (flaky.tried, watch.slept)


def test_pauses_are_jittered() -> None:
    low, high = Patience(jitter=lambda: 0.0), Patience(jitter=lambda: 0.99)

    assert 0.25 == low.pause(1, None)
    assert 0.745 == pytest.approx(high.pause(1, None))


def test_who_gets_on_has_all_tries_again() -> None:
    watch, flaky = Watch(), Flaky(*(passing() for _ in range(9)))

    assert "done" == watch.patience().persist(flaky.attempt, lambda: flaky.tried * PROGRESS)
    assert [0.5] * 9 == watch.slept


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "12"}, 12),
        ({"Retry-After": " 0 "}, 0),
        ({}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, None),
        (
            {
                "Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT",
                "Date": "Fri, 31 Dec 1999 23:59:00 GMT",
            },
            59,
        ),
        ({"Retry-After": "9" * 400}, 999999999),
    ],
)
def test_a_pause_is_read_as_seconds_or_as_a_date_by_the_registrys_clock(
    headers: dict[str, str], expected: float | None
) -> None:
    assert expected == asked_to_wait(headers)


@pytest.mark.parametrize(
    ("status", "writes", "sentence", "hint"),
    [
        (401, True, "ghcr.io wants a login that may write to ghcr.io/a/b", "docker login ghcr.io"),
        (403, False, "ghcr.io does not allow us to read from ghcr.io/a/b", "docker login ghcr.io"),
        (404, True, "ghcr.io does not have what was asked for in ghcr.io/a/b", "to be created"),
        (413, True, "a proxy before ghcr.io refuses so large", "client_max_body_size"),
        (418, True, "ghcr.io refuses a request for ghcr.io/a/b", "log"),
        (429, True, "ghcr.io has had too many requests", "Wait 90 seconds"),
        (503, True, "ghcr.io fails at ghcr.io/a/b", "Try again"),
    ],
)
def test_each_status_has_its_sentence(status: int, writes: bool, sentence: str, hint: str) -> None:
    failure = of_status(SUBJECT, status, "because", writes, after=90)

    assert f" (HTTP {status}: because)." in failure.message
    assert failure.message.startswith(sentence)
    assert hint in failure.hint
    assert (status in (429, 503)) == isinstance(failure, PassingFailure)


def test_the_login_of_dockers_hub_has_no_host() -> None:
    assert "docker login" == Subject("docker.io", "library/python").login


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (error("DENIED", "not yours."), "not yours"),
        (b'{"errors": [{"code": "DENIED"}, {"message": "b"}]}', "DENIED; b"),
        (b'{"message": "over\\nlines\\u001b[31m"}', "over lines[31m"),
        (b"<html>", ""),
        (b"[1]", ""),
        (b'{"errors": 7}', ""),
        (error("X", "y" * 999), "y" * 200),
        (b"", ""),
    ],
)
def test_the_words_of_a_registry_are_cleaned(body: bytes, expected: str) -> None:
    assert expected == words_of(body)
