"""The registry client against Debian's registry, and against one that misbehaves."""

from __future__ import annotations

import contextlib
import json
import logging
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from own_engines import missing
from registries import (
    Certificates,
    Fault,
    Front,
    Watch,
    breaking_line,
    client,
    debian_registry,
    digest,
    free_port,
    is_installed,
    make_certificates,
    running_front,
)

from dockerutils.command import Secret
from dockerutils.errors import ContentChanged
from dockerutils.oci.descriptor import Descriptor
from dockerutils.oci.media_types import OCI_CONFIG, OCI_MANIFEST
from dockerutils.oci.registry.client import Registry
from dockerutils.oci.registry.credentials import Credential
from dockerutils.oci.registry.failures import RegistryError
from dockerutils.oci.registry.trust import Trust

pytestmark = pytest.mark.real

MIB = 2**20
ALICE = Credential("alice", Secret("s3cret", "***"))
PIECES = [bytes([number]) * MIB for number in range(12)]
WHOLE = b"".join(PIECES)


def pieces() -> Iterator[bytes]:
    return iter(PIECES)


def empty_manifest(config: str) -> bytes:
    """A manifest without layers."""
    described = Descriptor(OCI_CONFIG, config, 2).to_json()
    manifest = {"mediaType": OCI_MANIFEST, "config": described, "layers": []}
    return json.dumps({"schemaVersion": 2, **manifest}).encode()


def alice(_host: str) -> Credential:
    return ALICE


