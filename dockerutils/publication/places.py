"""The places that images are published at: their names, their logins, each opened once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from dockerutils.aws.ecr import Ecr
from dockerutils.aws.ecr_host import EcrHost, ecr_host
from dockerutils.aws.session import Aws, AwsLogin
from dockerutils.errors import DockerutilsError
from dockerutils.oci.registry.client import Registry, open_registry
from dockerutils.oci.registry.credentials import CredentialSource, docker_credentials
from dockerutils.oci.registry.reference import HUB, RegistryReference
from dockerutils.oci.registry.trust import docker_trust
from dockerutils.publication.names import Publication, hub_user
from dockerutils.publication.target import RegistryTarget
from dockerutils.session import Session


@dataclass
class Places:
    """Registries, and AWS as those that may write to them; closed at the end of the `with`."""

    session: Session
    clouds: dict[AwsLogin, Aws] = field(default_factory=dict)
    registries: dict[tuple[str, AwsLogin], Registry] = field(default_factory=dict)
    shared: dict[str, dict[str, str]] = field(default_factory=dict)  # of each host
    opened: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Places:
        return self

    def __exit__(self, *_: object) -> None:
        self.opened.close()

    def reference(self, found: Publication) -> RegistryReference:
        """Give the name of a publication; asks for what its variables stand for, if need be."""
        known: dict[str, str] = {}
        region = found.region
        if found.lacks("region"):
            known["region"] = region = region or self._aws(found.login).region()
        if found.lacks("account"):
            aws = self._aws(found.login)
            known["account"] = aws.account(region or aws.region())
        if found.lacks("login"):
            known["login"] = self._hub_login(found)
        return found.knowing(**known).reference()

    def target(
        self, found: Publication, name: RegistryReference, more_tags: tuple[str, ...]
    ) -> RegistryTarget:
        """Give the place that an image is brought to."""
        place = ecr_host(name.host)
        return RegistryTarget(
            self._registry(name.host, place, found.login),
            name,
            more_tags,
            self.shared.setdefault(name.host, {}),
            rights(place, found.login) if place else "",
        )

    def make_ready(self, found: Publication, name: RegistryReference) -> bool:
        """Have the repository, where it has to be made; tells whether it was made now."""
        place = ecr_host(name.host)
        if place is None:
            return False
        return Ecr(place, self._aws(found.login)).ensure(name.repository, found.new)

    def _aws(self, login: AwsLogin) -> Aws:
        return self.clouds.setdefault(login, Aws(login, self.session.environ))

    def _registry(self, host: str, place: EcrHost | None, login: AwsLogin) -> Registry:
        key = (host, login if place else AwsLogin())
        if key not in self.registries:
            home = Path(self.session.project.home)
            credentials = self._aws_login(place, login) if place else self._docker_logins
            registry = open_registry(host, credentials, self.session.environ, docker_trust(home))
            self.registries[key] = self.opened.enter_context(registry)
        return self.registries[key]

    def _aws_login(self, place: EcrHost, login: AwsLogin) -> CredentialSource:
        ecr = Ecr(place, self._aws(login))
        return lambda _host: ecr.credential()

    @property
    def _docker_logins(self) -> CredentialSource:
        environ: Mapping[str, str] = self.session.environ
        home = Path(self.session.project.home)
        return docker_credentials(environ, home, self.session.runner.read)

    def _hub_login(self, found: Publication) -> str:
        login = self._docker_logins(HUB)
        if login is None:
            raise DockerutilsError(
                f"nobody is logged in at {HUB}, where {found.image.name} is to be published.",
                "Log in: `docker login`.",
            )
        return hub_user(login.user, found)


def rights(place: EcrHost, login: AwsLogin) -> str:
    """Say what to do where AWS's registry refuses a login that AWS has just given."""
    who = f" of the role {login.role}" if login.role else ""
    whose = f"the account {place.account}" if place.account else "that alias"
    return (
        f"The login{who} is fresh: see that {whose} is the right one (`aws sts get-caller-identity`"
        " tells yours), and that you have the right to push there."
    )
