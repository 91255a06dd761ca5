"""run-image and the verbs for containers, on a real engine."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from engines import STAND_IN, RealProject, RealProjects
from processes import LIMIT, read_up_to, wait_until, words_of_processes

pytestmark = pytest.mark.real

IMAGE, TAG = STAND_IN.split(":")
ANOTHER_UID = 54321
CONFIG = f"""
[run_image]
synthetic_images=talk, plain

[app]
tag=<mark>
environment=-e MODE=configured -e FROM_HERE=$FROM_HERE
volumes=-v {{project_root}}/docker:/mounted
volumes_docked=-v /proc/version:/docked
cmd=python -c "import os; print(os.environ['MODE'], sorted(os.listdir('/mounted')))"

[talk]
name=app
cmd=sh -c 'echo "synthetic, $$(pwd)"'

[plain]
name=app
init=False

[standin]
name={IMAGE}
tag={TAG}
prefix=False

[never]
tag=<mark>
"""
FILES = {
    "docker/app/Dockerfile": 'FROM python:3.11-slim\nWORKDIR /work\nCMD ["false"]\n',
    "docker/never/Dockerfile": "FROM python:3.11-slim\nRUN true\n",
    "docker/dockerutils.cfg": CONFIG,
}
WAIT = ("--", "sh", "-c", "echo ready; read line; echo ended")


@pytest.fixture(scope="module")
def shop(real_projects: RealProjects) -> RealProject:
    line = real_projects.line
    given = type(line)({**line.environ, "FROM_HERE": "the environment"})
    made = real_projects.make(FILES)
    project = RealProject(made.root, given, made.mark)
    project.build("app")
    return project


class TestTheContainer:
    def test_it_runs_as_configured(self, shop: RealProject) -> None:
        done = shop.run("app")

        assert (done.status, done.out) == (0, "configured ['app', 'dockerutils.cfg', 'never']\n")

    @pytest.mark.parametrize("status", [0, 1, 2, 42, 125, 127, 137])
    def test_its_status_is_ours(self, shop: RealProject, status: int) -> None:
        done = shop.run("app", "--", "sh", "-c", f"exit {status}")

        assert status == done.status
        assert len(done.err.splitlines()) == 1

    def test_a_command_that_is_not_there_is_told_by_docker(self, shop: RealProject) -> None:
        done = shop.run("app", "--", "no-such-command")

        assert done.status == 127
        assert "no-such-command" in done.err.splitlines()[-1] or "not found" in done.err

    def test_it_reads_what_is_piped_in(self, shop: RealProject) -> None:
        done = shop.run("app", "-c", "sort -r", stdin="a\nü\nb\n")

        assert done.out == "ü\nb\na\n"

    def test_its_two_outputs_stay_apart(self, shop: RealProject) -> None:
        done = shop.run("app", "--", "sh", "-c", "echo data; echo talk >&2")

        assert done.out == "data\n"
        assert done.err.splitlines()[1:] == ["talk"]

    def test_nothing_stays_of_it(self, shop: RealProject) -> None:
        before = shop.engine.containers(shop.name)

        shop.run("app")

        assert before == shop.engine.containers(shop.name)

    def test_its_first_process_is_an_init(self, shop: RealProject) -> None:
        assert shop.run("app", "--", "cat", "/proc/1/comm").out == "docker-init\n"

    def test_without_an_init_where_that_is_configured(self, shop: RealProject) -> None:
        assert shop.run("plain", "--", "cat", "/proc/1/comm").out == "cat\n"


class TestOptions:
    def test_a_variable_of_the_command_line_wins(self, shop: RealProject) -> None:
        hostile = 'it\'s "x" $HOME\ntwo = 2'

        done = shop.run("app", "-e", f"MODE={hostile}", "--", "printenv", "MODE")

        assert f"{hostile}\n" == done.out

    def test_a_name_alone_passes_ours_on(self, shop: RealProject) -> None:
        done = shop.run("app", "-e", "HANDED", "--", "printenv", "HANDED", HANDED="over")

        assert done.out == "over\n"

    def test_a_configured_variable_comes_from_the_environment_and_is_not_printed(
        self, shop: RealProject
    ) -> None:
        done = shop.run("app", "--", "printenv", "FROM_HERE")

        assert done.out == "the environment\n"
        assert "the environment" not in done.err

    def test_files_of_variables_are_found_from_the_user_s_folder(self, shop: RealProject) -> None:
        below = shop.root / "docker" / "app"
        (below / "my variables").write_text("A=from the file\nB=2\n")

        done = shop.line(
            below,
            *("run-image", "--env-file", "my variables", "-e", "B=3", "app"),
            *("--", "printenv", "A", "B"),
        )

        assert done.out == "from the file\n3\n"

    def test_a_mount_is_added_from_the_user_s_folder(self, shop: RealProject) -> None:
        below = shop.root / "docker" / "app"

        done = shop.line(
            below,
            "run-image",
            "-v",
            "./Dockerfile:/extra:ro",
            "app",
            "--",
            "ls",
            "/extra",
            "/mounted",
        )

        assert done.out == "/extra\n\n/mounted:\napp\ndockerutils.cfg\nnever\n"

    def test_a_network_takes_the_place_of_the_configured(self, shop: RealProject) -> None:
        assert shop.run("app", "-n", "none", "--", "ls", "/sys/class/net").out == "lo\n"

    def test_other_options_go_to_docker(self, shop: RealProject) -> None:
        done = shop.run(
            "app", "-a", "--hostname elsewhere -e A=1", "--", "sh", "-c", "hostname; echo $A"
        )

        assert done.out == "elsewhere\n1\n"

    def test_a_docked_terminal_has_its_own_settings(self, shop: RealProject) -> None:
        done = shop.run("app", "--", "ls", "/docked", "/mounted", DOCKER_IP="192.0.2.1")

        assert done.out == "/docked\n"
        assert "/mounted" in done.err

    def test_a_published_port_answers(self, shop: RealProject) -> None:
        serve = ("--", "python", "-m", "http.server", "--directory", "/mounted", "8000")
        done = shop.run("-d", "-p", "127.0.0.1::8000", "app", *serve)
        container = done.out.strip()

        address = shop.engine.docker("port", container, "8000/tcp").splitlines()[0]
        page = wait_until("the server answers", lambda: fetched(f"http://{address}/"))

        assert "dockerutils.cfg" in page
        shop.engine.docker("rm", "--force", container)

    def test_build_makes_the_image_first(self, shop: RealProject) -> None:
        done = shop.run("--build", "never", "--", "echo", "now")

        assert (done.status, done.out) == (0, "now\n")
        shop.engine.docker("image", "rm", shop.reference("never"))


def fetched(address: str) -> str:
    with contextlib.suppress(OSError), urllib.request.urlopen(address) as answer:
        return str(answer.read().decode())
    return ""


class TestTheUserOfTheHost:
    """With root's rights to reach the files and the engine, but another number."""

    def run(self, shop: RealProject, *words: str) -> subprocess.CompletedProcess[str]:
        prefix = ("--reuid", str(ANOTHER_UID), "--regid", str(ANOTHER_UID), "--clear-groups")
        rights = ("--inh-caps", "+dac_override", "--ambient-caps", "+dac_override")
        other = ("setpriv", *prefix, *rights) if os.getuid() == 0 else ()
        return subprocess.run(
            [*other, sys.executable, "-m", "dockerutils", "run-image", *words],
            cwd=shop.root,
            env=shop.line.environ,
            capture_output=True,
            encoding="utf-8",
        )

    def test_files_made_in_a_mount_belong_to_the_caller(
        self, shop: RealProject, tmp_path: Path
    ) -> None:
        uid = os.getuid() or ANOTHER_UID
        tmp_path.chmod(0o777)

        done = self.run(
            shop, "--user", "host", "-v", f"{tmp_path}:/out", "app", "--", "touch", "/out/made"
        )

        assert done.returncode == 0, done.stderr
        assert uid == (tmp_path / "made").stat().st_uid

    def test_the_home_can_be_written_to(self, shop: RealProject) -> None:
        script = 'touch "$HOME/x" && id -u && echo "$HOME"'
        uid = os.getuid() or ANOTHER_UID

        done = self.run(shop, "--user", "host", "app", "--", "sh", "-c", script)

        assert (f"{uid}\n/tmp\n", 0) == (done.stdout, done.returncode), done.stderr


