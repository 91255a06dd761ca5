"""Configurations, manifests and indexes: canonical bytes, and what is read of others'."""

from __future__ import annotations

import json
from typing import Any

import pytest
from oci_images import again, image_of

from dockerutils.errors import ProjectError
from dockerutils.oci.descriptor import UNKNOWN_SIZE, Descriptor, Identity
from dockerutils.oci.digest import digest_of
from dockerutils.oci.image import (
    ImageConfig,
    OciImage,
    choose,
    is_index,
    manifest_bytes,
    own_architecture,
    parse_config,
    parse_index,
    parse_manifest,
    settings_of,
)
from dockerutils.oci.layer import stored_layer
from dockerutils.oci.media_types import (
    DOCKER_CONFIG,
    DOCKER_INDEX,
    DOCKER_LAYER_GZIP,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
)

ONE, TWO = digest_of(b"1"), digest_of(b"2")


# Configurations -----------------------------------------------------------------------------


def test_a_config_is_written_in_one_way() -> None:
    config = ImageConfig(
        "amd64",
        created="1980-01-01T00:00:00Z",
        settings={"WorkingDir": "/app", "Env": ["PATH=/bin", "A=1"], "Cmd": ["python"], "User": ""},
        steps=("base", "numpy"),
    )
    expected = (
        b'{"architecture":"amd64",'
        b'"config":{"Cmd":["python"],"Env":["PATH=/bin","A=1"],"WorkingDir":"/app"},'
        b'"created":"1980-01-01T00:00:00Z",'
        b'"history":[{"created":"1980-01-01T00:00:00Z","created_by":"base"},'
        b'{"created":"1980-01-01T00:00:00Z","created_by":"numpy"}],'
        b'"os":"linux","rootfs":{"diff_ids":["'
        + f'{ONE}","{TWO}'.encode()
        + b'"],"type":"layers"}}'
    )

    assert expected == config.to_json([ONE, TWO])


def test_the_order_of_settings_makes_no_difference() -> None:
    settings = {"Labels": {"a": "1", "b": "2"}, "ExposedPorts": {"80/tcp": {}}}
    turned = {"ExposedPorts": {"80/tcp": {}}, "Labels": {"b": "2", "a": "1"}}

    assert ImageConfig("arm64", settings=settings).to_json([]) == ImageConfig(
        "arm64", settings=turned
    ).to_json([])


def test_a_variant_and_an_author_are_written_where_there_are_any() -> None:
    written = json.loads(ImageConfig("arm", variant="v7", author="Alice").to_json([ONE]))

    assert ("v7", "Alice") == (written["variant"], written["author"])
    assert [{"created_by": "base"}] == written["history"]
    assert "created" not in written


def test_steps_have_to_be_as_many_as_layers() -> None:
    with pytest.raises(ValueError, match="1 steps cannot describe 2 layers"):
        ImageConfig("amd64", steps=("one",)).to_json([ONE, TWO])


ENGINES_OWN = {  # as docker image inspect tells it
    "Hostname": "",
    "AttachStdin": False,
    "Image": "sha256:0",
    "Env": ["PATH=/bin"],
    "Cmd": None,
    "Volumes": None,
    "Entrypoint": [],
    "Labels": {},
    "ExposedPorts": {"80/tcp": {}},
    "ArgsEscaped": True,
}


def test_settings_that_say_nothing_and_those_of_containers_are_left_out() -> None:
    expected = {"Env": ["PATH=/bin"], "ExposedPorts": {"80/tcp": {}}}

    assert expected == settings_of(ENGINES_OWN)
    assert {} == settings_of(None)


def config_of_a_base(**more: Any) -> bytes:
    rootfs = {"type": "layers", "diff_ids": [ONE, TWO]}
    return json.dumps(
        {"architecture": "amd64", "os": "linux", "config": ENGINES_OWN, "rootfs": rootfs, **more}
    ).encode()


def test_a_base_is_the_same_whatever_its_history_tells() -> None:
    history = [{"created_by": "RUN x"}, {"created_by": "ENV", "empty_layer": True}]
    plain = parse_config(config_of_a_base())

    assert plain == parse_config(config_of_a_base(history=history, docker_version="20.10"))
    assert ("base", "base") == plain.steps
    assert {"Env": ["PATH=/bin"], "ExposedPorts": {"80/tcp": {}}} == plain.settings


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"rootfs": null}',
        b'{"rootfs": {"diff_ids": 5}}',
        b'{"rootfs": {"diff_ids": ["sha256:1"]}}',
        b'{"rootfs": {"diff_ids": [7]}}',
        b'{"rootfs": {"diff_ids": []}, "config": 5}',
        b'{"rootfs": {"diff_ids": []}, "config": ["Env"]}',
    ],
)
def test_what_is_no_config_is_an_error(data: bytes) -> None:
    with pytest.raises(ProjectError, match="should be the configuration of an image"):
        parse_config(data)


# Images -------------------------------------------------------------------------------------


def test_an_image_has_the_id_of_its_config() -> None:
    image = image_of({"a": b"1"}, {"b": b"2"}, Cmd=["a"])

    assert digest_of(image.config_bytes()) == image.id
    assert list(image.diff_ids) == json.loads(image.config_bytes())["rootfs"]["diff_ids"]


def test_a_sources_own_config_is_kept_and_no_layer_is_read() -> None:
    def unreadable() -> Any:
        raise AssertionError

    base = stored_layer("base 1", Identity(ONE, UNKNOWN_SIZE), unreadable, None)
    image = OciImage((base,), lambda _diff_ids: b"{ }")

    assert (ONE,) == image.diff_ids
    assert digest_of(b"{ }") == image.id


