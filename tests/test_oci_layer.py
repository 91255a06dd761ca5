"""Layers: what is known of them without reading, and how reading makes it known."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockerutils.errors import ContentChanged, DockerutilsError, ProjectError
from dockerutils.oci.descriptor import UNKNOWN_SIZE, Descriptor, Identity
from dockerutils.oci.digest import digest_of
from dockerutils.oci.digest_cache import DigestCache, Kept
from dockerutils.oci.layer import Layer, StoredBlob, identities, made_layer, stored_layer
from dockerutils.oci.media_types import OCI_LAYER_GZIP

CONTENT = (b"one", b"", b"two")
WHOLE = Identity(digest_of(b"onetwo"), 6)
BLOB = Descriptor(OCI_LAYER_GZIP, digest_of(b"gz"), 7)


class Source:
    """Makes the chunks of a layer, and counts how often."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks
        self.times = 0

    def __call__(self) -> Iterator[bytes]:
        self.times += 1
        yield from self.chunks


@pytest.fixture
def cache(tmp_path: Path) -> DigestCache:
    return DigestCache(tmp_path)


@pytest.fixture
def source() -> Source:
    return Source(*CONTENT)


class TestALayerThatWeMake:
    def test_is_not_known_before_it_was_read(self, source: Source) -> None:
        layer = made_layer("numpy", source, "print", None)

        assert layer.known() is None
        assert layer.blob("gzip") is None
        assert source.times == 0

    def test_is_read_once_for_its_identity(self, source: Source) -> None:
        layer = made_layer("numpy", source, "print", None)
        done: list[int] = []

        assert WHOLE == layer.identity(done.append) == layer.identity() == layer.known()
        assert source.times == 1
        assert [3, 0, 3] == done

    def test_is_known_to_the_next_run(self, source: Source, cache: DigestCache) -> None:
        made_layer("numpy", source, "print", cache).identity()

        assert WHOLE == made_layer("numpy", source, "print", cache).known()
        assert made_layer("numpy", source, "another print", cache).known() is None

    def test_is_known_when_its_chunks_were_read_to_the_end(self, source: Source) -> None:
        layer = made_layer("numpy", source, "print", None)
        chunks = layer.chunks()
        assert CONTENT == tuple(next(chunks) for _ in CONTENT)
        assert layer.known() is None

        assert [] == list(chunks)

        assert WHOLE == layer.known()

    def test_is_not_known_when_reading_it_failed(self, cache: DigestCache) -> None:
        def make() -> Iterator[bytes]:
            yield b"one"
            raise ContentChanged("It changed.")

        layer = made_layer("numpy", make, "print", cache)
        with pytest.raises(ContentChanged):
            layer.identity()

        assert layer.known() is None
        assert cache.get("print") is None

    def test_of_another_size_than_it_had_is_an_error(self, cache: DigestCache) -> None:
        made_layer("numpy", Source(b"older"), "print", cache).identity()
        layer = made_layer("numpy", Source(*CONTENT), "print", cache)

        with pytest.raises(ContentChanged, match="numpy changed: it had 5 bytes, and now has 6"):
            list(layer.chunks())

    def test_is_read_by_one_thread_where_two_ask(self) -> None:
        reading, asked = threading.Event(), threading.Event()

        class Slow(Source):
            def __call__(self) -> Iterator[bytes]:
                reading.set()
                assert asked.wait(20)
                yield from super().__call__()

        slow = Slow(*CONTENT)
        layer = made_layer("numpy", slow, "print", None)
        threads = [threading.Thread(target=layer.identity) for _ in range(2)]
        for thread in threads:
            thread.start()
        assert reading.wait(20)
        asked.set()
        for thread in threads:
            thread.join()

        assert WHOLE == layer.known()
        assert slow.times == 1


class TestWhatCompressingTells:
    def test_is_kept_for_each_compressor(self, source: Source, cache: DigestCache) -> None:
        layer = made_layer("numpy", source, "print", cache)
        layer.learn(WHOLE, "isal", BLOB)
        layer.learn(WHOLE, "zlib", Descriptor(OCI_LAYER_GZIP, digest_of(b"z"), 9))

        again = made_layer("numpy", source, "print", cache)

        assert BLOB == layer.blob("isal") == again.blob("isal")
        assert 9 == (again.blob("zlib") or BLOB).size
        assert again.blob("other") is None
        assert WHOLE == again.known()
        assert source.times == 0

    def test_outlives_another_reading_of_the_same(self, source: Source) -> None:
        layer = stored_layer("base 1", Identity(WHOLE.diff_id, UNKNOWN_SIZE), source, None)
        layer.learn(Identity(WHOLE.diff_id, UNKNOWN_SIZE), "isal", BLOB)

        layer.sized()

        assert BLOB == layer.blob("isal")

    def test_does_not_outlive_other_content(self, source: Source, cache: DigestCache) -> None:
        layer = made_layer("numpy", source, "print", cache)
        layer.learn(WHOLE, "isal", BLOB)
        layer.learn(Identity(digest_of(b"other"), 5), "zlib", BLOB)

        assert layer.blob("isal") is None