class TestOtherKindsOfImages:
    def test_a_synthetic_image_is_another_run_in_its_own_way(self, shop: RealProject) -> None:
        assert shop.run("talk").out == "synthetic, /work\n"

    def test_a_configured_one_needs_no_folder(self, shop: RealProject) -> None:
        done = shop.run("standin", "--", "python", "-c", "print(6 * 7)")

        assert (done.status, done.out) == (0, "42\n")

    def test_one_that_was_not_built_names_the_command_that_builds_it(
        self, shop: RealProject
    ) -> None:
        done = shop.run("never")

        assert done.status == 125
        assert f"{shop.reference('never')} has not been built." in done.err
        assert "`build-image never` builds it" in done.err.splitlines()[-1]
        assert "pull access denied" not in done.err
        assert "registry" not in done.err

    def test_without_an_engine_one_sentence_says_so(self, shop: RealProject) -> None:
        done = shop.run("app", DOCKER_HOST="unix:///nonexistent.sock")

        assert done.status == 125
        assert done.err.count("the Docker engine does not answer: ") == 1
        assert "Start the engine" in done.err.splitlines()[-1]


class TestAws:
    def test_its_variables_go_by_name_through_no_process_s_words(self, shop: RealProject) -> None:
        value = "tr3asure/of+aws"
        script = "printenv AWS_SECRET_ACCESS_KEY AWS_REGION; read line; exit 6"
        with shop.start(
            *("run-image", "--aws", "app", "--", "sh", "-c", script),
            AWS_SECRET_ACCESS_KEY=value,
            AWS_REGION="eu-north-1",
        ) as process:
            said = read_up_to(process.stdout, "eu-north-1")
            running = words_of_processes()
            _, talk = process.communicate("\n", timeout=LIMIT)

        assert f"{value}\neu-north-1\n" == said
        assert process.returncode == 6
        assert [words for words in running if words[:2] == ["docker", "run"] and script in words]
        assert not [words for words in running if any(value in word for word in words)]
        assert value not in talk

    def test_none_goes_without_being_asked(self, shop: RealProject) -> None:
        done = shop.run("app", "--", "printenv", "AWS_REGION", AWS_REGION="eu-north-1")

        assert (done.status, done.out) == (1, "")


