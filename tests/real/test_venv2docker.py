"""venv2docker as a user meets it: the tutorial, what it leaves behind, packages, prompts."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shlex
import subprocess
import tarfile
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from engines import STAND_IN, Engine
from own_engines import missing
from processes import wait_until
from projects import CommandLine, Result
from terminals import Terminals, exit_status
from venv_shops import python_of_base, state_of
from virtualenvs import MadeVirtualenv

pytestmark = pytest.mark.real

TELLS = """\
import json, os, sys
import menu
print(json.dumps({
    "argv": sys.argv[1:], "prefix": sys.prefix, "file": __file__, "folder": os.getcwd(),
    "environ": dict(os.environ), "menu": menu.__file__,
}))
"""
# What a container has beside its image's files.
NOT_OF_THE_IMAGE = {"dev", "proc", "sys", "etc/hosts", "etc/hostname", "etc/resolv.conf"}


@dataclass(frozen=True)
class Shop:
    """A project with a virtualenv, and venv2docker in it."""

    root: Path
    line: CommandLine
    name: str

    @property
    def engine(self) -> Engine:
        return Engine(self.line.environ)

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def folder(self) -> Path:
        return self.root / ".venv2docker"

    def __call__(self, *words: str, **more: str) -> Result:
        """Pack the virtualenv under this shop's name."""
        return self.line(self.root, "venv2docker", "--name", self.name, *words, ".venv", **more)

    def pack(self, *words: str, **more: str) -> Result:
        """Pack it, which has to succeed."""
        done = self(*words, **more)
        assert done.status == 0, done.err
        return done

    def told(self, *words: str) -> dict[str, object]:
        """Run the image; gives what its program tells."""
        answer: dict[str, object] = json.loads(self.engine.docker("run", "--rm", *words, self.name))
        return answer


@pytest.fixture(scope="module")
def python(request: pytest.FixtureRequest) -> str:
    return python_of_base(request)


@pytest.fixture
def shop(tmp_path: Path, python: str, engine_line: CommandLine, real_engine: str) -> Shop:
    root = tmp_path / "bistro"
    (root / "pantry").mkdir(parents=True)
    (root / "pantry" / "tells.py").write_text(TELLS)
    (root / "serve").write_text("#!/bin/sh\necho served\n")
    (root / "serve").chmod(0o755)
    (root / ".git").mkdir()
    (root / ".git" / "HEAD").write_text("ref")
    subprocess.run([python, "-m", "venv", "--without-pip", root / ".venv"], check=True)
    venv = MadeVirtualenv(root / ".venv")
    venv.add("menu", {"menu/__init__.py": "X = 1\n", "menu/photos.bin": "photo" * 400_000})
    subprocess.run([python, "-m", "compileall", "-q", venv.site], check=True)
    number = real_engine.removeprefix("test-")
    own = hashlib.sha256(str(tmp_path).encode()).hexdigest()[:8]
    return Shop(root, engine_line, f"v2d-{number}/bistro-{own}")


def tree_of(engine: Engine, image: str) -> dict[str, tuple[object, ...]]:
    """Give all files of an image: kind, mode, owner, link and content."""
    container = engine.docker("create", image, "x")
    words = ["docker", "export", container]
    exported = subprocess.run(words, env=engine.environ, stdout=-1, check=True).stdout
    engine.docker("rm", container)
    found: dict[str, tuple[object, ...]] = {}
    with tarfile.open(fileobj=io.BytesIO(exported)) as tar:
        for one in tar:
            stream = tar.extractfile(one) if one.isreg() else None
            content = hashlib.sha256(stream.read()).hexdigest() if stream else ""
            if one.name in NOT_OF_THE_IMAGE or one.name.startswith(("dev/", ".dockerenv")):
                continue
            found[one.name] = (one.type, one.mode, one.uid, one.gid, one.linkname, content)
    return found


