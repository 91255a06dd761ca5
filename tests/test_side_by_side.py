"""Real processes side by side: their output, their logs, and their end after Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import uuid
from pathlib import Path

import pytest
from inside import Inside
from processes import processes_with, started, wait_until
from projects import Projects
from terminals import Terminals, exit_status

# Answers no question; a build says `begun`, then does what the test says.
DOCKER = """#!/bin/sh
[ "$1" = build ] || exit 0
{script}
"""


@pytest.fixture
def mark() -> str:
    """A number of seconds that only this test's processes sleep."""
    return f"60.{uuid.uuid4().int % 10**12:012}"


class Bench:
    """A project with two images, and a docker of the test's own."""

    def __init__(self, projects: Projects, folder: Path, environ: dict[str, str]) -> None:
        self.root = projects.images("one", "two")
        self.folder = folder
        folder.mkdir()
        path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        self.environ = {**environ, "PATH": path, "BENCH": str(folder)}

    def docker(self, script: str) -> None:
        program = self.folder / "docker"
        program.write_text(DOCKER.format(script=script))
        program.chmod(0o755)

    def lines(self, file: str) -> int:
        path = self.folder / file
        return len(path.read_text().splitlines()) if path.exists() else 0

    def log(self, image: str) -> str:
        (path,) = Path(self.environ["HOME"]).rglob(f"logs/{image}.log")
        return path.read_text()


@pytest.fixture
def bench(projects: Projects, tmp_path: Path, environ: dict[str, str], guard: None) -> Bench:
    return Bench(projects, tmp_path / "bin", environ)


BEGUN = 'echo begun >>"$BENCH/begun"\n'


def both_begin(bench: Bench) -> None:
    wait_until("both builds began", lambda: bench.lines("begun") == 2)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_every_process_of_a_parallel_build(
    bench: Bench, mark: str, number: signal.Signals, status: int
) -> None:
    bench.docker(f"{BEGUN}sleep {mark}\necho never")
    with started(bench.root, bench.environ, "build-image", "all", "-j", "2") as process:
        both_begin(bench)
        wait_until("both sleep", lambda: len(processes_with(mark)) == 2)
        process.send_signal(number)
        _, said = process.communicate(timeout=50)

    assert [] == processes_with(mark)
    assert [] == processes_with(str(bench.folder))
    assert status == process.returncode
    assert "dockerutils: interrupted; what was running has ended.\n" == said.splitlines(True)[-1]
    assert "never" not in said
    assert "Traceback" not in said


def test_a_second_control_c_ends_what_does_not_mind_the_first(bench: Bench, mark: str) -> None:
    script = f"""
sleep {mark} &
trap 'echo asked >>"$BENCH/asked"' INT
{BEGUN}
for each in $(seq 1000); do sleep 0.05; done
"""
    bench.docker(script)
    with started(bench.root, bench.environ, "build-image", "all", "-j", "2") as process:
        both_begin(bench)
        process.send_signal(signal.SIGINT)
        wait_until("both were asked to end", lambda: bench.lines("asked") == 2)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=50)

    assert [] == processes_with(mark)
    assert [] == processes_with(str(bench.folder))
    assert 130 == process.returncode


def test_nothing_more_begins_after_control_c(
    projects: Projects, bench: Bench, mark: str, tmp_path: Path
) -> None:
    root = projects.images("a", "b", "c", "d", name="wide")
    bench.docker(f"{BEGUN}sleep {mark}")
    with started(root, bench.environ, "build-image", "all", "-j", "2") as process:
        both_begin(bench)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=50)

    assert 2 == bench.lines("begun")
    assert 130 == process.returncode


def test_control_c_on_a_terminal_takes_the_lines_away_and_ends_all(bench: Bench, mark: str) -> None:
    bench.docker(f"{BEGUN}echo '#5 [1/2] RUN sleep'\nsleep {mark}")
    terminals = Terminals(bench.environ)
    child = terminals.open(bench.root, "build-image", "all", "-j", "2")
    child.expect(r"# one +\d+\.\ds +\[1/2\] RUN sleep")
    both_begin(bench)
    child.sendintr()
    child.expect("dockerutils: interrupted; what was running has ended.")

    assert 130 == exit_status(child)
    assert [] == processes_with(mark)


def test_the_copy_of_pip_conf_is_gone_after_control_c(bench: Bench, mark: str) -> None:
    (bench.root / "docker/one/Dockerfile").write_text("FROM scratch\nCOPY pip.conf /\n")
    (bench.root / "pip.conf.template").write_text("[global]\n")
    bench.docker(f"{BEGUN}sleep {mark}")
    with started(bench.root, bench.environ, "build-image", "all", "-j", "2") as process:
        both_begin(bench)
        assert (bench.root / "pip.conf").exists()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=50)

    assert not (bench.root / "pip.conf").exists()


