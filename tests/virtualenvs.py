"""Virtualenvs made for a test: by hand with what a test is about, or by Python's own venv."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
Files = Mapping[str, str | bytes]


@dataclass(frozen=True)
class MadeVirtualenv:
    """A virtualenv on the disk, to be filled with distributions."""

    root: Path
    version: str = "3.11"

    @property
    def inside(self) -> str:
        """The path of site-packages in the virtualenv."""
        return f"lib/python{self.version}/site-packages"

    @property
    def site(self) -> Path:
        return self.root / self.inside

    def write(self, files: Files) -> None:
        """Write files, by their paths in the virtualenv."""
        write_all(self.root, files)

    def add(
        self,
        name: str,
        files: Files | None = None,
        *,
        version: str = "1.0",
        origin: Mapping[str, object] | None = None,
        listed: Iterable[str] = (),
        record: bool = True,
    ) -> Path:
        """Install a distribution by hand; paths are relative to site-packages, as in RECORD.

        `listed` are added to RECORD as they stand; gives the folder of the metadata.
        """
        folder = f"{name.replace('-', '_')}-{version}.dist-info"
        whole: dict[str, str | bytes] = dict(files or {})
        whole[f"{folder}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        if origin is not None:
            whole[f"{folder}/direct_url.json"] = json.dumps(origin)
        write_all(self.site, whole)
        if record:
            paths = [*whole, f"{folder}/RECORD", *listed]
            with (self.site / folder / "RECORD").open("w", newline="") as file:
                csv.writer(file).writerows([path, "", ""] for path in paths)
        return self.site / folder

    def add_editable(self, name: str, project: Path, files: Files) -> Path:
        """Install an editable distribution by hand, from a project's folder."""
        origin = {"url": project.as_uri(), "dir_info": {"editable": True}}
        return self.add(name, files, origin=origin)


def write_all(root: Path, files: Files) -> None:
    """Write files below a folder; scripts can be started."""
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        if content[:2] in {"#!", b"#!"}:
            target.chmod(0o755)


def make_virtualenv(
    root: Path, version: str = "3.11", settings: str = "", interpreter: Path | None = None
) -> MadeVirtualenv:
    """Make a virtualenv by hand, of an interpreter that is only a file.

    `settings` are lines for pyvenv.cfg beside those that venv writes.
    """
    base = interpreter or make_interpreter(root.parent / "base" / "bin", version)
    made = MadeVirtualenv(root, version)
    made.site.mkdir(parents=True)
    (root / "lib64").symlink_to("lib")
    (root / "bin").mkdir()
    (root / "bin" / "python").symlink_to(base)
    (root / "bin" / f"python{version}").symlink_to("python")
    told = f"home = {base.parent}\ninclude-system-site-packages = false\nversion = {version}.4\n"
    (root / "pyvenv.cfg").write_text(told + settings)
    return made


def make_interpreter(folder: Path, version: str) -> Path:
    """Put something there that could be an interpreter; it is never started."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"python{version}"
    path.write_bytes(b"\x7fELF")
    path.chmod(0o755)
    return path


def real_virtualenv(root: Path, *options: str) -> MadeVirtualenv:
    """Make a virtualenv with Python's own venv, without pip."""
    words = [sys.executable, "-m", "venv", "--without-pip", *options, os.fspath(root)]
    subprocess.run(words, check=True, capture_output=True)
    return MadeVirtualenv(root, VERSION)
