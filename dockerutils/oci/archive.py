"""Images in files: an OCI layout that is an archive of `docker save` as well."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from dockerutils.errors import ProjectError
from dockerutils.naming import split_reference
from dockerutils.oci.archive_files import FolderFiles, open_archive
from dockerutils.oci.archive_reading import Wanted, image_in
from dockerutils.oci.descriptor import UNKNOWN_SIZE, Descriptor
from dockerutils.oci.digest import digest_of
from dockerutils.oci.digest_cache import DigestCache
from dockerutils.oci.image import OciImage, canonical_json, manifest_bytes, parse_config
from dockerutils.oci.layer import Layer
from dockerutils.oci.layout import IMAGE_NAME, REF_NAME, blob_name, canonical_name, tagged
from dockerutils.oci.media_types import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST
from dockerutils.oci.tar import Entry


def archive_entries(
    image: OciImage, reference: str, present: Collection[str] = ()
) -> Iterator[Entry]:
    """Give the files of an archive that every engine loads, for `tar_stream` or a folder.

    It is an OCI layout with uncompressed layers, and has docker's manifest.json. Layers whose
    diff IDs are in `present` are named, but not given. Without a reference it loads as an image
    without a name. Layers whose size is not known are read for it, but for present ones: then the
    OCI part is left out, which needs all sizes.
    """
    diff_ids = image.diff_ids
    given = [layer for layer in _distinct(image.layers) if layer.identity().diff_id not in present]
    for layer in given:
        layer.sized()
    config = image.config_bytes()
    if all(layer.identity().size != UNKNOWN_SIZE for layer in image.layers):
        yield from _layout(image, config, reference)
    yield _file(blob_name(digest_of(config)), config)
    yield _file("manifest.json", _docker_manifest(config, diff_ids, reference))
    for layer in given:
        identity = layer.sized()
        path = blob_name(identity.diff_id).encode()
        yield Entry(path, size=identity.size, content=layer.chunks)


def _distinct(layers: Collection[Layer]) -> list[Layer]:
    return list({layer.identity().diff_id: layer for layer in layers}.values())


def _layout(image: OciImage, config: bytes, reference: str) -> Iterator[Entry]:
    manifest = layout_manifest(image, config)
    yield _file("oci-layout", canonical_json({"imageLayoutVersion": "1.0.0"}))
    yield _file("index.json", index_bytes(config, manifest, reference))
    yield _file(blob_name(digest_of(manifest)), manifest)


def layout_manifest(image: OciImage, config: bytes) -> bytes:
    """Give the manifest of an image with uncompressed layers, whose sizes have to be known."""
    identities = [layer.sized() for layer in image.layers]
    layers = [Descriptor(OCI_LAYER, one.diff_id, one.size) for one in identities]
    return manifest_bytes(Descriptor(OCI_CONFIG, digest_of(config), len(config)), layers)


def index_bytes(config: bytes, manifest: bytes, reference: str) -> bytes:
    """Give the index.json of a layout with one image (OCI image-layout.md, "index.json file")."""
    about = parse_config(config)
    platform = {"architecture": about.architecture, "os": about.os, "variant": about.variant}
    descriptor: dict[str, Any] = {
        **Descriptor(OCI_MANIFEST, digest_of(manifest), len(manifest)).to_json(),
        "platform": {name: value for name, value in platform.items() if value},
    }
    if reference:
        name = canonical_name(reference)
        tag = split_reference(name)[1]
        descriptor["annotations"] = {IMAGE_NAME: name, REF_NAME: tag}
    return canonical_json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor]})


def _docker_manifest(config: bytes, diff_ids: Collection[str], reference: str) -> bytes:
    entry = {
        "Config": blob_name(digest_of(config)),
        "RepoTags": [tagged(reference)] if reference else None,
        "Layers": [blob_name(diff_id) for diff_id in diff_ids],
    }
    return b"[" + canonical_json(entry) + b"]"


def _file(name: str, content: bytes) -> Entry:
    return Entry(name.encode(), size=len(content), content=content)


def read_archive(
    path: Path, reference: str = "", architecture: str = "", cache: DigestCache | None = None
) -> OciImage:
    """Find an image in a file that `docker save` or others wrote, also a compressed one.

    The file stays open as long as the image is used. Raises `ProjectError` where there is no
    image, where several could be meant, and for a damaged file.
    """
    if path.is_dir():
        raise ProjectError(f"{path} is a folder.", hint=f"Name an OCI layout as oci:{path}.")
    return image_in(open_archive(path), Wanted(reference, architecture), cache)


def read_layout(
    folder: Path, ref: str = "", architecture: str = "", cache: DigestCache | None = None
) -> OciImage:
    """Find an image in an OCI layout, of several the one with this ref name or image name.

    Raises `ProjectError` where there is no image, or where several could be meant.
    """
    if not (folder / "index.json").is_file():
        lack = "it has no index.json" if folder.is_dir() else "there is no such folder"
        raise ProjectError(
            f"{folder} is no OCI layout: {lack}.",
            hint="Name the folder that holds oci-layout and index.json.",
        )
    return image_in(FolderFiles(folder), Wanted(ref, architecture), cache)
