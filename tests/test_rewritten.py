"""The rewritten Dockerfile for older engines: what docker is fed, and what the line shows."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from pathlib import Path

import pytest
from fakes import FixedEngine, RecordingRunner, fake_session
from projects import Projects

from dockerutils.build import build_images
from dockerutils.build_options import BuildOptions
from dockerutils.command import Command, printed_line
from dockerutils.errors import ProjectError

OLD = FixedEngine({"shop-base:alice": "x", "shop-lib:alice": "y"}, is_modern=False)
SUBSTITUTE = "python:3=mirror.example:5000/a/b/slim@sha256:" + "0" * 64


def old_build(projects: Projects, text: str, name: str = "shop", **files: str) -> list[Command]:
    """Give the commands that build an image on an old engine."""
    bases = {f"docker/{base}/Dockerfile": "FROM scratch\n" for base in ("base", "lib")}
    root = projects.make({**bases, "docker/app/Dockerfile": text, **files}, name)
    session, runner = fake_session(root, {"DOCKERUTILS_SUBSTITUTE": SUBSTITUTE}, OLD)
    build_images(session, ("app",), BuildOptions())
    return runner.commands


def shown_text(command: Command) -> bytes:
    """Run what is printed before the pipe, as a user who pastes the line."""
    assert command.stdin is not None
    assert command.folder is not None
    assert str(command).startswith(f"{command.stdin.shown} | docker build --tag ")
    return subprocess.run(
        ["sh", "-c", command.stdin.shown], cwd=command.folder, capture_output=True, check=True
    ).stdout


TEXTS = {
    "one name": "FROM shop-base\n",
    "a name that is in its replacement": "FROM shop-base AS b\nCOPY --from=shop-base . .\n",
    "a substitute with slashes and colons": "FROM python:3\nRUN echo python:3\n",
    "two names in a line": (
        "FROM scratch\n"
        "RUN --mount=from=shop-base,target=/a --mount=from=shop-lib,target=/b shop-base\n"
    ),
    "one name twice in a line": (
        "FROM scratch\n"
        "RUN --mount=from=shop-base,target=/a --mount=from=shop-base,target=/b shop-base\n"
    ),
    "a substitute twice in a line": (
        "FROM scratch\n"
        "RUN --mount=from=python:3,target=/a --mount=from=python:3,target=/b python:3\n"
    ),
    "the name stands before its use": (
        "FROM scratch\nCOPY --chown=shop-base --from=shop-base /a /b\n"
    ),
    "the name is a word before": "FROM scratch\nRUN --mount=target=/from,from=shop-base x\n",
    "windows line ends": "FROM shop-base\r\nRUN a\r\nCOPY --from=shop-lib /a /b\r\n",
    "no end of the last line": "FROM scratch\nCOPY --from=shop-base /a /b",
    "a byte order mark": "\ufeffFROM shop-base\n",
    "characters of every kind": (
        "# $HOME `x` 'it' \"q\" \\ & / [a] ö\nFROM shop-base\n"
        "RUN echo '$x' \"&\" \\\n  ö | tee /tmp/x\n"
    ),
    "a variable": "ARG BASE=shop-base\nFROM ${BASE}\nCOPY --from=shop-lib $BASE /b\n",
    "a variable with a default": "ARG TAG\nFROM shop-base${TAG:+:x}\n",
    "quotes": 'FROM "shop-base"\n',
    "continuation lines": (
        "FROM \\\n  shop-base \\\n  AS x\nCOPY \\\n# note\n --from=shop-lib \\\n /a /b\n"
    ),
    "a name broken over two lines": "FROM shop-\\\nbase\nCOPY --from=shop-lib /100% /b\n",
    "another escape": "# escape=`\nFROM `\n  shop-base\nCOPY --from=shop-lib C:\\a C:\\b\n",
    "a heredoc": "FROM shop-base\nRUN <<EOF\nFROM shop-base\nEOF\nCOPY --from=shop-lib /a /b\n",
    "tabs": "FROM\tshop-base\nCOPY\t--from=shop-lib\t/a /b\n",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_what_is_shown_gives_what_is_fed(projects: Projects, text: str) -> None:
    (command,) = old_build(projects, text)

    assert command.stdin is not None
    fed = command.stdin.text
    assert fed.encode() == shown_text(command)
    assert fed != text
    assert fed.count("\n") == text.count("\n") - text.count("-\\\n")


def test_names_are_replaced_where_they_mean_images_only(projects: Projects) -> None:
    (command,) = old_build(projects, "FROM shop-base\nRUN shop-base\nCOPY --from=shop-lib a b\n")

    expected = "FROM shop-base:alice\nRUN shop-base\nCOPY --from=shop-lib:alice a b\n"
    assert command.stdin is not None
    assert expected == command.stdin.text


def test_the_dockerfile_comes_from_standard_input_and_no_context_is_named(
    projects: Projects,
) -> None:
    (command,) = old_build(projects, "FROM shop-base\n")

    assert ("--file", "-") == command.argv[4:6]
    assert "--build-context" not in command.argv


def test_the_line_can_be_pasted_in_an_odd_folder(projects: Projects, tmp_path: Path) -> None:
    (command,) = old_build(projects, "FROM shop-base\n", 'it\'s $HOME "x"/shop')
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text("#!/bin/sh\ncat\n")
    docker.chmod(0o755)
    pasted = subprocess.run(
        ["sh"],
        input=printed_line(command, tmp_path),
        cwd=tmp_path,
        env={"PATH": f"{docker.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )

    assert ("FROM shop-base:alice\n", "") == (pasted.stdout, pasted.stderr)


def test_a_stage_called_builder_is_built_from_the_same_text(projects: Projects) -> None:
    image, stage = old_build(projects, "FROM shop-base AS builder\nFROM scratch\n")

    assert image.stdin == stage.stdin
    assert "FROM shop-base:alice AS builder" in shown_text(stage).decode()


def test_a_dockerfile_without_such_names_is_built_as_it_is(projects: Projects) -> None:
    (command,) = old_build(projects, "FROM shop-base:alice\n")

    assert command.stdin is None
    assert "docker/app/Dockerfile" in command.argv


def test_a_new_engine_gets_named_contexts(projects: Projects) -> None:
    files = {
        "docker/base/Dockerfile": "FROM scratch\n",
        "docker/app/Dockerfile": "FROM shop-base\n",
    }
    session, runner = fake_session(projects.make(files))
    build_images(session, ("app",), BuildOptions(jobs=1))

    assert "shop-base=docker-image://shop-base:alice" in runner.commands[1].argv
    assert runner.commands[1].stdin is None


def test_ignore_rules_of_an_images_own_are_refused_with_what_to_do(projects: Projects) -> None:
    with pytest.raises(ProjectError) as caught:
        old_build(
            projects, "FROM shop-base\n", **{"docker/app/Dockerfile.dockerignore": "secret\n"}
        )

    message = "docker/app/Dockerfile has a .dockerignore of its own, which this engine passes over."
    assert message == caught.value.message
    assert "Write the tags: FROM shop-base:alice, or use Docker 23 or newer." == caught.value.hint


def test_ignore_rules_of_an_images_own_are_no_matter_without_such_names(
    projects: Projects,
) -> None:
    own = {"docker/app/Dockerfile.dockerignore": "secret\n"}

    assert 1 == len(old_build(projects, "FROM shop-base:alice\n", **own))


class Feeding(RecordingRunner):
    """Is given everything that a command would read."""

    def texts(self) -> list[str]:
        return [one.stdin.text for one in self.commands if one.stdin]


def test_a_substitute_is_rewritten_too(projects: Projects, tmp_path: Path) -> None:
    root = projects.make({"docker/app/Dockerfile": "FROM python:3\n"})
    session, _ = fake_session(root, {"DOCKERUTILS_SUBSTITUTE": "python:3=standin:3"}, OLD)
    runner = Feeding()
    build_images(dataclasses.replace(session, runner=runner), ("app",), BuildOptions())

    assert ["FROM standin:3\n"] == runner.texts()
