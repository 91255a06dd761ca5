"""Images that are built side by side: order, failures, what is seen of it, and interrupts."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from engines import RealProject, RealProjects
from processes import LIMIT, processes_with, read_up_to, wait_until
from projects import Result
from screens import shown
from terminals import Terminals, exit_status

pytestmark = pytest.mark.real

# Two steps meet by files in a cache mount that they share. The last word is for whoever waited.
MEETING = """\
FROM {base}
RUN --mount=type=cache,id=dockerutils-tests,target=/meet cd /meet; \\
    touch <project>-{own}; other=<project>-{other}; i=0; \\
    while [ ! -e $other ] && [ $i -lt {tenths} ]; do sleep 0.1; i=$((i+1)); done; \\
    if [ -e $other ]; then end=met; else rm <project>-{own}; end=alone; fi; \\
    echo {own}:$end; sleep {then}
"""
PYTHON = "python:3.11-slim"


def pair(base: str = PYTHON, tenths: int = 200, then: float = 0) -> dict[str, str]:
    """Two images whose steps wait for each other, and then for so many seconds."""
    return {
        f"docker/{own}/Dockerfile": MEETING.format(
            own=own, other=other, base=base, tenths=tenths, then=then
        )
        for own, other in (("left", "right"), ("right", "left"))
    }


def with_own_cache(project: RealProject) -> RealProject:
    """Have it keep its logs beside the project's folder."""
    return project.having(XDG_CACHE_HOME=str(project.root.parent / "cache"))


def logs(project: RealProject) -> dict[str, Path]:
    """The logs that the project's builds left, by image."""
    found = (project.root.parent / "cache").glob("dockerutils/*/logs/*.log")
    return {path.stem: path for path in found}


class TestWhatDoesNotStandOnEachOther:
    def test_is_built_at_the_same_time(self, real_projects: RealProjects) -> None:
        project = real_projects.make(pair())

        done = project.build("all", "-j", "2")

        assert "left:met" in done.err
        assert "right:met" in done.err

    def test_is_built_in_turn_with_one_job(self, real_projects: RealProjects) -> None:
        project = real_projects.make(pair(tenths=10))

        done = project.build("all", "--jobs", "1")

        assert "left:alone" in done.err
        assert "right:alone" in done.err
        assert ":met" not in done.err

    def test_is_built_in_turn_where_every_line_is_wanted(self, real_projects: RealProjects) -> None:
        project = real_projects.make(pair(tenths=10))

        done = project.build("all", "-v", "-j", "2")

        assert ":met" not in done.err

    def test_has_its_hooks_run_at_the_same_time(self, real_projects: RealProjects) -> None:
        wait = "i=0; until [ -e {other} ]; do sleep 0.1; i=$((i+1)); [ $i -lt 300 ] || exit 7; done"
        hooks = {
            own: f"touch {own}; {wait.format(other=other)}; echo {own} hooked"
            for own, other in (("left", "right"), ("right", "left"))
        }
        config = "".join(f"[{own}]\npre_build_script={hook}\n" for own, hook in hooks.items())
        scratch = "FROM scratch\nCOPY docker /\n"
        files = {f"docker/{own}/Dockerfile": scratch for own in hooks}
        project = real_projects.make({**files, "docker/dockerutils.cfg": config})

        done = project.build("all", "-j", "2")

        assert "# left  | left hooked\n" in done.err
        assert "# right | right hooked\n" in done.err


@pytest.mark.usefixtures("built")
class TestTwoImagesUponOne:
    """The base is drawn by lot: what stands on it shows which base it was built upon."""

    @pytest.fixture(scope="class")
    @classmethod
    def project(cls, real_projects: RealProjects) -> RealProject:
        lot = f"FROM {PYTHON}\nRUN head -c 8 /proc/sys/kernel/random/uuid >/lot # <project>\n"
        taker = "FROM {base}\nCOPY --from=<project>-left /lot /taken\nRUN cmp /lot /taken\n"
        made = real_projects.make(
            {
                "docker/zero/Dockerfile": lot,
                **pair("<project>-zero"),
                "docker/all-of-it/Dockerfile": taker.format(base="<project>-right"),
            }
        )
        return with_own_cache(made)

    @pytest.fixture(scope="class")
    @classmethod
    def built(cls, project: RealProject) -> Result:
        return project.build("all", "-j", "4")

    def test_the_base_is_built_first_and_what_needs_both_last(
        self, project: RealProject, built: Result
    ) -> None:
        begun = re.findall(r"^docker build --tag (\S+)", built.err, re.MULTILINE)

        expected = [project.reference(one) for one in ("zero", "left", "right", "all-of-it")]
        assert expected[0] == begun[0]
        assert set(expected[1:3]) == set(begun[1:3])
        assert expected[3:] == begun[3:]

    def test_the_ones_in_between_are_built_at_the_same_time(self, built: Result) -> None:
        assert "left:met" in built.err
        assert "right:met" in built.err

    def test_all_stand_on_the_new_base(self, project: RealProject) -> None:
        below = project.engine.layers(project.reference("zero"))

        for name in ("left", "right", "all-of-it"):
            assert below == project.engine.layers(project.reference(name))[: len(below)]

    def test_without_a_terminal_each_line_says_whose_it_is_and_nothing_moves(
        self, built: Result
    ) -> None:
        lines = [line for line in built.err.splitlines() if not line.startswith("docker build ")]

        assert "# left      | #" in built.err
        assert not [line for line in lines if line and not line.startswith("# ")]
        assert "\x1b" not in built.err

    def test_the_whole_output_is_kept_beside_the_others(self, project: RealProject) -> None:
        kept = logs(project)

        assert {"zero", "left", "right", "all-of-it"} == kept.keys()
        assert "left:met" in kept["left"].read_text()
        assert "right:met" not in kept["left"].read_text()


