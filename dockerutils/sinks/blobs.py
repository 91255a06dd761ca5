"""Layers in the form of registries: compressed, or as their source has them already."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from dockerutils.errors import ContentChanged, Interrupted
from dockerutils.oci.compress import compressor_id, gzip_stream
from dockerutils.oci.layer import Advance, Descriptor, Layer, StoredBlob
from dockerutils.oci.media_types import (
    DOCKER_LAYER,
    DOCKER_LAYER_GZIP,
    OCI_LAYER,
    OCI_LAYER_GZIP,
)

T = TypeVar("T")

AS_OCI = {DOCKER_LAYER: OCI_LAYER, DOCKER_LAYER_GZIP: OCI_LAYER_GZIP}
PLAIN = (OCI_LAYER, DOCKER_LAYER)


def taken_form(layer: Layer) -> StoredBlob | None:
    """Give the form that is taken over unchanged: what is compressed, or in a registry already."""
    stored = layer.stored
    if stored is None or (stored.descriptor.media_type in PLAIN and not stored.repository):
        return None
    return stored


def known_blob(layer: Layer) -> Descriptor | None:
    """Give a layer's blob if it is known without compressing anything."""
    taken = taken_form(layer)
    if taken is None:
        return layer.blob(compressor_id())
    blob = taken.descriptor
    return replace(blob, media_type=AS_OCI.get(blob.media_type, blob.media_type))


def blob_chunks(layer: Layer, advance: Advance) -> Iterator[bytes]:
    """Give a layer's blob; `advance` is told of the bytes that are read for it."""
    taken = taken_form(layer)
    if taken is not None:
        return watched(taken.chunks(), advance)
    return gzip_stream(watched(verified(layer), advance))


def learn_blob(layer: Layer, digest: str, size: int) -> Descriptor:
    """Keep what a layer's blob, read to its end, has turned out to be; give its descriptor."""
    known = known_blob(layer)
    if known and (known.digest, known.size) != (digest, size):
        raise changed(layer)
    blob = known or Descriptor(OCI_LAYER_GZIP, digest, size)
    if not known:
        layer.learn(layer.identity(), compressor_id(), blob)
    return blob


def verified(layer: Layer) -> Iterator[bytes]:
    """Give a layer's tar; raise `ContentChanged` at its end if it is not what it was."""
    known = layer.known()
    if known is None:
        yield from layer.chunks()
        return
    digest = hashlib.sha256()
    for chunk in layer.chunks():
        digest.update(chunk)
        yield chunk
    if known.diff_id != f"sha256:{digest.hexdigest()}":
        raise changed(layer)


def watched(chunks: Iterator[bytes], advance: Advance) -> Iterator[bytes]:
    """Give chunks, and tell how many bytes were taken."""
    for chunk in chunks:
        yield chunk
        advance(len(chunk))


def changed(layer: Layer) -> ContentChanged:
    """Describe a layer whose files have changed since its digest was computed."""
    return ContentChanged(
        f"{layer.name} changed while it was read.",
        "Start the command again when nothing writes to it any more.",
    )


def each_layer(
    layers: Sequence[Layer], jobs: int, work: Callable[[Layer, Advance], T], advance: Advance
) -> list[T]:
    """Work on all layers, several at once, the largest first; give the results in their order.

    The first exception, also one of `advance`, ends all of it and is raised.
    """
    from concurrent.futures import (  # noqa: PLC0415  # brings logging along
        FIRST_EXCEPTION,
        ThreadPoolExecutor,
        wait,
    )

    stopped = threading.Event()

    def checked(done: int) -> None:
        if stopped.is_set():
            raise Interrupted("ended, because another layer failed.")
        advance(done)

    with ThreadPoolExecutor(max_workers=jobs) as pool:
        try:
            ordered = sorted(dict.fromkeys(layers), key=lambda layer: -weight(layer))
            running = {layer: pool.submit(work, layer, checked) for layer in ordered}
            for one in wait(running.values(), return_when=FIRST_EXCEPTION).done:
                one.result()
            return [running[layer].result() for layer in layers]
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)


def weight(layer: Layer) -> int:
    """Give about how many bytes of a layer are to be read."""
    known = layer.known()
    return known.size if known and known.size > 0 else layer.weight
