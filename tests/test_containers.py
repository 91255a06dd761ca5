"""ps, logs, stop and exec: the containers of this project and user."""

from __future__ import annotations

import dataclasses

import pytest
from fakes import FixedEngine, RecordingRunner, fake_session, said
from projects import Projects

from dockerutils.containers import (
    LogOptions,
    PsOptions,
    execute,
    show_containers,
    show_logs,
    stop_containers,
)
from dockerutils.errors import EngineError, ProjectError
from dockerutils.session import Session


def opened(
    projects: Projects, status: int = 0, dev: tuple[str, ...] = ()
) -> tuple[Session, RecordingRunner]:
    """Open a project with containers of dev, the newest first."""
    engine = FixedEngine(has_containers={"dockerutils.run.image=dev": list(dev)})
    return fake_session(projects.images("dev", "app"), engine=engine, statuses={"docker": status})


def test_ps_shows_the_projects_containers_with_dockers_options(projects: Projects) -> None:
    session, runner = opened(projects, status=3)
    options = PsOptions(True, ("status=exited", "name=x"), "{{.ID}}", True, True)

    assert 3 == show_containers(session, options)
    expected = (
        f"docker ps --filter label=dockerutils.run={session.project.mark} --all"
        " --filter status=exited --filter name=x --format '{{.ID}}' --quiet --no-trunc"
    )
    assert [expected] == runner.lines


def test_logs_are_those_of_the_newest_container(projects: Projects) -> None:
    session, runner = opened(projects, dev=("new", "old"))

    assert 0 == show_logs(session, "dev", LogOptions(True, "5", "10m", True))
    assert ["docker logs --follow --tail 5 --since 10m --timestamps new"] == runner.lines
    assert "# new is the newest of 2 containers of dev.\n" == said(session)


def test_stop_stops_the_containers_of_the_named_images(projects: Projects) -> None:
    session, runner = opened(projects, dev=("one", "two"))

    assert 0 == stop_containers(session, ("dev", "app", "dev"))
    assert ["docker stop one two"] == runner.lines


def test_stop_without_a_name_stops_all_of_the_project(projects: Projects) -> None:
    session, runner = opened(projects)
    label = f"dockerutils.run={session.project.mark}"
    engine = FixedEngine(has_containers={label: ["one", "two"]})
    stop_containers(dataclasses.replace(session, engine=engine), ())

    assert ["docker stop one two"] == runner.lines


def test_stop_where_nothing_runs_is_no_error(projects: Projects) -> None:
    session, runner = opened(projects)

    assert 0 == stop_containers(session, ())
    assert ([], "# nothing of this project is running.\n") == (runner.lines, said(session))


def test_exec_runs_a_command_and_gives_its_status(projects: Projects) -> None:
    session, runner = opened(projects, status=9, dev=("one",))

    assert 9 == execute(session, "dev", ("ls", "-l", "$x"))
    assert ["docker exec -i one ls -l '$x'"] == runner.lines


def test_exec_without_a_command_is_a_shell_on_the_terminal(projects: Projects) -> None:
    session, runner = opened(projects, dev=("one",))
    execute(dataclasses.replace(session, interactive=True), "dev", ())

    words = runner.commands[0].argv
    assert ("docker", "exec", "-it", "one", "sh", "-c") == words[:6]


ASKS = {
    "running": lambda session: execute(session, "dev", ()),
    "there": lambda session: show_logs(session, "dev", LogOptions()),
}


@pytest.mark.parametrize("state", ASKS)
def test_without_a_container_it_is_said_what_starts_one(projects: Projects, state: str) -> None:
    session, _ = opened(projects)
    with pytest.raises(ProjectError) as caught:
        ASKS[state](session)

    assert f"no container of dev is {state}." == caught.value.message
    assert "`run-image dev` starts one." == caught.value.hint


def test_an_unknown_image_is_told_with_the_closest(projects: Projects) -> None:
    with pytest.raises(ProjectError, match="there is no image dve; did you mean `dev`"):
        stop_containers(opened(projects)[0], ("dve",))


def test_a_container_whose_name_is_none_is_not_used(projects: Projects) -> None:
    session, runner = opened(projects, dev=("", "old"))
    with pytest.raises(EngineError, match="newest container of dev cannot be used"):
        execute(session, "dev", ())

    assert [] == runner.lines


def test_a_container_whose_name_is_none_is_not_stopped(projects: Projects) -> None:
    session, runner = opened(projects, dev=("", "old"))
    stop_containers(session, ("dev",))

    assert ["docker stop old"] == runner.lines
    assert "# warning: 1 of the containers stay: " in said(session)


def test_stop_fails_where_no_name_is_one(projects: Projects) -> None:
    session, runner = opened(projects, dev=("",))

    assert (1, []) == (stop_containers(session, ("dev",)), runner.lines)
