"""graph: what stands on what, drawn as text, Mermaid, DOT, SVG or JSON; stale images are marked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType

from dockerutils.errors import EngineError, UsageError
from dockerutils.freshness import names_of, open_freshness
from dockerutils.images.catalogue import Catalogue
from dockerutils.images.graph import Graph
from dockerutils.images.recipes import open_graph
from dockerutils.session import Session
from dockerutils.svg import draw_svg


@dataclass(frozen=True)
class Point:
    """An image in the drawing: one of the project, or one from elsewhere."""

    name: str
    reference: str
    own: bool
    stands_on: tuple[str, ...] = ()
    synthetic: tuple[str, ...] = ()  # the names of its synthetic forms
    stale: tuple[str, ...] = ()  # why it would be built

    @property
    def caption(self) -> str:
        """Give the name, with a star where it would be built."""
        return f"{self.name} *" if self.stale else self.name


def show_graph(session: Session, form: str) -> None:
    """Write the graph of all images of the project in one of the forms."""
    if form not in FORMS:
        raise UsageError(f"there is no format {form}; there are {', '.join(FORMS)}.")
    graph = open_graph(Catalogue(session.project), session.environ)
    session.terminal.data(FORMS[form](points(session, graph)))


def points(session: Session, graph: Graph) -> list[Point]:
    """Give the images, bases first; what they name from elsewhere before them."""
    nodes = graph.order(graph.catalogue.built)
    stale = staleness(session, graph)
    found: dict[str, Point] = {}
    for node in nodes:
        for name in node.foreign:
            found.setdefault(name, Point(name, node.stand_ins.get(name, name), own=False))
        name = node.image.name
        below = (*node.bases, *node.foreign)
        forms = tuple(synthetic_forms(graph, name))
        reference = str(node.image.reference)
        found[name] = Point(name, reference, True, below, forms, stale.get(name, ()))
    return list(found.values())


def staleness(session: Session, graph: Graph) -> Mapping[str, tuple[str, ...]]:
    """Tell why images would be built; without an engine nothing is marked."""
    nodes = graph.order(graph.catalogue.built)
    freshness = open_freshness(session.project, session.environ)
    try:
        freshness.facts.update(session.engine.facts(names_of(nodes)))
    except EngineError as error:
        session.terminal.warn(f"stale images are not marked: {error.message}")
        return {}
    judged = (freshness.judge(node) for node in nodes)
    return {verdict.image: verdict.reasons for verdict in judged if verdict.stale}


def synthetic_forms(graph: Graph, name: str) -> Iterator[str]:
    """Name the synthetic images that are this one with other run settings."""
    for other in graph.catalogue.names:
        if other != name and graph.catalogue.find(other).source == name:
            yield other


# The forms -----------------------------------------------------------------------------------


def as_text(drawn: list[Point]) -> str:
    """Draw trees: below each image those that stand on it; twice drawn ones are cut short."""
    above: dict[str, list[Point]] = {point.name: [] for point in drawn}
    for point in drawn:
        for name in point.stands_on:
            above[name].append(point)
    seen: set[str] = set()
    lines: list[str] = []
    for point in drawn:
        if not point.stands_on:
            lines.append(titled(point))
            lines.extend(branches(point, above, seen, ""))
    if any(point.stale for point in drawn):
        lines.append("* would be built: `dockerutils why IMAGE` says why")
    return "\n".join(lines)


def branches(
    point: Point, above: Mapping[str, list[Point]], seen: set[str], indent: str
) -> Iterator[str]:
    """Draw what stands on an image."""
    children = above[point.name]
    for number, child in enumerate(children, start=1):
        last = number == len(children)
        again = child.name in seen and bool(above[child.name])
        yield f"{indent}{'└─ ' if last else '├─ '}{titled(child)}{' …' if again else ''}"
        if not again:
            seen.add(child.name)
            yield from branches(child, above, seen, indent + ("   " if last else "│  "))


def titled(point: Point) -> str:
    """Give an image as a line of the text drawing."""
    forms = f"  (also run as {', '.join(point.synthetic)})" if point.synthetic else ""
    reference = f"  {point.reference}" if point.reference != point.name else ""
    return f"{point.caption}{reference}{forms}"


def as_mermaid(drawn: list[Point]) -> str:
    """Draw a Mermaid flow chart."""
    ids = {point.name: f"i{number}" for number, point in enumerate(drawn)}
    lines = ["flowchart TD"]
    for point in drawn:
        label = point.caption.replace('"', "#quot;")
        lines.append(f'  {ids[point.name]}["{label}"]')
    lines += [f"  {ids[name]} --> {ids[point.name]}" for point in drawn for name in point.stands_on]
    stale = [ids[point.name] for point in drawn if point.stale]
    if stale:
        lines += ["  classDef stale stroke-dasharray: 4", f"  class {','.join(stale)} stale"]
    return "\n".join(lines)


def as_dot(drawn: list[Point]) -> str:
    """Draw for Graphviz."""
    lines = ["digraph images {", "  node [shape=box]"]
    for point in drawn:
        style = "dashed" if point.stale else "solid" if point.own else "rounded"
        lines.append(
            f"  {json.dumps(point.name)} [style={style}, label={json.dumps(point.caption)}]"
        )
    for point in drawn:
        lines += [f"  {json.dumps(name)} -> {json.dumps(point.name)}" for name in point.stands_on]
    return "\n".join([*lines, "}"])


def as_json(drawn: list[Point]) -> str:
    """Give the images as data."""
    return json.dumps([asdict(point) for point in drawn], indent=2)


def as_svg(drawn: list[Point]) -> str:
    """Draw boxes, level by level from what stands on nothing."""
    return draw_svg(
        {point.name: point.stands_on for point in drawn},
        {point.name: point.caption for point in drawn},
        {point.name for point in drawn if point.stale},
    )


FORMS: Mapping[str, Callable[[list[Point]], str]] = MappingProxyType(
    {"text": as_text, "mermaid": as_mermaid, "dot": as_dot, "svg": as_svg, "json": as_json}
)