@pytest.fixture(scope="session")
def plain_registry(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Debian's registry, in plain http."""
    if not is_installed():
        missing(request, "Debian's docker-registry is not installed")
    with debian_registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority of our own."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def guarded_registry(
    request: pytest.FixtureRequest,
    certificates: Certificates,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """Debian's registry, in https and for alice only."""
    if not is_installed():
        missing(request, "Debian's docker-registry is not installed")
    folder = tmp_path_factory.mktemp("guarded")
    with debian_registry(folder, certificates, ("alice", "s3cret")) as host:
        yield host


@pytest.fixture
def front() -> Iterator[Front]:
    with running_front() as front:
        yield front


@contextlib.contextmanager
def refused(words: str) -> Iterator[list[RegistryError]]:
    """Expect a refusal; its sentence has the words, and no secret."""
    caught: list[RegistryError] = []
    with pytest.raises(RegistryError, match=words) as raised:
        yield caught
    caught.append(raised.value)
    assert "s3cret" not in repr((raised.value, raised.value.hint, raised.value.__cause__))
    assert raised.value.hint


# Debian's registry --------------------------------------------------------------------------


def test_a_blob_comes_back_as_it_was_sent(plain_registry: str) -> None:
    with client(plain_registry) as registry:
        assert (digest(WHOLE), len(WHOLE)) == registry.upload("round/trip", pieces)
        assert len(WHOLE) == registry.has_blob("round/trip", digest(WHOLE))
        assert WHOLE == b"".join(registry.blob("round/trip", digest(WHOLE)))


def test_nothing_and_a_little_are_blobs_too(plain_registry: str) -> None:
    with client(plain_registry) as registry:
        assert (digest(b""), 0) == registry.upload("little", lambda: iter([]))
        assert digest(b"{}") == registry.put_blob("little", b"{}")
        assert b"{}" == b"".join(registry.blob("little", digest(b"{}"), 2))


def test_what_is_not_there_is_none(plain_registry: str) -> None:
    with client(plain_registry) as registry:
        registry.put_blob("there", b"{}")

        assert registry.has_blob("there", digest(b"else")) is None
        assert registry.manifest("there", "latest") is None
        assert registry.manifest("not/there", "latest") is None


def test_a_manifest_is_kept_under_its_tag_and_its_digest(plain_registry: str) -> None:
    with client(plain_registry) as registry:
        data = empty_manifest(registry.put_blob("tagged", b"{}"))

        assert digest(data) == registry.put_manifest("tagged", "latest", data, OCI_MANIFEST)
        expected = (data, Descriptor(OCI_MANIFEST, digest(data), len(data)))
        assert expected == registry.manifest("tagged", "latest")
        assert expected == registry.manifest("tagged", digest(data))


def test_a_manifest_with_unknown_blobs_is_refused_in_the_registrys_words(
    plain_registry: str,
) -> None:
    unknown = empty_manifest(digest(b"nowhere"))
    with client(plain_registry) as registry, refused(r"HTTP 40.: blob unknown to registry"):
        registry.put_manifest("refused", "latest", unknown, OCI_MANIFEST)


def test_a_blob_is_mounted_from_another_repository(plain_registry: str) -> None:
    with client(plain_registry) as registry:
        known = registry.put_blob("mount/from", b"mounted")

        assert registry.mount("mount/to", known, "mount/from")
        assert len(b"mounted") == registry.has_blob("mount/to", known)
        assert not registry.mount("mount/to", digest(b"unknown"), "mount/from")


def test_an_upload_that_broke_off_comes_to_its_end(plain_registry: str) -> None:
    """Distribution 2.8, which Debian has, forgets what arrived, so it starts anew."""
    watch = Watch()
    with breaking_line(plain_registry) as line, client(line.host, watch=watch) as registry:
        line.cuts_up.append(5 * MIB)

        assert (digest(WHOLE), len(WHOLE)) == registry.upload("broken/up", pieces)
        assert len(WHOLE) == registry.has_blob("broken/up", digest(WHOLE))
        assert [0.5] == watch.slept


def test_a_download_that_broke_off_goes_on_where_it_was(plain_registry: str) -> None:
    watch = Watch()
    with breaking_line(plain_registry) as line, client(line.host, watch=watch) as registry:
        registry.upload("broken/down", pieces)
        line.down = 0
        line.cuts_down += [5 * MIB, 3 * MIB]

        assert WHOLE == b"".join(registry.blob("broken/down", digest(WHOLE)))
        assert line.down < len(WHOLE) + MIB
        assert [0.5, 1.0] == watch.slept


def test_a_line_that_always_breaks_ends_with_a_sentence(plain_registry: str) -> None:
    watch = Watch()
    with breaking_line(plain_registry) as line, client(line.host, watch=watch) as registry:
        line.cuts_up += [2 * MIB] * 9

        with refused(rf"the connection with {line.host} broke off at {line.host}/a/b: .*\."):
            registry.upload("a/b", pieces)

        assert [0.5, 1.0, 2.0] == watch.slept


# https and a password -----------------------------------------------------------------------


@pytest.mark.parametrize("place", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "certs.d"])
def test_an_authority_that_was_named_vouches_for_a_registry(
    guarded_registry: str, certificates: Certificates, tmp_path: Path, place: str
) -> None:
    folder = tmp_path / guarded_registry
    folder.mkdir()
    named = {place: str(certificates.authority)} if place != "certs.d" else {}
    if not named:
        (folder / "ca.crt").write_bytes(certificates.authority.read_bytes())
    trust = Trust(certificates=(tmp_path,))

    with client(guarded_registry, alice, named, trust) as registry:
        assert digest(b"{}") == registry.put_blob("guarded", b"{}")
        assert (digest(WHOLE), len(WHOLE)) == registry.upload("guarded", pieces)
        assert WHOLE == b"".join(registry.blob("guarded", digest(WHOLE)))


def test_an_unknown_authority_is_refused_even_on_loopback(guarded_registry: str) -> None:
    watch = Watch()
    with (
        client(guarded_registry, alice, watch=watch) as registry,
        refused(rf"the certificate of {guarded_registry} is not trusted") as caught,
    ):
        registry.manifest("guarded", "latest")

    assert f"/etc/docker/certs.d/{guarded_registry}/ca.crt" in caught[0].hint
    assert [] == watch.slept


