"""graph: what stands on what, drawn as text, Mermaid, DOT, SVG or JSON; stale images are marked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType

from dockerutils.errors import EngineError, ProjectError, UsageError
from dockerutils.forecast import Forecast, forecast
from dockerutils.images.catalogue import Catalogue
from dockerutils.images.graph import Graph
from dockerutils.images.recipe import Node
from dockerutils.images.recipes import open_graph
from dockerutils.session import Session
from dockerutils.svg import draw_svg

FOREIGN = "foreign/"  # no folder of docker/ has a name with a slash
LEGEND = {
    "*": "* would be built: `dockerutils why IMAGE` says why",
    "?": "? would be built too if an image below it comes out otherwise",
}


@dataclass(frozen=True)
class Point:
    """An image in the drawing: one of the project, or one from elsewhere.

    `id` is its own among all points, and what `stands_on` of others holds; a name may be shared.
    """

    id: str
    name: str
    reference: str
    own: bool
    stands_on: tuple[str, ...] = ()
    synthetic: tuple[str, ...] = ()  # the names of its synthetic forms
    stale: tuple[str, ...] = ()  # why it would be built
    may_follow: tuple[str, ...] = ()  # why it may be built too, if all images are

    @property
    def mark(self) -> str:
        """Give the mark of what would be built, or may be; empty for others."""
        return "*" if self.stale else "?" if self.may_follow else ""

    @property
    def caption(self) -> str:
        """Give the name with its mark."""
        return f"{self.name} {self.mark}" if self.mark else self.name


def show_graph(session: Session, form: str) -> None:
    """Write the graph of all images of the project in one of the forms."""
    if form not in FORMS:
        raise UsageError(f"there is no format {form}; there are {', '.join(FORMS)}.")
    graph = open_graph(Catalogue(session.project), session.environ)
    session.terminal.data(FORMS[form](points(session, graph)))


def points(session: Session, graph: Graph) -> list[Point]:
    """Give the images, bases first; what they name from elsewhere before them."""
    nodes = graph.order(graph.catalogue.built)
    outlook = foreseen(session, nodes)
    stale = {verdict.image: verdict.reasons for verdict in outlook.verdicts.values()}
    unsettled = outlook.unsettled()
    found: dict[str, Point] = {}
    for node in nodes:
        foreign = [FOREIGN + name for name in node.foreign]
        for id_, name in zip(foreign, node.foreign, strict=True):
            found.setdefault(id_, Point(id_, name, node.stand_ins.get(name, name), own=False))
        name = node.image.name
        found[name] = Point(
            id=name,
            name=name,
            reference=str(node.image.reference),
            own=True,
            stands_on=(*node.bases, *foreign),
            synthetic=tuple(synthetic_forms(graph, name)),
            stale=stale.get(name, ()),
            may_follow=tuple(
                f"{base}, which it stands on, would be built" for base in unsettled.get(name, ())
            ),
        )
    return list(found.values())


def foreseen(session: Session, nodes: list[Node]) -> Forecast:
    """Tell what a build of all images would do; without an engine or a source nothing is marked."""
    try:
        return forecast(session, nodes)
    except (EngineError, ProjectError) as error:
        session.terminal.warn(f"stale images are not marked: {error.message}")
        return Forecast((), {}, frozenset())


def synthetic_forms(graph: Graph, name: str) -> Iterator[str]:
    """Name the synthetic images that are this one with other run settings."""
    for other in graph.catalogue.names:
        if other != name and graph.catalogue.find(other).source == name:
            yield other


# The forms -----------------------------------------------------------------------------------


def as_text(drawn: list[Point]) -> str:
    """Draw trees, and say what the marks in them mean."""
    marks = {point.mark for point in drawn}
    return "\n".join([*trees(drawn), *(text for mark, text in LEGEND.items() if mark in marks)])


def trees(drawn: list[Point]) -> Iterator[str]:
    """Draw below each image those that stand on it; twice drawn ones are cut short."""
    above: dict[str, list[Point]] = {point.id: [] for point in drawn}
    for point in drawn:
        for id_ in point.stands_on:
            above[id_].append(point)
    seen: set[str] = set()
    # What is still to be drawn, the next one last: without recursion, a long chain is no limit.
    rows = [(point, "", "") for point in reversed(drawn) if not point.stands_on]
    while rows:
        point, branch, indent = rows.pop()
        again = point.id in seen and bool(above[point.id])
        yield f"{branch}{titled(point)}{' …' if again else ''}"
        if not again:
            seen.add(point.id)
            rows += reversed([*branches(above[point.id], indent)])


def branches(children: list[Point], indent: str) -> Iterator[tuple[Point, str, str]]:
    """Give each child with what stands before it, and before those that stand on it."""
    for number, child in enumerate(children, start=1):
        last = number == len(children)
        yield child, indent + ("└─ " if last else "├─ "), indent + ("   " if last else "│  ")


def titled(point: Point) -> str:
    """Give an image as a line of the text drawing."""
    forms = f"  (also run as {', '.join(point.synthetic)})" if point.synthetic else ""
    reference = f"  {point.reference}" if point.reference != point.name else ""
    return f"{point.caption}{reference}{forms}"


def as_mermaid(drawn: list[Point]) -> str:
    """Draw a Mermaid flow chart."""
    ids = {point.id: f"i{number}" for number, point in enumerate(drawn)}
    lines = ["flowchart TD"]
    for point in drawn:
        label = point.caption.replace('"', "#quot;")
        lines.append(f'  {ids[point.id]}["{label}"]')
    lines += [f"  {ids[id_]} --> {ids[point.id]}" for point in drawn for id_ in point.stands_on]
    for mark, name, dashes in (("*", "stale", "4"), ("?", "unsettled", "1 3")):
        marked = [ids[point.id] for point in drawn if point.mark == mark]
        if marked:
            lines.append(f"  classDef {name} stroke-dasharray: {dashes}")
            lines.append(f"  class {','.join(marked)} {name}")
    return "\n".join(lines)


def as_dot(drawn: list[Point]) -> str:
    """Draw for Graphviz."""
    styles = {"*": "dashed", "?": "dotted"}
    lines = ["digraph images {", "  node [shape=box]"]
    for point in drawn:
        style = styles.get(point.mark, "solid" if point.own else "rounded")
        lines.append(f"  {dot_text(point.id)} [style={style}, label={dot_text(point.caption)}]")
    for point in drawn:
        lines += [f"  {dot_text(id_)} -> {dot_text(point.id)}" for id_ in point.stands_on]
    return "\n".join([*lines, "}"])


def dot_text(text: str) -> str:
    """Quote a text for Graphviz."""
    return json.dumps(text, ensure_ascii=False)


def as_json(drawn: list[Point]) -> str:
    """Give the images as data."""
    return json.dumps([asdict(point) for point in drawn], indent=2)


def as_svg(drawn: list[Point]) -> str:
    """Draw boxes, level by level from what stands on nothing."""
    strokes = {"*": "5 3", "?": "1 3"}
    return draw_svg(
        {point.id: point.stands_on for point in drawn},
        {point.id: point.caption for point in drawn},
        {point.id: strokes[point.mark] for point in drawn if point.mark},
    )


FORMS: Mapping[str, Callable[[list[Point]], str]] = MappingProxyType(
    {"text": as_text, "mermaid": as_mermaid, "dot": as_dot, "svg": as_svg, "json": as_json}
)
