"""What a command loads on its way: nothing that costs more than the command itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from dock_shells import Quay
from inside import RecordingDocker
from projects import Projects
from virtualenvs import make_virtualenv

ROOT = Path(__file__).resolve().parents[1]

# None of these is needed to print a help or a plan; typer brings some of them along if it may.
HEAVY = frozenset(
    {
        "asyncio",
        "boto3",
        "botocore",
        "click",
        "cryptography",
        "docker",
        "email",
        "http.client",
        "importlib.metadata",
        "importlib.resources",
        "logging",
        "multiprocessing",
        "paramiko",
        "pkg_resources",
        "pydantic",
        "pygments",
        "requests",
        "rich",
        "socket",
        "sqlite3",
        "ssl",
        "unittest",
        "urllib.request",
        "urllib3",
        "xml",
        "zipfile",
    }
)

# None of these is needed to tell a shell anything; each is noticed at the press of a key.
HEAVY_FOR_A_SHELL = HEAVY - {"socket"} | {
    "argparse",
    "difflib",
    "dockerutils.cli",
    "dockerutils.config",
    "dockerutils.docks.connection.tunnel",
    "dockerutils.runner",
    "dockerutils.startup",
    "hashlib",
    "random",
    "shlex",
    "shutil",
    "subprocess",
    "tempfile",
    "threading",
    "typer",
}

# Starts a command as its script does, and tells on the last line of standard error what is loaded.
PROBE = """
import atexit, sys
sys.argv = sys.argv[1:]
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
from dockerutils.__main__ import main
main()
"""


def loaded_by(folder: Path, *words: str, environ: Mapping[str, str] | None = None) -> set[str]:
    """Run a command that has to succeed, and give the modules that it had loaded at its end."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *words],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


