"""The benchmarks run and render; what they measure is no test."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from benchmarks import context, plan, waves
from benchmarks.measurement import Case, Group, Measurement, Target, measure
from benchmarks.processes import Place
from benchmarks.table import table


def test_the_cases_of_a_group_run_in_turns_after_one_unmeasured_run_each() -> None:
    calls: list[str] = []
    cases = tuple(Case(name, partial(calls.append, name)) for name in "ab")
    measurements = measure(Group("letters", cases), runs=2)
    expected = ["a", "b", "a", "b", "a", "b"]

    assert expected == calls
    assert all(len(one.seconds) == 2 for one in measurements)
    assert [True, False] == [one.is_baseline for one in measurements]


BASELINE = (0.1, 0.3, 0.2)
OTHER = (0.4, 0.7, 0.8)


def case(*targets: Target, items: int = 1) -> Measurement:
    ours = (0.2, 0.35, 0.7)
    together = {"docker": BASELINE, "ours": ours, "bake": OTHER}
    return Measurement("group", Case("ours", str, targets, items), ours, together)


def test_a_case_is_compared_with_the_baseline_of_the_same_round() -> None:
    one = case()
    figures = (one.median, one.minimum, one.ratio(), one.ratio_of_minima(), one.difference())
    expected = (0.35, 0.2, 1.75, 2.0, 0.1)

    assert expected == pytest.approx(figures)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Target(0.34), False),
        (Target(0.36), True),
        (Target(0.11, "difference"), True),
        (Target(0.09, "difference"), False),
        (Target(1.8, "ratio"), True),
        (Target(1.7, "ratio"), False),
        (Target(0.51, "ratio", "bake"), True),
        (Target(0.49, "ratio", "bake"), False),
    ],
)
def test_a_target_is_for_the_median_or_for_what_another_case_took(
    target: Target, expected: bool
) -> None:
    assert expected is case(target).meets(target)


def test_what_a_run_needs_is_prepared_before_each_and_not_measured() -> None:
    calls: list[str] = []
    one = Case("b", partial(calls.append, "b"), prepare=partial(calls.append, "prepared"))
    measure(Group("letters", (one,)), runs=1)
    expected = ["prepared", "b", "prepared", "b"]

    assert expected == calls


def test_a_slow_group_runs_less_often() -> None:
    (one,) = measure(Group("letters", (Case("a", str),), most_runs=2), runs=9)

    assert len(one.seconds) == 2


def test_the_table_has_a_line_for_each_measurement() -> None:
    baseline = Measurement("group", Case("docker", str), BASELINE, {"docker": BASELINE})
    targets = (Target(0.12, "difference"), Target(0.4, "ratio", "bake"))
    rendered = table([baseline, case(*targets, items=100)])
    expected = (
        "| group | case | median ms | minimum ms "
        "| ratio of medians | ratio of minima | difference ms | ms each | target |\n"
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n"
        "| group | `docker` | 200 | 100 | baseline |  |  |  |  |\n"
        "| group | `ours` | 350 | 200 | 1.75 | 2.00 | +100 | 3.50 "
        "| ≤ +120 ms: met; ≤ 0.4 times `bake`: missed (0.50, of minima 0.50) |"
    )

    assert expected == rendered


def test_the_bake_file_links_the_leaves_to_the_base() -> None:
    target = waves.bake_target(Place(Path("/shop")), "api")
    expected = {"shop-base:benchmark": "target:base"}

    assert expected == target["contexts"]


@pytest.mark.parametrize(("size", "expected"), [("99.9MB", False), ("500MB", True), ("1GB", True)])
def test_only_what_is_big_is_taken_out_of_the_builders_cache(size: str, expected: bool) -> None:
    assert expected is context.is_big(size)


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
