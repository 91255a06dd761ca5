"""Images of type debian without Debian: an apt, its mirrors and an mmdebstrap of our own."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import pytest
from oci_images import tar_of
from projects import Projects

from dockerutils.command import Command
from dockerutils.debian import archive
from dockerutils.debian.apt_sources import AptMachine
from dockerutils.errors import CommandFailed
from dockerutils.images.catalogue import Catalogue
from dockerutils.images.debian import DebianAssembly, DebianReading
from dockerutils.images.recipe import Assembled, Bench, BuildRequest
from dockerutils.images.recipes import open_graph
from dockerutils.oci.image import OciImage
from dockerutils.runner import Answer
from dockerutils.startup import open_project

HTTP = "http://"  # of hosts that are nowhere (RFC 2606)
OS = """\
[image.os]
type = "debian"
packages = ["python3"]
"""
OS_RELEASE = "ID=debian\nVERSION_CODENAME=bookworm\n"
SOURCES = f"""\
deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {HTTP}mirror.test/debian \
bookworm main
deb {HTTP}mirror.test/debian bookworm-updates main
deb {HTTP}mirror.test/security bookworm-security main
"""
NOTHING = OciImage((), lambda _diff_ids: b"")


@dataclass
class Mirror:
    """What archives answer, by the ends of their addresses, and what mmdebstrap writes and says."""

    releases: dict[str, str] = field(default_factory=dict)  # the date of each, absent ones are 404
    reachable: bool = True
    tree: bytes = field(default_factory=lambda: tar_of({"etc/debian_version": b"12"}))
    fails: str = ""
    commands: list[Command] = field(default_factory=list)

    def read(self, command: Command) -> Answer:
        """Answer as apt-helper does, which writes files; docker answers nothing."""
        self.commands.append(command)
        if "download-file" not in command.argv:
            return Answer(0, "", "")
        words = command.argv[command.argv.index("download-file") + 1 :]
        errors = [
            self._fetch(address, Path(file))
            for address, file in zip(words[::3], words[1::3], strict=True)
        ]
        return Answer(0, "", "\n".join(errors))

    def _fetch(self, address: str, file: Path) -> str:
        if not self.reachable:
            return f"E: Failed to fetch {address}  Could not resolve 'mirror.test'"
        date = next((date for end, date in self.releases.items() if address.endswith(end)), None)
        if date is None:
            return f"E: Failed to fetch {address}  404  Not Found [IP: 192.0.2.1 80]"
        file.write_text(f"Origin: Debian\nDate: {date}\n")
        return ""

    @contextlib.contextmanager
    def stream(self, command: Command) -> Iterator[BinaryIO]:
        """Write the tree as mmdebstrap does."""
        self.commands.append(command)
        yield io.BytesIO(self.tree)
        if self.fails:
            raise CommandFailed("mmdebstrap ended with status 25.", 25, said=self.fails)

    def installed(self) -> list[Command]:
        """Give the installations since the last question."""
        found = [command for command in self.commands if command.argv[0] == "mmdebstrap"]
        self.commands.clear()
        return found


@dataclass
class House:
    """A project on a machine with an apt of its own; its cache is in the home."""

    root: Path
    machine: Path
    environ: Mapping[str, str]
    mirror: Mirror = field(default_factory=Mirror)

    def configure(self, text: str) -> None:
        """Write the configuration."""
        (self.root / "docker" / "dockerutils.toml").write_text(text)

    def write(self, path: str, text: str) -> None:
        """Write a file of the machine."""
        file = self.machine / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def reading(self) -> DebianReading:
        """Read the image anew."""
        project = open_project(self.root, user="alice", home=str(self.root / "home"))
        reading = open_graph(Catalogue(project), self.environ).node("os").reading
        assert isinstance(reading, DebianReading)
        return DebianReading(replace(reading.parts, machine=AptMachine(self.machine)))

    def assembly(self, no_cache: bool = False) -> DebianAssembly:
        """Give how the image is put together."""
        return self.reading().assembly(BuildRequest(no_cache=no_cache))

    def assembled(self, no_cache: bool = False) -> Assembled:
        """Put the image together."""
        labels = {"dockerutils.image": "shop-os"}
        return self.assembly(no_cache).upon(NOTHING, labels, self.bench())

    def bench(self) -> Bench:
        """Give a bench on which the mirror answers."""
        scratch = self.root / "scratch"
        scratch.mkdir(exist_ok=True)
        return Bench(self.mirror.read, scratch, self.mirror.stream)

    def kept(self) -> list[Path]:
        """Give the files that are kept between builds."""
        return sorted((self.root / "home/.cache/dockerutils/debian").glob("*"))


def open_house(
    projects: Projects, monkeypatch: pytest.MonkeyPatch, config: str = OS, **environ: str
) -> House:
    """Make a project, and a machine that can install packages."""
    root = projects.make({"docker/dockerutils.toml": config})
    programs = projects.folder / "programs"
    programs.mkdir()
    for name in ("mmdebstrap", "apt-helper"):
        (programs / name).touch(0o755)
    monkeypatch.setattr(archive, "HELPER", str(programs / "apt-helper"))
    house = House(root, projects.folder / "machine", {"PATH": str(programs), **environ})
    house.write("etc/os-release", OS_RELEASE)
    house.write("etc/apt/sources.list", SOURCES)
    house.mirror.releases |= {
        f"/dists/{suite}/InRelease": "Sat, 21 Nov 2026 00:00:00 UTC"
        for suite in ("bookworm", "bookworm-updates", "bookworm-security")
    }
    return house
