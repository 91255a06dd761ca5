"""The publishing of images: from their sources, or from the engine, to registries."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from dockerutils.aws.pull_logins import hosts_below, pulling
from dockerutils.engine import AnyEngine, ImageFacts
from dockerutils.errors import DockerutilsError, Interrupted
from dockerutils.execution import Execution
from dockerutils.freshness import Freshness, open_freshness
from dockerutils.images.catalogue import Image
from dockerutils.images.graph import Graph
from dockerutils.images.recipe import BuildRequest
from dockerutils.oci.registry.reference import RegistryReference
from dockerutils.preparation import pip_conf, write_version
from dockerutils.publication.names import Publication
from dockerutils.publication.options import PublishOptions
from dockerutils.publication.places import Places
from dockerutils.publication.target import RegistryTarget
from dockerutils.session import Session
from dockerutils.sinks.sink import Placed
from dockerutils.steps import Saving
from dockerutils.work import Work, WorkOptions


@dataclass(frozen=True)
class Outcome:
    """What became of one image; sizes are bytes of layers as the registry has them."""

    image: str
    reference: str
    published: tuple[str, ...] = ()
    digest: str = ""
    size: int = 0
    pushed: int = 0
    skipped: int = 0
    reason: str = ""  # why it is not there


@dataclass
class Publishing:
    """One run of publish-image."""

    session: Session
    graph: Graph
    options: PublishOptions
    failures: list[DockerutilsError] = field(default_factory=list)

    def run(self, wanted: list[Publication]) -> list[Outcome]:
        """Publish one after the other; whatever goes wrong with one is not the others' failure.

        Raises `DockerutilsError` before anything moves where names or images are not to be had.
        """
        with Places(self.session) as places:
            names = [places.reference(one) for one in wanted]
            facts = self._facts(one.image for one in wanted)
            return [
                self._attempt(one, places, name, facts)
                for one, name in zip(wanted, names, strict=True)
            ]

    def _attempt(
        self,
        one: Publication,
        places: Places,
        name: RegistryReference,
        facts: Mapping[str, ImageFacts],
    ) -> Outcome:
        """Publish one image; whatever hinders that is kept."""
        try:
            target = places.target(one, name, self.options.tag)
            if places.make_ready(one, name):
                self.session.terminal.note(f"{target.repository} has been made.")
            placed = self._bring(one.image, target, facts)
        except Interrupted:
            raise
        except DockerutilsError as error:
            self.failures.append(error)
            return self._outcome(one.image, reason=error.message)
        return self._told(one.image, target, placed)

    @cached_property
    def _freshness(self) -> Freshness:
        return open_freshness(self.session.project, self.session.environ)

    def _facts(self, images: Iterable[Image]) -> dict[str, ImageFacts]:
        """Ask the engine for what is taken from it; raise `DockerutilsError` for what it lacks."""
        taken = [image for image in images if not self._is_put_together(image)]
        facts = self.session.engine.facts(str(image.reference) for image in taken)
        missing = [image for image in taken if str(image.reference) not in facts]
        if missing:
            raise not_there(missing)
        return facts

    def _is_put_together(self, image: Image) -> bool:
        """Tell whether an image goes from its sources straight to the registry.

        A name on the command line is that of an image of the engine.
        """
        if self.options.image_name or not image.built:
            return False
        return self.graph.node(image.source).reading.assembly(BuildRequest()) is not None

    def _bring(
        self, image: Image, target: RegistryTarget, facts: Mapping[str, ImageFacts]
    ) -> Placed:
        reference = str(image.reference)
        if self._is_put_together(image):
            self._put_together(image.source, target)
        elif target.has(facts[reference]):
            self.session.terminal.note(f"{target.text} is {reference} already.")
        else:
            Execution(self.session, self._freshness).alone(image.name, Saving(reference, target))
        if target.placed is None:
            raise DockerutilsError(f"{image.name} was not published.", "Publish it again.")
        return target.placed

    def _put_together(self, name: str, target: RegistryTarget) -> None:
        """Build an image as `build-image --output` does, to the registry."""
        session = replace(self.session, engine=AnyEngine(self.session.engine))
        options = WorkOptions(request=BuildRequest(), destination=target)
        work = Work(session, self.graph, (name,), options, self._freshness)
        nodes = work.needed()
        write_version(session, nodes)
        # What a builder makes below it stands on a base that docker has to pull.
        builds = any(one.ground for node in nodes if (one := node.reading.assembly(BuildRequest())))
        hosts = hosts_below(session, nodes, self._freshness.facts, pulls=False) if builds else {}
        with pip_conf(session, nodes, self._freshness.folder), pulling(session, hosts) as pulls:
            work.session = pulls
            outcomes = work.build(nodes)
        work.finish(outcomes)

    def _told(self, image: Image, target: RegistryTarget, placed: Placed) -> Outcome:
        """Tell what was published; the name with its digest is what was asked for."""
        names = tuple(str(replace(target.reference, tag=tag)) for tag in target.tags)
        if not self.options.json:
            self.session.terminal.data(f"{names[0]}@{placed.digest}")
        if len(names) > 1:
            self.session.terminal.note(f"it is {' and '.join(names[1:])} as well.")
        return self._outcome(
            image,
            published=names,
            digest=placed.digest,
            size=placed.sent + placed.skipped,
            pushed=placed.sent,
            skipped=placed.skipped,
        )

    def _outcome(self, image: Image, **values: object) -> Outcome:
        return Outcome(image.name, str(image.reference), **values)  # type: ignore[arg-type]


def not_there(images: list[Image]) -> DockerutilsError:
    """Describe images that the engine does not have."""
    names = ", ".join(str(image.reference) for image in images)
    verb = "are" if len(images) > 1 else "is"
    ours = [shlex.quote(image.source) for image in images if image.built]
    if not ours:
        return DockerutilsError(
            f"{names} {verb} not on the engine.", f"Get it: `docker pull {images[0].reference}`."
        )
    return DockerutilsError(
        f"{names} {verb} not built.", f"`build-image {' '.join(ours)}` builds what is missing."
    )
