"""Layers as values: a tar that can be made or read again, and what is known of it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dockerutils.errors import ContentChanged, DockerutilsError
from dockerutils.oci.descriptor import UNKNOWN_SIZE, Descriptor, Identity, Kept

if TYPE_CHECKING:
    from dockerutils.oci.digest_cache import DigestCache

__all__ = [
    "UNKNOWN_SIZE",
    "Advance",
    "Chunks",
    "Descriptor",
    "Identity",
    "Layer",
    "StoredBlob",
    "identities",
    "ignore",
    "made_layer",
    "stored_layer",
]

Chunks = Callable[[], Iterator[bytes]]
Advance = Callable[[int], None]  # is told the bytes done, from any thread; may raise


def ignore(_done: int) -> None:
    """Take no notice of what is done."""


@dataclass(frozen=True)
class StoredBlob:
    """The form in which a layer's source has it, and the repository ("host/path") if it has one."""

    descriptor: Descriptor
    chunks: Chunks
    repository: str = ""


class Layer:
    """A layer; equality is identity. Threads can share it.

    `name` is for people, `weight` its expected size in bytes, and `stored` the form in which its
    source has it already.
    """

    def __init__(
        self,
        name: str,
        make: Chunks,
        key: str,
        cache: DigestCache | None,
        *,
        given: Identity | None = None,
        weight: int = 0,
        stored: StoredBlob | None = None,
    ) -> None:
        self.name = name
        self.weight = weight
        self.stored = stored
        self._make = make
        self._key = key
        self._cache = cache
        self._given = given
        self._kept: Kept | None = None
        self._reading = threading.Lock()

    def __repr__(self) -> str:
        return f"<Layer {self.name}>"

    def known(self) -> Identity | None:
        """Give the identity if no content has to be read for it; its size may be unknown."""
        kept = self._known()
        return kept.identity if kept else None

    def identity(self, advance: Advance = ignore) -> Identity:
        """Give the identity, for which an unknown layer is read once; its size may be unknown."""
        return self.known() or self._measure(advance)

    def sized(self, advance: Advance = ignore) -> Identity:
        """Give the identity with its size; a layer of which only the diff ID is known is read."""
        known = self.known()
        return known if known and known.size != UNKNOWN_SIZE else self._measure(advance)

    def blob(self, compressor: str) -> Descriptor | None:
        """Give the compressed form, if it is known for this compressor's ID."""
        kept = self._known()
        return kept.blobs.get(compressor) if kept else None

    def learn(self, identity: Identity, compressor: str, blob: Descriptor) -> None:
        """Keep what compressing the layer told, in memory and in the cache."""
        self._keep(identity, {compressor: blob})

    def chunks(self) -> Iterator[bytes]:
        """Give the tar, the same each time.

        Who reads an unknown layer to its end has made it known. Raises `ContentChanged` where the
        tar of a known one has another size, and `DockerutilsError` where stored content is not
        what its diff ID says.
        """
        known = self.known()
        if known is None or self._given:
            return self._hashed(known)
        return self._counted(known)

    def _measure(self, advance: Advance) -> Identity:
        with self._reading:
            known = self.known()
            if known and known.size != UNKNOWN_SIZE:
                return known
            for chunk in self.chunks():
                advance(len(chunk))
        return self.sized(advance)

    def _hashed(self, known: Identity | None) -> Iterator[bytes]:
        digest = hashlib.sha256()
        size = 0
        for chunk in self._make():
            digest.update(chunk)
            size += len(chunk)
            yield chunk
        identity = Identity("sha256:" + digest.hexdigest(), size)
        if self._given and self._given.diff_id != identity.diff_id:
            raise DockerutilsError(
                f"the content of {self.name} is damaged: it has the digest {identity.diff_id}, "
                f"and should have {self._given.diff_id}.",
                hint="Get or make the image again.",
            )
        if known != identity:
            self._keep(identity, {})

    def _counted(self, known: Identity) -> Iterator[bytes]:
        size = 0
        for chunk in self._make():
            size += len(chunk)
            yield chunk
        if size != known.size:
            raise ContentChanged(
                f"{self.name} changed: it had {known.size} bytes, and now has {size}.",
                hint="Start the command again when nothing writes to it any more.",
            )

    def _known(self) -> Kept | None:
        if self._kept is None:
            self._kept = self._looked_up()
        return self._kept

    def _looked_up(self) -> Kept | None:
        kept = self._cache.get(self._key) if self._cache else None
        if self._given is None:
            return kept
        if kept is None or kept.identity.diff_id != self._given.diff_id:
            return Kept(self._given)
        size = kept.identity.size if self._given.size == UNKNOWN_SIZE else self._given.size
        return replace(kept, identity=Identity(self._given.diff_id, size))

    def _keep(self, identity: Identity, blobs: dict[str, Descriptor]) -> None:
        old = self._known()
        same = old is not None and old.identity.diff_id == identity.diff_id
        self._kept = Kept(identity, {**(old.blobs if old and same else {}), **blobs})
        if self._cache:
            self._cache.put(self._key, self._kept)


def made_layer(
    name: str, make: Chunks, fingerprint: str, cache: DigestCache | None, weight: int = 0
) -> Layer:
    """Give a layer that we make; its identity is kept under the fingerprint of what it is made of.

    `weight` is about how many bytes it has: where several are read at once, large ones go first.
    """
    return Layer(name, make, fingerprint, cache, weight=weight)


def stored_layer(
    name: str,
    identity: Identity,
    make: Chunks,
    cache: DigestCache | None,
    stored: StoredBlob | None = None,
) -> Layer:
    """Give a layer whose diff ID a config tells; its size may be `UNKNOWN_SIZE`."""
    weight = max(identity.size, stored.descriptor.size if stored else 0)
    return Layer(name, make, identity.diff_id, cache, given=identity, weight=weight, stored=stored)


def identities(
    layers: Sequence[Layer], jobs: int = 2, advance: Advance = ignore, sizes: bool = False
) -> tuple[Identity, ...]:
    """Give the identities of layers; unknown ones are read side by side, the largest first.

    With `sizes`, layers of which only the diff ID is known are read as well. The first exception,
    also one of `advance`, ends all reading and is raised.
    """
    unknown = [layer for layer in dict.fromkeys(layers) if _has_to_be_read(layer, sizes)]
    unknown.sort(key=lambda layer: -layer.weight)
    if jobs > 1 and len(unknown) > 1:
        _measure_side_by_side(unknown, jobs, advance)
    else:
        for layer in unknown:
            layer.sized(advance)
    return tuple(layer.identity() for layer in layers)


def _has_to_be_read(layer: Layer, sizes: bool) -> bool:
    known = layer.known()
    return known is None or (sizes and known.size == UNKNOWN_SIZE)


def _measure_side_by_side(layers: Sequence[Layer], jobs: int, advance: Advance) -> None:
    from concurrent.futures import (  # noqa: PLC0415  # brings logging along
        FIRST_EXCEPTION,
        CancelledError,
        ThreadPoolExecutor,
        wait,
    )

    stopped = threading.Event()

    def watched(done: int) -> None:
        if stopped.is_set():
            raise CancelledError
        advance(done)

    with ThreadPoolExecutor(max_workers=jobs) as pool:
        try:
            running = [pool.submit(layer.sized, watched) for layer in layers]
            for one in wait(running, return_when=FIRST_EXCEPTION).done:
                one.result()
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)
