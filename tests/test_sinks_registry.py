"""Images into a registry: only what it lacks is sent, the name moves last."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from memory_registry import MemoryRegistry, sink, source
from stores import digest, image, layer, made_of

from dockerutils.errors import ContentChanged, Interrupted
from dockerutils.oci.digest_cache import DigestCache
from dockerutils.oci.image import OciImage
from dockerutils.oci.layer import Layer, made_layer
from dockerutils.oci.media_types import OCI_INDEX, OCI_MANIFEST
from dockerutils.oci.registry.failures import RegistryError
from dockerutils.sinks.registry import RegistrySink


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry()


@pytest.fixture
def cache(tmp_path: Path) -> DigestCache:
    return DigestCache(tmp_path)


def of(cache: DigestCache, *contents: str) -> OciImage:
    """Make an image whose digests are remembered."""
    return image(*(layer(content, cache=cache) for content in contents))


def manifest_of(registry: MemoryRegistry, tag: str = "1") -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = json.loads(registry.manifests["shop", tag][0])
    return found


NOTHING = ["get manifest"]


def test_an_empty_registry_gets_blobs_and_then_the_manifest(registry: MemoryRegistry) -> None:
    app = made_of("low", "high")

    placed = sink(registry).put(app)

    expected = [*NOTHING, "upload", "upload", "head blob", "put blob", "put manifest"]
    assert expected == registry.requests()
    blobs = registry.blobs["shop"]
    tars = [gzip.decompress(blobs[one["digest"]]) for one in manifest_of(registry)["layers"]]
    assert list(app.diff_ids) == [digest(tar) for tar in tars]
    assert (app.id, 2) == (placed.id, placed.layers_sent)
    assert ("registry.test/shop:1", digest(registry.manifests["shop", "1"][0])) == (
        placed.reference,
        placed.digest,
    )


def test_each_layer_is_made_only_once_for_it(registry: MemoryRegistry) -> None:
    made: list[str] = []

    def make() -> Iterator[bytes]:
        made.append("made")
        return iter([b"x" * 512])

    sink(registry).put(image(made_layer("app", make, "0" * 64, None)))

    assert ["made"] == made


def test_the_same_image_again_asks_once_and_sends_nothing(
    registry: MemoryRegistry, cache: DigestCache
) -> None:
    sink(registry).put(of(cache, "low", "high"))
    registry.requests()

    placed = sink(registry).put(of(cache, "low", "high"))

    assert NOTHING == registry.requests()
    assert (0, 0) == (placed.sent, placed.layers_sent)


def test_a_change_sends_one_layer(registry: MemoryRegistry, cache: DigestCache) -> None:
    sink(registry).put(of(cache, "low", "old"))
    registry.requests()
    app = of(cache, "low", "new")

    assert [app.layers[1]] == list(sink(registry).missing(app))
    assert NOTHING == registry.requests()
    placed = sink(registry).put(app)

    assert [*NOTHING, "upload", "head blob", "put blob", "put manifest"] == registry.requests()
    assert 1 == placed.layers_sent
    assert placed.sent < 1000
    assert placed.skipped > 0


def test_a_new_tag_asks_for_known_blobs(registry: MemoryRegistry, cache: DigestCache) -> None:
    sink(registry).put(of(cache, "low", "high"))
    registry.requests()

    placed = sink(registry, "2").put(of(cache, "low", "high"))

    assert [*NOTHING, *["head blob"] * 3, "put manifest"] == registry.requests()
    assert 0 == placed.layers_sent


def test_a_blob_that_was_deleted_is_sent_again(
    registry: MemoryRegistry, cache: DigestCache
) -> None:
    sink(registry).put(of(cache, "low", "high"))
    registry.blobs.clear()
    registry.manifests.clear()

    assert 2 == sink(registry).put(of(cache, "low", "high")).layers_sent


def test_what_fails_moves_no_tag(registry: MemoryRegistry, cache: DigestCache) -> None:
    sink(registry).put(of(cache, "low", "old"))
    before = dict(registry.manifests)
    registry.failing = "upload"

    with pytest.raises(RegistryError):
        sink(registry).put(of(cache, "low", "new"))

    assert before == registry.manifests


def test_who_is_interrupted_moves_no_tag(registry: MemoryRegistry) -> None:
    def interrupt(_done: int) -> None:
        raise Interrupted("enough.")

    with pytest.raises(Interrupted):
        sink(registry).put(made_of("app"), interrupt)

    assert {} == registry.manifests


def test_a_failure_ends_the_other_layers(registry: MemoryRegistry) -> None:
    begun = threading.Event()

    def bad() -> Iterator[bytes]:
        yield b"x" * 512
        begun.wait()
        raise ContentChanged("a file changed.")

    def endless() -> Iterator[bytes]:
        begun.set()
        while True:
            yield b"x" * 512

    layers = (
        made_layer("bad", bad, "0" * 64, None),
        made_layer("endless", endless, "1" * 64, None),
    )

    with pytest.raises(ContentChanged, match="a file changed"):
        RegistrySink(registry, "shop", "1", jobs=2).put(image(*layers))


def test_large_layers_go_first(registry: MemoryRegistry) -> None:
    order: list[str] = []

    def sized(name: str, weight: int) -> Layer:
        def make() -> Iterator[bytes]:
            order.append(name)
            return iter([name.encode() * 512])

        return made_layer(name, make, hashlib.sha256(name.encode()).hexdigest(), None, weight)

    sink(registry).put(image(sized("small", 1), sized("large", 9), sized("middle", 5)))

    assert ["large", "middle", "small"] == order


def test_content_that_is_no_more_what_was_hashed_is_refused(registry: MemoryRegistry) -> None:
    contents = iter([b"a" * 512, b"b" * 512])
    changing = made_layer("app", lambda: iter([next(contents)]), "0" * 64, None)
    changing.identity()

    with pytest.raises(ContentChanged, match="app changed while it was read"):
        sink(registry).put(image(changing))

    assert {} == registry.manifests


# Layers of a base ----------------------------------------------------------------------------


def test_a_base_of_the_same_registry_is_mounted(registry: MemoryRegistry) -> None:
    sink(registry, repository="python").put(made_of("low"))
    with source(registry, repository="python").open() as base:
        registry.requests()
        placed = sink(registry).put(image(*base.layers, layer("app")))

    asked = registry.requests()
    assert {"mount", "upload"} <= set(asked)
    assert "get blob" not in asked
    assert 1 == placed.layers_sent


def test_a_base_of_another_registry_is_copied_as_it_is(registry: MemoryRegistry) -> None:
    other = MemoryRegistry("other.test")
    sink(other, repository="python").put(made_of("low"))
    with source(other, repository="python").open() as base:
        sink(registry).put(image(*base.layers, layer("app")))

    assert "mount" not in registry.requests()
    lowest = manifest_of(registry)["layers"][0]["digest"]
    assert other.blobs["python"][lowest] == registry.blobs["shop"][lowest]


def test_a_base_that_cannot_be_mounted_is_copied(registry: MemoryRegistry) -> None:
    sink(registry, repository="python").put(made_of("low"))
    with source(registry, repository="python").open() as base:
        registry.mount = lambda *_: False  # type: ignore[method-assign]
        assert 2 == sink(registry).put(image(*base.layers, layer("app"))).layers_sent


def test_what_the_tag_names_may_be_an_index(registry: MemoryRegistry) -> None:
    registry.manifests["shop", "1"] = json.dumps({"manifests": []}).encode(), OCI_INDEX

    assert 1 == sink(registry).put(made_of("app")).layers_sent
    assert OCI_MANIFEST == registry.manifests["shop", "1"][1]


def test_what_the_tag_names_may_be_no_image(registry: MemoryRegistry) -> None:
    registry.manifests["shop", "1"] = b"{}", OCI_MANIFEST

    assert 1 == sink(registry).put(made_of("app")).layers_sent
