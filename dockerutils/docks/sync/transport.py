"""How files travel: rsync over the connection to a dock, and short scripts there.

The scripts read paths from their input, each with a NUL behind it, and answer with one line for
each, in order.
"""

from __future__ import annotations

import os
import re
import shlex
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dockerutils.command import Command
from dockerutils.docks.dock import Dock
from dockerutils.docks.sync.link import Link
from dockerutils.docks.sync.shelf import keep
from dockerutils.docks.sync.tree import OWN, PARTIAL
from dockerutils.docks.told import plain
from dockerutils.errors import CommandFailed, DockerutilsError
from dockerutils.runner import Crew
from dockerutils.ssh.connection import CUT, dropped

# Links and times are kept, the execute bit (-E), nothing of owners, groups and devices; folders'
# times (-O) change anyway. -s: no shell there reads the paths. -I: what is listed is known to
# differ; rsync itself would pass over an edit of the same size within the same second. -S: holes
# in files stay holes.
UP, DOWN = "-ltEOzsIS", "-tEOzsIS"
SILENCE = 60  # seconds that the other side's rsync may say nothing: a busy one says so
LISTED = ("--from0", "--info=progress2", f"--timeout={SILENCE}")
# Over a connection that is there, and only over it; whatever else ssh_config has for the host.
SHELL = "ssh -S {} -o ControlMaster=no -o ProxyCommand=false -o RemoteCommand=none"
UNSEEN = " -o ClearAllForwardings=yes -o ForwardAgent=no"
PROGRESS = re.compile(r"\s*([0-9.,]+)\s+([0-9]+)%\s+([0-9.,]+[kMGT]?B/s)")
COMPLAINT = re.compile(r"^.*?(?=rsync: |$)", re.DOTALL)  # it may follow the progress on its line
UNWRITTEN = 11  # rsync's status where it could not write, and did not always say why
ROOM = "See how full its disk is, and who may write there; then run it again."
TOO_OLD = (1, 2, 4)  # where it does not know an option, or the other side's protocol
OLD = "rsync 3.1 or newer has to be on both sides, and no login script there may write anything."
SOME_MISSING = (23, 24)  # rsync's statuses where single files could not be brought, or had gone
WHY = ("No space left on device", "Disk quota exceeded", "Read-only file system")
INSTALL = "Install it there (on Debian and Ubuntu: `sudo apt install rsync`)."
# What each line of a script's answer means: it worked, or it did not.
DONE = "0"
REMOVE = """\
rm -df -- "$@" 2>/dev/null
for one do if [ -e "$one" ] || [ -L "$one" ]; then echo 1; else echo 0; fi; done"""
MOVE = """\
if [ ! -e "$2" ] && [ ! -L "$2" ] && mv -T -- "$1" "$2" 2>/dev/null; then echo 0; else echo 1; fi"""
# A line for each, also where a file cannot be read; one process for all where all can.
DIGEST = """\
if said=$(sha256sum -- "$@" 2>/dev/null); then printf "%s\\n" "$said"
else for one do sha256sum <"$one" 2>/dev/null || echo -; done; fi"""
# A file that was cut off half-way is no file: what has arrived is counted.
REPLACE = """\
mkdir -p -- {folder} && head -c {size} >{own} && [ "$(wc -c <{own})" -eq {size} ] \
&& {{ [ ! -f {path} ] || chmod --reference={path} -- {own}; }} \
&& touch -d @{time} -- {own} && mv -fT -- {own} {path}"""


@dataclass(frozen=True)
class Small:
    """A file that is sent without rsync: its path, its content, and when it changed (in ns)."""

    path: str
    content: bytes
    mtime: int


