"""Files of a dock are put into the project where they belong, and nowhere else."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import Any

import pytest

from dockerutils.docks.sync.landing import Landed, Landing, OutOfPlace, staging_folder
from dockerutils.docks.sync.tree import FOLDER, State, link_state, state_of


class Ground:
    """A project and what has arrived for it."""

    def __init__(self, folder: Path) -> None:
        self.root, self.outside = folder / "shop", folder / "outside"
        for one in (self.root, self.outside, self.staging):
            one.mkdir()

    @property
    def staging(self) -> Path:
        """Where files arrive."""
        return self.root / ".dockerutils-sync-x"

    def arrive(self, path: str, text: str = "theirs") -> None:
        """Have a file arrive."""
        (self.staging / path).parent.mkdir(parents=True, exist_ok=True)
        (self.staging / path).write_text(text)

    def write(self, path: str, text: str = "ours") -> State:
        """Write a file of the project, and give how it stands."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)
        return state_of((self.root / path).stat())

    def land(self, path: str, expected: State | None, name: str = "") -> Landed | None:
        """Put what has arrived into its place."""
        return Landing(self.root, self.staging).land(path, name or path, expected)

    def files(self) -> dict[str, str]:
        """Give what the project has."""
        found = (path for path in self.root.rglob("*") if path.is_file())
        own = {path: path.read_text() for path in found if self.staging not in path.parents}
        return {str(path.relative_to(self.root)): text for path, text in own.items()}


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


def test_a_new_file_gets_its_folders(ground: Ground) -> None:
    ground.arrive("a/b/c")
    landed = ground.land("a/b/c", None)

    assert {"a/b/c": "theirs"} == ground.files()
    assert landed == Landed("a/b/c", state_of((ground.root / "a/b/c").stat()))


def test_a_file_that_is_as_expected_is_replaced_and_keeps_its_permissions(ground: Ground) -> None:
    before = ground.write("a")
    (ground.root / "a").chmod(0o640)
    ground.arrive("a")
    (ground.staging / "a").chmod(0o755)
    ground.land("a", before)

    assert {"a": "theirs"} == ground.files()
    assert 0o750 == (ground.root / "a").stat().st_mode & 0o777


def test_an_edit_of_the_last_moment_stays(ground: Ground) -> None:
    before = ground.write("a", "long before")
    ground.write("a", "a moment ago")
    ground.arrive("a")
    landed = ground.land("a", before)

    assert {"a": "a moment ago", "a.dock-conflict": "theirs"} == ground.files()
    assert landed
    assert "a.dock-conflict" == landed.name


def test_a_file_that_has_just_been_made_stays(ground: Ground) -> None:
    ground.write("a")
    ground.arrive("a")
    ground.land("a", None)

    assert {"a": "ours", "a.dock-conflict": "theirs"} == ground.files()


