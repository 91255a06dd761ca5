"""The command line of the verbs for docks: options and help of each; nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dockerutils.arguments import taking_options
from dockerutils.docks.flags import (
    LIST_FLAGS,
    NOTEBOOK_FLAGS,
    REGISTER_FLAGS,
    SSH_FLAGS,
    SYNC_FLAGS,
)
from dockerutils.docks.options import (
    ListOptions,
    NotebookOptions,
    RegisterOptions,
    SshOptions,
    SyncOptions,
)
from dockerutils.errors import DockerutilsError, UsageError

if TYPE_CHECKING:
    from dockerutils.session import Session

Host = Annotated[str, typer.Argument(metavar="HOST", show_default=False)]
Moniker = Annotated[str, typer.Argument(metavar="[MONIKER]", show_default=False)]
Known = Annotated[str, typer.Argument(metavar="NAME|IP", show_default=False)]
Docked = Annotated[str, typer.Argument(metavar="[NAME|IP]", show_default=False)]
Words = Annotated[list[str] | None, typer.Argument(metavar="[-- CMD...]", show_default=False)]


@taking_options(RegisterOptions, REGISTER_FLAGS)
def register_dock(host: Host, options: RegisterOptions, moniker: Moniker = "") -> None:
    """Register a remote Docker host as a dock; `source dock MONIKER` then works there.

    \b
    register-dock 10.1.2.3 gpu-box                  as DOCK_USER, your ssh_config's user, or ubuntu
    register-dock gpu.example.com gpu-box --user alice --identity ~/.ssh/gpu
    register-dock 10.1.2.3 gpu-box --host-key SHA256:…      where nobody can be asked
    """
    from dockerutils.register_dock import register_dock as register  # noqa: PLC0415

    register(apart(), host, moniker, options)


def unregister_dock(name: Known) -> None:
    """Forget a dock, and end the connection to it."""
    from dockerutils.register_dock import unregister_dock as unregister  # noqa: PLC0415

    unregister(apart(), name)


@taking_options(ListOptions, LIST_FLAGS)
def ls_dock(options: ListOptions) -> None:
    """List the docks: state, engine, GPUs, disk, what runs there and who is docked."""
    from dockerutils.ls_dock import list_docks  # noqa: PLC0415

    list_docks(apart(), options)


@taking_options(SshOptions, SSH_FLAGS)
def ssh_dock(options: SshOptions, name: Docked = "", words: Words = None) -> int:
    """Open a terminal on a dock, or run a command there.

    \b
    ssh-dock gpu-box
    ssh-dock gpu-box -- nvidia-smi
    ssh-dock gpu-box -s '-L 6006:localhost:6006'
    """
    from dockerutils.ssh_dock import ssh_dock as connect  # noqa: PLC0415

    session = apart()
    given = (name, *(words or ())) if name else ()
    command = behind_dashes(sys.argv)
    name = "" if len(given) == len(command) else name
    return connect(session, name, command or given[1:], options)


def behind_dashes(words: Sequence[str]) -> tuple[str, ...]:
    """Give the words behind `--`, which the parser takes for a dock where none is named."""
    return tuple(words[words.index("--") + 1 :]) if "--" in words else ()


@taking_options(NotebookOptions, NOTEBOOK_FLAGS)
def nb_dock(options: NotebookOptions, name: Docked = "") -> int:
    """Run Jupyter on a dock itself, and open it here; Ctrl-C ends it."""
    from dockerutils.nb_dock import nb_dock as run  # noqa: PLC0415

    return run(apart(), name, options)


@taking_options(SyncOptions, SYNC_FLAGS)
def sync_up(options: SyncOptions, name: Docked = "") -> int:
    """Bring the project's files to a dock: those that .dockerignore lets pass."""
    from dockerutils.sync import sync_up as up  # noqa: PLC0415

    return up(in_project(options), name, options)


@taking_options(SyncOptions, SYNC_FLAGS)
def sync_down(options: SyncOptions, name: Docked = "") -> int:
    """Bring back what changed on a dock; what you changed yourself is never overwritten."""
    from dockerutils.sync import sync_down as down  # noqa: PLC0415

    return down(in_project(options), name, options)


def dock(words: Words = None) -> None:
    """Dock this terminal to a remote Docker host: `source dock NAME`."""
    from dockerutils.docks.shell.shells import shell_above, sourcing  # noqa: PLC0415

    line = " ".join((sourcing("dock", shell_above(apart().environ)), *(words or ("NAME",))))
    raise UsageError("only the shell itself can change this terminal.", f"Type `{line}`.")


def castoff() -> None:
    """End what `source dock` began: the terminal works here again."""
    from dockerutils.docks.shell.docking import NOT_DOCKED  # noqa: PLC0415
    from dockerutils.docks.shell.shells import shell_above, sourcing  # noqa: PLC0415
    from dockerutils.docks.shell.variables import is_docked  # noqa: PLC0415

    environ = apart().environ
    shell = shell_above(environ)
    if not is_docked(environ):
        raise DockerutilsError(NOT_DOCKED, f"To dock it, type `{sourcing('dock', shell)} NAME`.")
    raise UsageError(
        "only the shell itself can change this terminal.",
        f"Type `castoff` alone, or `{sourcing('castoff', shell)}` where the shell does not"
        " know that.",
    )


def shell_init(
    shell: Annotated[str, typer.Argument(metavar="bash|zsh|fish", show_default=False)],
) -> None:
    """Print what a shell's profile evaluates for `dock NAME`, the prompt and completion.

    \b
    eval "$(dockerutils shell-init bash)"          in ~/.bashrc; zsh likewise in ~/.zshrc
    dockerutils shell-init fish | source           in ~/.config/fish/config.fish
    """
    from dockerutils.docks.shell.shells import shell_code  # noqa: PLC0415

    apart().terminal.data(shell_code(shell, sys.argv[0]))


def apart() -> Session:
    """Give a session that has nothing to do with the project of this folder."""
    from dockerutils.startup import (  # noqa: PLC0415
        Manner,
        open_session_apart,
        standard_terminal,
    )

    return open_session_apart(standard_terminal(), Manner())


def in_project(options: SyncOptions) -> Session:
    """Give a session for the project of this folder; raise what is wrong with it."""
    from dockerutils.startup import Manner, open_session, standard_terminal  # noqa: PLC0415

    manner = Manner(options.dry_run, verbose=options.verbose)
    return open_session(standard_terminal(), manner)


DOCK_VERBS: dict[str, Callable[..., Any]] = {
    "register-dock": register_dock,
    "unregister-dock": unregister_dock,
    "ls-dock": ls_dock,
    "ssh-dock": ssh_dock,
    "nb-dock": nb_dock,
    "sync-up": sync_up,
    "sync-down": sync_down,
}
SHELL_VERBS: dict[str, Callable[..., Any]] = {
    "dock": dock,
    "castoff": castoff,
    "shell-init": shell_init,
}
