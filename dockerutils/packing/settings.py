"""What venv2docker is to do: the virtualenv and the project are found, the options are read.

The result is the configuration of an image of the type `venv`: one that says the same.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dockerutils.config.image_kinds import (
    Assignments,
    ProjectFolder,
    check_baked_user,
    check_base,
    check_one_line,
    is_file_of_packages,
    read_folder_of_its_own,
    read_package,
    read_place,
    read_port,
)
from dockerutils.config.kinds import check_variable
from dockerutils.config.model import TAG, VENV, Config, ImageSettings, Origin, check_repository
from dockerutils.errors import ProjectError, UsageError
from dockerutils.images.catalogue import RESERVED
from dockerutils.naming import Reference, split_reference, valid_component
from dockerutils.packing.options import BUILD_FOLDER, PackOptions
from dockerutils.project import Project

VERB = "venv2docker"
HOOKS = ("WORKON_HOME", "VIRTUALENVWRAPPER_HOOK_DIR")  # virtualenvwrapper's folders of virtualenvs
PROJECT_FILE = ".project"  # virtualenvwrapper's note of where the project is
MARKS = ("pyvenv.cfg", "bin/activate", "conda-meta", "Scripts")  # of what may be a virtualenv
COMMA = re.compile(r"(?<!\\),")
SPECIAL = re.compile(r"[][*?!#\\]")  # in the notation of .dockerignore

Value = TypeVar("Value")


@dataclass(frozen=True)
class Packing:
    """A virtualenv with its project, the name of the image, and the image's settings.

    `folder` is where the build's files lie: in the project, and never in the image.
    """

    virtualenv: Path
    project: Path
    reference: Reference
    folder: Path
    settings: ImageSettings

    @property
    def image(self) -> str:
        """The image's name for people, and in the configuration."""
        name = self.virtualenv.name
        return f"{name}-image" if name in RESERVED else name


class PlainProject(Project):
    """A project in whose settings no braces mean anything."""

    @property
    def variables(self) -> dict[str, str]:
        """Nothing."""
        return {}


def project_of(packing: Packing, user: str, home: str, environ: Mapping[str, str]) -> Project:
    """Give the project that has this one image, configured in memory."""
    config = Config(
        project=VERB,  # nobody's prefix
        images={packing.image: packing.settings},
        origins={(packing.image, "type"): Origin(VERB, 0)},
    )
    return PlainProject(packing.project, user, home, config, (), environ)


# The places ---------------------------------------------------------------------------------


def read_packing(
    name: str, options: PackOptions, here: Path, home: str, environ: Mapping[str, str]
) -> Packing:
    """Find what is meant; raise `UsageError` or `ProjectError` for what cannot be."""
    virtualenv = find_virtualenv(name, here, environ)
    project = find_project(virtualenv, here, home, environ)
    if project.resolve().is_relative_to(virtualenv.resolve()):
        raise ProjectError(
            f"the project {project} lies in the virtualenv {virtualenv}.",
            f"Keep it elsewhere, and write its folder into {virtualenv / PROJECT_FILE}.",
        )
    folder = build_folder(project, virtualenv, options.dockerdir)
    reference = reference_of(virtualenv, options)
    settings = read_settings(virtualenv, project, reference, options)
    return Packing(virtualenv, project, reference, folder, settings)


def find_virtualenv(name: str, here: Path, environ: Mapping[str, str]) -> Path:
    """Give the virtualenv of a path, or of a name in virtualenvwrapper's folders, or the active."""
    active = environ.get("VIRTUAL_ENV", "")
    if not name and not active:
        raise ProjectError(
            "no virtualenv is named, and none is active.",
            f"Activate one, or name it: `{VERB} .venv`.",
        )
    path = here / (name or active)
    wrapped = hook_folders(environ) if name else []
    candidates = [path, *(folder / name for folder in wrapped)]
    for one in candidates:
        if any((one / mark).exists() for mark in MARKS):
            return absolute(one)
    found = next((one for one in reversed(candidates) if one.is_dir()), None)
    if found is None:
        places = "".join(f", nor in {folder}" for folder in wrapped)
        raise ProjectError(
            f"there is no virtualenv {path}{places}.",
            "Name one by its path, or by its name in the folder that WORKON_HOME names.",
        )
    return absolute(found)  # no virtualenv: it is told what it lacks


