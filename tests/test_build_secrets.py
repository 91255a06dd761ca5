"""Build secrets by convention: which are passed, from where, and what is never kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import Workshop, fake_session, said
from projects import Projects

from dockerutils.build import build_images
from dockerutils.build_options import BuildOptions
from dockerutils.config.load import load_config
from dockerutils.images import build_secrets
from dockerutils.images.build_secrets import known_secrets
from dockerutils.images.catalogue import Catalogue
from dockerutils.images.recipe import BuildRequest
from dockerutils.images.recipes import open_graph
from dockerutils.project import Project


def write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose own bundle of certificates is one of the test's."""
    bundle = write(tmp_path / "machine.crt")
    monkeypatch.setattr(build_secrets, "CA_BUNDLES", (str(tmp_path / "no.crt"), str(bundle)))
    return bundle


def words(
    projects: Projects, dockerfile: str, config: str = "", home: Path | None = None, **environ: str
) -> list[str]:
    """Give the options that a build of this Dockerfile gets for secrets and the agent."""
    root = projects.folder / "shop"
    if not root.exists():
        projects.make({"docker/app/Dockerfile": dockerfile, "docker/dockerutils.cfg": config})
    home = home or projects.folder / "home"
    project = Project(root, "alice", str(home), load_config(root, ("app",)), ("app",), environ)
    node = open_graph(Catalogue(project), environ).node("app")
    (command,) = node.reading.commands(BuildRequest(), {})
    start = command.argv.index("--label") + 2
    return list(command.argv[start:-1])


def mount(id_: str) -> str:
    return f"FROM scratch\nRUN --mount=type=secret,id={id_} x\n"


def test_the_projects_pip_conf_is_passed_where_it_is_mounted(projects: Projects) -> None:
    root = projects.make({"docker/app/Dockerfile": mount("pip.conf"), "pip.conf": ""})

    assert ["--secret", f"id=pip.conf,src={root}/pip.conf"] == words(projects, "")


@pytest.mark.parametrize("id_", ["pip.conf", "ca", "netrc"])
def test_a_secret_that_is_not_mounted_is_not_passed(
    projects: Projects, tmp_path: Path, id_: str
) -> None:
    files = {"docker/app/Dockerfile": f"FROM scratch\n# RUN --mount=type=secret,id={id_}\n"}
    projects.make({**files, "pip.conf": ""})
    write(tmp_path / "home" / ".netrc")

    assert [] == words(projects, "")


def test_ids_of_others_are_left_to_the_user(projects: Projects) -> None:
    assert [] == words(projects, mount("token"))


def test_several_secrets_and_the_agent_are_passed_once_each(
    projects: Projects, tmp_path: Path, machine: Path
) -> None:
    netrc = write(tmp_path / "home" / ".netrc")
    dockerfile = (
        "FROM scratch\nRUN --mount=type=secret,id=ca --mount=type=secret,id=netrc a\n"
        "RUN --mount=type=secret,id=ca --mount=type=ssh b\n"
    )

    expected = ["--secret", f"id=ca,src={machine}", "--secret", f"id=netrc,src={netrc}"]
    assert expected == words(projects, dockerfile)
    assert [*expected, "--ssh", "default"] == words(projects, dockerfile, SSH_AUTH_SOCK="/s")


@pytest.mark.parametrize(
    "given", ["--secret id=ca,src=/own", "--secret=id=ca,src=/own", "--secret type=env,id=ca"]
)
def test_an_id_that_build_args_give_is_not_passed_again(projects: Projects, given: str) -> None:
    assert given.split() == words(projects, mount("ca"), f"[app]\nbuild_args={given}\n")


def test_a_word_that_only_looks_like_an_id_gives_none(projects: Projects, machine: Path) -> None:
    given = "--cache-from type=registry,id=ca"

    assert [*given.split(), "--secret", f"id=ca,src={machine}"] == (
        words(projects, mount("ca"), f"[app]\nbuild_args={given}\n")
    )


@pytest.mark.parametrize("given", ["--ssh default=/key", "--ssh=default"])
def test_an_agent_that_build_args_give_is_not_passed_again(projects: Projects, given: str) -> None:
    dockerfile = "FROM scratch\nRUN --mount=type=ssh x\n"

    assert given.split() == words(projects, dockerfile, f"[app]\nbuild_args={given}\n")


# Places -------------------------------------------------------------------------------------


def test_pip_conf_is_the_first_of_its_places(tmp_path: Path) -> None:
    home = tmp_path / "home"
    places = [
        tmp_path / "pip.conf",
        tmp_path / "pip.conf.template",
        tmp_path / "xdg/pip/pip.conf",
        home / ".pip/pip.conf",
    ]
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    for place in places:
        write(place)
    found = []
    for place in places:
        found.append(known_secrets(tmp_path, home, environ)["pip.conf"].file)
        place.unlink()

    assert places == found


