"""What is not built again, what is, and what `why` says of it before and after."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator

import pytest
from engines import Engine, RealProject, RealProjects
from own_engines import OwnEngine, own_engine
from processes import LIMIT, read_up_to
from projects import Result
from recorded import RecordedDocker

pytestmark = pytest.mark.real

CHAIN = {
    "docker/base/Dockerfile": "FROM scratch\nARG WORD=none\nCOPY source/$WORD /base\n",
    "docker/app/Dockerfile": (
        "FROM scratch AS builder\nCOPY source /source\n"
        "FROM <project>-base\nCOPY --from=builder /source /app\n"
    ),
    "docker/other/Dockerfile": "FROM scratch\nCOPY source/one /\n",
    "source/one": "1",
    "source/two": "2",
    **{f"source/{name}": "" for name in ("none", "four", "five", "six")},
    "notes/ideas": "x",
    ".dockerignore": "notes\n",
}
ANOTHER_S = "it was built by something else, or by another version of dockerutils"
IMAGES = ("base", "app", "other")


def built(result: Result) -> list[str]:
    """The images that docker was told to build, in order."""
    return re.findall(r"docker build --tag \S+-(\w+):", result.err)


@pytest.fixture(scope="module")
def shared(real_projects: RealProjects) -> RealProject:
    """One project for many changes; what one test changes is no other's concern."""
    return real_projects.make(CHAIN)


@pytest.fixture
def chain(shared: RealProject) -> RealProject:
    """A base, an image upon it and another one, all of it built and up to date."""
    shared.build("all", "--jobs", "1")
    return shared


class TestNothingChanged:
    @pytest.fixture(scope="class")
    @classmethod
    def chain(cls, real_projects: RealProjects) -> RealProject:
        project = real_projects.make(CHAIN)
        project.build("all")
        return project

    @pytest.mark.parametrize("words", [("all",), ("all", "-j", "1"), ("app",), ("app", "--json")])
    def test_no_builder_is_called(self, chain: RealProject, words: tuple[str, ...]) -> None:
        docker = RecordedDocker(chain.root.parent / "-".join(words))
        docker.make()

        done = chain.build(*words, PATH=docker.path)

        calls = docker.take()
        assert calls
        assert not [call for call in calls if re.search(r"\b(build|buildx|pull|tag)\b", call)]
        assert not built(done)

    def test_it_is_said_in_one_line(self, chain: RealProject) -> None:
        done = chain.build("all")

        assert "# base, app, other are up to date; --rebuild would build anyway.\n" in done.err

    def test_json_says_so_with_the_ids(self, chain: RealProject) -> None:
        rows = json.loads(chain.build("--json", "all").out)

        expected = {name: chain.engine.image_id(chain.reference(name)) for name in IMAGES}
        assert {"unchanged"} == {row["state"] for row in rows}
        assert expected == {row["image"]: row["id"] for row in rows}

    def test_quiet_prints_the_id(self, chain: RealProject) -> None:
        done = chain.build("-q", "app")

        assert f"{chain.engine.image_id(chain.reference('app'))}\n" == done.out
        assert done.err == ""

    def test_why_says_when_and_why_it_was_built(self, chain: RealProject) -> None:
        told = chain("why", "app").out.splitlines()

        assert re.fullmatch(
            rf"app is up to date \({chain.reference('app')}\);"
            r" it was built (\d+ \w+|a moment) ago, because:",
            told[0],
        )
        assert [f"  {chain.reference('app')} is not on the engine"] == told[1:]

    def test_why_says_it_as_json(self, chain: RealProject) -> None:
        told = json.loads(chain("why", "app", "--json").out)

        assert (told["image"], told["reference"]) == ("app", chain.reference("app"))
        assert (told["stale"], told["reasons"]) == (False, [])
        assert [f"{chain.reference('app')} is not on the engine"] == told["last_reasons"]
        assert 0 <= time.time() - told["last_built"] < LIMIT

    @pytest.mark.parametrize("option", ["--rebuild", "--no-cache", "-f"])
    def test_it_is_built_where_that_is_asked_for(self, chain: RealProject, option: str) -> None:
        expected = ["base", "app", "builder"] if option == "-f" else ["app", "builder"]

        assert expected == built(chain.build("app", option))

    def test_another_user_s_image_is_another_one(self, chain: RealProject) -> None:
        done = chain.known_as(f"{chain.mark}-bob").build("base")

        assert built(done) == ["base"]


