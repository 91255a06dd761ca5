"""The image type `dockerfile`: what BuildKit makes of `docker/<image>/Dockerfile`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dockerutils import docker_cli
from dockerutils.command import Command, Secret
from dockerutils.errors import ProjectError
from dockerutils.expansion import Expansion
from dockerutils.images.catalogue import Image
from dockerutils.images.dockerfile_syntax import Dockerfile, DockerfileError, parse_dockerfile
from dockerutils.images.recipe import BuildRequest, NamedImage
from dockerutils.naming import Reference

BUILDER = "builder"
BUILD_ARG = "--build-arg"
# What docker build options say of the result, which a stage must not be put in the place of.
RESULT_OPTIONS = ("-t", "--tag", "--target", "-o", "--output", "--iidfile", "--metadata-file")
RESULT_SWITCHES = ("--push", "--load")


@dataclass(frozen=True)
class BuildOptions:
    """The words of docker build options, and what docker's environment has to hold for them."""

    words: tuple[str, ...]
    variables: Mapping[str, Secret]
    arguments: Mapping[str, str | None]


@dataclass(frozen=True)
class DockerfileReading:
    """A Dockerfile that was read, with the options that its image is built with."""

    image: Image
    path: Path
    folder: Path
    syntax: Dockerfile
    options: BuildOptions

    @property
    def uses(self) -> tuple[NamedImage, ...]:
        """The images that the Dockerfile names, in order."""
        return tuple(NamedImage(use.name, f"{self.path}:{use.line}") for use in self.syntax.images)

    @property
    def tags(self) -> tuple[str, ...]:
        """The names that a build of it moves, its own first."""
        stages = (self._stage_reference(),) if self.syntax.stage(BUILDER) else ()
        return tuple(str(reference) for reference in (self.image.reference, *stages))

    def commands(self, request: BuildRequest, stand_ins: Mapping[str, str]) -> tuple[Command, ...]:
        """Build the image, then its stage `builder` under a name of its own.

        The second build finds all in the cache; named, that stage's layers outlive a prune.
        """
        own = docker_cli.Build(
            reference=str(self.image.reference),
            dockerfile=self.path,
            folder=self.folder,
            label=self.image.reference.repository,
            target=request.target,
            pull=request.pull,
            no_cache=request.no_cache,
            quiet=request.quiet,
            progress="plain" if request.verbose else "",
            contexts={use.name: stand_ins[use.name] for use in self.uses if use.name in stand_ins},
            options=self.options.words,
            variables=self.options.variables,
        )
        stage = () if request.target else self._stage_build(own)
        return (docker_cli.build(own, talks=not request.quiet), *stage)

    def _stage_build(self, own: docker_cli.Build) -> tuple[Command, ...]:
        stage = self.syntax.stage(BUILDER)
        if stage is None or stage.name is None:
            return ()
        reference = self._stage_reference()
        builder = replace(
            own,
            reference=str(reference),
            label=reference.repository,
            target=stage.name,
            no_cache=False,
            options=without_results(own.options),
        )
        return (docker_cli.build(builder, talks=True),)

    def _stage_reference(self) -> Reference:
        own = self.image.reference
        return Reference(f"{own.repository}-{BUILDER}", own.tag)


def read_dockerfile(image: Image, expansion: Expansion, request: BuildRequest) -> DockerfileReading:
    """Read the Dockerfile of an image.

    Raises `ProjectError` with the place for one that cannot be read or says nothing.
    """
    project = expansion.project
    path = project.dockerfile(image.source)
    options = build_options(image, expansion, request)
    text = read_source(project.root / path, path)
    try:
        syntax = parse_dockerfile(text, options.arguments)
    except DockerfileError as error:
        raise ProjectError(f"{path}:{error.line}: {error}") from error
    return DockerfileReading(image, path, project.root, syntax, options)


def read_source(path: Path, shown: Path) -> str:
    """Read a Dockerfile, whose line ends are kept."""
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ProjectError(f"{shown} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ProjectError(f"{shown}:{line}: holds a byte that is no UTF-8.") from error


def build_options(image: Image, expansion: Expansion, request: BuildRequest) -> BuildOptions:
    """Expand the configured `build_args` and add the user's `--build-arg`s, which win."""
    words: list[str] = []
    variables: dict[str, Secret] = {}
    arguments: dict[str, str | None] = {}
    pending = [*(image.settings.build_args or ())]
    while pending:
        word = pending.pop(0)
        name, equals, value = word.partition("=")
        if name != BUILD_ARG or not (equals or pending):
            words.append(expansion.text("build_args", word))
            continue
        assigned = expansion.assignment("build_args", value if equals else pending.pop(0))
        words += [BUILD_ARG, assigned.word]
        variables |= assigned.variables
        arguments |= _argument(assigned.word, {**expansion.environ, **_values(assigned.variables)})
    for text in request.build_args:
        words += [BUILD_ARG, text]
        arguments |= _argument(text, expansion.environ)
    return BuildOptions(tuple(words), variables, arguments)


def without_results(words: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out the options that name or place what a build makes, with their values."""
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        if word in RESULT_OPTIONS:
            next(rest, None)
        elif word.partition("=")[0] not in (*RESULT_OPTIONS, *RESULT_SWITCHES):
            kept.append(word)
    return tuple(kept)


def _argument(word: str, environ: Mapping[str, str]) -> dict[str, str | None]:
    name, equals, value = word.partition("=")
    return {name: value if equals else environ.get(name)}


def _values(variables: Mapping[str, Secret]) -> dict[str, str]:
    return {name: secret.value for name, secret in variables.items()}
