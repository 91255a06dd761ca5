"""`source dock`, castoff and shell-init in bash, zsh and fish, on real terminals."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dock_shells import SHELLS, SOURCED, Prompt, Quay, run_in, write_profile
from dockyards import Dockyard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from processes import wait_until

from dockerutils.docks.shell.shells import dialect_of

pytestmark = pytest.mark.real

ESCAPED = "surrogateescape"
POSIX = ("bash", "zsh")
ACTIVATE = {"bash": "activate", "zsh": "activate", "fish": "activate.fish"}
INIT = {
    "bash": 'eval "$(dockerutils shell-init bash)"',
    "zsh": 'eval "$(dockerutils shell-init zsh)"',
    "fish": "dockerutils shell-init fish | source",
}
NESTED = {"bash": "bash --noprofile --rcfile ~/bashrc -i", "zsh": "zsh -d -i", "fish": "fish -i"}
Opening = Callable[..., Prompt]


@pytest.fixture
def quay() -> Iterator[Quay]:
    """A user with two docks that answer."""
    with Quay.opened("h1", "h2") as opened:
        yield opened


@pytest.fixture
def opening(quay: Quay, tmp_path: Path) -> Iterator[Opening]:
    """Opens shells in an empty folder, and ends them with the test."""
    opened: list[Prompt] = []
    here = tmp_path / "here"
    here.mkdir()

    def start(shell: str, more: str = "", before: str = "", **environ: str) -> Prompt:
        write_profile(quay, shell, more, before)
        opened.append(Prompt.start(shell, quay, here, **environ))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.fixture(scope="module")
def virtualenv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtualenv, with the scripts that activate it."""
    folder = tmp_path_factory.mktemp("venv") / "shop"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder


def environment(prompt: Prompt) -> dict[str, str]:
    """What the shell exports, without what changes by itself."""
    script = "import json,os,sys; json.dump(dict(os.environ), open(sys.argv[1], 'w'))"
    path = prompt.folder / "environment"
    prompt.do(f'{sys.executable} -c "{script}" {path}')
    found: dict[str, str] = json.loads(path.read_text())
    return {name: value for name, value in found.items() if name not in ("_", "OLDPWD")}


def known(prompt: Prompt) -> set[str]:
    """The names of functions that may be ours."""
    words = {"bash": "declare -F", "zsh": "print -l ${(k)functions}", "fish": "functions -a -n"}
    said = prompt.do(words[prompt.shell]).replace(",", " ").split()
    return {word for word in said if "dock" in word or word == "castoff"}


def code_of(prompt: Prompt, function: str) -> list[str]:
    """The lines of a function of fish, without the comments on where it was defined."""
    lines = prompt.do(f"functions {function}").splitlines()
    return [line for line in lines if not line.startswith("#")]


# Docking and casting off --------------------------------------------------------------------


@pytest.mark.parametrize("shell", SHELLS)
def test_a_docked_terminal_has_the_docks_variables_and_its_prompt(
    opening: Opening, quay: Quay, shell: str
) -> None:
    prompt = opening(shell)
    assert 0 == prompt.status(prompt.source("dock", "h2"))

    found = environment(prompt)
    expected = {
        "DOCKER_HOST": f"unix://{quay.runtime}/h2.sock",
        "DOCKER_IP": "10.0.0.2",
        "DOCK_IP": "10.0.0.2",
        "DOCK_HOSTNAME": "10.0.0.2",
        "DOCK_USER": "alice",
        "DOCK_MONIKER": "h2",
        "DOCK_PROMPT": "[dock:h2] ",
    }
    assert expected == {name: found[name] for name in expected}
    assert "[dock:h2] " == prompt.prompt
    assert [prompt.child.pid] == quay.users("h2")


@pytest.mark.parametrize("shell", SHELLS)
def test_castoff_leaves_nothing_behind(opening: Opening, quay: Quay, shell: str) -> None:
    prompt = opening(shell)
    before = environment(prompt)
    texts = {name: prompt.get(name) for name in ("PS1", "PROMPT_COMMAND")}
    prompt.do(prompt.source("dock", "h1"))

    assert 0 == prompt.status("castoff")
    assert "" == prompt.prompt
    assert before == environment(prompt)
    assert texts == {name: prompt.get(name) for name in texts}
    assert set() == known(prompt)
    assert [] == quay.users("h1")


