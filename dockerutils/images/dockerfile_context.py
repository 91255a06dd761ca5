"""Which paths of its context a build can see, as far as the text of the Dockerfile tells.

Too much is safe and too little is a fault: what is not sure counts as the whole context. A text
says nothing of two things that its reader has to mind: links in the context, which COPY follows
(`may_follow`), and the ONBUILD triggers of an image that a stage stands on.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Mapping

from dockerutils.images.dockerfile_text import SPACE, WORD, Flag, read_flags

Context = tuple[str, ...] | None
"""Paths that a build sees, with what is below; one that ends with `*` stands for what begins so.

None is the whole context, and an empty tuple nothing of it.
"""

_SILENT = frozenset(
    {
        *("arg", "cmd", "entrypoint", "env", "expose", "from", "healthcheck", "label"),
        *("maintainer", "shell", "stopsignal", "user", "volume", "workdir"),
    }
)
_RUN_FLAGS = frozenset({"--device", "--mount", "--network", "--security"})
_COPY_FLAGS = frozenset({"--chmod", "--chown", "--link"})
_KNOWN_FLAGS = {
    "copy": _COPY_FLAGS | {"--from", "--exclude", "--parents"},
    "add": _COPY_FLAGS | {"--checksum", "--keep-git-dir", "--unpack"},
}
_CHANGES_PATHS = frozenset({"--exclude", "--parents"})
_MOUNTS_FROM_ELSEWHERE = frozenset({"cache", "secret", "ssh", "tmpfs"})
# Variables, quotes and escapes (of either kind), drives and URLs: the path is not as written.
_UNSURE = re.compile(r"[$'\"`\\:]")
_WILD = re.compile(r"[*?\[]")
_HEREDOC = re.compile(r"[0-9]*<<-?[\w.-]+", re.ASCII)
_URL = re.compile(r"https?://.*|(?:git|ssh)://[^$'\"`\\]+|git@[^/:$'\"`\\]+:[^$'\"`\\]+")
# Another frontend may read what it likes.
_SYNTAX = re.compile(r"(?im)^\ufeff?[^\S\n]*(?:#|//)\s*syntax\s*=[^\S\n]*(\S*)")
_USUAL_SYNTAX = re.compile(r"(?:docker\.io/)?docker/dockerfile(?:-upstream)?(?:[:@]\S+)?")
_SYNTAX_ARGUMENT = "BUILDKIT_SYNTAX"


def sees(context: Context, path: str) -> bool:
    """Tell whether a build that sees this much of its context sees a path of it."""
    return context is None or any(_covers(entry, path) for entry in context)


def may_follow(context: Context, link: str) -> bool:
    """Tell whether a link of the context may lead the build to paths that are not in `context`.

    If there is such a link, the build has to be taken to see everything.
    """
    ways = () if context is None else context
    return sees(ways, link) or any(entry.startswith(f"{link}/") for entry in ways)


def _covers(entry: str, path: str) -> bool:
    if entry.endswith("*"):
        return path.startswith(entry[:-1])
    return path == entry or path.startswith(f"{entry}/")


def joined(contexts: Iterable[Context]) -> Context:
    """Put together what the parts of a build see."""
    paths: set[str] = set()
    for context in contexts:
        if context is None:
            return None
        paths.update(context)
    return tuple(sorted(paths))


def seen_by_syntax(text: str, build_args: Mapping[str, object]) -> Context:
    """Give the whole context if another frontend than Docker's own may read the text."""
    usual = all(_USUAL_SYNTAX.fullmatch(name) for name in _SYNTAX.findall(text))
    return () if usual and _SYNTAX_ARGUMENT not in build_args else None


def seen_by(name: str, text: str, at: int, escape: str) -> Context:
    """Give what an instruction sees: its name in lower case, and where its arguments begin."""
    if name in _SILENT:
        return ()
    flags, at = read_flags(text, at, escape)
    if name == "run":
        return joined(_seen_by_run_flag(flag) for flag in flags)
    if name not in _KNOWN_FLAGS:
        return None
    given = {key: value for key, _, value in (flag.text.partition("=") for flag in flags)}
    if given.keys() - _KNOWN_FLAGS[name]:
        return None
    if given.get("--from"):
        return ()
    return None if given.keys() & _CHANGES_PATHS else _seen_by_copy(name, text[at:].strip(SPACE))


def _seen_by_copy(name: str, arguments: str) -> Context:
    words = _json_words(arguments) if arguments.startswith("[") else WORD.findall(arguments)
    if len(words) < 2:
        return None
    return joined(_source(word, urls=name == "add") for word in words[:-1])


def _json_words(text: str) -> list[str]:
    """Read the JSON form; what is none gives nothing."""
    try:
        words = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return words if all(isinstance(word, str) for word in words) else []


def _source(word: str, urls: bool) -> Context:
    if _HEREDOC.fullmatch(word) or (urls and _URL.fullmatch(word)):
        return ()
    return None if "<<" in word else _path(word)


def _path(word: str) -> Context:
    """Clean a path as docker does, which never leaves the context; wildcards end it."""
    if _UNSURE.search(word):
        return None
    path = posixpath.normpath(f"/{word}").lstrip("/")
    wild = _WILD.search(path)
    fixed = path[: wild.start()] if wild else path
    if not fixed:
        return None
    return (f"{fixed}*" if wild else fixed,)


def _seen_by_run_flag(flag: Flag) -> Context:
    key, _, value = flag.text.partition("=")
    if key != "--mount":
        return () if key in _RUN_FLAGS else None
    if '"' in value:  # CSV with quotes
        return None
    pairs = [(key.lower(), value) for key, _, value in (x.partition("=") for x in value.split(","))]
    fields = dict(pairs)
    if fields.get("from"):
        return None if _UNSURE.match(fields["from"]) else ()
    kind = fields.get("type", "bind").lower()
    sources = [value for key, value in pairs if key in ("source", "src")]
    if kind in _MOUNTS_FROM_ELSEWHERE:
        return ()
    return _path(sources[0]) if kind == "bind" and len(sources) == 1 else None
