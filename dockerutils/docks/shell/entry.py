"""What shells ask of dockerutils: `_shell ACTION SHELL PID …` and `shell-init SHELL`.

The answer is code on standard output, which the shell evaluates; talk goes to standard error.
Nothing here may import what takes long to load: a terminal waits for it.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dockerutils.errors import FAILED, INTERRUPTED, DockerutilsError, UsageError
from dockerutils.person import home_folder
from dockerutils.terminal import Terminal

TYPE_CHECKING = False  # typing takes long to import
if TYPE_CHECKING:
    from typing import TextIO

SHELL = "_shell"
INIT = "shell-init"
BYTES = "surrogateescape"  # a variable may hold what is no text


def answer(words: Sequence[str], environ: Mapping[str, str], started_as: str) -> int:
    """Answer a shell, and give the exit status; `words` begin with the verb."""
    with private_output() as out:
        plain = environ.get("NO_COLOR") or environ.get("TERM") == "dumb"
        terminal = Terminal(out, sys.stderr, colours=not plain)
        verb, *rest = words
        speaker = rest[0] if verb == SHELL and rest else f"dockerutils {verb}"
        try:
            respond = starting if verb == INIT else asked
            if code := respond(rest, environ, started_as, terminal):
                terminal.data(code)
        except DockerutilsError as error:
            terminal.error(speaker, error.message, error.hint)
            return error.status
        except KeyboardInterrupt:
            terminal.error(speaker, "interrupted.", "")
            return INTERRUPTED
        except OSError as error:
            terminal.error(speaker, f"{error.filename or 'output'}: {error.strerror}.", "")
            return FAILED
    return 0


def asked(
    words: Sequence[str], environ: Mapping[str, str], started_as: str, terminal: Terminal
) -> str:
    """Do what a shell asks for; raise `UsageError` where that is unknown."""
    if len(words) < 3 or not words[2].isdecimal():
        raise UsageError(f"{SHELL} is for shells only.", "Type `source dock NAME` instead.")
    action, kind, pid, *rest = words
    if action == "complete":
        return completing(rest, environ)
    from dockerutils.docks.shell.docking import ACTIONS, Shell  # noqa: PLC0415

    if action not in ACTIONS:
        raise UsageError(f"{SHELL} knows no {action}.", f"It knows {', '.join(ACTIONS)}.")
    home = home_folder(environ)
    shell = Shell(kind, int(pid), environ, home, started_as, has_terminal())
    return ACTIONS[action](shell, rest, terminal)


def completing(words: Sequence[str], environ: Mapping[str, str]) -> str:
    """Give what the last of the words can become, a line each."""
    from dockerutils.docks.shell.completion import Place, completed  # noqa: PLC0415

    place = Place(environ, home_folder(environ), Path(environ.get("PWD") or "/"))
    return "\n".join(completed(words, place))


def starting(
    words: Sequence[str], environ: Mapping[str, str], started_as: str, terminal: Terminal
) -> str:
    """Give the code for a new shell, which uses the dock that it was started on."""
    from dockerutils.docks.shell.shells import shell_code  # noqa: PLC0415

    del terminal
    if len(words) != 1:
        raise UsageError(f"{INIT} takes the name of a shell.", "It is bash, zsh or fish.")
    code = shell_code(words[0], started_as)
    with contextlib.suppress(DockerutilsError, OSError):  # a new shell has to start all the same
        stay(environ)
    return code


def stay(environ: Mapping[str, str]) -> None:
    """Note that a shell uses the dock that the one above it is on, if the connection to that is
    kept; we are its child.
    """
    if not environ.get("DOCK_MONIKER") or not environ.get("DOCKER_HOST", "").startswith("unix:"):
        return
    from dockerutils.docks.connection.presence import kept, register  # noqa: PLC0415
    from dockerutils.docks.places import Berth, key_of, runtime_folder  # noqa: PLC0415

    berth = Berth(runtime_folder(environ), key_of(environ["DOCK_MONIKER"]))
    if kept(berth):
        register(berth, os.getppid())


def has_terminal() -> bool:
    """Tell whether somebody can be asked: ssh does that on the terminal, whatever is redirected."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


@contextlib.contextmanager
def private_output() -> Iterator[TextIO]:
    """Keep standard output for the answer: what programs that we start write must not be taken
    for code, and goes to standard error.
    """
    with os.fdopen(os.dup(1), "w", encoding=sys.getfilesystemencoding(), errors=BYTES) as out:
        os.dup2(2, 1)
        yield out
