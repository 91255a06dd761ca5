"""Secrets of a build: mounted where a Dockerfile asks for them, and left nowhere."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import shutil
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from engines import RealProject, RealProjects
from own_engines import missing
from processes import LIMIT, processes_with, read_up_to, wait_until
from projects import Result

pytestmark = pytest.mark.real

PYTHON = "python:3.11-slim"
MOUNTS = {
    "pip.conf": "target=/etc/pip.conf",
    "ca": "target=/run/ca.crt",
    "netrc": "target=/root/.netrc",
}
# What a secret holds is built up, so that neither the Dockerfile nor these tests hold it.
VALUES = {name: f"{name}-tr3asure-{os.getpid()}" for name in MOUNTS}


def digests_of(*ids: str) -> str:
    """A step that mounts secrets and keeps a digest of each."""
    mounts = " ".join(f"--mount=type=secret,id={id_},{MOUNTS[id_]}" for id_ in ids)
    files = " ".join(MOUNTS[id_].removeprefix("target=") for id_ in ids)
    return f"RUN {mounts} cat {files} | sha256sum >/digest; test ! -e /run/secrets # <project>\n"


def text_of(name: str) -> str:
    """A secret's file; each is one that its readers would take."""
    return {
        "pip.conf": f"[global]\nextra-index-url = https://u:{VALUES[name]}@index.invalid/\n",
        "ca": f"# {VALUES[name]}\n",
        "netrc": f"machine index.invalid login u password {VALUES[name]}\n",
    }[name]


