"""A venv of 104 distributions and 950 MB becomes an image, by us and by Dockerfiles.

Both sides have the same lock, the same project, the same base image in the engine and in the
registry, and warm caches of uv and pip. The registry is of this machine's own; where everything
has to be sent, it is put back to the base image before each run.
"""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import package_index
from benchmarks.engine_meter import metered
from benchmarks.local_registry import LocalRegistry, local_registry
from benchmarks.measurement import Case, Group, Target, nothing
from benchmarks.processes import ROOT, SCRIPTS, Place
from benchmarks.venv_baselines import BASE, LABEL, PLAIN_UV, Baselines
from benchmarks.venv_subject import Subject, install_lock, install_uv, make_venv
from benchmarks.workshop import STAND_IN, USER

RUNS, LONG_RUNS = 3, 1
START = ("python", "-m", "shop.start")
BUILD = SCRIPTS / "build-image"
PUBLISH = (SCRIPTS / "python", "-I", ROOT / "benchmarks" / "venv_publish.py")
UV_BUILD, UV_PUSH = "docker build, uv", "docker build, uv, and push"
PIP_PUSH, PUSH = "docker build, pip, and push", "docker push"
OURS = "build-image"
OURS_PUSH = "our push"
NOTHING_TO_DO = Target(0.5)
QUESTIONS = 10_000  # bytes of a client that asks an engine, and gives it nothing

CONFIG = """\
[image.app]
type = "venv"
venv = ".venv"
base = "{base}"
project = ["{source}:/app"]
image_cmd = ["uvicorn", "shop.main:app"]
image_labels = {{ "{label}" = "{token}" }}
"""


class Ours:
    """A project whose image is made by us, from a venv that is there."""

    def __init__(self, place: Place, token: str, registry: LocalRegistry) -> None:
        """Write the project into the folder of `place`."""
        self.place, self.registry = place, registry
        self.subject = Subject(place.folder, f"src{token}")
        self.venv = place.folder / ".venv"
        self.image = f"{place.folder.name}-app:{USER}"
        self.reference = f"{registry.host}/ours:benchmark"
        config = {"base": STAND_IN, "source": f"src{token}", "label": LABEL, "token": token}
        (place.folder / "docker").mkdir()
        (place.folder / "docker" / "dockerutils.toml").write_text(CONFIG.format(**config))

    def make_venv(self, compiled: bool = True) -> None:
        """Make the venv of the lock."""
        make_venv(self.place, self.venv)
        self.install(compiled)

    def install(self, compiled: bool = True) -> None:
        """Have the venv hold what the lock says."""
        install_lock(self.place, self.venv, self.subject.lock, compiled)

    def remove_venv(self) -> None:
        """Remove the venv."""
        shutil.rmtree(self.venv, ignore_errors=True)

    def forget(self) -> None:
        """Forget what is known of the files and the base."""
        shutil.rmtree(
            Path(self.place.variables["XDG_CACHE_HOME"]) / "dockerutils", ignore_errors=True
        )

    def build(self, place: Place | None = None) -> None:
        """Make the image and load it into the engine, maybe from another place."""
        (place or self.place).run(BUILD, "app")

    def publish(self) -> None:
        """Make the image and push it, without the engine."""
        base = f"{self.registry.host}/{BASE}"
        self.place.run(*PUBLISH, "app", self.reference, base)


class Bench:
    """Both sides, and how their cases are measured."""

    def __init__(self, ours: Ours, theirs: Baselines, meter: Callable[..., int]) -> None:
        """Take what `benches` has made."""
        self.ours, self.theirs, self.registry, self._meter = ours, theirs, theirs.registry, meter

    def to_engine(
        self,
        name: str,
        action: Callable[[Place], object],
        place: Place,
        prepare: Callable[[], object],
        *targets: Target,
    ) -> Case:
        """Give a case that ends in the engine; the bytes are those that the engine gets."""
        return Case(
            name,
            lambda: action(place),
            targets,
            prepare=prepare,
            counted=lambda: self._meter(action, place),
        )

    def to_registry(
        self,
        name: str,
        action: Callable[[], object],
        prepare: Callable[[], object],
        *targets: Target,
    ) -> Case:
        """Give a case that ends in the registry; the bytes are those of uploaded blobs."""
        return Case(
            name,
            action,
            targets,
            prepare=prepare,
            counted=lambda: self.registry.count(action),
        )


