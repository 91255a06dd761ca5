"""What is made ready at the project's root before images are built: pip.conf, the version file."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fakes import Workshop, fake_session, said
from projects import Projects

from dockerutils.build import build_images
from dockerutils.build_options import BuildOptions
from dockerutils.command import Command
from dockerutils.dry_runner import DryRunner
from dockerutils.errors import CommandFailed, ConfigError, Interrupted
from dockerutils.images.catalogue import Catalogue
from dockerutils.images.recipe import Node
from dockerutils.images.recipes import open_graph
from dockerutils.preparation import make_copy, pip_conf
from dockerutils.runner import Answer
from dockerutils.session import Session
from dockerutils.version.git import VersionError
from dockerutils.why import explain_image

# pip.conf from its template --------------------------------------------------------------------

TEXT = "[global]\nindex-url = x\n"
EVERYTHING = "FROM scratch\nCOPY . /\nCOPY pip.conf /\n"
COPIES = {
    "docker/app/Dockerfile": "FROM scratch\nCOPY pip.conf /etc/\n",
    "pip.conf.template": TEXT,
}


@dataclass
class Watching(Workshop):
    """Notes what pip.conf holds while an image is built."""

    root: Path = Path()
    seen: list[str | None] = field(default_factory=list)
    fault: Callable[[], None] = lambda: None

    def hand_over(self, command: Command) -> int:
        copy = self.root / "pip.conf"
        self.seen.append(copy.read_text() if copy.exists() else None)
        self.fault()
        return super().hand_over(command)


def opened(projects: Projects, files: dict[str, str]) -> tuple[Session, Watching]:
    root = projects.make(files)
    watching = Watching(root=root)
    return watching.serve(fake_session(root)[0]), watching


def test_pip_conf_is_a_copy_of_its_template_only_while_images_are_built(
    projects: Projects,
) -> None:
    session, watching = opened(projects, COPIES)
    build_images(session, ("app",), BuildOptions())

    assert [TEXT] == watching.seen
    assert not (watching.root / "pip.conf").exists()
    assert "# pip.conf is a copy of pip.conf.template while images are built.\n" in said(session)


def test_pip_conf_that_comes_and_goes_is_no_change(projects: Projects) -> None:
    session, watching = opened(projects, COPIES)
    build_images(session, ("app",), BuildOptions())
    build_images(session, ("app",), BuildOptions())

    assert ["shop-app:alice"] == watching.built()


def test_pip_conf_is_gone_after_a_failure(projects: Projects) -> None:
    session, watching = opened(projects, COPIES)
    watching.statuses = {"docker build": 3}
    with pytest.raises(CommandFailed):
        build_images(session, ("app",), BuildOptions())

    assert [TEXT] == watching.seen
    assert not (watching.root / "pip.conf").exists()


@pytest.mark.parametrize("fault", [Interrupted("interrupted."), KeyboardInterrupt()])
def test_pip_conf_is_gone_after_an_interruption(projects: Projects, fault: BaseException) -> None:
    session, watching = opened(projects, COPIES)

    def interrupt() -> None:
        raise fault

    watching.fault = interrupt
    with pytest.raises(type(fault)):
        build_images(session, ("app",), BuildOptions())

    assert [TEXT] == watching.seen
    assert not (watching.root / "pip.conf").exists()


def test_a_pip_conf_that_is_there_is_never_touched(projects: Projects) -> None:
    session, watching = opened(projects, {**COPIES, "pip.conf": "mine"})
    before = (watching.root / "pip.conf").stat()
    build_images(session, ("app",), BuildOptions())

    assert ["mine"] == watching.seen
    assert "mine" == (watching.root / "pip.conf").read_text()
    assert before.st_mtime_ns == (watching.root / "pip.conf").stat().st_mtime_ns


def test_a_link_to_nowhere_is_never_touched(projects: Projects, tmp_path: Path) -> None:
    session, watching = opened(projects, COPIES)
    (watching.root / "pip.conf").symlink_to(tmp_path / "elsewhere")
    build_images(session, ("app",), BuildOptions())

    assert (watching.root / "pip.conf").is_symlink()
    assert not (tmp_path / "elsewhere").exists()


def test_the_copy_is_no_more_readable_than_its_template(projects: Projects) -> None:
    session, watching = opened(projects, COPIES)
    (watching.root / "pip.conf.template").chmod(0o600)
    modes: list[int] = []
    watching.fault = lambda: modes.append((watching.root / "pip.conf").stat().st_mode & 0o777)
    build_images(session, ("app",), BuildOptions())

    assert [0o600] == modes


@pytest.mark.parametrize(
    "line",
    [
        "COPY . /",
        "RUN --mount=type=secret,id=pip.conf x",
        "RUN --mount=id=pip.conf,type=secret,target=/etc/pip.conf x",
        "RUN --mount=type=secret,id=pip.conf PIP_CONFIG_FILE=/run/secrets/pip.conf pip install x",
        "# pip.conf is a secret",
        "RUN a \\\n    # pip.conf\n    b",
    ],
)
def test_an_image_that_does_not_take_pip_conf_from_the_root_needs_no_copy(
    projects: Projects, line: str
) -> None:
    session, watching = opened(
        projects, {**COPIES, "docker/app/Dockerfile": f"FROM scratch\n{line}\n"}
    )
    build_images(session, ("app",), BuildOptions())

    assert [None] == watching.seen


@pytest.mark.parametrize(
    "line",
    [
        "COPY pip.conf /etc/pip.conf",
        "COPY . .\nRUN mv pip.conf /etc",
        "RUN --mount=type=bind,source=pip.conf,target=/etc/pip.conf x",
    ],
)
def test_an_image_that_takes_pip_conf_from_the_root_has_a_copy(
    projects: Projects, line: str
) -> None:
    session, watching = opened(
        projects, {**COPIES, "docker/app/Dockerfile": f"FROM scratch\n{line}\n"}
    )
    build_images(session, ("app",), BuildOptions())

    assert [TEXT] == watching.seen


def test_without_a_template_there_is_no_copy(projects: Projects) -> None:
    session, watching = opened(projects, {"docker/app/Dockerfile": COPIES["docker/app/Dockerfile"]})
    build_images(session, ("app",), BuildOptions())

    assert [None] == watching.seen


def dry_script(session: Session, here: Path) -> str:
    out = io.StringIO()
    terminal = dataclasses.replace(session.terminal, out=out)
    runner = DryRunner(terminal, here)
    runner.begin()
    dry = dataclasses.replace(session, terminal=terminal, runner=runner, here=here, dry=True)
    build_images(dry, ("app",), BuildOptions())
    return out.getvalue()


@pytest.mark.parametrize("folder", [".", "src"])
def test_the_script_of_a_dry_run_copies_pip_conf_and_removes_it(
    projects: Projects, tmp_path: Path, folder: str
) -> None:
    session, watching = opened(projects, {**COPIES, "src/a.py": ""})
    here = (watching.root / folder).resolve()
    script = dry_script(session, here)
    assert not (watching.root / "pip.conf").exists()
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text("#!/bin/sh\ncp pip.conf kept\n")
    docker.chmod(0o755)
    path = f"{docker.parent}:{os.environ['PATH']}"
    subprocess.run(["sh"], input=script, text=True, check=True, env={"PATH": path})

    assert TEXT == (watching.root / "kept").read_text()
    assert not (watching.root / "pip.conf").exists()


# The version file ------------------------------------------------------------------------------

VERSIONED = {"setup.cfg": "[versioneer]\nVCS = git\nstyle = pep440\n"}
FACTS = {"version": "1.2", "full-revisionid": "0" * 40, "dirty": False, "error": None, "date": ""}


@dataclass
class Versions(Workshop):
    """Answers as the project's versioneer; without a version, as where there is no repository."""

    version: str = "1.2"
    asked: list[str] = field(default_factory=list)

    def read(self, command: Command) -> Answer:
        if command.argv[0] == "git":
            return Answer(128, "", "fatal: not a git repository")
        self.asked.append(command.argv[0])
        facts = {"versions": {**FACTS, "version": self.version}}
        return Answer(0, json.dumps(facts if self.version else {"missing": "versioneer"}), "")


