"""Docker hosts with sshd: each an engine of its own in a network of its own, reached by ssh.

Nothing here needs pytest: the benchmarks use it as well.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SSHD = "/usr/sbin/sshd"
PORT = 2222
PATIENCE = 20  # seconds until an sshd has to listen
USER = "carol"  # on hosts where docker is not everybody's

# How a host differs from one with everything: lines of a shell script in a mount namespace.
HIDE = "for one in $(which -a {0}); do mount --bind /dev/null $one; done"
KINDS: Mapping[str, tuple[str, ...]] = {
    "plain": (),
    "gzip": (HIDE.format("zstd"),),
    "bare": (HIDE.format("zstd"), HIDE.format("gzip")),
    "hidden": (
        "mount -t tmpfs tmpfs /opt",
        "mkdir -p /opt/docker/bin",
        "touch /opt/docker/bin/docker",
        "mount --bind $(command -v docker) /opt/docker/bin/docker",
        HIDE.format("docker"),
    ),
    "dockerless": (HIDE.format("docker"),),
    "sudo": (
        f'echo "{USER} ALL=(root) NOPASSWD: $(command -v docker)" >/etc/sudoers.d/{USER}',
        f"chmod 440 /etc/sudoers.d/{USER}",
    ),
    "forbidden": (),
}
ORDINARY = ("sudo", "forbidden")  # kinds whose user is not root
SETTINGS = """\
Port {port}
ListenAddress 0.0.0.0
HostKey {folder}/hostkey
PidFile none
AuthorizedKeysFile {key}.pub
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
MaxStartups 100
"""
CLIENT = """\
Host {name}
  HostName {address}
  Port {port}
  User {user}
  HostKeyAlias {name}
  IdentityFile {key}
  IdentitiesOnly yes
  UserKnownHostsFile {known}
  GlobalKnownHostsFile /dev/null
"""


def lacking() -> str:
    """Tell what this machine lacks for hosts, "" for nothing."""
    if os.getuid():
        return "hosts of the suite's own need root"
    gone = [one for one in (SSHD, "/usr/bin/sudo") if not Path(one).exists()]
    gone += [one for one in ("ip", "nsenter", "ssh-keygen") if not shutil.which(one)]
    return f"{', '.join(gone)} is not installed" if gone else ""


@dataclass
class Fabric:
    """A user's ssh: a key, a configuration, known hosts, and a program that reads these."""

    folder: Path
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(secrets.randbelow(2000)))

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        make_key(self.key)
        self.folder.chmod(0o755)  # sshd reads the public key as the user who logs in
        program = self.folder / "bin" / "ssh"
        program.parent.mkdir()
        # OpenSSH looks for its files in the home that the system knows, not in $HOME.
        program.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {self.config} "$@"\n')
        program.chmod(0o755)

    @property
    def key(self) -> Path:
        """The private key."""
        return self.folder / "id"

    @property
    def config(self) -> Path:
        """The user's ssh_config."""
        return self.folder / "config"

    @property
    def known(self) -> Path:
        """The user's known_hosts."""
        return self.folder / "known_hosts"

    @property
    def path(self) -> str:
        """A PATH on which ssh is the user's."""
        return f"{self.folder / 'bin'}:{os.environ['PATH']}"

    def add(self, name: str, address: str, port: int, public: str, user: str = "root") -> None:
        """Let a host be known by a name, with its public key unless that is empty."""
        with self.config.open("a") as file:
            text = CLIENT.format(
                name=name, address=address, port=port, user=user, key=self.key, known=self.known
            )
            file.write(text)
        if public:
            with self.known.open("a") as file:
                file.write(f"{name} {public}\n")


