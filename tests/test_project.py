"""The project: where it is, what it is called, and what it makes of odd names."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import SCRATCH, Projects

from dockerutils.config.model import Config
from dockerutils.errors import ProjectError
from dockerutils.project import Project, image_folders
from dockerutils.roots import find_root


@pytest.mark.parametrize("below", ["", "docker", "docker/dev", "src/a/b"])
def test_the_project_is_found_from_any_folder_of_it(projects: Projects, below: str) -> None:
    root = projects.images("dev")
    (root / below).mkdir(parents=True, exist_ok=True)

    assert root == find_root(root / below)


def test_the_nearest_project_counts(projects: Projects) -> None:
    outer = projects.images("dev")
    inner = projects.images("dev", name="shop/parts/inner")

    assert inner == find_root(inner / "docker")
    assert outer == find_root(outer / "parts")


def test_a_docker_folder_without_images_is_passed_over(projects: Projects) -> None:
    outer = projects.images("dev")
    (outer / "src" / "docker" / "notes").mkdir(parents=True)

    assert outer == find_root(outer / "src")


@pytest.mark.parametrize("file", ["dockerutils.cfg", "dockerutils.toml"])
def test_settings_alone_make_a_project(projects: Projects, file: str) -> None:
    root = projects.make({f"docker/{file}": ""})

    assert root == find_root(root)


@pytest.mark.parametrize(
    "header",
    [
        "[tool.dockerutils]",
        "[project]\nname = 'x'\n [ tool . 'dockerutils' ] # ours",
        "[tool.dockerutils.image.app]",
    ],
)
def test_a_table_of_pyproject_alone_makes_a_project(projects: Projects, header: str) -> None:
    root = projects.make({"pyproject.toml": f"{header}\n", "src/a.py": ""})

    assert root == find_root(root / "src")
    assert () == image_folders(root)


@pytest.mark.parametrize(
    "text", ["", "[project]\nname = 'dockerutils'\n", "# [tool.dockerutils]\n", "[tool.dockerutil]"]
)
def test_another_pyproject_makes_none(projects: Projects, text: str) -> None:
    outer = projects.images("dev")
    (outer / "src").mkdir()
    (outer / "src" / "pyproject.toml").write_text(text)

    assert outer == find_root(outer / "src")


def test_a_docker_folder_without_images_may_stand_beside_the_table(projects: Projects) -> None:
    root = projects.make({"pyproject.toml": "[tool.dockerutils]\n", "docker/notes/x": ""})

    assert root == find_root(root)
    assert ("notes",) == image_folders(root)


def test_without_a_docker_folder_it_is_said_what_to_make(tmp_path: Path) -> None:
    with pytest.raises(
        ProjectError, match=r"there is no docker/ folder in .* or above it"
    ) as caught:
        find_root(tmp_path)

    assert 2 == caught.value.status
    assert "Make docker/dev/Dockerfile" in caught.value.hint


def test_an_empty_docker_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "docker" / "dev").mkdir(parents=True)
    with pytest.raises(ProjectError, match="docker holds no image") as caught:
        find_root(tmp_path)

    assert "Make docker/dev/Dockerfile" in caught.value.hint


def test_a_docker_folder_that_cannot_be_listed_is_named(tmp_path: Path) -> None:
    (tmp_path / "docker").write_text("a file")
    with pytest.raises(ProjectError, match="docker cannot be listed: Not a directory"):
        image_folders(tmp_path)


def test_folders_are_named_in_order_and_without_hidden_ones(projects: Projects) -> None:
    files = [f"docker/{name}/x" for name in ("b", "a", ".git", "__pycache__", "ö ö")]
    root = projects.make({**dict.fromkeys(files, ""), "docker/file": ""})

    assert ("a", "b", "ö ö") == image_folders(root)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("shop", "shop"),
        ("Shop", "shop"),
        ("my shop", "my-shop"),
        ("it's $x", "it-s-x"),
        ("a\nb", "a-b"),
        ("日本", "project"),
    ],
)
def test_the_folder_names_the_project(folder: str, name: str) -> None:
    assert name == Project(Path("/x", folder), "alice", "/home/alice").name


def test_the_configured_name_wins_over_the_folder() -> None:
    project = Project(Path("/x/shop"), "alice", "/h", Config(project="Store"))

    assert "store" == project.name


def test_a_project_at_the_root_of_the_disk_has_a_name() -> None:
    assert "project" == Project(Path("/"), "alice", "/h").name


def test_nothing_is_said_of_usual_names() -> None:
    assert [] == Project(Path("/x/Shop"), "alice", "/h").oddities()


def test_what_docker_cannot_take_is_said() -> None:
    expected = [
        "images are named my-shop-…: docker does not take `My shop` whole.",
        "images are tagged alice-corp: docker takes no tag `alice@corp`.",
    ]
    assert expected == Project(Path("/x/My shop"), "alice@corp", "/h").oddities()


def test_the_mark_tells_projects_and_users_apart(projects: Projects) -> None:
    one, other = projects.images("dev", name="a"), projects.images("dev", name="b")
    marks = {Project(root, user, "/h").mark for root in (one, other) for user in ("alice", "bob")}

    assert 4 == len(marks)


def test_the_mark_is_the_same_through_a_link(projects: Projects, tmp_path: Path) -> None:
    root = projects.images("dev")
    (tmp_path / "link").symlink_to(root)

    assert Project(root, "alice", "/h").mark == Project(tmp_path / "link", "alice", "/h").mark


def test_a_folder_whose_name_is_no_text_has_a_project(tmp_path: Path) -> None:
    root = tmp_path / "caf\udce9"
    (root / "docker" / "dev").mkdir(parents=True)
    (root / "docker" / "dev" / "Dockerfile").write_text(SCRATCH)
    project = Project(find_root(root), "alice", "/h")

    assert "caf" == project.name
    assert project.mark.endswith("/alice")