@pytest.mark.parametrize("shell", SHELLS)
def test_what_was_in_dockers_variables_comes_back(opening: Opening, shell: str) -> None:
    values = {
        "DOCKER_HOST": "tcp://other:2375",
        "DOCKER_CONTEXT": "it's \\ a $HOME `test`",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": "/a b:/c",
        "DOCK_USER": "",
        "DOCKER_API_VERSION": "1.40",
    }
    prompt = opening(shell, **values)
    before = environment(prompt)
    prompt.do(prompt.source("dock", "h1"))
    docked = environment(prompt)
    prompt.do(prompt.source("dock", "h2"))
    prompt.do("castoff")

    gone = {"DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_API_VERSION"}
    assert gone == set(values) - set(docked)
    assert before == environment(prompt)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_terminal_changes_from_one_dock_to_another(
    opening: Opening, quay: Quay, shell: str
) -> None:
    prompt = opening(shell)
    prompt.do(prompt.source("dock", "h1"))
    prompt.do(prompt.source("dock", "10.0.0.2"))

    assert "[dock:h2] " == prompt.prompt
    assert f"unix://{quay.runtime}/h2.sock" == prompt.get("DOCKER_HOST")
    assert ([], [prompt.child.pid]) == (quay.users("h1"), quay.users("h2"))


@pytest.mark.parametrize("shell", SHELLS)
def test_an_unknown_dock_leaves_the_shell_where_it_is(
    opening: Opening, quay: Quay, shell: str
) -> None:
    prompt = opening(shell)
    assert 1 == prompt.status(prompt.source("dock", "nowhere"))
    assert "dock: there is no dock nowhere.\n" in prompt.said
    prompt.do(prompt.source("dock", "h1"))
    before = environment(prompt)

    assert 1 == prompt.status(prompt.source("dock", "nowhere"))
    assert before == environment(prompt)
    assert "[dock:h1] " == prompt.prompt
    assert [prompt.child.pid] == quay.users("h1")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--bogus h1", "dock has no option --bogus."),
        ("h1 h2", "a terminal is docked to one dock."),
        ("--direct --all-ports h1", "--all-ports and --direct exclude each other."),
        ("--direct hidden", "hidden has a jump host, which DOCKER_HOST=ssh://… cannot say."),
    ],
)
def test_a_mistake_is_told_and_changes_nothing(
    quay: Quay, shell: str, words: str, sentence: str
) -> None:
    done = run_in(shell, quay, f"{SOURCED[shell].format('dock')} {words}")

    assert 1 == done.status
    assert sentence in done.err
    assert "" == done.out


@pytest.mark.parametrize("shell", SHELLS)
def test_without_a_name_the_docks_are_told(opening: Opening, shell: str) -> None:
    prompt = opening(shell)
    prompt.do(prompt.source("dock", "h2"))

    assert 0 == prompt.status(prompt.source("dock"))
    lines = prompt.said.splitlines()
    assert "  h1      ubuntu@10.0.0.1" in lines
    assert "* h2      alice@10.0.0.2" in lines
    assert "[dock:h2] " == prompt.prompt


@pytest.mark.parametrize("shell", SHELLS)
def test_docker_can_be_left_to_connect_itself(opening: Opening, quay: Quay, shell: str) -> None:
    prompt = opening(shell)
    prompt.do(prompt.source("dock", "h1"))
    prompt.do(prompt.source("dock", "h2", "--direct"))

    assert "ssh://alice@10.0.0.2:2222" == prompt.get("DOCKER_HOST")
    assert ([], []) == (quay.users("h1"), quay.users("h2"))


