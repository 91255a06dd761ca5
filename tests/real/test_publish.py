"""Images that are published: at AWS as moto plays it, at Docker Hub, at registries of one's own."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber  # type: ignore[import-untyped]
from clouds import HOST, HUB, HUB_ADDRESS, KEYS, SECRETS, TOKEN, Cloud, can_run, running_cloud
from engines import RealProject, RealProjects
from oci_images import image_of
from own_engines import missing, own_engine
from processes import processes_with
from projects import Result
from pulled import CONTAINERD
from registries import Fault, client, debian_registry, is_installed, running_front
from venv_shops import Shops, python_of_base

from dockerutils.aws.ecr import Ecr
from dockerutils.aws.ecr_host import ecr_host
from dockerutils.aws.session import Aws, AwsLogin
from dockerutils.oci.registry.failures import RegistryError
from dockerutils.oci.registry.reference import parse_reference
from dockerutils.publication.places import rights
from dockerutils.publication.target import RegistryTarget

pytestmark = pytest.mark.real

NOWHERE = "unix:///nonexistent"
FILES = {
    "docker/base/Dockerfile": "FROM scratch\nCOPY docker/base /base\n",
    "docker/app/Dockerfile": "FROM <project>-base\nCOPY docker/app /app\n",
    "docker/app/file": "1\n",
}


@pytest.fixture(scope="module")
def cloud(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cloud]:
    """An AWS with a registry, which only commands of these tests see."""
    if not (is_installed() and can_run()):
        missing(request, "an AWS of its own needs root and Debian's docker-registry.")
    with running_cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture(autouse=True)
def _quiet(cloud: Cloud) -> None:
    """Each test begins with a registry that does what it is asked, and has been asked nothing."""
    cloud.gate.faults.clear()
    cloud.gate.asked.clear()
    cloud.gate.watch = str


@dataclass(frozen=True)
class Publisher:
    """Publishes the images of one project."""

    project: RealProject
    cloud: Cloud

    def __call__(self, *words: str, **more: str) -> Result:
        """Run publish-image to its end."""
        return self.cloud.run(self.project.line, self.project.root, "publish-image", *words, **more)

    def done(self, *words: str, **more: str) -> Result:
        """Run publish-image, which has to succeed."""
        result = self(*words, **more)
        assert result.status == 0, result.err
        return result

    def rows(self, *words: str, **more: str) -> dict[str, dict[str, Any]]:
        """Give what it tells as JSON, by image."""
        return {row["image"]: row for row in json.loads(self.done(*words, "--json", **more).out)}

    def failure(self, *words: str, **more: str) -> str:
        """Give what it says where it fails: sentences, nothing of Python's, no secret."""
        result = self(*words, **more)
        assert result.status == 1, result.err
        assert "Traceback" not in result.err
        assert not [secret for secret in SECRETS if secret in result.out + result.err]
        return result.err

    def repository(self, image: str) -> str:
        """Name an image's repository."""
        return f"{self.project.name}-{image}"

    def change(self, text: str) -> None:
        """Build another app."""
        (self.project.root / "docker/app/file").write_text(text)
        self.project.build("app")

    def asked(self, method: str) -> list[str]:
        """Give the paths that the registry was asked for since the last question."""
        found = [line for line in self.cloud.gate.asked if line.startswith(method)]
        self.cloud.gate.asked.clear()
        return found


@pytest.fixture
def publish(real_projects: RealProjects, cloud: Cloud) -> Publisher:
    """A project with two images on the engine, which are published at AWS."""
    config = "[DEFAULT]\nimage_repo=aws\n[base]\n[app]\n"
    project = real_projects.make({**FILES, "docker/dockerutils.cfg": config})
    project.build("all")
    return Publisher(project, cloud)


def configure(publish: Publisher, text: str) -> None:
    """Write the configuration anew."""
    (publish.project.root / "docker/dockerutils.cfg").write_text(text)


# At AWS -------------------------------------------------------------------------------------


