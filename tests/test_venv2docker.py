"""venv2docker: what its options mean, where the virtualenv and the project are, what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from projects import CommandLine
from virtualenvs import MadeVirtualenv, make_virtualenv

from dockerutils.config.image_kinds import ProjectFolder
from dockerutils.config.model import ImageSettings
from dockerutils.errors import DockerutilsError, ProjectError, UsageError
from dockerutils.images.catalogue import Catalogue
from dockerutils.packing.build_folder import MARK, BuildFolder
from dockerutils.packing.options import PackOptions
from dockerutils.packing.settings import Packing, find_virtualenv, items, project_of, read_packing

USUAL: dict[str, Any] = {
    "type": "venv",
    "name": "env",
    "tag": "latest",
    "prefix": False,
    "dest": "/usr/local/lib/env",
    "project": (ProjectFolder(".", "/usr/local/bin/shop"),),
    "project_path": True,
    "project_pypath": True,
    "apt": (),
    "paths": (),
    "pypaths": (),
    "exclude": (),
    "image_env": (),
    "image_workdir": "/usr/local/bin/shop",
    "image_expose": (),
}


def at(place: str) -> dict[str, Any]:
    """Give the keys that say where the project is."""
    return {"project": (ProjectFolder(".", place),), "image_workdir": place}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with a virtualenv `env` in it."""
    root = tmp_path / "shop"
    root.mkdir()
    make_virtualenv(root / "env")
    return root


def packing(
    shop: Path, virtualenv: str = "env", environ: Mapping[str, str] | None = None, **options: Any
) -> Packing:
    return read_packing(virtualenv, PackOptions(**options), shop, "/home/alice", environ or {})


def failure(shop: Path, **options: Any) -> DockerutilsError:
    with pytest.raises(DockerutilsError) as caught:
        packing(shop, **options)
    assert 2 == caught.value.status
    return caught.value


# Options --------------------------------------------------------------------------------------


