"""A group of files becomes a layer."""

from __future__ import annotations

import io
import os
import py_compile
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from wheels import hashed

from dockerutils.errors import ContentChanged, DockerutilsError, ProjectError
from dockerutils.oci.digest_cache import DigestCache
from dockerutils.oci.layer import Layer
from dockerutils.oci.tar import EPOCH
from dockerutils.venv.grouping import Group
from dockerutils.venv.pack import layer_of
from dockerutils.venv.relocation import Rewriting
from dockerutils.venv.scan import scan

VERSION = (sys.version_info[0], sys.version_info[1])
TAG = f"cpython-3{VERSION[1]}"
SITE = f"lib/python3.{VERSION[1]}/site-packages"
INTERPRETER = f"/usr/local/bin/python3.{VERSION[1]}"


@dataclass(frozen=True)
class Made:
    """A virtualenv of a test, and its layers."""

    root: Path

    def write(self, path: str, content: str | bytes = b"", mode: int = 0o644) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        target.chmod(mode)
        return target

    def compile(self, path: str, optimise: int = -1) -> Path:
        source = str(self.root / path)
        return Path(py_compile.compile(source, doraise=True, optimize=optimise) or "")

    @property
    def rewriting(self) -> Rewriting:
        return Rewriting(self.root, "/opt/venv", INTERPRETER, VERSION)

    @property
    def group(self) -> Group:
        return Group("all", self.root, "/opt/venv", tuple(scan(self.root)))

    def layer(self, cache: DigestCache | None = None, trust: bool = True) -> Layer:
        return layer_of(self.group, self.rewriting, cache, trust)

    def members(self) -> dict[str, tarfile.TarInfo]:
        return members(self.layer())

    def content(self, path: str, rewriting: Rewriting | None = None) -> bytes:
        layer = layer_of(self.group, rewriting or self.rewriting, None, True)
        with opened(layer) as tar:
            file = tar.extractfile(f"opt/venv/{path}")
            assert file
            return file.read()


def opened(layer: Layer) -> tarfile.TarFile:
    return tarfile.open(fileobj=io.BytesIO(b"".join(layer.chunks())))


def members(layer: Layer, dest: str = "opt/venv/") -> dict[str, tarfile.TarInfo]:
    with opened(layer) as tar:
        found = {one.name.removeprefix(dest): one for one in tar if not one.isdir()}
    assert sorted(found, key=os.fsencode) == list(found)
    return found


@pytest.fixture
def venv(tmp_path: Path) -> Made:
    root = tmp_path / "v"
    root.mkdir()
    return Made(root)


# Files and links -----------------------------------------------------------------------------


def test_a_layer_has_the_files_at_their_place_and_no_facts_of_this_machine(venv: Made) -> None:
    venv.write("share/tool", "x", 0o4711)
    venv.write("share/data", "y" * 3_000_000, 0o600)
    os.link(venv.root / "share/data", venv.root / "share/hard")
    (venv.root / os.fsdecode(b"share/\xff")).write_bytes(b"z")

    found = venv.members()

    assert ["share/data", "share/hard", "share/tool", "share/\udcff"] == list(found)
    assert [0o644, 0o644, 0o755, 0o644] == [one.mode for one in found.values()]
    assert all(one.isreg() for one in found.values())
    assert {(0, 0, "", "", EPOCH)} == {
        (one.uid, one.gid, one.uname, one.gname, one.mtime) for one in found.values()
    }
    assert b"y" * 3_000_000 == venv.content("share/hard")


@pytest.mark.parametrize(
    ("mode", "expected"),
    [(0o755, 0o755), (0o700, 0o755), (0o644, 0o644), (0o666, 0o644), (0o6644, 0o644)],
)
def test_modes_are_those_of_files_that_all_may_read(venv: Made, mode: int, expected: int) -> None:
    venv.write("share/x", mode=mode)

    assert expected == venv.members()["share/x"].mode


@pytest.mark.parametrize("copied", [False, True])
def test_interpreters_become_links_to_the_images(venv: Made, copied: bool) -> None:
    venv.write("bin/python", "\x7fELF\0", 0o755)
    for name in ("bin/python3", f"bin/python3.{VERSION[1]}"):
        if copied:
            venv.write(name, "\x7fELF\0", 0o755)
        else:
            (venv.root / name).symlink_to("/usr/bin/python3")

    found = venv.members()

    assert [INTERPRETER, "python", "python"] == [one.linkname for one in found.values()]


def test_compiled_programs_in_bin_are_not_edited(venv: Made) -> None:
    for size in (100, 3_000_000):
        program = b"\x7fELF\0" + os.fsencode(venv.root) + bytes(size)
        venv.write("bin/tool", program, 0o755)

        assert program == venv.content("bin/tool")


def test_large_scripts_in_bin_are_rewritten(venv: Made) -> None:
    venv.write("bin/tool", f"#!{venv.root}/bin/python\n" + "# x\n" * 500_000, 0o755)

    assert venv.content("bin/tool").startswith(b"#!/opt/venv/bin/python\n# x")


