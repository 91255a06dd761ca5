"""Archives as they travel, and the cache of compressed layers."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from own_engines import missing

from dockerutils.errors import ContentChanged, DockerutilsError
from dockerutils.oci.tar import Entry
from dockerutils.oci.wire import FORMS, GZIP, NONE, ZSTD, framed, squeezed, travelling
from dockerutils.oci.wire_cache import Packed, WireCache

HEX = "ab" * 32
DIFF_ID = f"sha256:{HEX}"


def unpacked(data: bytes, form: str) -> bytes:
    if form == GZIP:
        return gzip.decompress(data)
    if form == ZSTD:
        return subprocess.run(["zstd", "-dc"], input=data, capture_output=True, check=True).stdout
    return data


@pytest.fixture
def zstd(request: pytest.FixtureRequest) -> None:
    """What shows that frames are what others take."""
    if not shutil.which("zstd"):
        missing(request, "zstd is missing: bin/test installs it")


@pytest.mark.parametrize("form", [form for form in FORMS if form != ZSTD])
def test_an_archive_of_parts_is_one_archive(form: str) -> None:
    check_archive(form)


@pytest.mark.real
@pytest.mark.usefixtures("zstd")
def test_an_archive_of_frames_is_one_archive_too() -> None:
    check_archive(ZSTD)


def check_archive(form: str) -> None:
    """Send a small layer with what stands before it, and read all of it back."""
    content = b"layer" * 300

    def blob(digest: str) -> Iterator[bytes]:
        assert DIFF_ID == digest
        return squeezed(content, form)

    entries = [
        Entry(b"manifest.json", content=b"[]"),
        Entry(f"blobs/sha256/{HEX}".encode(), size=len(content), content=lambda: iter(())),
    ]
    data = b"".join(travelling(entries, form, blob))

    with tarfile.open(fileobj=io.BytesIO(unpacked(data, form))) as archive:
        assert ["manifest.json", f"blobs/sha256/{HEX}"] == [
            one.name for one in archive if one.isfile()
        ]
        found = archive.extractfile(f"blobs/sha256/{HEX}")
        assert found is not None
        assert content == found.read()


@pytest.mark.real
@pytest.mark.usefixtures("zstd")
@pytest.mark.parametrize("size", [0, 1, 131072, 131073, 400_000])
def test_a_frame_of_zstd_holds_any_size(size: int) -> None:
    data = os.urandom(size)

    assert data == unpacked(framed(data) + framed(b"end"), ZSTD)[:-3]


@pytest.mark.real
@pytest.mark.usefixtures("zstd")
@given(st.lists(st.sampled_from([b"text", bytes(7), bytes(16), bytes(40), bytes(140_000)])))
def test_runs_of_zeros_are_short(parts: list[bytes]) -> None:
    data = b"".join(parts)
    frame = framed(data)

    assert len(data) == int.from_bytes(frame[5:9], "little")
    assert len(frame) < 13 + 24 * len(parts)
    assert data == unpacked(frame, ZSTD)


def keep(cache: WireCache, diff_id: str, content: bytes, form: str = NONE) -> Packed:
    shown: list[Packed] = []
    with cache.growing(diff_id, form, 1000, shown.append) as path:
        path.write_bytes(content)
    return shown[0]


def test_a_layer_is_found_again_with_its_size(tmp_path: Path) -> None:
    keep(WireCache(tmp_path), DIFF_ID, b"content")
    found = WireCache(tmp_path).find(DIFF_ID, NONE)

    assert found is not None
    assert (1000, b"content") == (found.size, b"".join(found.chunks()))
    assert WireCache(tmp_path).find(DIFF_ID, GZIP) is None
    assert WireCache(tmp_path).find("sha256:" + "0" * 64, NONE) is None


def test_a_layer_is_read_while_it_grows(tmp_path: Path) -> None:
    shown: list[Packed] = []
    got: list[bytes] = []
    begun = threading.Event()

    def read() -> None:
        for chunk in shown[0].chunks():
            got.append(chunk)
            begun.set()

    reader = threading.Thread(target=read)
    with WireCache(tmp_path).growing(DIFF_ID, NONE, 6, shown.append) as path:
        path.write_bytes(b"abc")
        reader.start()
        assert begun.wait(30)
        path.write_bytes(b"abcdef")
    reader.join(30)

    assert b"abcdef" == b"".join(got)


def test_a_layer_that_could_not_be_made_is_not_kept_and_its_readers_are_told(
    tmp_path: Path,
) -> None:
    shown: list[Packed] = []

    def fail() -> None:
        with WireCache(tmp_path).growing(DIFF_ID, NONE, 6, shown.append) as path:
            path.write_bytes(b"abc")
            raise ContentChanged("it changed.")

    with pytest.raises(ContentChanged):
        fail()
    with pytest.raises(ContentChanged):
        list(shown[0].chunks())
    assert [] == [one for one in tmp_path.rglob("*") if one.is_file()]


def test_what_is_damaged_is_told_of_and_removed(tmp_path: Path) -> None:
    path = keep(WireCache(tmp_path), DIFF_ID, b"content").path
    path.write_bytes(b"c0ntent")
    found = WireCache(tmp_path).find(DIFF_ID, NONE)

    assert found is not None
    with pytest.raises(ContentChanged, match="damaged; it was removed"):
        list(found.chunks())
    assert not path.exists()


def test_what_was_not_used_for_the_longest_time_goes_first(tmp_path: Path) -> None:
    cache = WireCache(tmp_path, most=20)
    paths = [keep(cache, f"sha256:{number:064x}", b"8 bytes.").path for number in range(4)]
    for age, path in enumerate(paths):
        os.utime(path, (1000 - age, 1000 - age))
    cache.find(f"sha256:{3:064x}", NONE)
    forgotten = paths[0].with_name("1.new")
    forgotten.touch()
    os.utime(forgotten, (1, 1))

    cache.prune()

    assert [True, False, False, True, False] == [one.exists() for one in (*paths, forgotten)]


def test_a_folder_that_cannot_be_written_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(DockerutilsError, match="cannot be written to"):
        keep(WireCache(tmp_path / "file"), DIFF_ID, b"")
