"""What is remembered of a synchronization: whole, or nothing of it."""

from __future__ import annotations

import json
import threading
import zlib
from pathlib import Path

import pytest

from dockerutils.docks.dock import Dock
from dockerutils.docks.sync.manifest import (
    FORM,
    Manifest,
    Pair,
    as_kept,
    load_manifest,
    save_manifest,
)
from dockerutils.docks.sync.shelf import alone, shelf_of
from dockerutils.docks.sync.tree import FOLDER, State, file_state, link_state
from dockerutils.errors import DockerutilsError

DOCK = Dock("gpu", "10.0.0.1")
OLD, NEW = file_state(3, 1_700_000_000_123_456_789), file_state(3, 1_700_000_000_123_456_790, True)
PAIRS = {
    "a": Pair(OLD, OLD),
    "d": Pair(FOLDER, FOLDER),
    "not utf-8 \udcff\nname": Pair(OLD, NEW),
    "link": Pair(link_state("a"), link_state("a")),
    "conflict": Pair(None, NEW),
}
WHOLE = Manifest("mark", "/data/workspaces/alice/code/shop", "1000:1000", PAIRS)


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    save_manifest(tmp_path / "deep/one.json", WHOLE)

    assert WHOLE == load_manifest(tmp_path / "deep/one.json")
    assert 0o600 == (tmp_path / "deep/one.json").stat().st_mode & 0o777
    assert ["one.json"] == [path.name for path in (tmp_path / "deep").iterdir()]


@pytest.mark.parametrize("end", [0, 1, 20, 40, -1])
def test_a_damaged_manifest_is_none(tmp_path: Path, end: int) -> None:
    path = tmp_path / "one.json"
    save_manifest(path, WHOLE)
    path.write_bytes(path.read_bytes()[:end])

    assert Manifest() == load_manifest(path)


def test_a_manifest_with_another_digit_is_none(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    save_manifest(path, WHOLE)
    path.write_bytes(path.read_bytes().replace(b"1700000000.1", b"1700000000.2"))

    assert Manifest() == load_manifest(path)


@pytest.mark.parametrize("body", [[], {"files": {}}, {"files": [1]}, 1, {"files": {"a": 1}}])
def test_a_manifest_of_another_form_is_none(tmp_path: Path, body: object) -> None:
    path = tmp_path / "one.json"
    content = json.dumps(body).encode()
    path.write_bytes(f"{FORM} {zlib.crc32(content):08x}\n".encode() + content)

    assert Manifest() == load_manifest(path)
    assert Manifest() == load_manifest(tmp_path / "none.json")


def test_a_manifest_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(DockerutilsError, match=r"cannot be written: .*\.$"):
        save_manifest(tmp_path / "file/one.json", WHOLE)


def test_docks_projects_and_users_have_each_their_own(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path)}
    roots = [tmp_path / "shop", tmp_path / "other/shop"]
    docks = [Dock("gpu", "10.0.0.1"), Dock("cpu", "10.0.0.2")]
    paths = {
        shelf_of(environ, "/", dock, root, user).manifest
        for dock in docks
        for root in roots
        for user in ("alice", "bob")
    }

    assert 8 == len(paths)
    assert {tmp_path / "dockerutils/sync"} == {path.parent for path in paths}


def test_a_link_to_a_project_leads_to_what_is_known_of_it(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "link").symlink_to("shop")
    shelves = {shelf_of({}, "/", DOCK, tmp_path / name, "alice") for name in ("shop", "link")}

    assert 1 == len(shelves)


@pytest.mark.parametrize(
    ("sent", "kept", "taken"),
    [
        ("f 3 1700000001.1234567890", "f 3 1700000001.0000000000", True),
        ("f 3 1700000001.1234567890", "f 3 1700000000.0000000000", True),
        ("f 3 1700000001.1234567890", "f 3 1700000001.1234560000", True),
        ("f 3 1700000001.0000000000", "f 3 1700000000.0000000000", True),
        ("f 3 1700000000.1234567890", "f 3 1700000001.0000000000", False),
        ("f 3 1700000002.1234567890", "f 3 1700000001.0000000000", False),
        ("f 3 1700000001.1234567890", "f 3 1700000001.5000000000", False),
        ("f 3 1700000001.1234567890", "f 4 1700000001.0000000000", False),
        ("f 3 1700000001.0000000000", "f 3 1700000001.5000000000", False),
        ("f 3 1700000001.1234567890", "d", False),
        ("d", "f 3 1700000001.0000000000", False),
        ("f 3 odd", "f 3 1.0", False),
    ],
)
def test_coarser_times_of_a_dock_are_taken(sent: State, kept: State, taken: bool) -> None:
    pairs = as_kept({"a": Pair(sent, sent), "gone": Pair(OLD, OLD)}, {"a": kept})

    assert Pair(sent, kept if taken else sent) == pairs["a"]
    assert Pair(OLD, OLD) == pairs["gone"]


def test_a_second_one_waits_for_the_first(tmp_path: Path) -> None:
    waits, order = threading.Event(), list[str]()

    def second() -> None:
        with alone(tmp_path / "lock", waits.set):
            order.append("second")

    with alone(tmp_path / "lock", lambda: order.append("waited")):
        thread = threading.Thread(target=second)
        thread.start()
        assert waits.wait(10)
        order.append("first")
    thread.join(10)

    assert ["first", "second"] == order
