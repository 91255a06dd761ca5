"""build-image: builds images of the project, bases first, or removes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace

from dockerutils import docker_cli
from dockerutils.command import Command
from dockerutils.config.model import check_repository, check_tag
from dockerutils.config.substitute import VARIABLE, parse_substitutes
from dockerutils.errors import (
    CommandFailed,
    ConfigError,
    EngineError,
    ProjectError,
    UsageError,
)
from dockerutils.images.catalogue import RESERVED, Catalogue
from dockerutils.images.graph import Graph, Node
from dockerutils.images.recipe import BuildRequest
from dockerutils.images.recipes import RECIPES
from dockerutils.session import Session


@dataclass(frozen=True)
class BuildOptions:
    """What the command line of build-image says besides the names of images."""

    force_build_base: bool = False
    pull_base: bool = False
    image_name: str = ""
    image_tag: str = ""
    no_cache: bool = False
    build_arg: tuple[str, ...] = ()
    target: str = ""
    quiet: bool = False
    verbose: bool = False
    json: bool = False

    @property
    def request(self) -> BuildRequest:
        """What it asks of the images that are named."""
        return BuildRequest(
            pull=self.pull_base,
            no_cache=self.no_cache,
            quiet=self.quiet,
            verbose=self.verbose,
            target=self.target,
            build_args=self.build_arg,
        )


@dataclass(frozen=True)
class Outcome:
    """What became of one image."""

    image: str
    reference: str
    state: str  # built, failed, or skipped because of `reason`
    reason: str = ""


def build_images(session: Session, names: tuple[str, ...], options: BuildOptions) -> None:
    """Build the named images, `all` of them, or remove them all with `clean`.

    Raises the first failure after every image that does not stand on a failed one was tried.
    """
    if "clean" in names:
        clean_images(session, names, options)
        return
    requested = requested_images(Catalogue(session.project), names)
    graph = open_graph(session, requested, options)
    if options.image_name and len(requested) > 1:
        raise UsageError(
            "-i/--image-name gives one image another name, but several are named.",
            "Build them one by one.",
        )
    work = Work(session, graph, requested, options)
    outcomes = work.build(work.needed())
    if options.json:
        report(session, outcomes)
    work.finish(outcomes)


def open_graph(session: Session, requested: Iterable[str], options: BuildOptions) -> Graph:
    """Give the images of the project; those requested get the user's tag and name."""
    for check, name in ((check_tag, options.image_tag), (check_repository, options.image_name)):
        if name:
            check_word(check, name)
    for name in RESERVED:
        if name in session.project.folders:
            session.terminal.warn(
                f"docker/{name}/ is passed over: `{name}` is a word of build-image; rename the folder."
            )
    catalogue = Catalogue(
        session.project, frozenset(requested), options.image_tag, options.image_name
    )
    return Graph(catalogue, RECIPES, session.environ, options.request, substitutes(session))


def check_word(check: Callable[[str], None], word: str) -> None:
    """Raise `UsageError` for a name on the command line that docker would refuse."""
    try:
        check(word)
    except ValueError as error:
        raise UsageError(f"the name given {error}.") from error


def substitutes(session: Session) -> dict[str, str]:
    """Give what stands in for images that Dockerfiles name; the environment wins."""
    try:
        from_environment = parse_substitutes(session.environ.get(VARIABLE, ""))
    except ValueError as error:
        raise ConfigError(f"the environment variable {VARIABLE} {error}.") from error
    return dict((*session.project.config.substitute, *from_environment))


def requested_images(catalogue: Catalogue, names: Iterable[str]) -> tuple[str, ...]:
    """Give the images that the words of the command line mean, each once."""
    requested: dict[str, None] = {}
    for name in names:
        if name == "all":
            requested |= dict.fromkeys(catalogue.built)
            continue
        image = catalogue.find(name)
        if not image.built:
            raise UsageError(
                f"{name} is {image.reference}, which this project does not build.",
                f"`run-image {name}` runs it.",
            )
        requested[image.source] = None
    if not requested:
        raise UsageError("there is nothing to build: no folder of docker/ has a Dockerfile.")
    return tuple(requested)


