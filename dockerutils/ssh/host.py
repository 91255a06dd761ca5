"""A Docker host: what it says of itself in answer to one question, and its engine over ssh."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO

from dockerutils.command import Command
from dockerutils.docks.told import plain
from dockerutils.engine import CliEngine, ImageFacts, facts_of
from dockerutils.errors import CommandFailed, EngineError
from dockerutils.runner import Answer, Crew
from dockerutils.ssh.connection import CUT, Connection, dropped

# Where docker lies beside the PATH of a login without a terminal: on network storage, Macs, NixOS.
PLACES = (
    "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin:/snap/bin:/opt/bin:"
    "/opt/homebrew/bin:/run/current-system/sw/bin:/usr/local/docker/bin:/opt/docker/bin:"
    "/var/packages/ContainerManager/target/usr/bin:/var/packages/Docker/target/usr/bin:"
    "$HOME/bin:$HOME/.local/bin:$HOME/.docker/bin:$HOME/.rd/bin:$HOME/.orbstack/bin"
)
VERSION = "version {{.Server.Version}}{{println}}architecture {{.Server.Arch}}"
ENGINE = "root {{.DockerRootDir}}{{println}}store {{.DriverStatus}}"
PREFIX = (
    "{ k = 0; for (i = 2; i <= NF && $i == a[i - 1]; i++) k++; if (k > most) most = k }"
    ' END { print "held", most + 0 }'
)
LAYERS = "{{.Id}}{{range .RootFS.Layers}} {{.}}{{end}}"
# `docker info` takes as long as all else, so it runs beside; long lines come when it is done.
QUESTION = """(
PATH=$PATH:{places}
docker=$(command -v docker) || {{ echo lacks docker; exit; }}
said=$("$docker" version --format {version} 2>&1)
case $said in
version\\ [0-9]*) ;;
*)
  why=$("$docker" images --quiet none 2>&1 | tail -n 1)
  case $why in *"ermission denied"*) ;; *) echo fault "$why"; exit ;; esac
  docker="sudo -n $docker"
  said=$($docker version --format {version} 2>/dev/null)
  case $said in version\\ [0-9]*) ;; *) echo may not; exit ;; esac ;;
esac
echo docker "$docker"
echo "$said"
(
  said=$($docker info --format {engine} 2>/dev/null)
  echo "$said"
  df -Pk "$(echo "$said" | sed -n 's/^root //p')" 2>/dev/null | tail -n 1 | sed 's/^/free /'
) &
for one in zstd gzip; do command -v $one >/dev/null && echo has $one; done
images=$($docker images --all --no-trunc --format '{{{{.ID}}}} {{{{.Repository}}}}:{{{{.Tag}}}}')
there=
if echo "$images" | grep -qF {listed}; then
  there=$($docker image inspect --format '{{{{json .}}}}' {reference})
fi
echo "$images" | sed 's/ .*//' | sort -u |
  xargs -r $docker image inspect --format {layering} |
  awk -v w={layers} 'BEGIN {{ split(w, a, " ") }} {prefix}'
