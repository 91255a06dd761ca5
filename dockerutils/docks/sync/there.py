"""The project's folder on a dock: where it is, and what it says that is in it.

One script finds the folder, makes it, and lists it. What comes back is data of a machine that may
be hostile: it is limited in size, and nothing in it is believed without a look.
"""

from __future__ import annotations

import os
import re
import select
import shlex
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from dockerutils.context.ignore import IgnoreRules
from dockerutils.docks.dock import Dock
from dockerutils.docks.sync.origin import Origin, read_origin, written
from dockerutils.docks.sync.tree import (
    FILES,
    FOLDER,
    NEVER,
    OWN,
    PARTIAL,
    Places,
    Tree,
    is_beside,
)
from dockerutils.docks.told import plain
from dockerutils.errors import DockerutilsError

MOST = 64 << 20  # bytes of a listing: half a million files and more
PIECE = 1 << 16
SILENCE, LEAST = 30.0, 1 << 10  # in so many seconds, so many bytes of a listing have to come
LONGEST = 600.0  # seconds that a listing may take
SHARED = "/data/workspaces"
MARK = f"{OWN}.id"  # the file there that tells a folder that was made anew
NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_.-]")
PLAIN_PATH = re.compile(r"[^*?\[\]\\\n!]+")
# What each thing is, as tree.py has it, and its path.
FORM = " -o ".join(
    f"{test} -printf '{form}\\0%P\\0'"
    for test, form in (
        ("-type d", "d"),
        ("-type f -perm -100", "x %s %T@"),
        ("-type f", "f %s %T@"),
        ("-type l", "l %l"),
        ("", "s"),
    )
)
HALF = "p"
FOLDERS_OF_HALVES = f"-type d -name {PARTIAL} -printf '{HALF}\\0%P\\0' -prune"
INSTALL_FIND = "Install it there (on Debian and Ubuntu: `sudo apt install findutils`)."
LISTING = """\
unset CDPATH; LC_ALL=C; export LC_ALL
made={make}
usable() {{ [ -d "$1" ] && [ -r "$1" ] && [ -w "$1" ] && [ -x "$1" ]; }}
target=
for one in {places}; do usable "$one" && target=$one && break; done
[ "$target$made" ] || {{ printf '%s\\0' {token} none; exit 0; }}
for one in {places}; do
  [ "$target" ] && break
  mkdir -p -- "$one" 2>/dev/null; usable "$one" && target=$one
done
[ "$target" ] && cd -- "$target" || {{ printf '%s\\0' {token} closed; exit 0; }}
[ -z "$made" ] || [ -s {mark} ] || printf '%s\n' {id} {origin} >{mark}
id=; origin=; [ -s {mark} ] && {{ read -r id; read -r origin; }} <{mark}
tools=; command -v rsync >/dev/null && tools=rsync
printf '%s\\0' {token} "$target" "$id" "$origin" "$tools"
find . -name . -printf '%U:%G\\0\\0' -o {half} -o {pruned} -prune -o {form} 2>/dev/null
printf '%s\\0' {token} $?
"""


@dataclass(frozen=True)
class Question:
    """What a dock is asked: the script, and the word between which its answer stands."""

    script: str
    token: str


@dataclass(frozen=True)
class There:
    """What a dock says of the project's folder.

    `target` is "" where there is none. `whole` is false where it could not read all of its folders:
    what is missing then may well be there. `origin` is whose project it is, where that is said.
    """

    tree: Tree
    target: str = ""
    mark: str = ""
    owner: str = ""
    has_rsync: bool = True
    whole: bool = True
    origin: Origin | None = None


def places_for(dock: Dock, user: str, project: str) -> tuple[str, ...]:
    """Give the folders on a dock that a project may be in, the best first, as words of a shell."""
    own = safe_name(user, "user")
    name = safe_name(project, "project", keep=True)
    if dock.workspace:
        return (_word(f"{dock.workspace.rstrip('/')}/{name}"),)
    code = f"{own}/code/{name}"
    return (shlex.quote(f"{SHARED}/{code}"), f'"$HOME"/workspaces/{shlex.quote(code)}')


def likely_target(dock: Dock, user: str, project: str) -> str:
    """Give the folder that a project is in on most docks, without asking."""
    return shlex.split(places_for(dock, user, project)[0])[0]


def safe_name(text: str, instead: str, keep: bool = False) -> str:
    """Make one part of a path of a name; `keep` keeps letters that are odd but possible."""
    made = "".join(map(_shown, text)) if keep else NOT_IN_NAME.sub("-", text)
    return instead if made in ("", ".", "..") else made


def _shown(letter: str) -> str:
    return letter if letter != "/" and letter.isprintable() else "-"


def _word(path: str) -> str:
    """Write a path for a shell there; one that is not absolute begins at the user's home."""
    if path.startswith("/"):
        return shlex.quote(path)
    return f'"$HOME"/{shlex.quote(path.removeprefix("~/"))}'


def question(
    places: Iterable[str], rules: IgnoreRules, make: bool, origin: Origin | None = None
) -> Question:
    """Ask for the folder and what is in it; `make` makes it where there is none, and says there
    whose project it is."""
    token = os.urandom(16).hex()
    script = LISTING.format(
        make="1" if make else "",
        places=" ".join(places),
        token=token,
        mark=MARK,
        id=os.urandom(16).hex(),
        origin=shlex.quote(written(origin)) if origin else "",
        half=FOLDERS_OF_HALVES,
        pruned=_pruned(rules),
        form=FORM,
    )
    return Question(script, token)


