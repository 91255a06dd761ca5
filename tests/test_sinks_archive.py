"""Images into files: whole or not at all, and the same bytes each time."""

from __future__ import annotations

import gzip
import json
import os
import resource
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from stores import Store, digest, files_of, image, layer, made_of

from dockerutils.errors import ContentChanged, DockerutilsError, Interrupted, ProjectError
from dockerutils.oci.archive import read_archive, read_layout
from dockerutils.oci.digest_cache import DigestCache
from dockerutils.oci.image import OciImage
from dockerutils.oci.layer import Descriptor, Layer, StoredBlob, made_layer, stored_layer
from dockerutils.oci.media_types import DOCKER_LAYER_GZIP, OCI_LAYER_GZIP
from dockerutils.sinks.archive import FileSink, LayoutSink
from dockerutils.sinks.engine import EngineSink
from dockerutils.sinks.sink import Sink
from dockerutils.sources.archive import ArchiveSource, LayoutSource

Make = Callable[[Path], Sink]


@pytest.fixture(params=["file", "layout"])
def make(request: pytest.FixtureRequest) -> Make:
    """A maker of sinks of either kind, for a path."""
    if request.param == "file":
        return lambda path: FileSink(path, "shop-app:alice")
    return lambda path: LayoutSink(path, "alice")


def tree(path: Path) -> dict[str, bytes]:
    """Give all files below a path, or the file."""
    if path.is_file():
        return {"": path.read_bytes()}
    return {
        str(one.relative_to(path)): one.read_bytes() for one in path.rglob("*") if one.is_file()
    }


def interrupt(_done: int) -> None:
    raise Interrupted("enough.")


def broken() -> Iterator[bytes]:
    yield b"x" * 1024
    raise ContentChanged("a file changed.")


# Both ---------------------------------------------------------------------------------------


def test_the_same_image_gives_the_same_bytes(make: Make, tmp_path: Path) -> None:
    for name in ("one", "two"):
        make(tmp_path / name).put(made_of("low", "high", Cmd=["a"]))

    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_an_image_has_one_id_wherever_it_goes(tmp_path: Path) -> None:
    app = made_of("low", "high", Cmd=["a"])
    store = Store()
    FileSink(tmp_path / "app.tar", "app:1").put(app)
    LayoutSink(tmp_path / "app", "1").put(app)
    EngineSink("app:1", store.engine, store).put(app)

    read = read_archive(tmp_path / "app.tar"), read_layout(tmp_path / "app", "1")
    assert {app.id} == {one.id for one in read} | set(store.images)


def test_what_comes_out_is_what_went_in(tmp_path: Path) -> None:
    app = made_of("low", "high")
    FileSink(tmp_path / "app.tar", "app:1").put(app)
    LayoutSink(tmp_path / "app", "1").put(app)
    expected = [b"".join(one.chunks()) for one in app.layers]

    for source in (ArchiveSource(tmp_path / "app.tar", "app:1"), LayoutSource(tmp_path / "app")):
        with source.open() as found:
            assert expected == [b"".join(one.chunks()) for one in found.layers]


@pytest.mark.parametrize("there", [False, True])
def test_what_fails_half_way_leaves_all_as_it_was(make: Make, tmp_path: Path, there: bool) -> None:
    path = tmp_path / "app"
    if there:
        make(path).put(made_of("old"))
    before = tree(tmp_path)
    bad = image(layer("low"), made_layer("bad", broken, "0" * 64, None))

    with pytest.raises(ContentChanged):
        make(path).put(bad)
    with pytest.raises(Interrupted):
        make(path).put(made_of("low"), interrupt)

    assert before == tree(tmp_path)
    assert there == path.exists()


def test_a_full_disk_is_told_and_leaves_nothing(make: Make, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(DockerutilsError, match="cannot be written: File too large") as caught:
            make(tmp_path / "app").put(random_image())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert "make room" in caught.value.hint
    assert [] == list(tmp_path.iterdir())


def random_image() -> OciImage:
    content = os.urandom(2**20)
    return image(made_layer("random", lambda: iter([content]), "0" * 64, None))


def test_a_place_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DockerutilsError, match=r"app.tar cannot be written: No such file"):
        FileSink(tmp_path / "none" / "app.tar").put(made_of("a"))


