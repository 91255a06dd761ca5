"""How a request proves who sends it: challenges, tokens for scopes, passwords."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from dockerutils.command import Secret
from dockerutils.oci.registry import failures
from dockerutils.oci.registry.addresses import address_of, form, with_query
from dockerutils.oci.registry.credentials import SHOWN, Credential, CredentialSource
from dockerutils.oci.registry.failures import RegistryError, Subject
from dockerutils.oci.registry.wire import Reply

CLIENT = "dockerutils"
SHORTEST_LIFE = 60.0  # seconds that a token holds where nothing is said (distribution, token.md)
MARGIN = 10.0  # seconds before its end from which a token is not used any more

Scopes = frozenset[tuple[str, str]]
"""What may be done: pairs of a resource, as `repository:a/b`, and an action, as `pull`."""

SCHEME = re.compile(r"[\s,]*([A-Za-z0-9!#$%&'*+.^_`|~-]+)(?=[\s,]|$)")
PARAMETER = re.compile(r"[\s,]*([A-Za-z0-9_-]+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s,\"]+))")


@dataclass(frozen=True)
class Challenge:
    """One way to prove oneself, as WWW-Authenticate names it (RFC 9110, 11.6.1)."""

    scheme: str  # lower case
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def scopes(self) -> Scopes:
        """What a token has to be for."""
        return scopes_of(self.parameters.get("scope", ""))


def parse_challenges(headers: Iterable[str]) -> list[Challenge]:
    """Read the values of WWW-Authenticate; what cannot be read ends its header."""
    found = []
    for text in headers:
        place = 0
        while scheme := SCHEME.match(text, place):
            place, parameters = scheme.end(), {}
            while parameter := PARAMETER.match(text, place):
                name, quoted, bare = parameter.groups()
                value = bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
                parameters[name.lower()] = value
                place = parameter.end()
            found.append(Challenge(scheme[1].lower(), parameters))
    return found


def scopes_of(text: str) -> Scopes:
    """Read scopes as distribution's scope.md writes them: `repository:a/b:pull,push …`."""
    pairs = []
    for one in text.split():
        resource, _, actions = one.rpartition(":")
        pairs += [(resource, action) for action in actions.split(",") if resource and action]
    return frozenset(pairs)


def written(scopes: Scopes) -> list[str]:
    """Write scopes, one text for each resource."""
    resources = sorted({resource for resource, _ in scopes})
    return [
        f"{each}:{','.join(sorted(action for resource, action in scopes if resource == each))}"
        for each in resources
    ]


def to_read(repository: str) -> Scopes:
    """What reading a repository needs."""
    return frozenset({(f"repository:{repository}", "pull")})


def to_write(repository: str) -> Scopes:
    """What writing to a repository needs."""
    return to_read(repository) | {(f"repository:{repository}", "push")}


@dataclass(frozen=True)
class Token:
    """What a token service gave: for what, and until when by our clock."""

    secret: Secret
    scopes: Scopes
    until: float


Ask = Callable[[str, str, Mapping[str, str], bytes], Reply]
"""Sends one request: method, URL, headers, body."""


