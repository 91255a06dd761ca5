"""An image of 340 MB to another host: the bytes on a line of 100 Mbit/s, and the seconds."""

from __future__ import annotations

import random
import secrets
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.far_host import FAR, FarHost, far_host, without_cache
from benchmarks.measurement import Case, Group, Target
from benchmarks.processes import SCRIPTS, Place
from benchmarks.workshop import STAND_IN

MOST_RUNS = 3
TOP = 1_000_000  # bytes of the file that changes, which cannot be compressed
LAYER = 1_002_000  # bytes of its layer
SLACK = 50_000  # bytes
SEED = "docker save {0} | gzip | ssh {1} 'gunzip | docker load'"
WITH_ZSTD = "docker save {0} | zstd -q -T0 -c | ssh {1} 'zstd -dc | docker load'"
GZIPPED, ZSTANDARD, OURS = "save, gzip, ssh, load", "the same with zstd", "transfer-image"


@dataclass(frozen=True)
class Images:
    """The image before and after a change of its top layer, on this machine's engine."""

    old: str
    new: str


@contextmanager
def groups() -> Iterator[list[Group]]:
    """Give the cases."""
    with images() as built, far_host(near=3) as host:
        yield [
            warm(host, built),
            nothing_new(host, built),
            cold(host, built),
            cut(host, built),
            several(host, built),
        ]


@contextmanager
def images() -> Iterator[Images]:
    """Build the images upon the stand-in; they are removed in the end."""
    name = f"benchmark-transfer-{secrets.token_hex(3)}"
    with tempfile.TemporaryDirectory() as folder:
        place, made = Place(Path(folder)), Images(f"{name}:1", f"{name}:2")
        (place.folder / "noise").write_bytes(random.randbytes(60_000_000))
        (place.folder / "text").write_bytes(text(80_000_000))
        copies = "COPY noise /noise\nCOPY text /text\nCOPY top /top\n"
        (place.folder / "Dockerfile").write_text(f"FROM {STAND_IN}\n{copies}")
        try:
            for reference in (made.old, made.new):
                (place.folder / "top").write_bytes(random.randbytes(TOP))
                place.run("docker", "build", "--quiet", "--tag", reference, ".")
            yield made
        finally:
            place.run("docker", "image", "rm", "--force", made.old, made.new)


