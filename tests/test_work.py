"""What build-image does and leaves alone, from one run to the next."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from bakeries import APP, Bakery, base_of, open_bakery
from fakes import Workshop, fake_session, said
from projects import Projects

from dockerutils.build import build_images, work_options
from dockerutils.build_log import Log
from dockerutils.build_options import BuildOptions
from dockerutils.command import Command
from dockerutils.engine import ImageFacts, NoEngine
from dockerutils.errors import CommandFailed, ConfigError, ContentChanged
from dockerutils.freshness import ProjectContexts
from dockerutils.images.inputs import LABEL, read_label
from dockerutils.session import Session

# A base and two leaves; what is in docker/ is no part of the context.
FILES = {
    "docker/base/Dockerfile": "FROM python:3\n",
    "docker/app/Dockerfile": "FROM shop-base\nCOPY src /src\n",
    "docker/tool/Dockerfile": "FROM shop-base:alice AS builder\nFROM scratch\n",
    ".dockerignore": "docker\n.dockerignore\n",
    "src/a.py": "a",
}
ALL = ["shop-base:alice", "shop-app:alice", "shop-tool:alice", "shop-tool-builder:alice"]


class Shop:
    """A project, built again and again."""

    def __init__(self, root: Path, **environ: str) -> None:
        self.root = root
        self.environ = environ
        self.workshop = Workshop()
        self.workshop.there["python:3"] = ImageFacts("p1", ("p1",))
        self.said = ""
        self.out = ""

    def session(self) -> Session:
        return self.workshop.serve(fake_session(self.root, self.environ)[0])

    def build(self, *names: str, **options: object) -> list[str]:
        """Build, and give the tags that a builder was called for."""
        session = self.session()
        given = BuildOptions(**{"jobs": 1, **options})  # type: ignore[arg-type]
        try:
            build_images(session, names or ("all",), given)
        finally:
            self.said = said(session)
            self.out = session.terminal.out.getvalue()  # type: ignore[attr-defined]
        return self.workshop.built()

    def change(self, path: str, text: str) -> None:
        (self.root / path).write_text(text)

    def record(self, image: str) -> Path:
        (path,) = (self.root.parent / "cache").rglob(f"inputs/shop-{image}:alice.json")
        return path

    def label(self, reference: str) -> str:
        return self.workshop.there[reference].labels[LABEL]


@pytest.fixture
def shop(projects: Projects) -> Shop:
    return Shop(projects.make(FILES))


# Nothing changed ----------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [1, 4])
def test_where_nothing_changed_no_builder_is_called_even_for_all(shop: Shop, jobs: int) -> None:
    assert ALL == shop.build()
    assert [] == shop.build(jobs=jobs)
    assert [] == shop.workshop.commands
    assert "# app, base, tool are up to date; --rebuild would build anyway.\n" in (
        shop.said.replace("base, app, tool", "app, base, tool")
    )


def test_one_image_that_is_up_to_date_is_said_to_be(shop: Shop) -> None:
    shop.build()
    shop.build("app")

    assert "# app is up to date; --rebuild would build anyway.\n" in shop.said


@pytest.mark.parametrize(
    "options",
    [{"rebuild": True}, {"no_cache": True}, {"pull_base": True}, {"force_build_base": True}],
    ids="".join,
)
def test_what_is_forced_is_built_anyway(shop: Shop, options: dict[str, bool]) -> None:
    shop.build()

    assert ALL == shop.build(**options)


def test_force_builds_the_bases_of_one_image_too(shop: Shop) -> None:
    shop.build()

    assert ["shop-base:alice", "shop-app:alice"] == shop.build("app", force_build_base=True)
    assert ["shop-app:alice"] == shop.build("app", rebuild=True)


def test_the_id_of_an_unchanged_image_is_given_where_ids_are_asked_for(shop: Shop) -> None:
    shop.build()
    shop.build("app", quiet=True)

    assert "sha256:shop-app:alice\n" == shop.out


def test_json_tells_what_is_unchanged(shop: Shop) -> None:
    shop.build()
    shop.build("app", json=True)

    assert [("app", "unchanged")] == [(row["image"], row["state"]) for row in json.loads(shop.out)]


def test_an_image_by_another_tag_is_another_image(shop: Shop) -> None:
    shop.build()

    assert ["shop-app:x"] == shop.build("app", image_tag="x")
    assert [] == shop.build("app", image_tag="x")
    assert [] == shop.build("app")


# Something changed --------------------------------------------------------------------------


def test_a_changed_file_builds_what_sees_it(shop: Shop) -> None:
    shop.change("docker/tool/Dockerfile.dockerignore", "**\n")
    shop.build()
    shop.change("src/a.py", "changed")

    assert ["shop-app:alice"] == shop.build()


def test_a_file_that_is_left_out_changes_nothing(shop: Shop) -> None:
    shop.build()
    shop.change("docker/notes", "new")

    assert [] == shop.build()


def test_a_changed_dockerfile_builds_its_image_alone(shop: Shop) -> None:
    shop.build()
    shop.change("docker/app/Dockerfile", "FROM shop-base\nCOPY src /other\n")

    assert ["shop-app:alice"] == shop.build()
    assert [] == shop.build()


def test_a_changed_argument_builds(shop: Shop) -> None:
    shop.build("app", build_arg=("A=1",))

    assert [] == shop.build("app", build_arg=("A=1",))
    assert ["shop-app:alice"] == shop.build("app", build_arg=("A=2",))
    assert ["shop-app:alice"] == shop.build("app")


def test_another_target_builds(shop: Shop) -> None:
    shop.build("tool")

    assert ["shop-tool:alice"] == shop.build("tool", target="builder")
    assert [] == shop.build("tool", target="builder")
    assert ["shop-tool:alice", "shop-tool-builder:alice"] == shop.build("tool")


def test_a_builder_that_is_gone_is_built_again(shop: Shop) -> None:
    shop.build()
    del shop.workshop.there["shop-tool-builder:alice"]

    assert ["shop-tool:alice", "shop-tool-builder:alice"] == shop.build()


def test_a_builder_that_was_not_reached_is_built_the_next_time(shop: Shop) -> None:
    shop.build()
    shop.change("docker/tool/Dockerfile", "FROM shop-base AS builder\nFROM scratch\nCOPY src /\n")
    shop.workshop.statuses = {"--tag shop-tool-builder": 1}
    with pytest.raises(CommandFailed):
        shop.build("tool")
    shop.workshop.statuses = {}
    shop.workshop.commands.clear()

    assert ["shop-tool:alice", "shop-tool-builder:alice"] == shop.build("tool")


def test_an_image_that_is_gone_is_built_again(shop: Shop) -> None:
    shop.build()
    del shop.workshop.there["shop-app:alice"]

    assert ["shop-app:alice"] == shop.build()


def test_a_base_with_other_layers_builds_what_stands_on_it(shop: Shop) -> None:
    shop.build()
    shop.change("docker/base/Dockerfile", "FROM python:3\nRUN other\n")
    shop.workshop.layers["shop-base:alice"] = "other"

    assert ALL == shop.build()


def test_a_base_that_gave_the_same_layers_again_leaves_its_children_alone(shop: Shop) -> None:
    shop.build()
    shop.change("docker/base/Dockerfile", "# a comment\nFROM python:3\n")

    assert ["shop-base:alice"] == shop.build()


def test_a_base_that_somebody_else_pulled_builds_what_stands_on_it(shop: Shop) -> None:
    shop.build()
    shop.workshop.there["python:3"] = ImageFacts("p2", ("p2",))

    assert ["shop-base:alice"] == shop.build()


def test_a_changed_base_that_is_there_is_not_looked_at_unless_it_is_asked_for(shop: Shop) -> None:
    shop.build()
    shop.change("docker/base/Dockerfile", "FROM python:3\nRUN other\n")

    assert [] == shop.build("app")
    assert ["shop-base:alice"] == shop.build("base")


def test_a_failed_build_is_tried_again(shop: Shop) -> None:
    shop.workshop.statuses = {"--tag shop-app": 1}
    with pytest.raises(CommandFailed):
        shop.build()
    shop.workshop.statuses = {}
    shop.workshop.commands.clear()

    assert ["shop-app:alice"] == shop.build()


def test_a_base_that_is_pulled_counts_as_it_is_after_the_pull(shop: Shop) -> None:
    shop.change("docker/tool/Dockerfile", "FROM python:3\nCOPY --from=shop-base /x /x\n")
    shop.build()

    def pull(command: Command) -> None:
        if command.argv[:2] == ("docker", "pull"):
            shop.workshop.there[command.argv[2]] = ImageFacts("new", ("new",))

    shop.workshop.during = pull
    assert ["shop-tool:alice"] == shop.build("tool", pull_base=True)
    assert [] == shop.build("tool")


# The label ----------------------------------------------------------------------------------


def test_each_image_carries_the_label_of_its_inputs(shop: Shop) -> None:
    shop.build()
    labels = [shop.label(name) for name in ALL]

    inputs = read_label(labels[0])
    assert inputs is not None
    assert ["version", "dockerfile", "options", "context", "bases"] == list(inputs.parts)
    assert 3 == len(set(labels))
    assert labels[2] == labels[3]  # of a stage, its image's


def test_a_dry_run_asks_nobody_and_labels_nothing(shop: Shop) -> None:
    shop.build()
    session = dataclasses.replace(shop.session(), dry=True)
    build_images(session, ("all",), BuildOptions())

    assert 4 == len(shop.workshop.lines)
    assert LABEL not in "".join(shop.workshop.lines)


def test_a_label_of_another_version_builds(shop: Shop) -> None:
    shop.build()
    old = shop.workshop.there["shop-app:alice"]
    labels = {**old.labels, LABEL: "0,whatever"}
    shop.workshop.there["shop-app:alice"] = ImageFacts(old.id, old.layers, {"Labels": labels})

    assert ["shop-app:alice"] == shop.build()


def test_images_with_a_context_from_elsewhere_have_no_label_and_are_built(shop: Shop) -> None:
    config = "[app]\nbuild_args=--build-context other=../other\n"
    shop.change("docker/dockerutils.cfg", config)
    shop.build()

    assert ["shop-app:alice"] == shop.build()
    assert LABEL not in shop.workshop.there["shop-app:alice"].labels


# The record ---------------------------------------------------------------------------------


def test_why_an_image_was_built_is_kept(shop: Shop) -> None:
    shop.build()
    assert ["shop-app:alice is not on the engine"] == (
        json.loads(shop.record("app").read_text())["because"]
    )
    shop.change("src/a.py", "changed")
    shop.build()

    assert ["src/a.py changed"] == json.loads(shop.record("app").read_text())["because"]


def test_an_argument_from_a_secret_is_not_kept_in_the_record(shop: Shop) -> None:
    shop.environ["TOKEN"] = "h1dden"
    shop.change("docker/dockerutils.cfg", "[app]\nbuild_args=--build-arg TOKEN=x$TOKEN\n")
    shop.build("app", build_arg=("OTHER=h1dden",))

    kept = "".join(
        path.read_text() for path in (shop.root.parent / "cache").rglob("*") if path.is_file()
    )
    assert "--build-arg OTHER" in kept
    assert "h1dden" not in kept + shop.label("shop-app:alice")


def writes(shop: Shop, text: Callable[[], str]) -> Callable[[Command], None]:
    def during(command: Command) -> None:
        if "shop-app:alice" in command.argv:
            shop.change("src/a.py", text())

    return during


def test_an_image_whose_files_changed_while_it_was_built_is_built_again(shop: Shop) -> None:
    shop.workshop.during = writes(shop, lambda: "changed")
    shop.build("app")

    assert "# warning: files changed while app was built; build it once more.\n" in shop.said
    shop.workshop.during = writes(shop, lambda: "changed")
    assert ["shop-app:alice"] == shop.build("app")
    assert [] == shop.build("app")


def test_a_file_that_never_keeps_still_after_the_build_is_warned_of(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = ProjectContexts.files

    def restless(contexts: ProjectContexts, dockerfile: Path) -> object:
        if shop.workshop.there.get("shop-app:alice"):
            raise ContentChanged("src/a.py changed while it was read, twice.")
        return files(contexts, dockerfile)

    monkeypatch.setattr(ProjectContexts, "files", restless)
    shop.build("app")

    assert "files changed while app was built" in shop.said


# Hooks --------------------------------------------------------------------------------------

HOOKS = "[app]\npre_build_script=before\npost_build_script=after\n"


def scripts(shop: Shop) -> list[str]:
    return [one.argv[2] for one in shop.workshop.commands if one.argv[0] == "sh"]


def run_hooks(shop: Shop, *names: str) -> tuple[list[str], list[str]]:
    """Build, and give the hooks that ran and the tags that were built."""
    build_images(shop.session(), names or ("app",), BuildOptions(jobs=1))
    return scripts(shop), shop.workshop.built()


def test_the_hook_before_runs_always_and_the_one_after_only_after_a_build(shop: Shop) -> None:
    shop.change("docker/dockerutils.cfg", HOOKS)
    shop.build("base")

    assert (["before", "after"], ["shop-app:alice"]) == run_hooks(shop)
    assert (["before"], []) == run_hooks(shop)


def test_what_the_hook_before_writes_is_looked_at(shop: Shop) -> None:
    shop.change("docker/dockerutils.cfg", HOOKS)
    shop.build()
    contents = iter(["one", "one", "two"])

    def during(command: Command) -> None:
        if command.argv[-1] == "before":
            shop.change("src/generated.py", next(contents))

    shop.workshop.during = during
    assert ["shop-app:alice"] == shop.build("app")
    assert [] == shop.build("app")
    assert ["shop-app:alice"] == shop.build("app")


def test_a_file_of_a_hook_is_seen_though_the_context_was_looked_at_before(shop: Shop) -> None:
    shop.change("docker/dockerutils.cfg", HOOKS)
    contents = iter(["one", "one", "one", "two"])

    def during(command: Command) -> None:
        if command.argv[-1] == "before":
            shop.change("src/generated.py", next(contents))

    shop.workshop.during = during
    shop.build()
    shop.build()
    assert [] == shop.build()
    assert "shop-app:alice" in shop.build()


def test_a_base_that_the_hook_writes_into_the_dockerfile_is_known(shop: Shop) -> None:
    shop.change("docker/dockerutils.cfg", HOOKS)
    shop.workshop.there["python:4"] = ImageFacts("p4", ("p4",))

    def during(command: Command) -> None:
        if command.argv[-1] == "before":
            shop.change("docker/app/Dockerfile", "FROM python:4\n")

    shop.workshop.during = during
    shop.build("app")

    assert [] == shop.build("app")


# Side by side -------------------------------------------------------------------------------

WIDE = {f"docker/{name}/Dockerfile": "FROM shop-base\n" for name in "abc"}
WIDE_FILES = {**WIDE, "docker/base/Dockerfile": "FROM scratch\n", "docker/last/Dockerfile": ""}
WIDE_FILES["docker/last/Dockerfile"] = "FROM shop-a\nCOPY --from=shop-b /x /x\n"


def test_independent_images_are_built_at_once_and_bases_before(projects: Projects) -> None:
    shop = Shop(projects.make(WIDE_FILES))
    meeting = threading.Barrier(3)

    def during(command: Command) -> None:
        if command.argv[3] in ("shop-a:alice", "shop-b:alice", "shop-c:alice"):
            meeting.wait(20)

    shop.workshop.during = during
    tags = shop.build(jobs=3)

    assert ("shop-base:alice", 5) == (tags[0], len(tags))
    assert tags.index("shop-last:alice") > max(map(tags.index, ["shop-a:alice", "shop-b:alice"]))


def test_a_failure_stops_only_what_stands_on_it(projects: Projects) -> None:
    shop = Shop(projects.make(WIDE_FILES))
    shop.workshop.statuses = {"--tag shop-a:": 7}
    with pytest.raises(CommandFailed) as caught:
        shop.build(jobs=3)

    assert {"shop-b:alice", "shop-c:alice", "shop-base:alice"} == set(shop.workshop.there) - {
        "python:3"
    }
    assert 7 == caught.value.status
    assert "2 of 5 images are missing: a (failed), last (skipped)." == caught.value.message
    assert "# a    failed in " in shop.said
    assert "# last skipped\n" in shop.said


def test_one_job_builds_one_by_one(projects: Projects) -> None:
    shop = Shop(projects.make(WIDE_FILES))

    assert [f"shop-{name}:alice" for name in ("base", "a", "b", "c", "last")] == shop.build(jobs=1)
    assert " built in " not in shop.said


@pytest.mark.parametrize("option", ["quiet", "verbose"])
def test_what_is_watched_line_by_line_is_built_one_by_one(option: str) -> None:
    assert 1 == work_options(BuildOptions(jobs=8, **{option: True})).jobs  # type: ignore[arg-type]


def test_as_many_are_built_as_the_machine_can() -> None:
    assert (os.cpu_count() or 1) <= work_options(BuildOptions()).jobs
    assert 3 == work_options(BuildOptions(jobs=3)).jobs


def test_each_image_says_what_became_of_it(projects: Projects) -> None:
    shop = Shop(projects.make(WIDE_FILES))
    shop.build(jobs=3)

    assert 5 == shop.said.count(" built in ")
    assert 5 == sum(line.startswith("docker build ") for line in shop.said.splitlines())


def test_warnings_of_one_image_do_not_stop_the_others(projects: Projects) -> None:
    mounts = {f"docker/{name}/Dockerfile": WIDE[f"docker/{name}/Dockerfile"] for name in "ab"}
    text = "FROM shop-base\nRUN --mount=type=secret,id=netrc x\n"
    shop = Shop(projects.make({**mounts, **WIDE_FILES, "docker/c/Dockerfile": text}))
    shop.build(jobs=3)

    assert 1 == shop.said.count("# warning: docker/c/Dockerfile mounts the secret netrc")
    assert 5 == shop.said.count(" built in ")


def test_a_context_that_is_big_has_hints(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dockerutils.freshness.BIG", 1)
    shop.build()

    expected = "# src/ has 1 bytes of the context; .dockerignore: /src\n"
    assert 1 == shop.said.count("of the context; .dockerignore")
    assert expected in shop.said or expected.replace("/src\n", "src\n") in shop.said


def test_an_image_that_copies_nothing_is_fresh_whatever_changes(shop: Shop) -> None:
    shop.build("base")
    shop.change("src/a.py", "changed")

    assert [] == shop.build("base")


def test_a_trigger_below_may_see_every_file(shop: Shop) -> None:
    shop.workshop.there["python:3"] = ImageFacts("p1", ("p1",), {"OnBuild": ["COPY . /app"]})
    shop.build("base")
    shop.change("src/a.py", "changed")

    assert ["shop-base:alice"] == shop.build("base")


def test_a_link_in_what_is_copied_may_lead_to_every_file(shop: Shop) -> None:
    shop.change("docker/app/Dockerfile", "FROM shop-base\nCOPY src/link /x\n")
    (shop.root / "src" / "link").symlink_to("../other")
    shop.change("other", "1")
    shop.build("app")
    shop.change("other", "2")

    assert ["shop-app:alice"] == shop.build("app")


def test_an_image_whose_post_script_failed_is_built_again(shop: Shop) -> None:
    shop.change("docker/dockerutils.cfg", "[app]\npost_build_script=check\n")
    shop.workshop.statuses = {"sh -c check": 4}
    with pytest.raises(CommandFailed):
        shop.build("app")
    shop.workshop.statuses = {}
    shop.workshop.commands.clear()

    assert ["shop-app:alice"] == shop.build("app")
    assert [] == shop.build("app")


def test_a_fault_of_one_image_leaves_the_others_alone(shop: Shop) -> None:
    shop.change("docker/app/Dockerfile.dockerignore", "[\n")
    with pytest.raises(CommandFailed) as caught:
        shop.build()

    assert "app (failed)" in caught.value.message
    assert "shop-tool:alice" in shop.workshop.there


def test_another_platform_builds(shop: Shop) -> None:
    shop.build("app")
    shop.environ = {"DOCKER_DEFAULT_PLATFORM": "linux/arm64"}

    assert ["shop-app:alice"] == shop.build("app")


def test_a_substitute_that_nothing_names_is_told(shop: Shop) -> None:
    shop.change("docker/dockerutils.cfg", "[dockerutils]\nsubstitute=pyton:3=x:3\n")
    shop.build("base")

    expected = (
        "# warning: no Dockerfile names pyton:3, which has a substitute; did you mean `python:3`?"
    )
    assert expected in shop.said


def test_two_images_with_one_tag_are_refused(shop: Shop) -> None:
    (shop.root / "docker/tool-builder").mkdir()
    shop.change("docker/tool-builder/Dockerfile", "FROM scratch\n")
    with pytest.raises(ConfigError, match="would both make shop-tool-builder:alice"):
        shop.build()


def test_a_disk_that_is_full_costs_the_log_and_nothing_else(tmp_path: Path) -> None:
    with Log(tmp_path / "app.log") as log:
        assert log.file
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, log.file.fileno())
        os.close(full)
        log.write("a line\n" * 10_000)
        log.write("another\n")


# Images that are put together here, among those of Dockerfiles ------------------------------

AMONG = {
    "docker/base/Dockerfile": "FROM python:3\n",
    "docker/test/Dockerfile": "FROM shop-app\n",
    "docker/web/Dockerfile": "FROM scratch\n",
}


@pytest.fixture
def bakery(projects: Projects) -> Bakery:
    found = open_bakery(projects, AMONG, APP.replace("python:3", "shop-base"))
    found.runner.makes["shop-base:alice"] = base_of()
    return found


def done(bakery: Bakery, *names: str, **options: object) -> list[str]:
    """Build; gives what a builder was called for, and what was loaded."""
    bakery.build(*names, **options)
    built = [command.argv[3] for command in bakery.runner.commands]
    loaded = ["loaded" for command in bakery.store.commands if command == "load"]
    bakery.runner.commands.clear()
    bakery.store.commands.clear()
    return built + loaded


def test_layers_are_put_together_between_builds_and_only_once(bakery: Bakery) -> None:
    assert ["shop-base:alice", "shop-test:alice", "loaded"] == done(bakery, "test")
    assert [] == done(bakery, "test")


def test_what_stands_on_layers_is_built_when_they_change_and_the_rest_is_not(
    bakery: Bakery,
) -> None:
    done(bakery, "app", "test", "web")
    assert [] == done(bakery, "app", "test", "web")

    bakery.change("src/shop.py", "x = 2\n")
    assert ["shop-test:alice", "loaded"] == done(bakery, "app", "test", "web")


def test_a_base_that_gave_other_layers_has_them_put_together_anew(bakery: Bakery) -> None:
    done(bakery, "app")
    bakery.runner.makes["shop-base:alice"] = base_of(Env=["A=1"])
    done(bakery, "base", "app")

    assert "A=1" in bakery.settings()["Env"]


def test_a_verification_builds_no_dockerfile_that_is_up_to_date(bakery: Bakery) -> None:
    done(bakery, "app", "web")

    assert [] == [one for one in done(bakery, "app", "web", verify="import") if "web" in one]


def test_force_puts_them_together_and_builds_the_bases(bakery: Bakery) -> None:
    done(bakery, "app")

    assert ["shop-base:alice"] == done(bakery, "app", force_build_base=True)


def test_a_dry_run_looks_at_no_file_of_a_layer(bakery: Bakery) -> None:
    session = dataclasses.replace(bakery.session(), dry=True, engine=NoEngine())
    build_images(session, ("test",), BuildOptions())

    assert ["shop-base:alice", "shop-app:alice", "shop-test:alice"] == [
        command.argv[3] for command in bakery.runner.commands
    ]
    assert [] == list((bakery.root.parent / "cache").rglob("digests/*"))
