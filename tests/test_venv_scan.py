"""What a folder holds, in an order and with facts that do not depend on the disk."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from virtualenvs import write_all

from dockerutils.errors import ProjectError
from dockerutils.venv.scan import File, scan


def paths(files: list[File]) -> list[str]:
    return [file.path for file in files]


def test_files_of_all_folders_are_found_sorted_by_bytes(tmp_path: Path) -> None:
    write_all(tmp_path, {"b": "", "a/z": "", "a.txt": "", "a/b/c": "", "Z": ""})

    assert ["Z", "a.txt", "a/b/c", "a/z", "b"] == paths(scan(tmp_path))


def test_a_file_has_size_mode_and_what_shows_a_change(tmp_path: Path) -> None:
    write_all(tmp_path, {"run": "#!/bin/sh\n"})
    facts = (tmp_path / "run").stat()

    (file,) = scan(tmp_path)

    assert File("run", 0o755, 10, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, None) == file


def test_links_are_told_and_not_followed(tmp_path: Path) -> None:
    write_all(tmp_path, {"lib/a": "", "b": "text"})
    (tmp_path / "lib64").symlink_to("lib")
    (tmp_path / "gone").symlink_to("/nowhere")
    (tmp_path / "c").symlink_to("b")

    found = {file.path: (file.link, file.size) for file in scan(tmp_path) if file.link}

    assert {"lib64": ("lib", 0), "gone": ("/nowhere", 0), "c": ("b", 0)} == found


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    write_all(tmp_path, {"real/a": ""})
    (tmp_path / "link").symlink_to("real")

    assert ["a"] == paths(scan(tmp_path / "link"))


def test_names_that_are_not_utf_8_survive(tmp_path: Path) -> None:
    (tmp_path / "ümlaut").touch()
    (tmp_path / os.fsdecode(b"caf\xe9")).touch()

    assert [b"caf\xe9", "ümlaut".encode()] == [os.fsencode(path) for path in paths(scan(tmp_path))]


def test_excluded_folders_are_not_entered(tmp_path: Path) -> None:
    write_all(tmp_path, {"a/b/c": "", "d": "", "e": ""})
    asked = []

    def excluded(path: str) -> bool:
        asked.append(path)
        return path in {"a", "e"}

    assert ["d"] == paths(scan(tmp_path, excluded))
    assert ["a", "d", "e"] == sorted(asked)


def test_virtualenvs_inside_can_be_left_out(tmp_path: Path) -> None:
    write_all(tmp_path, {"a": "", ".venv/pyvenv.cfg": "", ".venv/lib/b": ""})

    assert ["a"] == paths(scan(tmp_path, virtualenvs=False))
    assert [".venv/lib/b", ".venv/pyvenv.cfg", "a"] == paths(scan(tmp_path))


def test_what_no_image_can_hold_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(ProjectError, match=r"/pipe is no file, folder or link"):
        scan(tmp_path)


def test_a_socket_that_is_excluded_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path has to be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")

        assert [] == scan(tmp_path, "socket".__eq__)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="gone cannot be read: No such file"):
        scan(tmp_path / "gone")
