"""What a dock says of its files: data of a machine that may be hostile."""

from __future__ import annotations

import io
import os
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockerutils.command import Command
from dockerutils.context.ignore import read_rules
from dockerutils.docks.dock import Dock
from dockerutils.docks.sync import there
from dockerutils.docks.sync.here import look_here
from dockerutils.docks.sync.origin import Origin, origin_of, read_origin, written
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
from dockerutils.runner import ShellRunner
from dockerutils.terminal import Terminal

DOCK = Dock("gpu", "10.0.0.1")
RULES = read_rules("data\ndocs/*\n!docs/README.md\n*.pyc\n")
FILE = "f 3 1700000000.1234567890"
END = ("", "", "", "0:0", "", "TOKEN", "0")


def entries(*pairs: str, here: Tree | None = None) -> Tree:
    """Read a list of states and paths in turn."""
    return read_entries(list(pairs), Places(RULES), here or Tree())


def answer(*parts: str) -> There:
    """Read an answer of these fields."""
    said = os.fsencode("".join(f"{part}\0" for part in parts))
    return read_answer(said, "TOKEN", DOCK, Places(RULES), Tree())


def test_an_answer_is_read() -> None:
    owner = ("1000:1000", "")
    found = answer("TOKEN", "/data/x", "mark", "", "rsync", *owner, FILE, "a", "TOKEN", "0")

    assert There(Tree({"a": FILE}), "/data/x", "mark", "1000:1000", True, True) == found


def test_what_a_profile_says_before_is_passed_over() -> None:
    found = answer("welcome", "to\nTOKEN", "/data/x", "", "", "", "0:0", "", "TOKEN", "1")

    assert ("/data/x", False, False) == (found.target, found.has_rsync, found.whole)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((), "gpu does not list its files: it says nothing."),
        (("\x1b[2Jmotd",), "gpu does not list its files: it says motd."),
        (("TOKEN", "closed"), "neither /data/workspaces nor the home folder can be written on gpu"),
        (("TOKEN", "/x", "", "", "rsync", "TOKEN", "127"), "gpu has no GNU find"),
        (("TOKEN", "/x", "", "", "rsync", "0:0", "", "f", "a"), "gpu did not list all of its"),
        (("TOKEN", "x/y", *END), "gpu names a folder that cannot be used: x/y."),
        (("TOKEN", "", *END), "gpu names a folder that cannot be used: none."),
        (("TOKEN", "/x\x1b]0;evil\x07", *END), "gpu names a folder that cannot be used: /x."),
        (("TOKEN", "/x\ny", *END), "gpu names a folder that cannot be used: /x y."),
        (("TOKEN", "/x\u202e", *END), "gpu names a folder that cannot be used: /x."),
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
        ".g\u200cit",
        "\ufeff.Git",
        ".env\u206frc",
        ".git. ",
        ".git::$INDEX_ALLOCATION",
        "git~1",
        "d/GIT~1",
        "envrc~1",
        "x.dock-conflict",
        "x.dock-conflict-12",
        ".dockerutils-sync.id",
        ".dockerutils-sync-abc",
        ".Dockerutils-\u200csync-abc",
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

    assert b"x" * 1000 == read(b"x" * 1000)
    with pytest.raises(DockerutilsError, match="more files than can be synchronized"):
        read(b"x" * 1001)


def read(said: bytes, ends: bool = True, silence: float = 60, longest: float = 60) -> bytes:
    """Read what a dock has said, which may go on."""
    ours, theirs = os.pipe()
    with os.fdopen(ours, "rb") as output, os.fdopen(theirs, "wb", buffering=0) as pipe:
        pipe.write(said)
        if ends:
            pipe.close()
        return read_all(output, silence, longest)


@pytest.mark.parametrize(("silence", "longest"), [(0.01, 60), (60, 0.01)])
def test_a_dock_that_says_nothing_more_is_not_waited_for(silence: float, longest: float) -> None:
    with pytest.raises(DockerutilsError, match="hardly anything came for a long time"):
        read(b"x", ends=False, silence=silence, longest=longest)


def test_a_dock_that_says_a_letter_now_and_then_is_not_waited_for(tmp_path: Path) -> None:
    runner = ShellRunner(Terminal(io.StringIO(), io.StringIO()), os.environ, tmp_path)
    drips = Command(("sh", "-c", "while printf x; do sleep 0.01; done 2>/dev/null"))

    def ask() -> None:
        with runner.side_by_side() as crew, crew.stream(drips) as output:
            read_all(output, silence=0.2)

    with pytest.raises(DockerutilsError, match="hardly anything came for a long time"):
        ask()


@pytest.mark.parametrize(
    ("user", "project", "target"),
    [
        ("alice", "shop", "alice/code/shop"),
        ("a/../b c", "sh op", "a-..-b-c/code/sh op"),
        ("..", "..", "user/code/project"),
        ("", "-rf", "user/code/-rf"),
        ("alice", "a'b é\n\udcff\x1b", "alice/code/a'b é---"),
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


@pytest.mark.parametrize("name", ["git~2", "a~", "gité", ".github", ".gitignore", "x:y", "digit~1"])
def test_names_that_only_look_alike_are_synchronized(name: str) -> None:
    assert [name] == list(entries(FILE, name).entries)


@pytest.mark.parametrize("root", ["/home/alice/shop", "/a b/%41/new\nline/é\udcff", "/"])
def test_an_origin_is_read_as_it_was_written(root: str) -> None:
    origin = Origin("0123abcd", root, "lap top")

    assert written(origin).isascii()
    assert 2 == written(origin).count(" ")
    read = read_origin(written(origin))
    assert read == origin
    assert "lap top" == read.host


@pytest.mark.parametrize(
    "line", ["", "x", "0123abcd laptop", "0123abcd a b", "0123abcd a /\x1b[2J"]
)
def test_what_is_no_origin_is_none(line: str) -> None:
    assert read_origin(line) is None


def test_the_origin_that_a_dock_tells_steers_no_terminal() -> None:
    told = read_origin("0123abcd a%1B%5B2Jb /%1B%5D0%3Bx%07y%0Az")

    assert "/y z on ab" == str(told)


def test_a_machine_without_a_number_is_known_by_its_name(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("0123456789abcdef\n")
    second.write_text("fedcba9876543210\n")
    origins = [origin_of(tmp_path, one) for one in (first, second, tmp_path / "none")]

    assert 3 == len({one.machine for one in origins})
    assert "0123456789" not in written(origins[0])


def test_both_sides_call_a_file_the_same(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("123")
    os.utime(tmp_path / "x", ns=(0, 1_700_000_000_000_000_001))
    (tmp_path / "x").chmod(0o744)

    found = look_here(tmp_path, Places(read_rules("")))
    assert {"x": "x 3 1700000000.0000000010"} == found.entries
    assert "f 3 1700000000.1234567890" == file_state(3, 1_700_000_000_123_456_789)
