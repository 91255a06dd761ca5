"""What a base image offers to a virtualenv: interpreters, C library, shared libraries, shells."""

from __future__ import annotations

import contextlib
import fnmatch
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dockerutils.files import replace_file
from dockerutils.oci.digest import chain_ids, digest_of
from dockerutils.oci.image import OciImage, parse_config
from dockerutils.venv.base_tree import Link, Plain, Tree, read_tree
from dockerutils.venv.elf import Version, parse_bytes

FORM = 1  # of what is kept
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # docker's
LIBRARY_FOLDERS = ("lib", "usr/lib", "lib64", "usr/lib64", "lib32", "usr/lib32", "usr/local/lib")
SHELLS = ("/bin/sh", "/bin/bash", "/usr/bin/bash", "/bin/ash", "/bin/zsh")
# Debian and Ubuntu, and what their compiled parts are called in the names of folders.
TRIPLETS = re.compile(r"[a-z0-9_]+-linux-(gnu|musl)\w*")
LIBRARY = re.compile(r".+\.so(\.[\w.]+)?|ld-[\w.-]+\.so[\w.]*")
INTERPRETER = re.compile(r"(?:.*/)?bin/(python3?|python3\.(\d+))")
STANDARD_LIBRARY = re.compile(r"python3\.(\d+)")
LIBC = re.compile(r"(?:.*/)?(libc\.so\.6|libc-2\.\d+\.so|ld-musl-\w+\.so\.1|libc\.musl-\w+\.so\.1)")
LD_CONF = re.compile(r"etc/ld\.so\.conf(\.d/[^/]+\.conf)?")
WANTED = re.compile(f"{LIBC.pattern}|{LD_CONF.pattern}")
GLIBC_BANNER = re.compile(rb"GNU C Library [^\n]*version (\d+)\.(\d+)")
MUSL_VERSION = re.compile(rb"\0(\d+)\.(\d+)\.\d+\0")
MOST_INCLUDES = 8  # of ld.so.conf's files within each other