def test_a_wrong_password_and_none_name_the_command_that_logs_in(
    guarded_registry: str, certificates: Certificates
) -> None:
    environ = {"SSL_CERT_FILE": str(certificates.authority)}
    wrong = Credential("alice", Secret("s3cret-no-more", "***"))

    with (
        client(guarded_registry, lambda _: wrong, environ) as registry,
        refused("refuses the login that there is") as caught,
    ):
        registry.put_blob("guarded", b"{}")
    with (
        client(guarded_registry, environ=environ) as registry,
        refused("wants a login, and there is none"),
    ):
        registry.put_blob("guarded", b"{}")

    assert f"Log in: `docker login {guarded_registry}`." == caught[0].hint


# Tokens -------------------------------------------------------------------------------------


def test_a_token_is_bought_once_and_serves_for_all(front: Front) -> None:
    front.tokens, front.password = True, "s3cret"
    with client(front.host, alice) as registry:
        known = registry.put_blob("a/b", b"{}")
        registry.upload("a/b", pieces)
        assert 2 == registry.has_blob("a/b", known)

    (request,) = front.token_requests
    assert "repository:a/b:pull,push" == request["scope"]
    assert "the tests" == request["service"]


def test_a_token_is_given_to_nobody_in_particular_too(front: Front) -> None:
    front.tokens = True
    known = front.keep(b"{}")

    with client(front.host) as registry:
        assert b"{}" == b"".join(registry.blob("a/b", known))

    assert [("", "repository:a/b:pull")] == [
        (one["shown"], one["scope"]) for one in front.token_requests
    ]


def test_an_identity_token_buys_a_token(front: Front) -> None:
    front.tokens, front.identity_token = True, "s3cret"
    identity = Credential("<token>", Secret("s3cret", "***"), is_identity=True)

    with client(front.host, lambda _: identity) as registry:
        registry.put_blob("a/b", b"{}")

    assert "refresh_token" == front.token_requests[0]["grant_type"]


def test_a_mount_asks_for_both_repositories(front: Front) -> None:
    front.tokens = True
    with client(front.host) as registry:
        assert not registry.mount("to", digest(b"x"), "from")

    assert "repository:from:pull repository:to:pull,push" == front.token_requests[0]["scope"]
    assert {} == front.uploads


def test_a_token_that_ends_in_the_middle_of_an_upload_is_replaced(front: Front) -> None:
    front.tokens, front.password = True, "s3cret"

    def slow() -> Iterator[bytes]:
        yield from PIECES
        front.given.clear()

    with client(front.host, alice) as registry:
        assert (digest(WHOLE), len(WHOLE)) == registry.upload("a/b", slow)

    assert 2 == len(front.token_requests)
    assert 1 == sum(line.startswith("PATCH") for line in front.asked)


def test_a_stream_that_is_refused_for_its_token_is_sent_again(front: Front) -> None:
    front.tokens, front.password = True, "s3cret"
    challenge = {"WWW-Authenticate": f'Bearer realm="{front.realm}",service="the tests"'}
    front.faults = [Fault("PATCH", "/blobs/uploads/", 401, "UNAUTHORIZED", challenge)]

    with client(front.host, alice) as registry:
        assert (digest(WHOLE), len(WHOLE)) == registry.upload("a/b", pieces)

    assert 2 == len(front.token_requests)


def test_a_token_service_that_refuses_names_the_command_that_logs_in(front: Front) -> None:
    front.tokens, front.password = True, "another"
    with (
        client(front.host, alice) as registry,
        refused("refuses the login that there is for .*/a/b") as caught,
    ):
        registry.put_blob("a/b", b"{}")

    assert f"docker login {front.host}" in caught[0].hint