def touch(project: RealProject) -> None:
    for name in ("source/one", "docker/app/Dockerfile", ".dockerignore"):
        os.utime(project.root / name, (1, 1))


def rewrite(project: RealProject) -> None:
    """Write the same content as new files, as git does."""
    for name in ("source/one", "docker/app/Dockerfile"):
        path = project.root / name
        text = path.read_text()
        path.unlink()
        path.write_text(text)


def change_what_is_left_out(project: RealProject) -> None:
    (project.root / "notes" / "ideas").write_text("y")


@pytest.mark.parametrize("change", [touch, rewrite, change_what_is_left_out])
def test_what_docker_does_not_see_is_no_reason(
    chain: RealProject, change: Callable[[RealProject], None]
) -> None:
    change(chain)

    assert not built(chain.build("all"))
    assert "app is up to date" in chain("why", "app").out


def write(path: str, text: str) -> Callable[[RealProject], None]:
    def change(project: RealProject) -> None:
        (project.root / path).write_text(text)

    return change


def remove(path: str) -> Callable[[RealProject], None]:
    return lambda project: (project.root / path).unlink()


def make_runnable(project: RealProject) -> None:
    (project.root / "source/five").chmod(0o755)


def append_to_dockerfile(project: RealProject) -> None:
    with (project.root / "docker/app/Dockerfile").open("a") as stream:
        stream.write("COPY source/one /again\n")


def configure(project: RealProject) -> None:
    text = "[app]\nbuild_args=--build-arg WORD=two --label a=b\n"
    (project.root / "docker" / "dockerutils.cfg").write_text(text)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(write("source/four", "5"), "source/four changed", id="a file"),
        pytest.param(write("source/new", ""), "source/new added", id="a new file"),
        pytest.param(remove("source/six"), "source/six removed", id="a file less"),
        pytest.param(make_runnable, "source/five changed", id="a mode"),
        pytest.param(append_to_dockerfile, "docker/app/Dockerfile changed", id="the Dockerfile"),
        pytest.param(configure, "--label a=b added", id="a configured option"),
    ],
)
def test_a_change_is_told_before_it_is_built_once_and_told_after(
    chain: RealProject, change: Callable[[RealProject], None], reason: str
) -> None:
    change(chain)

    before = chain("why", "app")
    first, second = (chain.build("app", "--jobs", "1") for _ in range(2))
    after = chain("why", "app")

    assert f"build-image app would build {chain.reference('app')}:\n" in before.out
    assert reason in before.out
    assert built(first) == ["app", "builder"]
    assert built(second) == []
    assert "app is up to date" in after.out
    assert reason in after.out


class TestABaseThatChanges:
    def test_makes_stale_what_stands_on_it_and_is_named(self, chain: RealProject) -> None:
        done = chain.build("base", "--build-arg", "WORD=one")
        told = chain("why", "app").out
        upon = chain.build("app")

        assert built(done) == ["base"]
        assert f"  {chain.name}-base changed\n" in told
        assert built(upon) == ["app", "builder"]
        below = chain.engine.layers(chain.reference("base"))
        assert below == chain.engine.layers(chain.reference("app"))[: len(below)]

    def test_is_followed_in_the_same_run(self, chain: RealProject) -> None:
        (chain.root / "source/two").write_text(os.urandom(4).hex())
        done = chain.build("all", "-j", "1", "--build-arg", "WORD=two")

        assert built(done) == ["base", "app", "builder", "other"]
        below = chain.engine.layers(chain.reference("base"))
        assert below == chain.engine.layers(chain.reference("app"))[: len(below)]
        assert built(chain.build("all", "-j", "1", "--build-arg", "WORD=two")) == []

    def test_is_none_where_only_the_builder_was_called_again(self, chain: RealProject) -> None:
        chain.build("base", "--rebuild")

        assert "app is up to date" in chain("why", "app").out


