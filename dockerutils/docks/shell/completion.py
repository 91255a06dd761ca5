"""What can follow on a command line: verbs, the project's images, docks.

Nothing here may import what takes long to load: a shell asks at each press of the key.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dockerutils.errors import DockerutilsError

IMAGES, DOCKS, SHELL_NAMES = "images", "docks", "shells"
# The verbs, and what names can follow each.
VERBS: Mapping[str, tuple[str, ...]] = {
    "build-image": (IMAGES,),
    "run-image": (IMAGES,),
    "publish-image": (IMAGES,),
    "transfer-image": (IMAGES, DOCKS),
    "genversion": (),
    "venv2docker": (),
    "register-dock": (),
    "unregister-dock": (DOCKS,),
    "ls-dock": (),
    "ssh-dock": (DOCKS,),
    "nb-dock": (DOCKS,),
    "sync-up": (DOCKS,),
    "sync-down": (DOCKS,),
    "ps": (),
    "logs": (IMAGES,),
    "stop": (IMAGES,),
    "exec": (IMAGES,),
    "show": (IMAGES,),
    "why": (IMAGES,),
    "graph": (),
    "migrate": (),
    "dock": (DOCKS,),
    "castoff": (),
    "shell-init": (SHELL_NAMES,),
}
ALONE = (  # those that are commands of their own
    "build-image",
    "run-image",
    "publish-image",
    "transfer-image",
    "genversion",
    "venv2docker",
    "register-dock",
    "unregister-dock",
    "ls-dock",
    "ssh-dock",
    "nb-dock",
    "sync-up",
    "sync-down",
)
SHELLS = ("bash", "zsh", "fish")
DOCK_OPTIONS = ("--direct", "--all-ports", "--no-ports")
WORD = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.:@%+,/=-]*")  # what no shell takes for code


@dataclass(frozen=True)
class Place:
    """Where words are completed, and for whom."""

    environ: Mapping[str, str]
    home: str
    here: Path


def completed(words: Sequence[str], place: Place) -> list[str]:
    """Give what the last of a command line's words can become; the first is the command."""
    name, *given = words or ("",)
    name = os.path.basename(name)  # noqa: PTH119  # the words are texts
    if name == "dockerutils" and given:
        if len(given) == 1:
            return beginning(VERBS, given[0])
        name, *given = given
    begun = given[-1] if given else ""
    if begun.startswith("-"):
        return beginning(DOCK_OPTIONS if name == "dock" else (), begun)
    return beginning(sorted(set(names(VERBS.get(name, ()), place))), begun)


def beginning(words: Iterable[str], begun: str) -> list[str]:
    """Give the words that begin so, without those that a shell would take for code."""
    return [word for word in words if word.startswith(begun) and WORD.fullmatch(word)]


def names(kinds: Iterable[str], place: Place) -> Iterator[str]:
    """Give all names of some kinds; where they cannot be read there are none."""
    for kind in kinds:
        try:
            yield from KINDS[kind](place)
        except (DockerutilsError, OSError):
            continue


def docks(place: Place) -> list[str]:
    """Name the docks."""
    from dockerutils.docks.registry import read_docks  # noqa: PLC0415  # verbs do without

    return [dock.name for dock in read_docks(place.environ, place.home).docks]


def images(place: Place) -> tuple[str, ...]:
    """Name the images of the project that a folder belongs to."""
    from dockerutils.config.load import load_config  # noqa: PLC0415  # only projects need it
    from dockerutils.images.catalogue import Catalogue  # noqa: PLC0415
    from dockerutils.project import Project, image_folders  # noqa: PLC0415
    from dockerutils.roots import find_root  # noqa: PLC0415

    root = find_root(place.here)
    folders = image_folders(root)
    config = load_config(root, folders)
    return Catalogue(Project(root, "", place.home, config, folders, place.environ)).names


def shells(_place: Place) -> tuple[str, ...]:
    """Name the shells."""
    return SHELLS


KINDS = {IMAGES: images, DOCKS: docks, SHELL_NAMES: shells}
