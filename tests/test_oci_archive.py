"""Archives and layouts: what we write, and what others have written."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from oci_images import (
    again,
    blob,
    compressed_layout,
    content_of,
    files_of,
    image_of,
    index,
    listed,
    saved_by_old_docker,
    tar_of,
    write_folder,
    write_stream,
    write_tar,
)

from dockerutils.errors import DockerutilsError, ProjectError
from dockerutils.oci.archive import archive_entries, read_archive, read_layout
from dockerutils.oci.descriptor import UNKNOWN_SIZE, Identity
from dockerutils.oci.digest import digest_of
from dockerutils.oci.digest_cache import DigestCache
from dockerutils.oci.image import ImageConfig, OciImage, own_architecture
from dockerutils.oci.layer import stored_layer
from dockerutils.oci.layout import canonical_name
from dockerutils.oci.media_types import (
    DOCKER_CONFIG,
    DOCKER_LAYER_GZIP,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_LAYER_GZIP,
)

NAME = "shop-app:alice"
FULL = "docker.io/library/shop-app:alice"
LOWER, UPPER = {"etc/base": b"base"}, {"app/main.py": b"print()", "app/run": b"x" * 2000}


@pytest.fixture
def image() -> OciImage:
    return image_of(LOWER, UPPER, Cmd=["python"])


def written(image: OciImage, reference: str = NAME, **more: Any) -> dict[str, bytes]:
    return {
        entry.path.decode(): content_of(entry)
        for entry in archive_entries(image, reference, **more)
    }


# What we write ------------------------------------------------------------------------------


def test_an_archive_is_a_layout_with_uncompressed_layers(image: OciImage) -> None:
    files = written(image)

    assert {"imageLayoutVersion": "1.0.0"} == json.loads(files["oci-layout"])
    (descriptor,) = json.loads(files["index.json"])["manifests"]
    assert {
        "io.containerd.image.name": FULL,
        "org.opencontainers.image.ref.name": "alice",
    } == descriptor["annotations"]
    assert {"architecture": "amd64", "os": "linux"} == descriptor["platform"]
    manifest = json.loads(files[blob(descriptor["digest"])])
    assert image.id == manifest["config"]["digest"]
    assert [OCI_LAYER] * 2 == [layer["mediaType"] for layer in manifest["layers"]]
    assert list(image.diff_ids) == [layer["digest"] for layer in manifest["layers"]]
    for one in (descriptor, manifest["config"], *manifest["layers"]):
        data = files[blob(one["digest"])]
        assert (one["digest"], one["size"]) == (digest_of(data), len(data))


def test_an_archive_is_one_of_docker_save_as_well(image: OciImage) -> None:
    files = written(image)

    expected = [
        {"Config": blob(image.id), "Layers": [*map(blob, image.diff_ids)], "RepoTags": [NAME]}
    ]
    assert expected == json.loads(files["manifest.json"])


def test_without_a_reference_an_image_has_no_name(image: OciImage) -> None:
    files = written(image, "")

    assert json.loads(files["manifest.json"])[0]["RepoTags"] is None
    assert "annotations" not in json.loads(files["index.json"])["manifests"][0]


def test_a_reference_without_a_tag_means_the_latest(image: OciImage) -> None:
    files = written(image, "localhost:5000/app")

    assert ["localhost:5000/app:latest"] == json.loads(files["manifest.json"])[0]["RepoTags"]
    (descriptor,) = json.loads(files["index.json"])["manifests"]
    assert ["localhost:5000/app:latest", "latest"] == list(descriptor["annotations"].values())


def test_layers_that_are_present_are_named_but_not_given(image: OciImage) -> None:
    lower, upper = image.diff_ids
    everything, rest = written(image), written(image, present=[lower])

    assert {blob(lower)} == everything.keys() - rest.keys()
    assert everything == {**rest, blob(lower): everything[blob(lower)]}
    assert blob(upper) in rest


def test_a_repeated_layer_is_given_once() -> None:
    image = image_of(LOWER, UPPER, LOWER)
    paths = [entry.path for entry in archive_entries(image, NAME)]

    assert len(set(paths)) == len(paths)
    (entry,) = json.loads(written(image)["manifest.json"])
    assert entry["Layers"] == [*map(blob, image.diff_ids)]


def unreadable() -> Iterator[bytes]:
    raise AssertionError("A layer was read that is there already.")


def test_a_present_layer_of_unknown_size_is_not_read_and_only_dockers_form_is_given() -> None:
    base = stored_layer("base", Identity(digest_of(b"base"), UNKNOWN_SIZE), unreadable, None)
    upper = image_of(UPPER).layers[0]
    image = OciImage((base, upper), ImageConfig("amd64").to_json)

    files = written(image, present=[digest_of(b"base")])

    assert {blob(image.id), "manifest.json", blob(image.diff_ids[1])} == files.keys()


def test_a_missing_layer_of_unknown_size_is_read_for_it() -> None:
    data = tar_of(LOWER)
    base = stored_layer("base", Identity(digest_of(data), UNKNOWN_SIZE), again(data), None)

    files = written(OciImage((base,), ImageConfig("amd64").to_json))

    assert data == files[blob(digest_of(data))]
    assert "index.json" in files


@pytest.mark.parametrize(
    ("reference", "full"),
    [
        ("app", "docker.io/library/app:latest"),
        ("app:1", "docker.io/library/app:1"),
        ("team/app:1", "docker.io/team/app:1"),
        ("docker.io/library/app", "docker.io/library/app:latest"),
        ("localhost/app:1", "localhost/app:1"),
        ("localhost:5000/app", "localhost:5000/app:latest"),
        ("registry.example/a/b:1", "registry.example/a/b:1"),
        (f"app@{digest_of(b'')}", f"docker.io/library/app@{digest_of(b'')}"),
    ],
)
def test_names_are_written_in_full_as_docker_means_them(reference: str, full: str) -> None:
    assert full == canonical_name(reference)
    assert full == canonical_name(full)


# What we read -------------------------------------------------------------------------------


def contents(image: OciImage) -> list[dict[str, bytes]]:
    return [files_of(layer.chunks()) for layer in image.layers]


def same(expected: OciImage, actual: OciImage) -> None:
    """See that an image is another: config, diff IDs and content."""
    assert expected.config_bytes() == actual.config_bytes()
    assert expected.id == actual.id
    assert expected.diff_ids == actual.diff_ids
    assert contents(expected) == contents(actual)
    assert [layer.identity() for layer in expected.layers] == [
        layer.sized() for layer in actual.layers
    ]


def test_our_archive_is_read_again(image: OciImage, tmp_path: Path) -> None:
    path = write_stream(tmp_path / "app.tar", archive_entries(image, NAME))

    found = read_archive(path)

    same(image, found)
    assert FULL == found.reference


def test_our_layout_is_read_again(image: OciImage, tmp_path: Path) -> None:
    same(image, read_layout(write_folder(tmp_path / "app", archive_entries(image, NAME))))


@pytest.mark.parametrize("stays", [("manifest.json",), ("index.json", "oci-layout")])
def test_either_form_alone_is_read(image: OciImage, tmp_path: Path, stays: tuple[str, ...]) -> None:
    files = written(image)
    for name in {"index.json", "oci-layout", "manifest.json"} - {*stays}:
        del files[name]

    same(image, read_archive(write_tar(tmp_path / "app.tar", files)))


def test_what_docker_20_10_has_saved_is_read(tmp_path: Path) -> None:
    image = image_of(LOWER, {"etc/more": b""}, LOWER)
    files = saved_by_old_docker(image, NAME, "shop-app:latest")
    assert ["../"] == [one[:3] for one in files.values() if isinstance(one, str)]

    found = read_archive(write_tar(tmp_path / "app.tar", files))

    same(image, found)
    assert NAME == found.reference


def test_an_index_of_nothing_does_not_hide_dockers_form(image: OciImage, tmp_path: Path) -> None:
    files = {**written(image), "index.json": index()}

    same(image, read_archive(write_tar(tmp_path / "app.tar", files)))


def test_links_to_links_are_followed(image: OciImage, tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {**written(image)}
    name = blob(image.diff_ids[0])
    files |= {"a/1": files[name], "a/2": "1", "3": "./a/2", name: "../../3"}

    same(image, read_archive(write_tar(tmp_path / "app.tar", files)))


def test_a_disk_that_gives_less_than_was_asked_for_is_asked_again(
    image: OciImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_stream(tmp_path / "app.tar", archive_entries(image, NAME))
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda file, size, at: pread(file, (size + 1) // 2, at))

    same(image, read_archive(path))


def test_names_that_begin_with_a_dot_and_a_slash_are_taken(image: OciImage, tmp_path: Path) -> None:
    files = {f"./{name}": content for name, content in written(image).items()}

    same(image, read_archive(write_tar(tmp_path / "app.tar", files)))


@pytest.mark.parametrize(
    ("config_type", "layer_type"),
    [(OCI_CONFIG, OCI_LAYER_GZIP), (DOCKER_CONFIG, DOCKER_LAYER_GZIP)],
)
def test_compressed_layers_are_decompressed_and_known_by_the_config(
    image: OciImage, tmp_path: Path, config_type: str, layer_type: str
) -> None:
    files = compressed_layout(image, config_type, layer_type)
    cache = DigestCache(tmp_path / "digests")

    found = read_archive(write_tar(tmp_path / "app.tar", files), cache=cache)

    assert image.diff_ids == found.diff_ids
    assert [UNKNOWN_SIZE] * 2 == [layer.identity().size for layer in found.layers]
    same(image, found)
    for layer in found.layers:
        assert layer.stored is not None
        assert layer_type == layer.stored.descriptor.media_type
        assert layer.stored.descriptor.digest == digest_of(b"".join(layer.stored.chunks()))
    again = read_archive(tmp_path / "app.tar", cache=cache)
    assert [layer.identity() for layer in image.layers] == [one.identity() for one in again.layers]


def test_compressed_layers_in_dockers_form_are_decompressed(
    image: OciImage, tmp_path: Path
) -> None:
    files = saved_by_old_docker(image, NAME)
    packed = {
        name: gzip.compress(data)
        if name.endswith("layer.tar") and isinstance(data, bytes)
        else data
        for name, data in files.items()
    }

    same(image, read_archive(write_tar(tmp_path / "app.tar", packed)))


def test_a_compressed_archive_is_read_and_leaves_nothing_behind(
    image: OciImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_stream(tmp_path / "app.tar", archive_entries(image, NAME))
    packed = tmp_path / "app.tar.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spool))

    found = read_archive(packed)

    assert [] == list(spool.iterdir())
    same(image, found)


def test_an_archive_that_takes_the_place_of_another_is_not_read_instead(
    image: OciImage, tmp_path: Path
) -> None:
    path = write_stream(tmp_path / "app.tar", archive_entries(image, NAME))
    found = read_archive(path)
    write_stream(tmp_path / "new.tar", archive_entries(image_of({"x": b""}), NAME)).replace(path)

    same(image, found)


def test_an_image_that_is_not_used_any_more_keeps_no_file_open(
    image: OciImage, tmp_path: Path
) -> None:
    path = write_stream(tmp_path / "app.tar", archive_entries(image, NAME))
    read = [list(layer.chunks()) for layer in read_archive(path).layers]

    assert read
    assert str(path) not in [os.path.realpath(one) for one in Path("/proc/self/fd").iterdir()]


# Several images -----------------------------------------------------------------------------


@pytest.fixture(params=["OCI", "docker 20.10"])
def several(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, dict[str, OciImage]]:
    """An archive of two images, by their names; one has two of them."""
    images = {"shop-app:alice": image_of(LOWER), "shop-db:alice": image_of(UPPER)}
    images["shop-db:latest"] = images["shop-db:alice"]
    parts: list[dict[str, Any]]
    if request.param == "OCI":
        parts = [written(image, name) for name, image in images.items()]
        found = [one for part in parts for one in json.loads(part["index.json"])["manifests"]]
        files = {**parts[0], **parts[1], "index.json": index(*found)}
        del files["manifest.json"]
    else:
        parts = [
            saved_by_old_docker(images["shop-app:alice"], "shop-app:alice"),
            saved_by_old_docker(images["shop-db:alice"], "shop-db:alice", "shop-db:latest"),
        ]
        entries = [entry for part in parts for entry in json.loads(part["manifest.json"])]
        files = {**parts[0], **parts[1], "manifest.json": json.dumps(entries).encode()}
    return write_tar(tmp_path / "all.tar", files), images


def test_of_several_images_the_named_one_is_read(
    several: tuple[Path, dict[str, OciImage]],
) -> None:
    path, images = several

    for name, image in images.items():
        same(image, read_archive(path, name))
        same(image, read_archive(path, f"docker.io/library/{name}"))


def test_of_several_images_none_is_guessed(several: tuple[Path, dict[str, OciImage]]) -> None:
    path, _ = several

    with pytest.raises(ProjectError, match=f"^{path} has several images: .*shop-app:alice, .*db"):
        read_archive(path)


def test_a_name_that_is_not_there_is_an_error_that_lists_those_that_are(
    several: tuple[Path, dict[str, OciImage]],
) -> None:
    path, _ = several

    with pytest.raises(ProjectError, match=rf"^{path} has no shop-app:bob\.$") as caught:
        read_archive(path, "shop-app:bob")

    for name in ("shop-app:alice", "shop-db:alice", "shop-db:latest"):
        assert name in caught.value.hint


def test_a_ref_name_names_an_image_in_a_layout(image: OciImage, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "app", archive_entries(image, NAME))

    same(image, read_layout(folder, "alice"))
    same(image, read_layout(folder, NAME))
    with pytest.raises(ProjectError, match="has no bob"):
        read_layout(folder, "bob")


def test_an_index_within_the_index_is_followed_to_this_machines_platform(tmp_path: Path) -> None:
    own, other = image_of(LOWER), image_of(UPPER)
    manifests: list[dict[str, Any]] = []
    files: dict[str, bytes] = {}
    for image in (other, own):
        part = written(image, "")
        (found,) = json.loads(part["index.json"])["manifests"]
        architecture = own_architecture() if image is own else "other"
        found["platform"] = {"os": "linux", "architecture": architecture}
        manifests.append(found)
        files |= part
    nested = index(*manifests, listed(b"gone", platform={"os": "unknown"}))
    files[blob(digest_of(nested))] = nested
    top = listed(nested, FULL) | {"mediaType": OCI_INDEX}

    files["index.json"] = index(top)
    same(own, read_archive(write_tar(tmp_path / "nested.tar", files)))
    files["index.json"] = index(*manifests)
    same(own, read_archive(write_tar(tmp_path / "flat.tar", files)))
    same(other, read_archive(tmp_path / "flat.tar", architecture="other"))


# What is no image ---------------------------------------------------------------------------


def refused(path: Path, read: Callable[[Path], OciImage] = read_archive) -> str:
    """Give the one sentence about a file that cannot be read."""
    with pytest.raises(ProjectError) as caught:
        read(path)
    assert str(path) in caught.value.message
    assert caught.value.hint
    assert caught.value.message.endswith(".")
    assert "\n" not in caught.value.message
    return caught.value.message


@pytest.mark.parametrize("content", [b"", b"x", b"text " * 1000, b"\x1f\x8b", b"\x1f\x8b" * 400])
def test_what_is_no_archive_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.tar"
    path.write_bytes(content)

    refused(path)


def test_an_archive_of_something_else_is_an_error(tmp_path: Path) -> None:
    message = refused(write_tar(tmp_path / "notes.tar", {"notes.txt": b"x"}))

    assert "holds no image: it has neither index.json nor manifest.json" in message


def test_what_is_not_there_or_no_file_is_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    assert "No such file" in refused(tmp_path / "gone.tar")
    assert "is no file" in refused(tmp_path / "pipe")
    with pytest.raises(ProjectError) as caught:
        read_archive(tmp_path)
    assert f"oci:{tmp_path}" in caught.value.hint
    assert "has no index.json" in refused(tmp_path, read_layout)


def test_a_truncated_archive_is_an_error_wherever_it_ends(image: OciImage, tmp_path: Path) -> None:
    path = write_stream(tmp_path / "app.tar", archive_entries(image, NAME))
    whole = path.read_bytes()
    last = len(tar_of(UPPER)) + 1024  # the last layer and the end of the archive

    for size in [*range(0, len(whole) - last, 1000), len(whole) - last // 2, len(whole) - 1025]:
        path.write_bytes(whole[:size])
        refused(path)


def test_a_truncated_compressed_archive_is_an_error(image: OciImage, tmp_path: Path) -> None:
    packed = gzip.compress(tar_of(written(image)))
    path = tmp_path / "app.tar.gz"
    path.write_bytes(packed[:-20])

    assert "compressed data is damaged: it ends too early." in refused(path)


def test_every_missing_file_is_named(image: OciImage, tmp_path: Path) -> None:
    files = written(image)
    (descriptor,) = json.loads(files["index.json"])["manifests"]
    for_all = [blob(image.id), *map(blob, image.diff_ids)]
    forms = {"manifest.json": for_all, "index.json": [blob(descriptor["digest"]), *for_all]}

    for form, needed in forms.items():
        for name in needed:
            rest = {other: files[other] for other in (form, *needed) if other != name}
            message = refused(write_tar(tmp_path / "app.tar", rest))
            assert f"is no complete image: it lacks {name}." in message


def test_every_missing_file_of_a_layout_is_named(image: OciImage, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "app", archive_entries(image, NAME))

    for path in (folder / "blobs/sha256").iterdir():
        content = path.read_bytes()
        path.unlink()
        message = refused(folder, read_layout)
        assert f"is no complete image: it lacks blobs/sha256/{path.name}." in message
        path.write_bytes(content)


def test_a_damaged_manifest_or_config_is_an_error(image: OciImage, tmp_path: Path) -> None:
    files = written(image)
    (descriptor,) = json.loads(files["index.json"])["manifests"]

    for name in (blob(descriptor["digest"]), blob(image.id)):
        damaged = {**files, name: files[name].replace(b'"', b"'", 1)}
        assert "is damaged" in refused(write_tar(tmp_path / "app.tar", damaged))
        old = {key: data for key, data in damaged.items() if key != "index.json"}
        if name == blob(image.id):
            assert "is damaged" in refused(write_tar(tmp_path / "old.tar", old))


@pytest.mark.parametrize("name", ["index.json", "manifest.json"])
@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\xff", b"5", b"[]", b"{}", b"[5]", b"[{}]", b'{"manifests":[]}'),
        *(b'[{"Config":5}]', b'[{"Config":"x","Layers":5}]', b'[{"Config":"x"}]'),
        *(b'{"manifests":[5]}', b'{"manifests":{}}'),
    ],
)
def test_an_index_that_is_none_is_an_error(
    image: OciImage, tmp_path: Path, name: str, content: bytes
) -> None:
    files = written(image)
    del files["manifest.json" if name == "index.json" else "index.json"]

    refused(write_tar(tmp_path / "app.tar", {**files, name: content}))


def test_layers_and_diff_ids_have_to_be_as_many(image: OciImage, tmp_path: Path) -> None:
    files = saved_by_old_docker(image, NAME)
    manifest = json.loads(files["manifest.json"])
    manifest[0]["Layers"].pop()
    files["manifest.json"] = json.dumps(manifest).encode()

    message = refused(write_tar(tmp_path / "app.tar", files))

    assert "it has 1 layers, and its configuration names 2" in message


def test_a_damaged_layer_is_an_error_when_it_is_read(image: OciImage, tmp_path: Path) -> None:
    files = written(image)
    name = blob(image.diff_ids[1])
    files[name] = files[name].replace(b"print()", b"Print()")
    path = write_tar(tmp_path / "app.tar", files)

    lower, upper = read_archive(path).layers

    assert list(lower.chunks())
    with pytest.raises(DockerutilsError, match=f"the content of layer 2 of {path} is damaged"):
        list(upper.chunks())


def test_an_archive_that_becomes_shorter_while_it_is_read_is_an_error(
    image: OciImage, tmp_path: Path
) -> None:
    path = write_stream(tmp_path / "app.tar", archive_entries(image, NAME))
    found = read_archive(path)
    os.truncate(path, 600)

    with pytest.raises(DockerutilsError, match=f"^{path} is truncated"):
        list(found.layers[0].chunks())


def test_links_in_a_ring_are_files_that_are_missing(image: OciImage, tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {**saved_by_old_docker(image, NAME)}
    first, second = (name for name in files if name.endswith("layer.tar"))
    files |= {first: f"../{second}", second: f"../{first}"}

    assert f"it lacks {first}" in refused(write_tar(tmp_path / "app.tar", files))