@contextmanager
def groups(runs: int = RUNS, long_runs: int = LONG_RUNS) -> Iterator[list[Group]]:
    """Give the cases from the lock, from the venv, after changes, after none; the app's start."""
    with benches() as bench:
        yield [
            Group("venv, from the lock, no bytecode", from_lock(bench, compiled=False), long_runs),
            Group(
                "venv, from the lock to the registry", from_lock(bench, compiled=True), long_runs
            ),
            Group("venv, from the venv to the registry", from_venv(bench), long_runs),
            Group("venv, a dependency, to the registry", dependency_pushed(bench), long_runs),
            Group("venv, a dependency, to the engine", dependency_built(bench), long_runs),
            Group("venv, a line of code, to the engine", code_built(bench), runs),
            Group("venv, no change, to the engine", unchanged_built(bench), runs),
            Group("venv, no change, to the registry", unchanged_pushed(bench), runs),
            Group("venv, CPU of the app's start", starts(bench), runs),
        ]


@contextmanager
def benches() -> Iterator[Bench]:
    """Make both sides, and remove all in the end."""
    install_uv()
    token = f"bench{secrets.token_hex(4)}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory())).resolve()
        registry = stack.enter_context(local_registry(folder / "registry"))
        variables = {
            "LOGNAME": USER,
            "DOCKER_CLI_HINTS": "false",
            "XDG_CACHE_HOME": str(folder / "cache"),
            "UV_CACHE_DIR": str(folder / "uv"),
            **package_index.variables_here(),
        }
        places = [Place(folder / f"{side}{token}", variables) for side in ("ours", "theirs")]
        for place in places:
            place.folder.mkdir()
        theirs = Baselines(places[1], token, registry, folder)
        stack.callback(theirs.remove)
        theirs.make_tools()
        theirs.publish_base()
        ours = Ours(places[0], token, registry)
        ours.make_venv()
        yield Bench(ours, theirs, lambda *words: count(folder, *words))


def count(folder: Path, action: Callable[[Place], object], place: Place) -> int:
    """Do something at a place, and give the bytes that the engine got meanwhile."""
    with metered(place, folder, engine_socket(place)) as (through, meter):
        action(through)
    return meter.sent


def engine_socket(place: Place) -> str:
    """Give the path of the engine's socket."""
    host = json.loads(place.run("docker", "context", "inspect"))[0]["Endpoints"]["docker"]["Host"]
    if not host.startswith("unix://"):
        raise SystemExit(f"The engine is at {host}: bytes can be counted only at a socket here.")
    return str(host.removeprefix("unix://"))


def in_turn(*actions: Callable[[], object]) -> Callable[[], None]:
    """Give a function that does one after the other."""

    def all_of_them() -> None:
        for action in actions:
            action()

    return all_of_them


def from_lock(bench: Bench, compiled: bool) -> tuple[Case, ...]:
    """Give the cases that begin with a lock and a warm cache of packages.

    uv compiles nothing unless it is asked to; where it does, most of the time goes there.
    """
    ours, theirs = bench.ours, bench.theirs
    kind = "uv" if compiled else PLAIN_UV
    return (
        bench.to_registry(UV_PUSH, lambda: theirs.publish_cold(kind), theirs.forget),
        bench.to_registry(
            f"uv, and {OURS_PUSH}",
            in_turn(lambda: ours.make_venv(compiled), ours.publish),
            in_turn(theirs.forget, ours.forget, ours.remove_venv),
            Target(6, "faster"),
        ),
    )


def from_venv(bench: Bench) -> tuple[Case, ...]:
    """Give the cases that begin with a venv of ours, beside pip, and beside a push alone."""
    ours, theirs = bench.ours, bench.theirs
    return (
        bench.to_registry(PIP_PUSH, lambda: theirs.publish_cold("pip"), theirs.forget),
        bench.to_registry(PUSH, lambda: theirs.push("pip"), theirs.registry.reset),
        bench.to_registry(
            OURS_PUSH,
            ours.publish,
            in_turn(theirs.forget, ours.forget),
            Target(30, "faster"),
            Target(12, "faster", PUSH),
        ),
    )


