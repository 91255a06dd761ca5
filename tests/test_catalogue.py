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


# Images without a Dockerfile ------------------------------------------------------------------


def catalogue(projects: Projects, config: str, **folders: str) -> Catalogue:
    files = {f"docker/{folder}/{file}": "FROM scratch\n" for folder, file in folders.items()}
    root = projects.make({**files, "docker/dockerutils.cfg": config})
    return Catalogue(fake_session(root)[0].project)


def test_an_image_made_from_a_virtualenv_needs_no_folder(projects: Projects) -> None:
    images = catalogue(projects, "[app]\ntype=venv\n[zoo]\ntype=venv\ntag=1\n", dev="Dockerfile")
    app = images.find("app")

    assert ("app", "dev", "zoo") == images.built == images.names
    assert ("shop-app:alice", True, "venv") == (str(app.reference), app.built, app.made_as)
    assert ["shop-app", "shop-dev", "shop-zoo"] == list(images.siblings)


def test_a_table_of_pyproject_is_enough_for_a_project_of_such_images(projects: Projects) -> None:
    root = projects.make({"pyproject.toml": "[tool.dockerutils.image.app]\ntype = 'venv'\n"})
    images = Catalogue(fake_session(root)[0].project)

    assert ("app",) == images.built
    assert "shop-app:alice" == str(images.find("app").reference)


def test_its_folder_may_hold_anything_but_a_dockerfile(projects: Projects) -> None:
    images = catalogue(projects, "[app]\ntype=venv\n", app="notes")

    assert ("app",) == images.built
    assert images.find("app").built


@pytest.mark.parametrize("name", ["app", "shell"])
def test_an_image_that_could_be_made_in_two_ways_is_an_error(projects: Projects, name: str) -> None:
    config = "[app]\nvenv=x\ntype=venv\n[shell]\nname=app\n"
    images = catalogue(projects, config, app="Dockerfile", dev="Dockerfile")
    with pytest.raises(ConfigError) as caught:
        images.find(name)

    expected = (
        "docker/dockerutils.cfg:3: [app] type is venv, but there is docker/app/Dockerfile as well."
    )
    assert expected == caught.value.message
    assert "Remove the Dockerfile, or the key `type`." == caught.value.hint
    assert images.find("dev").built


def test_a_synthetic_image_is_made_as_the_one_it_names(projects: Projects) -> None:
    image = catalogue(projects, "[app]\ntype=venv\ntag=1\n[shell]\nname=app\n").find("shell")

    expected = ("shop-app:1", "app", "venv", True)
    assert expected == (str(image.reference), image.source, image.made_as, image.built)


def test_no_type_makes_an_image_of_a_word_of_build_image(projects: Projects) -> None:
    images = catalogue(projects, "[all]\ntype=venv\n")

    assert () == images.built
    with pytest.raises(ProjectError, match="`all` is a word of build-image"):
        images.find("all")


def test_two_images_of_one_name_are_an_error_whatever_their_types(projects: Projects) -> None:
    images = catalogue(projects, "[app]\ntype=venv\nname=dev\n", dev="Dockerfile")
    with pytest.raises(ConfigError, match="app and dev would both be shop-dev:alice"):
        images.check_names()
