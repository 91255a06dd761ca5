"""Images into an engine: only what it lacks is loaded, and named once it is there."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator

import pytest
from stores import Store, blob, image, layer, made_of

from dockerutils.errors import EngineError, Interrupted
from dockerutils.oci.image import OciImage
from dockerutils.oci.layer import UNKNOWN_SIZE, Identity, stored_layer
from dockerutils.runner import Answer
from dockerutils.sinks.engine import EngineSink, Refused

NAME = "shop-app:alice"
LABELS = {"dockerutils.image": "shop-app"}
LOAD, TAG = "load", "tag"


@pytest.fixture(params=["overlay2", "containerd"])
def store(request: pytest.FixtureRequest) -> Store:
    return Store(by_manifest=request.param == "containerd")


def sink(store: Store, reference: str = NAME, base: str = "") -> EngineSink:
    return EngineSink(reference, store.engine, store, base)


def having(store: Store, *images: tuple[str, OciImage]) -> Store:
    """Put images there, and forget how."""
    for reference, one in images:
        sink(store, reference).put(one)
    store.commands.clear()
    store.fed.clear()
    return store


def verbs(store: Store) -> list[str]:
    return [line.split()[0] for line in store.commands]


def given(store: Store, one: OciImage, attempt: int = -1) -> list[int]:
    """Tell which layers of an image an archive had, by number."""
    return [
        number for number, diff_id in enumerate(one.diff_ids) if blob(diff_id) in store.fed[attempt]
    ]


def id_of(store: Store, reference: str = NAME) -> str:
    return store.tags.get(reference, "")


def test_an_empty_engine_gets_all_layers_and_then_the_name(store: Store) -> None:
    app = made_of("base", "app")

    placed = sink(store).put(app)

    assert [LOAD, TAG] == verbs(store)
    assert [0, 1] == given(store, app)
    assert list(store.images) == [id_of(store)]
    assert (NAME, app.id, 2) == (placed.reference, placed.id, placed.layers_sent)
    assert sum(one.identity().size for one in app.layers) == placed.sent


def test_what_is_loaded_has_no_name_yet(store: Store) -> None:
    sink(store).put(made_of("app"))

    (files,) = store.fed
    assert json.loads(files["manifest.json"])[0]["RepoTags"] is None
    assert "annotations" not in json.loads(files["index.json"])["manifests"][0]


def test_layers_of_the_same_name_are_not_sent_again(store: Store) -> None:
    having(store, (NAME, made_of("base", "big", "old")))
    app = made_of("base", "big", "new")

    assert app.layers[2:] == sink(store).missing(app)
    placed = sink(store).put(app)

    assert [2] == given(store, app)
    sizes = [one.identity().size for one in app.layers]
    assert (sizes[2], sizes[0] + sizes[1], 1) == (placed.sent, placed.skipped, placed.layers_sent)


def test_layers_of_the_base_are_not_sent(store: Store) -> None:
    having(store, ("python:3", made_of("base")))
    app = made_of("base", "app")

    sink(store, base="python:3").put(app)

    assert [1] == given(store, app)


def test_layers_of_an_image_that_has_lost_its_name_are_not_sent(store: Store) -> None:
    having(store, (NAME, made_of("base", "old", Labels=LABELS)))
    del store.tags[NAME]
    app = made_of("base", "new", Labels=LABELS)

    sink(store).put(app)

    assert [1] == given(store, app)


@pytest.mark.parametrize(("by_manifest", "read"), [(False, 0), (True, 1)])
def test_layers_that_are_there_are_read_only_where_their_sizes_are_needed(
    by_manifest: bool, read: int
) -> None:
    store = having(Store(by_manifest), ("python:3", made_of("base")))
    base = layer("base")
    reads: list[str] = []

    def content() -> Iterator[bytes]:
        reads.append("base")
        return base.chunks()

    lowest = stored_layer("base", Identity(base.identity().diff_id, UNKNOWN_SIZE), content, None)
    app = image(lowest, layer("app"))

    sink(store, base="python:3").put(app)

    assert read == len(reads)
    assert [1] == given(store, app)
    manifest = json.loads(store.fed[0].get("index.json", b"{}"))
    assert by_manifest == bool(manifest)


def test_only_the_lowest_layers_can_be_left_out(store: Store) -> None:
    having(store, (NAME, made_of("base", "old", "top")))
    app = made_of("base", "new", "top")

    sink(store).put(app)

    assert [1, 2] == given(store, app)


def test_a_layer_that_comes_again_on_another_one_is_sent(store: Store) -> None:
    having(store, ("python:3", made_of("base")))
    app = made_of("base", "app", "base")

    sink(store, base="python:3").put(app)

    assert [LOAD, TAG] == verbs(store)


def test_the_same_image_is_left_alone(store: Store) -> None:
    having(store, (NAME, made_of("base", "app", Env=["A=1"])))

    placed = sink(store).put(made_of("base", "app", Env=["A=1"]))

    assert [] == store.commands
    assert (0, 0) == (placed.sent, placed.layers_sent)


def test_another_configuration_is_another_image(store: Store) -> None:
    having(store, (NAME, made_of("base", "app", Env=["A=1"])))
    before = id_of(store)
    app = made_of("base", "app", Env=["A=2"])

    sink(store).put(app)

    assert [] == given(store, app)
    assert before != id_of(store)


def test_the_same_image_under_no_name_only_gets_the_name(store: Store) -> None:
    app = made_of("base", "app", Labels=LABELS)
    having(store, (NAME, app))
    before = store.tags.pop(NAME)

    sink(store).put(app)

    assert [TAG] == verbs(store)
    assert before == id_of(store)


def test_the_name_of_an_image_without_its_content_counts_for_nothing() -> None:
    store = having(Store(by_manifest=True), (NAME, made_of("base", "app")))
    store.images[id_of(store)].whole = False
    app = made_of("base", "app")

    sink(store).put(app)

    assert LOAD in verbs(store)
    assert store.images[id_of(store)].whole


def test_the_same_content_with_another_manifest_is_the_same_image() -> None:
    store = having(Store(by_manifest=True), (NAME, made_of("base", "app", Cmd=["a"])))
    kept = store.images.pop(id_of(store))
    store.images["sha256:" + "1" * 64] = kept  # as after a pull, with compressed layers
    store.tags[NAME] = "sha256:" + "1" * 64

    sink(store).put(made_of("base", "app", Cmd=["a"]))

    assert [] == store.commands


def test_an_engine_that_does_not_have_the_layers_after_all_gets_everything(store: Store) -> None:
    having(store, (NAME, made_of("base", "old")))
    before = id_of(store)
    store.chains.clear()
    store.images[before] = dataclasses.replace(store.images[before], files={})
    app = made_of("base", "new")

    placed = sink(store).put(app)

    assert [[1], [0, 1]] == [given(store, app, 0), given(store, app, 1)]
    assert 2 == placed.layers_sent
    assert before != id_of(store)
    assert store.images[id_of(store)].whole


def test_the_record_of_an_image_that_lacks_content_is_removed_before_the_second_try() -> None:
    store = having(Store(by_manifest=True), ("python:3", made_of("base")))
    base = id_of(store, "python:3")
    # A pulled base: its layers are unpacked, but its content has another form.
    store.images[base] = dataclasses.replace(store.images[base], files={})
    app = made_of("base", "app")

    sink(store, base="python:3").put(app)

    assert ["load", "image", "load", "tag"] == verbs(store)
    assert {base, id_of(store)} == set(store.images)


LIES = {
    "another image": Answer(0, f"Loaded image ID: sha256:{'7' * 64}\n", ""),
    "nothing": Answer(0, "", ""),
    "an error": Answer(1, "", "Error response from daemon: it hurts\n"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_load_that_lies_is_tried_again_with_everything(store: Store, lie: str) -> None:
    having(store, (NAME, made_of("base", "old")))
    store.lies = [LIES[lie]]
    app = made_of("base", "new")

    sink(store).put(app)

    assert [[1], [0, 1]] == [given(store, app, 0), given(store, app, 1)]
    assert store.images[id_of(store)].layers == app.diff_ids


@pytest.mark.parametrize("lie", LIES)
def test_a_load_that_lies_twice_is_an_error_and_moves_no_name(store: Store, lie: str) -> None:
    having(store, (NAME, made_of("base", "old")))
    before, images = id_of(store), set(store.images)
    store.lies = [LIES[lie]] * 2

    with pytest.raises(Refused, match="the Docker engine did not take shop-app:alice: "):
        sink(store).put(made_of("base", "new"))

    assert ["load", "load"] == verbs(store)
    assert (before, images) == (id_of(store), set(store.images))


def test_an_image_that_is_not_what_was_sent_is_refused(store: Store) -> None:
    having(store, ("other:1", made_of("other")))
    other = id_of(store, "other:1")
    store.lies = [Answer(0, f"Loaded image ID: {other}\n", "")]

    with pytest.raises(Refused, match="other layers or another configuration"):
        sink(store).put(made_of("app"))

    assert [LOAD] == verbs(store)
    assert other in store.images


def test_the_reason_is_told_in_dockers_words(store: Store) -> None:
    store.lies = [LIES["an error"]]

    with pytest.raises(Refused) as caught:
        sink(store).put(made_of("app"))

    assert caught.value.message == (
        "the Docker engine did not take shop-app:alice: Error response from daemon: it hurts."
    )
    assert [LOAD] == verbs(store)


def test_a_full_disk_is_not_filled_with_more(store: Store) -> None:
    having(store, (NAME, made_of("base", "old")))
    store.lies = [Answer(1, "", "write /var/x: no space left on device\n")]

    with pytest.raises(Refused, match="no space left on device") as caught:
        sink(store).put(made_of("base", "new"))

    assert [LOAD] == verbs(store)
    assert "docker system df" in caught.value.hint


def test_a_name_that_cannot_be_given_is_an_error() -> None:
    class Untaggable(Store):
        def write(self, command, chunks):  # type: ignore[no-untyped-def]
            answer = super().write(command, chunks)
            return Answer(1, "", "it is taken\n") if command.argv[1] == "tag" else answer

    with pytest.raises(EngineError, match="cannot be named shop-app:alice: it is taken"):
        sink(Untaggable()).put(made_of("app"))


def test_who_is_interrupted_names_nothing(store: Store) -> None:
    def interrupt(_done: int) -> None:
        raise Interrupted("enough.")

    with pytest.raises(Interrupted):
        sink(store).put(made_of("app"), interrupt)

    assert {} == store.tags


def test_what_is_not_accepted_is_removed_before_it_has_a_name(store: Store) -> None:
    having(store, (NAME, made_of("old")))
    before, images = id_of(store), set(store.images)
    looked_at: list[str] = []

    def refuse(id_: str) -> None:
        looked_at.append(id_)
        raise EngineError("it does not import.")

    with pytest.raises(EngineError, match="it does not import"):
        dataclasses.replace(sink(store), accept=refuse).put(made_of("new"))

    assert 1 == len(looked_at)
    assert (before, images) == (id_of(store), set(store.images))


def test_what_is_not_accepted_stays_under_another_name(store: Store) -> None:
    having(store, ("shop-app:bob", made_of("app")))

    def refuse(_id: str) -> None:
        raise EngineError("it does not import.")

    with pytest.raises(EngineError, match="it does not import"):
        dataclasses.replace(sink(store), accept=refuse).put(made_of("app"))

    assert {id_of(store, "shop-app:bob")} == set(store.images)


def test_an_image_that_is_there_is_looked_at_as_well(store: Store) -> None:
    having(store, (NAME, made_of("app")))
    looked_at: list[str] = []

    dataclasses.replace(sink(store), accept=looked_at.append).put(made_of("app"))

    assert [id_of(store)] == looked_at


def test_what_is_sent_is_told(store: Store) -> None:
    told: list[int] = []

    placed = sink(store).put(image(layer("a" * 5_000_000)), told.append)

    assert sum(told) >= placed.sent > 5_000_000
    assert len(told) > 3
