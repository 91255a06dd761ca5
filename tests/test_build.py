"""build-image beyond its plan: failures, hooks, what is there already, what is told."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping

import pytest
from bakeries import DownEngine, open_bakery
from fakes import FixedEngine, RecordingRunner, fake_session, said
from projects import Projects

from dockerutils.build import build_images
from dockerutils.build_options import BuildOptions
from dockerutils.command import Command
from dockerutils.errors import (
    ConfigError,
    DockerutilsError,
    EngineError,
    Interrupted,
    ProjectError,
)
from dockerutils.project import Project
from dockerutils.session import Session

# Two chains that share a base, and an image that stands alone.
IMAGES = {
    "base": "FROM python:3\n",
    "dev": "FROM shop-base\n",
    "test": "FROM shop-dev\n",
    "app": "FROM shop-base:alice\n",
    "tool": "FROM scratch\n",
}


def opened(
    projects: Projects,
    config: str = "",
    images: Mapping[str, str] | None = None,
    engine: FixedEngine | None = None,
    statuses: Mapping[str, int] | None = None,
    **environ: str,
) -> tuple[Session, RecordingRunner]:
    given = IMAGES if images is None else images
    files = {f"docker/{name}/Dockerfile": text for name, text in given.items()}
    if config:
        files["docker/dockerutils.cfg"] = config
    return fake_session(projects.make(files), environ, engine, statuses)


def built(runner: RecordingRunner) -> list[str]:
    """Give the tags that were to be built, in order."""
    return [one.argv[3] for one in runner.commands if one.argv[:2] == ("docker", "build")]


def failure(session: Session, *names: str, **options: object) -> DockerutilsError:
    with pytest.raises(DockerutilsError) as caught:
        build_images(session, names, BuildOptions(**options))  # type: ignore[arg-type]
    return caught.value


def test_missing_bases_are_built_first_and_present_ones_are_not(projects: Projects) -> None:
    engine = FixedEngine({"shop-base:alice": "sha256:1"})
    session, runner = opened(projects, engine=engine)
    build_images(session, ("test",), BuildOptions())

    assert ["shop-dev:alice", "shop-test:alice"] == built(runner)


def test_what_is_asked_for_is_built_though_it_is_there(projects: Projects) -> None:
    engine = FixedEngine({f"shop-{name}:alice": "sha256:1" for name in IMAGES})
    session, runner = opened(projects, engine=engine)
    build_images(session, ("dev", "base"), BuildOptions())

    assert ["shop-base:alice", "shop-dev:alice"] == built(runner)


def test_force_builds_the_whole_chain_again(projects: Projects) -> None:
    engine = FixedEngine({f"shop-{name}:alice": "sha256:1" for name in IMAGES})
    session, runner = opened(projects, engine=engine)
    build_images(session, ("test",), BuildOptions(force_build_base=True))

    assert ["shop-base:alice", "shop-dev:alice", "shop-test:alice"] == built(runner)


def test_all_builds_everything_once_bases_first(projects: Projects) -> None:
    session, runner = opened(projects)
    build_images(session, ("all", "test"), BuildOptions(jobs=1))

    expected = ["base", "app", "dev", "test", "tool"]
    assert [f"shop-{name}:alice" for name in expected] == built(runner)


def test_the_failure_of_one_image_has_dockers_status(projects: Projects) -> None:
    session, _ = opened(projects, statuses={"docker build": 17})
    caught = failure(session, "tool")

    assert 17 == caught.status
    assert "tool was not built: docker build ended with status 17." == caught.message
    assert "The reason stands above." == caught.hint


def test_a_failure_stops_what_depends_on_it_and_only_that(projects: Projects) -> None:
    session, runner = opened(projects, statuses={"docker/dev/": 9})
    caught = failure(session, "all", jobs=1)

    expected = ["base", "app", "dev", "tool"]
    assert [f"shop-{name}:alice" for name in expected] == built(runner)
    assert 9 == caught.status
    assert "2 of 5 images are missing: dev (failed), test (skipped)." == caught.message
    assert "dev was not built: docker build ended with status 9." in said(session)


def test_the_first_failure_gives_the_status_and_all_are_told(projects: Projects) -> None:
    session, _ = opened(projects, statuses={"docker/app/": 5, "docker/tool/": 6})
    caught = failure(session, "all", jobs=1)

    assert 5 == caught.status
    assert "app was not built: docker build ended with status 5." in said(session)
    assert "tool was not built: docker build ended with status 6." in said(session)


def test_a_failed_base_fails_through_the_whole_chain(projects: Projects) -> None:
    session, runner = opened(projects, statuses={"docker/base/": 1})
    failure(session, "test")

    assert ["shop-base:alice"] == built(runner)


def test_a_failed_builder_stage_is_a_failure(projects: Projects) -> None:
    images = {"app": "FROM scratch AS builder\nFROM scratch\n"}
    session, _ = opened(projects, images=images, statuses={"--target builder": 4})

    assert 4 == failure(session, "app").status


def test_a_failed_pull_is_a_failure(projects: Projects) -> None:
    images = {"base": "FROM scratch\n", "dev": "FROM shop-base\nCOPY --from=nginx /x /x\n"}
    session, runner = opened(projects, images=images, statuses={"docker pull": 3})
    caught = failure(session, "dev", pull_base=True)

    assert "dev was not built: docker pull ended with status 3." in said(session)
    assert 3 == caught.status
    assert ["shop-base:alice"] == built(runner)


def test_an_engine_that_does_not_work_is_told_once_and_not_asked_again(projects: Projects) -> None:
    ill = EngineError("the Docker engine does not answer: no socket", "Start the engine.")
    session, runner = opened(projects, engine=FixedEngine(is_ill=ill), statuses={"docker build": 1})
    caught = failure(session, "all", jobs=1)

    assert ["shop-base:alice"] == built(runner)
    assert 1 == said(session).count("does not answer")
    assert "  Start the engine.\n" in said(session)
    assert "5 of 5 images are missing" in caught.message


def test_an_engine_that_does_not_work_explains_a_single_failure(projects: Projects) -> None:
    ill = EngineError("the disk is full.", "Free some.")
    session, _ = opened(projects, engine=FixedEngine(is_ill=ill), statuses={"docker build": 1})
    caught = failure(session, "tool")

    assert "tool was not built: docker build ended with status 1.\nthe disk is full." == (
        caught.message
    )
    assert "Free some." == caught.hint


class Interrupting(RecordingRunner):
    """Is interrupted in whatever it runs."""

    def hand_over(self, command: Command) -> int:
        super().hand_over(command)
        raise Interrupted("interrupted.")


def test_an_interruption_stops_everything(projects: Projects) -> None:
    session, _ = opened(projects)
    runner = Interrupting()
    caught = failure(dataclasses.replace(session, runner=runner), "all", jobs=1)

    assert (130, ["shop-base:alice"]) == (caught.status, built(runner))


HOOKS = "[dev]\npre_build_script=before\npost_build_script=after\n"


def steps(runner: RecordingRunner) -> list[str]:
    return [" ".join(command.argv[2:4]) for command in runner.commands]


def test_hooks_stand_around_their_own_image(projects: Projects) -> None:
    session, runner = opened(projects, HOOKS)
    build_images(session, ("test",), BuildOptions())

    expected = ["--tag shop-base:alice", "before", "--tag shop-dev:alice", "after"]
    assert [*expected, "--tag shop-test:alice"] == steps(runner)


def test_a_hook_is_a_shells_at_the_root_and_its_output_is_talk(projects: Projects) -> None:
    session, runner = opened(projects, HOOKS)
    build_images(session, ("dev",), BuildOptions())

    root = session.project.root
    assert Command(("sh", "-c", "before"), folder=root, talks=True) == runner.commands[1]


def test_a_failed_hook_before_stops_the_image_with_its_status(projects: Projects) -> None:
    session, runner = opened(projects, HOOKS, statuses={"before": 12})
    caught = failure(session, "test")

    assert 12 == caught.status
    assert ["--tag shop-base:alice", "before"] == steps(runner)
    assert "dev was not built: its pre_build_script ended with status 12." in said(session)


def test_no_hook_runs_after_a_failed_build(projects: Projects) -> None:
    session, runner = opened(projects, HOOKS, statuses={"docker/dev/": 1})
    failure(session, "dev")

    assert "after" not in steps(runner)


def test_a_failed_hook_after_is_told_as_that(projects: Projects) -> None:
    engine = FixedEngine({"shop-base:alice": "x"})
    session, _ = opened(projects, HOOKS, engine=engine, statuses={"after": 6})
    caught = failure(session, "dev")

    assert 6 == caught.status
    assert "dev was built, but its post_build_script ended with status 6." == caught.message


def test_no_hook_runs_for_a_base_that_is_there(projects: Projects) -> None:
    session, runner = opened(projects, HOOKS, engine=FixedEngine({"shop-dev:alice": "x"}))
    build_images(session, ("test",), BuildOptions())

    assert ["--tag shop-test:alice"] == steps(runner)


class Writing(RecordingRunner):
    """Records, and writes a Dockerfile as a hook would."""

    def hand_over(self, command: Command) -> int:
        if command.argv[-1] == "before" and command.folder:
            (command.folder / "docker" / "dev" / "Dockerfile").write_text(
                "FROM scratch AS builder\nFROM shop-base\n"
            )
        return super().hand_over(command)


def test_a_dockerfile_that_the_hook_changes_is_read_again(projects: Projects) -> None:
    session, _ = opened(projects, HOOKS)
    runner = Writing()
    build_images(dataclasses.replace(session, runner=runner), ("dev",), BuildOptions())

    assert ["shop-base:alice", "shop-dev:alice", "shop-dev-builder:alice"] == built(runner)


def test_only_the_id_of_an_image_that_was_asked_for_is_data(projects: Projects) -> None:
    images = {"base": "FROM scratch\n", "dev": "FROM shop-base AS builder\nFROM builder\n"}
    session, runner = opened(projects, images=images)
    build_images(session, ("dev",), BuildOptions(quiet=True))

    talk = {command.argv[3]: command.talks for command in runner.commands}
    expected = {"shop-base:alice": True, "shop-dev:alice": False, "shop-dev-builder:alice": True}
    assert expected == talk


def test_no_value_of_the_environment_is_a_word_of_any_command(projects: Projects) -> None:
    config = """
