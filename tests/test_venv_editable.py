"""Where editable packages are imported from, and where their sources come to in the image."""

from __future__ import annotations

from pathlib import Path

import pytest
from virtualenvs import MadeVirtualenv, make_virtualenv, write_all

from dockerutils.errors import ProjectError
from dockerutils.venv.editable import Editables, EditableSource, Place, find_editables
from dockerutils.venv.environment import open_virtualenv
from dockerutils.venv.ownership import read_ownership
from dockerutils.venv.scan import scan

SITE = "lib/python3.11/site-packages"


@pytest.fixture
def venv(tmp_path: Path) -> MadeVirtualenv:
    return make_virtualenv(tmp_path / "venv")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with a package in src."""
    write_all(tmp_path / "shop", {"src/shop/__init__.py": "", "pyproject.toml": ""})
    return tmp_path / "shop"


def find(venv: MadeVirtualenv, *places: Place) -> Editables:
    found = open_virtualenv(venv.root)
    return find_editables(found, read_ownership(found, scan(found.root)), "/opt/venv", places)


def finder(mapping: object, namespaces: object = None, annotated: bool = True) -> str:
    """Write what setuptools writes."""
    kinds = (": dict[str, str]", ": dict[str, list[str]]") if annotated else ("", "")
    return (
        f"import sys\nMAPPING{kinds[0]} = {mapping!r}\n"
        f"NAMESPACES{kinds[1]} = {namespaces or {}!r}\ndef install():\n    pass\n"
    )


@pytest.mark.parametrize(
    "name", ["__editable__.shop-1.0.pth", "_editable_impl_shop.pth", "shop.pth"]
)
def test_a_pth_file_leads_to_the_source(venv: MadeVirtualenv, shop: Path, name: str) -> None:
    venv.add_editable("shop", shop, {name: f"{shop}/src"})

    found = find(venv)

    assert (EditableSource("shop", shop, "/opt/venv/src/shop", ("src",)),) == found.sources
    assert (
        (f"{shop}/src", "/opt/venv/src/shop/src"),
        (f"{shop}", "/opt/venv/src/shop"),
    ) == found.moved


def test_a_pth_file_may_say_more_than_paths(venv: MadeVirtualenv, shop: Path) -> None:
    text = f"# a comment\n\nimport os; os.nothing = 1\nimport\tsys\n{shop}/src\n../../beside\n"
    venv.add_editable("shop", shop, {"shop.pth": text})
    write_all(venv.root, {"lib/beside/x.py": ""})

    assert {str(shop), str(venv.root / "lib" / "beside")} == {
        str(source.folder) for source in find(venv).sources
    }


@pytest.mark.parametrize("annotated", [True, False])
def test_the_finder_of_setuptools_names_packages_and_modules(
    venv: MadeVirtualenv, shop: Path, annotated: bool
) -> None:
    write_all(shop, {"till/__init__.py": "", "single.py": "", "ns/part/__init__.py": ""})
    mapping = {"till": f"{shop}/till", "single": f"{shop}/single", "ns.part": f"{shop}/ns/part"}
    namespaces = {"ns": [f"{shop}/ns"], "virtual": []}
    files = {
        "__editable__.shop-1.0.pth": "import __editable___shop_1_0_finder; install()",
        "__editable___shop_1_0_finder.py": finder(mapping, namespaces, annotated),
        "__pycache__/__editable___shop_1_0_finder.cpython-311.pyc": "",
    }
    venv.add_editable("shop", shop, files)

    (source,) = find(venv).sources

    assert ("ns", "single", "till") == source.parts
    assert shop == source.folder


def test_bytecode_of_the_finder_is_left_out_as_its_paths_would_be_wrong(
    venv: MadeVirtualenv, shop: Path
) -> None:
    path = "__pycache__/__editable___shop_1_0_finder.cpython-311.pyc"
    venv.add_editable("shop", shop, {path: "", "__editable___shop_1_0_finder.py": finder({})})
    found = open_virtualenv(venv.root)

    assert {f"{SITE}/{path}"} == read_ownership(found, scan(found.root)).left_out


def test_only_the_parts_of_a_source_are_meant() -> None:
    source = EditableSource("shop", Path("/shop"), "/x", ("src/shop", "single"))

    assert [] == [
        path
        for path in ("src", "src/shop", "src/shop/a", "single.py", "single.abi3.so")
        if source.excludes(path)
    ]
    assert all(source.excludes(path) for path in (".git", "src/other", "tests", "singles.py"))


def test_a_whole_source_has_no_hidden_files_at_its_top() -> None:
    source = EditableSource("shop", Path("/shop"), "/x")

    assert all(source.excludes(path) for path in (".git", ".env", ".venv", "shop.egg-info"))
    assert not source.excludes("shop/.template")


def test_an_egg_link_leads_to_the_source_and_its_metadata(venv: MadeVirtualenv, shop: Path) -> None:
    write_all(shop, {"src/shop.egg-info/PKG-INFO": ""})
    venv.write(
        {
            f"{SITE}/shop.egg-link": f"{shop}/src\n../",
            f"{SITE}/easy-install.pth": f"{shop}/src\n./other-1.0-py3.11.egg\n",
            f"{SITE}/other-1.0-py3.11.egg/other.py": "",
        }
    )

    found = find(venv)

    assert (
        EditableSource("shop", shop, "/opt/venv/src/shop", ("src",), metadata=True),
    ) == found.sources
    assert not found.sources[0].excludes("src/shop.egg-info")


def test_a_source_in_a_folder_of_the_project_takes_its_place(
    venv: MadeVirtualenv, shop: Path
) -> None:
    venv.add_editable("shop", shop, {"shop.pth": f"{shop}/src\n"})

    found = find(venv, Place(shop / "src", "/app"))

    assert (EditableSource("shop", shop / "src", "/app", shipped=False),) == found.sources
    assert (f"{shop}/src", "/app") in found.moved


def test_a_source_deeper_in_the_project_keeps_its_way(venv: MadeVirtualenv, shop: Path) -> None:
    venv.add_editable("shop", shop, {"shop.pth": f"{shop}/src\n"})
    link = shop.parent / "link"
    link.symlink_to(shop)

    (source,) = find(venv, Place(link, "/app")).sources

    assert ("/app/src", False) == (source.dest, source.shipped)


def test_a_source_in_the_virtualenv_goes_with_it(venv: MadeVirtualenv) -> None:
    venv.write({"src/shop/shop/__init__.py": "", "src/shop/.git/HEAD": ""})
    venv.add_editable("shop", venv.root / "src/shop", {"shop.pth": f"{venv.root}/src/shop"})

    (source,) = find(venv).sources

    assert ("/opt/venv/src/shop", False) == (source.dest, source.shipped)


def test_a_second_folder_of_a_distribution_has_a_place_of_its_own(
    venv: MadeVirtualenv, shop: Path, tmp_path: Path
) -> None:
    write_all(tmp_path, {"lent/lent.py": ""})
    venv.add_editable("shop", shop, {"shop.pth": f"{shop}/src\n{tmp_path}/lent\n"})

    assert ["/opt/venv/src/shop", "/opt/venv/src/shop.2"] == [
        source.dest for source in find(venv).sources
    ]


def test_a_source_that_is_gone_is_named(venv: MadeVirtualenv, shop: Path) -> None:
    venv.add_editable("shop", shop, {"shop.pth": f"{shop}/lost"})

    with pytest.raises(ProjectError, match=rf"shop is editable, and its source {shop}/lost"):
        find(venv)


def test_a_pth_that_belongs_to_nothing_editable_is_an_error(
    venv: MadeVirtualenv, shop: Path
) -> None:
    venv.write({f"{SITE}/mine.pth": f"{shop}/src\n"})

    with pytest.raises(ProjectError) as caught:
        find(venv)

    assert f"{SITE}/mine.pth leads to {shop}/src" in caught.value.message
    assert "pip install -e" in caught.value.hint


def test_a_pth_of_a_usual_distribution_that_leads_outside_is_an_error(
    venv: MadeVirtualenv, shop: Path
) -> None:
    venv.add("shop", {"shop.pth": f"{shop}/src\n"})

    with pytest.raises(ProjectError, match=r"shop\.pth leads to"):
        find(venv)


def test_a_pth_into_a_folder_of_the_project_is_moved(venv: MadeVirtualenv, shop: Path) -> None:
    venv.write({f"{SITE}/mine.pth": f"{shop}/src\n"})

    found = find(venv, Place(shop / "src", "/app"))

    assert Editables((), ((f"{shop}/src", "/app"),)) == found


def test_a_pth_that_leads_nowhere_or_inside_does_no_harm(venv: MadeVirtualenv) -> None:
    venv.write({f"{SITE}/a.pth": "/not/there\nbelow\nimport this\n", f"{SITE}/below/x.py": ""})

    assert Editables() == find(venv)


def test_a_pth_that_cannot_be_read_is_named(venv: MadeVirtualenv) -> None:
    (venv.site / "gone.pth").symlink_to("/not/there")

    with pytest.raises(ProjectError, match=r"gone\.pth in .* cannot be read: No such file"):
        find(venv)


def test_a_way_of_installing_that_is_not_known_is_refused(venv: MadeVirtualenv, shop: Path) -> None:
    venv.add_editable(
        "shop", shop, {"shop.pth": "import _shop_loader", "_shop_loader.py": f"install({shop!r})"}
    )

    with pytest.raises(ProjectError) as caught:
        find(venv)

    assert "shop.pth does not tell where its source is" in caught.value.message
    assert f"pip install {shop}" in caught.value.hint


@pytest.mark.parametrize(
    "text", ["MAPPING = {", "MAPPING = find()", "MAPPING = 3", "MAPPING = {1: 2}"]
)
def test_a_finder_that_cannot_be_read_is_named(venv: MadeVirtualenv, shop: Path, text: str) -> None:
    venv.add_editable("shop", shop, {"__editable___shop_1_0_finder.py": text})

    with pytest.raises(
        ProjectError, match=r"__editable___shop_1_0_finder\.py cannot be understood"
    ):
        find(venv)


def test_an_editable_distribution_without_modules_needs_no_source(
    venv: MadeVirtualenv, shop: Path
) -> None:
    venv.add_editable("shop", shop, {})

    assert Editables((), ((str(shop), "/opt/venv/src/shop"),)) == find(venv)
