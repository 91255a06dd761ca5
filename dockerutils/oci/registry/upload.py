"""Uploads of blobs: streamed once, hashed on the way, continued where they broke off."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from dockerutils.errors import ContentChanged, DockerutilsError
from dockerutils.oci.digest import digest_of
from dockerutils.oci.registry.addresses import with_query
from dockerutils.oci.registry.exchange import Call, Exchange, blob_call, onward, upload_call
from dockerutils.oci.registry.failures import PassingFailure, RegistryError
from dockerutils.oci.registry.wire import Reply

Chunks = Callable[[], Iterator[bytes]]

BYTES = {"Content-Type": "application/octet-stream"}
ARRIVED = re.compile(r"(?:bytes=)?0-([0-9]+)")
UNKNOWN_UPLOAD = (404, 410, 416)  # also: not where it has to go on


class Blob(NamedTuple):
    """What a registry has now."""

    digest: str
    size: int


class SourceFailed(Exception):
    """What is sent cannot be read: no fault of the connection."""

    def __init__(self, cause: OSError | DockerutilsError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Body:
    """A stream on its way: all of it is hashed, what arrived before is not sent again."""

    def __init__(self, chunks: Chunks, skipped: int) -> None:
        self._chunks = chunks
        self._skipped = skipped
        self._hash = hashlib.sha256()
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        # urllib3 would take an OSError for one of the connection, our loop a PassingFailure.
        try:
            for chunk in self._chunks():
                self._hash.update(chunk)
                self.size += len(chunk)
                sent = chunk[max(0, self._skipped - self.size + len(chunk)) :]
                if sent:
                    yield sent
        except (OSError, DockerutilsError) as error:
            raise SourceFailed(error) from error

    def blob(self) -> Blob:
        """Give what all of it is, once it is all sent."""
        return Blob(f"sha256:{self._hash.hexdigest()}", self.size)


class Upload:
    """One blob on its way to a repository."""

    def __init__(self, exchange: Exchange, repository: str, chunks: Chunks, expected: str) -> None:
        self._exchange = exchange
        self._repository = repository
        self._chunks = chunks
        self._expected = expected
        self._session: Call | None = None  # where the upload goes on
        self._sent: Blob | None = None  # all of it, once it is there
        self._arrived = 0  # bytes

    def run(self) -> Blob:
        """Send it, from where it broke off if need be.

        Raises `RegistryError`, and `ContentChanged` where it is not what was expected.
        """
        try:
            return self._exchange.patience.persist(self._attempt, lambda: self._arrived)
        except SourceFailed as failure:
            self._cancel()
            raise failure.cause from failure
        except ContentChanged:
            self._cancel()
            raise

    def _attempt(self) -> Blob:
        if self._sent is None:
            self._sent = self._send()
        return self._finish(self._sent)

    def _send(self) -> Blob:
        session = self._continued() if self._session else None
        if session is None:
            self._arrived = 0
            session = begin(self._exchange, self._repository)
        self._session = session
        body = Body(self._chunks, self._arrived)
        call = onward_stream(session, body)
        reply = self._checked(call, (200, 201, 202, 204))
        self._session = onward(call, reply, "PUT", headers={}, body=None)
        blob = body.blob()
        if self._expected and blob.digest != self._expected:
            raise ContentChanged(
                f"what was sent to {self._exchange.subject(call)} is not what it was before.",
                "Something changed while it was read; start again.",
            )
        return blob

    def _continued(self) -> Call | None:
        """Ask how much arrived; None where the upload has to start anew.

        Registries of distribution before 3.0 always forget an upload that broke off.
        """
        if self._session is None:
            return None
        call = onward_question(self._session)
        try:
            reply = self._exchange.once(call, (200, 202, 204))
        except PassingFailure:
            raise
        except RegistryError:
            return None
        found = ARRIVED.fullmatch(reply.headers.get("Range", ""))
        # 0-0 is written for one byte and for none.
        if found is None or found[1] == "0":
            return None
        self._arrived = int(found[1]) + 1
        return onward(call, reply, "PATCH")

    def _finish(self, blob: Blob) -> Blob:
        """Have the registry make a blob of what it got."""
        if self._session is None:
            raise PassingFailure(f"the upload to {self._exchange.host} has to start anew.")
        self._checked(closing(self._session, blob.digest), (201, 204), blob)
        return blob

    def _checked(self, call: Call, accepted: tuple[int, ...], blob: Blob | None = None) -> Reply:
        """Send; where the registry does not know the upload any more, it starts anew."""
        try:
            return self._exchange.once(call, accepted)
        except RegistryError as error:
            if isinstance(error, PassingFailure):
                raise
            damaged = error.code == 400 and blob is not None
            if error.code not in UNKNOWN_UPLOAD and not damaged:
                raise
            if blob and self._is_there(blob):  # an earlier PUT did it, and its answer was lost
                return Reply(201, {}, b"", "")
            self._session = self._sent = None
            self._arrived = 0
            raise PassingFailure(error.message, error.hint, error.code) from error

    def _is_there(self, blob: Blob) -> bool:
        call = blob_call("HEAD", self._repository, blob.digest, writes=True)
        return self._exchange.once(call, (200, 404)).status == 200

    def _cancel(self) -> None:
        if self._session:
            cancel(self._exchange, self._session)


def begin(exchange: Exchange, repository: str) -> Call:
    """Begin an upload; gives the call that goes on with it."""
    call = upload_call(repository)
    return onward(call, exchange.once(call, (202,)), "PATCH")


def onward_stream(session: Call, body: Body) -> Call:
    """Make the request that sends a stream of unknown length."""
    return Call("PATCH", session.repository, session.place, BYTES, body, writes=True)


def onward_question(session: Call) -> Call:
    """Make the request that asks how much of an upload arrived."""
    return Call("GET", session.repository, session.place, writes=True)


def closing(session: Call, digest: str, data: bytes = b"") -> Call:
    """Make the request that ends an upload, with all of its bytes or after them."""
    place = with_query(session.place, [("digest", digest)])
    return Call("PUT", session.repository, place, BYTES, data, writes=True)


def cancel(exchange: Exchange, session: Call) -> None:
    """Tell the registry to forget an upload; it does so some day without that."""
    call = Call("DELETE", session.repository, session.place, writes=True)
    with contextlib.suppress(RegistryError):
        exchange.once(call, (200, 202, 204))


def put_small(exchange: Exchange, repository: str, data: bytes) -> str:
    """Upload a few bytes in one go."""
    digest = digest_of(data)

    def attempt() -> str:
        session = begin(exchange, repository)
        exchange.once(closing(session, digest, data), (201, 204))
        return digest

    return exchange.patience.persist(attempt)