@pytest.mark.usefixtures("failed")
class TestAFailureAmongThem:
    @pytest.fixture(scope="class")
    @classmethod
    def project(cls, real_projects: RealProjects) -> RealProject:
        broken = f"FROM {PYTHON}\nRUN echo <project>; for n in $(seq 60); do echo said-$n; done;"
        made = real_projects.make(
            {
                "docker/broken/Dockerfile": f"{broken} exit 3\n",
                "docker/fine/Dockerfile": "FROM scratch\nCOPY docker /\n",
                "docker/upon/Dockerfile": "FROM <project>-broken\n",
                "docker/upon-fine/Dockerfile": "FROM <project>-fine\nCOPY docker /twice\n",
            }
        )
        return with_own_cache(made)

    @pytest.fixture(scope="class")
    @classmethod
    def failed(cls, project: RealProject) -> Result:
        return project("build-image", "all", "-j", "3")

    def test_the_status_is_docker_s(self, failed: Result) -> None:
        assert failed.status == 1

    def test_its_last_lines_stand_together_below_the_name_of_its_log(
        self, project: RealProject, failed: Result
    ) -> None:
        told = re.search(
            r"^# broken: the last lines of its build; all of them are in (.*)\n((?:#   .*\n)+)",
            failed.err,
            re.MULTILINE,
        )

        assert told
        assert str(logs(project)["broken"]) == told[1]
        assert "said-60\n" in told[2]
        assert "said-1\n" not in told[2]

    def test_its_log_holds_all_of_it(self, project: RealProject) -> None:
        text = logs(project)["broken"].read_text()

        assert [f"said-{n}" for n in range(1, 61)] == re.findall(r"#\d+ [\d.]+ (said-\d+)\n", text)
        assert "exit code: 3" in text

    def test_the_others_are_built_and_what_stands_on_it_is_not(self, project: RealProject) -> None:
        there = [one for one in ("broken", "fine", "upon", "upon-fine") if project.has(one)]

        assert ["fine", "upon-fine"] == there

    def test_the_end_says_what_is_missing(self, failed: Result) -> None:
        *_, last = failed.err.splitlines()

        assert "2 of 4 images are missing: broken (failed), upon (skipped)." in last
        assert failed.err.count("broken was not built: docker build ended with status 1.") == 1
        assert "Traceback" not in failed.err


ROW = r"# {name} +\d+\.\ds +(?:\d+ cached +)?\[(?:stage-0 )?\d/2\] RUN [^\r\n]*"
# A cleared screen with two lines, whichever build was the first to begin.
BOTH_ROWS = "|".join(
    r"\x1b\[2A\x1b\[J" + "".join(ROW.replace("{name}", name) + r"\r\n" for name in names)
    for names in (("left", "right"), ("right", "left"))
)


