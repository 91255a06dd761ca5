"""A dock with its connection, as a test opens it, looks at it and breaks it."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dock_hosts import DockHost
from dockyards import Dockyard
from engines import STAND_IN
from processes import wait_until

from dockerutils.docks.connection.master import Master
from dockerutils.docks.connection.presence import answers, keeper_of, register, started
from dockerutils.docks.connection.status import Status, read_status
from dockerutils.docks.connection.tunnel import end_tunnel, open_tunnel, start_keeper
from dockerutils.docks.dock import Dock
from dockerutils.docks.places import Berth, berth_of
from dockerutils.docks.registry import read_docks
from dockerutils.runner import ShellRunner
from dockerutils.ssh.command import Pace
from dockerutils.terminal import Terminal


def quiet_runner(environ: Mapping[str, str]) -> ShellRunner:
    """Give a runner that prints nothing."""
    return ShellRunner(Terminal(io.StringIO(), io.StringIO(), quiet=True), environ, Path("/"))


@dataclass(frozen=True)
class Mooring:
    """A registered dock of a yard's user; this process is what uses it."""

    yard: Dockyard
    host: DockHost
    dock: Dock
    environ: Mapping[str, str]

    @classmethod
    def at(cls, yard: Dockyard, name: str = "h1", kind: str = "docker", **environ: str) -> Mooring:
        """Register a host of the yard under its own name."""
        host = yard.host(name, kind)
        yard.register(host, name)
        dock = read_docks(yard.environ, str(yard.home)).find(name)
        return cls(yard, host, dock, {**yard.environ, **environ})

    @property
    def runner(self) -> ShellRunner:
        """What starts processes as the user."""
        return quiet_runner(self.environ)

    @property
    def berth(self) -> Berth:
        """Where the connection lies."""
        return berth_of(self.dock, self.environ)

    @property
    def master(self) -> Master:
        """The master of the connection."""
        return Master(self.dock, self.berth, self.runner.read)

    @property
    def keeper(self) -> int:
        """The number of the keeper's process."""
        return keeper_of(self.berth)

    @property
    def status(self) -> Status:
        """What the keeper tells."""
        return read_status(self.berth)

    def open(self, ports: str = "own", pace: Pace | None = None) -> None:
        """Dock, as `source dock` does; a pace is for a master that is tried sooner than usual."""
        register(self.berth, os.getpid(), ports)
        if pace:
            Master(self.dock, self.berth, self.runner.read, pace).start(asks=False)
            start_keeper(self.dock, self.berth, self.runner)
        else:
            open_tunnel(self.dock, self.runner, self.environ, asks=False)

    def end(self) -> None:
        """End the connection, as unregister-dock does."""
        end_tunnel(self.dock, self.runner, self.environ)

    def docker(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run docker as a docked terminal does."""
        environ = {**self.environ, "DOCKER_HOST": f"unix://{self.berth.engine}"}
        return subprocess.run(["docker", *words], env=environ, capture_output=True, text=True)

    def serve(self, name: str, ports: str, mark: str = "0123456789ab/alice") -> None:
        """Run a container there that answers with its name on port 8000, published as told."""
        code = (
            "import http.server as h\nclass H(h.BaseHTTPRequestHandler):\n"
            " def do_GET(self): self.wfile.write(b'HTTP/1.0 200 OK\\r\\n\\r\\n%b' % NAME)\n"
            "h.HTTPServer(('', 8000), H).serve_forever()"
        ).replace("NAME", repr(name.encode()))
        label = ("--label", f"dockerutils.run={mark}") if mark else ()
        words = ("run", "--detach", "--rm", "--name", name, *label, "--publish", ports)
        self.host.docker(*words, "--stop-timeout=0", STAND_IN, "python", "-c", code)

    def wait_for(self, state: str) -> Status:
        """Wait until the keeper tells of a state; give what it tells."""
        return wait_until(f"{self.dock} is {state}", lambda: self._told(state)) or Status("")

    def _told(self, state: str) -> Status | None:
        status = self.status
        return status if status.state == state and status.since else None

    def wait_for_answer(self) -> None:
        """Wait until the engine answers."""
        wait_until(f"{self.dock} answers", lambda: answers(self.berth.engine, 1))

    def wait_for_end(self, process: int) -> None:
        """Wait until a process is gone."""
        wait_until(f"the process {process} is gone", lambda: not started(process))

    def unplug(self) -> None:
        """Pull the cable at the host's end: here its network stays known, and is silent."""
        self.host.inside("ip", "link", "set", "up0", "down")

    def plug(self) -> None:
        """Put the cable back."""
        self.host.inside("ip", "link", "set", "up0", "up")

    def leftovers(self) -> list[str]:
        """Give the files that are left of the connection."""
        return sorted(path.name for path in self.berth.folder.rglob("*"))


def kill(process: int) -> None:
    """End a process by force."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
