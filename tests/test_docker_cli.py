"""Docker's command lines, word by word."""

from __future__ import annotations

from pathlib import Path

import pytest

from dockerutils import docker_cli
from dockerutils.command import Command, Secret, Stdin


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
        (docker_cli.remove_images(["a:1"], force=True), "docker image rm --force a:1"),
        (docker_cli.list_images(), "docker images --quiet --no-trunc"),
        (
            docker_cli.list_images(["label=a=1", "dangling=true"]),
            "docker images --quiet --no-trunc --filter label=a=1 --filter dangling=true",
        ),
        (docker_cli.tag("sha256:1", "a:1"), "docker tag sha256:1 a:1"),
        (docker_cli.load(), "docker load"),
        (docker_cli.save(["a:1", "b:1"]), "docker save a:1 b:1"),
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


def test_a_build_of_folders_has_its_dockerfile_on_standard_input() -> None:
    dockerfile = Stdin("FROM a:1\n", "printf 'FROM a:1'")
    contexts = {"venv": "/shop/.venv", "project1": "/shop/src"}
    expected = (
        *("docker", "build", "--tag", "shop-app:1", "--build-context", "venv=/shop/.venv"),
        *("--build-context", "project1=/shop/src", "--label", "dockerutils.image=shop-app", "-"),
    )

    assert Command(expected, talks=True, stdin=dockerfile) == docker_cli.build_of_contexts(
        "shop-app:1", contexts, "shop-app", dockerfile
    )


def test_a_program_is_run_apart_and_leaves_nothing() -> None:
    command = docker_cli.run_apart("sha256:1", "/bin/python", ("-c", "import a"))

    expected = "docker run --rm --network none --entrypoint /bin/python sha256:1 -c 'import a'"
    assert expected == str(command)


def test_what_docker_says_of_its_work_is_talk() -> None:
    assert docker_cli.pull("a").talks
    assert docker_cli.remove_images(["a"]).talks


def test_a_run_has_the_image_between_options_and_command() -> None:
    command = docker_cli.run("a:1", ("--rm",), ("ls", "--rm"), {}, Path("/shop"))

    assert Command(("docker", "run", "--rm", "a:1", "ls", "--rm"), {}, Path("/shop")) == command
