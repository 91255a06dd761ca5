"""A registry, as OCI's distribution specification describes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dockerutils.errors import ProjectError
from dockerutils.oci import media_types
from dockerutils.oci.descriptor import Descriptor
from dockerutils.oci.digest import digest_of, is_digest
from dockerutils.oci.registry.authentication import to_read
from dockerutils.oci.registry.credentials import CredentialSource
from dockerutils.oci.registry.download import Download
from dockerutils.oci.registry.exchange import (
    Exchange,
    blob_call,
    manifest_call,
    onward,
    upload_call,
)
from dockerutils.oci.registry.failures import PassingFailure, RegistryError
from dockerutils.oci.registry.patience import Patience
from dockerutils.oci.registry.trust import Trust
from dockerutils.oci.registry.upload import Blob, Chunks, Upload, cancel, put_small
from dockerutils.oci.registry.wire import Reply

ACCEPTED = ", ".join((*media_types.MANIFESTS, *media_types.INDEXES))
SIGNED = "application/vnd.docker.distribution.manifest.v1"  # of registries before 2016


class Registry:
    """One registry; threads may share it, and its connections are kept until it is closed.

    All methods raise `RegistryError` for what fails, after a few tries where that may pass.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.host = exchange.host
        self._exchange = exchange

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are kept."""
        self._exchange.close()

    def manifest(self, repository: str, reference: str) -> tuple[bytes, Descriptor] | None:
        """Get a manifest or an index by tag or digest; None where there is none."""
        call = manifest_call("GET", repository, reference, headers={"Accept": ACCEPTED})
        reply = self._exchange.ask(call, (200, 404))
        if reply.status == 404:
            return None
        kind = reply.headers.get("Content-Type", "").partition(";")[0].strip()
        if kind.startswith(SIGNED):
            raise ProjectError(
                f"{self.host}/{repository} has {reference} in a form that docker gave up in 2016.",
                "Push the image again with a docker of today.",
            )
        digest = digest_of(reply.body)
        told = reference if is_digest(reference) else _told_digest(reply)
        if told and told != digest:
            raise RegistryError(
                f"{self.host} gives another manifest than {told} for {self.host}/{repository}.",
                "A proxy may have changed it on the way; try again without.",
            )
        return reply.body, Descriptor(kind, digest, len(reply.body))

    def put_manifest(self, repository: str, reference: str, data: bytes, media_type: str) -> str:
        """Put a manifest under a tag or its digest; gives its digest."""
        call = manifest_call(
            "PUT",
            repository,
            reference,
            headers={"Content-Type": media_type},
            body=data,
            writes=True,
        )
        told = _told_digest(self._exchange.ask(call, (200, 201, 202)))
        digest = digest_of(data)
        if told and told != digest:
            raise RegistryError(
                f"{self.host} keeps another manifest than was sent for {self.host}/{repository}.",
                "A proxy may have changed it on the way; try again without.",
            )
        return digest

    def has_blob(self, repository: str, digest: str) -> int | None:
        """Give the size of a blob in bytes, None where it is not in the repository."""
        reply = self._exchange.ask(blob_call("HEAD", repository, digest), (200, 404))
        length = reply.headers.get("Content-Length", "")
        return (int(length) if length.isdigit() else 0) if reply.status == 200 else None

    def mount(self, repository: str, digest: str, source_repository: str) -> bool:
        """Have a blob of another repository in this one; False where that cannot be.

        Nothing is sent, so whoever may not read the other repository has to upload.
        """
        query = f"?mount={digest}&from={source_repository}"
        call = upload_call(repository, query, besides=to_read(source_repository))
        try:
            reply = self._exchange.ask(call, (201, 202))
        except PassingFailure:
            raise
        except RegistryError as error:
            if error.code in (401, 403, 404, 405):
                return False
            raise
        if reply.status == 202:  # an upload has begun instead
            cancel(self._exchange, onward(call, reply, "DELETE"))
        return reply.status == 201

    def upload(self, repository: str, chunks: Chunks, expected: str = "") -> Blob:
        """Send a stream of unknown length; `chunks` is called again only after a lost connection.

        Raises `ContentChanged` where its digest is not the expected one.
        """
        return Upload(self._exchange, repository, chunks, expected).run()

    def put_blob(self, repository: str, data: bytes) -> str:
        """Send a few bytes; gives their digest."""
        return put_small(self._exchange, repository, data)

    def blob(self, repository: str, digest: str, size: int | None = None) -> Iterator[bytes]:
        """Get a blob in chunks of about 1 MiB, which is checked at its end, goes on if cut off."""
        if not is_digest(digest):
            raise ProjectError(f"{digest!r} is no digest of a blob in {self.host}/{repository}.")
        return Download(self._exchange, repository, digest, size).chunks()


def _told_digest(reply: Reply) -> str:
    told = reply.headers.get("Docker-Content-Digest", "")
    return told if is_digest(told) else ""


def open_registry(
    host: str,
    credentials: CredentialSource,
    environ: Mapping[str, str],
    trust: Trust,
    patience: Patience | None = None,
) -> Registry:
    """Give the registry of a host, as it stands in references; nothing is asked yet."""
    return Registry(Exchange(host, credentials, environ, trust, patience or Patience()))