def absolute(path: Path) -> Path:
    """Give a path without `.` and `..`, links and all."""
    return Path(os.path.abspath(path))  # noqa: PTH100  # resolve() would follow links


def hook_folders(environ: Mapping[str, str]) -> list[Path]:
    """Give virtualenvwrapper's folders of virtualenvs."""
    return [Path(environ[name]) for name in HOOKS if environ.get(name)]


def find_project(virtualenv: Path, here: Path, home: str, environ: Mapping[str, str]) -> Path:
    """Give the project of a virtualenv: as it is noted there, else what holds it, else this folder.

    Virtualenvwrapper's folders, the home and the root are no projects.
    """
    note = virtualenv / PROJECT_FILE
    if note.is_file():
        noted = Path(note.read_text("utf-8", "surrogateescape").strip() or ".")
        project = virtualenv / noted
        if not project.is_dir():
            raise ProjectError(
                f"{note} names {noted}, which is no folder.",
                f"Write the project's folder into it, or remove {note}.",
            )
        return absolute(project)
    none = {Path("/"), Path(home).resolve(), *(one.resolve() for one in hook_folders(environ))}
    for folder in (virtualenv.parent, here):
        if folder.resolve() not in none:
            return absolute(folder)
    raise ProjectError(
        f"the project of {virtualenv} would be all of {here}.",
        f"Change into the project's folder, or write it into {note}.",
    )


def build_folder(project: Path, virtualenv: Path, text: str) -> Path:
    """Give the folder of the build's files, which has to be one of its own in the project."""
    folder = project / text
    inside = folder.resolve() != project.resolve() and ".." not in Path(text).parts
    if Path(text).is_absolute() or not inside or SPECIAL.search(text):
        raise UsageError(
            f"--dockerdir {text} is no folder in the project.",
            "Name one for the build's files alone, such as .venv2docker.",
        )
    top = Path(text).parts[0]
    if virtualenv.resolve().is_relative_to(folder.resolve()) or (virtualenv / top).exists():
        raise UsageError(
            f"--dockerdir {text} is a name that the virtualenv has as well.", "Choose another."
        )
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--dockerdir {text} is a file.", "Choose another name.")
    return folder


# The options --------------------------------------------------------------------------------


def reference_of(virtualenv: Path, options: PackOptions) -> Reference:
    """Give the image's name and tag; both may stand in `--name`."""
    repository, tag = split_reference(options.name)
    if tag and options.tag and tag != options.tag:
        raise UsageError(f"--name {options.name} has another tag than --tag {options.tag}.")
    if not options.name:
        repository = valid_component(virtualenv.name)
        if not repository:
            raise UsageError(f"no image can be called {virtualenv.name}.", "Name it with --name.")
    checked("--name", check_repository, repository)
    tag = options.tag or tag or "latest"
    if not TAG.fullmatch(tag):
        raise UsageError(
            f"--tag is `{tag}`, which docker refuses.",
            "Write letters, digits, `_`, `.` and `-`, beginning with neither `.` nor `-`.",
        )
    if options.push and "/" not in repository:
        raise UsageError(
            f"--push needs a repository in the name, and {repository} has none.",
            f"Write --name REPOSITORY/{repository}.",
        )
    return Reference(repository, tag)


def read_settings(
    virtualenv: Path, project: Path, reference: Reference, options: PackOptions
) -> ImageSettings:
    """Give the settings of the image that the options describe."""
    refuse_contradictions(options)
    place, dest = places(virtualenv, project, options)
    return ImageSettings(
        type=VENV,
        name=reference.repository,
        tag=reference.tag,
        prefix=False,
        venv=literal(str(virtualenv)),
        dest=dest,
        project=(ProjectFolder(".", place),),
        project_path=not options.no_project_path,
        project_pypath=not options.no_project_pypath,
        base=literal(checked("--base", check_base, options.base)) or None,
        apt=tuple(apt_words(options.apt, project)),
        pip=literal(pip_file(options.pip, project)) or None,
        paths=tuple(value_of("--paths", read_place, one) for one in items(options.paths)),
        pypaths=tuple(value_of("--pypaths", read_place, one) for one in items(options.pypaths)),
        maintainer=literal(checked("--maintainer", check_one_line, options.maintainer)) or None,
        exclude=(options.dockerdir,) if options.dockerdir != BUILD_FOLDER else (),
        image_entrypoint=entrypoint(options),
        image_env=variables(options.env),
        image_user=checked("--user", check_baked_user, options.user) or None,
        image_workdir=value_of("--workdir", read_place, options.workdir or place),
        image_expose=tuple(value_of("--ports", read_port, one) for one in items(options.ports)),
    )


