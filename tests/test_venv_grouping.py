"""Which files make which layer, and in which order the layers lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtualenvs import MadeVirtualenv, make_virtualenv, real_virtualenv, write_all

from dockerutils.errors import ProjectError
from dockerutils.venv.editable import Editables, Place, find_editables
from dockerutils.venv.environment import Virtualenv, open_virtualenv
from dockerutils.venv.grouping import Group, Limits, group_files
from dockerutils.venv.ownership import Ownership, read_ownership
from dockerutils.venv.scan import File, scan

SITE = "lib/python3.11/site-packages"
KIB = 1 << 10
TENS = Limits(10 * KIB, 50)


@pytest.fixture
def venv(tmp_path: Path) -> MadeVirtualenv:
    return make_virtualenv(tmp_path / "venv")


def group(
    venv: MadeVirtualenv, places: Sequence[Place] = (), limits: Limits = TENS
) -> dict[str, Group]:
    """Give the groups by their names, the lowest layer first."""
    found = open_virtualenv(venv.root)
    files = scan(found.root)
    ownership = read_ownership(found, files)
    editables = find_editables(found, ownership, "/opt/venv", places)
    groups = group_files(
        found, files, ownership, editables, "/opt/venv", projects=places, limits=limits
    )
    assert len(groups) == len({one.name for one in groups})
    return {one.name: one for one in groups}


def paths(group: Group) -> list[str]:
    return [file.path for file in group.files]


def add_of_size(venv: MadeVirtualenv, **sizes: int) -> None:
    """Add distributions with so many KiB."""
    for name, size in sizes.items():
        venv.add(name, {f"{name}/data.bin": bytes(size * KIB)})


def test_large_distributions_come_first_by_size_class_and_name(venv: MadeVirtualenv) -> None:
    add_of_size(venv, tiny=1, zebra=33, ape=60, middle=20, little=2, whale=500)

    assert ["whale", "ape", "zebra", "middle", "small", "venv"] == list(group(venv))


def test_small_distributions_share_a_layer_in_the_order_of_paths(venv: MadeVirtualenv) -> None:
    add_of_size(venv, b=1, a=2, C=1)

    small = group(venv)["small"]

    assert sorted(paths(small)) == paths(small)
    assert {"a", "b", "C"} == {path.split("/")[3] for path in paths(small) if "data" in path}


def shelves(venv: MadeVirtualenv, shelf: int, most: int = 50) -> dict[str, set[str]]:
    """Give which small distributions share a layer, by the layer's name."""
    groups = group(venv, limits=Limits(10 * KIB, most, shelf * KIB))
    return {
        name: {path.split("/")[3] for path in paths(one) if path.endswith("data.bin")}
        for name, one in groups.items()
        if name.startswith("small")
    }


MANY = {f"d{number}": 2 for number in range(20)}


def test_many_small_distributions_are_divided_among_a_few_layers(venv: MadeVirtualenv) -> None:
    add_of_size(venv, **MANY)

    divided = shelves(venv, shelf=8)  # 40 KiB: four layers of 8 KiB at least

    assert ["small 1", "small 2", "small 3", "small 4"] == list(divided)
    assert sorted(MANY) == sorted(name for names in divided.values() for name in names)


def test_a_further_small_distribution_moves_no_other_one(venv: MadeVirtualenv) -> None:
    add_of_size(venv, **MANY)
    before = shelves(venv, shelf=8)
    add_of_size(venv, another=2)
    after = shelves(venv, shelf=8)

    assert before == {name: names - {"another"} for name, names in after.items()}


def test_small_distributions_share_one_layer_where_there_is_no_room(venv: MadeVirtualenv) -> None:
    add_of_size(venv, **MANY)

    assert {"small": set(MANY)} == shelves(venv, shelf=8, most=2)
    assert ["small 1", "small 2"] == list(shelves(venv, shelf=8, most=4))


def test_groups_say_where_their_files_are_and_come_to(venv: MadeVirtualenv) -> None:
    add_of_size(venv, large=20)

    assert (venv.root, "/opt/venv") == (
        group(venv)["large"].root,
        group(venv)["large"].dest,
    )


def test_bytecode_and_metadata_do_not_make_a_distribution_large(venv: MadeVirtualenv) -> None:
    folder = venv.add("shop", {"shop/a.py": "", "shop/__pycache__/a.cpython-311.pyc": bytes(50000)})
    (folder / "LICENSE").write_bytes(bytes(50000))

    assert ["small", "venv"] == list(group(venv))


def test_the_layers_are_no_more_than_allowed_and_the_largest_keep_theirs(
    venv: MadeVirtualenv,
) -> None:
    add_of_size(venv, a=20, b=21, c=22, d=40, tiny=1)

    assert ["d", "c", "small", "venv"] == list(group(venv, limits=Limits(10 * KIB, 4)))
    assert ["small", "venv"] == list(group(venv, limits=Limits(10 * KIB, 2)))


