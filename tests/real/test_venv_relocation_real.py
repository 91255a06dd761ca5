"""Virtualenvs of all makers, packed into layers and started in another place."""

from __future__ import annotations

import csv
import ensurepip
import os
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest
from own_engines import missing
from wheels import hashed, make_wheel

from dockerutils.command import Command
from dockerutils.errors import ContentChanged, DockerutilsError
from dockerutils.oci.layer import Layer, identities
from dockerutils.runner import Answer
from dockerutils.venv.bytecode import Compiler
from dockerutils.venv.editable import Editables
from dockerutils.venv.environment import Virtualenv, open_virtualenv
from dockerutils.venv.grouping import Group, Limits, group_files
from dockerutils.venv.ownership import read_ownership
from dockerutils.venv.pack import layer_of
from dockerutils.venv.relocation import Rewriting
from dockerutils.venv.scan import scan

pytestmark = pytest.mark.real

GREETER = """\
import sys

def main():
    assert sys.platform not in {"these", "words", "have", "no", "order", "of", "their", "own"}
    def place():
        return main.__code__.co_filename
    print("|".join([sys.prefix, sys.executable, place(), __cached__ or "", *sys.argv[1:]]))
"""
LONG = "/".join(["a" * 90, "b" * 90])
SPACE = "with a space/and 'quotes'"
DEBIANS = Path("/usr/share/python-wheels")
# Before 3.11, the order of a constant set in compiled code changes with each start of Python.
SAME = "keep" if sys.version_info >= (3, 11) else "compile"
WHERE = {"short": "v", "space": SPACE, "long": LONG}
Make = Callable[[Path, Path], None]


def clean() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "LANG": "C.UTF-8"}


def program(name: str) -> str | None:
    """Find a program on the PATH, or beside the Python that runs the tests."""
    return shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))


def call(*words: str | Path, **more: str) -> str:
    answer = subprocess.run([*map(str, words)], capture_output=True, text=True, env=clean() | more)
    assert not answer.returncode, answer.stdout + answer.stderr
    return answer.stdout


INSTALL = ("install", "--quiet", "--no-index", "--no-deps", "--disable-pip-version-check")


def made_by_venv(folder: Path, wheel: Path) -> None:
    call(sys.executable, "-m", "venv", folder)
    call(folder / "bin/python", "-m", "pip", *INSTALL, wheel)


def made_with_copies(folder: Path, wheel: Path) -> None:
    call(sys.executable, "-m", "venv", "--copies", "--without-pip", folder)
    call(folder / "bin/python", "-m", "pip", *INSTALL, wheel, PYTHONPATH=bundled_pip())


def bundled_pip() -> str:
    """The wheel of pip that comes with Python; Debian has it in a folder of its own."""
    own = Path(ensurepip.__file__).parent / "_bundled"
    return str(next(path for folder in (own, DEBIANS) for path in folder.glob("pip-*.whl")))


def made_by_virtualenv(folder: Path, wheel: Path) -> None:
    call(sys.executable, "-m", "virtualenv", "--quiet", "--no-periodic-update", folder)
    call(folder / "bin/python", "-m", "pip", *INSTALL, wheel)


def made_by_uv(folder: Path, wheel: Path, *options: str) -> None:
    uv = program("uv") or "uv"
    cache = {"UV_CACHE_DIR": str(wheel.parent / "cache")}
    call(uv, "venv", "--quiet", "--python", sys.executable, *options, folder, **cache)
    install = ("pip", "install", "--quiet", "--offline", "--no-index", "--compile-bytecode")
    call(uv, *install, "--python", folder / "bin/python", wheel, **cache)


