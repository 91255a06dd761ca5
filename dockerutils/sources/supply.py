"""The content of an image on its way to other machines: read once, compressed once.

The engine can only be asked for a whole image, and takes seconds before it gives the first byte, so
it is asked before it is known what will be wanted.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from dockerutils import docker_cli
from dockerutils.command import Command
from dockerutils.engine import ImageFacts
from dockerutils.errors import CommandFailed, ContentChanged, DockerutilsError, EngineError
from dockerutils.files import replace_file
from dockerutils.oci.archive import read_archive
from dockerutils.oci.compress import gzip_stream
from dockerutils.oci.descriptor import Kept
from dockerutils.oci.digest import digest_of
from dockerutils.oci.digest_cache import DigestCache
from dockerutils.oci.image import OciImage
from dockerutils.oci.layer import UNKNOWN_SIZE, Identity, Layer, stored_layer
from dockerutils.oci.layout import blob_name
from dockerutils.oci.wire import GZIP, ZSTD
from dockerutils.oci.wire_cache import Packed, WireCache
from dockerutils.runner import Crew

BLOCK = 1 << 20
PACKING = ("sh", "-c", 'exec zstd -q -3 -T0 -c >"$1"', "sh")
CONFIGS = "configs"
BLOBS = b"blobs/"  # how the archive of a newer engine begins


class Enough(Exception):
    """All that is wanted has been read."""


@dataclass(frozen=True)
class Subject:
    """An image that is to travel: its name, what its engine says of it, else the image itself."""

    reference: str
    facts: ImageFacts
    image: OciImage | None = None


@dataclass
class Supply:
    """What of an image is wanted elsewhere, from one thread that gets it for all others."""

    subject: Subject
    crew: Crew
    cache: WireCache
    digests: DigestCache
    form: str = ""
    wanted: list[str] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    packed: dict[str, Packed] = field(default_factory=dict)
    config: bytes = b""
    every_size: bool = False
    failure: Exception | None = None
    thread: threading.Thread | None = None
    decided: threading.Event = field(default_factory=threading.Event)
    asking: threading.Lock = field(default_factory=threading.Lock)
    news: threading.Condition = field(default_factory=threading.Condition)
    closed: bool = False

    # What others ask for ------------------------------------------------------------------

    def begin(self) -> None:
        """Have the engine begin to write the image."""
        self._start()

    def want(self, form: str, diff_ids: Sequence[str], every_size: bool = False) -> None:
        """Have these layers compressed in a form, in addition to those that were wanted before.

        `every_size` asks for the sizes of all others as well.
        """
        with self.asking:
            new = set(diff_ids) - set(self.wanted)
            more = new or self.form != form or every_size > self.every_size
            if self.decided.is_set() and not more and not self.failure:
                return
            running = self.thread
            if self.decided.is_set() and running:
                running.join()
            self.form, self.every_size = form, every_size or self.every_size
            self.wanted = list(dict.fromkeys([*self.wanted, *diff_ids]))
            self.decided.set()
            if self.thread is None and not self._is_complete():
                self._start()

    def layer(self, diff_id: str, name: str = "") -> Layer:
        """Give a layer with its size, for which it waits if it is to come."""
        if diff_id in self.wanted or self.every_size:
            self._await(lambda: self._size(diff_id) != UNKNOWN_SIZE)
        size = self._size(diff_id)
        return stored_layer(name or diff_id, Identity(diff_id, size), nowhere, None)

    def chunks(self, diff_id: str) -> Iterator[bytes]:
        """Give a layer as it travels, as soon as there is something of it."""
        self._await(lambda: diff_id in self.packed)
        return self.packed[diff_id].chunks()

    def image(self) -> OciImage:
        """Give the image, with the sizes of what is wanted."""
        self._await(lambda: bool(self.config))
        layers = tuple(self.layer(one) for one in self.subject.facts.layers)
        return OciImage(layers, lambda _diff_ids: self.config, self.subject.reference)

    def travelled(self, diff_ids: Iterable[str]) -> tuple[int, bool]:
        """Count the bytes that these layers have on the way, and tell whether that is all."""
        known = [self.packed.get(one) for one in diff_ids]
        busy = bool(self.thread and self.thread.is_alive())
        return sum(one.written() for one in known if one), all(known) and not busy

    def close(self) -> None:
        """Want nothing any more."""
        self.closed = True
        self.decided.set()
        running = self.thread
        if running:
            running.join()
        for one in self.packed.values():
            one.close()
        self.cache.prune()

    # How it is got ------------------------------------------------------------------------

    def _start(self) -> None:
        self.failure = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            if self.subject.image:
                self.decided.wait()
                self._take_all(self.subject.image)
            else:
                self._save()
        except Enough:
            pass
        except (DockerutilsError, OSError) as error:  # who waits for it raises it
            self.failure = error
        finally:
            with self.news:
                self.thread = None
                self.news.notify_all()

    def _save(self) -> None:
        """Have the engine write the image, and take what is wanted; raise `EngineError`."""
        with ExitStack() as stack:
            spool = None
            try:
                with self.crew.stream(docker_cli.save([self.subject.facts.id])) as stream:
                    self.decided.wait()
                    if self.closed or self._is_complete():
                        raise Enough
                    head = stream.read(len(BLOBS))
                    rest = Rest(head, stream)
                    if head == BLOBS and not self.subject.facts.by_manifest:
                        self._pick(rest)
                    elif head:
                        spool = stack.enter_context(spooled(rest))
            except CommandFailed as error:
                raise self._unsaved(error) from error
            if spool:
                self._take_all(read_archive(spool))
        if not self._is_complete():
            raise gone(self.subject.reference)

    def _unsaved(self, error: CommandFailed) -> EngineError:
        there = docker_cli.inspect_images([self.subject.facts.id])
        if self.crew.write(there, ()).status:
            return gone(self.subject.reference)
        said = error.said.strip().splitlines()[-1:]
        return EngineError(
            f"the Docker engine did not save {self.subject.reference}: {''.join(said)}",
            "See that it runs and has room, then run the same command again.",
        )

    def _is_complete(self) -> bool:
        """Tell whether nothing has to be read any more; what is kept from before is taken."""
        for diff_id in self.wanted:
            if diff_id not in self.packed and (kept := self.cache.find(diff_id, self.form)):
                self.sizes[diff_id] = kept.size
                self._show(diff_id, kept)
        if not self.config:
            self._take_config(self._kept_config())
        sized = not self.every_size or all(
            self._size(one) != UNKNOWN_SIZE for one in self.subject.facts.layers
        )
        return bool(self.config) and sized and all(one in self.packed for one in self.wanted)

    def _pick(self, stream: Rest) -> None:
        """Take what is wanted out of an archive in which layers are called by their diff IDs."""
        import tarfile  # noqa: PLC0415  # brings many modules along

        wanted = {blob_name(one): one for one in self.wanted if one not in self.packed}
        others = {blob_name(one): one for one in self.subject.facts.layers}
        config = blob_name(self.subject.facts.id)
        try:
            with tarfile.open(fileobj=cast(BinaryIO, stream), mode="r|", bufsize=BLOCK) as archive:
                for member in archive:
                    if member.name in others:
                        self._learn(others[member.name], member.size)
                    content = archive.extractfile(member)
                    if content and member.name in wanted:
                        self._pack(wanted[member.name], member.size, blocks_of(content))
                    elif content and member.name == config:
                        self._take_config(content.read())
                    if self._is_complete():
                        raise Enough
        except tarfile.TarError as error:
            raise gone(self.subject.reference) from error

    def _take_all(self, image: OciImage) -> None:
        """Take what is wanted from an image whose layers can be read."""
        self._take_config(image.config_bytes(), image.id)
        for layer in image.layers:
            diff_id = layer.identity().diff_id
            if self.every_size or diff_id in self.wanted:
                self._learn(diff_id, layer.sized().size)
        for layer in image.layers:
            identity = layer.identity()
            if identity.diff_id in self.wanted and identity.diff_id not in self.packed:
                self._pack(identity.diff_id, layer.sized().size, layer.chunks())

    def _pack(self, diff_id: str, size: int, chunks: Iterable[bytes]) -> None:
        """Compress a layer into the cache, where others read it meanwhile."""

        def show(packed: Packed) -> None:
            self.sizes[diff_id] = size
            self._show(diff_id, packed)

        with self.cache.growing(diff_id, self.form, size, show) as path:
            data = verified(chunks, diff_id)
            if self.form == ZSTD:
                answer = self.crew.write(Command((*PACKING, str(path))), data)
                if answer.status:
                    raise DockerutilsError(f"zstd failed: {answer.errors.strip()}")
                return
            with path.open("wb") as file:
                for chunk in gzip_stream(data) if self.form == GZIP else data:
                    self.crew.check()
                    file.write(chunk)

    def _show(self, diff_id: str, packed: Packed) -> None:
        with self.news:
            self.packed[diff_id] = packed
            self.news.notify_all()

    def _learn(self, diff_id: str, size: int) -> None:
        """Keep how large a layer is, for this run and others."""
        with self.news:
            self.sizes[diff_id] = size
            self.news.notify_all()
        if self.digests.get(diff_id) is None:
            self.digests.put(diff_id, Kept(Identity(diff_id, size)))

    def _size(self, diff_id: str) -> int:
        if diff_id not in self.sizes:
            kept = self.digests.get(diff_id)
            self.sizes[diff_id] = kept.identity.size if kept else UNKNOWN_SIZE
        return self.sizes[diff_id]

    def _take_config(self, data: bytes, id_: str = "") -> None:
        if not data:
            return
        path = self._config_path(id_ or self.subject.facts.id)
        if not path.exists():
            replace_file(path, data)
        with self.news:
            self.config = data
            self.news.notify_all()

    def _kept_config(self) -> bytes:
        """Give the configuration that is kept; the store of containerd does not tell its digest."""
        try:
            data = self._config_path(self.subject.facts.id).read_bytes()
        except OSError:
            return b""
        return data if digest_of(data) == self.subject.facts.id else b""

    def _config_path(self, id_: str) -> Path:
        name = id_.removeprefix("sha256:")
        return self.cache.folder / CONFIGS / name[:2] / name

    def _await(self, there: Callable[[], bool]) -> None:
        """Wait for something; raise what keeps it from coming."""
        with self.news:
            while not there():
                self.crew.check()
                if self.failure:
                    raise self.failure
                if self.thread is None:
                    raise gone(self.subject.reference)
                self.news.wait(0.2)


class Rest:
    """A stream of which the beginning was read already."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self.head, self.stream = head, stream

    def read(self, size: int = -1) -> bytes:
        """Read so many bytes, or all."""
        head, self.head = self.head, b""
        return head + self.stream.read(size - len(head) if size >= 0 else -1)


