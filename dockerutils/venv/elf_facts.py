"""The ELF facts of all files of a folder, kept from one build to the next, file by file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dockerutils.files import replace_file
from dockerutils.venv.elf import Elf, Version, read_elf
from dockerutils.venv.scan import File

FORM = 1
SHARED = re.compile(r".+\.so(?:\.[\w-]+)*")
TEXT = (".py", ".sh", ".pl", ".js", ".json", ".txt", ".md", ".html", ".bat", ".ps1", ".fish")


def read_all(root: Path, files: Iterable[File], folder: Path | None) -> dict[str, Elf]:
    """Give the facts of those files below `root` that are ELF files, by their paths.

    In `folder` there is one small file for each root; what did not change is not opened again.
    """
    some = (file for file in files if file.mode & 0o111 or ".so" in file.path)  # of very many
    found = [file for file in some if may_be_elf(file)]
    kept_at = folder / f"{_name(root)}.json" if folder else None
    kept = _kept(kept_at)
    facts = {file.path: _fresh(root, file, kept.get(file.path)) for file in found}
    if kept_at and facts != kept:
        content = json.dumps({"form": FORM, "files": facts}, separators=(",", ":"))
        with contextlib.suppress(OSError):
            replace_file(kept_at, content.encode())
    return {path: _elf(one[1]) for path, one in facts.items() if one[1] is not None}


def may_be_elf(file: File) -> bool:
    """Tell by name and mode whether a file is worth a look."""
    if file.link is not None or not file.size:
        return False
    name = file.path.rpartition("/")[2]
    shared = ".so" in name and bool(SHARED.fullmatch(name))
    return shared or bool(file.mode & 0o111 and not name.endswith(TEXT))


def _name(root: Path) -> str:
    return hashlib.sha256(os.fsencode(root.absolute())).hexdigest()[:32]


def _kept(path: Path | None) -> dict[str, Any]:
    try:
        data = json.loads(path.read_bytes()) if path else {}
        kept = data["files"] if data.get("form") == FORM else {}
        for _, facts in kept.values():
            if facts is not None:
                _elf(facts)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
    return dict(kept)


def _fresh(root: Path, file: File, kept: Any) -> list[Any]:
    """Give what is kept of a file if the file is still the same, else read it."""
    state = [file.size, file.mtime_ns, file.ctime_ns, file.inode]
    if kept and kept[0] == state:
        return list(kept)
    elf = read_elf(os.path.join(root, file.path))  # noqa: PTH118  # Path is slow, and they are many
    return [state, _plain(elf) if elf else None]


def _plain(elf: Elf) -> list[Any]:
    versions = [list(one) if one else None for one in (elf.glibc, elf.defines)]
    return [
        *(elf.architecture, list(elf.needed), list(elf.search), elf.soname, elf.loader),
        *versions,
    ]


def _elf(plain: Any) -> Elf:
    architecture, needed, search, soname, loader, glibc, defines = plain
    return Elf(
        *(str(architecture), tuple(needed), tuple(search), str(soname), str(loader)),
        *(_version(glibc), _version(defines)),
    )


def _version(plain: Any) -> Version | None:
    if plain is None:
        return None
    major, minor = plain
    return int(major), int(minor)


def needs(facts: Mapping[str, Elf]) -> tuple[Version, str] | None:
    """Give the highest glibc that any of the files needs, and the first file that does."""
    found = [(elf.glibc, path) for path, elf in sorted(facts.items()) if elf.glibc]
    return max(found, key=lambda one: one[0], default=None)