[base]
build_args=--build-arg TOKEN=$TOKEN --build-arg=OTHER=x$TOKEN
[dev]
build_args=--build-arg "THIRD=${TOKEN}" --build-arg SSH_PRIVATE_KEY=$TOKEN
"""
    session, runner = opened(projects, config, TOKEN="h1dden")
    build_images(session, ("dev",), BuildOptions(build_arg=("TOKEN",)))

    assert "h1dden" not in "".join(word for one in runner.commands for word in one.argv)
    assert "h1dden" not in "".join(runner.lines)
    expected = {"OTHER": "xh1dden"}, {"THIRD": "h1dden", "SSH_PRIVATE_KEY": "h1dden"}
    assert expected == tuple(one.variables() for one in runner.commands)


def test_a_user_whose_name_is_no_tag_builds(projects: Projects) -> None:
    session, runner = opened(projects)
    old = session.project
    project = Project(old.root, "Zoë Ω@corp", old.home, old.config, old.folders)
    build_images(dataclasses.replace(session, project=project), ("tool",), BuildOptions())

    assert ["shop-tool:Zo-corp"] == built(runner)


@pytest.mark.parametrize("name", ["my shop", "it's", '"q"', "$HOME", "a\nb", "größe"])
def test_odd_folders_are_built_by_their_own_paths(projects: Projects, name: str) -> None:
    root = projects.make({f"docker/{name}/Dockerfile": "FROM scratch\n"}, name)
    session, runner = fake_session(root)
    build_images(session, (name,), BuildOptions())

    assert (root, f"docker/{name}/Dockerfile") == (
        runner.commands[0].folder,
        runner.commands[0].argv[5],
    )


@pytest.mark.parametrize("text", ["\ufeffFROM shop-base\r\n", "# c\r\nFROM shop-base\r\nRUN x\r\n"])
def test_byte_order_marks_and_windows_line_ends_are_read(projects: Projects, text: str) -> None:
    session, runner = opened(projects, images={"base": "FROM scratch\n", "dev": text})
    build_images(session, ("dev",), BuildOptions())

    assert ["shop-base:alice", "shop-dev:alice"] == built(runner)


def test_a_dockerfile_that_cannot_be_read_is_named(projects: Projects) -> None:
    session, runner = opened(projects, images={"dev": ""})
    path = session.project.root / "docker" / "dev" / "Dockerfile"
    path.unlink()
    path.symlink_to("/proc/self/mem")  # which is a file that nobody can read from its beginning
    caught = failure(session, "dev")

    assert "docker/dev/Dockerfile cannot be read: Input/output error." == caught.message
    assert (2, []) == (caught.status, runner.commands)


def test_a_dockerfile_that_is_no_text_is_named_with_the_line(projects: Projects) -> None:
    session, _ = opened(projects)
    path = session.project.root / "docker" / "dev" / "Dockerfile"
    path.write_bytes(b"FROM scratch\n# caf\xe9\n")

    assert "docker/dev/Dockerfile:2: holds a byte that is no UTF-8." == (
        failure(session, "dev").message
    )


def test_clean_removes_those_that_are_there(projects: Projects) -> None:
    images = {"app": "FROM scratch AS builder\nFROM scratch\n", "dev": "FROM scratch\n"}
    engine = FixedEngine({"shop-app-builder:alice": "x", "shop-dev:alice": "y", "other:1": "z"})
    session, runner = opened(projects, images=images, engine=engine)
    build_images(session, ("clean",), BuildOptions())

    assert ["docker image rm shop-app-builder:alice shop-dev:alice"] == runner.lines


def test_clean_without_any_image_there_is_no_error(projects: Projects) -> None:
    session, runner = opened(projects)
    build_images(session, ("clean",), BuildOptions())

    assert ([], "# no image of this project is there.\n") == (runner.lines, said(session))


def test_clean_removes_what_stands_in_a_ring(projects: Projects) -> None:
    images = {"a": "FROM shop-b\n", "b": "FROM shop-a\n"}
    engine = FixedEngine({"shop-a:alice": "x"})
    session, runner = opened(projects, images=images, engine=engine)
    build_images(session, ("clean",), BuildOptions())

    assert ["docker image rm shop-a:alice"] == runner.lines


def test_clean_runs_no_hooks(projects: Projects) -> None:
    engine = FixedEngine({"shop-dev:alice": "x"})
    session, runner = opened(projects, HOOKS, engine=engine)
    build_images(session, ("clean",), BuildOptions())

    assert ["docker image rm shop-dev:alice"] == runner.lines


def test_a_failed_clean_has_dockers_status(projects: Projects) -> None:
    engine = FixedEngine({"shop-dev:alice": "x"})
    session, _ = opened(projects, engine=engine, statuses={"image rm": 1})

    assert 1 == failure(session, "clean").status


def test_clean_tells_nothing_as_json(projects: Projects) -> None:
    assert 2 == failure(opened(projects)[0], "clean", json=True).status


def data(session: Session) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(session.terminal.out.getvalue())  # type: ignore[attr-defined]
    return rows


def test_json_tells_what_became_of_each_image(projects: Projects) -> None:
    engine = FixedEngine({"shop-tool:alice": "sha256:5"})
    session, _ = opened(projects, engine=engine, statuses={"docker/base/": 8})
    caught = failure(session, "dev", "tool", json=True)

    message = "base was not built: docker build ended with status 8."
    expected = [
        ("base", "shop-base:alice", "failed", message, None),
        ("dev", "shop-dev:alice", "skipped", "base, which it stands on, was not built", None),
        ("tool", "shop-tool:alice", "built", "", "sha256:5"),
    ]
    keys = ("image", "reference", "state", "reason", "id")
    assert [dict(zip(keys, row, strict=True)) for row in expected] == data(session)
    assert 8 == caught.status


def test_nothing_to_build_is_said(projects: Projects) -> None:
    session, _ = fake_session(projects.make({"docker/dockerutils.cfg": ""}))

    assert "there is nothing to build: no folder of docker/ has a Dockerfile." == (
        failure(session, "all").message
    )


def test_a_broken_dockerfile_is_no_matter_to_others(projects: Projects) -> None:
    session, runner = opened(projects, images={"a": "FROM scratch\n", "b": "FROM a b c\n"})
    build_images(session, ("a",), BuildOptions())

    assert ["shop-a:alice"] == built(runner)
    assert isinstance(failure(session, "all"), ProjectError)


def test_a_substitute_of_the_environment_wins_over_the_configured(projects: Projects) -> None:
    config = "[dockerutils]\nsubstitute=python:3=one/python:3 x=y\n"
    session, runner = opened(projects, config, DOCKERUTILS_SUBSTITUTE="python:3=two/python:3")
    build_images(session, ("base",), BuildOptions())

    assert "python:3=docker-image://two/python:3" in runner.commands[0].argv


def test_an_unset_variable_stops_before_anything_runs(projects: Projects) -> None:
    session, runner = opened(projects, "[test]\nbuild_args=--build-arg A=$NOT_SET\n")

    assert isinstance(failure(session, "test"), ConfigError)
    assert [] == runner.commands


# Written elsewhere ----------------------------------------------------------------------------


def test_a_place_is_read_from_where_the_user_is(projects: Projects) -> None:
    session, runner = opened(projects)
    here = session.project.root / "docker"
    dry = dataclasses.replace(session, here=here, dry=True)
    build_images(dry, ("tool",), BuildOptions(output="tool.tar"))

    assert f"docker save --output {here}/tool.tar shop-tool:alice" == runner.lines[-1]


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        (("app", "tool"), {"output": "x.tar"}, "--output writes one image"),
        (("all",), {"output": "x.tar"}, "--output writes one image"),
        (("tool",), {"output": "x"}, "neither a file nor a folder"),
        (("tool",), {"output": "x.tar", "verify": "import"}, "--verify runs the image"),
        (("tool",), {"verify": "run"}, "--verify run: write --verify import."),
        (("tool",), {"verify": "import"}, "--verify compares an image with its virtualenv"),
    ],
)
def test_what_cannot_be_written_or_verified_is_refused_before_anything_is_done(
    projects: Projects, names: tuple[str, ...], options: dict[str, str], words: str
) -> None:
    session, runner = opened(projects)
    caught = failure(session, *names, **options)

    assert (2, True) == (caught.status, words in caught.message)
    assert [] == runner.commands


def test_an_image_that_a_builder_makes_needs_an_engine_to_be_written(projects: Projects) -> None:
    session, runner = opened(projects, engine=DownEngine())
    caught = failure(session, "tool", output="tool.tar")

    assert "the Docker engine does not answer" in caught.message
    assert [] == runner.commands


def test_an_option_that_means_nothing_for_any_image_is_refused(projects: Projects) -> None:
    bakery = open_bakery(projects)
    caught = failure(bakery.session(), "app", target="check")

    assert "--target check: none of the images has a Dockerfile" in caught.message
    assert [] == bakery.runner.commands


def test_an_option_may_mean_something_for_some_images_only(projects: Projects) -> None:
    bakery = open_bakery(projects, {"docker/tool/Dockerfile": "FROM scratch AS check\n"})
    bakery.build("app", "tool", target="check", verify="import")

    words = [command.argv[:2] for command in bakery.runner.commands]
    assert {("docker", "build"), ("docker", "run")} <= set(words)
