"""The commands' entry point, and `python -m dockerutils`."""

from __future__ import annotations

import gc
import os
import signal
import sys


def main() -> None:
    """Run the command line. Ctrl-C while Python is still importing ends it without a traceback."""
    open_missing_streams()
    handler = signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Imports make garbage of nothing: looking for it takes a quarter of a short command's time.
    gc.disable()
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
