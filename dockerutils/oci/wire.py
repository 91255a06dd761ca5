"""Archives as they travel: compressed piece by piece, so that layers are compressed only once.

gzip and zstd read several compressed streams, one after the other, as one: what stands around the
layers is compressed for each archive, layers come from a cache.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from dockerutils.oci.compress import gzip_stream
from dockerutils.oci.tar import CHUNK, Entry, gathered, tar_parts

NONE, GZIP, ZSTD = "none", "gzip", "zstd"
FORMS = (ZSTD, GZIP, NONE)
LARGEST_BLOCK = 1 << 17  # bytes (RFC 8878, 3.1.1.2.4)
RLE = 2  # the type of a block with one byte that is repeated (3.1.1.2.2)
RUNS = re.compile(rb"(\0{16,})")
SINGLE_SEGMENT = 0xA0  # a frame's descriptor: its size in four bytes, and no window (3.1.1.1.1)


def travelling(
    entries: Iterable[Entry], form: str, content: Callable[[str], Iterator[bytes]]
) -> Iterator[bytes]:
    """Give an archive in a form; `content` gives a blob in this form, by its digest.

    The last chunk has nothing of a blob, and without it the archive is not complete.
    """
    return gathered(_pieces(entries, form, content), CHUNK >> 4)


def _pieces(
    entries: Iterable[Entry], form: str, content: Callable[[str], Iterator[bytes]]
) -> Iterator[bytes]:
    plain: list[bytes] = []
    for part in tar_parts(entries):
        if isinstance(part, bytes):
            plain.append(part)
            continue
        yield from squeezed(b"".join(plain), form)
        plain = []
        yield from content(f"sha256:{part.path.rpartition(b'/')[2].decode()}")
    yield from squeezed(b"".join(plain), form)


def squeezed(data: bytes, form: str) -> Iterator[bytes]:
    """Give a little data in a form of its own; as zstd it is framed, but not made smaller."""
    if form == GZIP:
        return gzip_stream([data])
    return iter([framed(data) if form == ZSTD else data])


def framed(data: bytes) -> bytes:
    """Give data as a frame of zstd without a compressor: runs of zeros are short (RFC 8878, 3.1.1).

    Headers of a tar are mostly zeros.
    """
    head = b"\x28\xb5\x2f\xfd" + bytes([SINGLE_SEGMENT]) + len(data).to_bytes(4, "little")
    pieces = [
        run[start : start + LARGEST_BLOCK]
        for run in RUNS.split(data)
        for start in range(0, len(run), LARGEST_BLOCK)
    ]
    blocks = [_block(piece, last=False) for piece in pieces[:-1]]
    return b"".join((head, *blocks, _block(pieces[-1] if pieces else b"", last=True)))


def _block(data: bytes, last: bool) -> bytes:
    """Give a block as it is, or as one byte that is repeated (3.1.1.2)."""
    repeated = len(data) > 1 and not any(data)
    header = (len(data) << 3 | (RLE if repeated else 0) | last).to_bytes(3, "little")
    return header + (data[:1] if repeated else data)