@dataclass(frozen=True)
class Transport:
    """A way between the project's folder and the one on a dock."""

    dock: Dock
    link: Link
    crew: Crew
    root: Path
    target: str
    listed: Path
    show: Callable[[str], None]
    command: Callable[[Command], None]

    @property
    def place(self) -> str:
        """The folder on the dock as rsync takes it."""
        user, _, host = self.link.address.host.rpartition("@")
        host = f"[{host}]" if ":" in host else host
        return f"{f'{user}@' if user else ''}{host}:{self.target}/"

    @property
    def shell(self) -> str:
        """The words with which rsync reaches the dock: over the connection that is there."""
        return SHELL.format(_rsh_word(str(self.link.socket))) + UNSEEN

    def send(self, paths: Sequence[str]) -> list[str]:
        """Bring files, links and folders to the dock; give what rsync complained of.

        Raises `DockerutilsError` where it failed as a whole.
        """
        options = (UP, f"--partial-dir={PARTIAL}")
        return self._rsync(paths, options, ("./", self.place), f"on {self.dock}")

    def fetch(self, paths: Sequence[str], staging: Path) -> list[str]:
        """Bring files, and only files, into a folder in the project's; give complaints.

        What is at the same place in the project's folder spares sending what is the same.
        """
        options = (DOWN, "--copy-dest=..")
        return self._rsync(paths, options, (self.place, f"{staging.name}/"), "here")

    def _rsync(
        self, paths: Sequence[str], options: Sequence[str], ends: tuple[str, str], where: str
    ) -> list[str]:
        # Behind `./` no name looks like a comment in the list.
        keep(self.listed, b"".join(b"./" + os.fsencode(path) + b"\0" for path in paths))
        words = (*options, *LISTED, f"--files-from={self.listed}", "-e", self.shell)
        command = Command(("rsync", *words, *ends), folder=self.root)
        self.command(command)
        talk = Talk(self.show)
        try:
            self.crew.follow(command, talk.take)
        except CommandFailed as error:
            self.explain(error, talk, where)
            return [plain(line) for line in talk.said] or ["some files were not brought"]
        return []

    def explain(self, error: CommandFailed, talk: Talk, where: str) -> None:
        """Raise what rsync's end means; where only single files are concerned, nothing."""
        said = "\n".join(talk.said)
        reason = next((one.lower() for one in WHY if one in said), "")
        if reason or error.status == UNWRITTEN:
            text = f"not all files could be written {where}: {reason or 'its disk may be full'}."
            raise DockerutilsError(text, ROOM) from error
        if error.status in SOME_MISSING:
            return
        if error.status in (CUT, 12, 30, 35) and "command not found" not in said:
            raise dropped(self.link.address) from error
        if "command not found" in said or error.status == 127:
            raise DockerutilsError(f"{self.dock} has no rsync.", INSTALL) from error
        reason = next((plain(line) for line in talk.said if line.strip()), "it gave no reason")
        hint = OLD if error.status in TOO_OLD else ""
        raise DockerutilsError(f"rsync failed: {reason.rstrip('.')}.", hint) from error

    def remove(self, paths: Sequence[str]) -> list[str]:
        """Remove files and empty folders there; give those that are there still."""
        return self._undone(paths, self._each(REMOVE, paths))

    def sweep(self, folders: Sequence[str]) -> None:
        """Remove folders in which files waited that were cut off half-way."""
        self._each('rm -rf -- "$@"', folders)

    def move(self, names: Sequence[tuple[str, str]]) -> list[str]:
        """Give things there other names, which must be free; give those that kept their own."""
        words = [word for pair in names for word in pair]
        return self._undone([old for old, _ in names], self._each(MOVE, words, "-n 2"))

    def digests(self, paths: Sequence[str]) -> list[str]:
        """Give the SHA-256 of each file there, "" for one that cannot be read."""
        # A name with a newline in it is written with a \\ before the digest (sha256sum(1)).
        said = self._each(DIGEST, paths)[: len(paths)]
        lines = (line.removeprefix("\\")[:64] for line in said)
        found = [line if re.fullmatch("[0-9a-f]{64}", line) else "" for line in lines]
        return [*found, *[""] * (len(paths) - len(found))]

    def put(self, files: Sequence[Small]) -> list[str]:
        """Put a few files into the places of others, each in one step; give complaints.

        It takes half as long as rsync, which is started on both sides. The first that cannot be
        put ends it. Raises `DockerutilsError` where there is no room.
        """
        blocks = [
            REPLACE.format(
                folder=shlex.quote(os.path.dirname(f"./{one.path}")),  # noqa: PTH120  # there
                own=f"{OWN}-file",
                size=len(one.content),
                path=shlex.quote(f"./{one.path}"),
                time=_seconds(one.mtime),
            )
            for one in files
        ]
        script = " && ".join((f"unset CDPATH; cd -- {shlex.quote(self.target)}", *blocks))
        answer = self.crew.write(self.link.run(script), [one.content for one in files])
        return self._complaints(answer.status, answer.errors) if answer.status else []

    def _each(self, script: str, paths: Sequence[str], limit: str = "") -> list[str]:
        """Run a script there with paths as its arguments, many at a time; give its lines."""
        token = os.urandom(16).hex()  # a profile may write something before
        each = f"xargs -0 {limit} sh -c {shlex.quote(script)} sh"
        run = f"unset CDPATH; cd -- {shlex.quote(self.target)} && echo && echo {token} && {each}"
        chunks = (b"./" + os.fsencode(path) + b"\0" for path in paths)
        answer = self.crew.write(self.link.run(run), [b"".join(chunks)])
        if answer.status == CUT:
            raise dropped(self.link.address)
        return answer.output.partition(f"\n{token}\n")[2].splitlines()

    def _undone(self, paths: Sequence[str], lines: Sequence[str]) -> list[str]:
        lines = [*lines, *["1"] * (len(paths) - len(lines))]
        return [path for path, line in zip(paths, lines, strict=False) if line != DONE]

    def _complaints(self, status: int, errors: str) -> list[str]:
        """Give why files could not be put there; raise where that concerns all."""
        if status == CUT:
            raise dropped(self.link.address)
        said = [plain(line).rstrip(".") for line in errors.splitlines() if line.strip()]
        reason = said[-1] if said else "its disk may be full"
        if not said or any(one in errors for one in WHY):
            text = f"not all files could be written on {self.dock}: {reason}."
            raise DockerutilsError(text, ROOM)
        return [reason]


@dataclass
class Talk:
    """What rsync writes: how far it is, and what it complains of, of which the last is kept."""

    show: Callable[[str], None]
    said: deque[str] = field(default_factory=lambda: deque(maxlen=50))

    def take(self, line: str) -> None:
        """Take a line."""
        found = PROGRESS.match(line)
        if found:
            self.show(f"{found[1]} bytes, {found[2]} %, {found[3]}")
            line = COMPLAINT.sub("", line[found.end() :])
        if line.strip():
            self.said.append(line[:1000])


def _seconds(nanoseconds: int) -> str:
    """Write a time as touch reads it, also one before 1970."""
    seconds, rest = divmod(abs(nanoseconds), 10**9)
    return f"{'-' if nanoseconds < 0 else ''}{seconds}.{rest:09}"


def _rsh_word(word: str) -> str:
    """Write a word as rsync reads those of its shell: quotes are doubled, nothing is escaped."""
    if re.fullmatch(r"[A-Za-z0-9_@%+=:,./~-]+", word):
        return word
    return "'" + word.replace("'", "''") + "'"