MAKERS: dict[str, Make] = {
    "venv": made_by_venv,
    "venv with copies": made_with_copies,
    "virtualenv": made_by_virtualenv,
    "uv": made_by_uv,
    "uv relocatable": lambda folder, wheel: made_by_uv(folder, wheel, "--relocatable"),
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {"greeter/__init__.py": GREETER, "greeter/more.py": "VALUE = 1\n"}
    folder = tmp_path_factory.mktemp("wheels")
    return make_wheel(folder, "greeter", files, {"greet": "greeter:main"})


@pytest.fixture(scope="module")
def make(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, wheel: Path
) -> Callable[[str, str], Virtualenv]:
    """A maker of virtualenvs, each only once."""
    made: dict[tuple[str, str], Virtualenv] = {}

    def maker(kind: str, where: str) -> Virtualenv:
        if (kind, where) not in made:
            tool = kind.partition(" ")[0]
            if tool != "venv" and not program(tool):
                missing(request, f"{tool} is not here: install it beside pytest")
            folder = tmp_path_factory.mktemp("made") / WHERE[where] / "v"
            MAKERS[kind](folder, wheel)
            made[kind, where] = open_virtualenv(folder)
        return made[kind, where]

    return maker


def rewriting_of(venv: Virtualenv, dest: str, bytecode: str = "keep") -> Rewriting:
    return Rewriting(venv.root, dest, str(venv.interpreter), venv.version, bytecode)


def packed(venv: Virtualenv, dest: str, bytecode: str = "keep", folder: Path = Path()) -> Layer:
    """All of a virtualenv in one layer."""
    group = Group("venv", venv.root, dest, tuple(scan(venv.root)))
    compiler = Compiler(venv.interpreter, started, folder) if bytecode == "compile" else None
    return layer_of(group, rewriting_of(venv, dest, bytecode), None, False, compiler)


def started(command: Command) -> Answer:
    answer = subprocess.run(
        command.argv, env=clean() | command.variables(), capture_output=True, text=True
    )
    return Answer(answer.returncode, answer.stdout, answer.stderr)


def extracted(layer: Layer, dest: Path) -> Path:
    """Unpack a layer at the place that it was made for."""
    with tarfile.open(fileobj=BytesIO(b"".join(layer.chunks()))) as tar:
        tar.extractall("/", filter="fully_trusted")
    return dest


@pytest.fixture
def dest(tmp_path: Path) -> Iterator[Path]:
    """A place elsewhere with a short path, as an image has it."""
    place = Path("/tmp") / f"du-{tmp_path.parent.name}-{tmp_path.name}"[:60]
    yield place
    shutil.rmtree(place, ignore_errors=True)


def state(root: Path) -> dict[str, tuple[object, ...]]:
    """Everything of a folder that a change would touch, but the time of the last read."""
    found: dict[str, tuple[object, ...]] = {}
    for path in [root, *root.rglob("*")]:
        facts = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path)] = (*facts[:7], facts.st_mtime_ns, facts.st_ctime_ns, content)
    return found


# Running -------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("kind", MAKERS)
def test_scripts_run_in_the_new_place(
    kind: str, where: str, make: Callable[[str, str], Virtualenv], dest: Path
) -> None:
    venv = make(kind, where)

    extracted(packed(venv, str(dest)), dest)
    prefix, executable, code, cached, *words = (
        call(dest / "bin/greet", "a b").removesuffix("\n").split("|")
    )

    site = dest / f"lib/python{venv.version[0]}.{venv.version[1]}/site-packages"
    assert str(dest) == prefix
    assert dest / "bin" == Path(executable).parent
    assert str(site / "greeter/__init__.py") == code
    assert str(site / "greeter/__pycache__") == str(Path(cached).parent)
    assert ["a b"] == words


@pytest.mark.parametrize("name", ["a place with spaces", LONG])
def test_scripts_run_in_a_place_that_no_first_line_can_name(
    name: str, make: Callable[[str, str], Virtualenv], tmp_path: Path
) -> None:
    dest = tmp_path / name

    extracted(packed(make("venv", "short"), str(dest)), dest)

    assert f"{dest}|" == call(dest / "bin/greet")[: len(str(dest)) + 1]


@pytest.mark.parametrize("kind", ["venv", "uv"])
def test_python_takes_every_compiled_module_in_the_new_place(
    kind: str, make: Callable[[str, str], Virtualenv], dest: Path
) -> None:
    extracted(packed(make(kind, "short"), str(dest)), dest)

    assert {"__init__", "more"} == taken(dest)


def taken(dest: Path) -> set[str]:
    """Those of our modules whose compiled form Python takes as it is, by its own account."""
    before = state(dest)
    answer = subprocess.run(
        [dest / "bin/python", "-v", "-B", "-c", "import greeter.more"],
        capture_output=True,
        text=True,
        env=clean(),
    )
    assert not answer.returncode, answer.stderr
    assert before == state(dest)
    site = "/greeter/__pycache__/"
    lines = [line for line in answer.stderr.splitlines() if line.startswith("# code object from")]
    return {line.partition(site)[2].partition(".")[0] for line in lines if site in line}


def test_every_line_of_a_record_tells_the_truth(
    make: Callable[[str, str], Virtualenv], dest: Path
) -> None:
    extracted(packed(make("venv", "short"), str(dest)), dest)

    records = list(dest.rglob("*.dist-info/RECORD"))
    wrong = [row for record in records for row in untrue_rows(record)]

    assert len(records) > 1
    assert not wrong


def untrue_rows(record: Path) -> Iterator[str]:
    with record.open(newline="") as file:
        for name, digest, size in csv.reader(file):
            content = (record.parent.parent / name).read_bytes()
            if digest and (digest, size) != (hashed(content), str(len(content))):
                yield name


def test_no_file_names_the_old_place(make: Callable[[str, str], Virtualenv], dest: Path) -> None:
    venv = make("venv", "short")
    extracted(packed(venv, str(dest)), dest)

    files = [path for path in dest.rglob("*") if path.is_file() and not path.is_symlink()]

    assert not [path for path in files if os.fsencode(venv.root) in path.read_bytes()]


