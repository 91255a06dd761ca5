"""`interpreter=bundle`: the virtualenv's own interpreter comes along, without what nobody needs.

It keeps its place, because files may look for each other by absolute paths; only an interpreter
that finds everything from where it lies itself gets a place that tells nothing of this machine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dockerutils.errors import ProjectError
from dockerutils.venv.base import BaseFacts
from dockerutils.venv.checks import ERROR, ORIGIN, WARNING, Finding, missing_libraries
from dockerutils.venv.debian_packages import package_of
from dockerutils.venv.elf import Elf, Version, read_elf
from dockerutils.venv.elf_facts import read_all
from dockerutils.venv.environment import Virtualenv
from dockerutils.venv.grouping import Group
from dockerutils.venv.scan import File, scan

NAME = "interpreter"
LOADERS = ("/lib/", "/lib64/", "/lib32/", "/libx32/")
SYSTEM = ("/usr", "/usr/local")  # prefixes that an image has as well: they stay where they are
LEFT_OUT = frozenset(
    ("site-packages", "dist-packages", "test", "tests", "idlelib", "turtledemo", "ensurepip")
)
LEFT_OUT_FILES = re.compile(
    r"config-3[^/]*|.*\.(a|o|debug)|lib-dynload/(_test|_ctypes_test|_xx|xx)[^/]*"
)
# Modules of the standard library that few programs import: their libraries are not insisted on.
OPTIONAL = re.compile(
    r".*/lib-dynload/(_tkinter|_curses|_curses_panel|readline|_dbm|_gdbm|nis|ossaudiodev|_crypt)\..*"
)
REFUSED = {
    "conda-meta": "it belongs to conda, whose files have their path in them",
    "pypy": "it is PyPy",
}


@dataclass(frozen=True)
class Bundle:
    """An interpreter for the image: its path there, its files, and what is wrong with them.

    `facts` are those of its ELF files, by their paths in the image.
    """

    interpreter: str
    groups: tuple[Group, ...]
    facts: Mapping[str, Elf]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class _Place:
    """Where an interpreter and its standard library lie; `modules` is relative to `prefix`.

    `elf` are the facts of the program itself.
    """

    prefix: Path
    program: str
    modules: str
    version: Version
    elf: Elf


def bundle(venv: Virtualenv, base: BaseFacts, name: str, kept: Path | None) -> Bundle:
    """Collect the interpreter that a virtualenv was made with; messages call the base `name`.

    `kept` is the folder where ELF facts are kept. Raises `ProjectError`, which names it, for an
    interpreter that cannot be moved to another machine.
    """
    place = _place(venv.interpreter, venv.version)
    files = [_file(place, f"bin/{place.program}"), *_standard_library(place)]
    facts = read_all(place.prefix, files, kept)
    libraries = list(_own_libraries(place, facts))
    files = sorted([*files, *libraries], key=lambda file: os.fsencode(file.path))
    facts = read_all(place.prefix, files, kept)
    dest = _destination(place, facts)
    in_image = {f"{dest}/{path}": elf for path, elf in facts.items()}
    return Bundle(
        f"{dest}/bin/{place.program}",
        (Group(NAME, place.prefix, dest, tuple(files)),),
        in_image,
        tuple(_findings(files, in_image, base, name)),
    )


def _place(interpreter: Path, version: Version) -> _Place:
    """Find the parts of an interpreter; refuses what would not run in an image."""
    prefix = interpreter.parent.parent
    for mark, reason in REFUSED.items():
        if (prefix / mark).exists() or interpreter.name.startswith(mark):
            raise _refused(interpreter, reason)
    elf = read_elf(interpreter)
    if elf is None:
        raise _refused(interpreter, "it is no Linux program")
    if elf.loader and not elf.loader.startswith(LOADERS):
        raise _refused(interpreter, f"it is started by {elf.loader}, which a base does not have")
    folder = f"python{version[0]}.{version[1]}"
    places = [f"{lib}/{folder}" for lib in ("lib", "lib64")]
    library = next((one for one in places if (prefix / one / "os.py").is_file()), None)
    if library is None or interpreter.parent.name != "bin":
        raise _refused(interpreter, f"its standard library is not in {prefix / places[0]}")
    return _Place(prefix, interpreter.name, library, version, elf)


def _refused(interpreter: Path, reason: str) -> ProjectError:
    return ProjectError(
        f"the interpreter {interpreter} cannot be put into an image: {reason}.",
        "Name a base with the same version of Python by `base=`, without `interpreter=bundle`.",
    )


def _file(place: _Place, path: str) -> File:
    """Look at one file by its path relative to the prefix."""
    full = place.prefix / path
    facts = full.lstat()
    link = str(full.readlink()) if full.is_symlink() else None
    size = 0 if link else facts.st_size
    times = (facts.st_mtime_ns, facts.st_ctime_ns)
    return File(path, facts.st_mode & 0o7777, size, *times, facts.st_ino, link)


def _standard_library(place: _Place) -> Iterator[File]:
    """Give the files of the standard library, and of its compiled modules where those are apart."""
    folders = [place.modules]
    other = place.modules.replace("lib/", "lib64/", 1)
    apart = other != place.modules and not (place.prefix / "lib64").is_symlink()
    if apart and (place.prefix / other).is_dir():
        folders.append(other)
    tag = f".cpython-{place.version[0]}{place.version[1]}."
    for folder in folders:
        top = place.prefix / folder
        for file in scan(top, lambda path: _left_out(path, tag)):
            if file.link is None or _stays_inside(top, file):
                yield file._replace(path=f"{folder}/{file.path}")


def _left_out(path: str, tag: str) -> bool:
    folder, _, name = path.rpartition("/")
    if folder.endswith("__pycache__"):
        return tag not in name
    return name in LEFT_OUT or bool(LEFT_OUT_FILES.fullmatch(path))


def _stays_inside(top: Path, file: File) -> bool:
    """Tell whether a link leads to the standard library itself; Debian has one to /etc."""
    real = os.path.realpath(top / file.path)
    return os.path.exists(real) and real.startswith(f"{os.path.realpath(top)}/")  # noqa: PTH110


def _own_libraries(place: _Place, facts: Mapping[str, Elf]) -> Iterator[File]:
    """Give the shared libraries beside the standard library that its files need, and their links.

    Of the system's own folders only libpython is the interpreter's.
    """
    waiting = [library for elf in facts.values() for library in elf.needed]
    done: set[str] = set()
    system = str(place.prefix) == "/usr"
    while waiting:
        library = waiting.pop()
        if library in done or "/" in library:
            continue
        done.add(library)
        if system and not library.startswith("libpython"):
            continue
        for path in _with_targets(place, library):
            yield _file(place, path)
            elf = read_elf(place.prefix / path)
            waiting += elf.needed if elf else ()


def _with_targets(place: _Place, library: str) -> Iterator[str]:
    """Give the path of a library below the prefix, and those that its links lead to."""
    folders = ["lib", "lib64"]
    folders += [f"lib/{one.name}" for one in (place.prefix / "lib").glob("*-linux-gnu*")]
    for folder in folders:
        name = library
        while (place.prefix / folder / name).exists():
            yield f"{folder}/{name}"
            link = place.prefix / folder / name
            if not link.is_symlink() or "/" in str(link.readlink()):
                return
            name = str(link.readlink())


def _destination(place: _Place, facts: Mapping[str, Elf]) -> str:
    """Give the place in the image: where absolute paths look for it, if there are any."""
    prefix = str(place.prefix)
    looked_for = {
        root for elf in facts.values() for one in elf.search if (root := _root(one, prefix))
    }
    if len(looked_for) > 1:
        places = " and ".join(sorted(looked_for))
        raise _refused(place.prefix / "bin" / place.program, f"its files look for it at {places}")
    library = [one for one in place.elf.needed if one.startswith("libpython")]
    searched = bool(looked_for) or prefix == "/usr"  # where every loader looks
    if library and not searched and not any(ORIGIN.match(one) for one in place.elf.search):
        raise _refused(
            place.prefix / "bin" / place.program,
            f"it finds {library[0]} only by this machine's list of libraries",
        )
    if prefix in SYSTEM:
        return prefix
    return next(iter(looked_for), f"/opt/python{place.version[0]}.{place.version[1]}")


def _root(folder: str, prefix: str) -> str:
    """Give the prefix as an absolute path to a folder in it spells it; nothing for other paths."""
    real = os.path.realpath(folder)
    if not folder.startswith("/") or not f"{real}/".startswith(f"{prefix}/"):
        return ""
    tail = real[len(prefix) :]
    folder = os.path.normpath(folder)
    return folder[: len(folder) - len(tail)] if folder.endswith(tail) else prefix


def _findings(
    files: Iterable[File], facts: Mapping[str, Elf], base: BaseFacts, name: str
) -> Iterator[Finding]:
    """Find the libraries that the interpreter needs and the base lacks."""
    own = {file.path.rpartition("/")[2] for file in files if ".so" in file.path}
    missing = missing_libraries(facts, own, base)
    insisted = {
        library: paths
        for library, paths in missing.items()
        if not all(OPTIONAL.fullmatch(path) for path in paths)
    }
    optional = {library: paths for library, paths in missing.items() if library not in insisted}
    if insisted:
        yield Finding(
            ERROR,
            f"the interpreter needs libraries that {name} does not have: {_list(insisted)}.",
            f"Install {_packages(insisted)} in the base, or name a base with Python itself.",
        )
    if optional:
        yield Finding(
            WARNING,
            f"modules of the standard library will not import: {name} has no {_list(optional)}.",
            f"Install {_packages(optional)} in the base, if the modules are needed.",
        )


def _list(missing: Mapping[str, Sequence[str]]) -> str:
    return ", ".join(f"{one} (for {_short(paths)})" for one, paths in missing.items())


def _short(paths: Sequence[str]) -> str:
    names = sorted({path.rpartition("/")[2].partition(".cpython")[0] for path in paths})
    return ", ".join(names[:3])


def _packages(libraries: Iterable[str]) -> str:
    names = sorted({package_of(library) for library in libraries} - {""})
    return f"Debian's {', '.join(names)}" if names else "them"
