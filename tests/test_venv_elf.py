"""What is read of ELF files, and what is made of damaged ones."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from elf_files import ElfFile, musl, shared
from hypothesis import given
from hypothesis import strategies as st

from dockerutils.venv.debian_packages import package_of
from dockerutils.venv.elf import Elf, parse_bytes, parse_elf, read_elf
from dockerutils.venv.elf_facts import needs, read_all
from dockerutils.venv.scan import scan


def whole(**more: Any) -> ElfFile:
    return ElfFile(
        ("libpq.so.5", "libc.so.6"),
        runpath="$ORIGIN/../shop.libs:/opt/pg/lib",
        soname="_shop.so",
        loader="/lib64/ld-linux-x86-64.so.2",
        versions=("GLIBC_2.2.5", "GLIBC_2.34", "GLIBC_2.9", "GLIBC_PRIVATE"),
        defines=("libshop", "GLIBC_2.31", "GLIBC_2.4"),
        **more,
    )


class TestReading:
    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("wide", [True, False])
    def test_all_facts_are_read_whatever_the_width_and_order_of_bytes(
        self, wide: bool, order: str
    ) -> None:
        expected = Elf(
            "machine 777",
            ("libpq.so.5", "libc.so.6"),
            ("$ORIGIN/../shop.libs", "/opt/pg/lib"),
            "_shop.so",
            "/lib64/ld-linux-x86-64.so.2",
            (2, 34),
            (2, 31),
        )
        assert expected == parse_bytes(whole(wide=wide, order=order, machine=777).content())

    def test_facts_far_into_a_large_file_are_found(self) -> None:
        elf = parse_bytes(whole(padding=1 << 20).content())
        assert elf is not None
        assert ("libpq.so.5", "libc.so.6") == elf.needed
        assert (2, 34) == elf.glibc

    def test_only_a_little_of_a_large_file_is_read(self) -> None:
        content = whole(padding=1 << 24).content()
        sizes: list[int] = []

        def read(size: int, offset: int) -> bytes:
            sizes.append(size)
            return content[offset : offset + size]

        assert parse_elf(read) is not None
        assert sum(sizes) < 1 << 16

    @pytest.mark.parametrize(
        ("machine", "order", "name"),
        [(62, "<", "amd64"), (183, "<", "arm64"), (3, "<", "386"), (22, ">", "s390x")],
    )
    def test_machines_have_the_names_that_images_use(
        self, machine: int, order: str, name: str
    ) -> None:
        elf = parse_bytes(ElfFile(machine=machine, order=order).content())
        assert elf is not None
        assert name == elf.architecture

    def test_the_older_rpath_counts_only_without_a_runpath(self) -> None:
        old = parse_bytes(ElfFile(rpath="/old").content())
        both = parse_bytes(ElfFile(rpath="/old", runpath="/new").content())
        assert old is not None
        assert both is not None
        assert (("/old",), ("/new",)) == (old.search, both.search)

    def test_relative_relocations_need_the_glibc_that_can_do_them(self) -> None:
        elf = parse_bytes(ElfFile(versions=("GLIBC_2.17", "GLIBC_ABI_DT_RELR")).content())
        assert elf is not None
        assert (2, 36) == elf.glibc

    def test_a_static_program_needs_nothing(self) -> None:
        elf = parse_bytes(ElfFile(static=True).content())
        assert elf is not None
        assert ((), None, "") == (elf.needed, elf.glibc, elf.libc)

    @pytest.mark.parametrize(
        ("content", "kind"),
        [
            (shared(), "glibc"),
            (musl(), "musl"),
            (ElfFile((), loader="/lib/ld-musl-aarch64.so.1").content(), "musl"),
            (ElfFile(("libm.so.6",)).content(), ""),
        ],
    )
    def test_the_c_library_is_told_by_what_is_needed(self, content: bytes, kind: str) -> None:
        elf = parse_bytes(content)
        assert elf is not None
        assert kind == elf.libc

    def test_the_python_that_runs_this_is_for_this_machine(self) -> None:
        elf = read_elf(sys.executable)
        assert elf is not None
        assert elf.loader
        assert "libc" in " ".join(elf.needed)


class TestDamage:
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\x7fELF",
            b"#!/bin/sh\n",
            b"\x7fELF\x02\x01" + bytes(58),
            b"\x7fELF" + b"\xff" * 99,
        ],
    )
    def test_what_is_no_elf_file_is_none(self, content: bytes) -> None:
        elf = parse_bytes(content)
        assert elf is None or not elf.needed

    def test_each_shortened_file_is_none_or_whole(self) -> None:
        content = whole().content()
        results = {parse_bytes(content[:size]) for size in range(len(content))}
        assert {None} == results - {parse_bytes(content)}

    @given(st.data())
    def test_no_change_of_bytes_raises(self, data: st.DataObject) -> None:
        content = bytearray(whole(wide=data.draw(st.booleans())).content())
        for _ in range(data.draw(st.integers(1, 8))):
            place = data.draw(st.integers(0, len(content) - 1))
            content[place] = data.draw(st.integers(0, 255))
        assert isinstance(parse_bytes(bytes(content)), Elf | None)

    @given(st.binary(max_size=300))
    def test_no_bytes_after_a_right_beginning_raise(self, rest: bytes) -> None:
        assert isinstance(parse_bytes(b"\x7fELF\x02\x01\x01" + rest), Elf | None)

    def test_a_name_without_an_end_is_damage(self) -> None:
        assert parse_bytes(ElfFile(soname="x" * 4000).content()) is not None
        assert parse_bytes(ElfFile(soname="x" * 5000).content()) is None

    def test_a_place_far_outside_of_a_file_is_damage(self, tmp_path: Path) -> None:
        content = bytearray(ElfFile().content())
        content[32:40] = b"\xff" * 8
        (tmp_path / "far.so").write_bytes(content)
        assert read_elf(tmp_path / "far.so") is None

    def test_a_file_that_is_not_there_or_a_folder_is_none(self, tmp_path: Path) -> None:
        assert (None, None) == (read_elf(tmp_path / "gone.so"), read_elf(tmp_path))


class TestKept:
    @pytest.fixture
    def venv(self, tmp_path: Path) -> Path:
        root = tmp_path / "venv"
        (root / "bin").mkdir(parents=True)
        (root / "a.so").write_bytes(shared("liba.so.1", glibc="2.28"))
        (root / "b.cpython-311-x86_64-linux-gnu.so").write_bytes(shared(glibc="2.34"))
        (root / "libc.so.5.1").write_bytes(shared())
        (root / "broken.so").write_bytes(b"\x7fELF")
        (root / "a.py").write_text("")
        (root / "bin/tool").write_bytes(shared())
        (root / "bin/tool").chmod(0o755)
        (root / "data").write_bytes(shared())
        (root / "link.so").symlink_to("a.so")
        return root

    def test_libraries_and_programs_are_looked_at(self, venv: Path) -> None:
        found = read_all(venv, scan(venv), None)
        expected = ["a.so", "b.cpython-311-x86_64-linux-gnu.so", "bin/tool", "libc.so.5.1"]
        assert expected == sorted(found)
        assert ((2, 34), "b.cpython-311-x86_64-linux-gnu.so") == needs(found)

    def test_what_did_not_change_is_taken_from_what_is_kept(
        self, venv: Path, tmp_path: Path
    ) -> None:
        read_all(venv, scan(venv), tmp_path / "kept")
        (kept,) = (tmp_path / "kept").iterdir()
        kept.write_bytes(kept.read_bytes().replace(b"libc.so.6", b"libkept.so"))
        (venv / "a.so").write_bytes(shared("libother.so.1"))
        found = read_all(venv, scan(venv), tmp_path / "kept")
        assert ("libother.so.1", "libc.so.6") == found["a.so"].needed
        assert ("libkept.so",) == found["bin/tool"].needed
        assert found == read_all(venv, scan(venv), tmp_path / "kept")

    @pytest.mark.parametrize("damage", [b"", b"[]", b'{"form": 1, "files": {"a.so": [1, [2]]}}'])
    def test_a_damaged_file_of_facts_is_made_again(
        self, venv: Path, tmp_path: Path, damage: bytes
    ) -> None:
        first = read_all(venv, scan(venv), tmp_path / "kept")
        (kept,) = (tmp_path / "kept").iterdir()
        kept.write_bytes(damage)
        assert first == read_all(venv, scan(venv), tmp_path / "kept")
        assert 1 == json.loads(kept.read_bytes())["form"]

    def test_without_a_place_to_keep_them_facts_are_read(self, venv: Path, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        assert read_all(venv, scan(venv), tmp_path / "file/below")


@pytest.mark.parametrize(
    ("library", "package"),
    [
        ("libpq.so.5", "libpq5"),
        ("libgomp.so.1", "libgomp1"),
        ("libgomp.so.1.0.0", "libgomp1"),
        ("libGL.so.1", "libgl1"),
        ("libnobody.so.9", ""),
        ("libnobody", ""),
    ],
)
def test_well_known_libraries_have_a_package(library: str, package: str) -> None:
    assert package == package_of(library)
