"""The benchmarks run and render; what they measure is no test."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from benchmarks import context, docks, plan, waves
from benchmarks.far_dock import Terminal
from benchmarks.local_registry import uploaded
from benchmarks.measurement import Case, Group, Measurement, Target, measure
from benchmarks.package_index import index_variables, pip_settings
from benchmarks.processes import Place
from benchmarks.table import table
from benchmarks.venv_baselines import own_entries
from benchmarks.venv_subject import LOCK, Subject, with_version


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


def test_what_is_counted_takes_the_place_of_the_first_run() -> None:
    calls: list[str] = []

    def count() -> int:
        calls.append("counted")
        return 7

    letter = Case("a", partial(calls.append, "a"), counted=count)
    (one,) = measure(Group("letters", (letter,)), runs=1)

    assert ["counted", "a"] == calls
    assert {"a": 7} == one.moved


def test_a_case_that_is_not_timed_gives_its_seconds_itself() -> None:
    (one,) = measure(Group("letters", (Case("a", lambda: 5.0, timed=False),)), runs=1)
    with pytest.raises(TypeError, match="b gives no seconds"):
        measure(Group("letters", (Case("b", str, timed=False),)), runs=1)

    assert (5.0,) == one.seconds


MOVED = {"docker": 9000, "ours": 300, "bake": 600}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Target(1.9, "faster", "bake"), True),
        (Target(2.1, "faster", "bake"), False),
        (Target(1, "faster"), False),
        (Target(300, "bytes"), True),
        (Target(299, "bytes"), False),
        (Target(30, "fewer"), True),
        (Target(31, "fewer"), False),
        (Target(3, "fewer", "bake"), False),
    ],
)
def test_a_target_may_ask_for_more_speed_or_for_fewer_bytes(target: Target, expected: bool) -> None:
    assert expected is replace(case(target), moved=MOVED).meets(target)


def test_nothing_moved_is_fewer_than_anything() -> None:
    one = replace(case(), moved={**MOVED, "ours": 0})

    assert one.meets(Target(1000, "fewer"))


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


def test_the_table_has_a_column_for_bytes_where_they_were_counted() -> None:
    targets = (Target(1.5, "faster", "bake"), Target(30, "fewer"), Target(250_000, "bytes"))
    last = table([replace(case(*targets), moved=MOVED)]).splitlines()[-1]
    expected = (
        "|  | 0 | ≥ 1.5 times faster than `bake`: met (2.0); "
        "≥ 30 times fewer bytes: met (30.0); ≤ 250 KB: met |"
    )

    assert last.endswith(expected)


def test_what_failed_is_counted_in_the_measured_runs_only() -> None:
    failures: list[int] = []
    targets = (Target(5, "failed"),)
    fails = partial(failures.append, 2)
    one = Case("a", fails, targets, items=10, failed=lambda: sum(failures))
    (found,) = measure(Group("letters", (one,)), runs=3)
    head, _, last = table([found]).splitlines()

    assert 6 == found.failed
    assert head.endswith("| failed | target |")
    assert last.endswith("| 6 of 30 | ≤ 5 failed: missed |")


def test_a_docked_terminal_has_no_variables_of_ours(tmp_path: Path) -> None:
    expected = {"DOCKER_HOST": "ssh://near"}

    assert expected == Terminal(tmp_path, expected).environment


def test_the_change_of_the_docks_project_is_in_one_file(tmp_path: Path) -> None:
    root = docks.project(tmp_path, files=400)
    before = read_all(root)
    docks.change(root)
    after = read_all(root)

    assert 402 == len(before)
    assert 1 == sum(before[path] != content for path, content in after.items())


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


LOG = """\
127.0.0.1 - - [x] "HEAD /v2/a/blobs/sha256:11 HTTP/1.1" 404 157 "" "docker/26.1.5"
127.0.0.1 - - [x] "POST /v2/a/blobs/uploads/ HTTP/1.1" 202 0 "" "docker/26.1.5"
127.0.0.1 - - [x] "PATCH /v2/a/blobs/uploads/1?_state=x HTTP/1.1" 202 0 "" "docker/26.1.5"
127.0.0.1 - - [x] "PUT /v2/a/blobs/uploads/1?_state=x&digest=sha256%3A11 HTTP/1.1" 201 0 "" "d"
127.0.0.1 - - [x] "POST /v2/a/blobs/uploads/?mount=sha256%3A22&from=b HTTP/1.1" 201 0 "" "d"
127.0.0.1 - - [x] "PUT /v2/a/blobs/uploads/2?digest=sha256:33&_state=x HTTP/1.1" 201 0 "" "d"
127.0.0.1 - - [x] "PUT /v2/a/blobs/uploads/3?_state=x&digest=sha256%3A44 HTTP/1.1" 400 0 "" "d"
127.0.0.1 - - [x] "POST /v2/a/blobs/uploads/?digest=sha256%3A33 HTTP/1.1" 201 0 "" "d"
127.0.0.1 - - [x] "PUT /v2/a/manifests/tag HTTP/1.1" 201 0 "" "docker/26.1.5"
"""


def test_a_blob_counts_as_often_as_it_was_uploaded_and_a_mounted_one_does_not() -> None:
    expected = ["sha256:11", "sha256:33", "sha256:33"]

    assert expected == uploaded(LOG)


def test_only_what_our_own_steps_left_is_taken_out_of_the_builders_cache() -> None:
    entries = [
        {"ID": "1*", "CacheType": "regular", "Description": "[2/4] COPY src0a /app"},
        {"ID": "2", "CacheType": "regular", "Description": "[2/4] COPY src /app"},
        {"ID": "3", "CacheType": "exec.cachemount", "Description": "cached mount of 0a-uv"},
    ]

    assert ["1"] == own_entries(entries, "0a", {"regular"})
    assert ["1", "3"] == own_entries(entries, "0a")


def test_the_environment_wins_over_pips_files() -> None:
    listed = ":env:.index-url='https://one/'\nglobal.index-url='https://two/'\nglobal.cert='/ca'\n"
    expected = {"index-url": "https://one/", "cert": "/ca"}

    assert expected == pip_settings(listed)


def test_uv_and_pip_get_what_a_build_can_reach() -> None:
    settings = {"extra-index-url": "file:///here https://three/", "index-url": "https://two/"}
    expected = {
        "UV_DEFAULT_INDEX": "https://two/",
        "PIP_INDEX_URL": "https://two/",
        "UV_INDEX": "https://three/",
        "PIP_EXTRA_INDEX_URL": "https://three/",
    }

    assert expected == index_variables(settings, bundle="")


def test_another_version_of_the_small_distribution_changes_one_line_of_the_lock() -> None:
    lock = LOCK.read_text().splitlines()
    other = with_version(LOCK.read_text(), "1.0").splitlines()
    expected = ["six==1.0"]

    assert expected == [new for old, new in zip(lock, other, strict=True) if old != new]


def test_each_change_of_the_venv_projects_lock_is_one_that_it_never_had(tmp_path: Path) -> None:
    subject = Subject(tmp_path, "src", versions=("1", "2"))
    locks = {subject.lock.read_text()}
    for _ in range(2):
        subject.change_lock()
        locks.add(subject.lock.read_text())
    with pytest.raises(SystemExit, match="no more versions"):
        subject.change_lock()

    assert len(locks) == 3


def test_a_change_of_the_venv_projects_code_is_one_line_of_one_module(tmp_path: Path) -> None:
    subject = Subject(tmp_path, "src")
    before = read_all(tmp_path)
    subject.change_code()
    after = read_all(tmp_path)
    changed = [name for name in before if before[name] != after[name]]

    assert 30 == len(before)
    assert ["settings.py"] == [name.name for name in changed]
    assert 1 == lines_changed(before[changed[0]], after[changed[0]])


def read_all(root: Path) -> dict[Path, str]:
    return {path: path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}


def lines_changed(before: str, after: str) -> int:
    pairs = zip(before.splitlines(), after.splitlines(), strict=True)
    return sum(old != new for old, new in pairs)
