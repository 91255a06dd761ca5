"""The look at a context of 20,000 files and 500 MB, by us and by `docker build`.

BuildKit knows a folder again by its path: docker's client sends what its engine does not have from
there, and that is how it learns of a change at all. So its cold run is one in a folder that has
just got a name which it never had; the COPY itself is in the cache then, as the content is the
same. All files are in the memory of the machine.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measurement import Case, Group
from benchmarks.processes import SCRIPTS, Place
from benchmarks.workshop import image_name, printed_commands, project
from dockerutils.context.ignore import load_rules
from dockerutils.context.stat_cache import StatCache
from dockerutils.context.tree import hash_context

FOLDERS, FILES, SIZE = 200, 100, 25_000
IMAGE = "everything"
DOCKERFILES = {IMAGE: "FROM scratch\nCOPY . /\n"}
MOST_RUNS = 5
SETTLING = 2.5  # seconds until a file is old enough to be known by its times
BUILD = SCRIPTS / "build-image"


@contextmanager
def groups() -> Iterator[list[Group]]:
    """Give the cases: looked at for the first time, and looked at again."""
    with project(DOCKERFILES) as place, builder_cache(place), tempfile.TemporaryDirectory() as kept:
        write_files(place.folder / "data")
        time.sleep(SETTLING)
        command = printed_commands(place.talk(BUILD, IMAGE))[-1]
        moving = Moving(place)
        try:
            yield [
                Group("context, first time", cold(moving, command, Path(kept)), MOST_RUNS),
                Group("context, again", warm(place, moving, command, Path(kept)), MOST_RUNS),
            ]
        finally:
            moving.back()


class Moving:
    """The project's folder under one new name after the other."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.folder = place.folder

    def away(self) -> None:
        """Give the folder a name that it never had."""
        self._move(self.place.folder.with_name(f"moved{secrets.token_hex(4)}"))

    def back(self) -> None:
        """Give the folder the name that it had first."""
        self._move(self.place.folder)

    def _move(self, name: Path) -> None:
        self.folder = self.folder.rename(name)

    def run(self, *words: str) -> None:
        """Run a command in the folder, wherever it is."""
        Place(self.folder, self.place.variables).run(*words)


def cold(moving: Moving, command: list[str], kept: Path) -> tuple[Case, ...]:
    """Give the cases without anything known of the files."""
    unknown = kept / "unknown.json"
    return (
        Case("docker build", lambda: moving.run(*command), prepare=moving.away),
        Case(
            "our hash",
            lambda: look(moving.folder, unknown),
            items=FOLDERS * FILES,
            prepare=lambda: unknown.unlink(missing_ok=True),
        ),
    )


def warm(place: Place, moving: Moving, command: list[str], kept: Path) -> tuple[Case, ...]:
    """Give the cases when all files are known and none has changed; then the whole command."""
    return (
        Case("docker build", lambda: moving.run(*command), prepare=moving.back),
        Case("our hash", lambda: look(place.folder, kept / "known.json"), items=FOLDERS * FILES),
        Case(f"build-image {IMAGE}", lambda: place.run(BUILD, IMAGE)),
    )


def look(root: Path, cache: Path) -> None:
    """Digest what docker would send."""
    rules = load_rules(root, root / "docker" / IMAGE / "Dockerfile")
    hash_context(root, rules, StatCache(cache), time.time())


def write_files(root: Path) -> None:
    """Write files that share nothing."""
    for folder in range(FOLDERS):
        home = root / f"part{folder:03}"
        home.mkdir(parents=True)
        for number in range(FILES):
            (home / f"{number:02}.bin").write_bytes(os.urandom(SIZE))


@contextmanager
def builder_cache(place: Place) -> Iterator[None]:
    """Remove in the end what the builder has kept of this context: half a GB each time."""
    before = kept_by_builder(place)
    try:
        yield
    finally:
        name = image_name(place, IMAGE)
        place.run("docker", "image", "rm", "--force", f"{name}:benchmark")
        for one in kept_by_builder(place) - before:
            place.run("docker", "builder", "prune", "--force", "--filter", f"id={one}")


def kept_by_builder(place: Place) -> set[str]:
    """Give the IDs of the big things in the builder's cache."""
    listed = place.run("docker", "system", "df", "--verbose", "--format", "{{json .BuildCache}}")
    return {one["ID"].rstrip("*") for one in json.loads(listed) or () if is_big(one["Size"])}


def is_big(size: str) -> bool:
    """Tell whether docker writes the size of 100 MB or more: `524MB`."""
    return size.endswith("GB") or (size.endswith("MB") and float(size[:-2]) >= 100)