@pytest.fixture
def inside(bench: Bench, capfd: pytest.CaptureFixture[str]) -> Inside:
    return Inside(bench.environ, capfd)


def test_both_outputs_are_shown_with_their_image_and_kept_whole(
    bench: Bench, inside: Inside
) -> None:
    bench.docker("echo out of $3; echo err of $3 >&2")
    done = inside(bench.root, "build-image", "all", "-j", "2")

    assert (0, "") == (done.status, done.out)
    for image in ("one", "two"):
        assert f"# {image} | out of shop-{image}:alice\n" in done.err
        assert f"# {image} | err of shop-{image}:alice\n" in done.err
        expected = f"out of shop-{image}:alice\nerr of shop-{image}:alice\n"
        assert expected == bench.log(image)


def test_the_end_of_a_failed_build_is_shown_and_its_log_is_named(
    bench: Bench, inside: Inside
) -> None:
    script = 'case $3 in *one*) seq 100; echo "it broke"; exit 9;; esac'
    bench.docker(script)
    done = inside(bench.root, "build-image", "all", "-j", "2")

    assert 9 == done.status
    (log,) = re.findall(r"# one: the last lines of its build; all of them are in (.*)\n", done.err)
    assert [*map(str, range(1, 101)), "it broke"] == Path(log).read_text().splitlines()
    assert "#   100\n#   it broke\n" in done.err
    assert "#   81\n" not in done.err
    assert "1 of 2 images are missing: one (failed)." in done.err


def test_logs_that_cannot_be_written_are_no_failure(bench: Bench, inside: Inside) -> None:
    bench.docker("echo out")
    (bench.folder / "file").write_text("")
    done = inside(
        bench.root, "build-image", "all", "-j", "2", XDG_CACHE_HOME=f"{bench.folder}/file"
    )

    assert 0 == done.status
    assert "# one | out\n" in done.err


def test_a_build_that_reads_gets_what_it_is_fed_side_by_side(bench: Bench, inside: Inside) -> None:
    (bench.root / "docker/two/Dockerfile").write_text("FROM shop-one\n")
    (bench.root / "docker/six").mkdir()
    (bench.root / "docker/six/Dockerfile").write_text("FROM shop-one\n")
    program = bench.folder / "docker"
    program.write_text(
        '#!/bin/sh\n[ "$1" != version ] || echo 20.10.24\n'
        '[ "$1" = build ] || exit 0\n[ "$5" != - ] || sed "s/^/got /"\n'
    )
    program.chmod(0o755)
    done = inside(bench.root, "build-image", "all", "-j", "2")

    assert 0 == done.status, done.err
    assert "# two | got FROM shop-one:alice\n" in done.err
    assert "# six | got FROM shop-one:alice\n" in done.err


def test_builds_side_by_side_read_no_keys(bench: Bench) -> None:
    bench.docker("cat; echo end of $3")
    with started(bench.root, bench.environ, "build-image", "all", "-j", "2") as process:
        process.wait(timeout=50)  # our own standard input is still open
        _, said = process.communicate()

    assert "# one | end of shop-one:alice\n" in said
    assert 0 == process.returncode


def test_a_missing_docker_is_one_sentence_side_by_side(
    bench: Bench, inside: Inside, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    done = inside(bench.root, "build-image", "all", "-j", "2", PATH=str(tmp_path / "empty"))

    assert (1, 1) == (done.status, done.err.count("the program docker was not found"))
    assert "Traceback" not in done.err


def test_the_version_file_is_written_once_for_all(bench: Bench, inside: Inside) -> None:
    git = {"GIT_CONFIG_GLOBAL": "/dev/null", "HOME": bench.environ["HOME"]}
    author = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    (bench.root / "setup.cfg").write_text("[versioneer]\nVCS = git\nstyle = pep440\n")
    for words in (["init", "-q"], ["add", "."], [*author, "commit", "-qm1"], ["tag", "1.2"]):
        subprocess.run(["git", *words], cwd=bench.root, env={**os.environ, **git}, check=True)
    bench.docker('cp _version.py.bld "$BENCH/version-$$"')
    done = inside(bench.root, "build-image", "all", "-j", "2")

    assert 0 == done.status, done.err
    assert 1 == done.err.count("# _version.py.bld is of version 1.2")
    copies = [path.read_text() for path in bench.folder.glob("version-*")]
    assert 2 == len(copies)
    assert {(bench.root / "_version.py.bld").read_text()} == set(copies)
