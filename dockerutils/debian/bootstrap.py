"""Installing Debian packages into a file tree of their own: mmdebstrap's command line."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from dockerutils.command import Command, Expanded
from dockerutils.debian.apt_sources import AptSource
from dockerutils.oci.tar import EPOCH

PROGRAM = "mmdebstrap"
FORM = "1"  # of what we do besides; another one makes all trees anew
ROOMY = "/dev/shm"  # noqa: S108  # in memory nothing waits for a disk: that takes half the time
ROOM = 4 << 30  # bytes; a tree has some hundreds of megabytes, twice while it is installed
ADMIN = 1 << 21  # CAP_SYS_ADMIN (capability.h)
DISTURBING = ("PYTHON", "PERL", "DEBCONF", "DEB_", "DPKG", "LD_", "TZ")  # variables that begin so
OWN_KEYS = "/usr/share/keyrings/debian-archive-"  # Debian's are in every tree that has apt

DOCUMENTATION = (
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/lintian/*",
)
LOCALES = (
    "path-exclude=/usr/share/locale/*",
    "path-include=/usr/share/locale/locale.alias",
)
# Packages may put links there, and fail where they cannot.
MANUALS = 'for n in 1 2 3 4 5 6 7 8; do mkdir -p "$1/usr/share/man/man$n"; done'
# How this machine's apt reaches a mirror (proxies, passwords, dates) holds while it is made.
SETTINGS = '"$1/etc/apt/apt.conf.d/98machine"'
NETRC = 'Dir::Etc::netrc "/etc/apt/auth.conf"; Dir::Etc::netrcparts "/etc/apt/auth.conf.d";'
REACHING = "^acquire::(https?|ftp|tor|check-|max-|min-|retries|force)"
BORROW = f"{{ apt-config dump | grep -iE '{REACHING}'; echo '{NETRC}'; }} >{SETTINGS}"
# What differs from run to run, or from machine to machine.
TIDY = (
    f'rm -f {SETTINGS} "$1/etc/resolv.conf" "$1/etc/hostname" "$1"/var/cache/debconf/*-old'
    ' "$1"/var/lib/dpkg/*-old'
)


@dataclass(frozen=True)
class Selection:
    """Which packages, of which release, and what of them."""

    suite: str
    packages: tuple[str, ...] = ()
    variant: str = "minbase"
    documentation: bool = True
    locales: bool = True


@dataclass(frozen=True)
class Bootstrap:
    """One file tree: a selection of packages from these archives."""

    selection: Selection
    sources: tuple[AptSource, ...]

    @property
    def recipe(self) -> str:
        """Digest all that the tree is made from, but for what the archives have at the time."""
        packages = tuple(sorted(set(self.selection.packages)))
        ordered = replace(self, selection=replace(self.selection, packages=packages))
        words = (FORM, os.uname().machine, *ordered.command("").argv)
        return hashlib.sha256(repr(words).encode()).hexdigest()

    def command(self, mode: str, folder: str = "", environ: Iterable[str] = ()) -> Command:
        """Give the command that writes the tree as a tar on standard output.

        Times are `EPOCH`, so that the same packages give the same bytes; Python's compiled modules
        are bound to the content of their sources then, not to times, but for those that Python
        would write by the way. The tree is put together in `folder`, else in the user's temporary
        one; of the names in `environ` some would reach the packages' own scripts.
        """
        chosen = self.selection
        trims = (
            *(() if chosen.documentation else DOCUMENTATION),
            *(() if chosen.locales else LOCALES),
        )
        manuals = () if chosen.documentation else (MANUALS,)
        # Keys are named where they are needed. Nodes of devices are the engine's to make.
        words = [PROGRAM, f"--mode={mode}", f"--variant={chosen.variant}", "--format=tar"]
        words += ["--skip=check/signed-by,output/dev", *(f"--dpkgopt={one}" for one in trims)]
        if chosen.packages:
            words.append(f"--include={','.join(chosen.packages)}")
        words += [f"--setup-hook={hook}" for hook in (BORROW, *manuals, *self._keys())]
        words += [f"--customize-hook={TIDY}", chosen.suite, "-"]
        words += [one.line for one in self.sources]
        environment = {name: "" for name in environ if name.startswith(DISTURBING)}
        environment |= {"SOURCE_DATE_EPOCH": str(EPOCH), "PYTHONDONTWRITEBYTECODE": "1"}
        return Command(tuple(words), {**environment, **({"TMPDIR": folder} if folder else {})})

    def _keys(self) -> Iterable[str]:
        """Give hooks that bring keys along which no package has: apt in the image wants them."""
        files = {file for one in self.sources for file in one.keys}
        for file in sorted(file for file in files if not file.startswith(OWN_KEYS)):
            key = shlex.quote(file)
            yield f'mkdir -p "$1"{shlex.quote(str(Path(file).parent))} && cp {key} "$1"{key}'


def mode_of(status: str) -> str:
    """Choose how mmdebstrap becomes root of a tree, by /proc/self/status of this process.

    `unshare` gives it namespaces of its own, so that nothing stays mounted whatever ends it; as
    root without the right to that, as in a container, it does without mounts.
    """
    user = re.search(r"(?m)^Uid:\s+\d+\s+(\d+)", status)
    rights = re.search(r"(?m)^CapEff:\s+([0-9a-f]+)", status)
    is_root = user is not None and user[1] == "0"
    return "root" if is_root and rights and not int(rights[1], 16) & ADMIN else "unshare"


def own_mode() -> str:
    """Choose how mmdebstrap becomes root of a tree here."""
    return mode_of(Path("/proc/self/status").read_text("ascii"))


def roomy_folder() -> str:
    """Give a folder in memory with room for a tree, whose files can be run; empty for none."""
    try:
        found = os.statvfs(ROOMY)
    except OSError:
        return ""
    fits = found.f_bavail * found.f_frsize >= ROOM and not found.f_flag & os.ST_NOEXEC
    return ROOMY if fits and os.access(ROOMY, os.W_OK) else ""


@contextlib.contextmanager
def workplace() -> Iterator[str]:
    """Give a folder to put a tree together in, gone afterwards whatever ended mmdebstrap.

    Printed, it is the folder around it: that one a user has as well.
    """
    roomy = roomy_folder()
    folder = tempfile.mkdtemp(prefix="dockerutils-", dir=roomy or None)
    try:
        Path(folder).chmod(0o1777)  # the root of a namespace need not be us
        yield Expanded(folder, roomy or '"${TMPDIR:-/tmp}"')
    finally:
        shutil.rmtree(folder, ignore_errors=True)
