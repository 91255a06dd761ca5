"""The version file: right for every state of a repository, and the same as the tools' own.

Repositories are real. The tests marked `real` ask the true versioneer, setuptools-scm and
hatch-vcs, installed from the package index into a virtualenv of their own.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from projects import Projects

from dockerutils.command import Command
from dockerutils.errors import ConfigError, EngineError
from dockerutils.runner import Answer, ShellRunner
from dockerutils.terminal import Terminal
from dockerutils.version.file import (
    VERSION_FILE,
    VersionText,
    interpreters,
    refresh_version_file,
    render_version,
    upcoming_version,
    write_version_file,
)
from dockerutils.version.git import STYLES, Reader, VersionError, describe, version_facts
from dockerutils.version.source import version_source

VERSIONEER_CFG = """\
[versioneer]
VCS = git
style = pep440
versionfile_source = shop/_version.py
versionfile_build = shop/_version.py
tag_prefix = v
parentdir_prefix = shop-
"""
SETUP_PY = """\
import versioneer
from setuptools import setup

setup(
    name="shop",
    version=versioneer.get_version(),
    cmdclass=versioneer.get_cmdclass(),
    packages=["shop"],
)
"""
SCM_TOML = """\
[build-system]
requires = ["setuptools>=61", "setuptools-scm>=8"]
build-backend = "setuptools.build_meta"

[project]
name = "shop"
dynamic = ["version"]

[tool.setuptools_scm]
version_file = "shop/_version.py"
"""
HATCH_TOML = """\
[build-system]
requires = ["hatchling", "hatch-vcs"]
build-backend = "hatchling.build"

[project]
name = "shop"
dynamic = ["version"]

[tool.hatch.version]
source = "vcs"

[tool.hatch.build.hooks.vcs]
version-file = "shop/_version.py"
"""
PACKAGE = {"shop/__init__.py": "", "shop/main.py": "print('hello')\n"}
STATES = (
    "tagged",
    "ahead",
    "dirty",
    "ahead and dirty",
    "untagged",
    "shallow",
    "shallow at a tag",
    "worktree",
    "detached",
    "submodule",
    "below",
)

STUB = "def get_versions():\n    return {'version': '7', 'error': None}\n"

Files = Mapping[str, str]


class Git:
    """Makes repositories, with no setting of the developer's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CEILING_DIRECTORIES": str(folder),
        }

    def __call__(self, root: Path, *words: str) -> str:
        own = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "tag.gpgSign=false")
        file = ("-c", "protocol.file.allow=always")
        done = subprocess.run(
            ["git", *own, *file, *words], cwd=root, env=self.environ, capture_output=True, text=True
        )
        assert not done.returncode, done.stderr
        return done.stdout

    def commit(self, root: Path) -> None:
        self(root, "add", "--all")
        self(root, "commit", "--quiet", "--allow-empty", "--message", "a change")

    def repository(self, files: Files, *tags: str) -> Path:
        """Make a repository of two commits; the tags stand at the second."""
        root = Projects(self.folder).make(files)
        self(root, "init", "--quiet", "--initial-branch=master")
        self.commit(root)
        self.commit(root)
        for tag in tags:
            self(root, "tag", tag)
        return root

    def state(self, name: str, files: Files) -> Path:
        """Make a repository in one of the `STATES`; gives the root of the project in it."""
        if name == "below":
            within = {f"services/shop/{path}": text for path, text in files.items()}
            return self.repository(within, "v1.2.0") / "services" / "shop"
        root = self.repository(files, *([] if name == "untagged" else ["v1.2.0"]))
        if name in ("ahead", "ahead and dirty", "shallow", "worktree", "detached"):
            self.commit(root)
        if "dirty" in name:
            (root / "shop" / "main.py").write_text("print('changed')\n")
        elsewhere = self.folder / name.replace(" ", "-")
        if name.startswith("shallow"):
            self(self.folder, "clone", "--quiet", "--depth=1", f"file://{root}", str(elsewhere))
        elif name == "worktree":
            self(root, "worktree", "add", "--quiet", "-b", "other", str(elsewhere))
        elif name == "detached":
            self(root, "checkout", "--quiet", "--detach")
        elif name == "submodule":
            whole = self.folder / "whole"
            whole.mkdir()
            self(whole, "init", "--quiet")
            self(whole, "submodule", "--quiet", "add", str(root), "shop")
            return whole / "shop"
        return elsewhere if elsewhere.exists() else root

    def reader(self, **more: str) -> Reader:
        terminal = Terminal(io.StringIO(), io.StringIO())
        return ShellRunner(terminal, {**self.environ, **more}, self.folder).read


