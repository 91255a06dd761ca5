"""transfer-image: what its words mean, what it prints, and how content is read once for all."""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes import RecordingCrew, RecordingRunner, fake_session
from projects import CommandLine, Projects
from stores import made_of

from dockerutils.engine import ImageFacts
from dockerutils.errors import EngineError, ProjectError, UsageError
from dockerutils.oci.digest_cache import DigestCache
from dockerutils.oci.image import OciImage
from dockerutils.oci.layer import Layer
from dockerutils.oci.wire import GZIP, NONE
from dockerutils.oci.wire_cache import WireCache
from dockerutils.sinks.engine import is_image
from dockerutils.sinks.host import held_back, is_away
from dockerutils.sources.supply import Subject, Supply, supplied
from dockerutils.ssh.host import HostFacts
from dockerutils.transfer import reference_of, transfer_image
from dockerutils.transfers.delta import ABOUT, About, form_of, opened_delta, write_delta
from dockerutils.transfers.options import TransferOptions
from dockerutils.transfers.sending import Notes, Roll

REFERENCE = "shop-app:alice"


# The command line ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "options", "message"),
    [
        ((), {}, "name an image, and where it goes"),
        (("app",), {}, "name an image, and where it goes"),
        (("app",), {"input": "f"}, "`app` is one word too many"),
        (("app", "h"), {"from_host": "h"}, "`h` is one word too many"),
        (("app", "h"), {"output": "f", "input": "f"}, "one way at a time"),
        (("app", "h"), {"base": "b"}, "--base tells what to leave out of a file"),
        (("app", "h"), {"output": "f", "base": "b"}, "a host and --base both tell"),
        (("app", "h"), {"compress": "lzma"}, "--compress lzma"),
        (("app", "h"), {"limit_rate": "fast"}, "--limit-rate fast"),
        (("app", "-oX"), {}, "`-oX` is no host"),
        (("app@sha256:1", "h"), {}, "is no name that another engine"),
    ],
)
def test_what_cannot_be_meant_is_a_mistake_of_usage(
    projects: Projects, words: tuple[str, ...], options: dict[str, str], message: str
) -> None:
    session, runner = fake_session(projects.images("app"))

    with pytest.raises(UsageError, match=message):
        transfer_image(session, words, TransferOptions(**options))  # type: ignore[arg-type]
    assert [] == runner.commands


@pytest.mark.parametrize(
    ("name", "expected"),
    [("app", REFERENCE), ("python", "python:latest"), ("host:5000/a", "host:5000/a:latest")],
)
def test_an_image_is_the_projects_first_else_any(
    projects: Projects, name: str, expected: str
) -> None:
    session, _ = fake_session(projects.images("app"))

    assert expected == reference_of(session, name)


def test_an_image_that_is_not_there_is_told_of(projects: Projects) -> None:
    session, _ = fake_session(projects.images("app"))

    with pytest.raises(ProjectError, match="the Docker engine has no image shop-app:alice"):
        transfer_image(session, ("app", "host"), TransferOptions())


DRY = {
    ("app", "gpu", "me@h:2"): [
        "docker save app:latest | gzip -c | ssh gpu 'gzip -dc | docker load'",
        "docker save app:latest | gzip -c | ssh -p 2 me@h 'gzip -dc | docker load'",
    ],
    ("app", "gpu", "--compress", "zstd"): [
        "docker save app:latest | zstd -c | ssh gpu 'zstd -dc | docker load'"
    ],
    ("app", "gpu", "--compress", "none"): ["docker save app:latest | ssh gpu 'docker load'"],
    ("app", "--from", "gpu"): [
        "ssh gpu 'docker save app:latest | gzip -c' | gzip -dc | docker load"
    ],
    ("app", "--output", "f.tar"): ["docker save --output f.tar app:latest"],
    ("--input", "f.tar"): ["docker load --input f.tar"],
}


