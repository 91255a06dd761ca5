"""What it means that packages could not be installed, by what mmdebstrap wrote."""

from __future__ import annotations

import re

from dockerutils.debian.bootstrap import Selection
from dockerutils.errors import DockerutilsError, ProjectError

REFUSED = (
    "cannot find newuidmap",
    "cannot find newgidmap",
    "failed to parse /etc/subuid",
    "unshare syscall failed",
    "failed to unshare",
    "unable to unshare",
    "unshare() failed",
    "newuidmap",
    "newgidmap",
)
UNREACHABLE = re.compile(r"(?m)^E: Failed to fetch (\S+) +(.+)$")
UNKNOWN = re.compile(
    r"(?m)^E: (?:Unable to locate package (\S+)|Version '[^']*' for '([^']+)' was not found"
    r"|Package '([^']+)' has no installation candidate)"
)
UNRELEASED = re.compile(
    r"(?m)^E: The repository '(\S+) (\S+) Release' does not have a Release file"
)
UNSIGNED = re.compile(r"(?m)^(?:W: GPG error: |E: The repository ')(.+?)(?:'? is not signed.*)$")


def explained(said: str, selection: Selection, place: str) -> DockerutilsError:
    """Tell what went wrong, by what mmdebstrap wrote; `place` is where the image is configured."""
    if "No space left on device" in said:
        return no_room()
    if any(words in said for words in REFUSED):
        return no_namespaces()
    unknown = [next(filter(None, found)) for found in UNKNOWN.findall(said)]
    if unknown:
        return ProjectError(
            f"{place}: `packages` names {', '.join(dict.fromkeys(unknown))}, which"
            f" {selection.suite} does not have.",
            f"`apt-cache search` finds packages of this machine's release; the variant is"
            f" {selection.variant}.",
        )
    if failure := of_archive(said):
        return failure
    lines = [line for line in said.splitlines() if not line.startswith("I: ")]
    last = "\n".join(f"  {line[:300]}" for line in lines[-12:])
    return DockerutilsError(
        f"mmdebstrap failed; its last lines are:\n{last}", "It says more when it is run by itself."
    )


def of_archive(said: str) -> DockerutilsError | None:
    """Tell what is wrong with an archive, or with the way to it."""
    if found := UNRELEASED.search(said):
        return no_such_suite(found[1], found[2])
    if found := UNREACHABLE.search(said):
        return DockerutilsError(
            f"the Debian archive cannot be reached: {found[2].rstrip('.')} ({found[1]}).",
            "The mirrors are those of this machine's own apt: does `apt-get update` work?",
        )
    if found := UNSIGNED.search(said):
        return DockerutilsError(
            f"the Debian archive is not signed by a key that this machine's apt has: {found[1]}.",
            "Does `apt-get update` work? The keys are those that apt's sources name.",
        )
    return None


def no_such_suite(address: str, suite: str) -> ProjectError:
    """Tell that an archive has no release of this name."""
    return ProjectError(
        f"{address} has no release called {suite}.",
        "Write one that it has as `suite`, such as bookworm or trixie.",
    )


def no_namespaces() -> DockerutilsError:
    """Tell what a user lacks who is not root."""
    return DockerutilsError(
        "this machine gives you no namespaces, in which mmdebstrap could install packages as root.",
        "Install the package uidmap, and see that /etc/subuid and /etc/subgid have a line for you"
        " (as root: `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 NAME`); or run"
        " this as root.",
    )


def not_installed() -> DockerutilsError:
    """Tell what is missing."""
    return DockerutilsError(
        "mmdebstrap, which installs the packages, is not there.",
        "Install it: on Debian and its relatives, `apt install mmdebstrap`.",
    )


def no_room() -> DockerutilsError:
    """Tell that a disk is full."""
    return DockerutilsError(
        "there is no room left for the packages.",
        "Free some hundreds of megabytes where temporary files go (TMPDIR) and in the cache folder"
        " (XDG_CACHE_HOME, ~/.cache by default).",
    )
