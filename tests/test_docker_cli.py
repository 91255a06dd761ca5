"""Docker's command lines, word by word."""

from __future__ import annotations

from pathlib import Path

import pytest

from dockerutils import docker_cli
from dockerutils.command import Command, Secret


def test_a_build_has_its_options_in_one_order() -> None:
    secret = Secret("h1dden", '"$T"')
    what = docker_cli.Build(
        reference="shop-app:1",
        dockerfile=Path("docker/app/Dockerfile"),
        folder=Path("/shop"),
        label="shop-app",
        target="check",
        pull=True,
        no_cache=True,
        quiet=True,
        progress="plain",
        contexts={"a": "b:1", "c": "d:2"},
        options=("--build-arg", "T"),
        variables={"T": secret},
    )
    expected = (
        *("docker", "build", "--tag", "shop-app:1", "--file", "docker/app/Dockerfile"),
        *("--target", "check", "--pull", "--no-cache", "--quiet", "--progress", "plain"),
        *("--build-context", "a=docker-image://b:1", "--build-context", "c=docker-image://d:2"),
        *("--label", "dockerutils.image=shop-app", "--build-arg", "T", "."),
    )
    folder = Path("/shop")
    assert Command(expected, {"T": secret}, folder, True) == docker_cli.build(what, talks=True)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (docker_cli.pull("a:1"), "docker pull a:1"),
        (docker_cli.remove_images(["a:1", "b:1"]), "docker image rm a:1 b:1"),
        (docker_cli.inspect_images(["a:1", "b:1"]), "docker image inspect a:1 b:1"),
        (
            docker_cli.list_containers(["a=1", "b=2"], stopped=True),
            "docker ps --all --format '{{.Names}}' --filter label=a=1 --filter label=b=2",
        ),
        (
            docker_cli.list_containers(["a=1"], stopped=False),
            "docker ps --format '{{.Names}}' --filter label=a=1",
        ),
        (docker_cli.show_containers("a=1", ("--all",)), "docker ps --filter label=a=1 --all"),
        (docker_cli.logs("c", ("--follow",)), "docker logs --follow c"),
        (docker_cli.stop(["c", "d"]), "docker stop c d"),
        (docker_cli.execute("c", ("-i",), ("ls", "-l")), "docker exec -i c ls -l"),
    ],
)
def test_the_line_is(command: Command, expected: str) -> None:
    assert expected == str(command)


def test_what_docker_says_of_its_work_is_talk() -> None:
    assert docker_cli.pull("a").talks
    assert docker_cli.remove_images(["a"]).talks


def test_a_run_has_the_image_between_options_and_command() -> None:
    command = docker_cli.run("a:1", ("--rm",), ("ls", "--rm"), {}, Path("/shop"))

    assert Command(("docker", "run", "--rm", "a:1", "ls", "--rm"), {}, Path("/shop")) == command