def test_a_pip_configuration_that_is_named_is_the_only_one(tmp_path: Path) -> None:
    write(tmp_path / "home/.pip/pip.conf")
    own = write(tmp_path / "own.conf")

    def found(name: str) -> Path | None:
        return known_secrets(tmp_path, tmp_path / "home", {"PIP_CONFIG_FILE": name})[
            "pip.conf"
        ].file

    assert own == found(str(own))
    assert found("/dev/null") is None


def test_pip_conf_is_looked_for_in_the_config_folder_of_the_home(tmp_path: Path) -> None:
    place = write(tmp_path / "home/.config/pip/pip.conf")

    assert place == known_secrets(tmp_path, tmp_path / "home", {})["pip.conf"].file


@pytest.mark.parametrize(
    "name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"]
)
def test_a_bundle_that_the_user_chose_comes_before_the_systems(tmp_path: Path, name: str) -> None:
    own = write(tmp_path / "own.crt")

    assert own == known_secrets(tmp_path, tmp_path, {name: str(own)})["ca"].file


def test_the_systems_bundle_is_used_only_where_none_is_named(tmp_path: Path, machine: Path) -> None:
    environ = {"SSL_CERT_FILE": str(tmp_path / "gone.crt")}

    assert machine == known_secrets(tmp_path, tmp_path, {"PIP_CERT": ""})["ca"].file
    assert known_secrets(tmp_path, tmp_path, environ)["ca"].file is None


def test_the_file_that_netrc_names_comes_before_the_homes(tmp_path: Path) -> None:
    home, own = write(tmp_path / ".netrc"), write(tmp_path / "own")

    assert home == known_secrets(tmp_path, tmp_path, {})["netrc"].file
    assert own == known_secrets(tmp_path, tmp_path, {"NETRC": str(own)})["netrc"].file


@pytest.mark.parametrize("place", ["x" * 5000, "folder"])
def test_a_place_that_cannot_hold_a_file_holds_none(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    environ = {"SSL_CERT_FILE": str(tmp_path / place)}

    assert known_secrets(tmp_path, tmp_path, environ)["ca"].file is None


def test_a_relative_place_is_where_the_user_is(
    projects: Projects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "here" / "own.crt")
    monkeypatch.chdir(tmp_path / "here")

    expected = ["--secret", f"id=ca,src={tmp_path}/here/own.crt"]
    assert expected == words(projects, mount("ca"), SSL_CERT_FILE="own.crt")


def test_a_place_with_commas_and_quotes_is_one_field(projects: Projects, tmp_path: Path) -> None:
    place = write(tmp_path / 'a,"b"' / "own.crt")
    quoted = str(place).replace('"', '""')

    expected = ["--secret", f'id=ca,"src={quoted}"']
    assert expected == words(projects, mount("ca"), SSL_CERT_FILE=str(place))


# What is said -------------------------------------------------------------------------------


def run(projects: Projects, files: dict[str, str]) -> str:
    session, _ = fake_session(projects.make(files))
    build_images(session, ("app",), BuildOptions())
    return said(session)


def test_a_mounted_secret_that_is_nowhere_is_warned_of(projects: Projects) -> None:
    text = run(projects, {"docker/app/Dockerfile": mount("netrc")})

    assert (
        "# warning: docker/app/Dockerfile mounts the secret netrc, but there is none: looked for"
        " the file that NETRC names, else ~/.netrc.\n" in text
    )


def test_a_secret_that_is_there_is_no_matter_for_words(projects: Projects) -> None:
    assert "warning" not in run(projects, {"docker/app/Dockerfile": mount("ca")})


def test_an_image_that_is_not_built_is_not_warned_of(projects: Projects) -> None:
    session, _ = fake_session(projects.make({"docker/app/Dockerfile": mount("netrc")}))
    workshop = Workshop()
    session = workshop.serve(session)
    build_images(session, ("app",), BuildOptions())
    build_images(session, ("app",), BuildOptions())

    assert 1 == said(session).count("mounts the secret netrc")


def test_the_content_of_a_secret_is_no_input(projects: Projects, tmp_path: Path) -> None:
    conf = write(tmp_path / "own.conf", "one")
    root = projects.make({"docker/app/Dockerfile": mount("pip.conf")})
    session, _ = fake_session(root, {"PIP_CONFIG_FILE": str(conf)})
    workshop = Workshop()
    session = workshop.serve(session)
    build_images(session, ("app",), BuildOptions())
    conf.write_text("two")
    build_images(session, ("app",), BuildOptions())

    assert ["shop-app:alice"] == workshop.built()


def test_nothing_of_a_secret_is_a_word_of_a_command(projects: Projects) -> None:
    files = {"docker/app/Dockerfile": mount("pip.conf"), "pip.conf": "h1dden"}
    session, runner = fake_session(projects.make(files))
    build_images(session, ("app",), BuildOptions())

    assert "h1dden" not in "".join(runner.lines) + said(session)
