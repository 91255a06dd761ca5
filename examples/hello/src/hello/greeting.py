"""What is said to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def greeting(names: Sequence[str] = (), word: str = "Hello") -> str:
    """Return the sentence that greets all of `names`, or the world if there are none."""
    *others, last = names or ["world"]
    people = f"{', '.join(others)} and {last}" if others else last
    return f"{word}, {people}!"
