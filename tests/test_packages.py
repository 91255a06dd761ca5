"""What a builder installs below a virtualenv: its Dockerfile, its name, when it is built."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from bakeries import Bakery, DownEngine, base_of, open_bakery, reading_request
from projects import Projects

from dockerutils.errors import DockerutilsError, EngineError, ProjectError
from dockerutils.images.inputs import base_digest
from dockerutils.images.packages import Packages, debian_packages
from dockerutils.images.requirements import read_requirements
from dockerutils.oci.image import OciImage
from dockerutils.why import explain_image

PLACE = Path("docker/dockerutils.toml")


@pytest.fixture
def bakery(projects: Projects) -> Bakery:
    return open_bakery(projects)


def ready(bakery: Bakery, *lines: str, **settings: Any) -> str:
    """Configure packages, and let the builder make what they need; gives the name of that."""
    bakery.configure(*lines)
    packages = bakery.reading().parts.packages
    assert packages is not None
    base = bakery.store.engine.facts(["python:3"])["python:3"]
    labels = {"Labels": {"dockerutils.image": "shop-app-packages"}}
    name = packages.reference(base_digest(base.layers, base.config), base.config.get("User") or "")
    bakery.runner.makes[name] = OciImage(
        (*base_of().layers, *base_of("usr/bin/hello").layers), base_of(**labels, **settings).config
    )
    return name


def builds(bakery: Bakery) -> list[list[str]]:
    """Give the words of the builds since the last question."""
    found = [[*one.argv] for one in bakery.runner.commands if one.argv[1] == "build"]
    bakery.runner.commands.clear()
    return found


def script_of(step: str) -> str:
    """Give the shell script of a RUN."""
    words = json.loads(step[step.index("[") :])
    assert words[:2] == ["/bin/sh", "-ec"]
    return str(words[2])


# Where it is built ----------------------------------------------------------------------------


def test_packages_are_built_once_and_the_virtualenv_stands_on_them(bakery: Bakery) -> None:
    name = ready(bakery, 'apt = ["hello"]')

    bakery.build()

    assert [name] == [words[3] for words in builds(bakery)]
    below, image = (bakery.store.images[bakery.store.tags[one]] for one in (name, "shop-app:alice"))
    assert below.layers == image.layers[:2]
    assert "# app is up to date; --rebuild would build anyway.\n" == bakery.build()
    bakery.change("src/shop.py", "x = 2\n")
    assert "1 of 6 layers" in bakery.build()
    assert [] == builds(bakery)


def test_without_the_cache_they_are_built_again(bakery: Bakery) -> None:
    ready(bakery, 'apt = ["hello"]')
    bakery.build()
    builds(bakery)

    bakery.build(no_cache=True)

    (words,) = builds(bakery)
    assert "--no-cache" in words


def test_other_packages_or_another_base_are_another_name(bakery: Bakery) -> None:
    bakery.change("needs.txt", "six\n")
    names = [ready(bakery, 'apt = ["hello"]'), ready(bakery, 'apt = ["sl"]')]
    names.append(ready(bakery, 'apt = ["hello"]', 'pip = "needs.txt"'))
    bakery.change("needs.txt", "six==1.16\n")
    names.append(ready(bakery, 'apt = ["hello"]', 'pip = "needs.txt"'))
    bakery.venv.add("bread", {"bread.py": ""})
    names.append(ready(bakery, 'apt = ["hello"]', 'pip = "needs.txt"'))
    bakery.runner.have("python:3", base_of(Env=["A=1"]))
    names.append(ready(bakery, 'apt = ["hello"]', 'pip = "needs.txt"'))

    assert len(names) == len(set(names))
    assert all(name.startswith("shop-app-packages:") for name in names)


def test_why_names_what_changed(bakery: Bakery) -> None:
    ready(bakery, 'apt = ["hello"]')
    bakery.build()
    bakery.change("needs.txt", "six\n")
    ready(bakery, 'apt = ["hello", "sl"]', 'pip = "needs.txt"')

    explain_image(bakery.session(), "app", as_json=False)

    assert "  apt sl, needs.txt added\n" in bakery.out.getvalue()
    builds(bakery)
    bakery.build()
    assert 1 == len(builds(bakery))


def test_clean_removes_them(bakery: Bakery) -> None:
    name = ready(bakery, 'apt = ["hello"]')
    bakery.build()
    id_ = bakery.store.tags[name]

    bakery.build("clean")

    (removal,) = [one.argv for one in bakery.runner.commands if one.argv[1:3] == ("image", "rm")]
    assert {"shop-app:alice", id_} <= set(removal)


def test_without_an_engine_they_are_refused_also_for_a_file(bakery: Bakery) -> None:
    bakery.configure('apt = ["hello"]')
    bakery.engine = DownEngine(is_ill=EngineError("the Docker engine does not answer: no.", "Go."))

    with pytest.raises(EngineError) as caught:
        bakery.build(output="app.tar")

    assert caught.value.message.startswith(
        "app has packages of `apt` or `pip`, which only an engine can install: the Docker engine"
    )
    assert "Go." == caught.value.hint


def test_a_base_from_a_file_is_refused(bakery: Bakery) -> None:
    bakery.configure('base = "./base.tar"', 'apt = ["hello"]')
    (bakery.root / "base.tar").touch()

    with pytest.raises(DockerutilsError):
        bakery.build()
    assert [] == builds(bakery)


def test_a_dry_run_prints_them_within_the_build(bakery: Bakery) -> None:
    bakery.configure('apt = ["hello"]')
    (command,) = bakery.reading().commands(reading_request(), {})

    assert command.stdin is not None
    assert "install --yes --no-install-recommends hello" in command.stdin.text


# What is built --------------------------------------------------------------------------------


def made(root: Path, *, apt: tuple[str, ...] = (), pip: str = "", **more: Any) -> Packages:
    requirements = read_requirements(root, pip, PLACE) if pip else None
    return Packages("shop-app-packages", "/opt/venv", (3, 11), apt, requirements, **more)


def test_debian_packages_are_one_step(tmp_path: Path) -> None:
    lines = made(tmp_path, apt=("hello", "libpq5=15")).dockerfile("python:3")

    assert "FROM python:3" == lines[0]
    assert "install --yes --no-install-recommends hello libpq5=15" in script_of(lines[1])
    assert 2 == len(lines)


def test_a_base_with_a_user_gets_it_back(tmp_path: Path) -> None:
    lines = made(tmp_path, apt=("hello",)).dockerfile("python:3", "app")

    assert ("USER root", "USER app") == (lines[1], lines[-1])


def test_requirements_get_along_with_the_virtualenvs_own(tmp_path: Path) -> None:
    (tmp_path / "needs.txt").write_text("six\n")
    packages = made(tmp_path, pip="needs.txt", held=(("menu", "1.0"), ("soup", "2")))

    (step,) = packages.instructions()

    script = script_of(step)
    assert "menu==1.0 soup==2 >/tmp/constraints.txt" in script
    assert "install" in script.partition("--constraint /tmp/constraints.txt")[0]
    assert "uninstall --quiet --yes --requirement /tmp/constraints.txt" in script
    mount = "--mount=type=secret,id=requirements,required=true,target=/run/requirements/needs.txt"
    assert mount in step


def test_what_requirements_say_is_nowhere_in_the_command(tmp_path: Path) -> None:
    (tmp_path / "needs.txt").write_text("--index-url https://u:tr3asure@index.invalid/\nsix\n")
    packages = made(tmp_path, pip="needs.txt")

    command = packages.command("x:1", "python:3", "", reading_request())

    assert command.stdin is not None
    assert "tr3asure" not in str(command) + command.stdin.text
    assert f"id=requirements,src={tmp_path}/needs.txt" in command.argv


def test_the_printed_line_writes_the_same_dockerfile(tmp_path: Path) -> None:
    packages = made(tmp_path, apt=("hello",))

    command = packages.command("x:1", "python:3", "app", reading_request())

    assert command.stdin is not None
    words = shlex.split(command.stdin.shown)
    assert ["printf", r"%s\n"] == words[:2]
    assert command.stdin.text == "".join(f"{line}\n" for line in words[2:])


# Files ----------------------------------------------------------------------------------------


def test_a_file_names_one_package_on_a_line(tmp_path: Path) -> None:
    (tmp_path / "apt.txt").write_text("\ufeff# tools\nhello\n\n  sl # train\r\n")

    assert ["a1", "hello", "sl"] == [*debian_packages(tmp_path, ["a1", "apt.txt"], PLACE)]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("hello sl\n", "apt.txt:1: holds `hello sl`, which no Debian package is called"),
        ("\n-y\n", "apt.txt:2: holds `-y`"),
        ("./more.txt\n", "apt.txt:1: names a file, where packages are named."),
    ],
)
def test_a_line_that_is_no_package_is_told(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "apt.txt").write_text(text)
    with pytest.raises(ProjectError) as caught:
        [*debian_packages(tmp_path, ["apt.txt"], PLACE)]

    assert sentence in caught.value.message


def test_a_missing_file_is_told_with_its_key(tmp_path: Path) -> None:
    for read in (
        lambda: [*debian_packages(tmp_path, ["./none"], PLACE)],
        lambda: read_requirements(tmp_path, "none", PLACE),
    ):
        with pytest.raises(ProjectError, match="none, which cannot be read: No such file"):
            read()


def test_requirements_bring_what_they_include(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "main.txt").write_text("-r b/more.txt\n-c ../limits.txt # not above\nsix\n")
    (tmp_path / "a" / "b" / "more.txt").write_text("--requirement=../main.txt\n")
    (tmp_path / "limits.txt").write_text("-c https://example.org/c.txt\nsix<2\n")

    found = read_requirements(tmp_path, "a/main.txt", PLACE)

    assert ["a/main.txt", "a/b/more.txt", "limits.txt"] == [*found.files]
    assert "/run/requirements/a/main.txt" == found.main


@pytest.mark.parametrize(
    "line", ["-e .", "--editable=src", "./wheels/x.whl", "/srv/x", ".", ".[dev]", "x @ file:///y"]
)
def test_requirements_of_this_machine_are_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "needs.txt").write_text(f"six\n{line}\n")

    with pytest.raises(ProjectError, match=r"needs.txt:2: names a folder or a file"):
        read_requirements(tmp_path, "needs.txt", PLACE)


def test_requirements_that_no_builder_takes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "needs.txt").write_text("#" * 600_000)

    with pytest.raises(ProjectError, match="500 KiB are the most that builders take"):
        read_requirements(tmp_path, "needs.txt", PLACE)


def test_an_interpreter_that_comes_along_cannot_install_them(bakery: Bakery) -> None:
    bakery.configure('interpreter = "bundle"', 'pip = "needs.txt"')

    with pytest.raises(ProjectError, match="`pip` needs the base's Python"):
        _ = bakery.reading().parts.packages
