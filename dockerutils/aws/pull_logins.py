"""Logins for images of AWS's registries that docker is about to pull."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dockerutils.aws.ecr_host import EcrHost, ecr_host, private_host
from dockerutils.aws.session import AwsLogin
from dockerutils.errors import DockerutilsError
from dockerutils.expansion import Expansion
from dockerutils.session import Session

if TYPE_CHECKING:
    from dockerutils.images.recipe import Node
    from dockerutils.oci.registry.credentials import Credential, CredentialSource


def aws_login_of(session: Session, image: str) -> AwsLogin:
    """Give as whom AWS is asked for an image of the project."""
    settings = session.project.config.settings(image)
    expansion = Expansion(session.project, session.environ, image)
    return AwsLogin(
        expansion.text("aws_profile", settings.aws_profile or ""),
        expansion.text("aws_role", settings.aws_role or ""),
    )


def hosts_below(
    session: Session, nodes: Iterable[Node], there: Iterable[str], pulls: bool
) -> dict[str, AwsLogin]:
    """Give the registries of AWS that builds of these images pull from, and as whom.

    What the engine has already is left out, unless it is pulled anyway.
    """
    known = frozenset(there)
    hosts: dict[str, AwsLogin] = {}
    for node in nodes:
        for name in node.foreign:
            reference = node.stand_ins.get(name, name)
            place = private_host(reference)
            if place and (pulls or reference not in known):
                hosts.setdefault(place.host, aws_login_of(session, node.image.name))
    return hosts


def own_login(session: Session, node: Node, reference: str) -> CredentialSource | None:
    """Give what asks AWS for a login for the base of an image; None for one from elsewhere.

    Where AWS gives none, docker's own is taken.
    """
    place = private_host(reference)
    if place is None:
        return None
    from dockerutils.aws.ecr import Ecr  # noqa: PLC0415
    from dockerutils.aws.session import Aws, AwsError  # noqa: PLC0415  # rarely used
    from dockerutils.oci.registry.credentials import docker_credentials  # noqa: PLC0415

    ecr = Ecr(place, Aws(aws_login_of(session, node.image.name), session.environ))
    docker = docker_credentials(session.environ, Path(session.project.home), session.runner.read)

    def ask(host: str) -> Credential | None:
        try:
            return ecr.credential()
        except AwsError as error:
            found = docker(host)
            if found is None:
                raise
            session.terminal.warn(no_fresh_login(host, error))
            return found

    return ask


def no_fresh_login(host: str, error: DockerutilsError) -> str:
    """Say why there is only docker's own login, if that."""
    return f"there is no fresh login for {host}: {error.message} {error.hint}"


@contextlib.contextmanager
def pulling(session: Session, hosts: Mapping[str, AwsLogin]) -> Iterator[Session]:
    """Give a session whose docker has fresh logins for these registries of AWS, for a while.

    Where AWS gives none that is said, and docker has its own.
    """
    places = {place: hosts[place.host] for place in map(ecr_host, hosts) if place}
    if session.dry:
        print_logins(session, places)
        yield session
        return
    logins = ask_aws(session, places)
    if not logins:
        yield session
        return
    from dockerutils.aws.docker_settings import borrowed_settings  # noqa: PLC0415  # rarely used
    from dockerutils.oci.registry.credentials import docker_folder  # noqa: PLC0415

    session.terminal.note(f"AWS has given a login for {', '.join(logins)}.")
    own = docker_folder(session.environ, Path(session.project.home))
    with borrowed_settings(own, logins) as settings:
        yield replace(session, runner=session.runner.having({"DOCKER_CONFIG": str(settings)}))


def print_logins(session: Session, places: Mapping[EcrHost, AwsLogin]) -> None:
    """Print what logs docker in."""
    from dockerutils.aws.ecr_script import login_line, role_lines  # noqa: PLC0415  # rarely used

    for place, login in places.items():
        for line in (*role_lines(login), login_line(place, login)):
            session.runner.run(line)


def ask_aws(session: Session, places: Mapping[EcrHost, AwsLogin]) -> dict[str, Credential]:
    """Give the logins that AWS gives, by host, and say where it gives none."""
    if not places:
        return {}
    from dockerutils.aws.ecr import Ecr  # noqa: PLC0415
    from dockerutils.aws.session import Aws, AwsError  # noqa: PLC0415  # rarely used

    logins = {}
    for place, login in places.items():
        try:
            logins[place.host] = Ecr(place, Aws(login, session.environ)).credential()
        except AwsError as error:
            session.terminal.warn(no_fresh_login(place.host, error))
    return logins
