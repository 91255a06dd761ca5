"""A stand-in for a big package that exists in two variants: this one is for the CPU."""

from __future__ import annotations

DEVICE = "cpu"


def mean(numbers: list[float]) -> float:
    """Return the mean; the big one would work it out on the CPU."""
    return sum(numbers) / len(numbers)