def test_the_first_time_makes_the_repository_and_prints_the_digest(publish: Publisher) -> None:
    result = publish.done("app")

    repository, tag = publish.repository("app"), publish.project.mark
    digest = publish.cloud.tags(repository)[tag]
    assert f"{HOST}/{repository}:{tag}@{digest}\n" == result.out
    assert f"# {HOST}/{repository} has been made.\n" in result.err
    manifest = publish.cloud.manifest(repository, tag)
    assert (
        publish.project.engine.image_id(publish.project.reference("app"))
        == (manifest["config"]["digest"])
    )
    assert {"application/vnd.oci.image.layer.v1.tar+gzip"} == {
        layer["mediaType"] for layer in manifest["layers"]
    }


def test_a_new_repository_is_as_configured(publish: Publisher) -> None:
    policy = '{"rules": [{"rulePriority": 1, "selection": {"tagStatus": "any", "countType": \
"imageCountMoreThan", "countNumber": 9}, "action": {"type": "expire"}}]}'
    (publish.project.root / "docker/keep.json").write_text(policy)
    configure(
        publish,
        "[app]\nimage_repo=aws\nscan_on_push=yes\nimmutable_tags=yes\nlifecycle=docker/keep.json\n",
    )
    publish.done("app")

    found = publish.cloud.gate.repository(publish.repository("app"))
    assert found is not None
    assert "IMMUTABLE" == found["imageTagMutability"]
    assert {"scanOnPush": True} == found["imageScanningConfiguration"]
    kept = publish.cloud.ecr.get_lifecycle_policy(repositoryName=publish.repository("app"))
    assert json.loads(policy) == json.loads(kept["lifecyclePolicyText"])


def test_a_lifecycle_that_aws_refuses_leaves_no_repository_without_it(publish: Publisher) -> None:
    (publish.project.root / "docker/keep.json").write_text('{"rules": "many"}')
    configure(publish, "[app]\nimage_repo=aws\nlifecycle=docker/keep.json\n")

    said = publish.failure("app")

    assert "AWS does not take the lifecycle policy for" in said
    assert publish.cloud.gate.repository(publish.repository("app")) is None


def test_what_has_not_changed_is_neither_saved_nor_sent_again(publish: Publisher) -> None:
    first = publish.rows("app")["app"]
    publish.asked("")

    result = publish.done("app", "--json")

    again = json.loads(result.out)[0]
    assert f"is {publish.project.reference('app')} already.\n" in result.err
    assert "is written to" not in result.err
    assert (first["digest"], first["size"], 0, first["pushed"]) == (
        again["digest"],
        again["size"],
        again["pushed"],
        again["skipped"],
    )
    assert [] == publish.asked("POST") + publish.asked("PATCH")


def test_only_the_layer_that_changed_is_sent(publish: Publisher) -> None:
    publish.done("app")
    publish.change("2\n")
    publish.asked("")

    row = publish.rows("app")["app"]

    assert 1 == len(publish.asked("PATCH"))
    assert 0 < row["skipped"] < row["size"]
    assert row["size"] == row["pushed"] + row["skipped"]


def test_all_go_bases_first_and_a_shared_layer_goes_once(publish: Publisher) -> None:
    rows = publish.rows("all", "--pin")

    assert ["base", "app"] == list(rows)
    asked = list(publish.cloud.gate.asked)
    assert 2 == len([line for line in asked if line.startswith("PATCH")])
    mounts = [line for line in asked if "mount=" in line]
    assert 1 == len(mounts)
    assert f"from={publish.repository('base')}" in mounts[0]
    assert rows["base"]["size"] == rows["app"]["skipped"]
    lock = (publish.project.root / "docker/images.lock").read_text().splitlines()[1:]
    assert [
        f"{image} {rows[image]['published'][0]}@{rows[image]['digest']}"
        for image in ("app", "base")
    ] == lock


def test_more_tags_mean_the_same(publish: Publisher) -> None:
    publish.done("app", "--tag", "stable", "--tag", "latest")
    publish.change("2\n")
    old = publish.cloud.tags(publish.repository("app"))

    publish.done("app", "--tag", "latest")

    new = publish.cloud.tags(publish.repository("app"))
    assert 1 == len(set(old.values()))
    assert old["stable"] == new["stable"]
    assert old["latest"] != new["latest"] == new[publish.project.mark]


