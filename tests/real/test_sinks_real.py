"""Images into engines of three kinds, and into Debian's registry, and out of them."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from engines import Engine
from own_engines import OwnEngine, missing, old_programs, own_engine
from pulled import CONTAINERD, programs, registry_beside
from registries import client, debian_registry, is_installed
from stores import layer

from dockerutils.engine import CliEngine
from dockerutils.errors import EngineError, Interrupted
from dockerutils.oci.digest_cache import DigestCache
from dockerutils.oci.image import OciImage, parse_config
from dockerutils.oci.layer import Advance, Layer, ignore
from dockerutils.runner import Crew, ShellRunner
from dockerutils.sinks.archive import FileSink, LayoutSink
from dockerutils.sinks.engine import EngineSink, Refused
from dockerutils.sinks.registry import RegistrySink
from dockerutils.sinks.sink import Placed
from dockerutils.sources.archive import ArchiveSource
from dockerutils.sources.engine import EngineSource, SavedSource
from dockerutils.sources.registry import RegistrySource
from dockerutils.terminal import Terminal

pytestmark = pytest.mark.real

DISK = "400m"  # of an engine of our own
KINDS = ("overlay2", "20.10", "containerd")
SMALL = 50_000  # bytes; what a change may move
WHOLE = 1_000_000  # bytes; what an image with its base has at least


@dataclass
class Host:
    """An engine with a small base, and what our code reaches it with."""

    environ: dict[str, str]
    mark: str
    cache: DigestCache
    base: str
    own: OwnEngine | None = None

    @property
    def docker(self) -> Engine:
        """Its command line."""
        return Engine(self.environ)

    @property
    def engine(self) -> CliEngine:
        """The same, as our code asks it."""
        return CliEngine(self.runner)

    @property
    def runner(self) -> ShellRunner:
        """What starts processes for it."""
        return ShellRunner(Terminal(io.StringIO(), io.StringIO()), self.environ, Path.cwd())

    def reference(self, name: str) -> str:
        """Give the name of an image of this run of the suite."""
        return f"sinks-{self.mark}/{name}:1"

    def sink(self, name: str, crew: Crew) -> EngineSink:
        """Give the sink of a name."""
        return EngineSink(self.reference(name), self.engine, crew, self.base)

    @contextlib.contextmanager
    def on_base(self, name: str, *layers: Layer) -> Iterator[tuple[OciImage, Crew]]:
        """Give an image of these layers on the base, and what brings it somewhere."""
        with self.runner.side_by_side() as crew:
            facts = self.engine.facts([self.base])[self.base]
            with EngineSource(self.base, facts, crew, self.cache).open() as base:
                yield on(base, self.reference(name), *layers), crew

    def put(self, name: str, *layers: Layer, advance: Advance = ignore) -> Placed:
        """Bring an image of these layers on the base there."""
        with self.on_base(name, *layers) as (image, crew):
            return self.sink(name, crew).put(image, advance)

    def content(self, name: str) -> str:
        """Run an image."""
        return self.docker.docker("run", "--rm", "--network", "none", self.reference(name))

    def saved(self, name: str) -> int:
        """Save an image; gives the bytes of its layers, compressed or not."""
        words = ["docker", "save", self.reference(name)]
        done = subprocess.run(words, env=self.environ, capture_output=True, check=True)
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            return sum(member.size for member in archive)

    def listed(self) -> set[str]:
        """Give the IDs of all that is listed."""
        return set(self.docker.docker("images", "--all", "--quiet", "--no-trunc").split())


def on(base: OciImage, reference: str, *layers: Layer) -> OciImage:
    """Make an image on a base, which shows its /content."""
    about = parse_config(base.config_bytes())
    label = {"dockerutils.image": reference.rpartition(":")[0]}
    own = {**about.settings, "Cmd": ["cat", "/content"], "Labels": label}
    steps = (*about.steps, *(one.name for one in layers))

    def config(diff_ids: object) -> bytes:
        made = type(about)("amd64", created="1980-01-01T00:00:00Z", settings=own, steps=steps)
        return made.to_json(diff_ids)  # type: ignore[arg-type]

    return OciImage((*base.layers, *layers), config)


@contextlib.contextmanager
def started_host(request: pytest.FixtureRequest, kind: str, machine: Host) -> Iterator[Host]:
    """Start an engine of a kind, with the base of the machine's engine."""
    if kind == "20.10":
        path = f"{old_programs(request)}:{os.environ['PATH']}"
        engine = own_engine(request, DISK, ENGINE_MIN="20", PATH=path)
    else:
        engine = own_engine(request, DISK, CONTAINERD if kind == "containerd" else "{}")
    with engine as own:
        environ = {**os.environ, "DOCKER_HOST": own.host}
        host = Host(environ, machine.mark, DigestCache(own.folder / "digests"), machine.base, own)
        save = subprocess.run(["docker", "save", machine.base], capture_output=True, check=True)
        subprocess.run(["docker", "load"], env=environ, input=save.stdout, check=True)
        yield host


