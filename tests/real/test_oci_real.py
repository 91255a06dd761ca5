"""Our archives in the hands of others: engines of three kinds, GNU tar, skopeo and umoci."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest
from engines import STAND_IN, Engine
from oci_images import (
    again,
    compressed_layout,
    write_folder,
    write_stream,
    write_tar,
)
from own_engines import missing, old_programs, own_engine

from dockerutils.errors import DockerutilsError
from dockerutils.oci.archive import archive_entries, read_archive, read_layout
from dockerutils.oci.digest import digest_of
from dockerutils.oci.image import ImageConfig, OciImage, own_architecture
from dockerutils.oci.layer import made_layer
from dockerutils.oci.layout import canonical_name
from dockerutils.oci.media_types import OCI_CONFIG, OCI_LAYER_GZIP
from dockerutils.oci.tar import EPOCH, Entry, tar_stream

pytestmark = pytest.mark.real

OWN_ARGS = "--bridge=none --iptables=false"
CONTAINERD_STORE = '{"features": {"containerd-snapshotter": true}}'
LONG = b"opt/" + b"d" * 120 + b"/" + b"e" * 120 + b"/" + b"f" * 200
FILES = [
    Entry(b"app/run", mode=0o755, content=b"#!/bin/sh\n"),
    Entry(b"app/tmp", mode=0o1777, directory=True),
    Entry(LONG, content=b"long"),
    Entry(b"opt/" + b"g" * 150, content=b"in two fields"),
    Entry(b"opt/link", target=b"/" + LONG),
    Entry(b"opt/n\xe4me", content=b"not UTF-8"),
    Entry(b"opt/n\xe4" + b"me" * 60, content=b"long and not UTF-8"),
    Entry("opt/näme".encode(), content=b"UTF-8"),
]
CODE = [Entry(b"app/code.py", content=b"print()\n")]


def layer(*entries: Entry) -> bytes:
    return b"".join(tar_stream(entries))


def image(*tars: bytes, mark: str = "") -> OciImage:
    config = ImageConfig(
        own_architecture(),
        created="1980-01-01T00:00:00Z",
        settings={"Cmd": ["/app/run"], "Env": ["A=ä"], "Labels": {"mark": mark}},
        steps=tuple(f"step {number}" for number, _ in enumerate(tars, 1)),
    )
    layers = [made_layer(f"{number}", again(tar), "", None) for number, tar in enumerate(tars, 1)]
    return OciImage(tuple(layers), config.to_json)


BOTH = (layer(*FILES), layer(*CODE))


@dataclass(frozen=True)
class Store:
    """An engine, and whether it keeps images as containerd does."""

    engine: Engine
    name: str
    containerd: bool = False

    def load(self, path: Path) -> str:
        return self.engine.docker("load", "--input", str(path))

    def files(self, reference: str) -> dict[bytes, tarfile.TarInfo]:
        """Give all that a container of an image has, by the names' bytes."""
        container = self.engine.docker("create", "--network", "none", reference)
        command = ["docker", "export", container]
        with (
            subprocess.Popen(command, env=self.engine.environ, stdout=subprocess.PIPE) as export,
            tarfile.open(fileobj=export.stdout, mode="r|", encoding="utf-8") as tar,
        ):
            found = {os.fsencode(member.name.rstrip("/")): member for member in tar}
        self.engine.docker("rm", container)
        return found


@pytest.fixture(scope="module", params=["this engine", "docker 20.10", "containerd store"])
def store(request: pytest.FixtureRequest, real_engine: str) -> Iterator[Store]:
    del real_engine  # its answer is what the machine has
    name = request.param
    if name == "this engine":
        yield Store(Engine(os.environ), name)
    elif name == "docker 20.10":
        path = f"{old_programs(request)}:{os.environ['PATH']}"
        with own_engine(request, "300m", ENGINE_MIN="20", PATH=path, ENGINE_ARGS=OWN_ARGS) as own:
            yield Store(Engine({**os.environ, "DOCKER_HOST": own.host}), name)
    else:
        with own_engine(request, "300m", CONTAINERD_STORE, ENGINE_ARGS=OWN_ARGS) as own:
            yield Store(Engine({**os.environ, "DOCKER_HOST": own.host}), name, containerd=True)


@pytest.fixture(scope="module")
def reference(real_engine: str) -> str:
    return f"shop-oci:{real_engine}"


