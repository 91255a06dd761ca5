"""Reads an archive with an image back, checks every digest in it, and runs it without an engine.

    try_archive.py ARCHIVE FOLDER

The layers are unpacked into the folder, one upon the other, and the image's own command runs with
that as its root: as root by chroot, else in a user namespace of its own, where there are such.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from dockerutils.errors import DockerutilsError
from dockerutils.oci.archive import read_archive
from dockerutils.oci.image import OciImage

APART = ("unshare", "--user", "--map-root-user")


def main(archive: Path, folder: Path) -> None:
    """Check, unpack and run; end with a sentence at the first failure."""
    try:
        image = read_archive(archive)
        unpack(image, folder)
    except DockerutilsError as error:
        sys.exit(f"try_archive: {error.message}")
    say(f"{image.id[:19]}: {len(image.layers)} layers, all as their digests say")
    apart = APART if os.geteuid() else ()
    if apart and subprocess.run([*apart, "true"], capture_output=True, check=False).returncode:
        say("it is not run: this machine gives you no namespaces")
        return
    config = json.loads(image.config_bytes())["config"]
    command = [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]
    inside = ["/usr/bin/env", "-i", "-C", config.get("WorkingDir") or "/", *config.get("Env", ())]
    done = subprocess.run([*apart, "chroot", str(folder), *inside, *command], check=False)
    sys.exit(done.returncode)


def say(text: str) -> None:
    """Say something beside what the image says."""
    print(f"# {text}", file=sys.stderr)


def unpack(image: OciImage, folder: Path) -> None:
    """Unpack the layers; raise `DockerutilsError` where one is not what its digest says."""
    for layer in image.layers:
        words = ["tar", "--extract", "--no-same-owner", "--directory", str(folder)]
        with subprocess.Popen(words, stdin=subprocess.PIPE) as tar:
            assert tar.stdin is not None
            for chunk in layer.chunks():
                tar.stdin.write(chunk)
            tar.stdin.close()
        if tar.returncode:
            raise DockerutilsError(f"{layer.name} could not be unpacked; what tar said is above.")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
