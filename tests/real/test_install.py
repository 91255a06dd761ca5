"""`pip install .` into a clean virtual environment, as a user does it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

pytestmark = pytest.mark.real

CHECKOUT = Path(__file__).parent.parent.parent
COMMANDS = {
    "dockerutils",
    "build-image",
    "run-image",
    "publish-image",
    "transfer-image",
    "genversion",
    "venv2docker",
    "register-dock",
    "unregister-dock",
    "ls-dock",
    "ssh-dock",
    "nb-dock",
    "sync-up",
    "sync-down",
}
SOURCED = {"dock", "castoff", "dock-sync"}
NOT_COPIED = shutil.ignore_patterns(".git", ".cache", "*_cache", "__pycache__", "*.egg-info")


def run(*words: str, cwd: Path, environ: Mapping[str, str] = os.environ) -> str:
    done = subprocess.run(words, cwd=cwd, env=environ, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip_setting(name: str) -> str:
    """What pip is configured to, which uv does not read."""
    words = [sys.executable, "-m", "pip", "config", "get", name]
    return subprocess.run(words, capture_output=True, encoding="utf-8").stdout.strip()


class Installer:
    """uv where it is there, because it is much faster, else pip."""

    def __init__(self, folder: Path) -> None:
        """Make an empty virtual environment in the folder."""
        beside = Path(sys.executable).parent
        self.uv = shutil.which("uv", path=f"{beside}{os.pathsep}{os.environ['PATH']}")
        self.bin = folder / "bin"
        settings = {
            "UV_DEFAULT_INDEX": pip_setting("global.index-url"),
            "SSL_CERT_FILE": pip_setting("global.cert"),
        }
        given = {name: value for name, value in settings.items() if value}
        self.environ = {**given, **os.environ}
        own = [self.uv, "venv", "--python", sys.executable] if self.uv else []
        run(
            *(own or [sys.executable, "-m", "venv"]),
            str(folder),
            cwd=folder.parent,
            environ=self.environ,
        )

    def install(self, source: Path) -> None:
        """Install a folder of sources, with all that it depends on."""
        python = str(self.bin / "python")
        own = [self.uv, "pip", "install", "--python", python] if self.uv else []
        run(*(own or [python, "-m", "pip", "install"]), ".", cwd=source, environ=self.environ)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, as a build leaves files in it."""
    folder = tmp_path_factory.mktemp("source") / "checkout"
    shutil.copytree(CHECKOUT, folder, ignore=NOT_COPIED)
    return folder


@pytest.fixture(scope="module")
def commands(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of a clean virtual environment with dockerutils in it."""
    installer = Installer(tmp_path_factory.mktemp("venv") / "clean")
    before = {path.name for path in installer.bin.iterdir()}
    assert not before & (COMMANDS | SOURCED)
    installer.install(source)
    return installer.bin


def files_of(commands: Path) -> list[str]:
    """The installed files of the distribution, from its own record."""
    script = (
        "from importlib.metadata import files\n"
        "print('\\n'.join(str(file) for file in files('dockerutils')))"
    )
    return run(str(commands / "python"), "-c", script, cwd=commands).splitlines()


def test_it_gives_the_commands_and_no_other(commands: Path) -> None:
    given = {Path(file).name for file in files_of(commands) if "/bin/" in file}

    assert given == COMMANDS | SOURCED


def test_it_brings_the_package_and_neither_images_nor_tests(commands: Path) -> None:
    tops = {Path(file).parts[0] for file in files_of(commands) if not file.startswith("..")}
    metadata = {top for top in tops if top.endswith(".dist-info")}

    assert tops - metadata == {"dockerutils"}
    assert len(metadata) == 1
    assert "dockerutils/py.typed" in files_of(commands)


def test_all_modules_of_the_checkout_are_there(commands: Path) -> None:
    ours = {str(path.relative_to(CHECKOUT)) for path in CHECKOUT.glob("dockerutils/**/*.py")}

    assert ours <= set(files_of(commands))


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_command_tells_its_use_at_the_root_where_docker_lies_beside(
    commands: Path, command: str
) -> None:
    said = run(str(commands / command), "--help", cwd=CHECKOUT)

    assert command in said.splitlines()[0] + said.splitlines()[1]


@pytest.mark.parametrize("option", ["-c", "-m"])
def test_the_docker_sdk_is_not_shadowed_by_the_folder_docker(commands: Path, option: str) -> None:
    python = str(commands / "python")
    words = {
        "-c": ("-c", "from docker import DockerClient; print(DockerClient.__module__)"),
        "-m": ("-m", "dockerutils", "--version"),
    }

    said = run(python, *words[option], cwd=CHECKOUT)

    assert said.startswith(("docker.client", "dockerutils "))


def test_no_package_lies_below_docker() -> None:
    assert list((CHECKOUT / "docker").rglob("__init__.py")) == []