class TestOnATerminal:
    def test_each_build_has_one_line_and_the_screen_is_clean_at_the_end(
        self, real_projects: RealProjects, terminals: Terminals
    ) -> None:
        project = real_projects.make(pair(then=1))

        child = terminals.open(project.root, "build-image", "all", "-j", "2", size=(24, 100))
        assert exit_status(child) == 0
        written = str(child.before)

        assert re.search(BOTH_ROWS, written)
        *lines, rest = shown(written, 100)
        assert rest == ""
        assert "left:met" not in "\n".join(lines)
        words = [" ".join(line.split()[:3]) for line in lines if line.startswith("#")]
        assert {"# left built", "# right built"} == {one for one in words if "context" not in one}

    def test_a_failing_one_shows_its_last_lines_and_the_screen_is_clean(
        self, real_projects: RealProjects, terminals: Terminals
    ) -> None:
        broken = f"FROM {PYTHON}\nRUN echo <project>; echo oh no; exit 3\n"
        files = {**pair(), "docker/broken/Dockerfile": broken}
        project = real_projects.make(files)

        child = terminals.open(project.root, "build-image", "all", "-j", "3", size=(24, 200))
        assert exit_status(child) == 1

        lines = shown(str(child.before), 200)
        assert "#   oh no" in lines
        assert not [line for line in lines if re.match(ROW.format(name=r"\S+"), line)]
        assert len([line for line in lines if "the last lines of its build" in line]) == 1

    def test_a_warning_meanwhile_stays_on_the_screen_and_no_line_of_a_build_does(
        self, real_projects: RealProjects, terminals: Terminals
    ) -> None:
        """The third begins while two are drawn."""
        late = "FROM <project>-below\nRUN --mount=type=secret,id=netrc true # <project>\n"
        below = f"FROM {PYTHON}\nRUN true # <project>\n"
        project = real_projects.make(
            {**pair(then=2), "docker/below/Dockerfile": below, "docker/late/Dockerfile": late}
        )

        child = terminals.open(project.root, "build-image", "all", "-j", "4", size=(24, 200))
        assert exit_status(child) == 0

        lines = shown(str(child.before), 200)
        assert len([line for line in lines if "mounts the secret netrc" in line]) == 1
        assert not [line for line in lines if re.match(r"# \S+ +\d+\.\ds", line)]

    def test_no_more_is_drawn_than_the_terminal_has_lines(
        self, real_projects: RealProjects, terminals: Terminals
    ) -> None:
        """The cursor goes no further up than the top, and what scrolled away would stay."""
        slow = f"FROM {PYTHON}\nRUN sleep 1 # <project> {{}}\n"
        project = real_projects.make(
            {f"docker/image{n}/Dockerfile": slow.format(n) for n in range(6)}
        )

        child = terminals.open(project.root, "build-image", "all", "-j", "6", size=(5, 100))
        assert exit_status(child) == 0

        moves = [int(lines) for lines in re.findall(r"\x1b\[(\d+)A", str(child.before))]
        assert 1 <= max(moves) <= 4


class TestAnInterrupt:
    """The words tell the steps' processes, which run in containers of the engine, from others."""

    WAITING = (
        f"FROM {PYTHON}\nARG WAIT\n"
        'RUN if [ "$WAIT" ]; then echo now-$WAIT-waits; sleep 4321; fi; echo <project>\n'
    )

    @pytest.fixture
    def project(self, real_projects: RealProjects) -> RealProject:
        """Built once; with WAIT its builds do not end."""
        files = {
            **{f"docker/{name}/Dockerfile": self.WAITING for name in ("left", "right")},
            "docker/upon/Dockerfile": "FROM <project>-left\n",
        }
        project = real_projects.make(files)
        project.build("all", "-j", "2")
        return project

    def ids(self, project: RealProject) -> dict[str, str]:
        return {
            name: project.engine.image_id(project.reference(name))
            for name in ("left", "right", "upon")
        }

    @pytest.mark.parametrize(
        ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
    )
    def test_a_signal_ends_all_of_them_and_no_tag_moves(
        self, project: RealProject, number: signal.Signals, status: int
    ) -> None:
        before = self.ids(project)
        words = ("build-image", "all", "-j", "2", "--build-arg", "WAIT=it")
        with project.start(*words) as process:
            for _ in range(2):
                read_up_to(process.stderr, "now-it-waits\n")
            process.send_signal(number)
            _, said = process.communicate(timeout=LIMIT)

        assert status == process.returncode
        assert "interrupted" in said
        assert "Traceback" not in said
        assert "docker build" not in said
        self.nothing_is_left(project)
        assert before == self.ids(project)

    def test_ctrl_c_on_a_terminal_does_the_same_and_leaves_the_screen_clean(
        self, project: RealProject, terminals: Terminals
    ) -> None:
        before = self.ids(project)
        child = terminals.open(
            project.root,
            *("build-image", "all", "-j", "2", "--build-arg", "WAIT=it"),
            size=(24, 100),
        )
        child.expect(BOTH_ROWS)
        written = f"{child.before}{child.after}"
        child.sendintr()
        status = exit_status(child)

        assert status == 130
        lines = shown(written + str(child.before), 100)
        assert not [line for line in lines if re.match(r"# (left|right) +\d", line)]
        self.nothing_is_left(project)
        assert before == self.ids(project)

    def test_a_hook_and_what_it_started_end_as_well(self, real_projects: RealProjects) -> None:
        hook = "tail -f ../<project>/docker/dockerutils.cfg | cat >caught; exit 7"
        scratch = "FROM scratch\nCOPY docker /\n"
        project = real_projects.make(
            {
                "docker/left/Dockerfile": scratch,
                "docker/right/Dockerfile": scratch,
                "docker/dockerutils.cfg": f"[left]\npre_build_script={hook}\n"
                f"[right]\npre_build_script={hook}\n",
            }
        )
        with project.start("build-image", "all", "-j", "2") as process:
            wait_until("both hooks run", lambda: len(tails(project)) == 2)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=LIMIT)

        assert process.returncode == 143
        assert tails(project) == []
        assert not project.has("left")

    def nothing_is_left(self, project: RealProject) -> None:
        wait_until("the steps ended", lambda: not processes_with(project.name))


def tails(project: RealProject) -> list[list[str]]:
    """The processes `tail` that a hook started."""
    return [words for words in processes_with(project.name) if words[0] == "tail"]
