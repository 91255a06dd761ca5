"""Whole synchronizations with a dock that is another folder of this machine."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from fakes import fake_session, said

from dockerutils.command import Command
from dockerutils.docked_run import run_synchronized
from dockerutils.docks.dock import Dock
from dockerutils.docks.options import SyncOptions
from dockerutils.docks.places import berth_of
from dockerutils.docks.sync.both_ways import synchronize
from dockerutils.docks.sync.outcome import Outcome
from dockerutils.docks.sync.site import Site, Way
from dockerutils.docks.sync.telling import tell
from dockerutils.errors import CommandFailed, DockerutilsError, Interrupted
from dockerutils.runner import Plan, ShellCrew, ShellRunner
from dockerutils.runs import Run
from dockerutils.terminal import Terminal

LOST = CommandFailed("rsync ended with status 12.", 12)


@dataclass(frozen=True)
class NearCrew(ShellCrew):
    """Runs here what ssh would run on a dock, and copies what rsync would bring."""

    near: Near = field(kw_only=True)

    def follow(self, command: Command, take: Callable[[str], None]) -> None:
        """Copy what is listed; fail as asked for."""
        del take
        assert command.folder
        listed = next(word for word in command.argv if word.startswith("--files-from="))
        paths = Path(listed.partition("=")[2]).read_bytes().split(b"\0")[:-1]
        source, target = (command.folder / word.rpartition(":")[2] for word in command.argv[-2:])
        for path in sorted(os.fsdecode(one) for one in paths):
            if os.path.normpath(path) not in self.near.without:
                copy(source / path, target / path)
                if self.near.is_coarse and (target / path).is_file():
                    os.utime(target / path, (0, int((target / path).stat().st_mtime)))
        self.near.meanwhile()
        if self.near.failure:
            raise self.near.failure


@dataclass
class Near:
    """What goes wrong on the way to a dock: a failure of rsync, and files that do not arrive.

    `is_coarse` says that what arrives is kept with whole seconds; `meanwhile` is called before the
    end.
    """

    failure: DockerutilsError | None = None
    without: set[str] = field(default_factory=set)
    is_coarse: bool = False
    meanwhile: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class NearRunner(ShellRunner):
    """A runner whose docks are this machine; `crews` says how often it still can start any."""

    near: Near = field(default_factory=Near)
    crews: list[OSError | None] = field(default_factory=list)

    @contextlib.contextmanager
    def side_by_side(self, by_main: bool = False) -> Iterator[ShellCrew]:
        """Give the crew, or what hinders it."""
        del by_main
        failure = self.crews.pop(0) if self.crews else None
        if failure:
            raise failure
        yield NearCrew(self.start, near=self.near)

    def hand_over(self, command: Command) -> int:
        """Stand for a container that ends with a status of its own."""
        del command
        return 7

    def start(self, command: Command, plan: Plan):  # type: ignore[no-untyped-def]  # as there
        """Run here what ssh would run there."""
        if command.argv[0] == "ssh":
            command = Command(("sh", "-c", command.argv[-1]))
        return super().start(command, plan)


def copy(source: Path, target: Path) -> None:
    """Copy a file with its times, a link, or a folder without what is in it."""
    if source.is_dir() and not source.is_symlink():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    shutil.copy2(source, target, follow_symlinks=False)


class Scene:
    """A project, and its folder on a dock."""

    def __init__(self, folder: Path, runtime: str, environ: dict[str, str]) -> None:
        self.environ = {
            **environ,
            "XDG_RUNTIME_DIR": runtime,
            "XDG_STATE_HOME": str(folder / "state"),
            "PATH": os.environ["PATH"],
        }
        self.root = folder / "shop"
        self.dock = Dock("gpu", "10.0.0.1", workspace=str(folder / "dock"))
        self.there = folder / "dock/shop"
        self.near = Near()
        self.write(self.root, "docker/dev/Dockerfile", "a.py", "b.py")
        berth_of(self.dock, self.environ).control.touch()

    def write(self, folder: Path, *names: str, text: str = "text") -> None:
        """Write files."""
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)

    def runner(self) -> NearRunner:
        """Give a runner that brings files to the dock."""
        terminal = Terminal(io.StringIO(), io.StringIO())
        return NearRunner(terminal, self.environ, self.root, near=self.near)

    def run(self, way: Way, root: Path | None = None) -> Outcome:
        """Synchronize."""
        runner, place = self.runner(), root or self.root
        home = self.environ["HOME"]
        site = Site(place, "alice", home, place, self.environ, runner.terminal, runner)
        return synchronize(site, self.dock, way)

    def files(self, folder: Path) -> dict[str, str]:
        """Give what a folder has, but for our own."""
        found = {
            str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()
        }
        return {
            name: path.read_text() for name, path in found.items() if name[:13] != ".dockerutils-"
        }


@pytest.fixture
def scene(tmp_path: Path, environ: dict[str, str]) -> Iterator[Scene]:
    with TemporaryDirectory(prefix="docks-", dir="/tmp") as runtime:  # its path is short
        yield Scene(tmp_path, runtime, environ)


def told(outcome: Outcome) -> str:
    """Give what is said of a synchronization."""
    err = io.StringIO()
    tell(Terminal(io.StringIO(), err), outcome, SyncOptions())
    return err.getvalue()


# What the dock must not decide -----------------------------------------------------------------


def test_rules_of_a_dock_are_put_beside_and_send_nothing(scene: Scene) -> None:
    scene.write(scene.root, ".dockerignore", text=".env\n")
    scene.write(scene.root, ".env", text="secret")
    scene.run("up")
    scene.write(scene.there, ".dockerignore", text="# nothing is left out\n")
    outcome = scene.run("down")
    scene.run("up")

    assert (1, ".env\n") == (outcome.status, (scene.root / ".dockerignore").read_text())
    assert "# nothing" in (scene.root / ".dockerignore.dock-conflict").read_text()
    assert ".dockerignore decides what is sent, and is not taken over: the version" in told(outcome)
    assert ".env" not in scene.files(scene.there)
    assert (0, {}) == (scene.run("down").status, scene.run("down").conflicts)


def test_rules_that_only_a_dock_has_are_put_beside_once(scene: Scene) -> None:
    scene.run("up")
    scene.write(scene.there, ".dockerignore", text="docker\n")
    first, second = scene.run("down"), scene.run("down")

    assert [1, 0] == [first.status, second.status]
    assert ".dockerignore.dock-conflict" in scene.files(scene.root)
    assert not (scene.root / ".dockerignore").exists()


def test_rules_are_not_deleted_by_a_dock(scene: Scene) -> None:
    scene.write(scene.root, ".dockerignore", text=".env\n")
    scene.run("up")
    (scene.there / ".dockerignore").unlink()
    outcome = scene.run("down")

    assert ".env\n" == (scene.root / ".dockerignore").read_text()
    assert ".dockerignore was deleted on the dock; it stays here" in told(outcome)


def test_a_dock_does_not_delete_most_of_a_project(scene: Scene) -> None:
    names = [f"n{number}" for number in range(30)]
    scene.write(scene.root, *names)
    scene.run("up")
    for name in names:
        (scene.there / name).unlink()
    outcome = scene.run("down")

    assert 1 == outcome.status
    assert set(names) <= scene.files(scene.root).keys()
    assert "gpu has 30 files no more: n0, n1, n10, n11, n12 and 25 more." in told(outcome)
    scene.run("up")
    assert set(names) <= scene.files(scene.there).keys()


def test_a_dock_deletes_the_smaller_part_of_a_project(scene: Scene) -> None:
    names = [f"n{number}" for number in range(30)]
    scene.write(scene.root, *names)
    scene.run("up")
    for name in names[:12]:
        (scene.there / name).unlink()

    assert (0, 12) == (scene.run("down").status, 30 + 3 - len(scene.files(scene.root)))


def test_what_decides_what_is_built_is_named_where_it_came_from_a_dock(scene: Scene) -> None:
    scene.run("up")
    scene.write(scene.there, "docker/dev/Dockerfile", "pyproject.toml", "a.py", text="theirs")

    line = "files from gpu decide what is built or run next: docker/dev/Dockerfile, pyproject.toml."
    assert line in told(scene.run("down"))
    scene.write(scene.root, "docker/dev/Dockerfile", text="ours")
    assert "files from gpu" not in told(scene.run("up"))


# What fails ------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [LOST, Interrupted("interrupted.")])
def test_nothing_is_deleted_where_fetching_failed(scene: Scene, failure: DockerutilsError) -> None:
    scene.run("up")
    (scene.there / "a.py").rename(scene.there / "new.py")
    scene.near.failure, scene.near.without = failure, {"new.py"}
    with pytest.raises(DockerutilsError):
        scene.run("down")
    assert {"a.py", "b.py"} < scene.files(scene.root).keys()

    scene.near.failure, scene.near.without = None, set()
    scene.run("down")
    assert {"docker/dev/Dockerfile", "b.py", "new.py"} == scene.files(scene.root).keys()


def test_nothing_is_deleted_where_a_file_did_not_arrive(scene: Scene) -> None:
    scene.run("up")
    (scene.there / "a.py").rename(scene.there / "new.py")
    scene.near.without = {"new.py"}
    outcome = scene.run("down")

    assert (1, "it did not arrive") == (outcome.status, outcome.undone["new.py"])
    assert "a.py" in scene.files(scene.root)
    assert "not all has come from the dock: nothing is deleted here." in told(outcome)


def test_nothing_is_deleted_where_a_file_found_no_place(scene: Scene, tmp_path: Path) -> None:
    scene.run("up")
    (scene.there / "in").mkdir()
    (scene.there / "a.py").rename(scene.there / "in/new.py")
    scene.near.meanwhile = lambda: (scene.root / "in").symlink_to(tmp_path)
    outcome = scene.run("down")

    assert "something here is in its way" == outcome.undone["in/new.py"]
    assert "a.py" in scene.files(scene.root)
    assert not (tmp_path / "new.py").exists()


def test_a_folder_gives_way_to_a_file_only_once_all_has_arrived(scene: Scene) -> None:
    scene.write(scene.root, "d/x", "d/y")
    scene.run("up")
    shutil.rmtree(scene.there / "d")
    scene.write(scene.there, "d", "z", text="theirs")
    scene.near.failure, scene.near.without = LOST, {"z"}
    with pytest.raises(DockerutilsError):
        scene.run("down")
    assert {"d/x", "d/y"} < scene.files(scene.root).keys()

    scene.near.failure, scene.near.without = None, set()
    assert 0 == scene.run("down").status
    assert "theirs" == scene.files(scene.root)["d"]


def test_results_that_cannot_be_brought_back_leave_the_container_s_status(scene: Scene) -> None:
    session, _ = fake_session(scene.root, scene.environ)
    full = OSError(errno.ENOSPC, "No space left on device", "/home/alice/x")
    runner = replace(scene.runner(), crews=[None, full])
    session = replace(session, runner=runner)
    run = Run("shop-dev:alice", (("--volume", ".:/app"),), (), {}, scene.root)

    assert 7 == run_synchronized(session, scene.dock, run, (scene.root,))
    expected = "# warning: /home/alice/x: No space left on device. Run `sync-down` then.\n"
    assert expected in said(session)


# Whose folder it is ----------------------------------------------------------------------------


def another(scene: Scene, tmp_path: Path) -> Path:
    """Make another project of the same name."""
    root = tmp_path / "other/shop"
    scene.write(root, "docker/dev/Dockerfile", "a.py", text="another project")
    return root


def test_another_project_of_that_name_is_refused(scene: Scene, tmp_path: Path) -> None:
    scene.run("up")
    before = scene.files(scene.there)
    ways: tuple[Way, ...] = ("up", "down")
    for way in ways:
        with pytest.raises(DockerutilsError) as caught:
            scene.run(way, another(scene, tmp_path))
        expected = f"{scene.there} on gpu is the folder of another project, {scene.root} on "
        assert caught.value.message.startswith(expected)
        assert "--workspace" in caught.value.hint

    assert before == scene.files(scene.there)
    assert 0 == scene.run("up").status


def test_two_places_share_a_folder_where_that_is_said_there(scene: Scene, tmp_path: Path) -> None:
    scene.run("up")
    mark = scene.there / ".dockerutils-sync.id"
    mark.write_text(mark.read_text().splitlines()[0] + "\n")  # as `sed -i 2d` leaves it
    other = another(scene, tmp_path)

    assert {"a.py", "docker/dev/Dockerfile"} == scene.run("up", other).conflicts.keys()
    assert not scene.run("up").brought
    assert not scene.run("up", other).brought


def test_a_folder_of_nobody_is_adopted(scene: Scene) -> None:
    scene.write(scene.there, "a.py", "older", text="by the older tool")
    outcome = scene.run("up")

    assert ["a.py"] == list(outcome.conflicts)
    assert str(scene.root) in (scene.there / ".dockerutils-sync.id").read_text()


def test_a_project_is_one_by_whatever_link_it_is_reached(scene: Scene, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(scene.root)
    scene.run("up")

    assert not scene.run("up", link).brought
    assert {"shop"} == {path.name for path in (tmp_path / "dock").iterdir()}
    kept = Path(scene.environ["XDG_STATE_HOME"], "dockerutils/sync")
    assert 1 == len(list(kept.glob("*.lock")))


# What a file system keeps ----------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 2])
def test_a_dock_with_coarse_times_has_no_changes_of_its_own(scene: Scene, step: int) -> None:
    os.utime(scene.root / "a.py", ns=(0, 1_700_000_001_123_456_789))
    scene.run("up")
    for path in scene.there.rglob("*.py"):
        os.utime(path, (0, int(path.stat().st_mtime) // step * step))
    down = scene.run("down")
    scene.write(scene.root, "a.py", text="edited here")
    up = scene.run("up")

    assert ({}, {}, 0) == (down.brought, up.conflicts, up.status)
    assert "edited here" == (scene.there / "a.py").read_text()


def test_a_project_with_coarse_times_gets_a_file_once(scene: Scene) -> None:
    scene.run("up")
    scene.write(scene.there, "a.py", text="theirs")
    os.utime(scene.there / "a.py", ns=(0, 1_700_000_001_123_456_789))
    scene.near.is_coarse = True
    first, second, up = scene.run("down"), scene.run("down"), scene.run("up")

    assert [["a.py"], [], []] == [list(one.brought) for one in (first, second, up)]
