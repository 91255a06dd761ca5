"""build-image: builds images of the project, bases first, or removes them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass

from dockerutils import docker_cli
from dockerutils.command import Command
from dockerutils.config.model import check_repository, check_tag
from dockerutils.errors import ConfigError, ProjectError, UsageError
from dockerutils.freshness import open_freshness
from dockerutils.images.build_secrets import PIP_CONF, TEMPLATE
from dockerutils.images.catalogue import RESERVED, Catalogue
from dockerutils.images.graph import Graph
from dockerutils.images.recipe import BuildRequest, Node
from dockerutils.images.recipes import open_graph
from dockerutils.session import Session
from dockerutils.version.file import VERSION_FILE, refresh_version_file
from dockerutils.version.git import VersionError
from dockerutils.version.source import version_source
from dockerutils.work import Outcome, Work, WorkOptions, context_hints

JOBS_PER_CORE = 2  # builds mostly wait: for downloads, for the engine, for a disk


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
    rebuild: bool = False
    jobs: int = 0

    @property
    def request(self) -> BuildRequest:
        """What it asks of the images that are named."""
        return BuildRequest(
            no_cache=self.no_cache,
            quiet=self.quiet,
            verbose=self.verbose,
            build_args=self.build_arg,
        )

    @property
    def work(self) -> WorkOptions:
        """How it goes about them; what is watched line by line is built one by one."""
        watched = self.quiet or self.verbose
        return WorkOptions(
            request=self.request,
            target=self.target,
            force_bases=self.force_build_base,
            pull=self.pull_base,
            rebuild=self.rebuild,
            jobs=1 if watched else self.jobs or JOBS_PER_CORE * (os.cpu_count() or 1),
        )


def build_images(session: Session, names: tuple[str, ...], options: BuildOptions) -> None:
    """Build the named images, `all` of them, or remove them all with `clean`.

    Raises the first failure after every image that does not stand on a failed one was tried.
    """
    if "clean" in names:
        clean_images(session, names, options)
        return
    requested = requested_images(Catalogue(session.project), names)
    graph = renamed_graph(session, requested, options)
    if options.image_name and len(requested) > 1:
        raise UsageError(
            "-i/--image-name gives one image another name, but several are named.",
            "Build them one by one.",
        )
    freshness = open_freshness(session.project, session.environ)
    work = Work(session, graph, requested, options.work, freshness)
    nodes = work.needed()
    prepare(session, nodes)
    with pip_conf(session, nodes):
        outcomes = work.build(nodes)
    tell(session, work, outcomes, options)
    work.finish(outcomes)


def tell(session: Session, work: Work, outcomes: list[Outcome], options: BuildOptions) -> None:
    """Tell what became of the images: in words, as JSON, or their IDs alone."""
    root = session.project.root
    nodes = [work.graph.node(one.image) for one in outcomes]
    for text in (*work.freshness.contexts.summaries(), *context_hints(work.freshness, nodes, root)):
        session.terminal.note(text)
    unchanged = [one.image for one in outcomes if one.state == "unchanged"]
    if unchanged:
        verb = "are" if len(unchanged) > 1 else "is"
        session.terminal.note(
            f"{', '.join(unchanged)} {verb} up to date; --rebuild would build anyway."
        )
    if options.json:
        report(session, outcomes)
    elif options.quiet:
        for name in unchanged:
            reference = str(work.graph.node(name).image.reference)
            session.terminal.data(work.freshness.facts[reference].id)


def prepare(session: Session, nodes: list[Node]) -> None:
    """Write the version file, if the project has a tool for its version."""
    root = session.project.root
    if session.dry:
        if version_source(root):
            session.terminal.data("dockerutils genversion")
        return
    try:
        refreshed = refresh_version_file(root, session.environ, session.runner.read)
    except VersionError as error:
        if any(node.reading.mentions(VERSION_FILE) for node in nodes):
            raise
        session.terminal.warn(f"no {VERSION_FILE} was written: {error.message}")
        return
    for text in refreshed.warnings if refreshed else ():
        session.terminal.warn(text)
    if refreshed and refreshed.changed:
        session.terminal.note(f"{VERSION_FILE} is of version {refreshed.version}.")


@contextlib.contextmanager
def pip_conf(session: Session, nodes: list[Node]) -> Iterator[None]:
    """Have pip.conf at the root while images are built that take it from there.

    The older tool's way: it is a copy of pip.conf.template. A secret mount needs no copy.
    """
    template, copy = (session.project.root / name for name in (TEMPLATE, PIP_CONF))
    wanted = any(node.reading.mentions(PIP_CONF) for node in nodes)
    if not (wanted and template.is_file()) or os.path.lexists(copy):
        yield
    elif session.dry:
        root = session.project.root
        session.runner.run(Command(("cp", TEMPLATE, PIP_CONF), folder=root))
        yield
        session.runner.run(Command(("rm", PIP_CONF), folder=root))
    else:
        session.terminal.note(f"{PIP_CONF} is a copy of {TEMPLATE} while images are built.")
        shutil.copy(template, copy)  # its permissions too: it may hold a password
        try:
            yield
        finally:
            copy.unlink(missing_ok=True)


def renamed_graph(session: Session, requested: Iterable[str], options: BuildOptions) -> Graph:
    """Give the images of the project; those requested get the user's tag and name."""
    for check, name in ((check_tag, options.image_tag), (check_repository, options.image_name)):
        if name:
            check_word(check, name)
    for name in RESERVED:
        if name in session.project.folders:
            session.terminal.warn(
                f"docker/{name}/ is passed over: `{name}` is a word of build-image; rename it."
            )
    catalogue = Catalogue(
        session.project, frozenset(requested), options.image_tag, options.image_name
    )
    return open_graph(catalogue, session.environ, options.request)


def check_word(check: Callable[[str], None], word: str) -> None:
    """Raise `UsageError` for a name on the command line that docker would refuse."""
    try:
        check(word)
    except ValueError as error:
        raise UsageError(f"the name given {error}.") from error


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


def clean_images(session: Session, names: tuple[str, ...], options: BuildOptions) -> None:
    """Remove the tags of this project's images and of their stages, those that are there."""
    if len(names) > 1:
        raise UsageError("`clean` removes all images of the project and stands alone.")
    if options.image_name:
        raise UsageError("-i/--image-name has no meaning for `clean`.")
    if options.json:
        raise UsageError("--json tells what was built, which `clean` does not.")
    graph = renamed_graph(session, Catalogue(session.project).built, options)
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
        {**asdict(one), "id": there.get(one.reference) if not one.reason else None}
        for one in outcomes
    ]
    session.terminal.data(json.dumps(rows, indent=2))
