"""What a Dockerfile names: its stages, the images they stand on or copy from, its build secrets.

A pure, single-pass parser of that, and of which paths of the context a build can see. It follows
BuildKit's own (its packages `dockerfile/parser`, `dockerfile/shell` and `dockerfile2llb`), checked
against engine 26.1.5. It is no linter: what it need not understand it skips, and what only a build
can refuse (an unknown flag, a COPY from a later stage, a bad reference) is left to the engine.

Names inside ONBUILD are no images: a trigger runs in the builds that stand on this one, and its
`--from` can only name a stage of theirs (BuildKit 0.13 refuses an image there).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dockerutils.images.dockerfile_context import Context, joined, seen_by, seen_by_syntax, sees
from dockerutils.images.dockerfile_text import (
    SPACE,
    WORD,
    DockerfileError,
    Flag,
    Instruction,
    Source,
    announced_heredocs,
    argument_words,
    read_flags,
    skip_blanks,
    substitute,
)

__all__ = [
    "Dockerfile",
    "DockerfileError",
    "ImageUse",
    "Stage",
    "parse_dockerfile",
    "replace_images",
    "sees",
]

_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*")
_STAGE_INDEX = re.compile(r"[+-]?[0-9]+")
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)")
_FIELD = re.compile(r'(?:^|,)(?:"([^"]*)"|([^,"]*))')  # of the CSV record that --mount takes
_TAKES_HEREDOC = frozenset({"add", "copy", "run"})

# FROM sees these without an ARG. A build argument of that name wins, on the engine and here: a
# caller whose engine is another platform passes its values.
_PLATFORM: Mapping[str, str] = {
    side + part: value
    for side in ("BUILD", "TARGET")
    for part, value in (
        ("PLATFORM", "linux/amd64"),
        ("OS", "linux"),
        ("OSVERSION", ""),
        ("ARCH", "amd64"),
        ("VARIANT", ""),
    )
}
_NO_ARGUMENTS: Mapping[str, str | None] = MappingProxyType({})


@dataclass(frozen=True)
class ImageUse:
    """One place where a Dockerfile names an image: FROM, COPY --from, RUN --mount=from=.

    `name` is what is meant, after substitution; `span` is where the written word stands in the
    text (start and end, in characters) and `line` the line of that word, from 1.
    """

    name: str
    line: int
    instruction: str
    span: tuple[int, int]


@dataclass(frozen=True)
class Stage:
    """A stage: `base` is the image it stands on, `parent` the index of the earlier stage.

    Both are None for scratch. `name` is as written; stages are found whatever the case.
    """

    name: str | None
    index: int
    line: int
    base: ImageUse | None
    parent: int | None


@dataclass(frozen=True)
class Dockerfile:
    """The stages, the uses of images that are no stage of it, and what of secrets is mounted.

    Uses are in order of appearance, an image that is used twice is there twice; each secret is
    there once, and as written where its id holds a variable. `context` is what the build can see
    of its context (`sees`), all stages together: None for all of it.
    """

    stages: tuple[Stage, ...]
    images: tuple[ImageUse, ...]
    secrets: tuple[str, ...]
    ssh: bool = False  # whether the agent is mounted
    context: Context = None

    def stage(self, name: str) -> Stage | None:
        """Return the stage that `--target NAME` builds: the last of that name, in any case."""
        wanted = name.lower()
        named = (stage for stage in reversed(self.stages) if stage.name is not None)
        return next((stage for stage in named if (stage.name or "").lower() == wanted), None)


def parse_dockerfile(text: str, build_args: Mapping[str, str | None] = _NO_ARGUMENTS) -> Dockerfile:
    """Parse the text of a Dockerfile, with the values of `--build-arg`.

    An argument that is None has no value: `--build-arg NAME` with NAME unset in the environment.
    """
    source = Source(text)
    reading = _Reading(source, build_args)
    reading.seen.append(seen_by_syntax(text, build_args))
    for instruction in source.instructions():
        reading.take(instruction)
    return reading.result()


def replace_images(text: str, replacements: Mapping[ImageUse, str]) -> str:
    """Return the text with other names at those uses, and every other character kept.

    The uses are those of a parse of this very text.
    """
    parts, at = [], 0
    for use in sorted(replacements, key=lambda use: use.span):
        start, end = use.span
        parts += [text[at:start], replacements[use]]
        at = end
    return "".join([*parts, text[at:]])


class _Reading:
    """What was learnt from the instructions so far."""

    def __init__(self, source: Source, build_args: Mapping[str, str | None]) -> None:
        self.source = source
        self.escape = source.escape
        self.build_args = {key: value for key, value in build_args.items() if value is not None}
        given = {key: value for key, value in self.build_args.items() if key in _PLATFORM}
        self.arguments = {**_PLATFORM, **given}
        self.declared: set[str] = set()
        self.stages: list[Stage] = []
        self.by_name: dict[str, int] = {}
        self.uses: list[ImageUse] = []
        self.secrets: dict[str, None] = {}
        self.ssh = False
        self.seen: list[Context] = []
        self.triggers: list[tuple[int, Context]] = []  # with the stage that has them
        self.readers: dict[str, Callable[[Instruction, int], None]] = {
            "arg": self._arg,
            "from": self._from,
            "copy": self._copy,
            "run": self._run,
        }

    def take(self, instruction: Instruction) -> None:
        """Learn from the next instruction."""
        name, at = instruction.word(skip_blanks(instruction.text, 0))
        if not self.stages and name not in ("", "arg", "from"):
            sentence = f"{name.upper()} stands before the first FROM, where only ARG may be."
            raise DockerfileError(sentence, instruction.line)
        if name in self.readers:
            self.readers[name](instruction, at)
        if name:
            self._look(name, instruction, at)
        if "<<" in instruction.text:
            self._heredocs(instruction, name, at)

    def result(self) -> Dockerfile:
        """Sort out, now that all stages are known, which uses are of images."""
        if not self.stages:
            line = max(1, len(self.source.lines) - (not self.source.lines[-1]))
            raise DockerfileError("The Dockerfile has no FROM, so there is nothing to build.", line)
        images = (use for use in self.uses if self._is_image(use))
        return Dockerfile(
            tuple(self.stages), tuple(images), tuple(self.secrets), self.ssh, self._context()
        )

    def _look(self, name: str, instruction: Instruction, at: int) -> None:
        """Note what an instruction sees of the context, now or as a trigger."""
        if name != "onbuild":
            self.seen.append(seen_by(name, instruction.text, at, self.escape))
            return
        name, at = instruction.word(at)
        trigger = seen_by(name, instruction.text, at, "\\")  # read alone, without directives
        self.triggers.append((len(self.stages) - 1, trigger))

    def _context(self) -> Context:
        """Join what is seen; the triggers of a stage run in the stages upon it."""
        parents = {stage.parent for stage in self.stages}
        run = (context for stage, context in self.triggers if stage in parents)
        return joined((*self.seen, *run))

    def _is_image(self, use: ImageUse) -> bool:
        """Tell whether --from names an image.

        dockerfile2llb looks among *all* stages: the name of a later one is an error of the
        engine, never an image. Only COPY knows indices: `--mount=from=0` is the image `0`.
        """
        if use.instruction == "FROM":
            return True
        if use.instruction == "COPY" and _STAGE_INDEX.fullmatch(use.name):
            return False
        return use.name != "scratch" and use.name.lower() not in self.by_name

    def _arg(self, instruction: Instruction, at: int) -> None:
        """Note the arguments for FROM; those of a stage, after a FROM, are not for it.

        `ARG A` after `ARG A=1` keeps the 1, as newer engines do; 26.1.5 forgets it.
        """
        if self.stages:
            return
        for word in argument_words(instruction.text[at:], self.escape):
            key, equals, value = word.partition("=")
            self.declared.add(key)
            if key in self.build_args:
                self.arguments[key] = self.build_args[key]
            elif equals:
                self.arguments[key] = self._default(value)

    def _default(self, value: str) -> str:
        """Substitute in a default; one that cannot be is empty, as BuildKit 0.13 has it."""
        try:
            return substitute(value, self.arguments, self.escape)
        except ValueError:
            return ""

    def _from(self, instruction: Instruction, at: int) -> None:
        _, at = read_flags(instruction.text, at, self.escape)
        end = len(instruction.text.rstrip(SPACE))
        words = list(WORD.finditer(instruction.text, at, end))
        name = _stage_name([word[0] for word in words], instruction.line)
        base = self._base_name(words[0][0], instruction.line)
        # The name of a stage is kept in lower case and FROM looks for its word as it is, so
        # `FROM Base` never finds `AS Base`, while `COPY --from=Base` does (dockerfile2llb).
        # A stage called scratch hides the empty image.
        parent = self.by_name.get(base)
        use = None
        if parent is None and base != "scratch":
            use = _image_use(instruction, base, "FROM", words[0].span())
            self.uses.append(use)
        index = len(self.stages)
        self.stages.append(Stage(name, index, instruction.line, use, parent))
        if name is not None:
            self.by_name[name.lower()] = index

    def _base_name(self, word: str, line: int) -> str:
        try:
            name = substitute(word, self.arguments, self.escape)
        except ValueError as error:
            raise DockerfileError(f"FROM {word} cannot be resolved: {error}.", line) from None
        if name:
            return name
        variable = _VARIABLE.search(word)
        if variable is None:
            raise DockerfileError(f"FROM {word} names no image.", line)
        need = f"pass --build-arg {variable[1]}=..."
        if variable[1] not in self.declared:
            need = f"declare ARG {variable[1]} before the first FROM and {need}"
        raise DockerfileError(f"FROM {word} is empty: {need}", line)

    def _copy(self, instruction: Instruction, at: int) -> None:
        for flag in read_flags(instruction.text, at, self.escape)[0]:
            key, _, value = flag.text.partition("=")
            if key == "--from" and value:
                self._use(instruction, "COPY", flag, len(key) + 1, len(flag.text))

    def _run(self, instruction: Instruction, at: int) -> None:
        for flag in read_flags(instruction.text, at, self.escape)[0]:
            if flag.text.startswith("--mount="):
                self._mount(instruction, flag)

    def _mount(self, instruction: Instruction, flag: Flag) -> None:
        """Read a mount; `from` counts whatever the type is, as for the engine."""
        fields: dict[str, str] = {}
        for found in _FIELD.finditer(flag.text[len("--mount=") :]):
            group = found.lastindex or 2
            key, equals, value = (found[group] or "").partition("=")
            fields[key.lower()] = value
            if key.lower() == "from" and value:
                start = len("--mount=") + found.start(group) + len(key + equals)
                self._use(instruction, "RUN", flag, start, start + len(value))
        kind = fields.get("type", "").lower()
        self.ssh = self.ssh or kind == "ssh"
        if kind == "secret":
            secret = _secret_id(fields)
            if secret:
                self.secrets[secret] = None

    def _use(self, instruction: Instruction, kind: str, flag: Flag, start: int, end: int) -> None:
        """Note a use in --from, where no variable is replaced: every BuildKit refuses one."""
        name = flag.text[start:end]
        span = flag.written(instruction.text, start, end)
        use = _image_use(instruction, name, kind, span)
        if "$" in name:
            sentence = (
                f"{kind} from {name}: variables do not work there. Name a stage instead, and "
                f"define it with a line FROM {name} AS ... (ARG before the first FROM)."
            )
            raise DockerfileError(sentence, use.line)
        self.uses.append(use)

    def _heredocs(self, instruction: Instruction, name: str, at: int) -> None:
        """Skip the bodies of the heredocs that an instruction announces.

        The JSON form announces none: all its words are quoted.
        """
        if name == "onbuild":
            name, _ = instruction.word(at)
        if name not in _TAKES_HEREDOC:
            return
        for spaced, tabs, delimiter in announced_heredocs(instruction.text):
            # `<< EOF` is a heredoc for newer engines only, and `$((1 << 2))` looks the same.
            if not self.source.skip_heredoc(delimiter, tabs) and not spaced:
                sentence = f"The heredoc <<{delimiter} has no line {delimiter} that ends it."
                raise DockerfileError(sentence, instruction.line)


def _image_use(
    instruction: Instruction, name: str, kind: str, written: tuple[int, int]
) -> ImageUse:
    line = instruction.place(written[0])[1]
    return ImageUse(name, line, kind, instruction.span(*written))


def _stage_name(words: list[str], line: int) -> str | None:
    """Check the words after FROM and its flags, and return the name that follows AS."""
    if not words:
        raise DockerfileError("FROM names no image.", line)
    if len(words) == 1:
        return None
    if [word.lower() for word in words[1:-1]] != ["as"]:
        raise DockerfileError(f"FROM takes IMAGE or IMAGE AS NAME, not {' '.join(words)}", line)
    if not _STAGE_NAME.fullmatch(words[2].lower()):
        sentence = (
            f"{words[2]} cannot name a stage: it must begin with a letter and hold only "
            "letters, digits, '-', '_' and '.'."
        )
        raise DockerfileError(sentence, line)
    return words[2]


def _secret_id(fields: Mapping[str, str]) -> str:
    """Return the id of a secret mount: source, else id, else the last part of the target."""
    target = next((fields[key] for key in ("target", "dst", "destination") if key in fields), "")
    written = fields.get("source") or fields.get("src") or fields.get("id")
    return written or target.rstrip("/").rpartition("/")[2]
