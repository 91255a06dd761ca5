"""The declaration of the keys that an image made from a virtualenv has."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from dockerutils.config.image_kinds import (
    NUMBER,
    STRING,
    Items,
    Parsed,
    ProjectFolder,
    check_base,
    check_one_line,
    one_of,
    read_folder,
    read_folder_of_its_own,
    read_number,
    read_package,
    read_pattern,
    read_place,
    read_size,
)
from dockerutils.config.key import key
from dockerutils.config.kinds import Text, Truth

TYPE = "venv"

# What holds where a key is not set.
VENV = ".venv"
DEST = "/opt/venv"
BYTECODE = "keep"
INTERPRETER = "base"
MAX_LAYERS = 50
MIN_LAYER = 1 << 20  # bytes

venv_key: Any = partial(key, types=(TYPE,))


@dataclass(frozen=True)
class VenvSettings:
    """What an image is made from where its type is `venv`, and how."""

    venv: str | None = venv_key(
        Text("folder"),
        "The virtualenv, a folder from the project's root.",
        default=VENV,
        ini=".venv-prod",
        toml='".venv-prod"',
    )
    project: tuple[ProjectFolder, ...] | None = venv_key(
        Items("list of FOLDER:PLACE", read_folder, '["src:/app"]'),
        "Folders of the project, from its root, and where each is in the image. Each becomes a"
        " layer of its own, above the virtualenv's, in this order.",
        default="none",
        ini="src:/app assets:/app/static",
        toml='["src:/app", "assets:/app/static"]',
    )
    project_path: bool | None = venv_key(
        Truth(),
        "Whether the folders of `project` are on `PYTHONPATH` and on `PATH`.",
        default="true",
        ini="False",
        toml="false",
    )
    project_pypath: bool | None = venv_key(
        Truth(),
        "Whether they are on `PYTHONPATH`, where that is another matter than `PATH`.",
        default="as `project_path`",
        ini="False",
        toml="false",
    )
    base: str | None = venv_key(
        Text("image or place of one", check=check_base),
        "What the image stands on: the name of an image that the engine or a registry has, or of"
        " one of this project (`shop-base`); `oci:FOLDER` for an OCI layout; or an archive that"
        " `docker save` or another tool wrote, a file whose name begins with `./`, `../` or `/`,"
        " or ends with `.tar`, `.tar.gz` or `.tgz`. Files are looked for from the project's root.",
        default="`python:X.Y-slim`, X.Y as in the virtualenv",
        ini="python:3.11-slim",
        toml='"python:3.11-slim"',
    )
    apt: tuple[str, ...] | None = venv_key(
        Items("list of packages or files", read_package, '["libpq5", "./packages.txt"]'),
        "Debian packages that the image gets beside those of the base, and files that name one on a"
        " line, whose names begin with `./`, `../` or `/`, or end with `.txt`; those are looked for"
        " from the project's root. A builder installs them once, below the virtualenv.",
        default="none",
        ini="libpq5 ./packages.txt",
        toml='["libpq5", "./packages.txt"]',
    )
    pip: str | None = venv_key(
        Text("file"),
        "A file of requirements, from the project's root, for what the image needs beside the"
        " virtualenv. A builder installs it once, into the virtualenv's place in the image; what"
        " both have is the virtualenv's.",
        default="none",
        ini="requirements-image.txt",
        toml='"requirements-image.txt"',
    )
    paths: tuple[str, ...] | None = venv_key(
        Items("list of absolute paths", read_place, '["/opt/tools/bin"]'),
        "Folders of the image on `PATH`: after the project's and the virtualenv's, before those of"
        " the base.",
        default="none",
        ini="/opt/tools/bin",
        toml='["/opt/tools/bin"]',
    )
    pypaths: tuple[str, ...] | None = venv_key(
        Items("list of absolute paths", read_place, '["/opt/plugins"]'),
        "Folders of the image on `PYTHONPATH`: after the project's, before those of the base.",
        default="none",
        ini="/opt/plugins",
        toml='["/opt/plugins"]',
    )
    maintainer: str | None = venv_key(
        Text("name", check=check_one_line),
        "Who looks after the image: its author, and the labels `maintainer` and"
        " `org.opencontainers.image.authors`.",
        default="nobody",
        ini="Alice Doe <alice@example.org>",
        toml='"Alice Doe <alice@example.org>"',
    )
    dest: str | None = venv_key(
        Parsed("an absolute path", read_folder_of_its_own),
        "Where the virtualenv is in the image.",
        default=DEST,
        ini="/usr/lib/shop",
        toml='"/usr/lib/shop"',
    )
    bytecode: str | None = venv_key(
        Text("keep, compile or drop", check=one_of("keep", "compile", "drop")),
        "What becomes of compiled modules: `keep` takes the virtualenv's, made to fit their new"
        " place; `compile` makes all of them anew, so that they do not depend on what made the"
        " virtualenv; `drop` leaves them out, for a smaller image that starts slower.",
        default=BYTECODE,
        ini="compile",
        toml='"compile"',
    )
    interpreter: str | None = venv_key(
        Text("base or bundle", check=one_of("base", "bundle")),
        "Whose Python runs it: that of the `base`, or the one that the virtualenv was made with,"
        " which is put into the image then.",
        default=INTERPRETER,
        ini="bundle",
        toml='"bundle"',
    )
    max_layers: int | None = venv_key(
        Parsed("a number from 1 to 100", read_number(1, 100), takes=(NUMBER,)),
        "How many layers may be added to those of the base.",
        default=str(MAX_LAYERS),
        ini="20",
        toml="20",
    )
    min_layer: int | None = venv_key(
        Parsed("a size", read_size, takes=(STRING, NUMBER)),
        "The size from which on a distribution gets a layer of its own, such as `1MiB`, `500kB` or"
        " a number of bytes; smaller ones share a layer.",
        default="1 MiB",
        ini="500kB",
        toml='"500kB"',
    )
    exclude: tuple[str, ...] | None = venv_key(
        Items("list of patterns", read_pattern, '["**/tests"]'),
        "What is left out, in the notation of `.dockerignore`: matched from the virtualenv's root"
        " and from that of each `project` folder.",
        default="nothing",
        ini="**/tests **/*.md",
        toml='["**/tests", "**/*.md"]',
    )
