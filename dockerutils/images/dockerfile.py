"""The image type `dockerfile`: what BuildKit makes of `docker/<image>/Dockerfile`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dockerutils import docker_cli
from dockerutils.command import Command, Secret, Stdin, shown_word
from dockerutils.context.ignore import load_rules
from dockerutils.errors import ProjectError
from dockerutils.expansion import Expansion
from dockerutils.images.build_secrets import (
    PIP_CONF,
    TEMPLATE,
    BuildSecret,
    known_secrets,
    secret_words,
)
from dockerutils.images.catalogue import Image
from dockerutils.images.dockerfile_context import may_follow, sees
from dockerutils.images.dockerfile_syntax import (
    Dockerfile,
    DockerfileError,
    ImageUse,
    parse_dockerfile,
    replace_images,
)
from dockerutils.images.inputs import secret_digest
from dockerutils.images.recipe import BuildRequest, Contexts, Details, NamedImage
from dockerutils.naming import Reference

LINK = "12"  # how the mode of a symbolic link begins, in octal digits
SED_SPECIAL = re.compile(r"[\\/.*\[\]^$&]")
# What names a secret's file, or nothing: mounts, the place where they are by default, comments.
SECRET_MOUNT = re.compile(r"--mount=\S*\btype=secret\S*|/run/secrets/\S+|^[ \t]*#.*", re.MULTILINE)
SECRET_ID = re.compile(r"(?:^|,)id=([^,]+)")
BUILDER = "builder"
BUILD_ARG = "--build-arg"
# What docker build options say of the result, which a stage must not be put in the place of.
RESULT_OPTIONS = ("-t", "--tag", "--target", "-o", "--output", "--iidfile", "--metadata-file")
RESULT_SWITCHES = ("--push", "--load")


@dataclass(frozen=True)
class OptionWords:
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
    text: str = field(repr=False)
    syntax: Dockerfile
    options: OptionWords
    secrets: tuple[BuildSecret, ...]
    agent: bool = False  # whether there is an ssh agent to hand on
    platform: str = ""  # the one that the environment asks docker for

    @property
    def place(self) -> Path:
        """The Dockerfile, from the project's root."""
        return self.path

    @property
    def uses(self) -> tuple[NamedImage, ...]:
        """The images that the Dockerfile names, in order."""
        return tuple(NamedImage(use.name, f"{self.path}:{use.line}") for use in self.syntax.images)

    @property
    def tags(self) -> tuple[str, ...]:
        """The names that a build of it moves, its own first."""
        stages = (self._stage_reference(),) if self.syntax.stage(BUILDER) else ()
        return tuple(str(reference) for reference in (self.image.reference, *stages))

    def mentions(self, file: str) -> bool:
        """Tell whether the Dockerfile takes a file from the context's root by its name.

        One that mounts a secret of that name has it from there, wherever else it names it.
        """
        if file in self.syntax.secrets:
            return False
        named = re.compile(rf"(?<![\w/.-])(?:\./)?{re.escape(file)}(?![\w.-])")
        return bool(named.search(SECRET_MOUNT.sub("", self.text)))

    @property
    def mounted(self) -> Mapping[str, str]:
        """The ids of the secrets that the Dockerfile mounts, and where each comes from."""
        known = {secret.id: str(secret.file or "not found") for secret in self.secrets}
        given = secret_ids(self.options.words)
        agent = {"ssh": "your ssh agent" if self.agent else "not found"} if self.syntax.ssh else {}
        others = {
            id_: "build_args" if id_ in given else "not given"
            for id_ in self.syntax.secrets
            if id_ not in known
        }
        return {**known, **others, **agent}

    @property
    def notes(self) -> tuple[str, ...]:
        """Tell which secrets are mounted that this machine does not have."""
        missing = [(f"the secret {one.id}", one.looked_for) for one in self.secrets if not one.file]
        if self.syntax.ssh and not self.agent:
            missing.append(("the ssh agent", "SSH_AUTH_SOCK"))
        return tuple(
            f"{self.path} mounts {what}, but there is none: looked for {where}."
            for what, where in missing
        )

    def details(self, request: BuildRequest, contexts: Contexts, whole: bool) -> Details | None:
        """Give the Dockerfile, the context, the options; None with contexts from elsewhere."""
        if any(word.partition("=")[0] == "--build-context" for word in self.options.words):
            return None
        arguments = {
            f"--build-arg {name}": "not set" if value is None else secret_digest(value)
            for name, value in self.options.arguments.items()
        }
        others = tuple(without_arguments(self.options.words))
        words = {"--target": request.target, "platform": self.platform}
        if others:
            words[" ".join(map(shown_word, others))] = secret_digest(" ".join(others))
        sources = {str(self.path): secret_digest(self.text)}
        template = self.folder / TEMPLATE
        if self.mentions(PIP_CONF) and template.is_file():
            sources[TEMPLATE] = secret_digest(template.read_text("utf-8", "replace"))
        return {
            "dockerfile": sources,
            "options": {**words, **arguments},
            "context": self._seen(contexts, whole),
        }

    def _seen(self, contexts: Contexts, whole: bool) -> Mapping[str, str]:
        """Give those files of the context that the build can see."""
        seen = self.syntax.context
        if seen == () and not whole:
            return {}
        files = contexts.files(self.folder / self.path)
        links = (path for path, value in files.items() if value.startswith(LINK))
        if whole or seen is None or any(may_follow(seen, path) for path in links):
            return files
        return {path: value for path, value in files.items() if sees(seen, path)}

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
            options=(*self.options.words, *self._secret_words()),
            variables=self.options.variables,
            labels=request.labels,
        )
        own = self._with_stand_ins(own, stand_ins, request.named_contexts)
        stage = () if request.target else self._stage_build(own)
        return (docker_cli.build(own, talks=not request.quiet), *stage)

    def assembly(self, request: BuildRequest) -> None:
        """Leave it to the builder."""

    def takes(self, file: str) -> bool:
        """Tell whether a file of the project is part of the context."""
        return not load_rules(self.folder, self.folder / self.path).excludes(file)

    def _with_stand_ins(
        self, own: docker_cli.Build, stand_ins: Mapping[str, str], named_contexts: bool
    ) -> docker_cli.Build:
        """Have other images taken for names: by named contexts, or in a rewritten Dockerfile."""
        uses = [use for use in self.syntax.images if use.name in stand_ins]
        if named_contexts or not uses:
            return replace(own, contexts={use.name: stand_ins[use.name] for use in uses})
        if (self.folder / f"{self.path}.dockerignore").exists():
            raise ProjectError(
                f"{self.path} has a .dockerignore of its own, which this engine passes over.",
                f"Write the tags: FROM {stand_ins[uses[0].name]}, or use Docker 23 or newer.",
            )
        return replace(own, stdin=rewritten(self.path, self.text, uses, stand_ins))

    def _secret_words(self) -> tuple[str, ...]:
        given = any(word.partition("=")[0] == "--ssh" for word in self.options.words)
        ssh = ("--ssh", "default") if self.syntax.ssh and self.agent and not given else ()
        return (*secret_words(self.secrets), *ssh)

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
    known = known_secrets(project.root, Path(project.home), expansion.environ)
    given = secret_ids(options.words)
    mounted = tuple(known[id_] for id_ in syntax.secrets if id_ in known and id_ not in given)
    return DockerfileReading(
        image=image,
        path=path,
        folder=project.root,
        text=text,
        syntax=syntax,
        options=options,
        secrets=mounted,
        agent=bool(expansion.environ.get("SSH_AUTH_SOCK")),
        platform=expansion.environ.get("DOCKER_DEFAULT_PLATFORM", ""),
    )


