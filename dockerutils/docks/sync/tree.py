"""What a side of a synchronization has, and what is never synchronized, whatever it says.

Paths are relative to the project's folder, with `/`; a name that is no UTF-8 has surrogates in the
place of its bytes, as Python gives the names of files.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field

from dockerutils.context.ignore import IgnoreRules, Place

NEVER = frozenset((".git", ".envrc"))  # in any case: programs run what they find there
OWN = ".dockerutils-sync"  # how the names of our own things begin
PARTIAL = f"{OWN}-partial"  # where a large file waits there that was cut off half-way
CONFLICT = ".dock-conflict"
CONFLICTS = re.compile(rf"{re.escape(CONFLICT)}(?:-[0-9]+)?$")
# What HFS+ passes over in a name, and the short names that Windows makes (git refuses these, too).
UNSEEN = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
SHORT = frozenset(("git~1", "envrc~1"))
LINK, SPECIAL = "link", "special"

State = str
"""How something stands on one side, in one text, as find writes it there: it is compared often, and
hardly ever looked into. `d` is a folder; `l` and the target a link; `f` a file, or `x` one that can
be run, with its size in bytes and the time of its last change in seconds with ten decimals."""

FOLDER: State = "d"
FILES = ("f", "x")
TIMED = re.compile(r"(?P<what>[fx] [0-9]+) (?P<second>-?[0-9]{1,20})\.(?P<part>[0-9]{1,20})")


def file_state(size: int, nanoseconds: int, executable: bool = False) -> State:
    """Give the state of a file."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{'x' if executable else 'f'} {size} {seconds}.{rest:09}0"


def link_state(target: str) -> State:
    """Give the state of a link."""
    return f"l {target}"


def is_file(state: State | None) -> bool:
    """Tell whether something is a file."""
    return state is not None and state[:1] in FILES


def is_coarser(state: State | None, exact: State | None) -> bool:
    """Tell whether a file's state is another one's on a file system with coarser times.

    These keep fewer digits of a second, or whole even seconds alone (FAT).
    """
    if state is None or exact is None or not (is_file(state) and is_file(exact)):
        return False
    found, given = TIMED.fullmatch(state), TIMED.fullmatch(exact)
    if not found or not given or found["what"] != given["what"]:
        return False
    kept, second = found["part"].rstrip("0"), int(found["second"])
    if found["second"] == given["second"]:
        return len(kept) < len(given["part"].rstrip("0")) and given["part"].startswith(kept)
    return not kept and second % 2 == 0 and int(given["second"]) == second + 1


def target_of(state: State) -> str:
    """Give the target of a link."""
    return state[2:]


def size_of(state: State) -> int:
    """Give the size of a file in bytes, 0 for other things, and for what is no number."""
    size = state.split(" ", 2)[1] if is_file(state) and " " in state else ""
    return int(size) if size.isdecimal() and len(size) < 20 else 0


@dataclass
class Tree:
    """What one side has, by path.

    `left_out` says why something is not synchronized: it is a link that leads out of the tree, or
    neither a file, a folder nor a link. `beside` names what a conflict has left before, `partial`
    the folders in which files wait that were cut off half-way.
    """

    entries: dict[str, State] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    beside: set[str] = field(default_factory=set)
    partial: list[str] = field(default_factory=list)

    def add(self, path: str, state: State) -> None:
        """Take in what is at a path; what is no file, folder or link is left out."""
        letter = state[:1]
        if letter == "l" and not stays_inside(path, target_of(state)):
            self.left_out[path] = LINK
        elif letter == "l" or letter in FILES or state == FOLDER:
            self.entries[path] = state
        else:
            self.left_out[path] = SPECIAL


@dataclass
class Places:
    """How the rules see the folders of a tree; parents have to come before what is in them."""

    rules: IgnoreRules
    known: dict[str, Place] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.known[""] = self.rules.top()

    def admits(self, path: str, is_folder: bool) -> bool:
        """Tell whether something is synchronized, and remember a folder for what is in it.

        What lies in a folder that was not named before is not.
        """
        parent, slash, name = path.rpartition("/")
        place = self.known.get(parent)
        if place is None or (slash and not parent) or name in ("", ".", "..") or is_never(name):
            return False
        return self.enter(path) if is_folder else not place.excludes(path)

    def enter(self, path: str) -> bool:
        """Remember a folder for what is in it, and tell whether it is synchronized itself."""
        inside = self.known[path.rpartition("/")[0]].enter(path)
        if not inside.skipped:
            self.known[path] = inside
        return not inside.excluded


def is_never(name: str) -> bool:
    """Tell whether a name is one that is not synchronized on any side."""
    if (name[:1] == "." or "~" in name or not name.isascii()) and _is_kept_out(folded(name)):
        return True
    return is_beside(name)


def _is_kept_out(name: str) -> bool:
    return name in NEVER or name in SHORT or name.startswith(OWN)


def folded(name: str) -> str:
    """Give a name as a file system may take it that does not tell all names apart."""
    return UNSEEN.sub("", name).lower().partition(":")[0].rstrip(". ")


def is_beside(name: str) -> bool:
    """Tell whether a name is that of a version that was kept beside another one."""
    return CONFLICT in name and CONFLICTS.search(name) is not None


def beside(path: str, taken: set[str]) -> str:
    """Give the name beside a path that the other side's version is kept under."""
    name, number = f"{path}{CONFLICT}", 2
    while name in taken:
        name, number = f"{path}{CONFLICT}-{number}", number + 1
    return name


def stays_inside(path: str, target: str) -> bool:
    """Tell whether a link leads to a place in its own tree, and not into what is never touched.

    It goes up only at first, and no further than to the root: what `..` means behind the name of
    another link cannot be seen from the text.
    """
    if not target or target.startswith("/") or "\0" in target:
        return False
    parts = [part for part in target.split("/") if part not in ("", ".")]
    ups = 0
    while ups < len(parts) and parts[ups] == "..":
        ups += 1
    down = parts[ups:]
    return ups <= path.count("/") and not any(part == ".." or is_never(part) for part in down)


def state_of(status: os.stat_result, target: str = "") -> State:
    """Give the state of something here, `s` for a socket, a pipe or a device."""
    mode = status.st_mode
    if stat.S_ISREG(mode):
        return file_state(status.st_size, status.st_mtime_ns, bool(mode & stat.S_IXUSR))
    if stat.S_ISDIR(mode):
        return FOLDER
    return link_state(target) if stat.S_ISLNK(mode) else "s"
