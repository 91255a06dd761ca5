"""What has to be on the engine before an image is put together: its base, packages upon that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dockerutils import docker_cli
from dockerutils.command import Command
from dockerutils.engine import ImageFacts
from dockerutils.errors import EngineError, ProjectError
from dockerutils.freshness import Freshness
from dockerutils.images.inputs import base_digest
from dockerutils.images.recipe import Assembly, BuildRequest, Ground, Node
from dockerutils.session import Session


@dataclass(frozen=True)
class Groundwork:
    """Gets bases, and what a builder makes upon them."""

    session: Session
    freshness: Freshness

    def pulls(
        self, node: Node, assembly: Assembly, request: BuildRequest, elsewhere: bool
    ) -> list[Command]:
        """Give the pulls of the images below; without need of an engine a registry is asked."""
        if self.session.dry or (elsewhere and not assembly.ground):
            return []
        known = self.freshness.facts
        names = {name: node.stand_ins.get(name, name) for name in node.foreign}
        wanted = [name for name in names.values() if request.pull or name not in known]
        if wanted and elsewhere:
            self._need_engine(node)
        return [docker_cli.pull(name) for name in wanted]

    def reference(self, node: Node, assembly: Assembly) -> str:
        """Give the name of what a builder makes for an image, "" where that is nothing."""
        if not assembly.ground:
            return ""
        facts = self._base(node, assembly)
        digest = base_digest(facts.layers, facts.config)
        return assembly.ground.reference(digest, facts.config.get("User") or "")

    def steps(self, node: Node, assembly: Assembly, request: BuildRequest) -> Iterator[Command]:
        """Give the build upon the base, unless the engine has what it would make."""
        if not assembly.ground:
            return
        reference = self.reference(node, assembly)
        self._learn(reference)
        if reference not in self.freshness.facts or request.no_cache:
            yield self._command(node, assembly, assembly.ground, reference, request)
            self._learn(reference)
        if reference not in self.freshness.facts:
            raise EngineError(f"the engine has built {reference}, but it does not have it.")

    def _command(
        self, node: Node, assembly: Assembly, ground: Ground, name: str, request: BuildRequest
    ) -> Command:
        user = self._base(node, assembly).config.get("User") or ""
        base = node.stand_ins.get(assembly.base, assembly.base)
        return ground.command(name, base, user, request)

    def _learn(self, reference: str) -> None:
        self.freshness.facts.update(self.session.engine.facts([reference]))

    def _base(self, node: Node, assembly: Assembly) -> ImageFacts:
        """Give what is known of the image below, which the engine has to have by a name."""
        reference = node.stand_ins.get(assembly.base, assembly.base)
        facts = self.freshness.facts.get(reference)
        if facts is None:
            self._need_engine(node)
            raise ProjectError(
                f"{node.image.name} installs packages upon {assembly.base}, which the engine does"
                " not have by that name.",
                "Load or pull it, and write its name as `base`.",
            )
        return facts

    def _need_engine(self, node: Node) -> None:
        """Raise `EngineError` where no engine answers."""
        ailment = self.session.engine.ailment()
        if ailment:
            raise EngineError(
                f"{node.image.name} has packages of `apt` or `pip`, which only an engine can"
                f" install: {ailment.message}",
                ailment.hint,
            )
