"""Images out of an engine: facts at once, content only when it is read, and saved once."""

from __future__ import annotations

import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from stores import Store, made_of

from dockerutils.engine import ImageFacts
from dockerutils.errors import DockerutilsError, EngineError
from dockerutils.oci.digest_cache import DigestCache
from dockerutils.oci.image import parse_config
from dockerutils.sinks.engine import EngineSink
from dockerutils.sources.engine import EngineSource, SavedSource, config_of

NAME = "python:3"
BASE = {"Env": ["PATH=/usr/bin"], "Cmd": ["python3"]}


@pytest.fixture
def store() -> Store:
    """An engine with a base."""
    store = Store()
    EngineSink(NAME, store.engine, store).put(made_of("low", "high", **BASE))
    store.commands.clear()
    return store


@pytest.fixture(autouse=True)
def spools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for files that are gone afterwards."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def source(store: Store, cache: DigestCache | None = None) -> EngineSource:
    return EngineSource(NAME, store.engine.facts([NAME])[NAME], store, cache)


def saves(store: Store) -> list[str]:
    return [line for line in store.commands if line.startswith("save")]


def test_an_image_to_stand_on_is_known_without_saving_it(store: Store) -> None:
    expected = made_of("low", "high", **BASE)

    with source(store).open() as image:
        assert expected.diff_ids == image.diff_ids
        assert parse_config(expected.config_bytes()) == parse_config(image.config_bytes())

    assert [] == saves(store)


def test_its_layers_are_saved_when_one_is_read_and_only_once(store: Store, spools: Path) -> None:
    expected = made_of("low", "high")
    with source(store).open() as image, ThreadPoolExecutor() as pool:
        read = list(pool.map(lambda layer: b"".join(layer.chunks()), image.layers * 2))

        assert [b"".join(layer.chunks()) for layer in expected.layers * 2] == read
        assert len(list(spools.iterdir())) == 1

    assert [f"save {store.tags[NAME]}"] == saves(store)
    assert [] == list(spools.iterdir())


def test_their_sizes_are_asked_for_once_and_for_all(store: Store, spools: Path) -> None:
    cache = DigestCache(spools / "digests")
    sizes = []
    for _ in range(2):
        with source(store, cache).open() as image:
            sizes.append([layer.sized().size for layer in image.layers])

    assert [layer.identity().size for layer in made_of("low", "high").layers] == sizes[0]
    assert sizes[0] == sizes[1]
    assert len(saves(store)) == 1


def test_an_image_that_is_saved_otherwise_than_told_is_an_error(store: Store) -> None:
    facts = store.engine.facts([NAME])[NAME]
    short = ImageFacts(facts.id, facts.layers[:1])

    with EngineSource(NAME, short, store).open() as image, pytest.raises(EngineError) as caught:
        b"".join(image.layers[0].chunks())

    assert "with 2 layers, but told of 1" in caught.value.message


def test_other_content_than_told_is_an_error(store: Store) -> None:
    facts = store.engine.facts([NAME])[NAME]
    swapped = ImageFacts(facts.id, facts.layers[::-1])

    with EngineSource(NAME, swapped, store).open() as image, pytest.raises(DockerutilsError):
        b"".join(image.layers[0].chunks())


def test_an_image_as_it_is_keeps_its_configuration_byte_for_byte(store: Store) -> None:
    with SavedSource(NAME, store).open() as image:
        assert store.tags[NAME] == image.id
        assert made_of("low", "high").diff_ids == image.diff_ids


def test_no_room_for_what_is_saved_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/no/such/folder")

    with pytest.raises(DockerutilsError) as caught, SavedSource(NAME, store).open():
        pass

    assert "python:3 cannot be saved for a moment: No such file" in caught.value.message
    assert "TMPDIR" in caught.value.hint


def test_what_an_engine_does_not_tell_is_left_out() -> None:
    assert {"config", "rootfs"} >= set(json.loads(config_of(ImageFacts("x"))))
