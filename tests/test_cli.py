"""The commands as a user starts them: words, statuses, errors, and what docker really gets."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from inside import Call, Inside, RecordingDocker
from projects import CommandLine, Projects, Result
from terminals import Terminals, exit_status

CHAIN = {
    "docker/base/Dockerfile": "FROM scratch\n",
    "docker/app/Dockerfile": "FROM shop-base AS Builder\nFROM scratch\n",
}


@pytest.fixture
def inside(environ: dict[str, str], capfd: pytest.CaptureFixture[str]) -> Inside:
    return Inside(environ, capfd)


@pytest.fixture
def docker(tmp_path: Path, guard: None) -> RecordingDocker:
    """A docker that records how it was called and does nothing."""
    return RecordingDocker.make(tmp_path / "bin")


def one_sentence(result: Result) -> str:
    """Check that an error is one, without a traceback, and give it."""
    assert "Traceback" not in result.err
    assert "" == result.out
    return result.err


# A project with every hostile thing in it, and the commands that a user gives there.
HOSTILE = 'it\'s $HOME "q" `x`\nö'
HOSTILE_CONFIG = """
[DEFAULT]
greeting=100%% "fine"
[dev]
environment=-e TOKEN=$TOKEN -e 'GREETING=%(greeting)s' -e 'B=*?[a] $$5 `x`'
volumes=-v "{project_root}:/work dir"
cmd=sh -c 'echo "$$TOKEN" \\n !!'
build_args=--build-arg TOKEN=${TOKEN} --build-arg 'NAME=a b'
"""
LINES = [
    ("build-image", "dev"),
    ("build-image", "all", "--no-cache", "--build-arg", "X=it's"),
    ("build-image", "clean"),
    ("run-image", "dev"),
    ("run-image", "dev", "--", "", "a\nb", "$x", "--", "'\""),
    ("run-image", "-k", "dev", "-e", "TOKEN", "-v", "./a b:/c", "-a", "--label 'x=$y'"),
]


def hostile(projects: Projects) -> Path:
    files = {"docker/dev/Dockerfile": "FROM scratch AS builder\nFROM scratch\n"}
    root = projects.make({**files, "docker/dockerutils.cfg": HOSTILE_CONFIG}, HOSTILE)
    below = root / "src" / HOSTILE
    below.mkdir(parents=True)
    return below


def alike(calls: list[Call]) -> list[Call]:
    """Make the random names of containers alike, and leave out questions."""
    return [
        Call(
            [re.sub(r"^(shop|it-s)(.*)-[0-9a-f]{6}$", r"\1\2-X", word) for word in call.words],
            *rest,
        )
        for call in calls
        for rest in [(call.folder, call.token)]
        if not call.asks
    ]


@pytest.mark.parametrize("words", LINES, ids=" ".join)
def test_the_script_of_a_dry_run_does_what_the_run_does(
    projects: Projects, inside: Inside, docker: RecordingDocker, words: tuple[str, ...]
) -> None:
    here = hostile(projects)
    given = {"TOKEN": "h1dden", "PATH": docker.path}
    script = inside(here, words[0], "--dry-run", *words[1:], **given)
    assert 0 == script.status, script.err
    assert [] == docker.calls()
    assert "h1dden" not in script.out

    environ = {**inside.environ, **given}
    checked = subprocess.run(["sh", "-n"], input=script.out.encode(), capture_output=True)
    assert (0, b"") == (checked.returncode, checked.stderr)
    pasted = subprocess.run(["sh"], input=script.out.encode(), cwd="/", env=environ)
    assert 0 == pasted.returncode
    from_script = alike(docker.calls())

    assert 0 == inside(here, *words, **given).status
    really = alike(docker.calls())
    if words[1] != "clean":  # a run removes what is there, and the recorder has nothing
        assert from_script == [call.without_inputs for call in really]
    assert from_script
    assert not any("h1dden" in word for call in from_script + really for word in call.words)


@pytest.mark.parametrize("words", [line for line in LINES if line[1] != "clean"], ids=" ".join)
def test_printed_lines_can_be_pasted(
    projects: Projects, inside: Inside, docker: RecordingDocker, words: tuple[str, ...]
) -> None:
    here = hostile(projects)
    given = {"TOKEN": "h1dden", "PATH": docker.path}
    done = inside(here, *words, **given)
    really = docker.calls()
    assert 0 == done.status
    assert "h1dden" not in done.err

    environ = {**inside.environ, **given}
    subprocess.run(["sh"], input=done.err.encode(), cwd=here, env=environ, check=True)
    assert [call for call in really if not call.asks] == docker.calls()


def test_each_command_is_printed_once_and_before_it_runs(
    projects: Projects, inside: Inside, docker: RecordingDocker
) -> None:
    asks = '[ "$1" != image ] || exit 0\n'
    (docker.folder / "docker").write_text(f'#!/bin/sh\n{asks}echo "ran $1 $3" >&2\n')
    done = inside(projects.make(CHAIN), "build-image", "app", PATH=docker.path)

    heads = [" ".join(line.split()[:4]) for line in done.err.splitlines()]
    expected = [
        *("docker build --tag shop-base:alice", "ran build shop-base:alice"),
        *("docker build --tag shop-app:alice", "ran build shop-app:alice"),
        *("docker build --tag shop-app-builder:alice", "ran build shop-app-builder:alice"),
    ]
    assert [*expected, "# context: 2 files,"] == heads
    assert "" == done.out


def test_a_secret_reaches_docker_in_its_environment(
    projects: Projects, inside: Inside, docker: RecordingDocker
) -> None:
    root = projects.images("dev", config="[dev]\nenvironment=-e TOKEN=x$SECRET\n")
    done = inside(root, "run-image", "dev", PATH=docker.path, SECRET="h1dden")

    (call,) = docker.calls()
    assert "xh1dden" == call.token
    assert 'TOKEN="x$SECRET" docker run' in done.err
    assert "h1dden" not in done.err + " ".join(call.words)


def test_the_id_of_a_quiet_build_is_all_there_is(
    projects: Projects, inside: Inside, docker: RecordingDocker
) -> None:
    (docker.folder / "docker").write_text('#!/bin/sh\n[ "$1" != build ] || echo "id of $3"\n')
    done = inside(projects.make(CHAIN), "build-image", "-q", "app", PATH=docker.path)

    assert "id of shop-app:alice\n" == done.out


def test_json_is_all_there_is_on_standard_output(
    projects: Projects, inside: Inside, docker: RecordingDocker
) -> None:
    (docker.folder / "docker").write_text('#!/bin/sh\n[ "$1" != build ] || echo chatter\n')
    done = inside(projects.make(CHAIN), "build-image", "--json", "app", PATH=docker.path)

    assert ["base", "app"] == [row["image"] for row in json.loads(done.out)]
    assert "chatter" in done.err


def test_the_status_of_docker_is_ours(projects: Projects, inside: Inside, tmp_path: Path) -> None:
    docker = RecordingDocker.make(tmp_path / "bin", "42 build*shop-base:*\n43 run*")
    root = projects.make(CHAIN)
    built = inside(root, "build-image", "app", PATH=docker.path)

    assert 42 == built.status
    assert "docker says no\n" in built.err
    assert "build-image: 2 of 2 images are missing: base (failed), app (skipped)." in built.err
    assert 43 == inside(root, "run-image", "app", PATH=docker.path).status


def test_a_missing_docker_is_one_sentence(
    projects: Projects, inside: Inside, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    done = inside(projects.images("dev"), "run-image", "dev", PATH=str(tmp_path / "empty"))

    assert 1 == done.status
    printed, *error = one_sentence(done).splitlines()
    assert printed.startswith("docker run ")
    assert "run-image: the program docker was not found." == error[0]
    assert error[1].startswith("  Install Docker's command line")


@pytest.mark.parametrize("verb", ["build-image", "run-image", "ps", "logs", "stop", "exec"])
def test_without_a_project_every_verb_says_what_to_make(
    tmp_path: Path, inside: Inside, verb: str
) -> None:
    words = {"ps": [], "stop": []}.get(verb, ["dev"])
    done = inside(tmp_path, verb, *words)

    assert 2 == done.status
    speaker = verb if "-" in verb else "dockerutils"
    assert one_sentence(done).startswith(f"{speaker}: there is no docker/ folder in ")
    assert "  Make docker/dev/Dockerfile" in done.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("build-image",), "Missing argument 'IMAGE... | all | clean'"),
        (("run-image",), "Missing argument 'IMAGE'"),
        (("build-image", "dev", "--nope"), "No such option: --nope"),
        (("run-image", "dev", "ls", "-l"), "No such option: -l"),
        (("nope",), "No such command 'nope'"),
    ],
)
def test_a_wrong_command_line_is_a_usage_error(
    projects: Projects, inside: Inside, words: tuple[str, ...], sentence: str
) -> None:
    done = inside(projects.images("dev"), *words)

    assert 2 == done.status
    assert sentence in one_sentence(done)
    assert "Usage: " in done.err


def test_an_option_without_its_value_is_a_usage_error(projects: Projects, inside: Inside) -> None:
    done = inside(projects.images("dev"), "build-image", "dev", "-t")

    assert (2, "Error: Option '-t' requires an argument.\n") == (done.status, one_sentence(done))


@pytest.mark.parametrize("verb", ["build-image", "run-image", "ps", "logs", "stop", "exec", "show"])
def test_every_verb_has_help(tmp_path: Path, inside: Inside, verb: str) -> None:
    done = inside(tmp_path, verb, "--help")

    assert (0, "") == (done.status, done.err)
    name = verb if "-" in verb else f"dockerutils {verb}"
    assert f"Usage: {name} " in done.out


def test_the_one_command_has_all_verbs(projects: Projects, inside: Inside) -> None:
    root = projects.images("dev")
    own = inside(root, "build-image", "dev", "--dry-run")
    done = inside(root, "build_image", "dev", "--dry_run")

    assert (own.status, own.out) == (done.status, done.out)


def test_the_version_is_data(tmp_path: Path, inside: Inside) -> None:
    done = inside(tmp_path, "--version")

    assert (0, "") == (done.status, done.err)
    assert re.fullmatch(r"dockerutils \d+\.\d+\.\S+\n", done.out)


def test_options_may_stand_anywhere_before_the_dashes(projects: Projects, inside: Inside) -> None:
    root = projects.images("dev")
    before = inside(root, "run-image", "-d", "-n", "x", "dev", "--dry-run", "--", "ls").out
    after = inside(root, "run-image", "dev", "--dry-run", "-n", "x", "-d", "--", "ls").out

    random = re.compile(r"-[0-9a-f]{6} ")
    assert random.sub(" ", before) == random.sub(" ", after)
    assert before.endswith(" --network x shop-dev:alice ls\n")


def test_the_containers_of_a_project_are_shown_without_asking(
    projects: Projects, inside: Inside
) -> None:
    done = inside(projects.images("dev"), "ps", "--dry-run", "-a", "--format", "json", "-q")

    (line,) = done.commands
    assert re.fullmatch(
        r"docker ps --filter label=dockerutils\.run=[0-9a-f]{12}/alice --all --format json --quiet",
        line,
    )


def test_exec_takes_a_command_after_the_dashes(
    projects: Projects, inside: Inside, docker: RecordingDocker
) -> None:
    (docker.folder / "docker").write_text(
        '#!/bin/sh\n[ "$1" = ps ] && echo one && exit\necho "$@"\nexit 8\n'
    )
    done = inside(projects.images("dev"), "exec", "dev", "--", "ls", "-l", PATH=docker.path)

    assert (8, "exec -i one ls -l\n") == (done.status, done.out)


def test_an_error_speaks_with_the_name_of_the_command(
    tmp_path: Path, command_line: CommandLine
) -> None:
    assert command_line(tmp_path, "build-image", "dev").err.startswith("dockerutils: ")


def test_a_folder_that_is_gone_is_no_traceback(tmp_path: Path, environ: dict[str, str]) -> None:
    command = Path(sys.executable).with_name("dockerutils")
    script = f"mkdir gone; cd gone; rmdir ../gone; exec {command} ps"
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True
    )

    assert "Traceback" not in done.stderr
    assert done.returncode in (1, 2)
    assert done.stderr.startswith("dockerutils: ")


@pytest.mark.parametrize("words", ["build-image all --dry-run", "run-image i0 --help"])
def test_a_broken_pipe_is_silent(projects: Projects, environ: dict[str, str], words: str) -> None:
    root = projects.images(*(f"i{number}" for number in range(30)))
    script = f"({sys.executable} -m dockerutils {words}; echo $? >status) | true"
    done = subprocess.run(["sh", "-c", script], cwd=root, env=environ, capture_output=True)

    assert b"" == done.stderr
    assert (root / "status").read_text().strip() in ("0", "1", "141")


def test_a_broken_pipe_stops_quietly_at_once(projects: Projects, environ: dict[str, str]) -> None:
    root = projects.images("dev")
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer) as stdout:
        done = subprocess.run(
            [sys.executable, "-m", "dockerutils", "build-image", "dev", "--dry-run"],
            cwd=root,
            env=environ,
            stdout=stdout,
            stderr=subprocess.PIPE,
        )

    assert b"" == done.stderr
    assert done.returncode in (1, 141)


def test_a_full_disk_for_the_output_is_one_sentence(
    projects: Projects, environ: dict[str, str]
) -> None:
    with Path("/dev/full").open("w") as stdout:
        done = subprocess.run(
            [sys.executable, "-m", "dockerutils", "build-image", "dev", "--dry-run"],
            cwd=projects.images("dev"),
            env=environ,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        )

    assert (1, "dockerutils: output: No space left on device.\n") == (done.returncode, done.stderr)


def test_a_terminal_without_unicode_is_no_traceback(
    projects: Projects, command_line: CommandLine
) -> None:
    files = {"docker/a/Dockerfile": "FROM shop-b\n", "docker/b/Dockerfile": "FROM shop-a\n"}
    given = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    done = command_line(projects.make(files), "build-image", "a", **given)

    assert 2 == done.status
    assert r"these images stand on each other: a \u2192 b \u2192 a." in one_sentence(done)


WAITING = """#!/bin/sh
[ "$1" != image ] || exit 0
trap 'echo interrupted; exit 1' INT
echo waiting
while :; do sleep 0.05; done
"""


@pytest.fixture
def keyboard(environ: dict[str, str], docker: RecordingDocker) -> Terminals:
    """Terminals on which docker waits for Ctrl-C."""
    (docker.folder / "docker").write_text(WAITING)
    return Terminals({**environ, "PATH": docker.path})


def test_control_c_ends_a_build_when_docker_has_ended(
    projects: Projects, keyboard: Terminals
) -> None:
    child = keyboard.open(projects.images("one", "two"), "build-image", "all", "-j", "1")
    child.expect("waiting")
    child.sendintr()
    child.expect("interrupted\r\n")
    rest = child.expect(["dockerutils: interrupted while docker was running.", "waiting"])

    assert 0 == rest
    assert 130 == exit_status(child)
    assert "Traceback" not in str(child.before)


def test_control_c_leaves_the_status_to_the_container(
    projects: Projects, keyboard: Terminals
) -> None:
    child = keyboard.open(projects.images("dev"), "run-image", "dev")
    child.expect("docker run --rm -it ")
    child.expect("waiting")
    child.sendintr()
    child.expect("interrupted\r\n")

    assert 1 == exit_status(child)
    assert "" == str(child.before).strip()
