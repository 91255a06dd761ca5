"""Requests to one registry: where they go, with what proof, how often, and what they come to."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dockerutils.oci.registry import failures
from dockerutils.oci.registry.addresses import address_of, path_of, resolve
from dockerutils.oci.registry.authentication import (
    Login,
    Scopes,
    parse_challenges,
    to_read,
    to_write,
)
from dockerutils.oci.registry.credentials import CredentialSource
from dockerutils.oci.registry.failures import NoTls, PassingFailure, RegistryError, Subject
from dockerutils.oci.registry.patience import Patience, asked_to_wait
from dockerutils.oci.registry.reference import endpoint
from dockerutils.oci.registry.trust import Trust
from dockerutils.oci.registry.wire import Reply, Response, Wire, read_reply

CLIENT = {"User-Agent": "dockerutils"}
REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 5


@dataclass(frozen=True)
class Call:
    """One request about a repository; `place` is a path, or the URL that a registry gave."""

    method: str
    repository: str
    place: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] | None = None
    writes: bool = False
    besides: Scopes = frozenset()  # what it needs beyond its repository

    @property
    def scopes(self) -> Scopes:
        """What a token for it has to allow."""
        own = to_write(self.repository) if self.writes else to_read(self.repository)
        return own | self.besides


class Exchange:
    """Sends the requests to one registry; threads may share it."""

    def __init__(
        self,
        host: str,
        credentials: CredentialSource,
        environ: Mapping[str, str],
        trust: Trust,
        patience: Patience,
    ) -> None:
        self.host = host
        self.patience = patience
        self.login = Login(host, credentials, self._ask_elsewhere, patience.clock, self._is_plain)
        self._trust = trust
        self._wire = Wire(environ, lambda: trust.context(host, environ))
        self._endpoint = endpoint(host)
        self._scheme = "" if trust.allows_plain(self._endpoint) else "https"
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connections that are kept."""
        self._wire.close()

    def ask(self, call: Call, accepted: Collection[int]) -> Reply:
        """Send until there is an answer that stays; raises `RegistryError` for one not accepted."""
        return self.patience.persist(lambda: self.once(call, accepted))

    def once(self, call: Call, accepted: Collection[int]) -> Reply:
        """Send once; raises `PassingFailure` where another try may help."""
        response, url = self.open(call)
        subject = self.subject(call)
        reply = read_reply(response, subject, url)
        if reply.status not in accepted:
            raise self.failure(call, reply)
        return reply

    def open(self, call: Call) -> tuple[Response, str]:
        """Send, prove who we are, and follow; gives the answer, not yet read, and its URL."""
        url = resolve(self._base(), call.place)
        for _ in range(MOST_REDIRECTS):
            response = self._proven(call, self._allowed(url))
            location = response.headers.get("Location", "")
            follows = call.method in ("GET", "HEAD") and response.status in REDIRECTS
            if not follows or not location:
                return response, url
            read_reply(response, self.subject(call), url)
            url = resolve(url, location)
        raise RegistryError(f"{self.host} sends us around in circles for {self.subject(call)}.")

    def failure(self, call: Call, reply: Reply) -> RegistryError:
        """Make the error of an answer."""
        words = self.login.without_secrets(failures.words_of(reply.body))
        after = asked_to_wait(reply.headers)
        return failures.of_status(self.subject(call), reply.status, words, call.writes, after)

    def subject(self, call: Call) -> Subject:
        """Give what a call is about."""
        return Subject(self.host, call.repository)

    def _proven(self, call: Call, url: str) -> Response:
        """Send with what proves who we are, again where the registry tells how to."""
        if not self._is_ours(url):
            return self._send(call, url, {})
        subject, scopes = self.subject(call), call.scopes
        proof = self.login.headers(scopes, subject)
        response = self._send(call, url, proof)
        for is_first in (True, False):
            # A new token that is refused stays so; a refused password may have a successor.
            is_token = proof.get("Authorization", "").startswith("Bearer ")
            if response.status != 401 or (is_token and not is_first):
                break
            challenges = parse_challenges(response.headers.getlist("WWW-Authenticate"))
            read_reply(response, subject, url)
            self.login.refused(challenges, proof, scopes, subject)
            if not isinstance(call.body, (bytes, type(None))):  # a stream is spent by now
                raise PassingFailure(f"{self.host} wants the login for {subject} anew.", code=401)
            proof = self.login.headers(scopes, subject)
            response = self._send(call, url, proof)
        return response

    def _send(self, call: Call, url: str, proof: Mapping[str, str]) -> Response:
        headers = {**CLIENT, **call.headers, **proof}
        return self._wire.send(self.subject(call), call.method, url, headers, call.body)

    def _ask_elsewhere(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> Reply:
        subject = Subject(self.host)
        sent = {**CLIENT, **headers}
        response = self._wire.send(subject, method, url, sent, body or None)
        return read_reply(response, subject, url)

    # Where it goes --------------------------------------------------------------------------

    def _is_ours(self, url: str) -> bool:
        """Tell whether a URL is of the registry itself: nobody else is shown who we are."""
        address = address_of(url)
        return address is not None and address.authority == self._endpoint

    def _is_plain(self, host: str) -> bool:
        return self._trust.allows_plain(host)

    def _allowed(self, url: str) -> str:
        """Refuse to leave https for plain http."""
        if url.startswith("http:") and self._scheme == "https":
            address = address_of(url)
            raise RegistryError(
                f"{self.host} sends us on to {address.authority if address else 'somewhere'} "
                "by plain http; we do not go there.",
                "Its configuration is wrong, or that of the proxy before it (X-Forwarded-Proto).",
            )
        return url

    def _base(self) -> str:
        with self._lock:
            if not self._scheme:
                self._scheme = self._probed()
            return f"{self._scheme}://{self._endpoint}"

    def _probed(self) -> str:
        """Find out what a host speaks that may speak plain http: docker, too, tries https first."""
        try:
            self._ping("https")
        except (PassingFailure, NoTls):
            self._ping("http")
            return "http"
        return "https"

    def _ping(self, scheme: str) -> None:
        subject, url = Subject(self.host), f"{scheme}://{self._endpoint}/v2/"
        read_reply(self._wire.send(subject, "GET", url, CLIENT), subject, url)


def blob_call(method: str, repository: str, digest: str, **more: Any) -> Call:
    """Make a request about a blob."""
    return Call(method, repository, path_of(repository, "blobs", digest), **more)


def manifest_call(method: str, repository: str, reference: str, **more: Any) -> Call:
    """Make a request about a manifest."""
    return Call(method, repository, path_of(repository, "manifests", reference), **more)


def upload_call(repository: str, query: str = "", **more: Any) -> Call:
    """Make a request that begins an upload."""
    place = path_of(repository, "blobs/uploads/") + query
    return Call("POST", repository, place, writes=True, **more)


def onward(call: Call, reply: Reply, method: str, **more: Any) -> Call:
    """Make the request that goes on where an answer points to."""
    place = resolve(reply.url, reply.headers.get("Location", ""))
    return replace(call, method=method, place=place, **more)
