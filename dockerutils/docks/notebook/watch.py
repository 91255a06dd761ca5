"""Who watches a Jupyter that runs on a dock: the process here that keeps it within reach."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from dockerutils.docks.connection.presence import started
from dockerutils.docks.places import Berth
from dockerutils.files import replace_file


@dataclass(frozen=True)
class Watch:
    """A process that watches, when it was started, and the port here at which Jupyter answers.

    `apart` says that it has no terminal.
    """

    pid: int
    start: str
    port: int
    apart: bool = False


def watch_of(berth: Berth) -> Watch | None:
    """Give who watches; None where nobody does any more."""
    try:
        watch = Watch(**json.loads(leaf(berth).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    return watch if watch.start and watch.start == started(watch.pid) else None


@contextmanager
def watching(berth: Berth, port: int, apart: bool) -> Iterator[None]:
    """Say for a while that we watch."""
    own = Watch(os.getpid(), started(os.getpid()), port, apart)
    replace_file(leaf(berth), json.dumps(asdict(own)).encode(), 0o600)
    try:
        yield
    finally:
        if watch_of(berth) == own:
            leaf(berth).unlink(missing_ok=True)


def leaf(berth: Berth) -> Path:
    """Give the file that says who watches."""
    return berth.folder / f"{berth.key}.notebook"
