"""What can be told of a virtualenv's image without starting it: will it run on its base?"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from dockerutils.venv.base import BaseFacts
from dockerutils.venv.debian_packages import package_of
from dockerutils.venv.elf import Elf
from dockerutils.venv.elf_facts import needs
from dockerutils.venv.environment import Virtualenv
from dockerutils.venv.scan import File

ERROR, WARNING = "error", "warning"
MODULE = re.compile(r".*\.(?:cpython-3\d+[a-z]*(?:-[\w-]+)?|abi3)\.so")
ORIGIN = re.compile(r"\$ORIGIN\b|\$\{ORIGIN\}")
SYSTEM_FOLDERS = ("/etc/", "/usr/", "/lib/", "/lib64/", "/dev/", "/proc/")
DRIVERS = ("libcuda.so", "libnvidia-", "libnvcuvid.so")  # of a GPU: come with the container
NAMED = 3  # files that a message names


@dataclass(frozen=True)
class Finding:
    """Something that was found: an "error", which ends the build, or a "warning"."""

    severity: str
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Contents:
    """What gets into the image: `files` and `facts` of the virtualenv, with paths below its root.

    `missing` are (distribution, path) of files that a RECORD promises. `bundled` are the facts of
    the files of an interpreter that comes along, by their place in the image; none for the base's.
    """

    venv: Virtualenv
    dest: str
    files: Sequence[File]
    facts: Mapping[str, Elf]
    missing: Sequence[tuple[str, str]] = ()
    bundled: Mapping[str, Elf] | None = None

    @cached_property
    def links(self) -> tuple[File, ...]:
        """The symbolic links among the files."""
        return tuple(file for file in self.files if file.link is not None)


def check(contents: Contents, base: BaseFacts, name: str) -> tuple[Finding, ...]:
    """Check everything against a base that messages call `name`; the errors come first."""
    facts = {**contents.facts, **(contents.bundled or {})}
    findings = [
        *check_interpreter(contents, base, name),
        *check_architecture(facts, base, name),
        *check_libc(facts, base, name),
        *check_links(contents),
        *check_records(contents),
        *check_libraries(contents, base, name),
        *check_search(contents),
        *check_system_site(contents, name),
    ]
    return tuple(sorted(findings, key=lambda one: one.severity != ERROR))


def check_interpreter(contents: Contents, base: BaseFacts, name: str) -> Iterator[Finding]:
    """Find a base without the Python that the virtualenv was made with."""
    version = contents.venv.version
    if contents.bundled is not None or base.interpreter(version):
        return
    needed = _dotted(version)
    has = [f"{_dotted(found)} ({path})" for path, found in base.interpreters.items()]
    yield Finding(
        ERROR,
        f"{name} has no Python {needed}, which {contents.venv.root} was made with; it has "
        f"{', '.join(has) or 'none at all'}.",
        f"Name a base that has it, such as `base=python:{needed}-slim`, or let the image bring "
        "the virtualenv's own interpreter along, by `interpreter=bundle`.",
    )


def check_architecture(facts: Mapping[str, Elf], base: BaseFacts, name: str) -> Iterator[Finding]:
    """Find compiled files for another processor than the base's.

    Some distributions have helpers for several: those do not count beside ones that fit.
    """
    foreign = [path for path, elf in facts.items() if elf.architecture != base.architecture]
    modules = [path for path in foreign if MODULE.fullmatch(path)]
    wrong = modules or (foreign if len(foreign) == len(facts) else [])
    if base.architecture and wrong:
        yield Finding(
            ERROR,
            f"{_files(wrong)} made for {facts[min(wrong)].architecture}, and {name} is for "
            f"{base.architecture}.",
            "Name a base for the same architecture by `base=`, or make the virtualenv on a "
            "machine like the base.",
        )


def check_libc(facts: Mapping[str, Elf], base: BaseFacts, name: str) -> Iterator[Finding]:
    """Find files for another C library than the base's, or for a newer one."""
    fitting = {path: elf for path, elf in facts.items() if elf.architecture == base.architecture}
    kind, version = base.libc
    other = [path for path, elf in fitting.items() if elf.libc not in ("", kind)]
    modules = [path for path in other if MODULE.fullmatch(path)]
    wrong = modules or (other if kind not in {elf.libc for elf in fitting.values()} else [])
    if wrong:
        yield _other_libc(wrong, fitting[min(wrong)].libc, base, name)
        return
    highest = needs(fitting)
    if kind == "glibc" and highest and highest[0] > version > (0, 0):
        needed, path = highest
        yield Finding(
            ERROR,
            f"{path} needs glibc {_dotted(needed)}, and {name} has {_dotted(version)}.",
            f"Name a base with glibc {_dotted(needed)} or later by `base=`, make the virtualenv "
            "on a system as old as the base, or leave the file out by `exclude=`.",
        )