def test_what_only_this_machine_needs_is_not_in_the_layer(venv: Made) -> None:
    for path in ("bin/activate", ".gitignore", f"{SITE}/a-1.dist-info/REQUESTED", "share/x"):
        venv.write(path)

    assert ["share/x"] == list(venv.members())


def test_a_link_out_of_the_virtualenv_ends_the_layer(venv: Made) -> None:
    (venv.root / "share").symlink_to("/usr/share")

    with pytest.raises(ProjectError, match="is a link to /usr/share"):
        venv.members()


def test_a_projects_files_are_taken_as_they_are(tmp_path: Path) -> None:
    app = Made(tmp_path / "app")
    text = f"#!{tmp_path}/v/bin/python\n"
    for path in ("bin/tool", "pyvenv.cfg", "bin/activate", "bin/python"):
        app.write(path, text)
    group = Group("app", app.root, "/", tuple(scan(app.root)))

    layer = layer_of(group, Made(tmp_path / "v").rewriting, None, True)

    assert {len(text)} == {one.size for one in members(layer).values()}
    assert ["bin/activate", "bin/python", "bin/tool", "pyvenv.cfg"] == list(members(layer))


def test_a_project_may_go_to_the_root_folder(tmp_path: Path) -> None:
    app = Made(tmp_path / "app")
    app.write("a.py", "A = 1\n")
    app.compile("a.py")
    (app.root / "link").symlink_to(app.root / "a.py")
    group = Group("app", app.root, "/", tuple(scan(app.root)))

    with opened(layer_of(group, Made(tmp_path / "v").rewriting, None, True)) as tar:
        code = tar.extractfile(f"__pycache__/a.{TAG}.pyc")
        assert code
        assert b"\x05/a.py" in code.read()
        assert "/a.py" == tar.getmember("link").linkname


# Compiled modules ----------------------------------------------------------------------------


def test_compiled_modules_are_there_only_where_python_takes_them(venv: Made) -> None:
    for name in ("good", "stale", "gone", "link"):
        venv.write(f"{SITE}/{name}.py", "A = 1\n")
        for optimise in (0, 1, 2):
            venv.compile(f"{SITE}/{name}.py", optimise)
    (venv.root / f"{SITE}/stale.py").write_text("A = 22\n")
    (venv.root / f"{SITE}/gone.py").unlink()
    good = (venv.root / f"{SITE}/__pycache__/good.{TAG}.pyc").read_bytes()
    venv.write(f"{SITE}/__pycache__/good.cpython-36.pyc", good)
    venv.write(f"{SITE}/__pycache__/good.{TAG}-pytest-8.0.pyc", good)
    venv.write(f"{SITE}/__pycache__/notes.txt")

    cached = [path for path in venv.members() if "__pycache__" in path]

    forms = [f"{name}.{TAG}{opt}.pyc" for name in ("good", "link") for opt in OPTIMISED]
    assert [f"{SITE}/__pycache__/{name}" for name in (*forms, "notes.txt")] == cached


OPTIMISED = (".opt-1", ".opt-2", "")


def test_a_module_without_source_stays_as_it_is(venv: Made) -> None:
    content = b"any version's code"
    venv.write(f"{SITE}/only.pyc", content)
    venv.write(f"{SITE}/both.pyc", content)
    venv.write(f"{SITE}/both.py")

    for bytecode in ("keep", "drop"):
        rewriting = replace(venv.rewriting, bytecode=bytecode)
        assert content == venv.content(f"{SITE}/only.pyc", rewriting)
        assert f"{SITE}/both.pyc" not in members(layer_of(venv.group, rewriting, None, True))


def test_the_source_of_a_module_may_be_in_another_layer(venv: Made) -> None:
    venv.write(f"{SITE}/a.py", "A = 1\n")
    venv.compile(f"{SITE}/a.py")
    files = tuple(file for file in scan(venv.root) if file.path.endswith(".pyc"))

    layer = layer_of(Group("x", venv.root, "/opt/venv", files), venv.rewriting, None, True)

    assert 1 == len(members(layer))


def test_a_module_that_is_rewritten_loses_its_compiled_form(venv: Made) -> None:
    path = f"{SITE}/__editable___a_1_0_finder.py"
    venv.write(path, f"MAPPING = {{'a': '{venv.root}/src/a'}}\n")
    venv.compile(path)

    assert [path] == list(venv.members())


# Lists of files ------------------------------------------------------------------------------


def installed(venv: Made, root: str = "") -> None:
    """A distribution with a script, as pip records it."""
    script = f"#!{root or venv.root}/bin/python\n".encode()
    venv.write("bin/tool", script, 0o755)
    rows = f"../../../bin/tool,{hashed(script)},{len(script)}\na-1.dist-info/RECORD,,\n"
    venv.write(f"{SITE}/a-1.dist-info/RECORD", rows)