@pytest.mark.parametrize("shell", SHELLS)
def test_what_cannot_be_restored_is_told_and_unset(opening: Opening, shell: str) -> None:
    prompt = opening(shell, DOCKER_CONTEXT="before")
    prompt.do(prompt.source("dock", "h1"))
    damage = "set -gx {} {}" if shell == "fish" else "export {}={}"
    prompt.do(damage.format("_DOCK_RESTORE", "rubbish"))

    assert 0 == prompt.status("castoff")
    assert "_DOCK_RESTORE is damaged" in prompt.said
    assert not {name for name in environment(prompt) if "DOCK" in name.upper()}


@pytest.mark.parametrize("shell", SHELLS)
def test_castoff_works_without_the_virtualenv_that_dockerutils_is_in(
    opening: Opening, shell: str
) -> None:
    prompt = opening(shell)
    prompt.do(prompt.source("dock", "h1"))
    prompt.do("set -gx PATH /usr/bin /bin" if shell == "fish" else "PATH=/usr/bin:/bin")

    assert 0 == prompt.status("castoff")
    assert "" == prompt.get("DOCKER_HOST")


# Virtualenvs ---------------------------------------------------------------------------------


def follow(prompt: Prompt, order: tuple[str, ...], state: set[str]) -> None:
    """Take steps in an order, and look at the prompt after each."""
    for step in order:
        prompt.do(step)
        word, on = {
            "deactivate": ("venv", False),
            "castoff": ("dock", False),
        }.get(step, ("dock" if "dock" in step.split("/")[-1] else "venv", True))
        (state.add if on else state.discard)(word)
        shown = ("[dock:h1]" in prompt.prompt, "(shop)" in prompt.prompt)
        assert ("dock" in state, "venv" in state) == shown, (order, step, prompt.prompt)


@pytest.mark.parametrize("shell", POSIX)
def test_docks_and_virtualenvs_do_not_mind_each_others_order(
    opening: Opening, virtualenv: Path, shell: str
) -> None:
    prompt = opening(shell)
    activate = f"source {virtualenv}/bin/activate"
    steps = ("source dock h1", "castoff", activate, "deactivate")
    original = prompt.get("PS1")

    for number, order in enumerate(itertools.permutations(steps)):
        state: set[str] = set()
        if number % 2:
            follow(prompt, (activate,), state)
        follow(prompt, order, state)
        follow(prompt, ("deactivate", "castoff"), state)
        assert original == prompt.get("PS1"), order


@pytest.mark.parametrize("shell", POSIX)
def test_the_order_does_not_matter_either_where_no_prompt_comes_between(
    opening: Opening, virtualenv: Path, shell: str
) -> None:
    prompt = opening(shell)
    dock, castoff = "source dock h1", "castoff"
    steps = (dock, castoff, f"source {virtualenv}/bin/activate", "deactivate")
    original = prompt.get("PS1")

    orders = (one for one in itertools.permutations(steps) if one.index(dock) < one.index(castoff))
    for order in orders:
        prompt.do("; ".join((*order, "deactivate", "castoff")))
        assert original == prompt.get("PS1"), order


def test_docks_and_virtualenvs_go_together_in_fish(opening: Opening, virtualenv: Path) -> None:
    prompt = opening("fish")
    dock, activate = "source (command -s dock) h1", f"source {virtualenv}/bin/activate.fish"
    original = code_of(prompt, "fish_prompt")

    for order in (
        (dock, activate, "castoff", "deactivate"),
        (dock, activate, "deactivate", "castoff"),
        (activate, dock, "deactivate", "castoff"),
        (activate, dock, "castoff", "deactivate"),
        (activate, dock, "deactivate", activate, "castoff", "deactivate"),
    ):
        follow(prompt, order, set())
        assert original == code_of(prompt, "fish_prompt")


# Values --------------------------------------------------------------------------------------

