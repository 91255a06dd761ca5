"""The lists of docks that docker-utils wrote: `~/.docker/<address>/connection_config.txt`.

They are parsed, never evaluated. Nothing here may import what takes long to load.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from dockerutils.docks.dock import DEFAULT_USER, Dock
from dockerutils.docks.entries import flaw_of, moniker_flaw
from dockerutils.docks.told import plain
from dockerutils.errors import DockerutilsError

FILE = "connection_config.txt"
LARGEST = 1 << 16  # bytes: such a file has five lines
NAMELESS = ("", "none")  # what stands there for no moniker


def read_seed_files(home: str) -> tuple[list[Dock], list[str]]:
    """Give the docks of the old files, and what could not be read of them."""
    docks: list[Dock] = []
    warnings: list[str] = []
    for path in seed_files(home):
        try:
            docks.append(read_seed_file(path))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            warnings.append(
                f"{plain(str(path))} is passed over: {reason}. Correct it, or remove it."
            )
    return docks, warnings


def seed_files(home: str) -> Iterator[Path]:
    """Give the old files, in the order of their folders' names."""
    try:
        folders = sorted(Path(home, ".docker").iterdir())
    except OSError:
        return
    for folder in folders:
        if (folder / FILE).is_file():
            yield folder / FILE


def read_seed_file(path: Path) -> Dock:
    """Read an old file; raise `ValueError` or `OSError` where it describes no dock.

    A moniker that is none counts as not given: the address is then the name.
    """
    with path.open("rb") as file:
        text = file.read(LARGEST).decode()
    pairs = (line.strip().partition("=") for line in text.splitlines())
    said = {key: value.strip() for key, _, value in pairs}
    address = said.get("DOCK_IP") or path.parent.name
    moniker = said.get("DOCK_MONIKER", "")
    name = address if moniker in NAMELESS or moniker_flaw(moniker) else moniker
    dock = Dock(name, address, said.get("DOCK_USER") or DEFAULT_USER)
    if flaw := flaw_of(dock):
        raise ValueError(plain(flaw))
    return dock


def remove_seed_files(home: str, address: str) -> None:
    """Remove the old files of an address, and their folders if nothing else is in them.

    Raises `DockerutilsError` where that is not allowed.
    """
    for path in seed_files(home):
        try:
            if read_seed_file(path).address != address:
                continue
            path.unlink()
        except ValueError:  # of no dock
            continue
        except OSError as error:
            raise DockerutilsError(
                f"{path} cannot be removed: {error.strerror}.", "See whose file it is."
            ) from error
        with contextlib.suppress(OSError):  # it may hold certificates
            path.parent.rmdir()
