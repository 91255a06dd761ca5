"""The module that gets the version on a dock."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import Projects

from dockerutils.docks.sync.version_place import version_module

VERSIONEER = "[versioneer]\nVCS = git\nversionfile_source = {}\n"


@pytest.mark.parametrize(
    ("file", "text", "place"),
    [
        ("setup.cfg", VERSIONEER.format("src/shop/_version.py"), "src/shop/_version.py"),
        ("setup.cfg", VERSIONEER.format("./shop//_version.py"), "shop/_version.py"),
        ("setup.cfg", VERSIONEER.format("/etc/passwd"), ""),
        ("setup.cfg", VERSIONEER.format("../../x"), ""),
        ("setup.cfg", VERSIONEER.format(".git/hooks/x"), ""),
        ("setup.cfg", VERSIONEER.format(""), ""),
        ("setup.cfg", "[metadata]\n", ""),
        ("pyproject.toml", '[tool.versioneer]\nVCS = "git"\nversionfile_source = "a.py"\n', "a.py"),
        ("pyproject.toml", '[tool.setuptools_scm]\nversion_file = "s/_v.py"\n', "s/_v.py"),
        ("pyproject.toml", '[tool.setuptools_scm]\nwrite_to = "s/_v.py"\n', "s/_v.py"),
        ("pyproject.toml", "[tool.setuptools_scm]\nversion_file = 3\n", ""),
        (
            "pyproject.toml",
            (
                '[tool.hatch.version]\nsource = "vcs"\n'
                '[tool.hatch.build.hooks.vcs]\nversion-file = "h/_v.py"\n'
            ),
            "h/_v.py",
        ),
        ("README.md", "", ""),
    ],
)
def test_a_tool_s_settings_name_the_module(
    projects: Projects, file: str, text: str, place: str
) -> None:
    root: Path = projects.make({file: text})

    assert place == version_module(root)
