"""Challenges, and the tokens and passwords that answer them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockerutils.command import Secret
from dockerutils.oci.registry.authentication import (
    Challenge,
    Login,
    parse_challenges,
    scopes_of,
    to_read,
    to_write,
    written,
)
from dockerutils.oci.registry.credentials import Credential
from dockerutils.oci.registry.failures import RegistryError, Subject
from dockerutils.oci.registry.wire import Reply

ALICE = Credential("alice", Secret("s3cret", "***"))
BASIC_ALICE = "Basic YWxpY2U6czNjcmV0"
IDENTITY = Credential("<token>", Secret("refresh", "***"), is_identity=True)
SUBJECT = Subject("ghcr.io", "a/b")
BEARER = Challenge("bearer", {"realm": "https://auth.io/token?x=1", "service": "the service"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Basic", [Challenge("basic")]),
        ('Basic realm="a, b"', [Challenge("basic", {"realm": "a, b"})]),
        (
            'Bearer realm="https://a.io/t",service="a.io",scope="repository:a/b:pull,push"',
            [
                Challenge(
                    "bearer",
                    {
                        "realm": "https://a.io/t",
                        "service": "a.io",
                        "scope": "repository:a/b:pull,push",
                    },
                )
            ],
        ),
        (
            'bearer  Realm = "x" , error=invalid_token',
            [Challenge("bearer", {"realm": "x", "error": "invalid_token"})],
        ),
        (r'Basic realm="say \"hi\""', [Challenge("basic", {"realm": 'say "hi"'})]),
        (
            'Negotiate, Basic realm="x", Bearer realm="y"',
            [
                Challenge("negotiate"),
                Challenge("basic", {"realm": "x"}),
                Challenge("bearer", {"realm": "y"}),
            ],
        ),
        (
            'Basic realm="x", Bearer realm="y"',
            [Challenge("basic", {"realm": "x"}), Challenge("bearer", {"realm": "y"})],
        ),
        ("", []),
        ('"', []),
    ],
)
def test_challenges_are_read(text: str, expected: list[Challenge]) -> None:
    assert expected == parse_challenges([text])


def test_several_headers_are_several_challenges() -> None:
    assert [Challenge("basic"), BEARER] == parse_challenges(
        ["Basic", 'Bearer realm="https://auth.io/token?x=1", service="the service"']
    )


@given(st.text())
def test_any_text_is_read_to_an_end(text: str) -> None:
    parse_challenges([text])


def test_scopes_are_read_and_written() -> None:
    text = "registry:catalog:* repository:a:5/b:pull,push"

    assert text.split() == written(scopes_of(text))
    assert to_write("a/b") == scopes_of("repository:a/b:push,pull")
    assert to_read("a/b") < to_write("a/b")


# Answers ------------------------------------------------------------------------------------


@dataclass
class Service:
    """A token service, a clock, and a source of logins, all under the test's control."""

    credentials: list[Credential | None] = field(default_factory=lambda: [ALICE])
    replies: list[tuple[int, object]] = field(default_factory=list)
    requests: list[tuple[str, str, Mapping[str, str], bytes]] = field(default_factory=list)
    now: float = 0.0
    looked_up: int = 0

    def login(self) -> Login:
        return Login("ghcr.io", self.credential, self.ask, lambda: self.now, lambda _: False)

    def credential(self, host: str) -> Credential | None:
        assert host == "ghcr.io"
        self.looked_up += 1
        return self.credentials[min(self.looked_up, len(self.credentials)) - 1]

    def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        self.requests.append((method, url, headers, body))
        token = f"token-{len(self.requests)}"
        status, content = self.replies.pop(0) if self.replies else (200, {"token": token})
        return Reply(status, {}, json.dumps(content).encode(), url)


def after(service: Service, challenge: Challenge) -> Login:
    """A login that has met a challenge."""
    login = service.login()
    login.refused([challenge], {}, to_read("a/b"), SUBJECT)
    return login


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_nothing_is_shown_before_a_challenge() -> None:
    service = Service()

    assert {} == service.login().headers(to_read("a/b"), SUBJECT)
    assert 0 == service.looked_up


def test_a_password_is_shown_where_basic_is_asked_for() -> None:
    login = after(Service(), Challenge("basic"))

    assert {"Authorization": BASIC_ALICE} == login.headers(to_read("a/b"), SUBJECT)


def test_a_token_is_bought_with_the_password_and_kept() -> None:
    service = Service()
    login = after(service, BEARER)

    first = login.headers(to_write("a/b"), SUBJECT)

    assert bearer("token-1") == first == login.headers(to_read("a/b"), SUBJECT)
    ((method, url, headers, _),) = service.requests
    assert "GET" == method
    assert {"x": ["1"], "service": ["the service"], "scope": ["repository:a/b:pull,push"]} == (
        parse_qs(urlsplit(url).query)
    )
    assert {"Authorization": BASIC_ALICE} == headers


def test_without_a_login_the_token_service_is_asked_all_the_same() -> None:
    service = Service([None])
    login = after(service, BEARER)

    assert bearer("token-1") == login.headers(to_read("a/b"), SUBJECT)
    assert {} == service.requests[0][2]


