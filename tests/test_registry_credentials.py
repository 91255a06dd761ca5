"""Logins as docker keeps them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fakes import RecordingRunner

from dockerutils.command import Command
from dockerutils.errors import CommandFailed, ProjectError
from dockerutils.oci.registry.credentials import Credential, docker_credentials
from dockerutils.oci.registry.failures import RegistryError
from dockerutils.runner import Answer

HUB_KEY = "https://index.docker.io/v1/"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def no_helper(command: Command) -> Answer:
    raise AssertionError(f"nobody is to be asked: {command}")


def found(home: Path, config: object, host: str, helpers: Any = no_helper) -> Credential | None:
    """What docker's configuration has for a host."""
    (home / ".docker").mkdir(exist_ok=True)
    (home / ".docker/config.json").write_text(json.dumps(config))
    return docker_credentials({}, home, helpers)(host)


def login(credential: Credential | None) -> tuple[str, str, bool] | None:
    if credential is None:
        return None
    return credential.user, credential.secret.value, credential.is_identity


@pytest.mark.parametrize(
    ("key", "entry", "host", "expected"),
    [
        ("ghcr.io", {"auth": encoded("al:pa:ss")}, "ghcr.io", ("al", "pa:ss", False)),
        ("ghcr.io", {"auth": encoded("al:pass\0\0")}, "ghcr.io", ("al", "pass", False)),
        ("ghcr.io", {"username": "al", "password": "p"}, "ghcr.io", ("al", "p", False)),
        ("h:5000", {"auth": encoded("al:p")}, "h:5000", ("al", "p", False)),
        ("https://ghcr.io/v1/", {"auth": encoded("al:p")}, "ghcr.io", ("al", "p", False)),
        (HUB_KEY, {"auth": encoded("al:p")}, "docker.io", ("al", "p", False)),
        ("docker.io", {"auth": encoded("al:p")}, "docker.io", ("al", "p", False)),
        ("a.io", {"auth": encoded("0:"), "identitytoken": "T"}, "a.io", ("0", "T", True)),
        ("h:5000", {"auth": encoded("al:p")}, "h", None),
        ("ghcr.io", {}, "ghcr.io", None),
        ("other.io", {"auth": encoded("al:p")}, "ghcr.io", None),
    ],
)
def test_the_file_has_logins_in_several_forms(
    tmp_path: Path,
    key: str,
    entry: Mapping[str, str],
    host: str,
    expected: tuple[str, str, bool] | None,
) -> None:
    assert expected == login(found(tmp_path, {"auths": {key: entry}}, host))


def test_without_a_file_there_is_no_login(tmp_path: Path) -> None:
    assert docker_credentials({}, tmp_path, no_helper)("ghcr.io") is None


