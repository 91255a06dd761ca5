"""transfer-image between this machine's engine and hosts with sshd and engines of their own."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from engines import Engine, RealProjects
from hosts import Fabric, Network, lacking, make_key, ssh_host
from lines import Line
from own_engines import OLD, OwnEngine, missing, old_programs, own_engine
from processes import wait_until
from projects import CommandLine, Result
from pulled import CONTAINERD, programs, registry_beside
from stores import image, layer
from venv_shops import Shops, changed, python_of_base

from dockerutils.oci.archive import archive_entries
from dockerutils.oci.image import OciImage
from dockerutils.oci.layer import Layer, made_layer
from dockerutils.oci.tar import Entry, tar_stream

pytestmark = pytest.mark.real

KINDS = ("overlay2", "20.10", "containerd")
DISK = "700m"
SMALL = 50_000  # bytes; what may travel beside layers
LARGE = 9_000_000  # bytes; a layer that travels alone
PART = "dockerutils.partial=1"


@functools.cache
def blob(name: str, size: int = LARGE) -> Layer:
    """Make a layer that cannot be compressed."""
    content = random.Random(name).randbytes(size)
    entry = Entry(name.encode(), content=content)
    key = hashlib.sha256(name.encode()).hexdigest()
    return made_layer(name, lambda: tar_stream([entry]), key, None)


@dataclass
class Remote:
    """A host: its name for ssh, its engine, and what cuts all connections to it."""

    name: str
    own: OwnEngine
    network: Network
    cut: Callable[[], None]

    @property
    def docker(self) -> Engine:
        """Docker's command line for its engine."""
        return Engine({**os.environ, "DOCKER_HOST": self.own.host})

    def listed(self, *words: str) -> list[str]:
        """Give the IDs of its images, also of those without a name."""
        return self.docker.docker("images", "--all", "--quiet", "--no-trunc", *words).split()

    def forget(self) -> None:
        """Remove all images."""
        ids = list(dict.fromkeys(self.listed()))
        if ids:
            self.docker.docker("image", "rm", "--force", *ids)

    def content(self, reference: str) -> str:
        """Run an image, which shows its content."""
        return self.docker.docker("run", "--rm", "--network", "none", reference)

    def save(self, reference: str) -> int:
        """Save an image; gives the bytes."""
        words = ["docker", "save", reference]
        return len(subprocess.run(words, env=self.docker.environ, stdout=-1, check=True).stdout)


@dataclass
class Site:
    """This machine: its engine, images of this run of the suite, and hosts, as they are wanted."""

    fabric: Fabric
    line: CommandLine
    mark: str
    folder: Path
    request: pytest.FixtureRequest
    stack: contextlib.ExitStack
    programs: Layer = field(default_factory=programs)
    images: dict[str, tuple[str, ...]] = field(default_factory=dict)
    engines: dict[str, tuple[OwnEngine, Network]] = field(default_factory=dict)
    remotes: dict[str, Remote] = field(default_factory=dict)

    @property
    def docker(self) -> Engine:
        """The machine's engine."""
        return Engine(dict(os.environ))

    def reference(self, name: str) -> str:
        """Give the name of an image of this run."""
        return f"transfer-{self.mark}/{name}:1"

    def image(self, name: str, *layers: Layer) -> str:
        """Have the engine here load an image of these layers upon `cat`; give its reference."""
        reference = self.reference(name)
        made = image(self.programs, *layers, Cmd=["cat", "/content"])
        if self.images.get(reference) != made.diff_ids:
            load(made, reference, dict(os.environ))
            self.images[reference] = made.diff_ids
        return reference

    def remote(self, engine: str = "overlay2", kind: str = "plain") -> Remote:
        """Give a host with an engine of a kind, without images if it is new."""
        name = f"{engine}-{kind}"
        if name not in self.remotes:
            own, network = self._engine(engine)
            docker = str(OLD / "usr/bin/docker") if engine == "20.10" else ""
            socket = own.folder / "docker.sock"
            host = ssh_host(self.fabric, network, name, socket, kind, docker=docker)
            cut = self.stack.enter_context(host)
            self.remotes[name] = Remote(name, own, network, cut)
        return self.remotes[name]

    def _engine(self, kind: str) -> tuple[OwnEngine, Network]:
        if kind not in self.engines:
            size = "64m" if kind == "full" else DISK
            if kind == "20.10":
                path = f"{old_programs(self.request)}:{os.environ['PATH']}"
                started = own_engine(self.request, size, ENGINE_MIN="20", PATH=path)
            else:
                settings = CONTAINERD if kind == "containerd" else "{}"
                started = own_engine(self.request, size, settings)
            own = self.stack.enter_context(started)
            process = (own.folder / "docker.pid").read_text().strip()
            cable = Network.cabled(process, self.fabric.numbers)
            self.engines[kind] = own, self.stack.enter_context(cable)
        return self.engines[kind]

    def transfer(self, *words: str, **more: str) -> Result:
        """Run transfer-image in a folder that belongs to no project."""
        return self.line(self.folder, "transfer-image", *words, **more)

    def send(self, *words: str, **more: str) -> list[dict[str, object]]:
        """Run transfer-image, which has to succeed; gives what it tells."""
        done = self.transfer(*words, "--json", **more)
        assert done.status == 0, done.err
        rows: list[dict[str, object]] = json.loads(done.out)
        return rows

    @contextlib.contextmanager
    def through(self, remote: Remote, line: Line) -> Iterator[str]:
        """Give another name of a host, which leads through a line."""
        name = f"line-{next(self.fabric.numbers)}"
        hostkey = self.fabric.folder / remote.name / "hostkey.pub"
        with line.open() as port:
            public = " ".join(hostkey.read_text().split()[:2])
            self.fabric.add(name, "127.0.0.1", port, public)
            yield name

    def to(self, remote: Remote) -> Line:
        """Give a line to a host."""
        settings = (self.fabric.folder / remote.name / "sshd_config").read_text()
        return Line((remote.network.theirs, int(settings.split()[1])))


