"""The drawing of the graph: each image is one point, in every form, marked for what it would be."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fakes import FixedEngine, Workshop, fake_session, said
from projects import Projects

from dockerutils.build import build_images
from dockerutils.build_options import BuildOptions
from dockerutils.engine import ImageFacts
from dockerutils.errors import EngineError, UsageError
from dockerutils.graph import FORMS, Point, as_text, show_graph
from dockerutils.session import Session

SVG = "{http://www.w3.org/2000/svg}"
DRAWN_IGNORE = {".dockerignore": "docker\n.dockerignore\n"}
TWINS = {"docker/nginx/Dockerfile": "FROM nginx\n", "docker/web/Dockerfile": "FROM shop-nginx\n"}
TOWER = {
    **DRAWN_IGNORE,
    "docker/low/Dockerfile": "FROM python:3\n",
    "docker/mid/Dockerfile": "FROM shop-low\n",
    "docker/top/Dockerfile": "FROM shop-mid\n",
    "docker/tool/Dockerfile": "FROM python:3\n",
}


class Shop:
    """A project with an engine that builds in a moment."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.workshop = Workshop()
        self.workshop.there["python:3"] = ImageFacts("p", ("p",))

    def session(self) -> Session:
        return self.workshop.serve(fake_session(self.root)[0])

    def build(self, *names: str) -> None:
        build_images(self.session(), names, BuildOptions(jobs=1))

    def drawn(self, form: str) -> str:
        session = self.session()
        show_graph(session, form)
        assert not said(session)
        return written_by(session)

    def points(self) -> dict[str, Point]:
        rows = json.loads(self.drawn("json"))
        lists = ("stands_on", "synthetic", "stale", "may_follow")
        return {row["id"]: Point(**{**row, **{key: (*row[key],) for key in lists}}) for row in rows}


def written_by(session: Session) -> str:
    stream = session.terminal.out
    assert isinstance(stream, io.StringIO)
    return stream.getvalue().rstrip("\n")


def own(name: str, *below: str) -> Point:
    return Point(name, name, name, own=True, stands_on=below)


# Names ---------------------------------------------------------------------------------------


@pytest.fixture
def twins(projects: Projects) -> Shop:
    """An image that is called like the one that it stands on."""
    shop = Shop(projects.make({**DRAWN_IGNORE, **TWINS}))
    shop.build("all")
    return shop


def test_text_draws_an_image_upon_another_of_its_name(twins: Shop) -> None:
    expected = ["nginx", "└─ nginx  shop-nginx:alice", "   └─ web  shop-web:alice"]

    assert expected == twins.drawn("text").splitlines()


def test_json_tells_them_apart_by_their_ids(twins: Shop) -> None:
    found = twins.points()

    expected = {"foreign/nginx": (), "nginx": ("foreign/nginx",), "web": ("nginx",)}
    assert expected == {id_: point.stands_on for id_, point in found.items()}
    assert [False, True, True] == [point.own for point in found.values()]
    assert ["nginx", "nginx", "web"] == [point.name for point in found.values()]


def test_mermaid_draws_two_boxes_of_one_name(twins: Shop) -> None:
    expected = ['i0["nginx"]', 'i1["nginx"]', 'i2["web"]', "i0 --> i1", "i1 --> i2"]

    assert expected == [line.strip() for line in twins.drawn("mermaid").splitlines()[1:]]


def test_dot_draws_two_boxes_of_one_name(twins: Shop) -> None:
    text = twins.drawn("dot")

    assert '  "foreign/nginx" [style=rounded, label="nginx"]\n' in text
    assert '  "nginx" [style=solid, label="nginx"]\n' in text
    assert ['"foreign/nginx" -> "nginx"', '"nginx" -> "web"'] == re.findall('".*" -> ".*"', text)


def test_svg_draws_two_boxes_of_one_name_and_the_lines_between(twins: Shop) -> None:
    drawing = ElementTree.fromstring(twins.drawn("svg"))

    assert ["nginx", "nginx", "web"] == [text.text for text in drawing.iter(f"{SVG}text")]
    assert 2 == len([*drawing.iter(f"{SVG}path")])


def test_dot_takes_names_as_they_are(projects: Projects) -> None:
    shop = Shop(projects.images('a"\\é'))

    assert r'  "a\"\\é" [style=dashed, label="a\"\\é *"]' in shop.drawn("dot").splitlines()


