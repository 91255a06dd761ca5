"""Images in the files of an archive or a layout: OCI's form, and what `docker save` has made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dockerutils.errors import ProjectError
from dockerutils.oci.archive_files import AGAIN, Files, lacks, plain
from dockerutils.oci.compress import decompressed, is_compressed
from dockerutils.oci.descriptor import UNKNOWN_SIZE, Descriptor, Identity
from dockerutils.oci.digest import digest_of
from dockerutils.oci.digest_cache import DigestCache
from dockerutils.oci.image import (
    Listed,
    OciImage,
    choose,
    diff_ids_of,
    is_index,
    parse_index,
    parse_manifest,
    read_object,
)
from dockerutils.oci.layer import Layer, StoredBlob, stored_layer
from dockerutils.oci.layout import IMAGE_NAME, REF_NAME, blob_name, canonical_name

NESTED = 4  # indexes in indexes


@dataclass(frozen=True)
class Wanted:
    """Which of the images, and for which architecture; nothing means the only one, this one.

    Layers with the diff IDs of `held` need not be there.
    """

    reference: str = ""
    architecture: str = ""
    held: frozenset[str] = frozenset()


def image_in(files: Files, wanted: Wanted, cache: DigestCache | None) -> OciImage:
    """Find an image; its layers are read only when they are asked for.

    Raises `ProjectError` where there is none, or several that could be meant.
    """
    try:
        if files.has("index.json"):
            listed = parse_index(files.read("index.json"))
            if listed or not files.has("manifest.json"):
                return _oci_image(files, listed, wanted, cache)
        if files.has("manifest.json"):
            return _docker_image(files, wanted, cache)
    except ProjectError as error:
        if files.where in error.message:
            raise
        raise ProjectError(f"{files.where}: {error.message}", error.hint) from None
    raise ProjectError(
        f"{files.where} holds no image: it has neither index.json nor manifest.json.",
        hint="Name a file that docker save has written, an OCI archive or an OCI layout.",
    )


# OCI's form ---------------------------------------------------------------------------------


def _oci_image(
    files: Files, listed: Sequence[Listed], wanted: Wanted, cache: DigestCache | None
) -> OciImage:
    chosen = _chosen(files.where, listed, wanted)
    reference = next(iter(_names(chosen)), "")
    for _ in range(NESTED):
        if not is_index(chosen.descriptor):
            break
        chosen = choose(_blob(files, chosen.descriptor), wanted.architecture)
    manifest = parse_manifest(_blob(files, chosen.descriptor))
    config = _blob(files, manifest.config)
    stored = [(blob_name(one.digest), _stored(files, one)) for one in manifest.layers]
    return OciImage(_layers(files, config, stored, wanted, cache), lambda _: config, reference)


def _chosen(where: str, listed: Sequence[Listed], wanted: Wanted) -> Listed:
    found = [one for one in listed if not wanted.reference or _is_called(one, wanted.reference)]
    if not found:
        raise _not_there(where, wanted.reference, [name for one in listed for name in _names(one)])
    if len({one.descriptor.digest for one in found}) == 1:
        return found[0]
    if len({_names(one)[:1] for one in found}) == 1:  # one image for several platforms
        return choose(found, wanted.architecture)
    raise _several(where, [name for one in found for name in _names(one)[:1]])


def _names(listed: Listed) -> tuple[str, ...]:
    names = (listed.annotations.get(key, "") for key in (IMAGE_NAME, REF_NAME))
    return tuple(name for name in names if name)


def _is_called(listed: Listed, reference: str) -> bool:
    full = canonical_name(reference)
    return any(name == reference or canonical_name(name) == full for name in _names(listed))


def _blob(files: Files, descriptor: Descriptor) -> bytes:
    name = blob_name(descriptor.digest)
    data = files.read(name)
    if digest_of(data) != descriptor.digest:
        raise ProjectError(f"{files.where} is damaged: {name} has another digest.", hint=AGAIN)
    return data


def _stored(files: Files, descriptor: Descriptor) -> StoredBlob:
    name = blob_name(descriptor.digest)
    return StoredBlob(descriptor, lambda: files.chunks(name))


# docker's form ------------------------------------------------------------------------------


def _docker_image(files: Files, wanted: Wanted, cache: DigestCache | None) -> OciImage:
    entry = _docker_entry(files, wanted)
    try:
        config = files.read(plain(entry["Config"]))
        names = [plain(name) for name in entry["Layers"] or ()]
        reference = wanted.reference or next(iter(entry.get("RepoTags") or ()), "")
    except (AttributeError, KeyError, TypeError):
        raise _no_docker_archive(files) from None
    stem = entry["Config"].removesuffix(".json").rpartition("/")[2]
    if len(stem) == 64 and digest_of(config) != f"sha256:{stem}":
        raise ProjectError(
            f"{files.where} is damaged: {entry['Config']} has another digest.", hint=AGAIN
        )
    stored = [(name, None) for name in names]
    return OciImage(_layers(files, config, stored, wanted, cache), lambda _: config, reference)


def _docker_entry(files: Files, wanted: Wanted) -> dict[str, Any]:
    try:
        entries: list[dict[str, Any]] = json.loads(files.read("manifest.json"))
        tags = [list(entry.get("RepoTags") or ()) for entry in entries]
    except (ValueError, TypeError, AttributeError):
        raise _no_docker_archive(files) from None
    everything = [name for names in tags for name in names]
    full = canonical_name(wanted.reference)
    found = [
        entry
        for entry, names in zip(entries, tags, strict=True)
        if not wanted.reference or full in map(canonical_name, names)
    ]
    if not found:
        raise _not_there(files.where, wanted.reference, everything)
    if len({entry.get("Config") for entry in found}) > 1:
        raise _several(files.where, everything)
    return found[0]


def _no_docker_archive(files: Files) -> ProjectError:
    return ProjectError(
        f"{files.where} is damaged: its manifest.json is not as docker save writes it.", hint=AGAIN
    )


# Both ---------------------------------------------------------------------------------------


def _layers(
    files: Files,
    config: bytes,
    stored: Sequence[tuple[str, StoredBlob | None]],
    wanted: Wanted,
    cache: DigestCache | None,
) -> tuple[Layer, ...]:
    diff_ids = diff_ids_of(read_object(config, "the configuration of an image"))
    if len(diff_ids) != len(stored):
        raise ProjectError(
            f"{files.where} is damaged: it has {len(stored)} layers, and its configuration "
            f"names {len(diff_ids)}.",
            hint=AGAIN,
        )
    pairs = zip(diff_ids, stored, strict=True)
    missing = [name for one, (name, _) in pairs if one not in wanted.held and not files.has(name)]
    if missing:
        raise lacks(files.where, missing[0])
    return tuple(
        _layer(files, f"layer {number} of {files.where}", diff_id, (name, blob), cache)
        for number, (diff_id, (name, blob)) in enumerate(zip(diff_ids, stored, strict=True), 1)
    )


def _layer(
    files: Files,
    title: str,
    diff_id: str,
    source: tuple[str, StoredBlob | None],
    cache: DigestCache | None,
) -> Layer:
    name, stored = source
    if not files.has(name):
        return absent_layer(title, diff_id, stored, cache)
    compressed = is_compressed(files.start(name))
    identity = Identity(diff_id, UNKNOWN_SIZE if compressed else files.size(name))
    media_type = stored.descriptor.media_type if stored else ""

    def make() -> Iterator[bytes]:
        return decompressed(files.chunks(name), media_type)

    return stored_layer(title, identity, make, cache, stored)


def absent_layer(
    title: str, diff_id: str, stored: StoredBlob | None, cache: DigestCache | None
) -> Layer:
    """Give a layer that has to be where the image goes, because its content is not here."""
    size = (
        stored.descriptor.size if stored and stored.descriptor.digest == diff_id else UNKNOWN_SIZE
    )

    def make() -> Iterator[bytes]:
        raise ProjectError(f"the content of {title} is not here.", hint=AGAIN)

    return stored_layer(title, Identity(diff_id, size), make, cache)


def _not_there(where: str, reference: str, names: Sequence[str]) -> ProjectError:
    if not reference:
        return ProjectError(f"{where} holds no image.", hint=AGAIN)
    listed = ", ".join(dict.fromkeys(names)) or "an image without a name"
    return ProjectError(f"{where} has no {reference}.", hint=f"It has {listed}.")


def _several(where: str, names: Sequence[str]) -> ProjectError:
    listed = ", ".join(dict.fromkeys(names)) or "without names"
    return ProjectError(f"{where} has several images: {listed}.", hint="Name one of them.")
