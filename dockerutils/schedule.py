"""Running work side by side, each piece as soon as what it needs is done."""

from __future__ import annotations

import queue
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")
TICK = 0.1  # seconds between two looks at the clock while work goes on


def run_side_by_side(
    needs: Mapping[str, Collection[str]],
    work: Callable[[str], Result],
    jobs: int,
    tick: Callable[[], None] = lambda: None,
) -> dict[str, Result]:
    """Do every piece of work, at most `jobs` at once, after the pieces that it needs.

    Gives the results in the order of `needs`. `tick` is called now and then by the caller's
    thread, which also gets the exceptions: the first one ends the start of further work.
    """
    waiting = {name: {one for one in before if one in needs} for name, before in needs.items()}
    ended: queue.SimpleQueue[str] = queue.SimpleQueue()
    running: dict[str, Future[Result]] = {}
    results: dict[str, Result] = {}
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        while waiting or running:
            for name in [name for name, before in waiting.items() if not before]:
                if len(running) < jobs:
                    del waiting[name]
                    running[name] = pool.submit(work, name)
                    running[name].add_done_callback(lambda _, name=name: ended.put(name))  # type: ignore[misc]
            name = _next(ended, tick)
            results[name] = running.pop(name).result()
            for before in waiting.values():
                before.discard(name)
    return {name: results[name] for name in needs}


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