wait
[ -z "$there" ] || echo "there $there"
)"""
SNAPSHOTTER = "io.containerd.snapshotter"


@dataclass(frozen=True)
class HostFacts:
    """What a host says: how docker is called there, its engine, programs, room, and its images.

    `held` counts the lowest layers of the image in question that it has, `there` is the image of
    the name in question. `free` is in bytes, -1 where that is not known.
    """

    docker: tuple[str, ...]
    version: str
    architecture: str
    by_manifest: bool
    programs: frozenset[str]
    free: int = -1
    held: int = 0
    there: ImageFacts | None = None


@dataclass(frozen=True)
class Host:
    """A host that is connected. As `Pipes` and `Asks` it runs docker's commands there."""

    connection: Connection
    crew: Crew
    docker: tuple[str, ...] = ("docker",)

    @property
    def name(self) -> str:
        """The host as the user names it."""
        return str(self.connection.address)

    @property
    def engine(self) -> CliEngine:
        """Its engine, to be asked."""
        return CliEngine(self)

    def inquire(self, reference: str, layers: Sequence[str]) -> HostFacts:
        """Ask what there is to know before an image of these layers gets there, or comes from it.

        Raises `EngineError` where there is no Docker that we may use.
        """
        question = QUESTION.format(
            places=PLACES,
            version=shlex.quote(VERSION),
            engine=shlex.quote(ENGINE),
            reference=shlex.quote(reference),
            listed=shlex.quote(f" {familiar(reference)}"),
            layers=shlex.quote(" ".join(layers)),
            prefix=PREFIX,
            layering=shlex.quote(LAYERS),
        )
        return parse_facts(self.connection.ask(question), self.name)

    def knowing(self, facts: HostFacts) -> Host:
        """Give the host with the way in which docker is called there."""
        return replace(self, docker=facts.docker)

    def shown(self, command: Command) -> str:
        """Give a docker command as a shell there takes it."""
        program, *words = command.argv
        return shlex.join([*(self.docker if program == "docker" else (program,)), *words])

    def pipe(self, script: str, chunks: Iterable[bytes]) -> Answer:
        """Feed a script there; raise `Dropped` where the connection is lost."""
        answer = self.crew.write(self.connection.run(script), chunks)
        if answer.status == CUT:
            raise dropped(self.connection.address)
        return answer

    def write(self, command: Command, chunks: Iterable[bytes]) -> Answer:
        """Feed a docker command there."""
        return self.pipe(self.shown(command), chunks)

    def read(self, command: Command) -> Answer:
        """Ask a question by a docker command."""
        return self.write(command, ())

    @contextmanager
    def stream(self, command: Command) -> Iterator[BinaryIO]:
        """Read what a docker command there writes."""
        with self.pour(self.shown(command)) as output:
            yield output

    @contextmanager
    def pour(self, script: str) -> Iterator[BinaryIO]:
        """Read what a script there writes; raise `Dropped`, or `CommandFailed`."""
        try:
            with self.crew.stream(self.connection.run(script)) as output:
                yield output
        except CommandFailed as error:
            if error.status == CUT:
                raise dropped(self.connection.address) from error
            raise


def familiar(reference: str) -> str:
    """Write a reference as docker lists it: without the registry that it means anyway."""
    for prefix in ("docker.io/library/", "docker.io/"):
        reference = reference.removeprefix(prefix)
    return reference


def parse_facts(answer: str, name: str) -> HostFacts:
    """Read the answer to our question; raise `EngineError` for one that we can do nothing with."""
    found: dict[str, list[str]] = {}
    for line in answer.splitlines():
        key, _, value = line.partition(" ")
        found.setdefault(key, []).append(value)
    check_docker(found, answer, name)
    free = (found.get("free") or [""])[0].split()[3:4]
    return HostFacts(
        docker=tuple(found["docker"][0].split()),
        version=found["version"][0],
        architecture=(found.get("architecture") or [""])[0],
        by_manifest=SNAPSHOTTER in "".join(found.get("store", ())),
        programs=frozenset(found.get("has", ())),
        free=int(free[0]) * 1024 if free and free[0].isdigit() else -1,
        held=int((found.get("held") or ["0"])[0]),
        there=next((facts_of(json.loads(one)) for one in found.get("there", ())), None),
    )


def check_docker(found: dict[str, list[str]], answer: str, name: str) -> None:
    """Raise `EngineError` where a host has no Docker that we may use."""
    said = plain((answer.strip().splitlines() or ["nothing"])[-1].removeprefix("fault "), 400)
    if "lacks" in found:
        raise EngineError(
            f"{name} has no docker, or not where it is looked for.",
            "Install Docker's engine and command line there, or put docker on the PATH.",
        )
    if "may" in found:
        raise EngineError(
            f"your user may not use Docker on {name}.",
            "Join the group docker there, or allow `sudo -n docker` without a password.",
        )
    if not {"docker", "version"} <= set(found):
        raise EngineError(
            f"the Docker engine on {name} does not answer: {said}",
            "Start it there, for example with `sudo systemctl start docker`.",
        )
