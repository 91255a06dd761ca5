"""A Docker host behind a long line: an engine and an sshd of its own, and the bytes on the line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.processes import ROOT, Place

if TYPE_CHECKING:
    from hosts import Fabric, Network

MBIT, DELAY = 100, 10  # of the line: Mbit/s, and ms for one way
LATE = 0.2  # seconds until the counters have everything
DEVICE = "dkw"
FAR, NEAR = "far", "near"


@dataclass(frozen=True)
class FarHost:
    """A host, called `far` behind the line and `near` without it; there are several of the near."""

    engine: str  # DOCKER_HOST
    counters: Path
    place: Place  # where commands find ssh and the host's names
    near: tuple[str, ...]

    def moved(self) -> int:
        """Count the bytes that went out over the line, with all that ssh and the network add."""
        time.sleep(LATE)
        return int(self.counters.read_text().split()[0])

    def docker(self, *words: str) -> str:
        """Run docker at its engine."""
        return Place(self.place.folder, {**self.place.variables, "DOCKER_HOST": self.engine}).run(
            "docker", *words
        )


@contextmanager
def far_host(near: int = 1) -> Iterator[FarHost]:
    """Start so many hosts, the first also behind the line; needs root, sshd and gcc."""
    sys.path.append(str(ROOT / "tests"))
    from hosts import Fabric, lacking, ssh_host  # noqa: PLC0415  # a module of the tests

    lack = lacking() or ("" if shutil.which("gcc") else "gcc is not installed")
    if lack:
        raise SystemExit(f"the benchmark of transfers cannot run: {lack}.")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dkb", dir="/tmp")))
        fabric = Fabric(folder / "ssh")
        folder.chmod(0o755)
        names = tuple(f"{NEAR}{number}" for number in range(near))
        engines = []
        for name in names:
            socket, network = stack.enter_context(engine(fabric, folder / name))
            host = ssh_host(fabric, network, name, socket, "plain")
            stack.enter_context(host)
            engines.append((socket, network))
        socket, network = engines[0]
        line = stack.enter_context(long_line(fabric, network, folder))
        add_far(fabric, line, names[0])
        variables = {"PATH": fabric.path, "XDG_CACHE_HOME": str(folder / "cache")}
        counters = folder / "counters"
        yield FarHost(f"unix://{socket}", counters, Place(folder, variables), names)


@contextmanager
def engine(fabric: Fabric, folder: Path) -> Iterator[tuple[Path, Network]]:
    """Start an engine in a network of its own, with a cable to it."""
    from hosts import Network  # noqa: PLC0415

    script = ("unshare", "--net", str(ROOT / "bin" / "engine"))
    environ = {**os.environ, "ENGINE_DIR": str(folder)}
    subprocess.run(script, env=environ, check=True, stderr=subprocess.DEVNULL)
    try:
        process = (folder / "docker.pid").read_text().strip()
        with Network.cabled(process, fabric.numbers) as network:
            yield folder / "docker.sock", network
    finally:
        subprocess.run((*script, "--stop"), env=environ, check=False, stderr=subprocess.DEVNULL)


@contextmanager
def long_line(fabric: Fabric, network: Network, folder: Path, delay: int = DELAY) -> Iterator[str]:
    """Lay the line, which takes so many ms for one way; gives the address at its other end."""
    program, number = folder / "wan", next(fabric.numbers) % 60
    source = Path(__file__).with_name("wan.c")
    subprocess.run(("gcc", "-O2", "-o", program, source), check=True)
    ours, theirs = f"10.95.{number}.1", f"10.95.{number}.2"
    netns = f"/proc/{network.process}/ns/net"
    words = (program, DEVICE, netns, str(MBIT), str(delay), folder / "counters")
    with subprocess.Popen(words) as process:
        try:
            wait_for_device()
            up((), f"{DEVICE}a", ours, theirs)
            up(network.inside, f"{DEVICE}b", theirs, ours)
            yield theirs
        finally:
            process.terminate()


def wait_for_device() -> None:
    """Wait until the line is there."""
    for _ in range(100):
        if Path(f"/sys/class/net/{DEVICE}a").exists():
            time.sleep(LATE)
            return
        time.sleep(0.05)
    raise SystemExit("the line of the benchmark does not come up.")


def up(inside: tuple[str, ...], device: str, own: str, peer: str) -> None:
    """Give an end of the line its address."""
    for words in (
        ("addr", "add", own, "peer", peer, "dev", device),
        ("link", "set", device, "mtu", "1500", "up"),
    ):
        subprocess.run((*inside, "ip", *words), check=True)


def add_far(fabric: Fabric, address: str, near: str) -> None:
    """Let the host be known by its name behind the line."""
    settings = (fabric.folder / near / "sshd_config").read_text()
    public = (fabric.folder / near / "hostkey.pub").read_text().split()[:2]
    fabric.add(FAR, address, int(settings.split()[1]), " ".join(public))


def without_cache(place: Place) -> None:
    """Forget what transfers have kept."""
    shutil.rmtree(place.variables["XDG_CACHE_HOME"], ignore_errors=True)
