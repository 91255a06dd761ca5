"""Images out of files: archives and OCI image layouts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dockerutils.oci.archive import read_archive, read_layout
from dockerutils.oci.digest_cache import DigestCache
from dockerutils.oci.image import OciImage


@dataclass(frozen=True)
class ArchiveSource:
    """A file of `docker save`, or an OCI archive; `reference` chooses among several images."""

    path: Path
    reference: str = ""
    architecture: str = ""
    cache: DigestCache | None = None

    @contextlib.contextmanager
    def open(self) -> Iterator[OciImage]:
        """Give the image; raise `ProjectError` where it is not there."""
        yield read_archive(self.path, self.reference, self.architecture, self.cache)


@dataclass(frozen=True)
class LayoutSource:
    """A folder in OCI image layout; `ref` chooses among several images."""

    folder: Path
    ref: str = ""
    architecture: str = ""
    cache: DigestCache | None = None

    @contextlib.contextmanager
    def open(self) -> Iterator[OciImage]:
        """Give the image; raise `ProjectError` where it is not there."""
        yield read_layout(self.folder, self.ref, self.architecture, self.cache)
