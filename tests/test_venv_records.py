"""Which distributions there are, and which files each says it has."""

from __future__ import annotations

from pathlib import Path

import pytest
from virtualenvs import MadeVirtualenv, make_virtualenv

from dockerutils.errors import ProjectError
from dockerutils.venv.environment import open_virtualenv
from dockerutils.venv.records import Distribution, read_distributions

SITE = "lib/python3.11/site-packages"


@pytest.fixture
def venv(tmp_path: Path) -> MadeVirtualenv:
    return make_virtualenv(tmp_path / "venv")


def read(venv: MadeVirtualenv) -> dict[str, Distribution]:
    return {one.name: one for one in read_distributions(open_virtualenv(venv.root))}


def test_names_are_normalised_and_versions_told(venv: MadeVirtualenv) -> None:
    venv.add("Foo.Bar-baz", version="1.2")

    assert {"foo-bar-baz": "1.2"} == {name: one.version for name, one in read(venv).items()}


def test_paths_of_a_record_are_relative_to_the_virtualenv(venv: MadeVirtualenv) -> None:
    venv.add(
        "shop",
        listed=[
            "shop/a.py",
            "../../../bin/shop",
            "../../../share/man/shop.1",
            "shop/./b.py",
            str(venv.root / "etc" / "shop.conf"),
            "shop/.hidden",
        ],
    )

    assert {
        f"{SITE}/shop/a.py",
        f"{SITE}/shop/b.py",
        f"{SITE}/shop/.hidden",
        "bin/shop",
        "share/man/shop.1",
        "etc/shop.conf",
    } <= set(read(venv)["shop"].files)


def test_quoted_names_are_read_as_csv(venv: MadeVirtualenv) -> None:
    venv.add("shop", {'shop/a, "b".txt': ""})

    assert f'{SITE}/shop/a, "b".txt' in read(venv)["shop"].files


def test_paths_through_lib64_are_those_of_lib(venv: MadeVirtualenv) -> None:
    venv.add("shop", listed=["../../../lib64/python3.11/site-packages/shop/_c.so"])

    assert f"{SITE}/shop/_c.so" in read(venv)["shop"].files


def test_the_real_path_of_a_linked_virtualenv_is_known(venv: MadeVirtualenv) -> None:
    venv.add("shop", listed=[str(venv.root / "bin" / "shop")])
    link = venv.root.parent / "link"
    link.symlink_to(venv.root)

    (shop,) = read_distributions(open_virtualenv(link))

    assert "bin/shop" in shop.files


def test_paths_outside_of_the_virtualenv_are_kept_apart(venv: MadeVirtualenv) -> None:
    venv.add("shop", listed=["/etc/shop.conf", "../../../../elsewhere"])

    assert ("/etc/shop.conf", "../../../../elsewhere") == read(venv)["shop"].outside
    assert not [path for path in read(venv)["shop"].files if "elsewhere" in path]


def test_without_a_record_the_top_level_names_count(venv: MadeVirtualenv) -> None:
    folder = venv.add("shop", record=False)
    (folder / "top_level.txt").write_text("shop\n_shop\n")

    assert not read(venv)["shop"].listed
    assert (f"{SITE}/shop", f"{SITE}/_shop") == read(venv)["shop"].claims


def test_installed_files_of_an_egg_info_are_read(venv: MadeVirtualenv) -> None:
    venv.write(
        {f"{SITE}/Shop-2.0-py3.11.egg-info/installed-files.txt": "../shop/__init__.py\nPKG-INFO\n"}
    )

    shop = read(venv)["shop"]

    assert "2.0" == shop.version
    assert (f"{SITE}/shop/__init__.py", f"{SITE}/Shop-2.0-py3.11.egg-info/PKG-INFO") == shop.files


def test_an_egg_info_may_be_a_single_file(venv: MadeVirtualenv) -> None:
    venv.write({f"{SITE}/my_shop-2.0.egg-info": "Metadata-Version: 1.0\n"})

    assert (f"{SITE}/my_shop",) == read(venv)["my-shop"].claims
    assert not read(venv)["my-shop"].listed


def test_an_egg_is_a_distribution(venv: MadeVirtualenv) -> None:
    venv.write({f"{SITE}/shop-2.0-py3.11.egg/EGG-INFO/PKG-INFO": ""})

    assert (f"{SITE}/shop-2.0-py3.11.egg",) == read(venv)["shop"].claims


def test_where_a_distribution_came_from_is_told(venv: MadeVirtualenv, tmp_path: Path) -> None:
    here = tmp_path / "a b"
    venv.add("local", origin={"url": here.as_uri(), "dir_info": {}})
    venv.add("git", origin={"url": "https://git.example/x", "vcs_info": {"vcs": "git"}})
    venv.add("wheel", origin={"url": "file:///tmp/x.whl", "archive_info": {}})
    venv.add_editable("editable", here, {})

    found = read(venv)

    assert {"local", "editable"} == {name for name, one in found.items() if one.local}
    assert here == found["local"].source == found["editable"].source
    assert ["editable"] == [name for name, one in found.items() if one.editable]
    assert {"local", "wheel"} == {name for name, one in found.items() if one.from_file}


def test_an_egg_link_tells_the_folder_of_the_project(venv: MadeVirtualenv) -> None:
    venv.write({f"{SITE}/My-shop.egg-link": "/home/shop/src\n../"})

    assert Path("/home/shop") == read(venv)["my-shop"].source
    assert read(venv)["my-shop"].editable


def test_what_pip_left_of_an_interrupted_removal_is_none(venv: MadeVirtualenv) -> None:
    venv.write({f"{SITE}/~hop-1.0.dist-info/RECORD": ""})

    assert {} == read(venv)


@pytest.mark.parametrize("text", ["{", "[]", '{"url": "file://[/x"}'])
def test_a_damaged_direct_url_is_named(venv: MadeVirtualenv, text: str) -> None:
    (venv.add("shop") / "direct_url.json").write_text(text)

    with pytest.raises(ProjectError, match=r"shop-1.0.dist-info/direct_url.json is damaged"):
        read(venv)


def test_a_damaged_record_is_named(venv: MadeVirtualenv) -> None:
    (venv.add("shop") / "RECORD").write_text('"' + "a" * 200_000)

    with pytest.raises(ProjectError, match=r"shop-1.0.dist-info/RECORD is damaged"):
        read(venv)