# Trees ---------------------------------------------------------------------------------------


def test_text_draws_what_stands_on_two_images_below_the_first_and_cuts_it_short_below_the_other(
    projects: Projects,
) -> None:
    drawn = [own("a"), own("b"), own("c", "a", "b"), own("d", "c"), own("e", "a")]
    expected = ["a", "├─ c", "│  └─ d", "└─ e", "b", "└─ c …"]

    assert expected == as_text(drawn).splitlines()


@pytest.mark.parametrize("form", FORMS)
def test_a_long_chain_is_no_limit(form: str) -> None:
    names = [f"i{number}" for number in range(3000)]
    chain = [own(name, *below) for name, below in zip(names, [(), *zip(names)], strict=False)]
    text = FORMS[form](chain)

    assert "i2999" in text


def test_an_unknown_form_is_refused_with_the_known_ones(projects: Projects) -> None:
    with pytest.raises(UsageError, match=r"no format png; there are text, mermaid, dot, svg, json"):
        show_graph(fake_session(projects.images("app"))[0], "png")


# Marks ---------------------------------------------------------------------------------------


@pytest.fixture
def tower(projects: Projects) -> Shop:
    """Three images one upon the other, and one beside them; all are up to date."""
    shop = Shop(projects.make(TOWER))
    shop.build("all")
    return shop


def touch(shop: Shop, *images: str) -> None:
    for image in images:
        path = shop.root / "docker" / image / "Dockerfile"
        path.write_text(path.read_text() + "\n")


def test_what_is_up_to_date_has_no_mark(tower: Shop) -> None:
    assert not [point for point in tower.points().values() if point.mark]
    assert not re.search(r"[*?]", tower.drawn("text"))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (("low",), {"low": "*", "mid": "?low", "top": "?low", "tool": ""}),
        (("mid",), {"low": "", "mid": "*", "top": "?mid", "tool": ""}),
        (("low", "mid"), {"low": "*", "mid": "*", "top": "?mid", "tool": ""}),
        (("top",), {"low": "", "mid": "", "top": "*", "tool": ""}),
        (("tool",), {"low": "", "mid": "", "top": "", "tool": "*"}),
    ],
)
def test_what_stands_on_a_stale_image_is_marked_otherwise(
    tower: Shop, changed: Sequence[str], expected: dict[str, str]
) -> None:
    touch(tower, *changed)
    found = {id_: point for id_, point in tower.points().items() if point.own}

    def marked(point: Point) -> str:
        words = " ".join(point.may_follow)
        return point.mark + words.removesuffix(", which it stands on, would be built")

    assert expected == {id_: marked(point) for id_, point in found.items()}
    assert all(
        ("Dockerfile changed" in str(one.stale)) == (one.mark == "*") for one in found.values()
    )


def test_the_marks_are_explained_and_drawn_in_every_form(tower: Shop) -> None:
    touch(tower, "mid")
    text, svg = tower.drawn("text"), ElementTree.fromstring(tower.drawn("svg"))
    mermaid, dot = tower.drawn("mermaid"), tower.drawn("dot")

    assert "\n│  └─ mid *  shop-mid:alice\n│     └─ top ?  shop-top:alice\n" in text
    assert text.endswith(
        "\n* would be built: `dockerutils why IMAGE` says why"
        "\n? would be built too if an image below it comes out otherwise"
    )
    dashes = [box.get("stroke-dasharray") for box in svg.iter(f"{SVG}rect")]
    assert ["1 3", "5 3"] == sorted(filter(None, dashes))
    assert '[style=dashed, label="mid *"]' in dot
    assert '[style=dotted, label="top ?"]' in dot
    ids = {name: id_ for id_, name in re.findall(r'(i\d+)\["(\w+)', mermaid)}
    assert f"  class {ids['mid']} stale\n" in mermaid
    assert f"  class {ids['top']} unsettled" in mermaid


def test_without_an_engine_nothing_is_marked_and_that_is_said(projects: Projects) -> None:
    class NoEngine(FixedEngine):
        def facts(self, references: object) -> dict[str, ImageFacts]:
            raise EngineError(f"no engine tells of {references}.")

    session, _ = fake_session(projects.make(TOWER), engine=NoEngine())
    show_graph(session, "text")

    assert "stale images are not marked: no engine tells" in said(session)
    assert "low  shop-low:alice" in written_by(session)
    assert not re.search(r"[*?]", written_by(session))
