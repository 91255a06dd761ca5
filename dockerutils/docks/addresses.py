"""A dock as ssh's commands take it."""

from __future__ import annotations

from dockerutils.docks.dock import Dock
from dockerutils.ssh.command import Address


def address_of(dock: Dock) -> Address:
    """Give a dock's address, whose host key was confirmed when it was registered."""
    port = str(dock.port) if dock.port else ""
    return Address(dock.name, dock.login, port, dock.identity, dock.jump, checked=True)
