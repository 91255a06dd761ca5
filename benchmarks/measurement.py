"""Measuring several ways to do the same in turns, so that a busy machine is busy for all alike."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

Figure = Literal["seconds", "difference", "ratio", "faster", "bytes", "fewer", "failed"]


def nothing() -> None:
    """Prepare nothing."""


@dataclass(frozen=True)
class Target:
    """What a case may take: seconds by itself, or compared with the case called `to`.

    Without `to` it is compared with the baseline: seconds more than that, or times that. `faster`
    says how many times faster it has to be at least. `bytes` is what it may move, `fewer` how many
    times fewer bytes that have to be at least. `failed` is how many of its items may fail in all.
    """

    limit: float
    figure: Figure = "seconds"
    to: str = ""


@dataclass(frozen=True)
class Case:
    """One way to do something, with as many `items` as it does at once.

    What has to be `prepared` before each run is not measured. An action that is not `timed` gives
    its seconds itself. `counted` does the same as the action and gives the bytes that it moved; it
    takes the place of the first run, which is not measured. `failed` gives how many items have
    failed up to now, where some may.
    """

    name: str
    action: Callable[[], object]
    targets: tuple[Target, ...] = ()
    items: int = 1
    prepare: Callable[[], object] = nothing
    timed: bool = True
    counted: Callable[[], int] | None = None
    failed: Callable[[], int] | None = None


@dataclass(frozen=True)
class Group:
    """Cases to be compared; the first is the baseline. Slow ones run no more than `most_runs`."""

    name: str
    cases: tuple[Case, ...]
    most_runs: int = 1000


@dataclass(frozen=True)
class Measurement:
    """The seconds of a case, run by run, and those of its whole group, the baseline first.

    `moved` has the bytes of those that were counted, `failed` the items that failed in those runs.
    """

    group: str
    case: Case
    seconds: tuple[float, ...]
    all: Mapping[str, tuple[float, ...]]
    moved: Mapping[str, int] = field(default_factory=dict)
    failed: int = 0

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

    def faster(self, to: str = "") -> float:
        """How many times faster its median is than another one's, else than the baseline's."""
        return 1 / self.ratio(to)

    @property
    def bytes(self) -> int:
        """The bytes that it moved."""
        return self.moved[self.case.name]

    def fewer(self, to: str = "") -> float:
        """How many times fewer bytes it moved than another, else than the baseline."""
        other = self.moved[to or self.baseline]
        return other / self.bytes if self.bytes else math.inf

    def found(self, target: Target) -> float:
        """Give what a target is held against."""
        if target.figure == "seconds":
            return self.median
        if target.figure == "bytes":
            return self.bytes
        if target.figure == "failed":
            return self.failed
        compare = {
            "difference": self.difference,
            "ratio": self.ratio,
            "faster": self.faster,
            "fewer": self.fewer,
        }
        return compare[target.figure](target.to)

    def meets(self, target: Target) -> bool:
        """Tell whether the medians, or the bytes, keep to a target."""
        found = self.found(target)
        more_is_better = target.figure in {"faster", "fewer"}
        return found >= target.limit if more_is_better else found <= target.limit


def measure(group: Group, runs: int) -> list[Measurement]:
    """Run each case once unmeasured, then all of them in turns: A B C, A B C, and so on."""
    moved = {case.name: moved_by(case) for case in group.cases}
    counted = {name: count for name, count in moved.items() if count is not None}
    before = {case.name: failed(case) for case in group.cases}
    rounds = [tuple(map(seconds_of, group.cases)) for _ in range(min(runs, group.most_runs))]
    columns = tuple(zip(*rounds, strict=True))
    together = {case.name: own for case, own in zip(group.cases, columns, strict=True)}
    return [
        Measurement(
            group.name,
            case,
            together[case.name],
            together,
            counted,
            failed(case) - before[case.name],
        )
        for case in group.cases
    ]


def failed(case: Case) -> int:
    """Give how many items of a case have failed up to now."""
    return case.failed() if case.failed else 0


def moved_by(case: Case) -> int | None:
    """Prepare, do it unmeasured and give the bytes that it moved, if they can be counted."""
    case.prepare()
    if case.counted:
        return case.counted()
    case.action()
    return None


def seconds_of(case: Case) -> float:
    """Prepare, do it and give the seconds that it took, or that it says it took."""
    case.prepare()
    start = time.perf_counter()
    result = case.action()
    took = time.perf_counter() - start
    if case.timed:
        return took
    if not isinstance(result, float):
        raise TypeError(f"{case.name} gives no seconds")
    return result
