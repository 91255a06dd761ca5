"""Small images as values, and the archives that others make of them."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dockerutils.oci.descriptor import Descriptor
from dockerutils.oci.digest import digest_of
from dockerutils.oci.image import ImageConfig, OciImage, manifest_bytes
from dockerutils.oci.layer import Chunks, Layer, made_layer
from dockerutils.oci.media_types import OCI_MANIFEST
from dockerutils.oci.tar import Entry, tar_stream


def tar_of(files: Mapping[str, bytes]) -> bytes:
    """Give a layer's tar with these files."""
    return b"".join(tar_stream(Entry(path.encode(), content=files[path]) for path in sorted(files)))


def again(*chunks: bytes) -> Chunks:
    """Give what makes these chunks each time."""
    return lambda: iter(chunks)


def layer_of(files: Mapping[str, bytes], name: str = "files") -> Layer:
    """Give a layer with these files."""
    return made_layer(name, again(tar_of(files)), name, None)


def image_of(*layers: Mapping[str, bytes], **settings: object) -> OciImage:
    """Give an image for this machine's kind with these layers and settings."""
    steps = tuple(f"step {number}" for number, _ in enumerate(layers, 1))
    config = ImageConfig("amd64", settings=settings, created="1980-01-01T00:00:00Z", steps=steps)
    made = tuple(layer_of(files, f"layer {number}") for number, files in enumerate(layers, 1))
    return OciImage(made, config.to_json)


def write_stream(path: Path, entries: Iterable[Entry]) -> Path:
    """Write an archive of ours."""
    path.write_bytes(b"".join(tar_stream(entries)))
    return path


def write_tar(path: Path, files: Mapping[str, bytes | str]) -> Path:
    """Write an archive as others do; text stands for a symbolic link to it."""
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return path


def write_folder(folder: Path, entries: Iterable[Entry]) -> Path:
    """Write a layout of ours as a folder."""
    for entry in entries:
        path = folder / entry.path.decode()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content_of(entry))
    return folder


def content_of(entry: Entry) -> bytes:
    """Give all content of an entry."""
    return entry.content if isinstance(entry.content, bytes) else b"".join(entry.content())


def saved_by_old_docker(image: OciImage, *tags: str) -> dict[str, bytes | str]:
    """Give the files of `docker save` of 20.10: v1 names, a link for a repeated layer."""
    config = image.config_bytes()
    names: list[str] = []
    files: dict[str, bytes | str] = {}
    first: dict[str, str] = {}
    for number, layer in enumerate(image.layers):
        folder = digest_of(b"%d of %b" % (number, config)).removeprefix("sha256:")
        diff_id = layer.identity().diff_id
        files[f"{folder}/VERSION"] = b"1.0"
        files[f"{folder}/json"] = b"{}"
        names.append(f"{folder}/layer.tar")
        if diff_id in first:
            files[names[-1]] = f"../{first[diff_id]}"
        else:
            files[names[-1]] = b"".join(layer.chunks())
            first[diff_id] = names[-1]
    name = digest_of(config).removeprefix("sha256:") + ".json"
    manifest = [{"Config": name, "RepoTags": list(tags) or None, "Layers": names}]
    files[name] = config
    files["manifest.json"] = json.dumps(manifest).encode()
    files["repositories"] = b"{}"
    return files


def compressed_layout(
    image: OciImage, config_type: str, layer_type: str, name: str = ""
) -> dict[str, bytes]:
    """Give the files of a layout as containerd's store saves a pulled image."""
    packed = [gzip.compress(b"".join(layer.chunks()), mtime=0) for layer in image.layers]
    config = image.config_bytes()
    layers = [Descriptor(layer_type, digest_of(data), len(data)) for data in packed]
    manifest = manifest_bytes(Descriptor(config_type, digest_of(config), len(config)), layers)
    files = {blob(digest_of(data)): data for data in (*packed, config, manifest)}
    layout = b'{"imageLayoutVersion":"1.0.0"}'
    return {**files, "oci-layout": layout, "index.json": index(listed(manifest, name))}


def blob(digest: str) -> str:
    """Give the path of a blob in a layout."""
    return digest.replace("sha256:", "blobs/sha256/")


def listed(manifest: bytes, name: str = "", **more: Any) -> dict[str, Any]:
    """Give a manifest's place in an index, with an image's name."""
    names = {"annotations": {"io.containerd.image.name": name}} if name else {}
    found = Descriptor(OCI_MANIFEST, digest_of(manifest), len(manifest))
    return {**found.to_json(), **names, **more}


def index(*manifests: dict[str, Any]) -> bytes:
    """Give an index."""
    return json.dumps({"schemaVersion": 2, "manifests": manifests}).encode()


def files_of(tar: Iterable[bytes]) -> dict[str, bytes]:
    """Give the files of a layer's tar."""
    return dict(_files(b"".join(tar)))


def _files(data: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            if content:
                yield member.name, content.read()