@pytest.fixture
def git(tmp_path: Path) -> Git:
    return Git(tmp_path)


def rendered(git: Git, root: Path, *pythons: str) -> VersionText:
    source = version_source(root)
    assert source
    return render_version(source, git.reader(), pythons)


def defined(text: str) -> dict[str, Any]:
    """Give what a module with this text defines."""
    names: dict[str, Any] = {}
    exec(text, names)
    return names


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def fingerprint(folder: Path) -> dict[str, str]:
    """Give every file below a folder with what identifies its content."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# Which tool ---------------------------------------------------------------------------------

REQUIRES = '[build-system]\nrequires = ["{}"]\n'


@pytest.mark.parametrize(
    ("tool", "files"),
    [
        ("versioneer", {"setup.cfg": VERSIONEER_CFG}),
        ("versioneer", {"pyproject.toml": '[tool.versioneer]\nVCS = "git"\n'}),
        ("versioneer", {"setup.cfg": VERSIONEER_CFG, "pyproject.toml": SCM_TOML}),
        ("setuptools-scm", {"pyproject.toml": "[tool.setuptools_scm]\n"}),
        ("setuptools-scm", {"pyproject.toml": REQUIRES.format("setuptools_scm[toml]>=6.2")}),
        ("setuptools-scm", {"pyproject.toml": REQUIRES.format("Setuptools-SCM ; x == 'y'")}),
        ("hatch-vcs", {"pyproject.toml": '[tool.hatch.version]\nsource = "vcs"\n'}),
        ("hatch-vcs", {"pyproject.toml": REQUIRES.format("hatch-vcs")}),
    ],
)
def test_the_tool_is_read_from_the_project_s_files(
    projects: Projects, tool: str, files: Files
) -> None:
    source = version_source(projects.make(files))

    assert source
    assert tool == source.tool


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"setup.cfg": "[metadata]\nname = shop\n# [versioneer] was here\n"},
        {"setup.cfg": "this is broken, but none of ours"},
        {"pyproject.toml": "this is not TOML, but none of ours"},
        {"pyproject.toml": '[project]\nname = "shop-vcs"\nversion = "1.0"\n'},
        {"pyproject.toml": '[tool.hatch.version]\npath = "shop/vcs.py"\n'},
        {"pyproject.toml": '[project]\nversion="1"\n' + REQUIRES.format("setuptools-scm")},
        {"pyproject.toml": '[tool.black]\nextend-exclude = "versioneer.py"\n'},
    ],
)
def test_a_project_without_a_version_tool_gets_no_file(projects: Projects, files: Files) -> None:
    root = projects.make(files)

    assert refresh_version_file(root, {}, nobody) is None
    assert not (root / VERSION_FILE).exists()


def nobody(command: Command) -> Answer:
    pytest.fail(f"asked without need: {command}")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"setup.cfg": "[versioneer]\nstyle = pep440\n"}, "setup.cfg: .* no `VCS = git`"),
        ({"setup.cfg": "[versioneer]\nVCS = hg\n"}, "setup.cfg: .* no `VCS = git`"),
        ({"setup.cfg": "[versioneer]\nVCS\n"}, "setup.cfg cannot be understood"),
        ({"setup.cfg": "[versioneer]\nVCS = git\xff\n".encode("latin-1")}, "setup.cfg is no UTF-8"),
        ({"pyproject.toml": "[tool.versioneer\n"}, "pyproject.toml is no valid TOML"),
    ],
)
def test_a_broken_configuration_is_told_with_its_file(
    projects: Projects, files: Mapping[str, str | bytes], words: str
) -> None:
    root = projects.make(files)

    with pytest.raises(ConfigError, match=words):
        version_source(root)


def test_an_unknown_style_is_told_with_the_known_ones(git: Git) -> None:
    root = git.repository({"setup.cfg": VERSIONEER_CFG.replace("pep440", "pep404")})

    with pytest.raises(ConfigError, match="no style 'pep404'") as caught:
        rendered(git, root)
    assert "pep440-post" in caught.value.hint


def test_options_in_a_program_are_told_to_be_unread(projects: Projects) -> None:
    root = projects.make(
        {
            "pyproject.toml": REQUIRES.format("setuptools-scm"),
            "setup.py": "from setuptools import setup\nsetup(use_scm_version={'root': '..'})\n",
        }
    )
    source = version_source(root)

    assert source
    (warning,) = source.warnings
    assert "[tool.setuptools_scm]" in warning


def test_the_active_virtualenv_is_asked_before_the_project_s_and_the_path_s(tmp_path: Path) -> None:
    pythons = [tmp_path / place / "bin" / "python" for place in ("active", "shop/.venv")]
    on_path = tmp_path / "path" / "python3"
    for python in (*pythons, on_path):
        python.parent.mkdir(parents=True)
        python.touch(mode=0o755)
    environ = {"VIRTUAL_ENV": str(tmp_path / "active"), "PATH": str(tmp_path / "path")}

    expected = tuple(str(python) for python in (*pythons, on_path, sys.executable))
    assert expected == interpreters(tmp_path / "shop", environ)
    assert (sys.executable,) == interpreters(tmp_path / "none", {"PATH": "/nowhere"})


# versioneer's rules, by git alone -------------------------------------------------------------

HEX = "g[0-9a-f]{7,}"


@pytest.mark.parametrize(
    ("state", "version"),
    [
        ("tagged", r"1\.2\.0"),
        ("ahead", rf"1\.2\.0\+1\.{HEX}"),
        ("dirty", rf"1\.2\.0\+0\.{HEX}\.dirty"),
        ("ahead and dirty", rf"1\.2\.0\+1\.{HEX}\.dirty"),
        ("untagged", rf"0\+untagged\.2\.{HEX}"),
        ("shallow", rf"0\+untagged\.1\.{HEX}"),
        ("shallow at a tag", r"1\.2\.0"),
        ("worktree", rf"1\.2\.0\+1\.{HEX}"),
        ("detached", rf"1\.2\.0\+1\.{HEX}"),
        ("submodule", r"1\.2\.0"),
        ("below", r"1\.2\.0"),
    ],
)
def test_the_version_is_right_without_versioneer(git: Git, state: str, version: str) -> None:
    root = git.state(state, {"setup.cfg": VERSIONEER_CFG, **PACKAGE})
    found = rendered(git, root)
    facts = defined(found.text)["get_versions"]()

    assert re.fullmatch(version, found.version)
    assert found.version == facts["version"]
    assert git(root, "rev-parse", "HEAD").strip() == facts["full-revisionid"]
    assert ("dirty" in state) == facts["dirty"]
    assert facts["error"] is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}", facts["date"])


@pytest.mark.parametrize(
    ("state", "warned"),
    [("shallow", True), ("shallow at a tag", False), ("untagged", False), ("ahead", False)],
)
def test_only_a_shallow_clone_without_its_tag_is_warned_of(
    git: Git, state: str, warned: bool
) -> None:
    root = git.state(state, {"setup.cfg": VERSIONEER_CFG, **PACKAGE})
    warnings = rendered(git, root).warnings

    assert warned == any("git fetch --unshallow --tags" in text for text in warnings)


def test_tags_of_another_prefix_do_not_count(git: Git) -> None:
    root = git.repository({"setup.cfg": VERSIONEER_CFG}, "v0.9")
    git.commit(root)
    for tag in ("client-3.0", "vnext"):
        git(root, "tag", tag)

    assert re.fullmatch(rf"0\.9\+1\.{HEX}", rendered(git, root).version)


def test_a_tag_with_hyphens_and_a_local_part_is_kept_whole(git: Git) -> None:
    root = git.repository({"setup.cfg": VERSIONEER_CFG}, "v1.0-rc-1+site")
    git.commit(root)

    assert re.fullmatch(rf"1\.0-rc-1\+site\.1\.{HEX}", rendered(git, root).version)


def test_an_unpacked_archive_has_the_version_of_its_folder(git: Git, projects: Projects) -> None:
    root = projects.make({"setup.cfg": VERSIONEER_CFG}, "shop-1.4")
    found = rendered(git, root)

    assert found.version == "1.4"
    assert defined(found.text)["get_versions"]()["full-revisionid"] is None


def test_asking_leaves_the_repository_and_the_project_as_they_are(git: Git) -> None:
    root = git.repository({"setup.cfg": VERSIONEER_CFG, "versioneer.py": STUB, **PACKAGE}, "v1")
    os.utime(root / "shop" / "main.py", (0, 0))  # git would like to note that in its index
    before = fingerprint(root)

    assert rendered(git, root).version == "1"
    assert rendered(git, root, sys.executable).version == "7"
    assert before == fingerprint(root)


# versioneer in the project --------------------------------------------------------------------


def test_what_the_project_s_versioneer_prints_is_no_part_of_its_answer(git: Git) -> None:
    noisy = "import os\nprint('hello')\nos.system('echo hello')\n"
    root = git.repository({"setup.cfg": VERSIONEER_CFG, "versioneer.py": noisy + STUB})

    assert rendered(git, root, sys.executable).version == "7"


def test_modules_of_the_project_do_not_stand_before_libraries(git: Git) -> None:
    stub = "import string\ndef get_versions():\n    return {'version': string.digits[7]}\n"
    files = {"versioneer.py": stub, "string.py": "raise SystemExit(3)\n", "json.py": "oops"}
    root = git.repository({"setup.cfg": VERSIONEER_CFG, **files})

    assert rendered(git, root, sys.executable).version == "7"


@pytest.mark.parametrize(
    ("stub", "words"),
    [
        ("def get_versions():\n    raise AssertionError('please set it.')\n", "please set it"),
        ("def get_versions(:\n", "SyntaxError"),
        ("raise SystemExit(3)\n", "ended with status 3"),
    ],
)
def test_a_versioneer_that_does_not_run_is_stood_in_for(git: Git, stub: str, words: str) -> None:
    root = git.repository({"setup.cfg": VERSIONEER_CFG, "versioneer.py": stub}, "v1.2")
    found = rendered(git, root, sys.executable)

    assert found.version == "1.2"
    (warning,) = found.warnings
    assert words in warning


def test_an_old_versioneer_runs_in_a_python_that_dropped_its_parser(
    git: Git, tmp_path: Path
) -> None:
    stub = (
        "import configparser\n"
        "def get_versions():\n"
        "    parser = configparser.SafeConfigParser()\n"
        "    with open('setup.cfg') as file:\n"
        "        parser.readfp(file)\n"
        "    return {'version': parser.get('versioneer', 'tag_prefix') + '7'}\n"
    )
    root = git.repository({"setup.cfg": VERSIONEER_CFG, "versioneer.py": stub})
    (tmp_path / "sitecustomize.py").write_text(
        "import configparser\n"
        "vars(configparser).pop('SafeConfigParser', None)\n"
        "if hasattr(configparser.RawConfigParser, 'readfp'):\n"
        "    del configparser.RawConfigParser.readfp\n"
    )
    new = python_with(tmp_path / "python", f"PYTHONPATH={tmp_path}")

    assert rendered(git, root, new).version == "v7"


def python_with(path: Path, variables: str, options: str = "") -> str:
    """Make an interpreter that starts with these variables and options."""
    path.write_text(f'#!/bin/sh\n{variables} exec {sys.executable} {options} "$@"\n')
    path.chmod(0o755)
    return str(path)


def test_the_next_interpreter_is_asked_where_the_first_lacks_the_tool(
    git: Git, tmp_path: Path
) -> None:
    root = git.repository({"setup.cfg": VERSIONEER_CFG})
    library = tmp_path / "library"
    library.mkdir()
    (library / "versioneer.py").write_text(STUB)
    second = python_with(tmp_path / "python", f"PYTHONPATH={library}")

    assert rendered(git, root, sys.executable, second).version == "7"


def test_a_version_that_would_end_the_text_is_refused(git: Git) -> None:
    root = git.repository({"setup.cfg": VERSIONEER_CFG}, "v1'''+exit()+'''")

    with pytest.raises(VersionError, match="cannot stand in a version file"):
        rendered(git, root)


# Where there is no version --------------------------------------------------------------------

TOOLS = pytest.mark.parametrize(
    "files",
    [{"setup.cfg": VERSIONEER_CFG}, {"setup.cfg": VERSIONEER_CFG, "versioneer.py": "oops("}],
)


@TOOLS
def test_a_project_outside_git_is_told_so(git: Git, projects: Projects, files: Files) -> None:
    root = projects.make(files)

    with pytest.raises(VersionError, match="it is in no git repository") as caught:
        rendered(git, root, sys.executable)
    assert "clone" in caught.value.hint


def test_a_repository_without_a_commit_is_told_so(git: Git, projects: Projects) -> None:
    root = projects.make({"setup.cfg": VERSIONEER_CFG})
    git(root, "init", "--quiet")

    with pytest.raises(VersionError, match="has no commit yet"):
        rendered(git, root)


def test_a_worktree_whose_repository_is_gone_is_told_so(git: Git, tmp_path: Path) -> None:
    root = git.state("worktree", {"setup.cfg": VERSIONEER_CFG})
    (tmp_path / "shop").rename(tmp_path / "moved")

    with pytest.raises(VersionError, match=f"{root}/.git names a repository that is not there"):
        rendered(git, root)


def test_git_s_advice_about_another_s_repository_is_passed_on(git: Git) -> None:
    root = git.repository({"setup.cfg": VERSIONEER_CFG}, "v1.2")
    source = version_source(root)
    assert source

    with pytest.raises(VersionError, match="belongs to another user") as caught:
        render_version(source, git.reader(GIT_TEST_ASSUME_DIFFERENT_OWNER="1"), ())
    assert f"git config --global --add safe.directory {root}" in caught.value.hint


def test_a_machine_without_git_is_told_to_get_it(git: Git) -> None:
    root = git.repository({"setup.cfg": VERSIONEER_CFG}, "v1.2")
    source = version_source(root)
    assert source
    terminal = Terminal(io.StringIO(), io.StringIO())
    reader = ShellRunner(terminal, {"PATH": "/nowhere"}, root).read

    with pytest.raises(EngineError, match="git was not found") as caught:
        render_version(source, reader, ())
    assert "Install git" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "package"), [(SCM_TOML, "setuptools-scm"), (HATCH_TOML, "hatchling hatch-vcs")]
)
def test_a_missing_tool_is_told_with_what_to_install(git: Git, text: str, package: str) -> None:
    root = git.repository({"pyproject.toml": text}, "v1.2")
    bare = python_with(root.parent / "python", "", "-I -S")  # without anybody's libraries

    with pytest.raises(VersionError, match=f"none of these has it: {bare}") as caught:
        rendered(git, root, bare)
    assert f"pip install {package}`" in caught.value.hint


# Writing --------------------------------------------------------------------------------------


def test_the_file_is_written_only_when_its_content_changes(tmp_path: Path) -> None:
    target = tmp_path / VERSION_FILE

    assert write_version_file(tmp_path, "version = 1\n")
    before = target.stat()
    assert not write_version_file(tmp_path, "version = 1\n")
    after = target.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert write_version_file(tmp_path, "version = 2\n")
    assert target.read_text() == "version = 2\n"


def test_the_file_can_be_read_by_every_user_of_an_image_and_stands_alone(tmp_path: Path) -> None:
    write_version_file(tmp_path, "version = 1\n")

    assert {VERSION_FILE} == names_in(tmp_path)
    assert (tmp_path / VERSION_FILE).stat().st_mode & 0o777 == 0o644


def test_a_file_that_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / VERSION_FILE).mkdir()

    with pytest.raises(VersionError, match=f"{VERSION_FILE} cannot be written: Is a directory"):
        write_version_file(tmp_path, "version = 1\n")
    assert {VERSION_FILE} == names_in(tmp_path)


def test_a_write_that_fails_in_the_middle_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_self: Path, _target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)

    with pytest.raises(VersionError, match="cannot be written: No space left on device"):
        write_version_file(tmp_path, "version = 1\n")
    assert set() == names_in(tmp_path)


def test_the_file_itself_makes_nothing_dirty(git: Git) -> None:
    root = git.repository({"setup.cfg": VERSIONEER_CFG}, "v1.2")
    found = [refresh_version_file(root, git.environ, git.reader()) for _ in range(2)]

    assert ["1.2", "1.2"] == [one.version for one in found if one]


def test_a_second_build_of_the_same_state_leaves_the_file_alone(git: Git) -> None:
    root = git.state("dirty", {"setup.cfg": VERSIONEER_CFG, **PACKAGE})
    first = refresh_version_file(root, git.environ, git.reader())
    second = refresh_version_file(root, git.environ, git.reader())

    assert first
    assert second
    assert first.changed
    assert not second.changed
    assert first.version == second.version


def test_the_upcoming_version_is_told_only_where_a_refresh_would_write_and_nothing_is_written(
    git: Git,
) -> None:
    root = git.repository({"setup.cfg": VERSIONEER_CFG}, "v1.2")

    def upcoming() -> str | None:
        before = fingerprint(root)
        found = upcoming_version(root, git.environ, git.reader())
        assert before == fingerprint(root)
        return found

    assert upcoming() == "1.2"
    refresh_version_file(root, git.environ, git.reader())
    assert upcoming() is None
    git(root, "tag", "v1.3")
    git(root, "tag", "--delete", "v1.2")
    assert upcoming() == "1.3"


def test_without_a_version_tool_nobody_is_asked_for_an_upcoming_version(projects: Projects) -> None:
    assert upcoming_version(projects.make({}), {}, nobody) is None


# The tools themselves -------------------------------------------------------------------------


@pytest.fixture(scope="session")
def tools(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The interpreter of a virtualenv with versioneer, setuptools-scm and hatch-vcs."""
    folder = tmp_path_factory.mktemp("tools")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    packages = ("setuptools", "versioneer", "setuptools-scm", "hatchling", "hatch-vcs", "wheel")
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", *packages], capture_output=True, text=True
    )
    if done.returncode:
        what = f"the version tools cannot be installed: {done.stderr.strip()}"
        if request.config.getoption("--require-real"):
            pytest.fail(what)
        pytest.skip(what)
    return python


