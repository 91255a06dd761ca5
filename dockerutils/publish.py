"""publish-image: brings images to registries, bases first, with the fewest bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from dockerutils import docker_cli
from dockerutils.aws.session import AwsLogin
from dockerutils.build import check_word, renamed_graph
from dockerutils.build_options import BuildOptions
from dockerutils.command import Command
from dockerutils.config.model import check_tag
from dockerutils.errors import CommandFailed, DockerutilsError, UsageError
from dockerutils.images.catalogue import Catalogue
from dockerutils.images.graph import Graph
from dockerutils.naming import split_reference
from dockerutils.publication.names import Publication, find_publication, unconfigured
from dockerutils.publication.options import PublishOptions
from dockerutils.publication.pins import write_pins
from dockerutils.session import Session

if TYPE_CHECKING:
    from dockerutils.publication.publishing import Outcome

ALL = "all"


def publish_images(session: Session, names: tuple[str, ...], options: PublishOptions) -> None:
    """Publish the named images, or all that are configured for it.

    Raises the first failure after every image was tried.
    """
    check_options(names, options)
    graph = published_graph(session, names, options)
    wanted = wanted_publications(session, graph.catalogue, names)
    ordered = in_order(graph, wanted)
    if session.dry:
        print_script(session, ordered, options)
        return
    from dockerutils.publication.publishing import Publishing  # noqa: PLC0415  # only a real run moves anything

    publishing = Publishing(session, graph, options)
    outcomes = publishing.run(ordered)
    report(session, outcomes, options)
    finish(session, outcomes, publishing.failures)


def check_options(names: tuple[str, ...], options: PublishOptions) -> None:
    """Raise `UsageError` for options that cannot be meant."""
    for tag in options.tag:
        check_word(check_tag, tag)
    if options.image_name and (len(set(names)) > 1 or ALL in names):
        raise UsageError(
            "-i/--image-name names one image of the engine, but several are to be published.",
            "Publish them one by one.",
        )


def published_graph(session: Session, names: Iterable[str], options: PublishOptions) -> Graph:
    """Give the images of the project; those named get the user's tag and name."""
    plain = Catalogue(session.project)
    chosen = {one for name in names for one in (plain.built if name == ALL else (name,))}
    named = BuildOptions(image_name=options.image_name, image_tag=options.image_tag)
    if not options.image_name:
        return renamed_graph(session, chosen, named)
    sources = {plain.find(name).source for name in chosen}  # a synthetic image has no own name
    return renamed_graph(session, chosen | sources, named)


def wanted_publications(
    session: Session, catalogue: Catalogue, names: Iterable[str]
) -> list[Publication]:
    """Give where the named images go, each once; raise `ConfigError` where nothing says so."""
    wanted: dict[str, Publication] = {}
    for name in names:
        if name != ALL:
            image = catalogue.find(name)
            found = find_publication(session, image)
            if found is None:
                raise unconfigured(image)
            wanted[name] = found
            continue
        every = {one: find_publication(session, catalogue.find(one)) for one in catalogue.built}
        if not any(every.values()):
            raise no_publication(catalogue)
        for one, found in every.items():
            if found:
                wanted.setdefault(one, found)
            else:
                session.terminal.note(f"{one} is passed over: nothing says where to publish it.")
    return list(wanted.values())


def no_publication(catalogue: Catalogue) -> DockerutilsError:
    """Describe a project of which no image is published anywhere."""
    if not catalogue.built:
        return UsageError("there is nothing to publish: no folder of docker/ has a Dockerfile.")
    return unconfigured(catalogue.find(catalogue.built[0]))


def in_order(graph: Graph, wanted: list[Publication]) -> list[Publication]:
    """Put bases before what stands on them, and images from elsewhere first."""
    if len(wanted) < 2:
        return wanted
    made = [one.image.source for one in wanted if one.image.built]
    places = {node.image.name: place for place, node in enumerate(graph.order(made), 1)}
    return sorted(wanted, key=lambda one: places.get(one.image.source, 0))


def report(session: Session, outcomes: list[Outcome], options: PublishOptions) -> None:
    """Write what became of the images, as JSON if asked, and pin those that are there."""
    there = [one for one in outcomes if not one.reason]
    if options.json:
        session.terminal.data(json.dumps([asdict(one) for one in outcomes], indent=2))
    if options.pin and there:
        pins = {one.image: f"{one.published[0]}@{one.digest}" for one in there}
        session.terminal.note(f"{write_pins(session.project.root, pins)} has the digests.")


def finish(session: Session, outcomes: list[Outcome], failures: list[DockerutilsError]) -> None:
    """Raise what failed: the failure itself for one image, a summary for several."""
    if not failures:
        return
    if len(outcomes) == 1:
        raise failures[0]
    for failure in failures:
        session.terminal.error("publish-image", failure.message, failure.hint)
    lost = ", ".join(one.image for one in outcomes if one.reason)
    raise CommandFailed(
        f"{len(failures)} of {len(outcomes)} images were not published: {lost}.",
        failures[0].status,
    )


# As a script --------------------------------------------------------------------------------


def print_script(session: Session, wanted: Iterable[Publication], options: PublishOptions) -> None:
    """Print how plain docker, and AWS's own program, publish images that the engine has."""
    said: set[str] = set()
    login = AwsLogin()
    for one in wanted:
        if one.login != login:  # the shell's variables are those of another account
            said.clear()
            login = one.login
        for line in (*aws_lines(one), *docker_lines(one, options)):
            if str(line) not in said:
                session.runner.run(line)
            said.add(str(line))


def aws_lines(one: Publication) -> Iterator[Command]:
    """Give what a script says to AWS before a push to one of its registries."""
    from dockerutils.aws import ecr_script  # noqa: PLC0415  # rarely used

    place = one.script_place()
    if place is None:
        return
    yield from ecr_script.role_lines(one.login)
    if one.lacks("region"):
        yield ecr_script.region_line(one.login)
    if one.lacks("account"):
        yield ecr_script.account_line(one.login)
    yield ecr_script.login_line(place, one.login)
    repository = split_reference(str(one.script_name()))[0].partition("/")[2]
    yield ecr_script.repository_line(place, one.login, repository, one.new, one.policy)


def docker_lines(one: Publication, options: PublishOptions) -> Iterator[Command]:
    """Give the tags and pushes of one image."""
    for tag in ("", *options.tag):
        name = one.script_name(tag)
        yield docker_cli.tag(str(one.image.reference), name)
        yield docker_cli.push(name)