def test_an_identity_token_buys_others_and_is_never_in_a_url() -> None:
    service = Service([IDENTITY], [(200, {"access_token": "t", "refresh_token": "newer"})])
    login = after(service, BEARER)

    assert bearer("t") == login.headers(to_write("a/b"), SUBJECT)
    login.headers(to_write("c"), SUBJECT)

    (method, url, headers, first), (_, _, _, second) = service.requests
    assert ("POST", "https://auth.io/token?x=1") == (method, url)
    assert "Authorization" not in headers
    assert {
        "grant_type": ["refresh_token"],
        "service": ["the service"],
        "client_id": ["dockerutils"],
        "scope": ["repository:a/b:pull,push"],
        "refresh_token": ["refresh"],
    } == parse_qs(first.decode())
    assert ["newer"] == parse_qs(second.decode())["refresh_token"]


@pytest.mark.parametrize(
    ("said", "holds", "expires"),
    [({}, 49, 51), ({"expires_in": 300}, 289, 291), ({"expires_in": 4}, 1.9, 2.1)],
)
def test_a_token_is_renewed_before_it_ends(
    said: dict[str, int], holds: float, expires: float
) -> None:
    service = Service(replies=[(200, {"token": "first", **said})])
    login = after(service, BEARER)
    login.headers(to_read("a/b"), SUBJECT)

    service.now = holds
    assert bearer("first") == login.headers(to_read("a/b"), SUBJECT)
    service.now = expires
    assert bearer("token-2") == login.headers(to_read("a/b"), SUBJECT)


def test_a_refused_token_is_not_shown_again() -> None:
    service = Service()
    login = after(service, BEARER)
    used = login.headers(to_read("a/b"), SUBJECT)

    login.refused([BEARER], used, to_read("a/b"), SUBJECT)

    assert bearer("token-2") == login.headers(to_read("a/b"), SUBJECT)


def test_a_scope_that_the_registry_wants_besides_is_asked_for_there_only() -> None:
    service = Service()
    more = Challenge("bearer", {**BEARER.parameters, "scope": "registry:catalog:*"})
    login = after(service, more)

    login.headers(to_read("a/b"), SUBJECT)
    login.headers(to_read("c"), SUBJECT)

    scopes = [parse_qs(urlsplit(url).query)["scope"] for _, url, _, _ in service.requests]
    assert [["registry:catalog:*", "repository:a/b:pull"], ["repository:c:pull"]] == scopes


def test_a_refused_password_is_looked_up_again_and_shown_only_if_it_is_another() -> None:
    newer = Credential("alice", Secret("newer", "***"))
    service = Service([ALICE, newer])
    login = after(service, Challenge("basic"))
    used = login.headers(to_read("a/b"), SUBJECT)

    login.refused([Challenge("basic")], used, to_read("a/b"), SUBJECT)
    again = login.headers(to_read("a/b"), SUBJECT)

    assert again != used
    with pytest.raises(RegistryError, match=r"ghcr\.io refuses the login that there is") as caught:
        login.refused([Challenge("basic")], again, to_read("a/b"), SUBJECT)
    assert "docker login ghcr.io" in caught.value.hint


def test_without_a_login_basic_ends_with_the_command_that_logs_in() -> None:
    login = Service([None]).login()

    with pytest.raises(RegistryError, match="wants a login, and there is none") as caught:
        login.refused([Challenge("basic")], {}, to_read("a/b"), SUBJECT)

    assert "Log in: `docker login ghcr.io`." == caught.value.hint


def test_a_token_is_preferred_to_a_password() -> None:
    service = Service()
    login = service.login()
    login.refused([Challenge("basic"), BEARER], {}, to_read("a/b"), SUBJECT)

    assert bearer("token-1") == login.headers(to_read("a/b"), SUBJECT)


@pytest.mark.parametrize("realm", ["http://auth.io/token", "", "token", "ftp://auth.io/"])
def test_a_password_is_not_sent_where_others_can_read_it(realm: str) -> None:
    service = Service()
    login = after(service, Challenge("bearer", {"realm": realm}))

    with pytest.raises(RegistryError, match=r"plain http|names no token service"):
        login.headers(to_read("a/b"), SUBJECT)

    assert [] == service.requests


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ((401, {}), r"ghcr\.io refuses the login that there is for ghcr\.io/a/b"),
        ((200, {}), r"the token service of ghcr\.io answers without a token"),
        ((200, ["s3cret"]), r"the token service of ghcr\.io answers without a token"),
        ((503, {}), r"ghcr\.io fails at ghcr\.io/a/b \(HTTP 503\)"),
    ],
)
def test_a_token_service_that_gives_none_is_one_sentence(
    reply: tuple[int, object], words: str
) -> None:
    login = after(Service(replies=[reply]), BEARER)

    with pytest.raises(RegistryError, match=words) as caught:
        login.headers(to_read("a/b"), SUBJECT)

    assert "s3cret" not in str(caught.value)


def test_what_a_registry_says_back_is_cleared_of_secrets() -> None:
    login = after(Service(), BEARER)
    login.headers(to_read("a/b"), SUBJECT)

    said = login.without_secrets(f"alice: s3cret, token-1, {BASIC_ALICE}")

    assert "alice: ***, ***, Basic ***" == said
