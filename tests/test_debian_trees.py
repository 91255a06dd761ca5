"""The trees that are kept: found again by recipe and archive, whole, and never too many."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from oci_images import tar_of

from dockerutils.debian.trees import MOST, USED, Trees
from dockerutils.errors import DockerutilsError

RECIPE, OTHER = "a" * 64, "b" * 64
TREE = tar_of({"etc/debian_version": b"12"})


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    return Trees(tmp_path / "debian")


def names(trees: Trees) -> set[str]:
    return {path.name for path in trees.folder.iterdir()}


def age(path: Path, seconds: float) -> None:
    """Make a file as old as that."""
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


def test_a_tree_is_found_by_its_recipe_and_the_state_of_the_archives(trees: Trees) -> None:
    kept = trees.keep(RECIPE, "1" * 64, [TREE[:700], TREE[700:]])

    assert TREE == kept.read_bytes()
    assert kept == trees.find(RECIPE, "1" * 64)
    assert None is trees.find(RECIPE, "2" * 64)
    assert None is trees.find(OTHER, "1" * 64)


def test_the_newest_is_the_one_that_was_made_last(trees: Trees) -> None:
    first = trees.keep(RECIPE, "1" * 64, [TREE])
    age(first, 10)
    second = trees.keep(RECIPE, "2" * 64, [TREE])
    trees.keep(OTHER, "3" * 64, [TREE])
    trees.find(RECIPE, "1" * 64)

    assert second == trees.newest(RECIPE)
    assert None is trees.newest("c" * 64)


def test_a_tree_that_was_cut_off_is_none(trees: Trees) -> None:
    kept = trees.keep(RECIPE, "1" * 64, [TREE])
    kept.write_bytes(TREE[:-600])

    assert None is trees.find(RECIPE, "1" * 64)
    assert None is trees.newest(RECIPE)


def test_using_a_tree_leaves_the_time_by_which_it_is_known_again(trees: Trees) -> None:
    kept = trees.keep(RECIPE, "1" * 64, [TREE])
    age(kept, 100)
    before = kept.stat()
    trees.find(RECIPE, "1" * 64)

    assert before.st_mtime_ns == kept.stat().st_mtime_ns
    assert before.st_atime_ns < kept.stat().st_atime_ns


def test_of_the_old_ones_only_the_last_used_are_kept(trees: Trees) -> None:
    made = [trees.keep(str(number) * 64, "1" * 64, [TREE]) for number in range(MOST + 2)]
    for number, path in enumerate(made):
        age(path, 2 * USED - number)
    trees.find("0" * 64, "1" * 64)
    last = trees.keep(OTHER, "1" * 64, [TREE])

    expected = {"0" * 24, *(str(number) * 24 for number in range(4, MOST + 2)), OTHER[:24]}
    assert {f"{recipe}-{'1' * 24}.tar" for recipe in expected} == names(trees)
    assert last.exists()


def test_trees_that_are_in_use_stay_however_many(trees: Trees) -> None:
    for number in range(MOST + 2):
        trees.keep(str(number) * 64, "1" * 64, [TREE])

    assert MOST + 2 == len(names(trees))


def failing() -> Iterator[bytes]:
    yield TREE[:512]
    raise DockerutilsError("mmdebstrap failed.")


def full() -> Iterator[bytes]:
    yield TREE[:512]
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(("chunks", "said"), [(failing, "failed"), (full, "no room left")])
def test_a_failure_leaves_nothing_and_what_was_there_stays(
    trees: Trees, chunks: object, said: str
) -> None:
    assert callable(chunks)
    kept = trees.keep(RECIPE, "1" * 64, [TREE])
    with pytest.raises(DockerutilsError, match=said):
        trees.keep(RECIPE, "1" * 64, chunks())

    assert TREE == kept.read_bytes()
    assert {kept.name} == names(trees)


def test_what_a_killed_process_left_goes_away_when_it_is_old(trees: Trees) -> None:
    trees.folder.mkdir()
    old, young = trees.folder / "part-old", trees.folder / "part-young"
    for path in (old, young):
        path.write_bytes(b"half")
    age(old, 2 * 86400)
    kept = trees.keep(RECIPE, "1" * 64, [TREE])

    assert {young.name, kept.name} == names(trees)
