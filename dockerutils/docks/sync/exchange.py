"""One synchronization: the dock is asked for its files, and both sides are looked at meanwhile.

What is needed only once the dock has answered is imported while it thinks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dockerutils.command import Command, printed_line
from dockerutils.docks.addresses import address_of
from dockerutils.docks.dock import Dock
from dockerutils.docks.places import berth_of
from dockerutils.docks.sync.here import digests_here, look_here, project_rules
from dockerutils.docks.sync.link import Asking, Link, Standing
from dockerutils.docks.sync.origin import origin_of
from dockerutils.docks.sync.shelf import Shelf, alone, shelf_of
from dockerutils.docks.sync.site import Site, Way
from dockerutils.docks.sync.there import check_origin, places_for, question, read_answer
from dockerutils.docks.sync.tree import Places, Tree
from dockerutils.errors import DockerutilsError
from dockerutils.meter import StatusLine
from dockerutils.runner import Crew
from dockerutils.ssh.connection import Dropped

if TYPE_CHECKING:
    from dockerutils.docks.sync.manifest import Pair
    from dockerutils.docks.sync.outcome import Seen
    from dockerutils.docks.sync.plan import Plan
    from dockerutils.docks.sync.transport import Transport
    from dockerutils.docks.sync.version_place import VersionFile


@dataclass
class Exchange:
    """A project and a dock that are connected; `dry` changes nothing on either side.

    `connect` makes a connection where `link`, the one that was kept, turns out to be gone.
    """

    site: Site
    dock: Dock
    shelf: Shelf
    link: Link
    connect: Callable[[], Link]
    crew: Crew
    line: StatusLine
    dry: bool = False

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self.site.root

    def look(self, way: Way) -> Seen:
        """Look at both sides at once."""
        rules = project_rules(self.root)
        ours = origin_of(self.root)
        folders = places_for(self.dock, self.site.user, self.site.name)
        asked = question(folders, rules, way == "up" and not self.dry, ours)
        asking = Asking(self.crew, self.link.run(asked.script))
        try:
            from dockerutils.docks.sync.manifest import (  # noqa: PLC0415
                Manifest,
                as_kept,
                load_manifest,
            )
            from dockerutils.docks.sync.outcome import Seen  # noqa: PLC0415
            from dockerutils.docks.sync.plan import Sides  # noqa: PLC0415

            version = self._version(way)
            places = Places(rules)
            here = look_here(self.root, places)
            known = load_manifest(self.shelf.manifest)
        finally:
            asking.join()
        said = self._said(asking, asked.script)
        there = read_answer(said, asked.token, self.dock, places, here)
        same_folder = there.mark and there.mark == known.mark
        if not same_folder:
            check_origin(there, self.dock, ours)
        base = known if same_folder else Manifest()
        pairs = as_kept(base.pairs, there.tree.entries)
        return Seen(there, known, Sides(here, there.tree, pairs), version)

    def _said(self, asking: Asking, script: str) -> bytes:
        """Give the dock's answer; where the kept connection is gone, ask over a new one."""
        try:
            return asking.answer(self.link)
        except Dropped:
            if not isinstance(self.link, Standing):
                raise
        self.link = self.connect()
        return Asking(self.crew, self.link.run(script)).answer(self.link)

    def listed_again(self) -> Tree:
        """Ask once more for what is on the dock."""
        rules = project_rules(self.root)
        folders = places_for(self.dock, self.site.user, self.site.name)
        asked = question(folders, rules, make=False)
        said = Asking(self.crew, self.link.run(asked.script)).answer(self.link)
        return read_answer(said, asked.token, self.dock, Places(rules), Tree()).tree

    def _version(self, way: Way) -> VersionFile:
        """Give the module of the version; on the way up with what it gets, written anew."""
        from dockerutils.docks.sync.version_place import (  # noqa: PLC0415
            VersionFile,
            version_file,
            version_module,
        )

        place = version_module(self.root)
        if not place or way == "down":
            return VersionFile(place)
        return version_file(self.site, place, refresh=not self.dry)

    def planned(self, make: Callable[..., Plan], seen: Seen) -> Plan:
        """Plan; where only times tell files apart, they are compared first."""
        plan = make(seen.sides)
        if not plan.unclear:
            return plan
        here = digests_here(self.root, plan.unclear)
        there = self.transport(seen).digests(plan.unclear)
        pairs = zip(plan.unclear, here, there, strict=True)
        same = frozenset(path for path, one, other in pairs if one and one == other)
        return make(replace(seen.sides, compared=frozenset(plan.unclear), same=same))

    def transport(self, seen: Seen) -> Transport:
        """Give the way for files."""
        from dockerutils.docks.sync.transport import Transport  # noqa: PLC0415

        return Transport(
            self.dock,
            self.link,
            self.crew,
            self.root,
            seen.there.target,
            self.shelf.listed,
            self.line.show,
            self._print,
        )

    def check_rsync(self, seen: Seen) -> None:
        """Raise `DockerutilsError` where the dock has no rsync."""
        if not seen.there.has_rsync:
            from dockerutils.docks.sync.transport import INSTALL  # noqa: PLC0415

            raise DockerutilsError(f"{self.dock} has no rsync.", INSTALL)

    def _print(self, command: Command) -> None:
        self.line.command(printed_line(command, self.site.here))

    def remember(self, seen: Seen, pairs: dict[str, Pair]) -> None:
        """Keep what both sides have now, if that is anything new."""
        from dockerutils.docks.sync.manifest import Manifest, save_manifest  # noqa: PLC0415

        there = seen.there
        now = Manifest(there.mark, there.target, there.owner, pairs)
        if not self.dry and now != seen.known:
            save_manifest(self.shelf.manifest, now)


@contextmanager
def exchange(site: Site, dock: Dock, dry: bool) -> Iterator[Exchange]:
    """Connect a project with a dock, and be the only one who synchronizes it meanwhile."""
    shelf = shelf_of(site.environ, site.home, dock, site.root, site.user)

    def wait() -> None:
        site.terminal.note("waiting for another synchronization of this project.")

    with (
        alone(shelf.lock, wait),
        site.runner.side_by_side(by_main=True) as crew,
        ExitStack() as stack,
    ):

        def connect() -> Link:
            from dockerutils.docks.connection.tunnel import dock_connection  # noqa: PLC0415

            asks = site.interactive
            return stack.enter_context(dock_connection(dock, crew, site.runner, site.environ, asks))

        control = berth_of(dock, site.environ).control
        link = Standing(address_of(dock), control) if control.exists() else connect()
        line = StatusLine(site.terminal)
        stack.callback(line.clear)
        yield Exchange(site, dock, shelf, link, connect, crew, line, dry)
