"""A dockyard: a user with an ssh of one's own, and docks, each a machine in namespaces.

A dock has its own network, processes, host name and file system, with an sshd on port 22 and an
engine on the usual socket. Nothing here needs pytest: the benchmarks use it as well.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dock_hosts import DockHost, dock_host
from hosts import Fabric, lacking
from lines import Line
from processes import wait_until
from projects import CommandLine, Result

ROOT = Path(__file__).parent.parent
KEPT = ("LANG", "SSL_CERT_FILE", "TERM")
NEEDED = ("dockerd", "unshare", "nsenter", "setpriv", "pivot_root", "rsync")
# The system's ssh looks for these in the home that the system knows, not in $HOME.
DEFAULTS = """\
Host *
  IdentityFile {key}
  IdentitiesOnly yes
  UserKnownHostsFile {known}
  GlobalKnownHostsFile /dev/null
"""
# What pip writes for a command; here for those that an older installation does not have yet.
COMMAND = """\
#!{python}
import sys

from dockerutils.__main__ import main

sys.exit(main())
"""


@dataclass
class Dockyard:
    """A user's environment, and the docks, which are started as they are wanted."""

    folder: Path
    fabric: Fabric
    environ: dict[str, str]
    stack: contextlib.ExitStack
    hosts: dict[str, DockHost] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """The user's home."""
        return Path(self.environ["HOME"])

    @property
    def runtime(self) -> Path:
        """The user's folder for sockets."""
        return Path(self.environ["XDG_RUNTIME_DIR"])

    @property
    def list_of_docks(self) -> Path:
        """The user's docks.toml."""
        return self.home / ".config/dockerutils/docks.toml"

    def host(self, name: str = "h1", kind: str = "docker") -> DockHost:
        """Give a dock of a kind, started once; a kind may be several, as in `no-rsync+no-data`."""
        if name not in self.hosts:
            made = dock_host(self.fabric, self.folder / name, name, kind)
            self.hosts[name] = self.stack.enter_context(made)
        found = self.hosts[name]
        assert kind == found.kind, f"{name} is a host of the kind {found.kind}"
        return found

    def line(self, folder: Path, verb: str, *words: str, stdin: str = "", **more: str) -> Result:
        """Run a verb in a folder as the user."""
        return CommandLine(self.environ)(folder, verb, *words, stdin=stdin, **more)

    @contextlib.contextmanager
    def behind(self, host: DockHost, line: Line | None = None) -> Iterator[tuple[Line, int]]:
        """Lead to a host's sshd through a line; gives it, and its port of 127.0.0.1.

        With `register(host, address="127.0.0.1", port=port)` the dock lies behind the line.
        """
        through = line or Line((host.address, 22))
        with through.open() as port:
            yield through, port

    def trust(self, host: DockHost, name: str = "") -> None:
        """Have the user know a host's key already, by its address or another name."""
        with self.fabric.known.open("a") as file:
            file.write(f"{name or host.address} {host.public}\n")

    def register(self, host: DockHost, moniker: str = "", **more: str | int) -> None:
        """Write a host into the user's list of docks, and its key into known_hosts.

        It is what register-dock writes, without its questions to the host; `more` are keys of the
        dock's table.
        """
        name = str(more.get("address", host.address))
        self.trust(host, f"[{name}]:{more['port']}" if more.get("port", 22) != 22 else name)
        table = {"address": host.address, "user": "ubuntu", "socket": "/var/run/docker.sock"}
        keys = {**table, **more}
        lines = [f'{key} = "{text}"' for key, text in keys.items() if isinstance(text, str)]
        lines += [f"{key} = {number}" for key, number in keys.items() if isinstance(number, int)]
        self.list_of_docks.parent.mkdir(parents=True, exist_ok=True)
        with self.list_of_docks.open("a") as file:
            file.write(f'[dock."{moniker or keys["address"]}"]\n' + "\n".join(lines) + "\n")
        self.list_of_docks.chmod(0o600)

    def processes(self) -> list[int]:
        """Give the numbers of the user's living processes: they have the user's environment."""
        return [one for one in numbers_of_processes() if self._has_started(one)]

    def forget(self) -> None:
        """End the user's processes, and remove what the user has, but the ssh_config's defaults."""
        for number in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        wait_until("the user's processes are gone", lambda: not self.processes())
        for folder in (self.home, self.runtime):
            empty(folder)
        self.fabric.known.write_text("")
        write_defaults(self.fabric)

    def _has_started(self, number: int) -> bool:
        try:
            variables = Path(f"/proc/{number}/environ").read_bytes().split(b"\0")
        except OSError:
            return False
        return f"XDG_RUNTIME_DIR={self.runtime}".encode() in variables


def lacking_for_docks() -> str:
    """Tell what this machine lacks for docks, "" for nothing."""
    path = f"{os.environ['PATH']}:/usr/local/sbin:/usr/sbin:/sbin"
    gone = [one for one in NEEDED if not shutil.which(one, path=path)]
    return lacking() or (f"{', '.join(gone)} is not installed" if gone else "")


@contextlib.contextmanager
def open_dockyard() -> Iterator[Dockyard]:
    """Make a user; all docks, processes and files are gone afterwards."""
    with contextlib.ExitStack() as stack:
        # Sockets lie in it, whose paths have to be short.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dky", dir="/tmp")))
        folder.chmod(0o755)
        fabric = Fabric(folder / "ssh")
        fabric.known.touch()
        write_defaults(fabric)
        yard = Dockyard(folder, fabric, environment(folder, fabric), stack)
        install(fabric.folder / "bin")
        stack.callback(yard.forget)
        yield yard


def environment(folder: Path, fabric: Fabric) -> dict[str, str]:
    """Give the environment of a user who has just logged in."""
    for name in ("home", "run"):
        (folder / name).mkdir(mode=0o700)
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {
        "TERM": "xterm",
        **kept,
        "HOME": str(folder / "home"),
        "LOGNAME": "alice",
        "USER": "alice",
        "SHELL": "/bin/bash",
        "XDG_RUNTIME_DIR": str(folder / "run"),
        "PATH": f"{fabric.folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
    }


def write_defaults(fabric: Fabric) -> None:
    """Write the user's ssh_config, with what is for all hosts."""
    fabric.config.write_text(DEFAULTS.format(key=fabric.key, known=fabric.known))


def install(folder: Path) -> None:
    """Put our commands into a folder, as an installation of this very tree would."""
    for script in sorted((ROOT / "scripts").glob("*")):
        if script.is_file():
            shutil.copyfile(script, folder / script.name)
            (folder / script.name).chmod(0o755)
    for name in commands():
        (folder / name).write_text(COMMAND.format(python=sys.executable))
        (folder / name).chmod(0o755)


def commands() -> list[str]:
    """Give the names of the commands that pyproject.toml declares."""
    text = (ROOT / "pyproject.toml").read_text().split("[project.scripts]\n")[1]
    return [line.split(" = ")[0] for line in text.split("\n\n")[0].splitlines()]


def numbers_of_processes() -> list[int]:
    """Give the numbers of all processes but this one that are no zombies."""
    numbers = [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()]
    return [number for number in numbers if number != os.getpid()]


def empty(folder: Path) -> None:
    """Remove all that is in a folder."""
    for one in folder.iterdir():
        if stat.S_ISDIR(one.lstat().st_mode):
            shutil.rmtree(one)
        else:
            one.unlink()
