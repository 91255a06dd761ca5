"""What becomes of an image on its way, and trying again where a connection was lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from dockerutils.errors import DockerutilsError
from dockerutils.ssh.connection import Dropped, Unreachable
from dockerutils.ssh.host import HostFacts
from dockerutils.transfers.desk import Desk

PAUSES = (1, 2, 4, 8, 15)  # seconds before each new try without any progress
SENT, UNCHANGED, FAILED = "sent", "unchanged", "failed"


@dataclass(frozen=True)
class Outcome:
    """What became of a destination; `sent` counts bytes as they travelled, of all tries."""

    destination: str
    image: str
    state: str
    sent: int = 0
    layers_sent: int = 0
    layers: int = 0
    id: str = ""
    reason: str = ""


@dataclass
class Trial:
    """How often it was tried to reach one host, and how far that has come."""

    name: str
    desk: Desk
    met: bool = False
    held: int = 0
    sent: int = 0
    pauses: Iterator[int] = field(default_factory=lambda: iter(PAUSES))

    def meet(self, held: int) -> None:
        """Note what the host has; where that is more than before, patience begins anew."""
        if self.met and held > self.held:
            self.pauses = iter(PAUSES)
        self.met, self.held = True, held

    def pause(self, error: DockerutilsError) -> None:
        """Wait before the next try; raise what happened where there is no use in one."""
        seconds = next(self.pauses, None) if self.met else None
        if seconds is None:
            raise error
        self.desk.board.say(f"{self.name}: {error.message} Trying again in {seconds} s.")
        waiting = threading.Event()
        for _ in range(seconds * 10):
            self.desk.crew.check()
            waiting.wait(0.1)


def while_dropped(attempt: Callable[[ExitStack], Outcome], trial: Trial) -> Outcome:
    """Try, and again where a connection was lost; what is opened on the stack is closed between."""
    while True:
        try:
            with ExitStack() as stack:
                return attempt(stack)
        except (Dropped, Unreachable) as error:
            trial.desk.crew.check()
            trial.pause(error)


def there_id(facts: HostFacts) -> str:
    """Give the ID of the image that is there, "" for none."""
    return facts.there.id if facts.there else ""
