"""What the parser says that a build sees of its context, held against what the engine makes."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from engines import STAND_IN

from dockerutils.images.dockerfile_syntax import parse_dockerfile, sees

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("real_engine")]

FILES = ("a", "ab", "b.txt", "c/a", "c/b.txt", "c/d/a", "cd/a", "e f", "x[y", "<<EOF")
MOUNTED = (
    f"FROM {STAND_IN} AS x\nRUN --mount=source={{}},target=/m find /m -type f -exec cat {{{{}}}} +"
    " > /r\nFROM scratch\nCOPY --from=x /r /r\n"
)
# Dockerfiles, and the files whose change changes what they make.
CASES: dict[str, tuple[str, ...]] = {
    "FROM scratch\nCOPY <<EOF /x\nCOPY . /\nEOF\n": (),
    "FROM scratch\nCOPY a /x/\n": ("a",),
    "FROM scratch\nADD --chmod=600 ./c/../b.txt /ab /x/\n": ("ab", "b.txt"),
    "FROM scratch\nCOPY c /x/\n": ("c/a", "c/b.txt", "c/d/a"),
    "FROM scratch\nCOPY --link ../c/d/ /x/\n": ("c/d/a",),
    'FROM scratch\nCOPY ["e f", "<<EOF", "/x/"]\n': ("e f",),
    "FROM scratch\nCOPY a* /x/\n": ("a", "ab"),
    "FROM scratch\nCOPY c*/[bd]* /x/\n": ("c/b.txt", "c/d/a"),
    "FROM scratch\nCOPY c/*/../b.txt /x/\n": ("c/b.txt",),
    "FROM scratch\nCOPY ab \\\n  # b.txt\n  cd /x/\nENV A=b.txt\n": ("ab", "cd/a"),
    "FROM scratch AS x\nCOPY c /x\nFROM scratch\nCOPY --from=x /x/d /y\n": ("c/d/a",),
    "FROM scratch AS x\nCOPY c /x\nFROM scratch\nONBUILD COPY . /\nCOPY a /\n": ("a",),
    "FROM scratch\nCOPY . /x/\n": FILES,
    'FROM scratch\nCOPY "a" /x/\n': ("a",),
    "FROM scratch\nCOPY c\\d/../a /x/\n": ("a",),
    "FROM scratch\nCOPY x[[]y /x/\n": ("x[y",),
    MOUNTED.format("c/d"): ("c/d/a",),
    MOUNTED.format("./c/d/../b.txt"): ("c/b.txt",),
}


class Bench:
    """A context as it was, and beside it one for each file with that file changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.contexts = {changed: folder / f"context{n}" for n, changed in enumerate(("", *FILES))}
        for changed, root in self.contexts.items():
            for name in FILES:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(f"{name}{' changed' if name == changed else ''}\n")

    def results(self, dockerfile: str) -> Iterator[tuple[str, dict[str, bytes]]]:
        """Build each of the contexts, and give the files of the result."""
        (self.folder / "Dockerfile").write_text(dockerfile)
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        targets = {
            f"t{n}": {
                "context": str(root),
                "dockerfile": str(self.folder / "Dockerfile"),
                "output": [f"type=local,dest={out / str(n)}"],
            }
            for n, root in enumerate(self.contexts.values())
        }
        plan = self.folder / "plan.json"
        plan.write_text(
            json.dumps({"target": targets, "group": {"default": {"targets": list(targets)}}})
        )
        words = ["docker", "buildx", "bake", "--file", str(plan)]
        done = subprocess.run(words, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        for n, changed in enumerate(self.contexts):
            yield changed, files_of(out / str(n))


def files_of(root: Path) -> dict[str, bytes]:
    paths = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"))


@pytest.mark.parametrize(("dockerfile", "expected"), CASES.items())
def test_only_what_is_seen_changes_what_is_built(
    bench: Bench, dockerfile: str, expected: tuple[str, ...]
) -> None:
    context = parse_dockerfile(dockerfile).context

    results = dict(bench.results(dockerfile))
    changing = {name for name in FILES if results[name] != results[""]}

    assert set(expected) == changing
    assert not {name for name in changing if not sees(context, name)}