def versioned(
    projects: Projects, dockerfile: str = "FROM scratch\n", version: str = "1.2", count: int = 1
) -> tuple[Session, Versions]:
    images = {f"docker/i{number}/Dockerfile": dockerfile for number in range(count)}
    versions = Versions(version=version)
    return versions.serve(fake_session(projects.make({**VERSIONED, **images}))[0]), versions


def test_the_version_file_is_there_when_images_are_built(projects: Projects) -> None:
    session, versions = versioned(projects)
    path = session.project.root / "_version.py.bld"
    seen: list[bool] = []
    versions.during = lambda _command: seen.append('"1.2"' in path.read_text())
    build_images(session, ("all",), BuildOptions())

    assert [True] == seen
    assert "# _version.py.bld is of version 1.2.\n" in said(session)


def test_the_version_is_asked_for_once_for_all_images(projects: Projects) -> None:
    session, versions = versioned(projects, count=4)
    build_images(session, ("all",), BuildOptions(jobs=4))

    assert 1 == len(versions.asked)
    assert 4 == len(versions.built())


def test_the_same_version_again_is_no_change(projects: Projects) -> None:
    session, versions = versioned(projects)
    build_images(session, ("all",), BuildOptions())
    versions.built()
    build_images(session, ("all",), BuildOptions())

    assert [] == versions.built()
    assert 1 == said(session).count("_version.py.bld is of version")


def test_another_version_builds(projects: Projects) -> None:
    session, versions = versioned(projects, "FROM scratch\nCOPY . /\n")
    build_images(session, ("all",), BuildOptions())
    versions.built()
    versions.version = "1.3"
    build_images(session, ("all",), BuildOptions())

    assert ["shop-i0:alice"] == versions.built()


