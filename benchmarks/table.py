"""The measurements as a Markdown table."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.measurement import Measurement, Target

HEAD = (
    ("group", "---"),
    ("case", "---"),
    ("median ms", "---:"),
    ("minimum ms", "---:"),
    ("ratio of medians", "---:"),
    ("ratio of minima", "---:"),
    ("difference ms", "---:"),
    ("ms each", "---:"),
    ("target", "---"),
)


def table(measurements: Iterable[Measurement]) -> str:
    """Render all measurements; the baseline of each group stands first and has no ratio."""
    titles, rules = zip(*HEAD, strict=True)
    return "\n".join(map(line, (titles, rules, *map(row, measurements))))


def line(cells: Iterable[str]) -> str:
    """Join the cells of one line."""
    return f"| {' | '.join(cells)} |"


def row(one: Measurement) -> tuple[str, ...]:
    """Give the cells of one measurement."""
    compared = (
        ("baseline", "", "")
        if one.is_baseline
        else (f"{one.ratio:.2f}", f"{one.ratio_of_minima:.2f}", f"{one.difference * 1000:+.0f}")
    )
    each = f"{one.median * 1000 / one.case.items:.2f}" if one.case.items > 1 else ""
    times = (milliseconds(one.median), milliseconds(one.minimum))
    return (one.group, f"`{one.case.name}`", *times, *compared, each, verdict(one))


def milliseconds(seconds: float) -> str:
    """Give seconds as milliseconds."""
    return f"{seconds * 1000:.0f}"


def verdict(one: Measurement) -> str:
    """Give the target and whether it is met."""
    if one.case.target is None:
        return ""
    return f"{limit(one.case.target)}: {'met' if one.meets_target else 'missed'}"


def limit(target: Target) -> str:
    """Give a target as text."""
    sign = "+" if target.beyond_baseline else ""
    return f"≤ {sign}{milliseconds(target.seconds)} ms"
