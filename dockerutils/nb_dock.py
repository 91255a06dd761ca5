"""nb-dock: Jupyter on a dock itself, reached from here through its connection."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dockerutils.command import Command
from dockerutils.docks.chosen import chosen_dock
from dockerutils.docks.connection.master import end_process, wait_until
from dockerutils.docks.connection.tunnel import open_tunnel
from dockerutils.docks.notebook.browser import opener, opening, redirect
from dockerutils.docks.notebook.jupyter import Server, entering_first, entering_folder
from dockerutils.docks.notebook.serving import FORGOTTEN, Notebook, check_port, present
from dockerutils.docks.notebook.watch import Watch, watch_of
from dockerutils.docks.places import berth_of
from dockerutils.docks.registry import UnknownDock
from dockerutils.docks.sync.there import places_for
from dockerutils.errors import DockerutilsError, Interrupted, ProjectError, UsageError
from dockerutils.roots import find_root
from dockerutils.runner import Crew
from dockerutils.session import Session
from dockerutils.startup import Manner, open_session_apart, standard_terminal

if TYPE_CHECKING:
    from dockerutils.docks.options import NotebookOptions

WATCH = "import sys; from dockerutils.nb_dock import watch_apart; watch_apart(*sys.argv[1:])"
STARTING = 20.0  # seconds that a watcher has to begin
AT_LEAST, AT_MOST = 3.0, 20.0  # seconds that a browser has to read the page that leads on
PAUSE = 0.2


def nb_dock(session: Session, name: str, options: NotebookOptions) -> int:
    """Run Jupyter on a dock until Ctrl-C, and open it here.

    One that runs there already is opened, and left running.
    """
    if options.stop and (options.detach or options.folder or options.port):
        raise UsageError("--stop only ends Jupyter.", "Leave out the other options.")
    dock = chosen_dock(session, name)
    notebook = Notebook(session, dock, berth_of(dock, session.environ))
    if options.stop:
        return stop(notebook)
    open_tunnel(dock, notebook.runner, session.environ, session.interactive)
    with present(notebook.berth):
        return serve(notebook, options)


def stop(notebook: Notebook) -> int:
    """End Jupyter on a dock, and who watches it here."""
    with notebook.session.runner.side_by_side(by_main=True) as crew:
        stopped = notebook.stop(crew)
    watcher = watch_of(notebook.berth)
    if watcher and watcher.apart:
        end_process(watcher.pid, STARTING)
    said = "has ended" if stopped else "did not run"
    notebook.say(f"Jupyter on {notebook.dock} {said}.")
    return 0


def serve(notebook: Notebook, options: NotebookOptions) -> int:
    """Start Jupyter, open it, and wait for its end; Ctrl-C ends it."""
    try:
        with ExitStack() as given_up, notebook.session.runner.side_by_side(by_main=True) as crew:
            server = notebook.find(crew)
            if not server:
                check_port(options.port)
                given_up.callback(end, notebook)
                server = begin(notebook, crew, options)
            watcher = watch_of(notebook.berth) if server.found else None
            if watcher:
                port = same_port(notebook, server, watcher)
            else:
                port = notebook.reach(server, options.port)
            welcome(notebook, server, port, crew, options)
            if server.found or options.detach:
                leave(notebook, port, watched=bool(watcher))
            else:
                stay(notebook, server, port, crew)
            given_up.pop_all()
    except Interrupted as interrupted:
        return interrupted.status
    return 0


def same_port(notebook: Notebook, server: Server, watcher: Watch) -> int:
    """Give the port at which a watcher keeps Jupyter within reach; raise where others have it."""
    if not notebook.holds(server, watcher.port):
        raise DockerutilsError(
            f"port {watcher.port} of this machine, which was Jupyter's, is taken.",
            f"End what listens there, or end Jupyter with `nb-dock {notebook.dock} --stop`.",
        )
    return watcher.port


def stay(notebook: Notebook, server: Server, port: int, crew: Crew) -> None:
    """Wait until Jupyter ends; raise `UnknownDock` where its dock is one no more."""
    notebook.say("Ctrl-C ends it")
    with notebook.watched(server, port, apart=False):
        if notebook.watch(server, port, crew) == FORGOTTEN:
            raise UnknownDock(f"there is no dock {notebook.dock} any more.")
    notebook.say(f"Jupyter on {notebook.dock} has ended.")


def leave(notebook: Notebook, port: int, watched: bool) -> None:
    """Let Jupyter run, watched by a process of its own unless one does that already."""
    if not watched:
        start_watcher(notebook, port)
    dock = notebook.dock
    notebook.say(f"`nb-dock {dock}` opens it again, `nb-dock {dock} --stop` ends it")


def begin(notebook: Notebook, crew: Crew, options: NotebookOptions) -> Server:
    """Start Jupyter: in the folder that is named, else in the project that was synchronized."""
    session, dock = notebook.session, notebook.dock
    notebook.say(f"starting Jupyter on {dock}")
    if options.folder:
        return notebook.start(crew, entering_folder(options.folder), options.folder)
    places: tuple[str, ...] = ()
    with suppress(ProjectError):
        name = find_root(session.here).resolve().name
        places = places_for(dock, session.project.user, name)
    return notebook.start(crew, entering_first(places))


def end(notebook: Notebook) -> None:
    """End Jupyter after a failure or Ctrl-C, or say that it may still run."""
    try:
        with notebook.session.runner.side_by_side(by_main=True) as crew:
            ran = notebook.stop(crew)
    except DockerutilsError as error:
        notebook.session.terminal.warn(
            f"Jupyter may still run on {notebook.dock}: {error.message}"
            f" `nb-dock {notebook.dock} --stop` ends it."
        )
        return
    if ran:
        notebook.say(f"Jupyter on {notebook.dock} has ended.")


def welcome(
    notebook: Notebook, server: Server, port: int, crew: Crew, options: NotebookOptions
) -> None:
    """Wait until Jupyter answers, and open it, or print where it is."""
    before = notebook.wait_until_ready(server, port, crew)
    session, dock = notebook.session, notebook.dock
    runs = "has been running" if server.found else "runs"
    notebook.say(f"Jupyter {runs} on {dock} in {server.folder}, at 127.0.0.1:{port} here")
    if not server.token and not server.locked:
        session.terminal.warn(
            f"its configuration asks for no token: whoever is on {dock} or here can use it."
        )
    if server.found and (options.folder or options.port not in (0, port)):
        notebook.say(
            f"{ignored(options, port)} ignored: it already runs; `nb-dock {dock} --stop` it first"
        )
    words = () if options.no_browser else opener(session.environ, sys.platform)
    if words:
        open_page(notebook, words, server, port, before)
    else:
        session.terminal.data(server.address(port))


def ignored(options: NotebookOptions, port: int) -> str:
    """Tell which options count only for a Jupyter that is started, and that they do not now."""
    given = {"--folder": options.folder, "--port": options.port not in (0, port)}
    names = [name for name, there in given.items() if there]
    return f"{' and '.join(names)} {'were' if names[1:] else 'was'}"


def open_page(
    notebook: Notebook, words: tuple[str, ...], server: Server, port: int, before: str
) -> None:
    """Have the browser open Jupyter; the page that leads on is there until it has done so."""
    session, folder = notebook.session, notebook.berth.folder
    with redirect(folder, notebook.dock.name, server.address(port)) as page:
        command = opening(words, page)
        session.terminal.command(session.runner.line(command))
        ended = notebook.runner.start_apart(command, Path(os.devnull))
        time.sleep(AT_LEAST)  # what is open already may use it as well

        def used() -> bool:
            return bool(ended()) or notebook.last_use(server, port) != before

        wait_until(used, AT_MOST, PAUSE)
        if ended():
            session.terminal.warn(f"{words[0]} ended with status {ended()}.")
            session.terminal.data(server.address(port))


def start_watcher(notebook: Notebook, port: int) -> None:
    """Have a process of its own keep the connection, and mend it, as long as Jupyter runs."""
    dock = notebook.dock
    command = Command((sys.executable, "-c", WATCH, dock.name, str(port)), folder=Path("/"))
    notebook.runner.start_apart(command, notebook.berth.log)
    if not wait_until(lambda: watch_of(notebook.berth) is not None, STARTING, PAUSE):
        notebook.session.terminal.warn(
            f"nobody keeps Jupyter on {dock} within reach; `nb-dock {dock}` opens it again."
        )


def watch_apart(name: str, port: str) -> None:
    """Watch a Jupyter that runs on a dock, in a process of its own, until it ends."""
    session = open_session_apart(standard_terminal(quiet=True), Manner())
    with suppress(DockerutilsError), ExitStack() as stack:
        dock = chosen_dock(session, name)
        notebook = Notebook(session, dock, berth_of(dock, session.environ))
        stack.enter_context(present(notebook.berth))
        crew = stack.enter_context(session.runner.side_by_side(by_main=True))
        server = notebook.find(crew)
        if server:
            stack.enter_context(notebook.watched(server, int(port), apart=True))
            notebook.watch(server, int(port), crew)
