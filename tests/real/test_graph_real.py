"""The graph of a real project, in each of its forms, with marks for what would be built."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from xml.etree import ElementTree

import pytest
from engines import STAND_IN, RealProject, RealProjects

pytestmark = pytest.mark.real

SVG = "{http://www.w3.org/2000/svg}"
FILES = {
    "docker/base/Dockerfile": "FROM python:3.11-slim\nCOPY base /base\n",
    "docker/app/Dockerfile": "FROM <project>-base\nCOPY --from=<project>-tools /base /b\n",
    "docker/tools/Dockerfile": "FROM scratch\nCOPY base /base\n",
    "docker/a & <b>/Dockerfile": "FROM scratch\nCOPY base /base\n",
    "docker/dockerutils.cfg": "[run_image]\nsynthetic_images=shell\n[shell]\nname=app\n",
    "base": "1",
}
OWN = ("base", "tools", "app", "a & <b>")


@pytest.fixture(scope="module")
def shop(real_projects: RealProjects) -> RealProject:
    project = real_projects.make(FILES)
    project.build("base", "tools", "app")
    return project


def drawn(shop: RealProject, form: str) -> str:
    done = shop("graph", "--format", form)
    assert (done.status, done.err) == (0, "")
    return done.out


def test_json_names_all_images_what_they_stand_on_and_why_they_are_stale(
    shop: RealProject,
) -> None:
    points = {point["name"]: point for point in json.loads(drawn(shop, "json"))}

    assert {*OWN, "python:3.11-slim"} == points.keys()
    assert points["app"]["stands_on"] == ["base", "tools"]
    assert points["app"]["synthetic"] == ["shell"]
    assert (points["python:3.11-slim"]["own"], points["python:3.11-slim"]["reference"]) == (
        False,
        STAND_IN,
    )
    expected = {name: bool(point["stale"]) for name, point in points.items()}
    assert [name for name, stale in expected.items() if stale] == ["a & <b>"]


def test_text_is_a_tree_with_a_star_at_what_is_stale(shop: RealProject) -> None:
    lines = drawn(shop, "text").splitlines()

    assert lines[0] == f"python:3.11-slim  {STAND_IN}" or f"python:3.11-slim  {STAND_IN}" in lines
    assert f"└─ base  {shop.reference('base')}" in lines
    assert f"   └─ app  {shop.reference('app')}  (also run as shell)" in lines
    assert [line for line in lines if line.startswith("a & <b> *  ")]
    assert "* would be built: `dockerutils why IMAGE` says why" == lines[-1]


def test_mermaid_has_a_box_for_each_image_and_an_arrow_for_each_step(shop: RealProject) -> None:
    head, *lines = drawn(shop, "mermaid").splitlines()

    boxes = dict(re.findall(r'^  (i\d+)\["(.*)"\]$', "\n".join(lines), re.MULTILINE))
    arrows = re.findall(r"^  (i\d+) --> (i\d+)$", "\n".join(lines), re.MULTILINE)
    assert head == "flowchart TD"
    assert {"base", "tools", "app", "a & <b> *", "python:3.11-slim"} == {*boxes.values()}
    assert {("python:3.11-slim", "base"), ("base", "app"), ("tools", "app")} == {
        (boxes[below], boxes[above]) for below, above in arrows
    }


def test_dot_is_understood(shop: RealProject) -> None:
    text = drawn(shop, "dot")

    assert text.startswith("digraph images {\n")
    assert text.endswith("}\n")
    assert '  "base" -> "app"\n' in text
    assert '"a & <b>" [style=dashed, label="a & <b> *"]' in text
    if shutil.which("dot"):
        done = subprocess.run(["dot", "-Tplain"], input=text, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_svg_is_well_formed_and_shows_every_image(shop: RealProject) -> None:
    root = ElementTree.fromstring(drawn(shop, "svg"))

    assert f"{SVG}svg" == root.tag
    captions = {text.text for text in root.iter(f"{SVG}text")}
    assert {"base", "tools", "app", "a & <b> *", "python:3.11-slim"} == captions
    assert 3 == len([*root.iter(f"{SVG}path")])
    assert 1 == len([box for box in root.iter(f"{SVG}rect") if box.get("stroke-dasharray")])


def test_without_an_engine_nothing_is_marked_and_that_is_said(shop: RealProject) -> None:
    done = shop("graph", DOCKER_HOST="unix:///nonexistent.sock")

    assert done.status == 0
    assert "# warning: stale images are not marked: the Docker engine does not answer" in done.err
    assert "*" not in done.out


def test_a_change_below_marks_what_it_makes_stale(shop: RealProject) -> None:
    (shop.root / "base").write_text("2")
    marked = [point["name"] for point in json.loads(drawn(shop, "json")) if point["stale"]]
    shop.build("base")
    after = [point["name"] for point in json.loads(drawn(shop, "json")) if point["stale"]]

    assert {"base", "tools", "a & <b>"} == {*marked}
    assert {"tools", "app", "a & <b>"} == {*after}
