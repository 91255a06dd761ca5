"""Substitutes: images that a Dockerfile names, and what is taken in their place."""

from __future__ import annotations

import re

VARIABLE = "DOCKERUTILS_SUBSTITUTE"


def parse_substitutes(text: str) -> tuple[tuple[str, str], ...]:
    """Read `python:3.11-slim=mirror.example/python:3.11-slim`, several apart by commas or space.

    Raises `ValueError` for a word without a name on both sides.
    """
    words = [word for word in re.split(r"[,\s]+", text) if word]
    return tuple(dict(_pair(word) for word in words).items())


def _pair(word: str) -> tuple[str, str]:
    name, equals, replacement = word.partition("=")
    if not (name and equals and replacement):
        raise ValueError(f"holds `{word}`; write NAME=REPLACEMENT")
    return name, replacement
