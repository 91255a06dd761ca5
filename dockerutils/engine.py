"""What the Docker engine knows: images, containers, and why it does not answer."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from dockerutils import docker_cli
from dockerutils.command import Command
from dockerutils.docks.told import plain
from dockerutils.errors import EngineError
from dockerutils.runner import Answer, Asks

# Docker's rule for names (docker container create). Others would be taken for options.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
FULL = 64 * 2**20  # bytes; with less, an engine fails at the next layer

# A name that nothing can have, such as one of an unset variable, is the builder's to refuse.
MISSING = ("no such image", "invalid reference format")
REFUSED = "Error response from daemon"
NAMED_CONTEXTS = 23  # the first engine whose BuildKit takes images as named build contexts


@dataclass(frozen=True)
class ImageFacts:
    """An image on the engine: its ID, its layers' diff IDs, and its configuration.

    The ID is the digest of its configuration; a store of containerd, which tells no places of
    layers (`by_manifest`), has that of its manifest there, which differs with the compression.
    """

    id: str
    layers: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    architecture: str = ""
    os: str = ""
    variant: str = ""
    created: str = ""
    author: str = ""
    by_manifest: bool = False

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""
        return self.config.get("Labels") or {}


class Engine(Protocol):
    """Questions to the engine. They change nothing and are not printed."""

    def facts(self, references: Iterable[str]) -> dict[str, ImageFacts]:
        """Give what is known of those of the named images that are there."""

    def images(self, filters: Iterable[str] = ()) -> list[str]:
        """Give the IDs of the images that are listed and pass all filters, the newest first."""

    def containers(self, labels: Iterable[str], stopped: bool = False) -> list[str]:
        """Give the names of the containers with all these labels, the newest first.

        "" stands for a container whose name none can have.
        """

    def takes_named_contexts(self) -> bool:
        """Tell whether a build can be given an image for a name in its Dockerfile."""

    def ailment(self) -> EngineError | None:
        """Tell what keeps the engine from working, if anything does."""


@dataclass(frozen=True)
class CliEngine:
    """Asks by docker's command line, which starts in a twentieth of the SDK's import time."""

    runner: Asks
    explain: Callable[[str], EngineError] | None = None  # else `no_answer` does

    def facts(self, references: Iterable[str]) -> dict[str, ImageFacts]:
        """Give what is known of those of the named images that are there.

        Docker gives no names back: what is missing is told from its complaints.
        """
        named = list(dict.fromkeys(references))
        if not named:
            return {}
        answer = self.runner.read(docker_cli.inspect_images(named))
        present = without_missing(named, answer, self.explain or no_answer)
        found = [facts_of(one) for one in json.loads(answer.output or "[]")]
        if len(found) == len(present) or len(named) == 1:
            return dict(zip(present, found, strict=False))
        return {name: one for each in named for name, one in self.facts([each]).items()}

    def images(self, filters: Iterable[str] = ()) -> list[str]:
        """Give the IDs of the images that are listed and pass all filters, the newest first."""
        return list(dict.fromkeys(self._ask(docker_cli.list_images(filters)).split()))

    def containers(self, labels: Iterable[str], stopped: bool = False) -> list[str]:
        """Give the names of the containers with all these labels, the newest first."""
        said = self._ask(docker_cli.list_containers(labels, stopped))
        return [container_name(line) for line in said.splitlines() if line.strip()]

    def takes_named_contexts(self) -> bool:
        """Tell whether a build can be given an image for a name in its Dockerfile."""
        major = self._ask(docker_cli.server_version()).partition(".")[0].strip()
        return not major.isdigit() or int(major) >= NAMED_CONTEXTS

    def ailment(self) -> EngineError | None:
        """Tell what keeps the engine from working, if anything does."""
        try:
            self._ask(docker_cli.server_version())
            root = self._ask(docker_cli.data_root()).strip()
        except EngineError as error:
            return error
        return full_disk(root)

    def _ask(self, question: Command) -> str:
        answer = self.runner.read(question)
        if answer.status:
            raise (self.explain or no_answer)(answer.errors.strip())
        return answer.output


@dataclass(frozen=True)
class Questions:
    """Hands questions on to an engine; who stands before one answers some of them otherwise."""

    engine: Engine

    def facts(self, references: Iterable[str]) -> dict[str, ImageFacts]:
        """Give what is known of those of the named images that are there."""
        return self.engine.facts(references)

    def images(self, filters: Iterable[str] = ()) -> list[str]:
        """Give the IDs of the images that are listed and pass all filters, the newest first."""
        return self.engine.images(filters)

    def containers(self, labels: Iterable[str], stopped: bool = False) -> list[str]:
        """Give the names of the containers with all these labels, the newest first."""
        return self.engine.containers(labels, stopped)

    def takes_named_contexts(self) -> bool:
        """Tell whether a build can be given an image for a name in its Dockerfile."""
        return self.engine.takes_named_contexts()

    def ailment(self) -> EngineError | None:
        """Tell what keeps the engine from working, if anything does."""
        return self.engine.ailment()


@dataclass(frozen=True)
class AnyEngine(Questions):
    """An engine that need not answer: what is not there has nothing yet."""

    def facts(self, references: Iterable[str]) -> dict[str, ImageFacts]:
        """Give what is known of those of the named images that are there."""
        try:
            return self.engine.facts(references)
        except EngineError:
            return {}


@dataclass(frozen=True)
class NoEngine:
    """The engine of a dry run: it is not asked, so nothing is there yet."""

    def facts(self, references: Iterable[str]) -> dict[str, ImageFacts]:
        """Know no image."""
        del references
        return {}

    def takes_named_contexts(self) -> bool:
        """Assume an engine of today."""
        return True

    def images(self, filters: Iterable[str] = ()) -> list[str]:
        """List none."""
        del filters
        return []

    def containers(self, labels: Iterable[str], stopped: bool = False) -> list[str]:
        """Know no container."""
        del labels, stopped
        return []

    def ailment(self) -> None:
        """Know of none."""


def facts_of(inspected: Mapping[str, Any]) -> ImageFacts:
    """Take what we need of an inspected image."""
    layers = (inspected.get("RootFS") or {}).get("Layers") or ()
    return ImageFacts(
        inspected["Id"],
        tuple(layers),
        inspected.get("Config") or {},
        architecture=inspected.get("Architecture") or "",
        os=inspected.get("Os") or "",
        variant=inspected.get("Variant") or "",
        created=inspected.get("Created") or "",
        author=inspected.get("Author") or "",
        by_manifest=not (inspected.get("GraphDriver") or {}).get("Data"),
    )


def container_name(listed: str) -> str:
    """Give the name of a container of those that docker lists for it; "" where none is a name.

    Another container's link to it is listed with a slash.
    """
    return next((one for one in listed.strip().split(",") if NAME.fullmatch(one)), "")


def without_missing(
    names: list[str], answer: Answer, explain: Callable[[str], EngineError]
) -> list[str]:
    """Give the names that docker does not complain of; raise `EngineError` if it tells of none.

    Docker's warnings, such as of its own configuration, stand among the complaints.
    """
    lines = answer.errors.strip().splitlines()
    complaints = [line for line in lines if any(words in line.lower() for words in MISSING)]
    if answer.status and not complaints:
        raise explain(answer.errors.strip())
    return [name for name in names if not any(complains(line, name) for line in complaints)]


def complains(line: str, name: str) -> bool:
    """Tell whether a complaint is about this image."""
    return line.rstrip().rpartition(" ")[2] in (name, f"{name}:latest")


def no_answer(errors: str) -> EngineError:
    """Describe an engine that does not answer, by what docker's command line said of it."""
    said = plain(errors.splitlines()[-1], 400) if errors else "no reason was given"
    if REFUSED in said:
        return EngineError(
            f"the Docker engine refuses that: {said.partition(REFUSED)[2].strip(': ')}"
        )
    if "permission denied" in errors.lower():
        hint = "Your user may not use the engine's socket: join the group docker, or use sudo."
    else:
        hint = "Start the engine, or point DOCKER_HOST or `docker context use` at another."
    return EngineError(f"the Docker engine does not answer: {said}", hint)


def full_disk(root: str) -> EngineError | None:
    """Describe the disk of an engine on this machine if it is full."""
    try:
        free = shutil.disk_usage(root).free
    except OSError:  # the engine is elsewhere, or its folder is not ours to see
        return None
    if free > FULL:
        return None
    return EngineError(
        f"the disk of the Docker engine ({root}) is full: {free // 2**20} MB are free.",
        "`docker system df` shows what takes the room, `docker builder prune` frees the cache.",
    )