@pytest.fixture(scope="module")
def hosts(
    request: pytest.FixtureRequest, real_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Host]]:
    """A giver of engines by their kind, each started when it is first wanted."""
    mark = real_engine.removeprefix("test-")
    cache = DigestCache(tmp_path_factory.mktemp("digests"))
    machine = Host(dict(os.environ), mark, cache, f"sinks-{mark}/base:1")
    with machine.runner.side_by_side() as crew:
        EngineSink(f"sinks-{mark}/cat:1", machine.engine, crew).put(alone(programs()))
    # Docker's own configuration of an image says more, and in other words, than ours.
    subprocess.run(
        ["docker", "build", "--quiet", "--tag", machine.base, "-"],
        input=f"FROM sinks-{mark}/cat:1\nENV A=1\nWORKDIR /work\n".encode(),
        check=True,
    )
    ready = {"overlay2": machine}
    with contextlib.ExitStack() as stack:

        def give(kind: str) -> Host:
            if kind not in ready:
                ready[kind] = stack.enter_context(started_host(request, kind, machine))
            return ready[kind]

        yield give


@pytest.fixture(params=KINDS)
def host(request: pytest.FixtureRequest, hosts: Callable[[str], Host]) -> Host:
    """An engine of each kind."""
    return hosts(request.param)


def app(text: str, padding: int = 1) -> tuple[Layer, Layer]:
    """Make the layers of an application: a large one that stays, and a small one."""
    return layer("x" * padding, "large"), layer(text)


# Engines ------------------------------------------------------------------------------------


def test_a_change_moves_only_its_layer(host: Host) -> None:
    host.put("app", *app("one", 1_000_000))
    placed = host.put("app", *app("two", 1_000_000))

    assert (1, "two") == (placed.layers_sent, host.content("app"))
    assert placed.sent < SMALL
    assert host.saved("app") > WHOLE


def test_no_change_moves_nothing(host: Host) -> None:
    host.put("same", *app("one"))
    before = host.listed(), host.docker.image_id(host.reference("same"))

    told: list[int] = []
    placed = host.put("same", *app("one"), advance=told.append)

    assert (0, 0, 0) == (placed.sent, placed.layers_sent, sum(told))
    assert before == (host.listed(), host.docker.image_id(host.reference("same")))


def test_an_image_has_the_same_id_on_all_engines(hosts: Callable[[str], Host]) -> None:
    placed = [hosts(kind).put("id", *app("one")) for kind in ("20.10", "containerd")]
    with hosts("overlay2").on_base("id", *app("one")) as (image, _):
        label = parse_config(image.config_bytes()).settings["Labels"]
    assert {"dockerutils.image": f"sinks-{hosts('overlay2').mark}/id"} == label
    assert len({one.id for one in placed}) == 1
    assert placed[0].id == hosts("20.10").docker.image_id(hosts("20.10").reference("id"))


def test_two_at_once_end_well(host: Host) -> None:
    made = host.on_base("twice", *app("one", 5_000_000))
    with made as (image, crew), ThreadPoolExecutor(2) as pool:
        sinks = [host.sink("twice", crew) for _ in range(2)]
        placed = list(pool.map(lambda sink: sink.put(image), sinks))

    assert len({one.id for one in placed}) == 1
    assert "one" == host.content("twice")
    assert host.saved("twice") > WHOLE


def test_who_is_interrupted_leaves_nothing(host: Host) -> None:
    host.put("stopped", *app("old"))
    before = host.listed(), host.docker.image_id(host.reference("stopped"))
    done = 0

    def interrupt(count: int) -> None:
        nonlocal done
        done += count
        if done > 5_000_000:
            raise Interrupted("enough.")

    big = layer("y" * 30_000_000, "large")
    with pytest.raises(Interrupted):
        host.put("stopped", big, layer("new"), advance=interrupt)

    assert before == (host.listed(), host.docker.image_id(host.reference("stopped")))
    assert "old" == host.content("stopped")
    host.put("stopped", big, layer("new"))
    assert "new" == host.content("stopped")


