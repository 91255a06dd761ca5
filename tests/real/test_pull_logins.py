"""Images of AWS's registry that docker pulls: with a login that AWS gives for just that time."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from clouds import HOST, KEYS, REGION, SECRETS, TOKEN, can_run, moto
from oci_images import image_of
from own_engines import missing, own_engine
from processes import read_up_to, started, wait_until
from projects import CommandLine, Projects, Result
from registries import (
    Certificates,
    client,
    debian_registry,
    is_installed,
    make_certificates,
    settings,
)

from dockerutils.aws.docker_settings import borrowed_settings
from dockerutils.command import Secret
from dockerutils.oci.registry.credentials import Credential
from dockerutils.sinks.registry import RegistrySink

pytestmark = pytest.mark.real

BASE = f"{HOST}/base:1"
DATABASE = f"[db]\nname={HOST}/base\ntag=1\nprefix=False\nargs=--network none\n"
# A docker without images, that tells its settings when it is to pull, and then waits for its end.
WAITING = """#!/bin/sh
case "$1 $2" in
  "image inspect") echo "Error: No such image: $3" >&2; exit 1 ;;
  pull*) cat "$DOCKER_CONFIG/config.json"; echo; exec sleep 60 ;;
esac
"""


@dataclass(frozen=True)
class House:
    """An engine to which AWS's registry is its own machine, and what a user has for it."""

    engine: str  # DOCKER_HOST
    url: str  # of AWS
    folder: Path

    @property
    def environ(self) -> dict[str, str]:
        """What a user has in the environment: settings with a context, and room for moments."""
        own = {"DOCKER_CONFIG": str(self.folder / "docker"), "TMPDIR": str(self.folder / "tmp")}
        aws = {"AWS_ENDPOINT_URL": self.url, "AWS_EC2_METADATA_DISABLED": "true", **KEYS}
        path = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LOGNAME": "alice"}
        return {**path, **own, **aws, "AWS_DEFAULT_REGION": REGION, "DOCKER_HOST": self.engine}

    def docker(self, *words: str) -> str:
        """Give what docker writes."""
        done = subprocess.run(["docker", *words], env=self.environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def run(self, root: Path, verb: str, *words: str, **more: str) -> Result:
        """Run one of our commands."""
        return CommandLine({**self.environ, **more})(root, verb, *words)

    def left(self) -> list[str]:
        """Name what is left of what was there for a moment."""
        return sorted(path.name for path in (self.folder / "tmp").iterdir())


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """AWS; gives its URL."""
    with moto(tmp_path_factory.mktemp("aws")) as url:
        yield url


@pytest.fixture(scope="module")
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """An engine with AWS's registry in its own network, and an image in that."""
    if not (is_installed() and can_run()):
        missing(request, "a registry with a name of its own needs root and docker-registry.")
    folder = tmp_path_factory.mktemp("registry")
    certificates = make_certificates(folder, HOST)
    with debian_registry(folder) as plain:
        RegistrySink(client(plain), "base", "1").put(image_of({"content": b"from AWS"}))
    hosts = folder / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {HOST}\n")
    arguments = {"ENGINE_ARGS": "--bridge=none --iptables=false", "ENGINE_HOSTS": str(hosts)}
    trust = {"SSL_CERT_FILE": str(certificates.authority)}
    with own_engine(request, "192m", **arguments, **trust) as own:
        inside = ["nsenter", "--target", (own.folder / "docker.pid").read_text(), "--net"]
        with registry_inside(inside, folder, certificates):
            yield own.host


@contextlib.contextmanager
def registry_inside(inside: list[str], folder: Path, certificates: Certificates) -> Iterator[None]:
    """Run the registry, with TLS and a password, in the network of an engine."""
    subprocess.run([*inside, "ip", "link", "set", "lo", "up"], check=True)
    config = folder / "inside.yml"
    config.write_text(json.dumps(settings(folder, "127.0.0.1:443", certificates, ("AWS", TOKEN))))
    probe = "import socket; socket.create_connection(('127.0.0.1', 443))"
    asked = [*inside, sys.executable, "-c", probe]

    def listens() -> bool:
        return not subprocess.run(asked, capture_output=True).returncode

    quiet = subprocess.DEVNULL
    words = [*inside, "docker-registry", "serve", str(config)]
    with subprocess.Popen(words, stdout=quiet, stderr=quiet) as process:
        try:
            wait_until("the registry listens", listens)
            yield
        finally:
            process.terminate()


def user(folder: Path, engine: str, url: str) -> House:
    """Give somebody with settings of docker's, among them a plugin and a context."""
    (folder / "tmp").mkdir()
    plugins = folder / "docker/cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-hello").write_text(
        '#!/bin/sh\n[ "$1" = docker-cli-plugin-metadata ] && echo \'{"SchemaVersion": "0.1.0", '
        '"Vendor": "us", "ShortDescription": "x"}\' || echo hello\n'
    )
    (plugins / "docker-hello").chmod(0o755)
    known = [path for path in PLUGINS if path.is_dir()]
    own = {"cliPluginsExtraDirs": [str(path) for path in known], "HttpHeaders": {"X-Us": "1"}}
    (folder / "docker/config.json").write_text(json.dumps(own))
    house = House(engine, url, folder)
    house.docker("context", "create", "far", "--docker", "host=tcp://127.0.0.1:1")
    return house


