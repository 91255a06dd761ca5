"""Files of requirements for a build: the one that is named, and those that it includes.

They are mounted as secrets: neither the history of an image nor a printed command has what they
say, which may be an index with a password.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dockerutils.config.words import csv_field
from dockerutils.errors import ProjectError

PLACE = "/run/requirements"  # of the files, while a build reads them
LARGEST = 500 * 1024  # bytes of a secret (buildkit, session/secrets/secretsprovider)
# https://pip.pypa.io/en/stable/reference/requirements-file-format/
INCLUDE = re.compile(r"(?:-r|-c|--requirement|--constraint)[ =]*(?P<file>[^\s#]+)")
FOLDER = re.compile(r"(?:-e|--editable)\b.*|\.{0,2}/.*|\.{1,2}(?:\[.*)?|.*\bfile:.*")
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://")


@dataclass(frozen=True)
class Requirements:
    """Files by their paths from a common folder; the first one is the one that is installed."""

    folder: Path
    files: Mapping[str, bytes]

    @property
    def main(self) -> str:
        """The place of the first one in a build."""
        return f"{PLACE}/{next(iter(self.files))}"

    @cached_property
    def details(self) -> dict[str, str]:
        """Give the digest of each."""
        return {path: hashlib.sha256(text).hexdigest() for path, text in self.files.items()}

    @property
    def digest(self) -> str:
        """Give the digest of all."""
        return hashlib.sha256(repr(list(self.details.items())).encode()).hexdigest()

    @property
    def mounts(self) -> str:
        """Give RUN's options that mount them; a build's cache does not see what they say."""
        return " ".join(
            f"--mount=type=secret,id={id_},required=true,target={csv_field(f'{PLACE}/{path}')}"
            for id_, path in self._ids
        )

    @property
    def words(self) -> tuple[str, ...]:
        """Give docker's options that hand them over."""
        pairs = ((id_, csv_field(f"src={self.folder / path}")) for id_, path in self._ids)
        return tuple(word for id_, src in pairs for word in ("--secret", f"id={id_},{src}"))

    @property
    def _ids(self) -> list[tuple[str, str]]:
        return [(f"requirements{number or ''}", path) for number, path in enumerate(self.files)]


def read_requirements(root: Path, named: str, place: Path) -> Requirements:
    """Read a file and all that it includes.

    Raises `ProjectError` where one cannot be read, is too large, or names folders of this machine.
    """
    found: dict[Path, bytes] = {}
    waiting = [(Path(os.path.abspath(root / named)), f"{place}: `pip` names")]  # noqa: PTH100
    while waiting:
        path, whence = waiting.pop(0)
        if path not in found:
            found[path] = content_of(path, whence)
            waiting += [(inner, f"{path} includes") for inner in included(path, found[path])]
    common = Path(os.path.commonpath([path.parent for path in found]))
    files = {path.relative_to(common).as_posix(): text for path, text in found.items()}
    return Requirements(common, files)


def content_of(path: Path, whence: str) -> bytes:
    """Read one file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ProjectError(
            f"{whence} the file {path}, which cannot be read: {error.strerror}.",
            f"Make {path}, or name another file.",
        ) from error
    if len(content) > LARGEST:
        raise ProjectError(
            f"{whence} the file {path}, and {LARGEST // 1024} KiB are the most that builders take.",
            "Divide it by `-r OTHER.txt`, or install the packages in the virtualenv.",
        )
    return content


def included(path: Path, content: bytes) -> Iterator[Path]:
    """Give the files that one includes."""
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        text = line.strip()
        found = INCLUDE.match(text)
        if found and not ADDRESS.match(found["file"]):
            yield Path(os.path.abspath(path.parent / found["file"]))  # noqa: PTH100
        elif FOLDER.fullmatch(text):
            raise ProjectError(
                f"{path}:{number}: names a folder or a file, which a build has not.",
                "Install that in the virtualenv.",
            )
