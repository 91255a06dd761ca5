"""A real base's facts, and interpreters of this machine that run in an image which lacks them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from engines import STAND_IN

from dockerutils.oci.archive import read_archive
from dockerutils.oci.image import OciImage
from dockerutils.venv.base import BaseFacts, read_base
from dockerutils.venv.bundle import bundle
from dockerutils.venv.elf import read_elf
from dockerutils.venv.environment import open_virtualenv
from dockerutils.venv.grouping import Group
from dockerutils.venv.imports import differences, import_here, import_in_image, parse_report
from dockerutils.venv.pack import layer_of
from dockerutils.venv.relocation import Rewriting
from dockerutils.venv.scan import scan

pytestmark = pytest.mark.real

# What of the standard library has compiled parts that need libraries of the system.
STANDARD = ("ssl", "sqlite3", "ctypes", "lzma", "bz2", "zlib", "hashlib", "decimal", "asyncio")
VERSIONS = Path.home() / ".pyenv/versions"


@pytest.fixture(scope="module")
def image(real_engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OciImage]:
    archive = tmp_path_factory.mktemp("base") / "base.tar"
    subprocess.run(["docker", "save", "--output", archive, STAND_IN], check=True)
    yield read_archive(archive)
    archive.unlink()


@pytest.fixture(scope="module")
def base(image: OciImage, tmp_path_factory: pytest.TempPathFactory) -> BaseFacts:
    return read_base(image, tmp_path_factory.mktemp("bases"))


def in_stand_in(*words: str) -> str:
    """Give what a program of the stand-in writes."""
    command = ("docker", "run", "--rm", "--network", "none", "--entrypoint", words[0])
    return subprocess.check_output([*command, STAND_IN, *words[1:]], text=True).strip()


def test_the_facts_of_a_base_are_what_its_own_programs_say(base: BaseFacts) -> None:
    interpreter = base.interpreter((3, 11))
    assert interpreter == in_stand_in("/bin/sh", "-c", "command -v python3.11")
    assert "Python 3.11" in in_stand_in(str(interpreter), "--version")
    glibc = in_stand_in(str(interpreter), "-c", "import os; print(os.confstr(2))")
    assert f"glibc {base.libc[1][0]}.{base.libc[1][1]}" == glibc
    assert "/bin/sh" in base.shells
    machine = in_stand_in("/bin/uname", "-m")
    assert {"x86_64": "amd64", "aarch64": "arm64"}[machine] == base.architecture


def test_the_libraries_of_a_base_are_those_that_its_loader_knows(base: BaseFacts) -> None:
    lines = in_stand_in("/sbin/ldconfig", "-p").splitlines()[1:]
    known = {line.split()[0] for line in lines if "=>" in line}
    assert known
    assert set() == known - base.libraries


def test_its_facts_are_kept_in_a_small_file(image: OciImage, tmp_path: Path) -> None:
    assert read_base(image, tmp_path) == read_base(image, tmp_path)
    (kept,) = tmp_path.iterdir()
    assert kept.stat().st_size < 20_000


@pytest.fixture(scope="module")
def bare(real_engine: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image like the stand-in, without its Python."""
    folder = tmp_path_factory.mktemp("bare")
    gone = "/usr/bin/python3* /usr/lib/python3*"
    (folder / "Dockerfile").write_text(f"FROM {STAND_IN}\nRUN rm -rf {gone}\n")
    return built(f"bare:{real_engine}", folder)


@pytest.fixture(scope="module")
def bare_base(bare: str, tmp_path_factory: pytest.TempPathFactory) -> BaseFacts:
    archive = tmp_path_factory.mktemp("bare-base") / "bare.tar"
    subprocess.run(["docker", "save", "--output", archive, bare], check=True)
    facts = read_base(read_archive(archive), archive.parent)
    archive.unlink()
    return facts


def built(reference: str, folder: Path) -> str:
    subprocess.run(["docker", "build", "--quiet", "--tag", reference, folder], check=True)
    return reference