class TestALayerOfWhichAConfigTells:
    def test_is_known_without_its_size(self, source: Source, cache: DigestCache) -> None:
        given = Identity(WHOLE.diff_id, UNKNOWN_SIZE)
        layer = stored_layer("base 1", given, source, cache)

        assert given == layer.known() == layer.identity()
        assert source.times == 0

        assert WHOLE == layer.sized() == layer.known()
        assert source.times == 1
        assert WHOLE == stored_layer("base 1", given, source, cache).known()

    def test_is_not_taken_for_another_by_what_is_cached(
        self, source: Source, cache: DigestCache
    ) -> None:
        cache.put(WHOLE.diff_id, Kept(Identity(digest_of(b"other"), 5), {"isal": BLOB}))

        layer = stored_layer("base 1", WHOLE, source, cache)

        assert WHOLE == layer.known()
        assert layer.blob("isal") is None

    def test_that_is_damaged_is_an_error_that_names_it(self, cache: DigestCache) -> None:
        layer = stored_layer("base 1", WHOLE, Source(b"onetwO"), cache)

        with pytest.raises(DockerutilsError, match="the content of base 1 is damaged"):
            list(layer.chunks())

        assert cache.get(WHOLE.diff_id) is None

    def test_has_the_form_in_which_its_source_has_it(self, source: Source) -> None:
        stored = StoredBlob(BLOB, source, "registry.example/python")
        layer = stored_layer("base 1", WHOLE, source, None, stored)

        assert stored is layer.stored
        assert 7 == layer.weight

    def test_shares_what_is_known_with_others_of_its_diff_id(
        self, source: Source, cache: DigestCache
    ) -> None:
        stored_layer("base 1", WHOLE, source, cache).learn(WHOLE, "isal", BLOB)

        assert BLOB == stored_layer("layer 2", WHOLE, source, cache).blob("isal")


class TestIdentitiesOfSeveral:
    @pytest.mark.parametrize("jobs", [1, 2, 9])
    def test_come_in_the_order_of_the_layers(self, jobs: int) -> None:
        layers = [made_layer(f"{size}", Source(b"x" * size), f"{size}", None) for size in range(9)]
        done: list[int] = []

        found = identities([*layers, layers[3]], jobs, done.append)

        assert [*range(9), 3] == [one.size for one in found]
        assert sum(range(9)) == sum(done)

    def test_are_computed_from_the_largest(self) -> None:
        order: list[int] = []

        def layer(size: int) -> Layer:
            def make() -> Iterator[bytes]:
                order.append(size)
                yield b"x" * size

            return made_layer(f"{size}", make, f"{size}", None, weight=size)

        identities([layer(size) for size in (2, 9, 5)], jobs=1)

        assert [9, 5, 2] == order

    def test_need_sizes_only_on_request(self, source: Source) -> None:
        unknown = Identity(WHOLE.diff_id, UNKNOWN_SIZE)
        layers = [stored_layer("base", unknown, source, None) for _ in range(2)]

        assert (unknown, unknown) == identities(layers)
        assert source.times == 0
        assert (WHOLE, WHOLE) == identities(layers, sizes=True)

    def test_end_with_the_first_error_and_all_reading_ends(self) -> None:
        failing, ended = threading.Event(), threading.Event()

        def fail() -> Iterator[bytes]:
            yield b"x"
            failing.set()
            raise ProjectError("It cannot be read.")

        def endless() -> Iterator[bytes]:
            try:
                while True:
                    yield b"x"
            finally:
                ended.set()

        layers = [made_layer("a", endless, "a", None, weight=2), made_layer("b", fail, "b", None)]

        with pytest.raises(ProjectError, match="It cannot be read"):
            identities(layers)

        assert failing.is_set()
        assert ended.is_set()

    @pytest.mark.parametrize("jobs", [1, 2])
    def test_end_when_the_one_who_is_told_raises(self, jobs: int) -> None:
        def interrupt(_done: int) -> None:
            raise KeyboardInterrupt

        layers = [made_layer(name, Source(b"x"), name, None) for name in "abc"]

        with pytest.raises(KeyboardInterrupt):
            identities(layers, jobs, interrupt)
