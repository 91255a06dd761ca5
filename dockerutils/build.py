"""build-image: builds images of the project, bases first, or removes them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

from dockerutils import docker_cli
from dockerutils.aws.pull_logins import hosts_below, pulling
from dockerutils.build_options import BuildOptions
from dockerutils.command import Command
from dockerutils.config.model import VENV, check_repository, check_tag
from dockerutils.config.problems import closest
from dockerutils.destination import Destination, parse_destination
from dockerutils.engine import AnyEngine, ImageFacts
from dockerutils.errors import CommandFailed, ConfigError, ProjectError, UsageError
from dockerutils.freshness import Freshness, open_freshness, written_size
from dockerutils.images.catalogue import RESERVED, Catalogue
from dockerutils.images.graph import Graph
from dockerutils.images.inputs import GROUND
from dockerutils.images.recipe import Node
from dockerutils.images.recipes import open_graph
from dockerutils.preparation import pip_conf, write_version
from dockerutils.session import Session
from dockerutils.work import Outcome, Work, WorkOptions

JOBS_PER_CORE = 2  # builds mostly wait: for downloads, for the engine, for a disk


def build_images(session: Session, names: tuple[str, ...], options: BuildOptions) -> None:
    """Build the named images, `all` of them, or remove them all with `clean`.

    Raises the first failure after every image that does not stand on a failed one was tried.
    """
    if options.jobs < 0:
        raise UsageError(f"--jobs {options.jobs}: give a number of builds, 1 or more.")
    if "clean" in names:
        clean_images(session, names, options)
        return
    plain = Catalogue(session.project)
    requested = requested_images(plain, names)
    check_verification(options)
    destination = parse_destination(options.output, session.here)
    if destination and len(requested) > 1:
        raise UsageError(
            "--output writes one image, but several are named.", "Build them one by one."
        )
    graph = renamed_graph(session, requested, with_tag_of(plain, names, options))
    if options.image_name and len(requested) > 1:
        raise UsageError(
            "-i/--image-name gives one image another name, but several are named.",
            "Build them one by one.",
        )
    check_kinds(graph, requested, options)
    if destination and any(
        graph.node(name).reading.assembly(options.request) for name in requested
    ):
        session = replace(session, engine=AnyEngine(session.engine))
    freshness = open_freshness(session.project, session.environ)
    work = Work(session, graph, requested, work_options(options, destination), freshness)
    nodes = work.needed()
    warn_of_substitutes(session, graph)
    write_version(session, nodes)
    pulls = options.pull_base or options.force_build_base
    hosts = hosts_below(session, nodes, freshness.facts, pulls)
    with pip_conf(session, nodes, freshness.folder), pulling(session, hosts) as work.session:
        outcomes = work.build(nodes)
    tell(session, work, outcomes, options)
    work.finish(outcomes)


def check_verification(options: BuildOptions) -> None:
    """Raise `UsageError` for a verification that there is not, or that cannot be done."""
    if options.verify not in ("", "import"):
        raise UsageError(f"--verify {options.verify}: write --verify import.")
    if options.verify and options.output:
        raise UsageError(
            "--verify runs the image, which --output does not bring to the engine.",
            "Build it without --output first.",
        )


def check_kinds(graph: Graph, requested: Iterable[str], options: BuildOptions) -> None:
    """Raise `UsageError` for an option that means nothing for any of the images."""
    if not (options.target or options.verify or options.build_arg):
        return
    assembled = [bool(graph.node(name).reading.assembly(options.request)) for name in requested]
    if (options.target or options.build_arg) and all(assembled):
        option, what = "--build-arg", "arguments"
        if options.target:
            option, what = f"--target {options.target}", "stages"
        raise UsageError(
            f"{option}: none of the images has a Dockerfile, so none has {what}.",
            "Leave the option out.",
        )
    if options.verify and not any(assembled):
        raise UsageError(
            "--verify compares an image with its virtualenv, and none of the images has one.",
            "Leave the option out.",
        )


def work_options(options: BuildOptions, destination: Destination | None = None) -> WorkOptions:
    """Give how the work is gone about; what is watched line by line is built one by one."""
    watched = options.quiet or options.verbose
    return WorkOptions(
        request=options.request,
        target=options.target,
        force_bases=options.force_build_base,
        pull=options.pull_base,
        rebuild=options.rebuild,
        jobs=1 if watched else options.jobs or JOBS_PER_CORE * (os.cpu_count() or 1),
        destination=destination,
        verify=bool(options.verify),
    )


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
        report(session, work, outcomes)
    elif options.quiet:  # docker writes the IDs of what it builds
        for one in outcomes:
            if one.image in unchanged:
                session.terminal.data(work.freshness.facts[one.reference].id)
            elif one.image in work.execution.placed and one.image in work.requested:
                session.terminal.data(placed_id(session, work, one))


def placed_id(session: Session, work: Work, one: Outcome) -> str:
    """Give the ID of an image that was put together: the engine's word for it, if it is there."""
    facts = {} if work.options.destination else session.engine.facts([one.reference])
    if one.reference in facts:  # a store of containerd calls it by its manifest
        return facts[one.reference].id
    return work.execution.placed[one.image].id


