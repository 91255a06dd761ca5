"""A dock as a value: how a remote Docker host is called and reached."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

MONIKER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
ENGINE_SOCKET = "/var/run/docker.sock"
DEFAULT_USER = "ubuntu"


@dataclass(frozen=True)
class Dock:
    """A remote Docker host. `name` is its moniker, or its address where it has none.

    `address` is what ssh connects to: an address, a name or a Host of the user's ssh_config. `port`
    0 and empty texts leave the choice to ssh. `socket` is its engine's, on the dock; `workspace`
    the folder there that projects are synchronized into. `more` holds what a newer version wrote.
    """

    name: str
    address: str
    user: str = ""
    port: int = 0
    identity: str = ""
    jump: str = ""
    socket: str = ENGINE_SOCKET
    workspace: str = ""
    architecture: str = ""
    more: Mapping[str, object] = field(default_factory=dict)

    @property
    def login(self) -> str:
        """The user and the host, as ssh takes them."""
        return f"{self.user}@{self.address}" if self.user else self.address

    def __str__(self) -> str:
        return self.name
