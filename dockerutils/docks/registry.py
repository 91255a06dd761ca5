"""The list of docks: `docks.toml`, and the old files that have no entry of ours.

Nothing here may import what takes long to load: a terminal waits for it.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dockerutils.docks.dock import Dock
from dockerutils.docks.entries import entry_of, read_entry
from dockerutils.docks.places import docks_file
from dockerutils.docks.seed_files import read_seed_files
from dockerutils.docks.told import plain
from dockerutils.errors import ConfigError, DockerutilsError

TABLE = "dock"
LINGER = 1800.0  # seconds that a connection outlives its last user
MOST_NAMED = 20  # docks in a message
UNITS: Mapping[str, int] = {"": 1, "s": 1, "m": 60, "h": 3600}
DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([smh]?)")
HEADER = "# The docks of dockerutils. register-dock writes this file anew: comments do not last.\n"


class UnknownDock(DockerutilsError):
    """There is no dock of a name, or more than one."""


@dataclass(frozen=True)
class Docks:
    """The docks there are, sorted by name, and what could not be read of their files.

    `old` has the names of those that only an old file describes, `passed` those of the entries of
    docks.toml that describe none, `unread` says why docks.toml cannot be read at all.
    """

    docks: tuple[Dock, ...]
    warnings: tuple[str, ...] = ()
    old: frozenset[str] = frozenset()
    passed: frozenset[str] = frozenset()
    unread: ConfigError | None = None

    @property
    def own(self) -> tuple[Dock, ...]:
        """Those that docks.toml describes."""
        return tuple(dock for dock in self.docks if dock.name not in self.old)

    def find(self, name: str) -> Dock:
        """Give the dock of a moniker, else of an address; raise `UnknownDock`.

        Raises `ConfigError` where it may be in a docks.toml that cannot be read.
        """
        self.check(name)
        dock = self.meant(name)
        if dock is None:
            raise self._unknown(name)
        return dock

    def check(self, name: str = "") -> None:
        """Raise why docks.toml cannot be read, unless the dock of a name is known all the same."""
        if self.unread and not (name and self.meant(name)):
            raise self.unread

    def meant(self, name: str) -> Dock | None:
        """Give the dock of a moniker, else of an address, None where there is none.

        Raises `UnknownDock` where several have the address.
        """
        found = [dock for dock in self.docks if dock.name == name]
        found = found or [dock for dock in self.docks if dock.address == name]
        if len(found) > 1:
            names = ", ".join(dock.name for dock in found)
            raise UnknownDock(
                f"{name} is the address of {len(found)} docks.", f"Name one: {names}."
            )
        return found[0] if found else None

    def _unknown(self, name: str) -> UnknownDock:
        """Describe a dock that is not there, with what may be meant."""
        from difflib import get_close_matches  # noqa: PLC0415  # only a mistake needs it

        hint = "Register it with `register-dock HOST [MONIKER]`."
        names = [dock.name for dock in self.docks]
        meant = {dock.address: f"{dock.address} ({dock})" for dock in self.docks}
        meant |= {name: name for name in names}
        if close := get_close_matches(name, meant, 1):
            hint = "If not, register it: `register-dock HOST [MONIKER]`."
            hint = f"Did you mean {meant[close[0]]}? {hint}"
        elif names:
            hint = f"There is {', '.join(names[:MOST_NAMED])}. {hint}"
        return UnknownDock(f"there is no dock {plain(name, 80)}.", hint)


def read_docks(environ: Mapping[str, str], home: str) -> Docks:
    """Read all docks. What cannot be read is left out, and a warning says so."""
    own: list[Dock] = []
    passed: dict[str, str] = {}
    warnings: list[str] = []
    unread = None
    path = docks_file(environ, home)
    try:
        content = read_content(path)
        own, passed = own_docks(content, path)
        warnings += passed.values()
    except ConfigError as error:
        content, unread = {}, error
        warnings.append(error.message)
    with complained(warnings):
        seconds(content, path)
    old, complaints = read_seed_files(home)
    docks = {dock.name: dock for dock in own}
    addresses = {dock.address for dock in own}
    for dock in old:
        # Its moniker may be taken: its address is a name of its own.
        name = dock.address if dock.name in docks else dock.name
        if dock.address not in addresses:
            docks.setdefault(name, replace(dock, name=name))
    ordered = tuple(docks[name] for name in sorted(docks))
    only_old = frozenset(docks).difference(map(str, own))
    return Docks(ordered, (*warnings, *complaints), only_old, frozenset(passed), unread)


@contextlib.contextmanager
def complained(warnings: list[str]) -> Iterator[None]:
    """Make a warning of what is wrong with the settings."""
    try:
        yield
    except ConfigError as error:
        warnings.append(error.message)


def own_docks(content: Mapping[str, object], path: Path) -> tuple[list[Dock], dict[str, str]]:
    """Give the docks of docks.toml, and by its name what is wrong with each other entry."""
    docks: list[Dock] = []
    passed: dict[str, str] = {}
    for name, table in tables_of(content, path).items():
        try:
            docks.append(read_entry(name, table))
        except ValueError as error:
            reason = f"{path}: the dock {plain(name)} is passed over: {plain(str(error))}."
            passed[name] = f"{reason} {remedy_for(name)}"
    return docks, passed


def remedy_for(name: str) -> str:
    """Tell what to do about an entry that describes no dock."""
    from shlex import quote  # noqa: PLC0415  # only a mistake needs it

    if plain(name) != name or name.startswith("-"):
        return "Correct it there."
    return f"Correct it there, or remove it: `unregister-dock {quote(name)}`."


def tables_of(content: Mapping[str, object], path: Path) -> Mapping[str, object]:
    """Give the tables of docks; raise `ConfigError` where something else is in their place."""
    tables = content.get(TABLE, {})
    if not isinstance(tables, dict):
        raise ConfigError(f"{path}: {TABLE} is no table.", f"Write [{TABLE}.NAME] for each dock.")
    return tables


def read_content(path: Path) -> dict[str, object]:
    """Read a TOML file, empty where there is none; raise `ConfigError` where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"{path} cannot be read: {reason}.", "See whose file it is.") from error
    if sys.version_info >= (3, 11):
        import tomllib  # noqa: PLC0415  # only where there is a file
    else:
        import tomli as tomllib  # noqa: PLC0415
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason = plain(str(error)).rstrip(".")
        raise ConfigError(f"{path} is no valid TOML: {reason}.", "Correct it there.") from error


