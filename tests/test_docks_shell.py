"""What shells are told: values, variables, mistakes, and what can follow on a command line."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from dock_shells import Quay
from fakes import RecordingRunner
from hypothesis import given
from hypothesis import strategies as st
from projects import CommandLine, Projects, Result

from dockerutils.cli import SEED_VERBS, VERBS
from dockerutils.docks.dock import Dock
from dockerutils.docks.shell import completion
from dockerutils.docks.shell.completion import Place, completed
from dockerutils.docks.shell.docking import Wish, check_strict, read_wish
from dockerutils.docks.shell.shells import DIALECTS, dialect_of, our_words, shell_code
from dockerutils.docks.shell.variables import (
    MANAGED,
    BrokenRestore,
    changes,
    direct_host,
    docked_values,
    is_docked,
    pack,
    unpack,
    values_before,
)
from dockerutils.errors import DockerutilsError, UsageError
from dockerutils.runner import Answer

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
DOCK = Dock("gpu-box", "10.1.2.3", "ubuntu")
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


# Values --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shell", "text", "quoted"),
    [
        ("bash", "a b", "'a b'"),
        ("bash", "it's", "'it'\\''s'"),
        ("zsh", "$(rm) `x` \\", "'$(rm) `x` \\'"),
        ("fish", "it's", "'it\\'s'"),
        ("fish", "a\\'", "'a\\\\\\''"),
        ("fish", "$(rm) (x)", "'$(rm) (x)'"),
    ],
)
def test_a_value_is_quoted_for_its_shell(shell: str, text: str, quoted: str) -> None:
    assert quoted == dialect_of(shell).quote(text)


def test_a_variable_is_exported_or_unset() -> None:
    bash, fish = DIALECTS["bash"], DIALECTS["fish"]

    assert "export A='1'" == bash.setting("A", "1")
    assert "unset -v A" == bash.setting("A", None)
    assert fish.setting("A", "1").endswith("or set -gx A '1'")
    assert fish.setting("A", None).startswith("set -eg A;")


@pytest.mark.parametrize("shell", DIALECTS)
def test_a_value_is_never_taken_for_a_part_of_the_code(shell: str) -> None:
    code = dialect_of(shell).docking({"A": "{name} @PROGRAM@ @COMMANDS@"}, ("/bin/it",))

    assert "'{name} @PROGRAM@ @COMMANDS@'" in code
    assert "'/bin/it' _shell castoff" in code


# Variables -----------------------------------------------------------------------------------


def test_a_docked_terminal_has_all_variables_that_the_dock_gives() -> None:
    expected = {
        "DOCKER_HOST": "unix:///run/x.sock",
        "DOCKER_IP": "10.1.2.3",
        "DOCK_IP": "10.1.2.3",
        "DOCK_HOSTNAME": "10.1.2.3",
        "DOCK_USER": "ubuntu",
        "DOCK_MONIKER": "gpu-box",
        "DOCK_PROMPT": "[dock:gpu-box] ",
    }
    values = docked_values(DOCK, "unix:///run/x.sock")

    assert {**dict.fromkeys(MANAGED), **expected} == values


def test_a_user_that_is_left_to_ssh_is_no_value() -> None:
    assert docked_values(replace(DOCK, user=""), "x")["DOCK_USER"] is None


def test_nothing_in_a_name_steers_the_terminal_that_shows_it() -> None:
    prompt = docked_values(replace(DOCK, name="a\x1b[31m\nb\u202e"), "x")["DOCK_PROMPT"]

    assert "[dock:a[31mb] " == prompt


@given(st.dictionaries(st.sampled_from(MANAGED), TEXTS))
def test_what_was_before_is_kept_in_one_variable(before: Mapping[str, str]) -> None:
    values = {name: before.get(name) for name in MANAGED}

    assert values == unpack(pack(values))
    assert values == values_before({"_DOCK_RESTORE": pack(values), "DOCKER_HOST": "docked"})
    assert values == values_before(before)


def test_bytes_that_are_no_text_are_kept() -> None:
    values = {**dict.fromkeys(MANAGED), "DOCKER_HOST": "\udcff"}

    assert values == unpack(pack(values))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rubbish",
        "é",
        "W10=",  # []
        "eyJET0NLRVJfSE9TVCI6MX0=",  # {"DOCKER_HOST":1}
        "eyJET0NLRVJfSE9TVCI6Ilx1MDAwMCJ9",  # {"DOCKER_HOST":"\u0000"}
        "eyJET0NLRVJfSE9TVCI6Ilx1ZDgwMCJ9",  # {"DOCKER_HOST":"\ud800"}
        "/////w==",
    ],
)
def test_what_cannot_have_been_kept_is_broken(text: str) -> None:
    with pytest.raises(BrokenRestore, match="_DOCK_RESTORE is damaged"):
        unpack(text)


def test_a_variable_that_is_none_of_ours_is_never_restored() -> None:
    assert dict.fromkeys(MANAGED) == unpack("eyJQQVRIIjoiL3RtcCJ9")  # {"PATH":"/tmp"}


def test_only_what_differs_is_changed() -> None:
    environ = {"A": "1", "B": "2"}

    assert {"B": None, "D": "4"} == changes(environ, {"A": "1", "B": None, "C": None, "D": "4"})


@pytest.mark.parametrize(
    ("environ", "docked"),
    [({}, False), ({"DOCKER_IP": "x"}, False), ({"_DOCK_RESTORE": "e30="}, True)],
)
def test_a_terminal_knows_whether_it_is_docked(environ: dict[str, str], docked: bool) -> None:
    assert docked == is_docked(environ)


@pytest.mark.parametrize(
    ("dock", "host"),
    [
        (DOCK, "ssh://ubuntu@10.1.2.3"),
        (replace(DOCK, port=2222), "ssh://ubuntu@10.1.2.3:2222"),
        (replace(DOCK, user="", address="gpu"), "ssh://gpu"),
        (replace(DOCK, address="fe80::1", port=22), "ssh://ubuntu@[fe80::1]:22"),
    ],
)
def test_docker_is_told_where_to_connect_itself(dock: Dock, host: str) -> None:
    assert host == direct_host(dock)


@pytest.mark.parametrize(
    ("dock", "reason"),
    [
        (replace(DOCK, identity="~/.ssh/gpu"), "a key of its own"),
        (replace(DOCK, jump="gate"), "a jump host"),
        (replace(DOCK, socket="/run/user/1000/docker.sock"), "its engine on /run/user/1000"),
        (replace(DOCK, jump="gate", identity="x"), "a key of its own and a jump host"),
    ],
)
def test_docker_cannot_connect_itself_to_every_dock(dock: Dock, reason: str) -> None:
    with pytest.raises(DockerutilsError, match=f"gpu-box has {reason}"):
        direct_host(dock)


# What is asked for ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "wish"),
    [
        ("", Wish()),
        ("--help", Wish()),
        ("gpu -h", Wish()),
        ("gpu", Wish("gpu")),
        ("--direct gpu", Wish("gpu", direct=True)),
        ("gpu --direct --direct --no-ports", Wish("gpu", direct=True)),
        ("gpu --all-ports --all-ports", Wish("gpu", ports="all")),
        ("gpu --all-ports", Wish("gpu", ports="all")),
        ("gpu --no-ports", Wish("gpu", ports="none")),
    ],
)
def test_a_wish_is_read(words: str, wish: Wish) -> None:
    assert wish == read_wish(words.split())


@pytest.mark.parametrize("words", [["a", "b"], [""], ["-x"], ["a", "--no-ports", "--all-ports"]])
def test_what_cannot_be_meant_is_refused(words: list[str]) -> None:
    with pytest.raises(UsageError):
        read_wish(words)


@pytest.fixture
def quay() -> Iterator[Quay]:
    """A user with two docks that answer."""
    with Quay.opened("h1", "h2") as opened:
        yield opened


@pytest.fixture
def line(quay: Quay, guard: None) -> CommandLine:
    """The commands of that user."""
    return CommandLine({**quay.environ, "DOCKER_CONTEXT": "before"})


@pytest.mark.parametrize("shell", DIALECTS)
def test_the_code_to_dock_is_all_that_is_written_to_standard_output(
    line: CommandLine, quay: Quay, shell: str
) -> None:
    done = line(quay.folder, "_shell", "dock", shell, "1", "h1")

    assert 0 == done.status
    assert "'[dock:h1] '" in done.out
    assert "# docked to h1 (ubuntu@10.0.0.1); castoff ends it\n" == done.err
    assert [1] == quay.users("h1")


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        ("_shell dock bash 1 nowhere", 1, "dock: there is no dock nowhere."),
        ("_shell dock bash 1 -x", 2, "dock: dock has no option -x."),
        ("_shell castoff bash 1", 1, "castoff: this terminal is not docked."),
        ("_shell castoff bash 1 h1", 2, "castoff: castoff takes no arguments."),
        ("_shell dock tcsh 1 h1", 2, "dock: the shell tcsh is none that can be docked."),
        ("_shell sink bash 1 h1", 2, "sink: _shell knows no sink."),
        ("_shell dock bash x", 2, "dock: _shell is for shells only."),
        ("_shell", 2, "dockerutils _shell: _shell is for shells only."),
        ("shell-init tcsh", 2, "dockerutils shell-init: the shell tcsh is none"),
        ("shell-init", 2, "dockerutils shell-init: shell-init takes the name of a shell."),
    ],
)
def test_a_mistake_is_one_sentence_and_no_code(
    line: CommandLine, quay: Quay, words: str, status: int, sentence: str
) -> None:
    done = line(quay.folder, *words.split())

    assert (status, "") == (done.status, done.out)
    assert done.err.startswith(sentence)
    assert len(done.err.splitlines()) <= 2


def test_a_folder_that_somebody_else_can_enter_is_told(line: CommandLine, quay: Quay) -> None:
    quay.runtime.chmod(0o755)
    done = line(quay.folder, "_shell", "dock", "bash", "1", "h1")

    assert (1, "") == (done.status, done.out)
    assert f"dock: {quay.runtime} is no private folder of yours." == done.err.splitlines()[0]


def test_a_connection_that_leads_elsewhere_than_the_entry_now_is_not_taken(
    line: CommandLine, quay: Quay
) -> None:
    quay.registry.write_text(quay.registry.read_text().replace("10.0.0.1", "10.0.0.9"))
    ssh = put_ssh(quay, "exit 255")
    done = line(quay.folder, "_shell", "dock", "bash", "1", "h1", PATH=ssh)

    assert "# connecting to ubuntu@10.0.0.9\n" in done.err


def put_ssh(quay: Quay, text: str) -> str:
    """Put a program in ssh's place; gives the PATH for that."""
    program = quay.folder / "bin/ssh"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return f"{program.parent}:{quay.environ['PATH']}"


