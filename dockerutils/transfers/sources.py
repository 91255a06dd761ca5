"""An image of the project that is put together here: from its sources to other hosts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from dockerutils import docker_cli
from dockerutils.build import renamed_graph
from dockerutils.build_options import BuildOptions
from dockerutils.command import Command
from dockerutils.engine import AnyEngine, ImageFacts
from dockerutils.freshness import open_freshness
from dockerutils.images.catalogue import Catalogue
from dockerutils.images.graph import Graph
from dockerutils.images.recipe import BuildRequest
from dockerutils.oci.image import OciImage, parse_config
from dockerutils.oci.layer import Advance, Layer, ignore
from dockerutils.preparation import pip_conf, write_version
from dockerutils.session import Session
from dockerutils.sinks.sink import Placed
from dockerutils.sources.supply import Subject
from dockerutils.work import Work, WorkOptions


@dataclass(frozen=True)
class Handing:
    """Takes an image that is put together, and hands it on while its layers can be read."""

    text: str
    bring: Callable[[Subject], None]
    reference: str = ""

    def sink(self, reference: str) -> Handing:
        """Give what takes an image of this name."""
        return replace(self, reference=reference)

    def saving(self, reference: str) -> Command:
        """Give docker's own way to hand it on."""
        return docker_cli.save([reference])

    def missing(self, image: OciImage) -> tuple[Layer, ...]:
        """Give nothing: what is missing is told where it goes."""
        del image
        return ()

    def put(self, image: OciImage, advance: Advance = ignore) -> Placed:
        """Hand the image on."""
        del advance
        about = parse_config(image.config_bytes())
        facts = ImageFacts(
            image.id, image.diff_ids, about.settings, about.architecture, about.os, about.variant
        )
        self.bring(Subject(self.reference, facts, image))
        return Placed(self.reference, image.id)


def sources_of(session: Session, name: str) -> Graph | None:
    """Give the graph with an image that is put together here; None for another one."""
    catalogue = Catalogue(session.project)
    if name not in catalogue.names or not catalogue.find(name).built:
        return None
    source = catalogue.find(name).source
    graph = renamed_graph(session, (source,), BuildOptions())
    return graph if graph.node(source).reading.assembly(BuildRequest()) else None


def put_together(
    session: Session, graph: Graph, name: str, text: str, bring: Callable[[Subject], None]
) -> None:
    """Put an image together, and hand it on; raise what hinders that."""
    session = replace(session, engine=AnyEngine(session.engine))
    freshness = open_freshness(session.project, session.environ)
    options = WorkOptions(request=BuildRequest(), destination=Handing(text, bring))
    source = graph.catalogue.find(name).source
    work = Work(session, graph, (source,), options, freshness)
    nodes = work.needed()
    write_version(session, nodes)
    with pip_conf(session, nodes, freshness.folder):
        outcomes = work.build(nodes)
    work.finish(outcomes)
