"""Compiled modules that stay valid in another place, and those that are made anew."""

from __future__ import annotations

import importlib.util
import marshal
import os
import py_compile
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockerutils.command import Command
from dockerutils.errors import DockerutilsError
from dockerutils.oci.tar import EPOCH
from dockerutils.runner import Answer
from dockerutils.venv.bytecode import (
    HEADER,
    MAGIC,
    Compiler,
    Source,
    cached_path,
    in_code,
    is_valid,
    moved,
    source_of,
)

HERE = (sys.version_info[0], sys.version_info[1])
TEXT = """\
ROOT = "/srv/v/lib"
SAME = "/srv/v/lib/mod.py"

class One:
    def method(self):
        return [lambda: value for value in {1, 2}]

def two():
    def three():
        return "/srv/v"
    return three
"""
NO_HEADER = bytes(HEADER)
# A name, without what no file's name can hold.
NAMES = st.text(st.characters(exclude_characters="\0/"), min_size=1, max_size=300).filter(
    lambda name: name not in {".", ".."}
)


def codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


def file_names(form: bytes) -> set[str]:
    return {code.co_filename for code in codes(marshal.loads(form[HEADER:]))}


def form_of(name: str, text: str = TEXT) -> bytes:
    return NO_HEADER + marshal.dumps(compile(text, name, "exec"))


# Names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("lib/a/__pycache__/b.cpython-311.pyc", "lib/a/b.py"),
        ("lib/a/__pycache__/b.cpython-311.opt-1.pyc", "lib/a/b.py"),
        ("lib/a/__pycache__/b.cpython-311.opt-2.pyc", "lib/a/b.py"),
        ("__pycache__/b.c.cpython-311.pyc", "b.c.py"),
        ("lib/a/__pycache__/b.cpython-310.pyc", None),
        ("lib/a/__pycache__/b.cpython-311-pytest-8.0.pyc", None),
        ("lib/a/__pycache__/b.pypy311.pyc", None),
        ("lib/a/__pycache__/b.pyc", None),
    ],
)
def test_only_forms_of_this_version_have_a_source(path: str, expected: str | None) -> None:
    assert expected == source_of(path, (3, 11))


def test_a_module_is_looked_for_where_python_does() -> None:
    for name in ("a.py", "a/b.py", "a/b.c.py"):
        assert importlib.util.cache_from_source(name) == cached_path(name, HERE)
        assert name == source_of(cached_path(name, HERE), HERE)


# Valid or stale ------------------------------------------------------------------------------


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "mod.py"
    path.write_text(TEXT)
    return path


def compiled(source: Path, mode: py_compile.PycInvalidationMode) -> bytes:
    path = py_compile.compile(str(source), doraise=True, invalidation_mode=mode)
    return Path(path or "").read_bytes()


TIME = py_compile.PycInvalidationMode.TIMESTAMP
HASHES = (
    py_compile.PycInvalidationMode.CHECKED_HASH,
    py_compile.PycInvalidationMode.UNCHECKED_HASH,
)


def test_a_form_is_valid_for_its_source_alone(source: Path) -> None:
    form = compiled(source, TIME)
    facts = source.stat()

    assert is_valid(form, HERE, facts.st_mtime_ns, facts.st_size)
    assert not is_valid(form, HERE, facts.st_mtime_ns + 1_000_000_000, facts.st_size)
    assert not is_valid(form, HERE, facts.st_mtime_ns, facts.st_size + 1)
    assert not is_valid(form[:HEADER], HERE, facts.st_mtime_ns, facts.st_size)
    assert not is_valid(b"", HERE, 0, 0)


@pytest.mark.parametrize("mode", HASHES)
def test_a_form_with_a_hash_is_not_compared_with_a_time(
    source: Path, mode: py_compile.PycInvalidationMode
) -> None:
    form = compiled(source, mode)

    assert is_valid(form, HERE, 0, 0)
    assert form[:HEADER] == moved(form, "mod.py", [])[:HEADER]


def test_a_form_of_another_release_is_not_valid(source: Path) -> None:
    form = compiled(source, TIME)
    facts = source.stat()
    other = (3, 8) if HERE != (3, 8) else (3, 9)

    assert not is_valid(form, other, facts.st_mtime_ns, facts.st_size)
    assert is_valid(form, (3, 99), facts.st_mtime_ns, facts.st_size)  # not known: the name tells


@pytest.mark.skipif(HERE not in MAGIC, reason="a version that we do not know yet")
def test_the_magic_number_is_that_of_this_python() -> None:
    assert int.from_bytes(importlib.util.MAGIC_NUMBER[:2], "little") == MAGIC[HERE]


def test_a_moved_form_is_valid_for_a_source_of_our_time(source: Path) -> None:
    form = moved(compiled(source, TIME), "mod.py", [])

    assert is_valid(form, HERE, EPOCH * 1_000_000_000, source.stat().st_size)


# Another place -------------------------------------------------------------------------------

PLACES = [(b"/srv/v", b"/opt/venv")]