def context_hints(freshness: Freshness, nodes: list[Node], root: Path) -> Iterator[str]:
    """Tell what makes a context big, and the lines for .dockerignore that would leave it out."""
    for node in nodes:
        folders = freshness.contexts.biggest(root / node.reading.place)
        for folder in folders:
            size = written_size(folder.bytes)
            yield f"{folder.path}/ has {size} of the context; .dockerignore: {folder.line}"
        if folders:
            return


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


def with_tag_of(
    catalogue: Catalogue, names: tuple[str, ...], options: BuildOptions
) -> BuildOptions:
    """Have a synthetic image that is built by its name made with the tag that it is run with."""
    if options.image_tag or len(names) != 1 or names[0] == "all":
        return options
    image = catalogue.find(names[0])
    if image.name == image.source:
        return options
    return replace(options, image_tag=image.reference.tag)


def warn_of_substitutes(session: Session, graph: Graph) -> None:
    """Warn of configured substitutes for images that no Dockerfile of the project names."""
    configured = [name for name, _ in session.project.config.substitute]
    if not configured:
        return
    try:
        nodes = graph.order(graph.catalogue.built)
    except (ProjectError, ConfigError):  # told where that image is built
        return
    named = {use.name for node in nodes for use in node.reading.uses}
    for name in configured:
        if name not in named:
            hint = closest(name, named) or "."
            session.terminal.warn(f"no Dockerfile names {name}, which has a substitute{hint}")


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
    if session.dry:
        print_cleaning(session, tags, graph)
        return
    ours = [
        tag for tag, facts in session.engine.facts(tags).items() if is_ours(session, tag, facts)
    ]
    ours += [id_ for filters in grounds_of(graph) for id_ in session.engine.images(filters)]
    if not ours:
        session.terminal.note("no image of this project is there.")
        return
    try:
        session.runner.run(docker_cli.remove_images(ours))
    except CommandFailed as error:
        raise CommandFailed(
            "not all images were removed; the reason stands above.",
            error.status,
            "A container keeps its image: `dockerutils ps -a` shows yours, `docker rm` removes it.",
        ) from error


def print_cleaning(session: Session, tags: Iterable[str], graph: Graph) -> None:
    """Print how a script removes the images; one may be absent, which is no error."""
    removals = (f"{docker_cli.remove_images([tag])} || true" for tag in tags)
    found = (docker_cli.list_images(filters) for filters in grounds_of(graph))
    for line in (*removals, *(f"{listing} | xargs -r docker image rm" for listing in found)):
        session.runner.run(Command(("sh", "-c", line)))


def grounds_of(graph: Graph) -> Iterator[list[str]]:
    """Give the filters that find what builders made for images to stand on, for each of them."""
    for name in graph.catalogue.built:
        image = graph.catalogue.find(name)
        if image.made_as == VENV:
            label = f"{image.reference.repository}{GROUND}"
            yield [f"label={docker_cli.IMAGE_LABEL}={label}"]


def is_ours(session: Session, tag: str, facts: ImageFacts) -> bool:
    """Tell whether build-image made the image that has a tag of ours; say so if not."""
    ours = facts.labels.get(docker_cli.IMAGE_LABEL) == tag.rpartition(":")[0]
    if not ours:
        session.terminal.note(f"{tag} was not made by build-image and stays.")
    return ours


def tags_of(graph: Graph, name: str) -> tuple[str, ...]:
    """Give the tags of an image, also where its sources cannot be read any more."""
    try:
        return graph.node(name).reading.tags
    except (ProjectError, ConfigError):
        own = graph.catalogue.find(name).reference
        return str(own), f"{own.repository}-builder:{own.tag}"


def report(session: Session, work: Work, outcomes: list[Outcome]) -> None:
    """Write what became of each image as JSON."""
    there = session.engine.facts(one.reference for one in outcomes if not one.reason)
    ids = {reference: facts.id for reference, facts in there.items()}
    if work.options.destination:  # the engine may have another image of that name
        placed = work.execution.placed
        ids |= {one.reference: placed[one.image].id for one in outcomes if one.image in placed}
    rows = [{**asdict(one), "id": ids.get(one.reference)} for one in outcomes]
    session.terminal.data(json.dumps(rows, indent=2))
