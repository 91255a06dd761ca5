"""Follows a dock's engine: notices its events, and keeps the forwarded ports as they have to be."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from dockerutils.docks.connection.forwards import Forwards, published, wish_of
from dockerutils.docks.connection.master import Master
from dockerutils.docks.connection.presence import User
from dockerutils.docks.connection.sockets import Events

# Containers that start and die (Docker Engine API, `GET /events`).
EVENTS = (
    "/events?filters=%7B%22type%22%3A%5B%22container%22%5D%2C"
    "%22event%22%3A%5B%22start%22%2C%22die%22%5D%7D"
)
CHANGED = "changed"
PATIENCE = 5.0  # seconds that an engine has to begin to tell
CALM = 0.2  # seconds between two looks at an engine that has many events
REST = 5  # times as long as a list of containers took, it is not asked for
TAKEN = 2.0  # seconds between two tries to have a port that something else has
DELAYS = (1.0, 2.0, 4.0, 8.0)  # seconds between two questions to an engine that is silent


@dataclass
class Follower:
    """Follows an engine; `notice` is told by a thread that something has changed there."""

    master: Master
    user: str
    notice: Callable[[str], None]
    forwards: Forwards = field(init=False)
    served: bool = False  # there are users
    wish: str = "none"
    done: str = ""  # the wish that was fulfilled last
    events: Events | None = None
    due: float = 0.0  # when the engine may be asked for its events again
    rested: float = 0.0  # when it may be asked for its containers again
    tries: int = 0
    complaint: str = ""

    def __post_init__(self) -> None:
        self.forwards = Forwards(self.master)

    def serve(self, users: Collection[User]) -> bool:
        """Take over what the dock's users wish; tell whether there are any."""
        self.wish, self.served = wish_of(users), bool(users)
        return self.served

    def start(self) -> None:
        """Begin with a connection that is new."""
        self.due, self.tries = 0.0, 0

    def stop(self) -> None:
        """Know that the connection is gone."""
        self._hang_up()
        self.forwards.forget()

    def look(self, looks: Collection[str]) -> None:
        """Do what there is to do: after a change, a new wish, or a while."""
        if self.events and self.events.over:
            self._hang_up()
        if not self.events and time.monotonic() >= self.due:
            self._listen()
        if CHANGED in looks:
            self.done = ""
        if self.events and self.wish != self.done and time.monotonic() >= self.rested:
            self._follow()
        elif self.forwards.taken:
            self.forwards.retry()

    def pause(self, seconds: float) -> float:
        """Give the seconds until the next look is due, at most so many."""
        if self.events is None:
            seconds = min(seconds, max(DELAYS[0] / 2, self.due - time.monotonic()))
        elif self.forwards.taken:
            seconds = min(seconds, TAKEN)
        if self.wish != self.done:
            seconds = min(seconds, max(DELAYS[0] / 2, self.rested - time.monotonic()))
        return seconds

    def _follow(self) -> None:
        """Forward what is published now; a list that takes long is not asked for soon again."""
        began = time.monotonic()
        try:
            found = published(self.master.berth.engine, self.wish, self.user)
        except (OSError, ValueError, RecursionError) as error:  # an engine may say anything
            self.complaint = f"the containers of {self.master.dock} cannot be listed: {error}."
        else:
            self.forwards.adjust(found)
            self.done, self.complaint = self.wish, ""
        self.rested = time.monotonic() + REST * (time.monotonic() - began)

    def _listen(self) -> None:
        """Ask for the engine's events."""
        try:
            events = Events(self.master.berth.engine, EVENTS, PATIENCE)
        except OSError:
            self.due = time.monotonic() + DELAYS[min(self.tries, len(DELAYS) - 1)]
            self.tries += 1
            self.complaint = f"the Docker engine of {self.master.dock} does not answer."
            return
        self.events, self.tries, self.done, self.complaint = events, 0, "", ""
        threading.Thread(target=self._notice, args=(events,), daemon=True).start()

    def _hang_up(self) -> None:
        if self.events:
            self.events.close()
            self.events = None

    def _notice(self, events: Events) -> None:
        """Tell of events as they come; of many, five times a second, and of their end."""
        while events.come():
            self.notice(CHANGED)
            time.sleep(CALM)
        self.notice(CHANGED)