def test_all_code_names_its_new_place() -> None:
    form = moved(form_of("/srv/v/lib/mod.py"), "mod.py", PLACES)

    assert {"/opt/venv/lib/mod.py"} == file_names(form)
    assert len(list(codes(marshal.loads(form[HEADER:])))) >= 5


def test_texts_of_the_program_stay() -> None:
    text = TEXT.replace("mod.py", "other.py")

    form = moved(form_of("/srv/v/lib/mod.py", text), "mod.py", PLACES)
    values: dict[str, object] = {}
    exec(marshal.loads(form[HEADER:]), values)

    assert ("/srv/v/lib", "/srv/v/lib/other.py") == (values["ROOT"], values["SAME"])


@pytest.mark.parametrize("name", ["/build/lib/mod.py", "/srv/v2/mod.py", "mod.py"])
def test_a_form_from_elsewhere_keeps_its_name(name: str) -> None:
    form = moved(form_of(name), "mod.py", PLACES)

    assert {name} == file_names(form)


@given(NAMES, NAMES, st.integers(0, 300))
def test_any_place_can_become_any_other(here: str, there: str, filler: int) -> None:
    inside = f"{'d' * filler}/mod.py"
    places = [(in_code(f"/{here}"), in_code(f"/{there}"))]

    form = moved(form_of(f"/{here}/{inside}"), "mod.py", places)

    assert {f"/{there}/{inside}"} == file_names(form)
    code, expected = marshal.loads(form[HEADER:]), compile(TEXT, f"/{there}/{inside}", "exec")
    assert expected == code


@given(NAMES, NAMES)
def test_a_form_is_the_same_wherever_it_was_made(one: str, other: str) -> None:
    forms = [
        moved(form_of(f"/{name}/mod.py"), "mod.py", [(in_code(f"/{name}"), b"/opt/venv")])
        for name in (one, other)
    ]

    assert forms[0] == forms[1]


def test_a_folder_inside_another_of_ours_has_its_own_place() -> None:
    places = [(b"/srv/v/in", b"/in"), (b"/srv/v", b"/opt/venv")]

    assert {"/in/mod.py"} == file_names(moved(form_of("/srv/v/in/mod.py"), "mod.py", places))
    assert {"/opt/venv/mod.py"} == file_names(moved(form_of("/srv/v/mod.py"), "mod.py", places))


def test_a_name_that_no_encoding_has_is_moved_too() -> None:
    root = os.fsdecode(b"/srv/\xff")

    form = moved(form_of(f"{root}/mod.py"), "mod.py", [(in_code(root), b"/opt/venv")])

    assert {"/opt/venv/mod.py"} == file_names(form)


def test_bytes_that_only_look_like_a_name_stay() -> None:
    form = NO_HEADER + marshal.dumps((b"z\x05/srv/v/mod.py", "x/srv/v/mod.py", "/srv/v/mod.pyc"))

    assert form[12:] == moved(form, "mod.py", PLACES)[12:]


# Made anew -----------------------------------------------------------------------------------


def started(command: Command) -> Answer:
    environ = {"PATH": os.environ["PATH"], "PYTHONNODEBUGRANGES": "1", "PYTHONOPTIMIZE": "2"}
    answer = subprocess.run(
        command.argv, env=environ | command.variables(), capture_output=True, text=True
    )
    return Answer(answer.returncode, answer.stdout, answer.stderr)


def source_at(path: Path) -> Source:
    return Source(path.name, str(path), None, path.stat().st_size)


def test_modules_are_compiled_for_their_place(source: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("print 'no'\n")
    changed = Source("changed.py", str(source), b"A = 1\n", 6)
    sources = [source_at(tmp_path / "broken.py"), source_at(source), changed]
    compiler = Compiler(Path(sys.executable), started, tmp_path)

    made = compiler.compiled("key", "/opt/venv", sources)
    with made.opened() as form:
        forms = {path: form(path) for path in made.modules}

    assert {"mod.py", "changed.py"} == set(forms)
    assert {"/opt/venv/mod.py"} == file_names(forms["mod.py"])
    assert is_valid(forms["mod.py"], HERE, EPOCH * 1_000_000_000, source.stat().st_size)
    assert is_valid(forms["changed.py"], HERE, EPOCH * 1_000_000_000, 6)
    expected = compile(TEXT, "/opt/venv/mod.py", "exec", dont_inherit=True)
    assert expected == marshal.loads(forms["mod.py"][HEADER:])


def test_a_set_is_compiled_once(source: Path, tmp_path: Path) -> None:
    commands: list[Command] = []

    def counting(command: Command) -> Answer:
        commands.append(command)
        return started(command)

    compiler = Compiler(Path(sys.executable), counting, tmp_path)
    for key in ("one", "one", "two"):
        compiler.compiled(key, "/opt/venv", [source_at(source)])

    assert 2 == len(commands)


def test_an_interpreter_that_fails_is_named(source: Path, tmp_path: Path) -> None:
    compiler = Compiler(Path("/x/python"), lambda _: Answer(1, "", "boom\nno memory\n"), tmp_path)

    with pytest.raises(DockerutilsError, match="/x/python could not compile modules: no memory"):
        compiler.compiled("key", "/opt/venv", [source_at(source)])
