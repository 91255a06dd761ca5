"""AWS's registries of images (ECR), private and public: logins and repositories."""

from __future__ import annotations

import base64
import binascii
import contextlib
from dataclasses import dataclass
from typing import Any

from dockerutils.aws.ecr_host import PUBLIC, EcrHost, NewRepository
from dockerutils.aws.session import EXPIRED, Aws, AwsError, explained
from dockerutils.command import Secret
from dockerutils.oci.registry.credentials import SHOWN, Credential

NO_REPOSITORY = "RepositoryNotFoundException"
THERE_ALREADY = "RepositoryAlreadyExistsException"


@dataclass(frozen=True)
class Ecr:
    """One registry of AWS, with who asks it."""

    place: EcrHost
    aws: Aws

    def credential(self) -> Credential:
        """Get a new login, which holds for twelve hours; it is kept nowhere."""
        try:
            return self._credential()
        except AwsError as error:
            if error.code not in EXPIRED or not self.aws.login.role:
                raise
        self.aws.forget()
        return self._credential()

    def ensure(self, repository: str, new: NewRepository) -> bool:
        """Have a repository there; tells whether it was made now."""
        name = self.place.named(repository)
        try:
            found = self._ask(
                "tell of its repositories", "describe_repositories", **self._of([name])
            )
        except AwsError as error:
            if error.code != NO_REPOSITORY:
                # Who may only push may not ask: the registry itself will tell.
                if error.code.startswith("AccessDenied"):
                    return False
                raise
            return self._create(name, new)
        self._check_alias(repository, found["repositories"][0])
        return False

    def _credential(self) -> Credential:
        answer = self._ask("give a login for its registry", "get_authorization_token")
        data = answer["authorizationData"]
        token = (data if isinstance(data, dict) else data[0])["authorizationToken"]
        try:
            user, _, password = base64.b64decode(token, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            user = password = ""
        if not password:
            raise AwsError("AWS gives a login that cannot be read.", "Try again.")
        return Credential(user, Secret(password, SHOWN))

    def _create(self, name: str, new: NewRepository) -> bool:
        options = {} if self.place.is_public else new.options()
        try:
            doing = f"make the repository {name}"
            self._ask(
                doing, "create_repository", repositoryName=name, **self._registry(), **options
            )
        except AwsError as error:
            if error.code == THERE_ALREADY:  # somebody else made it this very moment
                return False
            raise
        if new.lifecycle and not self.place.is_public:
            self._set_lifecycle(name, new.lifecycle)
        return True

    def _set_lifecycle(self, name: str, policy: str) -> None:
        """Set the policy of a repository; one that cannot have it is not left behind half made."""
        own = {"repositoryName": name, **self._registry()}
        try:
            self._ask(
                f"take the lifecycle policy for {name}",
                "put_lifecycle_policy",
                lifecyclePolicyText=policy,
                **own,
            )
        except AwsError:
            with contextlib.suppress(AwsError):
                self._ask("remove a repository", "delete_repository", **own)
            raise

    def _check_alias(self, repository: str, found: dict[str, Any]) -> None:
        """Raise `AwsError` where the public repository of that name is below another alias."""
        uri = str(found.get("repositoryUri", ""))
        if self.place.is_public and uri != f"{PUBLIC}/{repository}":
            raise AwsError(
                f"{PUBLIC}/{repository} is not yours: your repository of that name is {uri}.",
                f"Write that alias into publication_tag: `{uri}:{{tag}}`.",
            )

    def _of(self, names: list[str]) -> dict[str, Any]:
        return {"repositoryNames": names, **self._registry()}

    def _registry(self) -> dict[str, str]:
        return {} if self.place.is_public else {"registryId": self.place.account}

    def _ask(self, doing: str, method: str, **values: Any) -> dict[str, Any]:
        client = self.aws.client(self.place.service, self.place.region)
        with explained(doing, self.aws.login):
            answer: dict[str, Any] = getattr(client, method)(**values)
        return answer