def test_docker_config_names_another_folder(tmp_path: Path) -> None:
    config = {"auths": {"ghcr.io": {"auth": encoded("al:p")}}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    source = docker_credentials({"DOCKER_CONFIG": str(tmp_path)}, Path("/nowhere"), no_helper)

    assert ("al", "p", False) == login(source("ghcr.io"))


@pytest.mark.parametrize("text", ["{", "[]", '{"auths": {"ghcr.io": {"auth": "hunter2'])
def test_a_damaged_file_is_named_and_not_shown(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    source = docker_credentials({"DOCKER_CONFIG": str(tmp_path)}, tmp_path, no_helper)

    with pytest.raises(ProjectError, match=r"config\.json is no JSON object") as caught:
        source("ghcr.io")

    assert "hunter2" not in repr((caught.value, caught.value.hint, caught.value.__cause__))


@pytest.mark.parametrize("auth", ["hunter2", "###", encoded("nocolon")])
def test_a_damaged_login_is_an_error_that_does_not_show_it(tmp_path: Path, auth: str) -> None:
    with pytest.raises(ProjectError, match=r"damaged login for ghcr\.io") as caught:
        found(tmp_path, {"auths": {"ghcr.io": {"auth": auth}}}, "ghcr.io")

    assert auth not in str(caught.value)
    assert "docker login ghcr.io" in caught.value.hint


# Helpers ------------------------------------------------------------------------------------

ALICE = Answer(0, json.dumps({"ServerURL": "x", "Username": "al", "Secret": "s3cret"}), "")


@pytest.mark.parametrize(
    ("config", "host", "line"),
    [
        ({"credsStore": "pass"}, "ghcr.io", "printf %s ghcr.io | docker-credential-pass get"),
        (
            {"credsStore": "pass", "credHelpers": {"ghcr.io": "own"}},
            "ghcr.io",
            "printf %s ghcr.io | docker-credential-own get",
        ),
        ({"credsStore": "pass"}, "docker.io", f"printf %s {HUB_KEY} | docker-credential-pass get"),
        (
            {"credHelpers": {"docker.io": "own"}},
            "docker.io",
            f"printf %s {HUB_KEY} | docker-credential-own get",
        ),
    ],
)
def test_a_helper_is_asked_with_the_host_on_its_standard_input(
    tmp_path: Path, config: object, host: str, line: str
) -> None:
    runner = RecordingRunner(answers={line: ALICE})

    assert ("al", "s3cret", False) == login(found(tmp_path, config, host, runner.read))


def test_the_helper_of_another_host_is_not_asked(tmp_path: Path) -> None:
    assert found(tmp_path, {"credHelpers": {"other.io": "own"}}, "ghcr.io") is None


def answered(answer: Answer) -> RecordingRunner:
    return RecordingRunner(answers={"printf %s ghcr.io | docker-credential-x get": answer})


def test_the_user_token_marks_an_identity_token(tmp_path: Path) -> None:
    helper = answered(Answer(0, '{"Username": "<token>", "Secret": "T"}', ""))

    assert ("<token>", "T", True) == login(
        found(tmp_path, {"credsStore": "x"}, "ghcr.io", helper.read)
    )


def test_a_helper_may_have_no_login(tmp_path: Path) -> None:
    helper = answered(Answer(1, "credentials not found in native keychain\n", ""))

    assert found(tmp_path, {"credsStore": "x"}, "ghcr.io", helper.read) is None


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(2, "", "the keyring is locked.\nmore"), "fails at the login .*: the keyring is lo"),
        (Answer(2, "no session\n", ""), "fails at the login for ghcr.io: no session"),
        (Answer(3, '{"Secret": "s3cret"}', ""), "fails at the login for ghcr.io with status 3"),
        (Answer(0, "s3cret", ""), "gives no login for ghcr.io that can be read"),
        (Answer(0, '{"Secret": "s3cret"}', ""), "gives no login for ghcr.io that can be read"),
        (Answer(0, '["s3cret"]', ""), "gives no login for ghcr.io that can be read"),
    ],
)
def test_a_helper_that_fails_is_one_sentence_without_the_secret(
    tmp_path: Path, answer: Answer, words: str
) -> None:
    with pytest.raises(RegistryError, match=words) as caught:
        found(tmp_path, {"credsStore": "x"}, "ghcr.io", answered(answer).read)

    assert "s3cret" not in repr((caught.value, caught.value.hint, caught.value.__cause__))


def test_a_missing_helper_is_named_with_the_way_out(tmp_path: Path) -> None:
    def missing(_command: Command) -> Answer:
        raise CommandFailed("docker-credential-x is not installed.", 127)

    with pytest.raises(RegistryError, match="docker-credential-x cannot be started") as caught:
        found(tmp_path, {"credsStore": "x"}, "ghcr.io", missing)

    assert "Install it" in caught.value.hint


def test_a_helper_is_a_program_with_a_plain_name(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="names a helper that cannot be"):
        found(tmp_path, {"credsStore": "../../tmp/x"}, "ghcr.io")


def test_a_login_does_not_show_its_secret(tmp_path: Path) -> None:
    credential = found(tmp_path, {"auths": {"a.io": {"auth": encoded("al:s3cret")}}}, "a.io")

    assert "s3cret" not in f"{credential} {credential!r}"
