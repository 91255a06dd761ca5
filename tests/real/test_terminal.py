"""What a person at a real terminal gets: a tty inside, its size and keys, colours, progress."""

from __future__ import annotations

import re
import sys

import pexpect
import pytest
from engines import RealProject, RealProjects
from processes import wait_until
from terminals import Terminals, exit_status

pytestmark = pytest.mark.real

WHERE = 'for n in 0 1 2; do test -t $n && printf "tty " || printf "no "; done; echo'
CURSOR = re.compile(r"\x1b\[\d*[A-HJK]|\x1b\[\?25[lh]")


@pytest.fixture(scope="module")
def shop(real_projects: RealProjects) -> RealProject:
    project = real_projects.make(
        {
            "docker/app/Dockerfile": "FROM python:3.11-slim AS builder\nRUN true\nFROM builder\n",
            "docker/dockerutils.cfg": "[run_image]\nsynthetic_images=plain\n[plain]\nname=app\n"
            "interactive=False\n",
        }
    )
    project.build("app")
    return project


class TestARun:
    def test_it_has_a_terminal_inside(self, shop: RealProject, terminals: Terminals) -> None:
        child = terminals.open(shop.root, "run-image", "app", "--", "sh", "-c", WHERE)

        child.expect("tty tty tty ")
        assert exit_status(child) == 0

    def test_it_has_none_where_its_output_is_piped(
        self, shop: RealProject, terminals: Terminals
    ) -> None:
        ours = f"{sys.executable} -m dockerutils run-image app -- sh -c '{WHERE}' | cat"
        child = terminals.start(shop.root, ["sh", "-c", ours])

        child.expect("no no no ")
        assert exit_status(child) == 0

    def test_it_has_none_where_that_is_configured(
        self, shop: RealProject, terminals: Terminals
    ) -> None:
        child = terminals.open(shop.root, "run-image", "plain", "--", "sh", "-c", WHERE)

        child.expect("no no no ")
        assert exit_status(child) == 0

    def test_without_a_terminal_it_has_none(self, shop: RealProject) -> None:
        assert shop.run("app", "--", "sh", "-c", WHERE).out == "no no no \n"

    def test_the_size_of_the_window_passes_through_and_so_does_a_change_of_it(
        self, shop: RealProject, terminals: Terminals
    ) -> None:
        script = (
            "until [ \"$(stty size)\" = '33 111' ]; do sleep 0.1; done; echo first;"
            "until [ \"$(stty size)\" = '20 70' ]; do sleep 0.1; done; echo second"
        )
        child = terminals.open(
            shop.root, "run-image", "app", "--", "sh", "-c", script, size=(33, 111)
        )
        child.expect("first\r\n")

        # docker's client misses a change in the first moments after the start: change it again.
        def second() -> bool:
            child.setwinsize(21, 70)
            child.setwinsize(20, 70)
            return child.expect(["second\r\n", pexpect.TIMEOUT], timeout=1) == 0

        wait_until("the new size arrives", second)
        assert exit_status(child) == 0

    def test_ctrl_c_reaches_the_container_which_decides(
        self, shop: RealProject, terminals: Terminals
    ) -> None:
        script = "trap 'echo caught; exit 7' INT; echo ready; while :; do sleep 0.1; done"
        child = terminals.open(shop.root, "run-image", "app", "--", "sh", "-c", script)
        child.expect("ready\r\n")

        child.sendintr()

        child.expect("caught\r\n")
        assert exit_status(child) == 7

    def test_ctrl_c_ends_a_command_that_does_not_care_with_130(
        self, shop: RealProject, terminals: Terminals
    ) -> None:
        child = terminals.open(
            shop.root, "run-image", "app", "--", "sh", "-c", "echo ready; sleep 4321"
        )
        child.expect("ready\r\n")

        child.sendintr()

        assert exit_status(child) == 130
        assert "Traceback" not in (child.before or "")
        wait_until("it is gone", lambda: not shop.engine.containers(shop.name))

    def test_ctrl_c_reaches_a_container_without_a_terminal_as_well(
        self, shop: RealProject, terminals: Terminals
    ) -> None:
        script = "trap 'echo caught; exit 7' INT; echo ready; while :; do sleep 0.1; done"
        child = terminals.open(shop.root, "run-image", "plain", "--", "sh", "-c", script)
        child.expect("ready\r\n")

        child.sendintr()

        child.expect("caught\r\n")
        assert exit_status(child) == 7

    def test_a_person_can_work_in_a_shell(self, shop: RealProject, terminals: Terminals) -> None:
        child = terminals.open(shop.root, "run-image", "app", "-c", "bash --norc")
        child.expect(r"bash-5\S*# ")
        child.sendline("echo $((6 * 7))")
        child.expect(r"\b42\r\n")
        child.sendline("exit 9")

        assert exit_status(child) == 9

    def test_exec_opens_a_shell_with_a_terminal(
        self, shop: RealProject, terminals: Terminals
    ) -> None:
        container = shop.run("-k", "app", "--", "sleep", "4321").out.strip()
        child = terminals.open(shop.root, "exec", "app")
        child.expect("# ")
        child.sendline("test -t 0 && echo t''ty")
        child.expect("tty\r\n")
        child.sendline("exit 4")

        assert exit_status(child) == 4
        shop.engine.docker("rm", "--force", container)


class TestABuild:
    @pytest.fixture(scope="class")
    @classmethod
    def screen(cls, shop: RealProject) -> str:
        """All that a build with a stage `builder`, thus two docker commands, draws."""
        opened = Terminals(shop.line.environ)
        child = opened.open(shop.root, "build-image", "app", "--no-cache", size=(40, 200))
        assert exit_status(child) == 0
        opened.close()
        return str(child.before)

    def test_buildkit_draws_its_own_progress(self, screen: str) -> None:
        assert "[+] Building" in screen
        assert CURSOR.search(screen)

    def test_nothing_of_ours_stands_in_between(self, screen: str) -> None:
        pieces = screen.split("\x1b[1mdocker build ")

        assert pieces[0] == ""
        assert len(pieces) == 3
        for piece in pieces[1:]:
            line, progress = piece.split("\r\n", 1)
            assert line.endswith(" .\x1b[0m")
            drawn = progress[: progress.rindex("\x1b[?25h")]
            assert "FINISHED" in drawn
            assert "docker build" not in drawn
            assert "\x1b[1m" not in drawn

    def test_the_commands_are_bold(self, shop: RealProject, screen: str) -> None:
        assert f"\x1b[1mdocker build --tag {shop.reference('app')} " in screen

    def test_an_error_is_red(self, shop: RealProject, terminals: Terminals) -> None:
        child = terminals.open(shop.root, "build-image", "ap")
        child.expect(r"\x1b\[31m\S+: there is no image ap")

        assert exit_status(child) == 2

    def test_there_are_no_colours_where_no_terminal_is(self, shop: RealProject) -> None:
        built, failed = shop.build("app"), shop("build-image", "ap")

        assert "\x1b" not in built.err + failed.err
