"""Files that are written in one step."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dockerutils.files import cache_folder, replace_file


def test_a_file_is_put_in_the_place_of_another_and_its_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    replace_file(path, b"one")
    replace_file(path, b"two")

    assert b"two" == path.read_bytes()
    assert [path] == [*path.parent.iterdir()]


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_the_mode_is_the_one_that_is_given(tmp_path: Path, mode: int) -> None:
    replace_file(tmp_path / "file", b"", mode)

    assert mode == (tmp_path / "file").stat().st_mode & 0o777


def test_a_file_is_its_user_s_alone_where_nothing_else_is_said(tmp_path: Path) -> None:
    replace_file(tmp_path / "file", b"")

    assert 0o600 == (tmp_path / "file").stat().st_mode & 0o777


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_where_it_fails_the_old_file_stays_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    path = tmp_path / "file"
    replace_file(path, b"old")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(error):
        replace_file(path, b"new")

    assert b"old" == path.read_bytes()
    assert [path] == [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "/home/alice/.cache/dockerutils"),
        ({"XDG_CACHE_HOME": ""}, "/home/alice/.cache/dockerutils"),
        ({"XDG_CACHE_HOME": "/var/cache/alice"}, "/var/cache/alice/dockerutils"),
    ],
)
def test_what_we_keep_for_ourselves_lies_in_the_user_s_cache(
    environ: dict[str, str], expected: str
) -> None:
    assert Path(expected) == cache_folder(environ, "/home/alice")


@pytest.mark.parametrize(("mode", "folder"), [(0o600, 0o700), (0o644, 0o755)])
def test_folders_of_a_private_file_are_private(tmp_path: Path, mode: int, folder: int) -> None:
    before = os.umask(0o022)
    try:
        replace_file(tmp_path / "a" / "b" / "file", b"", mode)
    finally:
        os.umask(before)

    for path in (tmp_path / "a", tmp_path / "a" / "b"):
        assert folder == path.stat().st_mode & 0o777
