"""Whether an image is what its sources would give, and what is said to have changed."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from fakes import fake_session
from projects import Projects

from dockerutils import docker_cli, freshness
from dockerutils.engine import ImageFacts
from dockerutils.freshness import Freshness, open_freshness, written_size
from dockerutils.images.catalogue import Catalogue
from dockerutils.images.inputs import LABEL, Inputs, make_inputs
from dockerutils.images.recipe import BuildRequest, Node
from dockerutils.images.recipes import open_graph

REFERENCE = "shop-app:alice"
REQUEST = BuildRequest()
FILES = {
    "docker/app/Dockerfile": "FROM python:3\nCOPY src /src\n",
    "src/a.py": "a",
    "src/b.py": "b",
    ".dockerignore": "docker\n.dockerignore\nignored\n",
}


class Case:
    """A project with one image, looked at anew with each question."""

    def __init__(self, root: Path, cache: Path, **environ: str) -> None:
        self.root = root
        self.environ = {"XDG_CACHE_HOME": str(cache), **environ}
        self.facts: dict[str, ImageFacts] = {}

    def look(self, config: str = "") -> tuple[Freshness, Node]:
        if config:
            (self.root / "docker" / "dockerutils.cfg").write_text(config)
        session, _ = fake_session(self.root, self.environ)
        found = open_freshness(session.project, session.environ)
        found.facts.update(self.facts)
        return found, open_graph(Catalogue(session.project), session.environ).node("app")

    def build(self, config: str = "") -> None:
        """Have the image as a build now would leave it, with its record."""
        found, node = self.look(config)
        inputs = inputs_of(found, node)
        self.facts[REFERENCE] = labelled(inputs.label)
        found.keep(node, inputs, ["it was new"])

    def fresh(self, config: str = "", request: BuildRequest = REQUEST) -> bool:
        found, node = self.look(config)
        return found.is_fresh(node, inputs_of(found, node), request)

    def reasons(self, config: str = "") -> list[str]:
        found, node = self.look(config)
        return found.reasons(node, inputs_of(found, node), REQUEST)


def inputs_of(found: Freshness, node: Node) -> Inputs:
    inputs = found.inputs(node, REQUEST)
    assert inputs is not None
    return inputs


def labelled(label: str, repository: str = "shop-app") -> ImageFacts:
    return ImageFacts("id", ("l",), {"Labels": {LABEL: label, docker_cli.IMAGE_LABEL: repository}})


@pytest.fixture
def case(projects: Projects, tmp_path: Path) -> Case:
    return Case(projects.make(FILES), tmp_path / "cache")


def test_an_image_with_the_label_of_its_inputs_is_fresh(case: Case) -> None:
    case.build()

    assert case.fresh()


def test_an_image_that_is_not_there_is_not_fresh(case: Case) -> None:
    assert not case.fresh()
    assert ["shop-app:alice is not on the engine"] == case.reasons()


UNKNOWN = ["it was built by something else, or by another version of dockerutils"]


@pytest.mark.parametrize("label", ["", "2,version=x", "1.5", "nonsense"])
def test_a_label_of_something_else_is_not_fresh(case: Case, label: str) -> None:
    case.build()
    case.facts[REFERENCE] = labelled(label)

    assert not case.fresh()
    assert UNKNOWN == case.reasons()


def test_an_image_without_labels_is_not_fresh(case: Case) -> None:
    case.facts[REFERENCE] = ImageFacts("id", (), {"Labels": None})

    assert not case.fresh()
    assert UNKNOWN == case.reasons()


def test_a_label_that_was_inherited_says_nothing_of_an_image(case: Case) -> None:
    case.build()
    label = case.facts[REFERENCE].labels[LABEL]
    case.facts[REFERENCE] = labelled(label, "shop-base")

    assert not case.fresh()
    assert UNKNOWN == case.reasons()


def test_another_version_of_ours_is_named(case: Case) -> None:
    found, node = case.look()
    old = make_inputs({**inputs_of(found, node).details, "version": {"dockerutils": "0.1"}})
    case.facts[REFERENCE] = labelled(old.label)
    found.keep(node, old, [])

    assert not case.fresh()
    assert ["dockerutils changed"] == case.reasons()


def change(root: Path, files: Mapping[str, str | None]) -> None:
    for name, text in files.items():
        if text is None:
            (root / name).unlink()
        else:
            (root / name).write_text(text)


@pytest.mark.parametrize(
    ("files", "reasons"),
    [
        ({"src/a.py": "x"}, ["src/a.py changed"]),
        ({"src/a.py": "x", "src/b.py": "y"}, ["src/a.py, src/b.py changed"]),
        ({"src/c.py": "c"}, ["src/c.py added"]),
        ({"src/b.py": None}, ["src/b.py removed"]),
        (
            {"src/a.py": "x", "src/c.py": "", "src/b.py": None},
            ["src/a.py changed", "src/c.py added", "src/b.py removed"],
        ),
        (
            {f"src/{number}": "" for number in range(7)},
            ["src/0, src/1, src/2, src/3, src/4 and 2 more added"],
        ),
        ({"docker/app/Dockerfile": "FROM python:3\n"}, ["docker/app/Dockerfile changed"]),
        ({".dockerignore": "docker\n.dockerignore\nsrc/b.py\n"}, ["src/b.py removed"]),
    ],
)
def test_what_changed_is_named(
    case: Case, files: dict[str, str | None], reasons: list[str]
) -> None:
    case.build()
    change(case.root, files)

    assert not case.fresh()
    assert reasons == case.reasons()


@pytest.mark.parametrize("file", ["ignored", "docker/other"])
def test_a_file_that_is_left_out_changes_nothing(case: Case, file: str) -> None:
    case.build()
    change(case.root, {file: "new"})

    assert case.fresh()


def test_a_files_permission_is_part_of_it(case: Case) -> None:
    case.build()
    (case.root / "src/a.py").chmod(0o755)

    assert ["src/a.py changed"] == case.reasons()


def test_a_files_time_is_no_part_of_it(case: Case) -> None:
    case.build()
    (case.root / "src/a.py").touch()

    assert case.fresh()


@pytest.mark.parametrize(
    ("old", "new", "reasons"),
    [
        ("--build-arg A=1", "--build-arg A=2", ["--build-arg A changed"]),
        ("--build-arg A=1", "--build-arg=A=2", ["--build-arg A changed"]),
        ("--build-arg A=1", "--build-arg B=1", ["--build-arg B added", "--build-arg A removed"]),
        ("", "--network none", ["--network none added"]),
        ("--network none", "", ["--network none removed"]),
        ("--build-arg A=", "--build-arg A", ["--build-arg A changed"]),
    ],
)
def test_changed_options_are_named(case: Case, old: str, new: str, reasons: list[str]) -> None:
    case.build(f"[app]\nbuild_args={old}\n")

    assert reasons == case.reasons(f"[app]\nbuild_args={new}\n")


def test_an_argument_from_the_environment_counts_by_its_value(case: Case) -> None:
    config = "[app]\nbuild_args=--build-arg TOKEN=$TOKEN\n"
    case.environ["TOKEN"] = "one"
    case.build(config)
    assert case.fresh()
    case.environ["TOKEN"] = "two"

    assert ["--build-arg TOKEN changed"] == case.reasons()


@pytest.mark.parametrize("argument", ["TOKEN=$TOKEN", "TOKEN=h1dden", "TOKEN"])
def test_no_value_of_an_argument_is_kept(case: Case, tmp_path: Path, argument: str) -> None:
    case.environ["TOKEN"] = "h1dden"
    case.build(f"[app]\nbuild_args=--build-arg {argument}\n")

    kept = "".join(path.read_text() for path in (tmp_path / "cache").rglob("*.json"))
    assert "--build-arg TOKEN" in kept
    assert "h1dden" not in kept + case.facts[REFERENCE].labels[LABEL]


def test_a_changed_base_is_named(case: Case) -> None:
    case.facts["python:3"] = ImageFacts("id1", ("l1",))
    case.build()
    case.facts["python:3"] = ImageFacts("id2", ("l2",))

    assert not case.fresh()
    assert ["python:3 changed"] == case.reasons()


def test_a_base_with_another_id_and_the_same_content_is_the_same(case: Case) -> None:
    case.facts["python:3"] = ImageFacts("id1", ("l1",))
    case.build()
    case.facts["python:3"] = ImageFacts("id2", ("l1",))

    assert case.fresh()


def test_a_substitute_counts(case: Case) -> None:
    case.build()
    case.environ["DOCKERUTILS_SUBSTITUTE"] = "python:3=mirror/python:3"

    assert ["python:3 changed"] == case.reasons()


def test_one_stage_alone_is_other_than_the_image(case: Case) -> None:
    case.build()
    found, node = case.look()
    staged = BuildRequest(target="python")
    inputs = found.inputs(node, staged)

    assert inputs is not None
    assert not found.is_fresh(node, inputs, staged)
    assert ["--target changed"] == found.reasons(node, inputs, staged)


def test_the_builder_is_to_be_there_and_of_the_same_build(case: Case) -> None:
    change(case.root, {"docker/app/Dockerfile": "FROM scratch AS builder\nFROM scratch\n"})
    case.build()
    assert ["shop-app-builder:alice is not on the engine"] == case.reasons()

    label = case.facts[REFERENCE].labels[LABEL]
    case.facts["shop-app-builder:alice"] = labelled(label, "shop-app-builder")
    assert case.fresh()

    case.facts["shop-app-builder:alice"] = labelled("1,context=0", "shop-app-builder")
    assert not case.fresh()
    assert [] != case.reasons()
    assert case.fresh(request=BuildRequest(target="x"))  # which leaves the builder alone


def test_a_context_from_elsewhere_cannot_be_told(case: Case) -> None:
    found, node = case.look("[app]\nbuild_args=--build-context other=../other\n")

    assert found.inputs(node, REQUEST) is None
    assert found.judge(node).stale


# The record ---------------------------------------------------------------------------------


def record(case: Case) -> Path:
    (path,) = Path(case.environ["XDG_CACHE_HOME"]).rglob("inputs/*.json")
    return path


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "{",
        "[]",
        "null",
        "\0",
        '{"label": "LABEL"}',
        '{"label": "LABEL", "details": [], "because": [], "time": 1}',
        '{"label": "LABEL", "details": {"context": 1}, "because": [], "time": 1}',
        '{"label": "LABEL", "details": {}, "because": null, "time": 1}',
        '{"label": "other", "details": {"context": {}}, "because": [], "time": 1}',
    ],
)
def test_without_its_record_a_change_is_told_by_its_part(case: Case, text: str | None) -> None:
    case.build()
    label = case.facts[REFERENCE].labels[LABEL]
    if text is None:
        record(case).unlink()
    else:
        record(case).write_text(text.replace("LABEL", label))
    found, node = case.look()
    assert not found.judge(node).stale
    change(case.root, {"src/a.py": "x", "docker/app/Dockerfile": "FROM scratch\n"})

    expected = ["the Dockerfile changed", "files of the context changed", "an image below changed"]
    assert sorted(expected) == sorted(case.reasons())


def test_a_record_that_is_no_utf_8_is_none(case: Case) -> None:
    case.build()
    record(case).write_bytes(b"\xff")

    assert {} == case.look()[0].record(case.look()[1])


def test_a_cache_that_cannot_be_written_costs_only_names(case: Case, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("no folder")
    case.build()
    assert case.fresh()
    change(case.root, {"src/a.py": "x"})

    assert ["files of the context changed"] == case.reasons()


def test_the_cache_is_below_the_home_unless_said_otherwise(case: Case, tmp_path: Path) -> None:
    project = fake_session(case.root)[0].project

    assert Path("/home/alice/.cache/dockerutils") == open_freshness(project, {}).folder.parent
    given = {"XDG_CACHE_HOME": str(tmp_path / "own")}
    assert tmp_path / "own" / "dockerutils" == open_freshness(project, given).folder.parent


def test_two_writers_leave_one_whole_record_and_nothing_else(case: Case) -> None:
    found, node = case.look()
    inputs = inputs_of(found, node)

    def write(name: str) -> None:
        for _ in range(30):
            found.keep(node, inputs, [name])

    threads = [threading.Thread(target=write, args=(f"writer {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [record(case)] == list(record(case).parent.iterdir())
    assert json.loads(record(case).read_text()) == found.record(node)
    assert inputs.label == found.record(node)["label"]


def test_names_of_files_that_are_no_utf_8_are_kept(case: Case) -> None:
    case.build()
    (case.root / "src" / "caf\udce9").write_text("")
    assert ["src/caf\udce9 added"] == case.reasons()
    case.build()
    (case.root / "src" / "caf\udce9").unlink()

    assert ["src/caf\udce9 removed"] == case.reasons()


def test_a_verdict_tells_why_an_image_was_built_the_last_time(case: Case) -> None:
    case.build()
    found, node = case.look()
    verdict = found.judge(node)

    assert (False, (), ("it was new",)) == (verdict.stale, verdict.reasons, verdict.last_reasons)
    assert verdict.last_built is not None


# Contexts -----------------------------------------------------------------------------------


def test_a_context_is_read_once_until_it_is_forgotten(case: Case) -> None:
    contexts = case.look()[0].contexts
    path = case.root / "docker/app/Dockerfile"
    before = contexts.files(path)
    change(case.root, {"src/c.py": ""})

    assert before is contexts.files(path)
    contexts.forget()
    assert {"src/c.py"} == contexts.files(path).keys() - before.keys()


def test_rules_of_an_images_own_make_another_context(case: Case) -> None:
    change(case.root, {"docker/app/Dockerfile.dockerignore": "**\n!src/a.py\n"})
    contexts = case.look()[0].contexts
    own = contexts.files(case.root / "docker/app/Dockerfile")
    others = contexts.files(case.root / "docker/other/Dockerfile")

    assert {"src", "src/a.py"} == set(own)
    assert {"src", "src/a.py", "src/b.py"} == set(others)
    assert 2 == len(list(contexts.summaries()))


def test_the_size_of_a_context_is_told(case: Case) -> None:
    contexts = case.look()[0].contexts
    contexts.files(case.root / "docker/app/Dockerfile")
    (summary,) = contexts.summaries()

    assert summary.startswith("context: 2 files, 2 bytes, looked at in 0.")


def test_the_folders_that_make_a_context_big_are_named(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    contexts = case.look()[0].contexts
    path = case.root / "docker/app/Dockerfile"
    contexts.files(path)
    assert [] == contexts.biggest(path)
    monkeypatch.setattr(freshness, "BIG", 2)
    (folder,) = contexts.biggest(path)

    assert ("src", 2) == (folder.path, folder.bytes)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (999_999, "999 kB"),
        (200_000_000, "200 MB"),
        (5_000_000_000_000, "5000 GB"),
    ],
)
def test_sizes_are_written_for_a_reader(size: int, text: str) -> None:
    assert text == written_size(size)