def test_new_files_have_the_permissions_of_new_files(make: Make, tmp_path: Path) -> None:
    make(tmp_path / "app").put(made_of("a"))
    (tmp_path / "plain").touch()

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {(tmp_path / "plain").stat().st_mode} == {path.stat().st_mode for path in files}


# A file -------------------------------------------------------------------------------------


def test_a_file_has_plain_layers_and_the_name(tmp_path: Path) -> None:
    app = made_of("low", "high")

    placed = FileSink(tmp_path / "app.tar", "shop-app:alice").put(app)

    files = files_of((tmp_path / "app.tar").read_bytes())
    assert ["shop-app:alice"] == json.loads(files["manifest.json"])[0]["RepoTags"]
    assert {f"blobs/sha256/{one[7:]}" for one in app.diff_ids} <= set(files)
    assert (2, app.id) == (placed.layers_sent, placed.id)


def test_a_link_to_a_file_stays(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "app.tar")

    FileSink(tmp_path / "link").put(made_of("a"))

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "app.tar").is_file()


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="is no file"):
        FileSink(tmp_path).put(made_of("a"))


# A layout -----------------------------------------------------------------------------------


def entries(folder: Path) -> dict[str, str]:
    """Give the names in a layout, each with its digest."""
    index: dict[str, Any] = json.loads((folder / "index.json").read_bytes())
    name = "org.opencontainers.image.ref.name"
    return {one.get("annotations", {}).get(name, ""): one["digest"] for one in index["manifests"]}


def manifest(folder: Path, ref: str) -> dict[str, Any]:
    """Give the manifest of a name."""
    found: dict[str, Any] = json.loads(blob_in(folder, entries(folder)[ref]))
    return found


def blob_in(folder: Path, blob_digest: str) -> bytes:
    return (folder / "blobs" / "sha256" / blob_digest.removeprefix("sha256:")).read_bytes()


def test_a_layout_has_compressed_layers_in_order(tmp_path: Path) -> None:
    app = made_of("low", "high")

    placed = LayoutSink(tmp_path / "app", "1").put(app)

    assert {"imageLayoutVersion": "1.0.0"} == json.loads((tmp_path / "app/oci-layout").read_bytes())
    assert {"1": placed.digest} == entries(tmp_path / "app")
    layers = manifest(tmp_path / "app", "1")["layers"]
    tars = [gzip.decompress(blob_in(tmp_path / "app", one["digest"])) for one in layers]
    assert list(app.diff_ids) == [digest(tar) for tar in tars]
    assert {OCI_LAYER_GZIP} == {one["mediaType"] for one in layers}
    assert placed.sent == sum(one["size"] for one in layers)


def test_other_names_in_a_layout_stay_and_the_same_name_moves(tmp_path: Path) -> None:
    LayoutSink(tmp_path, "1").put(made_of("low", "one"))
    first = entries(tmp_path)["1"]
    LayoutSink(tmp_path, "2").put(made_of("low", "two"))
    LayoutSink(tmp_path, "2").put(made_of("low", "three"))

    assert ["1", "2"] == list(entries(tmp_path))
    assert first == entries(tmp_path)["1"]
    assert made_of("low", "three").id == read_layout(tmp_path, "2").id


def test_blobs_that_are_there_stay_as_they_are(tmp_path: Path) -> None:
    cache = DigestCache(tmp_path / "digests")
    low = layer("low", cache=cache)
    sink = LayoutSink(tmp_path / "app", "1")
    sink.put(image(low, layer("old", cache=cache)))
    before = {path: path.stat().st_ino for path in (tmp_path / "app").rglob("blobs/*/*")}

    app = image(low, layer("new", cache=cache))
    assert app.layers[1:] == sink.missing(app)
    placed = sink.put(app)

    assert before.items() <= {path: path.stat().st_ino for path in before}.items()
    assert 1 == placed.layers_sent
    assert placed.skipped > 0