def test_a_missing_version_is_a_warning_where_no_image_names_the_file(projects: Projects) -> None:
    session, versions = versioned(projects, version="")
    build_images(session, ("all",), BuildOptions())

    assert ["shop-i0:alice"] == versions.built()
    assert "# warning: no _version.py.bld was written: " in said(session)


def test_a_missing_version_stops_an_image_that_names_the_file(projects: Projects) -> None:
    session, versions = versioned(projects, "FROM scratch\nCOPY _version.py.bld /v.py\n", "")
    with pytest.raises(VersionError):
        build_images(session, ("all",), BuildOptions())

    assert [] == versions.commands


def test_a_broken_section_stops_the_build(projects: Projects) -> None:
    session, versions = versioned(projects)
    (session.project.root / "setup.cfg").write_text("[versioneer]\nVCS = hg\n")
    with pytest.raises(ConfigError):
        build_images(session, ("all",), BuildOptions())

    assert [] == versions.commands


def test_without_a_version_tool_nobody_is_asked(projects: Projects) -> None:
    session, versions = versioned(projects)
    (session.project.root / "setup.cfg").unlink()
    build_images(session, ("all",), BuildOptions())

    assert [] == versions.asked
    assert not (session.project.root / "_version.py.bld").exists()


@pytest.mark.parametrize("configured", [True, False])
def test_a_dry_run_prints_genversion_where_there_is_a_version_tool(
    projects: Projects, configured: bool
) -> None:
    files = {"docker/app/Dockerfile": "FROM scratch\n", **(VERSIONED if configured else {})}
    session, watching = opened(projects, files)
    script = dry_script(session, watching.root)

    assert configured == ("\ndockerutils genversion\ndocker build " in script)
    assert not (watching.root / "_version.py.bld").exists()


def nodes_of(session: Session) -> list[Node]:
    return [open_graph(Catalogue(session.project), session.environ).node("app")]


def test_the_last_of_two_builds_at_once_removes_pip_conf(
    projects: Projects, tmp_path: Path
) -> None:
    session, watching = opened(projects, COPIES)
    copy = watching.root / "pip.conf"
    with pip_conf(session, nodes_of(session), tmp_path / "cache"):
        with pip_conf(session, nodes_of(session), tmp_path / "cache"):
            assert copy.exists()
        assert copy.exists()

    assert not copy.exists()


def test_a_copy_that_a_killed_build_left_is_removed_by_the_next(
    projects: Projects, tmp_path: Path
) -> None:
    session, watching = opened(projects, COPIES)
    make_copy(watching.root, tmp_path)
    with pip_conf(session, nodes_of(session), tmp_path):
        assert (watching.root / "pip.conf").exists()

    assert not (watching.root / "pip.conf").exists()


def test_what_somebody_put_in_the_place_of_the_copy_stays(
    projects: Projects, tmp_path: Path
) -> None:
    session, watching = opened(projects, COPIES)
    with pip_conf(session, nodes_of(session), tmp_path):
        (watching.root / "pip.conf").write_text("mine")

    assert "mine" == (watching.root / "pip.conf").read_text()


def test_a_folder_that_cannot_be_written_does_not_keep_the_copy(
    projects: Projects, tmp_path: Path
) -> None:
    session, watching = opened(projects, COPIES)
    (tmp_path / "file").write_text("")
    with pip_conf(session, nodes_of(session), tmp_path / "file" / "cache"):
        assert (watching.root / "pip.conf").exists()

    assert not (watching.root / "pip.conf").exists()


def test_why_sees_no_change_where_the_copy_is_gone(projects: Projects) -> None:
    session, _ = opened(projects, {**COPIES, "docker/app/Dockerfile": EVERYTHING})
    build_images(session, ("app",), BuildOptions())
    explain_image(session, "app", as_json=False)

    assert "app is up to date" in session.terminal.out.getvalue()  # type: ignore[attr-defined]


def test_a_script_of_a_dry_run_removes_the_copy_whatever_happens(projects: Projects) -> None:
    root = projects.make(COPIES)
    session, _ = fake_session(root)
    out = io.StringIO()
    terminal = dataclasses.replace(session.terminal, out=out)
    dry = dataclasses.replace(
        session, terminal=terminal, dry=True, runner=DryRunner(terminal, root)
    )
    build_images(dry, ("app",), BuildOptions())
    script = out.getvalue().replace("docker build", "false")
    ended = subprocess.run(["sh"], input=script, text=True, cwd=root, capture_output=True)

    assert 1 == ended.returncode
    assert not (root / "pip.conf").exists()


def test_a_secret_mount_of_pip_conf_needs_no_copy_whatever_else_names_it(
    projects: Projects,
) -> None:
    text = (
        "FROM scratch\nCOPY . /\n"
        "RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf PIP_CONFIG_FILE=/etc/pip.conf x\n"
    )
    session, watching = opened(projects, {**COPIES, "docker/app/Dockerfile": text})
    build_images(session, ("app",), BuildOptions())

    assert [None] == watching.seen