def test_an_image_as_it_is_goes_through_a_file_to_another_engine(
    hosts: Callable[[str], Host], host: Host, tmp_path: Path
) -> None:
    placed = host.put("moved", *app("one"))
    with (
        host.runner.side_by_side() as crew,
        SavedSource(host.reference("moved"), crew).open() as image,
    ):
        assert placed.id == image.id
        FileSink(tmp_path / "app.tar", "sinks-moved/app:1").put(image)
    other = hosts("20.10")
    with ArchiveSource(tmp_path / "app.tar").open() as image, other.runner.side_by_side() as crew:
        EngineSink("sinks-moved/app:1", other.engine, crew, other.base).put(image)

    assert placed.id == other.docker.image_id("sinks-moved/app:1")


def alone(*layers: Layer) -> OciImage:
    """Make an image without a base."""
    return on(OciImage((), lambda _: EMPTY), "alone:1", *layers)


EMPTY = b'{"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}'


def zeros(megabytes: int) -> Layer:
    """Make a layer of zeros, which takes as much room of an engine as any."""
    return layer("0" * (megabytes * 2**20), "zeros")


# A base that was pulled ---------------------------------------------------------------------


@contextlib.contextmanager
def pulled(
    request: pytest.FixtureRequest, host: Host, folder: Path, image: OciImage
) -> Iterator[Host]:
    """Have the engine pull a base, compressed, from a registry; gives it with that base."""
    if not is_installed():
        missing(request, "docker-registry is not installed.")
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(debian_registry(folder))
        RegistrySink(client(place), f"sinks-{host.mark}/base", "1").put(image)
        if host.own:
            place = stack.enter_context(registry_beside(host.own, folder))
        base = f"{place}/sinks-{host.mark}/base:1"
        host.docker.docker("pull", base)
        yield Host(host.environ, host.mark, host.cache, base, host.own)
        host.docker.docker("image", "rm", "--force", base)


def test_an_image_on_a_pulled_base_can_be_listed_run_saved_and_pushed(
    request: pytest.FixtureRequest, host: Host, tmp_path: Path
) -> None:
    unseen = layer("the engine has it in no other form", "unseen")
    with pulled(request, host, tmp_path, alone(unseen, programs())) as on_pulled:
        first = on_pulled.put("pulled", *app("one"))
        second = on_pulled.put("pulled", *app("two"))

        name = on_pulled.reference("pulled")
        assert on_pulled.docker.docker("images", "--quiet", name)
        assert "two" == on_pulled.content("pulled")
        assert on_pulled.saved("pulled") > WHOLE
        # A store of containerd has the pulled layers, but not in the form of our archive.
        by_manifest = on_pulled.engine.facts([name])[name].by_manifest
        assert (4 if by_manifest else 2) == first.layers_sent
        assert (1, True) == (second.layers_sent, second.sent < SMALL)
        pushed = f"{on_pulled.base.rpartition('/')[0]}/pushed:1"
        on_pulled.docker.docker("tag", name, pushed)
        assert "digest: sha256:" in on_pulled.docker.docker("push", pushed)
        on_pulled.docker.docker("image", "rm", pushed, name)


def test_a_pulled_base_that_the_engine_has_only_in_part_is_told(
    request: pytest.FixtureRequest, hosts: Callable[[str], Host], tmp_path: Path
) -> None:
    """A store of containerd does not pull layers that another image has, in whatever form."""
    host = hosts("containerd")
    with (
        hosts("overlay2").on_base("base", layer("more", "more")) as (image, _),
        pulled(request, host, tmp_path, image) as on_pulled,
        pytest.raises(EngineError, match=r"does not have all of .*/base:1: "),
    ):
        on_pulled.put("partly", *app("one"))

    assert "" == host.docker.image_id(host.reference("partly"))


