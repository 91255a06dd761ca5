"""What layers turned out to be when they were last made: digests and sizes, never content."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from dockerutils.errors import ProjectError
from dockerutils.files import replace_file
from dockerutils.oci.descriptor import Descriptor, Identity, Kept
from dockerutils.oci.digest import is_digest

__all__ = ["DigestCache", "Kept"]

FORM = "dockerutils digests 1"
MOST = 32  # files of one of the 256 folders; about 1 KB each
LEFT = 24  # files of a folder that are left when it had more
PLAIN_KEY = re.compile(r"[0-9a-f]{64}")


class DigestCache:
    """A folder with a small file for each layer.

    It only ever saves work: what is missing, damaged or cannot be written counts as not known,
    and nothing is said. Threads and processes can use it at once; the last writer's file stays.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> Kept | None:
        """Give what is known of a layer."""
        try:
            head, _, body = self._path(key).read_bytes().partition(b"\n")
            return _read(json.loads(body), key) if head == _head(body) else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ProjectError):
            return None

    def put(self, key: str, kept: Kept) -> None:
        """Keep what is known of a layer in the place of what was."""
        blobs = {name: blob.to_json() for name, blob in sorted(kept.blobs.items())}
        identity = {"diff_id": kept.identity.diff_id, "size": kept.identity.size}
        body = json.dumps({"key": key, **identity, "blobs": blobs}, separators=(",", ":")).encode()
        path = self._path(key)
        with contextlib.suppress(OSError):
            replace_file(path, _head(body) + b"\n" + body)
            _drop_oldest(path.parent)

    def _path(self, key: str) -> Path:
        name = key.removeprefix("sha256:")
        if not PLAIN_KEY.fullmatch(name):
            name = hashlib.sha256(key.encode()).hexdigest()
        return self.folder / name[:2] / f"{name}.json"


def _head(body: bytes) -> bytes:
    return f"{FORM} {hashlib.sha256(body).hexdigest()}".encode()


def _read(data: dict[str, Any], key: str) -> Kept | None:
    identity = Identity(data["diff_id"], data["size"])
    blobs = {name: Descriptor.from_json(blob) for name, blob in data["blobs"].items()}
    valid = data["key"] == key and is_digest(identity.diff_id) and isinstance(identity.size, int)
    return Kept(identity, blobs) if valid else None


def _drop_oldest(folder: Path) -> None:
    files = list(folder.iterdir())
    if len(files) <= MOST:
        return
    files.sort(key=lambda file: file.stat().st_mtime_ns)
    for file in files[:-LEFT]:
        file.unlink(missing_ok=True)