@pytest.fixture(scope="module")
def safe(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The host's files; their folder's name is as secret as they are."""
    folder = tmp_path_factory.mktemp("hidden-place")
    files = {name: folder / f"file-of-{name}" for name in MOUNTS}
    for name, path in files.items():
        path.write_text(text_of(name))
    return files


def with_files(project: RealProject, safe: dict[str, Path]) -> RealProject:
    """Let the environment name the host's files."""
    return project.having(
        PIP_CONFIG_FILE=str(safe["pip.conf"]),
        SSL_CERT_FILE=str(safe["ca"]),
        NETRC=str(safe["netrc"]),
    )


def options(done: Result) -> str:
    """The docker build that was printed first."""
    return next(line for line in done.err.splitlines() if line.startswith("docker build "))


def unpacked(archive: bytes) -> Iterator[bytes]:
    """All that a saved image is made of: names, files, and the files in its layers."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            yield f"{member.name} {member.linkname} {member.pax_headers}".encode()
            stream = tar.extractfile(member)
            if stream:
                content = stream.read()
                yield gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def traces(project: RealProject, image: str, *words: str) -> set[str]:
    """Those of the words that are somewhere in an image: its layers, its config, its history."""
    reference = project.reference(image)
    saved = subprocess.run(["docker", "save", reference], env=project.line.environ, stdout=-1)
    assert saved.returncode == 0
    history = project.engine.docker("history", "--no-trunc", "--format", "{{json .}}", reference)
    told = json.dumps(project.engine.inspect(reference)) + history
    found = {word for word in words if word in told}
    for content in unpacked(saved.stdout):
        found |= {word for word in words if word.encode() in content}
    return found


def digest(*names: str) -> str:
    content = "".join(text_of(name) for name in names).encode()
    done = subprocess.run(["sha256sum"], input=content, stdout=-1, check=True)
    return done.stdout.decode()


@pytest.mark.usefixtures("built")
class TestTheFilesOfTheHost:
    @pytest.fixture(scope="class")
    @classmethod
    def project(cls, real_projects: RealProjects, safe: dict[str, Path]) -> RealProject:
        made = real_projects.make(
            {
                "docker/takes/Dockerfile": f"FROM {PYTHON}\n{digests_of(*MOUNTS)}",
                "docker/one/Dockerfile": f"FROM {PYTHON}\n{digests_of('netrc')}",
                "docker/none/Dockerfile": f"FROM {PYTHON}\nRUN test ! -e /root/.netrc # netrc ca\n",
            }
        )
        return with_files(made, safe)

    @pytest.fixture(scope="class")
    @classmethod
    def built(cls, project: RealProject) -> Result:
        return project.build("takes")

    def test_are_mounted_by_their_ids(self, project: RealProject) -> None:
        assert digest(*MOUNTS) == project.run("takes", "--", "cat", "/digest").out

    def test_are_nowhere_in_the_image(self, project: RealProject, safe: dict[str, Path]) -> None:
        folder = safe["netrc"].parent.name
        proof = digest(*MOUNTS).split()[0]  # that the search finds what is there

        assert {proof} == traces(project, "takes", *VALUES.values(), folder, "file-of-", proof)

    def test_are_not_printed(self, built: Result) -> None:
        assert "tr3asure" not in built.out + built.err

    def test_are_no_words_of_what_is_kept(self, project: RealProject) -> None:
        kept = Path(project.line.environ["HOME"], ".cache").rglob("*")

        assert not [path for path in kept if path.is_file() and b"tr3asure" in path.read_bytes()]

    def test_are_passed_only_where_they_are_mounted(
        self, project: RealProject, safe: dict[str, Path]
    ) -> None:
        one, none = project.build("one"), project.build("none")

        assert ["id=netrc,src=" + str(safe["netrc"])] == re.findall(r"--secret (\S+)", options(one))
        assert "--secret" not in options(none)

    def test_are_no_reason_to_build_again(self, project: RealProject) -> None:
        other = project.root.parent / "other"
        other.write_text("machine x\n")

        assert "docker build" not in project.build("takes", NETRC=str(other)).err

    def test_are_told_by_show(self, project: RealProject, safe: dict[str, Path]) -> None:
        rows = json.loads(project("show", "takes", "--json").out)["settings"]
        told = {row["value"]: row["origin"] for row in rows if row["key"] == "secret"}

        assert {name: str(path) for name, path in safe.items()} == told
        assert "secret" not in project("show", "none").out


def test_pip_conf_of_the_project_or_its_template_comes_before_the_user_s(
    real_projects: RealProjects, safe: dict[str, Path]
) -> None:
    made = real_projects.make(
        {
            "docker/app/Dockerfile": f"FROM {PYTHON}\n{digests_of('pip.conf')}",
            "pip.conf.template": "[global]\n",
        }
    )
    project = with_files(made, safe)

    by_template = options(project.build("app"))
    (project.root / "pip.conf").write_text("[global]\nno-input = true\n")
    by_file = options(project.build("--rebuild", "app"))

    assert f"--secret id=pip.conf,src={project.root}/pip.conf.template " in by_template
    assert f"--secret id=pip.conf,src={project.root}/pip.conf " in by_file
    assert not [path for path in project.root.iterdir() if "conf" in path.name and path.is_dir()]


class TestASecretThatIsMissing:
    def test_is_warned_of_and_the_build_goes_on(self, real_projects: RealProjects) -> None:
        step = "RUN --mount=type=secret,id=netrc,target=/n test ! -e /n # <project>\n"
        project = real_projects.make({"docker/app/Dockerfile": f"FROM {PYTHON}\n{step}"})

        done = project.build("app")

        assert done.err.count("# warning: docker/app/Dockerfile mounts the secret netrc") == 1
        assert "the file that NETRC names, else ~/.netrc" in done.err
        assert project.has("app")
        assert "netrc" in project("show", "app").out

    def test_fails_the_build_where_it_is_required(self, real_projects: RealProjects) -> None:
        step = "RUN --mount=type=secret,id=netrc,required=true true # <project>\n"
        project = real_projects.make({"docker/app/Dockerfile": f"FROM {PYTHON}\n{step}"})

        done = project("build-image", "app")

        assert done.status == 1
        assert "secret netrc: not found" in done.err
        assert "# warning: docker/app/Dockerfile mounts the secret netrc" in done.err
        assert "app was not built: docker build ended with status 1." in done.err
        assert not project.has("app")

    def test_is_not_warned_of_where_the_user_gives_it(
        self, real_projects: RealProjects, tmp_path: Path
    ) -> None:
        (tmp_path / "own").write_text("machine x\n")
        step = "RUN --mount=type=secret,id=netrc,required=true true # <project>\n"
        project = real_projects.make(
            {
                "docker/app/Dockerfile": f"FROM {PYTHON}\n{step}",
                "docker/dockerutils.cfg": "[app]\nbuild_args=--secret id=netrc,src=$OWN\n",
            }
        )

        done = project.build("app", OWN=str(tmp_path / "own"))

        assert "warning" not in done.err
        assert options(done).count("--secret") == 1


class TestTheSshAgent:
    STEP = "RUN --mount=type=ssh {test} # <project>\n"

    @pytest.fixture
    def agent(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
        """A real one; gives its socket."""
        if not shutil.which("ssh-agent"):
            missing(request, "the program ssh-agent is missing.")
        socket = tmp_path / "agent"
        process = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
        try:
            wait_until("the agent listens", socket.exists)
            yield str(socket)
        finally:
            process.terminate()
            process.wait()

    def test_is_there_where_it_is_mounted(self, real_projects: RealProjects, agent: str) -> None:
        ask = (
            "python -c 'import os, socket; s = socket.socket(socket.AF_UNIX);"
            ' s.connect(os.environ["SSH_AUTH_SOCK"]); s.send(b"\\0\\0\\0\\1\\13");'
            ' open("/said", "wb").write(s.makefile("rb").read(9)[4:])\''
        )
        project = real_projects.make(
            {
                "docker/app/Dockerfile": f"FROM {PYTHON}\n{self.STEP.format(test=ask)}",
                "docker/none/Dockerfile": "FROM scratch\nCOPY docker /\n",
            }
        ).having(SSH_AUTH_SOCK=agent)

        done, none = project.build("app"), project.build("none")

        assert " --ssh default " in options(done)
        assert "--ssh" not in options(none)
        # The answer: a list of identities, of none.
        assert project.run("app", "--", "od", "-An", "-tx1", "/said").out == " 0c 00 00 00 00\n"
        assert "your ssh agent" in project("show", "app").out
        assert set() == traces(project, "app", agent)

    def test_that_does_not_run_is_warned_of_and_the_build_goes_on(
        self, real_projects: RealProjects
    ) -> None:
        step = self.STEP.format(test='test ! -e "$SSH_AUTH_SOCK"')
        project = real_projects.make({"docker/app/Dockerfile": f"FROM {PYTHON}\n{step}"})

        done = project("build-image", "app")

        assert "warning: docker/app/Dockerfile mounts" in done.err
        assert done.status == 0

    def test_that_does_not_run_fails_the_build_where_it_is_required(
        self, real_projects: RealProjects
    ) -> None:
        step = "RUN --mount=type=ssh,required=true true # <project>\n"
        project = real_projects.make({"docker/app/Dockerfile": f"FROM {PYTHON}\n{step}"})

        done = project("build-image", "app")

        assert done.status == 1
        assert "app was not built: docker build ended with status 1." in done.err


class TestTheTemplateInTheContext:
    """The older tool's way: pip.conf is there while images are built."""

    DOCKERFILE = f"FROM {PYTHON}\nARG DO=true\nCOPY pip.conf /etc/pip.conf\nRUN $DO # <project>\n"

    @pytest.fixture
    def project(self, real_projects: RealProjects) -> RealProject:
        return real_projects.make(
            {
                "docker/app/Dockerfile": self.DOCKERFILE,
                "pip.conf.template": "[global]\nno-input = true\n",
            }
        )

    def test_is_a_copy_and_gone_after_the_build(self, project: RealProject) -> None:
        done = project.build("app")

        assert "# pip.conf is a copy of pip.conf.template while images are built.\n" in done.err
        assert "[global]\nno-input = true\n" == project.run("app", "--", "cat", "/etc/pip.conf").out
        assert not (project.root / "pip.conf").exists()

    def test_is_no_reason_to_build_again(self, project: RealProject) -> None:
        project.build("app")

        told, again = project("why", "app").out, project.build("app")

        assert "docker build" not in again.err
        assert "app is up to date" in told

    def test_is_gone_after_a_failure(self, project: RealProject) -> None:
        done = project("build-image", "app", "--build-arg", "DO=false")

        assert done.status == 1
        assert not (project.root / "pip.conf").exists()

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_is_gone_after_an_interrupt(self, project: RealProject, number: signal.Signals) -> None:
        words = ("build-image", "app", "-v", "--build-arg", "DO=sleep 4321")
        with project.start(*words) as process:
            read_up_to(process.stderr, "] RUN")
            assert (project.root / "pip.conf").exists()
            process.send_signal(number)
            process.communicate(timeout=LIMIT)

        assert process.returncode == 128 + number
        assert not (project.root / "pip.conf").exists()
        wait_until("the step ended", lambda: not processes_with(project.name))

    def test_is_left_alone_where_the_user_has_one(self, project: RealProject) -> None:
        (project.root / "pip.conf").write_text("[install]\n")

        project.build("app")

        assert (project.root / "pip.conf").read_text() == "[install]\n"
