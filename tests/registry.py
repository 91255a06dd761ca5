"""A registry with images of one file each, which an engine can really pull from."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


class Registry(ThreadingHTTPServer):
    """Answers the questions of a pull, and remembers them."""

    def __init__(self) -> None:
        """Take a free port of this machine."""
        super().__init__(("127.0.0.1", 0), Answer)
        self.blobs: dict[str, bytes] = {}
        self.tags: dict[str, str] = {}
        self.asked: list[str] = []

    def reference(self, name: str) -> str:
        """Give the whole name of an image in here."""
        return f"127.0.0.1:{self.server_port}/{name}"

    def publish(self, name: str, content: str) -> str:
        """Put an image with one file, /content, under `repository:tag`; gives its whole name."""
        layer = one_file("content", content.encode())
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.keep("container.image.v1+json", json.dumps(config).encode()),
            "layers": [self.keep("image.rootfs.diff.tar.gzip", gzip.compress(layer, mtime=0))],
        }
        kept = self.keep("distribution.manifest.v2+json", json.dumps(manifest).encode())
        repository, _, tag = name.partition(":")
        self.tags[f"{repository}/manifests/{tag}"] = str(kept["digest"])
        return self.reference(name)

    def keep(self, kind: str, blob: bytes) -> dict[str, str | int]:
        """Keep a blob; gives its description."""
        self.blobs[digest(blob)] = blob
        media = f"application/vnd.docker.{kind}"
        return {"mediaType": media, "size": len(blob), "digest": digest(blob)}


class Answer(BaseHTTPRequestHandler):
    """One answer of the registry."""

    server: Registry
    # An engine that tries TLS first goes on without only after an answer with a status line.
    default_request_version = "HTTP/1.0"

    def do_GET(self) -> None:  # the name that http.server looks for
        """Give a manifest by its tag, or a blob by its digest."""
        path = self.path.removeprefix("/v2/")
        self.server.asked.append(path)
        found = self.server.tags.get(path, path.rpartition("/")[2])
        blob = self.server.blobs.get(found, None if path else b"{}")
        self.send_response(404 if blob is None else 200)
        self.send_header("Content-Type", MANIFEST if "/manifests/" in path else "application/json")
        self.send_header("Docker-Content-Digest", found)
        self.send_header("Content-Length", str(len(blob or b"")))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(blob or b"")

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def one_file(name: str, content: bytes) -> bytes:
    """Give a tar archive with one file."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def digest(blob: bytes) -> str:
    """Give the digest as registries write it."""
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


@contextmanager
def running_registry() -> Iterator[Registry]:
    """Give a registry that answers as long as the `with` lasts."""
    with Registry() as registry:
        thread = threading.Thread(target=registry.serve_forever)
        thread.start()
        try:
            yield registry
        finally:
            registry.shutdown()
            thread.join()
