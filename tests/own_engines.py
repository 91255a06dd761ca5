"""Engines that a run of the suite starts for itself, beside the machine's own one."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest
from engines import STAND_IN

ROOT = Path(__file__).parent.parent
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
OLD = ROOT / ".cache" / "engine-20.10"
OLD_PACKAGES = ("docker.io/bookworm", "containerd/bookworm")


def missing(request: pytest.FixtureRequest, what: str) -> NoReturn:
    """Skip for want of a component, or fail where everything has to be real."""
    if request.config.getoption("--require-real"):
        pytest.fail(what)
    pytest.skip(what)


@dataclass(frozen=True)
class OwnEngine:
    """An engine with its data below one folder.

    It has a network of its own as well: a second engine in the machine's network would take the
    bridge of the first one away.
    """

    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """Its DOCKER_HOST."""
        return f"unix://{self.folder}/docker.sock"

    def start(self) -> None:
        """Start it; it answers afterwards."""
        subprocess.run(self._script(), env=self._environ(), stdin=subprocess.DEVNULL, check=True)

    def stop(self, check: bool = True) -> None:
        """End it."""
        subprocess.run(self._script("--stop"), env=self._environ(), check=check)

    def take_stand_in(self) -> None:
        """Load the stand-in base from the machine's engine."""
        environ = {**os.environ, "DOCKER_HOST": self.host}
        with subprocess.Popen(["docker", "save", STAND_IN], stdout=subprocess.PIPE) as save:
            subprocess.run(
                ["docker", "load", "--quiet"],
                env=environ,
                stdin=save.stdout,
                stdout=subprocess.DEVNULL,
                check=True,
            )

    def _script(self, *words: str) -> list[str]:
        engine = [str(ROOT / "bin" / "engine"), *words]
        hosts = self.environ.get("ENGINE_HOSTS")  # a file in the place of /etc/hosts
        if not hosts:
            return ["unshare", "--net", *engine]
        own = ["--net", "--mount", "--propagation", "private"]
        return [
            "unshare",
            *own,
            "sh",
            "-c",
            'mount --bind "$0" /etc/hosts && exec "$@"',
            hosts,
            *engine,
        ]

    def _environ(self) -> dict[str, str]:
        return {**os.environ, **self.environ, "ENGINE_DIR": str(self.folder)}


@contextlib.contextmanager
def own_engine(
    request: pytest.FixtureRequest, size: str, settings: str = "{}", **environ: str
) -> Iterator[OwnEngine]:
    """Start an engine on a disk in memory of a size, with a daemon.json; it is gone afterwards."""
    path = f"{environ.get('PATH', os.environ['PATH'])}:{SBIN}"
    if os.getuid() or not shutil.which("dockerd", path=path):
        missing(request, "an engine of its own needs root and dockerd.")
    folder = Path(tempfile.mkdtemp(prefix="dockerutils-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    engine = OwnEngine(folder, environ)
    try:
        (folder / "daemon.json").write_text(settings)
        engine.start()
        yield engine
    finally:
        engine.stop(check=False)
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()


def old_programs(request: pytest.FixtureRequest) -> str:
    """Give the folders of Debian bookworm's Docker 20.10, unpacked once and kept."""
    if not (OLD / "usr/sbin/dockerd").is_file():
        with tempfile.TemporaryDirectory() as folder:
            unpack_old(request, Path(folder))
    return f"{OLD}/usr/sbin:{OLD}/usr/bin"


def unpack_old(request: pytest.FixtureRequest, folder: Path) -> None:
    """Download the packages, and unpack them beside what is kept; nothing is installed."""
    if os.getuid() or not (shutil.which("apt-get") and shutil.which("runc", path=SBIN)):
        missing(request, "Docker 20.10 needs root, Debian and runc.")
    download = ["apt-get", "-q", "download", *OLD_PACKAGES]
    got = subprocess.run(download, cwd=folder, capture_output=True, text=True)
    if got.returncode:  # a machine that has never asked what there is
        subprocess.run(["apt-get", "-q", "update"], capture_output=True)
        got = subprocess.run(download, cwd=folder, capture_output=True, text=True)
    if got.returncode:
        missing(request, f"Docker 20.10 cannot be downloaded from Debian bookworm: {got.stderr}")
    OLD.parent.mkdir(exist_ok=True)
    new = Path(tempfile.mkdtemp(dir=OLD.parent))
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, new], check=True)
    with contextlib.suppress(OSError):  # another run was faster
        new.rename(OLD)
        return
    shutil.rmtree(new)
