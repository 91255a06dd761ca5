"""What is known of a virtualenv without starting its Python, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from virtualenvs import VERSION, make_interpreter, make_virtualenv, real_virtualenv

from dockerutils.errors import ProjectError
from dockerutils.venv.environment import open_virtualenv

OWN = (int(VERSION.split(".")[0]), int(VERSION.split(".")[1]))


def test_a_virtualenv_tells_its_version_and_where_its_packages_are(tmp_path: Path) -> None:
    made = make_virtualenv(tmp_path / "venv", "3.12")

    found = open_virtualenv(made.root)

    assert (3, 12) == found.version
    assert ("lib/python3.12/site-packages",) == found.site_packages
    assert tmp_path / "venv" == found.root
    assert tmp_path / "base" / "bin" / "python3.12" == found.interpreter
    assert tmp_path / "base" / "bin" == found.home
    assert not found.system_site


def test_lib64_may_be_a_folder_of_its_own(tmp_path: Path) -> None:
    made = make_virtualenv(tmp_path / "venv")
    (made.root / "lib64").unlink()
    (made.root / "lib64" / "python3.11" / "site-packages").mkdir(parents=True)

    assert ("lib/python3.11/site-packages", "lib64/python3.11/site-packages") == (
        open_virtualenv(made.root).site_packages
    )


@pytest.mark.parametrize(
    ("settings", "maker"),
    [("", "venv"), ("uv = 0.8.3\n", "uv"), ("virtualenv = 20.31.2\n", "virtualenv")],
)
def test_pyvenv_cfg_tells_who_made_it(tmp_path: Path, settings: str, maker: str) -> None:
    made = make_virtualenv(tmp_path / "venv", settings=settings)

    assert maker == open_virtualenv(made.root).maker


@pytest.mark.parametrize("version", ["version_info = 3.11.2\n", "version_info = 3.11.7.final.0\n"])
def test_the_version_of_uv_and_virtualenv_is_understood(tmp_path: Path, version: str) -> None:
    made = make_virtualenv(tmp_path / "venv")
    home = tmp_path / "base" / "bin"
    (made.root / "pyvenv.cfg").write_text(f"home = {home}\nimplementation = CPython\n{version}")

    assert (3, 11) == open_virtualenv(made.root).version


def test_packages_of_the_interpreter_may_be_seen(tmp_path: Path) -> None:
    made = make_virtualenv(tmp_path / "venv", settings="include-system-site-packages = true\n")

    assert open_virtualenv(made.root).system_site


def test_the_interpreter_is_the_end_of_a_chain_of_links(tmp_path: Path) -> None:
    real = make_interpreter(tmp_path / "opt", "3.11")
    made = make_virtualenv(tmp_path / "venv", interpreter=tmp_path / "python3")
    (tmp_path / "python3").symlink_to(real)

    assert real == open_virtualenv(made.root).interpreter


def test_the_folder_may_be_a_link_and_keeps_its_name(tmp_path: Path) -> None:
    make_virtualenv(tmp_path / "venv")
    (tmp_path / ".venv").symlink_to("venv")

    assert tmp_path / ".venv" == open_virtualenv(tmp_path / ".venv").root


@pytest.mark.parametrize("options", [(), ("--copies",), ("--symlinks",)])
def test_what_venv_makes_is_understood(tmp_path: Path, options: tuple[str, ...]) -> None:
    made = real_virtualenv(tmp_path / "venv", *options)

    found = open_virtualenv(made.root)

    assert OWN == found.version
    assert (made.inside,) == found.site_packages
    assert "venv" == found.maker
    assert found.interpreter.is_file()
    assert not found.interpreter.is_relative_to(made.root)


def test_a_copied_interpreter_whose_original_is_gone_is_broken(tmp_path: Path) -> None:
    made = make_virtualenv(tmp_path / "venv")
    (made.root / "bin" / "python").unlink()
    make_interpreter(made.root / "bin", "3.11x").rename(made.root / "bin" / "python")
    (tmp_path / "base" / "bin" / "python3.11").unlink()

    assert "the one in" in refused(made.root)


def refused(folder: Path) -> str:
    """Give what is said of a folder that is refused; a way out belongs to it."""
    with pytest.raises(ProjectError) as caught:
        open_virtualenv(folder)
    assert caught.value.hint
    return caught.value.message


def test_an_interpreter_that_is_gone_is_named(tmp_path: Path) -> None:
    made = make_virtualenv(tmp_path / "venv")
    (tmp_path / "base" / "bin" / "python3.11").unlink()

    message = refused(made.root)

    assert "bin/python3.11 leads to" in message
    assert str(tmp_path / "base" / "bin" / "python3.11") in message


def test_an_interpreter_that_became_another_version_is_named(tmp_path: Path) -> None:
    newer = make_interpreter(tmp_path / "opt", "3.12")
    made = make_virtualenv(tmp_path / "venv", "3.11", interpreter=newer)

    assert "made for Python 3.11, and its interpreter is now" in refused(made.root)


def test_a_virtualenv_without_any_python_is_broken(tmp_path: Path) -> None:
    made = make_virtualenv(tmp_path / "venv")
    for path in (made.root / "bin").iterdir():
        path.unlink()

    assert "no bin/python" in refused(made.root)


def test_a_virtualenv_without_site_packages_is_broken(tmp_path: Path) -> None:
    made = make_virtualenv(tmp_path / "venv")
    made.site.rmdir()

    assert "no lib/python3.11/site-packages" in refused(made.root)


@pytest.mark.parametrize("content", [b"", b"version = 3.11.2\n", b"\xff\xfe\x00", b"home =\n"])
def test_a_damaged_pyvenv_cfg_is_named(tmp_path: Path, content: bytes) -> None:
    made = make_virtualenv(tmp_path / "venv")
    (made.root / "pyvenv.cfg").write_bytes(content)

    assert "pyvenv.cfg is damaged" in refused(made.root)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert f"there is no folder {tmp_path / 'venv'}." == refused(tmp_path / "venv")


def test_a_folder_that_is_no_virtualenv_is_refused(tmp_path: Path) -> None:
    assert "no virtualenv" in refused(tmp_path)


def test_a_virtualenv_inside_the_folder_is_named(tmp_path: Path) -> None:
    make_virtualenv(tmp_path / ".venv")

    with pytest.raises(ProjectError) as caught:
        open_virtualenv(tmp_path)

    assert f"There is one in {tmp_path / '.venv'}." == caught.value.hint


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("conda-meta", "conda"),
        ("Scripts", "Windows"),
        ("lib/python2.7/site-packages", "Python 2"),
        ("lib/pypy3.10/site-packages", "PyPy"),
    ],
)
def test_other_kinds_are_refused_by_name(tmp_path: Path, folder: str, name: str) -> None:
    (tmp_path / folder).mkdir(parents=True)

    assert name in refused(tmp_path)


def test_conda_is_refused_also_with_a_pyvenv_cfg(tmp_path: Path) -> None:
    made = make_virtualenv(tmp_path / "venv")
    (made.root / "conda-meta").mkdir()

    assert "conda" in refused(made.root)


def test_pypy_is_refused_also_in_lib_python(tmp_path: Path) -> None:
    made = make_virtualenv(tmp_path / "venv", settings="implementation = PyPy\n")

    assert "a virtualenv of PyPy" in refused(made.root)


def test_a_python_that_is_too_old_is_refused(tmp_path: Path) -> None:
    assert "older than 3.7" in refused(make_virtualenv(tmp_path / "venv", "3.6").root)


def test_a_python_without_the_global_lock_is_refused(tmp_path: Path) -> None:
    made = make_virtualenv(tmp_path / "venv", "3.13")
    made.site.parent.rename(made.root / "lib" / "python3.13t")

    assert "without the global lock" in refused(made.root)