def test_another_image_of_the_engine_is_published_with_its_own_name(publish: Publisher) -> None:
    other = f"other-{publish.project.mark}"
    publish.project.engine.docker("tag", publish.project.reference("base"), f"{other}:7")
    try:
        result = publish.done("app", "-i", other, "-t", "7")
    finally:
        publish.project.engine.docker("image", "rm", f"{other}:7")

    assert result.out.startswith(f"{HOST}/{other}:7@sha256:")
    base = publish.project.engine.image_id(publish.project.reference("base"))
    assert base == publish.cloud.manifest(other, "7")["config"]["digest"]


def test_a_role_is_taken_on(publish: Publisher) -> None:
    role = "arn:aws:iam::123456789012:role/publisher"
    configure(publish, f"[app]\nimage_repo=aws\naws_role={role}\n")

    assert publish.done("app").out.startswith(HOST)


def test_the_region_may_stand_in_the_name_alone(publish: Publisher) -> None:
    name = "{account}.dkr.ecr.us-east-1.amazonaws.com/{image}:{tag}"
    configure(publish, f"[app]\npublication_tag={name}\n")

    assert publish.done("app", AWS_DEFAULT_REGION="").out.startswith(HOST)


def test_no_secret_is_seen_anywhere_while_it_is_sent(publish: Publisher, tmp_path: Path) -> None:
    places = {"HOME": "home", "XDG_CACHE_HOME": "cache", "TMPDIR": "tmp"}
    environ = {name: str(tmp_path / folder) for name, folder in places.items()}
    for folder in environ.values():
        Path(folder).mkdir(exist_ok=True)
    login = base64.b64encode(f"AWS:{TOKEN}".encode()).decode()
    seen: list[object] = []
    folders = (tmp_path, publish.project.root)

    def look(_request: str) -> None:
        for secret in (*SECRETS, login):
            seen.extend(processes_with(secret))
            seen.extend(files_with(secret, *folders))

    publish.cloud.gate.watch = look
    result = publish.done("app", **environ)
    look("")

    assert len(publish.asked("")) > 5
    assert [] == seen
    assert not [secret for secret in (*SECRETS, login) if secret in result.out + result.err]


def files_with(text: str, *folders: Path) -> list[Path]:
    """Find the files that hold a text."""
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    found = []
    for path in files:
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # gone since it was listed
            continue
        if text.encode() in content:
            found.append(path)
    return found


def test_files_with_a_secret_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/log").write_text(f"token {TOKEN}")

    assert [tmp_path / "a/log"] == files_with(TOKEN, tmp_path)


# Straight from the sources ------------------------------------------------------------------


def test_an_image_of_a_virtualenv_needs_no_engine(
    request: pytest.FixtureRequest, real_projects: RealProjects, cloud: Cloud, tmp_path: Path
) -> None:
    shops = Shops(real_projects, python_of_base(request))
    base = shops.small_base(tmp_path)
    project = shops.small("base.tar")
    words = ["docker", "save", "--output", str(project.root / "base.tar"), base]
    subprocess.run(words, env=project.line.environ, check=True)
    toml = project.root / "docker/dockerutils.toml"
    toml.write_text(toml.read_text() + 'image_repo = "aws"\n')
    publish = Publisher(project, cloud)

    first = publish.rows("app", DOCKER_HOST=NOWHERE)["app"]
    (project.root / "src/greeting").write_text("good evening\n")
    second = publish.rows("app", DOCKER_HOST=NOWHERE)["app"]

    assert first["digest"] != second["digest"]
    assert second["digest"] == cloud.tags(publish.repository("app"))[project.mark]
    assert 0 < second["pushed"] < first["pushed"]
    assert not project.has("app")


# What goes wrong ----------------------------------------------------------------------------


def test_an_image_that_was_not_built_is_told_before_anything_is_sent(
    real_projects: RealProjects, cloud: Cloud
) -> None:
    project = real_projects.make({**FILES, "docker/dockerutils.cfg": "[app]\nimage_repo=aws\n"})

    said = Publisher(project, cloud).failure("app")

    name = project.reference("app")
    hint = "`build-image app` builds what is missing."
    assert f"dockerutils: {name} is not built.\n  {hint}\n" == said
    assert [] == cloud.gate.asked


