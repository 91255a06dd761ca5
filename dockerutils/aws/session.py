"""AWS as one user of it: who that is, where, and clients for its services.

All AWS code comes from boto3, which takes long to import: so it is done when AWS is first asked.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dockerutils.errors import DockerutilsError

SESSION = "dockerutils"  # the name of a session in a role, as AWS logs it
LONGEST_WORDS = 300  # characters of AWS's own message that are shown
TIMEOUT = 10  # seconds until an endpoint has to take a connection
EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
REFUSED = (
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
)
DENIED = ("AccessDenied", "AccessDeniedException")
TOO_MANY = ("LimitExceededException",)
LOGIN = "Set AWS_PROFILE or the key aws_profile, or log in: `aws sso login`, `aws configure`."
# The classes of botocore's own failures, before AWS has said anything.
NO_LOGIN = ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError")
OLD_LOGIN = (
    "UnauthorizedSSOTokenError",
    "SSOTokenLoadError",
    "TokenRetrievalError",
    "LoginRefreshRequired",
)


class AwsError(DockerutilsError):
    """AWS does not do what it is asked; `code` is its own name for the reason."""

    def __init__(self, message: str, hint: str = "", code: str = "") -> None:
        super().__init__(message, hint)
        self.code = code


@dataclass(frozen=True)
class AwsLogin:
    """As whom AWS is asked: a profile of the user's settings, and a role to take on, or neither."""

    profile: str = ""
    role: str = ""


class Aws:
    """AWS for one login; it is asked when something of it is first wanted, and once."""

    def __init__(self, login: AwsLogin, environ: Mapping[str, str]) -> None:
        self.login = login
        self._environ = environ
        self._sessions: dict[str, Any] = {}
        self._clients: dict[tuple[str, str], Any] = {}
        self._account = ""

    def region(self) -> str:
        """Give the region that the environment or the profile names; raise `AwsError` for none."""
        named = self._environ.get("AWS_REGION") or self._environ.get("AWS_DEFAULT_REGION")
        if named:
            return named
        with explained("tell its region", self.login):
            found = self._own_session().region_name
        if not found:
            raise AwsError(
                "no region of AWS is set.",
                "Set AWS_REGION, give the profile one (`aws configure`), or write it into"
                " publication_tag in the place of {region}.",
            )
        return str(found)

    def account(self, region: str) -> str:
        """Give the number of the account that we are in."""
        if not self._account:
            sts = self.client("sts", region)
            with explained("tell its account", self.login):
                self._account = str(sts.get_caller_identity()["Account"])
        return self._account

    def client(self, service: str, region: str) -> Any:
        """Give the client of a service in a region."""
        if (service, region) not in self._clients:
            with explained(f"open {service}", self.login):
                session = self._session(region)
                self._clients[service, region] = session.client(
                    service, region_name=region, config=_manner()
                )
        return self._clients[service, region]

    def forget(self) -> None:
        """Take the role on anew at the next question: its login ends after an hour."""
        self._sessions.pop("role", None)
        self._clients.clear()

    def _session(self, region: str) -> Any:
        return self._role_session(region) if self.login.role else self._own_session()

    def _own_session(self) -> Any:
        if "own" not in self._sessions:
            from boto3.session import Session  # type: ignore[import-untyped]  # noqa: PLC0415

            self._sessions["own"] = Session(profile_name=self.login.profile or None)
        return self._sessions["own"]

    def _role_session(self, region: str) -> Any:
        if "role" not in self._sessions:
            from boto3.session import Session  # noqa: PLC0415

            with explained(f"take on the role {self.login.role}", AwsLogin(self.login.profile)):
                sts = self._own_session().client("sts", region_name=region, config=_manner())
                taken = sts.assume_role(RoleArn=self.login.role, RoleSessionName=SESSION)
            keys = taken["Credentials"]
            self._sessions["role"] = Session(
                aws_access_key_id=keys["AccessKeyId"],
                aws_secret_access_key=keys["SecretAccessKey"],
                aws_session_token=keys["SessionToken"],
            )
        return self._sessions["role"]


def _manner() -> Any:
    from botocore.config import Config  # type: ignore[import-untyped]  # noqa: PLC0415

    return Config(connect_timeout=TIMEOUT, retries={"mode": "standard", "total_max_attempts": 3})


@contextlib.contextmanager
def explained(doing: str, login: AwsLogin) -> Iterator[None]:
    """Turn failures of AWS, and of the way to it, into `AwsError`: `AWS does not <doing>`."""
    from botocore.exceptions import (  # type: ignore[import-untyped]  # noqa: PLC0415
        BotoCoreError,
        ClientError,
        HTTPClientError,
        ProfileNotFound,
    )

    try:
        yield
    except ClientError as error:
        found = error.response.get("Error", {})
        code = str(found.get("Code", ""))
        raise refusal(doing, login, code, told(str(found.get("Message", "")))) from None
    except ProfileNotFound:
        raise AwsError(
            f"there is no profile of AWS named {login.profile or 'as AWS_PROFILE says'}.",
            "`aws configure list-profiles` lists those of ~/.aws/config.",
        ) from None
    except HTTPClientError as error:
        raise AwsError(
            f"AWS cannot be reached: {type(error).__name__}.",
            "See that the network, or its proxy, leads there, and that the region is right.",
        ) from None
    except BotoCoreError as error:
        raise unasked(doing, type(error).__name__, told(str(error))) from None


def told(words: str) -> str:
    """Give AWS's words for a sentence of ours; pages for a browser are none."""
    plain = " ".join(words.split())
    return "" if plain.startswith("<") else plain[:LONGEST_WORDS].rstrip(".")


def refusal(doing: str, login: AwsLogin, code: str, words: str) -> AwsError:
    """Describe what AWS answers instead."""
    who = f"the role {login.role}" if login.role else "you"
    if code in EXPIRED:
        return AwsError("the login at AWS has expired.", f"Log in anew. {LOGIN}", code)
    if code in REFUSED:
        return AwsError("AWS refuses the keys that there are.", LOGIN, code)
    if code in DENIED:
        hint = f"Ask its administrator for that right, or be somebody else. {LOGIN}"
        return AwsError(f"AWS does not let {who} {doing}: {words}.", hint, code)
    if code in TOO_MANY:
        hint = "Remove what is not needed, or have the quota raised in AWS's Service Quotas."
        return AwsError(f"AWS does not {doing}, a quota is reached: {words}.", hint, code)
    hint = "Correct what it names, or try again in a while."
    return AwsError(f"AWS does not {doing}: {words or code}.", hint, code)


def unasked(doing: str, kind: str, words: str) -> AwsError:
    """Describe why AWS could not be asked at all."""
    if kind in NO_LOGIN:
        return AwsError("there is no login for AWS.", LOGIN, kind)
    if kind in OLD_LOGIN:
        return AwsError("the login at AWS has expired.", f"Log in anew. {LOGIN}", kind)
    return AwsError(
        f"AWS does not {doing}: {words}.",
        "Correct what it names; AWS's settings are in ~/.aws/config.",
        kind,
    )
