"""The context as a value: what is in it, its digest, what the stat cache may save, its size."""

from __future__ import annotations

import io
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from stat import S_IFIFO, S_IFREG

import pytest

from dockerutils.context import tree
from dockerutils.context.ignore import IgnoreRules, read_rules
from dockerutils.context.stat_cache import Known, StatCache
from dockerutils.context.tree import (
    ContextDigest,
    biggest_folders,
    compare,
    hash_context,
    walk_context,
)
from dockerutils.errors import ContentChanged, ProjectError

LATER = 3600.0  # seconds after all that a test wrote: everything has settled
NOBODY = 65534
ALL = read_rules("")


class Context:
    """A context in a temporary folder, and its cache."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "context"
        self.root.mkdir()
        self.cache = StatCache(folder / "state" / "stat-cache")

    def write(self, path: str, text: str = "", mode: int = 0o644) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
        return file

    def walk(self, rules: str = "") -> list[str]:
        return [entry.path for entry in walk_context(self.root, read_rules(rules))]

    def digest(self, rules: IgnoreRules = ALL) -> ContextDigest:
        return hash_context(self.root, rules, None, time.time())

    def cached(self, after: float = LATER, rules: IgnoreRules = ALL) -> ContextDigest:
        return hash_context(self.root, rules, self.cache, time.time() + after)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(tmp_path)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are opened for reading."""
    opened: list[str] = []
    original = os.open

    def note(path: str, flags: int, *rest: int, **options: int) -> int:
        if not flags & (os.O_WRONLY | os.O_RDWR | os.O_DIRECTORY):
            opened.append(Path(path).name)
        return original(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", note)
    return opened


# The walk ------------------------------------------------------------------------------------


def test_the_walk_is_sorted_and_folders_come_before_their_content(context: Context) -> None:
    for path in ("b/z", "b/a/x", "a.txt", "c"):
        context.write(path)

    assert context.walk() == ["a.txt", "b", "b/a", "b/a/x", "b/z", "c"]


def test_a_folder_that_is_left_out_is_there_for_what_is_sent_below(context: Context) -> None:
    for path in ("a/b/keep", "a/b/other", "a/c/other", "d/other"):
        context.write(path)

    assert context.walk("*\n!a/b/keep") == ["a", "a/b", "a/b/keep"]


def test_an_empty_folder_is_sent(context: Context) -> None:
    (context.root / "empty").mkdir()

    assert context.walk() == ["empty"]


def test_entries_tell_kind_mode_size_and_target(context: Context) -> None:
    context.write("run", "12345", 0o4750)
    (context.root / "there").symlink_to("no//where")
    os.mkfifo(context.root / "pipe", 0o600)
    pipe, file, link = walk_context(context.root, ALL)

    assert ("run", "file", S_IFREG | 0o4750, 5, "") == file[:5]
    assert ("pipe", "special", S_IFIFO | 0o600, 0, "") == pipe[:5]
    assert ("there", "link", "no//where") == (link.path, link.kind, link.target)


def test_a_link_to_a_folder_is_not_followed(context: Context) -> None:
    context.write("a/file")
    (context.root / "link").symlink_to("a")

    assert context.walk() == ["a", "a/file", "link"]


def test_names_may_hold_anything(context: Context) -> None:
    names = sorted(["a\nb", " ", "é", os.fsdecode(b"\xff\xfe"), "*"])
    for name in names:
        context.write(name)

    assert names == context.walk()
    assert names == sorted(context.digest().files)


def test_a_context_that_is_no_folder_is_said(context: Context) -> None:
    with pytest.raises(ProjectError, match="is no folder"):
        list(walk_context(context.root / "missing", ALL))


@pytest.fixture
def nobody() -> Iterator[Context]:
    """A context that is walked without the rights of root."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        context = Context(folder)
        context.write("closed/file")
        context.write("secret")
        folder.chmod(0o755)
        (context.root / "closed").chmod(0)
        (context.root / "secret").chmod(0)
        user = os.geteuid()
        if user == 0:
            os.seteuid(NOBODY)
        try:
            yield context
        finally:
            os.seteuid(user)
            (context.root / "closed").chmod(0o755)


@pytest.mark.parametrize(("rules", "name"), [("secret", "closed"), ("closed", "secret")])
def test_what_cannot_be_read_is_named_with_the_line_to_add(
    nobody: Context, rules: str, name: str
) -> None:
    with pytest.raises(ProjectError, match=f"^{name} cannot be read") as caught:
        nobody.digest(read_rules(rules))

    assert f"write {name} in .dockerignore" in caught.value.hint


def test_what_cannot_be_read_is_no_matter_where_it_is_left_out(nobody: Context) -> None:
    assert nobody.walk("closed\nsecret\n!**/other") == []


# The digest ----------------------------------------------------------------------------------


def test_the_digest_tells_the_files_and_their_bytes(context: Context) -> None:
    context.write("a/one", "123")
    context.write("two", "12345")
    digest = context.digest()

    assert (8, 2) == (digest.bytes, digest.count)
    assert ["a", "a/one", "two"] == sorted(digest.files)


def touch(path: Path) -> None:
    os.utime(path, (1, 1))


def recreate(path: Path) -> None:
    text = path.read_text()
    path.unlink()
    path.write_text(text)


@pytest.mark.parametrize("change", [touch, recreate])
def test_times_and_inodes_do_not_count(context: Context, change: Callable[[Path], None]) -> None:
    file = context.write("file", "text")
    before = context.digest()
    change(file)

    assert before == context.digest()


def rewrite(root: Path) -> None:
    (root / "file").write_text("next")


def make_runnable(root: Path) -> None:
    (root / "file").chmod(0o755)


def rename(root: Path) -> None:
    (root / "file").rename(root / "other")


def point_elsewhere(root: Path) -> None:
    (root / "link").unlink()
    (root / "link").symlink_to("elsewhere")


def replace_by_folder(root: Path) -> None:
    (root / "file").unlink()
    (root / "file").mkdir()


def add_a_folder(root: Path) -> None:
    (root / "new").mkdir()


def close_the_folder(root: Path) -> None:
    (root / "folder").chmod(0o700)


CHANGES: dict[Callable[[Path], None], tuple[tuple[str, ...], ...]] = {
    rewrite: ((), (), ("file",)),
    make_runnable: ((), (), ("file",)),
    rename: (("other",), ("file",), ()),
    point_elsewhere: ((), (), ("link",)),
    replace_by_folder: ((), (), ("file",)),
    add_a_folder: (("new",), (), ()),
    close_the_folder: ((), (), ("folder",)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_sent_otherwise_counts_and_is_named(
    context: Context, change: Callable[[Path], None]
) -> None:
    context.write("file", "text")
    (context.root / "link").symlink_to("file")
    (context.root / "folder").mkdir()
    before = context.digest()
    change(context.root)
    after = context.digest()
    difference = compare(before.files, after.files)

    assert before != after
    assert CHANGES[change] == (difference.added, difference.removed, difference.changed)


def test_what_is_left_out_does_not_count(context: Context) -> None:
    context.write("file")
    before = context.digest()
    context.write("notes", "other")

    assert before == context.digest(read_rules("notes"))
    assert not compare(before.files, context.digest(read_rules("notes")).files)


def test_sockets_and_fifos_are_never_opened(context: Context, reads: list[str]) -> None:
    os.mkfifo(context.root / "pipe")
    with socket.socket(socket.AF_UNIX) as own:
        own.bind(str(context.root / "socket"))
        digest = context.digest()

    assert (["pipe", "socket"], []) == (sorted(digest.files), reads)


# What changes meanwhile ----------------------------------------------------------------------


def while_reading(monkeypatch: pytest.MonkeyPatch, change: Callable[[int], None]) -> None:
    """Do something after each read of a whole file, as another process might; it is counted."""
    original = tree._digest_file  # noqa: SLF001
    count = iter(range(100))

    def disturbed(file: io.RawIOBase) -> str:
        content = original(file)
        change(next(count))
        return content

    monkeypatch.setattr(tree, "_digest_file", disturbed)


def test_a_file_that_changes_once_while_it_is_read_is_read_again(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    context.write("file", "first")
    while_reading(monkeypatch, lambda count: None if count else rewrite(context.root))
    digest = context.digest()
    monkeypatch.undo()

    assert context.digest() == digest


def test_a_file_that_always_changes_is_named(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    context.write("file", "text")
    while_reading(monkeypatch, lambda count: (context.root / "file").chmod(0o600 + count))

    with pytest.raises(ContentChanged, match=r"^file changed while it was read"):
        context.digest()


def become_a_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


def become_a_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("change", [become_a_link, become_a_fifo])
def test_a_file_that_becomes_something_else_is_named(
    context: Context, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]
) -> None:
    context.write("a")
    second = context.write("b")
    while_reading(monkeypatch, lambda count: None if count else change(second))

    with pytest.raises(ContentChanged, match=r"^b changed"):
        context.digest()


@pytest.mark.parametrize("cached", [False, True])
def test_what_goes_away_meanwhile_is_no_part_of_it(
    context: Context, monkeypatch: pytest.MonkeyPatch, cached: bool
) -> None:
    context.write("a", "123")
    for path in ("folder/inner/b", "folder/inner/c"):
        context.write(path)
    context.write("other/.d.swp")
    context.write("other/e", "45")

    def go(count: int) -> None:
        if not count:
            shutil.rmtree(context.root / "folder")
            (context.root / "other/.d.swp").unlink()

    while_reading(monkeypatch, go)
    digest = context.cached() if cached else context.digest()
    monkeypatch.undo()

    assert ["a", "other", "other/e"] == list(digest.files)
    assert (5, 2) == (digest.bytes, digest.count)
    assert digest == context.digest()
    assert ["a", "other/e"] == sorted(context.cache.load()) or not cached


def test_a_file_that_is_away_for_a_moment_is_read(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    context.write("a")
    context.write("b", "old")
    original = tree._read_once  # noqa: SLF001
    answers = iter([None])

    def away(root: Path, path: str) -> Known | None:
        return next(answers, original(root, path)) if path == "b" else original(root, path)

    monkeypatch.setattr(tree, "_read_once", away)

    assert ["a", "b"] == list(context.digest().files)


# The stat cache ------------------------------------------------------------------------------


def test_unchanged_files_are_read_once(context: Context, reads: list[str]) -> None:
    context.write("file", "text")
    first = context.cached()
    reads.clear()

    assert first == context.cached()
    assert "file" not in reads


def test_the_cache_does_not_change_the_digest(context: Context) -> None:
    context.write("file", "text")
    context.cached()

    assert context.digest() == context.cached()


def test_a_young_file_is_always_read(context: Context, reads: list[str]) -> None:
    context.write("file", "text")
    context.cached(after=1.5)
    reads.clear()
    context.cached(after=LATER)

    assert "file" in reads


def test_a_file_with_an_old_time_that_was_just_put_there_is_read(
    context: Context, reads: list[str]
) -> None:
    touch(context.write("file", "text"))
    context.cached(after=1.5)
    reads.clear()
    context.cached(after=LATER)

    assert "file" in reads


def test_same_size_and_time_with_other_content_is_seen(context: Context) -> None:
    file = context.write("file", "text")
    touch(file)
    before = context.cached()
    file.write_text("next")
    touch(file)

    assert compare(before.files, context.cached().files).changed == ("file",)


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda text: text[:-9],
        lambda text: text.replace(b'"file"', b'"fils"'),
        lambda text: text.replace(b"cache 1", b"cache 0"),
        lambda _: b"\xff" * 100,
    ],
)
def test_a_damaged_cache_is_ignored_and_written_anew(
    context: Context, damage: Callable[[bytes], bytes]
) -> None:
    context.write("file", "text")
    expected = context.cached()
    whole = context.cache.path.read_bytes()
    context.cache.path.write_bytes(damage(whole))

    assert expected == context.cached()
    assert whole == context.cache.path.read_bytes()


def test_a_cache_that_cannot_be_written_does_no_harm(context: Context) -> None:
    context.write("file", "text")
    context.cache.path.parent.write_text("a file where a folder should be")

    assert context.digest() == context.cached()


def test_nothing_is_left_beside_the_cache(context: Context) -> None:
    context.write("file", "text")
    context.cached()

    assert [context.cache.path] == list(context.cache.path.parent.iterdir())


def test_images_with_other_rules_share_the_cache(context: Context, reads: list[str]) -> None:
    context.write("a")
    context.write("b")
    context.cached(rules=read_rules("a"))
    context.cached(rules=read_rules("b"))
    reads.clear()
    context.cached()

    assert not {"a", "b"} & set(reads)


def test_what_is_gone_leaves_the_cache(context: Context) -> None:
    context.write("a").unlink()
    context.write("b")
    context.cached()
    (context.root / "b").rename(context.root / "c")
    context.cached()

    assert ["c"] == list(context.cache.load())


# The biggest folders -------------------------------------------------------------------------


def test_the_biggest_folders_are_named_with_the_line_to_add(context: Context) -> None:
    context.write("data/raw[1]/big", "x" * 5000)
    context.write("data/small", "x" * 10)
    context.write("src/app/a", "x" * 400)
    context.write("src/lib/b", "x" * 300)
    context.write("docs/c", "x" * 20)
    context.write("alone", "x" * 9000)
    found = biggest_folders(walk_context(context.root, ALL), 2)

    assert [("data/raw[1]", 5000, r"data/raw\[1\]"), ("src", 700, "src")] == found
