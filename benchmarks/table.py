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
        else (
            f"{one.ratio():.2f}",
            f"{one.ratio_of_minima():.2f}",
            f"{one.difference() * 1000:+.0f}",
        )
    )
    each = f"{one.median * 1000 / one.case.items:.2f}" if one.case.items > 1 else ""
    times = (milliseconds(one.median), milliseconds(one.minimum))
    verdicts = "; ".join(verdict(one, target) for target in one.case.targets)
    return (one.group, f"`{one.case.name}`", *times, *compared, each, verdicts)


def milliseconds(seconds: float) -> str:
    """Give seconds as milliseconds."""
    return f"{seconds * 1000:.0f}"


def verdict(one: Measurement, target: Target) -> str:
    """Give a target and whether it is met, and what was found beside another than the baseline."""
    met = "met" if one.meets(target) else "missed"
    if not target.to:
        return f"{limit(target)}: {met}"
    minima = f"{one.found(target):.2f}, of minima {one.ratio_of_minima(target.to):.2f}"
    return f"{limit(target)} `{target.to}`: {met} ({minima})"


def limit(target: Target) -> str:
    """Give a target as text."""
    if target.figure == "ratio":
        return f"≤ {target.limit:g} times"
    sign = "+" if target.figure == "difference" else ""
    return f"≤ {sign}{milliseconds(target.limit)} ms"
