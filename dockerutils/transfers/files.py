"""transfer-image the other ways: from a host, into a file, and out of one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from dockerutils.destination import LAYOUT, parse_destination
from dockerutils.engine import ImageFacts
from dockerutils.errors import ProjectError, UsageError
from dockerutils.meter import megabytes
from dockerutils.session import Session
from dockerutils.sinks.engine import common
from dockerutils.sources.engine import SavedSource
from dockerutils.sources.supply import Subject
from dockerutils.ssh.command import Address
from dockerutils.ssh.host import Host
from dockerutils.transfers.delta import About, form_of, load_delta, opened_delta, write_delta
from dockerutils.transfers.desk import AUTO, Desk, at_work, supply_of
from dockerutils.transfers.fetching import Fetching
from dockerutils.transfers.pace import Pace
from dockerutils.transfers.trial import SENT, UNCHANGED, Outcome, Trial, there_id, while_dropped

HERE = "here"


def fetch_image(
    session: Session, address: Address, reference: str, compress: str, pace: Pace
) -> Outcome:
    """Get an image from a host into the engine here."""
    name = str(address)
    with at_work(session, (name,)) as desk:
        desk.board.begin(name)
        trial = Trial(name, desk)

        def attempt(stack: ExitStack) -> Outcome:
            host = Host(desk.connect(address, stack), desk.crew)
            facts = host.inquire(reference, ())
            trial.meet(0)
            form = desk.form(compress, [facts])
            fetching = Fetching(reference, session.engine, desk.crew, form, pace)
            placed = fetching.fetch(host.knowing(facts), facts, counting(desk, trial))
            count = len(facts.there.layers) if facts.there else 0
            if placed is None:
                return Outcome(HERE, reference, UNCHANGED, 0, 0, count, there_id(facts))
            return Outcome(HERE, reference, SENT, trial.sent, placed.layers_sent, count, placed.id)

        outcome = while_dropped(attempt, trial)
        desk.board.end(name, received(outcome))
    return outcome


def counting(desk: Desk, trial: Trial) -> Callable[[int], None]:
    """Give what shows how many bytes have come; how many will is known to nobody."""

    def advance(count: int) -> None:
        desk.crew.check()
        trial.sent += count
        desk.board.show(trial.name, f"{megabytes(trial.sent)} MB")

    return advance


def received(outcome: Outcome) -> str:
    """Tell what came from a host."""
    if outcome.state == UNCHANGED:
        return f"has the {outcome.image} that is here already"
    moved = f"{outcome.layers_sent} of {outcome.layers} layers, {megabytes(outcome.sent)} MB"
    return f"gave {outcome.image}: {moved} received"


def write_image(
    session: Session, subject: Subject, output: str, compress: str, base: str | Address
) -> Outcome:
    """Write an image to a file, without what an image here or a host has; or to a layout."""
    if output.startswith(LAYOUT):
        if base:
            raise UsageError(
                "an OCI layout has all layers of its image.", "Leave --base and the host out."
            )
        return write_layout(session, subject, output)
    path = session.here / output
    with at_work(session, (output,)) as desk:
        desk.board.begin(output)
        about = About(subject.reference, *required(desk, subject, base))
        if base and not about.requires:
            desk.board.warn(f"{base} has no layer of {subject.reference}, so all are written.")
        form = form_of(path, compress, AUTO)
        with supply_of(desk, subject, form) as supply:
            layers = subject.facts.layers[len(about.requires) :]
            meter = desk.meter(output)
            meter.begin(f"{len(layers)} of {len(subject.facts.layers)} layers", 0)

            def advance(count: int) -> None:
                meter.total = supply.travelled(layers)[0]
                meter.advance(count)

            size = write_delta(path, supply, about, form, advance)
        count = len(subject.facts.layers)
        outcome = Outcome(output, subject.reference, SENT, size, len(layers), count)
        desk.board.end(output, f"has {len(layers)} of {count} layers, {megabytes(size)} MB")
    return outcome


def required(desk: Desk, subject: Subject, base: str | Address) -> tuple[tuple[str, ...], str]:
    """Give the layers that whoever gets the file has, and who that is."""
    layers = subject.facts.layers
    if isinstance(base, Address):
        with ExitStack() as stack:
            host = Host(desk.connect(base, stack), desk.crew)
            return layers[: host.inquire(subject.reference, layers).held], f"the host {base}"
    if not base:
        return (), ""
    known: dict[str, ImageFacts] = desk.session.engine.facts([base])
    if base not in known:
        raise ProjectError(
            f"the Docker engine has no image {base} to compare with.", "Build or pull it first."
        )
    return layers[: common(known[base].layers, layers)], base


def write_layout(session: Session, subject: Subject, output: str) -> Outcome:
    """Write an image to an OCI layout."""
    destination = parse_destination(output, session.here)
    if destination is None:
        raise UsageError("--output names nothing.")
    with at_work(session, (output,)) as desk:
        desk.board.begin(output)
        with SavedSource(subject.reference, desk.crew).open() as image:
            meter = desk.meter(output)
            meter.begin("layers", sum(layer.weight for layer in image.layers))
            placed = destination.sink(subject.reference).put(image, meter.advance)
        desk.board.end(output, f"has {subject.reference}")
    count = len(subject.facts.layers)
    return Outcome(
        output, subject.reference, SENT, placed.sent, placed.layers_sent, count, placed.id
    )


def load_image(session: Session, text: str) -> Outcome:
    """Load the image of a file."""
    path = session.here / Path(text)
    with at_work(session, (text,)) as desk:
        desk.board.begin(text)
        with opened_delta(path, desk.crew) as (about, image):
            meter = desk.meter(text)
            lacking = image.layers[len(about.requires) :]
            meter.begin(
                f"{len(lacking)} of {len(image.layers)} layers",
                sum(layer.weight for layer in lacking),
            )
            engine, crew = session.engine, desk.crew
            placed = load_delta(path, about, image, engine=engine, crew=crew, advance=meter.advance)
        state = SENT if placed.layers_sent else UNCHANGED
        outcome = Outcome(
            *(HERE, placed.reference, state, placed.sent, placed.layers_sent, len(image.layers)),
            placed.id,
        )
        said = "is here now" if placed.layers_sent else "was here already"
        desk.board.end(text, f"is read: {placed.reference} {said}")
    return outcome
