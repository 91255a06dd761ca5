"""Files that are compressed with zstd, which Python cannot read everywhere: the program does it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dockerutils.command import Command
from dockerutils.errors import DockerutilsError, EngineError, ProjectError
from dockerutils.oci.compress import ZSTD_MAGIC
from dockerutils.runner import Crew


def is_zstd(path: Path) -> bool:
    """Tell whether a file is compressed with zstd."""
    try:
        with path.open("rb") as file:
            return file.read(4) == ZSTD_MAGIC
    except OSError:
        return False


@contextmanager
def expanded(path: Path, crew: Crew) -> Iterator[Path]:
    """Give a file of zstd's as a plain one, which is gone afterwards."""
    with tempfile.NamedTemporaryFile(prefix="dockerutils-") as file:
        try:
            with crew.stream(Command(("zstd", "-q", "-dc", str(path)))) as stream:
                shutil.copyfileobj(stream, file, 1 << 20)
            file.flush()
        except OSError as error:
            raise DockerutilsError(
                f"{path} cannot be decompressed: {error.strerror}.",
                "Make room, or name another folder for passing files in TMPDIR.",
            ) from error
        except DockerutilsError as error:
            if isinstance(error, EngineError):  # the program is missing
                raise
            raise ProjectError(
                f"{path} is damaged: {error.message}", "Have it made again."
            ) from error
        yield Path(file.name)