def test_without_a_login_nothing_is_guessed(publish: Publisher) -> None:
    said = publish.failure("app", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")

    assert "dockerutils: there is no login for AWS.\n  Set AWS_PROFILE" in said


def test_without_a_region_it_says_where_to_write_one(publish: Publisher) -> None:
    said = publish.failure("app", AWS_DEFAULT_REGION="")

    assert "no region of AWS is set.\n  Set AWS_REGION" in said


def test_a_profile_that_there_is_not(publish: Publisher) -> None:
    configure(publish, "[app]\nimage_repo=aws\naws_profile=nowhere\n")

    assert "there is no profile of AWS named nowhere." in publish.failure("app")


@pytest.mark.parametrize(
    ("fault", "expected", "advice"),
    [
        (
            Fault("POST", "/blobs/uploads", 403, "DENIED", message="not authorized"),
            "does not allow us to write to",
            "see that the account 123456789012 is the right one",
        ),
        (
            Fault(
                "POST", "/blobs/uploads", 403, "DENIED", message="storage quota has been reached"
            ),
            "storage quota has been reached",
            "Remove images there that nobody needs",
        ),
        (
            Fault("POST", "/blobs/uploads", 405, "UNSUPPORTED", message="unsupported"),
            "is read-only",
            "takes no pushes",
        ),
        (
            Fault("POST", "/blobs/uploads", 429, "TOOMANYREQUESTS", {"Retry-After": "900"}, "slow"),
            "has had too many requests",
            "Wait 900 seconds",
        ),
    ],
    ids=["denied", "quota", "read-only", "too many"],
)
def test_what_the_registry_refuses_is_a_sentence(
    publish: Publisher, fault: Fault, expected: str, advice: str
) -> None:
    publish.cloud.gate.faults += [fault] * 2  # two layers are sent at once

    said = publish.failure("app")

    assert expected in said
    assert advice in said
    assert {} == publish.cloud.tags(publish.repository("app"))


def test_a_registry_that_is_down_is_told(publish: Publisher) -> None:
    configure(
        publish,
        "[app]\npublication_tag={account}.dkr.ecr.eu-west-1.amazonaws.com/{image}:{tag}\n",
    )

    said = publish.failure("app")

    assert f"{HOST.replace('us-east-1', 'eu-west-1')} cannot be reached" in said


def test_an_immutable_tag_stays_and_another_one_is_taken(publish: Publisher) -> None:
    configure(publish, "[app]\nimage_repo=aws\nimmutable_tags=yes\n")
    publish.done("app")
    before = publish.cloud.tags(publish.repository("app"))
    publish.change("2\n")

    said = publish.failure("app")

    assert "cannot be overwritten because the repository is immutable" in said
    assert "publish under another one, `-t TAG`" in said
    assert before == publish.cloud.tags(publish.repository("app"))
    publish.project.build("app", "-t", "2")
    publish.done("app", "-t", "2")
    assert {*before, "2"} == set(publish.cloud.tags(publish.repository("app")))


def test_one_that_fails_does_not_keep_the_others(publish: Publisher) -> None:
    publish.cloud.gate.faults.append(Fault("POST", "-base/blobs/uploads", 403, "DENIED"))

    result = publish("all", "--json")

    assert 1 == result.status
    base, app = json.loads(result.out)
    assert "does not allow us to write to" in base["reason"]
    assert app["digest"] == publish.cloud.tags(publish.repository("app"))[publish.project.mark]
    assert "1 of 2 images were not published: base." in result.err


def test_ctrl_c_leaves_no_tag_and_the_next_time_finishes(publish: Publisher) -> None:
    def interrupt(request: str) -> None:
        if request.startswith("PATCH"):
            publish.cloud.gate.watch = str
            process.send_signal(signal.SIGINT)

    publish.cloud.gate.watch = interrupt
    process = publish.cloud.start(
        publish.project.line, publish.project.root, "publish-image", "app"
    )
    with process:
        _, said = process.communicate()

    assert 130 == process.returncode, said
    assert "interrupted" in said
    assert {} == publish.cloud.tags(publish.repository("app"))
    publish.done("app")


def test_a_login_that_expires_meanwhile_is_renewed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**KEYS, "AWS_CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(name, value)
    place = ecr_host(HOST)
    assert place
    aws = Aws(AwsLogin(), {})
    given = Stubber(aws.client(place.service, place.region))
    given.activate()
    for password in ("first", "second", "third", "third"):
        token = base64.b64encode(f"alice:{password}".encode()).decode()
        answer = {"authorizationData": [{"authorizationToken": token}]}
        given.add_response("get_authorization_token", answer)
    ecr = Ecr(place, aws)
    with running_front() as front:
        front.basic, front.password = True, "first"
        registry = client(front.host, lambda _host: ecr.credential())
        reference = parse_reference(f"{front.host}/app:1")
        target = RegistryTarget(registry, reference, rights=rights(place, AwsLogin()))
        target.put(image_of({"a": b"1"}))
        front.password = "second"
        target.put(image_of({"a": b"2"}))
        front.password = "nobody's"
        with pytest.raises(RegistryError, match="refuses the login that there is") as caught:
            target.put(image_of({"a": b"3"}))

    assert "see that the account 123456789012 is the right one" in caught.value.hint
    given.assert_no_pending_responses()


# Elsewhere ----------------------------------------------------------------------------------


def write_login(folder: Path, host: str, user: str, password: str) -> Path:
    """Write docker's config.json; gives its folder."""
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    return folder


def test_docker_hub_takes_the_name_of_dockers_login(publish: Publisher, tmp_path: Path) -> None:
    configure(publish, "[app]\nimage_repo=docker_hub\n")
    settings = write_login(tmp_path / "hub", "https://index.docker.io/v1/", "alice", "s3cret")
    place = {"certificates": publish.cloud.certificates, "login": ("alice", "s3cret")}
    (tmp_path / "store").mkdir()
    with debian_registry(tmp_path / "store", host=f"{HUB_ADDRESS}:443", **place):  # type: ignore[arg-type]
        result = publish.done("app", DOCKER_CONFIG=str(settings))

    name = f"docker.io/alice/{publish.repository('app')}:{publish.project.mark}"
    assert result.out.startswith(f"{name}@sha256:")
    assert HUB not in result.out + result.err
    assert "s3cret" not in result.out + result.err


def test_docker_hub_without_a_login_says_how_to_log_in(publish: Publisher, tmp_path: Path) -> None:
    configure(publish, "[app]\nimage_repo=docker_hub\n")

    said = publish.failure("app", DOCKER_CONFIG=str(tmp_path))

    assert "nobody is logged in at docker.io" in said
    assert "Log in: `docker login`." in said


def test_a_registry_of_ones_own_takes_dockers_login(publish: Publisher, tmp_path: Path) -> None:
    with debian_registry(tmp_path, login=("alice", "s3cret")) as host:
        configure(publish, f"[app]\nimage_repo={host}/team\n")
        settings = write_login(tmp_path / "own", host, "alice", "s3cret")

        none = publish.failure("app", DOCKER_CONFIG=str(tmp_path / "empty"))
        done = publish.done("app", DOCKER_CONFIG=str(settings))

    assert f"{host} wants a login, and there is none" in none
    assert f"Log in: `docker login {host}`." in none
    assert done.out.startswith(f"{host}/team/{publish.repository('app')}:")


def test_what_was_published_is_what_the_engine_pulls(publish: Publisher, tmp_path: Path) -> None:
    with debian_registry(tmp_path) as host:
        configure(publish, f"[app]\nimage_repo={host}\n")
        pinned = publish.done("app").out.strip()
        engine, name = publish.project.engine, publish.project.reference("app")
        before = engine.image_id(name)
        repository, digest = pinned.rpartition(":")[0].rpartition(":")[0], pinned.partition("@")[2]
        engine.docker("pull", "--quiet", f"{repository}@{digest}")

    assert before == engine.image_id(f"{repository}@{digest}")
    engine.docker("image", "rm", f"{repository}@{digest}")


def test_a_store_of_containerd_gives_what_any_other_gives(
    request: pytest.FixtureRequest, publish: Publisher, tmp_path: Path
) -> None:
    quiet = {"ENGINE_ARGS": "--bridge=none --iptables=false"}
    with own_engine(request, "192m", CONTAINERD, **quiet) as own, debian_registry(tmp_path) as host:
        configure(publish, f"[app]\nimage_repo={host}\n")
        there = Publisher(publish.project.having(DOCKER_HOST=own.host), publish.cloud)
        there.project.build("app")
        first = there.rows("app")["app"]
        again = there.rows("app")["app"]

    assert first["size"] == first["pushed"] == again["skipped"]
    assert (first["digest"], 0) == (again["digest"], again["pushed"])
