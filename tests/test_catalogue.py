"""The images of a project by name."""

from __future__ import annotations

import pytest
from fakes import fake_session
from projects import Projects

from dockerutils.errors import ConfigError, ProjectError
from dockerutils.images.catalogue import Catalogue, Image


def find(projects: Projects, name: str, config: str = "") -> Image:
    session, _ = fake_session(projects.images("base", "dev", config=config))
    return Catalogue(session.project).find(name)


def test_a_folder_is_an_image_tagged_with_the_users_name(projects: Projects) -> None:
    image = find(projects, "dev")

    assert ("shop-dev:alice", "dev", True) == (str(image.reference), image.source, image.built)


@pytest.mark.parametrize(
    ("config", "name", "reference", "source"),
    [
        ("[dev]\ntag=1.2\n", "dev", "shop-dev:1.2", "dev"),
        ("[dev]\nname=other\n", "dev", "shop-other:alice", "dev"),
        ("[dev]\nname=other\nprefix=False\n", "dev", "other:alice", "dev"),
        ("[shell]\nname=base\n[base]\ntag=7\n", "shell", "shop-base:7", "base"),
        ("[shell]\nname=base\ntag=8\n[base]\ntag=7\n", "shell", "shop-base:8", "base"),
        (
            "[run_image]\nsynthetic_images=a,b\n[a]\nname=b\n[b]\nname=base\n",
            "a",
            "shop-base:alice",
            "base",
        ),
        (
            "[run_image]\nsynthetic_images=a\n[a]\nname=j\n[j]\nname=x/y\ntag=3\nprefix=False\n",
            "a",
            "x/y:3",
            "j",
        ),
    ],
)
def test_settings_make_the_reference(
    projects: Projects, config: str, name: str, reference: str, source: str
) -> None:
    image = find(projects, name, config)

    assert (reference, source) == (str(image.reference), image.source)


@pytest.mark.parametrize(("name", "expected"), [("dev", "x:2"), ("base", "shop-base:alice")])
def test_only_the_images_that_were_asked_for_are_renamed(
    projects: Projects, name: str, expected: str
) -> None:
    session, _ = fake_session(projects.images("base", "dev"))
    catalogue = Catalogue(session.project, frozenset({"dev"}), tag="2", repository="x")

    assert expected == str(catalogue.find(name).reference)


def test_an_image_without_a_usable_name_is_called_image(projects: Projects) -> None:
    session, _ = fake_session(projects.images("日本"))

    assert "shop-image:alice" == str(Catalogue(session.project).find("日本").reference)


def test_folders_called_all_and_clean_are_no_images(projects: Projects) -> None:
    session, _ = fake_session(projects.images("all", "clean", "dev"))
    catalogue = Catalogue(session.project)

    assert ("dev",) == catalogue.built
    with pytest.raises(ProjectError, match="`clean` is a word of build-image"):
        catalogue.find("clean")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dve", "there is no image dve; did you mean `dev`?"),
        ("DEV", "there is no image DEV; did you mean `dev`?"),
        ("nothing", "there is no image nothing."),
        ("", "there is no image ."),
    ],
)
def test_an_unknown_image_is_told_with_the_closest(
    projects: Projects, name: str, message: str
) -> None:
    with pytest.raises(ProjectError) as caught:
        find(projects, name)

    assert (message, 2) == (caught.value.message, caught.value.status)
    assert "The images of this project: base, dev." == caught.value.hint


def test_a_project_without_any_image_says_so(projects: Projects) -> None:
    session, _ = fake_session(projects.make({"docker/dockerutils.cfg": ""}))
    with pytest.raises(ProjectError, match="there is no image dev, nor any other"):
        Catalogue(session.project).find("dev")


@pytest.mark.parametrize("config", ["", "[tool]\ncmd=ls\n", "[shell]\nname=tool\n"])
def test_a_folder_without_a_dockerfile_is_told(projects: Projects, config: str) -> None:
    root = projects.make({"docker/tool/notes": "", "docker/dockerutils.cfg": config})
    session, _ = fake_session(root)
    name = "shell" if "shell" in config else "tool"
    with pytest.raises(ProjectError, match="docker/tool/ has no Dockerfile"):
        Catalogue(session.project).find(name)


def test_a_folder_may_hold_the_files_of_an_image_from_elsewhere(projects: Projects) -> None:
    config = "[tool]\nname=x/tool\nprefix=False\n"
    root = projects.make({"docker/tool/notes": "", "docker/dockerutils.cfg": config})
    session, _ = fake_session(root)

    assert not Catalogue(session.project).find("tool").built


def test_a_dockerfile_that_is_no_file_makes_no_image(projects: Projects) -> None:
    root = projects.images("dev")
    (root / "docker" / "odd" / "Dockerfile").mkdir(parents=True)
    (root / "docker" / "lost").mkdir()
    (root / "docker" / "lost" / "Dockerfile").symlink_to("nowhere")
    session, _ = fake_session(root)

    assert ("dev",) == Catalogue(session.project).built


def test_two_images_of_one_name_are_an_error(projects: Projects) -> None:
    session, _ = fake_session(projects.images("my tool", "my-tool"))
    with pytest.raises(ConfigError, match="my tool and my-tool would both be shop-my-tool:alice"):
        Catalogue(session.project).check_names()


def test_two_images_may_share_a_repository(projects: Projects) -> None:
    config = "[dev]\nname=one\ntag=a\n[base]\nname=one\ntag=b\n"
    session, _ = fake_session(projects.images("base", "dev", config=config))
    catalogue = Catalogue(session.project)
    catalogue.check_names()

    assert ["base", "dev"] == [image.name for image in catalogue.siblings["shop-one"]]


def test_a_tag_comes_from_the_environment(projects: Projects) -> None:
    root = projects.images("app", "dev", config="[app]\ntag=v$VERSION\n")
    session, _ = fake_session(root, {"VERSION": "1.2"})

    assert "shop-app:v1.2" == str(Catalogue(session.project).find("app").reference)


def test_a_tag_without_its_variable_stops_only_its_own_image(projects: Projects) -> None:
    root = projects.images("app", "dev", config="[app]\ntag=v$VERSION\n")
    catalogue = Catalogue(fake_session(root)[0].project)

    assert ["shop-dev"] == list(catalogue.siblings)
    with pytest.raises(ConfigError, match=r"dockerutils.cfg:2: \[app\] tag: .* VERSION is not set"):
        catalogue.find("app")


def test_a_tag_that_docker_refuses_after_replacement_is_named(projects: Projects) -> None:
    root = projects.images("app", config="[app]\ntag=$VERSION\n")
    session, _ = fake_session(root, {"VERSION": "a b"})

    with pytest.raises(ConfigError, match="`a b` here, which docker refuses"):
        Catalogue(session.project).find("app")