def _other_libc(wrong: Sequence[str], kind: str, base: BaseFacts, name: str) -> Finding:
    has = f"has {base.libc[0]}" if base.libc[0] else "has no C library"
    way = "such as python:3.X-slim" if kind == "glibc" else "such as python:3.X-alpine"
    return Finding(
        ERROR,
        f"{_files(wrong)} made for {kind}, and {name} {has}.",
        f"Name a base with {kind} by `base=`, {way}, or make the virtualenv in a container of "
        "the base.",
    )


def check_links(contents: Contents) -> Iterator[Finding]:
    """Find symbolic links that will lead nowhere in the image, but for those to the interpreter."""
    top = os.path.realpath(contents.venv.root)
    interpreter = os.path.realpath(contents.venv.interpreter)
    real = {file: os.path.realpath(contents.venv.root / file.path) for file in contents.links}
    known = (interpreter, f"{top}/lib", top)  # the first two are what bin/python and lib64 are
    ours = [file for file in contents.links if real[file] not in known]
    there = {file.path for file in contents.files} if ours else set()
    kinds: dict[str, list[str]] = {}
    for file in ours:
        kind = _link_kind(real[file], top, there)
        kinds.setdefault(kind, []).append(f"{file.path} -> {file.link}")
    for kind, (severity, text, hint) in LINK_KINDS.items():
        if kind in kinds:
            yield Finding(severity, text.format(_some(kinds[kind])), hint)


LINK_KINDS = {
    "dangling": (
        ERROR,
        "the virtualenv is broken: these links lead nowhere: {}.",
        "Install the package again that they belong to, or leave them out by `exclude=`.",
    ),
    "excluded": (
        ERROR,
        "these links lead to files that are left out: {}.",
        "Leave the links out as well, by `exclude=`, or neither.",
    ),
    "outside": (
        ERROR,
        "these links lead out of the virtualenv, to what the image will not have: {}.",
        "Install with copies (`uv pip install --link-mode=copy`), or leave them out by `exclude=`.",
    ),
    "system": (
        WARNING,
        "these links lead out of the virtualenv: {}.",
        "They work in the image only if the base has the same files.",
    ),
}


def _link_kind(real: str, top: str, there: set[str]) -> str:
    if not os.path.lexists(real):
        return "dangling"
    if not real.startswith(f"{top}/"):
        return "system" if real.startswith(SYSTEM_FOLDERS) else "outside"
    packed = os.path.isdir(real) or real[len(top) + 1 :] in there  # noqa: PTH112  # Path is slow
    return "there" if packed else "excluded"


def check_records(contents: Contents) -> Iterator[Finding]:
    """Find distributions with files missing; bytecode does not count, since it is made again."""
    by_name: dict[str, list[str]] = {}
    for distribution, path in contents.missing:
        if not path.endswith(".pyc"):
            by_name.setdefault(distribution, []).append(path)
    for distribution, paths in sorted(by_name.items()):
        yield Finding(
            ERROR,
            f"the virtualenv is broken: {distribution} should have {_some(paths)}.",
            f"Install it again: `pip install --force-reinstall --no-deps {distribution}`.",
        )