class TestABuildArgument:
    def test_counts_with_its_value_and_is_never_kept(self, chain: RealProject) -> None:
        words = ("base", "--build-arg", "WORD")
        first, second = (chain.build(*words, WORD="one") for _ in range(2))
        third = chain.build(*words, WORD="two")

        assert (built(first), built(second), built(third)) == (["base"], [], ["base"])

    def test_is_told_by_its_name(self, chain: RealProject) -> None:
        chain.build("base", "--build-arg", "WORD=two")

        assert "--build-arg WORD" in chain("why", "base").out
        assert "two" not in chain("why", "base").out.replace("source/two", "")


class TestAnImageThatSomebodyElseTouched:
    def test_is_built_where_it_was_removed(self, chain: RealProject) -> None:
        chain.engine.docker("image", "rm", chain.reference("other"))

        assert f"{chain.reference('other')} is not on the engine" in chain("why", "other").out
        assert built(chain.build("all", "-j", "1")) == ["other"]

    def test_is_built_where_the_builder_s_name_was_removed(self, chain: RealProject) -> None:
        chain.engine.docker("image", "rm", chain.reference("app-builder"))

        assert built(chain.build("app")) == ["app", "builder"]

    @pytest.mark.parametrize("name", ["other", "app", "app-builder"])
    def test_is_built_where_the_name_was_given_to_another(
        self, chain: RealProject, name: str
    ) -> None:
        expected = chain.engine.image_id(chain.reference(name))
        chain.engine.docker("tag", chain.reference("base"), chain.reference(name))

        image = name.removesuffix("-builder")
        assert "would build" in chain("why", image).out
        chain.build(image)

        assert expected == chain.engine.image_id(chain.reference(name))

    @pytest.mark.parametrize(
        ("label", "reason"),
        [
            *((label, ANOTHER_S) for label in ("0,dockerfile=abc", "", "{}", "2,version=0")),
            *((label, "dockerutils changed") for label in ("1", "1,", "1,version=a,version=")),
        ],
    )
    def test_is_built_where_its_label_is_of_another_form(
        self, real_projects: RealProjects, label: str, reason: str
    ) -> None:
        project = real_projects.make({"docker/one/Dockerfile": "FROM scratch\nCOPY docker /\n"})
        project.engine.docker(
            *("build", "--quiet", "--file", str(project.root / "docker/one/Dockerfile")),
            *("--label", f"dockerutils.image={project.name}-one"),
            *("--label", f"dockerutils.inputs={label}"),
            *("--tag", project.reference("one"), str(project.root)),
        )

        told = project("why", "one")
        done = project.build("one")

        head = f"build-image one would build {project.reference('one')}:\n"
        assert (told.status, told.err) == (0, "")
        assert told.out.startswith(f"{head}  {reason}\n")
        assert built(done) == ["one"]
        assert built(project.build("one")) == []


class TestWithoutWhatWasKept:
    def test_nothing_is_built_and_why_knows_no_reason(self, chain: RealProject) -> None:
        elsewhere = chain.having(XDG_CACHE_HOME=str(chain.root.parent / "empty"))

        assert built(elsewhere.build("all")) == []
        assert f"app is up to date ({chain.reference('app')}).\n" == elsewhere("why", "app").out

    def test_why_still_names_the_part(self, chain: RealProject) -> None:
        (chain.root / "source/two").write_text(os.urandom(4).hex())

        told = chain("why", "app", XDG_CACHE_HOME=str(chain.root.parent / "empty")).out

        assert "  files of the context changed\n" in told

    @pytest.mark.parametrize("content", ["", '{"label": 1}', '{"details": 3}'])
    def test_what_is_broken_counts_as_not_there(self, chain: RealProject, content: str) -> None:
        cache = chain.root.parent / "cache"
        own = chain.having(XDG_CACHE_HOME=str(cache))
        own.build("other", "--rebuild")
        kept = [*cache.rglob("*.json")]
        assert kept
        for path in kept:
            path.write_text(content)

        assert built(own.build("other")) == []
        (chain.root / "source/one").write_text(os.urandom(4).hex())
        assert own("why", "other").status == 0
        assert built(own.build("other")) == ["other"]

    def test_a_cache_that_cannot_be_written_costs_nothing_else(self, chain: RealProject) -> None:
        (chain.root.parent / "file").write_text("")

        done = chain.build("all", "--rebuild", XDG_CACHE_HOME=str(chain.root.parent / "file"))

        assert "Traceback" not in done.err
        assert built(chain.build("all")) == []


