"""The digest cache: it only ever saves work, whatever happens to its files."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dockerutils.oci.descriptor import Descriptor, Identity
from dockerutils.oci.digest import digest_of
from dockerutils.oci.digest_cache import DigestCache, Kept
from dockerutils.oci.media_types import OCI_LAYER_GZIP

KEY = digest_of(b"key").removeprefix("sha256:")
BLOB = Descriptor(OCI_LAYER_GZIP, digest_of(b"gz"), 7)
KEPT = Kept(Identity(digest_of(b"tar"), 20), {"isal-1": BLOB, "zlib-1": BLOB})


@pytest.fixture
def cache(tmp_path: Path) -> DigestCache:
    return DigestCache(tmp_path / "digests")


def files(cache: DigestCache) -> list[Path]:
    return sorted(path for path in cache.folder.rglob("*") if path.is_file())


def key(number: int, start: str = "00") -> str:
    return start + digest_of(b"%d" % number)[9:]


@pytest.mark.parametrize("name", [KEY, digest_of(b"key"), "a name ../ of another form"])
def test_what_was_put_is_there_for_the_next_run(cache: DigestCache, name: str) -> None:
    assert cache.get(name) is None

    cache.put(name, KEPT)

    assert KEPT == DigestCache(cache.folder).get(name)
    (file,) = files(cache)
    assert cache.folder == file.parent.parent
    assert file.name.startswith(file.parent.name)


def test_a_later_entry_takes_the_place_of_an_earlier_one(cache: DigestCache) -> None:
    other = Kept(Identity(digest_of(b"other"), -1))
    cache.put(KEY, KEPT)
    cache.put(KEY, other)

    assert other == cache.get(KEY)


def damaged() -> dict[str, bytes]:
    """Damage of every kind to the file of `KEPT`."""
    return {
        "empty": b"",
        "not text": b"\xff\xfe\n\x00",
        "no object": b"x\n[]",
        "of another form": b"dockerutils digests 0 0\n{}",
    }


@pytest.mark.parametrize("content", damaged().values(), ids=damaged())
def test_a_damaged_entry_is_as_none_and_is_replaced(cache: DigestCache, content: bytes) -> None:
    cache.put(KEY, KEPT)
    (file,) = files(cache)
    file.write_bytes(content)

    assert cache.get(KEY) is None

    cache.put(KEY, KEPT)
    assert KEPT == cache.get(KEY)


def test_no_byte_of_an_entry_can_change_unseen(cache: DigestCache) -> None:
    cache.put(KEY, KEPT)
    (file,) = files(cache)
    whole = file.read_bytes()

    for position in range(len(whole)):
        file.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        assert cache.get(KEY) is None
        file.write_bytes(whole[:position])
        assert cache.get(KEY) is None


def test_the_entry_of_another_layer_is_not_taken(cache: DigestCache) -> None:
    cache.put(KEY, KEPT)
    (file,) = files(cache)
    other = KEY[:-1] + ("0" if KEY[-1] != "0" else "1")
    file.rename(file.with_name(f"{other}.json"))

    assert cache.get(other) is None


@pytest.mark.parametrize("in_the_way", ["digests", f"digests/{KEY[:2]}"])
def test_where_nothing_can_be_written_nothing_is_kept(
    cache: DigestCache, tmp_path: Path, in_the_way: str
) -> None:
    (tmp_path / in_the_way).parent.mkdir(exist_ok=True)
    (tmp_path / in_the_way).touch()

    cache.put(KEY, KEPT)

    assert cache.get(KEY) is None


def test_a_folder_in_the_place_of_an_entry_does_no_harm(cache: DigestCache) -> None:
    (cache.folder / KEY[:2] / f"{KEY}.json" / "x").mkdir(parents=True)

    cache.put(KEY, KEPT)

    assert cache.get(KEY) is None


def test_the_oldest_entries_go_when_there_are_many(cache: DigestCache) -> None:
    names = [key(number) for number in range(40)]
    for number, name in enumerate(names):
        cache.put(name, KEPT)
        os.utime(cache.folder / "00" / f"{name}.json", (number, number))
        assert len(files(cache)) <= 32

    kept = [name for name in names if cache.get(name)]
    assert names[-len(kept) :] == kept
    assert len(kept) >= 24


def test_writers_and_readers_at_once_see_whole_entries(cache: DigestCache) -> None:
    others = [Kept(Identity(digest_of(b"%d" % number), number)) for number in range(4)]
    names = [key(number) for number in range(40)]

    def work(kept: Kept) -> set[bool]:
        seen = set()
        for name in names:
            cache.put(name, kept)
            found = cache.get(name)
            seen.add(found is None or found in others)
        return seen

    with ThreadPoolExecutor(4) as pool:
        assert {True} == set().union(*pool.map(work, others))
    assert all(path.suffix == ".json" for path in files(cache))