@pytest.mark.parametrize("words", DRY)
def test_a_dry_run_prints_dockers_own_way_and_needs_no_project(
    words: tuple[str, ...], command_line: CommandLine, tmp_path: Path
) -> None:
    done = command_line(tmp_path, "transfer-image", *words, "--dry-run")

    assert (0, DRY[words]) == (done.status, done.commands)


DOCKS = """\
[dock.gpu]
address = "10.1.2.3"
user = "bob"
port = 2222
identity = "/home/bob/key"
jump = "gate"
[dock.two]
address = "10.1.2.4"
[dock.three]
address = "10.1.2.4"
"""
TO_GPU = "docker save app:latest | ssh -i {} -J gate -p 2222 bob@10.1.2.3 'docker load'"

FROM_GPU = (
    "ssh -i /home/bob/key -J gate -p 2222 bob@10.1.2.3 'docker save app:latest' | docker load"
)


@pytest.fixture
def docked_line(command_line: CommandLine) -> CommandLine:
    """The commands of a user with docks."""
    path = Path(command_line.environ["HOME"], ".config/dockerutils/docks.toml")
    path.parent.mkdir(parents=True)
    path.write_text(DOCKS)
    return command_line


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("gpu",), [TO_GPU.format("/home/bob/key")]),
        (("10.1.2.3",), [TO_GPU.format("/home/bob/key")]),
        (("gpu", "10.1.2.3"), [TO_GPU.format("/home/bob/key")]),
        (("gpu", "--identity", "/etc/passwd"), [TO_GPU.format("/etc/passwd")]),
        (("me@10.1.2.3",), ["docker save app:latest | ssh me@10.1.2.3 'docker load'"]),
        (("elsewhere",), ["docker save app:latest | ssh elsewhere 'docker load'"]),
        (("--from", "gpu"), [FROM_GPU]),
    ],
)
def test_a_destination_is_a_dock_first(
    docked_line: CommandLine, tmp_path: Path, words: tuple[str, ...], expected: list[str]
) -> None:
    done = docked_line(tmp_path, "transfer-image", "app", *words, "--dry-run", "--compress", "none")

    assert (0, expected) == (done.status, done.commands), done.err


def test_an_address_of_two_docks_is_no_destination(
    docked_line: CommandLine, tmp_path: Path
) -> None:
    done = docked_line(tmp_path, "transfer-image", "app", "10.1.2.4", "--dry-run")

    assert (1, True) == (done.status, "10.1.2.4 is the address of 2 docks" in done.err)


def test_a_list_of_docks_that_cannot_be_read_hinders_no_ssh_destination(
    docked_line: CommandLine, tmp_path: Path
) -> None:
    Path(docked_line.environ["HOME"], ".config/dockerutils/docks.toml").write_text("[dock")

    done = docked_line(tmp_path, "transfer-image", "app", "gpu", "--dry-run")

    assert (0, True) == (done.status, "docks.toml is no valid TOML" in done.err)


# Content ------------------------------------------------------------------------------------


def facts_of(made: OciImage) -> ImageFacts:
    return ImageFacts(made.id, made.diff_ids, architecture="amd64", os="linux")


def supply_of(made: OciImage, folder: Path) -> Supply:
    crew = RecordingCrew(RecordingRunner())
    subject = Subject(REFERENCE, facts_of(made), made)
    return Supply(subject, crew, WireCache(folder / "wire"), DigestCache(folder / "digests"))


def test_only_what_is_wanted_is_compressed(tmp_path: Path) -> None:
    made = made_of("one", "two", "three")
    with supplied(supply_of(made, tmp_path)) as supply:
        supply.want(GZIP, made.diff_ids[1:])
        got = [b"".join(supply.chunks(one)) for one in made.diff_ids[1:]]
        image = supply.image()

    assert [b"".join(one.chunks()) for one in made.layers[1:]] == list(map(gzip.decompress, got))
    assert {*made.diff_ids[1:]} == set(supply.packed)
    assert made.config_bytes() == image.config_bytes()


