"""Projects made for a test, and the commands that a user would start in them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SCRATCH = "FROM scratch\nCOPY . /\n"


@dataclass(frozen=True)
class Projects:
    """Makes projects below one folder."""

    folder: Path

    def make(self, files: Mapping[str, str | bytes] | None = None, name: str = "shop") -> Path:
        """Write files, by their paths, into a new project; gives its root."""
        root = self.folder / name
        root.mkdir(parents=True)
        for path, content in (files or {}).items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        return root

    def images(self, *names: str, name: str = "shop", config: str = "") -> Path:
        """Make a project with images from scratch, and a dockerutils.cfg if there is a text."""
        files = {f"docker/{image}/Dockerfile": SCRATCH for image in names}
        if config:
            files["docker/dockerutils.cfg"] = config
        return self.make(files, name)


@dataclass(frozen=True)
class Result:
    """What a command wrote, and the status that it ended with."""

    status: int
    out: str
    err: str

    @property
    def commands(self) -> list[str]:
        """The docker commands of a dry run's script, without its head."""
        return self.out.splitlines()[3:]


@dataclass(frozen=True)
class CommandLine:
    """Starts our commands as processes with one environment."""

    environ: Mapping[str, str]

    def __call__(
        self, folder: Path, verb: str, *words: str, stdin: str = "", **more: str
    ) -> Result:
        """Run a verb in a folder; keyword arguments are added to the environment."""
        done = subprocess.run(
            [sys.executable, "-m", "dockerutils", verb, *words],
            cwd=folder,
            env={**self.environ, **more},
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)
