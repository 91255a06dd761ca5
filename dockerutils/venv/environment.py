"""A virtualenv as it lies on the disk: who made it, for which Python, with which interpreter.

Nothing is started: pyvenv.cfg (PEP 405), the folder lib/ and the links in bin/ tell all of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dockerutils.errors import ProjectError

OLDEST = (3, 7)  # the first whose .pyc files have the header of PEP 552
_AGAIN = "Make the virtualenv again, with `python3 -m venv --clear {0}` or `uv venv --clear {0}`."
_OF_CPYTHON = "Make a virtualenv of CPython 3, with `python3 -m venv` or `uv venv`, and name that."
_LIBRARY = re.compile(r"(pypy|python)(\d+)\.(\d+)(t?)")
_NAMED = re.compile(r"python(\d+)\.(\d+)t?")


@dataclass(frozen=True)
class Virtualenv:
    """A virtualenv of CPython; `site_packages` are relative to `root`, which need not be resolved.

    `home` is the folder of the interpreter that it was made with, `interpreter` that one itself.
    """

    root: Path
    version: tuple[int, int]
    site_packages: tuple[str, ...]
    home: Path
    interpreter: Path
    system_site: bool
    maker: str


def open_virtualenv(folder: Path) -> Virtualenv:
    """Look at a virtualenv; raises `ProjectError` for what is none, is broken, or is none of ours.

    Refused by name are conda, PyPy and its like, Python 2, Windows, and builds without the lock.
    """
    root = Path(os.path.abspath(folder))  # noqa: PTH100 -- resolve() would follow links
    _refuse_others(root)
    settings = _read_settings(root)
    version, site_packages = _libraries(root, settings)
    home = Path(settings["home"])
    return Virtualenv(
        root,
        version,
        site_packages,
        home,
        _interpreter(root, home, version, settings),
        settings.get("include-system-site-packages", "false").lower() == "true",
        next((maker for maker in ("uv", "virtualenv") if maker in settings), "venv"),
    )


def _refuse_others(root: Path) -> None:
    """Refuse what is no virtualenv that we know, by the name of what it is."""
    if not root.is_dir():
        raise ProjectError(
            f"there is no folder {root}.", f"Make a virtualenv there: `python3 -m venv {root}`."
        )
    kind = _other_kind(root)
    if kind:
        raise ProjectError(f"{root} is {kind}, which cannot be packed.", _OF_CPYTHON)
    if not (root / "pyvenv.cfg").is_file():
        inside = [root / name for name in (".venv", "venv", "env")]
        there = [path for path in inside if (path / "pyvenv.cfg").exists()]
        hint = f"There is one in {there[0]}." if there else _OF_CPYTHON
        raise ProjectError(f"{root} is no virtualenv: it has no pyvenv.cfg.", hint)


def _other_kind(root: Path) -> str:
    """Name what a folder is by the marks of other kinds; "" where there is none."""
    if (root / "conda-meta").is_dir():
        return "a conda environment"
    if (root / "Scripts").is_dir() and not (root / "bin").is_dir():
        return "a virtualenv of Windows"
    for library in _library_names(root):
        if library.startswith("pypy"):
            return "a virtualenv of PyPy"
        if library.startswith("python2"):
            return "a virtualenv of Python 2"
    return ""


def _library_names(root: Path) -> list[str]:
    """Name the folders below lib/ and lib64/ that an interpreter may look into."""
    names = {
        path.name
        for library in ("lib", "lib64")
        for path in (root / library).glob("p*")
        if _LIBRARY.fullmatch(path.name)
    }
    return sorted(names)


def _read_settings(root: Path) -> dict[str, str]:
    """Read pyvenv.cfg: a line `key = value` each, as the module `site` reads it."""
    try:
        text = (root / "pyvenv.cfg").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    lines = (line.partition("=") for line in text.splitlines())
    settings = {key.strip().lower(): value.strip() for key, equals, value in lines if equals}
    if not settings.get("home"):
        raise ProjectError(
            f"{root}/pyvenv.cfg is damaged: it does not say where the interpreter is.",
            _AGAIN.format(root),
        )
    kind = settings.get("implementation", "CPython")
    if kind.lower() != "cpython":
        raise ProjectError(
            f"{root} is a virtualenv of {kind}, which cannot be packed.", _OF_CPYTHON
        )
    return settings


def _libraries(root: Path, settings: Mapping[str, str]) -> tuple[tuple[int, int], tuple[str, ...]]:
    """Find the version, and the folders of packages that its interpreter would look into."""
    found = [
        f"{library}/{name}/site-packages"
        for library in ("lib", "lib64")
        for name in _library_names(root)
        if (root / library / name / "site-packages").is_dir() and not (root / library).is_symlink()
    ]
    versions = {_version_of(path): path for path in found}
    told = re.match(r"(\d+)\.(\d+)", settings.get("version") or settings.get("version_info") or "")
    version = (int(told[1]), int(told[2])) if told else max(versions, default=(0, 0))
    if version not in versions:
        where = f"lib/python{version[0]}.{version[1]}/" if told else ""
        raise ProjectError(
            f"{root} is broken: it has no {where}site-packages.", _AGAIN.format(root)
        )
    _refuse_version(root, version, versions[version])
    return version, tuple(path for path in found if _version_of(path) == version)


def _refuse_version(root: Path, version: tuple[int, int], site_packages: str) -> None:
    """Refuse versions whose bytecode or whose interpreter is of another kind."""
    kind = "older than 3.7" if version < OLDEST else ""
    if site_packages.split("/")[1].endswith("t"):
        kind = "without the global lock"
    if kind:
        told = f"{version[0]}.{version[1]}"
        raise ProjectError(
            f"{root} is a virtualenv of Python {told}; those {kind} cannot be packed.", _OF_CPYTHON
        )


def _version_of(site_packages: str) -> tuple[int, int]:
    """Take the version from a path such as lib/python3.11/site-packages."""
    found = _LIBRARY.fullmatch(site_packages.split("/")[1])
    return (int(found[2]), int(found[3])) if found else (0, 0)


def _interpreter(
    root: Path, home: Path, version: tuple[int, int], settings: Mapping[str, str]
) -> Path:
    """Find the real interpreter: where the link in bin/ leads, or for a copy what is in `home`."""
    names = (f"python{version[0]}.{version[1]}", "python3", "python")
    own = [root / "bin" / name for name in names if os.path.lexists(root / "bin" / name)]
    if not own:
        raise ProjectError(f"{root} is broken: it has no bin/python.", _AGAIN.format(root))
    for path in own:
        if not path.exists():
            raise ProjectError(
                f"{root} is broken: bin/{path.name} leads to {os.path.realpath(path)}, which is "
                "not there.",
                _AGAIN.format(root),
            )
    real = own[0].resolve()
    if real.is_relative_to(root.resolve()):  # a copy: the original is told by pyvenv.cfg alone
        told = [settings.get(key) for key in ("base-executable", "executable")]
        places = [home / name for name in names] + [Path(path) for path in told if path]
        real = next((path for path in places if path.exists()), Path()).resolve()
        if not real.is_file():
            raise ProjectError(
                f"{root} is broken: its interpreter was made from the one in {home}, which is not "
                "there.",
                _AGAIN.format(root),
            )
    return _of_version(root, real, version)


def _of_version(root: Path, interpreter: Path, version: tuple[int, int]) -> Path:
    """Refuse a virtualenv whose interpreter has become another version since it was made."""
    named = _NAMED.fullmatch(interpreter.name)
    if named and (int(named[1]), int(named[2])) != version:
        raise ProjectError(
            f"{root} is broken: it was made for Python {version[0]}.{version[1]}, and its "
            f"interpreter is now {interpreter}.",
            _AGAIN.format(root),
        )
    return interpreter
