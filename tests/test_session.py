"""A session made of the real world: folder, user, environment, terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from projects import Projects

from dockerutils.command import Command
from dockerutils.dry_runner import DryRunner
from dockerutils.engine import CliEngine, NoEngine
from dockerutils.errors import ConfigError
from dockerutils.person import home_folder, user_name
from dockerutils.session import Session
from dockerutils.startup import (
    Manner,
    open_session,
    standard_terminal,
)
from dockerutils.terminal import Terminal


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> pytest.MonkeyPatch:
    """An environment in which PWD follows the folder, as a shell keeps it."""
    for name in ("DOCKER_IP", "PWD"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "LOGNAME"):
        monkeypatch.setenv(name, environ[name])
    return monkeypatch


def opened(manner: Manner = Manner()) -> Session:  # noqa: B008  # it is immutable
    return open_session(Terminal(io.StringIO(), io.StringIO()), manner)


def said(session: Session) -> str:
    assert isinstance(session.terminal.err, io.StringIO)
    return session.terminal.err.getvalue()


def test_a_session_knows_its_project_user_and_folder(
    projects: Projects, there: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    root = projects.images("dev")
    there.chdir(root / "docker")
    session = opened()

    project = session.project
    assert (root, "alice", environ["HOME"]) == (project.root, project.user, project.home)
    assert root / "docker" == session.here
    assert isinstance(session.engine, CliEngine)
    assert not session.dry
    assert not session.docked


def test_a_dry_run_asks_nobody_and_begins_a_script(
    projects: Projects, there: pytest.MonkeyPatch
) -> None:
    there.chdir(projects.images("dev"))
    session = opened(Manner(dry_run=True))

    assert session.dry
    assert (NoEngine(), DryRunner) == (session.engine, type(session.runner))
    assert isinstance(session.terminal.out, io.StringIO)
    assert "" == session.terminal.out.getvalue()
    session.runner.run(Command(("docker", "ps")))
    session.runner.run(Command(("docker", "ps")))
    assert 1 == session.terminal.out.getvalue().count("#!/bin/sh\nset -e\n")


def test_the_folder_is_the_one_that_the_shell_shows(
    projects: Projects, there: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = projects.images("dev")
    (tmp_path / "link").symlink_to(root)
    there.chdir(root)
    there.setenv("PWD", str(tmp_path / "link"))

    assert tmp_path / "link" == opened().project.root


@pytest.mark.parametrize("pwd", ["/", "relative", "/no/such", ""])
def test_a_wrong_pwd_is_not_believed(
    projects: Projects, there: pytest.MonkeyPatch, pwd: str
) -> None:
    root = projects.images("dev")
    there.chdir(root)
    there.setenv("PWD", pwd)

    assert root == opened().here


def test_a_terminal_is_docked_where_docker_ip_is_set(
    projects: Projects, there: pytest.MonkeyPatch
) -> None:
    there.chdir(projects.images("dev"))
    there.setenv("DOCKER_IP", "10.0.0.1")

    assert opened().docked


def test_oddities_and_warnings_are_said(projects: Projects, there: pytest.MonkeyPatch) -> None:
    there.chdir(projects.images("dev", name="My shop", config="[dev]\nvolume=-v a:a\n"))
    there.setenv("LOGNAME", "alice@corp")

    lines = said(opened()).splitlines()
    assert (
        "# warning: images are named my-shop-…: docker does not take `My shop` whole." == lines[0]
    )
    assert "# warning: images are tagged alice-corp: docker takes no tag `alice@corp`." == lines[1]
    assert "volumes" in lines[2]


def test_two_configurations_are_an_error(projects: Projects, there: pytest.MonkeyPatch) -> None:
    there.chdir(projects.make({"docker/dockerutils.cfg": "", "docker/dockerutils.toml": ""}))
    with pytest.raises(ConfigError, match=r"docker/dockerutils\.cfg and docker/dockerutils\.toml"):
        opened()


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"LOGNAME": "a", "USER": "b"}, "a"),
        ({"LOGNAME": "", "USER": "b"}, "b"),
        ({"USERNAME": "c"}, "c"),
    ],
)
def test_the_environment_names_the_user(environ: dict[str, str], expected: str) -> None:
    assert expected == user_name(environ)


def test_the_system_names_a_user_whom_the_environment_does_not() -> None:
    assert user_name({})


def test_the_home_is_the_environments() -> None:
    assert "/x" == home_folder({"HOME": "/x"})
    assert Path(home_folder({})).is_absolute()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("plain", b"plain"), ("caf\udce9", b"caf\xe9"), ("a → b…", rb"a \u2192 b\u2026")],
)
def test_a_terminal_that_has_only_ascii_shows_everything(text: str, expected: bytes) -> None:
    standard_terminal()

    assert expected == text.encode("ascii", errors="terminal")