def _pruned(rules: IgnoreRules) -> str:
    """Give find's words for what need not be listed: what is never synchronized, and folders that
    the rules leave out whole."""
    tests = [f"-iname {name}" for name in sorted(NEVER)] + [f"-name '{OWN}*'"]
    for pattern in rules.patterns:
        path = pattern.text.removeprefix("/")
        if not pattern.takes_back and PLAIN_PATH.fullmatch(path) and _is_skipped(rules, path):
            tests.append(f"-path {shlex.quote(f'./{path}')}")
    return f"\\( {' -o '.join(tests)} \\)"


def _is_skipped(rules: IgnoreRules, path: str) -> bool:
    place, parts = rules.top(), path.split("/")
    for end in range(1, len(parts) + 1):
        place = place.enter("/".join(parts[:end]))
    return place.skipped


def read_all(output: BinaryIO, silence: float = SILENCE, longest: float = LONGEST) -> bytes:
    """Read an answer from a pipe; raise `DockerutilsError` where it is larger than any project.

    The same where hardly anything comes for so many seconds, or no end in so many.
    """
    said, counted = bytearray(), 0
    begun = heard = time.monotonic()
    while _comes(output, min(heard + silence, begun + longest) - time.monotonic()):
        piece = os.read(output.fileno(), PIECE)
        if not piece:
            return bytes(said)
        said += piece
        if len(said) > MOST:
            raise DockerutilsError(
                "the dock lists more files than can be synchronized.",
                "Leave folders with that many files out: write them in .dockerignore.",
            )
        if len(said) - counted >= LEAST:
            counted, heard = len(said), time.monotonic()
    raise DockerutilsError(
        "the dock does not list its files: hardly anything came for a long time.",
        "See what its shell and its login scripts do, and how busy it is; then try again.",
    )


def _comes(output: BinaryIO, seconds: float) -> bool:
    """Wait for something to read, or the end; tell whether that came in time."""
    if seconds <= 0:
        return False
    poll = select.poll()
    poll.register(output, select.POLLIN | select.POLLHUP)
    return bool(poll.poll(seconds * 1000))


def read_answer(said: bytes, token: str, dock: Dock, places: Places, here: Tree) -> There:
    """Read what a dock answered; raise `DockerutilsError` with what to do where it cannot."""
    parts = os.fsdecode(said).split("\0")
    begin = _begin(parts, token)
    if begin is None:
        words = plain(os.fsdecode(said[:2000]))
        raise DockerutilsError(
            f"{dock} does not list its files: it says {words or 'nothing'}.",
            "See what its shell and its login scripts write.",
        )
    head, rest = parts[begin + 1 : begin + 5], parts[begin + 5 :]
    if head[:1] == ["none"]:
        return There(Tree())
    if head[:1] == ["closed"]:
        raise _closed(dock)
    if len(head) < 4 or len(rest) < 3 or rest[-3] != token:
        raise DockerutilsError(f"{dock} did not list all of its files.", "Try again.")
    if len(rest) < 5:
        raise DockerutilsError(f"{dock} has no GNU find, which lists its files.", INSTALL_FIND)
    owner, status = rest[0], rest[-2]
    tree = read_entries(rest[2:-3], places, here)
    owner = owner if re.fullmatch(r"[0-9]+:[0-9]+", owner) else ""
    target, mark, origin, tools = head
    if not target.startswith("/") or not target.isprintable():
        raise _odd(dock, target)
    whole = status == "0"
    return There(tree, target, mark[:64], owner, tools == "rsync", whole, read_origin(origin))


def check_origin(there: There, dock: Dock, ours: Origin) -> None:
    """Raise `DockerutilsError` where a folder on a dock is another project's."""
    theirs = there.origin
    if theirs and theirs != ours:
        line = f"ssh-dock {dock} -- sed -i 2d {shlex.quote(f'{there.target}/{MARK}')}"
        raise DockerutilsError(
            f"{there.target} on {dock} is the folder of another project, {theirs}.",
            "Rename the folder here, or take another place there (`register-dock … --workspace "
            f"DIR`). If it is the same project, `{line}` lets both have it.",
        )


def _odd(dock: Dock, target: str) -> DockerutilsError:
    return DockerutilsError(
        f"{dock} names a folder that cannot be used: {plain(target) or 'none'}.",
        "Name another one: `register-dock … --workspace DIR`.",
    )


def _begin(parts: list[str], token: str) -> int | None:
    """Find where the answer begins: a profile may have written something before it."""
    return next((number for number, part in enumerate(parts) if part.endswith(token)), None)


def _closed(dock: Dock) -> DockerutilsError:
    hint = "See who may write there, or name another folder: `register-dock … --workspace DIR`."
    if dock.workspace:
        return DockerutilsError(f"{dock.workspace} cannot be written on {dock}.", hint)
    return DockerutilsError(f"neither {SHARED} nor the home folder can be written on {dock}.", hint)


def read_entries(fields: list[str], places: Places, here: Tree) -> Tree:
    """Read what find wrote: how something stands, and its path.

    What is no such line, and what lies in no folder that was listed, is passed over. What is here
    as well need not be held against the rules once more.
    """
    listed = dict(zip(fields[1::2], fields[::2], strict=False))
    tree = Tree()
    ours = here.entries
    for path, state in listed.items():
        if path in ours and (state == FOLDER or state[:1] in FILES):
            tree.entries[path] = state
            if state == FOLDER and path not in places.known:
                places.enter(path)
        elif places.admits(path, state == FOLDER):
            tree.add(path, state)
        elif is_beside(path):
            tree.beside.add(path)
        elif state == HALF and path.rpartition("/")[2] == PARTIAL:
            tree.partial.append(path)
    return tree
