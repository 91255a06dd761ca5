"""Projects whose images a real engine builds, and what the engine knows of them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from processes import started
from projects import CommandLine, Projects, Result

STAND_IN = "dockerutils-standin/python:3.11-slim"


@dataclass(frozen=True)
class Engine:
    """Asks docker in the environment of the commands under test."""

    environ: Mapping[str, str]

    def docker(self, *words: str) -> str:
        """Give what a docker command writes; it has to succeed."""
        done = subprocess.run(
            ["docker", *words], env=self.environ, capture_output=True, encoding="utf-8"
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def inspect(self, reference: str) -> dict[str, Any]:
        """Give all that the engine knows of an image or a container; nothing if it is not there."""
        done = subprocess.run(
            ["docker", "inspect", reference], env=self.environ, capture_output=True
        )
        found: list[dict[str, Any]] = json.loads(done.stdout or b"[]")
        return found[0] if found else {}

    def image_id(self, reference: str) -> str:
        """Give an image's ID, nothing if it is not there."""
        return str(self.inspect(reference).get("Id", ""))

    def layers(self, reference: str) -> list[str]:
        """Give the diff IDs of an image."""
        return list(self.inspect(reference)["RootFS"]["Layers"])

    def containers(self, part: str) -> set[str]:
        """Give the names of the containers, also ended ones, with a text in their name."""
        words = ("ps", "--all", "--filter", f"name={part}", "--format", "{{.Names}}")
        return set(self.docker(*words).split())


@dataclass(frozen=True)
class RealProject:
    """A project, and the commands as its user starts them."""

    root: Path
    line: CommandLine
    mark: str

    @property
    def name(self) -> str:
        """The project's name."""
        return self.root.name

    @property
    def engine(self) -> Engine:
        """The engine that its commands reach."""
        return Engine(self.line.environ)

    def __call__(self, verb: str, *words: str, stdin: str = "", **more: str) -> Result:
        """Run a verb at the root to its end."""
        return self.line(self.root, verb, *words, stdin=stdin, **more)

    def build(self, *words: str, **more: str) -> Result:
        """Run build-image, which has to succeed."""
        done = self("build-image", *words, **more)
        assert done.status == 0, done.err
        return done

    def run(self, *words: str, stdin: str = "", **more: str) -> Result:
        """Run run-image to its end, whatever that is."""
        return self("run-image", *words, stdin=stdin, **more)

    def start(self, verb: str, *words: str, **more: str) -> AbstractContextManager[Any]:
        """Start a verb; gives the process, which is ended after the `with`."""
        return started(self.root, self.line.environ, verb, *words, **more)

    def reference(self, image: str, tag: str = "") -> str:
        """Give the whole name of an image."""
        return f"{self.name}-{image}:{tag or self.mark}"

    def has(self, image: str, tag: str = "") -> bool:
        """Tell whether the engine has an image."""
        return bool(self.engine.image_id(self.reference(image, tag)))

    def having(self, **more: str) -> RealProject:
        """Give the same project with more in the environment of its commands."""
        return RealProject(self.root, CommandLine({**self.line.environ, **more}), self.mark)

    def known_as(self, user: str) -> RealProject:
        """Give the same project, as another user sees it."""
        return RealProject(self.root, self.having(LOGNAME=user).line, user)


@dataclass
class RealProjects:
    """Makes projects that are named after this run of the suite, so that all of it is found again.

    In the files `<project>` stands for the project's name and `<mark>` for the mark.
    """

    folder: Path
    line: CommandLine
    mark: str
    made: list[Path] = field(default_factory=list)

    @property
    def suffix(self) -> str:
        """What all names have in them."""
        return self.mark.removeprefix("test-")

    def make(self, files: Mapping[str, str], name: str = "") -> RealProject:
        """Write a project below a folder of its own."""
        name = name or f"shop-{self.suffix}-{len(self.made)}"
        written = {
            path: text.replace("<project>", name).replace("<mark>", self.mark)
            for path, text in files.items()
        }
        root = Projects(self.folder / str(len(self.made))).make(written, name)
        self.made.append(root)
        return RealProject(root, self.line, self.mark)
