"""Projects with a virtualenv that is made by hand, and an engine in memory that gets their images.

Nothing is started: what docker and the image would answer is listed by the test.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from fakes import FixedEngine, RecordingRunner, Tty, fake_session, labels_of
from projects import Projects
from stores import Store, made_of
from virtualenvs import MadeVirtualenv, make_interpreter, make_virtualenv

from dockerutils.build import build_images
from dockerutils.build_options import BuildOptions
from dockerutils.command import Command
from dockerutils.engine import Engine, ImageFacts
from dockerutils.errors import EngineError
from dockerutils.images.catalogue import Catalogue
from dockerutils.images.recipe import Bench, Node
from dockerutils.images.recipes import open_graph
from dockerutils.images.venv import VenvReading
from dockerutils.oci.image import ImageConfig, OciImage
from dockerutils.oci.layer import made_layer
from dockerutils.oci.tar import Entry, tar_stream
from dockerutils.pipes import Dialogue
from dockerutils.runner import Answer
from dockerutils.session import Session
from dockerutils.sinks.engine import EngineSink
from dockerutils.terminal import Terminal

APP = """\
[image.app]
type = "venv"
base = "python:3"
project = ["src:/app"]
"""
MENU = "PRICES = {'soup': 4}\n"
SOUP = "NAME = 'soup'\n"
LARGE = 1 << 20  # bytes, from which on a distribution has a layer of its own
PYTHON = ("usr/bin/python3.11", "bin/sh")


def base_of(*programs: str, **settings: Any) -> OciImage:
    """Make an image with these programs, or with a Python 3.11."""
    entries = [Entry(path.encode(), 0o755, content=b"x") for path in sorted(programs or PYTHON)]
    name = " ".join(programs)
    layer = made_layer(name, lambda: tar_stream(entries), name, None)
    config = ImageConfig("amd64", created="1980-01-01T00:00:00Z", settings=settings)
    return OciImage((layer,), config.to_json)


def all_right(_command: Command) -> Answer:
    """Find every module on both sides."""
    report = {"version": [3, 11, 2], "soabi": "", "prefix": "", "modules": {}, "scripts": {}}
    return Answer(0, json.dumps(report), "")


def never() -> None:
    """Never end it."""


@dataclass
class StoreRunner(RecordingRunner):
    """Works on a store: pulls and builds give it the images that are listed for their names.

    An image that is not listed has one layer, and the labels that its build says.
    """

    store: Store = field(default_factory=Store)
    makes: dict[str, OciImage] = field(default_factory=dict)
    tells: Callable[[Command], Answer] = all_right
    check: Callable[[], None] = never

    def hand_over(self, command: Command) -> int:
        """Record, and have what a build or a pull makes."""
        status = super().hand_over(command)
        place = {"pull": 2, "build": 3}.get(command.argv[1])
        if place and not status:
            name = command.argv[place]
            usual = made_of(name, Labels=labels_of(command))
            self.have(name, self.makes.get(name, usual))
        return status

    def have(self, reference: str, image: OciImage) -> None:
        """Put an image there, as if it had always been."""
        commands, fed = list(self.store.commands), list(self.store.fed)
        EngineSink(reference, self.store.engine, self.store).put(image)
        self.store.commands, self.store.fed = commands, fed

    @contextlib.contextmanager
    def side_by_side(self, by_main: bool = False) -> Iterator[StoreCrew]:  # type: ignore[override]
        """Give a crew on the same store."""
        del by_main
        yield StoreCrew(self)


@dataclass
class StoreCrew:
    """Feeds a store, and reads from it; programs of images answer as the runner tells."""

    runner: StoreRunner

    def follow(self, command: Command, take: Callable[[str], None]) -> None:
        """Do it as if it were alone."""
        del take
        self.runner.run(command)

    def write(self, command: Command, chunks: Iterable[bytes]) -> Answer:
        """Feed the store, or ask a program."""
        if command.argv[:2] == ("docker", "run") or command.argv[0] != "docker":
            self.runner.commands.append(command)
            return self.runner.tells(command)
        return self.runner.store.write(command, chunks)

    def stream(self, command: Command) -> contextlib.AbstractContextManager[BinaryIO]:
        """Save an image of the store."""
        return self.runner.store.stream(command)

    def converse(self, command: Command) -> contextlib.AbstractContextManager[Dialogue]:
        """Refuse: nobody answers here."""
        raise AssertionError(f"nobody answers here: {command}")

    def check(self) -> None:
        """Ask whether the user has ended it."""
        self.runner.check()


@dataclass(frozen=True)
class DownEngine(FixedEngine):
    """Does not answer."""

    def facts(self, references: Iterable[str]) -> dict[str, ImageFacts]:
        """Know nothing of any image."""
        del references
        raise EngineError("the Docker engine does not answer: no socket", "Start the engine.")


@dataclass
class Bakery:
    """A project with a virtualenv: `menu` is large, `soup` is small, `src/shop.py` is its own."""

    root: Path
    venv: MadeVirtualenv
    environ: Mapping[str, str] = field(default_factory=dict)
    runner: StoreRunner = field(default_factory=StoreRunner)
    engine: Engine | None = None  # in the store's place
    err: io.StringIO = field(default_factory=io.StringIO)
    out: io.StringIO = field(default_factory=io.StringIO)

    @property
    def store(self) -> Store:
        """The engine."""
        return self.runner.store

    def session(self) -> Session:
        """Give a session on the engine."""
        self.err, self.out = type(self.err)(), io.StringIO()
        return replace(
            fake_session(self.root, self.environ)[0],
            runner=self.runner,
            engine=self.engine or self.store.engine,
            terminal=Terminal(self.out, self.err, colours=False),
            now=lambda: 0.0,
        )

    def node(self, name: str = "app") -> Node:
        """Read an image anew, as a build does."""
        session = self.session()
        return open_graph(Catalogue(session.project), session.environ).node(name)

    def reading(self, name: str = "app") -> VenvReading:
        """Read an image of the type `venv` anew."""
        reading = self.node(name).reading
        assert isinstance(reading, VenvReading)
        return reading

    def upon(self, base: OciImage | None = None, name: str = "app") -> OciImage:
        """Put an image together, with a label of ours."""
        return self.assembled(base, name)[0]

    def assembled(
        self, base: OciImage | None = None, name: str = "app"
    ) -> tuple[OciImage, tuple[str, ...]]:
        """Put an image together; gives it and the warnings."""
        reading = self.reading(name)
        bench = Bench(lambda command: StoreCrew(self.runner).write(command, ()), self.root)
        assembly = reading.assembly(reading_request())
        done = assembly.upon(base or base_of(), {"dockerutils.image": "shop-app"}, bench)
        return done.image, done.warnings

    def build(self, *names: str, **options: Any) -> str:
        """Build; gives what was said."""
        given = BuildOptions(**{"jobs": 1, **options})
        build_images(self.session(), names or ("app",), given)
        return self.err.getvalue()

    def change(self, path: str, text: str) -> None:
        """Write a file of the project."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def configure(self, *lines: str) -> None:
        """Set keys of the image `app`, in the place of the base and the folders, or beside them."""
        set_here = {line.partition(" =")[0] for line in lines}
        kept = [line for line in APP.splitlines() if line.partition(" =")[0] not in set_here]
        self.change("docker/dockerutils.toml", "\n".join([*kept, *lines, ""]))

    def on_terminal(self) -> Bakery:
        """Give the same, watched on a terminal."""
        return replace(self, err=Tty())

    def settings(self, reference: str = "shop-app:alice") -> dict[str, Any]:
        """Give the settings of an image of the engine."""
        found: dict[str, Any] = self.store.images[self.store.tags[reference]].config["config"]
        return found


def reading_request() -> Any:
    """Give the request of a plain build."""
    return BuildOptions().request


def open_bakery(
    projects: Projects, files: Mapping[str, str] | None = None, config: str = APP, **environ: str
) -> Bakery:
    """Make such a project, with a base on its engine."""
    own = {"docker/dockerutils.toml": config, "src/shop.py": "x = 1\n"}
    root = projects.make({**own, **(files or {})})
    interpreter = make_interpreter(projects.folder / "base" / "bin", "3.11")
    venv = make_virtualenv(root / ".venv", interpreter=interpreter)
    venv.add("menu", {"menu/__init__.py": MENU, "menu/photos.bin": "p" * LARGE})
    venv.add("soup", {"soup.py": SOUP})
    bakery = Bakery(root, venv, environ)
    bakery.runner.have("python:3", base_of())
    return bakery
