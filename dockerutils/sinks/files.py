"""Files of any size that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from dockerutils.errors import DockerutilsError


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file beside a path, and put it there at the end; what fails leaves nothing.

    Its permissions are those of any new file. Raises `DockerutilsError` where it cannot be made.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with told(path):
            file = open_new(beside)
        with file:
            yield file
            with told(path):
                file.flush()
        with told(path):
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def open_new(path: Path) -> BinaryIO:
    """Open a file that must not be there yet."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    return os.fdopen(number, "wb")


def pour(chunks: Iterable[bytes], file: BinaryIO, path: Path) -> None:
    """Write chunks to the file that becomes `path`."""
    for chunk in chunks:
        with told(path):
            file.write(chunk)


def replace_with(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file in one step."""
    with new_file(path) as file:
        pour(chunks, file, path)


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Tell of a path that cannot be written as a `DockerutilsError`."""
    try:
        yield
    except OSError as error:
        raise DockerutilsError(
            f"{path} cannot be written: {error.strerror}.",
            "Choose another place, or make room and see who owns the folder.",
        ) from error
