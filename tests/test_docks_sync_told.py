"""What is said of a synchronization, and its exit status."""

from __future__ import annotations

import io
import json

import pytest

from dockerutils.docks.dock import Dock
from dockerutils.docks.options import SyncOptions
from dockerutils.docks.sync.outcome import Outcome
from dockerutils.docks.sync.telling import tell
from dockerutils.terminal import Terminal


def told(outcome: Outcome, options: SyncOptions | None = None) -> tuple[int, str, str]:
    """Give the status, and what is written to both streams."""
    out, err = io.StringIO(), io.StringIO()
    status = tell(Terminal(out, err), outcome, options or SyncOptions())
    return status, out.getvalue(), err.getvalue()


def outcome(way: str = "up", **more: object) -> Outcome:
    """Make an account."""
    made = Outcome("up" if way == "up" else "down", Dock("gpu", "10.0.0.1"), "/data/shop", files=7)
    for name, value in more.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (outcome(), "# nothing to do: gpu:/data/shop has what is to be there (7 files here).\n"),
        (
            outcome(brought={"a": 1_500_000, "d/": 0}),
            "# 1 file, 1.5 MB, sent (to gpu:/data/shop).\n",
        ),
        (outcome(brought={"d/": 0, "e/": 0}), "# 2 folders, 0.0 MB, sent (to gpu:/data/shop).\n"),
        (
            outcome("down", brought={"a": 1}, deleted=["b", "c"]),
            "# 1 file, 0.0 MB, fetched and 2 files deleted here (from gpu:/data/shop).\n",
        ),
    ],
)
def test_one_line_tells_what_was_done(made: Outcome, line: str) -> None:
    assert (0, "", line) == told(made)


def test_a_conflict_is_told_and_shows_in_the_status() -> None:
    status, _, said = told(outcome("down", conflicts={"a": "a.dock-conflict"}))

    assert 1 == status
    assert "# warning: a changed on both sides: the version of gpu is kept here as a.dock-" in said


def test_long_lists_are_cut() -> None:
    made = outcome(
        kept=[f"k{number}" for number in range(9)],
        left_out={f"l{number}": "link" for number in range(7)},
        undone={f"u{number}": "why" for number in range(6)},
    )
    status, _, said = told(made)

    assert 1 == status
    assert "k0, k1, k2, k3, k4 and 4 more changed on gpu alone" in said
    assert "links that lead out of the project are left out: l0, l1, l2, l3, l4 and 2 more." in said
    assert "# warning: 1 more are not as they should be.\n" in said


@pytest.mark.parametrize("way", ["up", "down"])
def test_names_steer_no_terminal(way: str) -> None:
    evil = "docker/a\x1b[2J\nb\u202e"
    made = outcome(
        way, brought={evil: 1, f"{evil}2": 2}, deleted=[evil], kept=[evil], conflicts={evil: evil}
    )
    made.left_out, made.undone, made.target = {evil: "link"}, {evil: evil}, evil
    made.spared = [evil]

    for options in (SyncOptions(verbose=True), SyncOptions(dry_run=True), SyncOptions(json=True)):
        _, out, said = told(made, options)
        assert not {"\x1b", "\u202e"} & set(out + said)


def test_a_program_gets_all_of_it() -> None:
    made = outcome(brought={"b": 2, "a": 1}, deleted=["c"], spared=["d"])
    said = json.loads(told(made, SyncOptions(json=True))[1])

    assert (["a", "b"], ["c"], 3) == (said["sent"], said["deleted"], said["bytes"])
    assert ["d"] == said["spared"]
