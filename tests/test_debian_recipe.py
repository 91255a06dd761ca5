"""What an image of the type `debian` is made of, and how its tree is made, kept and found again."""

from __future__ import annotations

import io
import json
import shlex
import tarfile
from pathlib import Path
from typing import Any

import pytest
from configs import ini, toml
from debian_houses import HTTP, NOTHING, OS, House, open_house
from oci_images import tar_of
from projects import Projects

from dockerutils.config.model import ImageSettings
from dockerutils.debian.bootstrap import mode_of
from dockerutils.errors import ConfigError, DockerutilsError, ProjectError
from dockerutils.images.baked import PATH
from dockerutils.images.recipe import Assembled, BuildRequest

NO_FILES: Any = None  # it has no contexts
TRIMMED = OS + "documentation = false\nlocales = false\n"


@pytest.fixture
def house(projects: Projects, monkeypatch: pytest.MonkeyPatch) -> House:
    return open_house(projects, monkeypatch)


def config_of(made: Assembled) -> dict[str, Any]:
    """Give the configuration of an image."""
    found: dict[str, Any] = json.loads(made.image.config_bytes())
    return found


def words_of(house: House) -> tuple[str, ...]:
    """Put the image together, and give the words of the installation."""
    house.assembled()
    (command,) = house.mirror.installed()
    return command.argv


# The configuration --------------------------------------------------------------------------


def test_an_image_of_debian_packages_needs_no_key_and_no_folder() -> None:
    for config in (ini("[os]\ntype = debian\n"), toml("[image.os]\ntype = 'debian'\n")):
        assert {"os": ImageSettings(type="debian")} == config.images
        assert config.images["os"].folderless
        assert () == config.warnings


def test_the_keys_of_virtualenvs_are_not_its_own() -> None:
    config = ini("[os]\ntype = debian\nproject = src:/app\nimage_cmd = sh\n")

    assert (None, ("sh",)) == (config.images["os"].project, config.images["os"].image_cmd)
    (warning,) = config.warnings
    assert warning.endswith("is a key of the image type venv, and this one is debian; ignored.")


# What it is made of -------------------------------------------------------------------------


def test_it_stands_on_nothing_and_takes_nothing_of_the_project(house: House) -> None:
    reading = house.reading()

    assert ((), ("shop-os:alice",)) == (reading.uses, reading.tags)
    assert not reading.takes("src/shop.py")
    assert "" == house.assembly().base
    assert ("Debian's bookworm (minbase, python3)",) == house.assembly().sources


def test_its_details_name_the_packages_and_what_apt_knows_of_the_archives(house: House) -> None:
    name = "mirror.test_security_dists_bookworm-security_InRelease"
    house.write(f"var/lib/apt/lists/{name}", "Date: Sat, 21 Nov 2026 00:53:02 UTC\n")
    details = house.reading().details(BuildRequest(), NO_FILES, False)

    assert {"python3": ""} == details["selection"]
    expected = {"the archive's bookworm-security": "Sat, 21 Nov 2026 00:53:02 UTC"}
    assert expected == details["archive"]
    assert ("bookworm", "minbase") == (details["options"]["suite"], details["options"]["variant"])


@pytest.mark.parametrize(
    ("line", "option"),
    [
        ('suite = "trixie"', "suite"),
        ('variant = "apt"', "variant"),
        ("documentation = false", "documentation"),
        ("locales = false", "locales"),
        ('image_cmd = ["sh"]', "image settings"),
        ('created = "2024-05-01"', "created"),
    ],
)
def test_each_setting_is_a_detail(house: House, line: str, option: str) -> None:
    before = house.reading().details(BuildRequest(), NO_FILES, False)["options"]
    house.configure(f"{OS}{line}\n")
    after = house.reading().details(BuildRequest(), NO_FILES, False)["options"]

    assert {option} == {name for name, _ in before.items() ^ after.items()}


