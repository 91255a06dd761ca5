"""What this machine has to do with a dock: who uses it here, and how its connection is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace

from dockerutils.command import Command
from dockerutils.docks.connection.presence import users
from dockerutils.docks.connection.status import ENDED, Status, read_status
from dockerutils.docks.dock import Dock
from dockerutils.docks.notebook.watch import watch_of
from dockerutils.docks.places import Berth, berth_of
from dockerutils.session import Session

NOTEBOOK = "nb-dock"


@dataclass(frozen=True)
class Terminal:
    """A process here that uses a dock; `tty` is its terminal, "" for none."""

    pid: int
    tty: str = ""
    program: str = ""

    def __str__(self) -> str:
        program = f"{self.program} " if self.program else ""
        return f"{program}{self.pid} on {self.tty}" if self.tty else f"{program}{self.pid}"


@dataclass(frozen=True)
class Mooring:
    """Who uses a dock here, and what the keeper of its connection told last.

    `notebook` is the port at which a Jupyter of the dock answers here, 0 for none.
    """

    users: tuple[Terminal, ...] = ()
    notebook: int = 0
    status: Status = field(default_factory=lambda: Status(ENDED))

    def facts(self) -> dict[str, object]:
        """Give all of it, for programs."""
        users = [asdict(one) for one in self.users]
        return {"users": users, "notebook": self.notebook, "connection": asdict(self.status)}


def moorings(session: Session, docks: Iterable[Dock]) -> dict[str, Mooring]:
    """Give what this machine has to do with docks, by their names."""
    berths = {dock.name: berth_of(dock, session.environ) for dock in docks}
    numbers = {name: [one.pid for one in users(berth)] for name, berth in berths.items()}
    known = terminals(session, {one for several in numbers.values() for one in several})
    return {
        name: mooring(berth, [known.get(one, Terminal(one)) for one in numbers[name]])
        for name, berth in berths.items()
    }


def mooring(berth: Berth, found: Iterable[Terminal]) -> Mooring:
    """Give what this machine has to do with one dock, of whose users the terminals are known."""
    watch = watch_of(berth)
    named = (
        replace(one, program=NOTEBOOK) if watch and watch.pid == one.pid else one for one in found
    )
    return Mooring(tuple(named), watch.port if watch else 0, read_status(berth))


def own_keeper(session: Session) -> str:
    """Give the name by which docks know this machine's keepers."""
    from dockerutils.docks.connection.keeper import label  # noqa: PLC0415  # it has more to do

    return label(session.project.user).rpartition(" ")[2]


def terminals(session: Session, numbers: Iterable[int]) -> Mapping[int, Terminal]:
    """Ask for the terminals and programs of processes."""
    wanted = ",".join(map(str, sorted(numbers)))
    if not wanted:
        return {}
    answer = session.runner.read(Command(("ps", "-o", "pid=,tty=,comm=", "-p", wanted)))
    found = (line.split(None, 2) for line in answer.output.splitlines())
    return {
        int(words[0]): Terminal(int(words[0]), words[1].strip("?"), words[2].strip())
        for words in found
        if len(words) == 3
    }
