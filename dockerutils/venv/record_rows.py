"""A distribution's list of its files (RECORD) as it has to be in the image.

https://packaging.python.org/en/latest/specifications/recording-installed-packages/#the-record-file
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import posixpath
from collections.abc import Callable, Iterator

from dockerutils.venv.relocation import Rewriting, is_left_out, is_rewritten

Signature = tuple[str, str]  # a file's hash and size, as they stand in the list
# What is in the path of each file that `is_rewritten` names.
SIGNS = (b"bin/", b".pth", b".egg-link", b"_finder.py", b"direct_url.json")


def signature(content: bytes) -> Signature:
    """Give the hash and size of a content."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"sha256={digest}", str(len(content))


def rewritten_record(
    rewriting: Rewriting,
    path: str,
    content: bytes,
    signed: Callable[[str, Signature], Signature | None],
) -> bytes:
    """Rewrite the list at a path of the virtualenv.

    `signed` says for a file that may have another content in the image, and for the signature
    that it has here, the one that it has there; None if it is not there. Compiled modules without
    a signature are not listed, as uv does it: `bytecode` decides about them.
    """
    site = posixpath.dirname(posixpath.dirname(path))
    rows: dict[str, Signature] = {}
    for place, name, old in listed(rewriting, site, content):
        new: Signature | None = old
        if place in rewriting.left_out or is_left_out(place):
            continue
        if place.endswith(".pyc"):
            new = signed(place, old) if old[0] else None
        elif old[0] and place != path and is_rewritten(place):
            new = signed(place, old)
        if new:
            rows[name] = new
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows((name, *rows[name]) for name in sorted(rows))
    return out.getvalue().encode("utf-8", "surrogateescape")


def listed(rewriting: Rewriting, site: str, content: bytes) -> Iterator[tuple[str, str, Signature]]:
    """Give of each file its path in the virtualenv, its name in the list, and its signature.

    The names are relative to site-packages; what lies outside the virtualenv is left out.
    """
    text = content.decode("utf-8", "surrogateescape")
    for row in csv.reader(io.StringIO(text, newline="")):
        if not row:
            continue
        name, old = row[0], (row[1] if len(row) > 1 else "", row[2] if len(row) > 2 else "")
        if ".." in name or name.startswith(("/", "./")):
            place = inside(rewriting, site, name)
            if place is None:
                continue
            yield place, posixpath.relpath(place, site), old
        else:
            yield f"{site}/{name}", name, old


def inside(rewriting: Rewriting, site: str, name: str) -> str | None:
    """Give the path in the virtualenv that a name in a list means; None for one outside."""
    if name.startswith("/"):
        for root in (str(rewriting.root), os.path.realpath(rewriting.root)):
            if name.startswith(f"{root}/"):
                return posixpath.normpath(name[len(root) + 1 :])
        return None
    place = posixpath.normpath(posixpath.join(site, name))
    return None if place.startswith("../") else place


def depended_on(rewriting: Rewriting, path: str, content: bytes) -> list[str]:
    """Name the files whose content a list's content in the image depends on."""
    lines = b"".join(sorted({line for sign in SIGNS for line in lines_with(content, sign)}))
    if not lines:
        return []
    site = posixpath.dirname(posixpath.dirname(path))
    return [
        place
        for place, _, old in listed(rewriting, site, lines)
        if old[0] and place != path and is_rewritten(place)
    ]


def lines_with(content: bytes, sign: bytes) -> Iterator[bytes]:
    """Give the lines that contain a sign."""
    found = content.find(sign)
    while found >= 0:
        end = content.find(b"\n", found) + 1 or len(content)
        yield content[content.rfind(b"\n", 0, found) + 1 : end]
        found = content.find(sign, end)