BYTES = st.binary(max_size=20).map(lambda raw: raw.replace(b"\0", b"").decode(errors=ESCAPED))
NASTY = st.text("'\\\"$`(){}[]!*~#;& \n", max_size=8)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@pytest.mark.parametrize("shell", SHELLS)
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=st.lists(st.one_of(NASTY, BYTES, TEXTS), min_size=1, max_size=40))
def test_a_shell_has_exactly_the_values_that_it_is_given(
    tmp_path: Path, shell: str, values: list[str]
) -> None:
    named = {f"V{number}": value for number, value in enumerate(values)}
    code = dialect_of(shell).settings(named)
    names = " ".join(f'"${name}"' for name in named)
    file = tmp_path / "code"
    file.write_text(f"{code}\nprintf '%s\\0' {names}\n", encoding="utf-8", errors=ESCAPED)
    done = subprocess.run([shell, str(file)], capture_output=True, env={"LANG": "C.UTF-8"})

    assert values == done.stdout.decode(errors=ESCAPED).split("\0")[:-1]


# The prompt ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("PROMPT_COMMAND='seen=$?;'", "hook string with semicolon"),
        ("PROMPT_COMMAND='seen=$? ; '", "and a space"),
        ("PROMPT_COMMAND='seen=$? # last'", "comment"),
        ("PROMPT_COMMAND=(':' 'seen=$?')", "list"),
        ("PROMPT_COMMAND=()", "empty list"),
        ("PROMPT_COMMAND=(':' \"PS1='again READY> '\")", "list that makes the prompt anew"),
        ("export PROMPT_COMMAND='seen=$?'", "exported"),
        ("PROMPT_COMMAND=\"PS1='again READY> '\"", "prompt made anew each time"),
    ],
)
def test_bash_keeps_its_own_prompt_commands(opening: Opening, given: str, shown: str) -> None:
    prompt = opening("bash", given)
    before = prompt.write('"$(declare -p PROMPT_COMMAND)"')
    text = prompt.get("PS1")
    prompt.do("source dock h1")
    assert prompt.prompt.startswith("[dock:h1] "), shown
    prompt.do("true")
    assert prompt.prompt.startswith("[dock:h1] ")
    prompt.do("castoff")

    assert "" == prompt.prompt.removeprefix("again ")
    assert text == prompt.get("PS1")
    after = prompt.write('"$(declare -p PROMPT_COMMAND)"')
    assert before == after


def test_a_bash_that_inherits_prompt_commands_finds_ours(opening: Opening) -> None:
    prompt = opening("bash", "export PROMPT_COMMAND=:")
    prompt.do("source dock h1")
    prompt.child.sendline("bash --noprofile --norc -i")
    prompt.child.expect_exact("[dock:h1] bash-")
    prompt.child.sendline("PS1='READY> '")
    prompt.child.expect_exact("[dock:h1] READY> ")

    assert "not found" not in (prompt.child.before or "")


def test_bash_tells_the_status_of_the_last_command_to_all_hooks(opening: Opening) -> None:
    prompt = opening("bash", "PS1='$? READY> '")
    prompt.do("source dock h1; PROMPT_COMMAND+='; seen=$?'; seven() { return 7; }")
    prompt.child.sendline("seven")
    prompt.child.expect_exact("[dock:h1] 7 READY> ")
    prompt.do("true; echo seen:$seen")

    assert "seen:7\n" == prompt.said


def test_a_hook_that_came_later_stays_when_ours_goes(opening: Opening) -> None:
    prompt = opening("bash")
    prompt.do("source dock h1; PROMPT_COMMAND+='; late=1'")
    prompt.do("castoff")

    assert ":; late=1" == prompt.get("PROMPT_COMMAND")


def test_zsh_shows_the_dock_though_the_prompt_is_made_anew_each_time(opening: Opening) -> None:
    prompt = opening("zsh", "precmd() { PS1='again READY> ' }")
    prompt.do("source dock h1")
    prompt.do("true")

    assert "[dock:h1] again " == prompt.prompt


@pytest.mark.parametrize(
    "options", ["setopt ksharrays", "setopt shwordsplit nounset", "emulate ksh", "setopt errreturn"]
)
def test_zsh_docks_whatever_its_options_are(opening: Opening, options: str) -> None:
    hooks = "one() { : }; two() { : }; precmd_functions=(one two)"
    prompt = opening("zsh", f"{hooks}\n{options}")
    before = prompt.write('"$(typeset -p precmd_functions)"')
    prompt.do("source dock h1")
    assert "[dock:h1] " == prompt.prompt
    prompt.do("castoff")

    assert ("", "READY> ") == (prompt.prompt, prompt.get("PS1"))
    assert before == prompt.write('"$(typeset -p precmd_functions)"')


