"""Which files make which layer, from what seldom changes to what often does.

Sizes decide, of what depends on content alone: no bytecode, no metadata, no scripts.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from dockerutils.errors import ProjectError
from dockerutils.venv.editable import Editables, EditableSource, Place
from dockerutils.venv.environment import Virtualenv
from dockerutils.venv.ownership import Ownership
from dockerutils.venv.scan import File, never, read_start, scan

SMALL, SHARED, LOCAL, OWN = "small", "shared", "local", "venv"
MOST_SHELVES = 8
_METADATA = (".dist-info/", ".egg-info/")
# Bytecode, repositories, and what venv2docker leaves beside the sources.
_NEVER_SHIPPED = frozenset(("__pycache__", ".git", ".hg", ".svn", ".venv2docker"))


@dataclass(frozen=True)
class Group:
    """The files of one layer: relative to `root` here, below `dest` in the image."""

    name: str
    root: Path
    dest: str
    files: tuple[File, ...]


@dataclass(frozen=True)
class Limits:
    """From how many bytes a distribution gets a layer of its own, and how many layers there are.

    `shelf` is how many bytes a layer of small ones has on average at least, where it is not alone.
    """

    min_layer: int = 1 << 20
    max_layers: int = 50
    shelf: int = 4 << 20


_USUAL = Limits()


@dataclass
class _Pile:
    """The files of one distribution."""

    name: str
    files: list[File] = field(default_factory=list)

    @cached_property
    def size(self) -> int:
        """Give the bytes that count: those that are the same in every virtualenv."""
        return sum(
            file.size
            for file in self.files
            if not file.path.endswith(".pyc")
            and not ("-info/" in file.path and any(one in file.path for one in _METADATA))
        )


def group_files(
    virtualenv: Virtualenv,
    files: Iterable[File],
    ownership: Ownership,
    editables: Editables,
    dest: str,
    *,
    projects: Sequence[Place] = (),
    limits: Limits = _USUAL,
    excluded: Callable[[str], bool] = never,
) -> tuple[Group, ...]:
    """Divide a virtualenv, its editable sources and the project's folders; the lowest layer first.

    `excluded` is asked for the files of editable sources. Raises `ProjectError` for too few layers,
    and for a project's folder in the virtualenv.
    """
    rest: dict[str, list[File]] = {SHARED: [], LOCAL: [], OWN: []}
    piles = _pile_up(virtualenv, files, ownership, editables, rest)
    above = [Group(name, virtualenv.root, dest, tuple(rest[name])) for name in rest if rest[name]]
    above += _source_groups(editables.sources, excluded)
    above += [_project_group(virtualenv, place) for place in projects]
    own, small = _divide(piles, limits, len(above))
    groups = [Group(pile.name, virtualenv.root, dest, tuple(pile.files)) for pile in own]
    for name, shelf in _shelves(small, limits.max_layers - len(above) - len(own), limits.shelf):
        together = sorted(
            (file for pile in shelf for file in pile.files), key=lambda file: os.fsencode(file.path)
        )
        groups.append(Group(name, virtualenv.root, dest, tuple(together)))
    return (*groups, *above)


# The virtualenv ------------------------------------------------------------------------------


def _pile_up(
    virtualenv: Virtualenv,
    files: Iterable[File],
    ownership: Ownership,
    editables: Editables,
    rest: dict[str, list[File]],
) -> list[_Pile]:
    """Put each file on the pile of its distribution, or to the rest of its kind."""
    piles: dict[str, _Pile] = {}
    local = {one.name for one in ownership.distributions if one.local}
    checkouts = _checkouts(virtualenv, ownership, editables)
    for file in files:  # all of them: what is done here for each is kept small
        path = file.path
        owner = ownership.owners.get(path)
        if owner is None:
            kind = "" if path in ownership.left_out else _kind(virtualenv, checkouts, file)
        elif path.startswith("bin/") and not _is_binary(virtualenv.root, file):
            kind = OWN
        elif owner in local:
            kind = LOCAL
        else:
            if owner not in piles:
                piles[owner] = _Pile(owner)
            piles[owner].files.append(file)
            continue
        if kind:
            rest[kind].append(file)
    return list(piles.values())


def _kind(
    virtualenv: Virtualenv, checkouts: tuple[tuple[str, ...], tuple[str, ...]], file: File
) -> str:
    """Name the group of a file that no distribution has for itself; "" for none at all."""
    sources, around = checkouts
    if file.path.startswith("bin/") or _is_own(virtualenv, file):
        return OWN
    if file.path.startswith(around):
        return LOCAL if file.path.startswith(sources) and not _never_shipped(file.path) else ""
    return SHARED


def _checkouts(
    virtualenv: Virtualenv, ownership: Ownership, editables: Editables
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the sources that lie in the virtualenv, and the checkouts around them (pip's src/)."""
    top = f"{virtualenv.root}/"
    folders = [str(one.folder) for one in editables.sources if not one.shipped]
    checkouts = [str(one.source) for one in ownership.distributions if one.editable and one.source]
    sources = tuple(f"{path[len(top) :]}/" for path in folders if path.startswith(top))
    around = tuple(f"{path[len(top) :]}/" for path in checkouts if path.startswith(top))
    return sources, (*sources, *around)


