"""Docker's settings with a login more: what is in them, who can read them, and that they go."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from dockerutils.aws.docker_settings import borrowed_settings
from dockerutils.command import Secret
from dockerutils.errors import DockerutilsError, ProjectError
from dockerutils.oci.registry.credentials import Credential

LOGINS = {"aws.test": Credential("AWS", Secret("s3cret", "***"))}
OWN = {
    "auths": {"ghcr.io": {"auth": "b3du"}, "aws.test": {"auth": "b2xk"}},
    "credsStore": "desktop",
    "credHelpers": {"gcr.io": "gcloud", "aws.test": "ecr-login"},
    "cliPluginsExtraDirs": ["/opt/plugins"],
    "currentContext": "far",
}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A user's settings."""
    folder = tmp_path / "own"
    (folder / "contexts/meta").mkdir(parents=True)
    (folder / "contexts/meta/far").write_text("there")
    (folder / "config.json").write_text(json.dumps(OWN))
    return folder


def test_the_users_settings_are_there_with_a_login_that_docker_takes(own: Path) -> None:
    with borrowed_settings(own, LOGINS) as folder:
        settings = json.loads((folder / "config.json").read_text())

    login = base64.b64encode(b"AWS:s3cret").decode()
    assert {"ghcr.io": {"auth": "b3du"}, "aws.test": {"auth": login}} == settings["auths"]
    assert {"gcr.io": "gcloud", "aws.test": ""} == settings["credHelpers"]
    kept = ("credsStore", "cliPluginsExtraDirs", "currentContext")
    assert {name: OWN[name] for name in kept} == {name: settings[name] for name in kept}


def test_contexts_and_plugins_are_the_users_own(own: Path) -> None:
    with borrowed_settings(own, LOGINS) as folder:
        (folder / "contexts/meta/near").write_text("here")
        assert "there" == (folder / "contexts/meta/far").read_text()

    assert "here" == (own / "contexts/meta/near").read_text()


def test_nobody_else_can_read_them_and_nothing_of_them_stays(own: Path) -> None:
    before = (own / "config.json").read_bytes()
    with borrowed_settings(own, LOGINS) as folder:
        modes = [path.stat().st_mode & 0o777 for path in (folder, folder / "config.json")]

    assert [0o700, 0o600] == modes
    assert not folder.exists()
    assert before == (own / "config.json").read_bytes()
    assert "there" == (own / "contexts/meta/far").read_text()


def test_they_go_also_when_what_they_were_for_is_interrupted(own: Path) -> None:
    settings = borrowed_settings(own, LOGINS)
    folder = settings.__enter__()
    assert folder.exists()

    assert not settings.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)

    assert not folder.exists()


def test_a_user_without_settings_gets_the_login_alone(tmp_path: Path) -> None:
    with borrowed_settings(tmp_path / "none", LOGINS) as folder:
        assert ["config.json"] == [path.name for path in folder.iterdir()]


def test_settings_that_cannot_be_read_are_told_without_what_they_hold(own: Path) -> None:
    (own / "config.json").write_text('{"auths": {"ghcr.io": {"auth": "hunter2"')

    with pytest.raises(ProjectError, match="is no JSON object") as caught:
        borrowed_settings(own, LOGINS).__enter__()

    assert "hunter2" not in caught.value.message + caught.value.hint


def test_a_folder_that_cannot_be_made_is_told(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(own / "missing"))

    with pytest.raises(DockerutilsError, match="docker cannot be given a login") as caught:
        borrowed_settings(own, LOGINS).__enter__()

    assert "TMPDIR" in caught.value.hint
