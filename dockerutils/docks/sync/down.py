"""The way down: the project gets what changed on a dock, and what was edited here stays."""

from __future__ import annotations

from dockerutils.docks.sync.caution import be_wary
from dockerutils.docks.sync.exchange import Exchange
from dockerutils.docks.sync.landing import Landing, OutOfPlace, staging_folder
from dockerutils.docks.sync.manifest import Pair
from dockerutils.docks.sync.outcome import Outcome, Seen, account, named
from dockerutils.docks.sync.plan import NOBODY, Plan, plan_down, under
from dockerutils.docks.sync.tree import FOLDER, State, is_coarser, is_file, size_of, target_of
from dockerutils.errors import DockerutilsError


def bring_down(one: Exchange, seen: Seen) -> Outcome:
    """Bring what changed on a dock, or only tell what would be done.

    Raises `DockerutilsError` where there is nothing of the project there.
    """
    if not seen.there.target:
        raise DockerutilsError(
            f"there is nothing of {one.site.name} on {one.dock}.", "`sync-up` brings it there."
        )
    for tree in (seen.sides.here, seen.sides.there):
        tree.entries.pop(seen.version.place, None)
        tree.left_out.pop(seen.version.place, None)
    plan = one.planned(plan_down, seen)
    outcome = seen.outcome("down", one.dock, plan)
    be_wary(seen, plan, outcome)
    if one.dry:
        account(outcome, seen, plan)
    else:
        Downward(one, seen, plan, outcome).carry_out()
    return outcome


class Downward:
    """Carries out a plan for the way down."""

    def __init__(self, one: Exchange, seen: Seen, plan: Plan, outcome: Outcome) -> None:
        self.one, self.seen, self.plan, self.outcome = one, seen, plan, outcome
        self.pairs = dict(plan.pairs)
        self.here, self.there = seen.sides.here.entries, seen.sides.there.entries

    def carry_out(self) -> None:
        """Fetch, put into place, and remember; what has arrived is kept also after a failure."""
        try:
            if self.plan:
                with staging_folder(self.one.root) as staging:
                    self._fetch(Landing(self.one.root, staging))
        finally:
            self.one.remember(self.seen, self.pairs)

    def _fetch(self, landing: Landing) -> None:
        files = sorted(path for path in self.plan.bring if is_file(self.there[path]))
        complaints: list[str] = []
        failure: DockerutilsError | None = None
        if files:
            self.one.check_rsync(self.seen)
            try:
                complaints = self.one.transport(self.seen).fetch(files, landing.staging)
            except DockerutilsError as error:
                failure = error
        self.one.line.clear()
        self._place(landing, failure is None and all(map(landing.arrived, files)))
        if failure:
            raise failure
        if complaints and self.outcome.undone:
            self.outcome.undone["some files"] = complaints[0]

    def _place(self, landing: Landing, whole: bool) -> None:
        """Put all into place, and delete only once that is done: a file may have been renamed.

        What stands in the way goes before; where not all has arrived, it stays.
        """
        taken = {path for path in self.plan.bring if self._replaces_folder(path)}
        inside = {path for path in self.plan.delete if under(path, taken)}
        if whole:
            self._delete(landing, [path for path in self.plan.delete if path in inside])
        else:
            self.outcome.undone.update(dict.fromkeys(taken, "a folder here is in its way"))
        for path in sorted(self.plan.bring.keys() - self.outcome.undone.keys()):
            self._land(landing, path)
        rest = [path for path in self.plan.delete if not (whole and path in inside)]
        if whole and not self.outcome.undone:
            self._delete(landing, rest)
        elif rest:
            self.outcome.warnings.append("not all has come from the dock: nothing is deleted here.")

    def _replaces_folder(self, path: str) -> bool:
        is_one = self.here.get(path) == FOLDER and self.there[path] != FOLDER
        return is_one and self.plan.bring[path] == path

    def _delete(self, landing: Landing, paths: list[str]) -> None:
        """Delete what was deleted there; what was changed here a moment ago stays."""
        for path in paths:
            if landing.remove(path, self.here[path]):
                self.outcome.deleted.append(named(path, self.seen.sides.here))
                self.pairs.pop(path, None)
            elif self.here[path] == FOLDER:
                self.pairs.pop(path, None)
            else:
                self.outcome.undone[path] = "it could not be deleted"

    def _land(self, landing: Landing, path: str) -> None:
        """Put one thing into its place, or beside it."""
        state, name = self.there[path], self.plan.bring[path]
        expected = self.here.get(path) if name == path else None
        try:
            if state == FOLDER:
                self._make_folder(landing, path, name, expected)
                return
            if not is_file(state):
                landing.link(path, target_of(state))
            landed = landing.land(path, name, expected)
        except OutOfPlace:
            self.outcome.undone[path] = "something here is in its way"
            return
        except OSError as error:
            self.outcome.undone[path] = f"{error.strerror}"
            return
        if landed is None:
            self.outcome.undone[path] = "it did not arrive"
            return
        self.outcome.brought[path] = size_of(landed.state)
        there = state[:1] + landed.state[1:]  # it may have changed since it was listed
        if is_coarser(there, state):
            there = state  # it is our file system that keeps less
        if landed.name == path:
            self.pairs[path] = Pair(landed.state, there)
        else:
            self._beside(path, landed.name, there)

    def _make_folder(self, landing: Landing, path: str, name: str, expected: State | None) -> None:
        if not landing.folder(name, expected):
            self.outcome.undone[path] = "something here is in its way"
            return
        self.outcome.brought[f"{path}/"] = 0
        if name == path:
            self.pairs[path] = Pair(self.there[path], self.there[path])
        else:
            self._beside(path, name, self.there[path])

    def _beside(self, path: str, name: str, there: State) -> None:
        """Remember that the dock's version was seen, so that it does not come again."""
        before = self.seen.sides.base.get(path, NOBODY)
        self.pairs[path] = Pair(before.here, there)
        if path in self.plan.conflicts or name != self.plan.bring[path]:
            self.outcome.conflicts[path] = name