@dataclass
class Work:
    """One run of build-image over several images."""

    session: Session
    graph: Graph
    requested: tuple[str, ...]
    options: BuildOptions
    failures: list[CommandFailed] = field(default_factory=list)
    ailment: EngineError | None = None

    def needed(self) -> list[Node]:
        """Give what is to be built, bases first: the requested images, and of the siblings below
        them all if that was forced, else those that the engine does not have."""
        nodes = self.graph.order(self.requested)
        for node in nodes:
            for stranger in node.strangers:
                self.session.terminal.warn(stranger)
        if self.options.force_build_base:
            return nodes
        below = [node for node in nodes if node.image.name not in self.requested]
        there = self.session.engine.images(str(node.image.reference) for node in below)
        needed = set(self.requested)
        for node in reversed(nodes):
            if node.image.name in needed:
                needed |= {base for base in node.bases if self._reference(base) not in there}
        return [node for node in nodes if node.image.name in needed]

    def _reference(self, name: str) -> str:
        return str(self.graph.node(name).image.reference)

    def build(self, nodes: list[Node]) -> list[Outcome]:
        """Build in this order; an image below which one failed is passed over.

        An engine that cannot work fails the rest as well.
        """
        outcomes: dict[str, Outcome] = {}
        for node in nodes:
            broken = [base for base in node.bases if base in outcomes and outcomes[base].reason]
            if self.ailment:
                outcome = self._skip(node, self.ailment.message)
            elif broken:
                outcome = self._skip(node, f"{broken[0]}, which it stands on, was not built")
            else:
                outcome = self._build(node)
            outcomes[node.image.name] = outcome
        return list(outcomes.values())

    def finish(self, outcomes: list[Outcome]) -> None:
        """Raise what failed: the failure itself for one image, a summary for several."""
        if not self.failures:
            return
        first = self.failures[0]
        if len(outcomes) == 1:
            raise first
        lost = ", ".join(f"{one.image} ({one.state})" for one in outcomes if one.reason)
        count = sum(1 for one in outcomes if one.reason)
        for failure in self.failures:
            self.session.terminal.error("build-image", failure.message, failure.hint)
        raise CommandFailed(f"{count} of {len(outcomes)} images are missing: {lost}.", first.status)

    def _skip(self, node: Node, reason: str) -> Outcome:
        return Outcome(node.image.name, str(node.image.reference), "skipped", reason)

    def _build(self, node: Node) -> Outcome:
        name, reference = node.image.name, str(node.image.reference)
        for step, command in self._steps(node):
            try:
                self.session.runner.run(command)
            except CommandFailed as error:
                message = f"{name} {step} ended with status {error.status}."
                self.failures.append(self._explained(message, error))
                return Outcome(name, reference, "failed", message)
        return Outcome(name, reference, "built")

    def _steps(self, node: Node) -> Iterator[tuple[str, Command]]:
        """Give the commands, each with how a failure of it is told, after the image's name."""
        settings = node.image.settings
        if settings.pre_build_script:
            yield "was not built: its pre_build_script", self._script(settings.pre_build_script)
            node = self.graph.read_again(node.image.name)
        for command in self._commands(node):
            yield f"was not built: {' '.join(command.argv[:2])}", command
        if settings.post_build_script:
            yield "was built, but its post_build_script", self._script(settings.post_build_script)

    def _commands(self, node: Node) -> Iterator[Command]:
        """Give docker's commands; only the ID of an image that was asked for is data."""
        request = self._request(node)
        if request.pull and node.has_locals:
            request = replace(request, pull=False)
            yield from (docker_cli.pull(node.stand_ins.get(name, name)) for name in node.foreign)
        for command in node.reading.commands(request, node.stand_ins):
            yield command if self._named(node) else replace(command, talks=True)

    def _request(self, node: Node) -> BuildRequest:
        """Give what holds for one image: a stage that was asked for is one of the requested."""
        named = self._named(node)
        forced = self.options.force_build_base and bool(node.image.settings.pull_FROM_on_force)
        pull = forced or (self.options.pull_base and named)
        return replace(self.options.request, pull=pull, target=self.options.target if named else "")

    def _named(self, node: Node) -> bool:
        return node.image.name in self.requested

    def _script(self, script: str) -> Command:
        return Command(("sh", "-c", script), folder=self.session.project.root, talks=True)

    def _explained(self, message: str, error: CommandFailed) -> CommandFailed:
        """Add the reason that lies in the engine itself, if it lies there."""
        self.ailment = self.session.engine.ailment()
        if self.ailment is None:
            return CommandFailed(message, error.status, "The reason stands above.")
        return CommandFailed(f"{message}\n{self.ailment.message}", error.status, self.ailment.hint)


def clean_images(session: Session, names: tuple[str, ...], options: BuildOptions) -> None:
    """Remove the tags of this project's images and of their stages, those that are there."""
    if len(names) > 1:
        raise UsageError("`clean` removes all images of the project and stands alone.")
    if options.image_name:
        raise UsageError("-i/--image-name has no meaning for `clean`.")
    if options.json:
        raise UsageError("--json tells what was built, which `clean` does not.")
    graph = open_graph(session, Catalogue(session.project).built, options)
    tags = [tag for name in graph.catalogue.built for tag in tags_of(graph, name)]
    there = tags if session.dry else list(session.engine.images(tags))
    if there:
        session.runner.run(docker_cli.remove_images(there))
    else:
        session.terminal.note("no image of this project is there.")


def tags_of(graph: Graph, name: str) -> tuple[str, ...]:
    """Give the tags of an image, also where its sources cannot be read any more."""
    try:
        return graph.node(name).reading.tags
    except (ProjectError, ConfigError):
        own = graph.catalogue.find(name).reference
        return str(own), f"{own.repository}-builder:{own.tag}"


def report(session: Session, outcomes: list[Outcome]) -> None:
    """Write what became of each image as JSON."""
    there = session.engine.images(one.reference for one in outcomes)
    rows = [
        {**asdict(one), "id": there.get(one.reference) if one.state == "built" else None}
        for one in outcomes
    ]
    session.terminal.data(json.dumps(rows, indent=2))
