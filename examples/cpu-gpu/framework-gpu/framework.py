"""A stand-in for a big package that exists in two variants: this one is for the GPU."""

from __future__ import annotations

DEVICE = "gpu"


def mean(numbers: list[float]) -> float:
    """Return the mean; the big one would work it out on the GPU."""
    return sum(numbers) / len(numbers)
