"""The folder where venv2docker leaves a Dockerfile and what it adds: layers, requirements, a log.

Only files that we have made are written over or removed; a Dockerfile of ours says so at its top.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dockerutils.destination import Destination
from dockerutils.errors import ProjectError
from dockerutils.oci.image import OciImage
from dockerutils.oci.layer import Advance, Layer, identities, ignore
from dockerutils.sinks.blobs import watched
from dockerutils.sinks.files import replace_with, told
from dockerutils.sinks.sink import Placed

MARK = "# Made by venv2docker, which writes it anew and removes it; keep changes elsewhere."
DOCKERFILE, LOG = "Dockerfile", "build.log"
LAYERS, REQUIREMENTS = "layers", "requirements"
OURS = "dockerutils: "  # how the steps of our layers begin
UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
EMPTY = 1024  # bytes of an archive of nothing, which ADD would copy and not unpack

Lines = Callable[[str, Sequence[str]], list[str]]
"""Gives the lines of a Dockerfile for the user of the image, and the archives that it adds."""


@dataclass(frozen=True)
class BuildFolder:
    """The folder, which need not be there."""

    path: Path

    def check(self) -> None:
        """Raise `ProjectError` where a file that is not ours would be written over."""
        others = [one.name for one in self._own() if one.exists()] if not self._is_ours() else []
        if others:
            raise ProjectError(
                f"{self.path} has files that venv2docker has not made: {', '.join(others)}.",
                "Name another folder with --dockerdir, or remove them.",
            )

    def clean(self) -> bool:
        """Remove our files, and the folder if it is empty then; tell whether it is gone."""
        if self._is_ours() or self._has_log_alone():
            with told(self.path):
                self._remove()
        return not self.path.exists()

    def write_log(self, lines: Iterable[str]) -> None:
        """Keep what a build wrote."""
        with told(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        replace_with(self.path / LOG, (line.encode("utf-8", "replace") for line in lines))

    def _is_ours(self) -> bool:
        try:
            with (self.path / DOCKERFILE).open(encoding="utf-8", errors="replace") as file:
                return file.readline().rstrip("\n") == MARK
        except OSError:
            return False

    def _has_log_alone(self) -> bool:
        """Tell whether a failed build left its log, and nothing more."""
        try:
            return [one.name for one in self.path.iterdir()] == [LOG]
        except OSError:
            return False

    def _own(self) -> list[Path]:
        return [self.path / name for name in (DOCKERFILE, LAYERS, REQUIREMENTS, LOG)]

    def _remove(self) -> None:
        for place in sorted((self.path / LAYERS).glob("[0-9]*-*.tar")):
            place.unlink()
        files = [one for one in (self.path / REQUIREMENTS).rglob("*") if not one.is_dir()]
        for place in (*files, self.path / LOG, self.path / DOCKERFILE):
            place.unlink(missing_ok=True)
        folders = [one for one in (self.path / REQUIREMENTS).rglob("*") if one.is_dir()]
        for folder in (
            *sorted(folders, reverse=True),
            self.path / REQUIREMENTS,
            self.path / LAYERS,
        ):
            with contextlib.suppress(OSError):  # somebody has put something into it
                folder.rmdir()
        with contextlib.suppress(OSError):
            self.path.rmdir()


@dataclass(frozen=True)
class FolderDestination(Destination):
    """A build folder as the place that an image is written to."""

    lines: Lines = field(default=lambda _user, _archives: [])
    requirements: Mapping[str, bytes] = field(default_factory=dict)

    def sink(self, reference: str) -> FolderSink:
        """Give what writes it."""
        return FolderSink(self.path, reference, self.lines, self.requirements)


@dataclass(frozen=True)
class FolderSink:
    """Writes a Dockerfile that adds our layers to the base, each as an archive."""

    folder: Path
    reference: str
    lines: Lines
    requirements: Mapping[str, bytes]

    def missing(self, image: OciImage) -> tuple[Layer, ...]:
        """Give our own layers: the base is left to the builder."""
        return image.layers[len(image.layers) - len(own_steps(image)) :]

    def put(self, image: OciImage, advance: Advance = ignore) -> Placed:
        """Write all of it; the Dockerfile is the first, so that we know the rest for ours."""
        BuildFolder(self.folder).check()
        BuildFolder(self.folder).clean()
        layers = self.missing(image)
        sizes = identities(layers, advance=lambda _bytes: advance(0), sizes=True)
        archives = {
            f"{LAYERS}/{number:02}-{UNSAFE.sub('-', layer.name)}.tar": layer
            for number, (layer, size) in enumerate(zip(layers, sizes, strict=True), 1)
            if size.size > EMPTY
        }
        user = json.loads(image.config_bytes())["config"].get("User", "")
        text = "\n".join([MARK, *self.lines(user, list(archives))]) + "\n"
        self._write_file(DOCKERFILE, [text.encode("utf-8", "surrogateescape")])
        for path, content in self.requirements.items():
            self._write_file(f"{REQUIREMENTS}/{path}", [content])
        for name, layer in archives.items():
            self._write_file(name, watched(layer.chunks(), advance))
        sent = sum(one.size for one in sizes)
        skipped = len(image.layers) - len(layers)
        return Placed(str(self.folder), image.id, "", sent, skipped, len(layers))

    def _write_file(self, name: str, chunks: Iterable[bytes]) -> None:
        path = self.folder / name
        with told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        replace_with(path, chunks)


def own_steps(image: OciImage) -> list[str]:
    """Give the steps of an image that are ours: those of its last layers."""
    history = json.loads(image.config_bytes()).get("history", [])
    steps = [str(one.get("created_by", "")) for one in history]
    return [step for step in steps if step.startswith(OURS)]
