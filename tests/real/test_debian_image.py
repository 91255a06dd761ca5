"""Images of Debian packages, really installed: the same each time, run, stood upon, interrupted.

One tree serves all tests; it is kept in the checkout's cache, as long as the archives stay as they
are. `--no-cache` makes it once more.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from engines import RealProject, RealProjects
from own_engines import missing
from processes import processes_with, read_up_to, wait_until

from dockerutils.debian.apt_sources import AptMachine
from dockerutils.debian.bootstrap import Selection, own_mode, roomy_folder
from dockerutils.debian.failures import explained

pytestmark = pytest.mark.real

CHECKOUT = Path(__file__).parent.parent.parent
# That of examples/no-engine, so that both have the same tree.
CONFIG = """\
name = "<project>"

[image.os]
type = "debian"
packages = ["python3"]
documentation = false
locales = false
image_labels = ["vendor=Shop Ltd."]
interactive = false

[image.app]
type = "venv"
base = "<project>-os"
project = ["src:/app"]
image_cmd = ["python", "-m", "shop"]
interactive = false
"""
FILES = {
    "docker/dockerutils.toml": CONFIG,
    "src/shop/__main__.py": "import sys\nprint('open', sys.prefix)\n",
}
NOWHERE = "unix:///nonexistent/docker.sock"


@pytest.fixture(scope="module")
def shop(request: pytest.FixtureRequest, real_projects: RealProjects) -> RealProject:
    """A project on a machine with mmdebstrap; its trees are kept from one run to the next."""
    if not shutil.which("mmdebstrap"):
        missing(request, "mmdebstrap is missing: bin/test installs it")
    project = real_projects.make(FILES)
    return project.having(XDG_CACHE_HOME=str(CHECKOUT / ".cache" / "debian"))


@pytest.fixture(scope="module")
def archive(shop: RealProject) -> Path:
    """The base in a file, made without an engine."""
    shop.build("os", "--output", "os.tar", DOCKER_HOST=NOWHERE)
    return shop.root / "os.tar"


def own_cache(shop: RealProject, tmp_path: Path) -> RealProject:
    """Give the project with a cache in which nothing is."""
    return shop.having(XDG_CACHE_HOME=str(tmp_path / "cache"))


def layers_in(archive: Path) -> list[str]:
    """Name the layers of an archive, which are called like their digests."""
    with tarfile.open(archive) as tar:
        member = tar.extractfile("manifest.json")
        assert member is not None
        return list(json.load(member)[0]["Layers"])


def trees() -> set[str]:
    """Name the folders in which packages are being unpacked by ours."""
    places = ("/dev/shm", "/tmp", "/var/tmp")
    found = (path for place in places for path in Path(place).glob("dockerutils-*/*/usr/bin"))
    return {str(path.parent.parent) for path in found}


# What it is ---------------------------------------------------------------------------------


def test_made_twice_it_is_the_same_and_the_installation_is_printed(
    shop: RealProject, archive: Path
) -> None:
    surroundings = {"TZ": "Asia/Tokyo", "PYTHONPATH": str(CHECKOUT), "LC_ALL": "C", "COLUMNS": "40"}
    done = shop.build(
        "os", "--output", "again.tar", "--no-cache", DOCKER_HOST=NOWHERE, **surroundings
    )

    lines = done.err.splitlines()
    assert lines[0].startswith(f"# {shop.reference('os')} is made of Debian's ")
    assert lines[0].endswith(" (minbase, python3), for again.tar")
    assert "mmdebstrap --mode=" in lines[1]
    assert lines[2].startswith("# again.tar: 1 of 1 layers, ")
    assert 3 == len(lines)
    assert archive.read_bytes() == (shop.root / "again.tar").read_bytes()


def test_kept_it_is_taken_as_it_is_also_without_a_network(shop: RealProject, archive: Path) -> None:
    words = [sys.executable, "-m", "dockerutils", "build-image", "os", "--output", "offline.tar"]
    done = subprocess.run(
        ["unshare", "--net", *words],
        cwd=shop.root,
        env=dict(shop.line.environ),
        capture_output=True,
        encoding="utf-8",
    )

    assert done.returncode == 0, done.stderr
    assert "mmdebstrap" not in done.stderr
    assert "# warning: the Debian archive could not be asked" in done.stderr
    assert archive.read_bytes() == (shop.root / "offline.tar").read_bytes()


def test_nothing_of_this_machine_or_this_hour_is_in_it(archive: Path) -> None:
    (layer,) = layers_in(archive)
    with tarfile.open(archive) as outer, tarfile.open(fileobj=outer.extractfile(layer)) as tar:
        found = {one.name.removeprefix("./"): one for one in tar}
        assert {315532800} == {int(one.mtime) for one in found.values()}
        assert {one.uid for one in found.values()} <= {0, 42}, "root, and apt's own user"
        sources = tar.extractfile(found["etc/apt/sources.list"])
        assert sources is not None
        assert b" main" in sources.read()
    assert not {"etc/hostname", "etc/resolv.conf", "etc/apt/apt.conf.d/98machine"} & set(found)
    assert not [one.name for one in found.values() if one.isdev()]
    assert found["dev"].isdir()
    assert "usr/share/doc/bash/copyright" in found
    assert not {"usr/share/man/man1/tar.1.gz", "usr/share/info/sed.info.gz"} & set(found)
    assert found["usr/share/man/man1"].isdir()
    assert not [name for name in found if name.startswith("usr/share/locale/de/")]


# In an engine -------------------------------------------------------------------------------


def test_it_is_an_image_like_any_other(shop: RealProject) -> None:
    built = shop.build("os", "--verify", "import")
    again = shop.build("os")

    assert "is run once, before it gets its name, to verify it" in built.err
    assert "# os is up to date; --rebuild would build anyway.\n" == again.err
    script = "import os; print(os.getuid(), os.path.exists('/dev/null'))"
    done = shop.run("os", "--", "python3", "-c", script)
    assert (0, "0 True\n") == (done.status, done.out), done.err
    assert "Shop Ltd." == shop.engine.inspect(shop.reference("os"))["Config"]["Labels"]["vendor"]
    assert "made from Debian packages" in shop("show", "os").out
    assert "os is up to date" in shop("why", "os").out
    assert "os" in shop("graph").out


def test_a_virtualenv_stands_on_it_with_an_engine_and_without_one_the_same(
    shop: RealProject,
) -> None:
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", str(shop.root / ".venv")])
    shop.build("app", "--output", "app.tar", DOCKER_HOST=NOWHERE)
    shop.build("app")

    done = shop.run("app")
    assert (0, "open /opt/venv\n") == (done.status, done.out), done.err
    expected = [f"sha256:{Path(name).name}" for name in layers_in(shop.root / "app.tar")]
    assert expected == shop.engine.layers(shop.reference("app"))
    assert shop.engine.layers(shop.reference("os")) == expected[:1]


def test_a_dry_run_prints_a_script_that_a_shell_takes(shop: RealProject) -> None:
    done = shop("build-image", "os", "--dry-run")

    assert (0, "") == (done.status, done.err)
    assert "SOURCE_DATE_EPOCH=315532800 PYTHONDONTWRITEBYTECODE=1 mmdebstrap " in done.commands[0]
    assert " | docker import " in done.commands[0]
    checked = subprocess.run(["sh", "-n"], input=done.out, capture_output=True, text=True)
    assert (0, "") == (checked.returncode, checked.stderr)


# What goes wrong ----------------------------------------------------------------------------


def test_a_package_that_there_is_not_is_named(shop: RealProject) -> None:
    """What mmdebstrap says is known; by a simulation, since it says so only after half a minute."""
    suite = AptMachine().suite
    words = ["mmdebstrap", "--simulate", "--variant=custom", f"--mode={own_mode()}"]
    sources = [one.line for one in AptMachine().sources(suite)]
    done = subprocess.run(
        [*words, "--include=pithon3,bash=99", suite, "/dev/null", *sources],
        env={**shop.line.environ, "TMPDIR": roomy_folder() or "/tmp"},
        capture_output=True,
        encoding="utf-8",
    )

    assert done.returncode
    failure = explained(done.stderr, Selection(suite), "docker/x.toml: [os]")
    expected = f"docker/x.toml: [os]: `packages` names pithon3, bash, which {suite} does not have."
    assert expected == failure.message


@pytest.mark.parametrize("line", ['suite = "bookwurm"', 'suite = "trixi"'])
def test_a_release_that_there_is_not_is_named(shop: RealProject, tmp_path: Path, line: str) -> None:
    config = shop.root / "docker" / "dockerutils.toml"
    text = config.read_text()
    config.write_text(text.replace('type = "debian"', f'type = "debian"\n{line}'))
    try:
        done = own_cache(shop, tmp_path)("build-image", "os", "--output", "wrong.tar")
    finally:
        config.write_text(text)

    assert 2 == done.status
    assert f"has no release called {line.split(chr(34))[1]}." in done.err


def test_mirrors_that_cannot_be_reached_are_told(shop: RealProject, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "dockerutils", "build-image", "os", "--output", "wrong.tar"]
    done = subprocess.run(
        ["unshare", "--net", *words],
        cwd=shop.root,
        env=dict(own_cache(shop, tmp_path).line.environ),
        capture_output=True,
        encoding="utf-8",
    )

    assert 1 == done.returncode
    assert ": the Debian archive cannot be reached: " in done.stderr
    assert "`apt-get update`" in done.stderr


def test_without_mmdebstrap_its_package_is_named(shop: RealProject, tmp_path: Path) -> None:
    done = own_cache(shop, tmp_path)("build-image", "os", "--output", "wrong.tar", PATH="/nowhere")

    assert 1 == done.status
    assert "`apt install mmdebstrap`" in done.err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be nobody")
def test_a_user_without_namespaces_is_told_what_is_missing(
    shop: RealProject,
) -> None:
    """Nobody may have any: neither in /etc/subuid nor elsewhere."""
    done = subprocess.run(
        ["mmdebstrap", "--mode=unshare", "bookworm", "/dev/null"],
        cwd="/",
        user=65534,
        group=65534,
        extra_groups=[],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR": "/dev/shm"},
        capture_output=True,
        encoding="utf-8",
    )

    assert done.returncode
    failure = explained(done.stderr, Selection("bookworm"), "here")
    assert "gives you no namespaces" in failure.message


def test_ctrl_c_leaves_nothing(shop: RealProject, tmp_path: Path) -> None:
    mine, before = own_cache(shop, tmp_path), trees()
    with mine.start("build-image", "os", "--output", "wrong.tar") as process:
        read_up_to(process.stderr, "mmdebstrap --mode=")
        folder = wait_until("packages are unpacked", lambda: trees() - before)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)

    assert 130 == process.returncode
    assert "interrupted" in err
    (gone,) = folder
    assert not Path(gone).parent.exists()
    assert not processes_with(gone)
    assert [] == list((tmp_path / "cache/dockerutils/debian").iterdir())
    assert not (shop.root / "wrong.tar").exists()