def dependency_pushed(bench: Bench) -> tuple[Case, ...]:
    """Give the cases after another version of a small distribution; the one before is pushed."""
    ours, theirs = bench.ours, bench.theirs
    publish = lambda: theirs.publish("uv")  # noqa: E731
    return (
        bench.to_registry(UV_PUSH, publish, in_turn(publish, theirs.subject.change_lock)),
        bench.to_registry(
            f"uv, and {OURS_PUSH}",
            in_turn(ours.install, ours.publish),
            in_turn(ours.publish, ours.subject.change_lock),
            Target(10, "faster"),
            Target(30, "fewer"),
        ),
    )


def dependency_built(bench: Bench) -> tuple[Case, ...]:
    """Give the cases after another version of a small distribution; the one before is loaded."""
    ours, theirs = bench.ours, bench.theirs

    def install_and_build(place: Place) -> None:
        ours.install()
        ours.build(place)

    return (
        bench.to_engine(
            UV_BUILD,
            lambda place: theirs.build("uv", place),
            theirs.place,
            in_turn(lambda: theirs.build("uv"), theirs.subject.change_lock),
        ),
        bench.to_engine(
            f"uv, and {OURS}",
            install_and_build,
            ours.place,
            in_turn(ours.build, ours.subject.change_lock),
            Target(5, "faster"),
        ),
    )


def code_built(bench: Bench) -> tuple[Case, ...]:
    """Give the cases after a change to one line of the project; the image before is loaded."""
    ours, theirs = bench.ours, bench.theirs
    faster, small = Target(1.3, "faster"), Target(250_000, "bytes")
    return (
        bench.to_engine(
            UV_BUILD,
            lambda place: theirs.build("uv", place),
            theirs.place,
            in_turn(lambda: theirs.build("uv"), theirs.subject.change_code),
        ),
        bench.to_engine(
            OURS,
            ours.build,
            ours.place,
            in_turn(ours.build, ours.subject.change_code),
            faster,
            small,
        ),
    )


def unchanged_built(bench: Bench) -> tuple[Case, ...]:
    """Give the cases after no change; the image is loaded."""
    ours, theirs = bench.ours, bench.theirs
    targets = (NOTHING_TO_DO, Target(QUESTIONS, "bytes"))
    return (
        bench.to_engine(UV_BUILD, lambda place: theirs.build("uv", place), theirs.place, nothing),
        bench.to_engine(OURS, ours.build, ours.place, nothing, *targets),
    )


def unchanged_pushed(bench: Bench) -> tuple[Case, ...]:
    """Give the cases after no change; the image is pushed."""
    ours, theirs = bench.ours, bench.theirs
    targets = (NOTHING_TO_DO, Target(0, "bytes"))

    def publish() -> None:
        theirs.publish("uv")

    return (
        bench.to_registry(UV_PUSH, publish, publish),
        bench.to_registry(OURS_PUSH, ours.publish, ours.publish, *targets),
    )


def starts(bench: Bench) -> tuple[Case, ...]:
    """Give the cases of the app's start, in which no bytecode is written."""
    ours, theirs = bench.ours, bench.theirs
    naive = theirs.name("naive")
    return (
        start(ours.place, "all times set to zero", naive, lambda: theirs.make_naive(ours.image)),
        start(ours.place, UV_BUILD, theirs.name("uv"), nothing),
        start(ours.place, OURS, ours.image, nothing, Target(2, "faster")),
    )


def start(
    place: Place, name: str, image: str, prepare: Callable[[], object], *targets: Target
) -> Case:
    """Give the case of one image: the application says itself how many CPU seconds it took."""
    kept_nowhere = ("--read-only", "--tmpfs", "/tmp")
    words = ("docker", "run", "--rm", "--network", "none", *kept_nowhere, image, *START)
    return Case(name, lambda: float(place.run(*words)), targets, prepare=prepare, timed=False)
