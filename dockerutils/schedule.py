"""Running work side by side, each piece as soon as what it needs is done."""

from __future__ import annotations

import queue
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Future

TICK = 0.1  # seconds between two looks at the clock while work goes on


def run_side_by_side(
    needs: Mapping[str, Collection[str]],
    work: Callable[[str], None],
    jobs: int,
    tick: Callable[[], None] = lambda: None,
) -> None:
    """Do every piece of work, at most `jobs` at once, after the pieces that it needs.

    `tick` is called now and then by the caller's thread. The first exception of a piece ends the
    start of further ones, and is raised when those that run have ended.
    """
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  # brings logging along

    waiting = {name: {one for one in before if one in needs} for name, before in needs.items()}
    ended: queue.SimpleQueue[str] = queue.SimpleQueue()
    running: dict[str, Future[None]] = {}
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        while waiting or running:
            ready = [name for name, before in waiting.items() if not before]
            for name in ready[: jobs - len(running)]:
                del waiting[name]
                running[name] = pool.submit(work, name)
                running[name].add_done_callback(lambda _, name=name: ended.put(name))  # type: ignore[misc]
            name = _next(ended, tick)
            running.pop(name).result()
            for before in waiting.values():
                before.discard(name)


def _next(ended: queue.SimpleQueue[str], tick: Callable[[], None]) -> str:
    while True:
        try:
            return ended.get(timeout=TICK)
        except queue.Empty:
            tick()


def width(needs: Mapping[str, Collection[str]]) -> int:
    """Tell how many pieces of work can be under way at once, at most, taken level by level."""
    level: dict[str, int] = {}
    for name, before in needs.items():
        level[name] = 1 + max((level[one] for one in before if one in level), default=0)
    return max(Counter(level.values()).values(), default=0)
