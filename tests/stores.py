"""Engines in memory that load archives as real ones do, and images to bring to them."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from fakes import FixedEngine

from dockerutils.command import Command
from dockerutils.engine import ImageFacts
from dockerutils.oci.digest_cache import DigestCache
from dockerutils.oci.image import ImageConfig, OciImage
from dockerutils.oci.layer import Layer, made_layer
from dockerutils.oci.tar import Entry, tar_stream
from dockerutils.runner import Answer

NAME_LABEL = "dockerutils.image"


def digest(data: bytes) -> str:
    """Give the digest as OCI writes it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def layer(content: str, name: str = "content", cache: DigestCache | None = None) -> Layer:
    """Make a layer with one file."""
    entry = Entry(name.encode(), content=content.encode())
    key = hashlib.sha256(f"{name} {content}".encode()).hexdigest()
    return made_layer(name, lambda: tar_stream([entry]), key, cache)


def image(*layers: Layer, steps: tuple[str, ...] = (), **settings: Any) -> OciImage:
    """Make an image of layers, the lowest first."""
    config = ImageConfig("amd64", created="1980-01-01T00:00:00Z", settings=settings, steps=steps)
    return OciImage(layers, config.to_json)


def made_of(*contents: str, **settings: Any) -> OciImage:
    """Make an image with a layer for each content."""
    return image(*(layer(content) for content in contents), **settings)


@dataclass
class Kept:
    """An image that an engine has; what is not `whole` can be inspected, but is not listed."""

    config: dict[str, Any]
    layers: tuple[str, ...]
    files: Mapping[str, bytes]
    whole: bool = True


@dataclass
class Store:
    """An engine with overlay2: it has layers by their chains; `by_manifest` is one of containerd.

    As `Pipes` it takes `docker load`, `tag`, `image rm` and `save`; `engine` answers questions.
    """

    by_manifest: bool = False
    images: dict[str, Kept] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    chains: set[tuple[str, ...]] = field(default_factory=set)  # whose content may be elsewhere
    lies: list[Answer] = field(default_factory=list)  # given, instead of loading anything
    commands: list[str] = field(default_factory=list)
    fed: list[dict[str, bytes]] = field(default_factory=list)  # the files of the archives

    # What is done ---------------------------------------------------------------------------

    def write(self, command: Command, chunks: Iterable[bytes]) -> Answer:
        """Do what a command says."""
        data = b"".join(chunks)
        words = command.argv[1:]
        self.commands.append(" ".join(words))
        if words[0] == "load":
            self.fed.append(files_of(data))
            return self.lies.pop(0) if self.lies else self._load(self.fed[-1])
        if words[0] == "tag":
            self.tags[words[2]] = words[1]
        else:
            assert words[:2] == ("image", "rm")
            del self.images[words[-1]]
        return Answer(0, "", "")

    @contextlib.contextmanager
    def stream(self, command: Command) -> Iterator[BinaryIO]:
        """Save an image, in OCI's form."""
        words = command.argv[1:]
        self.commands.append(" ".join(words))
        kept = self.images[self.tags.get(words[1], words[1])]
        entries = (Entry(path.encode(), content=data) for path, data in kept.files.items())
        yield io.BytesIO(b"".join(tar_stream(entries)))

    def _load(self, files: dict[str, bytes]) -> Answer:
        entry = json.loads(files["manifest.json"])[0]
        config = files[entry["Config"]]
        layers = tuple(json.loads(config)["rootfs"]["diff_ids"])
        content = {**self._files(layers), **files}
        lacking = [one for one in layers if blob(one) not in content]
        fault = self._fault(layers, files)
        if fault and not self.by_manifest:
            return fault
        id_ = self._id(files, config)
        self.images[id_] = Kept(json.loads(config), layers, content, not lacking and not fault)
        self.chains |= {layers[: count + 1] for count in range(len(layers))}
        return fault or Answer(0, f"Loaded image ID: {id_}\n", "")

    def _fault(self, layers: tuple[str, ...], files: Mapping[str, bytes]) -> Answer | None:
        for count, diff_id in enumerate(layers):
            if layers[: count + 1] not in self.chains and blob(diff_id) not in files:
                return Answer(1, "", f"open /var/lib/docker/tmp/{blob(diff_id)}: no such file\n")
        return None

    def _id(self, files: Mapping[str, bytes], config: bytes) -> str:
        if not self.by_manifest:
            return digest(config)
        return str(json.loads(files["index.json"])["manifests"][0]["digest"])

    def _files(self, layers: tuple[str, ...]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for kept in self.images.values():
            found |= {blob(one): kept.files[blob(one)] for one in layers if blob(one) in kept.files}
        return found

    @property
    def engine(self) -> StoreEngine:
        """The same engine, to be asked."""
        return StoreEngine(store=self)


@dataclass(frozen=True)
class StoreEngine(FixedEngine):
    """Answers the questions to a store."""

    store: Store = field(default_factory=Store)

    def facts(self, references: Iterable[str]) -> dict[str, ImageFacts]:
        """Give what can be inspected."""
        named = {name: self.store.tags.get(name, name) for name in references}
        there = {name: id_ for name, id_ in named.items() if id_ in self.store.images}
        return {name: self._facts(id_) for name, id_ in there.items()}

    def _facts(self, id_: str) -> ImageFacts:
        kept = self.store.images[id_]
        given = {key: kept.config.get(key, "") for key in ("architecture", "os", "created")}
        settings = {"Hostname": "", "Env": None, **kept.config["config"]}
        return ImageFacts(id_, kept.layers, settings, **given, by_manifest=self.store.by_manifest)

    def images(self, filters: Iterable[str] = ()) -> list[str]:
        """Give the IDs of what is listed, the newest first."""
        found = [id_ for id_, kept in reversed(self.store.images.items()) if kept.whole]
        for one in filters:
            found = [id_ for id_ in found if self._passes(id_, one)]
        return found

    def _passes(self, id_: str, filter_: str) -> bool:
        if filter_ == "dangling=true":
            return id_ not in self.store.tags.values()
        name, _, value = filter_.removeprefix("label=").partition("=")
        labels = self.store.images[id_].config["config"].get("Labels", {})
        return bool(labels.get(name) == value)


def blob(diff_id: str) -> str:
    """Give the path of a layer in an archive."""
    return "blobs/" + diff_id.replace(":", "/")


def files_of(data: bytes) -> dict[str, bytes]:
    """Unpack an archive."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {
            member.name: found.read()
            for member in archive
            if (found := archive.extractfile(member)) is not None
        }