class TestKeptContainers:
    @pytest.fixture
    def before(self, shop: RealProject) -> set[str]:
        return shop.engine.containers(shop.name)

    def made(self, shop: RealProject, before: set[str]) -> str:
        (container,) = shop.engine.containers(shop.name) - before
        return container

    def test_to_keep_is_to_detach_and_tells_the_id(
        self, shop: RealProject, before: set[str]
    ) -> None:
        done = shop.run("-k", "app", "--", "sh", "-c", "exit 5")

        container = self.made(shop, before)
        assert done.status == 0
        assert shop.engine.inspect(container)["Id"] == done.out.strip()
        assert shop.engine.docker("wait", container) == "5"

    def test_kept_in_front_it_stays_after_its_end(
        self, shop: RealProject, before: set[str]
    ) -> None:
        done = shop.run("-k", "--no-detach", "app", "--", "sh", "-c", "echo seen; exit 5")

        container = self.made(shop, before)
        assert (done.status, done.out) == (5, "seen\n")
        assert shop.engine.inspect(container)["State"]["Status"] == "exited"

    def test_detached_without_being_kept_it_is_gone_with_its_end(
        self, shop: RealProject, before: set[str]
    ) -> None:
        done = shop.run("-d", "app", "--", "sleep", "4321")

        container = self.made(shop, before)
        assert shop.engine.inspect(container)["Id"] == done.out.strip()
        shop.engine.docker("stop", container)
        wait_until("it is gone", lambda: not shop.engine.inspect(container))