def test_no_secret_is_logged(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    front.tokens, front.identity_token = True, "s3cret"
    identity = Credential("<token>", Secret("s3cret", "***"), is_identity=True)
    caplog.set_level(logging.DEBUG)

    with client(front.host, lambda _: identity) as registry:
        registry.put_blob("a/b", b"{}")
        shown = f"{registry!r} {vars(registry)!r} {identity!r}"

    assert caplog.records
    assert "s3cret" not in caplog.text + shown
    assert front.given[0] not in caplog.text + shown


def test_a_registry_that_says_a_secret_back_is_not_quoted(front: Front) -> None:
    front.basic, front.password = True, "s3cret"
    front.faults = [Fault("PUT", "/manifests/", 403, "DENIED", message="not with s3cret")]

    with client(front.host, alice) as registry, refused(r"HTTP 403: not with \*\*\*"):
        registry.put_blob("a", b"{}")
        registry.put_manifest("a", "latest", b"{}", OCI_MANIFEST)


# Faults -------------------------------------------------------------------------------------

Act = Callable[[Registry], object]
ACTS: dict[str, tuple[str, str, Act]] = {
    "put a manifest": (
        "PUT",
        "/manifests/",
        lambda registry: registry.put_manifest("a/b", "latest", b"{}", OCI_MANIFEST),
    ),
    "get a manifest": ("GET", "/manifests/", lambda registry: registry.manifest("a/b", "latest")),
    "look for a blob": ("HEAD", "/blobs/", lambda registry: registry.has_blob("a/b", digest(b""))),
    "begin": ("POST", "/blobs/uploads/", lambda registry: registry.upload("a/b", pieces)),
    "stream": ("PATCH", "/blobs/uploads/", lambda registry: registry.upload("a/b", pieces)),
    "end": ("PUT", "/blobs/uploads/", lambda registry: registry.upload("a/b", pieces)),
    "put a blob": ("PUT", "/blobs/uploads/", lambda registry: registry.put_blob("a/b", b"{}")),
    "mount": ("POST", "/blobs/uploads/", lambda registry: registry.mount("a/b", digest(b""), "c")),
    "get a blob": (
        "GET",
        "/blobs/",
        lambda registry: list(registry.blob("a/b", digest(WHOLE))),
    ),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("status", [0, 429, 500, 503])
def test_what_passes_is_tried_again(front: Front, act: str, status: int) -> None:
    method, part, work = ACTS[act]
    front.keep(WHOLE)
    front.faults = [Fault(method, part, status)] * 2
    watch = Watch()

    with client(front.host, watch=watch) as registry:
        work(registry)

    assert [] == front.faults
    assert [0.5, 1.0] == watch.slept


@pytest.mark.parametrize("act", ACTS)
def test_what_does_not_pass_ends_with_a_sentence(front: Front, act: str) -> None:
    method, part, work = ACTS[act]
    front.faults = [Fault(method, part, 503)] * 9
    watch = Watch()

    with (
        client(front.host, watch=watch) as registry,
        refused(rf"{front.host} fails at {front.host}/a/b \(HTTP 503"),
    ):
        work(registry)

    assert 5 == len(front.faults)


@pytest.mark.parametrize(
    ("act", "status", "code", "words"),
    [
        ("get a manifest", 401, "UNAUTHORIZED", "wants a login that may read from .*/a/b"),
        ("put a manifest", 403, "DENIED", "does not allow us to write to .*/a/b"),
        ("begin", 404, "NAME_UNKNOWN", r"does not have what was asked for .*/a/b \(HTTP 404: no"),
        ("stream", 413, "", "a proxy before .* refuses so large a request for .*/a/b"),
        ("put a blob", 413, "", "a proxy before .* refuses so large a request for .*/a/b"),
        ("stream", 403, "DENIED", "does not allow us to write to .*/a/b"),
        ("get a blob", 404, "BLOB_UNKNOWN", "does not have what was asked for"),
    ],
)
def test_a_refusal_is_one_sentence_at_once(
    front: Front, act: str, status: int, code: str, words: str
) -> None:
    method, part, work = ACTS[act]
    front.faults = [Fault(method, part, status, code)]
    watch = Watch()

    with client(front.host, watch=watch) as registry, refused(words):
        work(registry)

    assert [] == watch.slept


def test_a_registry_that_wants_a_pause_gets_it(front: Front) -> None:
    front.faults = [Fault("POST", "/uploads/", 429, "TOOMANYREQUESTS", {"Retry-After": "7"})]
    watch = Watch()

    with client(front.host, watch=watch) as registry:
        registry.put_blob("a/b", b"{}")

    assert [7.0] == watch.slept


def test_a_registry_that_wants_a_long_pause_is_left(front: Front) -> None:
    front.faults = [Fault("POST", "/uploads/", 429, "TOOMANYREQUESTS", {"Retry-After": "900"})]
    watch = Watch()

    with (
        client(front.host, watch=watch) as registry,
        refused("has had too many requests") as caught,
    ):
        registry.put_blob("a/b", b"{}")

    assert "Wait 900 seconds" in caught[0].hint
    assert [] == watch.slept


def test_a_mount_that_is_not_allowed_is_none(front: Front) -> None:
    front.faults = [Fault("POST", "/uploads/", 403, "DENIED")]

    with client(front.host) as registry:
        assert not registry.mount("a/b", digest(b""), "c")


def test_an_upload_goes_on_after_what_arrived(front: Front) -> None:
    watch = Watch()
    with breaking_line(front.host) as line, client(line.host, watch=watch) as registry:
        line.cuts_up.append(5 * MIB)
        front.host = line.host  # that is where its Location points to

        assert (digest(WHOLE), len(WHOLE)) == registry.upload("a/b", pieces)
        assert WHOLE == front.blobs[digest(WHOLE)]
        assert line.up < len(WHOLE) + 2 * MIB
        assert [0.5] == watch.slept


def test_an_end_whose_answer_was_lost_is_an_end(front: Front) -> None:
    front.keep(WHOLE)
    front.faults = [Fault("PUT", "/uploads/", 0), Fault("PUT", "/uploads/", 404)]

    with client(front.host) as registry:
        assert (digest(WHOLE), len(WHOLE)) == registry.upload("a/b", pieces)

    assert 1 == sum(line.startswith("PATCH") for line in front.asked)


@pytest.mark.parametrize("status", [404, 416])
def test_an_upload_that_the_registry_forgot_starts_anew(front: Front, status: int) -> None:
    front.faults = [Fault("PATCH", "/uploads/", status, "BLOB_UPLOAD_UNKNOWN")]

    with client(front.host) as registry:
        assert (digest(WHOLE), len(WHOLE)) == registry.upload("a/b", pieces)

    assert 2 == sum(line.startswith("POST") for line in front.asked)


def test_an_upload_that_arrived_damaged_starts_anew(front: Front) -> None:
    front.faults = [Fault("PUT", "/uploads/", 400, "DIGEST_INVALID")]

    with client(front.host) as registry:
        assert (digest(WHOLE), len(WHOLE)) == registry.upload("a/b", pieces)

    assert 2 == sum(line.startswith("PATCH") for line in front.asked)


def test_what_is_not_what_was_expected_is_not_kept(front: Front) -> None:
    with client(front.host) as registry, pytest.raises(ContentChanged, match="not what it was"):
        registry.upload("a/b", pieces, expected=digest(b"else"))

    assert {} == front.blobs == front.uploads


@pytest.mark.parametrize("failure", [FileNotFoundError("gone"), ContentChanged("it changed.")])
def test_a_source_that_fails_is_no_fault_of_the_connection(
    front: Front, failure: Exception
) -> None:
    def broken() -> Iterator[bytes]:
        yield PIECES[0]
        raise failure

    watch = Watch()
    with client(front.host, watch=watch) as registry, pytest.raises(type(failure)) as caught:
        registry.upload("a/b", broken)

    assert failure is caught.value
    assert [] == watch.slept
    assert {} == front.blobs


def test_a_damaged_blob_is_refused_at_its_end(front: Front) -> None:
    front.blobs[digest(b"right")] = b"wrong"

    with client(front.host) as registry, refused("not the bytes that its digest stands for"):
        list(registry.blob("a/b", digest(b"right")))


@pytest.mark.parametrize("size", [3, 7])
def test_a_blob_of_another_size_is_refused_at_once(front: Front, size: int) -> None:
    known = front.keep(b"right")

    with client(front.host) as registry, refused(f"gives 5 bytes instead of {size} for the blob"):
        next(registry.blob("a/b", known, size))


def test_a_manifest_that_is_not_what_its_digest_says_is_refused(front: Front) -> None:
    asked = digest(b"right")
    front.manifests[f"/v2/a/b/manifests/{asked}"] = (OCI_MANIFEST, b"wrong")

    with client(front.host) as registry, refused(f"gives another manifest than {asked}"):
        registry.manifest("a/b", asked)


# Where requests go --------------------------------------------------------------------------


def test_one_connection_serves_for_all(front: Front) -> None:
    with client(front.host) as registry:
        registry.manifest("a/b", "latest")
        known = registry.put_blob("a/b", b"{}")
        registry.upload("a/b", pieces)
        registry.has_blob("a/b", known)
        list(registry.blob("a/b", digest(WHOLE)))

    assert 1 == front.connections


def test_another_host_gets_the_question_but_not_the_password(front: Front) -> None:
    front.basic, front.password = True, "s3cret"
    with running_front() as store:
        known = store.keep(b"content")
        there = {"Location": f"http://{store.host}/v2/x/blobs/{known}?sig=1"}
        store.tokens = False
        store.basic, store.password = True, "s3cret"  # it would tell whether we showed ours
        front.faults = [Fault("GET", f"/blobs/{known}", 307, headers=there)]

        with client(front.host, alice) as registry, refused("HTTP 401"):
            list(registry.blob("a/b", known))

        store.basic = False
        front.faults = [Fault("GET", f"/blobs/{known}", 307, headers=there)]
        with client(front.host, alice) as registry:
            assert b"content" == b"".join(registry.blob("a/b", known))


def test_a_registry_in_https_does_not_lead_us_to_plain_http(
    certificates: Certificates, front: Front
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate, certificates.key)
    known = front.keep(b"content")
    with running_front(context) as secure:
        there = {"Location": f"http://{front.host}/v2/x/blobs/{known}"}
        secure.faults = [Fault("GET", "/blobs/", 307, headers=there)]

        environ = {"SSL_CERT_FILE": str(certificates.authority)}
        with client(secure.host, environ=environ) as registry:
            with refused(f"sends us on to {front.host} by plain http; we do not go there"):
                list(registry.blob("a/b", known))

            # Its uploads' Locations begin with http:// as well, and mean itself.
            assert digest(b"{}") == registry.put_blob("a/b", b"{}")


def test_a_registry_that_leads_us_around_in_circles_is_left(front: Front) -> None:
    here = {"Location": "/v2/a/b/blobs/x"}
    front.faults = [Fault("GET", "/blobs/", 307, headers=here)] * 9

    with client(front.host) as registry, pytest.raises(RegistryError, match="in circles"):
        list(registry.blob("a/b", digest(WHOLE)))


def test_nobody_at_home_is_one_sentence() -> None:
    host, watch = f"127.0.0.1:{free_port()}", Watch()

    with (
        client(host, watch=watch) as registry,
        refused(rf"{host} cannot be reached: connection refused\."),
    ):
        registry.manifest("a/b", "latest")

    assert [0.5, 1.0, 2.0] == watch.slept


def test_a_proxy_that_leads_nowhere_is_named_without_its_password() -> None:
    environ = {"HTTPS_PROXY": f"http://alice:s3cret@127.0.0.1:{free_port()}"}

    with (
        client("registry.invalid", environ=environ) as registry,
        refused(r"registry\.invalid cannot be reached: the proxy does not lead there \(conn"),
    ):
        registry.manifest("a/b", "latest")
