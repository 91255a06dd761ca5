"""Editable installs: which folders outside of the virtualenv its packages are imported from.

Known are the .pth files of all build backends, the finder that setuptools writes where a path is
not enough, and .egg-link with easy-install.pth. What else leads outside is an error.
"""

from __future__ import annotations

import ast
import glob
import os
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dockerutils.errors import ProjectError
from dockerutils.venv.environment import Virtualenv
from dockerutils.venv.ownership import Ownership
from dockerutils.venv.records import Distribution
from dockerutils.venv.scan import never, read_start

_FINDER = re.compile(r"__editable___.*_finder\.py")
_TABLE = re.compile(r"(MAPPING|NAMESPACES)\b")
_EASY_INSTALL = ("easy-install.pth", "setuptools.pth")


@dataclass(frozen=True)
class Place:
    """A folder of the project, and where it comes to in the image; what is excluded does not."""

    folder: Path
    dest: str
    excluded: Callable[[str], bool] = never


@dataclass(frozen=True)
class EditableSource:
    """A folder that an editable distribution is imported from, and its place in the image.

    Only `parts` of it are meant: folders, or modules without their suffix; "" is the whole. Where
    `shipped` is false, a folder of the project or the virtualenv itself brings it; `metadata` says
    that the .egg-info there counts, and is not just left of a build.
    """

    distribution: str
    folder: Path
    dest: str
    parts: tuple[str, ...] = ("",)
    shipped: bool = True
    metadata: bool = False

    def excludes(self, path: str) -> bool:
        """Say whether a path of the folder is none of the parts, nor on the way to one."""
        if path.endswith(".egg-info") and not self.metadata:
            return True
        if self.parts == ("",):  # often the root of a repository, with secrets and tools' folders
            return path.startswith(".")
        return not any(
            path == part or path.startswith((f"{part}/", f"{part}.")) or part.startswith(f"{path}/")
            for part in self.parts
        )


@dataclass(frozen=True)
class Editables:
    """All editable sources, and which paths become which in files that name them."""

    sources: tuple[EditableSource, ...] = ()
    moved: tuple[tuple[str, str], ...] = ()


class _Target(NamedTuple):
    """A path that is imported from, and the distribution and the file that say so."""

    path: str
    distribution: Distribution | None
    told_by: str


def find_editables(
    virtualenv: Virtualenv, ownership: Ownership, dest: str, places: Sequence[Place] = ()
) -> Editables:
    """Find what is imported from outside; `dest` is the virtualenv's place in the image.

    `moved` has the longest paths first. Raises `ProjectError` for a path that belongs to no
    editable distribution, for a source that is gone, and for a way of installing not known here.
    """
    targets = [
        target
        for site in virtualenv.site_packages
        for target in _targets(virtualenv, ownership, site)
    ]
    _refuse_unknown_ways(ownership, targets)
    homes = [Place(virtualenv.root, dest), *places]
    sources: list[EditableSource] = []
    moved: dict[str, str] = {}
    for distribution in ownership.distributions:
        own = [target.path for target in targets if target.distribution == distribution]
        if own or distribution.editable:
            sources += _sources(distribution, own, homes, f"{dest}/src/{distribution.name}", moved)
    for target in targets:
        if target.distribution is None:
            moved[target.path] = _claimed_by_place(target, homes)
    pairs = sorted(moved.items(), key=lambda pair: (-len(pair[0]), pair))
    return Editables(tuple(sources), tuple(pairs))


# What leads outside --------------------------------------------------------------------------


def _targets(virtualenv: Virtualenv, ownership: Ownership, site: str) -> Iterator[_Target]:
    """Give all that the files of a site-packages say to import from other folders."""
    by_name = {one.name: one for one in ownership.distributions}
    links = _egg_links(virtualenv.root, ownership.distributions)
    for name in sorted(path.name for path in (virtualenv.root / site).iterdir()):
        path = f"{site}/{name}"
        owner = by_name.get(ownership.owners.get(path, ""))
        if name.endswith(".pth"):
            yield from _of_pth(virtualenv, path, owner, links)
        elif _FINDER.fullmatch(name):
            text = _text(virtualenv.root, path)
            for target in _of_finder(path, text):
                yield _Target(target, owner, path)


def _of_pth(
    virtualenv: Virtualenv,
    path: str,
    owner: Distribution | None,
    links: Mapping[str, Distribution],
) -> Iterator[_Target]:
    """Give the folders of a .pth file, as the module `site` would add them."""
    file = virtualenv.root / path
    editable = owner if owner and (owner.editable or file.name.startswith("__edit")) else None
    for line in _folders(_text(virtualenv.root, path)):
        target = os.path.normpath(file.parent / line)
        linked = links.get(os.path.realpath(target)) if file.name in _EASY_INSTALL else None
        distribution = linked or editable
        if distribution or (_outside(virtualenv, target) and os.path.lexists(target)):
            yield _Target(target, distribution, path)


def _folders(text: str) -> Iterator[str]:
    """Give the lines of a .pth file that name folders, not those that are code."""
    for line in text.splitlines():
        if line.strip() and not line.startswith(("#", "import ", "import\t")):
            yield line.rstrip()


def _text(root: Path, path: str) -> str:
    return read_start(root, path).decode("utf-8-sig", "surrogateescape")


