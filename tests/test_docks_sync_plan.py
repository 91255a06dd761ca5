"""The plan of a synchronization: what goes up, what comes down, and what is never lost."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockerutils.docks.sync.manifest import Pair
from dockerutils.docks.sync.plan import NOBODY, Plan, Sides, plan_down, plan_up
from dockerutils.docks.sync.tree import (
    CONFLICT,
    FOLDER,
    State,
    Tree,
    file_state,
    stays_inside,
)

OLD = file_state(3, 100)
OURS = file_state(4, 200)
THEIRS = file_state(5, 300)
BOTH = Pair(OLD, OLD)


def planned(way: str, here: State | None, there: State | None, base: Pair = NOBODY) -> Plan:
    """Plan for one file."""
    trees = [Tree({"a": one} if one else {}) for one in (here, there)]
    known = {} if base == NOBODY else {"a": base}
    return {"up": plan_up, "down": plan_down}[way](Sides(trees[0], trees[1], known))


@pytest.mark.parametrize(
    ("here", "there", "base", "up", "down"),
    [
        (OLD, OLD, BOTH, "", ""),
        (OURS, OLD, BOTH, "bring", "keep"),
        (OLD, THEIRS, BOTH, "keep", "bring"),
        (OURS, THEIRS, BOTH, "conflict", "conflict"),
        (None, OLD, BOTH, "delete", "keep"),
        (None, THEIRS, BOTH, "keep", "bring"),
        (OLD, None, BOTH, "bring", "delete"),
        (OURS, None, BOTH, "bring", "keep"),
        (OURS, None, NOBODY, "bring", "keep"),
        (None, THEIRS, NOBODY, "keep", "bring"),
        (OURS, THEIRS, NOBODY, "conflict", "conflict"),
        (OURS, OURS, NOBODY, "", ""),
        (None, None, BOTH, "", ""),
        (OURS, OLD, Pair(OURS, OLD), "", ""),
        (OURS, OLD, Pair(None, OLD), "bring", "keep"),
    ],
)
def test_each_case_has_its_verdict(
    here: State | None, there: State | None, base: Pair, up: str, down: str
) -> None:
    assert (up, down) == (
        verdict(planned("up", here, there, base)),
        verdict(planned("down", here, there, base)),
    )


def verdict(plan: Plan) -> str:
    """Say in a word what a plan does with its only file."""
    if plan.conflicts:
        return "conflict"
    named = {"bring": plan.bring, "delete": plan.delete, "keep": plan.keep}
    return next((name for name, paths in named.items() if paths), "")


def test_what_is_the_same_on_both_sides_is_remembered() -> None:
    assert {"a": Pair(OURS, OURS)} == planned("up", OURS, OURS).pairs


def test_what_has_gone_on_both_sides_is_forgotten() -> None:
    assert {} == planned("up", None, None, BOTH).pairs


def test_a_version_of_the_dock_that_is_in_the_way_goes_aside_before_ours_comes() -> None:
    plan = planned("up", OURS, THEIRS, BOTH)

    assert ({"a": f"a{CONFLICT}"}, {"a": "a"}) == (plan.aside, plan.bring)


def test_a_version_of_the_dock_comes_beside_an_edit_of_ours() -> None:
    plan = planned("down", OURS, THEIRS, BOTH)

    assert ({}, {"a": f"a{CONFLICT}"}) == (plan.aside, plan.bring)


def test_a_name_beside_that_is_taken_gets_a_number() -> None:
    here = Tree({"a": OURS}, beside={f"a{CONFLICT}", f"a{CONFLICT}-2"})
    plan = plan_down(Sides(here, Tree({"a": THEIRS}), {}))

    assert {"a": f"a{CONFLICT}-3"} == plan.conflicts


@pytest.mark.parametrize("way", [plan_up, plan_down])
def test_files_of_one_size_are_compared_before_they_are_a_conflict(way: object) -> None:
    assert callable(way)
    other = file_state(4, 300)
    sides = Sides(Tree({"a": OURS}), Tree({"a": other}), {"a": BOTH})
    looked = replace(sides, compared=frozenset("a"))

    assert ["a"] == way(sides).unclear
    assert not way(sides)
    assert {"a": Pair(OURS, other)} == way(replace(looked, same=frozenset("a"))).pairs
    assert not way(replace(looked, same=frozenset("a")))
    assert ["a"] == list(way(looked).conflicts)


def test_a_link_that_leads_out_here_is_not_replaced_by_what_the_dock_has() -> None:
    here = Tree(left_out={"data": "link"})
    there = Tree({"data": FOLDER, "data/x": THEIRS, "data/deep": FOLDER, "data/deep/y": THEIRS})

    assert not plan_down(Sides(here, there, {}))


def test_a_folder_that_became_a_link_out_of_the_tree_is_not_deleted_on_the_dock() -> None:
    base = {"data": Pair(FOLDER, FOLDER), "data/x": BOTH}
    there = Tree({"data": FOLDER, "data/x": OLD})
    plan = plan_up(Sides(Tree(left_out={"data": "link"}), there, base))

    assert ["data/x"] == plan.keep
    assert not plan


def test_files_are_deleted_before_their_folders() -> None:
    base = {"d": Pair(FOLDER, FOLDER), "d/e": Pair(FOLDER, FOLDER), "d/e/x": BOTH, "a": BOTH}
    there = Tree({"d": FOLDER, "d/e": FOLDER, "d/e/x": OLD, "a": OLD})

    assert ["d/e/x", "a", "d/e", "d"] == plan_up(Sides(Tree(), there, base)).delete


def test_a_folder_of_the_dock_goes_beside_as_a_whole_where_a_file_was_edited_here() -> None:
    there = Tree({"a": FOLDER, "a/b": FOLDER, "a/b/x": THEIRS})
    plan = plan_down(Sides(Tree({"a": OURS}), there, {"a": BOTH}))

    kept = f"a{CONFLICT}"
    assert {"a": kept, "a/b": f"{kept}/b", "a/b/x": f"{kept}/b/x"} == plan.bring


@pytest.mark.parametrize(
    ("path", "target", "inside"),
    [
        ("a", "b", True),
        ("a/b", "../c", True),
        ("a/b/c", "../../d/e", True),
        ("a", "../b", False),
        ("a/b", "../../c", False),
        ("a", "/etc/passwd", False),
        ("a", "b/../../c", False),
        ("a/b", "link/../..", False),
        ("a", "", False),
        ("a", ".git/hooks", False),
        ("a/b", "../.GIT", False),
        ("a", "./b//c", True),
    ],
)
def test_a_link_stays_in_its_tree(path: str, target: str, inside: bool) -> None:
    assert inside == stays_inside(path, target)


# Whole runs ---------------------------------------------------------------------------------

Files = dict[str, str]
PATHS = ("a", "b", "d/x", "d/y", "d/e/z", "a/in")
contents = st.sampled_from(["one", "two", "six", "seven"])
trees = st.dictionaries(st.sampled_from(PATHS), contents).map(
    lambda files: {
        path: content
        for path, content in files.items()
        if not any(path.startswith(f"{other}/") for other in files)
    }
)
CLOCK = itertools.count(1)


@dataclass
class Side:
    """Files in memory: contents, and when each was written."""

    files: Files = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)

    def become(self, files: Files) -> None:
        """Let somebody work here; what he keeps is not written anew, nor what is beside."""
        kept = {path: text for path, text in self.files.items() if CONFLICT in path}
        for path in files:
            if files[path] != self.files.get(path):
                self.times[path] = next(CLOCK)
        self.files = {**files, **kept}

    def tree(self) -> Tree:
        """See the files as a tree."""
        tree = Tree()
        for path, text in self.files.items():
            if CONFLICT in path:
                tree.beside.add(path)
                continue
            tree.entries[path] = file_state(len(text), self.times[path])
            for end, letter in enumerate(path):
                if letter == "/":
                    tree.entries[path[:end]] = FOLDER
        return tree


def synchronize(way: str, here: Side, there: Side, base: dict[str, Pair]) -> Plan:
    """Plan, and do in memory what the real thing does with files."""
    make = {"up": plan_up, "down": plan_down}[way]
    sender, receiver = (here, there) if way == "up" else (there, here)
    sides = Sides(here.tree(), there.tree(), dict(base))
    plan = make(sides)
    if plan.unclear:
        same = frozenset(one for one in plan.unclear if here.files[one] == there.files[one])
        sides = replace(sides, compared=frozenset(plan.unclear), same=same)
        plan = make(sides)
    pairs = dict(plan.pairs)
    for path, name in plan.aside.items():
        move(receiver, path, name)
    for path in [*plan.delete, *plan.clear]:
        receiver.files.pop(path, None)
        if path in plan.delete:
            pairs.pop(path, None)
    for path in plan.clear:  # what still holds something goes aside
        if any(one.startswith(f"{path}/") for one in receiver.files) and path in sender.files:
            if way == "up":
                move(receiver, path, f"{path}{CONFLICT}-9")
            else:
                plan.bring[path] = f"{path}{CONFLICT}-9"
    for path, name in plan.bring.items():
        state = sides.here.entries[path] if way == "up" else sides.there.entries[path]
        if path in sender.files:
            receiver.files[name] = sender.files[path]
            receiver.times[name] = sender.times[path]
        before = base.get(path, NOBODY)
        pairs[path] = Pair(state, state) if name == path else Pair(before.here, state)
    base.clear()
    base.update(pairs)
    return plan


def move(side: Side, path: str, name: str) -> None:
    """Give a file, or all below a folder, another name."""
    for one in list(side.files):
        if one == path or one.startswith(f"{path}/"):
            side.files[name + one[len(path) :]] = side.files.pop(one)


steps = st.lists(st.tuples(st.sampled_from(["up", "down"]), trees, trees), min_size=1, max_size=4)


@settings(max_examples=300, deadline=None)
@given(steps)
def test_no_edit_here_is_ever_lost(steps: list[tuple[str, Files, Files]]) -> None:
    here, there, base = Side(), Side(), dict[str, Pair]()
    for way, ours, theirs in steps:
        here.become(ours)
        there.become(theirs)
        edited = edits(here, {path: pair.here for path, pair in base.items()})
        stay = edited if way == "down" else ours
        synchronize(way, here, there, base)

        assert stay.items() <= here.files.items()


@settings(max_examples=300, deadline=None)
@given(steps)
def test_no_edit_on_the_dock_is_ever_lost(steps: list[tuple[str, Files, Files]]) -> None:
    here, there, base = Side(), Side(), dict[str, Pair]()
    for way, ours, theirs in steps:
        here.become(ours)
        there.become(theirs)
        edited = edits(there, {path: pair.there for path, pair in base.items()})
        stay = edited if way == "up" else theirs
        synchronize(way, here, there, base)

        for path, text in stay.items():
            assert text in kept_at(there, path)


def edits(side: Side, before: dict[str, State | None]) -> Files:
    """Give the files that were written since the last run."""
    states = side.tree().entries
    return {
        path: text
        for path, text in side.files.items()
        if CONFLICT not in path and states[path] != before.get(path)
    }


def kept_at(side: Side, path: str) -> set[str]:
    """Give what is at a path, or beside it, or beside a folder above it."""
    parts = path.split("/")
    above = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    return {
        text
        for name, text in side.files.items()
        if name == path or any(name.startswith(f"{one}{CONFLICT}") for one in above)
    }


@settings(max_examples=300, deadline=None)
@given(steps)
def test_a_second_run_has_nothing_to_do(steps: list[tuple[str, Files, Files]]) -> None:
    here, there, base = Side(), Side(), dict[str, Pair]()
    for way, ours, theirs in steps:
        here.become(ours)
        there.become(theirs)
        synchronize(way, here, there, base)
        again = synchronize(way, here, there, base)

        assert (False, {}) == (bool(again), again.conflicts)


@settings(max_examples=300, deadline=None)
@given(steps)
def test_nothing_is_planned_outside_of_what_both_sides_have(
    steps: list[tuple[str, Files, Files]],
) -> None:
    here, there, base = Side(), Side(), dict[str, Pair]()
    for way, ours, theirs in steps:
        here.become(ours)
        there.become(theirs)
        known = {*here.tree().entries, *there.tree().entries}
        plan = synchronize(way, here, there, base)

        assert {*plan.bring, *plan.delete, *plan.aside, *plan.clear} <= known
