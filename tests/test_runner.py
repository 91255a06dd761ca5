"""Starting processes: real ones, such as sh, and none of docker's."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockerutils.command import Command, Secret, Stdin, printed_line
from dockerutils.dry_runner import DryRunner
from dockerutils.errors import CommandFailed, ContentChanged, EngineError, Interrupted
from dockerutils.runner import Answer, ShellRunner
from dockerutils.signals import Signals
from dockerutils.terminal import Terminal


def shell(script: str, **more: str | Secret) -> Command:
    return Command(("sh", "-c", script), more)


@pytest.fixture
def runner(tmp_path: Path) -> ShellRunner:
    return ShellRunner(Terminal(sys.stdout, sys.stderr), dict(os.environ), tmp_path)


def test_a_command_is_printed_once_and_before_it_runs(capfd: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(sys.stdout, sys.stderr)  # the streams as they are captured here
    ShellRunner(terminal, os.environ, Path.cwd()).run(shell("echo out; echo err >&2"))

    assert ("out\n", "sh -c 'echo out; echo err >&2'\nerr\n") == capfd.readouterr()


def test_what_is_talk_goes_to_standard_error(
    runner: ShellRunner, capfd: pytest.CaptureFixture[str]
) -> None:
    runner = ShellRunner(Terminal(sys.stdout, sys.stderr, quiet=True), os.environ, runner.here)
    runner.run(Command(("echo", "an-id"), talks=True))

    assert ("", "an-id\n") == capfd.readouterr()


def test_a_failure_has_the_status_of_the_command(runner: ShellRunner) -> None:
    with pytest.raises(CommandFailed, match="sh ended with status 42") as caught:
        runner.run(shell("exit 42"))

    assert 42 == caught.value.status


@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 3", 3), ("kill $$", 143)])
def test_a_command_that_was_handed_the_terminal_may_end_as_it_likes(
    runner: ShellRunner, script: str, status: int
) -> None:
    assert status == runner.hand_over(shell(script))


def test_a_command_gets_our_environment_and_its_own_variables(runner: ShellRunner) -> None:
    given = ShellRunner(runner.terminal, {"PATH": os.environ["PATH"], "A": "1"}, runner.here)
    command = shell('echo "$A $B $C"', B="two", C=Secret("h1dden", "$X"))

    assert Answer(0, "1 two h1dden\n", "") == given.read(command)


def test_a_command_runs_in_its_folder(runner: ShellRunner, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()

    answer = runner.read(Command(("pwd",), folder=tmp_path / "sub"))
    assert f"{tmp_path / 'sub'}\n" == answer.output


def test_a_command_reads_our_standard_input(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from dockerutils.runner import ShellRunner; from dockerutils.command import Command\n"
        "from dockerutils.terminal import Terminal\n"
        "runner = ShellRunner(Terminal(sys.stdout, sys.stderr), os.environ, Path('/'))\n"
        "runner.run(Command(('cat',)))"
    )
    done = subprocess.run([sys.executable, "-c", code], input=b"a\0b", capture_output=True)
    assert b"a\0b" == done.stdout


def test_a_question_is_not_printed_and_reads_nothing(
    runner: ShellRunner, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = runner.read(shell("cat; echo asked; echo oops >&2; exit 5"))

    assert Answer(5, "asked\n", "oops\n") == answer
    assert ("", "") == capfd.readouterr()


def test_a_question_is_a_comment_when_we_are_verbose(tmp_path: Path) -> None:
    terminal = Terminal(io.StringIO(), io.StringIO())
    ShellRunner(terminal, os.environ, tmp_path, verbose=True).read(shell("true\ntrue"))

    assert isinstance(terminal.err, io.StringIO)
    assert "# asked: sh -c 'true\n# true'\n" == terminal.err.getvalue()


def test_an_answer_that_is_no_utf_8_is_readable(runner: ShellRunner) -> None:
    assert "a\ufffdb" == runner.read(shell(r"printf 'a\377b'")).output


def test_a_missing_docker_says_what_to_install(runner: ShellRunner, tmp_path: Path) -> None:
    lonely = ShellRunner(runner.terminal, {"PATH": str(tmp_path)}, tmp_path)
    with pytest.raises(EngineError, match="the program docker was not found") as caught:
        lonely.run(Command(("docker", "ps")))

    assert 1 == caught.value.status
    assert "Install Docker's command line" in caught.value.hint


def test_another_missing_program_is_named(runner: ShellRunner) -> None:
    with pytest.raises(EngineError, match="the program no-such was not found") as caught:
        runner.read(Command(("no-such",)))

    assert "Install no-such, or put it on the PATH." == caught.value.hint


def test_a_program_that_cannot_be_run_is_named(runner: ShellRunner, tmp_path: Path) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\n")
    with pytest.raises(CommandFailed, match=r"docker cannot be started: Permission denied\."):
        runner.run(Command((str(tmp_path / "docker"),)))


def test_a_folder_that_is_gone_is_named(runner: ShellRunner, tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"the folder .*gone is gone"):
        runner.run(Command(("true",), folder=tmp_path / "gone"))


def test_a_word_that_no_process_can_have_is_an_error(runner: ShellRunner) -> None:
    with pytest.raises(CommandFailed, match=r"cannot be started: embedded null byte\."):
        runner.run(Command(("echo", "a\0b")))


def test_words_that_are_too_long_are_an_error(runner: ShellRunner) -> None:
    with pytest.raises(CommandFailed, match=r"cannot be started: Argument list too long\."):
        runner.run(Command(("true", "x" * 3_000_000)))


# Waits until its parent catches the last of the signals, sends one, and ends at the same one.
SENDER = """
import os, re, signal, sys, time
number = int(sys.argv[1])
signal.signal(number, lambda *_: sys.exit(int(sys.argv[2])))
def caught():
    with open(f"/proc/{os.getppid()}/status") as status:
        return int(re.search(r"SigCgt:\\s*(\\w+)", status.read())[1], 16)