@pytest.mark.usefixtures("others", "mine")
class TestContainersOfAProject:
    """Two of one image and one of another, and beside them others' containers."""

    @pytest.fixture(scope="class")
    @classmethod
    def others(cls, shop: RealProject, real_projects: RealProjects) -> Iterator[dict[str, str]]:
        """A second project of the same name, a second user, and one that docker alone started."""
        twin = real_projects.make(FILES, shop.name)
        words = ("run-image", "-k", "app", "--", "sleep", "4321")
        second = shop.known_as(f"{shop.mark}-second")
        plain = f"{shop.name}-{shop.mark}-plain"
        started = {
            "another project": RealProject(twin.root, shop.line, shop.mark)(*words).out.strip(),
            "another user": second(*words).out.strip(),
            "docker alone": shop.engine.docker(
                *("run", "--detach", "--pull", "never", "--name", plain),
                *(shop.reference("app"), "sleep", "4321"),
            ),
        }
        yield started
        shop.engine.docker("rm", "--force", *started.values())

    @pytest.fixture(scope="class")
    @classmethod
    def mine(cls, shop: RealProject) -> Iterator[dict[str, str]]:
        script = (
            "trap 'exit 0' TERM; trap 'echo more' USR1; for i in 1 2 3; do echo line $i; done;"
            " sleep 4321 & while :; do wait; done"
        )
        old, new, other = (
            shop.run("-k", image, "--", "sh", "-c", script).out.strip()
            for image in ("plain", "app", "talk")
        )
        newest = shop.run("-k", "app", "--", "sh", "-c", script).out.strip()
        made = {"plain": old, "old app": new, "talk": other, "app": newest}
        yield made
        shop.engine.docker("rm", "--force", *made.values())

    def ids(self, text: str) -> set[str]:
        return set(text.split())

    def test_ps_shows_this_project_s_and_user_s_and_no_other(
        self, shop: RealProject, mine: dict[str, str]
    ) -> None:
        done = shop("ps", "-q", "--no-trunc")

        assert self.ids(done.out) == set(mine.values())

    def test_ps_takes_docker_s_filters_and_formats(
        self, shop: RealProject, mine: dict[str, str]
    ) -> None:
        done = shop(
            *("ps", "--filter", f"id={mine['talk']}"),
            *("--format", '{{.State}} {{.Label "dockerutils.run.image"}}'),
        )

        assert done.out == "running talk\n"

    def test_another_user_sees_its_own(self, shop: RealProject, others: dict[str, str]) -> None:
        done = shop.known_as(f"{shop.mark}-second")("ps", "-q", "--no-trunc")

        assert done.out == f"{others['another user']}\n"

    def test_logs_are_those_of_the_newest_of_the_image(
        self, shop: RealProject, mine: dict[str, str]
    ) -> None:
        done = shop("logs", "--tail", "2", "app")

        assert done.out == "line 2\nline 3\n"
        name = shop.engine.inspect(mine["app"])["Name"].lstrip("/")
        assert done.err.splitlines()[-1] == f"docker logs --tail 2 {name}"

    def test_followed_logs_go_on_until_the_container_ends(
        self, shop: RealProject, mine: dict[str, str]
    ) -> None:
        with shop.start("logs", "-f", "--tail", "1", "talk") as process:
            assert read_up_to(process.stdout, "line 3") == "line 3\n"
            shop.engine.docker("kill", "--signal", "USR1", mine["talk"])
            assert read_up_to(process.stdout, "more") == "more\n"
            stopped = shop("stop", "talk")
            process.communicate(timeout=LIMIT)

        assert stopped.status == 0
        assert process.returncode == 0
        assert not shop.engine.inspect(mine["talk"])["State"]["Running"]
        assert shop("logs", "talk").out.startswith("line 1\n")

    def test_exec_runs_a_command_in_the_newest_and_passes_its_status(
        self, shop: RealProject, mine: dict[str, str]
    ) -> None:
        done = shop("exec", "app", "--", "sh", "-c", "hostname; cat; exit 4", stdin="piped\n")

        assert f"{mine['app'][:12]}\npiped\n" == done.out
        assert done.status == 4

    def test_exec_without_a_command_is_a_shell(self, shop: RealProject) -> None:
        done = shop("exec", "app", stdin='echo "$BASH_VERSION" | cut -c 1-2; pwd\n')

        assert done.out == "5.\n/work\n"

    def test_there_is_nothing_to_do_in_an_image_that_does_not_run(self, shop: RealProject) -> None:
        done = shop("exec", "standin", "--", "true")

        assert done.status != 0
        assert "no container of standin is running." in done.err
        assert "`run-image standin` starts one." in done.err

    def test_stop_ends_all_of_the_project_s_and_leaves_the_others(
        self, shop: RealProject, others: dict[str, str]
    ) -> None:
        done = shop("stop")

        assert done.status == 0
        assert shop("ps", "-q").out == ""
        running = [shop.engine.inspect(one)["State"]["Running"] for one in others.values()]
        assert running == [True, True, True]
        assert "# nothing of this project is running." in shop("stop").err


def test_two_runs_of_an_image_at_once_do_not_clash(shop: RealProject) -> None:
    with shop.start("run-image", "app", *WAIT) as one, shop.start("run-image", "app", *WAIT) as two:
        read_up_to(one.stdout, "ready")
        read_up_to(two.stdout, "ready")
        listed = shop("ps", "--format", "{{.Names}}").out.split()
        ends = [process.communicate("go on\n", timeout=LIMIT)[0] for process in (one, two)]

    assert len(listed) == 2
    assert all(re.fullmatch(rf"{shop.name}-app-{shop.mark}-[0-9a-f]+", name) for name in listed)
    assert ends == ["ended\n", "ended\n"]
    assert (one.returncode, two.returncode) == (0, 0)


def test_a_signal_to_the_command_ends_the_container(shop: RealProject) -> None:
    before = shop.engine.containers(shop.name)
    script = "trap 'exit 3' TERM; echo ready; while :; do sleep 0.1; done"
    with shop.start("run-image", "app", "--", "sh", "-c", script) as process:
        read_up_to(process.stdout, "ready")
        process.terminate()
        process.communicate(timeout=LIMIT)

    assert process.returncode == 3
    wait_until("it is gone", lambda: before == shop.engine.containers(shop.name))