def test_no_place_is_kept_for_small_ones_that_are_not_there(venv: MadeVirtualenv) -> None:
    add_of_size(venv, a=20, b=21)

    assert ["a", "b", "venv"] == list(group(venv, limits=Limits(10 * KIB, 3)))


def test_too_few_layers_are_an_error(venv: MadeVirtualenv, tmp_path: Path) -> None:
    add_of_size(venv, a=20)
    write_all(tmp_path, {"app/main.py": ""})

    with pytest.raises(ProjectError, match="max_layers=2 is too little: this image has 3 layers"):
        group(venv, [Place(tmp_path / "app", "/app")], Limits(10 * KIB, 2))


def test_scripts_and_settings_are_the_virtualenvs_own(venv: MadeVirtualenv) -> None:
    venv.add("shop", {"../../../bin/shop": "#!/python\n", "shop.py": bytes(20 * KIB)})
    venv.add("early", {"early.pth": "import early"})
    venv.write(
        {
            "bin/mine": "text",
            "bin/activate": "",
            f"{SITE}/mine.pth": "import this",
            f"{SITE}/_virtualenv.py": "",
            f"{SITE}/__pycache__/_virtualenv.cpython-311.pyc": "",
        }
    )

    groups = group(venv)

    assert [
        "bin/mine",
        "bin/python",
        "bin/python3.11",
        "bin/shop",
        f"{SITE}/__pycache__/_virtualenv.cpython-311.pyc",
        f"{SITE}/_virtualenv.py",
        f"{SITE}/mine.pth",
        "lib64",
        "pyvenv.cfg",
    ] == paths(groups["venv"])
    assert f"{SITE}/early.pth" in paths(groups["small"])


def test_a_compiled_program_stays_with_its_distribution(venv: MadeVirtualenv) -> None:
    venv.add("ruff", {"../../../bin/ruff": b"\x7fELF" + bytes(20 * KIB)})

    assert "bin/ruff" in paths(group(venv)["ruff"])


def test_files_of_several_owners_or_none_are_shared(venv: MadeVirtualenv) -> None:
    venv.add("a", {"tests/a.py": ""})
    venv.add("b", {"tests/a.py": ""})
    venv.write({f"{SITE}/lost.py": "", "share/lost": "", "etc/a.cfg": ""})

    groups = group(venv)

    assert ["small", "shared", "venv"] == list(groups)
    assert ["etc/a.cfg", f"{SITE}/lost.py", f"{SITE}/tests/a.py", "share/lost"] == paths(
        groups["shared"]
    )


def test_local_distributions_lie_above_those_of_others(
    venv: MadeVirtualenv, tmp_path: Path
) -> None:
    origin = {"url": tmp_path.as_uri(), "dir_info": {}}
    venv.add("mine", {"mine.py": bytes(50 * KIB)}, origin=origin)
    add_of_size(venv, theirs=20)
    venv.write({"share/lost": ""})

    groups = group(venv)

    assert ["theirs", "shared", "local", "venv"] == list(groups)
    assert f"{SITE}/mine.py" in paths(groups["local"])
    assert not [path for path in paths(groups["local"]) if "direct_url" in path]


def test_an_editable_source_has_a_layer_above_the_virtualenv(
    venv: MadeVirtualenv, tmp_path: Path
) -> None:
    shop = tmp_path / "shop"
    files = {"src/shop/a.py": "", "src/shop/__pycache__/a.cpython-311.pyc": "", "docs/x": ""}
    write_all(shop, {**files, "src/shop.egg-info/PKG-INFO": "", "src/.env": ""})
    venv.add_editable("shop", shop, {"shop.pth": f"{shop}/src"})
    write_all(tmp_path, {"app/main.py": ""})

    groups = group(venv, [Place(tmp_path / "app", "/app")])

    assert ["local", "venv", "local shop", "project /app"] == list(groups)
    assert (shop, "/opt/venv/src/shop") == (groups["local shop"].root, groups["local shop"].dest)
    assert "src/shop/a.py" in paths(groups["local shop"])
    assert {"src"} == {path.split("/")[0] for path in paths(groups["local shop"])}
    assert not [path for path in paths(groups["local shop"]) if "pyc" in path or "egg" in path]
    assert f"{SITE}/shop.pth" in paths(groups["local"])


def test_a_source_that_the_project_brings_has_no_layer_of_its_own(
    venv: MadeVirtualenv, tmp_path: Path
) -> None:
    write_all(tmp_path, {"shop/src/shop/a.py": ""})
    venv.add_editable("shop", tmp_path / "shop", {"shop.pth": f"{tmp_path}/shop/src"})

    groups = group(venv, [Place(tmp_path / "shop" / "src", "/app")])

    assert ["local", "venv", "project /app"] == list(groups)


