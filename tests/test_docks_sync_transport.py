"""The scripts that run on a dock, run here; and the command that brings files."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from fakes import RecordingCrew, RecordingRunner

from dockerutils.command import Command
from dockerutils.context.ignore import read_rules
from dockerutils.docks.dock import Dock
from dockerutils.docks.sync.here import look_here
from dockerutils.docks.sync.link import Asking
from dockerutils.docks.sync.there import There, question, read_answer
from dockerutils.docks.sync.transport import Small, Talk, Transport
from dockerutils.docks.sync.tree import Places, Tree
from dockerutils.errors import CommandFailed, DockerutilsError
from dockerutils.runner import Crew, ShellRunner
from dockerutils.ssh.command import Address
from dockerutils.ssh.connection import Dropped
from dockerutils.terminal import Terminal

DOCK = Dock("gpu", "10.0.0.1")
UBUNTU = Address("gpu", "ubuntu@10.0.0.1")
ODD = ("plain", "new\nline", "a 'b' \"c\" $d", "-rf", "deep/er/\udcff", "\\", "*")


@dataclass(frozen=True)
class Here:
    """A link to a dock that is this machine; `before` stands before each script."""

    address: Address = UBUNTU
    socket: Path = Path("/run/user/1/it's here/gpu.ctl")
    before: str = "echo a profile talks"

    def run(self, script: str) -> Command:
        """Run a script here."""
        return Command(("sh", "-c", f"{self.before}\n{script}"))


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Crew]:
    runner = ShellRunner(Terminal(io.StringIO(), io.StringIO()), os.environ, tmp_path)
    with runner.side_by_side() as crew:
        yield crew


@pytest.fixture
def transport(tmp_path: Path, crew: Crew) -> Transport:
    target = tmp_path / "it's $HOME"
    for name in ODD:
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name.encode("utf-8", "surrogateescape").hex())
    printed: list[Command] = []
    return Transport(
        DOCK,
        Here(),
        crew,
        tmp_path,
        str(target),
        tmp_path / "list",
        print,
        printed.append,
    )


def target(transport: Transport) -> Path:
    return Path(transport.target)


def test_files_are_removed_by_whatever_name(transport: Transport) -> None:
    (target(transport) / "full").mkdir()
    (target(transport) / "full/x").touch()
    (target(transport) / "empty").mkdir()

    assert ["full"] == transport.remove([*ODD, "gone", "empty", "full"])
    assert {"full", "deep"} == {path.name for path in target(transport).iterdir()}


def test_files_are_given_other_names_that_are_free(transport: Transport) -> None:
    names = [(name, f"{name}.kept") for name in ODD]
    (target(transport) / "plain.kept").write_text("kept before")

    assert ["plain"] == transport.move(names)
    assert "kept before" == (target(transport) / "plain.kept").read_text()
    assert all((target(transport) / new).is_file() for _, new in names)


def test_digests_are_told_in_order(transport: Transport) -> None:
    expected = [hashlib.sha256((target(transport) / name).read_bytes()).hexdigest() for name in ODD]

    assert expected == transport.digests(ODD)
    assert [*expected, ""] == transport.digests([*ODD, "gone"])


def test_a_dock_that_tells_more_digests_than_were_asked_for_is_cut_off(
    transport: Transport, tmp_path: Path
) -> None:
    (tmp_path / "sha256sum").write_text(f"#!/bin/sh\nyes {'0' * 64} | head -n 5\n")
    (tmp_path / "sha256sum").chmod(0o755)
    talks = replace(transport, link=Here(before=f"PATH='{tmp_path}':$PATH"))

    assert ["0" * 64] == talks.digests(["plain"])


def test_a_time_before_1970_arrives(transport: Transport) -> None:
    transport.put([Small("plain", b"new", -1_500_000_001), Small("deep/x", b"", -1)])

    times = [(target(transport) / name).stat().st_mtime_ns for name in ("plain", "deep/x")]
    assert [-1_500_000_001, -1] == times


def test_what_a_dock_complains_of_steers_no_terminal(crew: Crew) -> None:
    link = Here(before="")
    script = "printf '\\033]0;evil\\007\\033[2Jodd words\\n' >&2; exit 3"

    with pytest.raises(DockerutilsError) as caught:
        Asking(crew, link.run(script)).answer(link)
    assert "sh ended with status 3: odd words" == caught.value.message


def test_folders_of_halves_are_swept(transport: Transport) -> None:
    folder = target(transport) / "deep/.dockerutils-sync-partial"
    folder.mkdir()
    (folder / "half").touch()
    transport.sweep(["deep/.dockerutils-sync-partial"])

    assert not folder.exists()


def test_a_few_files_are_put_into_their_places(transport: Transport) -> None:
    (target(transport) / "plain").chmod(0o640)
    transport.put([Small(name, b"new", 1_500_000_001) for name in (*ODD, "new/folder/x")])

    found = look_here(target(transport), Places(read_rules("")))
    assert {"f 3 1.5000000010"} == {state for state in found.entries.values() if state != "d"}
    assert len(ODD) + 1 == sum(state != "d" for state in found.entries.values())
    assert 0o640 == (target(transport) / "plain").stat().st_mode & 0o777


def test_a_file_that_was_cut_off_takes_nothing_s_place(transport: Transport) -> None:
    cut = replace(transport, link=Here(before="exec </dev/null"))

    with pytest.raises(DockerutilsError, match="not all files could be written on gpu: "):
        cut.put([Small("plain", b"new", 0)])
    assert b"plain".hex() == (target(transport) / "plain").read_text()


def test_a_connection_that_is_lost_is_told_as_that(transport: Transport) -> None:
    lost = replace(transport, link=Here(before="exit 255"))

    for act in (lost.remove, lost.digests):
        with pytest.raises(Dropped):
            act(["plain"])
    with pytest.raises(Dropped):
        lost.put([Small("plain", b"new", 0)])


def test_a_dock_s_folder_is_made_and_listed(tmp_path: Path, crew: Crew) -> None:
    folder, files = tmp_path / "work/a b", ("x", "deep/y", "data/z", ".git/config", "n\newline")
    first = ask(folder, crew, make=False)
    second = ask(folder, crew, make=True)
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("1")
    (folder / "link").symlink_to("x")
    (folder / "deep/.dockerutils-sync-partial").mkdir()
    third = ask(folder, crew, make=True)

    assert There(Tree()) == first
    assert (str(folder), 32, True) == (second.target, len(second.mark), second.whole)
    assert second.mark == third.mark
    assert f"{os.getuid()}:{os.getgid()}" == third.owner
    assert {"x", "deep", "deep/y", "n\newline", "link"} == third.tree.entries.keys()
    assert third.tree.entries == {
        **look_here(folder, Places(read_rules("data"))).entries,
    }
    assert ["deep/.dockerutils-sync-partial"] == third.tree.partial


def ask(folder: Path, crew: Crew, make: bool) -> There:
    """Ask this machine what it has in a folder."""
    rules = read_rules("data")
    asked = question([f"'{folder}'"], rules, make)
    said = Asking(crew, Here().run(asked.script)).answer(Here())
    return read_answer(said, asked.token, DOCK, Places(rules), Tree())


def test_rsync_goes_over_the_connection_that_is_there(transport: Transport) -> None:
    shell = "ssh -S '/run/user/1/it''s here/gpu.ctl' -o ControlMaster=no -o ProxyCommand=false"

    assert shell == transport.shell.partition(" -o RemoteCommand")[0]
    assert f"ubuntu@10.0.0.1:{transport.target}/" == transport.place
    six = replace(transport, link=Here(Address("gpu", "fe80::1")))
    assert "[fe80::1]:" == six.place[:10]


@pytest.mark.parametrize(
    ("status", "said", "words"),
    [
        (11, "rsync: write failed: No space left on device (28)", "no space left on device."),
        (11, "", "not all files could be written on gpu: its disk may be full."),
        (12, "rsync: write failed: No space left on device (28)", "no space left on device."),
        (12, "", "the connection to gpu was lost."),
        (255, "", "the connection to gpu was lost."),
        (127, "bash: rsync: command not found", "gpu has no rsync."),
        (12, "bash: line 1: rsync: command not found", "gpu has no rsync."),
        (1, "odd \x1b[2Jwords", "rsync failed: odd words."),
        (1, "", "rsync failed: it gave no reason."),
    ],
)
def test_rsync_s_end_is_one_sentence(
    transport: Transport, status: int, said: str, words: str
) -> None:
    talk = Talk(print)
    talk.take(said)

    with pytest.raises(DockerutilsError) as caught:
        transport.explain(CommandFailed("rsync", status), talk, "on gpu")
    assert caught.value.message.endswith(words)


def test_how_far_rsync_is_shows_and_is_no_complaint() -> None:
    shown: list[str] = []
    talk = Talk(shown.append)
    for line in ("    1,234,567  42%   12.3MB/s    0:00:03 \n", "\n", "rsync: [sender] odd\n"):
        talk.take(line)

    assert ["1,234,567 bytes, 42 %, 12.3MB/s"] == shown
    assert ["rsync: [sender] odd\n"] == list(talk.said)


def test_how_far_a_dock_says_that_it_is_steers_no_terminal() -> None:
    shown: list[str] = []
    Talk(shown.append).take("  1,234  42%  \x1b]0;evil\x07/s  0:00:03")

    assert [] == shown


def test_rsync_keeps_holes_and_does_not_wait_for_ever(transport: Transport) -> None:
    calls: list[Command] = []
    crew = RecordingCrew(RecordingRunner(commands=calls))
    recorded = replace(transport, crew=crew)
    recorded.send(["plain"])
    recorded.fetch(["plain"], transport.root / "staging")

    assert [True, True] == ["S" in call.argv[1] for call in calls]
    assert [True, True] == ["--timeout=60" in call.argv for call in calls]
