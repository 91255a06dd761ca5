"""Folders of the project on their way into an image."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from virtualenvs import write_all

from dockerutils.errors import ContentChanged, ProjectError
from dockerutils.images import project_folders
from dockerutils.images.project_folders import Folders, file_digests
from dockerutils.venv.grouping import Group
from dockerutils.venv.scan import scan

PLACE = Path("docker/dockerutils.toml")
FILES = {
    "src/a.py": "a",
    "src/notes.md": "",
    "src/tests/test_a.py": "",
    "src/tests/data/keep.txt": "",
    "lib/notes.md": "",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_all(tmp_path / "shop", FILES)
    return tmp_path / "shop"


def taken(root: Path, *patterns: str, ignored: str = "", source: str = "src") -> list[str]:
    """Give the files that are taken of a folder."""
    if ignored:
        (root / ".dockerignore").write_text(ignored)
    place = Folders(root, PLACE, patterns).place_of(source, "/app")
    return [file.path for file in scan(place.folder, place.excluded)]


def test_all_of_a_folder_is_taken_where_nothing_leaves_it_out(root: Path) -> None:
    expected = ["a.py", "notes.md", "tests/data/keep.txt", "tests/test_a.py"]

    assert expected == taken(root)


@pytest.mark.parametrize("name", ["missing", "src/a.py"])
def test_what_is_no_folder_is_told_with_the_configuration_s_place(root: Path, name: str) -> None:
    with pytest.raises(ProjectError, match=f"dockerutils.toml: `project` names {name}") as caught:
        taken(root, source=name)

    assert "FOLDER:PLACE" in caught.value.hint


@pytest.mark.parametrize("patterns", ["src/tests", "**/tests", "*/tests/"])
def test_what_dockerignore_leaves_out_is_left_out_by_its_path_from_the_root(
    root: Path, patterns: str
) -> None:
    assert ["a.py", "notes.md"] == taken(root, ignored=f"{patterns}\n")
    assert ["a.py", "notes.md", "tests/data/keep.txt", "tests/test_a.py"] == (
        taken(root, ignored="tests\n")
    )


def test_patterns_of_the_image_are_meant_from_each_folder(root: Path) -> None:
    assert ["a.py", "notes.md"] == taken(root, "tests")
    assert ["a.py", "tests/data/keep.txt", "tests/test_a.py"] == taken(root, "*.md")
    assert [] == taken(root, "*.md", source="lib")


def test_an_exception_brings_back_what_is_in_a_folder_that_is_left_out(root: Path) -> None:
    assert ["a.py", "notes.md", "tests/data/keep.txt"] == taken(root, "tests", "!tests/data")
    assert ["a.py", "notes.md", "tests/data/keep.txt"] == (
        taken(root, ignored="src/tests\n!src/tests/data\n")
    )


def test_both_kinds_of_patterns_leave_out(root: Path) -> None:
    assert ["a.py"] == taken(root, "*.md", ignored="src/tests\n")


def test_the_whole_project_may_be_the_folder(root: Path) -> None:
    found = taken(root, "lib", ignored="src/tests\n", source=".")

    assert [".dockerignore", "src/a.py", "src/notes.md"] == found


def test_dockerignore_says_nothing_of_a_folder_outside_of_the_project(root: Path) -> None:
    write_all(root.parent / "other", {"src/b.py": "b"})

    assert ["src/b.py"] == taken(root, ignored="*\n", source="../other")


def test_a_pattern_that_is_none_names_its_place(root: Path) -> None:
    with pytest.raises(ProjectError, match=r"dockerutils.toml, exclude"):
        taken(root, "[")


# Digests ------------------------------------------------------------------------------------


def group(root: Path, source: str = "src") -> Group:
    return Group("project /app", root / source, "/app", tuple(scan(root / source)))


def digests(root: Path, source: str = "src") -> dict[str, str]:
    return dict(file_digests(group(root, source), root))


def changed_between(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {path for path, _ in before.items() ^ after.items()}


def test_files_are_told_by_their_paths_from_the_root(root: Path) -> None:
    expected = [path for path in FILES if path.startswith("src/")]

    assert sorted(expected) == sorted(digests(root))


def test_a_folder_elsewhere_is_told_by_its_whole_path(root: Path) -> None:
    write_all(root.parent / "other", {"b.py": "b"})

    assert [f"{root.parent}/other/b.py"] == list(digests(root, f"{root.parent}/other"))


def test_content_mode_and_target_count_and_the_time_does_not(root: Path) -> None:
    (root / "src/link").symlink_to("a.py")
    before = digests(root)
    os.utime(root / "src/a.py", (1, 1))
    assert before == digests(root)

    (root / "src/a.py").write_text("b")
    assert {"src/a.py"} == changed_between(before, digests(root))

    before = digests(root)
    (root / "src/notes.md").chmod(0o755)
    (root / "src/link").unlink()
    (root / "src/link").symlink_to("notes.md")
    assert {"src/notes.md", "src/link"} == changed_between(before, digests(root))


@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_text("bb")])
def test_a_file_that_changed_since_it_was_found_is_told(root: Path, change: object) -> None:
    found = group(root)
    assert callable(change)
    change(root / "src/a.py")

    with pytest.raises(ContentChanged, match=r"src/a\.py changed"):
        list(file_digests(found, root))


def test_too_many_bytes_are_not_told_file_by_file(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project_folders, "FEW", 1)
    assert digests(root)
    monkeypatch.setattr(project_folders, "FEW", 0)
    assert {} == digests(root)