@dataclass(frozen=True)
class BaseFacts:
    """What an image has; `interpreters` are paths with (major, minor), the preferred first.

    `libc` is its kind ("glibc", "musl", or "" where there is none) and version (major, minor),
    `libraries` the file names of the shared libraries that its loader finds.
    """

    architecture: str
    interpreters: Mapping[str, Version] = field(default_factory=dict)
    libc: tuple[str, Version] = ("", (0, 0))
    libraries: frozenset[str] = frozenset()
    shells: tuple[str, ...] = ()

    def interpreter(self, version: Version) -> str | None:
        """Give the path of the preferred interpreter of a version, if there is one."""
        return next((path for path, has in self.interpreters.items() if has == version), None)

    def to_json(self) -> dict[str, Any]:
        """Give the facts as they are kept."""
        return {
            "architecture": self.architecture,
            "interpreters": [[path, *version] for path, version in self.interpreters.items()],
            "libc": [self.libc[0], *self.libc[1]],
            "libraries": sorted(self.libraries),
            "shells": self.shells,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> BaseFacts:
        """Make facts of what was kept; raises `KeyError`, `TypeError` or `ValueError`."""
        kind, major, minor = kept["libc"]
        return cls(
            str(kept["architecture"]),
            MappingProxyType({path: (x, y) for path, x, y in kept["interpreters"]}),
            (kind, (int(major), int(minor))),
            frozenset(kept["libraries"]),
            tuple(kept["shells"]),
        )


def read_base(image: OciImage, cache_folder: Path) -> BaseFacts:
    """Give the facts of an image: as they were kept for its layers, else by reading them all.

    Raises `ProjectError` where a layer cannot be read.
    """
    config = parse_config(image.config_bytes())
    variables = _variables(config.settings.get("Env") or ())
    key = _key(image.diff_ids, config.architecture, variables)
    path = cache_folder / f"{key}.json"
    facts = _kept(path)
    if facts is None:
        tree = read_tree(image.layers, WANTED)
        facts = facts_of(tree, config.architecture, variables)
        with contextlib.suppress(OSError):  # without a place to keep them they are read again
            replace_file(path, json.dumps(facts.to_json()).encode(), 0o644)
    return facts


def _key(diff_ids: Sequence[str], architecture: str, variables: Mapping[str, str]) -> str:
    """Name what the facts depend on: the layers, and where the image looks for things."""
    chain = chain_ids(diff_ids)[-1] if diff_ids else ""
    paths = [variables.get(name, "") for name in ("PATH", "LD_LIBRARY_PATH")]
    return digest_of(json.dumps([FORM, chain, architecture, *paths]).encode()).partition(":")[2]


def _kept(path: Path) -> BaseFacts | None:
    try:
        return BaseFacts.from_json(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _variables(settings: Sequence[str]) -> dict[str, str]:
    return dict(one.split("=", 1) for one in settings if "=" in one)


def facts_of(tree: Tree, architecture: str, variables: Mapping[str, str]) -> BaseFacts:
    """Give the facts of an image's files; `variables` are its environment."""
    folders = library_folders(tree, variables.get("LD_LIBRARY_PATH", ""))
    return BaseFacts(
        architecture,
        find_interpreters(tree, variables.get("PATH") or DEFAULT_PATH),
        find_libc(tree, folders),
        frozenset(_libraries(tree, folders)),
        tuple(path for path in SHELLS if isinstance(tree.find(path), Plain)),
    )


def find_interpreters(tree: Tree, search: str) -> dict[str, Version]:
    """Give the interpreters' paths and versions: in the order of `search`, then by their path.

    An interpreter of a virtualenv in the image is none: it is not the place of a library.
    """
    places = [tree.resolve(folder) for folder in search.split(":") if folder]
    found: dict[tuple[str, Version], str] = {}
    for path in sorted(_candidates(tree), key=len, reverse=True):  # python3.11 before python3
        folder = path.rpartition("/")[0]
        version = _version(tree, path)
        if version and tree.find(f"{folder}/../pyvenv.cfg") is None:
            found.setdefault((folder, version), path)

    def rank(place: tuple[tuple[str, Version], str]) -> tuple[int, str]:
        (folder, _), path = place
        return places.index(folder) if folder in places else len(places), path

    return {f"/{path}": version for (_, version), path in sorted(found.items(), key=rank)}


def _candidates(tree: Tree) -> Iterator[str]:
    for path, entry in tree.files():
        if INTERPRETER.fullmatch(path):
            file = tree.find(path) if isinstance(entry, Link) else entry
            if isinstance(file, Plain) and file.executable:
                yield path


def _version(tree: Tree, path: str) -> Version | None:
    """Tell an interpreter's version by its name, its file's name, or its standard library."""
    names = (path.rpartition("/")[2], (tree.resolve(path) or "").rpartition("/")[2])
    matches = [match for name in names if (match := STANDARD_LIBRARY.fullmatch(name))]
    if matches:
        return 3, int(matches[0][1])
    prefix = (tree.resolve(path) or "").rpartition("/")[0]
    libraries = [
        match
        for folder in ("lib", "lib64")
        for name in tree.names(f"{prefix}/../{folder}")
        if (match := STANDARD_LIBRARY.fullmatch(name))
        and tree.find(f"{prefix}/../{folder}/{name}/os.py")
    ]
    minors = {int(match[1]) for match in libraries}
    return (3, minors.pop()) if len(minors) == 1 else None


def library_folders(tree: Tree, search: str) -> tuple[str, ...]:
    """Give the folders that the image's loader looks into; `search` is LD_LIBRARY_PATH."""
    folders = [*search.split(":"), *_configured(tree, "etc/ld.so.conf", MOST_INCLUDES)]
    for folder in LIBRARY_FOLDERS:
        folders.append(folder)
        folders += [f"{folder}/{name}" for name in tree.names(folder) if TRIPLETS.fullmatch(name)]
    resolved = (tree.resolve(folder) for folder in folders if folder.strip("/"))
    return tuple(dict.fromkeys(folder for folder in resolved if folder))


def _configured(tree: Tree, path: str, depth: int) -> Iterator[str]:
    """Give the folders of a file such as ld.so.conf and of those that it includes."""
    entry = tree.find(path)
    if not isinstance(entry, Plain) or not entry.content or not depth:
        return
    for line in entry.content.decode(errors="surrogateescape").splitlines():
        words = line.partition("#")[0].split()
        if words[:1] == ["include"]:
            for pattern in words[1:]:
                for included in _matching(tree, pattern):
                    yield from _configured(tree, included, depth - 1)
        elif words and words[0] != "hwcap":
            yield words[0]


def _matching(tree: Tree, pattern: str) -> list[str]:
    folder, _, name = pattern.rpartition("/")
    folder = folder if pattern.startswith("/") else f"etc/{folder}"
    return [f"{folder}/{one}" for one in sorted(tree.names(folder)) if fnmatch.fnmatch(one, name)]


def _libraries(tree: Tree, folders: Sequence[str]) -> Iterator[str]:
    for folder in folders:
        for name in tree.names(folder):
            if LIBRARY.fullmatch(name) and isinstance(tree.find(f"{folder}/{name}"), Plain):
                yield name


def find_libc(tree: Tree, folders: Sequence[str]) -> tuple[str, Version]:
    """Give the C library's kind and version; glibc where an image has both."""
    found: dict[str, Version] = {}
    for folder in folders:
        for name in tree.names(folder):
            if LIBC.fullmatch(name):
                entry = tree.find(f"{folder}/{name}")
                content = entry.content if isinstance(entry, Plain) else None
                kind = "musl" if "musl" in name else "glibc"
                version = _libc_version(kind, content or b"")
                found[kind] = max(found.get(kind, (0, 0)), version)
    return next(((kind, found[kind]) for kind in ("glibc", "musl") if kind in found), ("", (0, 0)))


def _libc_version(kind: str, content: bytes) -> Version:
    if kind == "musl":
        match = MUSL_VERSION.search(content)
    else:
        match = GLIBC_BANNER.search(content)
        elf = None if match else parse_bytes(content)
        if elf and elf.defines:
            return elf.defines
    return (int(match[1]), int(match[2])) if match else (0, 0)
