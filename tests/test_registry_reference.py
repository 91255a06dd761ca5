"""References to images in registries, split as docker splits them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockerutils.errors import ProjectError
from dockerutils.oci.registry.reference import (
    RegistryReference,
    endpoint,
    login_key,
    parse_reference,
    split_port,
)

DIGEST = "sha256:" + "0a" * 32


@pytest.mark.parametrize(
    ("text", "host", "repository", "tag", "digest"),
    [
        ("python", "docker.io", "library/python", "latest", ""),
        ("python:3.11-slim", "docker.io", "library/python", "3.11-slim", ""),
        ("alice/app", "docker.io", "alice/app", "latest", ""),
        ("docker.io/python", "docker.io", "library/python", "latest", ""),
        ("index.docker.io/alice/app:1", "docker.io", "alice/app", "1", ""),
        ("localhost/app", "localhost", "app", "latest", ""),
        ("localhost:5000/app", "localhost:5000", "app", "latest", ""),
        ("[::1]:5000/a/b:t", "[::1]:5000", "a/b", "t", ""),
        ("Registry/app", "Registry", "app", "latest", ""),
        ("ghcr.io/a/b/c:Tag_1.x", "ghcr.io", "a/b/c", "Tag_1.x", ""),
        (f"ghcr.io/a/b:tag@{DIGEST}", "ghcr.io", "a/b", "tag", DIGEST),
        (f"ghcr.io/a/b@{DIGEST}", "ghcr.io", "a/b", "", DIGEST),
    ],
)
def test_a_reference_is_split_as_docker_does(
    text: str, host: str, repository: str, tag: str, digest: str
) -> None:
    assert RegistryReference(host, repository, tag, digest) == parse_reference(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "App",
        "ghcr.io/",
        "ghcr.io/App",
        "ghcr.io/a//b",
        "ghcr.io/../b",
        "a b",
        "app:",
        "app:-x",
        "app:" + "x" * 129,
        "app@",
        "app@sha256:12",
        "app@sha256:" + "A" * 64,
        "https://ghcr.io/a/b",
        "ghcr.io:port/a",
        "user@ghcr.io/a",
        "-host.io/a",
        "h.io/" + "a/" * 130 + "a",
        "app\n",
        "app:tag\n",
    ],
)
def test_what_docker_does_not_take_is_refused(text: str) -> None:
    with pytest.raises(ProjectError, match="is not the name of an image"):
        parse_reference(text)


@given(
    st.builds(
        RegistryReference,
        st.sampled_from(["docker.io", "ghcr.io", "localhost:5000", "[::1]:1", "Host"]),
        st.from_regex(r"[a-z0-9]{1,9}/[a-z0-9]{1,9}(__|-)[a-z]{1,9}", fullmatch=True),
        st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True),
        st.sampled_from(["", DIGEST]),
    )
)
def test_a_written_reference_reads_as_it_was(reference: RegistryReference) -> None:
    assert reference == parse_reference(str(reference))


def test_the_digest_is_wanted_where_there_is_one() -> None:
    assert DIGEST == parse_reference(f"ghcr.io/a:tag@{DIGEST}").wanted
    assert "tag" == parse_reference("ghcr.io/a:tag").wanted


def test_dockers_hub_has_another_address_and_another_key() -> None:
    assert "registry-1.docker.io" == endpoint("docker.io")
    assert "https://index.docker.io/v1/" == login_key("docker.io")
    assert "ghcr.io" == endpoint("ghcr.io") == login_key("ghcr.io")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("ghcr.io", ("ghcr.io", "")),
        ("ghcr.io:443", ("ghcr.io", "443")),
        ("[::1]:5000", ("::1", "5000")),
        ("[::1]", ("::1", "")),
    ],
)
def test_a_port_is_split_off(host: str, expected: tuple[str, str]) -> None:
    assert expected == split_port(host)
