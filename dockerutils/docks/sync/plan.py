"""What a synchronization does: decided from what is here, what is there, and what both had before.

Nothing here looks at a file. A side has changed where it differs from what it had after the last
synchronization. Going up, the dock shall have what is here, but for what changed there; going down,
this side shall have what is there, and an edit here always stays.

| here | there | up | down |
|---|---|---|---|
| as before | as before | nothing | nothing |
| changed | as before | send | keep |
| as before | changed | keep theirs | fetch |
| changed | changed, the same | remember | remember |
| changed | changed otherwise | theirs aside, send | fetch it beside |
| deleted | as before | delete there | keep deleted |
| deleted | changed | keep theirs | fetch |
| as before | deleted | send | delete here |
| changed | deleted | send | keep |
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from dockerutils.docks.sync.manifest import Pair
from dockerutils.docks.sync.tree import FOLDER, Tree, beside, is_file, size_of

NOBODY = Pair(None, None)
Verdict = Literal["nothing", "settle", "bring", "delete", "keep", "conflict", "unclear"]
Pairs = Mapping[str, Pair]


@dataclass(frozen=True)
class Sides:
    """Both sides, what they had before, and of which files with other times the content is equal.

    `compared` has the files that were looked into, `same` those of them whose content is the same.
    """

    here: Tree
    there: Tree
    base: Pairs
    compared: frozenset[str] = frozenset()
    same: frozenset[str] = frozenset()


Decide = Callable[[str, Sides, Pair], Verdict]


@dataclass
class Plan:
    """What to do. `bring` maps what is brought to the name that it gets on the other side.

    `aside` maps what is there to the name that it gets before something takes its place; `delete`
    has files before the folders that they are in, and `clear` those of what is brought in whose
    place something of another kind is. `keep` has what changed on the receiving side alone, and
    stays there. `conflicts` maps what changed on both sides to the name of the dock's version.
    `unclear` has what has to be compared first; `pairs` is what is remembered if nothing is done.
    """

    bring: dict[str, str] = field(default_factory=dict)
    aside: dict[str, str] = field(default_factory=dict)
    delete: list[str] = field(default_factory=list)
    clear: list[str] = field(default_factory=list)
    keep: list[str] = field(default_factory=list)
    conflicts: dict[str, str] = field(default_factory=dict)
    unclear: list[str] = field(default_factory=list)
    pairs: dict[str, Pair] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.bring or self.delete)


def plan_up(sides: Sides) -> Plan:
    """Plan what goes to the dock."""
    return _plan(sides, _up, sides.here, sides.there)


def plan_down(sides: Sides) -> Plan:
    """Plan what comes from the dock."""
    return _plan(sides, _down, sides.there, sides.here)


def _plan(sides: Sides, decide: Decide, sender: Tree, receiver: Tree) -> Plan:
    verdicts = dict(_verdicts(sides, decide))
    plan = Plan(pairs=_remembered(sides, verdicts))
    for path, verdict in sorted(verdicts.items()):
        if verdict == "delete" and under(path, sender.left_out):
            plan.keep.append(path)  # a link that leads elsewhere stands in the folder's place
        elif verdict in ("delete", "keep", "unclear"):
            getattr(plan, verdict).append(path)
    plan.delete.sort(key=lambda path: _depth(path, receiver))
    _conflicts(plan, sides, verdicts, receiver)
    _brought(plan, verdicts, receiver)
    plan.clear = [path for path in plan.bring if _in_the_way(plan, path, sender, receiver)]
    return plan


def _in_the_way(plan: Plan, path: str, sender: Tree, receiver: Tree) -> bool:
    """Tell whether a folder has to go before something else can come, or the other way round."""
    there = receiver.entries.get(path)
    if there is None or plan.bring[path] != path or path in plan.aside:
        return False
    return (there == FOLDER) != (sender.entries[path] == FOLDER)


def _verdicts(sides: Sides, decide: Decide) -> Iterator[tuple[str, Verdict]]:
    """Give a verdict for each path where there is something to do, or to remember."""
    here, there, base = sides.here.entries, sides.there.entries, sides.base
    for path, state in here.items():
        other, before = there.get(path), base.get(path, NOBODY)
        if state == other:
            if before.here != state or before.there != state:
                yield path, "settle"
        elif path not in sides.there.left_out:
            yield path, decide(path, sides, before)
    for path in there.keys() - here.keys() - sides.here.left_out.keys():
        yield path, decide(path, sides, base.get(path, NOBODY))


def _up(path: str, sides: Sides, before: Pair) -> Verdict:
    here, there = sides.here.entries.get(path), sides.there.entries.get(path)
    if there is None:
        return "bring"
    if here is None:
        deleted = before.here is not None and there == before.there
        return "delete" if deleted else "keep"
    if there == before.there:
        return "bring" if here != before.here else "nothing"
    if here == before.here:
        return "keep"
    return _both(path, sides, "bring")


def _down(path: str, sides: Sides, before: Pair) -> Verdict:
    here, there = sides.here.entries.get(path), sides.there.entries.get(path)
    if there is None:
        deleted = before.there is not None and here == before.here
        return "delete" if deleted else "keep"
    if here is None:
        return "keep" if before.here is not None and there == before.there else "bring"
    if here == before.here:
        return "bring" if there != before.there else "nothing"
    if there == before.there:
        return "keep"
    return _both(path, sides, "keep")


def _both(path: str, sides: Sides, if_equal: Verdict) -> Verdict:
    """Decide on what changed on both sides; `if_equal` where only the execute bit differs."""
    here, there = sides.here.entries[path], sides.there.entries[path]
    if not (is_file(here) and is_file(there) and size_of(here) == size_of(there)):
        return "conflict"
    if path not in sides.compared:
        return "unclear"
    if path not in sides.same:
        return "conflict"
    return "settle" if here[0] == there[0] else if_equal


def _remembered(sides: Sides, verdicts: Mapping[str, Verdict]) -> dict[str, Pair]:
    """Give what both sides agree on now; what has gone on both is forgotten."""
    here, there = sides.here, sides.there
    pairs = {
        path: pair
        for path, pair in sides.base.items()
        if path in here.entries or path in there.entries
    }
    for path, verdict in verdicts.items():
        if verdict == "settle":
            pairs[path] = Pair(here.entries[path], there.entries[path])
    return pairs


def _conflicts(plan: Plan, sides: Sides, verdicts: dict[str, Verdict], receiver: Tree) -> None:
    """Find names for the dock's versions of what changed on both sides."""
    taken = {*receiver.beside, *receiver.left_out}
    for path in sorted(path for path, one in verdicts.items() if one == "conflict"):
        if under(path, plan.conflicts):
            continue
        plan.conflicts[path] = name = beside(path, taken)
        taken.add(name)
        if receiver is sides.there:
            plan.aside[path] = name
            plan.bring[path] = path
        else:
            plan.bring[path] = name