def test_docker_is_not_told_to_connect_where_ssh_takes_any_key(
    line: CommandLine, quay: Quay
) -> None:
    ssh = put_ssh(quay, 'echo "$*" >$HOME/asked; echo stricthostkeychecking false')
    done = line(quay.folder, "_shell", "dock", "bash", "1", "h2", "--direct", PATH=ssh)

    assert (1, "") == (done.status, done.out)
    assert "dock: your ssh_config lets ssh take host keys of h2 that are not known" in done.err
    assert "-G -p 2222 -- alice@10.0.0.2\n" == (quay.home / "asked").read_text()


@pytest.mark.parametrize(
    ("said", "refused"),
    [("true", False), ("ask", False), ("false", True), ("off", True), ("accept-new", True)],
)
def test_docker_connects_itself_only_where_unknown_keys_are_refused(
    said: str, refused: bool
) -> None:
    answer = Answer(0, f"user x\nstricthostkeychecking {said}\n", "")
    runner = RecordingRunner(answers={"ssh -G -- ubuntu@10.1.2.3": answer})

    with pytest.raises(DockerutilsError, match="lets ssh take") if refused else nullcontext():
        check_strict(DOCK, runner)


def test_castoff_does_not_mind_what_became_of_the_dock(line: CommandLine, quay: Quay) -> None:
    quay.registry.write_text("[broken")
    quay.runtime.chmod(0o755)
    docked = {"DOCK_MONIKER": "gone", "_DOCK_RESTORE": pack({"DOCKER_HOST": "tcp://x"})}
    done = line(quay.folder, "_shell", "castoff", "bash", "1", **docked)

    assert (0, "# no longer docked to gone\n") == (done.status, done.err)
    lines = done.out.splitlines()
    assert {"export DOCKER_HOST='tcp://x'", "unset -v DOCK_MONIKER"} <= set(lines)


