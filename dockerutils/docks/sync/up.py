"""The way up: the dock gets what the project has."""

from __future__ import annotations

from dockerutils.docks.sync.exchange import Exchange
from dockerutils.docks.sync.here import read_still
from dockerutils.docks.sync.manifest import Pair
from dockerutils.docks.sync.outcome import Outcome, Seen, account, named
from dockerutils.docks.sync.plan import Plan, plan_up
from dockerutils.docks.sync.transport import Small, Transport
from dockerutils.docks.sync.tree import FOLDER, beside, file_state, is_coarser, is_file, size_of
from dockerutils.errors import DockerutilsError, Interrupted
from dockerutils.ssh.connection import Dropped

FEW = 4  # files that are sent without rsync
SMALL = 1 << 20  # bytes of all of them
FORBIDDEN = "Permission denied"


def bring_up(one: Exchange, seen: Seen) -> Outcome:
    """Bring the project's files to a dock, or only tell what would be done."""
    place, version = seen.version.place, seen.version.content
    here, there = seen.sides.here, seen.sides.there
    had, written = here.entries.pop(place, ""), there.entries.pop(place, " ")
    plan = one.planned(plan_up, seen)
    outcome = seen.outcome("up", one.dock, plan)
    if not seen.there.whole:
        plan.delete.clear()
        outcome.warnings.append(
            "some folders on the dock cannot be read: nothing is deleted there."
        )
    if one.dry:
        account(outcome, seen, plan)
    else:
        Upward(one, seen, plan, outcome).carry_out()
    stamp = file_state(len(version or b""), seen.version.mtime)
    if had and version is not None and written[1:] != stamp[1:]:
        if not one.dry:
            complaints = one.transport(seen).put([Small(place, version, seen.version.mtime)])
            if complaints:
                outcome.undone[place] = complaints[0]
                return outcome
        outcome.brought[place] = len(version)
    return outcome


class Upward:
    """Carries out a plan for the way up."""

    def __init__(self, one: Exchange, seen: Seen, plan: Plan, outcome: Outcome) -> None:
        self.one, self.seen, self.plan, self.outcome = one, seen, plan, outcome
        self.pairs = dict(plan.pairs)

    def carry_out(self) -> None:
        """Make room, send, and remember; raise what hinders it, after remembering what was done."""
        transport = self.one.transport(self.seen)
        try:
            if self.plan:
                self._make_room(transport)
                self._send(transport)
        finally:
            self.one.remember(self.seen, self.pairs)

    def _make_room(self, transport: Transport) -> None:
        """Put aside what changed there as well, and remove what was deleted here."""
        stuck = transport.move(list(self.plan.aside.items())) if self.plan.aside else []
        for path in stuck:
            self._give_up(path, "it could not be put aside")
        moved = {path: name for path, name in self.plan.aside.items() if path not in stuck}
        self.outcome.conflicts.update(moved)
        leaving = [*self.plan.delete, *self.plan.clear]
        left = transport.remove(leaving) if leaving else []
        for path in self.plan.delete:
            self._deleted(path, path in left)
        self._put_aside([path for path in self.plan.clear if path in left], transport)

    def _deleted(self, path: str, is_left: bool) -> None:
        state = self.seen.sides.there.entries[path]
        if not is_left:
            self.outcome.deleted.append(named(path, self.seen.sides.there))
        elif state != FOLDER:
            self.outcome.undone[path] = "it could not be deleted"
            return
        self.pairs.pop(path, None)

    def _put_aside(self, paths: list[str], transport: Transport) -> None:
        """Put folders aside that still hold something, where a file shall be."""
        taken = {*self.seen.sides.there.beside, *self.plan.aside.values()}
        names = {path: beside(path, taken) for path in paths}
        stuck = transport.move(list(names.items())) if names else []
        for path, name in names.items():
            if path in stuck:
                self._give_up(path, "something else is in its place")
            else:
                self.outcome.conflicts[path] = name

    def _give_up(self, path: str, reason: str) -> None:
        self.outcome.undone[path] = reason
        self.plan.bring.pop(path)

    def _send(self, transport: Transport) -> None:
        paths = sorted(self.plan.bring)
        if not paths:
            return
        tree = self.seen.sides.here
        here = tree.entries
        few = self._few(paths)
        try:
            complaints = transport.put(few) if few else self._rsync(transport, paths)
            if few and complaints:  # one is in the way of all; rsync takes each by itself
                complaints = self._rsync(transport, paths)
        except (Dropped, Interrupted):
            raise
        except DockerutilsError:
            self._arrived(paths)
            raise
        if complaints:
            paths = self._all_but_refused(paths, complaints)
        else:
            self.pairs.update({path: Pair(here[path], here[path]) for path in paths})
            if self.seen.sides.there.partial:
                transport.sweep(self.seen.sides.there.partial)
        self.outcome.brought.update({named(path, tree): size_of(here[path]) for path in paths})

    def _all_but_refused(self, paths: list[str], complaints: list[str]) -> list[str]:
        """Give what has arrived there; tell of each that has not, and of what may help."""
        arrived = self._arrived(paths)
        forbidden = any(FORBIDDEN in one for one in complaints)
        reason = "it may not be written there" if forbidden else complaints[0]
        self.outcome.undone.update({path: reason for path in paths if path not in arrived})
        if forbidden:
            self.outcome.warnings.append(
                f"what a container made as root on {self.one.dock} is not yours there: run it with"
                " `user = host`, and take such files over with `ssh-dock -- sudo chown -R`."
            )
        return arrived

    def _rsync(self, transport: Transport, paths: list[str]) -> list[str]:
        self.one.check_rsync(self.seen)
        return transport.send(paths)

    def _few(self, paths: list[str]) -> list[Small]:
        """Read a few small files that are there already; give none where these are not all."""
        here, there = self.seen.sides.here.entries, self.seen.sides.there.entries
        alike = all(is_file(here[one]) and here[one][0] == there.get(one, "")[:1] for one in paths)
        if len(paths) > FEW or not alike or sum(size_of(here[one]) for one in paths) > SMALL:
            return []
        files = []
        for path in paths:
            content, mtime = read_still(self.one.root, path)
            if file_state(len(content), mtime)[1:] != here[path][1:]:
                return []
            files.append(Small(path, content, mtime))
        return files

    def _arrived(self, paths: list[str]) -> list[str]:
        """Remember of these what has arrived there: it may be deleted here the next time."""
        here = self.seen.sides.here.entries
        there = self.one.listed_again().entries
        arrived = []
        for path in paths:
            found = there.get(path)
            if found == here[path] or is_coarser(found, here[path]):
                self.pairs[path] = Pair(here[path], found)
                arrived.append(path)
        return arrived
