"""One dock of a dockyard: a machine in namespaces with an sshd and an engine."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dock_machine import USER, prepare
from engines import STAND_IN
from hosts import SSHD, Fabric, Network, children_of, end_sessions, run, wait_for
from processes import wait_until

SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


@dataclass
class DockHost:
    """A dock: a machine with a user `ubuntu`, who logs in with the fabric's key."""

    name: str
    kind: str
    folder: Path
    network: Network
    process: int  # the first one in it

    @property
    def address(self) -> str:
        """The address at which sshd listens, on port 22."""
        return self.network.theirs

    @property
    def home(self) -> Path:
        """The folder /home/ubuntu as seen from outside."""
        return self.folder / "home" / USER

    @property
    def data(self) -> Path:
        """The folder /data as seen from outside."""
        return self.folder / "data"

    @property
    def docker_host(self) -> str:
        """The DOCKER_HOST of its engine, for looking at it from outside."""
        return f"unix://{self.folder}/run/docker.sock"

    @property
    def public(self) -> str:
        """Its public key, as known_hosts has it."""
        return " ".join(self.inside("cat", "/etc/ssh/hostkey.pub").split()[:2])

    @property
    def fingerprint(self) -> str:
        """The fingerprint of its key, with SHA256: before it."""
        return self.inside("ssh-keygen", "-l", "-f", "/etc/ssh/hostkey.pub").split()[1]

    def inside(self, *words: str, as_user: str = "", stdin: str = "", check: bool = True) -> str:
        """Run a program in it, as root or another user; give what it writes to standard output."""
        person = self._as_user(as_user) if as_user else ()
        done = subprocess.run(
            [*self.entrance, *person, *words], input=stdin, capture_output=True, text=True
        )
        assert not (check and done.returncode), f"{shlex.join(words)}: {done.stderr}{done.stdout}"
        return done.stdout

    @property
    def entrance(self) -> tuple[str, ...]:
        """The words before those of a program that is to run in it."""
        spaces = ("--mount", "--uts", "--ipc", "--net", "--pid")
        return ("nsenter", "--target", str(self.process), *spaces)

    def docker(self, *words: str) -> str:
        """Run docker at its engine from outside; give what it writes."""
        environ = {**os.environ, "DOCKER_HOST": self.docker_host}
        done = subprocess.run(["docker", *words], env=environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def take_stand_in(self) -> None:
        """Have its engine load the stand-in base from the machine's engine, if it is not there."""
        if self.docker("images", "--quiet", STAND_IN):
            return
        environ = {**os.environ, "DOCKER_HOST": self.docker_host}
        with subprocess.Popen(["docker", "save", STAND_IN], stdout=subprocess.PIPE) as save:
            load = ["docker", "load", "--quiet"]
            subprocess.run(load, env=environ, stdin=save.stdout, stdout=-1, check=True)

    def clear(self) -> None:
        """Remove all containers at its engine, and all that is in /data and the user's home."""
        ids = self.docker("ps", "--all", "--quiet").split()
        if ids:
            self.docker("rm", "--force", "--volumes", *ids)
        keep = "! -path '/home/ubuntu/.ssh*'"
        find = f"find /data /home/ubuntu -mindepth 1 {keep} -delete; cp -a /etc/skel/. ~ubuntu"
        self.inside("sh", "-c", f"{find}; chown -R {USER}: ~ubuntu")

    def disconnect(self) -> None:
        """Pull the cable."""
        run("ip", "link", "set", self.network.device, "down")

    def reconnect(self) -> None:
        """Put the cable back."""
        run("ip", "link", "set", self.network.device, "up")

    def cut(self) -> None:
        """End all ssh sessions."""
        end_sessions(self._started("sshd"))

    def new_host_key(self) -> None:
        """Have sshd show another key to those who come from now on."""
        self.inside("sh", "-c", "rm /etc/ssh/hostkey*")
        self.inside("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/etc/ssh/hostkey")
        end_sessions(self._started("sshd"))
        os.kill(self._started("sshd"), signal.SIGHUP)
        key = self.public
        scan = ("ssh-keyscan", "-t", "ed25519", "127.0.0.1")
        wait_until("sshd shows its new key", lambda: key in self.inside(*scan, check=False))

    def stop_sshd(self) -> None:
        """Have nobody answer on port 22 any more, as on a machine that is shutting down."""
        listener = self._started("sshd")
        end_sessions(listener)
        os.kill(listener, signal.SIGTERM)
        wait_until("sshd is gone", lambda: not self._numbers("sshd"))

    def start_sshd(self) -> None:
        """Start sshd again."""
        self.inside("sh", "-c", f"{SSHD} -D -e >>/run/sshd.log 2>&1 </dev/null &")
        wait_for(self.address, 22, self.folder / "run/sshd.log")

    def stop_engine(self) -> None:
        """End the engine; its containers end as well."""
        os.kill(self._started("dockerd"), signal.SIGTERM)
        wait_until("the engine is gone", lambda: not self._numbers("dockerd"))

    def start_engine(self) -> None:
        """Start the engine again; it answers afterwards."""
        self.inside("sh", "-c", "sh /run/engine.sh &")
        self.wait_for_engine()

    def wait_for_engine(self) -> None:
        """Wait until the engine answers."""
        path = self.docker_host.removeprefix("unix://")
        wait_until(f"the engine of {self.name} answers", lambda: answers(path))

    def _as_user(self, name: str) -> tuple[str, ...]:
        person = ("setpriv", f"--reuid={name}", f"--regid={name}", "--init-groups")
        variables = (f"HOME=/home/{name}", f"USER={name}", f"LOGNAME={name}", "LANG=C.UTF-8")
        return (*person, "env", "-i", *variables, "PATH=/usr/local/bin:/usr/bin:/bin")

    def _started(self, program: str) -> int:
        """Give the number, as seen from outside, of a program that the first process started."""
        return self._numbers(program)[0]

    def _numbers(self, program: str) -> list[int]:
        return [one for one in children_of(self.process) if name_of(one) == program]


def name_of(process: int) -> str:
    """Give the name of a process that is no zombie, "" if it is one or gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return ""
    return "" if "\nState:\tZ" in status else status.split()[1]


def answers(path: str) -> bool:
    """Tell whether an engine answers at a socket."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(5)
        try:
            line.connect(path)
            line.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 " in line.recv(100)
        except OSError:
            return False


@contextlib.contextmanager
def dock_host(fabric: Fabric, folder: Path, name: str, kind: str) -> Iterator[DockHost]:
    """Start a dock with its files below a folder; all of it is gone afterwards."""
    cgroup = f"/{folder.parent.name}-{name}"
    script = prepare(fabric, folder, kind, cgroup)
    # Its first process, and with it all of them, end also where ours is killed.
    spaces = ("--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child")
    words = ["setpriv", "--pdeathsig", "KILL", "unshare", *spaces, "sh", "-e"]
    environ = {**os.environ, "PATH": f"{os.environ['PATH']}:{SBIN}"}
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [*words, str(script), str(folder), name],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as process,
    ):
        try:
            first = wait_until("the dock has a process", lambda: children_of(process.pid))[0]
            with Network.cabled(str(first), fabric.numbers) as network:
                host = DockHost(name, kind, folder, network, first)
                wait_for_start(host, process, engine="no-docker" not in kind)
                yield host
        finally:
            # With the first process all others end before it is gone itself.
            for one in children_of(process.pid) or [process.pid]:
                os.kill(one, signal.SIGKILL)
            process.wait()
            remove_cgroups(cgroup)


def wait_for_start(host: DockHost, process: subprocess.Popen[bytes], engine: bool) -> None:
    """Wait until sshd and the engine answer."""
    path = host.docker_host.removeprefix("unix://")

    def over() -> bool:
        return process.poll() is not None or (
            listens(host.address) and (not engine or answers(path))
        )

    wait_until(f"the dock {host.name} is there", over)
    if process.poll() is not None:
        logs = [host.folder / "log", *(host.folder / "run").glob("*.log")]
        text = "\n".join(log.read_text()[-2000:] for log in logs)
        raise OSError(f"the dock {host.name} has ended:\n{text}")


def listens(address: str) -> bool:
    """Tell whether something listens on port 22."""
    try:
        socket.create_connection((address, 22), timeout=1).close()
    except OSError:
        return False
    return True


def remove_cgroups(name: str) -> None:
    """Remove what is left of a dock's control groups, which are the machine's."""
    top = Path("/sys/fs/cgroup")
    for parent in (top, *(one for one in top.iterdir() if one.is_dir())):
        group = parent / name.strip("/")
        for folder, _, _ in os.walk(group, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