def check_libraries(contents: Contents, base: BaseFacts, name: str) -> Iterator[Finding]:
    """Find shared libraries that are neither in the virtualenv, nor the base, nor bundled."""
    links = (file.path for file in contents.links)
    paths = (*contents.facts, *links, *(contents.bundled or ()))
    own = {path.rpartition("/")[2] for path in paths}
    own |= {elf.soname for elf in contents.facts.values()}
    for library, needing in missing_libraries(contents.facts, own, base).items():
        here = _found_here(contents.facts[needing[0]], library)
        where = f"; on this machine it is in {here}, by the file's own RUNPATH" if here else ""
        more = f" (and {len(needing) - 1} more)" if len(needing) > 1 else ""
        yield Finding(
            WARNING,
            f"{needing[0]}{more} needs {library}, which neither the virtualenv nor {name} has"
            f"{where}.",
            _how_to_get(library, base),
        )


def missing_libraries(
    facts: Mapping[str, Elf], own: Iterable[str], base: BaseFacts
) -> dict[str, list[str]]:
    """Give the libraries that are neither ours nor the base's, each with the files that need it.

    A library of ours counts wherever it lies: packages load some by themselves, and then the
    loader takes that one. Files for other processors or another C library do not count.
    """
    there = {*own, *base.libraries}
    missing: dict[str, list[str]] = {}
    for path, elf in sorted(facts.items()):
        if elf.architecture == base.architecture and elf.libc in ("", base.libc[0]):
            for library in elf.needed:
                if library.rpartition("/")[2] not in there and not library.startswith(DRIVERS):
                    missing.setdefault(library, []).append(path)
    return missing


def _how_to_get(library: str, base: BaseFacts) -> str:
    package = package_of(library) if base.libc[0] == "glibc" else ""
    if package:
        return f"Install Debian's package {package} in the base, if the part is needed."
    return "Install the package that has it in the base, if the part is needed."


def _found_here(elf: Elf, library: str) -> str:
    folders = (folder for folder in elf.search if folder.startswith("/"))
    return next((folder for folder in folders if os.path.lexists(f"{folder}/{library}")), "")


def check_search(contents: Contents) -> Iterator[Finding]:
    """Find files that look for libraries of the virtualenv at its place on this machine."""
    root = str(contents.venv.root)
    if root == contents.dest:
        return
    there = {*contents.facts, *(file.path for file in contents.links)}
    wrong = [
        path
        for path, elf in contents.facts.items()
        if any(folder.startswith("/") for folder in elf.search)
        and any(_only_by_root(path, elf, library, root, there) for library in elf.needed)
    ]
    if wrong:
        yield Finding(
            WARNING,
            f"{_files(wrong)} linked to libraries at {root}, a path that the image has not.",
            f"Make the virtualenv at {contents.dest}, set `dest={root}`, or build the package "
            "with a RUNPATH that begins with $ORIGIN.",
        )


def _only_by_root(path: str, elf: Elf, library: str, root: str, there: set[str]) -> bool:
    """Tell whether a library is found by an absolute RUNPATH into the virtualenv, and not else."""
    folder = path.rpartition("/")[0]
    absolute = [one for one in elf.search if one == root or one.startswith(f"{root}/")]
    relative = [ORIGIN.sub(f"/{folder}", one) for one in elf.search if ORIGIN.match(one)]
    found = [os.path.normpath(f"{one[len(root) :]}/{library}").lstrip("/") for one in absolute]
    moved = [os.path.normpath(f"{one}/{library}").lstrip("/") for one in relative]
    return bool(there.intersection(found)) and not there.intersection(moved)


def check_system_site(contents: Contents, name: str) -> Iterator[Finding]:
    """Find a virtualenv that sees packages from outside."""
    if contents.venv.system_site:
        yield Finding(
            WARNING,
            f"{contents.venv.root} was made with --system-site-packages: the image sees the "
            f"packages of {name} instead of this machine's.",
            "Make the virtualenv without it, and install in it what is needed.",
        )


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def _files(paths: Sequence[str]) -> str:
    """Give files as the subject of a sentence that goes on with a participle."""
    return f"{_some(paths)} {'is' if len(paths) == 1 else 'are'}"


def _some(names: Sequence[str]) -> str:
    """Name the first few, and tell how many more there are."""
    first = ", ".join(sorted(names)[:NAMED])
    more = len(names) - NAMED
    return f"{first} and {more} more" if more > 0 else first