def test_a_damaged_blob_is_written_again(tmp_path: Path) -> None:
    app = made_of("low")
    sink = LayoutSink(tmp_path, "1")
    sink.put(app)
    (path,) = [path for path in tmp_path.rglob("blobs/*/*") if path.read_bytes()[:2] == b"\x1f\x8b"]
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])

    sink.put(app)

    assert whole == path.read_bytes()


def test_a_layer_in_the_form_of_its_source_is_taken_over(tmp_path: Path) -> None:
    tar = b"".join(layer("low").chunks())
    blob = gzip.compress(tar, 9, mtime=0)
    described = Descriptor(DOCKER_LAYER_GZIP, digest(blob), len(blob))
    low = stored(tar, StoredBlob(described, lambda: iter([blob]), "docker.io/library/python"))

    LayoutSink(tmp_path, "1").put(image(low))

    (found,) = manifest(tmp_path, "1")["layers"]
    assert (described.digest, OCI_LAYER_GZIP) == (found["digest"], found["mediaType"])
    assert blob == blob_in(tmp_path, described.digest)


def test_a_plain_layer_of_a_file_is_compressed(tmp_path: Path) -> None:
    FileSink(tmp_path / "app.tar").put(made_of("low"))
    with ArchiveSource(tmp_path / "app.tar").open() as found:
        LayoutSink(tmp_path / "app", "1").put(found)

    (one,) = manifest(tmp_path / "app", "1")["layers"]
    assert OCI_LAYER_GZIP == one["mediaType"]


def stored(tar: bytes, form: StoredBlob) -> Layer:
    identity = layer("low").identity()
    return stored_layer("low", identity, lambda: iter([tar]), None, form)


def test_content_that_changes_after_it_was_hashed_is_an_error(tmp_path: Path) -> None:
    contents = iter([b"a" * 1024, b"b" * 1024])
    changing = made_layer("app", lambda: iter([next(contents)]), "0" * 64, None)
    changing.identity()

    with pytest.raises(ContentChanged, match="app changed while it was read"):
        LayoutSink(tmp_path / "app", "1").put(image(changing))

    assert not (tmp_path / "app").exists()


@pytest.mark.parametrize("name", ["notes.txt", "index.html"])
def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()

    with pytest.raises(ProjectError, match="is not empty, and no OCI image layout"):
        LayoutSink(tmp_path, "1").put(made_of("a"))

    assert [name] == [path.name for path in tmp_path.iterdir()]


def test_a_file_is_no_layout(tmp_path: Path) -> None:
    (tmp_path / "app").touch()

    with pytest.raises(ProjectError, match="is no folder"):
        LayoutSink(tmp_path / "app", "1").put(made_of("a"))


@pytest.mark.parametrize("text", ["", "[]", '{"manifests": 1}', "{}"])
def test_a_damaged_index_is_not_written_over(tmp_path: Path, text: str) -> None:
    LayoutSink(tmp_path, "1").put(made_of("a"))
    (tmp_path / "index.json").write_text(text)
    before = tree(tmp_path)

    with pytest.raises(ProjectError, match=r"index.json cannot be read"):
        LayoutSink(tmp_path, "1").put(made_of("b"))

    assert before == tree(tmp_path)


def test_images_without_a_name_are_counted_by_their_digest(tmp_path: Path) -> None:
    for content in ("a", "b", "a"):
        LayoutSink(tmp_path, "").put(made_of(content))

    index = json.loads((tmp_path / "index.json").read_bytes())
    assert 2 == len(index["manifests"])


def test_two_at_once_both_have_their_name(tmp_path: Path) -> None:
    refs = [str(number) for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda ref: LayoutSink(tmp_path / "app", ref).put(made_of("low", ref)), refs))

    assert refs == sorted(entries(tmp_path / "app"))
    assert [] == list(tmp_path.rglob(".*"))
