"""`source dock NAME` and `castoff`: what is done for a shell before it is told anything.

Nothing here may import what takes long to load: a terminal waits for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dockerutils.docks.connection.presence import (
    answers,
    kept,
    leads_to,
    register,
    unregister,
)
from dockerutils.docks.dock import Dock
from dockerutils.docks.places import Berth, berth_of, key_of, runtime_folder
from dockerutils.docks.shell.shells import dialect_of, our_words, sourcing
from dockerutils.docks.shell.variables import (
    MANAGED,
    MONIKER,
    RESTORE,
    BrokenRestore,
    Values,
    changes,
    direct_host,
    docked_values,
    is_docked,
    pack,
    values_before,
)
from dockerutils.docks.told import plain
from dockerutils.errors import DockerutilsError, UsageError
from dockerutils.terminal import Terminal

TYPE_CHECKING = False  # typing takes long to import
if TYPE_CHECKING:
    from dockerutils.runner import Asks, Starts

NOTHING_BEFORE: Values = dict.fromkeys(MANAGED)
PORTS = {"--all-ports": "all", "--no-ports": "none"}
DIRECT = "--direct"
HELP = ("-h", "--help")
NOT_DOCKED = "this terminal is not docked."
STRICT = ("true", "yes", "ask")  # of StrictHostKeyChecking, in the words of `ssh -G`
LAX = {"false": "no"}
USAGE = """\
source dock NAME                in bash and zsh: docker commands of this terminal work on that dock
source (command -s dock) NAME   in fish
dock NAME                       where `dockerutils shell-init` is in the shell's profile
castoff                         ends it

  --direct      let docker itself connect, over ssh:// (slower)
  --all-ports   have all published ports of the dock answer on localhost, not only yours
  --no-ports    have none of them
