"""The shells that can be docked, and what a new one is told."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from dockerutils.docks.shell.bash import BASH
from dockerutils.docks.shell.dialect import Dialect
from dockerutils.docks.shell.fish import FISH
from dockerutils.docks.shell.zsh import ZSH
from dockerutils.errors import UsageError

PROGRAM = "dockerutils"
# Without the current folder, which the shell's user may not have written; ours comes last.
START = (
    "import sys; sys.path[:] = [*filter(None, sys.path), {folder!r}]; "
    "from dockerutils.__main__ import main; main()"
)
DIALECTS: Mapping[str, Dialect] = {one.name: one for one in (BASH, ZSH, FISH)}


def dialect_of(shell: str) -> Dialect:
    """Give how a shell is talked to; raise `UsageError` for one that we do not know."""
    name = os.path.basename(shell)  # noqa: PTH119  # $SHELL is a path
    if name not in DIALECTS:
        raise UsageError(
            f"the shell {shell or 'without a name'} is none that can be docked.",
            f"Name one of {', '.join(DIALECTS)}.",
        )
    return DIALECTS[name]


def sourcing(script: str, shell: str) -> str:
    """Give the words that source a script of ours in a shell."""
    return f"source (command -s {script})" if shell == FISH.name else f"source {script}"


def shell_above(environ: Mapping[str, str]) -> str:
    """Give the name of the shell that started us, or where we cannot tell, of the user's."""
    try:
        parent = Path(f"/proc/{os.getppid()}/comm").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        parent = ""
    usual = os.path.basename(environ.get("SHELL", ""))  # noqa: PTH119
    return parent if parent in DIALECTS else usual


def shell_code(shell: str, started_as: str) -> str:
    """Give what a new shell is told; raise `UsageError` for a shell that we do not know."""
    from dockerutils.docks.shell.completion import ALONE  # noqa: PLC0415  # docking does without

    return dialect_of(shell).starting(our_words(started_as), (PROGRAM, *ALONE))


def our_words(started_as: str) -> tuple[str, ...]:
    """Give the words that start dockerutils from any folder; `started_as` is how it was now."""
    beside = os.path.join(os.path.dirname(sys.executable), PROGRAM)  # noqa: PTH118, PTH120
    for path in (os.path.abspath(started_as), beside):  # noqa: PTH100  # a link stays one
        if os.path.basename(path) == PROGRAM and is_program(path):  # noqa: PTH119
            return (path,)
    return (sys.executable, "-c", START.format(folder=str(Path(__file__).parents[3])))


def is_program(path: str) -> bool:
    """Tell whether a file can be run."""
    return os.path.isfile(path) and os.access(path, os.X_OK)  # noqa: PTH113
