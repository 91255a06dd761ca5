"""The interpreter that comes along: what of it, where to, and which ones cannot."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from elf_files import ElfFile, shared

from dockerutils.errors import ProjectError
from dockerutils.venv.base import BaseFacts
from dockerutils.venv.bundle import Bundle, bundle
from dockerutils.venv.environment import Virtualenv

LOADER = "/lib64/ld-linux-x86-64.so.2"
DYNLOAD = "lib/python3.11/lib-dynload"
TAG = "cpython-311-x86_64-linux-gnu.so"
BASE = BaseFacts(
    "amd64",
    {"/usr/bin/python3.9": (3, 9)},
    ("glibc", (2, 36)),
    frozenset(("libc.so.6", "libm.so.6", "libz.so.1")),
    ("/bin/sh",),
)
LIBRARY = {
    "lib/python3.11/os.py": b"",
    "lib/python3.11/json/__init__.py": b"",
    "lib/python3.11/json/__pycache__/__init__.cpython-311.pyc": b"",
    "lib/python3.11/json/__pycache__/__init__.cpython-311.opt-1.pyc": b"",
    f"{DYNLOAD}/_json.{TAG}": shared(),
}
LEFT = (
    "bin/pip",
    "include/python3.11/Python.h",
    "lib/libother.so.1",
    "lib/python3.10/os.py",
    "lib/python3.11/json/__pycache__/__init__.cpython-310.pyc",
    "lib/python3.11/site-packages/six.py",
    "lib/python3.11/test/test_json.py",
    "lib/python3.11/unittest/test/test_case.py",
    "lib/python3.11/idlelib/idle.py",
    "lib/python3.11/turtledemo/clock.py",
    "lib/python3.11/ensurepip/__init__.py",
    "lib/python3.11/config-3.11-x86_64-linux-gnu/libpython3.11.a",
    f"{DYNLOAD}/_testcapi.{TAG}",
    f"{DYNLOAD}/xxlimited.{TAG}",
)


def program(*needed: str, runpath: str = "", loader: str = LOADER) -> bytes:
    file = ElfFile((*needed, "libc.so.6"), loader=loader, runpath=runpath)
    return file.content()


def made(prefix: Path, files: Mapping[str, bytes | str], python: bytes = b"") -> Path:
    """Write an interpreter with its library; text is a link's target."""
    everything = {**LIBRARY, "bin/python3.11": python or program(), **files}
    for path, content in everything.items():
        target = prefix / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            target.symlink_to(content)
        else:
            target.write_bytes(content)
    (prefix / "bin/python3.11").chmod(0o755)
    return prefix


def bundled(prefix: Path, base: BaseFacts = BASE) -> Bundle:
    program = prefix / "bin/python3.11"
    venv = Virtualenv(prefix.parent / "venv", (3, 11), (), program.parent, program, False, "venv")
    return bundle(venv, base, "shop-base", None)


def paths(found: Bundle) -> list[str]:
    (group,) = found.groups
    return [file.path for file in group.files]


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    return Path(os.path.realpath(tmp_path)) / "3.11.7"


class TestFiles:
    def test_the_program_and_its_library_come_along_without_what_nobody_needs(
        self, prefix: Path
    ) -> None:
        found = bundled(made(prefix, dict.fromkeys(LEFT, b"x")))
        assert sorted(["bin/python3.11", *LIBRARY]) == paths(found)
        assert () == found.findings
        assert {"bin/python3.11", f"{DYNLOAD}/_json.{TAG}"} == {
            path.removeprefix("/opt/python3.11/") for path in found.facts
        }

    def test_libraries_beside_it_come_along_with_their_links_and_their_own_needs(
        self, prefix: Path
    ) -> None:
        files: dict[str, bytes | str] = {
            "lib/libpython3.11.so.1.0": shared("libcrypto.so.3"),
            "lib/libcrypto.so.3": "libcrypto.so.3.1",
            "lib/libcrypto.so.3.1": shared("libz.so.1"),
            "lib/libother.so": shared(),
        }
        made(prefix, files, program("libpython3.11.so.1.0", runpath=f"{prefix}/lib"))
        found = bundled(prefix)
        expected = sorted(["bin/python3.11", *LIBRARY, *files])
        expected.remove("lib/libother.so")
        assert expected == paths(found)
        assert () == found.findings

    def test_a_link_out_of_the_library_stays_behind(self, prefix: Path) -> None:
        files = {
            "lib/python3.11/sitecustomize.py": "/etc/hosts",
            "lib/python3.11/gone.py": "nowhere",
            "lib/python3.11/again.py": "os.py",
        }
        found = paths(bundled(made(prefix, files)))
        assert "lib/python3.11/again.py" in found
        assert {"lib/python3.11/sitecustomize.py", "lib/python3.11/gone.py"}.isdisjoint(found)

    def test_compiled_modules_apart_come_along(self, prefix: Path) -> None:
        path = f"lib64/python3.11/lib-dynload/_ssl.{TAG}"
        assert path in paths(bundled(made(prefix, {path: shared()})))

    def test_a_link_for_the_second_library_adds_nothing(self, prefix: Path) -> None:
        assert sorted(["bin/python3.11", *LIBRARY]) == paths(
            bundled(made(prefix, {"lib64": "lib"}))
        )


