"""why: what a build would do with an image and with those below it, or when it was last built."""

from __future__ import annotations

import io
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from bakeries import Bakery, base_of, open_bakery
from fakes import Workshop, fake_session, said
from projects import Projects

from dockerutils.build import build_images
from dockerutils.build_options import BuildOptions
from dockerutils.command import Command
from dockerutils.engine import ImageFacts
from dockerutils.errors import UsageError
from dockerutils.freshness import Verdict
from dockerutils.graph import show_graph
from dockerutils.runner import Answer, ShellRunner
from dockerutils.session import Session
from dockerutils.version.file import VERSION_FILE
from dockerutils.why import age, explain_image, verdict_lines

TOWER = {
    ".dockerignore": "docker\n.dockerignore\n",
    "docker/low/Dockerfile": "FROM python:3\n",
    "docker/mid/Dockerfile": "FROM shop-low\n",
    "docker/top/Dockerfile": "FROM shop-mid\n",
}
VERSIONEER = {
    "setup.cfg": "[versioneer]\nVCS = git\n",
    "versioneer.py": "def get_versions():\n    return {'version': '7', 'error': None}\n",
}


class Asking(Workshop):
    """Builds in a moment, and really asks the project's version tool."""

    def read(self, command: Command) -> Answer:
        """Ask a process of this machine."""
        here = {"PATH": os.environ["PATH"]}
        terminal = fake_session(Path(str(command.folder)))[0].terminal
        return ShellRunner(terminal, here, Path.cwd()).read(command)


