"""The declaration of the keys that an image made from Debian packages has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import Any

from dockerutils.config.image_kinds import PACKAGE, Items, one_of
from dockerutils.config.key import key
from dockerutils.config.kinds import Text, Truth

TYPE = "debian"

# What mmdebstrap can begin with and still give a system that packages can be installed in.
VARIANTS = ("minbase", "essential", "apt", "required", "buildd", "important", "standard")
VARIANT = "minbase"
SUITE = re.compile(r"[a-z][a-z0-9.]*(?:-[a-z0-9.]+)*")

debian_key: Any = partial(key, types=(TYPE,))


def check_suite(text: str) -> None:
    """Raise `ValueError` for what no release of Debian is called."""
    if not SUITE.fullmatch(text):
        raise ValueError(f"is `{text}`; write the name of a release, such as bookworm or trixie")


def read_package(text: str) -> str:
    """Read the name of a package, with or without its architecture and version."""
    if not PACKAGE.fullmatch(text):
        raise ValueError(f"holds `{text}`, which no package is called; write such as python3")
    return text


@dataclass(frozen=True)
class DebianSettings:
    """What an image is made from where its type is `debian`."""

    suite: str | None = debian_key(
        Text("release's name", check=check_suite),
        "The release of Debian that the packages come from. They are fetched from the mirrors that"
        " this machine's own apt knows, whose keys have to have signed them.",
        default="this machine's own release",
        ini="bookworm",
        toml='"bookworm"',
    )
    packages: tuple[str, ...] | None = debian_key(
        Items("list of packages", read_package, '["python3", "ca-certificates"]'),
        "The packages that are installed beside those of the variant, with what they depend on but"
        " without what they merely recommend.",
        default="none",
        ini="python3 ca-certificates",
        toml='["python3", "ca-certificates"]',
    )
    variant: str | None = debian_key(
        Text(f"{', '.join(VARIANTS[:-1])} or {VARIANTS[-1]}", check=one_of(*VARIANTS)),
        "The packages that it begins with: `essential` has what Debian cannot be without, `apt`"
        " also apt, `minbase` (or `required`) apt and what has the priority *required*; `buildd`"
        " adds compilers to that, `important` and `standard` what a machine is installed with.",
        default=VARIANT,
        ini="apt",
        toml='"apt"',
    )
    documentation: bool | None = debian_key(
        Truth(),
        "Whether manuals and documentation are kept. Copyright notices always are. What is left out"
        " is left out also when packages are installed in the image later.",
        default="true",
        ini="False",
        toml="false",
    )
    locales: bool | None = debian_key(
        Truth(),
        "Whether translations of programs' messages are kept.",
        default="true",
        ini="False",
        toml="false",
    )