class Login:
    """What a registry is shown; learns from its challenges, and keeps tokens while they hold."""

    def __init__(
        self,
        host: str,
        credentials: CredentialSource,
        ask: Ask,
        clock: Callable[[], float],
        allows_plain: Callable[[str], bool],
    ) -> None:
        self._host = host
        self._credentials = credentials
        self._ask = ask
        self._clock = clock
        self._allows_plain = allows_plain
        self._lock = threading.RLock()
        self._challenge: Challenge | None = None
        self._credential: Credential | None = None
        self._looked_up = False
        self._tokens: list[Token] = []
        self._besides: dict[Scopes, Scopes] = {}  # what a registry wanted beyond what we thought

    def headers(self, scopes: Scopes, subject: Subject) -> dict[str, str]:
        """Give what a request has to have, as far as the registry has told; may get a token."""
        with self._lock:
            if self._challenge is None:
                return {}
            if self._challenge.scheme == "bearer":
                wanted = scopes | self._besides.get(scopes, frozenset())
                token = self._kept(wanted) or self._new_token(self._challenge, wanted, subject)
                return {"Authorization": f"Bearer {token.secret.value}"}
            credential = self._looked_up_credential()
            return {"Authorization": basic(credential)} if credential else {}

    def refused(
        self,
        challenges: Iterable[Challenge],
        used: Mapping[str, str],
        scopes: Scopes,
        subject: Subject,
    ) -> None:
        """Learn from a 401 how to ask; raises `RegistryError` where asking again is no use.

        `used` is what the refused request had; another thread may have learned since.
        """
        offered = {one.scheme: one for one in reversed(list(challenges))}
        challenge = offered.get("bearer") or offered.get("basic")
        shown = used.get("Authorization", "")
        with self._lock:
            if challenge is None:
                raise failures.of_status(subject, 401)
            self._challenge = challenge
            self._besides[scopes] = challenge.scopes
            self._tokens = [one for one in self._tokens if one.secret.value not in shown]
            if challenge.scheme == "basic" and not self._another_password(shown):
                raise self._no_login(subject, refused=bool(shown))

    def _another_password(self, shown: str) -> bool:
        """Tell whether there is a password that was not shown; new ones are asked for."""
        if shown and self._credential and basic(self._credential) == shown:
            self._looked_up = False
        credential = self._looked_up_credential()
        return credential is not None and basic(credential) != shown

    def _looked_up_credential(self) -> Credential | None:
        if not self._looked_up:
            self._credential = self._credentials(self._host)
            self._looked_up = True
        return self._credential

    def _no_login(self, subject: Subject, refused: bool) -> RegistryError:
        what = "refuses the login that there is" if refused else "wants a login, and there is none"
        hint = f"Log in: `{subject.login}`."
        return RegistryError(f"{subject.host} {what} for {subject} (HTTP 401).", hint, 401)

    # Tokens ---------------------------------------------------------------------------------

    def _kept(self, scopes: Scopes) -> Token | None:
        now = self._clock()
        self._tokens = [one for one in self._tokens if one.until > now]
        return next((one for one in self._tokens if one.scopes >= scopes), None)

    def _new_token(self, challenge: Challenge, scopes: Scopes, subject: Subject) -> Token:
        """Ask the service that a challenge names for a token (distribution, token.md, oauth.md)."""
        realm = self._checked_realm(challenge.parameters.get("realm", ""))
        service = challenge.parameters.get("service", "")
        credential = self._looked_up_credential()
        if credential and credential.is_identity:
            fields = [
                ("grant_type", "refresh_token"),
                ("service", service),
                ("client_id", CLIENT),
                ("scope", " ".join(written(scopes))),
                ("refresh_token", credential.secret.value),
            ]
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            reply = self._ask("POST", realm, headers, form(fields))
        else:
            query = [("service", service)] if service else []
            query += [("scope", one) for one in written(scopes)]
            headers = {"Authorization": basic(credential)} if credential else {}
            reply = self._ask("GET", with_query(realm, query), headers, b"")
        token = self._read_token(reply, scopes, subject)
        self._tokens.append(token)
        return token

    def _checked_realm(self, realm: str) -> str:
        """Let passwords go to https only, and to hosts that docker allows plain http for."""
        address = address_of(realm)
        if address is None:
            raise RegistryError(
                f"{self._host} names no token service that can be asked.",
                "Its configuration is wrong: `realm` has to be a whole URL.",
            )
        if address.scheme != "https" and not self._allows_plain(address.authority):
            raise RegistryError(
                f"{self._host} sends logins to {address.authority} by plain http; we do not.",
                "Its configuration is wrong: `realm` has to be an https URL.",
            )
        return realm

    def _read_token(self, reply: Reply, scopes: Scopes, subject: Subject) -> Token:
        if reply.status in (400, 401, 403):
            self._looked_up = False  # who logs in again meanwhile is asked for the new password
            raise self._no_login(subject, refused=self._credential is not None)
        if reply.status != 200:
            raise failures.of_status(subject, reply.status, failures.words_of(reply.body))
        try:
            found = json.loads(reply.body)
            value = found.get("token") or found["access_token"]
            life = float(found.get("expires_in") or SHORTEST_LIFE)
        except (ValueError, KeyError, TypeError, AttributeError):
            message = f"the token service of {subject.host} answers without a token."
            raise RegistryError(message, failures.TRY_AGAIN) from None
        self._keep_refresh_token(found.get("refresh_token"))
        until = self._clock() + life - min(MARGIN, life / 2)
        return Token(Secret(str(value), SHOWN), scopes, until)

    def _keep_refresh_token(self, value: object) -> None:
        """Go on with a newer identity token, where the service gives one."""
        old = self._credential
        if value and old and old.is_identity:
            self._credential = Credential(old.user, Secret(str(value), SHOWN), is_identity=True)

    def without_secrets(self, text: str) -> str:
        """Give a registry's words without any secret that it may say back to us."""
        with self._lock:
            secrets = [one.secret.value for one in self._tokens]
            if self._credential:
                secrets += [self._credential.secret.value, basic(self._credential)[6:]]
        for secret in filter(None, secrets):
            text = text.replace(secret, SHOWN)
        return text


def basic(credential: Credential) -> str:
    """Write a login as HTTP's Basic scheme does (RFC 7617)."""
    text = f"{credential.user}:{credential.secret.value}"
    return f"Basic {base64.b64encode(text.encode()).decode()}"