def _outside(virtualenv: Virtualenv, target: str) -> bool:
    """Say whether a path does not lie in the virtualenv."""
    return _below(str(virtualenv.root), target) is None


def _egg_links(root: Path, distributions: Iterable[Distribution]) -> dict[str, Distribution]:
    """Read where .egg-link files lead; easy-install.pth has the same paths."""
    links = {}
    for distribution in distributions:
        if distribution.folder.endswith(".egg-link"):
            lines = _text(root, distribution.folder).split("\n")
            links[os.path.realpath(lines[0].strip())] = distribution
    return links


def _of_finder(path: str, text: str) -> Iterator[str]:
    """Give the paths in the two tables of a finder; a module's is without its suffix."""
    try:
        tables = [
            ast.literal_eval(statement.value)
            for statement in ast.parse(text).body
            if isinstance(statement, ast.AnnAssign | ast.Assign) and statement.value
            if _TABLE.match(ast.unparse(statement))
        ]
        for table in tables:
            for value in table.values():
                yield from [value] if isinstance(value, str) else value
    except (SyntaxError, ValueError, AttributeError, TypeError) as error:
        raise ProjectError(
            f"{path} cannot be understood: {error}.", "Install that distribution again."
        ) from error


def _refuse_unknown_ways(ownership: Ownership, targets: Sequence[_Target]) -> None:
    """Refuse an editable distribution whose .pth file runs code that is not known here."""
    known = {target.distribution.name for target in targets if target.distribution}
    for distribution in ownership.distributions:
        if distribution.editable and distribution.name not in known:
            names = [posixpath.basename(path) for path in distribution.files]
            hooks = [name for name in names if name.endswith(".pth")]
            if hooks and not any(_FINDER.fullmatch(name) for name in names):
                raise ProjectError(
                    f"{distribution.name} is editable, and {hooks[0]} does not tell where its "
                    "source is.",
                    f"Install it as it is: `pip install {distribution.source}`.",
                )


# Where it goes -------------------------------------------------------------------------------


def _sources(
    distribution: Distribution,
    targets: Iterable[str],
    homes: Sequence[Place],
    dest: str,
    moved: dict[str, str],
) -> Iterator[EditableSource]:
    """Give the sources of one distribution, and note which paths move.

    They keep their places below the folder that it was installed from, which comes to `dest`.
    """
    base = str(distribution.source or "")
    if base:
        moved[base] = _taken(base, homes) or dest
    parts: dict[str, list[str]] = {}
    for target in targets:
        _check_there(distribution, target)
        taken = _taken(target, homes)
        if taken is not None:
            moved[target] = taken
            yield EditableSource(distribution.name, Path(target), taken, shipped=False)
            continue
        part = _below(base, target) if base else None
        folder = target if part is None else base
        parts.setdefault(folder, []).append(part or "")
    for number, folder in enumerate(sorted(parts, key=lambda path: (path != base, path)), 1):
        place = dest if number == 1 else f"{dest}.{number}"  # no normalised name has a dot
        moved.update(
            (f"{folder}/{part}".rstrip("/"), f"{place}/{part}".rstrip("/"))
            for part in parts[folder]
        )
        kept, metadata = _outermost(parts[folder]), distribution.folder.endswith(".egg-link")
        yield EditableSource(distribution.name, Path(folder), place, kept, metadata=metadata)


def _claimed_by_place(target: _Target, homes: Sequence[Place]) -> str:
    """Find the place of a path that no distribution answers for: a folder of the project."""
    taken = _taken(target.path, homes)
    if taken is None:
        raise ProjectError(
            f"{target.told_by} leads to {target.path}, which belongs to no editable distribution, "
            "so the image would lack it.",
            f"Install what is there with `pip install -e`, make it a folder of the image with "
            f"`project = {target.path}:/app`, or remove that line.",
        )
    return taken


def _check_there(distribution: Distribution, target: str) -> None:
    """Refuse a source that is gone; a finder's module is named without its suffix."""
    path = Path(target)
    if not path.exists() and not any(path.parent.glob(f"{glob.escape(path.name)}.*")):
        raise ProjectError(
            f"{distribution.name} is editable, and its source {target} is not there.",
            f"Install it again, or remove it with `pip uninstall {distribution.name}`.",
        )


def _taken(path: str, homes: Iterable[Place]) -> str | None:
    """Give the place of a path that lies in the virtualenv or in a folder of the project."""
    for home in homes:
        part = _below(str(home.folder), path)
        if part is not None:
            return posixpath.join(home.dest, part).rstrip("/") or "/"
    return None


def _below(top: str, path: str) -> str | None:
    """Give a path relative to a folder that it is in, "" for the folder itself."""
    for above, inner in ((top, path), (os.path.realpath(top), os.path.realpath(path))):
        if inner == above:
            return ""
        if inner.startswith(above.rstrip("/") + "/"):
            return inner[len(above.rstrip("/")) + 1 :]
    return None


def _outermost(parts: Iterable[str]) -> tuple[str, ...]:
    """Leave out parts that lie in another one."""
    kept: list[str] = []
    for part in sorted(set(parts)):
        if not any(one == "" or part.startswith(f"{one}/") for one in kept):
            kept.append(part)
    return tuple(kept)
