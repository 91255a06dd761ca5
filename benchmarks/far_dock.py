"""A user with a dock near by and the same dock behind a long line, and terminals docked to them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.far_host import long_line
from benchmarks.processes import ROOT, Place
from dockerutils.docks.places import Berth, key_of

if TYPE_CHECKING:
    from dock_hosts import DockHost
    from dockyards import Dockyard

NEAR, FAR = "near", "far"
ONE_WAY = 25  # ms
# Names of the user's ssh_config: a connection each, and all over one.
PLAIN = """
Host {name}-plain {name}-shared
  HostName {address}
  User ubuntu
Host {name}-shared
  ControlMaster auto
  ControlPersist 600
  ControlPath {folder}/%C
"""


class Terminal(Place):
    """A place whose processes have its variables, and none of ours."""

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment."""
        return dict(self.variables)


@dataclass(frozen=True)
class DockUser:
    """The user, undocked; `addresses` has the dock's, by what it is called."""

    yard: Dockyard
    terminal: Terminal
    addresses: dict[str, str]

    def over_ssh(self, name: str) -> Terminal:
        """Give a terminal whose DOCKER_HOST is one of the names of the ssh_config."""
        return self.having({"DOCKER_HOST": f"ssh://{name}"})

    def docked(self, name: str) -> Terminal:
        """Give a terminal that is docked."""
        told = self.terminal.run("bash", "-c", f"source dock {name} && exec env -0")
        lines = (line.partition("=") for line in told.split("\0") if line)
        return Terminal(self.terminal.folder, {variable: value for variable, _, value in lines})

    def having(self, variables: dict[str, str]) -> Terminal:
        """Give a terminal with some more variables."""
        return Terminal(self.terminal.folder, {**self.terminal.variables, **variables})

    def control(self, name: str) -> Path:
        """Give the control socket of the connection to a dock."""
        return Berth(self.yard.runtime / "dockerutils", key_of(name)).control


@contextmanager
def dock_user() -> Iterator[DockUser]:
    """Start the dock; needs root, sshd, rsync and gcc. Everything is gone afterwards."""
    sys.path.append(str(ROOT / "tests"))
    from dockyards import lacking_for_docks, open_dockyard  # noqa: PLC0415  # of the tests

    lack = lacking_for_docks()
    if lack:
        raise SystemExit(f"the benchmark of docks cannot run: {lack}.")
    with open_dockyard() as yard:
        host = yard.host()
        with long_line(yard.fabric, host.network, yard.folder, ONE_WAY) as far:
            addresses = {NEAR: host.address, FAR: far}
            for name, address in addresses.items():
                add(yard, host, name, address)
            yield DockUser(yard, Terminal(yard.home, yard.environ), addresses)


def add(yard: Dockyard, host: DockHost, name: str, address: str) -> None:
    """Let the user have a dock of a name, and the other ways to the same host."""
    yard.register(host, name, address=address)
    text = PLAIN.format(name=name, address=address, folder=yard.runtime)
    with yard.fabric.config.open("a") as file:
        file.write(text)