"""


@dataclass(frozen=True)
class Shell:
    """A shell that asks: its kind, its process, what it exports, and how we were started."""

    kind: str
    pid: int
    environ: Mapping[str, str]
    home: str
    started_as: str
    asks: bool = False

    @property
    def berth(self) -> Berth | None:
        """Where the connection lies that it uses now."""
        name = self.environ.get(MONIKER, "")
        return Berth(runtime_folder(self.environ), key_of(name)) if name else None


@dataclass(frozen=True)
class Wish:
    """What follows `dock`."""

    name: str = ""
    direct: bool = False
    ports: str = "own"


def read_wish(words: Sequence[str]) -> Wish:
    """Read what follows `dock`; raise `UsageError` for what cannot be meant."""
    options = [word for word in words if word.startswith("-")]
    names = [word for word in words if not word.startswith("-")]
    if len(names) > 1 or "" in names:
        raise UsageError("a terminal is docked to one dock.", "Type `source dock NAME`.")
    for word in options:
        if word not in (*PORTS, *HELP, DIRECT):
            raise UsageError(f"dock has no option {word}.", "`source dock` alone tells all.")
    if not names or {*HELP}.intersection(options):
        return Wish()
    direct = DIRECT in options  # no ports answer then in any case
    chosen = sorted({*options} - ({"--no-ports"} if direct else set()))
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} exclude each other.", "Give one of them.")
    return Wish(names[0], direct, PORTS.get(chosen[0], "own") if chosen else "own")


def dock(shell: Shell, words: Sequence[str], terminal: Terminal) -> str:
    """Connect to a dock, and give the code that docks the shell to it.

    Without a name it tells what docks there are. Raises `DockerutilsError`: the shell then stays
    what it was.
    """
    from dockerutils.docks.registry import read_docks  # noqa: PLC0415  # castoff does without

    dialect = dialect_of(shell.kind)
    wish = read_wish(words)
    known = read_docks(shell.environ, shell.home)
    known.check(wish.name)
    for warning in known.warnings:
        terminal.warn(warning)
    if not wish.name:
        tell_docks(known.docks, shell.environ, terminal)
        return "true"
    one = known.find(wish.name)
    before = before_docking(shell.environ, terminal)
    values = docked_values(one, connect(one, wish, shell, terminal))
    values[RESTORE] = pack(before)
    terminal.note(f"docked to {one} ({one.login}); castoff ends it")
    return dialect.docking(changes(shell.environ, values), our_words(shell.started_as))


def castoff(shell: Shell, words: Sequence[str], terminal: Terminal) -> str:
    """Give the code that makes a docked shell what it was; raise where it is not docked."""
    dialect = dialect_of(shell.kind)
    if words:
        raise UsageError("castoff takes no arguments.", "Type castoff alone.")
    if not is_docked(shell.environ):
        raise DockerutilsError(
            NOT_DOCKED, f"To dock it, type `{sourcing('dock', dialect.name)} NAME`."
        )
    leave(shell)
    before = before_docking(shell.environ, terminal) if RESTORE in shell.environ else NOTHING_BEFORE
    name = plain(shell.environ.get(MONIKER, ""))
    terminal.note(f"no longer docked{f' to {name}' if name else ''}")
    return dialect.leaving(changes(shell.environ, {**before, RESTORE: None}))


def before_docking(environ: Mapping[str, str], terminal: Terminal) -> Values:
    """Give what was in the variables before, nothing where that is lost."""
    try:
        return values_before(environ)
    except BrokenRestore as error:
        terminal.warn(f"{error.message} {error.hint}")
        return NOTHING_BEFORE


def connect(dock: Dock, wish: Wish, shell: Shell, terminal: Terminal) -> str:
    """Have a connection to a dock, used by the shell; give its DOCKER_HOST."""
    if wish.direct:
        host = direct_host(dock)
        check_strict(dock, starter(shell, terminal))
        leave(shell)
        return host
    berth = berth_of(dock, shell.environ)
    again = shell.berth == berth
    register(berth, shell.pid, wish.ports)  # first: the keeper may be about to end
    with contextlib.ExitStack() as failing:
        if not again:
            failing.callback(unregister, berth, shell.pid)
        if not (kept(berth) and leads_to(berth, dock) and answers(berth.engine)):
            open_connection(dock, shell, terminal)
        failing.pop_all()
    if not again:
        leave(shell)
    return f"unix://{berth.engine}"


def check_strict(dock: Dock, asks: Asks) -> None:
    """See that docker's own ssh, which nobody gives options, will take no key that is not known.

    Raises `DockerutilsError` where the user's ssh_config lets it.
    """
    from dockerutils.docks.addresses import address_of  # noqa: PLC0415  # for --direct only
    from dockerutils.docks.registration.ssh_settings import (  # noqa: PLC0415
        first_of,
        settings_of,
    )

    said = first_of(settings_of(asks, address_of(dock)), "stricthostkeychecking")
    if said not in STRICT:
        raise DockerutilsError(
            f"your ssh_config lets ssh take host keys of {dock} that are not known"
            f" (StrictHostKeyChecking {LAX.get(said, said)}), and so would docker's own ssh.",
            "Write `StrictHostKeyChecking yes` there for this host, or leave out --direct.",
        )


def open_connection(dock: Dock, shell: Shell, terminal: Terminal) -> None:
    """Open the connection to a dock, which takes its time."""
    from dockerutils.docks.connection.tunnel import open_tunnel  # noqa: PLC0415  # not where it is open

    terminal.note(f"connecting to {dock.login}")
    open_tunnel(dock, starter(shell, terminal), shell.environ, shell.asks)


def starter(shell: Shell, terminal: Terminal) -> Starts:
    """Give what starts processes for a shell."""
    from dockerutils.runner import ShellRunner  # noqa: PLC0415  # not where all is there

    return ShellRunner(terminal, shell.environ, Path("/"))


def leave(shell: Shell) -> None:
    """Note that the shell does not use its dock any more."""
    with contextlib.suppress(DockerutilsError, OSError):  # what it used may be gone
        if berth := shell.berth:
            unregister(berth, shell.pid)


def tell_docks(docks: Sequence[Dock], environ: Mapping[str, str], terminal: Terminal) -> None:
    """Tell how to dock, what docks there are, and which one is this terminal's."""
    here = environ.get(MONIKER) if is_docked(environ) else None
    width = max((len(dock.name) for dock in docks), default=0)
    terminal.line(f"{USAGE}\n")
    for dock in docks:
        mark = "*" if dock.name == here else " "
        terminal.line(f"{mark} {dock.name:<{width}}  {dock.login}\n")
    if not docks:
        terminal.line("There is no dock yet: `register-dock HOST MONIKER` makes one.\n")
    if here and here in {dock.name for dock in docks}:
        terminal.line("\n* this terminal is docked to it\n")
    elif here:
        gone = f"docked to {plain(here)}, which is no dock any more; castoff ends it"
        terminal.line(f"\nThis terminal is {gone}.\n")


ACTIONS = {"dock": dock, "castoff": castoff}
