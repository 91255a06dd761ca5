"""What is read from the plain progress of BuildKit; the logs are real ones of engine 26.1."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from dockerutils.progress import TAIL, Progress


def fed(lines: Iterable[str]) -> Progress:
    progress = Progress()
    for line in lines:
        progress.feed(line)
    return progress


HEAD = """\
#0 building with "default" instance using docker driver

#1 [internal] load build definition from Dockerfile
#1 transferring dockerfile: 225B done
#1 DONE 0.0s

#2 [internal] load metadata for docker.io/library/python:3.11-slim
#2 DONE 0.0s

#3 [internal] load .dockerignore
#3 transferring context: 2B done
#3 DONE 0.0s

"""
MISSING_FILE = (
    "failed to calculate checksum of ref 07f6baa3-7129-49d4-90ec-c553ec3b5ccf::i34s2h7j8gaiv0ptq:"
    ' "/x": not found'
)
SECOND_STAGE_FAILS = f"""{HEAD}\
#4 [builder 1/3] FROM docker.io/library/python:3.11-slim
#4 CACHED

#5 [builder 2/3] RUN echo one && echo two >&2
#5 0.205 two
#5 0.209 one
#5 DONE 0.2s

#6 [builder 3/3] RUN echo three
#6 0.218 three
#6 DONE 0.3s

#7 [stage-1 2/3] COPY --from=builder /x /x
#7 ERROR: {MISSING_FILE}
------
 > [stage-1 2/3] COPY --from=builder /x /x:
------
Dockerfile:5
--------------------
   3 |     RUN echo three
   4 |     FROM python:3.11-slim
   5 | >>> COPY --from=builder /x /x
   6 |     RUN echo "run it"
--------------------
ERROR: failed to solve: failed to compute cache key: {MISSING_FILE}
"""
BUILDER_FROM_CACHE = f"""{HEAD}\
#4 [builder 1/3] FROM docker.io/library/python:3.11-slim
#4 DONE 0.0s

#5 [builder 2/3] RUN echo one && echo two >&2
#5 CACHED

#6 [builder 3/3] RUN echo three
#6 CACHED

#7 exporting to image
#7 exporting layers 0.0s done
#7 writing image sha256:874f81b8fe83d4a1a052a6cbe96d8d598258bb5b8d1905f7139b2b34d47dbf64 done
#7 DONE 0.0s
"""
ONE_OF_TWO_FAILS = f"""{HEAD}\
#4 [broken 1/2] FROM docker.io/library/python:3.11-slim
#4 CACHED

#5 [slow 2/2] RUN sleep 3; echo slept
#5 CANCELED

#6 [broken 2/2] RUN sleep 1; echo going wrong; exit 3
#6 1.233 going wrong
#6 ERROR: process "/bin/sh -c sleep 1" did not complete successfully: exit code: 3
------
 > [broken 2/2] RUN sleep 1; echo going wrong; exit 3:
1.233 going wrong
------
"""
TEN_STEPS = f"""{HEAD}\
#4 [ 1/10] COPY f1 /1
#4 CACHED

#5 [ 2/10] COPY f1 /2
#5 DONE 0.0s

#13 [10/10] COPY f1 /10
#13 DONE 0.0s
"""


def after(log: str, last: str = "") -> Progress:
    """Give the state after the log's lines up to the last one, and with it."""
    lines = log.splitlines(keepends=True)
    end = next((at for at, line in enumerate(lines, 1) if line.startswith(last)), 0)
    return fed(lines[:end] if last else lines)


@pytest.mark.parametrize(
    ("last", "step"),
    [
        ("#1 DONE", 'building with "default" instance using docker driver'),
        ("#5 0.209", "[builder 2/3] RUN echo one && echo two >&2"),
        ("#6 DONE", "[builder 3/3] RUN echo three"),
        ("ERROR", "[stage-1 2/3] COPY --from=builder /x /x"),
    ],
)
def test_the_step_is_the_last_that_began(last: str, step: str) -> None:
    assert step == after(SECOND_STAGE_FAILS, last).step


def test_the_export_is_a_step_too() -> None:
    assert "exporting" == after(BUILDER_FROM_CACHE).step


@pytest.mark.parametrize(
    ("log", "summary"),
    [
        ("", "0 of 0 steps cached"),
        (HEAD, "0 of 0 steps cached"),
        (SECOND_STAGE_FAILS, "1 of 4 steps cached"),
        (BUILDER_FROM_CACHE, "2 of 3 steps cached"),
        (ONE_OF_TWO_FAILS, "1 of 3 steps cached"),
        (TEN_STEPS, "1 of 3 steps cached"),
    ],
)
def test_steps_from_the_cache_are_counted(log: str, summary: str) -> None:
    assert summary == after(log).summary()


def test_a_step_that_ran_is_not_cached_when_its_stage_is_built_by_itself_afterwards() -> None:
    both = SECOND_STAGE_FAILS + BUILDER_FROM_CACHE

    assert "1 of 4 steps cached" == after(both).summary()


def test_the_step_of_a_padded_number_is_known() -> None:
    assert "[ 2/10] COPY f1 /2" == after(TEN_STEPS, "#5").step


def test_steps_for_another_platform_are_counted() -> None:
    line = "#5 [linux/arm64 builder 2/3] RUN make"

    assert ("[linux/arm64 builder 2/3] RUN make", 1) == (fed([line]).step, len(fed([line]).counted))


def test_a_step_that_is_announced_again_counts_once() -> None:
    lines = ["#5 [2/3] RUN a", "#5 ...", "", "#6 [3/3] RUN b", "#6 CACHED", "#5 [2/3] RUN a"]

    assert "1 of 2 steps cached" == fed([*lines, "#5 DONE 1.2s"]).summary()


def test_the_tail_is_what_the_steps_wrote_and_what_docker_says_of_the_failure() -> None:
    tail = list(after(ONE_OF_TWO_FAILS).tail)

    assert ["going wrong", "------", " > [broken 2/2] RUN sleep 1; echo going wrong; exit 3:"] == (
        tail[:3]
    )


def test_the_end_of_a_failure_names_the_line_of_the_dockerfile() -> None:
    tail = list(after(SECOND_STAGE_FAILS).tail)

    assert "   5 | >>> COPY --from=builder /x /x" in tail
    assert f"ERROR: failed to solve: failed to compute cache key: {MISSING_FILE}" == tail[-1]


def test_the_tail_is_short() -> None:
    progress = fed(f"#5 0.1 line {number}" for number in range(1000))

    assert [f"line {number}" for number in range(1000 - TAIL, 1000)] == list(progress.tail)


@pytest.mark.parametrize(
    "line", ["#", "#x", "#5", "#5 ", "[2/3]", "#99999999999999999999 CACHED", "#5 DONE", "\0\x1b["]
)
def test_lines_of_any_kind_are_taken(line: str) -> None:
    assert "0 of 0 steps cached" == fed([line]).summary()
