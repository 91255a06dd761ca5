"""Images out of a registry: little is asked at once, layers when they are read."""

from __future__ import annotations

import json

import pytest
from memory_registry import MemoryRegistry, sink, source
from stores import made_of

from dockerutils.errors import ProjectError
from dockerutils.oci.descriptor import Descriptor
from dockerutils.oci.media_types import OCI_INDEX, OCI_MANIFEST


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry()


def test_an_image_of_a_registry_is_known_without_its_layers(registry: MemoryRegistry) -> None:
    app = made_of("low", "high", Cmd=["a"])
    sink(registry).put(app)
    registry.requests()

    with source(registry).open() as found:
        assert (app.id, app.diff_ids) == (found.id, found.diff_ids)
        assert ["get manifest", "get blob"] == registry.requests()
        expected = [b"".join(one.chunks()) for one in app.layers]
        assert expected == [b"".join(one.chunks()) for one in found.layers]


def test_an_index_is_looked_through(registry: MemoryRegistry) -> None:
    app = made_of("app")
    placed = sink(registry).put(app)
    data = registry.manifests["shop", "1"][0]
    described = Descriptor(OCI_MANIFEST, placed.digest, len(data)).to_json()
    platform = {"architecture": "amd64", "os": "linux"}
    index = json.dumps({"manifests": [{**described, "platform": platform}]}).encode()
    registry.manifests["shop", "all"] = index, OCI_INDEX

    with source(registry, "all").open() as found:
        assert app.id == found.id
    assert [one.name for one in found.layers] == ["layer 1 of registry.test/shop:all"]


def test_an_image_that_is_not_there_is_told(registry: MemoryRegistry) -> None:
    with pytest.raises(ProjectError, match=r"registry.test/shop:none is not there"):
        source(registry, "none").open().__enter__()


def test_a_configuration_of_other_layers_is_told(registry: MemoryRegistry) -> None:
    sink(registry).put(made_of("low", "high"))
    data, kind = registry.manifests["shop", "1"]
    manifest = json.loads(data)
    manifest["layers"].pop()
    registry.manifests["shop", "1"] = json.dumps(manifest).encode(), kind

    with pytest.raises(ProjectError, match="is damaged: it has 1 layers, and its"):
        source(registry).open().__enter__()
