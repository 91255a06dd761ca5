"""Printed lines are pasted into a shell in the same folder, and do the same thing again."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from engines import RealProject, RealProjects
from projects import CommandLine, Result

pytestmark = pytest.mark.real

HOSTILE = 'it\'s "so" $HOME `id` \\ * ~ #!; && é\n  two'
TOKEN = 'tr3asure\'s "value" $HOME'
CONFIG = """
[app]
build_args=--build-arg TOKEN=$TOKEN --build-arg WORD=with-${TOKEN}-within
environment=-e TOKEN=$TOKEN -e GREETING=hello,${TOKEN}! -e PATH_OF_IT=$TOKEN/$$HOME
volumes=-v "{project_root}/docker:/a folder"

[base]
pre_build_script=echo 'a hook' && pwd
"""


@pytest.fixture(scope="module")
def shop(real_projects: RealProjects) -> RealProject:
    made = real_projects.make(
        {
            "docker/base/Dockerfile": "FROM python:3.11-slim\nCOPY docker/base /base\n",
            "docker/app/Dockerfile": (
                "FROM <project>-base AS builder\nARG TOKEN WORD\n"
                'RUN printf \'%s|%s\' "$TOKEN" "$WORD" >/told\n'
                "FROM <project>-base\nCOPY --from=builder /told /told\n"
            ),
            "docker/dockerutils.cfg": CONFIG,
        }
    )
    line = CommandLine({**made.line.environ, "TOKEN": TOKEN})
    return RealProject(made.root, line, made.mark)


def lines_of_a_build(result: Result) -> list[str]:
    """What build-image printed, without what docker wrote in between."""
    said = [line for line in result.err.splitlines() if line]
    return [line for line in said if re.match(r"(\w+=\S+ )*(docker|sh|\(cd) ", line)]


def paste(shop: RealProject, folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Give a shell the text, in a folder, with the user's variables."""
    return subprocess.run(
        ["sh"], input=text, cwd=folder, env=shop.line.environ, capture_output=True, encoding="utf-8"
    )


def ids(shop: RealProject) -> dict[str, str]:
    names = ("base", "app", "app-builder")
    return {name: shop.engine.image_id(shop.reference(name)) for name in names}


def layers(shop: RealProject) -> list[list[str]]:
    names = ("base", "app", "app-builder")
    return [shop.engine.layers(shop.reference(name)) for name in names]


@pytest.mark.parametrize("below", [".", "docker/base"])
class TestABuild:
    def test_its_lines_make_the_same_images(self, shop: RealProject, below: str) -> None:
        folder = shop.root / below
        done = shop.line(folder, "build-image", "--rebuild", "base", "app")
        built = ids(shop)
        shop.build("clean")
        assert set(ids(shop).values()) == {""}

        pasted = paste(shop, folder, "\n".join(["set -e", *lines_of_a_build(done)]))

        assert pasted.returncode == 0, pasted.stderr
        assert built == ids(shop)
        assert all(built.values())

    def test_no_value_of_the_environment_is_in_them(self, shop: RealProject, below: str) -> None:
        done = shop.line(shop.root / below, "build-image", "app")

        assert done.status == 0
        assert not [line for line in lines_of_a_build(done) if "tr3asure" in line]


def test_a_failing_line_fails_again_with_the_same_status(real_projects: RealProjects) -> None:
    shop = real_projects.make(
        {
            "docker/app/Dockerfile": "FROM scratch\nCOPY docker /\n",
            "docker/dockerutils.cfg": "[app]\npre_build_script=test ' $x' = y || exit 7\n",
        }
    )
    done = shop("build-image", "app")

    pasted = paste(shop, shop.root, "\n".join(lines_of_a_build(done)))

    assert (done.status, pasted.returncode) == (7, 7)


class TestARun:
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def built(cls, shop: RealProject) -> None:
        shop.build("app")

    @pytest.mark.parametrize("below", [".", "docker/base"])
    def test_its_line_does_the_same_with_variables_of_the_environment(
        self, shop: RealProject, below: str
    ) -> None:
        script = 'printenv TOKEN GREETING PATH_OF_IT; ls "/a folder"; pwd; exit 3'
        done = shop.line(shop.root / below, "run-image", "app", "--", "sh", "-c", script)

        pasted = paste(shop, shop.root / below, done.err)

        assert done.out.startswith(f"{TOKEN}\nhello,{TOKEN}!\n{TOKEN}/$HOME\napp\n")
        assert (done.status, done.out, "") == (pasted.returncode, pasted.stdout, pasted.stderr)
        assert done.status == 3
        assert "tr3asure" not in done.err

    @pytest.mark.parametrize("below", [".", "docker/base"])
    def test_its_line_does_the_same_with_hostile_words(self, shop: RealProject, below: str) -> None:
        folder = shop.root / below
        (folder / "it's here").mkdir(exist_ok=True)
        (folder / "it's here" / "$file").touch()
        done = shop.line(
            folder,
            *("run-image", "-e", f"WORD={HOSTILE}", "-v", "./it's here:/$ mount", "app"),
            *(
                "--",
                "sh",
                "-c",
                'printenv WORD; printf "<%s>" "$@"; ls "/$ mount"',
                HOSTILE,
                HOSTILE,
            ),
        )

        pasted = paste(shop, folder, done.err)

        assert f"{HOSTILE}\n<{HOSTILE}>$file\n" == done.out
        assert (0, done.out, "") == (pasted.returncode, pasted.stdout, pasted.stderr)

    def test_a_whole_transcript_can_be_pasted(self, shop: RealProject) -> None:
        dry = shop("run-image", "--dry-run", "app", "--", "cat", "/told")
        done = shop("run-image", "app", "--", "cat", "/told")

        script = paste(shop, Path("/"), dry.out)

        assert f"{TOKEN}|with-{TOKEN}-within" == done.out
        assert (0, done.out) == (script.returncode, script.stdout)

    def test_the_verbs_for_containers_print_such_lines_as_well(self, shop: RealProject) -> None:
        started = shop.run("-k", "app", "--", "sh", "-c", "echo one; echo two; sleep 4321")
        container = started.out.strip()
        for words in (("ps", "-q"), ("logs", "app"), ("exec", "app", "--", "echo", HOSTILE)):
            done = shop(*words)

            pasted = paste(shop, shop.root, done.err)

            assert (done.status, done.out) == (pasted.returncode, pasted.stdout)
            assert done.out
        shop.engine.docker("rm", "--force", container)


def test_the_script_of_a_dry_run_builds_the_same(shop: RealProject) -> None:
    shop.build("base", "app")
    built = layers(shop)
    shop.build("clean")
    dry = shop("build-image", "--dry-run", "base", "app")
    assert set(ids(shop).values()) == {""}

    script = paste(shop, Path("/"), dry.out)

    assert script.returncode == 0, script.stderr
    # Not the same IDs: a dry run asks nobody, and gives no label with what went in.
    assert built == layers(shop)
