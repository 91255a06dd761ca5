"""What a base offers, told from its layers."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from elf_files import ElfFile

from dockerutils.errors import ProjectError
from dockerutils.oci.image import ImageConfig, OciImage
from dockerutils.oci.layer import Layer, made_layer, stored_layer
from dockerutils.venv.base import BaseFacts, read_base

PROGRAM = b"program"
BANNER = b"\0GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\n"
GONE = None
Files = Mapping[str, bytes | str | None]
DEBIAN: Files = {
    "bin": "usr/bin",
    "lib": "usr/lib",
    "lib64": "/usr/lib64",
    "usr/bin/python3.11": PROGRAM,
    "usr/bin/python3": "python3.11",
    "usr/bin/sh": "dash",
    "usr/bin/dash": PROGRAM,
    "usr/bin/bash": PROGRAM,
    "usr/lib/x86_64-linux-gnu/libc.so.6": BANNER,
    "usr/lib/x86_64-linux-gnu/libz.so.1": "libz.so.1.2.13",
    "usr/lib/x86_64-linux-gnu/libz.so.1.2.13": b"",
    "usr/lib/x86_64-linux-gnu/libdangling.so.1": "libgone.so",
    "usr/lib64/ld-linux-x86-64.so.2": "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
    "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2": PROGRAM,
}


def tar_of(files: Files) -> bytes:
    """A layer: text is a link's target, "=path" a hard link, None a whiteout, "/" a folder."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for path, content in files.items():
            member = tarfile.TarInfo(f"./{path}")
            member.mode = 0o755 if content == PROGRAM else 0o644
            if content is None:
                member.name = f"{path.rpartition('/')[0]}/.wh.{path.rpartition('/')[2]}".lstrip("/")
            elif path.endswith("/"):
                member.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                member.type = tarfile.LNKTYPE if content.startswith("=") else tarfile.SYMTYPE
                member.linkname = content.removeprefix("=")
            data = content if isinstance(content, bytes) else b""
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def repeated(data: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: (data[start : start + 1000] for start in range(0, len(data), 1000))


def image_of(*layers: Files | bytes, env: tuple[str, ...] = ()) -> OciImage:
    tars = [one if isinstance(one, bytes) else tar_of(one) for one in layers]
    made: tuple[Layer, ...] = tuple(
        made_layer(f"base {number}", repeated(tar), f"{number}", None)
        for number, tar in enumerate(tars, 1)
    )
    steps = ("",) * len(made)
    config = ImageConfig("amd64", settings={"Env": list(env)}, steps=steps)
    return OciImage(made, config.to_json)


@pytest.fixture
def facts_of(tmp_path: Path) -> Callable[..., BaseFacts]:
    return lambda *layers, env=(): read_base(image_of(*layers, env=env), tmp_path / "bases")


Facts = Callable[..., BaseFacts]


class TestFacts:
    def test_a_usual_base_offers_what_its_files_say(self, facts_of: Facts) -> None:
        expected = BaseFacts(
            "amd64",
            {"/usr/bin/python3.11": (3, 11)},
            ("glibc", (2, 36)),
            frozenset(("libc.so.6", "libz.so.1", "libz.so.1.2.13", "ld-linux-x86-64.so.2")),
            ("/bin/sh", "/bin/bash", "/usr/bin/bash"),
        )
        assert expected == facts_of(DEBIAN)

    def test_an_empty_image_offers_nothing(self, facts_of: Facts) -> None:
        assert BaseFacts("amd64") == facts_of()
        assert BaseFacts("amd64") == facts_of({})

    def test_glibc_without_a_banner_is_told_by_the_versions_that_it_defines(
        self, facts_of: Facts
    ) -> None:
        libc = ElfFile((), defines=("libc.so.6", "GLIBC_2.4", "GLIBC_2.31")).content()
        facts = facts_of({"lib/x86_64-linux-gnu/libc.so.6": libc})
        assert ("glibc", (2, 31)) == facts.libc

    def test_musl_is_told_by_its_loader(self, facts_of: Facts) -> None:
        files = {
            "lib/ld-musl-x86_64.so.1": b"\x7fELF\0musl libc\0" + b"1.2.4\0",
            "lib/libc.musl-x86_64.so.1": "ld-musl-x86_64.so.1",
            "usr/local/bin/python3.12": PROGRAM,
        }
        facts = facts_of(files)
        assert ("musl", (1, 2)) == facts.libc
        assert {"ld-musl-x86_64.so.1", "libc.musl-x86_64.so.1"} == facts.libraries

    def test_the_loaders_configuration_names_more_folders(self, facts_of: Facts) -> None:
        files = {
            "etc/ld.so.conf": b"include ld.so.conf.d/*.conf\ninclude /etc/ld.so.conf\n",
            "etc/ld.so.conf.d/cuda.conf": b"# none\n/opt/cuda/lib # here\n",
            "etc/ld.so.conf.d/other": b"/opt/other",
            "opt/cuda": "cuda-12",
            "opt/cuda-12/lib/libcudart.so.12": b"",
            "opt/other/libother.so.1": b"",
            "opt/env/libenv.so.1": b"",
            "usr/local/lib/libown.so": b"",
            "usr/lib/python.so/data": b"",
        }
        facts = facts_of(files, env=("LD_LIBRARY_PATH=/opt/env:/opt/none",))
        assert {"libcudart.so.12", "libenv.so.1", "libown.so"} == facts.libraries


class TestInterpreters:
    def test_the_first_on_the_bases_path_is_preferred(self, facts_of: Facts) -> None:
        files = dict.fromkeys(
            ("usr/bin/python3.11", "usr/local/bin/python3.11", "opt/py/bin/python3.11"), PROGRAM
        )
        usual = facts_of(files)
        assert "/usr/local/bin/python3.11" == usual.interpreter((3, 11))
        own = facts_of(files, env=("PATH=/opt/py/bin:/usr/bin",))
        paths = ["/opt/py/bin/python3.11", "/usr/bin/python3.11", "/usr/local/bin/python3.11"]
        assert paths == list(own.interpreters)

    def test_a_link_on_the_path_counts_as_the_folder_that_it_leads_to(
        self, facts_of: Facts
    ) -> None:
        facts = facts_of(DEBIAN, env=("PATH=/bin",))
        assert ["/usr/bin/python3.11"] == list(facts.interpreters)

    def test_versions_are_told_apart(self, facts_of: Facts) -> None:
        facts = facts_of(DEBIAN, {"usr/local/bin/python3.9": PROGRAM})
        assert (
            "/usr/local/bin/python3.9",
            "/usr/bin/python3.11",
            None,
        ) == tuple(facts.interpreter((3, minor)) for minor in (9, 11, 12))

    def test_a_plain_python3_is_told_by_its_standard_library(self, facts_of: Facts) -> None:
        files = {
            "opt/py/bin/python3": PROGRAM,
            "opt/py/lib/python3.13/os.py": b"",
            "opt/py/lib/python3.12/site-packages/x.py": b"",
        }
        assert {"/opt/py/bin/python3": (3, 13)} == facts_of(files).interpreters

    def test_a_link_is_told_by_the_file_that_it_leads_to(self, facts_of: Facts) -> None:
        files = {"usr/local/bin/python3": "/opt/py/python3.10", "opt/py/python3.10": PROGRAM}
        assert {"/usr/local/bin/python3": (3, 10)} == facts_of(files).interpreters

    def test_what_cannot_run_or_has_no_version_is_none(self, facts_of: Facts) -> None:
        files = {
            "usr/bin/python3.11": b"not executable",
            "usr/bin/python3.12": "nowhere",
            "usr/bin/python3.13": "python3.13",
            "usr/bin/python3": PROGRAM,
            "usr/bin/python2.7": PROGRAM,
            "usr/bin/python3.11-config": PROGRAM,
            "usr/bin/python3.10/file": b"",
        }
        assert {} == facts_of(files).interpreters

    def test_an_interpreter_of_a_virtualenv_is_none(self, facts_of: Facts) -> None:
        files = {
            **DEBIAN,
            "opt/venv/pyvenv.cfg": b"home = /usr/bin",
            "opt/venv/bin/python3.11": "/usr/bin/python3.11",
        }
        assert ["/usr/bin/python3.11"] == list(facts_of(files).interpreters)


class TestLayers:
    def test_an_upper_layer_hides_and_replaces(self, facts_of: Facts) -> None:
        upper = {
            "usr/bin/python3.11": GONE,
            "usr/bin/python3.12": PROGRAM,
            "usr/lib/x86_64-linux-gnu/libz.so.1": GONE,
        }
        facts = facts_of(DEBIAN, upper)
        assert {"/usr/bin/python3.12": (3, 12)} == facts.interpreters
        assert "libz.so.1" not in facts.libraries
        assert "libz.so.1.2.13" in facts.libraries

    def test_an_opaque_folder_hides_all_that_was_below_but_not_what_it_brings(
        self, facts_of: Facts
    ) -> None:
        upper: Files = {"usr/bin/python3.12": PROGRAM, "usr/bin/.wh..wh..opq": b""}
        assert {"/usr/bin/python3.12": (3, 12)} == facts_of(DEBIAN, upper).interpreters

    def test_what_is_hidden_and_brought_by_one_layer_is_there(self, facts_of: Facts) -> None:
        brought: Files = {"usr/bin/python3.11": PROGRAM}
        hidden = tar_of({"usr/bin": GONE})[:512]
        facts = facts_of(DEBIAN, tar_of(brought)[:1024] + hidden + bytes(1024))
        assert {"/usr/bin/python3.11": (3, 11)} == facts.interpreters
        assert () == facts.shells

    def test_a_folder_takes_the_place_of_a_link_and_the_other_way_round(
        self, facts_of: Facts
    ) -> None:
        facts = facts_of(DEBIAN, {"bin/bash": PROGRAM}, {"usr/lib": "other"})
        assert ("/bin/bash", "/usr/bin/bash") == facts.shells
        assert frozenset() == facts.libraries

    def test_a_folder_that_is_named_again_keeps_what_it_has(self, facts_of: Facts) -> None:
        assert facts_of(DEBIAN) == facts_of(DEBIAN, {"usr/": b"", "usr/bin/": b""})

    def test_a_hard_link_is_the_file_that_it_names(self, facts_of: Facts) -> None:
        files = {"usr/bin/python3.11": PROGRAM, "usr/local/bin/python3.11": "=./usr/bin/python3.11"}
        assert ["/usr/local/bin/python3.11", "/usr/bin/python3.11"] == list(
            facts_of(files).interpreters
        )

    def test_links_that_go_round_or_out_of_the_image_lead_nowhere(self, facts_of: Facts) -> None:
        files = {
            "usr/bin/python3.11": "../bin/python3.11",
            "usr/bin/python3.12": "../../../../../opt/python3.12",
            "opt/python3.12": PROGRAM,
        }
        assert {"/usr/bin/python3.12": (3, 12)} == facts_of(files).interpreters

    @pytest.mark.parametrize(
        "layer", [b"no tar at all" * 100, tar_of({"file": bytes(3000)})[:1500]]
    )
    def test_a_layer_that_is_no_tar_is_named(self, facts_of: Facts, layer: bytes) -> None:
        with pytest.raises(ProjectError, match="base 2"):
            facts_of(DEBIAN, layer)


class TestKept:
    def test_a_second_look_reads_no_layer(self, tmp_path: Path) -> None:
        image = image_of(DEBIAN)
        first = read_base(image, tmp_path)
        read: list[str] = []

        def refuse() -> Iterator[bytes]:
            read.append("layer")
            yield b""

        blind = stored_layer("base", image.layers[0].identity(), refuse, None)
        assert first == read_base(OciImage((blind,), image.config), tmp_path)
        assert [] == read

    def test_what_the_image_says_of_its_paths_counts_again(self, tmp_path: Path) -> None:
        files = dict.fromkeys(("usr/bin/python3.11", "opt/py/bin/python3.11"), PROGRAM)
        read_base(image_of(files), tmp_path)
        other = read_base(image_of(files, env=("PATH=/opt/py/bin",)), tmp_path)
        assert "/opt/py/bin/python3.11" == other.interpreter((3, 11))

    @pytest.mark.parametrize("damage", [b"", b"{}", b"[1]", b'{"libc": 1}'])
    def test_damaged_facts_are_read_again(self, tmp_path: Path, damage: bytes) -> None:
        first = read_base(image_of(DEBIAN), tmp_path)
        (kept,) = tmp_path.iterdir()
        kept.write_bytes(damage)
        assert first == read_base(image_of(DEBIAN), tmp_path)

    def test_without_a_place_to_keep_them_facts_are_read(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        assert read_base(image_of(DEBIAN), tmp_path / "file/below").interpreters