def secret_ids(words: Sequence[str]) -> set[str]:
    """Name the secrets that docker build options give already."""
    pairs = zip(("", *words), words, strict=False)
    values = [
        word.removeprefix("--secret=")
        for before, word in pairs
        if before == "--secret" or word.startswith("--secret=")
    ]
    return {found[1] for value in values if (found := SECRET_ID.search(value))}


def rewritten(
    path: Path, text: str, uses: Sequence[ImageUse], stand_ins: Mapping[str, str]
) -> Stdin:
    """Give a Dockerfile with other names for images, and the sed that makes the same of it."""
    changed = replace_images(text, {use: stand_ins[use.name] for use in uses})
    if any("\n" in text[slice(*use.span)] for use in uses):  # sed sees one line at a time
        return Stdin(changed, shlex.join(["printf", "%s", changed]))
    # From the last to the first: a name put in may hold the one that it replaced.
    scripts = (sed_script(text, use, stand_ins[use.name]) for use in reversed(uses))
    words = (word for script in scripts for word in ("-e", script))
    return Stdin(changed, shlex.join(["sed", *words, str(path)]))


def sed_script(text: str, use: ImageUse, new: str) -> str:
    """Give the sed command that replaces one use: which line, and which occurrence in it."""
    old = text[slice(*use.span)]
    line = text.rfind("\n", 0, use.span[0]) + 1
    occurrence = text.count(old, line, use.span[0]) + 1
    escaped = (SED_SPECIAL.sub(r"\\\g<0>", name) for name in (old, new))
    return f"{use.line}s/{'/'.join(escaped)}/{occurrence}"


def read_source(path: Path, shown: Path) -> str:
    """Read a Dockerfile, whose line ends are kept."""
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ProjectError(f"{shown} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ProjectError(f"{shown}:{line}: holds a byte that is no UTF-8.") from error


def build_options(image: Image, expansion: Expansion, request: BuildRequest) -> OptionWords:
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
    return OptionWords(tuple(words), variables, arguments)


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


def without_arguments(words: tuple[str, ...]) -> Iterator[str]:
    """Leave out the build's arguments, whose values are nobody's business."""
    rest = iter(words)
    for word in rest:
        if word == BUILD_ARG:
            next(rest, None)
        else:
            yield word


def _argument(word: str, environ: Mapping[str, str]) -> dict[str, str | None]:
    name, equals, value = word.partition("=")
    return {name: value if equals else environ.get(name)}


def _values(variables: Mapping[str, Secret]) -> dict[str, str]:
    return {name: secret.value for name, secret in variables.items()}
