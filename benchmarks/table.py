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
    ("KB moved", "---:"),
    ("failed", "---:"),
    ("target", "---"),
)
SAID = {
    "faster": "≥ {0:g} times faster",
    "fewer": "≥ {0:g} times fewer bytes",
    "bytes": "≤ {1:g} KB",
    "failed": "≤ {0:g} failed",
}
MOVED, FAILED = 8, 9  # the columns that stand only where bytes or failures were counted


def table(measurements: Iterable[Measurement]) -> str:
    """Render all measurements; the baseline of each group stands first and has no ratio."""
    rows = list(measurements)
    lines: list[tuple[str, ...]] = [*zip(*HEAD, strict=True), *map(row, rows)]
    if not any(one.case.failed for one in rows):
        lines = [without(cells, FAILED) for cells in lines]
    if not any(one.moved for one in rows):
        lines = [without(cells, MOVED) for cells in lines]
    return "\n".join(map(line, lines))


def without(cells: tuple[str, ...], column: int) -> tuple[str, ...]:
    """Give the cells of a line without that of a column."""
    return (*cells[:column], *cells[column + 1 :])


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
    moved = f"{one.bytes / 1000:.0f}" if one.case.name in one.moved else ""
    lost = f"{one.failed} of {one.case.items * len(one.seconds)}" if one.case.failed else ""
    return (one.group, f"`{one.case.name}`", *times, *compared, each, moved, lost, verdicts)


def milliseconds(seconds: float) -> str:
    """Give seconds as milliseconds."""
    return f"{seconds * 1000:.0f}"


def verdict(one: Measurement, target: Target) -> str:
    """Give a target and whether it is met, and what was found beside another than the baseline."""
    met = "met" if one.meets(target) else "missed"
    if target.figure in SAID:
        than = f" than `{target.to}`" if target.to else ""
        found = "" if target.figure in {"bytes", "failed"} else f" ({one.found(target):.1f})"
        return f"{limit(target)}{than}: {met}{found}"
    if not target.to:
        return f"{limit(target)}: {met}"
    minima = f"{one.found(target):.2f}, of minima {one.ratio_of_minima(target.to):.2f}"
    return f"{limit(target)} `{target.to}`: {met} ({minima})"


def limit(target: Target) -> str:
    """Give a target as text."""
    if target.figure in SAID:
        return SAID[target.figure].format(target.limit, target.limit / 1000)
    if target.figure == "ratio":
        return f"≤ {target.limit:g} times"
    sign = "+" if target.figure == "difference" else ""
    return f"≤ {sign}{milliseconds(target.limit)} ms"
