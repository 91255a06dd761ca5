"""Whose each file is, what is missed, and what no image needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from virtualenvs import MadeVirtualenv, make_virtualenv

from dockerutils.venv.environment import open_virtualenv
from dockerutils.venv.ownership import Ownership, read_ownership, source_of
from dockerutils.venv.scan import never, scan

SITE = "lib/python3.11/site-packages"


@pytest.fixture
def venv(tmp_path: Path) -> MadeVirtualenv:
    return make_virtualenv(tmp_path / "venv")


def own(venv: MadeVirtualenv, excluded: Callable[[str], bool] = never) -> Ownership:
    found = open_virtualenv(venv.root)
    return read_ownership(found, scan(found.root, excluded), excluded)


def test_a_file_belongs_to_the_distribution_that_lists_it(venv: MadeVirtualenv) -> None:
    venv.add("shop", {"shop/a.py": "", "../../../share/man/shop.1": ""})
    venv.add("till", {"till.py": "", "../../../bin/till": "#!python"})

    found = own(venv)

    assert "shop" == found.owners[f"{SITE}/shop/a.py"] == found.owners["share/man/shop.1"]
    assert "till" == found.owners[f"{SITE}/till.py"] == found.owners["bin/till"]


def test_files_in_a_namespace_have_one_owner_each(venv: MadeVirtualenv) -> None:
    venv.add("cloud-a", {"cloud/a/__init__.py": ""})
    venv.add("cloud-b", {"cloud/b/__init__.py": ""})

    found = own(venv)

    assert "cloud-a" == found.owners[f"{SITE}/cloud/a/__init__.py"]
    assert "cloud-b" == found.owners[f"{SITE}/cloud/b/__init__.py"]
    assert {} == found.shared


def test_a_file_of_two_owners_is_shared_and_told(venv: MadeVirtualenv) -> None:
    venv.add("cv", {"cv/a.py": "", "cv/b.py": ""})
    venv.add("cv-headless", {"cv/a.py": "", "cv/b.py": ""})

    found = own(venv)

    assert ("cv", "cv-headless") == found.shared[f"{SITE}/cv/a.py"]
    assert f"{SITE}/cv/a.py" not in found.owners
    (note,) = found.notes
    assert "cv and cv-headless have files in common" in note
    assert f"{SITE}/cv/a.py and 1 more" in note


def test_the_init_of_a_namespace_is_shared_and_no_news(venv: MadeVirtualenv) -> None:
    for name in ("zope-a", "zope-b", "zope-c"):
        venv.add(name, {"zope/__init__.py": "", f"zope/{name[-1]}.py": ""})
    venv.write({f"{SITE}/zope/__pycache__/__init__.cpython-311.pyc": ""})

    found = own(venv)

    both = {f"{SITE}/zope/__init__.py", f"{SITE}/zope/__pycache__/__init__.cpython-311.pyc"}
    assert dict.fromkeys(both, ("zope-a", "zope-b", "zope-c")) == found.shared
    assert () == found.notes


def test_metadata_of_one_distribution_twice_is_no_sharing(venv: MadeVirtualenv) -> None:
    venv.add("shop", {"shop.py": ""}, version="1.0")
    venv.add("shop", {"shop.py": ""}, version="2.0")

    assert "shop" == own(venv).owners[f"{SITE}/shop.py"]


def test_bytecode_belongs_to_the_owner_of_its_source(venv: MadeVirtualenv) -> None:
    venv.add("shop", {"shop/a.py": "", "six.py": ""})
    venv.write(
        {
            f"{SITE}/shop/__pycache__/a.cpython-311.pyc": "",
            f"{SITE}/shop/__pycache__/a.cpython-311.opt-1.pyc": "",
            f"{SITE}/__pycache__/six.cpython-311.pyc": "",
        }
    )

    found = own(venv)

    assert "shop" == found.owners[f"{SITE}/shop/__pycache__/a.cpython-311.pyc"]
    assert "shop" == found.owners[f"{SITE}/shop/__pycache__/a.cpython-311.opt-1.pyc"]
    assert "shop" == found.owners[f"{SITE}/__pycache__/six.cpython-311.pyc"]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("a/__pycache__/b.cpython-311.pyc", "a/b.py"),
        ("a/__pycache__/b.c.cpython-311.opt-2.pyc", "a/b.c.py"),
        ("a/b.pyc", ""),
        ("a/__pycache__/b.pyc", ""),
    ],
)
def test_the_source_of_bytecode_is_told_by_its_name(path: str, source: str) -> None:
    assert source == source_of(path)


def test_bytecode_that_no_python_here_reads_is_left_out(venv: MadeVirtualenv) -> None:
    venv.add("shop", {"shop/a.py": "", "shop/native.pyc": ""})
    useless = {
        f"{SITE}/shop/__pycache__/a.cpython-312.pyc",
        f"{SITE}/shop/__pycache__/a.cpython-311-pytest-9.2.0.pyc",
        f"{SITE}/shop/__pycache__/gone.cpython-311.pyc",
        f"{SITE}/shop/__pycache__/a.sum-12.py311.1.nbc",
        "bin/__pycache__/shop.cpython-311.pyc",
    }
    venv.write(dict.fromkeys(useless, ""))

    assert useless == own(venv).left_out
    assert "shop" == own(venv).owners[f"{SITE}/shop/native.pyc"]


def test_what_only_the_maker_of_the_virtualenv_needs_is_left_out(venv: MadeVirtualenv) -> None:
    venv.add("complete", {"../../../bin/activate-completion": "#!/bin/sh"})
    needless = {"bin/activate", "bin/activate.fish", "bin/Activate.ps1", "bin/activate_this.py"}
    needless |= {"bin/deactivate.bat", "bin/pydoc.bat", ".gitignore", ".lock", "CACHEDIR.TAG"}
    venv.write(dict.fromkeys(needless, ""))

    found = own(venv)

    assert needless == found.left_out
    assert "complete" == found.owners["bin/activate-completion"]


def test_how_a_distribution_was_asked_for_is_left_out(venv: MadeVirtualenv) -> None:
    folder = venv.add("shop", listed=["shop-1.0.dist-info/REQUESTED"])
    venv.write({f"{SITE}/{folder.name}/{name}": "" for name in ("REQUESTED", "uv_cache.json")})

    found = own(venv)

    assert {f"{SITE}/{folder.name}/{name}" for name in ("REQUESTED", "uv_cache.json")} == (
        found.left_out
    )
    assert found.left_out.isdisjoint(found.owners)


def test_a_path_of_this_machine_that_nobody_needs_is_left_out(
    venv: MadeVirtualenv, tmp_path: Path
) -> None:
    venv.add("local", origin={"url": tmp_path.as_uri(), "dir_info": {}})
    venv.add("wheel", origin={"url": "file:///x.whl", "archive_info": {}})
    venv.add("git", origin={"url": "https://git.example/x", "vcs_info": {"vcs": "git"}})

    assert {f"{SITE}/{name}-1.0.dist-info/direct_url.json" for name in ("local", "wheel")} == (
        own(venv).left_out
    )


def test_all_that_lies_with_the_metadata_belongs_to_it(venv: MadeVirtualenv) -> None:
    folder = venv.add("shop")
    (folder / "extra").touch()

    assert "shop" == own(venv).owners[f"{SITE}/{folder.name}/extra"]


def test_without_a_list_the_top_level_packages_are_owned(venv: MadeVirtualenv) -> None:
    venv.write(
        {
            f"{SITE}/shop-2.0.egg-info/top_level.txt": "shop\n_shop\nsix\n",
            f"{SITE}/shop/a.py": "",
            f"{SITE}/shop/__pycache__/a.cpython-311.pyc": "",
            f"{SITE}/_shop.cpython-311-x86_64-linux-gnu.so": "",
            f"{SITE}/six.py": "",
            f"{SITE}/shopping/a.py": "",
        }
    )

    found = own(venv)

    assert {
        f"{SITE}/shop-2.0.egg-info/top_level.txt",
        f"{SITE}/shop/a.py",
        f"{SITE}/shop/__pycache__/a.cpython-311.pyc",
        f"{SITE}/_shop.cpython-311-x86_64-linux-gnu.so",
        f"{SITE}/six.py",
    } == found.owners.keys()
    assert ("shop has no list of its files; taken are those of its top-level packages.",) == (
        found.notes
    )


def test_an_egg_owns_all_that_is_in_it(venv: MadeVirtualenv) -> None:
    venv.write({f"{SITE}/shop-2.0-py3.11.egg/shop/a.py": ""})

    assert {f"{SITE}/shop-2.0-py3.11.egg/shop/a.py": "shop"} == own(venv).owners


def test_a_listed_file_that_is_gone_is_missed(venv: MadeVirtualenv) -> None:
    venv.add("shop", {"shop/a.py": ""}, listed=["shop/b.py", "../../../share/x", "shop/"])

    assert [("shop", f"{SITE}/shop/b.py"), ("shop", "share/x")] == list(own(venv).missing)


def test_bytecode_that_is_gone_is_not_missed(venv: MadeVirtualenv) -> None:
    venv.add("shop", {"a.py": ""}, listed=["__pycache__/a.cpython-311.pyc"])

    assert () == own(venv).missing


def test_what_is_reached_through_a_link_is_not_missed(venv: MadeVirtualenv) -> None:
    venv.write({"share/shop/a.py": ""})
    venv.add("shop", listed=["shop/a.py"])
    (venv.site / "shop").symlink_to("../../../share/shop")

    assert () == own(venv).missing


def test_what_is_excluded_is_not_missed_there_or_not(venv: MadeVirtualenv) -> None:
    venv.add("shop", {"shop/a.py": "", "shop/tests/b.py": ""}, listed=["shop/tests/gone.py"])

    found = own(venv, lambda path: path.endswith("/tests"))

    assert () == found.missing
    assert {f"{SITE}/shop/tests/b.py", f"{SITE}/shop/tests/gone.py"} == found.excluded
    assert found.excluded.isdisjoint(found.owners)


def test_files_in_other_places_are_told(venv: MadeVirtualenv) -> None:
    venv.add("shop", listed=["/etc/shop.conf", "/etc/shop.d"])

    (note,) = own(venv).notes

    assert "shop lists files outside of the virtualenv" in note
    assert "/etc/shop.conf and 1 more" in note


def test_packages_of_the_interpreter_are_told(tmp_path: Path) -> None:
    venv = make_virtualenv(tmp_path / "venv", settings="include-system-site-packages = true\n")

    (note,) = own(venv).notes

    assert "include-system-site-packages" in note


def test_what_an_interrupted_pip_left_is_left_out_and_told(venv: MadeVirtualenv) -> None:
    venv.write({f"{SITE}/~hop/a.py": "", f"{SITE}/~hop-1.0.dist-info/RECORD": ""})

    found = own(venv)

    assert {f"{SITE}/~hop/a.py", f"{SITE}/~hop-1.0.dist-info/RECORD"} == found.left_out
    assert 1 == len(found.notes)