@pytest.mark.parametrize("shell", SHELLS)
def test_the_prompt_can_be_left_alone(opening: Opening, shell: str) -> None:
    prompt = opening(shell, DOCKERUTILS_DISABLE_PROMPT="1")
    before = prompt.get("PS1")
    prompt.do(prompt.source("dock", "h1"))

    assert ("", before) == (prompt.prompt, prompt.get("PS1"))
    assert "[dock:h1] " == prompt.get("DOCK_PROMPT")


@pytest.mark.parametrize(
    ("shell", "option"), [("bash", "shopt -u promptvars"), ("zsh", "unsetopt promptpercent")]
)
def test_a_prompt_that_expands_nothing_is_left_alone(
    opening: Opening, shell: str, option: str
) -> None:
    prompt = opening(shell, option)
    prompt.do("source dock h1")

    assert ("", "READY> ") == (prompt.prompt, prompt.get("PS1"))


def test_fish_keeps_the_mode_that_its_prompt_shows(opening: Opening) -> None:
    mode = "function fish_mode_prompt\n    printf 'M '\nend"
    prompt = opening("fish", mode)
    before = code_of(prompt, "fish_mode_prompt")
    prompt.do(prompt.source("dock", "h1"))
    assert "[dock:h1] M " == prompt.prompt
    prompt.do("castoff")

    assert "M " == prompt.prompt
    assert before == code_of(prompt, "fish_mode_prompt")


def test_fish_keeps_universal_variables(opening: Opening) -> None:
    prompt = opening("fish")
    prompt.do("set -Ux DOCKER_CONTEXT everywhere; set -Ux DOCKER_HOST tcp://u:1")
    prompt.do(prompt.source("dock", "h1"))
    assert "" == environment(prompt)["DOCKER_CONTEXT"]  # which docker takes for unset
    prompt.do("castoff")

    found = environment(prompt)
    assert ("everywhere", "tcp://u:1") == (found["DOCKER_CONTEXT"], found["DOCKER_HOST"])
    prompt.do("set -Ux DOCKER_CONTEXT later")
    assert "later" == environment(prompt)["DOCKER_CONTEXT"]


# Shells within shells, and shell-init --------------------------------------------------------


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_within_a_docked_one_is_docked_and_goes_its_own_way(
    opening: Opening, quay: Quay, shell: str
) -> None:
    prompt = opening(shell)
    prompt.do(prompt.source("dock", "h1"))
    before = environment(prompt)
    prompt.child.sendline(NESTED[shell])
    prompt.child.expect_exact("READY> ")
    assert f"unix://{quay.runtime}/h1.sock" == prompt.get("DOCKER_HOST")
    prompt.do(prompt.source("dock", "h2"))
    assert "[dock:h2] " == prompt.prompt
    prompt.do("castoff")
    prompt.do(prompt.source("dock", "h1"))
    assert 0 == prompt.status(prompt.source("castoff"))

    assert "" == prompt.get("DOCKER_HOST")
    prompt.child.sendline("exit")
    prompt.child.expect_exact("READY> ")
    prompt.do("true")
    assert "[dock:h1] " == prompt.prompt
    level = {"SHLVL"}
    after = environment(prompt)
    assert {**before, "SHLVL": ""} == {**after, **dict.fromkeys(level, "")}
    assert [prompt.child.pid] == quay.users("h1")


@pytest.mark.parametrize("shell", POSIX)
def test_a_part_in_parentheses_casts_off_alone(opening: Opening, quay: Quay, shell: str) -> None:
    prompt = opening(shell)
    prompt.do("source dock h1")
    prompt.do('( castoff; echo "host=${DOCKER_HOST-none}" )')

    assert "host=none" in prompt.said
    assert [prompt.child.pid] == quay.users("h1")


