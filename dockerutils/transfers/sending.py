"""Sending an image to hosts: each is asked once, what is missing is read and compressed once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from dockerutils.errors import DockerutilsError, EngineError, Interrupted
from dockerutils.files import replace_file
from dockerutils.meter import megabytes
from dockerutils.oci.digest import digest_of
from dockerutils.oci.image import ARCHITECTURES
from dockerutils.schedule import run_side_by_side
from dockerutils.session import Session
from dockerutils.sinks.host import HostSink
from dockerutils.sources.supply import Subject, Supply
from dockerutils.ssh.command import Address
from dockerutils.ssh.connection import Connection, Dropped
from dockerutils.ssh.host import Host, HostFacts
from dockerutils.transfers.desk import Desk, at_work, supply_of
from dockerutils.transfers.pace import Pace
from dockerutils.transfers.trial import FAILED, SENT, UNCHANGED, Outcome, Trial, while_dropped

AUTO = "auto"


@dataclass
class Roll:
    """Waits until every destination has said what it needs, and then decides once for all."""

    waiting: set[str]
    decide: Callable[[list[HostFacts]], None]
    answers: list[HostFacts] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    done: threading.Event = field(default_factory=threading.Event)

    def answer(self, name: str, facts: HostFacts | None) -> None:
        """Say what a destination has; None for one that gets nothing. A second time is too late."""
        with self.lock:
            if name not in self.waiting:
                return
            self.waiting.discard(name)
            self.answers += [facts] if facts else []
            if not self.waiting:
                if self.answers:
                    self.decide(self.answers)
                self.done.set()

    def wait(self, check: Callable[[], None]) -> None:
        """Wait for the others."""
        while not self.done.wait(0.1):
            check()


@dataclass
class Sending:
    """One run to several destinations."""

    session: Session
    desk: Desk
    subject: Subject
    supply: Supply
    pace: Pace
    compress: str = AUTO
    form: str = ""
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    failures: dict[str, DockerutilsError] = field(default_factory=dict)

    def send(self, addresses: Mapping[str, Address]) -> None:
        """Send to all; what becomes of each is an outcome."""
        roll = Roll(set(addresses), self._decide)

        def work(name: str) -> None:
            self.desk.board.begin(name)
            try:
                outcome = self._deliver(addresses[name], roll)
            except Interrupted:
                raise
            except DockerutilsError as error:
                self.failures[name] = error
                outcome = Outcome(name, self.subject.reference, FAILED, reason=error.message)
            finally:
                roll.answer(name, None)
            self.outcomes[name] = outcome
            self.desk.board.end(name, told(outcome))

        run_side_by_side(dict.fromkeys(addresses, ()), work, len(addresses), self.desk.board.draw)

    def _decide(self, answers: list[HostFacts]) -> None:
        """Choose the form in which layers travel, and have those made ready that are missing."""
        self.form = self.desk.form(self.compress, answers)
        layers = self.subject.facts.layers
        held = min(one.held for one in answers)
        self.supply.want(self.form, layers[held:], any(one.by_manifest for one in answers))

    def _deliver(self, address: Address, roll: Roll) -> Outcome:
        """Send to one host, and again where a connection was lost."""
        trial = Trial(str(address), self.desk)
        return while_dropped(lambda stack: self._attempt(stack, address, roll, trial), trial)

    def _attempt(self, stack: ExitStack, address: Address, roll: Roll, trial: Trial) -> Outcome:
        host, facts = self._inquire(self.desk.connect(address, stack), trial)
        sink = HostSink(self.subject.reference, host, facts, self.supply, self.form, self.pace)
        name, count = str(address), len(self.subject.facts.layers)
        if sink.has_all():
            state = SENT if trial.sent else UNCHANGED
            return Outcome(
                name,
                self.subject.reference,
                state,
                trial.sent,
                0,
                count,
            )
        self._check_machine(name, facts)
        roll.answer(name, facts)
        roll.wait(self.desk.crew.check)
        self.supply.want(self.form, sink.missing(), facts.by_manifest)
        sink = HostSink(self.subject.reference, host, facts, self.supply, self.form, self.pace)
        placed = sink.put(self._advance(sink, trial))
        return Outcome(
            name, self.subject.reference, SENT, trial.sent, placed.layers_sent, count, placed.id
        )

    def _inquire(self, connection: Connection, trial: Trial) -> tuple[Host, HostFacts]:
        host = Host(connection, self.desk.crew)
        try:
            facts = host.inquire(self.subject.reference, self.subject.facts.layers)
        except EngineError as error:
            if trial.met:  # it was there before: it may be on its way up again
                raise Dropped(error.message, error.hint) from error
            raise
        trial.meet(facts.held)
        return host.knowing(facts), facts

    def _check_machine(self, name: str, facts: HostFacts) -> None:
        there = ARCHITECTURES.get(facts.architecture, facts.architecture)
        here = self.subject.facts.architecture
        if here and there and here != there:
            self.desk.board.warn(f"{name} is a machine for {there}, and the image is for {here}.")

    def _advance(self, sink: HostSink, trial: Trial) -> Callable[[int], None]:
        """Give what shows how far it is; the total is known once all is compressed."""
        missing, layers = sink.missing(), len(self.subject.facts.layers)
        meter = self.desk.meter(trial.name)
        meter.begin(f"{len(missing)} of {layers} layers", 0)

        def advance(count: int) -> None:
            trial.sent += count
            meter.total = self.supply.travelled(missing)[0]
            meter.advance(count)

        return advance


@dataclass(frozen=True)
class Notes:
    """Which image a host was last sent under a name: one that it probably has is not saved yet."""

    folder: Path
    subject: Subject

    def has(self, destination: str) -> bool:
        """Tell whether a destination was sent this image last."""
        try:
            return self._path(destination).read_text() == self.subject.facts.id
        except OSError:
            return False

    def keep(self, destination: str) -> None:
        """Note that a destination has this image."""
        with suppress(OSError):
            replace_file(self._path(destination), self.subject.facts.id.encode())

    def _path(self, destination: str) -> Path:
        key = digest_of(f"{destination} {self.subject.reference}".encode())
        return self.folder / key.removeprefix("sha256:")


def told(outcome: Outcome) -> str:
    """Tell what became of a destination."""
    if outcome.state == UNCHANGED:
        return f"has {outcome.image} already"
    if outcome.state == FAILED:
        return "failed"
    moved = f"{outcome.layers_sent} of {outcome.layers} layers, {megabytes(outcome.sent)} MB"
    return f"has {outcome.image} now: {moved} sent"


def send(
    session: Session,
    subject: Subject,
    addresses: Mapping[str, Address],
    compress: str,
    pace: Pace,
) -> Sending:
    """Send an image to hosts, and give what became of each."""
    with at_work(session, tuple(addresses)) as desk, supply_of(desk, subject, compress) as supply:
        notes = Notes(desk.cache / "sent", subject)
        if not all(map(notes.has, addresses)):
            supply.begin()
        sending = Sending(session, desk, subject, supply, pace, compress)
        sending.send(addresses)
        for outcome in sending.outcomes.values():
            if outcome.state != FAILED:
                notes.keep(outcome.destination)
    return sending
