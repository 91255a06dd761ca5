"""The image type `venv`: a virtualenv and folders of the project, layer by layer, on a base."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dockerutils import docker_cli
from dockerutils.command import Command, Stdin
from dockerutils.config.image_kinds import base_place
from dockerutils.config.venv_keys import (
    BYTECODE,
    INTERPRETER,
)
from dockerutils.context.ignore import load_rules
from dockerutils.errors import ProjectError
from dockerutils.expansion import Expansion
from dockerutils.images.catalogue import Image
from dockerutils.images.inputs import secret_digest
from dockerutils.images.project_folders import file_digests
from dockerutils.images.recipe import (
    BuildRequest,
    Contexts,
    Details,
    NamedImage,
    Unbuilt,
)
from dockerutils.images.venv_assembly import VenvAssembly
from dockerutils.images.venv_parts import VenvParts
from dockerutils.oci.layer import identities
from dockerutils.venv.base import BaseFacts


@dataclass(frozen=True)
class VenvReading(Unbuilt):
    """A virtualenv that is to become an image; looked at when something of it is wanted."""

    parts: VenvParts
    known: dict[bool, Details] = field(default_factory=dict, compare=False)

    @property
    def uses(self) -> tuple[NamedImage, ...]:
        """The image below, if it has a name."""
        try:
            kind, name = base_place(self.parts.base)
        except ProjectError:
            if self.parts.settings.pre_build_script:  # which may make the virtualenv
                return ()
            raise
        return (NamedImage(name, str(self.place)),) if kind == "image" else ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user may want to know of the virtualenv, and folders that come to nothing."""
        material = self.parts.material
        projects = (group for group in material.groups if group.name.startswith("project "))
        empty = (
            f"no file of {group.root} gets into the image: it is empty, or .dockerignore or"
            " `exclude` leaves out all of it."
            for group in projects
            if not group.files
        )
        return (*material.ownership.notes, *empty)

    def takes(self, file: str) -> bool:
        """Tell whether a file of the project lies in one of the folders that are taken."""
        folders = self.parts.settings.project or ()
        inside = any(Path(file).is_relative_to(Path(folder.source)) for folder in folders)
        return inside and not load_rules(self.parts.root, self.parts.root / self.place).excludes(
            file
        )

    # What it is made of ---------------------------------------------------------------------

    def details(self, request: BuildRequest, contexts: Contexts, whole: bool) -> Details:
        """Give the layers by their content, the distributions, the project's files, the settings.

        What the base adds, such as where its interpreter is, is told by the base.
        """
        del contexts, whole
        trusted = not request.no_cache
        if trusted not in self.known:
            self.known[trusted] = self._details(trusted)
        return self.known[trusted]

    def _details(self, trusted: bool) -> Details:
        unasked = self.parts.bundle(BaseFacts(""))
        groups = (*(unasked.groups if unasked else ()), *self.parts.material.groups)
        nominal = "/usr/bin/python{}.{}".format(*self.parts.material.virtualenv.version)
        layers = self.parts.layers(nominal, trusted, None, groups)
        venv: dict[str, str] = {}
        project: dict[str, str] = {}
        for group, identity in zip(groups, identities(layers), strict=True):
            of_project = group.name.startswith("project ")
            files = dict(file_digests(group, self.parts.root)) if of_project else {}
            part = project if of_project else venv
            # Two groups can have one name, such as two folders that come to one place.
            part |= files or {group.name: part.get(group.name, "") + identity.diff_id}
        distributions = {
            f"{one.name} {one.version}": "" for one in self.parts.material.ownership.distributions
        }
        return {
            "venv": {**distributions, **venv},
            "project": project,
            "packages": self.parts.packages.details() if self.parts.packages else {},
            "options": self._options(),
        }

    def _options(self) -> dict[str, str]:
        told = {
            "base": self._base_file(),
            "dest": self.parts.dest,
            "project": " ".join(map(str, self.parts.settings.project or ())),
            "bytecode": self.parts.settings.bytecode or BYTECODE,
            "interpreter": self.parts.settings.interpreter or INTERPRETER,
            "created": self.parts.created(),
        }
        return {**told, "image settings": secret_digest(repr(self.parts.baked()))}

    def _base_file(self) -> str:
        """Tell what a base from a file is; one with a name is told by the engine."""
        from dockerutils.sources.base import file_base  # noqa: PLC0415  # seldom needed

        source = file_base(self.parts.base, self.parts.root)
        if source is None:
            return ""
        with source.open() as image:
            return image.id

    # How it is made -------------------------------------------------------------------------

    def assembly(self, request: BuildRequest) -> VenvAssembly:
        """Give how it is put together."""
        return VenvAssembly(self.parts, not request.no_cache)

    def commands(self, request: BuildRequest, stand_ins: Mapping[str, str]) -> tuple[Command, ...]:
        """Give a build with docker that makes something near it: in layers that all move."""
        del request
        parts = self.parts
        base, dest = stand_ins.get(parts.base, parts.base), shlex.quote(parts.dest)
        folder = shlex.quote(str(parts.folder))
        packages = parts.packages
        head = packages.dockerfile(base) if packages else [f"FROM {base}"]
        lines = [*head, copying("venv", parts.dest)]
        contexts = {"venv": str(parts.folder)}
        # The scripts name the virtualenv's folder, and the interpreter may lie elsewhere.
        moving = f"grep -rlIF {folder} {dest} | xargs -r sed -i s:{folder}:{dest}:g"
        python = '"$(command -v python3)"'
        linking = rf"find {dest}/bin -regex '.*/python[0-9.]*' -exec ln -sfn {python} {{}} \;"
        home = f'sed -i "s:^home *=.*:home = $(dirname {python}):" {dest}/pyvenv.cfg'
        lines.append(f"RUN {moving}; {linking}; {home}")
        for number, project in enumerate(parts.settings.project or (), 1):
            lines.append(copying(f"project{number}", project.dest))
            contexts[f"project{number}"] = str(parts.root / project.source)
        baked = parts.baked(late=True)
        lines += baked.instructions()
        stdin = Stdin("\n".join(lines) + "\n", shlex.join(["printf", r"%s\n", *lines]))
        label = parts.image.reference.repository
        arguments = (word for name in baked.arguments for word in ("--build-arg", name))
        options = (*(packages.options if packages else ()), *arguments)
        return (docker_cli.build_of_contexts(self.tags[0], contexts, label, stdin, options),)


def copying(context: str, dest: str) -> str:
    """Give the instruction that copies a whole context."""
    words = f". {dest}" if " " not in dest else json.dumps([".", dest])
    return f"COPY --from={context} {words}"


def dockerfile_of(parts: VenvParts, base: str, user: str, archives: Iterable[str]) -> list[str]:
    """Give the lines of a Dockerfile that adds archives of the layers to a base.

    `user` is whom a container of the image runs as.
    """
    packages = parts.packages
    head = packages.dockerfile(base, user, in_context=True) if packages else [f"FROM {base}"]
    return [*head, *(f"ADD {name} /" for name in archives), *parts.baked().instructions()]


def read_venv(image: Image, expansion: Expansion, request: BuildRequest) -> VenvReading:
    """Read the settings of an image made from a virtualenv, which itself is looked at later."""
    del request
    project = expansion.project
    settings = project.config.settings(image.source)
    origin = project.config.origins.get((image.source, "type"))
    place = Path(origin.file if origin else ".")
    return VenvReading(VenvParts(image, expansion, settings, place))