@pytest.mark.parametrize("shell", SHELLS)
def test_shell_init_gives_dock_and_castoff_for_good(
    opening: Opening, quay: Quay, shell: str
) -> None:
    prompt = opening(shell, INIT[shell])
    functions = known(prompt)
    assert {"dock", "castoff"} <= functions
    assert 1 == prompt.status("castoff")
    assert "castoff: this terminal is not docked.\n" in prompt.said
    texts = {name: prompt.get(name) for name in ("PS1", "PROMPT_COMMAND")}
    assert 1 == prompt.status("dock nowhere")
    assert 0 == prompt.status("dock h1")
    assert "[dock:h1] " == prompt.prompt
    assert [prompt.child.pid] == quay.users("h1")
    prompt.do("castoff")

    assert ("", "") == (prompt.prompt, prompt.get("DOCKER_HOST"))
    assert texts == {name: prompt.get(name) for name in texts}
    assert functions == known(prompt)


@pytest.mark.parametrize("shell", SHELLS)
def test_with_shell_init_a_shell_within_a_docked_one_shows_and_uses_the_dock(
    opening: Opening, quay: Quay, shell: str
) -> None:
    prompt = opening(shell, INIT[shell])
    prompt.do("dock h1")
    prompt.child.sendline(NESTED[shell])
    prompt.child.expect_exact("READY> ")
    prompt.do("true")

    assert "[dock:h1] " == prompt.prompt
    assert 2 == len(quay.users("h1"))
    prompt.do("castoff")
    assert ("", "") == (prompt.prompt, prompt.get("DOCKER_HOST"))
    assert [prompt.child.pid] == quay.users("h1")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_something_called_dock_in_the_folder_is_no_obstacle(
    opening: Opening, tmp_path: Path, shell: str, kind: str
) -> None:
    prompt = opening(shell, INIT[shell])
    target = tmp_path / "here" / "dock"
    if kind == "folder":
        target.mkdir()
    else:
        target.write_text("echo WRONG\n")
    prompt.do("dock h1")

    assert "WRONG" not in prompt.said
    assert "[dock:h1] " == prompt.prompt


@pytest.mark.parametrize("shell", SHELLS)
def test_a_folder_called_dock_is_no_obstacle_to_source(
    opening: Opening, tmp_path: Path, shell: str
) -> None:
    prompt = opening(shell)
    (tmp_path / "here" / "dock").mkdir()
    prompt.do(prompt.source("dock", "h1"))

    assert "[dock:h1] " == prompt.prompt


COMPLETING = {"bash": "", "zsh": "autoload -Uz compinit; compinit -D -u\n", "fish": ""}


@pytest.mark.parametrize("shell", SHELLS)
def test_words_are_completed(opening: Opening, tmp_path: Path, shell: str) -> None:
    folder = tmp_path / "here" / "docker" / "dev-tools"
    prompt = opening(shell, COMPLETING[shell] + INIT[shell], TERM="xterm")
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM scratch\n")

    for typed, rest in (
        ("dock hid", "den"),
        ("dock --dir", "ect"),
        ("dockerutils pub", "lish-image"),
        ("dockerutils show dev-", "tools"),
        ("build-image dev-", "tools"),
        ("ssh-dock hid", "den"),
    ):
        prompt.child.send(f"{typed}\t")
        prompt.child.expect_exact(rest)
        prompt.child.send("\x15")  # Ctrl-U: the line is empty again


def test_zsh_completes_files_as_ever_where_we_offer_nothing(
    opening: Opening, tmp_path: Path
) -> None:
    (tmp_path / "here" / "papers").mkdir()
    prompt = opening("zsh", COMPLETING["zsh"] + INIT["zsh"], TERM="xterm")

    prompt.child.send("ssh-dock h1 -- ls pap\t")
    prompt.child.expect_exact("ers")
    assert "no matches found" not in (prompt.child.before or "")


# Without a terminal, and other ways to start the scripts ---------------------------------------


@pytest.mark.parametrize("shell", POSIX)
def test_a_careful_script_can_dock(quay: Quay, shell: str) -> None:
    line = "unset PS1; source dock h1; echo $DOCK_MONIKER; castoff; echo ${DOCK_MONIKER-none}"
    done = run_in(shell, quay, line, "-eu")

    assert (0, "h1\nnone\n") == (done.status, done.out)


