"""Measuring several ways to do the same in turns, so that a busy machine is busy for all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Literal

Figure = Literal["seconds", "difference", "ratio"]


def nothing() -> None:
    """Prepare nothing."""


@dataclass(frozen=True)
class Target:
    """What a case may take: seconds by itself, or compared with the case called `to`.

    Without `to` it is compared with the baseline: seconds more than that, or times that.
    """

    limit: float
    figure: Figure = "seconds"
    to: str = ""


@dataclass(frozen=True)
class Case:
    """One way to do something, with as many `items` as it does at once.

    What has to be `prepared` before each run is not measured.
    """

    name: str
    action: Callable[[], object]
    targets: tuple[Target, ...] = ()
    items: int = 1
    prepare: Callable[[], object] = nothing


@dataclass(frozen=True)
class Group:
    """Cases to be compared; the first is the baseline. Slow ones run no more than `most_runs`."""

    name: str
    cases: tuple[Case, ...]
    most_runs: int = 1000


@dataclass(frozen=True)
class Measurement:
    """The seconds of a case, run by run, and those of its whole group, the baseline first."""

    group: str
    case: Case
    seconds: tuple[float, ...]
    all: Mapping[str, tuple[float, ...]]

    @property
    def baseline(self) -> str:
        """Name the case that the others of the group are compared with."""
        return next(iter(self.all))

    @property
    def is_baseline(self) -> bool:
        """Tell whether the others of the group are compared with this one."""
        return self.case.name == self.baseline

    @property
    def median(self) -> float:
        """The seconds of a middling run."""
        return median(self.seconds)

    @property
    def minimum(self) -> float:
        """The seconds of the run that was disturbed least."""
        return min(self.seconds)

    def ratio(self, to: str = "") -> float:
        """How many times the median of another case it takes, else of the baseline."""
        return self.median / median(self.all[to or self.baseline])

    def ratio_of_minima(self, to: str = "") -> float:
        """How many times the minimum of another case it takes, else of the baseline."""
        return self.minimum / min(self.all[to or self.baseline])

    def difference(self, to: str = "") -> float:
        """The seconds more than another: the median over the rounds, each by itself."""
        others = self.all[to or self.baseline]
        return median(own - other for own, other in zip(self.seconds, others, strict=True))

    def found(self, target: Target) -> float:
        """Give what a target is held against."""
        if target.figure == "seconds":
            return self.median
        compare = self.ratio if target.figure == "ratio" else self.difference
        return compare(target.to)

    def meets(self, target: Target) -> bool:
        """Tell whether the medians keep to a target."""
        return self.found(target) <= target.limit


def measure(group: Group, runs: int) -> list[Measurement]:
    """Run each case once unmeasured, then all of them in turns: A B C, A B C, and so on."""
    for case in group.cases:
        seconds_of(case)
    rounds = [tuple(map(seconds_of, group.cases)) for _ in range(min(runs, group.most_runs))]
    columns = tuple(zip(*rounds, strict=True))
    together = {case.name: own for case, own in zip(group.cases, columns, strict=True)}
    return [Measurement(group.name, case, together[case.name], together) for case in group.cases]


def seconds_of(case: Case) -> float:
    """Prepare, do it and give the seconds that it took."""
    case.prepare()
    start = time.perf_counter()
    case.action()
    return time.perf_counter() - start
