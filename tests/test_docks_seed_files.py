"""The lists of docks that docker-utils wrote are parsed, never evaluated."""

from __future__ import annotations

from pathlib import Path

import pytest

from dockerutils.docks.dock import Dock
from dockerutils.docks.seed_files import read_seed_files, remove_seed_files
from dockerutils.errors import DockerutilsError

TEXT = "DOCK_USER={}\nDOCK_MONIKER={}\nDOCK_HOSTNAME=10.1.2.3\nDOCK_IP=10.1.2.3\n"


def write(home: Path, text: str, address: str = "10.1.2.3") -> Path:
    path = home / ".docker" / address / "connection_config.txt"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_a_file_describes_a_dock(tmp_path: Path) -> None:
    write(tmp_path, TEXT.format("bob", "gpu-box"))

    assert ([Dock("gpu-box", "10.1.2.3", "bob")], []) == read_seed_files(str(tmp_path))


@pytest.mark.parametrize("moniker", ["none", "", "-oProxyCommand=x", "a b", "$(id)", "\x1b[2J"])
def test_what_is_no_moniker_leaves_the_address(tmp_path: Path, moniker: str) -> None:
    write(tmp_path, TEXT.format("bob", moniker))

    assert ([Dock("10.1.2.3", "10.1.2.3", "bob")], []) == read_seed_files(str(tmp_path))


def test_what_is_not_said_is_what_it_always_was(tmp_path: Path) -> None:
    write(tmp_path, "# a remark\r\nDOCK_PROVISIONED_PRODUCT=pp-1\r\n\r\n")

    assert ([Dock("10.1.2.3", "10.1.2.3", "ubuntu")], []) == read_seed_files(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("DOCK_IP=-oProxyCommand=touch${IFS}x", "its address `-oProxyCommand=touch${IFS}x` is no"),
        ("DOCK_USER=$(touch x)", r"its user `$(touch x)` is no user name"),
        ("DOCK_USER=a\x1b[2Jb", "its user holds what cannot be seen"),
    ],
)
def test_what_could_be_a_command_is_passed_over(tmp_path: Path, text: str, reason: str) -> None:
    path = write(tmp_path, text)

    docks, warnings = read_seed_files(str(tmp_path))

    assert [] == docks
    assert [f"{path} is passed over: {reason}"] == [
        one[: len(str(path)) + 17 + len(reason)] for one in warnings
    ]
    assert "\x1b" not in warnings[0]


def test_a_file_that_is_no_text_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "").write_bytes(b"\xff\xfe\x00")

    docks, warnings = read_seed_files(str(tmp_path))

    assert ([], 1) == (docks, len(warnings))


def test_what_docker_itself_keeps_there_is_no_dock(tmp_path: Path) -> None:
    (tmp_path / ".docker/contexts").mkdir(parents=True)
    (tmp_path / ".docker/config.json").write_text("{}")

    assert ([], []) == read_seed_files(str(tmp_path))
    assert ([], []) == read_seed_files(str(tmp_path / "nowhere"))


def test_only_the_file_and_its_empty_folder_are_removed(tmp_path: Path) -> None:
    removed = write(tmp_path, TEXT.format("bob", "gpu-box"))
    kept = write(tmp_path, "DOCK_IP=10.9.9.9", "10.9.9.9")

    remove_seed_files(str(tmp_path), "10.1.2.3")

    assert (False, True) == (removed.parent.exists(), kept.exists())


def test_certificates_beside_it_stay(tmp_path: Path) -> None:
    path = write(tmp_path, TEXT.format("bob", "gpu-box"))
    (path.parent / "ca.pem").touch()

    remove_seed_files(str(tmp_path), "10.1.2.3")

    assert ["ca.pem"] == [one.name for one in path.parent.iterdir()]


def test_a_file_that_cannot_be_removed_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, TEXT.format("bob", "gpu-box"))

    def refuse(_path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)

    with pytest.raises(DockerutilsError, match="cannot be removed: Permission denied"):
        remove_seed_files(str(tmp_path), "10.1.2.3")