while not caught() >> (signal.SIGHUP - 1) & 1:
    time.sleep(0.01)
os.kill(os.getppid(), number)
time.sleep(60)
"""
PARENT = """
import os, sys
from collections.abc import Iterator
from pathlib import Path
from dockerutils.command import Command
from dockerutils.errors import DockerutilsError
from dockerutils.runner import ShellRunner
from dockerutils.terminal import Terminal
runner = ShellRunner(Terminal(sys.stdout, sys.stderr), os.environ, Path("/"))
command = Command((sys.executable, "-c", *sys.argv[2:]))
try:
    print("status", getattr(runner, sys.argv[1])(command))
except DockerutilsError as error:
    print(error.status, error)
"""


def signalled(how: str, number: int, child_status: int) -> str:
    """Give what our process says when a signal reached only it, away from any terminal."""
    words = [sys.executable, "-c", PARENT, how, SENDER, str(int(number)), str(child_status)]
    return subprocess.run(
        words, capture_output=True, text=True, start_new_session=True, timeout=50
    ).stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
@pytest.mark.parametrize("child_status", [0, 1])
def test_a_signal_is_passed_on_and_ends_the_work_when_the_command_has_ended(
    number: int, status: int, child_status: int
) -> None:
    expected = f"{status} interrupted while {sys.executable} was running."
    assert expected == signalled("run", number, child_status)


def test_a_signal_leaves_the_status_to_a_command_that_has_the_terminal() -> None:
    assert "status 7" == signalled("hand_over", signal.SIGINT, 7)


def test_a_signal_that_came_while_the_command_started_reaches_it() -> None:
    signals = Signals()
    signals.take(signal.SIGTERM, None)
    with subprocess.Popen(["sleep", "60"], text=True) as process:
        signals.attach(process)

    assert -signal.SIGTERM == process.returncode


def test_the_handlers_of_signals_are_put_back(runner: ShellRunner) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    runner.run(shell("true"))

    assert before == [signal.getsignal(number) for number in numbers]


def test_a_command_reads_what_it_is_fed(runner: ShellRunner, tmp_path: Path) -> None:
    text = "ö\r\n" * 50_000
    runner.run(Command(("sh", "-c", "cat >fed"), folder=tmp_path, stdin=Stdin(text, "x")))

    assert text == (tmp_path / "fed").read_bytes().decode()


def test_a_command_may_end_before_it_has_read_all(runner: ShellRunner) -> None:
    runner.run(Command(("true",), stdin=Stdin("x" * 1_000_000, "x")))


def test_commands_side_by_side_give_their_lines_and_their_status(runner: ShellRunner) -> None:
    lines: list[str] = []
    with runner.side_by_side() as crew:
        crew.follow(shell("echo out; echo err >&2; printf rest"), lines.append)
        with pytest.raises(CommandFailed, match="sh ended with status 5") as caught:
            crew.follow(shell("exit 5"), lines.append)

    assert ["out\n", "err\n", "rest"] == lines
    assert 5 == caught.value.status


def test_commands_side_by_side_are_fed(runner: ShellRunner) -> None:
    lines: list[str] = []
    with runner.side_by_side() as crew:
        crew.follow(Command(("cat",), stdin=Stdin("a\nb\n", "x")), lines.append)

    assert ["a\n", "b\n"] == lines


def test_a_line_that_cannot_be_taken_ends_the_command(runner: ShellRunner) -> None:
    def refuse(_line: str) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError), runner.side_by_side() as crew:
        crew.follow(shell("yes"), refuse)


def test_a_signal_that_nothing_ran_for_still_interrupts(runner: ShellRunner) -> None:
    never = runner.here / "never"

    def interrupted() -> None:
        with runner.side_by_side() as crew:
            os.kill(os.getpid(), signal.SIGTERM)
            crew.follow(Command(("touch", str(never))), lambda _line: None)

    with pytest.raises(Interrupted) as caught:
        interrupted()

    assert (143, False) == (caught.value.status, never.exists())


def test_a_dry_run_feeds_nobody(tmp_path: Path) -> None:
    runner, _ = dry(tmp_path)

    with pytest.raises(EngineError, match="a dry run"):
        runner.side_by_side()


def test_a_process_apart_talks_to_its_log_only(
    runner: ShellRunner, capfd: pytest.CaptureFixture[str]
) -> None:
    log = runner.here / "log"
    log.write_text("before\n")
    status = runner.start_apart(shell("cat; echo out; echo err >&2; exit 4"), log)
    while status() is None:
        pass

    assert (4, "before\nout\nerr\n") == (status(), log.read_text())
    assert ("", "") == capfd.readouterr()


def test_a_process_apart_is_in_a_session_of_its_own(runner: ShellRunner) -> None:
    log = runner.here / "log"
    code = "import os; print(os.getsid(0) == os.getpid(), os.getcwd())"
    status = runner.start_apart(Command((sys.executable, "-c", code), folder=Path("/")), log)
    while status() is None:
        pass

    assert "True /\n" == log.read_text()


# Pipes --------------------------------------------------------------------------------------


def test_a_process_is_fed_and_answers(runner: ShellRunner) -> None:
    with runner.side_by_side() as crew:
        answer = crew.write(shell("cat; echo done >&2; exit 3"), [b"a\xff", b"b\n"])

    assert Answer(3, "a\ufffdb\n", "done\n") == answer


def test_a_process_that_ends_early_is_not_fed_on(runner: ShellRunner) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(2**16)

    with runner.side_by_side() as crew:
        answer = crew.write(shell("head -c 10 >/dev/null; echo enough >&2; exit 1"), endless())

    assert Answer(1, "", "enough\n") == answer


def test_a_process_that_writes_much_while_it_is_fed_does_not_block(runner: ShellRunner) -> None:
    with runner.side_by_side() as crew:
        answer = crew.write(Command(("cat",)), [b"x" * 2**16] * 64)

    assert 2**22 == len(answer.output)


def test_a_process_whose_food_fails_does_not_see_an_end(runner: ShellRunner) -> None:
    def half() -> Iterator[bytes]:
        yield b"half"
        raise ContentChanged("a file changed.")

    seen = runner.here / "seen"
    with pytest.raises(ContentChanged), runner.side_by_side() as crew:
        crew.write(shell(f"cat >/dev/null; touch {seen}"), half())

    assert not seen.exists()


def test_what_a_process_writes_is_read_as_it_is(runner: ShellRunner) -> None:
    with (
        runner.side_by_side() as crew,
        crew.stream(shell("printf '\\377\\000'")) as stream,
    ):
        assert b"\xff\x00" == stream.read()


def test_a_process_that_fails_while_it_is_read_says_why(runner: ShellRunner) -> None:
    with (
        runner.side_by_side() as crew,
        pytest.raises(CommandFailed, match="sh ended with status 4: no such image") as caught,
        crew.stream(shell("echo part; echo no such image >&2; exit 4")) as stream,
    ):
        stream.read()

    assert 4 == caught.value.status


def test_a_process_that_is_not_read_to_the_end_is_ended(runner: ShellRunner) -> None:
    def given_up() -> None:
        with runner.side_by_side() as crew, crew.stream(shell("echo $$; exec yes")) as stream:
            pids.append(int(stream.readline()))
            raise ContentChanged("enough.")

    pids: list[int] = []
    with pytest.raises(ContentChanged):
        given_up()

    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_a_signal_ends_a_process_that_is_fed(runner: ShellRunner) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"a"
        os.kill(os.getpid(), signal.SIGINT)
        yield b"b"

    def interrupted() -> None:
        with runner.side_by_side() as crew:
            crew.write(Command(("cat",)), chunks())

    with pytest.raises(Interrupted) as caught:
        interrupted()

    assert 130 == caught.value.status


# Bounds -------------------------------------------------------------------------------------


def test_an_answer_without_an_end_is_not_kept(
    runner: ShellRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dockerutils.runner.MOST", 2**20)
    asked = runner.read(Command(("yes",)))
    with runner.side_by_side() as crew:
        written = crew.write(Command(("yes",)), ())

    for answer in (asked, written):
        assert (137, 2**20) == (answer.status, len(answer.output))
        assert answer.errors.startswith("it was ended: its answer has more than ")


def test_of_many_complaints_the_last_are_kept(runner: ShellRunner) -> None:
    script = "head -c 5000000 /dev/zero >&2; echo last >&2"
    with runner.side_by_side() as crew:
        answers = [runner.read(shell(script)), crew.write(shell(script), ())]

    for answer in answers:
        assert (2**20, True) == (len(answer.errors), answer.errors.endswith("last\n"))


def test_a_line_without_an_end_comes_in_parts(runner: ShellRunner) -> None:
    lines: list[str] = []
    with runner.side_by_side() as crew:
        crew.follow(shell("head -c 1000000 /dev/zero; echo"), lines.append)

    assert (1000001, 2**16) == (len("".join(lines)), max(map(len, lines)))


def test_lines_of_an_answer_come_one_by_one_and_long_ones_in_parts(runner: ShellRunner) -> None:
    script = "read x; printf 'a\\r\\nb\\n\\n\\377'; head -c 200000 /dev/zero; printf '\\nend'"
    with runner.side_by_side() as crew, crew.converse(shell(script)) as dialogue:
        dialogue.tell("go\n")
        lines = list(iter(dialogue.line, ""))
        again = dialogue.line()

    assert ["a\n", "b\n", "\n", "end"] == [*lines[:3], lines[-1]]
    assert "\ufffd" + "\0" * 200000 + "\n" == "".join(lines[3:-1])
    assert "" == again


def test_who_says_nothing_is_not_waited_for_for_ever(runner: ShellRunner) -> None:
    script = "printf begun; read x; echo; exec sleep 600"
    with runner.side_by_side() as crew, crew.converse(shell(script)) as dialogue:
        with pytest.raises(TimeoutError):
            dialogue.line(0.05)
        dialogue.tell("go\n")
        assert "begun\n" == dialogue.line(30)


def test_a_question_is_fed(runner: ShellRunner) -> None:
    assert "who?\n" == runner.read(Command(("cat",), stdin=Stdin("who?\n", "echo who"))).output


def dry(here: Path) -> tuple[DryRunner, io.StringIO]:
    out = io.StringIO()
    return DryRunner(Terminal(out, io.StringIO()), here), out


def test_a_dry_run_writes_a_script_that_knows_its_folder(tmp_path: Path) -> None:
    here = tmp_path / "it's $here"
    here.mkdir()
    runner, out = dry(here)
    runner.begin()
    runner.run(shell("pwd"))
    assert 0 == runner.hand_over(shell("false"))
    runner.run(shell("echo never"))

    done = subprocess.run(["sh"], input=out.getvalue(), capture_output=True, text=True, cwd="/")
    assert (1, f"{here}\n", "") == (done.returncode, done.stdout, done.stderr)


def test_a_dry_run_refuses_questions(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="a dry run cannot ask: docker ps"):
        dry(tmp_path)[0].read(Command(("docker", "ps")))


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        (None, "docker ps"),
        ("/a/b", "docker ps"),
        ("/a", "(cd .. && docker ps)"),
        ("/a/it's", "(cd '../it'\"'\"'s' && docker ps)"),
    ],
)
def test_a_line_to_paste_goes_to_its_folder(folder: str | None, expected: str) -> None:
    command = Command(("docker", "ps"), folder=Path(folder) if folder else None)

    assert expected == printed_line(command, Path("/a/b"))


def test_a_signal_ends_also_what_waits_for_no_process(runner: ShellRunner) -> None:
    def interrupted(elsewhere: subprocess.Popen[bytes]) -> None:
        with runner.side_by_side(by_main=True):
            elsewhere.wait()
            pytest.fail("it waits on")

    words = ["sh", "-c", f"sleep 0.2; kill -INT {os.getpid()}; sleep 1"]
    with subprocess.Popen(words) as elsewhere:
        with pytest.raises(Interrupted) as caught:
            interrupted(elsewhere)
        elsewhere.terminate()

    assert 130 == caught.value.status