COMMANDS = (
    "dockerutils --help",
    "build-image --help",
    "run-image --help",
    "dockerutils build-image --help",
    "dockerutils build-image app --dry-run",
    "build-image all --dry-run",
    "run-image app --dry-run -- true",
    "publish-image --help",
    "dockerutils show app",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_loads_nothing_heavy(projects: Projects, command: str) -> None:
    folder = projects.images("base", "app", config="[app]\nenvironment=-e MODE=dev\n")
    loaded = loaded_by(folder, *command.split())

    assert "typer" in loaded
    assert not HEAVY & loaded


@pytest.mark.parametrize(
    "words",
    [
        "_shell dock bash 1 h1",
        "_shell dock fish 1",
        "_shell castoff zsh 1",
        "_shell complete bash 1 dock h",
        "_shell complete bash 1 dockerutils s",
        "shell-init fish",
    ],
)
def test_a_shell_does_not_wait_for_what_it_does_not_need(tmp_path: Path, words: str) -> None:
    with Quay.opened("h1") as quay:
        docked = {"DOCK_MONIKER": "h1", "DOCKER_HOST": f"unix://{quay.runtime}/h1.sock"}
        environ = {**quay.environ, **docked}
        loaded = loaded_by(tmp_path, "dockerutils", *words.split(), environ=environ)

    assert "dockerutils.docks.shell.entry" in loaded
    assert set() == HEAVY_FOR_A_SHELL & loaded


def test_castoff_and_the_completion_of_verbs_do_without_the_list_of_docks(tmp_path: Path) -> None:
    with Quay.opened() as quay:
        environ = {**quay.environ, "DOCK_MONIKER": "h1"}
        for words in ("_shell castoff bash 1", "_shell complete zsh 1 dockerutils s"):
            loaded = loaded_by(tmp_path, "dockerutils", *words.split(), environ=environ)

            assert not {"tomllib", "dockerutils.docks.registry"} & loaded


# What only an image that is put together here needs.
NOT_FOR_A_DOCKERFILE = (
    "dockerutils.assemble",
    "dockerutils.images.venv",
    "dockerutils.oci.registry",
    "dockerutils.oci.tar",
    "dockerutils.sinks.engine",
    "dockerutils.sinks.archive",
    "dockerutils.sources",
    "dockerutils.venv",
    "concurrent.futures",
    "isal",
    "tarfile",
    "urllib3",
)


def not_for_a_dockerfile(loaded: set[str]) -> set[str]:
    """Name what is loaded of those, and below them."""
    return {
        name
        for name in loaded
        if any(name == one or name.startswith(f"{one}.") for one in NOT_FOR_A_DOCKERFILE)
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_without_an_image_of_a_virtualenv_nothing_of_it_is_loaded(
    projects: Projects, command: str
) -> None:
    loaded = loaded_by(projects.images("base", "app"), *command.split())

    assert set() == not_for_a_dockerfile(loaded)


def test_a_build_of_a_dockerfile_loads_nothing_of_virtualenvs_or_registries(
    projects: Projects, environ: dict[str, str], tmp_path: Path
) -> None:
    docker = RecordingDocker.make(tmp_path / "bin")
    root = projects.images("app")
    loaded = loaded_by(root, "build-image", "app", environ={**environ, "PATH": docker.path})

    assert "build" in [call.words[0] for call in docker.calls()]
    assert set() == not_for_a_dockerfile(loaded)
    assert not HEAVY & loaded


def test_an_image_of_a_virtualenv_loads_what_it_needs_and_no_registry(projects: Projects) -> None:
    root = projects.images("base", config="[app]\ntype=venv\n")
    make_virtualenv(root / ".venv")
    loaded = loaded_by(root, "dockerutils", "build-image", "app", "--dry-run")

    assert "dockerutils.venv.environment" in loaded
    assert not {"urllib3", "isal", "ssl", "tarfile", "dockerutils.oci.registry.client"} & loaded


def test_a_script_of_a_publication_loads_no_code_for_aws_or_registries(projects: Projects) -> None:
    root = projects.images("app", config="[app]\nimage_repo=aws\n")
    loaded = loaded_by(root, "dockerutils", "publish-image", "app", "--dry-run")

    assert "dockerutils.aws.ecr_script" in loaded
    assert not HEAVY & loaded
    assert "dockerutils.oci.registry.client" not in loaded


def test_a_publication_elsewhere_loads_no_code_for_aws(
    projects: Projects, environ: dict[str, str], tmp_path: Path
) -> None:
    docker = RecordingDocker.make(tmp_path / "bin")
    root = projects.images("app", config="[app]\nimage_repo=127.0.0.1:1\n")
    words = (sys.executable, "-c", PROBE, "dockerutils", "publish-image", "app")
    done = subprocess.run(
        words, cwd=root, env={**environ, "PATH": docker.path}, capture_output=True, text=True
    )

    assert done.returncode == 1, done.stderr
    loaded = set(done.stderr.splitlines()[-1].split())
    assert "urllib3" in loaded
    assert not {"boto3", "botocore"} & loaded


def test_a_heavy_module_would_be_noticed(projects: Projects) -> None:
    """The version is asked of importlib.metadata, and that is why it is not asked otherwise."""
    loaded = loaded_by(projects.images("app"), "dockerutils", "--version")

    assert "importlib.metadata" in HEAVY & loaded


def test_parsing_a_command_line_does_not_load_pydantic(projects: Projects) -> None:
    """From 0.29 on, typer checks values with pydantic, which takes longer to load than all else."""
    words = ("-t", "1.2", "--build-arg", "A=1", "--no-cache", "--dry-run")
    loaded = loaded_by(projects.images("app"), "dockerutils", "build-image", "app", *words)

    assert "pydantic" not in loaded


def test_the_versions_of_typer_that_load_pydantic_are_ruled_out() -> None:
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    (requirement,) = (line.strip(' ",') for line in lines if line.startswith('    "typer'))
    expected = "typer>=0.26,<0.29"

    assert expected == requirement