def test_a_checkout_in_the_virtualenv_is_local_without_its_repository(
    venv: MadeVirtualenv,
) -> None:
    files = {"src/shop/src/shop/a.py": "", "src/shop/.git/HEAD": "", "src/shop/README": ""}
    venv.write({**files, "src/shop/src/shop/__pycache__/a.cpython-311.pyc": ""})
    venv.add_editable("shop", venv.root / "src/shop", {"shop.pth": f"{venv.root}/src/shop/src"})

    groups = group(venv)

    assert ["local", "venv"] == list(groups)
    assert ["src/shop/src/shop/a.py"] == [
        path for path in paths(groups["local"]) if path.startswith("src/")
    ]


def test_projects_lie_on_top_in_their_order(venv: MadeVirtualenv, tmp_path: Path) -> None:
    write_all(tmp_path, {"a/a.py": "", "b/b.py": "", "b/__pycache__/b.pyc": "", "b/.git/x": ""})

    places = [
        Place(tmp_path / "b", "/srv"),
        Place(tmp_path / "a", "/app", lambda path: path == "a.py"),
    ]
    groups = group(venv, places)

    assert ["venv", "project /srv", "project /app"] == list(groups)
    assert ["b.py"] == paths(groups["project /srv"])
    assert [] == paths(groups["project /app"])


def test_the_virtualenv_in_a_project_is_no_part_of_it(tmp_path: Path) -> None:
    venv = make_virtualenv(tmp_path / "shop" / ".venv")
    write_all(tmp_path, {"shop/main.py": "", "shop/other/pyvenv.cfg": "", "shop/other/x": ""})
    (tmp_path / "shop" / "base").rename(tmp_path / "base")
    (venv.root / "bin" / "python").unlink()
    (venv.root / "bin" / "python").symlink_to(tmp_path / "base" / "bin" / "python3.11")

    assert ["main.py"] == paths(group(venv, [Place(tmp_path / "shop", "/app")])["project /app"])


def test_a_project_in_the_virtualenv_is_an_error(venv: MadeVirtualenv) -> None:
    venv.write({"src/main.py": ""})

    with pytest.raises(ProjectError, match="lies in the virtualenv"):
        group(venv, [Place(venv.root / "src", "/app")])


def test_every_file_of_a_virtualenv_is_in_one_layer_or_left_out(tmp_path: Path) -> None:
    venv = real_virtualenv(tmp_path / "venv")
    venv.add("shop", {"shop/a.py": "", "../../../bin/shop": "#!/python\n"})
    found = open_virtualenv(venv.root)
    left_out = read_ownership(found, scan(venv.root)).left_out

    grouped = [path for one in group(venv).values() for path in paths(one)]

    assert sorted(file.path for file in scan(venv.root)) == sorted([*grouped, *left_out])


def test_two_virtualenvs_of_the_same_packages_have_the_same_groups(tmp_path: Path) -> None:
    short, long = (make_virtualenv(tmp_path / folder / "venv") for folder in ("a", "b" * 200))
    for venv in (long, short):
        head = f"#!{venv.root}/bin/python\n" + "x" * 10100
        order = ["one", "two", "three"] if venv == short else ["three", "two", "one"]
        for name in order:
            files = {f"{name}.py": "x" * (10 * KIB - 100), f"../../../bin/{name}": head}
            venv.add(name, {**files, f"__pycache__/{name}.cpython-311.pyc": str(venv.root)})

    first, second = group(short), group(long)

    assert list(first) == list(second)
    assert [paths(one) for one in first.values()] == [paths(one) for one in second.values()]


# Any sizes -----------------------------------------------------------------------------------

ANY = Virtualenv(Path("/v"), (3, 11), (SITE,), Path("/usr/bin"), Path("/usr/bin/python"), False, "")


@given(
    st.dictionaries(st.sampled_from("abcdefghij"), st.integers(0, 5000), min_size=1),
    st.integers(0, 4000),
    st.integers(1, 8),
)
def test_layers_are_few_enough_and_have_each_file_once(
    sizes: dict[str, int], least: int, most: int
) -> None:
    files = [File(f"{SITE}/{name}", 0o644, size, 0, 0, 0) for name, size in sorted(sizes.items())]
    owners = {file.path: file.path[-1] for file in files}
    ownership = Ownership((), owners, {}, frozenset(), frozenset(), (), ())

    groups = group_files(ANY, files, ownership, Editables(), "/v", limits=Limits(least, most))

    assert sorted(files) == sorted(file for one in groups for file in one.files)
    assert len(groups) <= most
    alone = [one for one in groups if one.name != "small"]
    assert all(one.files[0].size >= least for one in alone)
    classes = [one.files[0].size.bit_length() for one in alone]
    assert sorted(classes, reverse=True) == classes
