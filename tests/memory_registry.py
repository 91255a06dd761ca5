"""A registry in memory, with what stands for an image in it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from stores import digest as digest_of

from dockerutils.errors import ContentChanged
from dockerutils.oci.descriptor import Descriptor
from dockerutils.oci.layer import Chunks
from dockerutils.oci.registry.client import Registry
from dockerutils.oci.registry.failures import RegistryError
from dockerutils.oci.registry.upload import Blob
from dockerutils.sinks.registry import RegistrySink
from dockerutils.sources.registry import RegistrySource


class MemoryRegistry(Registry):
    """A registry in memory that remembers the requests that were made of it."""

    def __init__(self, host: str = "registry.test") -> None:
        self.host = host
        self.blobs: dict[str, dict[str, bytes]] = {}  # of each repository
        self.manifests: dict[tuple[str, str], tuple[bytes, str]] = {}
        self.asked: list[str] = []
        self.failing = ""

    def manifest(self, repository: str, reference: str) -> tuple[bytes, Descriptor] | None:
        self.asked.append("get manifest")
        found = self.manifests.get((repository, reference))
        if found is None:
            return None
        data, kind = found
        return data, Descriptor(kind, digest_of(data), len(data))

    def put_manifest(self, repository: str, reference: str, data: bytes, media_type: str) -> str:
        self.asked.append("put manifest")
        manifest = json.loads(data)
        for one in [manifest["config"], *manifest["layers"]]:
            assert one["size"] == len(self.blobs[repository][one["digest"]])
        for name in (reference, digest_of(data)):
            self.manifests[repository, name] = data, media_type
        return digest_of(data)

    def has_blob(self, repository: str, digest: str) -> int | None:
        self.asked.append("head blob")
        found = self.blobs.get(repository, {}).get(digest)
        return None if found is None else len(found)

    def mount(self, repository: str, digest: str, source_repository: str) -> bool:
        self.asked.append("mount")
        found = self.blobs.get(source_repository, {}).get(digest)
        if found is not None:
            self.blobs.setdefault(repository, {})[digest] = found
        return found is not None

    def upload(self, repository: str, chunks: Chunks, expected: str = "") -> Blob:
        self.asked.append("upload")
        data = b"".join(chunks())
        if self.failing == "upload":
            raise RegistryError("registry.test fails.")
        if expected not in ("", digest_of(data)):
            raise ContentChanged("not what was expected.")
        self.put(repository, data)
        return Blob(digest_of(data), len(data))

    def put_blob(self, repository: str, data: bytes) -> str:
        self.asked.append("put blob")
        return self.put(repository, data)

    def blob(self, repository: str, digest: str, size: int | None = None) -> Iterator[bytes]:
        self.asked.append("get blob")
        del size
        return iter([self.blobs[repository][digest]])

    def put(self, repository: str, data: bytes) -> str:
        self.blobs.setdefault(repository, {})[digest_of(data)] = data
        return digest_of(data)

    def requests(self) -> list[str]:
        """Give what was asked since the last question."""
        asked, self.asked = self.asked, []
        return asked


def sink(registry: Registry, tag: str = "1", repository: str = "shop") -> RegistrySink:
    return RegistrySink(registry, repository, tag, jobs=1)


def source(registry: Registry, reference: str = "1", repository: str = "shop") -> RegistrySource:
    return RegistrySource(registry, repository, reference, "amd64")