def refuse_contradictions(options: PackOptions) -> None:
    """Raise `UsageError` for options that cannot be meant together."""
    for name, given in (("--push", options.push), ("--run", options.run)):
        if given and options.skip_image:
            raise UsageError(f"{name} needs the image that --skip-image leaves out.")
    if items(options.args) and not options.entrypoint:
        raise UsageError(
            "--args are for the program of --entrypoint, and there is none.",
            "Write --entrypoint PROGRAM as well.",
        )


def places(virtualenv: Path, project: Path, options: PackOptions) -> tuple[str, str]:
    """Give the places of the project and of the virtualenv in the image."""
    bins = value_of("--bin-path", read_place, options.bin_path).rstrip("/")
    libs = value_of("--lib-path", read_place, options.lib_path).rstrip("/")
    place = value_of("--bin-path", read_folder_of_its_own, f"{bins}/{project.name}")
    dest = value_of("--lib-path", read_folder_of_its_own, f"{libs}/{virtualenv.name}")
    if f"{place}/".startswith(f"{dest}/") or f"{dest}/".startswith(f"{place}/"):
        raise UsageError(
            f"the project at {place} and the virtualenv at {dest} would lie in each other.",
            "Give them different folders with --bin-path and --lib-path.",
        )
    return place, dest


def entrypoint(options: PackOptions) -> tuple[str, ...] | None:
    """Give the words of the exec-form ENTRYPOINT; none without a program."""
    if not options.entrypoint:
        return None
    return tuple(map(literal, (options.entrypoint, *items(options.args))))


def variables(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Read variables `NAME=VALUE`."""
    kind = Assignments("--env", check_variable)
    for one in (given := list(items(texts))):
        checked("--env", check_one_line, one)
    try:
        pairs = kind.from_toml(given)
    except ValueError as error:
        raise UsageError(f"--env {error}.") from error
    return tuple((name, literal(value)) for name, value in pairs)


def apt_words(texts: tuple[str, ...], project: Path) -> Iterator[str]:
    """Give packages, or the one file of the project that names them."""
    if len(texts) == 1 and texts[0] and (project / texts[0]).is_file():
        yield texts[0] if is_file_of_packages(texts[0]) else f"./{texts[0]}"
        return
    for one in items(texts):
        if "/" in one or is_file_of_packages(one):
            raise UsageError(
                f"--apt names the file {one}, which is not there.",
                f"Paths start from the project, {project}.",
            )
        yield value_of("--apt", read_package, one)


def pip_file(text: str, project: Path) -> str:
    """Give the file of requirements, which has to be there."""
    if text and not (project / text).is_file():
        raise UsageError(
            f"--pip names the file {text}, which is not there.",
            f"Paths start from the project, {project}.",
        )
    return text


def items(texts: Iterable[str]) -> list[str]:
    r"""Give the items of lists with commas; `\,` is a comma, and an empty item is none."""
    return [
        item.replace(r"\,", ",") for text in texts for item in COMMA.split(text) if item.strip()
    ]


def value_of(option: str, read: Callable[[str], Value], text: str) -> Value:
    """Read an option's value; raise `UsageError` for one that is no good."""
    try:
        return read(text)
    except ValueError as error:
        raise UsageError(f"{option} {error}.") from error


def checked(option: str, check: Callable[[str], None], text: str) -> str:
    """Give an option's value, empty for none; raise `UsageError` for one that is no good."""
    if text:
        value_of(option, check, text)
    return text


def literal(text: str) -> str:
    """Write a value in which no dollar sign means a variable."""
    return text.replace("$", "$$")
