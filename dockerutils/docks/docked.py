"""What a docked terminal's verbs say where its dock's engine does not answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from dockerutils.docks.connection.status import complaint, read_status
from dockerutils.docks.places import Berth
from dockerutils.docks.told import plain
from dockerutils.engine import REFUSED, no_answer
from dockerutils.errors import EngineError

UNIX = "unix://"


def explanation(environ: Mapping[str, str]) -> Callable[[str], EngineError] | None:
    """Give what describes the silence of the engine that a terminal is docked to, if it is."""
    host = environ.get("DOCKER_HOST", "")
    name = environ.get("DOCK_MONIKER") or environ.get("DOCKER_IP", "")
    if not name or not host.startswith(UNIX) or not host.endswith(".sock"):
        return None
    path = Path(host.removeprefix(UNIX))
    return partial(explain, plain(name, 80), Berth(path.parent, path.name.removesuffix(".sock")))


def explain(name: str, berth: Berth, errors: str) -> EngineError:
    """Describe why a dock's engine did not answer, by what docker said and what the keeper knows.

    An engine that refuses something has answered.
    """
    said = plain((errors.splitlines() or ["no reason was given"])[-1], 400)
    if REFUSED in said:
        return no_answer(errors)
    message, hint = complaint(name, read_status(berth))
    if message:
        return EngineError(message, hint)
    return EngineError(
        f"the Docker engine of the dock {name} does not answer: {said}",
        "`ls-dock` tells how it is.",
    )
