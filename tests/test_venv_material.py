"""All that an image of a virtualenv is made of, found once."""

from __future__ import annotations

from pathlib import Path

import pytest
from virtualenvs import MadeVirtualenv, make_virtualenv, write_all

from dockerutils.errors import ProjectError
from dockerutils.venv.editable import Place
from dockerutils.venv.grouping import Limits
from dockerutils.venv.material import Material, gather


@pytest.fixture
def made(tmp_path: Path) -> MadeVirtualenv:
    made = make_virtualenv(tmp_path / "shop" / ".venv")
    made.add("menu", {"menu.py": "", "menu.txt": "x" * 100})
    write_all(tmp_path / "shop", {"src/shop.py": "", "src/notes.md": ""})
    return made


def paths(material: Material) -> dict[str, set[str]]:
    return {group.name: {file.path for file in group.files} for group in material.groups}


def test_a_virtualenv_s_files_and_the_project_s_make_groups(made: MadeVirtualenv) -> None:
    place = Place(made.root.parent / "src", "/app", lambda path: path.endswith(".md"))
    found = paths(gather(made.root, "/opt/venv", [place], Limits(100, 9)))

    assert ["menu", "venv", "project /app"] == list(found)
    assert {"shop.py"} == found["project /app"]
    assert f"{made.inside}/menu.txt" in found["menu"]


def test_what_is_excluded_is_looked_at_by_nobody(made: MadeVirtualenv) -> None:
    material = gather(made.root, "/opt/venv", excluded=lambda path: path.endswith("menu.txt"))

    assert not [file.path for file in material.files if file.path.endswith("menu.txt")]
    assert () == tuple(material.ownership.missing)


def test_what_is_shipped_of_the_virtualenv_is_not_the_project(made: MadeVirtualenv) -> None:
    material = gather(made.root, "/opt/venv", [Place(made.root.parent / "src", "/app")])
    shipped = {file.path for file in material.shipped}

    assert "shop.py" not in shipped
    assert {"pyvenv.cfg", f"{made.inside}/menu.py"} <= shipped


def test_what_is_no_virtualenv_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProjectError):
        gather(tmp_path, "/opt/venv")
