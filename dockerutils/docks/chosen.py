"""Which dock a verb is for: the one that is named, else the one that the terminal is docked to."""

from __future__ import annotations

from collections.abc import Mapping

from dockerutils.docks.dock import Dock
from dockerutils.docks.registry import read_docks
from dockerutils.errors import UsageError
from dockerutils.session import Session


def chosen_dock(session: Session, name: str) -> Dock:
    """Give a dock; raise `UnknownDock`, or `UsageError` where none is named and none is on."""
    wanted = name or docked_name(session.environ)
    if not wanted:
        raise UsageError(
            "no dock is named, and this terminal is not docked.",
            "Name one, or `source dock NAME` first; `ls-dock` lists them.",
        )
    return read_docks(session.environ, session.project.home).find(wanted)


def docked_name(environ: Mapping[str, str]) -> str:
    """Give the dock that a terminal is docked to, "" for none."""
    if not environ.get("DOCKER_IP"):
        return ""
    return environ.get("DOCK_MONIKER") or environ["DOCKER_IP"]
