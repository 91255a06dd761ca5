"""HTTP on connections that are kept: one request, its answer, and why there is none."""

from __future__ import annotations

import contextlib
import math
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import urllib3
from urllib3 import exceptions

from dockerutils.oci.registry import failures
from dockerutils.oci.registry.addresses import Address, Proxy, address_of, proxy_for
from dockerutils.oci.registry.failures import RegistryError, Subject
from dockerutils.oci.registry.reference import endpoint

CONNECTING = 30.0  # seconds, as docker; also the longest that the other side may not read
READING = 120.0  # seconds: a registry may copy a whole blob before it answers
CHUNK = 2**20  # bytes that are read at once
LARGEST_REPLY = 8 * 2**20  # bytes; registries limit manifests to 4 MiB
CONNECTIONS = 8  # that are kept for each host

Response = urllib3.BaseHTTPResponse

# What OpenSSL calls it when the other side answers in plain text.
PLAIN_TEXT = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL")


@dataclass(frozen=True)
class Reply:
    """A short answer, wholly read."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class Wire:
    """Connections to a registry and to what it sends us to; threads may share it."""

    def __init__(self, environ: Mapping[str, str], context: Callable[[], ssl.SSLContext]) -> None:
        self._environ = environ
        self._context = context
        self._pools: dict[tuple[str, Proxy | None], urllib3.PoolManager] = {}
        self._lock = threading.Lock()

    def send(
        self,
        subject: Subject,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes] | None = None,
    ) -> Response:
        """Send one request; its answer still has to be read. A body that is no bytes is chunked.

        Raises `PassingFailure` without an answer, `NoTls`, and `RegistryError` for a certificate.
        """
        address = address_of(url)
        if address is None:
            raise RegistryError(f"{subject.host} sends us to what is no address on the web.")
        proxy = proxy_for(url, self._environ)
        try:
            return self._pool(address.scheme, proxy).request(
                method,
                url,
                headers=dict(headers),
                body=body,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
            )
        except exceptions.HTTPError as error:
            # The cause names URLs, and those may hold signatures.
            raise explained(error, subject, address) from None

    def _pool(self, scheme: str, proxy: Proxy | None) -> urllib3.PoolManager:
        with self._lock:
            if (scheme, proxy) not in self._pools:
                self._pools[scheme, proxy] = self._new_pool(scheme, proxy)
            return self._pools[scheme, proxy]

    def _new_pool(self, scheme: str, proxy: Proxy | None) -> urllib3.PoolManager:
        # Making a context reads all authorities: 20 ms.
        secure = scheme == "https" or (proxy is not None and proxy.url.startswith("https:"))
        context = self._context() if secure else None
        timeout = urllib3.Timeout(connect=CONNECTING, read=READING)
        if proxy is None:
            return urllib3.PoolManager(maxsize=CONNECTIONS, timeout=timeout, ssl_context=context)
        login = urllib3.make_headers(proxy_basic_auth=proxy.login) if proxy.login else None
        return urllib3.ProxyManager(
            proxy.url,
            proxy_headers=login,
            proxy_ssl_context=context,
            maxsize=CONNECTIONS,
            timeout=timeout,
            ssl_context=context,
        )

    def close(self) -> None:
        """Close all connections; a later request opens new ones."""
        with self._lock:
            for manager in self._pools.values():
                for key in manager.pools.keys():  # noqa: SIM118 - it cannot be iterated over
                    manager.pools[key].close()
                manager.clear()


def read_reply(response: Response, subject: Subject, url: str) -> Reply:
    """Read a short answer to its end, which frees the connection for the next request."""
    body = b""
    with contextlib.closing(Chunks(response, subject)) as chunks:
        for chunk in chunks:
            body += chunk
            if len(body) > LARGEST_REPLY:
                raise RegistryError(
                    f"{subject.host} answers with far too much for {subject}.",
                    "It may not be a registry; see that the name is right.",
                )
    return Reply(response.status, response.headers, body, url)


class Chunks:
    """Reads an answer; raises `PassingFailure` where it ends before its announced length.

    What is closed before its end is cut off, so that nothing of it is taken for another answer.
    """

    def __init__(self, response: Response, subject: Subject) -> None:
        self._response = response
        self._subject = subject

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._response.stream(CHUNK, decode_content=False)
        except exceptions.HTTPError as error:
            raise failures.broken_off(self._subject, reason_of(error)) from None

    def close(self) -> None:
        """Let the connection serve the next request, or end it."""
        if not self._response.closed:
            self._response.close()
        self._response.release_conn()


def explained(error: exceptions.HTTPError, subject: Subject, address: Address) -> RegistryError:
    """Say why a request has no answer, without any URL, since that may hold a signature."""
    host = subject.host if address.authority == endpoint(subject.host) else address.authority
    if isinstance(error, exceptions.ProxyError):
        return failures.unreachable(host, f"the proxy does not lead there ({reason_of(error)})")
    if isinstance(error, exceptions.SSLError):
        return _explained_tls(error, subject, host)
    if isinstance(error, exceptions.NewConnectionError):
        return failures.unreachable(host, reason_of(error))
    if isinstance(error, exceptions.ConnectTimeoutError):  # who waited that long tries no more
        return failures.unreachable(host, reason_of(error), math.inf)
    return failures.broken_off(subject, reason_of(error))


def _explained_tls(error: exceptions.SSLError, subject: Subject, host: str) -> RegistryError:
    cause = innermost(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return failures.untrusted(subject, host, cause.verify_message.rstrip("."))
    if isinstance(cause, ssl.SSLError) and (cause.reason or "") in PLAIN_TEXT:
        return failures.not_encrypted(host)
    return failures.unreachable(host, f"TLS fails ({reason_of(error)})")


def innermost(error: BaseException) -> BaseException:
    """Give the exception at the bottom of those that urllib3 wraps around it."""
    inner = [one for one in error.args if isinstance(one, BaseException)]
    below = inner[0] if inner else error.__cause__ or error.__context__
    return innermost(below) if below else error


def reason_of(error: BaseException) -> str:
    """Give a reason in a few words."""
    cause = innermost(error)
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    if isinstance(cause, ssl.SSLError):
        return (cause.reason or "the connection was closed").replace("_", " ").lower()
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror[0].lower() + cause.strerror[1:]
    if isinstance(cause, OSError) and cause.args:  # a proxy's refusal: "Tunnel connection failed"
        return str(cause.args[0])
    # Refused connections are timeouts to urllib3 as well, so this comes last.
    timed_out = isinstance(error, exceptions.TimeoutError)
    return "no answer in time" if timed_out else "it was closed before the end"
