"""The commands' entry point, and `python -m dockerutils`."""

from __future__ import annotations

import gc
import os
import signal
import sys

KEEPER = "_keeper"
FOR_SHELLS = ("_shell", "shell-init")
SYNC = ("sync-up", "sync-down")
HELP = ("-h", "--help")
STARTED_AS = ("dockerutils", "__main__.py", "-c")


def main() -> None:
    """Run the command line. Ctrl-C while Python is still importing ends it without a traceback."""
    open_missing_streams()
    handler = signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Imports make garbage of nothing: looking for it takes a quarter of a short command's time.
    gc.disable()
    started_as, *words = sys.argv
    verb = words[0] if words and os.path.basename(started_as) in STARTED_AS else ""  # noqa: PTH119
    if verb == KEEPER:
        gc.enable()
        signal.signal(signal.SIGINT, handler)
        from dockerutils.docks.connection.keeper import main as keep  # noqa: PLC0415

        sys.exit(keep(words[1:], os.environ))
    if verb in FOR_SHELLS and not (verb == "shell-init" and set(HELP) & set(words)):
        from dockerutils.docks.shell.entry import answer  # noqa: PLC0415

        signal.signal(signal.SIGINT, handler)
        sys.exit(answer(words, os.environ, started_as))
    name = os.path.basename(started_as)  # noqa: PTH119
    verb, words = (name, words) if name in SYNC else (verb, words[1:])
    if verb in SYNC and len(words) < 2:
        from dockerutils.sync_line import quick_sync  # noqa: PLC0415

        signal.signal(signal.SIGINT, handler)
        speaker = name if name in SYNC else "dockerutils"
        status = quick_sync(verb, words, dict(os.environ), speaker)
        if status is not None:
            sys.exit(status)
    from dockerutils.cli import main as run_command_line  # noqa: PLC0415

    gc.freeze()
    gc.enable()
    signal.signal(signal.SIGINT, handler)
    run_command_line()


def open_missing_streams() -> None:
    """Have the null device where a standard stream was closed: nobody then has to look."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


if __name__ == "__main__":
    main()