def test_a_script_of_fish_can_dock(quay: Quay) -> None:
    done = run_in("fish", quay, "source (command -s dock) h1; echo $DOCK_MONIKER; castoff")

    assert (0, "h1\n") == (done.status, done.out)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_goes_on_after_a_mistake(quay: Quay, shell: str) -> None:
    options = ("-u",) if shell in POSIX else ()
    done = run_in(shell, quay, f"{SOURCED[shell].format('dock')} nowhere; echo on", *options)

    assert (0, "on\n") == (done.status, done.out)


@pytest.mark.parametrize("shell", POSIX)
def test_sourcing_in_a_function_keeps_its_arguments(quay: Quay, shell: str) -> None:
    line = 'f() { source dock; . dock-sync; echo "$#:$*"; }; set -- x y; f a b; echo "$#:$*"'
    done = run_in(shell, quay, line)

    # Without arguments of its own, a sourced file sees those of the function: `a` is the dock.
    assert "2:x y\n" in done.out


@pytest.mark.parametrize("shell", [*SHELLS, "dash", "sh"])
@pytest.mark.parametrize("script", ["dock", "castoff"])
def test_a_script_that_is_run_says_that_it_has_to_be_sourced(
    quay: Quay, shell: str, script: str
) -> None:
    path = Path(sys.executable).parent / script
    done = run_in("sh", quay, f"{shell} {path} h1", DOCK_MONIKER="h1")

    assert (2, "") == (done.status, done.out)
    assert f"{script}: it has to be sourced" in done.err


def test_commands_that_are_run_say_so_too(quay: Quay) -> None:
    assert 2 == run_in("sh", quay, "dock h1").status
    done = run_in("sh", quay, "castoff")

    assert 1 == done.status
    assert done.err.startswith("castoff: this terminal is not docked.\n  To dock it, type: source")


@pytest.mark.parametrize("shell", [*SHELLS, "dash"])
def test_castoff_has_one_status_where_nothing_is_docked(quay: Quay, shell: str) -> None:
    script = Path(sys.executable).parent / "castoff"
    statuses = {run_in("sh", quay, f"{shell} {script}").status}
    if shell in SHELLS:
        statuses.add(run_in(shell, quay, SOURCED[shell].format("castoff")).status)

    assert {1} == statuses


@pytest.mark.parametrize("shell", SHELLS)
def test_castoff_works_in_a_shell_that_does_not_know_it(quay: Quay, shell: str) -> None:
    line = SOURCED[shell].format("castoff")
    done = run_in(shell, quay, line, DOCK_MONIKER="h1", DOCKER_IP="10.0.0.1", _DOCK_RESTORE="e30=")

    assert (0, "", "# no longer docked to h1\n") == (done.status, done.out, done.err)


@pytest.mark.parametrize("shell", POSIX)
def test_castoff_does_not_take_the_shells_own_words(quay: Quay, shell: str) -> None:
    line = 'set -- x y; source castoff; echo "$?:$*"'
    done = run_in(shell, quay, line, DOCK_MONIKER="h1", _DOCK_RESTORE="e30=")

    assert "0:x y\n" == done.out, done.err


def test_dash_is_told_and_goes_on(quay: Quay) -> None:
    done = run_in("dash", quay, ". dock h1; echo $?")

    assert "2\n" == done.out
    assert "bash, zsh or fish" in done.err


@pytest.mark.parametrize("shell", [*SHELLS, "dash"])
def test_dock_sync_in_an_old_profile_does_nothing(quay: Quay, shell: str) -> None:
    line = f"{SOURCED.get(shell, '. {}').format('dock-sync')}; and echo fine"
    done = run_in(shell, quay, line if shell == "fish" else line.replace("; and", " &&"))

    assert (0, "fine\n", "") == (done.status, done.out, done.err)


# Connecting ----------------------------------------------------------------------------------

ASKING = """#!/bin/sh
echo "touch $HOME/evaluated"
printf 'Passphrase? ' >/dev/tty
read -r said </dev/tty
echo "$said" >>"$HOME/answers"
exit 255
"""