def test_a_list_has_the_hash_of_a_rewritten_script_in_another_layer(venv: Made) -> None:
    installed(venv)
    script = b"#!/opt/venv/bin/python\n"
    files = tuple(file for file in scan(venv.root) if file.path.endswith("RECORD"))
    group = Group("a", venv.root, "/opt/venv", files)

    with opened(layer_of(group, venv.rewriting, None, True)) as tar:
        file = tar.extractfile(f"opt/venv/{SITE}/a-1.dist-info/RECORD")
        assert file
        rows = file.read().decode()

    expected = f"../../../bin/tool,{hashed(script)},{len(script)}\na-1.dist-info/RECORD,,\n"
    assert expected == rows


def test_a_script_that_changes_makes_the_layer_of_its_list_another(
    venv: Made, tmp_path: Path
) -> None:
    installed(venv)
    cache = DigestCache(tmp_path / "cache")
    rewriting = venv.rewriting

    def layer() -> Layer:
        files = tuple(file for file in scan(venv.root) if file.path.endswith("RECORD"))
        return layer_of(Group("a", venv.root, "/opt/venv", files), rewriting, cache, True)

    first = layer().identity()
    assert first == layer().known()
    (venv.root / "bin/tool").write_text("#!/bin/sh\n")

    assert layer().known() is None
    assert first.diff_id != layer().identity().diff_id


# What is known and what changes --------------------------------------------------------------


def filled(venv: Made, more: Mapping[str, str] | None = None) -> None:
    files = {"pyvenv.cfg": "home = /x\n", "bin/t": "#!/bin/sh\n", f"{SITE}/a.pth": "x\n"}
    for path, content in {**files, f"{SITE}/a.py": "A = 1\n", **(more or {})}.items():
        venv.write(path, content)
    venv.compile(f"{SITE}/a.py")


def test_two_virtualenvs_of_the_same_content_give_the_same_layer(tmp_path: Path) -> None:
    made = [Made(tmp_path / name) for name in ("v", "a much longer name", "ünï")]
    for venv in made:
        filled(venv, {"bin/u": f"#!{venv.root}/bin/python\n# {venv.root}\n"})

    assert 1 == len({venv.layer().identity() for venv in made})


def test_a_known_layer_is_not_read(venv: Made, tmp_path: Path) -> None:
    filled(venv)
    cache = DigestCache(tmp_path / "cache")
    identity = venv.layer(cache).identity()
    group = venv.group
    for file in group.files:
        (venv.root / file.path).unlink()

    assert identity == layer_of(group, venv.rewriting, cache, True).identity()


def test_a_cache_that_is_not_trusted_only_learns(venv: Made, tmp_path: Path) -> None:
    filled(venv)
    cache = DigestCache(tmp_path / "cache")

    first = venv.layer(cache, trust=False)
    assert first.known() is None
    identity = first.identity()

    assert identity == first.known() == venv.layer(cache).known()
    assert venv.layer(cache, trust=False).known() is None


@pytest.mark.parametrize(
    "change",
    [
        {"bytecode": "drop"},
        {"interpreter": "/usr/bin/python3"},
        {"version": (3, 99)},
        {"moved": (("/a", "/b"),)},
        {"left_out": frozenset({"x.py"})},
    ],
)
def test_each_setting_is_part_of_what_a_layer_is_known_by(
    venv: Made, tmp_path: Path, change: dict[str, object]
) -> None:
    filled(venv)
    cache = DigestCache(tmp_path / "cache")
    venv.layer(cache).identity()

    other = replace(venv.rewriting, **change)  # type: ignore[arg-type]

    assert layer_of(venv.group, other, cache, True).known() is None


@pytest.mark.parametrize("field", ["mode", "size", "mtime_ns", "ctime_ns", "inode", "path"])
def test_each_fact_about_a_file_is_part_of_what_a_layer_is_known_by(
    venv: Made, tmp_path: Path, field: str
) -> None:
    filled(venv)
    cache = DigestCache(tmp_path / "cache")
    venv.layer(cache).identity()
    first, *others = venv.group.files
    changed: dict[str, Any] = {field: "x" if field == "path" else getattr(first, field) + 1}

    group = replace(venv.group, files=(first._replace(**changed), *others))

    assert layer_of(group, venv.rewriting, cache, True).known() is None


@pytest.mark.parametrize("content", ["longer than before", "", "same 1"])
def test_a_file_that_changed_since_it_was_found_is_named(venv: Made, content: str) -> None:
    path = venv.write("share/data", "before")
    layer = venv.layer()
    path.write_text(content)
    os.utime(path, ns=(1, 1))

    with pytest.raises(ContentChanged, match="share/data changed"):
        layer.identity()


def test_a_file_that_has_gone_or_become_a_link_is_named(venv: Made) -> None:
    path = venv.write("share/data", "before")
    layer = venv.layer()
    path.unlink()
    with pytest.raises(ContentChanged, match="share/data changed"):
        layer.identity()
    path.symlink_to("/etc/hostname")
    with pytest.raises(ContentChanged, match="share/data changed"):
        layer.identity()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(venv: Made) -> None:
    venv.write("share/data", "x", 0)

    with pytest.raises(DockerutilsError, match="share/data cannot be read"):
        venv.members()
