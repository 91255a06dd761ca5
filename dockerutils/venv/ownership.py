"""Which distribution each file of a virtualenv belongs to, and which files no image needs.

Owners decide the layers, so only the lists of the distributions count, and nothing that depends
on where the virtualenv lies or on what was imported in it.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

from dockerutils.venv.environment import Virtualenv
from dockerutils.venv.records import Distribution, read_distributions
from dockerutils.venv.scan import File, never

CACHE = "/__pycache__/"
# How it came there, and how old the source was: neither is the same for the same packages.
_OF_THE_INSTALLER = ("REQUESTED", "uv_cache.json", "uv_build.json")
_FINDER = "/__pycache__/__editable___"  # its source names folders, and is rewritten
_OF_SHELLS = ("activate", "deactivate", "Activate.")


class Missing(NamedTuple):
    """A file that a distribution lists, and that is not there; the path is in the virtualenv."""

    distribution: str
    path: str


@dataclass(frozen=True)
class Ownership:
    """Whose the files are: `owners` has the files of one distribution, `shared` those of several.

    `left_out` are files that do not come into the image; a RECORD must not list them either.
    `excluded` are files on the lists that the user does not want in the image.
    `missing` are those that a distribution lists in vain, `notes` are sentences for the user.
    """

    distributions: tuple[Distribution, ...]
    owners: Mapping[str, str]
    shared: Mapping[str, tuple[str, ...]]
    left_out: frozenset[str]
    excluded: frozenset[str]
    missing: tuple[Missing, ...]
    notes: tuple[str, ...]


class _Listing:
    """The scanned files of a virtualenv, as the questions about them need it."""

    def __init__(self, virtualenv: Virtualenv, files: Sequence[File]) -> None:
        self.virtualenv = virtualenv
        self.files = files
        self.paths = frozenset(map(itemgetter(0), files))
        self.bytecode = {path: source_of(path) for path in self.paths if path.endswith(".pyc")}

    def starting(self, prefix: str) -> list[str]:
        """Give the paths that start so, without a look at all of them: they are sorted."""
        after = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        first, last = (
            bisect_left(self.files, os.fsencode(end), key=lambda file: os.fsencode(file.path))
            for end in (prefix, after)
        )
        return [file.path for file in self.files[first:last]]

    def leftovers(self) -> list[str]:
        """Give what pip left in site-packages when it was interrupted."""
        sites = self.virtualenv.site_packages
        return [path for site in sites for path in self.starting(f"{site}/~")]


def read_ownership(
    virtualenv: Virtualenv, files: Sequence[File], excluded: Callable[[str], bool] = never
) -> Ownership:
    """Find the owners of scanned files; what the user excluded from the scan is not missed.

    `files` are in the order of `scan`. Raises `ProjectError` for metadata that is damaged.
    """
    distributions = read_distributions(virtualenv)
    listing = _Listing(virtualenv, files)
    owners, shared = _listed(distributions, listing.paths)
    listed = owners.keys() | shared.keys()
    _add_unlisted(listing, distributions, owners, shared)
    left_out = _of_the_maker(listing, distributions, listed) | _of_no_use(listing, listed)
    for path in left_out:
        owners.pop(path, None)
        shared.pop(path, None)
    out, missing = _not_scanned(listing, distributions, excluded)
    return Ownership(
        distributions,
        owners,
        {path: tuple(sorted(names)) for path, names in shared.items()},
        left_out,
        out,
        missing,
        tuple(_notes(listing, distributions, shared)),
    )


def _listed(
    distributions: Iterable[Distribution], paths: frozenset[str]
) -> tuple[dict[str, str], dict[str, set[str]]]:
    """Read the owners off the lists: files of one owner, and those of several."""
    owners: dict[str, str] = {}
    shared: dict[str, set[str]] = {}
    for distribution in distributions:
        there = paths.intersection(distribution.files)
        for path in owners.keys() & there:
            if owners[path] != distribution.name:
                shared.setdefault(path, {owners[path]}).add(distribution.name)
        owners.update(dict.fromkeys(there, distribution.name))
    for path in shared:
        del owners[path]
    return owners, shared


def _add_unlisted(
    listing: _Listing,
    distributions: Sequence[Distribution],
    owners: dict[str, str],
    shared: dict[str, set[str]],
) -> None:
    """Find the owners of files that no list has: metadata, bytecode, packages without a list."""
    claims = _claims(distributions)
    sites = tuple(f"{site}/" for site in listing.virtualenv.site_packages)
    rest = listing.paths - owners.keys() - shared.keys()
    for path in rest - listing.bytecode.keys():
        owner = _claimed(path, sites, claims)
        if owner:
            owners[path] = owner
    for path in rest & listing.bytecode.keys():
        source = listing.bytecode[path]
        owner = owners.get(source) or _claimed(path, sites, claims)
        if source in shared:
            shared[path] = shared[source]
        elif owner:
            owners[path] = owner


def _claims(distributions: Iterable[Distribution]) -> dict[str, str]:
    """Map the folders of metadata, and what distributions without a list have, to their owners."""
    claimants: dict[str, set[str]] = defaultdict(set)
    for distribution in distributions:
        for path in (distribution.folder, *distribution.claims):
            claimants[path].add(distribution.name)
    return {path: next(iter(names)) for path, names in claimants.items() if len(names) == 1}


def _claimed(path: str, sites: Iterable[str], claims: Mapping[str, str]) -> str | None:
    """Find who claims a path in site-packages by its first name, with or without a suffix."""
    for site in sites:
        if path.startswith(site):
            first, slash, rest = path[len(site) :].partition("/")
            if first == "__pycache__" and slash:
                first = rest
            return claims.get(site + first) or claims.get(site + first.partition(".")[0])
    return None


def source_of(path: str) -> str:
    """Name the source that a .pyc in __pycache__ was made of (PEP 3147); "" for any other."""
    tag = path.rfind(".cpython-")
    return path[:tag].replace(CACHE, "/") + ".py" if tag >= 0 and CACHE in path else ""


def _of_the_maker(
    listing: _Listing, distributions: Iterable[Distribution], listed: Set[str]
) -> frozenset[str]:
    """Name files that depend on how or where the virtualenv was made, and that nothing reads."""
    found = {
        "CACHEDIR.TAG",
        "pip-selfcheck.json",
        *listing.starting("."),
        *listing.starting("bin/__pycache__/"),
    }
    for distribution in distributions:
        names = _OF_THE_INSTALLER + (("direct_url.json",) if distribution.from_file else ())
        found.update(f"{distribution.folder}/{name}" for name in names)
    for path in listing.starting("bin/"):
        name = path[len("bin/") :]
        if path not in listed and (name.startswith(_OF_SHELLS) or name.endswith(".bat")):
            found.add(path)
    return listing.paths & found


def _of_no_use(listing: _Listing, listed: Set[str]) -> frozenset[str]:
    """Name files that no program in the image can use: a cache without its source, leftovers."""
    paths, version = listing.paths, listing.virtualenv.version
    tag = f".cpython-{version[0]}{version[1]}."
    found = set(listing.leftovers())
    for path, source in listing.bytecode.items():
        if (source not in paths or tag not in path or _FINDER in path) and CACHE in path:
            found.add(path)
    rest = paths - listed - listing.bytecode.keys()
    return frozenset(found.union(path for path in rest if CACHE in path))


def _not_scanned(
    listing: _Listing, distributions: Iterable[Distribution], excluded: Callable[[str], bool]
) -> tuple[frozenset[str], tuple[Missing, ...]]:
    """Divide what is listed and was not found: what the user excluded, and what is missing.

    Bytecode that is gone is made again, and what is there was reached through a link.
    """
    root = listing.virtualenv.root
    out: set[str] = set()
    missing = []
    for distribution in distributions:
        for path in sorted(set(distribution.files) - listing.paths):
            if _excluded(path, excluded):
                out.add(path)
            elif not path.endswith(".pyc") and not os.path.lexists(root / path):
                missing.append(Missing(distribution.name, path))
    return frozenset(out), tuple(missing)


def _excluded(path: str, excluded: Callable[[str], bool]) -> bool:
    """Say whether a path, or a folder that it is in, was excluded."""
    parts = path.split("/")
    return any(excluded("/".join(parts[:count])) for count in range(1, len(parts) + 1))


def _notes(
    listing: _Listing, distributions: Iterable[Distribution], shared: Mapping[str, set[str]]
) -> Iterator[str]:
    """Say what a user may want to know, and what is no error."""
    if listing.virtualenv.system_site:
        yield (
            "The virtualenv sees the packages of its interpreter too "
            "(include-system-site-packages); in the image it sees those of the base."
        )
    for distribution in distributions:
        if distribution.outside:
            yield (
                f"{distribution.name} lists files outside of the virtualenv, which the image does "
                f"not get: {_first_of(distribution.outside)}"
            )
        if not distribution.listed and not distribution.folder.endswith(".egg"):
            yield (
                f"{distribution.name} has no list of its files; taken are those of its top-level "
                "packages."
            )
    yield from _shared_notes(shared)
    left = listing.leftovers()
    if left:
        yield f"left out is what an interrupted pip has left: {_first_of(left)}"


def _shared_notes(shared: Mapping[str, set[str]]) -> Iterator[str]:
    """Tell which distributions have the same files, except the __init__.py of a namespace."""
    together: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for path, names in shared.items():
        if not path.endswith((".pyc", "/__init__.py")):
            together[tuple(sorted(names))].append(path)
    for owners, paths in sorted(together.items()):
        yield (
            f"{', '.join(owners[:-1])} and {owners[-1]} have files in common, of which the last "
            f"that was installed counts: {_first_of(sorted(paths))}"
        )


def _first_of(paths: Sequence[str]) -> str:
    """Name the first of some paths, and say how many more there are."""
    return paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