@contextmanager
def supplied(supply: Supply) -> Iterator[Supply]:
    """Give a supply, and end it."""
    try:
        yield supply
    finally:
        supply.close()


@contextmanager
def spooled(stream: Rest) -> Iterator[Path]:
    """Keep an archive of another form in a file for a while, to take what is wanted from there."""
    with tempfile.NamedTemporaryFile(prefix="dockerutils-") as file:
        try:
            shutil.copyfileobj(stream, file, BLOCK)
            file.flush()
        except OSError as error:
            raise DockerutilsError(
                f"the image cannot be saved for a moment: {error.strerror}.",
                "Make room, or name another folder for passing files in TMPDIR.",
            ) from error
        yield Path(file.name)


def blocks_of(file: object) -> Iterator[bytes]:
    """Give a file in blocks."""
    while block := file.read(BLOCK):  # type: ignore[attr-defined]
        yield block


def verified(chunks: Iterable[bytes], diff_id: str) -> Iterator[bytes]:
    """Give a layer, and raise `ContentChanged` where it turns out to be another one."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    if f"sha256:{digest.hexdigest()}" != diff_id:
        raise ContentChanged(
            "a layer is not what its digest says.", "Build or pull the image again."
        )


def nowhere() -> Iterator[bytes]:
    """Refuse: what is on its way is there only compressed."""
    raise DockerutilsError("a layer is wanted that is not on its way.")


def gone(reference: str) -> EngineError:
    """Describe an image that the engine cannot give any more."""
    return EngineError(
        f"the Docker engine has {reference} no more, or not all of it.",
        "Build or pull it again, then run the same command again.",
    )
