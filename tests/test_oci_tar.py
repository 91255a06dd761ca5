"""Layers' tars: the same bytes each time, for every name, size and kind of file."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dockerutils.errors import ContentChanged, ProjectError
from dockerutils.oci.tar import EPOCH, Entry, tar_stream

GIB = 1 << 30


def read(data: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        return archive.getmembers()


def tar(*entries: Entry) -> bytes:
    return b"".join(tar_stream(entries))


def in_pieces(*pieces: bytes) -> Entry:
    return Entry(b"file", size=sum(map(len, pieces)), content=lambda: iter(pieces))


# What comes out -----------------------------------------------------------------------------


def test_an_archive_is_always_the_same() -> None:
    entries = [
        Entry(b"opt/venv/bin/python", target=b"/usr/bin/python3"),
        Entry(b"opt/venv/bin/run", mode=0o755, content=b"#!/opt/venv/bin/python\n"),
        Entry(b"opt/venv/l\xc3\xa4ng/" + b"x" * 200, content=b"long"),
    ]
    expected = "918280df6212ea2999553544098e70abcf6314b38cfc2449c229af7cd53dcd6d"

    assert expected == hashlib.sha256(tar(*entries)).hexdigest()


def test_every_entry_belongs_to_root_and_has_the_fixed_time() -> None:
    members = read(tar(Entry(b"a/b", content=b"x"), Entry(b"a/c", target=b"b")))

    assert {(0, 0, "", "", EPOCH)} == {
        (one.uid, one.gid, one.uname, one.gname, one.mtime) for one in members
    }


def test_parent_directories_come_once_and_first() -> None:
    members = read(tar(Entry(b"a/b/c"), Entry(b"a/b/d"), Entry(b"a/e")))

    expected = [("a", 0o755), ("a/b", 0o755), ("a/b/c", 0o644), ("a/b/d", 0o644), ("a/e", 0o644)]
    assert expected == [(one.name, one.mode) for one in members]
    assert [True, True, False, False, False] == [one.isdir() for one in members]


def test_a_directory_that_is_an_entry_has_its_own_mode() -> None:
    given = Entry(b"a/tmp", mode=0o1777, directory=True)

    assert [("a", 0o755), ("a/tmp", 0o1777), ("a/tmp/f", 0o644)] == [
        (one.name, one.mode) for one in read(tar(given, Entry(b"a/tmp/f"), given))
    ]


def test_modes_are_kept() -> None:
    assert [0o4755, 0o600] == [
        one.mode for one in read(tar(Entry(b"su", mode=0o4755), Entry(b"x", mode=0o100600)))
    ]


def test_links_are_kept_however_long() -> None:
    targets = [b"t" * 100, b"t" * 101, b"../" * 200 + b"\xff"]
    entries = [Entry(b"l%d" % number, target=target) for number, target in enumerate(targets)]

    members = read(tar(*entries))

    assert targets == [os.fsencode(one.linkname) for one in members]
    assert all(one.issym() for one in members)


def test_the_end_is_two_blocks_of_zeros() -> None:
    assert bytes(1024) == tar()
    assert bytes(1024) == tar(Entry(b"x"))[512:]
    assert 512 * 4 == len(tar(Entry(b"x", content=bytes(512))))


@pytest.mark.parametrize("length", [1, 99, 100, 101, 155, 156, 200, 255, 256, 257, 1000])
@pytest.mark.parametrize("folder", [0, 1, 90, 154, 155, 156, 160])
def test_names_of_every_length_come_back(length: int, folder: int) -> None:
    name = b"f" * folder + b"/" * bool(folder) + b"n" * length

    *_, member = read(tar(Entry(name, content=b"content")))

    assert name == os.fsencode(member.name)
    assert len(b"content") == member.size


@pytest.mark.parametrize("length", [98, 99, 100, 154, 155, 156, 254, 255, 256])
def test_directories_of_every_length_come_back(length: int) -> None:
    name = b"d" * (length // 2) + b"/" + b"e" * (length - length // 2 - 1)

    *_, member = read(tar(Entry(name, directory=True)))

    assert (name, True) == (os.fsencode(member.name), member.isdir())


PART = st.binary(min_size=1, max_size=120).filter(
    lambda part: not {0, 0x2F} & set(part) and part not in {b".", b".."} and part[:4] != b".wh."
)
PATH = st.lists(PART, min_size=1, max_size=4).map(b"/".join)
KIND = st.one_of(
    st.builds(Entry, PATH, mode=st.integers(0, 0o7777), content=st.binary(max_size=1100)),
    st.builds(Entry, PATH, target=PATH),
    st.builds(Entry, PATH, directory=st.just(True), mode=st.integers(0, 0o7777)),
)


@given(st.lists(KIND, max_size=8, unique_by=lambda entry: entry.path.partition(b"/")[0]))
@example([Entry(b"\xff" * 355, content=b"\xff")])
def test_whatever_goes_in_comes_out(entries: list[Entry]) -> None:
    entries.sort(key=lambda entry: entry.path)
    data = tar(*entries)
    with tarfile.open(fileobj=io.BytesIO(data), encoding="utf-8") as archive:
        found = {os.fsencode(one.name): one for one in archive}
        contents = {path: archive.extractfile(one) for path, one in found.items() if one.isreg()}

        for entry in entries:
            member = found[entry.path]
            if entry.target is not None:
                assert entry.target == os.fsencode(member.linkname)
                continue
            assert (entry.mode, entry.directory) == (member.mode, member.isdir())
            file = contents.get(entry.path)
            assert entry.content == (file.read() if file else b"")


@given(st.lists(st.binary(max_size=3000), max_size=6))
def test_the_division_of_content_makes_no_difference(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)

    assert tar(in_pieces(whole)) == tar(in_pieces(*pieces)) == tar(Entry(b"file", content=whole))


# Sizes --------------------------------------------------------------------------------------


def zeros(size: int) -> Iterator[bytes]:
    return (bytes(1 << 20) for _ in range(size >> 20))


@pytest.mark.parametrize("size", [8 * GIB - 1, 8 * GIB, 9 * GIB, 5000 * GIB])
@pytest.mark.parametrize("name", [b"large", b"n" * 300])
def test_sizes_beyond_8_gib_can_be_written(size: int, name: bytes) -> None:
    (start,) = islice(tar_stream([Entry(name, size=size, content=lambda: zeros(size))]), 1)

    with tarfile.open(fileobj=io.BytesIO(start)) as archive:
        member = archive.next()

    assert member is not None
    assert (name.decode(), size) == (member.name, member.size)
    assert (0x80 if size >= 8 * GIB else ord("7")) == start[-512:][124]  # base 256, or octal


def test_chunks_are_about_a_mib() -> None:
    small = [Entry(b"%05d" % number, content=b"x") for number in range(4000)]
    large = Entry(b"z", size=16 << 20, content=lambda: zeros(16 << 20))

    chunks = list(tar_stream([*small, large]))

    assert 19 <= len(chunks) <= 23
    assert max(map(len, chunks)) <= 2 << 20


# What is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pieces", [(), (b"",), (b"12",), (b"123", b"45"), (b"1", b"2", b"3", b"4")]
)
def test_content_of_another_size_is_an_error_that_names_the_file(pieces: tuple[bytes, ...]) -> None:
    entry = replace(in_pieces(*pieces), path=b"opt/f\xff", size=3)

    with pytest.raises(ContentChanged, match=r"^opt/f\\xff changed while it was read: 3 bytes"):
        tar(entry)


def test_content_without_an_end_is_not_read_for_ever() -> None:
    read: list[int] = []

    def endless() -> Iterator[bytes]:
        while len(read) < 100:
            read.append(1)
            yield b"xx"

    with pytest.raises(ContentChanged, match="3 bytes were expected, more came"):
        tar(Entry(b"x", size=3, content=endless))

    assert 2 == len(read)


def test_bytes_of_another_size_are_an_error() -> None:
    with pytest.raises(ContentChanged, match="4 bytes were expected, 3 came"):
        tar(Entry(b"x", size=4, content=b"abc"))


@pytest.mark.parametrize("path", [b".wh.file", b"a/.wh.b", b"a/.wh..wh..opq", b".wh.d/x"])
def test_a_name_that_would_delete_files_is_refused(path: bytes) -> None:
    with pytest.raises(ProjectError, match=r"\.wh\. delete") as caught:
        tar(Entry(path))

    assert path.decode() in str(caught.value)
    assert "Rename or exclude it." == caught.value.hint


@pytest.mark.parametrize("path", [b"a.wh.b", b".whale", b"a/.hidden", b"..a", b"a/...", b".w"])
def test_names_with_dots_are_taken(path: bytes) -> None:
    assert path.decode() == read(tar(Entry(path)))[-1].name


@pytest.mark.parametrize(
    "path", [b"", b"/a", b"a/", b"a//b", b".", b"..", b"./a", b"a/./b", b"a/../b", b"a/..", b"a\0b"]
)
def test_what_is_no_path_within_an_image_is_refused(path: bytes) -> None:
    with pytest.raises(ProjectError, match="is no path of a file in an image"):
        tar(Entry(path))
