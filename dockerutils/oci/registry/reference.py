"""References to images in registries, and the hosts in them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dockerutils.errors import ProjectError
from dockerutils.oci.digest import is_digest

HUB = "docker.io"
HUB_NAMES = (HUB, "index.docker.io", "registry-1.docker.io")
HUB_ENDPOINT = "registry-1.docker.io"
HUB_KEY = "https://index.docker.io/v1/"  # under which docker keeps the login of its hub

# The grammar of github.com/distribution/reference.
COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
REPOSITORY = re.compile(rf"{COMPONENT}(?:/{COMPONENT})*")
HOST = re.compile(r"(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::[0-9]+)?")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
LONGEST_NAME = 255  # characters of host and repository


@dataclass(frozen=True)
class RegistryReference:
    """An image in a registry. The tag is `latest` where neither tag nor digest is written."""

    host: str
    repository: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        tag = self.tag and f":{self.tag}"
        return f"{self.host}/{self.repository}{tag}{self.digest and f'@{self.digest}'}"

    @property
    def wanted(self) -> str:
        """What the registry is asked for: the digest where there is one, else the tag."""
        return self.digest or self.tag


def parse_reference(text: str) -> RegistryReference:
    """Split a reference as docker does: without a host, it means docker.io and `library/`.

    Raises `ProjectError` for what docker does not take.
    """
    name, _, digest = text.partition("@")
    path, slash, last = name.rpartition("/")
    last, colon, tag = last.partition(":")
    host, repository = _split_host(f"{path}{slash}{last}")
    valid = (
        HOST.fullmatch(host)
        and REPOSITORY.fullmatch(repository)
        and len(f"{host}/{repository}") <= LONGEST_NAME
        and (not colon or TAG.fullmatch(tag))
        and ("@" not in text or is_digest(digest))
    )
    if not valid:
        raise ProjectError(
            f"{text!r} is not the name of an image.",
            "It reads like ghcr.io/owner/app:tag; only host and tag may have capitals.",
        )
    return RegistryReference(host, repository, tag if tag or digest else "latest", digest)


def _split_host(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    is_host = slash and (set(first) & set(".:") or first == "localhost" or first != first.lower())
    host, repository = (first, rest) if is_host else (HUB, name)
    if host in HUB_NAMES:
        return HUB, repository if "/" in repository else f"library/{repository}"
    return host, repository


def endpoint(host: str) -> str:
    """Give the host, with its port if it has one, that is asked for the images of a host."""
    return HUB_ENDPOINT if host in HUB_NAMES else host


def login_key(host: str) -> str:
    """Give the name under which docker keeps the login of a host."""
    return HUB_KEY if host in HUB_NAMES else host


def split_port(host: str) -> tuple[str, str]:
    """Split `host:port`, where the port may be missing; the brackets of IPv6 are dropped."""
    if host.startswith("["):
        name, _, port = host[1:].partition("]")
        return name, port.removeprefix(":")
    name, _, port = host.partition(":")
    return name, port
