"""The user's browser, which is told where to go by a private file: no command line has a token."""

from __future__ import annotations

import html
import os
import secrets
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dockerutils.command import Command

PAGE = """\
<!DOCTYPE html>
<html><head><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={address}">
<title>Jupyter on {name}</title></head>
<body><a href="{address}">Jupyter on {name}</a></body></html>
"""
MAC = "darwin"


def opener(environ: Mapping[str, str], platform: str) -> tuple[str, ...]:
    """Give the words that open a page, none where no browser could be seen."""
    mac = platform == MAC
    if not mac and not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")):
        return ()
    # A list, as Python's webbrowser and others read it; a background sign stands for itself there.
    wanted = [one.strip().removesuffix("&") for one in environ.get("BROWSER", "").split(os.pathsep)]
    for one in (*wanted, "open" if mac else "xdg-open"):
        try:
            words = shlex.split(one)
        except ValueError:
            continue
        if words and shutil.which(words[0], path=environ.get("PATH")):
            return tuple(words)
    return ()


def opening(words: tuple[str, ...], page: Path) -> Command:
    """Give the command that opens a page, where `%s` stands for it or behind the others."""
    if any("%s" in word for word in words):
        return Command(tuple(word.replace("%s", str(page)) for word in words))
    return Command((*words, str(page)))


@contextmanager
def redirect(folder: Path, name: str, address: str) -> Iterator[Path]:
    """Give a page that leads to an address, and that only the user can read, for a while."""
    page = folder / f"notebook-{secrets.token_hex(4)}.html"
    with os.fdopen(os.open(page, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(PAGE.format(address=html.escape(address), name=html.escape(name)))
    try:
        yield page
    finally:
        page.unlink(missing_ok=True)
