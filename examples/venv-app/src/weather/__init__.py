"""Statistics of the temperatures of some days."""

from __future__ import annotations

import numpy


def summary(days: list[float]) -> dict[str, float]:
    """Give the mean, the median and the spread of temperatures, in degrees."""
    values = numpy.array(days)
    return {
        "mean": float(values.mean()),
        "median": float(numpy.median(values)),
        "spread": float(values.max() - values.min()),
    }