def test_without_options_all_has_its_usual_place(shop: Path) -> None:
    found = packing(shop)

    assert ImageSettings(**USUAL, venv=str(shop / "env")) == found.settings
    assert "env:latest" == str(found.reference)
    assert (shop, shop / ".venv2docker") == (found.project, found.folder)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"base": "debian:12"}, {"base": "debian:12"}),
        ({"bin_path": "/srv/"}, at("/srv/shop")),
        ({"bin_path": "/"}, at("/shop")),
        ({"lib_path": "/opt"}, {"dest": "/opt/env"}),
        ({"workdir": "/var//lib/"}, {"image_workdir": "/var/lib"}),
        ({"user": "app:staff"}, {"image_user": "app:staff"}),
        ({"entrypoint": "python"}, {"image_entrypoint": ("python",)}),
        (
            {"entrypoint": "python", "args": ("-m,shop", r"a\,b,--x=1,$y")},
            {"image_entrypoint": ("python", "-m", "shop", "a,b", "--x=1", "$$y")},
        ),
        (
            {"env": ("A=1,B=c=d", r"C=1\,2,D=,E=$x {project}")},
            {
                "image_env": (
                    *(("A", "1"), ("B", "c=d"), ("C", "1,2"), ("D", "")),
                    ("E", "$$x {project}"),
                )
            },
        ),
        ({"ports": ("80,443/tcp", "53/udp")}, {"image_expose": ("80/tcp", "443/tcp", "53/udp")}),
        ({"paths": ("/a,/b/",)}, {"paths": ("/a", "/b")}),
        ({"pypaths": ("/a",)}, {"pypaths": ("/a",)}),
        ({"no_project_path": True}, {"project_path": False}),
        ({"no_project_pypath": True}, {"project_pypath": False}),
        ({"maintainer": "A <a@b>, $x"}, {"maintainer": "A <a@b>, $$x"}),
        ({"apt": ("libpq5,g++=4:12.2.0-3",)}, {"apt": ("libpq5", "g++=4:12.2.0-3")}),
        ({"apt": ("packages",)}, {"apt": ("./packages",)}),
        ({"apt": ("lists/apt.txt",)}, {"apt": ("lists/apt.txt",)}),
        ({"pip": "packages"}, {"pip": "packages"}),
        ({"name": "r/Shop".lower(), "tag": "1.2"}, {"name": "r/shop", "tag": "1.2"}),
        ({"name": "host:5000/r/shop:1.2"}, {"name": "host:5000/r/shop", "tag": "1.2"}),
        ({"name": "shop:1", "tag": "1"}, {"name": "shop", "tag": "1"}),
        ({"dockerdir": "build/files"}, {"exclude": ("build/files",)}),
    ],
)
def test_an_option_is_a_key_of_the_image(
    shop: Path, options: dict[str, Any], expected: dict[str, Any]
) -> None:
    (shop / "packages").touch()
    (shop / "lists").mkdir()
    (shop / "lists" / "apt.txt").touch()

    settings = packing(shop, **options).settings

    assert ImageSettings(**{**USUAL, "venv": str(shop / "env"), **expected}) == settings


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ((), []),
        (("",), []),
        (("a,,b", " "), ["a", "b"]),
        ((r"a\,b,c\d",), ["a,b", r"c\d"]),
    ],
)
def test_lists_have_commas(texts: tuple[str, ...], expected: list[str]) -> None:
    assert expected == items(texts)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": "My Shop"}, "--name is `My Shop`, which docker refuses as an image name"),
        ({"name": "Shop"}, "--name is `Shop`, which docker refuses as an image name"),
        ({"tag": "a b"}, "--tag is `a b`, which docker refuses."),
        ({"tag": "$x"}, "--tag is `$x`, which docker refuses."),
        ({"name": "shop:1", "tag": "2"}, "--name shop:1 has another tag than --tag 2."),
        ({"base": "a b"}, "--base is `a b`, which no image can be called."),
        ({"bin_path": "bin"}, "--bin-path is `bin`; write an absolute path"),
        ({"lib_path": "/a:b"}, "--lib-path is `/a:b`; write an absolute path"),
        ({"lib_path": "/usr/local/bin/shop"}, "would lie in each other."),
        ({"workdir": "here"}, "--workdir is `here`; write an absolute path"),
        ({"paths": ("/a,b",)}, "--paths is `b`; write an absolute path"),
        ({"pypaths": ("a",)}, "--pypaths is `a`; write an absolute path"),
        ({"ports": ("80,x",)}, "--ports holds `x`; write a port such as 8000 or 53/udp."),
        ({"env": ("A",)}, "--env gives A no value"),
        ({"env": ("A=1,=2",)}, "--env holds ``, which does not begin with a variable's name."),
        ({"env": ("A=1\n2",)}, "--env has to be one line."),
        ({"user": "a b"}, "--user is `a b`; write a name or a number"),
        ({"maintainer": "a\nb"}, "--maintainer has to be one line."),
        ({"apt": ("apt.txt",)}, "--apt names the file apt.txt, which is not there."),
        ({"apt": ("lists/apt",)}, "--apt names the file lists/apt, which is not there."),
        ({"apt": ("a b",)}, "--apt holds `a b`, which no Debian package is called"),
        ({"apt": ("--yes",)}, "--apt holds `--yes`, which no Debian package is called"),
        ({"pip": "needs.txt"}, "--pip names the file needs.txt, which is not there."),
        ({"args": ("a",)}, "--args are for the program of --entrypoint, and there is none."),
        ({"push": True}, "--push needs a repository in the name, and env has none."),
        ({"push": True, "name": "r/x", "skip_image": True}, "--push needs the image"),
        ({"run": True, "skip_image": True}, "--run needs the image that --skip-image leaves out."),
        ({"dockerdir": "/tmp/x"}, "--dockerdir /tmp/x is no folder in the project."),
        ({"dockerdir": "."}, "--dockerdir . is no folder in the project."),
        ({"dockerdir": "a/../../b"}, "is no folder in the project."),
        ({"dockerdir": "a*"}, "--dockerdir a* is no folder in the project."),
        ({"dockerdir": "lib/x"}, "is a name that the virtualenv has as well."),
        ({"dockerdir": "env"}, "is a name that the virtualenv has as well."),
        ({"dockerdir": "file"}, "--dockerdir file is a file."),
    ],
)
def test_what_cannot_be_meant_is_told_in_a_sentence(
    shop: Path, options: dict[str, Any], sentence: str
) -> None:
    (shop / "file").touch()

    told = failure(shop, **options)

    assert isinstance(told, UsageError)
    assert sentence in told.message
    assert told.message.endswith(".")


def test_its_values_are_literal_whatever_the_environment(shop: Path) -> None:
    found = packing(shop, entrypoint="$HOME", env=("A={project}",))
    project = project_of(found, "alice", "/home/alice", {"HOME": "/x"})

    assert {} == project.variables
    assert "env:latest" == str(Catalogue(project).find("env").reference)


def test_a_virtualenv_may_be_called_like_a_word_of_build_image(shop: Path) -> None:
    make_virtualenv(shop / "all", interpreter=shop.parent / "shop" / "base" / "bin" / "python3.11")

    found = packing(shop, "all")

    project = project_of(found, "alice", "/home/alice", {})
    assert "all:latest" == str(Catalogue(project).find(found.image).reference)


# Places ---------------------------------------------------------------------------------------


@pytest.fixture
def wrapped(tmp_path: Path) -> MadeVirtualenv:
    """A virtualenv in a folder as virtualenvwrapper has one."""
    return make_virtualenv(tmp_path / "wrapped" / "web")


