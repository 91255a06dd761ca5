"""A whole synchronization, up or down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockerutils.docks.dock import Dock
from dockerutils.docks.sync.exchange import exchange
from dockerutils.docks.sync.site import Site, Way

if TYPE_CHECKING:
    from dockerutils.docks.sync.outcome import Outcome


def synchronize(site: Site, dock: Dock, way: Way, dry: bool = False) -> Outcome:
    """Bring a project's files to a dock, or back what changed there; `dry` only tells.

    Raises `DockerutilsError` where that fails as a whole.
    """
    with exchange(site, dock, dry) as one:
        seen = one.look(way)
        if way == "up":
            from dockerutils.docks.sync.up import bring_up  # noqa: PLC0415

            return bring_up(one, seen)
        from dockerutils.docks.sync.down import bring_down  # noqa: PLC0415

        return bring_down(one, seen)