def test_without_a_release_of_its_own_a_machine_wants_one_written(house: House) -> None:
    house.write("etc/os-release", "ID=arch\n")
    with pytest.raises(ConfigError, match=r"docker/dockerutils.toml: \[os\] names no release"):
        house.assembled()


# The installation ---------------------------------------------------------------------------


def test_packages_are_installed_from_the_machines_own_archives(house: House) -> None:
    words = words_of(house)

    assert "mmdebstrap" == words[0]
    assert {"--variant=minbase", "--include=python3", "--skip=check/signed-by,output/dev"} < set(
        words
    )
    assert ("bookworm", "-") == words[-5:-3]
    signed = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    assert (
        f"deb {signed} {HTTP}mirror.test/debian bookworm main",
        f"deb {HTTP}mirror.test/debian bookworm-updates main",
        f"deb {HTTP}mirror.test/security bookworm-security main",
    ) == words[-3:]


def test_all_is_kept_unless_it_is_said_otherwise(house: House) -> None:
    assert not [word for word in words_of(house) if "path-exclude" in word]
    house.configure(TRIMMED)
    words = words_of(house)
    assert "--dpkgopt=path-exclude=/usr/share/man/*" in words
    assert "--dpkgopt=path-exclude=/usr/share/locale/*" in words
    assert words.index("--dpkgopt=path-exclude=/usr/share/doc/*") < words.index(
        "--dpkgopt=path-include=/usr/share/doc/*/copyright"
    )


def test_times_are_those_of_all_our_layers_whatever_the_image_says(house: House) -> None:
    house.configure(f'{OS}created = "now"\n')
    house.assembled()
    (command,) = house.mirror.installed()

    assert "315532800" == command.environment["SOURCE_DATE_EPOCH"]


def test_variables_that_would_reach_the_packages_scripts_are_empty(
    projects: Projects, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"PYTHONPATH": "/x", "PERL5LIB": "/y", "http_proxy": "http://proxy.test"}
    house = open_house(projects, monkeypatch, **given)
    house.assembled()
    (command,) = house.mirror.installed()

    assert ("", "") == (command.environment["PYTHONPATH"], command.environment["PERL5LIB"])
    assert "1" == command.environment["PYTHONDONTWRITEBYTECODE"]
    assert "http_proxy" not in command.environment


def test_an_own_key_goes_into_the_image_and_debians_need_not(house: House) -> None:
    def hooks() -> list[str]:
        return [word for word in words_of(house) if word.startswith("--setup-hook=mkdir")]

    assert [] == hooks()
    own = f"deb [signed-by=/etc/apt/k/a'b.gpg] {HTTP}mirror.test/debian bookworm main"
    house.write("etc/apt/sources.list", own)
    key = shlex.quote("/etc/apt/k/a'b.gpg")
    assert [f'--setup-hook=mkdir -p "$1"/etc/apt/k && cp {key} "$1"{key}'] == hooks()


@pytest.mark.parametrize(
    ("status", "mode"),
    [
        ("Uid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n", "unshare"),
        ("Uid:\t0\t0\t0\t0\nCapEff:\t00000000a80425fb\n", "root"),
        ("Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000000\n", "unshare"),
    ],
)
def test_it_gets_namespaces_of_its_own_unless_root_has_no_right_to_them(
    status: str, mode: str
) -> None:
    assert mode == mode_of(status)


def test_a_dry_run_gives_the_installation_and_an_import(house: House) -> None:
    house.configure(OS + 'image_labels = ["vendor=Shop Ltd."]\n')
    (command,) = house.reading().commands(BuildRequest(), {})
    line = str(command)

    assert line.startswith("SOURCE_DATE_EPOCH=315532800 PYTHONDONTWRITEBYTECODE=1 mmdebstrap ")
    assert " | docker import --change " in line
    assert line.endswith(" - shop-os:alice")
    assert """--change 'CMD ["bash"]'""" in line
    assert """--change 'LABEL "vendor"="Shop Ltd."'""" in line
    assert "--change 'LABEL dockerutils.image=shop-os'" in line
    assert not house.mirror.commands, "a dry run asks nobody"