def write_docks(
    environ: Mapping[str, str], home: str, docks: Iterable[Dock], removed: str = ""
) -> None:
    """Put our docks into docks.toml; what else stands there, and cannot be read as one, stays.

    An entry of the name `removed` does not. Raises `ConfigError` where the file that is there is no
    valid TOML, `DockerutilsError` where it cannot be written.
    """
    from dockerutils.config.migrate import literal, quoted_key  # noqa: PLC0415  # quick to read
    from dockerutils.files import replace_file  # noqa: PLC0415

    path = docks_file(environ, home)
    content = read_content(path)
    away = {removed, *(dock.name for dock in own_docks(content, path)[0])}
    tables = {name: one for name, one in tables_of(content, path).items() if name not in away}
    tables |= {dock.name: entry_of(dock) for dock in docks}
    lines = [f"{quoted_key(key)} = {literal(content[key])}" for key in content if key != TABLE]
    for name, table in sorted(tables.items()):
        entry = table if isinstance(table, dict) else {}
        lines += ["", f"[{TABLE}.{quoted_key(name)}]"]
        lines += [f"{quoted_key(key)} = {literal(value)}" for key, value in entry.items()]
    try:
        target = path.resolve()  # it may be a link into a folder of dotfiles
        replace_file(target, (HEADER + "\n".join(lines) + "\n").encode(), 0o600)
    except OSError as error:
        raise DockerutilsError(
            f"{path} cannot be written: {error.strerror}.", "See whose folder it is in."
        ) from error


@contextlib.contextmanager
def alone(environ: Mapping[str, str], home: str) -> Iterator[None]:
    """Be the only one who reads and then writes docks.toml, among those that ask for it."""
    import fcntl  # noqa: PLC0415  # only writers need it

    folder = docks_file(environ, home).parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise DockerutilsError(
            f"{folder} cannot be used: {error.strerror}.", "See whose folder it is."
        ) from error
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def linger_of(environ: Mapping[str, str], home: str) -> float:
    """Give how long a connection outlives its last user, in seconds.

    It is `linger` in docks.toml: seconds, or a text such as "90s", "30m" or "2h". Where that cannot
    be read it is half an hour; `read_docks` warns of it.
    """
    path = docks_file(environ, home)
    try:
        return seconds(read_content(path), path)
    except ConfigError:
        return LINGER


def seconds(content: Mapping[str, object], path: Path) -> float:
    """Give the seconds of `linger`; raise `ConfigError` where they cannot be read."""
    said = content.get("linger", LINGER)
    if isinstance(said, (int, float, str)) and not isinstance(said, bool):
        found = DURATION.fullmatch(str(said).strip())
        if found:
            return float(found[1]) * UNITS[found[2]]
    raise ConfigError(
        f"{path}: linger is no time: {plain(str(said), 40)}.", 'Write for example linger = "30m".'
    )