class TestAnEngine:
    @pytest.fixture(scope="class")
    @classmethod
    def made(cls, real_engine: str) -> OciImage:
        return image(*BOTH, mark=real_engine)

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def loaded(
        cls,
        store: Store,
        made: OciImage,
        reference: str,
        tmp_path_factory: pytest.TempPathFactory,
    ) -> str:
        path = write_stream(
            tmp_path_factory.mktemp("a") / "a.tar", archive_entries(made, reference)
        )
        return store.load(path)

    def test_loads_our_archive(
        self, store: Store, made: OciImage, reference: str, loaded: str
    ) -> None:
        assert f"Loaded image: {reference}" == loaded.splitlines()[-1]
        assert list(made.diff_ids) == store.engine.layers(reference)
        assert store.engine.docker("images", "--quiet", reference)
        if not store.containerd:  # there the ID is the manifest's digest
            assert made.id == store.engine.image_id(reference)

    def test_has_every_file_under_its_name(self, store: Store, reference: str) -> None:
        found = store.files(reference)

        for entry in (*FILES, *CODE):
            member = found[entry.path]
            if entry.target is None:
                assert entry.mode == member.mode & 0o7777
                assert isinstance(entry.content, bytes)
                assert len(entry.content) == member.size
            else:
                assert entry.target == os.fsencode(member.linkname)
            assert (0, 0, EPOCH) == (member.uid, member.gid, int(member.mtime))
        assert 0o755 == found[LONG.rpartition(b"/")[0]].mode & 0o7777

    def test_takes_an_archive_without_the_layers_that_it_has(
        self, store: Store, made: OciImage, reference: str, tmp_path: Path
    ) -> None:
        new = image(BOTH[0], layer(Entry(b"app/code.py", content=b"changed\n")), mark="new")
        entries = archive_entries(new, f"{reference}-new", present=made.diff_ids[:1])
        path = write_stream(tmp_path / "part.tar", entries)

        store.load(path)

        assert path.stat().st_size < 20_000
        assert list(new.diff_ids) == store.engine.layers(f"{reference}-new")
        assert len(b"changed\n") == store.files(f"{reference}-new")[b"app/code.py"].size
        store.engine.docker("image", "rm", f"{reference}-new")

    def test_saves_what_we_read_again(
        self, store: Store, made: OciImage, reference: str, tmp_path: Path
    ) -> None:
        path = tmp_path / "saved.tar"
        store.engine.docker("save", "--output", str(path), reference)

        found = read_archive(path)

        assert made.config_bytes() == found.config_bytes()
        assert made.diff_ids == found.diff_ids
        assert list(BOTH) == [b"".join(one.chunks()) for one in found.layers]
        assert found.diff_ids == read_archive(path, reference).diff_ids

    def test_saves_several_that_we_tell_apart(
        self, store: Store, made: OciImage, reference: str, tmp_path: Path
    ) -> None:
        other = image(BOTH[1], BOTH[0], BOTH[1], mark="other")
        store.load(write_stream(tmp_path / "b.tar", archive_entries(other, f"{reference}-b")))
        path = tmp_path / "both.tar"
        store.engine.docker("save", "--output", str(path), reference, f"{reference}-b")

        assert made.diff_ids == read_archive(path, reference).diff_ids
        assert other.config_bytes() == read_archive(path, f"{reference}-b").config_bytes()
        found = read_archive(path, f"{reference}-b").layers
        assert [BOTH[1], BOTH[0], BOTH[1]] == [b"".join(one.chunks()) for one in found]
        with pytest.raises(DockerutilsError, match="has several images"):
            read_archive(path)
        store.engine.docker("image", "rm", f"{reference}-b")

    def test_loads_an_image_without_a_name(self, store: Store, tmp_path: Path) -> None:
        nameless = image(BOTH[1], mark="nameless")

        told = store.load(write_stream(tmp_path / "n.tar", archive_entries(nameless, "")))

        assert "Loaded image ID: sha256:" in told
        store.engine.docker("image", "rm", told.rpartition(": ")[2])

    def test_saves_compressed_layers_that_we_read_again(
        self, store: Store, made: OciImage, reference: str, tmp_path: Path
    ) -> None:
        if not store.containerd:  # others keep layers in no other form than the tar's
            return
        name = canonical_name(f"{reference}-gz")
        files = compressed_layout(made, OCI_CONFIG, OCI_LAYER_GZIP, name)
        store.load(write_tar(tmp_path / "gz.tar", files))
        store.engine.docker("save", "--output", f"{tmp_path}/saved.tar", f"{reference}-gz")

        found = read_archive(tmp_path / "saved.tar")

        types = [one.stored.descriptor.media_type for one in found.layers if one.stored]
        assert [OCI_LAYER_GZIP] * 2 == types
        assert made.diff_ids == found.diff_ids
        assert list(BOTH) == [b"".join(one.chunks()) for one in found.layers]


