"""The distributions of a virtualenv and the files that each says it has.

Read are RECORD ("Recording installed projects"), installed-files.txt of an older installer, and
direct_url.json ("Recording the direct URL origin"); top_level.txt where there is no list at all.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dockerutils.errors import ProjectError
from dockerutils.venv.environment import Virtualenv
from dockerutils.venv.scan import read_start

_AGAIN = "Install {0} again, for example with `pip install --force-reinstall {0}`."
_EGG_TAIL = re.compile(r"-py\d[\d.]*.*")


@dataclass(frozen=True)
class Distribution:
    """An installed distribution; `name` is normalised, paths are relative to the virtualenv.

    `folder` holds its metadata. `files` are those it lists, there or not; without a list
    `listed` is false and `claims` are the paths of what it has in site-packages, without suffix.
    `source` is the folder that it was installed from, `outside` lists files in other places.
    """

    name: str
    version: str
    folder: str
    files: tuple[str, ...] = ()
    listed: bool = True
    claims: tuple[str, ...] = ()
    editable: bool = False
    source: Path | None = None
    from_file: bool = False
    outside: tuple[str, ...] = ()

    @property
    def local(self) -> bool:
        """Say whether it comes from a folder of this machine."""
        return self.editable or self.source is not None


@dataclass(frozen=True)
class Places:
    """Where the paths of lists lie: below the virtualenv, or not."""

    virtualenv: Virtualenv
    tops: tuple[str, ...] = field(init=False)
    lib64: bool = field(init=False)

    def __post_init__(self) -> None:
        root = self.virtualenv.root
        object.__setattr__(self, "tops", (f"{root}/", f"{os.path.realpath(root)}/"))
        object.__setattr__(self, "lib64", (root / "lib64").is_symlink())

    def below(self, folder: str, text: str) -> str | None:
        """Give a path, as a list in `folder` has it, relative to the virtualenv if it is below."""
        path = os.path.normpath(f"{self.tops[0]}{folder}/{text}" if text[:1] != "/" else text)
        for top in self.tops:
            if path.startswith(top):
                inside = path[len(top) :]
                return inside.replace("lib64/", "lib/", 1) if self.lib64_path(inside) else inside
        return None

    def lib64_path(self, path: str) -> bool:
        """Say whether a path goes through the link lib64, which stands for lib."""
        return self.lib64 and path.startswith("lib64/")


def normalised(name: str) -> str:
    """Write a distribution's name as all spellings of it are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_distributions(virtualenv: Virtualenv) -> tuple[Distribution, ...]:
    """Find all distributions, sorted by name; raises `ProjectError` for metadata that is damaged.

    What pip left of an interrupted removal, which begins with a tilde, is none.
    """
    places = Places(virtualenv)
    found = [
        distribution
        for site in virtualenv.site_packages
        for name in sorted(path.name for path in (virtualenv.root / site).iterdir())
        for distribution in _read_one(places, site, name)
    ]
    return tuple(sorted(found, key=lambda one: (one.name, one.folder)))


def _read_one(places: Places, site: str, entry: str) -> Iterator[Distribution]:
    """Read the distribution that an entry of site-packages stands for, if it does."""
    stem, dot, kind = entry.rpartition(".")
    if entry.startswith("~") or not dot:
        return
    name, _, version = _EGG_TAIL.sub("", stem).partition("-")
    folder, name = f"{site}/{entry}", normalised(name)
    if kind == "dist-info":
        yield _read_dist_info(places, site, folder, name, version)
    elif kind == "egg-info":
        yield _read_egg_info(places, site, folder, name, version)
    elif kind == "egg":
        yield Distribution(name, version, folder, listed=False, claims=(folder,))
    elif kind == "egg-link":
        source = _read_egg_link(places.virtualenv.root, folder)
        yield Distribution(normalised(stem), "", folder, (folder,), editable=True, source=source)


def _read_dist_info(
    places: Places, site: str, folder: str, name: str, version: str
) -> Distribution:
    """Read a folder as pip and uv write it (PEP 376, PEP 610)."""
    root = places.virtualenv.root
    origin = _read_origin(root, folder, name)
    url = urlsplit(str(origin.get("url", "")))
    local, info = url.scheme == "file", origin.get("dir_info")
    source = Path(unquote(url.path)) if local and isinstance(info, dict) else None
    editable = source is not None and isinstance(info, dict) and bool(info.get("editable"))
    from_file = local and not editable
    paths = _read_record(root, f"{folder}/RECORD", name)
    if paths is None:
        claims = _top_level(root, site, folder, name)
        return Distribution(name, version, folder, (), False, claims, editable, source, from_file)
    files, outside = _sorted_out(places, site, paths)
    return Distribution(
        name, version, folder, files, True, (), editable, source, from_file, outside
    )


def _read_egg_info(places: Places, site: str, folder: str, name: str, version: str) -> Distribution:
    """Read what setuptools writes without pip; Debian has a single file, and no list."""
    root = places.virtualenv.root
    try:
        text = (root / folder / "installed-files.txt").read_text("utf-8", "surrogateescape")
    except OSError:
        claims = _top_level(root, site, folder, name)
        return Distribution(name, version, folder, (), False, claims)
    files, outside = _sorted_out(places, folder, filter(None, text.splitlines()))
    return Distribution(name, version, folder, files, outside=outside)


def _read_egg_link(root: Path, link: str) -> Path:
    """Read the two lines of an .egg-link: what is imported from, and from there to the project."""
    lines = [*read_start(root, link).decode("utf-8", "surrogateescape").splitlines(), "", ""]
    return Path(os.path.normpath(Path(lines[0].strip(), lines[1].strip())))


def _read_record(root: Path, record: str, name: str) -> list[str] | None:
    """Give the paths of a RECORD, a CSV file; none where there is no RECORD."""
    try:
        with (root / record).open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            return [row[0] for row in csv.reader(file) if row and row[0]]
    except FileNotFoundError:
        return None
    except (OSError, csv.Error) as error:
        raise ProjectError(f"{record} is damaged: {error}.", _AGAIN.format(name)) from error


def _read_origin(root: Path, folder: str, name: str) -> dict[str, object]:
    """Read where a distribution came from, if that was told; a package index is not told."""
    path = f"{folder}/direct_url.json"
    try:
        origin = json.loads((root / path).read_bytes())
        urlsplit(str(origin.get("url", "")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        raise ProjectError(f"{path} is damaged: {error}.", _AGAIN.format(name)) from error
    return dict(origin)


def _sorted_out(
    places: Places, folder: str, texts: Iterable[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Divide the paths of a list into those below the virtualenv and those elsewhere."""
    files, outside = [], []
    for text in texts:
        plain = text[0] not in "./" and "/." not in text and "//" not in text
        path = f"{folder}/{text}" if plain else places.below(folder, text)
        if path is None:
            outside.append(text)
        else:
            files.append(path)
    return tuple(files), tuple(outside)


def _top_level(root: Path, site: str, folder: str, name: str) -> tuple[str, ...]:
    """Guess what a distribution without a list has: its top-level names, else its own name."""
    try:
        names = (root / folder / "top_level.txt").read_text("utf-8", "surrogateescape").split()
    except OSError:
        names = [name.replace("-", "_")]
    return tuple(f"{site}/{top}" for top in names)