# Layouts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", ["skopeo", "umoci"])
def test_a_layout_with_two_images_is_valid_for_others(
    request: pytest.FixtureRequest, program: str, tmp_path: Path
) -> None:
    if not shutil.which(program):
        missing(request, f"{program} is not installed.")
    large = layer("x" * 100_000, "large")
    for ref in ("one", "two"):
        LayoutSink(tmp_path / "app", ref).put(alone(large, layer(ref)))

    for ref in ("one", "two"):
        if program == "skopeo":
            place = f"docker-archive:{tmp_path / ref}.tar"
            words = ["--insecure-policy", "copy", f"oci:{tmp_path}/app:{ref}", place]
        else:
            words = [
                "unpack",
                "--rootless",
                "--image",
                f"{tmp_path}/app:{ref}",
                f"{tmp_path}/{ref}",
            ]
        done = subprocess.run([program, *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    if program == "skopeo":
        with ArchiveSource(tmp_path / "two.tar").open() as found:
            assert alone(large, layer("two")).id == found.id
    else:
        assert "two" == (tmp_path / "two/rootfs/content").read_text()


# Registries ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def registry(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Debian's registry; gives its host."""
    if not is_installed():
        missing(request, "docker-registry is not installed.")
    with debian_registry(tmp_path_factory.mktemp("registry")) as place:
        yield place


def test_what_is_sent_to_a_registry_can_be_pulled_and_run(
    hosts: Callable[[str], Host], registry: str
) -> None:
    host = hosts("overlay2")
    repository = f"sinks-{host.mark}/sent"
    large, small = app("one")
    with client(registry) as to:
        with host.on_base("sent", large, small) as (image, _):
            first = RegistrySink(to, repository, "1").put(image)
        with host.on_base("sent", large, layer("two")) as (image, _):
            second = RegistrySink(to, repository, "1").put(image)
            again = RegistrySink(to, repository, "1").put(image)

    pulled = f"{registry}/{repository}:1"
    host.docker.docker("pull", pulled)
    assert "two" == host.docker.docker("run", "--rm", "--network", "none", pulled)
    assert second.id == host.docker.image_id(pulled)
    host.docker.docker("image", "rm", pulled)
    assert (1, 0) == (second.layers_sent, again.layers_sent)
    assert second.sent < SMALL < first.sent
    assert again.digest == second.digest


def test_a_base_in_the_same_registry_is_not_sent_again(
    hosts: Callable[[str], Host], registry: str
) -> None:
    host = hosts("overlay2")
    with client(registry) as to, host.on_base("base") as (image, _):
        RegistrySink(to, "python", "3").put(image)
        with RegistrySource(to, "python", "3").open() as base:
            placed = RegistrySink(to, "mounted", "1").put(on(base, "mounted:1", *app("one")))

    assert 2 == placed.layers_sent
    assert placed.sent < SMALL < placed.skipped


def test_a_base_is_the_same_from_everywhere(
    hosts: Callable[[str], Host], registry: str, tmp_path: Path
) -> None:
    """Its engine, a file of `docker save`, and a registry it was pushed to by docker."""
    host = hosts("overlay2")
    pushed = f"{registry}/sinks-{host.mark}/base:pushed"
    host.docker.docker("tag", host.base, pushed)
    host.docker.docker("push", pushed)
    host.docker.docker("image", "rm", pushed)
    host.docker.docker("save", "--output", str(tmp_path / "base.tar"), host.base)
    ids = set()
    with (
        client(registry) as come,
        RegistrySource(come, f"sinks-{host.mark}/base", "pushed").open() as base,
    ):
        ids.add(on(base, "app:1", *app("one")).id)
    with ArchiveSource(tmp_path / "base.tar").open() as base:
        ids.add(on(base, "app:1", *app("one")).id)
    for kind in KINDS:
        with hosts(kind).on_base("unused") as (base, _):
            ids.add(on(base, "app:1", *app("one")).id)

    assert len(ids) == 1


# A full disk: last, because an engine may be slow to clean up ----------------------------------


# A store of containerd keeps what came, so there may be no room for a container afterwards.
@pytest.mark.parametrize(("kind", "has_room"), [(KINDS[1], True), (KINDS[2], False)])
def test_a_full_disk_of_the_engine_is_told_and_moves_no_name(
    hosts: Callable[[str], Host], kind: str, has_room: bool
) -> None:
    host = hosts(kind)
    host.put("full", *app("old"))
    before = host.listed(), host.docker.image_id(host.reference("full"))

    with pytest.raises(Refused, match="no space left on device") as caught:
        host.put("full", zeros(410), layer("new"))

    said = f"the Docker engine did not take {host.reference('full')}: "
    assert caught.value.message.startswith(said)
    assert "\n" not in caught.value.message
    assert before == (host.listed(), host.docker.image_id(host.reference("full")))
    if has_room:
        assert "old" == host.content("full")
