"""The commands' entry point, and `python -m dockerutils`."""

from __future__ import annotations

import signal


def main() -> None:
    """Run the command line. Ctrl-C while Python is still importing ends it without a traceback."""
    handler = signal.signal(signal.SIGINT, signal.SIG_DFL)
    from dockerutils.cli import main as run_command_line  # noqa: PLC0415

    signal.signal(signal.SIGINT, handler)
    run_command_line()


if __name__ == "__main__":
    main()
