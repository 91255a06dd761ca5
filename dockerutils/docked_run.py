"""A run while docked: what it mounts of the project is brought to the dock, and back afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dockerutils.command import Command
from dockerutils.docks.binds import move_binds, published_ports
from dockerutils.docks.chosen import docked_name
from dockerutils.docks.dock import Dock
from dockerutils.docks.places import Berth, berth_of
from dockerutils.docks.registry import read_docks
from dockerutils.docks.told import plain
from dockerutils.errors import DockerutilsError
from dockerutils.runs import Run
from dockerutils.session import Session

if TYPE_CHECKING:
    from dockerutils.docks.sync.outcome import Outcome
    from dockerutils.docks.sync.site import Way

DOCKER_FAILED = 125  # docker run's own status, when no container ran
PATIENCE = 3.0  # seconds until ports of a container have to answer here


def run_docked(session: Session, run: Run, no_sync: bool) -> int:
    """Run a container on the dock that the terminal is docked to; give its exit status.

    Raises `DockerutilsError` where the project's files cannot be brought there.
    """
    dock = dock_of(session)
    roots = (session.project.root, session.project.root.resolve())
    binds = move_binds(run.options, roots, "")
    if dock is None:
        if binds.inside and not no_sync:
            refuse_forgotten(session)
            address = plain(session.environ.get("DOCKER_IP", ""), 80)
            session.terminal.note(f"{address} is no registered dock: no files are synchronized.")
        return session.runner.hand_over(run.command())
    berth = berth_of(dock, session.environ)
    warn_of_ports(session, dock, berth, run)
    if no_sync or not binds.inside:
        warn_of_mounts(session, dock, binds.outside)
        status = session.runner.hand_over(run.command())
    else:
        warn_of_mounts(session, dock, binds.outside, binds.inside)
        status = run_synchronized(session, dock, run, roots)
    if run.detached and not status:
        tell_ports(session, dock, berth, run)
    return status


def dock_of(session: Session) -> Dock | None:
    """Give the dock that the terminal is docked to; None where it is not one of ours."""
    docks = read_docks(session.environ, session.project.home)
    return docks.meant(docked_name(session.environ))


def refuse_forgotten(session: Session) -> None:
    """Raise `DockerutilsError` where the terminal is docked to what is no dock any more."""
    name = session.environ.get("DOCK_MONIKER", "")
    if name:
        raise DockerutilsError(
            f"{plain(name, 80)} is no dock any more, so the project cannot be brought there.",
            "Type `castoff`, or register it again; --no-sync runs without the project.",
        )


def run_synchronized(session: Session, dock: Dock, run: Run, roots: tuple[Path, ...]) -> int:
    """Bring the project's files there, run, and bring back what changed."""
    if session.dry:
        return print_synchronized(session, dock, run, roots)
    outcome = brought(session, dock, "up")
    there = run.moved(move_binds(run.options, roots, outcome.target).options, outcome.owner)
    status = session.runner.hand_over(there.command())
    if status == DOCKER_FAILED:
        return status
    if run.detached:
        session.terminal.note("`sync-down` brings back what the container writes.")
        return status
    try:
        brought(session, dock, "down")
    except (DockerutilsError, OSError) as error:  # the container's status is what counts
        session.terminal.warn(f"{_reason(error)} Run `sync-down` then.")
    return status


def _reason(error: DockerutilsError | OSError) -> str:
    """Say why results did not come back."""
    if isinstance(error, OSError):
        return f"{error.filename or 'the results'}: {error.strerror or error}."
    return f"{error.message} {error.hint}".strip()


def print_synchronized(session: Session, dock: Dock, run: Run, roots: tuple[Path, ...]) -> int:
    """Print the commands, with the folder that the project was in last on the dock."""
    from dockerutils.docks.sync.manifest import load_manifest  # noqa: PLC0415
    from dockerutils.docks.sync.shelf import shelf_of  # noqa: PLC0415
    from dockerutils.docks.sync.there import likely_target  # noqa: PLC0415

    project = session.project
    shelf = shelf_of(session.environ, project.home, dock, project.root, project.user)
    known = load_manifest(shelf.manifest)
    target = known.target or likely_target(dock, project.user, project.root.resolve().name)
    session.runner.run(Command(("sync-up", dock.name), folder=project.root))
    moved = run.moved(move_binds(run.options, roots, target).options, known.owner)
    session.runner.hand_over(moved.command())
    if not run.detached:
        session.runner.run(Command(("sync-down", dock.name), folder=project.root))
    return 0


def brought(session: Session, dock: Dock, way: Way) -> Outcome:
    """Synchronize, and say what became of it."""
    from dockerutils.docks.sync.both_ways import synchronize  # noqa: PLC0415
    from dockerutils.docks.sync.site import site_of  # noqa: PLC0415
    from dockerutils.docks.sync.telling import summarize  # noqa: PLC0415

    outcome = synchronize(site_of(session), dock, way)
    summarize(session.terminal, outcome)
    return outcome


def warn_of_mounts(
    session: Session, dock: Dock, outside: tuple[str, ...], inside: tuple[str, ...] = ()
) -> None:
    """Say what is mounted from the dock though it is here as well.

    What is not here is meant to be the dock's.
    """
    root = session.project.root
    for source in outside:
        path = root / source
        if path.is_dir() or path.is_file():
            session.terminal.warn(f"{plain(source)} is mounted as it is on {dock}, not from here.")
    if any(inside):
        from dockerutils.docks.sync.here import project_rules  # noqa: PLC0415

        rules = project_rules(root)
        for path_in in inside:
            if path_in and rules.excludes(path_in):
                text = f"{plain(path_in)} is left out by .dockerignore: what {dock} has is mounted."
                session.terminal.warn(text)


def warn_of_ports(session: Session, dock: Dock, berth: Berth, run: Run) -> None:
    """Say which published ports will not answer here, as something else has them."""
    from dockerutils.docks.connection.forwards import taken_ports  # noqa: PLC0415

    ports = published_ports(run.options)
    for port in taken_ports(ports, berth) if ports and is_forwarding(session, berth) else ():
        session.terminal.warn(f"port {port} is taken here: only {dock} itself answers on it.")


def tell_ports(session: Session, dock: Dock, berth: Berth, run: Run) -> None:
    """Wait until the published ports of a container answer here, and say so."""
    from dockerutils.docks.connection.forwards import await_ports  # noqa: PLC0415

    ports = published_ports(run.options)
    if not ports or not is_forwarding(session, berth):
        return
    awaited = await_ports(berth, ports, PATIENCE)
    if awaited.forwarded:
        words = ", ".join(map(str, awaited.forwarded))
        session.terminal.note(f"localhost answers on {words}: it is the container on {dock}.")
    for conflict in awaited.conflicts:
        session.terminal.warn(conflict.reason)


def is_forwarding(session: Session, berth: Berth) -> bool:
    """Tell whether published ports are brought here: not over ssh:// or from a dry run."""
    from dockerutils.docks.connection.presence import kept, users  # noqa: PLC0415

    if session.dry or session.environ.get("DOCKER_HOST") != f"unix://{berth.engine}":
        return False
    return kept(berth) and any(user.ports != "none" for user in users(berth))