@pytest.mark.parametrize("number", [0, errno.EPERM])
def test_a_file_that_appears_in_the_last_moment_stays(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    made, link = list[State](), os.link

    def late(source: str, name: str, **more: Any) -> None:
        if not made:
            made.append(ground.write("a", "a moment ago"))
        if number:
            raise OSError(number, "links are not to be had")
        link(source, name, **more)

    monkeypatch.setattr(os, "link", late)
    ground.arrive("a")
    landed = ground.land("a", None)

    assert {"a": "a moment ago", "a.dock-conflict": "theirs"} == ground.files()
    assert landed
    assert "a.dock-conflict" == landed.name


def test_a_file_system_without_links_gets_its_files(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_words: str, **_more: int) -> None:
        raise OSError(errno.EPERM, "links are not to be had")

    monkeypatch.setattr(os, "link", none)
    ground.arrive("d/a")
    ground.land("d/a", None)

    assert {"d/a": "theirs"} == ground.files()


def test_no_version_beside_is_overwritten(ground: Ground) -> None:
    ground.write("a.dock-conflict", "first")
    ground.write("a.dock-conflict-2", "second")
    ground.arrive("a")
    ground.land("a", None, "a.dock-conflict")

    assert "theirs" == ground.files()["a.dock-conflict-3"]
    assert 3 == len(ground.files())


def test_no_folder_on_the_way_is_a_link(ground: Ground) -> None:
    (ground.root / "a").symlink_to(ground.outside)
    (ground.root / "b").symlink_to(".")
    ground.arrive("a/x")
    ground.arrive("b/x")

    for path in ("a/x", "b/x"):
        with pytest.raises(OutOfPlace):
            ground.land(path, None)
    assert {} == ground.files()
    assert [] == list(ground.outside.iterdir())


def test_nothing_is_taken_through_a_link_that_arrived(ground: Ground) -> None:
    (ground.outside / "secret").write_text("secret")
    (ground.staging / "a").symlink_to(ground.outside)

    with pytest.raises(OutOfPlace):
        ground.land("a/secret", None)
    assert (ground.outside / "secret").exists()


def test_what_is_replaced_by_a_link_is_not_written_through(ground: Ground) -> None:
    (ground.outside / "x").write_text("outside")
    (ground.root / "a").symlink_to(ground.outside / "x")
    ground.arrive("a")
    ground.land("a", link_state(str(ground.outside / "x")))

    assert not (ground.root / "a").is_symlink()
    assert "outside" == (ground.outside / "x").read_text()


def test_a_link_is_put_into_its_place(ground: Ground) -> None:
    before = ground.write("d/a")
    landing = Landing(ground.root, ground.staging)
    landing.link("d/a", "../other")
    landing.land("d/a", "d/a", before)

    assert "../other" == str((ground.root / "d/a").readlink())


def test_an_empty_folder_gives_way_and_a_full_one_does_not(ground: Ground) -> None:
    (ground.root / "a").mkdir()
    ground.write("b/x")
    ground.arrive("a")
    ground.arrive("b")
    ground.land("a", FOLDER)
    ground.land("b", FOLDER)

    assert {"a": "theirs", "b/x": "ours", "b.dock-conflict": "theirs"} == ground.files()


def test_a_folder_takes_the_place_of_a_file_that_is_as_expected(ground: Ground) -> None:
    before, other = ground.write("a"), ground.write("b", "more")
    ground.write("b", "edited just now")
    landing = Landing(ground.root, ground.staging)

    assert [True, False] == [landing.folder("a", before), landing.folder("b", other)]
    assert {"b": "edited just now"} == ground.files()


def test_only_what_is_as_expected_is_removed(ground: Ground) -> None:
    before, other = ground.write("a"), ground.write("b", "more")
    ground.write("b", "edited just now")
    ground.write("full/x")
    (ground.root / "empty").mkdir()
    (ground.root / "link").symlink_to(ground.outside)
    landing = Landing(ground.root, ground.staging)

    given = {
        "a": before,
        "b": other,
        "full": FOLDER,
        "empty": FOLDER,
        "link/x": before,
        "no": other,
    }
    done = [landing.remove(path, state) for path, state in given.items()]
    assert [True, False, False, True, False, True] == done
    assert {"b", "full/x"} == ground.files().keys()


def test_what_did_not_arrive_is_nothing(ground: Ground) -> None:
    (ground.staging / "d").mkdir()

    assert [None, None] == [ground.land("a", None), ground.land("d", None)]


def test_a_folder_for_arrivals_is_gone_afterwards_and_so_are_old_ones(tmp_path: Path) -> None:
    (tmp_path / ".dockerutils-sync-old").mkdir()
    (tmp_path / ".dockerutils-sync-old/x").touch()
    link = tmp_path / ".dockerutils-sync-link"
    link.symlink_to("/")
    with contextlib.suppress(KeyError), staging_folder(tmp_path) as folder:
        assert 0o700 == folder.stat().st_mode & 0o777
        assert {link, folder} == set(tmp_path.iterdir())
        raise KeyError

    assert [link] == list(tmp_path.iterdir())
