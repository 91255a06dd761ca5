"""What the way down does not do on a dock's word alone, and what it points at."""

from __future__ import annotations

from collections.abc import Iterable

from dockerutils.context.ignore import IGNORE_FILE
from dockerutils.docks.sync.outcome import Outcome, Seen
from dockerutils.docks.sync.plan import NOBODY, Plan
from dockerutils.docks.sync.tree import FOLDER, beside, folded
from dockerutils.roots import CONFIG_NAMES, PYPROJECT, TREE

FEW = 10  # files: so many may always be deleted at once
DECIDING = (*CONFIG_NAMES, PYPROJECT, "setup.cfg", "setup.py")


def be_wary(seen: Seen, plan: Plan, outcome: Outcome) -> None:
    """Take out of a plan for the way down what nobody wants to happen unasked; say so."""
    outcome.warnings += _keep_rules(seen, plan)
    emptied = not seen.sides.there.entries and bool(plan.delete)
    if emptied:
        outcome.warnings.append("the folder on the dock is empty: nothing is deleted here.")
    elif not seen.there.whole:
        outcome.warnings.append("some folders on the dock cannot be read: nothing is deleted here.")
    elif _are_many(seen, plan):
        here = seen.sides.here.entries
        outcome.spared = [path for path in plan.delete if here[path] != FOLDER]
    else:
        return
    plan.delete.clear()


def _are_many(seen: Seen, plan: Plan) -> bool:
    """Tell whether more than a few files would be deleted, and more than half of what was known."""
    files = sum(seen.sides.here.entries[path] != FOLDER for path in plan.delete)
    known = sum(pair.here not in (None, FOLDER) for pair in seen.sides.base.values())
    return files > FEW and 2 * files > known


def _keep_rules(seen: Seen, plan: Plan) -> list[str]:
    """Have the dock's .dockerignore come beside ours, which decides what is sent; say so."""
    warnings = []
    here, there = seen.sides.here, seen.sides.there.entries
    deleted = [path for path in plan.delete if is_rules(path)]
    for path in deleted:
        plan.delete.remove(path)
        warnings.append(f"{path} was deleted on the dock; it stays here: it decides what is sent.")
    for path in sorted(path for path in plan.bring if is_rules(path)):
        before = seen.sides.base.get(path, NOBODY)
        if before.there == there[path]:  # it has been put beside before
            for one in _with_inner(path, plan.bring):
                del plan.bring[one]
        elif plan.bring[path] == path:
            name = beside(path, {*here.beside, *here.left_out, *plan.conflicts.values()})
            for one in _with_inner(path, plan.bring):
                plan.bring[one] = name + one[len(path) :]
            plan.conflicts[path] = name
    return warnings


def _with_inner(path: str, paths: Iterable[str]) -> list[str]:
    return [one for one in paths if one == path or one.startswith(f"{path}/")]


def is_rules(path: str) -> bool:
    """Tell whether a path is that of the file that decides what is sent."""
    return "/" not in path and folded(path) == IGNORE_FILE


def deciding(outcome: Outcome) -> list[str]:
    """Give what came from the dock and decides what is built or run next."""
    came = (path for path in outcome.brought if path not in outcome.conflicts)
    return sorted(path for path in came if path[-1:] != "/" and _decides(path))


def _decides(path: str) -> bool:
    top, slash, _ = path.partition("/")
    return folded(top) == TREE if slash else folded(path) in DECIDING
