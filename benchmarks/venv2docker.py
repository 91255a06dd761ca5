"""A venv of 104 distributions and 950 MB becomes an image again after a change of one line.

By venv2docker, and in the older tool's way: project and venv are copied, paths are replaced in the
copy, both are packed and unpacked again by a build. As shipped that tool fails on a venv of today;
what it does is done here with what it needs for that.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import package_index
from benchmarks.measurement import Case, Group, Target
from benchmarks.processes import SCRIPTS, Place
from benchmarks.venv import in_turn
from benchmarks.venv_subject import Subject, install_lock, install_uv, make_venv
from benchmarks.workshop import LABEL, STAND_IN, USER, remove

OLDER, OURS = "pack all, docker build", "venv2docker"
# $1: the project, $2: its name, $3: the image, $4: a label. Bytecode comes along: that tool means
# to leave it out, but says so to tar behind the folder, where it has no effect.
PACK = """\
set -e
copy=$(mktemp -d -p "$1/..")
trap 'rm -rf "$copy"' EXIT
mkdir "$copy/$2" "$copy/env" "$copy/build"
tar -c -C "$1" --exclude=./.venv . | tar -x -C "$copy/$2"
tar -c -C "$copy" "$2" | gzip >"$copy/build/project.tar.gz"
tar -c -C "$1/.venv" . | tar -x -C "$copy/env"
grep -rlI "$1/.venv" "$copy/env" | xargs sed -i "s:$1/.venv:/usr/local/lib/env:g"
tar -c -C "$copy" env | gzip >"$copy/build/venv.tar.gz"
cat >"$copy/build/Dockerfile"
docker build --quiet --tag "$3" --label "$4" "$copy/build"
"""
DOCKERFILE = """\
FROM {base}
COPY project.tar.gz /usr/local/bin/
RUN cd /usr/local/bin && tar xfz project.tar.gz && rm project.tar.gz
COPY venv.tar.gz /usr/local/lib/
RUN cd /usr/local/lib && tar xfz venv.tar.gz && rm venv.tar.gz
ENV VIRTUAL_ENV=/usr/local/lib/env
ENV PATH=/usr/local/bin/{name}:/usr/local/lib/env/bin:$PATH
ENV PYTHONPATH=/usr/local/bin/{name}
WORKDIR /usr/local/bin/{name}
ENTRYPOINT ["python", "-m", "shop.start"]
"""


class Sides:
    """One project, and the images that both ways make of it."""

    def __init__(self, place: Place) -> None:
        """Write the project and its venv into the folder of `place`."""
        self.place = place
        self.name = place.folder.name
        self.subject = Subject(place.folder, "")
        make_venv(place, place.folder / ".venv")
        install_lock(place, place.folder / ".venv", self.subject.lock)
        (place.folder.parent / "Dockerfile").write_text(
            DOCKERFILE.format(base=STAND_IN, name=self.name)
        )

    def older(self) -> str:
        """Make the image in the older way, and start it."""
        image = f"{self.name}-older"
        script = f'sh -c "$0" pack "$@" <{self.place.folder.parent}/Dockerfile'
        words = (str(self.place.folder), self.name, image, f"{LABEL}={image}")
        self.place.run("sh", "-c", script, PACK, *words)
        return image

    def ours(self) -> str:
        """Make the image by venv2docker."""
        image = f"{self.name}-ours"
        options = (f"--name={image}", f"--base={STAND_IN}", "--entrypoint=python")
        self.place.run(
            SCRIPTS / "dockerutils", "venv2docker", *options, "--args=-m,shop.start", ".venv"
        )
        return image

    def check(self, image: str) -> None:
        """Start the application once: an image that does not work is not worth its time."""
        self.place.run("docker", "run", "--rm", "--network", "none", image)


@contextmanager
def groups() -> Iterator[list[Group]]:
    """Give the one group: the image is there, and a line of the code is another one now."""
    install_uv()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory())).resolve()
        variables = {
            "LOGNAME": USER,
            "DOCKER_CLI_HINTS": "false",
            "XDG_CACHE_HOME": str(folder / "cache"),
            "UV_CACHE_DIR": str(folder / "uv"),
            **package_index.variables_here(),
        }
        place = Place(folder / f"bench{secrets.token_hex(4)}", variables)
        place.folder.mkdir()
        sides = Sides(place)
        images = [f"{place.folder.name}-{side}" for side in ("older", "ours")]
        stack.callback(remove, place, images)
        for image in (sides.older(), sides.ours()):
            sides.check(image)
        change = sides.subject.change_code
        # A second run, so one right after the first: the older way writes for minutes in between.
        cases = (
            Case(OLDER, sides.older, prepare=change),
            Case(OURS, sides.ours, (Target(100, "faster"),), prepare=in_turn(sides.ours, change)),
        )
        yield [Group("venv2docker, a line of code", cases, most_runs=3)]