def test_a_dock_that_is_none_any_more_is_told(line: CommandLine, quay: Quay) -> None:
    done = line(quay.folder, "_shell", "dock", "bash", "1", DOCK_MONIKER="gone")

    assert (
        "This terminal is docked to gone, which is no dock any more; castoff ends it." in done.err
    )


def test_a_list_that_cannot_be_read_is_told(line: CommandLine, quay: Quay) -> None:
    quay.registry.write_text("[dock")
    dock, listed = (
        line(quay.folder, "_shell", "dock", "bash", "1", "h1"),
        line(quay.folder, "ls-dock"),
    )

    for done in (dock, listed):
        assert (2, True) == (done.status, "is no valid TOML" in done.err)
        assert "register-dock" not in done.err


def test_a_keeper_without_a_dock_is_no_traceback(line: CommandLine, quay: Quay) -> None:
    done = line(quay.folder, "_keeper")

    assert (2, False) == (done.status, "Traceback" in done.err)


def test_a_name_with_code_in_it_is_a_name(line: CommandLine, quay: Quay) -> None:
    quay.registry.write_text('[dock."$(touch x)"]\naddress = "`touch y`"\n')
    done = line(quay.folder, "_shell", "dock", "bash", "1")

    assert 0 == done.status
    assert "true\n" == done.out