def test_an_editable_package_runs_from_the_image(
    make: Callable[[str, str], Virtualenv], dest: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(make("uv", "short").root, folder, symlinks=True)
    venv = open_virtualenv(folder)
    source = tmp_path / "my project"
    (source / "mine").mkdir(parents=True)
    (source / "mine/__init__.py").write_text("")
    (folder / venv.site_packages[0] / "mine.pth").write_text(f"{source}\n")
    place = f"{dest}/src/mine"
    rewriting = replace(rewriting_of(venv, str(dest)), moved=((str(source), place),))

    for root, where in ((venv.root, str(dest)), (source, place)):
        group = Group("one", root, where, tuple(scan(root)))
        extracted(layer_of(group, rewriting, None, True), dest)
    shutil.rmtree(source)

    code = "import mine; print(mine.__file__)"
    assert f"{place}/mine/__init__.py\n" == call(dest / "bin/python", "-c", code)


# Compiling -----------------------------------------------------------------------------------


def test_modules_that_are_compiled_anew_are_taken_too(
    make: Callable[[str, str], Virtualenv], dest: Path, tmp_path: Path
) -> None:
    extracted(packed(make("uv", "short"), str(dest), "compile", tmp_path), dest)

    assert {"__init__", "more"} == taken(dest)


def test_compiling_twice_gives_the_same(
    make: Callable[[str, str], Virtualenv], tmp_path: Path
) -> None:
    found = set()
    for number, where in enumerate(("short", "long")):
        folder = tmp_path / str(number)
        folder.mkdir()
        found.add(packed(make("uv", where), "/opt/venv", "compile", folder).identity())

    assert len(found) == 1


def test_without_bytecode_there_is_none(make: Callable[[str, str], Virtualenv], dest: Path) -> None:
    extracted(packed(make("venv", "short"), str(dest), "drop"), dest)

    assert not list(dest.rglob("*.pyc"))
    assert call(dest / "bin/greet", PYTHONDONTWRITEBYTECODE="1")


# Always the same -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MAKERS)
def test_a_virtualenv_in_another_folder_gives_the_same_layer(
    kind: str, make: Callable[[str, str], Virtualenv], tmp_path: Path
) -> None:
    layers = [packed(make(kind, where), "/opt/venv", SAME, tmp_path) for where in WHERE]

    assert len(set(identities(layers))) == 1


@pytest.mark.parametrize("kind", ["venv", "uv"])
def test_every_layer_of_two_virtualenvs_is_the_same(
    kind: str, make: Callable[[str, str], Virtualenv], tmp_path: Path
) -> None:
    one, other = (identified(make(kind, where), tmp_path) for where in ("short", "space"))

    assert {"greeter", "venv"} <= set(one)
    assert one == other


def identified(venv: Virtualenv, folder: Path) -> dict[str, str]:
    """The diff ID of each layer, by its name."""
    files = scan(venv.root)
    ownership = read_ownership(venv, files)
    limits = Limits(min_layer=1)
    groups = group_files(venv, files, ownership, Editables(), "/opt/venv", limits=limits)
    rewriting = replace(rewriting_of(venv, "/opt/venv", SAME), left_out=ownership.left_out)
    compiler = Compiler(venv.interpreter, started, folder) if SAME == "compile" else None
    layers = [layer_of(group, rewriting, None, True, compiler) for group in groups]
    return {layer.name: layer.identity().diff_id for layer in layers}


def test_packing_changes_nothing(make: Callable[[str, str], Virtualenv], tmp_path: Path) -> None:
    venv = make("venv", "short")
    before = state(venv.root)

    for bytecode in ("keep", "compile", "drop"):
        packed(venv, "/opt/venv", bytecode, tmp_path).identity()

    assert before == state(venv.root)


def test_a_failure_changes_nothing(make: Callable[[str, str], Virtualenv]) -> None:
    venv = make("venv", "short")
    before = state(venv.root)
    files = tuple(scan(venv.root))
    last = files[-1]._replace(mtime_ns=1)
    group = Group("venv", venv.root, "/opt/venv", (*files[:-1], last))
    layer = layer_of(group, rewriting_of(venv, "/opt/venv"), None, False)

    with pytest.raises(ContentChanged, match=last.path):
        layer.identity()

    assert before == state(venv.root)


def test_a_file_that_is_written_meanwhile_is_named(tmp_path: Path) -> None:
    """A writer at work all the time: either nothing is noticed and all is whole, or it is said."""
    (tmp_path / "data").write_bytes(bytes(8 << 20))
    group = Group("app", tmp_path, "/app", tuple(scan(tmp_path)))
    rewriting = Rewriting(Path("/none"), "/opt/venv", "/usr/bin/python3", (3, 11))
    chunks = layer_of(group, rewriting, None, False).chunks()
    next(chunks)
    writer = threading.Thread(target=partial((tmp_path / "data").write_bytes, bytes(9 << 20)))
    writer.start()
    writer.join()

    with pytest.raises(ContentChanged, match="data changed"):
        list(chunks)


def test_an_interpreter_that_fails_is_named(
    make: Callable[[str, str], Virtualenv], tmp_path: Path
) -> None:
    venv = make("venv", "short")
    group = Group("venv", venv.root, "/opt/venv", tuple(scan(venv.root)))
    compiler = Compiler(Path("/bin/false"), started, tmp_path)
    layer = layer_of(group, rewriting_of(venv, "/opt/venv", "compile"), None, False, compiler)

    with pytest.raises(DockerutilsError, match="/bin/false could not compile modules: status 1"):
        layer.identity()