def test_an_image_of_an_engine_is_read_as_it_is(real_engine: str, tmp_path: Path) -> None:
    engine, path = Engine(os.environ), tmp_path / "saved.tar"
    engine.docker("save", "--output", str(path), STAND_IN)

    found = read_archive(path)

    assert engine.image_id(STAND_IN) == found.id
    assert engine.layers(STAND_IN) == list(found.diff_ids)
    assert found.layers[0].sized().size == sum(map(len, found.layers[0].chunks()))


# Tools --------------------------------------------------------------------------------------


def tool(request: pytest.FixtureRequest, name: str, *words: str) -> str:
    if not shutil.which(name):
        missing(request, f"{name} is not installed.")
    done = subprocess.run([name, *words], capture_output=True, encoding="utf-8", errors="replace")
    assert done.returncode == 0, done.stderr
    return done.stdout


def skopeo(request: pytest.FixtureRequest, *words: str) -> str:
    return tool(request, "skopeo", "--insecure-policy", *words)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "app", archive_entries(image(*BOTH), "shop-app:1"))


def test_skopeo_reads_our_layout(request: pytest.FixtureRequest, folder: Path) -> None:
    told = skopeo(request, "inspect", f"oci:{folder}:1")

    for diff_id in image(*BOTH).diff_ids:
        assert diff_id in told
    assert f'"Architecture": "{own_architecture()}"' in told


def test_skopeo_reads_our_archive_in_either_form(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    made = image(*BOTH)
    path = write_stream(tmp_path / "app.tar", archive_entries(made, "shop-app:1"))

    for form in (f"docker-archive:{path}", f"oci-archive:{path}:1"):
        config = skopeo(request, "inspect", "--config", "--raw", form)
        assert made.id == digest_of(config.encode())
        skopeo(request, "copy", form, f"dir:{tmp_path}/{form.partition(':')[0]}")


def test_we_read_what_skopeo_has_copied(
    request: pytest.FixtureRequest, folder: Path, tmp_path: Path
) -> None:
    for kind in ("oci", "oci-archive", "docker-archive", "oci-archive --dest-compress"):
        path = tmp_path / kind
        form, *options = kind.split()
        skopeo(request, "copy", *options, f"oci:{folder}:1", f"{form}:{path}:shop-app:2")
        found = read_layout(path) if path.is_dir() else read_archive(path)
        assert image(*BOTH).diff_ids == found.diff_ids
        assert list(BOTH) == [b"".join(one.chunks()) for one in found.layers]


def assert_there(root: Path, *entries: Entry) -> None:
    """See that entries were unpacked with their content and targets."""
    for entry in entries:
        path = root / os.fsdecode(entry.path)
        if entry.target is not None:
            assert entry.target == os.fsencode(path.readlink())
        elif not entry.directory:
            assert entry.content == path.read_bytes()


def test_umoci_unpacks_our_layout(
    request: pytest.FixtureRequest, folder: Path, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"

    tool(request, "umoci", "unpack", "--rootless", "--image", f"{folder}:1", str(bundle))

    assert_there(bundle / "rootfs", *FILES, *CODE)


def test_gnu_tar_unpacks_our_layers(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    (tmp_path / "layer.tar").write_bytes(BOTH[0])
    (tmp_path / "out").mkdir()

    tool(request, "tar", "-xf", f"{tmp_path}/layer.tar", "-C", f"{tmp_path}/out")

    assert_there(tmp_path / "out", *FILES)


def test_gnu_tar_reads_sizes_beyond_8_gib(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    size = 9 << 30
    entry = Entry(b"large", size=size, content=lambda: iter([bytes(1 << 20)] * (size >> 20)))
    path = tmp_path / "large.tar"
    path.write_bytes(b"".join(islice(tar_stream([entry, Entry(b"next")]), 1)))
    with path.open("r+b") as file:  # the rest has no blocks on the disk
        file.truncate(512 + size)
        file.seek(512 + size)
        file.write(layer(Entry(b"next")))

    told = tool(request, "tar", "--utc", "--full-time", "-tvf", str(path)).splitlines()

    assert ["-rw-r--r--", "0/0", str(size), "1980-01-01", "00:00:00", "large"] == told[0].split()
    assert told[1].endswith(" next")