@dataclass(frozen=True)
class Network:
    """The network of an engine, with a cable to ours."""

    process: str  # whose network it is
    ours: str
    theirs: str
    device: str  # our end of the cable

    @classmethod
    @contextlib.contextmanager
    def cabled(cls, process: str, numbers: Iterator[int]) -> Iterator[Network]:
        """Lay a cable to the network of a process; it is gone afterwards.

        It is called by the first of some numbers that nobody else has taken.
        """
        network = next(one for one in (cls.numbered(process, n) for n in numbers) if one.lay())
        try:
            for words in (
                ("addr", "add", f"{network.theirs}/30", "dev", "up0"),
                ("link", "set", "up0", "up"),
                ("link", "set", "lo", "up"),
            ):
                run(*network.inside, "ip", *words)
            yield network
        finally:
            subprocess.run(["ip", "link", "del", network.device], check=False, capture_output=True)

    @classmethod
    def numbered(cls, process: str, number: int) -> Network:
        """Give the network with the addresses that belong to a number."""
        subnet = f"10.{96 + number // 16384 % 16}.{number // 64 % 256}"
        base = number % 64 * 4
        return cls(process, f"{subnet}.{base + 1}", f"{subnet}.{base + 2}", f"dkh{number}")

    def lay(self) -> bool:
        """Lay its cable; tell whether it was not there before."""
        peer = ("peer", "name", "up0", "netns", self.process)
        words = ("ip", "link", "add", self.device, "type", "veth", *peer)
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if "File exists" in done.stderr and Path(f"/sys/class/net/{self.device}").exists():
            return False
        if done.returncode:
            raise OSError(f"{shlex.join(words)}: {done.stderr}")
        run("ip", "addr", "add", f"{self.ours}/30", "dev", self.device)
        run("ip", "link", "set", self.device, "up")
        return True

    @property
    def inside(self) -> tuple[str, ...]:
        """The words that run a program in it."""
        return ("nsenter", "--target", self.process, "--net")


@contextlib.contextmanager
def ssh_host(
    fabric: Fabric, network: Network, name: str, docker_socket: Path, kind: str, *, docker: str = ""
) -> Iterator[Callable[[], None]]:
    """Run an sshd before an engine; gives what ends all connections to it.

    `docker` is the path of another command line than the machine's.
    """
    folder = fabric.folder / name
    folder.mkdir()
    port = PORT + next(fabric.numbers) % 30000
    make_key(folder / "hostkey")
    (folder / "sshd_config").write_text(SETTINGS.format(port=port, folder=folder, key=fabric.key))
    script = host_script(folder, docker_socket, kind, docker)
    words = [*network.inside, "unshare", "--mount", "--propagation", "private", "sh", "-ec", script]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL) as process,
    ):
        try:
            wait_for(network.theirs, port, folder / "log")
            public = " ".join((folder / "hostkey.pub").read_text().split()[:2])
            user = USER if kind in ORDINARY else "root"
            fabric.add(name, network.theirs, port, public, user)
            yield lambda: end_sessions(process.pid)
        finally:
            end_sessions(process.pid)
            process.terminate()


def host_script(folder: Path, docker_socket: Path, kind: str, docker: str) -> str:
    """Give what makes the host's view of the machine, and becomes its sshd."""
    etc = folder / "etc"
    entry = f"{USER}:x:4242:4242::/tmp:/bin/sh"
    own = f"mount --bind {shlex.quote(docker)} $(command -v docker)" if docker else ":"
    lines = (
        "mount -t tmpfs tmpfs /run",
        "mkdir -p /run/sshd",
        f"ln -s {docker_socket} /run/docker.sock",
        f"cp -a /etc {etc}",
        f"mount --bind {etc} /etc",
        f"echo {entry} >>/etc/passwd; echo {USER}:x:4242: >>/etc/group",
        f"echo '{USER}:*:19000:0:99999:7:::' >>/etc/shadow",
        own,
        *KINDS[kind],
        f"exec {SSHD} -D -e -f {folder}/sshd_config",
    )
    return "\n".join(lines)


def end_sessions(listener: int) -> None:
    """End every session of an sshd at once, as when a cable is cut."""
    for child in children_of(listener):
        for one in (*children_of(child), child):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, 9)


def children_of(process: int) -> list[int]:
    """Give the processes that a process has started."""
    try:
        return [
            int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()
        ]
    except OSError:
        return []


def make_key(path: Path) -> None:
    """Make a pair of keys."""
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path))


def run(*words: str) -> None:
    """Run a program, which has to succeed."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{shlex.join(words)}: {done.stderr}")


def wait_for(address: str, port: int, log: Path) -> None:
    """Wait until something listens."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            with socket.create_connection((address, port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise OSError(f"sshd does not listen: {log.read_text()}")
