"""transfer-image: brings an image to other hosts, from one, or through a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace

from dockerutils import docker_cli
from dockerutils.command import Command, Stdin
from dockerutils.docks.addresses import address_of
from dockerutils.docks.registry import read_docks
from dockerutils.engine import AnyEngine, ImageFacts
from dockerutils.errors import CommandFailed, DockerutilsError, ProjectError, UsageError
from dockerutils.images.catalogue import Catalogue
from dockerutils.oci.layout import tagged
from dockerutils.oci.wire import FORMS, GZIP, NONE
from dockerutils.session import Session
from dockerutils.sources.supply import Subject
from dockerutils.ssh.command import Address, check_identity, parse_address, typed
from dockerutils.transfers.desk import AUTO
from dockerutils.transfers.options import TransferOptions
from dockerutils.transfers.pace import Pace, parse_rate
from dockerutils.transfers.trial import Outcome

KEY = "SSH_KEY"


def transfer_image(session: Session, words: tuple[str, ...], options: TransferOptions) -> None:
    """Bring an image where the command line says; raise what hinders it."""
    check_options(words, options)
    rate = parse_rate(options.limit_rate)
    find = destinations(session, options)
    addresses = {str(address): address for address in map(find, words[1:])}
    origin = find(options.from_host) if options.from_host else None
    reference = reference_of(session, words[0]) if words else ""
    if session.dry:
        for command in plainly(reference, list(addresses.values()), options, origin):
            session.runner.run(command)
        return
    from dockerutils.transfers.files import (  # noqa: PLC0415
        fetch_image,
        load_image,
        write_image,
    )
    from dockerutils.transfers.sending import send  # noqa: PLC0415  # a dry run needs none of it

    failures: dict[str, DockerutilsError] = {}
    outcomes: list[Outcome] = []
    if options.input:
        outcomes.append(load_image(session, options.input))
    elif origin:
        pace = Pace(rate)
        outcomes.append(fetch_image(session, origin, reference, options.compress, pace))
    else:

        def bring(subject: Subject) -> None:
            if options.output:
                base = next(iter(addresses.values()), "") or base_of(session, options)
                compress = options.compress
                outcomes.append(write_image(session, subject, options.output, compress, base))
            else:
                sending = send(session, subject, addresses, options.compress, Pace(rate))
                outcomes.extend(sending.outcomes.values())
                failures.update(sending.failures)

        bring_subject(session, words[0], reference, bring)
    report(session, outcomes, options)
    raise_failures(session, outcomes, failures)


def destinations(session: Session, options: TransferOptions) -> Callable[[str], Address]:
    """Give what finds a destination: a dock by its moniker or address, else any ssh destination.

    Raises `UsageError` where there is no such key as was named, and for what is no destination.
    """
    home = session.project.home
    named = check_identity(options.identity, session.here, home)
    usual = named or check_identity(session.environ.get(KEY, ""), session.here, home)
    docks = read_docks(session.environ, home)
    for text in docks.warnings:
        session.terminal.warn(text)

    def find(text: str) -> Address:
        dock = docks.meant(text)
        if dock is None:
            return parse_address(text, usual)
        return address_of(replace(dock, identity=named or dock.identity or usual))

    return find


def check_options(words: tuple[str, ...], options: TransferOptions) -> None:
    """Raise `UsageError` for what does not go together."""
    ways = [name for name in ("output", "input", "from_host") if getattr(options, name)]
    if len(ways) > 1:
        raise UsageError(
            "an image goes one way at a time.", "Give one of --output, --input and --from."
        )
    if options.compress not in (AUTO, *FORMS):
        raise UsageError(f"--compress {options.compress}: write auto, zstd, gzip or none.")
    if options.base and not options.output:
        raise UsageError("--base tells what to leave out of a file.", "Give --output FILE as well.")
    if options.base and len(words) > 1:
        raise UsageError(
            "a host and --base both tell what to leave out of a file.", "Give one of them."
        )
    most = {"input": 0, "from_host": 1, "output": 2}.get(ways[0] if ways else "", 1000)
    least = {"input": 0, "from_host": 1, "output": 1}.get(ways[0] if ways else "", 2)
    if len(words) < least:
        raise UsageError(
            "name an image, and where it goes.", "transfer-image IMAGE HOST...; --help tells more."
        )
    if len(words) > most:
        raise UsageError(f"`{words[most]}` is one word too many.", "--help tells what goes where.")


def reference_of(session: Session, name: str) -> str:
    """Give the reference of an image of the project, else of any image by its name."""
    catalogue = Catalogue(session.project)
    if name in catalogue.names:
        return str(catalogue.find(name).reference)
    if "@" in name or name.startswith("sha256:"):
        raise UsageError(
            f"{name} is no name that another engine could give an image.",
            "Give it one with `docker tag`, and name that.",
        )
    return tagged(name)


def bring_subject(
    session: Session, name: str, reference: str, bring: Callable[[Subject], None]
) -> None:
    """Have an image brought: the engine's, else one of the project that is put together here.

    Raises `ProjectError` where there is none.
    """
    graph = None
    if name in Catalogue(session.project).names:
        from dockerutils.transfers.sources import put_together, sources_of  # noqa: PLC0415

        graph = sources_of(session, name)
    engine = AnyEngine(session.engine) if graph else session.engine
    facts: ImageFacts | None = engine.facts([reference]).get(reference)
    if facts:
        bring(Subject(reference, facts))
    elif graph:
        put_together(session, graph, name, "another place", bring)
    else:
        raise ProjectError(
            f"the Docker engine has no image {reference}.",
            "Build or pull it first; `docker images` shows what is there.",
        )


def plainly(
    reference: str, addresses: list[Address], options: TransferOptions, origin: Address | None
) -> list[Command]:
    """Give the plain-docker way to do the same, which sends everything."""
    form = GZIP if options.compress == AUTO else options.compress
    packing = "" if form == NONE else f" | {form} -c"
    unpacking = "" if form == NONE else f"{form} -dc | "
    if options.input:
        return [Command(("docker", "load", "--input", options.input))]
    if options.output:
        return [Command(("docker", "save", "--output", options.output, reference))]
    save = docker_cli.save([reference])
    if origin:
        there = typed(origin, f"{save}{packing}")
        shown = f"{there} | {unpacking}".removesuffix(" | ")
        return [Command(docker_cli.load().argv, stdin=Stdin("", shown))]
    load = f"{unpacking}{docker_cli.load()}"
    return [typed(one, load, f"{save}{packing}") for one in addresses]


def base_of(session: Session, options: TransferOptions) -> str:
    """Give the reference of what a file is to build upon."""
    return reference_of(session, options.base) if options.base else ""


def report(session: Session, outcomes: Iterable[Outcome], options: TransferOptions) -> None:
    """Write what became of each destination as JSON."""
    if options.json:
        session.terminal.data(json.dumps([asdict(one) for one in outcomes], indent=2))


def raise_failures(
    session: Session, outcomes: list[Outcome], failures: Mapping[str, DockerutilsError]
) -> None:
    """Raise what failed: the failure itself for one destination, a summary for several."""
    if not failures:
        return
    if len(outcomes) == 1:
        raise next(iter(failures.values()))
    for failure in failures.values():
        session.terminal.error("transfer-image", failure.message, failure.hint)
    raise CommandFailed(
        f"{len(failures)} of {len(outcomes)} destinations failed: {', '.join(failures)}.",
        1,
        "The same command again sends only what is missing.",
    )
