"""build-image on a real engine: BuildKit, order, tags, hooks, failures and interrupts."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from engines import STAND_IN, RealProject, RealProjects
from processes import LIMIT, processes_with, read_up_to, wait_until, words_of_processes
from projects import Result

pytestmark = pytest.mark.real

NOWHERE = "unix:///nonexistent.sock"
CHAIN = {
    "docker/base/Dockerfile": "FROM python:3.11-slim\nRUN echo base >/base\n",
    "docker/app/Dockerfile": (
        "# not a stage: FROM x AS builder\n"
        "FROM <project>-base AS Builder\nRUN echo made >/made\n"
        "FROM <project>-base\nCOPY --from=builder /made /taken\n"
    ),
    "docker/top/Dockerfile": "FROM <project>-app\nRUN cat /base /taken >/both\n",
    "docker/notes/readme.txt": "no image\n",
}
FIRST_LINES = re.compile(r"^(?:\w+=\S+ )*(?:docker|sh|\(cd) .*", re.MULTILINE)


def commands(result: Result) -> list[str]:
    """The commands that a run printed, in order."""
    return FIRST_LINES.findall(result.err)


def tags_built(result: Result) -> list[str]:
    return re.findall(r"^docker build --tag (\S+)", result.err, re.MULTILINE)


@pytest.mark.usefixtures("built")
class TestAChainOfImages:
    @pytest.fixture(scope="class")
    @classmethod
    def chain(cls, real_projects: RealProjects) -> RealProject:
        return real_projects.make(CHAIN)

    @pytest.fixture(scope="class")
    @classmethod
    def built(cls, chain: RealProject) -> Result:
        return chain.build("top")

    def test_the_missing_bases_are_built_first_each_once(
        self, chain: RealProject, built: Result
    ) -> None:
        expected = [chain.reference(one) for one in ("base", "app", "app-builder", "top")]

        assert expected == tags_built(built)

    def test_buildkit_does_it_and_writes_its_progress_to_stderr(self, built: Result) -> None:
        assert "[internal] load build definition from Dockerfile" in built.err
        assert built.out == ""

    def test_the_substitute_takes_the_place_of_the_base(
        self, chain: RealProject, built: Result
    ) -> None:
        theirs = chain.engine.layers(STAND_IN)

        assert theirs == chain.engine.layers(chain.reference("base"))[: len(theirs)]
        assert f"--build-context python:3.11-slim=docker-image://{STAND_IN}" in built.err

    def test_an_image_stands_on_the_current_sibling(self, chain: RealProject) -> None:
        below = chain.engine.layers(chain.reference("app"))

        assert below == chain.engine.layers(chain.reference("top"))[: len(below)]
        assert chain.run("top", "--", "cat", "/both").out == "base\nmade\n"

    def test_the_stage_builder_has_a_name_of_its_own(self, chain: RealProject) -> None:
        made = chain.engine.docker(
            *("run", "--rm", "--pull", "never", chain.reference("app-builder"), "cat", "/made")
        )

        assert made == "made"

    @pytest.mark.parametrize("image", ["base", "app", "app-builder", "top"])
    def test_every_image_says_in_a_label_what_it_is(self, chain: RealProject, image: str) -> None:
        labels = chain.engine.inspect(chain.reference(image))["Config"]["Labels"]

        assert labels["dockerutils.image"] == f"{chain.name}-{image}"
        assert "dockerutils.run" not in labels

    def test_only_the_named_image_is_built_where_its_bases_are_there(
        self, chain: RealProject
    ) -> None:
        before = chain.engine.image_id(chain.reference("top"))

        again = chain.build("--rebuild", "top")

        assert [chain.reference("top")] == tags_built(again)
        assert before == chain.engine.image_id(chain.reference("top"))

    def test_quiet_prints_only_the_id(self, chain: RealProject) -> None:
        told = chain.build("-q", "app")

        assert told.out.splitlines() == [chain.engine.image_id(chain.reference("app"))]
        assert commands(told) == []

    def test_json_tells_docker_s_own_ids(self, chain: RealProject) -> None:
        told = chain.build("--json", "app", "top")

        expected = {name: chain.engine.image_id(chain.reference(name)) for name in ("app", "top")}
        assert expected == {row["image"]: row["id"] for row in json.loads(told.out)}

    def test_force_builds_the_bases_again(self, chain: RealProject) -> None:
        again = chain.build("-f", "top")

        expected = [chain.reference(one) for one in ("base", "app", "app-builder", "top")]
        assert expected == tags_built(again)

    def test_another_tag_holds_for_the_named_image_alone(self, chain: RealProject) -> None:
        other = f"{chain.mark}-other"

        done = chain.build("-t", other, "top")

        assert [chain.reference("top", other)] == tags_built(done)
        assert chain.has("top", other)

    def test_another_name_holds_for_the_named_image_alone(self, chain: RealProject) -> None:
        name = f"{chain.name}.example/some/thing"

        chain.build("-i", name, "top")

        assert chain.engine.image_id(f"{name}:{chain.mark}")

    def test_pulling_the_base_leaves_siblings_alone_which_no_registry_has(
        self, chain: RealProject
    ) -> None:
        done = chain.build("-p", "top")

        assert [chain.reference("top")] == tags_built(done)

    def test_from_a_folder_below_the_root_it_does_the_same(self, chain: RealProject) -> None:
        done = chain.line(chain.root / "docker" / "notes", "build-image", "--rebuild", "top")

        assert done.status == 0
        assert commands(done)[0].startswith("(cd ../.. && docker build ")


def test_quiet_prints_only_the_id_also_where_a_base_was_missing(
    real_projects: RealProjects,
) -> None:
    project = real_projects.make(CHAIN)

    told = project.build("-q", "app")

    assert told.out.splitlines() == [project.engine.image_id(project.reference("app"))]


class TestOptions:
    @pytest.fixture(scope="class")
    @classmethod
    def project(cls, real_projects: RealProjects) -> RealProject:
        app = (
            "FROM python:3.11-slim AS tools\n"
            "RUN head -c 8 /proc/sys/kernel/random/uuid >/drawn\n"
            "FROM tools AS last\nARG WORD=none\nARG TOKEN\n"
            'ENV WORD=$WORD\nRUN printf %s "$TOKEN" | wc -c >/length\n'
        )
        config = "[app]\nbuild_args=--build-arg WORD=$SAYING --label kind='a b'\n"
        return real_projects.make({"docker/app/Dockerfile": app, "docker/dockerutils.cfg": config})

    def word(self, project: RealProject) -> str:
        variables = project.engine.inspect(project.reference("app"))["Config"]["Env"]
        return next(str(one) for one in variables if one.startswith("WORD="))

    def test_configured_arguments_are_expanded_and_any_option_of_docker_build_goes(
        self, project: RealProject
    ) -> None:
        done = project.build("app", SAYING="it's $HOME")

        labels = project.engine.inspect(project.reference("app"))["Config"]["Labels"]
        assert self.word(project) == "WORD=it's $HOME"
        assert labels["kind"] == "a b"
        assert done.err.startswith('WORD="$SAYING" docker build ')

    def test_an_argument_of_the_command_line_wins(self, project: RealProject) -> None:
        project.build("app", "--build-arg", "WORD=a=b c", SAYING="no")

        assert self.word(project) == "WORD=a=b c"

    def test_an_argument_s_name_alone_takes_the_environment_s_value(
        self, project: RealProject
    ) -> None:
        done = project.build("app", "--build-arg", "TOKEN", SAYING="x", TOKEN="12345")

        assert project.run("app", "--", "cat", "/length", SAYING="x").out == "5\n"
        assert "12345" not in commands(done)[0]

    def test_a_target_is_built_and_nothing_after_it(self, project: RealProject) -> None:
        project.build("app", "--target", "tools", SAYING="x")

        variables = project.engine.inspect(project.reference("app"))["Config"]["Env"]
        assert not [one for one in variables if one.startswith("WORD=")]

    def test_without_the_cache_every_step_is_done_anew(self, project: RealProject) -> None:
        drawn = [
            (project.build("app", *words, SAYING="x"), project.run("app", "--", "cat", "/drawn"))
            for words in ((), (), ("--no-cache",))
        ]

        first, second, third = (run.out for _, run in drawn)
        assert first == second
        assert first != third


class TestHooks:
    def test_they_run_at_the_root_before_and_after_the_build(
        self, real_projects: RealProjects
    ) -> None:
        project = real_projects.make(
            {
                "docker/app/Dockerfile": "FROM scratch\nCOPY made /\n",
                "docker/dockerutils.cfg": (
                    "[app]\npre_build_script=printf '%%s' \"$PWD\" >made && echo before >&2\n"
                    "post_build_script=docker image inspect -f '{{.Id}}' <project>-app:<mark>"
                    " | tee after\n"
                ),
            }
        )

        done = project.line(project.root / "docker", "build-image", "app")

        assert done.status == 0
        assert (project.root / "made").read_text() == str(project.root)
        after = (project.root / "after").read_text().strip()
        assert after == project.engine.image_id(project.reference("app"))
        assert done.out == ""

    def test_a_failing_first_one_stops_the_image_with_its_status(
        self, real_projects: RealProjects
    ) -> None:
        project = hooked(real_projects, "pre_build_script=echo no >&2; exit 7")

        done = project("build-image", "app")

        assert done.status == 7
        assert "app was not built: its pre_build_script ended with status 7." in done.err
        assert not project.has("app")
        assert not (project.root / "after").exists()

    def test_a_failing_last_one_passes_its_status_and_the_image_is_there(
        self, real_projects: RealProjects
    ) -> None:
        project = hooked(real_projects, "tag=<mark>", last="exit 9")

        done = project("build-image", "app")

        assert done.status == 9
        assert project.has("app")

    def test_the_last_one_does_not_run_after_a_failing_build(
        self, real_projects: RealProjects
    ) -> None:
        project = hooked(real_projects, "build_args=--target nowhere")

        assert project("build-image", "app").status == 1
        assert not (project.root / "after").exists()


def hooked(real_projects: RealProjects, line: str, last: str = "touch after") -> RealProject:
    config = f"[app]\n{line}\npost_build_script={last}\n"
    files = {"docker/app/Dockerfile": "FROM scratch\nCOPY docker /\n"}
    return real_projects.make({**files, "docker/dockerutils.cfg": config})


@pytest.mark.usefixtures("failed")
class TestAFailingBuild:
    @pytest.fixture(scope="class")
    @classmethod
    def project(cls, real_projects: RealProjects) -> RealProject:
        return real_projects.make(
            {
                "docker/broken/Dockerfile": "FROM python:3.11-slim\nRUN echo 'oh no' && exit 3\n",
                "docker/fine/Dockerfile": "FROM scratch\nCOPY docker /\n",
                "docker/upon/Dockerfile": "FROM <project>-broken\n",
                "docker/upon2/Dockerfile": "FROM <project>-upon\n",
            }
        )

    @pytest.fixture(scope="class")
    @classmethod
    def failed(cls, project: RealProject) -> Result:
        return project("build-image", "all", "--json")

    def test_the_status_is_docker_s(self, failed: Result) -> None:
        assert failed.status == 1

    def test_what_stands_on_it_is_passed_over_and_the_rest_is_built(
        self, project: RealProject, failed: Result
    ) -> None:
        states = {row["image"]: row["state"] for row in json.loads(failed.out)}

        expected = {"broken": "failed", "fine": "built", "upon": "skipped", "upon2": "skipped"}
        assert expected == states
        assert {project.reference("broken"), project.reference("fine")} == {*tags_built(failed)}

    def test_nothing_is_tagged_that_was_not_built(self, project: RealProject) -> None:
        there = [one for one in ("broken", "fine", "upon", "upon2") if project.has(one)]

        assert there == ["fine"]

    def test_the_failure_is_told_once_and_what_is_missing(self, failed: Result) -> None:
        assert "oh no" in failed.err
        assert failed.err.count("broken was not built: docker build ended with status 1.") == 1
        last = failed.err.splitlines()[-1]
        assert "3 of 4 images are missing: broken (failed), upon (skipped)" in last
        assert "Traceback" not in failed.err


def test_all_passes_over_folders_without_a_dockerfile(real_projects: RealProjects) -> None:
    scratch = "FROM scratch\nCOPY docker /\n"
    project = real_projects.make(
        {"docker/a/Dockerfile": scratch, "docker/b/Dockerfile": scratch, "docker/c/file": "x"}
    )

    done = project.build("all")

    assert {project.reference("a"), project.reference("b")} == {*tags_built(done)}


def test_clean_removes_the_project_s_own_tags_and_no_other(real_projects: RealProjects) -> None:
    project = real_projects.make(CHAIN)
    neighbour = real_projects.make(
        {"docker/base/Dockerfile": "FROM scratch\nCOPY docker /\n"}, f"{project.name}-x"
    )
    project.build("top")
    neighbour.build("base")
    other = f"{project.mark}-other"
    project.engine.docker("tag", project.reference("base"), project.reference("base", other))

    done = project.build("clean")

    gone = ("base", "app", "app-builder", "top")
    assert not [one for one in gone if project.has(one)]
    assert project.has("base", other)
    assert neighbour.has("base")
    assert len(commands(done)) == 1


def test_to_clean_twice_is_no_error(real_projects: RealProjects) -> None:
    project = real_projects.make(CHAIN)

    done = project.build("clean")

    assert "# no image of this project is there." in done.err
    assert commands(done) == []


class TestAnInterruptedBuild:
    # The word tells the step's process, which runs in a container of the engine, from all others.
    STEP = "RUN env | grep -c ^TOKEN=. && echo now-it-waits && sleep 4321 && echo <project>"

    @pytest.fixture
    def project(self, real_projects: RealProjects) -> RealProject:
        dockerfile = f"FROM python:3.11-slim\nARG TOKEN\n{self.STEP}\n"
        upon = {"docker/upon/Dockerfile": "FROM <project>-app\n"}
        return real_projects.make({"docker/app/Dockerfile": dockerfile, **upon})

    def test_a_signal_to_the_process_ends_it_with_130_and_leaves_nothing(
        self, project: RealProject
    ) -> None:
        with project.start("build-image", "upon", "--build-arg", "TOKEN", TOKEN="x") as process:
            read_up_to(process.stderr, " now-it-waits")
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=LIMIT)

        assert process.returncode == 130
        assert ": interrupted while docker was running." in said
        assert "Traceback" not in said
        assert "docker build" not in said
        self.nothing_is_left(project)

    def test_ctrl_c_on_a_terminal_does_the_same(self, project: RealProject, terminals: Any) -> None:
        child = terminals.open(project.root, "build-image", "app", "--build-arg", "TOKEN=x")
        child.expect(r"# now-it-waits")
        child.sendintr()
        child.expect("interrupted while docker was running")
        child.expect_exact("\r\n")
        child.wait()

        assert child.exitstatus == 130
        self.nothing_is_left(project)

    def test_an_argument_of_the_environment_is_in_no_process_s_words_meanwhile(
        self, project: RealProject
    ) -> None:
        value = "tr3asure-of-the-environment"
        with project.start("build-image", "app", "--build-arg", "TOKEN", TOKEN=value) as process:
            said = read_up_to(process.stderr, " now-it-waits")
            running = words_of_processes()
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=LIMIT)

        assert [words for words in running if "--build-arg" in words and "docker" in words[0]]
        assert not [words for words in running if any(value in word for word in words)]
        assert value not in said

    def nothing_is_left(self, project: RealProject) -> None:
        assert not project.has("app")
        assert not project.has("upon")
        wait_until("the step ended", lambda: not processes_with(project.name))


HOSTILE = {
    "spaces": "my  images",
    "quotes": 'it\'s "so"',
    "a dollar": "$HOME ${x}",
    "a newline": "two\nlines",
    "other letters": "Übung-日本",
    "a leading dash": "-rf",
}


@pytest.mark.parametrize("word", HOSTILE.values(), ids=HOSTILE)
def test_any_name_of_a_project_and_of_an_image_s_folder_will_do(
    real_projects: RealProjects, word: str
) -> None:
    name = f"{word} {real_projects.suffix}"
    project = real_projects.make(
        {f"docker/{word}/Dockerfile": "FROM python:3.11-slim\nCOPY docker /docker\n"}, name
    )

    done = project("build-image", "--", word)
    ran = project("run-image", "-v", ".:/here", "--", word, "ls", "/docker", "/here/docker")

    assert (done.status, ran.status) == (0, 0), done.err + ran.err
    assert f"/docker:\n{word}\n\n/here/docker:\n{word}\n" == ran.out
    assert (project("build-image", "clean").status, "") == (0, "")


class TestWithoutAnEngine:
    @pytest.fixture(scope="class")
    @classmethod
    def project(cls, real_projects: RealProjects) -> RealProject:
        return real_projects.make(CHAIN)

    @pytest.mark.parametrize(
        "words", [("base",), ("top",), ("all",), ("clean",), ("-f", "top"), ("--json", "base")]
    )
    def test_one_sentence_says_so_and_what_to_do(
        self, project: RealProject, words: tuple[str, ...]
    ) -> None:
        done = project("build-image", *words, DOCKER_HOST=NOWHERE)

        assert done.status == 1
        assert done.err.count("the Docker engine does not answer: ") == 1
        assert done.err.count("Start the engine, or point DOCKER_HOST") == 1
        assert "Traceback" not in done.err

    def test_a_dry_run_does_not_need_one(self, project: RealProject) -> None:
        assert project("build-image", "--dry-run", "top", DOCKER_HOST=NOWHERE).status == 0


class TestAnEngineOfItsOwn:
    """What would disturb others on the machine's engine: pruning it, and filling its disk."""

    @pytest.fixture(scope="class")
    @classmethod
    def project(cls, real_projects: RealProjects, private_engine: str) -> Iterator[RealProject]:
        files = {
            "docker/app/Dockerfile": (
                "FROM scratch AS builder\nCOPY docker/app /kept\n"
                "FROM scratch\nCOPY --from=builder /kept/file /\n"
            ),
            "docker/app/file": "x",
            "docker/large/Dockerfile": "FROM scratch\nCOPY docker/large /large\n",
        }
        made = real_projects.make(files)
        large = made.root / "docker/large/file"
        with large.open("wb") as stream:
            stream.writelines(os.urandom(2**20) for _ in range(150))
        line = type(made.line)({**made.line.environ, "DOCKER_HOST": private_engine})
        yield RealProject(made.root, line, made.mark)
        large.unlink()

    def test_the_builder_stage_outlives_a_prune(self, project: RealProject) -> None:
        project.build("app")
        (project.root / "docker/app/file").write_text("y")
        project.build("app")

        pruned = project.engine.docker("image", "prune", "--force")
        project.engine.docker("builder", "prune", "--force")

        assert "deleted: sha256:" in pruned
        assert project.has("app-builder")
        again = project.build("--rebuild", "app")
        assert re.search(
            r"\[builder 1/1\] COPY docker/app /kept\n(#\d+ .*\n)*#\d+ CACHED", again.err
        )

    def test_a_full_disk_is_told_and_nothing_is_tagged(self, project: RealProject) -> None:
        done = project("build-image", "large")

        assert done.status == 1
        assert "large was not built: docker build ended with status 1." in done.err
        assert re.search(
            r"the disk of the Docker engine \(/.*\) is full: \d+ MB are free\.", done.err
        )
        assert "docker system df" in done.err.splitlines()[-1]
        assert not project.has("large")
