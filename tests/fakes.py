"""The seam's fakes: a runner that records, an engine that answers from a fixed map."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from dockerutils.command import Command
from dockerutils.engine import ImageFacts
from dockerutils.errors import CommandFailed, EngineError
from dockerutils.pipes import Dialogue
from dockerutils.runner import Answer
from dockerutils.session import Session
from dockerutils.startup import open_project
from dockerutils.terminal import Terminal


@dataclass
class RecordingRunner:
    """Records commands instead of running them; a command in `statuses` ends with that status."""

    statuses: Mapping[str, int] = field(default_factory=dict)
    answers: Mapping[str, Answer] = field(default_factory=dict)
    commands: list[Command] = field(default_factory=list)
    given: dict[str, str] = field(default_factory=dict)

    def having(self, variables: Mapping[str, str]) -> RecordingRunner:
        """Keep what more the commands have from now on in their environment."""
        self.given.update(variables)
        return self

    def run(self, command: Command) -> None:
        """Record; raise `CommandFailed` where another status is listed."""
        status = self.hand_over(command)
        if status:
            raise CommandFailed(f"{command.argv[0]} ended with status {status}.", status)

    def hand_over(self, command: Command) -> int:
        """Record, and give the listed status."""
        self.commands.append(command)
        line = str(command)
        return next((status for part, status in self.statuses.items() if part in line), 0)

    def read(self, command: Command) -> Answer:
        """Give the listed answer; a question that is not listed is a mistake of the test."""
        return self.answers[str(command)]

    @contextlib.contextmanager
    def side_by_side(self, by_main: bool = False) -> Iterator[RecordingCrew]:
        """Record what runs side by side, as it comes."""
        del by_main
        yield RecordingCrew(self)

    def line(self, command: Command) -> str:
        """Give the command as a shell takes it."""
        return str(command)

    @property
    def lines(self) -> list[str]:
        """The commands as a shell takes them."""
        return [str(command) for command in self.commands]


@dataclass
class RecordingCrew:
    """Records commands with their runner, and what they are fed; they write the listed bytes."""

    runner: RecordingRunner
    fed: list[bytes] = field(default_factory=list)
    writes: Mapping[str, bytes] = field(default_factory=dict)

    def follow(self, command: Command, take: Callable[[str], None]) -> None:
        """Record; raise `CommandFailed` where another status is listed."""
        del take
        self.runner.run(command)

    def write(self, command: Command, chunks: Iterable[bytes]) -> Answer:
        """Record, keep what it is fed, and give the listed answer, or an empty one."""
        self.runner.commands.append(command)
        self.fed.append(b"".join(chunks))
        return self.runner.answers.get(str(command), Answer(0, "", ""))

    @contextlib.contextmanager
    def stream(self, command: Command) -> Iterator[BinaryIO]:
        """Record, and give the listed bytes."""
        self.runner.commands.append(command)
        yield io.BytesIO(self.writes[str(command)])

    def converse(self, command: Command) -> contextlib.AbstractContextManager[Dialogue]:
        """Refuse: nobody answers here."""
        raise AssertionError(f"nobody answers here: {command}")

    def check(self) -> None:
        """Nobody ends it."""


def nothing(_command: Command) -> None:
    """Do nothing while a command runs."""


@dataclass
class Workshop(RecordingRunner):
    """Builds: notes what its engine has then, with the layers that are listed for a reference.

    An image without any has one that is named like itself; `during` is called with each command.
    """

    layers: dict[str, str] = field(default_factory=dict)
    there: dict[str, ImageFacts] = field(default_factory=dict)
    during: Callable[[Command], None] = nothing

    def hand_over(self, command: Command) -> int:
        """Record, and build."""
        status = super().hand_over(command)
        self.during(command)
        if not status and command.argv[:2] == ("docker", "build"):
            reference = command.argv[3]
            layer = self.layers.get(reference, reference)
            config = {"Labels": labels_of(command)}
            self.there[reference] = ImageFacts(f"sha256:{reference}", (layer,), config)
        return status

    def serve(self, session: Session) -> Session:
        """Give a session that builds here, on an engine that has what was built."""
        return replace(session, runner=self, engine=FixedEngine(has_facts=self.there))

    def built(self) -> list[str]:
        """Give the tags that were built since the last question, in order."""
        found = [one.argv[3] for one in self.commands if one.argv[:2] == ("docker", "build")]
        self.commands.clear()
        return found


def labels_of(command: Command) -> dict[str, str]:
    """Give the labels among the words of a build."""
    pairs = zip(command.argv, command.argv[1:], strict=False)
    texts = (value.partition("=") for word, value in pairs if word == "--label")
    return {name: value for name, _, value in texts}


@dataclass(frozen=True)
class FixedEngine:
    """Has these images (reference to ID) and containers (label to names), and this ailment."""

    has_images: Mapping[str, str] = field(default_factory=dict)
    has_containers: Mapping[str, list[str]] = field(default_factory=dict)
    is_ill: EngineError | None = None
    has_facts: Mapping[str, ImageFacts] = field(default_factory=dict)
    is_modern: bool = True

    def facts(self, references: Iterable[str]) -> dict[str, ImageFacts]:
        """Give the facts of those of the references that are there."""
        known = {name: ours(name, id_) for name, id_ in self.has_images.items()}
        known |= self.has_facts
        return {name: known[name] for name in references if name in known}

    def images(self, filters: Iterable[str] = ()) -> list[str]:
        """Give the IDs of all that is there, whatever the filters."""
        del filters
        return [one.id for one in self.facts([*self.has_images, *self.has_facts]).values()]

    def takes_named_contexts(self) -> bool:
        """Tell whether it is a modern one."""
        return self.is_modern

    def containers(self, labels: Iterable[str], stopped: bool = False) -> list[str]:
        """Give the containers of the last label, the most particular one."""
        del stopped
        return list(self.has_containers.get(list(labels)[-1], []))

    def ailment(self) -> EngineError | None:
        """Give the ailment."""
        return self.is_ill


def ours(name: str, id_: str) -> ImageFacts:
    """Give the facts of an image that build-image made."""
    return ImageFacts(id_, config={"Labels": {"dockerutils.image": name.rpartition(":")[0]}})


def fake_session(
    root: Path,
    environ: Mapping[str, str] | None = None,
    engine: FixedEngine | None = None,
    statuses: Mapping[str, int] | None = None,
) -> tuple[Session, RecordingRunner]:
    """Give a session in a real folder whose runner records; nothing leaves the process."""
    runner = RecordingRunner(statuses or {})
    session = Session(
        project=open_project(root, user="alice", home="/home/alice", environ=environ or {}),
        runner=runner,
        engine=engine or FixedEngine(),
        environ={"XDG_CACHE_HOME": str(root.parent / "cache"), **(environ or {})},
        terminal=Terminal(io.StringIO(), io.StringIO()),
        here=root,
        token=lambda: "c0ffee",
    )
    return session, runner


class Tty(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def said(session: Session) -> str:
    """Give what a fake session wrote to standard error."""
    stream = session.terminal.err
    return stream.getvalue() if isinstance(stream, io.StringIO) else ""
