"""What docker takes as names: repositories, tags, containers, and how others are made valid."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

NOT_IN_COMPONENT = re.compile(r"[^a-z0-9._-]+")
SEPARATORS = re.compile(r"[._-]*[.-][._-]*|___+")
VALID_SEPARATOR = re.compile(r"\.|_{1,2}|-+")
NOT_IN_TAG = re.compile(r"[^A-Za-z0-9_.-]+")
TAG_LENGTH = 128


@dataclass(frozen=True)
class Reference:
    """An image's name and tag, as docker writes them: `shop-app:alice`."""

    repository: str
    tag: str

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"


def split_reference(text: str) -> tuple[str, str]:
    """Split the written name of an image into repository and tag, which is empty if not written."""
    repository, colon, tag = text.rpartition(":")
    if not colon or "/" in tag:
        return text, ""
    return repository, tag


def valid_component(text: str) -> str:
    """Make a part of a repository's name: lower case, what docker cannot take becomes `-`.

    Accents are dropped first. What has no letter or digit at all gives an empty string.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    lower = NOT_IN_COMPONENT.sub("-", (plain if plain.strip() else text).lower())
    return SEPARATORS.sub(_valid_separator, lower).strip("._-")


def _valid_separator(match: re.Match[str]) -> str:
    return match[0] if VALID_SEPARATOR.fullmatch(match[0]) else "-"


def valid_tag(text: str) -> str:
    """Make a tag: what docker cannot take becomes `-`; nothing left gives `latest`."""
    return NOT_IN_TAG.sub("-", text).lstrip(".-")[:TAG_LENGTH] or "latest"


def container_name(*parts: str) -> str:
    """Make a container's name of several parts."""
    return "-".join(NOT_IN_TAG.sub("-", part) for part in parts).lstrip("._-")
