"""docker/images.lock: what each image was published as, for all who look at the project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dockerutils.errors import DockerutilsError
from dockerutils.files import replace_file
from dockerutils.roots import TREE

FILE = "images.lock"
HEAD = "# Written by `publish-image --pin`: what each image was published as.\n"


def write_pins(root: Path, published: Mapping[str, str]) -> Path:
    """Put `NAME:TAG@DIGEST` of images into the file; others that are there stay.

    Gives the path from the root. Raises `DockerutilsError` where it cannot be written.
    """
    path = Path(TREE, FILE)
    try:
        pins = {**read_pins(root / path), **published}
        lines = [f"{image} {name}\n" for image, name in sorted(pins.items())]
        replace_file(root / path, "".join((HEAD, *lines)).encode(), 0o644)
    except OSError as error:
        raise DockerutilsError(
            f"{path} cannot be written: {error.strerror}; the images are published all the same.",
            "Make it writable, and publish them with --pin once more.",
        ) from error
    return path


def read_pins(path: Path) -> dict[str, str]:
    """Read the file; a line that is not ours is left out, and so is a file that is not there."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return {}
    words = (line.split() for line in lines if not line.startswith("#"))
    return {pair[0]: pair[1] for pair in words if len(pair) == 2}