@pytest.mark.parametrize("variable", ["WORKON_HOME", "VIRTUALENVWRAPPER_HOOK_DIR"])
def test_a_virtualenv_has_a_name_where_virtualenvwrapper_keeps_it(
    shop: Path, wrapped: MadeVirtualenv, variable: str
) -> None:
    (shop / "web").mkdir()  # no virtualenv, although it is called so
    environ = {variable: str(wrapped.root.parent), "VIRTUAL_ENV": str(shop / "env")}

    assert wrapped.root == find_virtualenv("web", shop, environ)
    assert shop / "env" == find_virtualenv("env", shop, environ)
    assert shop / "env" == find_virtualenv("../shop/env/", shop, environ)
    assert shop / "env" == find_virtualenv("", shop.parent, environ)


def test_a_name_that_nothing_has_is_told_with_the_places(
    shop: Path, wrapped: MadeVirtualenv
) -> None:
    folder = wrapped.root.parent
    with pytest.raises(ProjectError) as caught:
        find_virtualenv("none", shop, {"WORKON_HOME": str(folder)})

    assert f"there is no virtualenv {shop}/none, nor in {folder}." == caught.value.message


def test_no_virtualenv_at_all_is_told(shop: Path) -> None:
    assert "no virtualenv is named, and none is active." == failure(shop, virtualenv="").message


def test_the_project_is_noted_in_the_virtualenv(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (shop / "env" / ".project").write_text(f"{tmp_path}/other\n")

    assert tmp_path / "other" == packing(shop).project


def test_else_it_is_what_holds_the_virtualenv(shop: Path, tmp_path: Path) -> None:
    assert shop == read_packing("shop/env", PackOptions(), tmp_path, "/", {}).project


def test_else_it_is_the_current_folder(shop: Path, wrapped: MadeVirtualenv) -> None:
    environ = {"WORKON_HOME": str(wrapped.root.parent)}

    assert shop == packing(shop, "web", environ).project
    assert shop == read_packing("web", PackOptions(), shop, "/home", environ).project


def test_a_home_is_no_project(shop: Path) -> None:
    with pytest.raises(ProjectError, match=f"would be all of {shop}"):
        read_packing("env", PackOptions(), shop, str(shop), {})


def test_a_note_of_a_folder_that_is_gone_is_told(shop: Path) -> None:
    (shop / "env" / ".project").write_text("/no/where\n")

    assert "names /no/where, which is no folder." in failure(shop).message


def test_a_project_in_the_virtualenv_is_refused(shop: Path) -> None:
    (shop / "env" / "src").mkdir()
    (shop / "env" / ".project").write_text(f"{shop}/env/src")

    assert "lies in the virtualenv" in failure(shop).message


# The folder of the build's files --------------------------------------------------------------


def test_only_our_files_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    (folder / "layers").mkdir(parents=True)
    for name in ("build.log", "layers/01-menu.tar", "layers/mine.tar", "notes"):
        (folder / name).touch()
    (folder / "Dockerfile").write_text(f"{MARK}\nFROM x\n")

    assert not BuildFolder(folder).clean()

    left = sorted(one.relative_to(folder).as_posix() for one in folder.rglob("*"))
    assert ["layers", "layers/mine.tar", "notes"] == left


@pytest.mark.parametrize("name", ["Dockerfile", "build.log", "layers", "requirements"])
def test_what_somebody_else_has_made_is_neither_removed_nor_written_over(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("FROM mine\n")
    (tmp_path / "more").touch()

    with pytest.raises(ProjectError, match=f"that venv2docker has not made: {name}"):
        BuildFolder(tmp_path).check()
    assert not BuildFolder(tmp_path).clean()
    assert "FROM mine\n" == (tmp_path / name).read_text()


# The command ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "no virtualenv is named, and none is active."),
        (("none",), "there is no virtualenv"),
        (("src",), "is no virtualenv: it has no pyvenv.cfg."),
        (("python2",), "is a virtualenv of Python 2, which cannot be packed."),
        (("--name=UPPER", "env"), "--name is `UPPER`"),
        (("--no_such", "env"), "--no-such"),
    ],
)
def test_it_ends_with_a_sentence_and_status_2(
    shop: Path, command_line: CommandLine, words: tuple[str, ...], sentence: str
) -> None:
    (shop / "src").mkdir()
    (shop / "python2" / "bin").mkdir(parents=True)
    (shop / "python2" / "bin" / "activate").touch()
    (shop / "python2" / "lib" / "python2.7").mkdir(parents=True)

    done = command_line(shop, "venv2docker", *words)

    assert (2, "") == (done.status, done.out)
    assert sentence in done.err
    assert "Traceback" not in done.err


def test_options_have_either_spelling(shop: Path, command_line: CommandLine) -> None:
    done = command_line(shop, "venv2docker", "--build_dir=/x", "--no_project-path", "env")

    assert "--dockerdir /x is no folder in the project." in done.err