class TestTheTutorial:
    """That of the older tool's README: a fresh Django project, in a wrapped virtualenv."""

    @pytest.fixture(scope="class")
    @classmethod
    def workspace(
        cls, request: pytest.FixtureRequest, python: str, tmp_path_factory: pytest.TempPathFactory
    ) -> Path:
        """The folder with the project; its virtualenv is beside, as virtualenvwrapper has it."""
        top = tmp_path_factory.mktemp("tutorial")
        venv, workspace = top / "virtualenvs" / "django_v2d", top / "workspace"
        workspace.mkdir()
        subprocess.run([python, "-m", "venv", venv], check=True)
        pip = [
            str(venv / "bin" / "pip"),
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "Django",
        ]
        done = subprocess.run(pip, capture_output=True, text=True)
        if done.returncode:
            missing(request, f"Django cannot be installed: {done.stderr.strip()[-300:]}")
        admin = [str(venv / "bin" / "django-admin"), "startproject", "django_v2d"]
        subprocess.run(admin, cwd=workspace, check=True)
        project = workspace / "django_v2d"
        subprocess.run([venv / "bin" / "python", "manage.py", "migrate"], cwd=project, check=True)
        (venv / ".project").write_text(f"{project}\n")
        return workspace

    def test_its_project_answers_from_a_container(
        self, workspace: Path, engine_line: CommandLine, real_engine: str
    ) -> None:
        engine = Engine(engine_line.environ)
        name = f"django_v2d_{real_engine.removeprefix('test-')}"
        venv = workspace.parent / "virtualenvs" / "django_v2d"
        before = state_of(venv, workspace / "django_v2d" / "django_v2d")

        done = engine_line(
            workspace,
            "venv2docker",
            "--entrypoint=python",
            "--args=manage.py,runserver,0.0.0.0:8000",
            f"--name={name}",
            "--ports=8000",
            "--no-remove-build-dir",
            "--no-dangling",
            "django_v2d",
            WORKON_HOME=str(venv.parent),
        )

        assert done.status == 0, done.err
        assert before == state_of(venv, workspace / "django_v2d" / "django_v2d")
        assert f"docker run -d -p 8000:8000 {name}:latest\n" == done.out
        folder = workspace / "django_v2d" / ".venv2docker"
        assert {"Dockerfile", "build.log", "layers"} == {one.name for one in folder.iterdir()}
        # The port of this machine may be taken; any other will do.
        words = shlex.split(done.out.replace("-p 8000:8000", "-p 127.0.0.1::8000"))[1:]
        container = engine.docker(*words)
        try:
            assert "The install worked successfully" in page(engine, container)
        finally:
            engine.docker("rm", "--force", container)
        config = engine.inspect(f"{name}:latest")["Config"]
        entrypoint = ["python", "manage.py", "runserver", "0.0.0.0:8000"]
        assert (entrypoint, "/usr/local/bin/django_v2d") == (
            config["Entrypoint"],
            config["WorkingDir"],
        )
        assert "VIRTUAL_ENV=/usr/local/lib/django_v2d" in config["Env"]


