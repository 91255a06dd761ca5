"""What is said of a virtualenv before its image is made: each message names file and way out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from elf_files import ElfFile, musl, shared

from dockerutils.venv.base import BaseFacts
from dockerutils.venv.checks import Contents, Finding, check
from dockerutils.venv.elf import Elf, parse_bytes
from dockerutils.venv.elf_facts import read_all
from dockerutils.venv.environment import Virtualenv
from dockerutils.venv.scan import scan

SITE = "lib/python3.11/site-packages"
MODULE = f"{SITE}/shop/_shop.cpython-311-x86_64-linux-gnu.so"
HELPER = f"{SITE}/shop/helper.so"
BASE = BaseFacts(
    "amd64",
    {"/usr/local/bin/python3.11": (3, 11), "/usr/bin/python3.9": (3, 9)},
    ("glibc", (2, 31)),
    frozenset(("libc.so.6", "libm.so.6", "libz.so.1")),
    ("/bin/sh",),
)
ALPINE = replace(BASE, libc=("musl", (1, 2)), libraries=frozenset(("libc.musl-x86_64.so.1",)))


@pytest.fixture
def interpreter(tmp_path: Path) -> Path:
    path = tmp_path / "usr/bin/python3.11"
    path.parent.mkdir(parents=True)
    path.write_bytes(shared())
    return path


@pytest.fixture
def root(tmp_path: Path, interpreter: Path) -> Path:
    """A virtualenv without packages, as far as the checks look at it."""
    root = tmp_path / "venv"
    (root / SITE).mkdir(parents=True)
    (root / "bin").mkdir()
    (root / "bin/python").symlink_to("python3.11")
    (root / "bin/python3.11").symlink_to(interpreter)
    (root / "lib64").symlink_to("lib")
    return root


def contents(root: Path, files: Mapping[str, bytes] | None = None, dest: str = "") -> Contents:
    for path, data in (files or {}).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    interpreter = root.parent / "usr/bin/python3.11"
    venv = Virtualenv(root, (3, 11), (SITE,), interpreter.parent, interpreter, False, "venv")
    found = scan(root)
    return Contents(venv, dest or "/opt/venv", found, read_all(root, found, None))


def checked(given: Contents, base: BaseFacts = BASE) -> tuple[Finding, ...]:
    return check(given, base, "shop-base")


def the_one(findings: tuple[Finding, ...], severity: str = "error") -> Finding:
    (finding,) = findings
    assert severity == finding.severity
    assert finding.hint
    return finding


def facts(content: bytes) -> Elf:
    elf = parse_bytes(content)
    assert elf is not None
    return elf


class TestInterpreter:
    def test_nothing_is_said_of_a_virtualenv_that_fits(self, root: Path) -> None:
        files = {MODULE: shared("libz.so.1", "libm.so.6", glibc="2.31"), "bin/tool": shared()}
        assert () == checked(contents(root, files))

    def test_a_base_without_the_version_is_told_with_what_it_has_and_the_ways_out(
        self, root: Path
    ) -> None:
        base = replace(BASE, interpreters={"/usr/bin/python3.9": (3, 9), "/opt/p": (3, 12)})
        finding = the_one(checked(contents(root), base))
        assert (
            f"shop-base has no Python 3.11, which {root} was made with; it has 3.9 "
            "(/usr/bin/python3.9), 3.12 (/opt/p)." == finding.message
        )
        assert "base=" in finding.hint
        assert "interpreter=bundle" in finding.hint

    def test_a_base_without_any_python_is_told(self, root: Path) -> None:
        finding = the_one(checked(contents(root), replace(BASE, interpreters={})))
        assert "it has none at all" in finding.message

    def test_an_interpreter_that_comes_along_is_enough(self, root: Path) -> None:
        bundled = replace(contents(root), bundled={"/opt/p/bin/python3.11": facts(shared())})
        assert () == checked(bundled, replace(BASE, interpreters={}))


class TestMachine:
    def test_modules_for_another_processor_are_told_by_name(self, root: Path) -> None:
        files = {MODULE: ElfFile(machine=183).content(), HELPER: shared()}
        finding = the_one(checked(contents(root, files)))
        assert f"{MODULE} is made for arm64, and shop-base is for amd64." == finding.message

    def test_helpers_for_other_processors_do_not_count_beside_ones_that_fit(
        self, root: Path
    ) -> None:
        files = {MODULE: shared(), HELPER: ElfFile(machine=3, wide=False).content()}
        assert () == checked(contents(root, files))

    def test_helpers_for_other_processors_only_count(self, root: Path) -> None:
        files = {HELPER: ElfFile(machine=183).content()}
        assert "arm64" in the_one(checked(contents(root, files))).message

    def test_of_many_files_three_are_named(self, root: Path) -> None:
        content = ElfFile(machine=183).content()
        files = {f"{SITE}/m{number}.abi3.so": content for number in range(5)}
        message = the_one(checked(contents(root, files))).message
        assert f"{SITE}/m2.abi3.so and 2 more are made for arm64" in message
        assert "m3" not in message


class TestCLibrary:
    def test_the_file_that_needs_the_newest_glibc_is_named(self, root: Path) -> None:
        files = {HELPER: shared(glibc="2.33"), MODULE: shared(glibc="2.34")}
        finding = the_one(checked(contents(root, files)))
        assert f"{MODULE} needs glibc 2.34, and shop-base has 2.31." == finding.message
        assert "base=" in finding.hint

    def test_an_interpreter_that_comes_along_needs_its_glibc_too(self, root: Path) -> None:
        bundled = {"/opt/p/bin/python3.11": facts(shared(glibc="2.35"))}
        finding = the_one(checked(replace(contents(root), bundled=bundled)))
        assert "/opt/p/bin/python3.11 needs glibc 2.35" in finding.message

    def test_modules_for_glibc_do_not_go_on_musl(self, root: Path) -> None:
        finding = the_one(checked(contents(root, {MODULE: shared()}), ALPINE))
        assert f"{MODULE} is made for glibc, and shop-base has musl." == finding.message

    def test_modules_for_musl_do_not_go_on_glibc(self, root: Path) -> None:
        finding = the_one(checked(contents(root, {MODULE: musl()})))
        assert f"{MODULE} is made for musl, and shop-base has glibc." == finding.message

    def test_modules_do_not_go_on_a_base_without_a_c_library(self, root: Path) -> None:
        base = replace(BASE, libc=("", (0, 0)))
        finding = the_one(checked(contents(root, {MODULE: shared()}), base))
        assert f"{MODULE} is made for glibc, and shop-base has no C library." == finding.message

    def test_helpers_for_the_other_one_do_not_count_beside_ones_that_fit(self, root: Path) -> None:
        assert () == checked(contents(root, {MODULE: shared(), HELPER: musl("libmusl.so.7")}))

    def test_pure_python_goes_anywhere(self, root: Path) -> None:
        files = {f"{SITE}/shop/__init__.py": b""}
        assert () == checked(contents(root, files), ALPINE)


class TestLinks:
    def test_a_link_that_leads_nowhere_is_an_error(self, root: Path) -> None:
        (root / SITE / "data").symlink_to("gone")
        finding = the_one(checked(contents(root)))
        assert f"{SITE}/data -> gone" in finding.message
        assert "exclude=" in finding.hint

    def test_links_inside_are_fine(self, root: Path) -> None:
        (root / SITE / "data").symlink_to("../site-packages/shop/real")
        (root / SITE / "folder").symlink_to("shop")
        (root / SITE / "absolute").symlink_to(root / SITE / "shop")
        (root / "top").symlink_to(".")
        assert () == checked(contents(root, {f"{SITE}/shop/real": b""}))

    def test_a_link_to_what_is_left_out_is_an_error(self, root: Path) -> None:
        (root / SITE / "data").symlink_to("real")
        given = contents(root, {f"{SITE}/real": b""})
        files = [file for file in given.files if not file.path.endswith("/real")]
        assert "left out" in the_one(checked(replace(given, files=files))).message

    def test_packages_that_are_links_to_a_cache_are_an_error_with_a_way_out(
        self, root: Path
    ) -> None:
        cache = root.parent / "cache"
        cache.mkdir()
        for number in range(5):
            (cache / f"{number}.py").write_text("")
            (root / SITE / f"{number}.py").symlink_to(cache / f"{number}.py")
        finding = the_one(checked(contents(root)))
        assert f"{SITE}/0.py -> {cache}/0.py" in finding.message
        assert "and 2 more" in finding.message
        assert "--link-mode=copy" in finding.hint

    def test_a_link_to_a_file_of_the_system_is_a_warning(self, root: Path) -> None:
        (root / SITE / "shell").symlink_to("/dev/null")
        assert "/dev/null" in the_one(checked(contents(root)), "warning").message


class TestRecords:
    def test_missing_files_are_told_with_their_distribution(self, root: Path) -> None:
        missing = (("shop", "a.py"), ("other", "x.pyc"), ("shop", "b.py"))
        finding = the_one(checked(replace(contents(root), missing=missing)))
        assert "the virtualenv is broken: shop should have a.py, b.py." == finding.message
        assert "--force-reinstall --no-deps shop" in finding.hint


class TestLibraries:
    def test_a_library_that_nobody_has_is_a_warning_with_its_package(self, root: Path) -> None:
        files = {MODULE: shared("libpq.so.5"), HELPER: shared("libpq.so.5")}
        finding = the_one(checked(contents(root, files)), "warning")
        assert (
            f"{MODULE} (and 1 more) needs libpq.so.5, which neither the virtualenv nor shop-base "
            "has." == finding.message
        )
        assert "libpq5" in finding.hint

    def test_an_unknown_library_has_no_package(self, root: Path) -> None:
        finding = the_one(checked(contents(root, {MODULE: shared("libown.so.1")})), "warning")
        assert "libown.so.1" in finding.message
        assert "the package that has it" in finding.hint

    def test_on_musl_no_package_of_debian_is_named(self, root: Path) -> None:
        given = contents(root, {MODULE: musl("libpq.so.5")})
        assert "libpq5" not in the_one(checked(given, ALPINE), "warning").hint

    def test_libraries_that_a_wheel_brings_are_there(self, root: Path) -> None:
        files = {
            MODULE: shared("libpq-0a1b.so.5.1", "libnamed.so.1", runpath="$ORIGIN/../shop.libs"),
            f"{SITE}/shop.libs/libpq-0a1b.so.5.1": shared(),
            f"{SITE}/other/file.so": shared(soname="libnamed.so.1"),
        }
        assert () == checked(contents(root, files))

    def test_a_link_to_a_library_counts_as_one(self, root: Path) -> None:
        (root / SITE / "libown.so.1").symlink_to("libown.so.1.2")
        files = {MODULE: shared("libown.so.1"), f"{SITE}/libown.so.1.2": shared()}
        assert () == checked(contents(root, files))

    def test_libraries_of_an_interpreter_that_comes_along_are_there(self, root: Path) -> None:
        given = contents(root, {MODULE: shared("libpython3.11.so.1.0")})
        bundled = {"/opt/p/lib/libpython3.11.so.1.0": facts(shared())}
        assert () == checked(replace(given, bundled=bundled))
        assert "libpython" in the_one(checked(given), "warning").message

    def test_drivers_come_with_the_container(self, root: Path) -> None:
        assert () == checked(contents(root, {MODULE: shared("libcuda.so.1")}))

    def test_the_place_on_this_machine_is_told(self, root: Path) -> None:
        folder = root.parent / "pg"
        folder.mkdir()
        (folder / "libpq.so.5").write_bytes(shared())
        given = contents(root, {MODULE: shared("libpq.so.5", runpath=f"/none:{folder}")})
        assert f"it is in {folder}" in the_one(checked(given), "warning").message


class TestSearch:
    @pytest.mark.parametrize(
        ("runpath", "severities"),
        [
            ("{root}/lib", ["warning"]),
            ("$ORIGIN/../../..:{root}/lib", []),
            ("$ORIGIN:{root}/lib", ["warning"]),
            ("/usr/lib:{root}elsewhere/lib", []),
        ],
    )
    def test_libraries_of_the_virtualenv_have_to_be_found_at_its_new_place(
        self, root: Path, runpath: str, severities: list[str]
    ) -> None:
        text = runpath.format(root=root)
        files = {MODULE: shared("libown.so.1", runpath=text), "lib/libown.so.1": shared()}
        found = checked(contents(root, files))
        assert severities == [one.severity for one in found]
        assert all(MODULE in one.message and f"dest={root}" in one.hint for one in found)

    def test_a_virtualenv_that_keeps_its_place_finds_them(self, root: Path) -> None:
        files = {MODULE: shared("libown.so.1", runpath=f"{root}/lib"), "lib/libown.so.1": shared()}
        assert () == checked(contents(root, files, str(root)))


def test_a_virtualenv_that_sees_packages_of_the_system_is_a_warning(root: Path) -> None:
    given = contents(root)
    seeing = replace(given, venv=replace(given.venv, system_site=True))
    assert "--system-site-packages" in the_one(checked(seeing), "warning").message


def test_errors_come_before_warnings(root: Path) -> None:
    given = contents(root, {MODULE: shared("libpq.so.5", glibc="2.99")})
    seeing = replace(given, venv=replace(given.venv, system_site=True))
    assert ["error", "warning", "warning"] == [one.severity for one in checked(seeing)]
