"""The commands' entry point, and `python -m dockerutils`."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence

STARTED_AS = ("dockerutils", "__main__.py", "-c")
HELP = ("-h", "--help")

Words = Sequence[str]
Answer = Callable[[], "int | None"]


def main() -> None:
    """Run what the command line says. Ctrl-C while Python still imports ends it without a word."""
    open_missing_streams()
    handler = signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Imports make garbage of nothing: looking for it takes a quarter of a short command's time.
    gc.disable()
    verb, words = said(sys.argv)
    load = QUICK.get(verb)
    if load and (verb.startswith("_") or not {*HELP} & {*words}):
        answer = load(verb, words)
        signal.signal(signal.SIGINT, handler)
        status = answer()
        if status is not None:
            sys.exit(status)
    from dockerutils.cli import main as run_command_line  # noqa: PLC0415

    gc.freeze()
    gc.enable()
    signal.signal(signal.SIGINT, handler)
    run_command_line()


def said(argv: Words) -> tuple[str, Words]:
    """Give the verb and what follows it; a verb may be the name of the command itself."""
    name = os.path.basename(argv[0])  # noqa: PTH119
    if name in STARTED_AS:
        return (argv[1] if len(argv) > 1 else ""), argv[2:]
    return name, argv[1:]


# What does without the command line, because somebody waits for it. Each of these functions imports
# what it needs, and gives what answers; an answer of None leaves it to the command line.


def keeping(_verb: str, words: Words) -> Answer:
    """Keep the connection to a dock, in a process that lives long; without one nothing is kept."""
    if len(words) != 1:
        return lambda: None
    from dockerutils.docks.connection.keeper import main as keep  # noqa: PLC0415

    gc.enable()
    return lambda: keep(words, os.environ)


def answering(verb: str, words: Words) -> Answer:
    """Answer a shell."""
    from dockerutils.docks.shell.entry import answer  # noqa: PLC0415

    return lambda: answer((verb, *words), os.environ, sys.argv[0])


def synchronizing(verb: str, words: Words) -> Answer:
    """Synchronize a project with a dock, where no options are given."""
    from dockerutils.sync_line import quick_sync  # noqa: PLC0415

    name = os.path.basename(sys.argv[0])  # noqa: PTH119
    speaker = name if name == verb else "dockerutils"
    return lambda: quick_sync(verb, words, dict(os.environ), speaker)


QUICK: Mapping[str, Callable[[str, Words], Answer]] = {
    "_keeper": keeping,
    "_shell": answering,
    "shell-init": answering,
    "sync-up": synchronizing,
    "sync-down": synchronizing,
}


def open_missing_streams() -> None:
    """Have the null device where a standard stream was closed: nobody then has to look."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


if __name__ == "__main__":
    main()
