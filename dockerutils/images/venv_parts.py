"""What an image made from a virtualenv consists of, by its settings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dockerutils.config.model import ImageSettings
from dockerutils.config.venv_keys import (
    BYTECODE,
    DEST,
    MAX_LAYERS,
    MIN_LAYER,
    VENV,
)
from dockerutils.errors import ProjectError
from dockerutils.expansion import Expansion
from dockerutils.files import cache_folder
from dockerutils.images.baked import Baked
from dockerutils.images.baking import baked_of, created_of, plain
from dockerutils.images.build_secrets import known_secrets
from dockerutils.images.catalogue import Image
from dockerutils.images.inputs import GROUND
from dockerutils.images.packages import (
    Packages,
    debian_packages,
    without_local,
)
from dockerutils.images.project_folders import Folders
from dockerutils.images.recipe import (
    Bench,
)
from dockerutils.images.requirements import read_requirements
from dockerutils.oci.digest_cache import DigestCache
from dockerutils.oci.layer import Layer
from dockerutils.venv.base import BaseFacts
from dockerutils.venv.bytecode import Compiler
from dockerutils.venv.environment import open_virtualenv
from dockerutils.venv.grouping import Group, Limits
from dockerutils.venv.material import Material, gather
from dockerutils.venv.pack import layer_of, names_interpreter
from dockerutils.venv.relocation import Rewriting

if TYPE_CHECKING:
    from dockerutils.venv.bundle import Bundle

AUTHOR_LABELS = ("maintainer", "org.opencontainers.image.authors")  # docker's, OCI annotations.md


@dataclass(frozen=True)
class VenvParts:
    """The parts of one image; the virtualenv is looked at when something of it is wanted."""

    image: Image
    expansion: Expansion
    settings: ImageSettings
    place: Path
    made: dict[tuple[str, Path, str, str, bool], Layer] = field(default_factory=dict, compare=False)

    @property
    def folder(self) -> Path:
        """The virtualenv's folder."""
        return self.root / self._text("venv", self.settings.venv or VENV)

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self.expansion.project.root

    @property
    def dest(self) -> str:
        """The virtualenv's place in the image."""
        return self.settings.dest or DEST

    @cached_property
    def base(self) -> str:
        """The image below, as it is written, or the usual one for the virtualenv's Python."""
        if self.settings.base:
            return self._text("base", self.settings.base)
        return "python:{}.{}-slim".format(*open_virtualenv(self.folder).version)

    @cached_property
    def material(self) -> Material:
        """The virtualenv and the project's folders, looked at once."""
        limits = Limits(
            self.settings.min_layer or MIN_LAYER, self.settings.max_layers or MAX_LAYERS
        )
        folders = Folders(self.root, self.place, self.settings.exclude or ())
        places = [
            folders.place_of(self._text("project", source), dest)
            for source, dest in self.settings.project or ()
        ]
        return gather(self.folder, self.dest, places, limits, folders.excluded(self.folder))

    @cached_property
    def cache(self) -> Path:
        """The folder of what is kept between builds."""
        return cache_folder(self.expansion.environ, self.expansion.project.home)

    def layers(
        self, interpreter: str, trusted: bool, bench: Bench | None, groups: Iterable[Group]
    ) -> list[Layer]:
        """Give layers for an interpreter of the image; nothing is compiled without a bench."""
        material, bytecode = self.material, self.settings.bytecode or BYTECODE
        compiles = bytecode == "compile"
        rewriting = Rewriting(
            root=material.virtualenv.root,
            dest=self.dest,
            interpreter=interpreter,
            version=material.virtualenv.version,
            bytecode="drop" if compiles and not bench else bytecode,
            moved=material.editables.moved,
            left_out=material.ownership.excluded,
        )
        compiler = None
        if compiles and bench:
            compiler = Compiler(material.virtualenv.interpreter, bench.read, bench.scratch)
        cache = DigestCache(self.cache / "digests")

        def layer(group: Group) -> Layer:
            if compiler:
                return layer_of(group, rewriting, cache, trusted, compiler)
            named = interpreter if names_interpreter(group) else ""
            # A distribution may be called like a group of ours: their files tell them apart.
            first = group.files[0].path if group.files else ""
            key = (group.name, group.root, first, named, trusted)
            if key not in self.made:
                self.made[key] = layer_of(group, rewriting, cache, trusted)
            return self.made[key]

        return [layer(group) for group in groups]

    @cached_property
    def packages(self) -> Packages | None:
        """What a builder installs upon the base; None for nothing."""
        settings = self.settings
        if not (settings.apt or settings.pip):
            return None
        return read_packages(self, plain(self.expansion, "pip", settings.pip or ""))

    @property
    def maintainer(self) -> str:
        """Who looks after the image."""
        return plain(self.expansion, "maintainer", self.settings.maintainer or "")

    def bundle(self, offers: BaseFacts) -> Bundle | None:
        """Give the interpreter that comes along, with what a base lacks for it."""
        if self.settings.interpreter != "bundle":
            return None
        from dockerutils.venv.bundle import bundle  # noqa: PLC0415  # seldom needed

        return bundle(self.material.virtualenv, offers, self.base, self.cache / "elf")

    def created(self) -> str:
        """Tell when the image is said to be made: `now`, or a date."""
        return created_of(self.settings, self.expansion.environ)

    def baked(self, late: bool = False) -> Baked:
        """Give what the image says of its containers, `late` with the names of variables."""
        baked = baked_of(self.settings, self.expansion, late)
        projects = [folder.dest for folder in self.settings.project or ()]
        on_path, on_pypath = (tuple(projects) if put else () for put in self._put_on_paths())
        names = AUTHOR_LABELS if self.maintainer else ()
        authors = dict.fromkeys(names, self.maintainer)
        return replace(
            baked,
            paths=(*on_path, f"{self.dest}/bin", *(self.settings.paths or ())),
            python_paths=(*on_pypath, *(self.settings.pypaths or ())),
            labels=tuple({**authors, **dict(baked.labels)}.items()),
            variables=tuple({"VIRTUAL_ENV": self.dest, **dict(baked.variables)}.items()),
            workdir=baked.workdir or next(iter(projects), None),
        )

    def _put_on_paths(self) -> tuple[bool, bool]:
        """Tell whether the project's folders are on PATH, and whether on PYTHONPATH."""
        on_path = self.settings.project_path is not False
        separate = self.settings.project_pypath
        return on_path, on_path if separate is None else separate

    def _text(self, key: str, text: str) -> str:
        return plain(self.expansion, key, text)


def read_packages(parts: VenvParts, pip: str) -> Packages:
    """Read the files that name packages; raise `ProjectError` for those that are no good."""
    settings, project = parts.settings, parts.expansion.project
    if pip and settings.interpreter == "bundle":
        raise ProjectError(
            f"{parts.place}: `pip` needs the base's Python, and `interpreter=bundle` brings one.",
            "Install those packages in the virtualenv, or leave `interpreter` out.",
        )
    distributions = parts.material.ownership.distributions if pip else ()
    return Packages(
        repository=f"{parts.image.reference.repository}{GROUND}",
        dest=parts.dest,
        version=open_virtualenv(parts.folder).version,
        apt=tuple(dict.fromkeys(debian_packages(parts.root, settings.apt or (), parts.place))),
        pip=read_requirements(parts.root, pip, parts.place) if pip else None,
        held=without_local(
            {one.name: one.version for one in distributions if one.version and not one.local}
        ),
        secrets=tuple(
            known_secrets(project.root, Path(project.home), parts.expansion.environ).values()
        ),
    )