def page(engine: Engine, container: str) -> str:
    """Give the first page of what a container serves on its port 8000."""
    address = engine.docker("port", container, "8000/tcp").splitlines()[0]

    def asked() -> str:
        try:
            with urllib.request.urlopen(f"http://{address}/", timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    return wait_until("the project answers", asked)


# What is in the image ------------------------------------------------------------------------


def test_all_that_was_said_holds_in_the_image_and_nothing_here_changes(shop: Shop) -> None:
    before = state_of(shop.root)

    done = shop.pack(
        "--entrypoint=python",
        r"--args=-m,pantry.tells,a\,b,$HOME",
        "--env=MODE=a=b,GREETING=hello world",
        "--paths=/opt/one,/opt/two",
        "--pypaths=/opt/three",
        "--maintainer=Alice <alice@example.org>",
        "--ports=8000,53/udp",
        "--user=65534",
    )

    assert before == state_of(shop.root)
    assert f"docker run -d -p 8000:8000 -p 53:53/udp {shop.name}:latest\n" == done.out
    told = shop.told()
    environ = told["environ"]
    assert isinstance(environ, dict)
    assert ["a,b", "$HOME"] == told["argv"]
    assert ("/usr/local/lib/.venv", "/usr/local/bin/bistro") == (told["prefix"], told["folder"])
    assert ("a=b", "hello world") == (environ["MODE"], environ["GREETING"])
    places = "/usr/local/bin/bistro:/usr/local/lib/.venv/bin:/opt/one:/opt/two:/usr/local/bin:"
    assert environ["PATH"].startswith(places)
    assert "/usr/local/bin/bistro:/opt/three" == environ["PYTHONPATH"]
    image = shop.engine.inspect(shop.name)
    labels = image["Config"]["Labels"]
    assert "Alice <alice@example.org>" == image["Author"]
    assert image["Author"] == labels["org.opencontainers.image.authors"] == labels["maintainer"]
    assert {"8000/tcp", "53/udp"} == set(image["Config"]["ExposedPorts"])
    assert "65534" == image["Config"]["User"]


def test_neither_git_nor_bytecode_nor_the_virtualenv_nor_the_builds_files_come_with_the_project(
    shop: Shop,
) -> None:
    (shop.root / "pantry" / "__pycache__").mkdir()
    (shop.root / "pantry" / "__pycache__" / "tells.cpython-311.pyc").write_bytes(b"old")
    (shop.venv / ".project").write_text(f"{shop.root}\n")
    for words in ((), ("--build-dir=my/files",)) * 2:
        shop.pack("--no-remove-build-dir", *words)

    files = tree_of(shop.engine, shop.name)

    top = "usr/local/bin/bistro/"
    project = {path[len(top) :] for path in files if path.startswith(top)}
    assert {"pantry", "pantry/tells.py", "serve"} == project
    assert "usr/local/lib/.venv/bin/python" in files
    assert "usr/local/lib/.venv/.project" not in files
    assert "served" == shop.engine.docker("run", "--rm", shop.name, "serve")


@pytest.mark.parametrize(
    ("option", "on_path", "on_pypath"),
    [("--no-project-path", False, True), ("--no_project_pypath", True, False)],
)
def test_the_project_can_stay_off_either_path(
    shop: Shop, option: str, on_path: bool, on_pypath: bool
) -> None:
    shop.pack(option)

    environ = dict(one.split("=", 1) for one in shop.engine.inspect(shop.name)["Config"]["Env"])
    assert on_path == environ["PATH"].startswith("/usr/local/bin/bistro:")
    assert on_pypath == (environ.get("PYTHONPATH") == "/usr/local/bin/bistro")
    assert "/usr/local/lib/.venv/bin" in environ["PATH"].split(":")


def test_other_places_and_a_folder_to_start_in(shop: Shop) -> None:
    words = ("--bin-path=/srv/", "--lib_path=/opt", "--workdir=/var", "--tag=1.2")
    shop.pack(*words, "--entrypoint=python", "--args=-m,pantry.tells")
    image = f"{shop.name}:1.2"

    told = json.loads(shop.engine.docker("run", "--rm", image))

    assert ("/opt/.venv", "/var") == (told["prefix"], told["folder"])
    assert "/srv/bistro/pantry/tells.py" == told["file"]


def test_a_second_run_does_nothing_and_a_change_moves_one_layer(shop: Shop) -> None:
    shop.pack()
    layers = shop.engine.layers(shop.name)
    assert f"# {shop.name}:latest is up to date.\n" == shop.pack().err

    (shop.root / "serve").write_text("#!/bin/sh\necho again\n")

    assert f"{shop.name}:latest: 1 of {len(layers)} layers" in shop.pack().err
    assert layers[:-1] == shop.engine.layers(shop.name)[:-1]


# What is left behind --------------------------------------------------------------------------


def test_a_plain_build_of_what_is_left_gives_the_same_files_and_settings(
    shop: Shop,
) -> None:
    words = ("--env=A=b $c", "--entrypoint=python", "--args=-m,pantry.tells", "--ports=80")
    shop.pack(*words)
    plain = f"{shop.name}-plain"

    done = shop.pack(*words, "--skip-image")

    assert "" == done.out
    shop.engine.docker("build", "--quiet", "--tag", plain, str(shop.folder))
    assert tree_of(shop.engine, shop.name) == tree_of(shop.engine, plain)
    ours, theirs = (shop.engine.inspect(name)["Config"] for name in (shop.name, plain))
    for setting in ("Entrypoint", "Cmd", "WorkingDir", "User", "ExposedPorts"):
        assert ours.get(setting) == theirs.get(setting)
    assert set(ours["Env"]) == set(theirs["Env"])


@pytest.mark.parametrize("words", [(), ("--run",), ("--apt=hello",)])
def test_without_an_engine_it_says_so_in_a_sentence(shop: Shop, words: tuple[str, ...]) -> None:
    before = state_of(shop.root)

    done = shop(*words, DOCKER_HOST="unix:///nowhere")

    assert (1, "") == (done.status, done.out)
    sentence, hint = done.err.splitlines()
    assert "the Docker engine does not answer: " in sentence
    assert hint.startswith("  Start the engine")
    assert before == state_of(shop.root)


def test_cleaning_leaves_what_somebody_has_put_there(shop: Shop) -> None:
    shop.pack("--skip-image")
    (shop.folder / "notes").write_text("mine")

    done = shop.pack("--clean")

    assert "notes" == ",".join(one.name for one in shop.folder.iterdir())
    assert "stays: not all in it is ours" in done.err
    (shop.folder / "notes").unlink()
    shop.folder.rmdir()
    assert "there is no" in shop.pack("--clean").err


def test_a_folder_with_a_dockerfile_of_somebody_is_left_alone(shop: Shop) -> None:
    (shop.root / "docker").mkdir()
    (shop.root / "docker" / "Dockerfile").write_text("FROM scratch\n")

    done = shop("--build-dir=docker", "--skip-image")
    shop.pack("--dockerdir=docker", "--clean")

    assert 2 == done.status
    assert "has files that venv2docker has not made: Dockerfile." in done.err
    assert "FROM scratch\n" == (shop.root / "docker" / "Dockerfile").read_text()


def test_a_log_is_kept_unless_nobody_wants_it(shop: Shop) -> None:
    shop.pack("--no-remove-build-dir")
    assert f"{shop.name}:latest is made of" in (shop.folder / "build.log").read_text()

    shop.pack("--no-remove-build-dir", "--no-log")
    assert not (shop.folder / "build.log").exists()


def test_a_failure_leaves_nothing_unless_that_is_wanted(shop: Shop) -> None:
    before = state_of(shop.root)
    words = ("--apt=no-such-package-at-all",)

    done = shop(*words)

    assert (1, "Traceback" in done.err) == (done.status, False), done.err
    assert "docker build ended with status" in done.err
    assert before == state_of(shop.root)
    assert 1 == shop(*words, "--no-cleanup-on-error").status
    assert "no-such-package-at-all" in (shop.folder / "build.log").read_text()
    shop.pack("--clean")
    assert not shop.folder.exists()


# Packages ------------------------------------------------------------------------------------


def test_packages_of_debian_and_requirements_come_below_the_virtualenv(shop: Shop) -> None:
    (shop.root / "packages").write_text("# what it greets with\nhello\n\n")
    (shop.root / "more.txt").write_text("six==1.16.0 # by a name of its own\n")
    (shop.root / "needs.txt").write_text("-r more.txt\n")
    words = ("--apt=packages", "--pip=needs.txt", "--entrypoint=python", "--args=-c")

    done = shop.pack(*words)

    assert "docker build --tag" in done.err
    script = "import six, menu, subprocess; print(six.__file__, subprocess.getoutput('hello'))"
    site = "/usr/local/lib/.venv/lib/python3.11/site-packages"
    said = shop.engine.docker("run", "--rm", shop.name, script)
    assert f"{site}/six.py Hello, world!" == said
    assert "docker build" not in shop.pack(*words, "--env=A=1").err
    before = shop.engine.docker("images", "--quiet", f"{shop.name}-packages").split()
    (shop.root / "more.txt").write_text("six==1.15.0\n")
    assert "docker build --tag" in shop.pack(*words).err
    assert 1 == len(before)
    assert 2 == len(shop.engine.docker("images", "--quiet", f"{shop.name}-packages").split())


# Debian without any Python, as it is before one is installed.
WITHOUT_PYTHON = f"""\
FROM {STAND_IN}
RUN cd /var/lib/dpkg/info && rm -f python3*.prerm libpython3*.prerm python3*.postrm && \\
    dpkg --purge --force-all $(dpkg-query --show -f '${{Package}} ' 'python3*' 'libpython3*') && \\
    rm -rf /usr/lib/python3* /usr/bin/python*
"""


def test_a_base_without_python_gets_one_from_debian(shop: Shop) -> None:
    bare = f"{shop.name}-bare"
    build = ["docker", "build", "--quiet", "--tag", bare, "-"]
    subprocess.run(build, input=WITHOUT_PYTHON, text=True, check=True, stdout=-1)
    words = (f"--base={bare}", "--entrypoint=python", "--args=-m,pantry.tells")

    refused = shop(*words)
    shop.pack(*words, "--apt=python3")

    assert 2 == refused.status
    assert f"{bare} has no Python" in refused.err
    assert "/usr/local/lib/.venv" == shop.told()["prefix"]


# Afterwards ----------------------------------------------------------------------------------


def test_an_image_without_a_program_is_run_with_a_shell(shop: Shop) -> None:
    done = shop.pack("--run")
    assert f"docker run -i {shop.name}:latest /bin/sh\n" in done.err
    assert f"docker run -it {shop.name}:latest /bin/sh\n" == shop.pack().out


def test_what_runs_it_gives_its_status(shop: Shop) -> None:
    done = shop.pack("--entrypoint=python", "--args=-c,raise SystemExit(3)", "--run")

    container = done.out.strip()
    try:
        assert "3" == shop.engine.docker("wait", container)
    finally:
        shop.engine.docker("rm", "--force", container)


def test_the_image_before_goes_away_if_that_is_wanted(shop: Shop) -> None:
    shop.pack()
    first = shop.engine.image_id(shop.name)
    (shop.root / "serve").write_text("#!/bin/sh\n")
    shop.pack()
    second = shop.engine.image_id(shop.name)
    (shop.root / "serve").write_text("#!/bin/sh\n:\n")
    shop.pack("--no-dangling")

    assert len({first, second, shop.engine.image_id(shop.name)}) == 3
    assert shop.engine.image_id(first)
    assert not shop.engine.image_id(second)
    shop.engine.docker("image", "rm", first)


def test_a_push_that_fails_is_told(shop: Shop) -> None:
    away = replace(shop, name=f"127.0.0.1:9/{shop.name}")
    done = away("--push")

    assert f"docker push {away.name}:latest\n" in done.err
    assert f"{away.name}:latest was built, but not pushed" in done.err
    assert 1 == done.status


# On a terminal --------------------------------------------------------------------------------


def test_it_asks_before_it_builds_and_a_no_is_a_no(shop: Shop, terminals: Terminals) -> None:
    child = terminals.open(shop.root, "venv2docker", "-n", shop.name, ".venv")
    child.expect(r"base +python:3\.11-slim")
    child.expect(r"Build the image now\? \[y/N\] ")
    child.sendline("")
    child.expect("nothing was done")
    assert exit_status(child) == 0
    assert not shop.engine.image_id(shop.name)

    child = terminals.open(shop.root, "venv2docker", "-n", shop.name, ".venv")
    child.expect(r"\[y/N\] ")
    child.sendline("y")
    child.expect(f"docker run -it {shop.name}:latest /bin/sh")
    assert exit_status(child) == 0

    child = terminals.open(shop.root, "venv2docker", "-y", "-r", "-n", shop.name, ".venv")
    child.expect("# ")
    child.sendline("serve; exit 4")
    child.expect("served")
    assert exit_status(child) == 4


def test_it_asks_before_it_cleans(shop: Shop, terminals: Terminals) -> None:
    shop.pack("--skip-image")
    child = terminals.open(shop.root, "venv2docker", "--clean", ".venv")
    child.expect(r"Remove the files of a build .*\? \[y/N\] ")
    child.sendline("n")
    assert exit_status(child) == 0
    assert (shop.folder / "Dockerfile").exists()

    child = terminals.open(shop.root, "venv2docker", "--clean", "--no_prompt", ".venv")
    child.expect("is removed")
    assert exit_status(child) == 0
    assert not shop.folder.exists()


def test_the_active_virtualenv_is_meant_where_none_is_named(shop: Shop) -> None:
    words = ("venv2docker", "-n", shop.name)
    done = shop.line(shop.root.parent, *words, VIRTUAL_ENV=os.fspath(shop.venv))

    assert done.status == 0, done.err
    assert shop.engine.image_id(shop.name)