def _is_binary(root: Path, file: File) -> bool:
    """Say whether a program in bin/ is no script: nothing in it depends on a path."""
    return file.link is None and read_start(root, file.path, 2) != b"#!"


def _is_own(virtualenv: Virtualenv, file: File) -> bool:
    """Say whether a file that nobody owns is of the virtualenv itself, as its maker wrote it."""
    folder, _, name = file.path.rpartition("/")
    if not folder:
        return name == "pyvenv.cfg" or file.link is not None
    in_site = folder.removesuffix("/__pycache__") in virtualenv.site_packages
    return in_site and (name.endswith(".pth") or name.startswith("_virtualenv."))


def _divide(piles: Iterable[_Pile], limits: Limits, above: int) -> tuple[list[_Pile], list[_Pile]]:
    """Divide the distributions into those with a layer of their own, in order, and the small ones.

    `above` is the number of layers that come after them.
    """
    by_size = sorted(piles, key=lambda pile: (-pile.size, pile.name))
    room = limits.max_layers - above
    if room < (1 if by_size else 0):
        raise ProjectError(
            f"max_layers={limits.max_layers} is too little: this image has {above + 1} layers that "
            "cannot share one.",
            "Allow more with `max_layers`.",
        )
    large = [pile for pile in by_size if pile.size >= limits.min_layer]
    kept = large if len(large) + (len(large) < len(by_size)) <= room else large[: room - 1]
    own = sorted(kept, key=lambda pile: (-pile.size.bit_length(), pile.name))
    return own, by_size[len(kept) :]


def _shelves(small: Sequence[_Pile], room: int, least: int) -> Iterator[tuple[str, list[_Pile]]]:
    """Divide the small distributions among a few layers, so that one change moves few of them.

    Their number is a power of two, so that it seldom changes, and a name's layer does not depend
    on which other distributions there are.
    """
    total, count = sum(pile.size for pile in small), 1
    while count * 2 <= min(room, MOST_SHELVES) and count * 2 * least <= total:
        count *= 2
    shelves: dict[int, list[_Pile]] = {}
    for pile in small:
        digest = hashlib.sha256(pile.name.encode()).digest()
        shelves.setdefault(digest[0] % count, []).append(pile)
    for number, shelf in sorted(shelves.items()):
        yield SMALL if count == 1 else f"{SMALL} {number + 1}", shelf


# Sources and the project ---------------------------------------------------------------------


def _source_groups(
    sources: Iterable[EditableSource], excluded: Callable[[str], bool]
) -> Iterator[Group]:
    """Give a group for each editable source that nothing else brings."""
    for source in sources:
        if source.shipped:
            out = _excluding(source.excludes, excluded)
            files = tuple(scan(source.folder, out, virtualenvs=False))
            yield Group(f"{LOCAL} {source.distribution}", source.folder, source.dest, files)


def _project_group(virtualenv: Virtualenv, place: Place) -> Group:
    """Give the group of a folder of the project, without the virtualenv that may lie in it."""
    if place.folder.resolve().is_relative_to(virtualenv.root.resolve()):
        raise ProjectError(
            f"{place.folder} lies in the virtualenv {virtualenv.root}.",
            "Keep the project outside of it, and name its folder with `project`.",
        )
    files = tuple(scan(place.folder, _excluding(place.excluded), virtualenvs=False))
    return Group(f"project {place.dest}", place.folder, place.dest, files)


def _excluding(*rules: Callable[[str], bool]) -> Callable[[str], bool]:
    """Leave out what no image wants of a source, beside what the rules say."""

    def excluded(path: str) -> bool:
        return _never_shipped(path) or any(rule(path) for rule in rules)

    return excluded


def _never_shipped(path: str) -> bool:
    """Say whether a path of a source is bytecode, which is older soon, or a repository's data."""
    return not _NEVER_SHIPPED.isdisjoint(path.split("/"))