def test_a_docked_shell_that_starts_is_noted(line: CommandLine, quay: Quay) -> None:
    words = (sys.executable, "-m", "dockerutils", "shell-init", "bash")
    docked = {"DOCK_MONIKER": "h1", "DOCKER_HOST": f"unix://{quay.runtime}/h1.sock"}
    subprocess.run(words, env={**line.environ, **docked}, stdout=subprocess.DEVNULL, check=True)

    assert 1 == len(quay.users("h1"))


def test_a_shell_that_starts_is_not_noted_where_nobody_keeps_the_connection(
    line: CommandLine, quay: Quay
) -> None:
    docked = {"DOCK_MONIKER": "gone", "DOCKER_HOST": f"unix://{quay.runtime}/gone.sock"}
    done = line(quay.folder, "shell-init", "bash", **docked)

    assert 0 == done.status
    assert not (quay.runtime / "gone.users").exists()


def test_what_is_written_besides_is_never_taken_for_code() -> None:
    script = """if True:
        import os
        from dockerutils.docks.shell.entry import private_output
        with private_output() as out:
            os.system("echo talk")
            out.write("code")
    """
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert ("code", "talk\n") == (done.stdout, done.stderr)


def test_help_on_shell_init_is_that_of_the_command_line(line: CommandLine, quay: Quay) -> None:
    done = line(quay.folder, "shell-init", "--help")

    assert 0 == done.status
    assert "usage: dockerutils shell-init" in done.out.lower()


@pytest.mark.parametrize(
    ("shell", "line_to_type"),
    [
        ("/bin/bash", "`source dock gpu`"),
        ("/usr/bin/fish", "`source (command -s dock) gpu`"),
        ("", "`source dock gpu`"),
    ],
)
def test_a_dock_that_is_asked_for_elsewhere_is_told_in_the_words_of_the_shell(
    line: CommandLine, quay: Quay, shell: str, line_to_type: str
) -> None:
    done = line(quay.folder, "dock", "gpu", SHELL=shell)

    assert (2, "") == (done.status, done.out)
    assert f"  Type {line_to_type}.\n" in done.err


def test_castoff_elsewhere_has_the_status_of_the_shells_own(line: CommandLine, quay: Quay) -> None:
    away = line(quay.folder, "castoff", SHELL="/bin/fish")
    docked = line(quay.folder, "castoff", DOCK_MONIKER="h1", SHELL="/bin/fish")

    assert (1, 2) == (away.status, docked.status)
    assert "not docked.\n  To dock it, type `source (command -s dock) NAME`.\n" in away.err
    assert "`source (command -s castoff)`" in docked.err


# The code ------------------------------------------------------------------------------------


def test_shells_are_known_by_their_paths_too() -> None:
    assert "fish" == dialect_of("/usr/bin/fish").name


def test_dockerutils_is_started_as_it_was(tmp_path: Path) -> None:
    program = tmp_path / "dockerutils"
    program.touch(0o755)

    assert (str(program),) == our_words(str(program))
    assert our_words("-c")[-1].endswith("dockerutils")


