"""run-image beyond its plan: names, labels, secrets, statuses and what is told of a failure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

import pytest
from fakes import FixedEngine, RecordingRunner, fake_session
from projects import Projects

from dockerutils.command import Command
from dockerutils.errors import CommandFailed, DockerutilsError, EngineError
from dockerutils.run import RunOptions, run_image
from dockerutils.session import Session


def opened(
    projects: Projects,
    config: str = "",
    engine: FixedEngine | None = None,
    statuses: Mapping[str, int] | None = None,
    environ: Mapping[str, str] | None = None,
) -> tuple[Session, RecordingRunner]:
    return fake_session(projects.images("base", "dev", config=config), environ, engine, statuses)


def ran(projects: Projects, options: RunOptions, config: str = "", **environ: str) -> Command:
    session, runner = opened(projects, config, environ=environ)
    run_image(session, "dev", (), options)
    (command,) = runner.commands
    return command


def test_the_whole_command(projects: Projects) -> None:
    session, runner = opened(projects)
    run_image(session, "dev", ("ls", "-l"), RunOptions())

    words = (
        *("docker", "run", "--rm", "-i", "--init", "--name", "shop-dev-alice-c0ffee"),
        *("--label", f"dockerutils.run={session.project.mark}"),
        *("--label", "dockerutils.run.image=dev", "--pull", "never"),
        *("shop-dev:alice", "ls", "-l"),
    )
    assert [Command(words, folder=session.project.root)] == runner.commands


def test_a_terminal_is_asked_for_where_there_is_one(projects: Projects) -> None:
    session, runner = opened(projects)
    run_image(dataclasses.replace(session, interactive=True), "dev", (), RunOptions())

    assert "-it" in runner.commands[0].argv


@pytest.mark.parametrize("words", ["-it", "-i -t -a stdin"])
def test_configured_options_for_a_terminal_hold_where_there_is_one(
    projects: Projects, words: str
) -> None:
    session, runner = opened(projects, f"[dev]\ninteractive={words}\n")
    run_image(dataclasses.replace(session, interactive=True), "dev", (), RunOptions())

    assert {"-it", "--tty"} & set(runner.commands[0].argv)


def test_a_detached_container_gets_no_input(projects: Projects) -> None:
    assert not {"-i", "-it"} & set(ran(projects, RunOptions(detach=True)).argv)


SESSION = ("project", "runner", "engine", "environ", "terminal", "here")


def test_names_do_not_clash(projects: Projects) -> None:
    root = projects.images("dev")
    names = set()
    for _ in range(50):
        session, runner = fake_session(root)
        usual = Session(*(getattr(session, name) for name in SESSION))
        run_image(usual, "dev", (), RunOptions())
        names.add(runner.commands[0].argv[6])

    assert 50 == len(names)
    assert all(re.fullmatch(r"shop-dev-alice-[0-9a-f]{6}", name) for name in names)


SECRETS = """
[dev]
environment=-e A=$SECRET -e B=x${SECRET}
volumes=-v a:/a -e C=$SECRET
volumes_docked=-v a:/a -e C=$SECRET
ports=-p 1:1 -e D=$SECRET
network=--network n -e E=$SECRET
args=--shm-size 1g --env=F=$SECRET
gpu=--gpus all -e G=$SECRET
interactive=-i -e H=$SECRET
init=--init -e I=$SECRET
keep_container=--restart no -e J=$SECRET
env=more
aws=True
[more]
K=$SECRET
"""


@pytest.mark.parametrize("docked", [{}, {"DOCKER_IP": "1.2.3.4"}])
def test_no_value_of_the_environment_is_a_word_of_the_command(
    projects: Projects, docked: dict[str, str]
) -> None:
    environ = {"SECRET": "h1dden", "AWS_SECRET_ACCESS_KEY": "h1dden too", **docked}
    command = ran(projects, RunOptions(env=("SECRET",)), SECRETS, **environ)

    assert "h1dden" not in " ".join([*command.argv, str(command), repr(command)])
    assert set("ABCDEFGHIJK") == set(command.variables())
    assert set(command.variables()) <= set(command.argv)
    assert {"SECRET", "AWS_SECRET_ACCESS_KEY"} <= set(command.argv)


def test_a_variable_that_the_command_line_sets_needs_nothing_of_the_configuration(
    projects: Projects,
) -> None:
    config = (
        "[dev]\nenvironment=-e TOKEN=$NOT_SET\nnetwork=$NOT_SET\ncmd=$NOT_SET\nargs=-u $NOT_SET\n"
    )
    options = RunOptions(env=("TOKEN=1",), network="n", command="ls", user="5")

    assert {} == ran(projects, options, config).variables()


def test_the_last_of_several_assignments_counts(projects: Projects) -> None:
    config = "[dev]\nenvironment=-e A=1 -e B=2 -e A=3\nargs=-e B=4\n"
    words = ran(projects, RunOptions(), config).argv

    assert ["A=3", "B=4"] == [word for word in words if "=" in word and word[0] in "AB"]


def test_a_secret_that_is_not_used_is_not_handed_over(projects: Projects) -> None:
    config = "[dev]\nenvironment=-e A=$SECRET\nargs=-e A=plain\n"

    assert {} == ran(projects, RunOptions(), config, SECRET="h1dden").variables()


@pytest.mark.parametrize("status", [0, 1, 42, 126, 127, 137])
def test_the_status_of_the_container_is_ours(projects: Projects, status: int) -> None:
    session, _ = opened(projects, statuses={"docker run": status})

    assert status == run_image(session, "dev", (), RunOptions())


def refused(session: Session, name: str = "dev") -> CommandFailed:
    with pytest.raises(CommandFailed) as caught:
        run_image(session, name, (), RunOptions())
    assert 125 == caught.value.status
    return caught.value


def test_an_image_that_was_not_built_names_the_build(projects: Projects) -> None:
    caught = refused(opened(projects, statuses={"docker run": 125})[0])

    assert "shop-dev:alice has not been built." == caught.message
    assert "`build-image dev` builds it; `run-image --build dev` does both." == caught.hint


def test_a_synthetic_image_names_the_build_of_the_image_that_it_is(projects: Projects) -> None:
    config = "[run_image]\nsynthetic_images=my shell\n[my shell]\nname=base\n"
    session, _ = opened(projects, config, statuses={"docker run": 125})

    expected = "`build-image 'my shell'` builds it; `run-image --build 'my shell'` does both."
    assert expected == refused(session, "my shell").hint


def test_an_engine_that_does_not_answer_is_the_reason(projects: Projects) -> None:
    ill = EngineError("the Docker engine does not answer: x", "Start the engine.")
    session, _ = opened(projects, engine=FixedEngine(is_ill=ill), statuses={"docker run": 125})
    caught = refused(session)

    assert (ill.message, ill.hint) == (caught.message, caught.hint)


def test_what_docker_said_itself_is_not_said_again(projects: Projects) -> None:
    engine = FixedEngine({"shop-dev:alice": "sha256:1"})
    session, _ = opened(projects, engine=engine, statuses={"docker run": 125})

    assert 125 == run_image(session, "dev", (), RunOptions())


def test_a_configured_image_may_come_from_elsewhere(projects: Projects) -> None:
    config = "[other]\nname=busybox\ntag=1\nprefix=False\n"
    session, runner = opened(projects, config, statuses={"docker run": 125})

    assert 125 == run_image(session, "other", (), RunOptions())
    assert "--pull" not in runner.commands[0].argv


def test_what_is_done_first_is_done_before_the_run(projects: Projects) -> None:
    session, runner = opened(projects)
    first = Command(("first",))
    run_image(session, "dev", (), RunOptions(), lambda: session.runner.run(first))

    assert [("first",), ("docker", "run")] == [one.argv[:2] for one in runner.commands]


def test_nothing_is_done_first_where_the_run_cannot_be_meant(projects: Projects) -> None:
    session, runner = opened(projects)
    first = Command(("first",))
    with pytest.raises(DockerutilsError):
        run_image(
            session, "dev", ("ls",), RunOptions(command="x"), lambda: session.runner.run(first)
        )

    assert [] == runner.commands


@pytest.mark.parametrize("folder", ["", "a", "a/b"])
def test_relative_paths_are_the_users(projects: Projects, folder: str) -> None:
    session, runner = opened(projects)
    here = session.project.root / folder
    here.mkdir(parents=True, exist_ok=True)
    (here / "vars").write_text("")
    options = RunOptions(volume=("./x:/x:ro", "../y:/y"), env_file=("vars",))
    run_image(dataclasses.replace(session, here=here), "dev", (), options)

    words = runner.commands[0].argv
    expected = {str(here / "vars"), f"{here}/x:/x:ro", f"{here.parent}/y:/y"}
    assert expected <= set(words)
    assert session.project.root == runner.commands[0].folder


@pytest.mark.parametrize("name", ["my shop", "it's", '"q" $x', "a\nb", "größe", "日本"])
def test_odd_names_make_names_that_docker_takes(projects: Projects, name: str) -> None:
    session, runner = fake_session(projects.images(name, name=name))
    run_image(session, name, (), RunOptions())

    words = runner.commands[0].argv
    assert re.fullmatch(r"[a-z0-9][\w.-]+", words[words.index("--name") + 1], re.ASCII)
    assert re.fullmatch(r"[a-z0-9]+(-+[a-z0-9]+)*:alice", words[-1])
    assert f"dockerutils.run.image={name}" in words


def test_a_variable_of_an_env_file_on_the_command_line_wins_over_the_configured_one(
    projects: Projects,
) -> None:
    root = projects.images("dev", config="[dev]\nenvironment=-e MODE=prod -e KEEP=1\n")
    (root / "mine.env").write_text("# mine\nMODE=dev\nOTHER\n")
    session, runner = fake_session(root)

    run_image(session, "dev", (), RunOptions(env_file=("mine.env",)))

    assert "--env KEEP=1" in runner.lines[0]
    assert "MODE" not in runner.lines[0]