class TestPlace:
    def place(self, prefix: Path, python: bytes, **files: bytes) -> tuple[str, str]:
        found = bundled(made(prefix, {"lib/libpython3.11.so.1.0": shared(), **files}, python))
        return found.groups[0].dest, found.interpreter

    def test_one_that_finds_all_from_where_it_lies_gets_a_place_that_tells_nothing(
        self, prefix: Path
    ) -> None:
        python = program("libpython3.11.so.1.0", runpath="$ORIGIN/../lib")
        assert ("/opt/python3.11", "/opt/python3.11/bin/python3.11") == self.place(prefix, python)

    def test_one_that_needs_no_library_gets_that_place_as_well(self, prefix: Path) -> None:
        assert "/opt/python3.11" == self.place(prefix, program())[0]

    def test_one_with_absolute_paths_keeps_its_place(self, prefix: Path) -> None:
        python = program("libpython3.11.so.1.0", runpath=f"{prefix}/lib")
        expected = (str(prefix), f"{prefix}/bin/python3.11")
        assert expected == self.place(prefix, python)

    def test_a_module_with_an_absolute_path_holds_all_in_place(self, prefix: Path) -> None:
        module = {f"{DYNLOAD}/_ssl.{TAG}": shared(runpath=f"{prefix}/lib")}
        assert str(prefix) == self.place(prefix, program(), **module)[0]

    def test_it_goes_where_its_files_look_for_it_though_that_is_a_link_here(
        self, prefix: Path
    ) -> None:
        (prefix.parent / "versions").symlink_to(prefix.parent)
        spelled = f"{prefix.parent}/versions/3.11.7"
        python = program("libpython3.11.so.1.0", runpath=f"{spelled}/lib")
        assert (spelled, f"{spelled}/bin/python3.11") == self.place(prefix, python)

    def test_files_that_look_in_two_places_are_refused(self, prefix: Path) -> None:
        (prefix.parent / "versions").symlink_to(prefix.parent)
        other = f"{prefix.parent}/versions/3.11.7/lib"
        python = program("libpython3.11.so.1.0", runpath=f"{prefix}/lib:{other}")
        with pytest.raises(ProjectError, match="its files look for it at"):
            self.place(prefix, python)

    def test_one_whose_library_only_this_machine_finds_is_refused(self, prefix: Path) -> None:
        with pytest.raises(ProjectError, match=r"finds libpython3\.11\.so\.1\.0 only by"):
            self.place(prefix, program("libpython3.11.so.1.0"))


class TestRefused:
    def refused(self, prefix: Path, reason: str) -> None:
        with pytest.raises(ProjectError, match=reason) as caught:
            bundled(prefix)
        assert str(prefix / "bin/python3.11") in caught.value.message
        assert "base=" in caught.value.hint

    def test_condas(self, prefix: Path) -> None:
        self.refused(made(prefix, {"conda-meta/history": b""}), "conda")

    def test_one_that_is_no_program_for_linux(self, prefix: Path) -> None:
        self.refused(made(prefix, {}, b"#!/bin/sh\nexec python3"), "no Linux program")

    def test_one_with_a_loader_of_its_own(self, prefix: Path) -> None:
        made(prefix, {}, program(loader="/nix/store/x-glibc/lib/ld-linux-x86-64.so.2"))
        self.refused(prefix, "started by /nix/store")

    def test_one_without_its_library(self, prefix: Path) -> None:
        shutil.rmtree(made(prefix, {}) / "lib/python3.11")
        self.refused(prefix, "its standard library is not in")


class TestBase:
    def test_libraries_that_the_base_lacks_are_an_error_with_their_packages(
        self, prefix: Path
    ) -> None:
        files = {f"{DYNLOAD}/_ssl.{TAG}": shared("libssl.so.3", "libcrypto.so.3")}
        made(prefix, files, program("libexpat.so.1"))
        (finding,) = bundled(prefix).findings
        assert "error" == finding.severity
        assert (
            "the interpreter needs libraries that shop-base does not have: libexpat.so.1 (for "
            "python3.11), libssl.so.3 (for _ssl), libcrypto.so.3 (for _ssl)." == finding.message
        )
        assert "Debian's libexpat1, libssl3" in finding.hint

    def test_those_of_modules_that_few_import_are_a_warning(self, prefix: Path) -> None:
        files = {f"{DYNLOAD}/_tkinter.{TAG}": shared("libtk8.6.so")}
        (finding,) = bundled(made(prefix, files)).findings
        assert "warning" == finding.severity
        assert "shop-base has no libtk8.6.so (for _tkinter)" in finding.message

    def test_a_library_for_both_kinds_of_modules_is_an_error(self, prefix: Path) -> None:
        files = {
            f"{DYNLOAD}/readline.{TAG}": shared("libtinfo.so.6"),
            f"{DYNLOAD}/_own.{TAG}": shared("libtinfo.so.6"),
        }
        (finding,) = bundled(made(prefix, files)).findings
        assert "error" == finding.severity
