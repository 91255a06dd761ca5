"""What is made ready at the project's root before images are built: the version file, pip.conf."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from dockerutils.command import Command
from dockerutils.images.build_secrets import PIP_CONF, TEMPLATE, is_copy
from dockerutils.images.recipe import Node
from dockerutils.session import Session
from dockerutils.version.file import VERSION_FILE, refresh_version_file
from dockerutils.version.git import VersionError
from dockerutils.version.source import version_source


def write_version(session: Session, nodes: Sequence[Node]) -> None:
    """Write the version file, if the project has a tool for its version.

    Raises `VersionError` where there is no version and an image takes the file.
    """
    root = session.project.root
    if session.dry:
        if version_source(root):
            session.runner.run(Command(("dockerutils", "genversion"), folder=root))
        return
    try:
        refreshed = refresh_version_file(root, session.environ, session.runner.read)
    except VersionError as error:
        if any(node.reading.mentions(VERSION_FILE) for node in nodes):
            raise
        session.terminal.warn(f"no {VERSION_FILE} was written: {error.message}")
        return
    for text in refreshed.warnings if refreshed else ():
        session.terminal.warn(text)
    if refreshed and refreshed.changed:
        session.terminal.note(f"{VERSION_FILE} is of version {refreshed.version}.")


@contextlib.contextmanager
def pip_conf(session: Session, nodes: Sequence[Node], folder: Path) -> Iterator[None]:
    """Have pip.conf at the root while images are built that take it from there.

    The older tool's way: it is a copy of pip.conf.template. `folder` is where builds of the project
    that go on at once learn of each other: the last one removes the copy.
    """
    root = session.project.root
    wanted = any(node.reading.mentions(PIP_CONF) for node in nodes)
    if not (wanted and (root / TEMPLATE).is_file()):
        yield
    elif session.dry:
        print_copying(session)
        yield
    else:
        with shared(folder / f"{PIP_CONF}.lock") as lock:
            made = make_copy(root, folder)
            if made:
                session.terminal.note(f"{PIP_CONF} is a copy of {TEMPLATE} while images are built.")
            try:
                yield
            finally:
                if is_last(lock):
                    remove_copy(root, folder, made)


def print_copying(session: Session) -> None:
    """Print how a script has the copy, and removes it at its end, whatever that is."""
    root = session.project.root
    if os.path.lexists(root / PIP_CONF):
        return
    session.runner.run(Command(("cp", TEMPLATE, PIP_CONF), folder=root))
    copy = os.path.relpath(root / PIP_CONF, session.here)
    session.terminal.data(f"trap {shlex.quote(shlex.join(['rm', '-f', copy]))} EXIT")


def make_copy(root: Path, folder: Path) -> bool:
    """Copy the template, in one step, with its permissions: it may hold a password.

    Tells whether there was none; somebody's own pip.conf is never touched.
    """
    template, copy = root / TEMPLATE, root / PIP_CONF
    if os.path.lexists(copy):
        return False
    handle, name = tempfile.mkstemp(dir=root, prefix=f".{PIP_CONF}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(template.read_bytes())
        Path(name).chmod(template.stat().st_mode & 0o777)
        with contextlib.suppress(OSError):
            marker(folder).touch()
        os.link(name, copy)  # unlike a rename it fails where there is one by now
    except FileExistsError:
        return False
    finally:
        Path(name).unlink(missing_ok=True)
    return True


def remove_copy(root: Path, folder: Path, made: bool) -> None:
    """Remove the copy that a build made, unless somebody has put his own in its place."""
    if is_copy(root) and (made or marker(folder).exists()):
        (root / PIP_CONF).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        marker(folder).unlink(missing_ok=True)


def marker(folder: Path) -> Path:
    """Give the file that is there while pip.conf is a copy, also after a build was killed."""
    return folder / f"{PIP_CONF}.made"


@contextlib.contextmanager
def shared(path: Path) -> Iterator[TextIO | None]:
    """Hold a lock that others can hold as well; None where the folder cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a", encoding="utf-8")
    except OSError:
        yield None
        return
    with file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield file


def is_last(lock: TextIO | None) -> bool:
    """Tell whether nobody else holds the lock."""
    if lock is None:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
