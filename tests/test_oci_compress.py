"""Compression that gives the same bytes each time, and what is read of others' layers."""

from __future__ import annotations

import bz2
import gzip
import importlib
import lzma
import random
import zlib
from collections.abc import Callable

import pytest

from dockerutils.errors import DockerutilsError, ProjectError
from dockerutils.oci.compress import blocks, compressor_id, decompressed, gzip_stream, is_compressed
from dockerutils.oci.media_types import DOCKER_LAYER_GZIP, OCI_LAYER, OCI_LAYER_GZIP

WORDS = b"".join(b"%x words, " % (number * number % 99_991) for number in range(300_000))

# ISA-L makes other bytes of this where the input is divided otherwise.
MIXED = b"".join(random.Random(n).randbytes(2000) + bytes(3000) for n in range(600))


def parts(data: bytes, seed: int, most: int = 300_000) -> list[bytes]:
    chosen = random.Random(seed)
    found = []
    while data:
        size = chosen.randint(1, most)
        found.append(data[:size])
        data = data[size:]
    return found


def without_isal(name: str, package: str | None = None) -> object:
    if name.startswith("isal"):
        raise ImportError(name)
    return IMPORT(name, package)


IMPORT: Callable[..., object] = importlib.import_module


@pytest.fixture(params=["as it is", "without isal"])
def _machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "without isal":
        monkeypatch.setattr(importlib, "import_module", without_isal)


@pytest.mark.usefixtures("_machine")
class TestOnAnyMachine:
    def test_what_was_compressed_comes_back(self) -> None:
        packed = list(gzip_stream(parts(WORDS, 0)))

        assert WORDS == gzip.decompress(b"".join(packed))
        assert WORDS == b"".join(decompressed(packed, OCI_LAYER_GZIP))

    def test_the_division_of_the_input_makes_no_difference(self) -> None:
        expected = b"".join(gzip_stream([MIXED]))

        assert [expected] * 3 == [b"".join(gzip_stream(parts(MIXED, seed))) for seed in (1, 2, 3)]

    def test_the_header_has_no_time_and_no_name(self) -> None:
        start = b"".join(gzip_stream([b"x"]))[:8]

        assert b"\x1f\x8b\x08\x00" + bytes(4) == start

    def test_nothing_can_be_compressed(self) -> None:
        assert b"" == gzip.decompress(b"".join(gzip_stream([])))

    def test_several_members_are_read_as_one(self) -> None:
        packed = gzip.compress(b"one ") + gzip.compress(b"") + gzip.compress(WORDS) + bytes(700)

        for seed in range(3):
            assert b"one " + WORDS == b"".join(decompressed(parts(packed, seed, 1000)))

    @pytest.mark.parametrize("kept", [2, 9, 10, 30, -1])
    def test_a_truncated_stream_is_an_error(self, kept: int) -> None:
        packed = gzip.compress(b"some text " * 9)[:kept]

        with pytest.raises(DockerutilsError, match=r"data is damaged: it ends too early\.$"):
            list(decompressed([packed]))

    def test_a_damaged_stream_is_an_error(self) -> None:
        packed = bytearray(b"".join(gzip_stream([WORDS])))
        packed[len(packed) // 2] ^= 0xFF

        with pytest.raises(DockerutilsError, match=r"^compressed data is damaged: "):
            list(decompressed([bytes(packed)]))


def test_the_compressor_names_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    isal = pytest.importorskip("isal")

    assert f"isal-{isal.__version__}-1" == compressor_id()
    monkeypatch.setattr(importlib, "import_module", without_isal)
    assert f"zlib-{zlib.ZLIB_RUNTIME_VERSION}-1" == compressor_id()


@pytest.mark.parametrize("media_type", ["", OCI_LAYER, OCI_LAYER_GZIP, DOCKER_LAYER_GZIP])
@pytest.mark.parametrize("data", [b"", b"x", b"plain text, " * 9])
def test_what_is_not_compressed_is_given_as_it_is(data: bytes, media_type: str) -> None:
    assert data == b"".join(decompressed(parts(data, 0, 3), media_type))


@pytest.mark.parametrize(
    ("packed", "name"),
    [(bz2.compress(b"x"), "bzip2"), (lzma.compress(b"x"), "xz"), (b"\x28\xb5\x2f\xfd1234", "zstd")],
)
def test_a_form_that_cannot_be_read_is_named(
    packed: bytes, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dockerutils.oci.compress.ZSTD_MODULES", ())

    assert is_compressed(packed[:8])
    with pytest.raises(ProjectError, match=f"compressed with {name}, which cannot be read here"):
        decompressed([packed])


def test_an_encrypted_layer_is_refused() -> None:
    with pytest.raises(ProjectError, match="encrypted"):
        decompressed([b"x"], OCI_LAYER_GZIP + "+encrypted")


def test_zstd_is_read_where_there_is_a_module_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dockerutils.oci.compress.ZSTD_MODULES", ("fake_zstd",))
    monkeypatch.setattr(importlib, "import_module", lambda _name: FakeZstd)

    assert b"OTHER" == b"".join(decompressed([b"\x28\xb5\x2f\xfdother"]))


class FakeZstd:
    """What a zstd module looks like; its content is in lower case."""

    ZstdError = ValueError

    class ZstdDecompressor:
        eof = True
        unused_data = b""

        def __init__(self) -> None:
            self.eof = False

        def decompress(self, data: bytes) -> bytes:
            self.eof = True
            return data[4:].upper()


@pytest.mark.parametrize("seed", range(3))
def test_blocks_have_one_size(seed: int) -> None:
    divided = list(blocks(parts(WORDS, seed), 1 << 16))

    assert WORDS == b"".join(divided)
    assert {1 << 16} == {len(block) for block in divided[:-1]}
    assert [] == list(blocks([b"", b""], 4))
