"""A registry of this machine's own, Debian's docker-registry on a loopback port, and its log."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

COMMAND = "docker-registry"
CONFIG = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: false}}}}
storage: {{filesystem: {{rootdirectory: {store}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""
# The request that ends the upload of a blob, in one piece or in several, and names its digest.
UPLOADED = re.compile(r'"(?:PUT|POST) /v2/\S+/blobs/uploads/\S*[?&]digest=(\S+?)[& ].* 201 ')
SECONDS_TO_START = 20
SECONDS_TO_LOG = 0.3  # a request is answered before it stands in the log


class LocalRegistry:
    """A registry that can be put back to what it held when `keep` was called."""

    def __init__(self, folder: Path) -> None:
        """Take a free port of this machine, and `folder` for all files; start nothing."""
        self.store, self.kept, self.log = (folder / name for name in ("store", "kept", "log"))
        self.port = free_port()
        self._config = folder / "config.yml"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._config.write_text(CONFIG.format(store=self.store, port=self.port))

    @property
    def host(self) -> str:
        """Give the host as it stands before the names of images."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.store.mkdir(exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                (COMMAND, "serve", self._config), stdout=log, stderr=log
            )
        end = time.monotonic() + SECONDS_TO_START
        while not self._answers():
            if time.monotonic() > end or self._process.poll() is not None:
                raise SystemExit(f"{COMMAND} does not start:\n{self.log.read_text()}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.host}/v2/", timeout=5):
                return True
        except (URLError, OSError):
            return False

    def stop(self) -> None:
        """End it, unless it has ended."""
        if self._process:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def keep(self) -> None:
        """Remember what it holds now."""
        shutil.rmtree(self.kept, ignore_errors=True)
        shutil.copytree(self.store, self.kept)

    def reset(self) -> None:
        """Forget all that came after `keep`; it is started anew, as it remembers blobs."""
        self.stop()
        shutil.rmtree(self.store, ignore_errors=True)
        shutil.copytree(self.kept, self.store)
        self.start()

    def count(self, action: Callable[[], object]) -> int:
        """Do something, and give the bytes of all blobs that came meanwhile, wanted or not."""
        start = self.log.stat().st_size
        action()
        time.sleep(SECONDS_TO_LOG)
        with self.log.open("rb") as log:
            log.seek(start)
            return sum(map(self._size, uploaded(log.read().decode(errors="replace"))))

    def _size(self, digest: str) -> int:
        algorithm, _, code = digest.partition(":")
        blobs = self.store / "docker/registry/v2/blobs"
        return (blobs / algorithm / code[:2] / code / "data").stat().st_size


def uploaded(log: str) -> list[str]:
    """Give the digest of each blob that was uploaded, as often as it was; a mount is none."""
    return [found.replace("%3A", ":") for found in UPLOADED.findall(log)]


def free_port() -> int:
    """Give a port that nobody has at the moment."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def local_registry(folder: Path) -> Iterator[LocalRegistry]:
    """Run a registry as long as the `with` lasts; the folder is the caller's to remove."""
    if not shutil.which(COMMAND):
        raise SystemExit(f"There is no {COMMAND}: apt-get install -y docker-registry.")
    registry = LocalRegistry(folder)
    try:
        registry.start()
        yield registry
    finally:
        registry.stop()
