"""A session: all that a verb may touch."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dockerutils.engine import Engine
from dockerutils.project import Project
from dockerutils.runner import Runner
from dockerutils.terminal import Terminal


@dataclass(frozen=True)
class Session:
    """Immutable; verbs look at the environment, the terminal and the project only through it."""

    project: Project
    runner: Runner
    engine: Engine
    environ: Mapping[str, str]
    terminal: Terminal
    here: Path
    interactive: bool = False
    dry: bool = False
    now: Callable[[], float] = time.monotonic
    token: Callable[[], str] = lambda: os.urandom(3).hex()

    @property
    def docked(self) -> bool:
        """Tell whether the terminal works on a dock."""
        return bool(self.environ.get("DOCKER_IP"))
