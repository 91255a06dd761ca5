"""Runs the benchmarks, all or those that are named, and prints one table of what they found."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

from benchmarks import (
    build,
    context,
    debian,
    docks,
    plan,
    run,
    start,
    transfer,
    venv,
    venv2docker,
    waves,
)
from benchmarks.measurement import Group, Measurement, measure
from benchmarks.table import table

BENCHMARKS: dict[str, Callable[[], AbstractContextManager[list[Group]]]] = {
    "start": start.groups,
    "build": build.groups,
    "waves": waves.groups,
    "context": context.groups,
    "run": run.groups,
    "plan": plan.groups,
    "venv": venv.groups,
    "venv2docker": venv2docker.groups,
    "debian": debian.groups,
    "transfer": transfer.groups,
    "docks": docks.groups,
}
# Half an hour, ten minutes, five, a quarter of an hour, and five minutes.
BY_NAME_ONLY = {"venv", "venv2docker", "debian", "transfer", "docks"}


def main(words: Sequence[str] | None = None) -> None:
    """Measure what is named, all that is not too long without a name."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument(
        "--runs", type=int, default=15, help="rounds of each, fewer of what is slow (default: 15)"
    )
    chosen = parser.parse_args(words)
    unknown = sorted(set(chosen.names) - set(BENCHMARKS))
    if unknown or chosen.runs < 1:
        parser.error(f"no benchmark is called {unknown[0]}" if unknown else "--runs: at least 1")
    print(f"{machine()}, {chosen.runs} runs\n")
    usual = [name for name in BENCHMARKS if name not in BY_NAME_ONLY]
    print(table(measured(chosen.names or usual, chosen.runs)))


def measured(names: Sequence[str], runs: int) -> Iterator[Measurement]:
    """Measure one benchmark after the other, and tell on standard error which it is."""
    for name in names:
        with BENCHMARKS[name]() as groups:
            for group in groups:
                print(f"# {group.name}", file=sys.stderr, flush=True)
                yield from measure(group, runs)


def machine() -> str:
    """Describe the machine, and how busy it is."""
    load = os.getloadavg()[0]
    python = f"Python {platform.python_version()}"
    return f"{python}, {platform.machine()}, {os.cpu_count()} cores, load {load:.1f} at the start"


if __name__ == "__main__":
    main()