def load(made: OciImage, reference: str, environ: dict[str, str]) -> None:
    """Have an engine load an image."""
    data = b"".join(tar_stream(archive_entries(made, reference)))
    subprocess.run(["docker", "load", "-q"], input=data, env=environ, check=True, stdout=-1)


@pytest.fixture(scope="module")
def site(
    request: pytest.FixtureRequest, real_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """This machine and its hosts."""
    lack = lacking()
    if lack:
        missing(request, lack)
    folder = tmp_path_factory.mktemp("site")
    kept = {name: os.environ[name] for name in ("LANG", "DOCKER_CONFIG") if name in os.environ}
    mark = real_engine.removeprefix("test-")
    with contextlib.ExitStack() as stack:
        # Below /tmp, where the user of a host may look as well.
        below = stack.enter_context(tempfile.TemporaryDirectory(prefix="dockerutils-", dir="/tmp"))
        fabric = Fabric(Path(below))
        environ = {**kept, "PATH": fabric.path, "HOME": str(folder), "LOGNAME": "alice"}
        (folder / "elsewhere").mkdir()
        yield Site(fabric, CommandLine(environ), mark, folder / "elsewhere", request, stack)


@pytest.fixture(params=KINDS)
def remote(request: pytest.FixtureRequest, site: Site) -> Remote:
    """A host with an engine of each kind."""
    return site.remote(request.param)


@pytest.fixture
def host(site: Site) -> Remote:
    """A host with overlay2, and without images."""
    found = site.remote()
    found.forget()
    return found


# What is sent -------------------------------------------------------------------------------


def test_only_what_is_missing_travels(site: Site, remote: Remote) -> None:
    old = site.image("app", blob("big"), layer("one"))
    (first,) = site.send(old, remote.name)
    new = site.image("app", blob("big"), layer("two"))
    (second,) = site.send(new, remote.name)
    (third,) = site.send(new, remote.name)

    assert ("sent", 3) == (first["state"], first["layers_sent"])
    assert LARGE < int(str(first["sent"]))
    assert ("sent", 1) == (second["state"], second["layers_sent"])
    assert SMALL > int(str(second["sent"]))
    assert ("unchanged", 0) == (third["state"], third["sent"])
    assert "two" == remote.content(new)
    assert site.docker.layers(new) == remote.docker.layers(new)
    assert LARGE < remote.save(new)
    assert [] == remote.listed("--filter", f"label={PART}")


def test_the_image_has_the_same_configuration(site: Site, remote: Remote) -> None:
    reference = site.image("configured", layer("c"))
    site.send(reference, remote.name)

    here, there = site.docker.inspect(reference), remote.docker.inspect(reference)
    assert here["Config"]["Cmd"] == there["Config"]["Cmd"]
    assert here["Created"] == there["Created"]


def test_upon_a_pulled_base_the_store_of_containerd_gets_everything(
    site: Site, tmp_path: Path
) -> None:
    remote = site.remote("containerd")
    remote.forget()
    base, app = site.image("base"), site.image("app", layer("upon it"))
    site.send(base, remote.name)
    with registry_beside(remote.own, tmp_path) as place:
        pulled = f"{place}/base:1"
        remote.docker.docker("tag", base, pulled)
        remote.docker.docker("push", "--quiet", pulled)
        remote.forget()
        remote.docker.docker("pull", "--quiet", pulled)

    site.send(app, remote.name)

    assert "upon it" == remote.content(app)
    assert app in remote.docker.docker("images", "--format", "{{.Repository}}:{{.Tag}}")
    assert [] == remote.listed("--filter", f"label={PART}")
    site.send(site.image("app", layer("again")), remote.name)
    assert "again" == remote.content(app)


@pytest.mark.parametrize("kind", ["sudo", "hidden", "gzip", "bare"])
def test_hosts_of_all_kinds_get_images(site: Site, kind: str) -> None:
    site.remote().forget()
    remote = site.remote(kind=kind)
    reference = site.image(kind, blob(kind, 200_000), layer(kind))

    (told,) = site.send(reference, remote.name)

    assert (kind, 3) == (remote.content(reference), told["layers_sent"])


def test_20_10_that_needs_sudo_is_asked_with_it(site: Site) -> None:
    remote = site.remote("20.10", "sudo")
    reference = site.image("old", layer("old"))

    site.send(reference, remote.name)

    assert "old" == remote.content(reference)


@pytest.mark.parametrize("form", ["zstd", "gzip", "none"])
def test_layers_travel_as_is_asked(site: Site, host: Remote, form: str) -> None:
    reference = site.image("form", layer("z" * 3_000_000))
    (told,) = site.send(reference, host.name, "--compress", form)

    assert 3_000_000 == len(host.content(reference))
    assert (form == "none") == (int(str(told["sent"])) > 3_000_000)


def test_several_hosts_get_it_at_once_and_the_status_tells_of_failures(
    site: Site, host: Remote
) -> None:
    other, third = site.remote(kind="gzip"), site.remote("20.10")
    third.forget()
    reference = site.image("several", layer("several"))

    done = site.transfer(reference, host.name, third.name, "nowhere.invalid", other.name, "--json")

    states = {row["destination"]: row["state"] for row in json.loads(done.out)}
    assert 1 == done.status
    assert "failed" == states["nowhere.invalid"]
    assert {"sent", "unchanged"} >= {states[one.name] for one in (host, other, third)}
    assert "1 of 4 destinations failed: nowhere.invalid." in done.err
    assert "several" == host.content(reference) == third.content(reference)


def test_two_transfers_of_one_image_at_once_both_end_well(site: Site, host: Remote) -> None:
    reference = site.image("twice", blob("t1"), blob("t2"), layer("twice"))
    with started(site, reference, host.name) as one, started(site, reference, host.name) as other:
        assert [0, 0] == [one.wait(60), other.wait(60)]

    assert "twice" == host.content(reference)
    assert [host.docker.image_id(reference)] == host.listed()


def test_a_virtualenv_goes_from_its_sources_to_a_host_and_no_engine_here_gets_it(
    site: Site,
    host: Remote,
    real_projects: RealProjects,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    shops = Shops(real_projects, python_of_base(request))
    project = shops.small(shops.small_base(tmp_path))

    done = project("transfer-image", "app", host.name, PATH=site.fabric.path)
    changed(project, "src/greeting", "hello", "goodbye")
    again = project("transfer-image", "app", host.name, "--json", PATH=site.fabric.path)

    assert [0, 0] == [done.status, again.status], done.err + again.err
    assert "goodbye" == host.content(project.reference("app")).strip()
    assert 1 == json.loads(again.out)[0]["layers_sent"]
    assert not project.has("app")


def test_a_key_is_named_as_the_seed_has_it(site: Site, host: Remote) -> None:
    text = site.fabric.config.read_text()
    other = site.fabric.folder / "without-key"
    other.write_text(text.replace(f"IdentityFile {site.fabric.key}", "IdentityFile /nowhere"))
    path = shim(site, other)
    reference = site.image("keyed", layer("keyed"))

    refused = site.transfer(reference, host.name, PATH=path)
    by_variable = site.transfer(reference, host.name, PATH=path, SSH_KEY=str(site.fabric.key))
    by_option = site.transfer(reference, host.name, "-i", str(site.fabric.key), PATH=path)

    assert [1, 0, 0] == [refused.status, by_variable.status, by_option.status]
    assert "does not let you in" in refused.err


def shim(site: Site, config: Path) -> str:
    """Give a PATH on which ssh reads another configuration."""
    program = site.fabric.folder / f"bin-{config.name}" / "ssh"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {config} "$@"\n')
    program.chmod(0o755)
    return f"{program.parent}:{os.environ['PATH']}"


@contextlib.contextmanager
def started(site: Site, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Start transfer-image; it is ended at the end."""
    with subprocess.Popen(
        [sys.executable, "-m", "dockerutils", "transfer-image", *words],
        cwd=site.folder,
        env=dict(site.line.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


# A bad end ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("dockerless", "has no docker"),
        ("forbidden", "your user may not use Docker on overlay2-forbidden"),
    ],
)
def test_a_host_without_docker_for_us_is_told_of(site: Site, kind: str, said: str) -> None:
    site.remote().forget()
    remote = site.remote(kind=kind)

    done = site.transfer(site.image("refused", layer("r")), remote.name)

    assert (1, []) == (done.status, remote.listed())
    assert said in done.err


def test_a_host_key_that_is_not_known_is_not_accepted(site: Site, host: Remote) -> None:
    name = "stranger"
    port = site.to(host).target[1]
    site.fabric.add(name, host.network.theirs, port, "")

    done = site.transfer(site.image("refused", layer("r")), name)

    assert (1, []) == (done.status, host.listed())
    assert "the host key of stranger is not known here" in done.err
    assert "compare the fingerprint" in done.err


def test_a_host_key_that_has_changed_is_not_accepted(
    site: Site, host: Remote, tmp_path: Path
) -> None:
    make_key(tmp_path / "other")
    public = " ".join((tmp_path / "other.pub").read_text().split()[:2])
    site.fabric.add("changed", host.network.theirs, site.to(host).target[1], public)

    done = site.transfer(site.image("refused", layer("r")), "changed")

    assert (1, []) == (done.status, host.listed())
    assert "changed has another host key than before" in done.err


def test_a_full_disk_is_told_of_and_keeps_nothing(site: Site) -> None:
    remote = site.remote("full")
    reference = site.image("large", blob("full one", 30_000_000), blob("full two", 30_000_000))

    done = site.transfer(reference, remote.name)

    assert (1, []) == (done.status, remote.listed())
    assert "the disk of the Docker engine on full-plain has no room" in done.err


@pytest.mark.parametrize("percent", [10, 50, 90])
def test_a_line_that_is_cut_costs_no_more_than_the_layer_that_was_cut(
    site: Site, host: Remote, percent: int
) -> None:
    reference = site.image("cut", blob("c1"), blob("c2"), blob("c3"), layer("cut"))
    line = site.to(host)
    line.cuts = [3 * LARGE * percent // 100]
    with site.through(host, line) as name:
        done = site.transfer(reference, name)

    assert (0, 1) == (done.status, line.cut)
    assert "was lost. Trying again in 1 s" in done.err
    assert "cut" == host.content(reference)
    assert 4 * LARGE + 10 * SMALL > line.sent
    assert [host.docker.image_id(reference)] == host.listed()


def test_who_is_interrupted_sends_the_rest_the_next_time(site: Site, host: Remote) -> None:
    reference = site.image("interrupted", blob("i1"), blob("i2"), layer("interrupted"))
    with started(site, reference, host.name, "--limit-rate", "12M") as process:
        wait_until("a part is there", lambda: host.listed("--filter", f"label={PART}"))
        process.send_signal(signal.SIGINT)
        assert 130 == process.wait(30)
    assert "" == host.docker.image_id(reference)

    (told,) = site.send(reference, host.name)

    assert LARGE + 10 * SMALL > int(str(told["sent"]))
    assert "interrupted" == host.content(reference)
    assert [host.docker.image_id(reference)] == host.listed()


def test_an_engine_that_is_started_anew_gets_the_rest(site: Site, host: Remote) -> None:
    reference = site.image("anew", blob("a1"), blob("a2"), layer("anew"))
    with started(site, reference, host.name, "--limit-rate", "6M") as process:
        wait_until("a part is there", lambda: host.listed("--filter", f"label={PART}"))
        host.own.stop()
        host.own.start()
        output = process.communicate(timeout=60)[0]

    assert 0 == process.returncode, output
    assert "anew" == host.content(reference)
    assert [host.docker.image_id(reference)] == host.listed()


def test_an_image_that_is_removed_meanwhile_is_told_of(
    site: Site, host: Remote, tmp_path: Path
) -> None:
    reference = site.image("removed", layer("removed"))
    del site.images[reference]
    program, docker = tmp_path / "docker", shutil.which("docker")
    program.write_text(
        f'#!/bin/sh\n[ $1 != save ] || {docker} rmi -f {reference} >&2\nexec {docker} "$@"\n'
    )
    program.chmod(0o755)

    done = site.transfer(reference, host.name, PATH=f"{tmp_path}:{site.fabric.path}")

    assert f"the Docker engine has {reference} no more" in done.err
    assert (1, []) == (done.status, host.listed())


# The other way, and files -------------------------------------------------------------------


def test_an_image_comes_from_a_host_without_what_is_here(site: Site, remote: Remote) -> None:
    old = site.image("from", blob("from", 300_000), layer("old"))
    site.send(old, remote.name)
    new = site.reference(f"from-{remote.name}")
    content = f"new {remote.name} {site.mark}"  # an engine may have kept what a run before left
    made = image(programs(), blob("from", 300_000), layer(content), Cmd=["cat", "/content"])
    load(made, new, environ(remote))

    (told,) = site.send("--from", remote.name, new)

    assert ("sent", 1) == (told["state"], told["layers_sent"])
    assert SMALL > int(str(told["sent"]))
    assert content == site.docker.docker("run", "--rm", "--network", "none", new)
    assert "unchanged" == site.send("--from", remote.name, new)[0]["state"]


def environ(remote: Remote) -> dict[str, str]:
    return dict(remote.docker.environ)


def test_an_image_that_no_host_has_does_not_come(site: Site, host: Remote) -> None:
    done = site.transfer("--from", host.name, "nowhere/none:1")

    assert 2 == done.status
    assert "overlay2-plain has no image nowhere/none:1" in done.err


@pytest.mark.parametrize(
    ("kind", "ending"), [("overlay2", ".tar"), ("20.10", ".tar.gz"), ("containerd", ".tar.zst")]
)
def test_a_file_brings_what_the_base_lacks(site: Site, kind: str, ending: str) -> None:
    remote = site.remote(kind)
    base, app = site.image("base", blob("base")), site.image("app", blob("base"), layer("filed"))
    file = site.folder / f"app{ending}"
    site.send(base, remote.name)
    with contextlib.suppress(AssertionError):
        remote.docker.docker("rmi", app)

    site.send(app, "--output", file.name, "--base", base)
    (told,) = site.send("--input", str(file), **environ_of(remote))
    (again,) = site.send("--input", str(file), **environ_of(remote))

    assert file.stat().st_size < SMALL
    assert ("sent", "unchanged") == (told["state"], again["state"])
    assert "filed" == remote.content(app)


def environ_of(remote: Remote) -> dict[str, str]:
    return {"DOCKER_HOST": remote.own.host}


def test_a_file_is_what_a_host_lacks(site: Site, host: Remote) -> None:
    site.send(site.image("app", blob("base"), layer("before")), host.name)
    app = site.image("app", blob("base"), layer("after"))
    file = site.folder / "host.tar.gz"

    site.send(app, host.name, "--output", file.name)
    site.send("--input", file.name, **environ_of(host))

    assert (True, "after") == (file.stat().st_size < SMALL, host.content(app))


def test_a_file_for_another_base_is_refused(site: Site, remote: Remote) -> None:
    remote.forget()
    base, app = site.image("base", blob("base")), site.image("app", blob("base"), layer("x"))
    file = site.folder / "wrong.tar.gz"
    site.send(app, "--output", file.name, "--base", base)

    done = site.transfer("--input", file.name, **environ_of(remote))

    assert (2, []) == (done.status, remote.listed())
    assert f"without the layers of {base}" in done.err
    assert f"Bring {base} here first" in done.err


@pytest.mark.parametrize(
    ("damage", "ending"),
    [("flipped", ".tar"), ("flipped", ".tar.gz"), ("flipped", ".tar.zst"), ("short", ".tar.gz")],
)
def test_a_damaged_file_is_refused(site: Site, host: Remote, ending: str, damage: str) -> None:
    app = site.image("broken", blob("broken", 300_000))
    file = site.folder / f"broken{ending}"
    site.send(app, "--output", file.name)
    data = bytearray(file.read_bytes())
    if damage == "short":
        data = data[: len(data) // 2]
    else:
        data[len(data) // 2] ^= 1
    file.write_bytes(data)

    done = site.transfer("--input", file.name, **environ_of(host))

    assert done.status in (1, 2)
    assert [] == host.listed()
    assert "damaged" in done.err
    assert "Traceback" not in done.err
