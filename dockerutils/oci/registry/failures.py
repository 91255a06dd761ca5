"""What a registry refuses, and how it breaks off: each a sentence with what to do next."""

from __future__ import annotations

import json
from dataclasses import dataclass

from dockerutils.errors import DockerutilsError

PASSING = (408, 425, 429, 500, 502, 503, 504)
LONGEST_WORDS = 200  # characters of a registry's own message that are shown
TRY_AGAIN = "Try again in a while; the registry's own log says more."


class RegistryError(DockerutilsError):
    """A registry does not do what it is asked; `code` is its HTTP status, 0 without an answer."""

    def __init__(self, message: str, hint: str = "", code: int = 0) -> None:
        super().__init__(message, hint)
        self.code = code


class PassingFailure(RegistryError):
    """A failure that may be gone at the next try, after the seconds that the registry asks for."""

    def __init__(
        self, message: str, hint: str = "", code: int = 0, after: float | None = None
    ) -> None:
        super().__init__(message, hint, code)
        self.after = after


class NoTls(RegistryError):
    """What answers does not speak https."""


@dataclass(frozen=True)
class Subject:
    """What a failure is about: a registry, and mostly a repository in it."""

    host: str
    repository: str = ""

    def __str__(self) -> str:
        return f"{self.host}/{self.repository}" if self.repository else self.host

    @property
    def login(self) -> str:
        """The command that logs in there."""
        return "docker login" if self.host == "docker.io" else f"docker login {self.host}"


def of_status(
    subject: Subject, code: int, words: str = "", writes: bool = False, after: float | None = None
) -> RegistryError:
    """Make the failure of an HTTP status; `words` are the registry's own."""
    told = f" (HTTP {code}: {words})" if words else f" (HTTP {code})"
    if code == 429:
        return too_many(subject, told, after)
    if code in PASSING:
        message = f"{subject.host} fails at {subject}{told}."
        return PassingFailure(message, TRY_AGAIN, code, after)
    reason, hint = _reasons(subject, writes).get(
        code, (f"{subject.host} refuses a request for {subject}", "Its own log says more.")
    )
    return RegistryError(f"{reason}{told}.", hint, code)


def _reasons(subject: Subject, writes: bool) -> dict[int, tuple[str, str]]:
    doing = "write to" if writes else "read from"
    return {
        401: (
            f"{subject.host} wants a login that may {doing} {subject}",
            f"Log in with `{subject.login}`, and see that the name is right.",
        ),
        403: (
            f"{subject.host} does not allow us to {doing} {subject}",
            f"Ask its owner for the right to, or log in as somebody else: `{subject.login}`.",
        ),
        404: (
            f"{subject.host} does not have what was asked for in {subject}",
            "See that the name is right; some registries want a repository to be created first.",
        ),
        405: (
            f"{subject.host} is read-only for {subject}",
            "Ask its owner: one that is under maintenance, or mirrors another, takes no pushes.",
        ),
        413: (
            f"a proxy before {subject.host} refuses so large a request for {subject}",
            "Have its limit raised (nginx: client_max_body_size 0), or go around it.",
        ),
    }


def too_many(subject: Subject, told: str, after: float | None) -> PassingFailure:
    """Make the failure of a registry that wants to be asked less often."""
    wait = f"Wait {after:.0f} seconds" if after else "Wait some minutes"
    hint = f"{wait}, then try again; who is logged in (`{subject.login}`) may mostly ask more."
    return PassingFailure(f"{subject.host} has had too many requests{told}.", hint, 429, after)


def broken_off(subject: Subject, reason: str) -> PassingFailure:
    """Make the failure of a connection that was there, and ended too early."""
    message = f"the connection with {subject.host} broke off at {subject}: {reason}."
    return PassingFailure(message, "See that the network is stable, then try again.")


def unreachable(host: str, reason: str, after: float | None = None) -> PassingFailure:
    """Make the failure of a connection that does not come about."""
    hint = "See that the name is right, and that the network, or its proxy, leads there."
    return PassingFailure(f"{host} cannot be reached: {reason}.", hint, after=after)


def untrusted(subject: Subject, host: str, reason: str) -> RegistryError:
    """Make the failure of a certificate that nothing vouches for, of a registry or its like."""
    return RegistryError(
        f"the certificate of {host} is not trusted: {reason}.",
        f"Put the certificate of its authority into /etc/docker/certs.d/{subject.host}/ca.crt, "
        "or name a bundle with it in SSL_CERT_FILE.",
    )


def not_encrypted(host: str) -> NoTls:
    """Make the failure of a host that speaks plain http where that is not allowed."""
    return NoTls(
        f"{host} does not speak https.",
        "If that is right for it, list it under `insecure-registries` in "
        "/etc/docker/daemon.json, as docker wants it as well.",
    )


def words_of(body: bytes) -> str:
    """Give what a registry's answer says: the messages in its JSON, else nothing.

    Distribution spec, "Error Codes". Control characters are left out, and long texts cut.
    """
    try:
        found = json.loads(body)
        errors = found.get("errors") or [found]
        texts = [str(one.get("message") or one.get("code") or "") for one in errors]
    except (ValueError, AttributeError, TypeError):
        return ""
    text = " ".join("; ".join(filter(None, texts)).split())
    plain = "".join(character for character in text if character.isprintable())
    return plain[:LONGEST_WORDS].rstrip(". ")
