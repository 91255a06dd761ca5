"""A small base that runs `cat`, and a registry in an engine's own network to pull it from."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from own_engines import OwnEngine
from processes import wait_until
from registries import free_port, settings
from stores import image

from dockerutils.oci.image import OciImage
from dockerutils.oci.layer import Layer, made_layer
from dockerutils.oci.tar import Entry, tar_stream

CONTAINERD = '{"features": {"containerd-snapshotter": true}}'  # of a daemon.json


def programs() -> Layer:
    """Make a layer with `cat` and what it needs of this machine."""
    cat = shutil.which("cat") or "cat"
    told = subprocess.run(["ldd", cat], capture_output=True, text=True, check=True).stdout
    paths = sorted({cat, *re.findall(r"/\S+", told)})
    files = [Entry(path[1:].encode(), 0o755, content=Path(path).read_bytes()) for path in paths]
    return made_layer("programs", lambda: tar_stream(files), "c" * 64, None)


def small_base() -> OciImage:
    """Make a base that runs `cat`; of Python it has only a file in its place."""
    python = Entry(b"usr/bin/python3.11", 0o755, content=b"no program")
    return image(programs(), made_layer("python", lambda: tar_stream([python]), "d" * 64, None))


@contextlib.contextmanager
def registry_beside(own: OwnEngine, folder: Path) -> Iterator[str]:
    """Run a registry with the same store in the network of an engine."""
    inside = ["nsenter", "--target", (own.folder / "docker.pid").read_text(), "--net"]
    subprocess.run([*inside, "ip", "link", "set", "lo", "up"], check=True)
    place = f"127.0.0.1:{free_port()}"
    config = folder / "inside.yml"
    config.write_text(json.dumps(settings(folder, place, None, None)))
    words = [*inside, "docker-registry", "serve", str(config)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        port = place.partition(":")[2]
        probe = f"import socket; socket.create_connection(('127.0.0.1', {port}))"

        def listens() -> bool:
            asked = [*inside, sys.executable, "-c", probe]
            return not subprocess.run(asked, capture_output=True).returncode

        try:
            wait_until("the registry listens", listens)
            yield place
        finally:
            process.terminate()
