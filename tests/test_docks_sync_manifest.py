"""What is remembered of a synchronization: whole, or nothing of it."""

from __future__ import annotations

import json
import threading
import zlib
from pathlib import Path

import pytest

from dockerutils.docks.dock import Dock
from dockerutils.docks.sync.manifest import FORM, Manifest, Pair, load_manifest, save_manifest
from dockerutils.docks.sync.shelf import alone, shelf_of
from dockerutils.docks.sync.tree import FOLDER, file_state, link_state
from dockerutils.errors import DockerutilsError

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
