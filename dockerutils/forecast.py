"""What a build would do now: the verdict of each image, and what else belongs to that.

build-image refreshes the version file first, so a version that would change is a reason as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dockerutils.errors import ConfigError, EngineError
from dockerutils.freshness import Verdict, names_of, open_freshness
from dockerutils.images.recipe import Node
from dockerutils.session import Session
from dockerutils.version.file import VERSION_FILE, upcoming_version
from dockerutils.version.git import VersionError


@dataclass(frozen=True)
class Below:
    """A sibling below an image that is not up to date.

    One that is missing is built `first`; any other is built with -f only.
    """

    image: str
    first: bool
    missing: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Forecast:
    """What a build would do of these images, which come bases first."""

    nodes: Sequence[Node]
    verdicts: Mapping[str, Verdict]
    there: frozenset[str]  # the references that the engine has

    def is_missing(self, name: str) -> bool:
        """Tell whether the engine does not have an image."""
        return self.verdicts[name].reference not in self.there

    def below(self, name: str) -> Iterator[Below]:
        """Give the siblings below an image that are not up to date, bases first.

        The forecast is that of this image and all below it.
        """
        needed = {name}
        for node in reversed(self.nodes):
            if node.image.name in needed:
                needed |= set(filter(self.is_missing, node.bases))
        for sibling, verdict in self.verdicts.items():
            if sibling != name and verdict.stale:
                missing = self.is_missing(sibling)
                yield Below(sibling, sibling in needed, missing, verdict.reasons)

    def unsettled(self) -> dict[str, tuple[str, ...]]:
        """Give the nearest stale images below each: the image follows if they come out otherwise.

        An image that is stale itself is told of as that.
        """
        found: dict[str, tuple[str, ...]] = {}
        for node in self.nodes:
            nearest: dict[str, None] = {}
            for base in node.bases:
                stale = self.verdicts[base].stale
                nearest |= dict.fromkeys((base,) if stale else found[base])
            found[node.image.name] = tuple(nearest)
        return {name: nearest for name, nearest in found.items() if not self.verdicts[name].stale}


def forecast(session: Session, nodes: Sequence[Node]) -> Forecast:
    """Judge images, bases first, as a build now would find them.

    Raises `EngineError` where no engine tells what it has.
    """
    freshness = open_freshness(session.project, session.environ)
    freshness.facts.update(session.engine.facts(names_of(nodes)))
    version = changed_version(session)
    takers = {node.image.name for node in nodes if version and node.reading.takes(VERSION_FILE)}
    verdicts: dict[str, Verdict] = {}
    for node in nodes:
        verdict = freshness.judge(node)
        if node.image.name in takers:
            reason = f"{VERSION_FILE} would change: version {version}"
            verdict = replace(verdict, stale=True, reasons=(*verdict.reasons, reason))
        verdicts[node.image.name] = verdict
    return Forecast(nodes, verdicts, frozenset(freshness.facts))


def changed_version(session: Session) -> str | None:
    """Give the version that build-image would write first; what hinders it is a warning."""
    try:
        return upcoming_version(session.project.root, session.environ, session.runner.read)
    except (ConfigError, EngineError, VersionError) as error:
        session.terminal.warn(f"{VERSION_FILE} cannot be judged: {error.message}")
        return None
