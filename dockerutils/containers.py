"""ps, logs, stop and exec: the containers that run-image started for this project and user."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dockerutils import docker_cli
from dockerutils.errors import FAILED, EngineError, ProjectError
from dockerutils.images.catalogue import Catalogue
from dockerutils.session import Session

# What a person wants from `exec` without a command: the better of the shells that are there.
ODD = "the engine tells a name that no container can have"
SHELL = ("sh", "-c", "command -v bash >/dev/null && exec bash || exec sh")


@dataclass(frozen=True)
class PsOptions:
    """The options of `docker ps` that ps takes."""

    all: bool = False
    filter: tuple[str, ...] = ()
    format: str = ""
    quiet: bool = False
    no_trunc: bool = False

    def words(self) -> Iterator[str]:
        """Give them as docker takes them."""
        yield from (("--all",) if self.all else ())
        yield from (word for one in self.filter for word in ("--filter", one))
        yield from (("--format", self.format) if self.format else ())
        yield from (("--quiet",) if self.quiet else ())
        yield from (("--no-trunc",) if self.no_trunc else ())


@dataclass(frozen=True)
class LogOptions:
    """The options of `docker logs` that logs takes."""

    follow: bool = False
    tail: str = ""
    since: str = ""
    timestamps: bool = False

    def words(self) -> Iterator[str]:
        """Give them as docker takes them."""
        yield from (("--follow",) if self.follow else ())
        yield from (("--tail", self.tail) if self.tail else ())
        yield from (("--since", self.since) if self.since else ())
        yield from (("--timestamps",) if self.timestamps else ())


def show_containers(session: Session, options: PsOptions) -> int:
    """Show the project's containers as `docker ps` does."""
    label = project_label(session)
    status = session.runner.hand_over(docker_cli.show_containers(label, tuple(options.words())))
    ailment = session.engine.ailment() if status else None
    if ailment:
        raise ailment
    return status


def show_logs(session: Session, name: str, options: LogOptions) -> int:
    """Show what the newest container of an image wrote; it may have ended."""
    container = newest(session, name, stopped=True)
    return session.runner.hand_over(docker_cli.logs(container, tuple(options.words())))


def stop_containers(session: Session, names: tuple[str, ...]) -> int:
    """Stop the running containers of these images, of all without a name."""
    found = [
        container
        for name in dict.fromkeys(names or ("",))
        for container in session.engine.containers(labels(session, name))
    ]
    if not found:
        session.terminal.note("nothing of this project is running.")
        return 0
    named = [one for one in found if one]
    if len(named) < len(found):
        session.terminal.warn(f"{len(found) - len(named)} of the containers stay: {ODD}.")
    return session.runner.hand_over(docker_cli.stop(named)) if named else FAILED


def execute(session: Session, name: str, words: tuple[str, ...]) -> int:
    """Run a command in the newest running container of an image, a shell without a command."""
    options = ("-it",) if session.interactive else ("-i",)
    command = docker_cli.execute(newest(session, name), options, words or SHELL)
    return session.runner.hand_over(command)


def newest(session: Session, name: str, stopped: bool = False) -> str:
    """Give the newest container of an image; raise `ProjectError` where there is none."""
    found = session.engine.containers(labels(session, name), stopped)
    if not found:
        state = "" if stopped else " running"
        raise ProjectError(
            f"no container of {name} is{state or ' there'}.", f"`run-image {name}` starts one."
        )
    if not found[0]:
        raise EngineError(
            f"the newest container of {name} cannot be used: {ODD}.",
            "See with `docker ps --all` what it is; this engine may not be what it should be.",
        )
    if len(found) > 1:
        session.terminal.note(f"{found[0]} is the newest of {len(found)} containers of {name}.")
    return found[0]


def labels(session: Session, name: str) -> list[str]:
    """Give the labels that containers of an image have, or of any image for an empty name."""
    own = [project_label(session)]
    if name:
        own.append(f"{docker_cli.RUN_IMAGE_LABEL}={Catalogue(session.project).find(name).name}")
    return own


def project_label(session: Session) -> str:
    """Give the label that all containers of this project and user have."""
    return f"{docker_cli.RUN_LABEL}={session.project.mark}"
