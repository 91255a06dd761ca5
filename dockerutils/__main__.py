"""The commands' entry point, and `python -m dockerutils`."""

from __future__ import annotations

import gc
import signal


def main() -> None:
    """Run the command line. Ctrl-C while Python is still importing ends it without a traceback."""
    handler = signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Imports make garbage of nothing: looking for it takes a quarter of a short command's time.
    gc.disable()
    from dockerutils.cli import main as run_command_line  # noqa: PLC0415

    gc.freeze()
    gc.enable()
    signal.signal(signal.SIGINT, handler)
    run_command_line()


if __name__ == "__main__":
    main()
