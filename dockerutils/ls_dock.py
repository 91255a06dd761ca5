"""ls-dock: the docks, how they are, what runs there, and who is docked to them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from dockerutils.docks.chosen import docked_name
from dockerutils.docks.dock import Dock
from dockerutils.docks.errand import Errand, send_errand
from dockerutils.docks.listing.mooring import moorings, own_keeper
from dockerutils.docks.listing.survey import Survey, script_for, survey_of
from dockerutils.docks.listing.table import Listed, table
from dockerutils.docks.places import berth_of
from dockerutils.docks.registry import Docks, UnknownDock, read_docks
from dockerutils.errors import UsageError
from dockerutils.schedule import run_side_by_side
from dockerutils.session import Session

if TYPE_CHECKING:
    from dockerutils.docks.options import ListOptions

LONGEST = 600.0  # seconds; who waits longer does not wait for a list
ABREAST = 32  # docks that are asked at once
NONE = "there is no dock yet. `register-dock HOST [MONIKER]` makes a remote Docker host one."


def list_docks(session: Session, options: ListOptions) -> int:
    """Write the list of docks. What is wrong with a dock is part of it, and no failure."""
    if not 0 < options.timeout <= LONGEST:
        raise UsageError(
            f"--timeout {options.timeout:g} is no time to wait.",
            f"Give seconds, more than 0 and at most {LONGEST:g}.",
        )
    docks = read_docks(session.environ, session.project.home)
    docks.check()
    for warning in docks.warnings:
        session.terminal.warn(warning)
    if not docks.docks:
        session.terminal.note(NONE)
    rows = listed(session, docks, options.timeout)
    if options.json:
        session.terminal.data(json.dumps([facts(row) for row in rows], indent=2))
    elif rows:
        session.terminal.data("\n".join(table(rows, width_of(session))))
    return 0


def listed(session: Session, docks: Docks, seconds: float) -> list[Listed]:
    """Ask all docks, and this machine about them."""
    current = current_name(session.environ, docks)
    here = moorings(session, docks.docks)
    surveys = survey(session, docks.docks, seconds)
    return [
        Listed(dock, surveys[dock.name], here[dock.name], dock.name == current)
        for dock in docks.docks
    ]


def current_name(environ: Mapping[str, str], docks: Docks) -> str:
    """Give the name of the dock that this terminal is docked to, "" for none."""
    try:
        return docks.find(docked_name(environ)).name
    except UnknownDock:
        return ""


def survey(session: Session, docks: Sequence[Dock], seconds: float) -> dict[str, Survey]:
    """Ask docks side by side, each for so many seconds at most."""
    known = {dock.name: dock for dock in docks}
    found: dict[str, Survey] = {}
    own = own_keeper(session)
    with session.runner.side_by_side() as crew:

        def ask(name: str) -> None:
            dock = known[name]
            berth = berth_of(dock, session.environ)
            errand = Errand(dock, berth, script_for(dock, seconds), seconds)
            reply = send_errand(crew, errand, session.now)
            crew.check()
            found[name] = survey_of(dock, reply, seconds).without_keeper(own)

        run_side_by_side(dict.fromkeys(known, ()), ask, ABREAST)
    return found


def facts(row: Listed) -> dict[str, object]:
    """Give all that is known of a dock, for programs."""
    dock = row.dock
    keys = ("name", "address", "user", "port", "identity", "jump", "socket", "workspace")
    survey = asdict(row.survey)
    survey["disk"] = {key: known(survey.pop(key)) for key in ("root", "size", "free")}
    return {
        **{key: getattr(dock, key) for key in keys},
        "docked": row.current,
        **survey,
        "here": row.mooring.facts(),
    }


def known(value: object) -> object:
    """Give a value, None for a size that is not known."""
    return None if value == -1 else value


def width_of(session: Session) -> int:
    """Give the columns of the terminal that the list goes to; 0 where it goes elsewhere."""
    if not session.terminal.out.isatty():
        return 0
    try:
        return os.get_terminal_size(session.terminal.out.fileno()).columns
    except OSError:
        return 0