def test_a_layer_that_is_not_known_is_read_for_the_config() -> None:
    layer = stored_layer("base 1", Identity(digest_of(b"x"), 1), again(b"x"), None)

    assert [digest_of(b"x")] == json.loads(
        OciImage((layer,), ImageConfig("amd64").to_json).config_bytes()
    )["rootfs"]["diff_ids"]


# Manifests ----------------------------------------------------------------------------------


def test_a_manifest_is_written_in_one_way_and_read_again() -> None:
    config, layer = Descriptor(OCI_CONFIG, ONE, 3), Descriptor(OCI_LAYER, TWO, 5)
    data = manifest_bytes(config, [layer, layer])

    start = b'{"config":{"digest":"' + ONE.encode() + b'","mediaType":"' + OCI_CONFIG.encode()
    assert data.startswith(start)
    assert {"schemaVersion": 2, "mediaType": OCI_MANIFEST}.items() <= json.loads(data).items()
    assert (config, (layer, layer)) == (parse_manifest(data).config, parse_manifest(data).layers)


def test_dockers_manifest_is_read() -> None:
    config, layer = Descriptor(DOCKER_CONFIG, ONE, 3), Descriptor(DOCKER_LAYER_GZIP, TWO, 5)
    content = {"mediaType": DOCKER_MANIFEST, "config": config.to_json()}
    data = json.dumps({**content, "layers": [{**layer.to_json(), "urls": ["x"]}]}).encode()

    assert (layer,) == parse_manifest(data).layers


def test_an_artefact_is_no_image() -> None:
    chart = Descriptor("application/vnd.cncf.helm.config.v1+json", ONE, 3)

    with pytest.raises(ProjectError, match=r"no image, but an artefact of the type .*helm"):
        parse_manifest(manifest_bytes(chart, []))


@pytest.mark.parametrize(
    "data", [b"", b"{}", b'{"layers": []}', b'{"layers": {}, "config": {}}', b'{"manifests": []}']
)
def test_what_is_no_manifest_is_an_error(data: bytes) -> None:
    with pytest.raises(ProjectError, match=r"should be (a|the) manifest"):
        parse_manifest(data)


@pytest.mark.parametrize(
    "descriptor",
    [
        None,
        [],
        {},
        {"digest": ONE},
        {"digest": ONE, "size": "3"},
        {"digest": ONE, "size": -1},
        {"digest": "sha256:../../x", "size": 3},
        {"digest": 7, "size": 3},
        {"digest": ONE, "size": 3, "mediaType": 5},
    ],
)
def test_what_is_no_descriptor_is_an_error(descriptor: Any) -> None:
    data = json.dumps({"config": descriptor, "layers": []}).encode()

    with pytest.raises(ProjectError, match="should describe a blob"):
        parse_manifest(data)


# Indexes ------------------------------------------------------------------------------------


def listed(name: str, platform: str = "", **more: Any) -> dict[str, Any]:
    os, _, rest = platform.partition("/")
    architecture, _, variant = rest.partition("/")
    told = {"os": os, "architecture": architecture, "variant": variant}
    where = {"platform": {key: value for key, value in told.items() if value}} if os else {}
    return {**Descriptor(OCI_MANIFEST, digest_of(name.encode()), 3).to_json(), **where, **more}


def index(*manifests: dict[str, Any]) -> bytes:
    return json.dumps({"schemaVersion": 2, "manifests": manifests}).encode()


MANY = index(
    listed("arm 7", "linux/arm/v7"),
    listed("arm 5", "linux/arm/v5"),
    listed("windows", "windows/amd64"),
    listed("amd64 v3", "linux/amd64/v3"),
    listed("amd64", "linux/amd64"),
    listed("proof", "unknown/unknown", annotations={"vnd.docker.reference.type": "attestation"}),
    listed("arm64", "linux/arm64/v8"),
)


@pytest.mark.parametrize(
    ("architecture", "name"),
    [("amd64", "amd64"), ("arm64", "arm64"), ("arm", "arm 5")],
)
def test_what_is_for_the_platform_is_chosen(architecture: str, name: str) -> None:
    assert digest_of(name.encode()) == choose(MANY, architecture).descriptor.digest


def test_without_an_architecture_this_machines_is_meant() -> None:
    own = index(listed("other", "linux/other"), listed("own", f"linux/{own_architecture()}"))

    assert digest_of(b"own") == choose(own).descriptor.digest


def test_what_tells_no_platform_may_be_for_any() -> None:
    told, untold = listed("told", "linux/amd64"), listed("untold")

    assert digest_of(b"untold") == choose(index(untold), "amd64").descriptor.digest
    assert digest_of(b"told") == choose(index(untold, told), "amd64").descriptor.digest


def test_a_platform_that_is_not_there_is_an_error_that_lists_those_that_are() -> None:
    expected = (
        "the image is not there for linux/riscv64, only for linux/amd64, linux/amd64/v3, "
        "linux/arm/v5, linux/arm/v7, linux/arm64/v8, windows/amd64."
    )

    with pytest.raises(ProjectError) as caught:
        choose(MANY, "riscv64")

    assert expected == caught.value.message
    with pytest.raises(ProjectError, match="only for nothing"):
        choose(index(), "riscv64")


def test_a_further_index_is_told_from_an_image() -> None:
    nested = listed("nested") | {"mediaType": DOCKER_INDEX}
    both = parse_index(index(nested, listed("image"), listed("own") | {"mediaType": OCI_INDEX}))

    assert [True, False, True] == [is_index(one.descriptor) for one in both]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"manifests": 5}',
        index(listed("x", platform="") | {"platform": 5}),
        index(listed("x") | {"annotations": []} | {"annotations": ["a"]}),
    ],
)
def test_what_is_no_index_is_an_error(data: bytes) -> None:
    with pytest.raises(ProjectError, match="should be an index"):
        parse_index(data)
