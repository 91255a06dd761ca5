"""The benchmarks run and render; what they measure is no test."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from benchmarks import plan
from benchmarks.measurement import Case, Group, Measurement, Target, measure
from benchmarks.table import table


def test_the_cases_of_a_group_run_in_turns_after_one_unmeasured_run_each() -> None:
    calls: list[str] = []
    cases = tuple(Case(name, partial(calls.append, name)) for name in "ab")
    measurements = measure(Group("letters", cases), runs=2)
    expected = ["a", "b", "a", "b", "a", "b"]

    assert expected == calls
    assert all(len(one.seconds) == 2 for one in measurements)
    assert measurements[0].is_baseline
    assert not measurements[1].is_baseline


BASELINE = (0.1, 0.3, 0.2)


def case(target: Target | None = None, items: int = 1) -> Measurement:
    return Measurement("group", Case("ours", str, target, items), (0.2, 0.35, 0.7), BASELINE)


def test_a_case_is_compared_with_the_baseline_of_the_same_round() -> None:
    one = case()
    figures = (one.median, one.minimum, one.ratio, one.ratio_of_minima, one.difference)
    expected = (0.35, 0.2, 1.75, 2.0, 0.1)

    assert expected == pytest.approx(figures)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (None, None),
        (Target(0.34), False),
        (Target(0.36), True),
        (Target(0.11, beyond_baseline=True), True),
        (Target(0.09, beyond_baseline=True), False),
    ],
)
def test_a_target_is_for_the_median_or_for_what_is_beyond_the_baseline(
    target: Target | None, expected: bool | None
) -> None:
    assert expected is case(target).meets_target


def test_the_table_has_a_line_for_each_measurement() -> None:
    baseline = Measurement("group", Case("docker", str), BASELINE, BASELINE)
    rendered = table([baseline, case(Target(0.12, beyond_baseline=True), items=100)])
    expected = (
        "| group | case | median ms | minimum ms "
        "| ratio of medians | ratio of minima | difference ms | ms each | target |\n"
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n"
        "| group | `docker` | 200 | 100 | baseline |  |  |  |  |\n"
        "| group | `ours` | 350 | 200 | 1.75 | 2.00 | +100 | 3.50 | ≤ +120 ms: met |"
    )

    assert expected == rendered


def test_a_generated_project_is_planned_with_bases_first(tmp_path: Path) -> None:
    script = plan.plan(plan.write_project(tmp_path, 12))
    commands = [line for line in script.splitlines() if line.startswith("docker build")]
    first = f"shop12-{plan.name_of(0)}:alice"

    assert first in commands[0]
    assert len(set(commands)) == 2 * 12  # each image has a stage called builder


def test_the_plan_benchmark_runs() -> None:
    with plan.groups(sizes=(2, 3)) as groups:
        measurements = [one for group in groups for one in measure(group, runs=1)]
    expected = ["plan 2 images", "plan 3 images"]

    assert expected == [one.case.name for one in measurements[:2]]
    assert table(measurements).count("baseline") == len(groups)