def test_two_builds_at_once_end_well_and_what_they_make_is_right(
    real_projects: RealProjects,
) -> None:
    project = real_projects.make(CHAIN)
    with project.start("build-image", "all") as first, project.start("build-image", "all") as other:
        said = [process.communicate(timeout=LIMIT)[1] for process in (first, other)]

    assert [first.returncode, other.returncode] == [0, 0], said
    assert built(project.build("all")) == []
    below = project.engine.layers(project.reference("base"))
    assert below == project.engine.layers(project.reference("app"))[: len(below)]


def test_a_file_that_changes_during_the_build_is_warned_of_and_looked_at_again(
    real_projects: RealProjects,
) -> None:
    """The step waits, when the file has been taken already."""
    slow = (
        "FROM python:3.11-slim\nCOPY source /source\nRUN echo now-it-waits; sleep 1 # <project>\n"
    )
    project = real_projects.make({"docker/app/Dockerfile": slow, "source/file": "1"})
    with project.start("build-image", "app") as process:
        said = read_up_to(process.stderr, " now-it-waits\n")
        (project.root / "source/file").write_text("2")
        said += process.communicate(timeout=LIMIT)[1]

    assert process.returncode == 0
    assert "# warning: files changed while app was built; build it once more.\n" in said
    assert "would build" in project("why", "app").out
    assert built(project.build("app")) == ["app"]
    assert project.run("app", "--", "cat", "/source/file").out == "2"


@pytest.mark.usefixtures("real_engine")
class TestAnEngineThatIsRestarted:
    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls, request: pytest.FixtureRequest) -> Iterator[OwnEngine]:
        with own_engine(request, "700m") as engine:
            engine.take_stand_in()
            yield engine

    @pytest.fixture
    def project(self, real_projects: RealProjects, engine: OwnEngine) -> RealProject:
        slow = (
            "FROM python:3.11-slim\nARG WAIT\n"
            'RUN [ -z "$WAIT" ] || { echo now-$WAIT-waits; sleep 120; } # <project>\n'
        )
        files = {f"docker/{name}/Dockerfile": slow for name in ("left", "right")}
        return real_projects.make(files).having(DOCKER_HOST=engine.host)

    @pytest.mark.parametrize("jobs", ["1", "2"])
    def test_the_build_fails_with_a_clear_message_and_a_rerun_finishes(
        self, project: RealProject, engine: OwnEngine, jobs: str
    ) -> None:
        words = ("build-image", "all", "-j", jobs, "--build-arg", "WAIT=it")
        with project.start(*words) as process:
            said = read_up_to(process.stderr, "now-it-waits\n")
            engine.stop()
            said += process.communicate(timeout=LIMIT)[1]
        engine.start()

        assert process.returncode == 1
        assert "Traceback" not in said
        assert said.count("the Docker engine does not answer") >= 1
        assert re.search(r"2 of 2 images are missing: left \((failed|skipped)\), right", said)
        assert not project.has("left")
        project.build("all")
        assert project.has("left")
        assert project.has("right")


@pytest.mark.usefixtures("real_engine")
class TestTheContainerdStore:
    """It gives an image another ID each time that it is stored; layers and labels stay."""

    @pytest.fixture(scope="class")
    @classmethod
    def host(cls, request: pytest.FixtureRequest) -> Iterator[str]:
        settings = '{"features": {"containerd-snapshotter": true}}'
        with own_engine(request, "400m", settings) as engine:
            yield engine.host

    def test_what_has_not_changed_is_not_built_again(
        self, real_projects: RealProjects, host: str
    ) -> None:
        project = real_projects.make(CHAIN).having(DOCKER_HOST=host)
        assert "io.containerd.snapshotter" in Engine(project.line.environ).docker(
            "info", "--format", "{{.DriverStatus}}"
        )

        first, second = (project.build("all", "-j", "1") for _ in range(2))

        assert built(first) == ["base", "app", "builder", "other"]
        assert built(second) == []
        (project.root / "source/two").write_text("3")
        project.build("base", "--build-arg", "WORD=two")
        assert f"{project.name}-base changed" in project("why", "app").out