def output(git: Git, root: Path, *words: str) -> str:
    done = subprocess.run(words, cwd=root, env=git.environ, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return done.stdout


def versioneered(git: Git, tools: str) -> Files:
    """The files of a project after `versioneer install --vendor`."""
    root = git.repository({"setup.cfg": VERSIONEER_CFG, "setup.py": SETUP_PY, **PACKAGE})
    output(git, root, tools, "-m", "versioneer", "install", "--vendor")
    names = ("versioneer.py", "setup.cfg", "setup.py", "shop/__init__.py", "shop/_version.py")
    files = {name: (root / name).read_text() for name in names}
    root.rename(root.with_name("first"))
    return {**files, "shop/main.py": "", ".gitattributes": "shop/_version.py export-subst\n"}


TOOL_SAYS = "import json, versioneer; print(json.dumps(versioneer.get_versions()))"
RENDERINGS = """
import json, sys, versioneer
pieces = versioneer.git_pieces_from_vcs("v", ".", False)
print(json.dumps({style: versioneer.render(pieces, style) for style in sys.argv[1:]}))
"""


@pytest.mark.real
@pytest.mark.parametrize("state", STATES)
def test_the_file_says_what_the_project_s_versioneer_says(git: Git, tools: str, state: str) -> None:
    root = git.state(state, versioneered(git, tools))
    expected = json.loads(output(git, root, tools, "-B", "-c", TOOL_SAYS))
    found = rendered(git, root, tools)

    assert expected == defined(found.text)["get_versions"]()
    assert expected["version"] == found.version


@pytest.mark.real
@pytest.mark.parametrize("state", STATES)
def test_our_rules_are_versioneer_s_in_every_style(git: Git, tools: str, state: str) -> None:
    root = git.state(state, PACKAGE)
    expected = json.loads(output(git, root, tools, "-c", RENDERINGS, *STYLES))
    settings = {"tag_prefix": "v", "parentdir_prefix": ""}
    found = {
        style: version_facts(root, git.reader(), {**settings, "style": style}) for style in STYLES
    }

    assert expected == found


@pytest.mark.real
@pytest.mark.parametrize("tag", ["v1.0.post2", "v1.0+site", "v1.0-rc-1"])
def test_our_rules_are_versioneer_s_for_unusual_tags(git: Git, tools: str, tag: str) -> None:
    root = git.repository(PACKAGE, tag)
    git.commit(root)
    expected = json.loads(output(git, root, tools, "-c", RENDERINGS, *STYLES))
    commit = describe(root, git.reader(), "v", branch=True)

    assert commit
    assert {style: facts["version"] for style, facts in expected.items()} == {
        style: render(commit) for style, render in STYLES.items()
    }


@pytest.mark.real
def test_versioneer_reads_the_file_back_where_there_is_no_repository(
    git: Git, tools: str, projects: Projects
) -> None:
    files = versioneered(git, tools)
    text = rendered(git, git.state("dirty", files), tools).text
    image = projects.make({**files, "shop/_version.py": text}, "image")

    expected = defined(text)["get_versions"]()["version"]
    assert expected.endswith(".dirty")
    assert expected == output(git, image, tools, "setup.py", "--version").split()[-1]


@pytest.mark.real
@pytest.mark.parametrize("state", [state for state in STATES if state != "below"])
def test_the_file_is_the_one_that_setuptools_scm_writes(git: Git, tools: str, state: str) -> None:
    root = git.state(state, {"pyproject.toml": SCM_TOML, ".gitignore": "_version.py\n", **PACKAGE})
    found = rendered(git, root, tools)
    assert not (root / "shop" / "_version.py").exists()
    words = ("-m", "setuptools_scm", "--force-write-version-files")
    said = output(git, root, tools, *words).strip()

    assert said == found.version
    assert said == defined(found.text)["__version__"]
    assert (root / "shop" / "_version.py").read_text() == found.text


@pytest.mark.real
def test_a_template_of_the_project_s_own_is_followed(git: Git, tools: str) -> None:
    template = "version_file_template = \"HERE = '{version}'\\n\"\n"
    root = git.repository({"pyproject.toml": SCM_TOML + template, **PACKAGE}, "v1.2.0")

    assert rendered(git, root, tools).text == "HERE = '1.2.0'\n"


@pytest.mark.real
def test_setuptools_scm_named_only_as_a_requirement_is_asked(git: Git, tools: str) -> None:
    text = SCM_TOML.partition("[tool.setuptools_scm]")[0]
    root = git.repository({"pyproject.toml": text, **PACKAGE}, "v1.2.0")
    names = defined(rendered(git, root, tools).text)

    expected = {"__version__": "1.2.0", "version": "1.2.0"}
    expected_tuple = (1, 2, 0)
    assert expected == {name: names[name] for name in expected}
    assert expected_tuple == names["version_tuple"] == names["__version_tuple__"]
    assert git(root, "rev-parse", "HEAD").startswith(names["commit_id"].removeprefix("g"))


@pytest.mark.real
@pytest.mark.parametrize("state", [state for state in STATES if state != "below"])
def test_the_file_is_the_one_that_hatch_vcs_packs(git: Git, tools: str, state: str) -> None:
    files = {"pyproject.toml": HATCH_TOML, ".gitignore": "_version.py\ndist\n", **PACKAGE}
    root = git.state(state, files)
    found = rendered(git, root, tools)
    said = output(git, root, tools, "-m", "hatchling", "version").strip()
    output(git, root, tools, "-m", "hatchling", "build", "--target", "wheel")
    (wheel,) = (root / "dist").glob("*.whl")

    assert said == found.version
    assert zipfile.ZipFile(wheel).read("shop/_version.py").decode() == found.text


@pytest.mark.real
@pytest.mark.parametrize("text", [SCM_TOML, HATCH_TOML])
def test_where_the_tool_fails_git_s_reason_is_told(
    git: Git, tools: str, projects: Projects, text: str
) -> None:
    root = projects.make({"pyproject.toml": text, **PACKAGE})

    with pytest.raises(VersionError, match="it is in no git repository"):
        rendered(git, root, tools)


@pytest.mark.real
@pytest.mark.parametrize(
    ("text", "table"),
    [(SCM_TOML, "[tool.setuptools_scm]"), (HATCH_TOML, "[tool.hatch.version.raw-options]")],
)
def test_below_a_repository_the_tool_is_shown_the_way(
    git: Git, tools: str, text: str, table: str
) -> None:
    root = git.state("below", {"pyproject.toml": text, **PACKAGE})

    with pytest.raises(VersionError, match=r"not known: .* says: LookupError") as caught:
        rendered(git, root, tools)
    line = 'root = "../.."'
    assert f"set `{line}` in {table}." in caught.value.hint
    other = text if table in text else f"{text}\n{table}\n"
    (root / "pyproject.toml").write_text(other.replace(table, f"{table}\n{line}"))
    git.commit(root)
    git(root, "tag", "v1.3.0")
    assert rendered(git, root, tools).version == "1.3.0"


@pytest.mark.real
@pytest.mark.parametrize("text", [SCM_TOML, HATCH_TOML])
def test_what_the_tool_says_is_told_where_git_is_well(git: Git, tools: str, text: str) -> None:
    root = git.repository({"pyproject.toml": text, **PACKAGE}, "v1.2")
    broken = text.replace("_version.py", "_version.cobol")
    (root / "pyproject.toml").write_text(broken)

    with pytest.raises(VersionError, match="says: ValueError: bad file format") as caught:
        rendered(git, root, tools)
    assert "in that folder says more" in caught.value.hint