def test_what_was_compressed_before_is_not_read_again(tmp_path: Path) -> None:
    made = made_of("one")
    with supplied(supply_of(made, tmp_path)) as supply:
        supply.want(GZIP, made.diff_ids)
        first = b"".join(supply.chunks(made.diff_ids[0]))
    unreadable = dataclasses.replace(made, layers=(Unreadable(made.layers[0]),))
    with supplied(supply_of(unreadable, tmp_path)) as supply:
        supply.want(GZIP, made.diff_ids)
        assert first == b"".join(supply.chunks(made.diff_ids[0]))
        assert made.layers[0].sized() == supply.layer(made.diff_ids[0]).sized()


class Unreadable(Layer):
    """A layer whose content must not be asked for."""

    def __init__(self, known: Layer) -> None:
        def refuse() -> None:
            raise AssertionError("it was read")

        super().__init__("unreadable", refuse, "u", None, given=known.sized())  # type: ignore[arg-type]


def test_what_is_wanted_later_comes_as_well(tmp_path: Path) -> None:
    made = made_of("one", "two")
    with supplied(supply_of(made, tmp_path)) as supply:
        supply.want(NONE, made.diff_ids[1:])
        b"".join(supply.chunks(made.diff_ids[1]))
        supply.want(NONE, made.diff_ids)
        assert b"".join(made.layers[0].chunks()) == b"".join(supply.chunks(made.diff_ids[0]))


def test_an_image_that_the_engine_lost_is_an_error_for_whoever_waits(tmp_path: Path) -> None:
    made = made_of("one")
    supply = supply_of(made, tmp_path)
    supply.subject = dataclasses.replace(supply.subject, image=None)
    crew = RecordingCrew(RecordingRunner(), writes={f"docker save {made.id}": b""})
    supply.crew = crew
    with supplied(supply):
        supply.want(GZIP, made.diff_ids)
        with pytest.raises(EngineError, match="has shop-app:alice no more"):
            list(supply.chunks(made.diff_ids[0]))


# Files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "compress", "form"),
    [
        ("a.tar", "auto", "none"),
        ("a.tar.gz", "auto", "gzip"),
        ("a.zst", "auto", "zstd"),
        ("a", "auto", "gzip"),
        ("a.tar", "gzip", "gzip"),
    ],
)
def test_the_name_of_a_file_tells_its_form(name: str, compress: str, form: str) -> None:
    assert form == form_of(Path(name), compress, "auto")


@pytest.mark.parametrize("form", [GZIP, NONE])
def test_a_file_says_what_it_needs_and_has_the_rest(tmp_path: Path, form: str) -> None:
    made, path = made_of("base", "app"), tmp_path / "file"
    about = About(REFERENCE, made.diff_ids[:1], "python:3")
    with supplied(supply_of(made, tmp_path)) as supply:
        size = write_delta(path, supply, about, form, lambda _count: None)

    crew = RecordingCrew(RecordingRunner())
    with opened_delta(path, crew) as (read, image):
        assert about == read
        assert made.config_bytes() == image.config_bytes()
        assert b"".join(made.layers[1].chunks()) == b"".join(image.layers[1].chunks())
        with pytest.raises(ProjectError, match="is not here"):
            list(image.layers[0].chunks())
    assert path.stat().st_size == size


def test_a_file_with_another_beginning_than_it_says_is_damaged(tmp_path: Path) -> None:
    made, path = made_of("base", "app"), tmp_path / "file.tar"
    with supplied(supply_of(made, tmp_path)) as supply:
        about = About(REFERENCE, made.diff_ids[1:], "python:3")
        supply.want(NONE, made.diff_ids, every_size=True)
        write_delta(path, supply, dataclasses.replace(about, requires=()), NONE, lambda _: None)
    told = {"form": 1, "image": REFERENCE, "requires": list(made.diff_ids[1:]), "base": "b"}
    change(path, lambda _old: json.dumps(told).encode())

    with (
        pytest.raises(ProjectError, match="needs layers of another image"),
        opened_delta(path, RecordingCrew(RecordingRunner())),
    ):
        pass


