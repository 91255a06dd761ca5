"""What stands on what, and in which order it is built."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import FixedEngine, fake_session
from hypothesis import configuration, given
from hypothesis import strategies as st
from projects import Projects

from dockerutils.build import build_images
from dockerutils.build_options import BuildOptions
from dockerutils.errors import ProjectError
from dockerutils.images.catalogue import Catalogue
from dockerutils.images.graph import Graph
from dockerutils.images.recipes import open_graph

configuration.set_hypothesis_home_dir(Path(__file__).parents[1] / ".cache" / "hypothesis")


def graph(projects: Projects, images: dict[str, str], **environ: str) -> Graph:
    root = projects.make({f"docker/{name}/Dockerfile": text for name, text in images.items()})
    session, _ = fake_session(root, environ)
    return open_graph(Catalogue(session.project), session.environ)


def order(projects: Projects, images: dict[str, str], *names: str) -> list[str]:
    return [node.image.name for node in graph(projects, images).order(names or images)]


def test_bases_come_first_whatever_the_order_of_names(projects: Projects) -> None:
    images = {"a": "FROM shop-z\n", "z": "FROM shop-m\n", "m": "FROM scratch\n"}

    assert ["m", "z", "a"] == order(projects, images)


def test_an_image_that_several_stand_on_comes_once(projects: Projects) -> None:
    images = {
        "top": "FROM shop-left\nCOPY --from=shop-right /x /x\n",
        "left": "FROM shop-base\n",
        "right": "FROM shop-base:alice\n",
        "base": "FROM scratch\n",
    }

    assert ["base", "left", "right", "top"] == order(projects, images, "top", "base")


def test_only_what_is_needed_is_read(projects: Projects) -> None:
    images = {"a": "FROM scratch\n", "broken": "FROM a b c\n"}

    assert ["a"] == order(projects, images, "a")


def test_a_chain_of_5000_images_is_no_limit(projects: Projects) -> None:
    count = 5000
    images = {f"i{number}": f"FROM shop-i{number + 1}\n" for number in range(count)}
    images[f"i{count}"] = "FROM scratch\n"

    expected = [f"i{number}" for number in reversed(range(count + 1))]
    assert expected == order(projects, images, "i0")


def test_a_ring_of_many_images_is_named_and_ends(projects: Projects) -> None:
    images = {f"i{number}": f"FROM shop-i{(number + 1) % 50}\n" for number in range(50)}
    with pytest.raises(ProjectError, match=r"i0 → i1 → .* → i49 → i0") as caught:
        order(projects, images)

    assert 2 == caught.value.status


def test_the_place_in_a_ring_is_that_of_the_line_that_closes_it(projects: Projects) -> None:
    images = {
        "a": "FROM python:3\nCOPY --from=busybox /x /x\nCOPY --from=shop-b /y /y\n",
        "b": "FROM shop-a\n",
        "outside": "FROM shop-a\n",
    }
    with pytest.raises(ProjectError, match="each other: a → b → a") as caught:
        order(projects, images, "outside")

    assert caught.value.hint.endswith("see docker/a/Dockerfile:3.")


def test_an_image_may_stand_on_another_tag_of_itself(projects: Projects) -> None:
    found = graph(projects, {"a": "FROM shop-a:before\n"})

    assert ["a"] == [node.image.name for node in found.order(["a"])]
    expected = "docker/a/Dockerfile:1 names shop-a:before, but this project builds shop-a:alice."
    assert (expected,) == found.node("a").strangers


def test_names_that_only_look_alike_are_no_siblings(projects: Projects) -> None:
    text = "FROM a\nCOPY --from=host/shop-b x y\nCOPY --from=shop-b@sha256:ab x y\nFROM shop-bb\n"
    found = graph(projects, {"a": text, "b": "FROM scratch\n"}).node("a")

    assert () == found.bases
    assert ("a", "host/shop-b", "shop-b@sha256:ab", "shop-bb") == found.foreign


def test_a_sibling_that_is_written_wrongly_is_told_with_the_likely_one(projects: Projects) -> None:
    found = graph(projects, {"a": "FROM shop-bse\n", "base": "FROM scratch\n"}).node("a")

    expected = "docker/a/Dockerfile:1 names shop-bse, no image of this project; did you mean"
    assert f"{expected} `shop-base`?" == found.strangers[0]


def test_the_first_of_several_tags_is_meant_without_a_tag(projects: Projects) -> None:
    config = "[one]\nname=x\ntag=1\n[two]\nname=x\ntag=2\n"
    files = dict.fromkeys(("one", "two"), "FROM scratch\n")
    files |= {"a": "FROM shop-x:2\n", "b": "FROM shop-x\n", "c": "FROM shop-x:3\n"}
    paths = {f"docker/{name}/Dockerfile": text for name, text in files.items()}
    session, _ = fake_session(projects.make({**paths, "docker/dockerutils.cfg": config}))
    found = open_graph(Catalogue(session.project), session.environ)

    assert [("two",), ("one",), ()] == [found.node(name).bases for name in "abc"]
    assert found.node("c").strangers[0].endswith("this project builds shop-x:1, shop-x:2.")


def test_a_substitute_stands_in_where_it_is_named(projects: Projects) -> None:
    given_ = {"DOCKERUTILS_SUBSTITUTE": "python:3=mirror/python:3 nginx=mirror/nginx"}
    found = graph(projects, {"a": "FROM python:3\n", "b": "FROM python:3.11\n"}, **given_)

    assert {"python:3": "mirror/python:3"} == found.node("a").stand_ins
    assert {} == found.node("b").stand_ins


# Bases of image number n, as numbers below it: any graph without rings.
DAG = st.lists(st.sets(st.integers(0, 30), max_size=4), min_size=1, max_size=12).map(
    lambda rows: [sorted({base % n for base in row}) if n else [] for n, row in enumerate(rows)]
)


@given(DAG, st.data())
def test_in_any_graph_bases_are_built_before_and_everything_once(
    tmp_path_factory: pytest.TempPathFactory, dag: list[list[int]], data: st.DataObject
) -> None:
    names = data.draw(st.permutations([f"i{n}" for n in range(len(dag))]))
    images = {
        names[n]: "FROM scratch\n" + "".join(f"COPY --from=shop-{names[b]} /x /x\n" for b in bases)
        for n, bases in enumerate(dag)
    }
    projects = Projects(tmp_path_factory.mktemp("dag"))
    done = order(projects, images)

    assert sorted(names) == sorted(done)
    for n, bases in enumerate(dag):
        assert all(done.index(names[base]) < done.index(names[n]) for base in bases)


def test_images_that_are_there_are_not_built_for_what_stands_on_them(projects: Projects) -> None:
    images = {"base": "FROM scratch\n", "mid": "FROM shop-base\n", "top": "FROM shop-mid\n"}
    root = projects.make({f"docker/{name}/Dockerfile": text for name, text in images.items()})
    engine = FixedEngine({"shop-mid:alice": "sha256:1"})
    session, runner = fake_session(root, engine=engine)
    build_images(session, ("top",), BuildOptions())

    assert ["shop-top:alice"] == [command.argv[3] for command in runner.commands]
