"""sync-up and sync-down: a project's files on a dock."""

from __future__ import annotations

from dockerutils.docks.chosen import chosen_dock
from dockerutils.docks.options import SyncOptions
from dockerutils.docks.sync.both_ways import synchronize
from dockerutils.docks.sync.site import site_of
from dockerutils.docks.sync.telling import tell
from dockerutils.session import Session


def sync_up(session: Session, name: str, options: SyncOptions) -> int:
    """Bring the project's files to a dock; the status is 1 where somebody has to look at it."""
    dock = chosen_dock(session, name)
    outcome = synchronize(site_of(session), dock, "up", session.dry)
    return tell(session.terminal, outcome, options)


def sync_down(session: Session, name: str, options: SyncOptions) -> int:
    """Bring back what changed on a dock; the status is 1 where somebody has to look at it."""
    dock = chosen_dock(session, name)
    outcome = synchronize(site_of(session), dock, "down", session.dry)
    return tell(session.terminal, outcome, options)