def test_a_package_of_our_name_in_the_current_folder_is_not_taken_for_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dockerutils").mkdir(mode=0o755)
    (tmp_path / "dockerutils/__init__.py").write_text("raise SystemExit(99)\n")
    program = sys.executable
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    words = our_words(str(tmp_path / "dockerutils"))
    started = [program, *words[1:], "shell-init", "bash"]
    done = subprocess.run(started, cwd=tmp_path, capture_output=True, check=False)

    assert (0, "/nowhere/python") == (done.returncode, words[0])


@pytest.mark.parametrize("shell", DIALECTS)
def test_all_places_in_the_code_are_filled(shell: str) -> None:
    code = shell_code(shell, "x") + dialect_of(shell).docking({}, ("x",))

    assert not re.findall("@[A-Z]+@", code)


@pytest.mark.parametrize("shell", DIALECTS)
def test_every_function_of_ours_tells_that_it_is(shell: str) -> None:
    dialect = dialect_of(shell)
    code = shell_code(shell, "x") + dialect.docking({}, ("x",)) + dialect.leaving({})
    named = set(re.findall(r"^\s*function (\S+)|^\s*(\w+)\(\)", code, re.MULTILINE))
    names = {one or other for one, other in named} - {"dock", "castoff", "fish_mode_prompt"}

    assert all(name.startswith("_dock_") for name in names), names


BODY = re.compile(r"^_dock_script\(\) \{.*?^\}$|^function.*?^end$", re.MULTILINE | re.DOTALL)


def test_both_scripts_do_the_same_but_for_what_they_ask() -> None:
    dock, castoff = (BODY.findall((SCRIPTS / name).read_text()) for name in ("dock", "castoff"))

    assert 2 == len(dock)
    assert dock == [re.sub("action(.)castoff", r"action\1dock", text) for text in castoff]


def test_the_scripts_are_for_every_shell_that_runs_them() -> None:
    for name in ("dock", "castoff", "dock-sync"):
        path = SCRIPTS / name
        assert path.read_text().startswith("#!/bin/sh\n")
        assert path.stat().st_mode & 0o111


# Completion ----------------------------------------------------------------------------------


def test_all_verbs_are_completed() -> None:
    assert set(VERBS) == set(completion.VERBS)
    assert set(SEED_VERBS) == set(completion.ALONE)


@pytest.fixture
def place(quay: Quay, projects: Projects) -> Place:
    """A project with images, and docks."""
    root = projects.images("app", "base", config="[run_image]\nsynthetic_images=shell\n")
    return Place(quay.environ, str(quay.home), root)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("dock|", "h1 h2 hidden"),
        ("dock|hi", "hidden"),
        ("dock|--", "--direct --all-ports --no-ports"),
        ("/opt/bin/dock|h1", "h1"),
        ("castoff|", ""),
        ("dockerutils|publ", "publish-image"),
        ("dockerutils|dock|hi", "hidden"),
        ("dockerutils|shell-init|", "bash fish zsh"),
        ("dockerutils|show|a", "app"),
        ("build-image|", "app base shell"),
        ("build-image|-f|app|b", "base"),
        ("transfer-image|app|h", "h1 h2 hidden"),
        ("run-image|--", ""),
        ("unknown|x", ""),
        ("dockerutils", ""),
        ("", ""),
    ],
)
def test_a_word_is_completed(place: Place, words: str, expected: str) -> None:
    assert expected.split() == completed(words.split("|"), place)


def test_outside_of_a_project_no_image_is_offered(place: Place, tmp_path: Path) -> None:
    assert [] == completed(["build-image", ""], replace(place, here=tmp_path / "gone"))


def test_a_name_that_a_shell_would_run_is_not_offered(place: Place, quay: Quay) -> None:
    text = '[dock."$(x)"]\naddress="a"\n[dock."a;b"]\naddress="a"\n[dock.ok]\naddress="b"\n'
    quay.registry.write_text(text)

    assert ["ok"] == completed(["dock", ""], place)


def test_candidates_are_written_a_line_each(line: CommandLine, quay: Quay) -> None:
    done = line(quay.folder, "_shell", "complete", "zsh", "1", "dock", "h")

    assert Result(0, "h1\nh2\nhidden\n", "") == done
