"""run-image and its like while docked: the project comes along, and the results come back."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from dock_hosts import DockHost
from dockyards import Dockyard
from engines import STAND_IN
from processes import wait_until
from projects import Result

pytestmark = pytest.mark.real

TARGET = "/data/workspaces/alice/code/shop"
CONFIG = """\
[dev]
volumes=-v {project_root}:/app
cmd=sh -c 'tr a-z A-Z </app/src/words >/app/out; id -u >/app/user'
[elsewhere]
name=dev
volumes=-v /etc:/here
volumes_docked=-v /data:/data
cmd=sh -c 'echo made >/data/made'
[plain]
name=dev
cmd=echo hello
"""


class Bench:
    """A project whose image is on the dock, and a terminal that is docked to it."""

    def __init__(self, yard: Dockyard, host: DockHost, root: Path) -> None:
        self.yard, self.host, self.root = yard, host, root
        for name, text in {
            "docker/dev/Dockerfile": f"FROM {STAND_IN}\n",
            "docker/dockerutils.cfg": CONFIG,
            "src/words": "some words\n",
        }.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        host.docker("tag", STAND_IN, "shop-dev:alice")

    def docked(self, script: str, folder: str = "", **environ: str) -> Result:
        """Run a script in a terminal that is docked."""
        done = subprocess.run(
            ["bash", "-c", f"source dock gpu 2>/dev/null || exit 99; {script}"],
            cwd=self.root / folder,
            env={**self.yard.environ, **environ},
            capture_output=True,
            text=True,
        )
        return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def bench(clean_dockyard: Dockyard, tmp_path: Path) -> Iterator[Bench]:
    host = clean_dockyard.host()
    host.clear()
    host.take_stand_in()
    clean_dockyard.register(host, "gpu")
    (tmp_path / "shop").mkdir()
    yield Bench(clean_dockyard, host, tmp_path / "shop")
    wait_until("its containers are gone", lambda: not host.docker("ps", "--all", "--quiet"))


def test_a_run_takes_the_project_along_and_brings_the_results_back(bench: Bench) -> None:
    told = bench.docked("run-image dev")

    assert 0 == told.status, told.err
    assert "SOME WORDS\n" == (bench.root / "out").read_text()
    assert f"--volume {TARGET}:/app" in told.err
    assert "3 files, 0.0 MB, sent" in told.err
    assert "2 files, 0.0 MB, fetched" in told.err


def test_the_host_s_user_is_the_one_of_the_dock(bench: Bench) -> None:
    told = bench.docked("run-image --user host dev")

    assert 0 == told.status, told.err
    ubuntu = bench.host.inside("id", "-u", as_user="ubuntu")
    assert ubuntu == (bench.root / "user").read_text()


def test_the_container_s_status_passes_through_a_conflict(bench: Bench) -> None:
    edit = f"echo theirs >>{TARGET}/src/words"
    bench.docked("sync-up")
    bench.host.inside("sh", "-c", edit, as_user="ubuntu")
    (bench.root / "src/words").write_text("other words\n")
    told = bench.docked("run-image dev -- sh -c 'echo made >/app/made; exit 7'")

    assert 7 == told.status
    assert "made\n" == (bench.root / "made").read_text()
    assert "kept there as src/words.dock-conflict" in told.err


def test_mounts_of_the_command_line_are_moved_as_well(bench: Bench) -> None:
    script = (
        "run-image plain -v ../src:/a -v .:/b -a '--mount type=bind,source=src/words,target=/c'"
        " -- sh -c 'cat /a/words /b/words /c; echo new >/a/new'"
    )
    told = bench.docked(script, folder="src")

    assert (0, "some words\n" * 3) == (told.status, told.out), told.err
    assert "new\n" == (bench.root / "src/new").read_text()


def test_docked_keys_mount_what_the_dock_has(bench: Bench) -> None:
    told = bench.docked("run-image elsewhere")

    assert (0, "made\n") == (told.status, (bench.host.data / "made").read_text()), told.err
    assert "rsync" not in told.err
    assert "-v /etc" not in told.err


def test_what_is_mounted_from_the_dock_alone_is_warned_of(bench: Bench) -> None:
    (bench.root / ".dockerignore").write_text("data\n")
    mounts = "-v /etc:/here -v /nowhere:/there -v named:/volume -v ./data:/data"
    told = bench.docked(f"run-image plain {mounts}")

    assert (0, "hello\n") == (told.status, told.out), told.err
    expected = [
        "# warning: /etc is mounted as it is on gpu, not from here.",
        "# warning: data is left out by .dockerignore: what gpu has is mounted.",
    ]
    assert expected == [line for line in told.err.splitlines() if "warning" in line]


def test_nothing_is_brought_if_that_is_not_wanted(bench: Bench) -> None:
    told = bench.docked("run-image --no-sync plain -v ./src:/a -- ls /a")

    assert (0, "") == (told.status, told.out)
    assert f"--volume {bench.root}/src:/a" in told.err
    assert not (bench.host.data / "workspaces").exists()


def test_a_run_in_the_background_leaves_the_results_there(bench: Bench) -> None:
    told = bench.docked("run-image -d dev")

    assert 0 == told.status, told.err
    assert "# `sync-down` brings back what the container writes." in told.err
    assert not (bench.root / "out").exists()


def test_a_dry_run_prints_what_would_run(bench: Bench) -> None:
    told = bench.docked("run-image --dry-run dev")

    lines = told.out.splitlines()[3:]
    assert ["sync-up gpu", "sync-down gpu"] == [lines[0], lines[-1]]
    assert f"--volume {TARGET}:/app" in lines[1]
    assert not (bench.host.data / "workspaces").exists()


def test_a_docker_host_of_ones_own_is_used_as_it_is(bench: Bench) -> None:
    told = bench.docked(
        "env -u DOCK_MONIKER DOCKER_IP=10.1.2.3 run-image plain -v ./src:/a -- ls /a"
    )

    assert (0, "") == (told.status, told.out), told.err
    assert "# 10.1.2.3 is no registered dock: no files are synchronized." in told.err


def test_a_dock_that_was_forgotten_gets_no_run_with_the_project(bench: Bench) -> None:
    told = bench.docked("env DOCK_MONIKER=gone run-image plain -v ./src:/a -- ls /a")

    assert 1 == told.status
    assert "gone is no dock any more" in told.err
    assert "docker run" not in told.err


def test_published_ports_are_told_of(bench: Bench) -> None:
    told = bench.docked("run-image -d -p 18080:80 plain -- sleep 9; dockerutils stop")

    assert "# localhost answers on 18080: it is the container on gpu." in told.err, told.err


def test_the_other_verbs_work_on_a_dock(bench: Bench) -> None:
    script = (
        "build-image dev && run-image -d plain -- sleep 99 && dockerutils ps --format '{{.Image}}'"
        " && dockerutils exec plain -- cat /etc/hostname && dockerutils logs plain"
        " && dockerutils stop && dockerutils ps -q"
    )
    told = bench.docked(script)

    assert 0 == told.status, told.err
    container, image, name, *rest = told.out.split()
    assert ("shop-dev:alice", container[:12]) == (image, name)
    assert 1 == len(rest)
