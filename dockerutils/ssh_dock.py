"""ssh-dock: a terminal on a dock, or one command there."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dockerutils.command import Command
from dockerutils.docks.addresses import address_of
from dockerutils.docks.chosen import chosen_dock
from dockerutils.docks.connection.presence import leads_to, register, unregister
from dockerutils.docks.dock import Dock
from dockerutils.docks.places import Berth, berth_of
from dockerutils.errors import UsageError
from dockerutils.session import Session
from dockerutils.ssh.connection import CUT

if TYPE_CHECKING:
    from dockerutils.docks.options import SshOptions


def ssh_dock(session: Session, name: str, words: Sequence[str], options: SshOptions) -> int:
    """Open a terminal on a dock, or run a command there; gives the status of what ran there.

    The words reach the command as they are: a shell there takes none of them apart.
    """
    dock = chosen_dock(session, name)
    extra = own_options(options)
    berth = berth_of(dock, session.environ)
    shared = not extra and berth.control.exists() and leads_to(berth, dock)
    command = ssh_command(
        dock, words, extra, terminal=session.interactive, berth=berth if shared else None
    )
    with using(berth, shared):
        status = session.runner.hand_over(command)
    if status == CUT:
        session.terminal.warn(
            f"255 is ssh's own status: {dock} was not reached, or the connection was lost, unless"
            " what ran there ended with it. `ls-dock` tells how your docks are."
        )
    return status


def own_options(options: SshOptions) -> tuple[str, ...]:
    """Give ssh's options that the user asked for; raise `UsageError` for an open quote."""
    try:
        given = shlex.split(options.ssh_options)
    except ValueError as error:
        raise UsageError(
            f"the options `{options.ssh_options}` cannot be read: a quote is not closed.",
            "Write them as one word for this shell, such as -s '-L 6006:localhost:6006'.",
        ) from error
    return (*(("-A",) if options.forward_agent else ()), *given)


def ssh_command(
    dock: Dock,
    words: Sequence[str],
    extra: Sequence[str] = (),
    *,
    terminal: bool = False,
    berth: Berth | None = None,
) -> Command:
    """Give ssh's command: over the connection of a berth, else over one of its own.

    The first value of an option holds: the user's ssh_config and `extra` cannot have another host
    key accepted. `terminal` says that there is one here.
    """
    path = berth.control if berth else "none" if extra else None
    settings = ["StrictHostKeyChecking=yes"]
    settings += [] if "-A" in extra else ["ForwardAgent=no"]
    settings += ["ControlMaster=no", f"ControlPath={path}"] if path else []
    settings += ["RemoteCommand=none"] if words else []
    pseudo = ("-t",) if words and terminal else () if terminal else ("-T",)
    address = address_of(dock)
    return Command(
        (
            "ssh",
            *(word for one in settings for word in ("-o", one)),
            *pseudo,
            *extra,
            *address.options,
            "--",
            address.host,
            *((shlex.join(words),) if words else ()),
        )
    )


@contextmanager
def using(berth: Berth, shared: bool) -> Iterator[None]:
    """Have the connection kept for as long as something runs over it."""
    if not shared:
        yield
        return
    register(berth, os.getpid(), "none")
    try:
        yield
    finally:
        unregister(berth, os.getpid())
