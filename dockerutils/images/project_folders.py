"""Folders of the project that go into an image: what of them does, and what their files are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dockerutils.context.ignore import IgnoreRules, load_rules, read_rules
from dockerutils.errors import ContentChanged, ProjectError
from dockerutils.venv.editable import Place
from dockerutils.venv.grouping import Group
from dockerutils.venv.scan import never

FEW = 32 * 2**20  # bytes of a folder up to which its files are told one by one
Excluded = Callable[[str], bool]


@dataclass(frozen=True)
class Folders:
    """The folders below a root, without what .dockerignore and patterns of `place` leave out."""

    root: Path
    place: Path
    patterns: tuple[str, ...] = ()

    def place_of(self, source: str, dest: str) -> Place:
        """Give a folder with its place in the image; raise `ProjectError` where there is none."""
        folder = self.root / source
        if not folder.is_dir():
            raise ProjectError(
                f"{self.place}: `project` names {source}, but there is no folder {folder}.",
                "Write FOLDER:PLACE, with a folder from the project's root.",
            )
        ignored = load_rules(self.root, self.root / self.place)
        own = self.excluded(folder)
        return Place(folder, dest, any_of([own, rooted(ignored, self.root, folder)]))

    def excluded(self, folder: Path) -> Excluded:
        """Give what the patterns say of a folder's paths."""
        if not self.patterns:
            return never
        rules = read_rules("\n".join(self.patterns), f"{self.place}, exclude")
        return lambda path: leaves_out(rules, path, folder)


def file_digests(group: Group, root: Path) -> Iterator[tuple[str, str]]:
    """Digest the files of a folder one by one, unless they are too many bytes for it.

    Paths are those from a project's root. Raises `ContentChanged` for a file that is not any more
    what it was when it was found.
    """
    if sum(file.size for file in group.files) > FEW:
        return
    place = group.root.relative_to(root) if group.root.is_relative_to(root) else group.root
    for file in group.files:
        path = group.root / file.path
        try:
            content = path.read_bytes() if file.link is None else b""
            status = path.lstat()
            same = (status.st_size, status.st_mtime_ns) == (file.size, file.mtime_ns)
        except OSError:
            same = False
        if file.link is None and not same:
            raise ContentChanged(f"{place / file.path} changed while it was read.", "Try again.")
        digest = hashlib.sha256(content).hexdigest()
        yield str(place / file.path), f"{file.mode:o} {file.link} {digest}"


def leaves_out(rules: IgnoreRules, path: str, folder: Path) -> bool:
    """Tell whether rules leave out a path of a folder, and if it is a folder, all below it."""
    if not rules.excludes(path):
        return False
    return rules.sends_nothing_below(path) or not (folder / path).is_dir()


def rooted(rules: IgnoreRules, root: Path, folder: Path) -> Excluded:
    """Give what rules for a whole project say of the paths in one of its folders."""
    if not rules.patterns or not folder.resolve().is_relative_to(root.resolve()):
        return never
    inside = folder.resolve().relative_to(root.resolve()).as_posix()
    prefix = "" if inside == "." else f"{inside}/"
    return lambda path: leaves_out(rules, prefix + path, root)


def any_of(rules: Iterable[Excluded]) -> Excluded:
    """Leave out what one of the rules leaves out."""
    given = [rule for rule in rules if rule is not never]
    return (lambda path: any(rule(path) for rule in given)) if given else never
