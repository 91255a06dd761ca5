"""What was found on both sides of a synchronization, and the account of what was done."""

from __future__ import annotations

from dataclasses import dataclass, field

from dockerutils.docks.dock import Dock
from dockerutils.docks.sync.manifest import Manifest
from dockerutils.docks.sync.plan import Plan, Sides
from dockerutils.docks.sync.site import Way
from dockerutils.docks.sync.there import There
from dockerutils.docks.sync.tree import FOLDER, Tree, size_of
from dockerutils.docks.sync.version_place import VersionFile


@dataclass
class Outcome:
    """What a synchronization did, or would do; `brought` has the bytes of each file.

    `kept` has what changed on the receiving side alone, `undone` what could not be brought or
    deleted, with the reason where one was told; `spared` has what the dock has no more, and what
    is not deleted as it is that much. `owner` is the user and group there, as numbers.
    """

    way: Way
    dock: Dock
    target: str
    owner: str = ""
    brought: dict[str, int] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    conflicts: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    undone: dict[str, str] = field(default_factory=dict)
    spared: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    files: int = 0

    @property
    def status(self) -> int:
        """The exit status: 1 where somebody has to look at something."""
        return 1 if self.conflicts or self.undone or self.spared else 0


@dataclass(frozen=True)
class Seen:
    """What was found on both sides, and what was known before of this folder or another one."""

    there: There
    known: Manifest
    sides: Sides
    version: VersionFile

    def outcome(self, way: Way, dock: Dock, plan: Plan) -> Outcome:
        """Begin the account of what is done."""
        here, there = self.sides.here, self.sides.there
        both = {**there.entries, **here.entries}
        receiver = there if way == "up" else here
        kept = [path for path in plan.keep if receiver.entries.get(path, both[path]) != FOLDER]
        files = sum(state != FOLDER for state in here.entries.values())
        left_out = {**there.left_out, **here.left_out}
        outcome = Outcome(way, dock, self.there.target, self.there.owner, kept=kept, files=files)
        outcome.left_out = left_out
        return outcome


def account(outcome: Outcome, seen: Seen, plan: Plan) -> None:
    """Tell what the plan says as if it had been done."""
    here, there = seen.sides.here, seen.sides.there
    sender, receiver = (here, there) if outcome.way == "up" else (there, here)
    outcome.brought = {named(path, sender): size_of(sender.entries[path]) for path in plan.bring}
    outcome.deleted = [named(path, receiver) for path in plan.delete]
    outcome.conflicts = dict(plan.conflicts)


def named(path: str, tree: Tree) -> str:
    """Give a path as it is told: that of a folder ends with `/`."""
    return f"{path}/" if tree.entries[path] == FOLDER else path
