"""What a virtualenv's files have to say when they lie in another place than on this machine.

The same packages give the same bytes wherever the virtualenv was made, and whoever made it.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from dockerutils.errors import ProjectError
from dockerutils.venv.scripts import with_shebang

SITE = re.compile(r"(lib(?:64)?/python3\.\d+/site-packages)/")
# Only what lies directly in site-packages is read when Python starts (the `site` module).
STARTING = re.compile(r"[^/]+\.(?:pth|egg-link)|__editable___[^/]+_finder\.py")
FILE_URL = re.compile(r"file:(?://(?:localhost)?)?(/[^?#]*).*", re.IGNORECASE | re.DOTALL)
ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
# Facts about this machine: when it was made, by which caller, from what (uv's caches), and the
# scripts for a person's shell, which have the folder's name in the prompt.
LEFT_OUT = re.compile(
    r"bin/(?:activate[^/]*|Activate\.ps1|deactivate[^/]*|pydoc\.bat|__pycache__/.*)"
    r"|\.lock|\.gitignore|CACHEDIR\.TAG|pip-selfcheck\.json",
    re.DOTALL,
)
NOTES = ("REQUESTED", "uv_cache.json", "uv_build.json")  # in a distribution's .dist-info


@dataclass(frozen=True)
class Rewriting:
    """How the files of a virtualenv, and of the folders that belong to it, change their place."""

    root: Path  # the virtualenv on this machine
    dest: str  # its folder in the image
    interpreter: str  # Python in the image
    version: tuple[int, int]
    bytecode: str = "keep"  # keep, compile or drop
    moved: tuple[tuple[str, str], ...] = ()  # other folders here, and their places in the image
    left_out: frozenset[str] = field(default=frozenset())  # of the virtualenv, by the user's wish

    @cached_property
    def places(self) -> tuple[tuple[str, str], ...]:
        """Give pairs of a folder here and its place in the image, the longest first.

        A virtualenv's files name it as it was called when they were made, or by its real path.
        """
        pairs = [(os.path.abspath(self.root), self.dest)]  # noqa: PTH100 - keeps symbolic links
        pairs += [(folder.rstrip("/"), place) for folder, place in self.moved]
        pairs += [(os.path.realpath(folder), place) for folder, place in pairs]
        return tuple(sorted(dict(reversed(pairs)).items(), key=lambda pair: (-len(pair[0]), pair)))

    @cached_property
    def spellings(self) -> dict[bytes, bytes]:
        """Give each form in which a text names a folder, and what stands there in the image."""
        return {
            os.fsencode(form(folder)): os.fsencode(form(place))
            for form in (in_url, in_quotes, str)
            for folder, place in self.places
        }

    @cached_property
    def named(self) -> re.Pattern[bytes]:
        """Give a pattern for our folders in a text: as whole paths or the beginning of paths."""
        forms = b"|".join(map(re.escape, sorted(self.spellings, key=len, reverse=True)))
        return re.compile(rb"(?<![\w.})\-\x80-\xff])(?:" + forms + rb")(?![\w.\-\x80-\xff])")

    @property
    def python(self) -> str:
        """The virtualenv's own interpreter in the image."""
        return f"{self.dest}/bin/python"

    def place(self, path: str) -> str | None:
        """Say where an absolute path of this machine is in the image; None if it is not there."""
        for folder, place in self.places:
            if path == folder or path.startswith(f"{folder}/"):
                return place + path[len(folder) :]
        return None

    def text(self, content: bytes) -> bytes:
        """Replace our folders in a text."""
        return self.named.sub(lambda found: self.spellings[found[0]], content)

    def is_interpreter(self, path: str) -> bool:
        """Tell whether a path in the virtualenv is one of the names of its interpreter."""
        return path in {
            "bin/python",
            "bin/python3",
            f"bin/python3.{self.version[1]}",
            "bin/𝜋thon",
        }


def in_quotes(text: str) -> str:
    """Give a text as it stands between quotes in Python source."""
    return repr(text)[1:-1]


def in_url(path: str) -> str:
    """Give an absolute path as it stands in a URL."""
    return PurePosixPath(path).as_uri().removeprefix("file://")


def path_of_url(url: str) -> str | None:
    """Give the path that a URL names on its own machine; None for one of elsewhere (RFC 8089)."""
    found = FILE_URL.fullmatch(url)
    if not found:
        return None
    escaped = found[1].encode("utf-8", "surrogateescape")
    return os.fsdecode(ESCAPE.sub(lambda code: bytes.fromhex(code[1].decode()), escaped))


def is_left_out(path: str) -> bool:
    """Tell whether a file of a virtualenv is of no use anywhere else; it is in no layer."""
    if path.endswith(NOTES):
        folder, _, name = path_in_site(path).partition("/")
        return folder.endswith(".dist-info") and name in NOTES
    return not path.startswith("lib") and bool(LEFT_OUT.fullmatch(path))


def is_rewritten(path: str) -> bool:
    """Tell whether the content of a virtualenv's file may depend on where that lies."""
    if path.startswith("bin/") or path == "pyvenv.cfg":
        return True
    # Asked of every file, so the expensive part is only for the few that can be meant.
    if not path.endswith((".pth", ".egg-link", "_finder.py", "/RECORD", "/direct_url.json")):
        return False
    inside = path_in_site(path)
    return bool(STARTING.fullmatch(inside)) or is_record(path) or is_origin(path)