@pytest.fixture
def ssh(quay: Quay, tmp_path: Path) -> Callable[[str], str]:
    """Puts a program in ssh's place; gives the PATH for that."""

    def put(text: str) -> str:
        program = tmp_path / "bin" / "ssh"
        program.parent.mkdir()
        program.write_text(text)
        program.chmod(0o755)
        return f"{program.parent}:{quay.environ['PATH']}"

    return put


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("init", [False, True])
def test_ssh_can_ask_and_what_it_writes_is_never_run(
    opening: Opening, quay: Quay, ssh: Callable[[str], str], shell: str, init: bool
) -> None:
    prompt = opening(shell, INIT[shell] if init else "", PATH=ssh(ASKING))
    line = "dock hidden" if init else prompt.source("dock", "hidden")
    prompt.child.sendline(f"{line}; echo {'$status' if shell == 'fish' else '$?'}-END")
    prompt.child.expect_exact("Passphrase? ")
    prompt.child.sendline("sesame")

    prompt.child.expect_exact("1-END")
    prompt.child.expect_exact("READY> ")
    assert "sesame\n" == (quay.home / "answers").read_text()
    assert not (quay.home / "evaluated").exists()
    assert [] == quay.users("hidden")


SLOW = """#!/bin/sh
echo $$ >>"$HOME/started"
printf 'slow ' >/dev/tty
exec sleep 600
"""


@pytest.mark.parametrize("shell", SHELLS)
def test_ctrl_c_ends_connecting_and_nothing_else(
    opening: Opening, quay: Quay, ssh: Callable[[str], str], shell: str
) -> None:
    prompt = opening(shell, PATH=ssh(SLOW))
    prompt.do(prompt.source("dock", "h1"))
    prompt.child.sendline(prompt.source("dock", "hidden"))
    prompt.child.expect_exact("slow ")
    prompt.child.sendintr()
    prompt.child.expect_exact("[dock:h1] READY> ")

    assert "h1" == prompt.get("DOCK_MONIKER")
    assert ([prompt.child.pid], []) == (quay.users("h1"), quay.users("hidden"))
    started = [f"/proc/{pid}" for pid in (quay.home / "started").read_text().split()]
    wait_until("ssh is gone", lambda: not any(map(os.path.exists, started)))


# On real docks -------------------------------------------------------------------------------


@pytest.fixture
def yard(clean_dockyard: Dockyard) -> Dockyard:
    """Two real docks, which are registered."""
    for name in ("h1", "h2"):
        clean_dockyard.register(clean_dockyard.host(name), name)
    (clean_dockyard.home / ".local/share/fish/generated_completions").mkdir(parents=True)
    return clean_dockyard


@pytest.mark.parametrize("shell", SHELLS)
def test_docker_commands_of_a_docked_terminal_work_on_the_dock(
    yard: Dockyard, tmp_path: Path, shell: str
) -> None:
    write_profile(yard, shell)
    prompt = Prompt.start(shell, yard, tmp_path)
    ask = "docker info --format 'engine={{.Name}}.'"
    try:
        assert 0 == prompt.status(prompt.source("dock", "h1"))
        assert "engine=h1." in prompt.do(ask)
        prompt.do(prompt.source("dock", "h2"))
        assert "engine=h2." in prompt.do(ask)
        prompt.do(prompt.source("dock", "h1", "--direct"))
        assert "engine=h1." in prompt.do(ask)
        prompt.do("castoff")
        here = prompt.do(ask)
    finally:
        prompt.close()

    assert "engine=h" not in here


def test_castoff_works_when_the_dock_is_registered_no_more(yard: Dockyard, tmp_path: Path) -> None:
    write_profile(yard, "bash")
    prompt = Prompt.start("bash", yard, tmp_path)
    try:
        prompt.do("source dock h1")
        yard.list_of_docks.unlink()
        assert 1 == prompt.status("source dock h2")
        assert "h1" == prompt.get("DOCK_MONIKER")
        assert 0 == prompt.status("castoff")
        assert "" == prompt.get("DOCKER_HOST")
    finally:
        prompt.close()