def test_what_a_layer_takes_away_is_not_there(base: BaseFacts, bare_base: BaseFacts) -> None:
    assert {} == bare_base.interpreters
    assert replace(bare_base, interpreters=base.interpreters) == base


def with_groups(bare: str, folder: Path, groups: Sequence[Group], rewriting: Rewriting) -> str:
    """Put the groups' layers on an image; gives the new one's name."""
    lines = [f"FROM {bare}"]
    for number, group in enumerate(groups):
        layer = layer_of(group, rewriting, None, False)
        (folder / f"{number}.tar").write_bytes(b"".join(layer.chunks()))
        lines.append(f"ADD {number}.tar /")
    (folder / "Dockerfile").write_text("\n".join(lines))
    return built(bare.replace("bare", folder.parent.name.lower().strip("_")), folder)


def moved(interpreter: Path, place: Path) -> Path:
    """Copy an interpreter, made with a path to its libraries, as one that finds them anywhere."""
    prefix = interpreter.parents[1]
    library = f"lib/{interpreter.name}"
    left_out = shutil.ignore_patterns("test", "site-packages", "config-*", "__pycache__")
    shutil.copytree(prefix / library, place / library, ignore=left_out)
    (place / "bin").mkdir()
    shutil.copy(interpreter, place / "bin")
    for path in (prefix / "lib").glob("libpython*"):
        shutil.copy(path, place / "lib", follow_symlinks=False)
    old = b"\0%s/lib\0" % os.fsencode(prefix)
    for path in (place / "bin" / interpreter.name, *place.glob(f"{library}/lib-dynload/*.so")):
        new = b"\0$ORIGIN/../lib" if path.parent.name == "bin" else b"\0$ORIGIN/../.."
        path.write_bytes(path.read_bytes().replace(old, new.ljust(len(old), b"\0")))
    return place / "bin" / interpreter.name


def newest() -> Path | None:
    """Give the newest interpreter that pyenv made here."""
    found = list(VERSIONS.glob("3.*/bin/python3.[1-9][0-9]"))
    return max(found, key=lambda path: path.name, default=None)


@pytest.fixture(params=["of Debian", "of pyenv", "that finds all from where it lies"])
def interpreter(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "of Debian":
        found = next(Path("/usr/bin").glob("python3.??"), None)
    else:
        found = newest()
    if found is None or read_elf(found) is None:
        pytest.skip(f"this machine has no Python {request.param}")
    return moved(found, tmp_path / "python") if "finds" in request.param else found


def test_a_bundled_interpreter_runs_in_a_base_without_any(
    interpreter: Path, bare: str, bare_base: BaseFacts, tmp_path: Path
) -> None:
    root = tmp_path / "venv"
    subprocess.run([interpreter, "-m", "venv", "--without-pip", root], check=True)
    venv = open_virtualenv(root)
    found = bundle(venv, bare_base, bare, None)
    assert [] == [one for one in found.findings if one.severity == "error"]
    own = Group("venv", root, "/opt/venv", tuple(scan(root)))
    rewriting = Rewriting(root, "/opt/venv", found.interpreter, venv.version)
    folder = tmp_path / "context"
    folder.mkdir()
    image = with_groups(bare, folder, [*found.groups, own], rewriting)
    reports = []
    for command in (import_here(venv, STANDARD), import_in_image(image, "/opt/venv", STANDARD)):
        done = subprocess.run(command.argv, capture_output=True, text=True)
        reports.append(parse_report(done.stdout, done.stderr, command.argv[0]))
    assert () == differences(*reports)
    assert {""} == set(reports[1].modules.values())
    assert "/opt/venv" == reports[1].prefix
    if interpreter.is_relative_to(tmp_path):
        assert f"/opt/{interpreter.name}/bin/{interpreter.name}" == found.interpreter
    else:
        assert str(interpreter) == found.interpreter
