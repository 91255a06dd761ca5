"""Measuring several ways to do the same in turns, so that a busy machine is busy for all alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Target:
    """What a case may take: seconds by itself, or seconds more than the baseline."""

    seconds: float
    beyond_baseline: bool = False


@dataclass(frozen=True)
class Case:
    """One way to do something, with as many `items` as it does at once."""

    name: str
    action: Callable[[], object]
    target: Target | None = None
    items: int = 1


@dataclass(frozen=True)
class Group:
    """Cases to be compared; the first is the baseline."""

    name: str
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class Measurement:
    """The seconds that a case took, run by run, and those of the baseline beside it."""

    group: str
    case: Case
    seconds: tuple[float, ...]
    baseline: tuple[float, ...]

    @property
    def is_baseline(self) -> bool:
        """Tell whether the others of the group are compared with this one."""
        return self.seconds is self.baseline

    @property
    def median(self) -> float:
        """The seconds of a middling run."""
        return median(self.seconds)

    @property
    def minimum(self) -> float:
        """The seconds of the run that was disturbed least."""
        return min(self.seconds)

    @property
    def ratio(self) -> float:
        """How many times the baseline's median it takes."""
        return self.median / median(self.baseline)

    @property
    def ratio_of_minima(self) -> float:
        """How many times the baseline's minimum it takes."""
        return self.minimum / min(self.baseline)

    @property
    def difference(self) -> float:
        """The seconds more than the baseline: the median over the rounds, each by itself."""
        return median(own - other for own, other in zip(self.seconds, self.baseline, strict=True))

    @property
    def meets_target(self) -> bool | None:
        """Tell whether the median keeps to the target; None where there is none."""
        target = self.case.target
        if target is None:
            return None
        return (self.difference if target.beyond_baseline else self.median) <= target.seconds


def measure(group: Group, runs: int) -> list[Measurement]:
    """Run each case once unmeasured, then all of them in turns: A B C, A B C, and so on."""
    for case in group.cases:
        case.action()
    rounds = [tuple(seconds_of(case.action) for case in group.cases) for _ in range(runs)]
    columns = tuple(zip(*rounds, strict=True))
    return [
        Measurement(group.name, case, seconds, columns[0])
        for case, seconds in zip(group.cases, columns, strict=True)
    ]


def seconds_of(action: Callable[[], object]) -> float:
    """Do something and give the seconds that it took."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
