"""How the steps of a build are taken: alone, or beside others."""

from __future__ import annotations

from pathlib import Path

import pytest
from bakeries import Bakery, StoreCrew, open_bakery, reading_request
from fakes import Tty
from projects import Projects
from test_board import screen

from dockerutils.board import Board
from dockerutils.build_log import Log
from dockerutils.command import Command
from dockerutils.destination import parse_destination
from dockerutils.errors import CommandFailed
from dockerutils.execution import Execution
from dockerutils.freshness import open_freshness
from dockerutils.runner import Answer
from dockerutils.sinks.engine import Refused
from dockerutils.steps import Assembling, Saving, Step

NAME = "shop-app:alice"


@pytest.fixture
def bakery(projects: Projects) -> Bakery:
    return open_bakery(projects).on_terminal()


def execution(bakery: Bakery) -> Execution:
    session = bakery.session()
    freshness = open_freshness(session.project, session.environ)
    freshness.facts.update(session.engine.facts(["python:3"]))
    return Execution(session, freshness)


def assembling(bakery: Bakery) -> Assembling:
    node, request = bakery.node(), reading_request()
    assembly = node.reading.assembly(request)
    assert assembly is not None
    return Assembling(node, assembly, request)


def beside(bakery: Bakery, step: Step, path: Path) -> list[str]:
    """Take a step beside others; gives what the screen shows then."""
    taking = execution(bakery)
    board = Board(taking.session.terminal, ("app",), lambda: 0.0)
    with Log(path) as log:
        taking.beside(StoreCrew(bakery.runner), board, log)("app", step)
    board.draw()
    return screen(bakery.err)


def test_a_command_is_run(bakery: Bakery) -> None:
    execution(bakery).alone("app", Command(("make", "it")))

    assert ["make it"] == bakery.runner.lines


def test_a_command_that_fails_fails(bakery: Bakery) -> None:
    bakery.runner.statuses = {"make": 4}
    with pytest.raises(CommandFailed):
        execution(bakery).alone("app", Command(("make", "it")))


def test_what_became_of_an_image_that_was_put_together_is_kept(bakery: Bakery) -> None:
    step, taking = assembling(bakery), execution(bakery)
    taking.alone("app", step)

    assert bakery.store.tags[NAME] == taking.placed["app"].id
    assert 4 == taking.placed["app"].layers_sent


def test_no_line_is_left_where_it_fails(bakery: Bakery) -> None:
    bakery.store.lies = [Answer(1, "", "no space left on device")]
    step = assembling(bakery)
    with pytest.raises(Refused):
        execution(bakery).alone("app", step)

    assert [f"# {NAME} is made of .venv and src on python:3"] == screen(bakery.err)


def test_an_image_of_the_engine_is_written(bakery: Bakery) -> None:
    destination = parse_destination("app.tar", bakery.root)
    assert destination is not None
    taking = execution(bakery)
    taking.alone("app", Saving("python:3", destination))

    assert (bakery.root / "app.tar").is_file()
    assert {} == taking.placed
    assert "# python:3 is written to app.tar" == screen(bakery.err)[0]


def test_beside_others_a_command_is_shown_and_its_output_kept(
    bakery: Bakery, tmp_path: Path
) -> None:
    shown = beside(bakery, Command(("make", "it")), tmp_path / "log")

    assert ["make it", "# app   0.0s"] == shown
    assert ["make it"] == bakery.runner.lines


def test_beside_others_an_image_has_its_row_and_speaks_above_it(
    bakery: Bakery, tmp_path: Path
) -> None:
    shown = beside(bakery, assembling(bakery), tmp_path / "log")

    assert [f"# {NAME} is made of .venv and src on python:3"] == shown[:1]
    assert f"# {NAME}: 4 of 5 layers, 1 MB; the image is " in shown[1]
    assert "# app   0.0s             app: layers" == shown[2]
    assert isinstance(bakery.err, Tty)