# The image ----------------------------------------------------------------------------------


def test_the_image_has_one_layer_with_the_tree_and_a_place_for_devices(house: House) -> None:
    (layer,) = house.assembled().image.layers
    with tarfile.open(fileobj=io.BytesIO(b"".join(layer.chunks()))) as tar:
        found = {one.name: (one.isdir(), one.mode, one.mtime) for one in tar}

    assert (True, 0o755, 315532800) == found["dev"]
    assert "etc/debian_version" in found


def test_the_image_runs_a_shell_unless_it_is_said_otherwise(house: House) -> None:
    config = config_of(house.assembled())["config"]
    assert (["bash"], [f"PATH={PATH}"]) == (config["Cmd"], config["Env"])
    assert {"dockerutils.image": "shop-os"} == config["Labels"]

    house.configure(f'{OS}image_entrypoint = ["python3"]\nimage_user = "1000"\n')
    config = config_of(house.assembled())["config"]
    assert (["python3"], "1000") == (config["Entrypoint"], config["User"])
    assert "Cmd" not in config


def test_the_date_is_that_of_the_environment_or_the_settings(
    projects: Projects, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = open_house(projects, monkeypatch, SOURCE_DATE_EPOCH="1714521600")
    assert "2024-05-01T00:00:00Z" == config_of(house.assembled())["created"]
    house.configure(f'{OS}created = "2023-01-01"\n')
    assert "2023-01-01T00:00:00Z" == config_of(house.assembled())["created"]


# The trees that are kept --------------------------------------------------------------------


def test_the_same_again_installs_nothing_and_is_the_same_image(house: House) -> None:
    first = house.assembled()
    assert 1 == len(house.mirror.installed())
    second = house.assembled()

    assert [] == house.mirror.installed()
    assert first.image.id == second.image.id
    assert () == second.warnings


def test_an_archive_that_has_changed_is_installed_from_anew(house: House) -> None:
    house.assembled()
    house.mirror.releases["/dists/bookworm-security/InRelease"] = "Sun, 22 Nov 2026 00:00:00 UTC"
    house.mirror.tree = tar_of({"etc/debian_version": b"12.1"})
    made = house.assembled()

    assert 2 == len(house.mirror.installed())
    (layer,) = made.image.layers
    assert b"12.1" in b"".join(layer.chunks())


@pytest.mark.parametrize("line", ['packages = ["bash"]', 'variant = "apt"', "locales = false"])
def test_another_recipe_is_installed_by_itself(house: House, line: str) -> None:
    house.assembled()
    house.configure(f'[image.os]\ntype = "debian"\n{line}\n')
    house.assembled()

    assert 2 == len(house.mirror.installed())


def test_the_order_of_packages_and_what_is_baked_in_make_no_other_recipe(house: House) -> None:
    house.configure('[image.os]\ntype = "debian"\npackages = ["a1", "b2"]\n')
    house.assembled()
    house.configure('[image.os]\ntype = "debian"\npackages = ["b2", "a1"]\nimage_cmd = ["sh"]\n')
    house.assembled()

    assert 1 == len(house.mirror.installed())


def test_no_cache_installs_anew(house: House) -> None:
    house.assembled()
    house.assembled(no_cache=True)

    assert 2 == len(house.mirror.installed())


def test_a_tree_that_was_made_anew_with_the_same_name_is_looked_at_anew(house: House) -> None:
    first = house.assembled().image.id
    house.mirror.tree = tar_of({"etc/debian_version": b"13"})

    assert first != house.assembled(no_cache=True).image.id


def test_archives_that_cannot_be_asked_are_believed_to_be_as_they_were(house: House) -> None:
    first = house.assembled()
    house.mirror.reachable = False
    second = house.assembled()

    assert 1 == len(house.mirror.installed())
    assert first.image.id == second.image.id
    assert ["the Debian archive could not be asked whether it has changed"] == [
        text.partition(";")[0] for text in second.warnings
    ]


def test_what_only_another_release_lacks_is_left_out_and_its_absence_is_an_error(
    house: House,
) -> None:
    house.configure(f'{OS}suite = "forky"\n')
    house.mirror.releases["/dists/forky/InRelease"] = "Sat, 21 Nov 2026 00:00:00 UTC"
    assert f"deb {HTTP}mirror.test/debian forky-updates main" not in words_of(house)

    house.configure(f'{OS}suite = "frky"\n')
    with pytest.raises(ProjectError, match="/debian has no release called frky"):
        house.assembled()


def test_a_cache_that_was_made_by_two_at_once_is_whole(house: House) -> None:
    one, other = house.assembly(), house.assembly()
    made = [each.upon(NOTHING, {}, house.bench()).image.id for each in (one, other)]

    assert made[0] == made[1]
    assert 1 == len(house.kept())


# Failures -----------------------------------------------------------------------------------

UNREACHABLE = f"""\
I: running apt-get update...
E: Failed to fetch {HTTP}m.test/debian/dists/bookworm/InRelease  Could not resolve 'm.test'
E: Some index files failed to download. They have been ignored, or old ones used instead.
E: mmdebstrap failed to run
"""
UNKNOWN = """\
E: Unable to locate package pithon3
E: Version '9' for 'bash' was not found
E: setup failed: E: apt-get --yes install pithon3 failed
"""
FAILURES = {
    UNREACHABLE: (DockerutilsError, "cannot be reached: Could not resolve 'm.test'"),
    UNKNOWN: (ProjectError, r"\[os\]: `packages` names pithon3, bash, which bookworm does not"),
    f"E: The repository '{HTTP}m.test forky Release' does not have a Release file.": (
        ProjectError,
        f"{HTTP}m.test has no release called forky",
    ),
    f"W: GPG error: {HTTP}m.test bookworm InRelease: no key\n"
    f"E: The repository '{HTTP}m.test bookworm InRelease' is not signed.": (
        DockerutilsError,
        "not signed by a key that this machine's apt has",
    ),
    "E: cannot find newuidmap": (DockerutilsError, "gives you no namespaces"),
    "E: unshare syscall failed: Operation not permitted": (DockerutilsError, "no namespaces"),
    "tar: write error: No space left on device": (DockerutilsError, "no room left"),
    "I: running\nE: something else\n": (DockerutilsError, "last lines are:\n  E: something else"),
}


@pytest.mark.parametrize("said", FAILURES)
def test_a_failure_is_told_in_a_sentence_and_keeps_nothing(house: House, said: str) -> None:
    kind, sentence = FAILURES[said]
    house.mirror.fails = said
    with pytest.raises(kind, match=sentence) as caught:
        house.assembled()

    assert caught.value.hint
    assert kind is type(caught.value)
    assert [] == house.kept()


def test_a_failure_leaves_the_tree_that_was_there(house: House) -> None:
    house.assembled()
    kept = {path: path.read_bytes() for path in house.kept()}
    house.mirror.fails = "E: cannot find newuidmap"
    with pytest.raises(DockerutilsError):
        house.assembled(no_cache=True)

    assert kept == {path: path.read_bytes() for path in house.kept()}


def test_a_machine_without_mmdebstrap_is_told_its_package(house: House, tmp_path: Path) -> None:
    (Path(house.environ["PATH"]) / "mmdebstrap").unlink()
    with pytest.raises(DockerutilsError, match="not there") as caught:
        house.assembled()

    assert "apt install mmdebstrap" in caught.value.hint
    assert [] == house.kept()