def _brought(plan: Plan, verdicts: Mapping[str, Verdict], receiver: Tree) -> None:
    """Find where what is brought goes: beside as well where a folder above it does.

    It stays where it is if something that stays, and is no folder, is in its way.
    """
    going = {path for path, one in verdicts.items() if one in ("bring", "delete")}
    for path in sorted(path for path, one in verdicts.items() if one == "bring"):
        above = under(path, plan.conflicts)
        if above and not plan.aside:
            plan.bring[path] = plan.conflicts[above] + path[len(above) :]
        elif above or not _blocked(path, receiver, going):
            plan.bring[path] = path
        else:
            plan.keep.append(path)


def _blocked(path: str, receiver: Tree, going: set[str]) -> bool:
    """Tell whether something above a path is no folder on the side that it shall go to."""
    for parent in _parents(path):
        state = receiver.entries.get(parent)
        if parent in receiver.left_out or parent in receiver.beside:
            return True
        if state is not None and state != FOLDER and parent not in going:
            return True
    return False


def under(path: str, folders: Container[str]) -> str:
    """Give the folder among these that a path lies in, "" for none."""
    return next((parent for parent in _parents(path) if parent in folders), "") if folders else ""


def _parents(path: str) -> Iterator[str]:
    """Give the folders above a path, the nearest first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _depth(path: str, tree: Tree) -> tuple[bool, int, str]:
    """Sort files first, then folders, those deep down before what they are in."""
    return tree.entries[path] == FOLDER, -path.count("/"), path