PLUGINS = (
    Path("/usr/libexec/docker/cli-plugins"),
    Path("/usr/lib/docker/cli-plugins"),
    Path.home() / ".docker/cli-plugins",
)


@pytest.fixture
def house(engine: str, cloud: str, tmp_path: Path) -> House:
    """Somebody who uses that engine."""
    return user(tmp_path, engine, cloud)


def test_a_base_is_pulled_with_a_login_of_the_moment(house: House, projects: Projects) -> None:
    root = projects.make({"docker/app/Dockerfile": f"FROM {BASE}\nCOPY docker /docker\n"})
    before = (house.folder / "docker/config.json").read_bytes()

    done = house.run(root, "build-image", "app")

    assert done.status == 0, done.err
    assert f"# AWS has given a login for {HOST}.\n" in done.err
    assert not [secret for secret in SECRETS if secret in done.out + done.err]
    assert [] == house.left()
    assert before == (house.folder / "docker/config.json").read_bytes()
    layers = json.loads(house.docker("image", "inspect", "shop-app:alice"))[0]["RootFS"]["Layers"]
    assert 2 == len(layers)


def test_a_base_that_is_there_asks_nobody(house: House, projects: Projects) -> None:
    root = projects.make({"docker/app/Dockerfile": f"FROM {BASE}\nCOPY docker /docker\n"})
    with_login(house, lambda environ: docker_with(environ, "pull", BASE))

    done = house.run(root, "build-image", "app", AWS_ENDPOINT_URL="http://127.0.0.1:1")

    assert done.status == 0, done.err
    assert "AWS" not in done.err


def with_login(house: House, work: Callable[[dict[str, str]], object]) -> None:
    """Do something as a user who has logged in."""
    login = {HOST: Credential("AWS", Secret(TOKEN, "***"))}
    with borrowed_settings(house.folder / "docker", login) as settings:
        work({**house.environ, "DOCKER_CONFIG": str(settings)})


def docker_with(environ: dict[str, str], *words: str) -> str:
    done = subprocess.run(["docker", *words], env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_configured_image_is_pulled_before_it_runs(house: House, projects: Projects) -> None:
    root = projects.make({"docker/dockerutils.cfg": DATABASE})
    subprocess.run(["docker", "image", "rm", "--force", BASE], env=house.environ, check=False)

    done = house.run(root, "run-image", "db", "--", "/nothing")

    assert 127 == done.status, done.err
    assert f"docker pull {BASE}\n" in done.err
    assert house.docker("image", "inspect", "--format", "{{.Id}}", BASE)
    assert [] == house.left()
    again = house.run(
        root, "run-image", "db", "--", "/nothing", AWS_ENDPOINT_URL="http://127.0.0.1:1"
    )
    assert "docker pull" not in again.err


def test_without_a_login_of_aws_that_is_said_and_dockers_own_is_tried(
    house: House, projects: Projects
) -> None:
    root = projects.make({"docker/dockerutils.cfg": DATABASE})
    subprocess.run(["docker", "image", "rm", "--force", BASE], env=house.environ, check=False)

    done = house.run(root, "run-image", "db", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")

    assert 1 == done.status
    warning = f"# warning: there is no fresh login for {HOST}: there is no login for AWS."
    assert warning in done.err
    assert "no basic auth credentials" in done.err


def test_contexts_plugins_and_builders_work_with_the_borrowed_settings(
    house: House,
) -> None:
    told: list[str] = []

    def look(environ: dict[str, str]) -> None:
        told.append(docker_with(environ, "context", "ls", "--format", "{{.Name}}"))
        told.append(docker_with(environ, "hello"))
        told.append(docker_with(environ, "buildx", "ls"))

    with_login(house, look)

    assert "far" in told[0].split()
    assert "hello\n" == told[1]
    assert "default" in told[2]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_login_is_gone_after_ctrl_c(
    cloud: str, projects: Projects, tmp_path: Path, number: signal.Signals
) -> None:
    house = user(tmp_path, "unix:///nonexistent", cloud)
    docker = tmp_path / "bin/docker"
    docker.parent.mkdir()
    docker.write_text(WAITING)
    docker.chmod(0o755)
    root = projects.make({"docker/dockerutils.cfg": DATABASE})
    path = f"{docker.parent}:{os.environ['PATH']}"

    with started(root, {**house.environ, "PATH": path}, "run-image", "db") as process:
        shown = read_up_to(process.stderr, "auths")
        assert 1 == len(house.left())
        os.killpg(process.pid, number)
        _, rest = process.communicate()

    assert 128 + number == process.returncode, rest
    assert HOST in shown
    assert [] == house.left()