def is_record(path: str) -> bool:
    """Tell whether a file is the list of a distribution's files."""
    folder, _, name = path_in_site(path).partition("/")
    return name == "RECORD" and folder.endswith(".dist-info")


def is_origin(path: str) -> bool:
    """Tell whether a file says where a distribution came from (PEP 610)."""
    folder, _, name = path_in_site(path).partition("/")
    return name == "direct_url.json" and folder.endswith(".dist-info")


def path_in_site(path: str) -> str:
    """Give the path below site-packages; empty for a file elsewhere."""
    found = SITE.match(path)
    return path[found.end() :] if found else ""


def rewritten(rewriting: Rewriting, path: str, content: bytes) -> bytes | None:
    """Give a file's content in the image; None if it is not to be there.

    For what `is_rewritten` names, without the lists of files: those are in `record`.
    """
    if path == "pyvenv.cfg":
        return settings(rewriting, content)
    if path.startswith("bin/"):
        return script(rewriting, content)
    if is_origin(path):
        return origin(rewriting, content)
    if path.endswith(".pth"):
        return paths(rewriting, path, content)
    return rewriting.text(content)


def script(rewriting: Rewriting, content: bytes) -> bytes:
    """Rewrite a script: its first lines, and the virtualenv's path wherever else it stands."""

    def is_own(program: bytes) -> bool:
        path = os.fsdecode(program)
        folder, _, inside = path.rpartition("/bin/")
        return rewriting.is_interpreter(f"bin/{inside}") and (
            folder == rewriting.dest or rewriting.place(folder) == rewriting.dest
        )

    content = with_shebang(content, is_own, os.fsencode(rewriting.python))
    if b"\0" in content:  # an archive behind a first line
        first, end, rest = content.partition(b"\n")
        return rewriting.text(first) + end + rest
    return rewriting.text(content)


def settings(rewriting: Rewriting, content: bytes) -> bytes:
    """Rewrite pyvenv.cfg: what Python reads of it, and the version; not who made it how."""
    lines = (line.partition("=") for line in content.decode("utf-8", "replace").splitlines())
    found = {key.strip().lower(): value.strip() for key, _, value in lines}
    version = (
        found.get("version") or found.get("version_info") or ".".join(map(str, rewriting.version))
    )
    kept = {
        "home": posixpath.dirname(rewriting.interpreter),
        "include-system-site-packages": found.get("include-system-site-packages", "false").lower(),
        "version": ".".join(version.split(".")[:3]),
    }
    return "".join(f"{key} = {value}\n" for key, value in kept.items()).encode()


def origin(rewriting: Rewriting, content: bytes) -> bytes | None:
    """Rewrite direct_url.json: a folder of this machine, to its place in the image.

    One that has no place there is not named, and nothing is said about the origin then.
    """
    try:
        facts = json.loads(content)
        path = path_of_url(facts["url"])
    except (ValueError, KeyError, TypeError):
        return content
    if path is None:
        return content
    place = rewriting.place(posixpath.normpath(path))
    if place is None:
        return None
    facts["url"] = "file://" + in_url(place)
    return json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()


def paths(rewriting: Rewriting, path: str, content: bytes) -> bytes:
    """Rewrite a .pth file: folders, one a line, absolute or seen from site-packages, or code."""
    lines = content.splitlines(keepends=True)
    return b"".join(pth_line(rewriting, posixpath.dirname(path), line) for line in lines)


def pth_line(rewriting: Rewriting, site: str, line: bytes) -> bytes:
    """Rewrite a line; `..` may lead from site-packages into a folder that moves elsewhere."""
    word = os.fsdecode(line.strip())
    if not word.startswith(".."):
        return rewriting.text(line)
    there = posixpath.normpath(posixpath.join(site, word))
    if there != ".." and not there.startswith("../"):
        return line
    place = rewriting.place(posixpath.normpath(f"{rewriting.root}/{there}"))
    return line if place is None else os.fsencode(place) + b"\n"


@dataclass(frozen=True)
class Link:
    """A symbolic link in the image: what it holds, and the absolute path that this means there."""

    target: str
    place: str


def link(rewriting: Rewriting, root: Path, dest: str, path: str, target: str) -> Link:
    """Say where a link at `path` below `root`, which goes to `dest`, points in the image.

    Raises `ProjectError` for one that leads out of all that goes into the image. Whether there is
    something at its place is another question.
    """
    own = root == rewriting.root
    if own and rewriting.is_interpreter(path):
        if path == "bin/python":
            return Link(rewriting.interpreter, rewriting.interpreter)
        return Link("python", rewriting.python)
    if target.startswith("/"):
        meant = place_of(rewriting, root, dest, posixpath.normpath(target))
        if meant:
            return Link(meant, meant)
    else:
        inside = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if inside != ".." and not inside.startswith("../"):
            return Link(target, posixpath.normpath(f"{dest}/{inside}"))
        meant = place_of(rewriting, root, dest, posixpath.normpath(f"{root}/{inside}"))
        if meant:
            return Link(meant, meant)
    raise ProjectError(
        f"{path} in {root} is a link to {target}, which is not in the image.",
        "Put a file in the link's place, or leave it out with `exclude`.",
    )


def place_of(rewriting: Rewriting, root: Path, dest: str, path: str) -> str | None:
    """Say where an absolute path is in the image, seen from a group of files of its own."""
    for folder in (str(root), os.path.realpath(root)):
        if path == folder or path.startswith(f"{folder}/"):
            return dest + path[len(folder) :]
    return rewriting.place(path)