@pytest.mark.parametrize("content", [b"{}", b"[", b'{"form": 2, "image": "a"}'])
def test_a_file_whose_needs_cannot_be_read_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.tar"
    with supplied(supply_of(made_of("app"), tmp_path)) as supply:
        write_delta(path, supply, About(REFERENCE), NONE, lambda _: None)
    change(path, lambda _old: content)

    with (
        pytest.raises(ProjectError, match="damaged, or of a newer dockerutils"),
        opened_delta(path, RecordingCrew(RecordingRunner())),
    ):
        pass


def change(path: Path, new: Callable[[bytes], bytes]) -> None:
    """Write a file's own description anew."""
    made = io.BytesIO()
    with tarfile.open(path) as old, tarfile.open(fileobj=made, mode="w") as archive:
        for member in old:
            data = old.extractfile(member).read() if member.isfile() else b""  # type: ignore[union-attr]
            data = new(data) if member.name == ABOUT else data
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    path.write_bytes(made.getvalue())


# Hosts --------------------------------------------------------------------------------------


def host(held: int) -> HostFacts:
    return HostFacts(("docker",), "26", "amd64", False, frozenset(), held=held)


def test_it_is_decided_once_when_all_have_answered() -> None:
    decided: list[list[int]] = []
    roll = Roll({"a", "b", "c"}, lambda answers: decided.append([one.held for one in answers]))

    roll.answer("a", host(1))
    roll.answer("b", None)
    assert [] == decided
    roll.answer("c", host(2))
    roll.answer("a", host(3))
    roll.wait(lambda: None)

    assert [[1, 2]] == decided


def test_where_nobody_needs_anything_nothing_is_decided() -> None:
    decided: list[object] = []
    roll = Roll({"a"}, decided.append)

    roll.answer("a", None)

    assert [] == decided
    assert roll.done.is_set()


def test_what_a_host_was_sent_last_is_known(tmp_path: Path) -> None:
    made = made_of("one")
    notes = Notes(tmp_path, Subject(REFERENCE, facts_of(made)))
    other = Notes(tmp_path, Subject(REFERENCE, facts_of(made_of("two"))))

    notes.keep("host")

    assert [True, False, False] == [notes.has("host"), notes.has("b"), other.has("host")]


def test_the_last_piece_waits_for_what_has_to_be_there_before() -> None:
    import threading  # noqa: PLC0415
    from concurrent.futures import Future  # noqa: PLC0415

    before: Future[str] = Future()
    sent = threading.Event()
    chunks = held_back(iter([b"1", b"2", b"3"]), before, sent)
    got = [next(chunks), next(chunks)]
    assert not sent.is_set()
    before.set_exception(EngineError("it failed."))

    with pytest.raises(EngineError):
        next(chunks)
    assert ([b"1", b"2"], True) == (got, sent.is_set())


def test_engines_of_two_kinds_speak_of_the_same_image_in_their_ways() -> None:
    made = made_of("one")
    here = ImageFacts(made.id, made.diff_ids, {"Cmd": ["a"]})
    there = ImageFacts("sha256:manifest", made.diff_ids, {"Cmd": ["a"]}, by_manifest=True)

    assert is_image(there, here)
    assert not is_image(dataclasses.replace(there, config={"Cmd": ["b"]}), here)
    assert not is_image(dataclasses.replace(there, by_manifest=False), here)


@pytest.mark.parametrize(
    ("said", "away"),
    [
        ("unexpected EOF", True),
        ("Cannot connect to the Docker daemon at unix:///x", True),
        ("invalid diffID for layer 3", False),
        ("no space left on device", False),
    ],
)
def test_an_engine_that_went_away_is_told_from_one_that_refuses(said: str, away: bool) -> None:
    assert away == is_away(said)
