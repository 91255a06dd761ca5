"""sync-up and sync-down without any option: what most people type, and a run for each save.

The whole command line takes as long to load as the synchronization itself; here is only what these
two need. Whatever else is asked for is left to it.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping, Sequence

from dockerutils.docks.registry import read_docks
from dockerutils.docks.sync.both_ways import synchronize
from dockerutils.docks.sync.site import Site, Way
from dockerutils.errors import DockerutilsError, Interrupted
from dockerutils.person import home_folder, user_name
from dockerutils.roots import current_folder, find_root
from dockerutils.runner import ShellRunner
from dockerutils.terminal import Terminal

WAYS: Mapping[str, Way] = {"sync-up": "up", "sync-down": "down"}


def quick_sync(
    verb: str, words: Sequence[str], environ: Mapping[str, str], speaker: str
) -> int | None:
    """Run a verb and give the exit status; None where the whole command line has to look at it."""
    name = words[0] if words else _docked(environ)
    if verb not in WAYS or len(words) > 1 or not name or name.startswith("-"):
        return None
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    terminal = _terminal(environ)
    try:
        return _synchronize(terminal, WAYS[verb], name, environ)
    except BrokenPipeError:
        terminal.abandon()
        return 141
    except (DockerutilsError, KeyboardInterrupt, OSError) as error:
        failure = _failure(error)
        terminal.error(speaker, failure.message, failure.hint)
        return failure.status


def _docked(environ: Mapping[str, str]) -> str:
    """Give the dock that the terminal is docked to, "" for none."""
    docked = environ.get("DOCKER_IP", "")
    return docked and environ.get("DOCK_MONIKER", docked)


def _failure(error: BaseException) -> DockerutilsError:
    if isinstance(error, DockerutilsError):
        return error
    if isinstance(error, OSError):
        return DockerutilsError(f"{error.filename or 'output'}: {error.strerror}.")
    return Interrupted("interrupted.")


def _synchronize(terminal: Terminal, way: Way, name: str, environ: Mapping[str, str]) -> int:
    here, home = current_folder(environ), home_folder(environ)
    runner = ShellRunner(terminal, environ, here)
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    root, user = find_root(here), user_name(environ)
    site = Site(root, user, home, here, environ, terminal, runner, interactive)
    outcome = synchronize(site, read_docks(environ, home).find(name), way)

    from dockerutils.docks.sync.telling import summarize  # noqa: PLC0415  # while nobody waits

    summarize(terminal, outcome)
    return outcome.status


def _terminal(environ: Mapping[str, str]) -> Terminal:
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    plain = environ.get("NO_COLOR") or environ.get("TERM") == "dumb"
    return Terminal(sys.stdout, sys.stderr, colours=not plain, answers=sys.stdin)


def _end(number: int, _frame: object) -> None:
    """End as after Ctrl-C: what was being done is left in order."""
    raise Interrupted("ended by a signal.", 128 + number)
