"""Running work side by side: what waits for what, how many at once, and what a failure stops."""

from __future__ import annotations

import threading
import time

import pytest

from dockerutils.schedule import run_side_by_side, width

LIMIT = 20  # seconds; reached only where something is broken


def test_every_piece_comes_after_what_it_needs() -> None:
    done: list[str] = []
    run_side_by_side({"c": ["b", "a"], "b": ["a"], "a": []}, done.append, jobs=4)

    assert ["a", "b", "c"] == done


def test_pieces_that_need_nothing_of_each_other_run_at_once() -> None:
    meeting = threading.Barrier(3)

    def work(_name: str) -> None:
        meeting.wait(LIMIT)  # until all three are there

    run_side_by_side(dict.fromkeys("abc", ()), work, jobs=3)

    assert not meeting.broken


@pytest.mark.parametrize("jobs", [1, 2])
def test_never_more_run_at_once_than_jobs(jobs: int) -> None:
    lock, running, most = threading.Lock(), 0, 0

    def work(_name: str) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1

    run_side_by_side(dict.fromkeys("abcdef", ()), work, jobs)

    assert jobs == most


def test_a_piece_does_not_wait_for_what_it_does_not_need() -> None:
    leaf_began = threading.Event()

    def work(name: str) -> None:
        if name == "leaf":
            leaf_began.set()
        if name == "slow":
            assert leaf_began.wait(LIMIT)

    run_side_by_side({"slow": (), "quick": (), "leaf": ("quick",)}, work, jobs=2)


def test_one_job_does_pieces_in_their_order() -> None:
    done: list[str] = []
    run_side_by_side({"b": (), "a": (), "c": ()}, done.append, jobs=1)

    assert ["b", "a", "c"] == done


def test_what_is_needed_from_elsewhere_is_there_already() -> None:
    done: list[str] = []
    run_side_by_side({"a": ["elsewhere"]}, done.append, jobs=1)

    assert ["a"] == done


def test_without_work_nothing_happens() -> None:
    run_side_by_side({}, lambda _name: pytest.fail("there is nothing to do"), jobs=2)


def test_a_failure_starts_nothing_more_and_is_raised_when_the_others_have_ended() -> None:
    failed = threading.Event()
    done: list[str] = []

    def work(name: str) -> None:
        if name == "bad":
            failed.set()
            raise ValueError(name)
        assert failed.wait(LIMIT)
        time.sleep(0.05)
        done.append(name)

    needs = {"bad": (), "running": (), "waiting": (), "after": ("running",)}
    with pytest.raises(ValueError, match="bad"):
        run_side_by_side(needs, work, jobs=2)

    assert ["running"] == done


def test_the_caller_looks_at_the_clock_while_work_goes_on() -> None:
    looked = threading.Event()
    threads: list[int] = []

    def tick() -> None:
        threads.append(threading.get_ident())
        looked.set()

    def work(_name: str) -> None:
        assert looked.wait(LIMIT)

    run_side_by_side({"a": ()}, work, 1, tick)

    assert {threading.get_ident()} == set(threads)


@pytest.mark.parametrize(
    ("needs", "expected"),
    [
        ({}, 0),
        ({"a": ()}, 1),
        ({"a": (), "b": ("a",), "c": ("b",)}, 1),
        ({"a": (), "b": ("a",), "c": ("a",), "d": ("a", "elsewhere")}, 3),
    ],
)
def test_the_width_tells_how_many_can_run_at_once(
    needs: dict[str, tuple[str, ...]], expected: int
) -> None:
    assert expected == width(needs)
