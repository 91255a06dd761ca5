"""What moving an image takes: processes, lines that show how far it is, connections, caches."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from dockerutils.board import Board
from dockerutils.files import cache_folder
from dockerutils.meter import Meter
from dockerutils.oci.digest_cache import DigestCache
from dockerutils.oci.wire import GZIP, NONE, ZSTD
from dockerutils.oci.wire_cache import WireCache
from dockerutils.runner import Crew
from dockerutils.session import Session
from dockerutils.sources.supply import Subject, Supply, supplied
from dockerutils.ssh.command import Address
from dockerutils.ssh.connection import Connection, connected, sockets
from dockerutils.ssh.host import HostFacts

AUTO = "auto"


@dataclass(frozen=True)
class Desk:
    """What one run of transfer-image works with."""

    session: Session
    crew: Crew
    board: Board
    folder: Path  # of the connections' sockets
    asking: threading.Lock = field(default_factory=threading.Lock)

    @property
    def cache(self) -> Path:
        """The folder of what is kept between runs."""
        return cache_folder(self.session.environ, self.session.project.home)

    def connect(self, address: Address, stack: ExitStack) -> Connection:
        """Connect to a host; where ssh may ask on the terminal, to one after the other."""
        opened = connected(address, self.crew, self.folder, self.session.interactive)
        if not self.session.interactive:
            return stack.enter_context(opened)
        with self.asking:
            return stack.enter_context(opened)

    def form(self, compress: str, hosts: Iterable[HostFacts]) -> str:
        """Give the form in which layers travel: what was asked for, or the best that all know."""
        if compress != AUTO:
            return compress
        programs = [one.programs for one in hosts]
        zstd = shutil.which(ZSTD, path=self.session.environ.get("PATH"))
        for form in (ZSTD, GZIP) if zstd else (GZIP,):
            if all(form in one for one in programs):
                return form
        return NONE

    def meter(self, name: str) -> Meter:
        """Give what shows on a destination's line how far it is."""
        board = self.board
        return Meter(lambda text: board.show(name, text), self.session.now, self.crew.check)


@contextmanager
def at_work(session: Session, names: tuple[str, ...]) -> Iterator[Desk]:
    """Give a desk with a line for each of these names; a signal ends all that was started."""
    board = Board(session.terminal, names, session.now)
    with ExitStack() as stack:
        crew = stack.enter_context(session.runner.side_by_side())
        stack.callback(board.clear)
        folder = stack.enter_context(sockets(session.environ))
        yield Desk(session, crew, board, folder)


@contextmanager
def supply_of(desk: Desk, subject: Subject, compress: str) -> Iterator[Supply]:
    """Give the supply of an image; what travels uncompressed is not kept."""
    with ExitStack() as stack:
        wire = WireCache(desk.cache / "wire")
        if compress == NONE:
            wire = WireCache(Path(stack.enter_context(TemporaryDirectory(prefix="dockerutils-"))))
        supply = Supply(subject, desk.crew, wire, DigestCache(desk.cache / "digests"))
        yield stack.enter_context(supplied(supply))