class Shop:
    """A project with an engine that builds in a moment."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.workshop = Asking()
        self.workshop.there["python:3"] = ImageFacts("p", ("p",))
        self.said = ""

    def session(self) -> Session:
        environ = {"VIRTUAL_ENV": str(Path(sys.executable).parents[1])}
        return self.workshop.serve(fake_session(self.root, environ)[0])

    def build(self, *names: str, **options: bool) -> list[str]:
        session = self.session()
        build_images(session, names, BuildOptions(jobs=1, **options))  # type: ignore[arg-type]
        return self.workshop.built()

    def why(self, image: str, as_json: bool = False) -> str:
        session = self.session()
        explain_image(session, image, as_json)
        self.said = said(session)
        assert isinstance(session.terminal.out, io.StringIO)
        return session.terminal.out.getvalue()

    def lines(self, image: str) -> list[str]:
        return self.why(image).splitlines()

    def touch(self, *images: str) -> None:
        for image in images:
            path = self.root / "docker" / image / "Dockerfile"
            path.write_text(path.read_text() + "\n")

    def lose(self, *images: str) -> None:
        for image in images:
            del self.workshop.there[f"shop-{image}:alice"]


@pytest.fixture
def tower(projects: Projects) -> Shop:
    """Three images one upon the other; all are up to date."""
    shop = Shop(projects.make(TOWER))
    shop.build("all")
    return shop


def test_an_image_that_is_up_to_date_tells_when_and_why_it_was_built(tower: Shop) -> None:
    head = "top is up to date (shop-top:alice); it was built a moment ago, because:"

    assert [head, "  shop-top:alice is not on the engine"] == tower.lines("top")


def test_a_change_is_named(tower: Shop) -> None:
    tower.touch("top")
    head = "build-image top would build shop-top:alice:"

    assert [head, "  docker/top/Dockerfile changed"] == tower.lines("top")


def test_an_image_from_elsewhere_is_refused(projects: Projects) -> None:
    config = "[run_image]\nsynthetic_images=web\n[web]\nname=nginx\nprefix=False\n"
    session, _ = fake_session(projects.images("app", config=config))

    with pytest.raises(UsageError, match="which this project does not build"):
        explain_image(session, "web", as_json=False)


# What stands below ---------------------------------------------------------------------------


def test_a_stale_image_below_is_told_of_but_is_no_reason(tower: Shop) -> None:
    tower.touch("low")
    head, *_, last = tower.lines("top")

    assert head.startswith("top is up to date")
    expected = "low, which top stands on, is not up to date: `build-image -f top` builds it first."
    assert expected == last
    assert [] == tower.build("top")
    assert ["shop-low:alice", "shop-mid:alice", "shop-top:alice"] == tower.build(
        "top", force_build_base=True
    )


def test_what_stands_above_is_not_told_of(tower: Shop) -> None:
    tower.touch("mid", "top")

    assert "stands on" not in tower.why("low")
    assert "top, which" not in tower.why("mid")


def test_a_missing_image_below_is_told_to_be_built_first(tower: Shop) -> None:
    tower.lose("low", "mid")
    told = tower.lines("top")

    assert [
        "low, which top stands on, is not on the engine: it is built first.",
        "mid, which top stands on, is not on the engine: it is built first.",
    ] == told[-2:]
    assert ["shop-low:alice", "shop-mid:alice"] == tower.build("top")[:2]


def test_a_missing_image_below_one_that_is_there_is_not_needed(tower: Shop) -> None:
    tower.lose("low")
    told = tower.why("top")

    assert "low, which top stands on, is not on the engine: `build-image -f top` builds" in told
    assert "shop-low:alice" not in tower.build("top")


def test_json_tells_of_images_below_with_their_reasons(tower: Shop) -> None:
    tower.touch("mid")
    told = json.loads(tower.why("top", as_json=True))

    reasons = ["docker/mid/Dockerfile changed"]
    expected = [{"image": "mid", "first": False, "missing": False, "reasons": reasons}]
    assert expected == told["below"]
    assert (False, "shop-top:alice") == (told["stale"], told["reference"])


# The version file ----------------------------------------------------------------------------


@pytest.fixture
def versioned(projects: Projects) -> Shop:
    """Two images of a project with a version tool; one leaves the version file out."""
    ignored = "docker\n.dockerignore\nversioneer.py\n"
    files = {
        **VERSIONEER,
        ".dockerignore": ignored,
        "docker/app/Dockerfile": "FROM python:3\nCOPY . /\n",
        "docker/tool/Dockerfile": "FROM python:3\nCOPY . /\n",
        "docker/tool/Dockerfile.dockerignore": f"{ignored}{VERSION_FILE}\n",
    }
    shop = Shop(projects.make(files))
    shop.build("all")
    return shop


def bump(shop: Shop) -> None:
    path = shop.root / "versioneer.py"
    path.write_text(path.read_text().replace("'7'", "'8'"))


REASON = f"  {VERSION_FILE} would change: version 8"


def test_a_version_that_a_build_would_write_is_a_reason_and_is_not_written(versioned: Shop) -> None:
    assert "app is up to date" in versioned.why("app")
    bump(versioned)
    before = (versioned.root / VERSION_FILE).read_bytes()

    told = versioned.lines("app")

    assert ["build-image app would build shop-app:alice:", REASON] == told
    assert before == (versioned.root / VERSION_FILE).read_bytes()
    assert versioned.said == ""
    assert ["shop-app:alice"] == versioned.build("app")
    assert "app is up to date" in versioned.why("app")


def test_a_version_file_that_is_gone_is_a_reason(versioned: Shop) -> None:
    (versioned.root / VERSION_FILE).unlink()

    assert f"  {VERSION_FILE} would change: version 7" in versioned.lines("app")


def test_an_image_that_leaves_the_version_file_out_is_up_to_date(versioned: Shop) -> None:
    bump(versioned)

    assert "tool is up to date" in versioned.why("tool")
    assert [] == versioned.build("tool")


def test_the_graph_marks_what_a_new_version_makes_stale(versioned: Shop) -> None:
    bump(versioned)
    session = versioned.session()
    show_graph(session, "json")
    assert isinstance(session.terminal.out, io.StringIO)
    stale = {row["name"]: row["stale"] for row in json.loads(session.terminal.out.getvalue())}

    assert REASON.strip() in stale["app"]
    assert [] == stale["tool"]


@pytest.mark.parametrize(
    "config", ["[versioneer]\nVCS = hg\n", "[versioneer]\nVCS = git\nstyle = unknown\n"]
)
def test_a_version_that_cannot_be_told_is_a_warning(versioned: Shop, config: str) -> None:
    (versioned.root / "setup.cfg").write_text(config)
    (versioned.root / "versioneer.py").unlink()
    told = versioned.why("app")

    assert f"warning: {VERSION_FILE} cannot be judged: " in versioned.said
    assert "would change" not in told


# Words ---------------------------------------------------------------------------------------

DAY = 86400
FRESH = Verdict("app", "shop-app:alice", stale=False, reasons=())


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "a moment"),
        (-DAY, "a moment"),
        (-1e9, "a moment"),
        (0.4, "a moment"),
        (1, "1 second"),
        (59.9, "59 seconds"),
        (60, "1 minute"),
        (7200, "2 hours"),
        (DAY - 1, "23 hours"),
        (DAY * 400, "400 days"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(seconds: float, words: str) -> None:
    assert words == age(seconds)


def test_a_build_without_a_reason_is_told_without_one() -> None:
    (line,) = verdict_lines(replace(FRESH, last_built=4e9))

    assert "app is up to date (shop-app:alice); it was built a moment ago." == line


def test_an_image_of_which_nothing_was_kept_is_just_up_to_date() -> None:
    assert ["app is up to date (shop-app:alice)."] == [*verdict_lines(FRESH)]


# Made from a virtualenv ----------------------------------------------------------------------


@pytest.fixture
def bakery(projects: Projects) -> Bakery:
    found = open_bakery(projects)
    found.build()
    return found


def why_app(bakery: Bakery) -> list[str]:
    explain_image(bakery.session(), "app", False)
    return bakery.out.getvalue().splitlines()


def test_an_image_of_a_virtualenv_is_up_to_date_too(bakery: Bakery) -> None:
    head = "app is up to date (shop-app:alice); it was built a moment ago, because:"

    assert [head, "  shop-app:alice is not on the engine"] == why_app(bakery)


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        ("src/shop.py", "x = 2\n", "src/shop.py changed"),
        ("src/new.py", "", "src/new.py added"),
        (".venv/lib/python3.11/site-packages/menu/__init__.py", "", "menu changed"),
        (".venv/lib/python3.11/site-packages/soup.py", "", "small changed"),
    ],
)
def test_what_changed_of_a_virtualenv_or_the_project_is_named(
    bakery: Bakery, path: str, text: str, reason: str
) -> None:
    bakery.change(path, text)
    head = "build-image app would build shop-app:alice:"

    assert [head, f"  {reason}"] == why_app(bakery)


def test_another_base_and_a_changed_key_are_named(bakery: Bakery) -> None:
    bakery.runner.have("python:3", base_of(Env=["A=1"]))
    assert "  python:3 changed" in why_app(bakery)

    bakery.build()
    bakery.configure('image_cmd = ["shop"]')
    assert "  image settings changed" in why_app(bakery)


def test_the_graph_has_an_image_of_a_virtualenv_with_its_state(bakery: Bakery) -> None:
    bakery.change("src/shop.py", "x = 2\n")
    show_graph(bakery.session(), "json")

    assert "src/shop.py changed" in bakery.out.getvalue()
