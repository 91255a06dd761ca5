"""Downloads of blobs: checked at the end, continued where they broke off."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator

from dockerutils.oci.registry import failures
from dockerutils.oci.registry.exchange import Exchange, blob_call
from dockerutils.oci.registry.failures import PassingFailure, RegistryError, Subject
from dockerutils.oci.registry.patience import Tries
from dockerutils.oci.registry.wire import Chunks, Response, read_reply

CONTENT_RANGE = re.compile(r"bytes ([0-9]+)-[0-9]+/(?:[0-9]+|\*)")


class Download:
    """One blob on its way from a repository."""

    def __init__(
        self, exchange: Exchange, repository: str, digest: str, size: int | None = None
    ) -> None:
        self._exchange = exchange
        self._repository = repository
        self._digest = digest
        self._size = size  # as the manifest tells, else as the registry does
        self._subject = Subject(exchange.host, repository)
        self._hash = hashlib.sha256()
        self._done = 0  # bytes

    def chunks(self) -> Iterator[bytes]:
        """Give the blob; raises `RegistryError` at its end where it is another than asked for."""
        tries = Tries(self._exchange.patience)
        while self._done != self._size:
            try:
                yield from self._part()
                break
            except PassingFailure as failure:
                tries.wait(failure, self._done)
        if f"sha256:{self._hash.hexdigest()}" != self._digest:
            raise self._damaged("not the bytes that its digest stands for")

    def _part(self) -> Iterator[bytes]:
        """Give what one answer has of it beyond what came before."""
        headers = {"Range": f"bytes={self._done}-"} if self._done else {}
        call = blob_call("GET", self._repository, self._digest, headers=headers)
        response, url = self._exchange.open(call)
        if response.status not in (200, 206):
            raise self._exchange.failure(call, read_reply(response, self._subject, url))
        with contextlib.closing(Chunks(response, self._subject)) as chunks:
            begins = self._begin(response)
            for chunk in chunks:
                fresh = chunk[max(0, self._done - begins) :]
                begins += len(chunk)
                if fresh:
                    self._take(fresh)
                    yield fresh
        if self._size is not None and self._done < self._size:
            raise failures.broken_off(self._subject, "it was closed before the end")

    def _begin(self, response: Response) -> int:
        """Give the place in the blob at which an answer begins; its end has to be the blob's."""
        begins = 0
        if response.status == 206:
            found = CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
            if found is None or int(found[1]) > self._done:
                raise self._damaged("another part than was asked for")
            begins = int(found[1])
        length = response.headers.get("Content-Length", "")
        if length.isdigit():
            self._expect(begins + int(length))
        return begins

    def _expect(self, size: int) -> None:
        if self._size is None:
            self._size = size
        if self._size != size:
            raise self._damaged(f"{size} bytes instead of {self._size}")

    def _take(self, chunk: bytes) -> None:
        self._hash.update(chunk)
        self._done += len(chunk)
        if self._size is not None and self._done > self._size:
            raise self._damaged(f"more than its {self._size} bytes")

    def _damaged(self, what: str) -> RegistryError:
        return RegistryError(
            f"{self._subject.host} gives {what} for the blob {self._digest} of {self._subject}.",
            "It is damaged there, or a proxy changed it on the way; push it there again.",
        )