def text(size: int) -> bytes:
    """Make what is compressed to about a third."""
    words = [secrets.token_hex(6).encode() for _ in range(5000)]
    part = b" ".join(random.choices(words, k=40_000)) + random.randbytes(100_000)
    parts = [part[cut:] + part[:cut] for cut in range(0, len(part), len(part) // 64)]
    blocks = (bytes(random.choices(part, k=1000)) + parts[n % 64] for n in range(size // len(part)))
    return b"".join(blocks)


def pipeline(host: FarHost, form: str, reference: str, target: str = FAR) -> Callable[[], object]:
    """Give a pipeline of a shell."""
    line = form.format(reference, shlex.quote(target))
    return lambda: host.place.run("bash", "-o", "pipefail", "-c", line)


def ours(host: FarHost, reference: str, *targets: str) -> Callable[[], object]:
    """Give our command."""
    words: tuple[str | Path, ...] = (SCRIPTS / "transfer-image", reference)
    return lambda: host.place.run(*words, *(targets or (FAR,)))


def counted(host: FarHost, action: Callable[[], object]) -> Callable[[], int]:
    """Do something, and count the bytes that it moved."""

    def count() -> int:
        before = host.moved()
        action()
        return host.moved() - before

    return count


def case(
    host: FarHost,
    name: str,
    action: Callable[[], object],
    prepare: Callable[[], object],
    *targets: Target,
) -> Case:
    """Give a case whose bytes are counted in the run before the measured ones."""
    return Case(name, action, targets, prepare=prepare, counted=counted(host, action))


def three_ways(
    host: FarHost, image: str, prepare: Callable[[], object], *targets: Target
) -> tuple[Case, ...]:
    """Give the two pipelines and our command."""
    return (
        case(host, GZIPPED, pipeline(host, SEED, image), prepare),
        case(host, ZSTANDARD, pipeline(host, WITH_ZSTD, image), prepare),
        case(host, OURS, ours(host, image), prepare, *targets),
    )


def empty(host: FarHost) -> None:
    """Have nothing on the host, and nothing kept here."""
    ids = host.docker("images", "--all", "--quiet").split()
    if ids:
        host.docker("image", "rm", "--force", *dict.fromkeys(ids))
    without_cache(host.place)


def having_old(host: FarHost, built: Images) -> None:
    """Have the host know the old image only, by the shortest way."""
    if not host.docker("images", "--quiet", built.old).strip():
        empty(host)
        pipeline(host, "docker save {0} | ssh {1} docker load", built.old, host.near[0])()
    if host.docker("images", "--quiet", built.new).strip():
        host.docker("image", "rm", "--force", built.new)
    without_cache(host.place)


def warm(host: FarHost, built: Images) -> Group:
    """Give the cases of a host that lacks the top layer only."""
    targets = (
        Target(LAYER + SLACK, "bytes"),
        Target(8, "faster"),
        Target(5, "faster", ZSTANDARD),
    )
    cases = three_ways(host, built.new, lambda: having_old(host, built), *targets)
    return Group("transfer, one layer of 1 MB is missing", cases, MOST_RUNS)


def nothing_new(host: FarHost, built: Images) -> Group:
    """Give the case of a host that has the image."""

    def prepare() -> None:
        if not host.docker("images", "--quiet", built.new).strip():
            ours(host, built.new, host.near[0])()

    targets = (Target(1.0), Target(SLACK, "bytes"))
    action = ours(host, built.new)
    return Group(
        "transfer, nothing is missing", (case(host, OURS, action, prepare, *targets),), MOST_RUNS
    )


def cold(host: FarHost, built: Images) -> Group:
    """Give the cases of a host without any image."""
    targets = (Target(1.4, "faster"), Target(1, "faster", ZSTANDARD))
    cases = three_ways(host, built.new, lambda: empty(host), *targets)
    return Group("transfer, everything is missing", cases, MOST_RUNS)


def cut(host: FarHost, built: Images) -> Group:
    """Give the bytes of a whole transfer, and of one that is killed at half and run again."""
    whole = 0

    def once() -> None:
        nonlocal whole
        before = host.moved()
        ours(host, built.new)()
        whole = host.moved() - before

    def twice() -> None:
        words = (SCRIPTS / "transfer-image", built.new, FAR)
        before = host.moved()
        with subprocess.Popen(words, env=host.place.environment, cwd=host.place.folder) as process:
            while host.moved() - before < whole // 2:
                time.sleep(0.05)
            process.send_signal(signal.SIGKILL)
        ours(host, built.new)()

    prepare = lambda: empty(host)  # noqa: E731
    cases = (
        case(host, "in one go", once, prepare),
        case(host, "killed at half, and run again", twice, prepare),
    )
    return Group("transfer, with an end in the middle", cases, 1)


def several(host: FarHost, built: Images) -> Group:
    """Give the cases of three hosts without the long line."""

    def prepare() -> None:
        empty(host)
        for name in host.near:
            place = host.place
            place.run("ssh", name, "docker image rm -f $(docker images -aq) >/dev/null 2>&1; true")

    def in_turn() -> None:
        for name in host.near:
            ours(host, built.new, name)()

    cases = (
        Case("three, one after the other", in_turn, prepare=prepare),
        Case(
            "three at once",
            ours(host, built.new, *host.near),
            (Target(0.6, "ratio"),),
            prepare=prepare,
        ),
    )
    return Group("transfer, three hosts", cases, MOST_RUNS)
