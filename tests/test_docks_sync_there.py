"""What a dock says of its files: data of a machine that may be hostile."""

from __future__ import annotations

import io
import os
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockerutils.context.ignore import read_rules
from dockerutils.docks.dock import Dock
from dockerutils.docks.sync import there
from dockerutils.docks.sync.here import look_here
from dockerutils.docks.sync.there import (
    There,
    likely_target,
    places_for,
    question,
    read_all,
    read_answer,
    read_entries,
    safe_name,
)
from dockerutils.docks.sync.tree import Places, Tree, file_state
from dockerutils.errors import DockerutilsError

DOCK = Dock("gpu", "10.0.0.1")
RULES = read_rules("data\ndocs/*\n!docs/README.md\n*.pyc\n")
FILE = "f 3 1700000000.1234567890"


def entries(*pairs: str, here: Tree | None = None) -> Tree:
    """Read a list of states and paths in turn."""
    return read_entries(list(pairs), Places(RULES), here or Tree())


def answer(*parts: str) -> There:
    """Read an answer of these fields."""
    said = os.fsencode("".join(f"{part}\0" for part in parts))
    return read_answer(said, "TOKEN", DOCK, Places(RULES), Tree())


def test_an_answer_is_read() -> None:
    owner = ("1000:1000", "")
    found = answer("TOKEN", "/data/x", "mark", "rsync", *owner, FILE, "a", "TOKEN", "0")

    assert There(Tree({"a": FILE}), "/data/x", "mark", "1000:1000", True, True) == found


def test_what_a_profile_says_before_is_passed_over() -> None:
    found = answer("welcome", "to\nTOKEN", "/data/x", "", "", "0:0", "", "TOKEN", "1")

    assert ("/data/x", False, False) == (found.target, found.has_rsync, found.whole)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((), "gpu does not list its files: it says nothing."),
        (("\x1b[2Jmotd",), "gpu does not list its files: it says motd."),
        (("TOKEN", "closed"), "neither /data/workspaces nor the home folder can be written on gpu"),
        (("TOKEN", "/x", "", "rsync", "TOKEN", "127"), "gpu has no GNU find"),
        (("TOKEN", "/x", "", "rsync", "0:0", "", FILE, "a"), "gpu did not list all of its files."),
        (("TOKEN", "/x"), "gpu did not list all of its files."),
    ],
)
def test_an_answer_that_is_none_is_one_sentence(parts: tuple[str, ...], words: str) -> None:
    with pytest.raises(DockerutilsError) as caught:
        answer(*parts)

    assert caught.value.message.startswith(words)


def test_a_folder_that_is_not_there_is_empty() -> None:
    assert There(Tree()) == answer("TOKEN", "none")


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../x",
        "a/../../x",
        "./x",
        "",
        "d//x",
        "d/",
        "d/.",
        "d/.git",
        "d/.GIT",
        ".Git",
        ".envrc",
        ".ENVRC",
        "x.dock-conflict",
        "x.dock-conflict-12",
        ".dockerutils-sync.id",
        ".dockerutils-sync-abc",
        "nowhere/x",
        "data",
        "docs/x",
        "top.pyc",
    ],
)
def test_a_path_that_is_never_synchronized_is_passed_over(path: str) -> None:
    assert {"d"} == entries("d", "d", "d", "docs", FILE, path).entries.keys() - {"docs"}


def test_what_lies_in_a_folder_that_is_never_synchronized_is_passed_over() -> None:
    found = entries(
        "d", ".git", "d", ".git/hooks", FILE, ".git/hooks/x", "d", "data", FILE, "data/x"
    )

    assert Tree() == found


def test_the_rules_hold_there_as_here() -> None:
    found = entries(
        "d", "docs", FILE, "docs/README.md", FILE, "docs/x", "d", "src", FILE, "src/b.pyc"
    )

    assert {"docs", "docs/README.md", "src", "src/b.pyc"} == found.entries.keys()


def test_links_that_lead_out_and_special_files_are_left_out() -> None:
    found = entries("l /etc", "a", "l ../x", "b", "l c", "ok", "s", "pipe", "?", "odd")

    assert {"ok": "l c"} == found.entries
    assert {"a": "link", "b": "link", "pipe": "special", "odd": "special"} == found.left_out


def test_a_link_is_looked_at_also_where_a_file_is_here() -> None:
    here = Tree({"a": FILE})

    assert {"a": "link"} == entries("l /etc", "a", here=here).left_out


@given(st.lists(st.text(alphabet="./afdl \0\n\udcff"), max_size=12))
def test_nothing_that_a_dock_says_leaves_the_tree(fields: list[str]) -> None:
    found = entries(*fields)

    for path in {*found.entries, *found.left_out}:
        parts = path.split("/")
        assert not {"", ".", ".."} & set(parts)
        assert all("/".join(parts[:end]) in found.entries for end in range(1, len(parts)))


def test_a_list_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(there, "MOST", 1000)

    assert b"x" * 1000 == read_all(io.BytesIO(b"x" * 1000))
    with pytest.raises(DockerutilsError, match="more files than can be synchronized"):
        read_all(io.BytesIO(b"x" * 1001))


@pytest.mark.parametrize(
    ("user", "project", "target"),
    [
        ("alice", "shop", "alice/code/shop"),
        ("a/../b c", "sh op", "a-..-b-c/code/sh op"),
        ("..", "..", "user/code/project"),
        ("", "-rf", "user/code/-rf"),
        ("alice", "a'b\n\udcff", "alice/code/a'b\n\udcff"),
    ],
)
def test_a_project_has_its_place(user: str, project: str, target: str) -> None:
    assert f"/data/workspaces/{target}" == likely_target(DOCK, user, project)
    assert f'"$HOME"/workspaces/{shlex.quote(target)}' == places_for(DOCK, user, project)[1]


def test_a_workspace_of_a_dock_is_the_only_place() -> None:
    dock = Dock("gpu", "10.0.0.1", workspace="/srv/$(rm -rf x)/")

    assert ("'/srv/$(rm -rf x)/shop'",) == places_for(dock, "alice", "shop")


def test_a_name_has_no_parts() -> None:
    assert "a-b" == safe_name("a/b", "user", keep=True)


def test_a_folder_that_is_left_out_whole_is_not_listed() -> None:
    script = question(["/x"], read_rules("data\nbig/deep\n*.pyc\n!src/data\n"), make=False).script

    assert "-path ./data" in script
    assert "-path ./big/deep" in script
    assert "pyc" not in script


def test_a_folder_that_holds_an_exception_is_listed() -> None:
    script = question(["/x"], read_rules("data\n!data/keep\nb*\n"), make=False).script

    assert "-path" not in script


def test_both_sides_call_a_file_the_same(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("123")
    os.utime(tmp_path / "x", ns=(0, 1_700_000_000_000_000_001))
    (tmp_path / "x").chmod(0o744)

    found = look_here(tmp_path, Places(read_rules("")))
    assert {"x": "x 3 1700000000.0000000010"} == found.entries
    assert "f 3 1700000000.1234567890" == file_state(3, 1_700_000_000_123_456_789)
