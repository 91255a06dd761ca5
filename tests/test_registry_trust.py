"""Which hosts may speak plain http, whose certificates hold, and which proxy leads to a host."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from registries import make_certificates

from dockerutils.errors import ProjectError
from dockerutils.oci.registry.addresses import Proxy, proxy_for, resolve, with_query
from dockerutils.oci.registry.failures import RegistryError
from dockerutils.oci.registry.trust import Trust, docker_trust


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:5000", "127.0.0.1:5000", "127.8.9.1", "[::1]:5000", "[::1]"]
)
def test_loopback_may_speak_plain_http(host: str) -> None:
    assert Trust().allows_plain(host)


@pytest.mark.parametrize(
    "host", ["ghcr.io", "10.0.0.1:5000", "localhost.evil.io", "127.0.0.1.evil.io", "0.0.0.0", ""]
)
def test_others_may_not(host: str) -> None:
    assert not Trust().allows_plain(host)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("reg.lan:5000", True),
        ("reg.lan", False),
        ("reg.lan:5001", False),
        ("old.lan", True),
        ("10.1.2.3:5000", True),
        ("10.2.0.1:5000", False),
    ],
)
def test_dockers_settings_allow_hosts_and_networks(
    tmp_path: Path, host: str, expected: bool
) -> None:
    settings = tmp_path / "daemon.json"
    entries = ["reg.lan:5000", "http://old.lan", "10.1.0.0/16"]
    settings.write_text(json.dumps({"insecure-registries": entries}))
    trust = Trust(settings=(tmp_path / "none.json", settings))

    assert expected == trust.allows_plain(host)


@pytest.mark.parametrize("text", ["{", "[]"])
def test_damaged_settings_are_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "daemon.json").write_text(text)

    with pytest.raises(ProjectError, match=r"daemon\.json is not readable as JSON"):
        Trust(settings=(tmp_path / "daemon.json",)).allows_plain("reg.lan")


def test_docker_looks_in_its_own_folders_and_in_those_of_the_user() -> None:
    trust = docker_trust(Path("/home/alice"))

    assert Path("/etc/docker/certs.d") == trust.certificates[0]
    assert Path("/home/alice/.config/docker/daemon.json") in trust.settings


def test_authorities_come_from_the_environment_and_from_docker(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    folder = tmp_path / "certs.d/reg.lan:5000"
    folder.mkdir(parents=True)
    made.authority.rename(folder / "ca.crt")
    trust = Trust(certificates=(tmp_path / "certs.d",))

    def knows(host: str, environ: dict[str, str]) -> bool:
        subjects = [one["subject"] for one in trust.context(host, environ).get_ca_certs()]
        return ((("commonName", "an authority of the tests"),),) in subjects

    assert knows("reg.lan:5000", {})
    assert not knows("reg.lan", {})
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        assert knows("reg.lan", {variable: str(folder / "ca.crt")})


def test_a_bundle_that_is_missing_is_named_with_its_variable(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=r"gone\.pem, which SSL_CERT_FILE names, has no cert"):
        Trust().context("ghcr.io", {"SSL_CERT_FILE": str(tmp_path / "gone.pem")})


def test_a_client_certificate_without_its_key_is_named(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    (tmp_path / "reg.lan").mkdir()
    made.certificate.rename(tmp_path / "reg.lan/client.cert")

    with pytest.raises(RegistryError, match=r"client\.cert and client\.key are not a certificate"):
        Trust(certificates=(tmp_path,)).context("reg.lan", {})


# Addresses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/v2/a/blobs/uploads/1?_state=x", "https://reg.lan/v2/a/blobs/uploads/1?_state=x"),
        ("http://reg.lan/v2/1", "https://reg.lan/v2/1"),
        ("http://elsewhere.lan/1", "http://elsewhere.lan/1"),
        ("https://cdn.io/1?sig=%2B", "https://cdn.io/1?sig=%2B"),
    ],
)
def test_a_location_stays_on_our_scheme_while_it_stays_on_the_host(
    location: str, expected: str
) -> None:
    assert expected == resolve("https://reg.lan/v2/a/blobs/uploads/", location)


def test_a_query_is_added_to_what_is_there() -> None:
    assert "https://h/1?_state=a%3D&digest=sha256:0" == with_query(
        "https://h/1?_state=a%3D", [("digest", "sha256:0")]
    )
    assert "https://h/1?a=b%20c%26" == with_query("https://h/1", [("a", "b c&")])


@pytest.mark.parametrize(
    ("url", "exceptions", "proxied"),
    [
        ("https://ghcr.io/v2/", "", True),
        ("https://127.0.0.1:5000/v2/", "", False),
        ("https://[::1]:5000/v2/", "", False),
        ("https://localhost/v2/", "", False),
        ("https://ghcr.io/v2/", "*", False),
        ("https://ghcr.io/v2/", "other.io, ghcr.io", False),
        ("https://a.ghcr.io/v2/", "ghcr.io", False),
        ("https://a.ghcr.io/v2/", ".ghcr.io", False),
        ("https://ghcr.io/v2/", ".ghcr.io", True),
        ("https://notghcr.io/v2/", "ghcr.io", True),
        ("https://ghcr.io/v2/", "ghcr.io:443", False),
        ("https://ghcr.io:5000/v2/", "ghcr.io:443", True),
        ("https://10.1.2.3/v2/", "10.0.0.0/8", False),
        ("https://11.1.2.3/v2/", "10.0.0.0/8,nonsense/x", True),
        ("https://10.1.2.3/v2/", "10.1.2.3", False),
        ("https://[fd00::1]:5000/v2/", "[fd00::1]:5000", False),
        ("https://[fd00::1]:5000/v2/", "fd00::1", False),
    ],
)
def test_exceptions_from_the_proxy_are_those_of_docker(
    url: str, exceptions: str, proxied: bool
) -> None:
    environ = {"HTTPS_PROXY": "http://proxy.lan:3128", "NO_PROXY": exceptions}

    assert proxied == (proxy_for(url, environ) is not None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("http://proxy.lan:3128", Proxy("http://proxy.lan:3128", "proxy.lan:3128")),
        ("proxy.lan:3128", Proxy("http://proxy.lan:3128", "proxy.lan:3128")),
        (
            "http://al:p%40ss@proxy.lan:3128",
            Proxy("http://proxy.lan:3128", "proxy.lan:3128", "al:p@ss"),
        ),
        ("", None),
    ],
)
def test_a_proxy_comes_from_the_environment(value: str, expected: Proxy | None) -> None:
    proxy = proxy_for("https://ghcr.io/v2/", {"https_proxy": value})

    assert expected == proxy
    assert "p@ss" not in repr(proxy)


def test_each_scheme_has_its_proxy() -> None:
    assert proxy_for("https://ghcr.io/", {"HTTP_PROXY": "http://proxy.lan"}) is None
    assert proxy_for("http://ghcr.io/", {"HTTP_PROXY": "http://proxy.lan"}) is not None


def test_a_proxy_of_another_kind_is_refused_without_its_password() -> None:
    with pytest.raises(RegistryError, match="HTTPS_PROXY in the environment") as caught:
        proxy_for("https://ghcr.io/", {"HTTPS_PROXY": "socks5://al:hunter2@proxy.lan"})

    assert "hunter2" not in str(caught.value)
