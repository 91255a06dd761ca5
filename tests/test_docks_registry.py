"""The list of docks: what is read from it, found in it and written to it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from dockerutils.docks.dock import Dock
from dockerutils.docks.registry import (
    LINGER,
    UnknownDock,
    alone,
    linger_of,
    read_docks,
    write_docks,
)
from dockerutils.errors import ConfigError, DockerutilsError

GPU = Dock("gpu-box", "10.1.2.3", "alice")
FULL = Dock(
    name="full",
    address="full.example.com",
    user="alice",
    port=2222,
    identity="/home/alice/.ssh/a key",
    jump="bob@gate:22,other",
    socket="/run/user/1000/docker.sock",
    workspace="/data/of mine",
    architecture="arm64",
    more={"instance": "i-1", "labels": ["a", "b"], "price": 1.5, "spot": True, "size": {"gb": 8}},
)
HEAVY = ("typer", "shlex", "subprocess", "hashlib", "socket", "tempfile", "docker", "boto3", "rich")


def file_of(home: Path) -> Path:
    return home / ".config/dockerutils/docks.toml"


def put(home: Path, text: str) -> None:
    file_of(home).parent.mkdir(parents=True, exist_ok=True)
    file_of(home).write_text(text)


def read(home: Path) -> list[Dock]:
    found = read_docks({}, str(home))
    assert () == found.warnings
    return list(found.docks)


def put_seed(home: Path, address: str, moniker: str) -> None:
    path = home / ".docker" / address / "connection_config.txt"
    path.parent.mkdir(parents=True)
    path.write_text(f"DOCK_USER=ubuntu\nDOCK_MONIKER={moniker}\nDOCK_IP={address}\n")


# Reading and writing ------------------------------------------------------------------------


def test_where_nothing_is_there_are_no_docks(tmp_path: Path) -> None:
    assert [] == read(tmp_path)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    address = Dock("fe80::1%eth0", "fe80::1%eth0")

    write_docks({}, str(tmp_path), [GPU, FULL, address])

    assert [address, FULL, GPU] == read(tmp_path)
    assert 0o600 == file_of(tmp_path).stat().st_mode & 0o777


def test_the_list_is_where_xdg_says(tmp_path: Path) -> None:
    write_docks({"XDG_CONFIG_HOME": str(tmp_path / "x")}, str(tmp_path), [GPU])

    assert (tmp_path / "x/dockerutils/docks.toml").exists()


def test_nobody_else_may_enter_the_folder_that_is_made_for_it(tmp_path: Path) -> None:
    for name in ("written", "locked"):
        environ = {"XDG_CONFIG_HOME": str(tmp_path / name)}
        with alone(environ, "/") if name == "locked" else nullcontext():
            write_docks(environ, "/", [GPU])

        assert 0o700 == (tmp_path / name / "dockerutils").stat().st_mode & 0o777


def test_what_the_user_wrote_stays(tmp_path: Path) -> None:
    put(tmp_path, 'linger = "2h"\nlater = [1, "x"]\n[dock.gpu-box]\naddress = "10.1.2.3"\n')

    write_docks({}, str(tmp_path), [FULL])

    assert [FULL] == read(tmp_path)
    assert 7200 == linger_of({}, str(tmp_path))
    assert 'later = [1, "x"]' in file_of(tmp_path).read_text()


def test_a_dock_that_cannot_be_read_is_said_and_stays(tmp_path: Path) -> None:
    put(tmp_path, '[dock.odd]\naddress = "-oProxyCommand=x"\nport = "many"\n')

    write_docks({}, str(tmp_path), [GPU])
    found = read_docks({}, str(tmp_path))

    assert (GPU,) == found.docks
    reason = f"{file_of(tmp_path)}: the dock odd is passed over: its port is no number."
    remedy = "Correct it there, or remove it: `unregister-dock odd`."
    assert (f"{reason} {remedy}",) == found.warnings


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("dock.a.port = 22", "it has no address"),
        ("dock.a = 5", "it is no table"),
        ('dock.a = {address = "-oX"}', "its address `-oX` is no host"),
        ('dock.a = {address = "h;id"}', "its address `h;id` is no host"),
        ('dock.a = {address = ""}', "its address `` is no host"),
        ('dock.a = {address = "h", user = "-l"}', "its user `-l` is no user name"),
        ('dock.a = {address = "h", user = "a@b"}', "its user `a@b` is no user name"),
        ('dock.a = {address = "h", port = 65536}', "its port 65536 is none"),
        ('dock.a = {address = "h", port = true}', "its port is no number"),
        ('dock.a = {address = "h", identity = 1}', "its identity is no text"),
        ('dock.a = {address = "h", jump = "-oX"}', "its jump `-oX` is no list of hosts"),
        ('dock.a = {address = "h", socket = "/a:b"}', "its socket `/a:b` is no path of a socket"),
        (
            'dock.a = {address = "h", socket = "/${HOME}/x"}',
            "is no path of a socket that ssh could",
        ),
        ('dock.a = {address = "h", socket = "/%h/x"}', "is no path of a socket that ssh could"),
        ('dock.a = {address = "h", socket = "/a b"}', "is no path of a socket that ssh could"),
        ('dock.a = {address = "h", workspace = "data"}', "its workspace `data` is no absolute"),
        (r'dock.a = {address = "h", workspace = "/\u001b[2J"}', "its workspace holds what cannot"),
        ('dock."-x" = {address = "h"}', "its name '-x' is neither its address nor letters"),
        (r'dock."\u001b[2J" = {address = "h"}', r"its name '\x1b[2J' is neither its address"),
    ],
)
def test_a_dock_that_could_be_something_else_is_passed_over(
    tmp_path: Path, entry: str, reason: str
) -> None:
    put(tmp_path, entry)

    found = read_docks({}, str(tmp_path))

    assert ((), 1) == (found.docks, len(found.warnings))
    assert reason in found.warnings[0]
    assert "\x1b" not in found.warnings[0]


@pytest.mark.parametrize("content", [b"[dock", b"\xff", b"dock = 1\n"])
def test_a_broken_list_is_said_and_never_overwritten(tmp_path: Path, content: bytes) -> None:
    put(tmp_path, "")
    file_of(tmp_path).write_bytes(content)
    put_seed(tmp_path, "10.1.1.1", "old")

    found = read_docks({}, str(tmp_path))

    assert (["old"], 1) == ([one.name for one in found.docks], len(found.warnings))
    assert "old" == found.find("old").name
    with pytest.raises(ConfigError):
        found.find("gpu")
    assert found.warnings[0].startswith(str(file_of(tmp_path)))
    with pytest.raises(ConfigError):
        write_docks({}, str(tmp_path), [GPU])
    assert content == file_of(tmp_path).read_bytes()


def test_a_list_that_is_a_link_stays_one(tmp_path: Path) -> None:
    put(tmp_path, "")
    target = tmp_path / "dotfiles.toml"
    file_of(tmp_path).rename(target)
    file_of(tmp_path).symlink_to(target)

    write_docks({}, str(tmp_path), [GPU])

    assert (True, [GPU]) == (file_of(tmp_path).is_symlink(), read(tmp_path))


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / ".config").touch()

    with pytest.raises(DockerutilsError, match="cannot be"):
        write_docks({}, str(tmp_path), [GPU])
    with pytest.raises(DockerutilsError, match="cannot be used"), alone({}, str(tmp_path)):
        pass


def test_those_who_write_wait_for_each_other(tmp_path: Path) -> None:
    code = f"""
from dockerutils.docks.registry import *
from dockerutils.docks.dock import Dock
import sys
for number in range(20):
    with alone({{}}, {str(tmp_path)!r}):
        docks = read_docks({{}}, {str(tmp_path)!r}).docks
        write_docks({{}}, {str(tmp_path)!r}, [*docks, Dock(f"{{sys.argv[1]}}{{number}}", "h")])
"""
    writers = [subprocess.Popen([sys.executable, "-c", code, name]) for name in ("a", "b")]

    assert [0, 0] == [one.wait() for one in writers]
    assert 40 == len(read(tmp_path))


# Old files ----------------------------------------------------------------------------------


def test_old_files_without_an_entry_of_ours_count(tmp_path: Path) -> None:
    write_docks({}, str(tmp_path), [GPU])
    put_seed(tmp_path, "10.1.2.3", "hidden")
    put_seed(tmp_path, "10.1.1.1", "none")
    put_seed(tmp_path, "10.1.1.2", "gpu-box")
    put_seed(tmp_path, "10.1.1.3", "dev")
    put_seed(tmp_path, "10.1.1.4", "dev")

    found = read_docks({}, str(tmp_path))

    names = ["10.1.1.1", "10.1.1.2", "10.1.1.4", "dev", "gpu-box"]
    assert names == [one.name for one in found.docks]
    assert (GPU,) == found.own
    assert GPU == found.find("gpu-box")
    assert "10.1.1.3" == found.find("dev").address


# Finding ------------------------------------------------------------------------------------


def test_a_dock_is_found_by_its_moniker_first(tmp_path: Path) -> None:
    other = Dock("10.1.2.3", "10.9.9.9")
    write_docks({}, str(tmp_path), [GPU, other])
    found = read_docks({}, str(tmp_path))

    assert other == found.find("10.1.2.3")
    assert GPU == found.find("gpu-box")


def test_a_dock_is_found_by_its_address(tmp_path: Path) -> None:
    write_docks({}, str(tmp_path), [GPU, FULL])

    assert GPU == read_docks({}, str(tmp_path)).find("10.1.2.3")


def test_an_address_of_two_docks_is_none(tmp_path: Path) -> None:
    write_docks({}, str(tmp_path), [GPU, Dock("two", "10.1.2.3")])

    with pytest.raises(UnknownDock, match=r"is the address of 2 docks\.") as caught:
        read_docks({}, str(tmp_path)).find("10.1.2.3")
    assert (1, "Name one: gpu-box, two.") == (caught.value.status, caught.value.hint)


@pytest.mark.parametrize(
    ("name", "docks", "hint"),
    [
        ("gpu-bxo", [GPU, FULL], "Did you mean gpu-box?"),
        ("10.1.2.33", [GPU], "Did you mean 10.1.2.3 (gpu-box)?"),
        ("zzz", [GPU, FULL], "There is full, gpu-box. Register it"),
        ("zzz", [], "Register it with `register-dock HOST [MONIKER]`."),
    ],
)
def test_an_unknown_dock_is_told_what_there_is(
    tmp_path: Path, name: str, docks: list[Dock], hint: str
) -> None:
    write_docks({}, str(tmp_path), docks)

    with pytest.raises(UnknownDock, match=f"there is no dock {name}") as caught:
        read_docks({}, str(tmp_path)).find(name)
    assert caught.value.hint.startswith(hint)


def test_a_name_with_escape_sequences_is_shown_without(tmp_path: Path) -> None:
    with pytest.raises(UnknownDock, match=r"there is no dock evil\.$"):
        read_docks({}, str(tmp_path)).find("\x1b[2Jevil")


# How long a connection stays ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90", 90), ('"90"', 90), ('"90s"', 90), ('"30m"', 1800), ('"2h"', 7200), ("0.5", 0.5)],
)
def test_linger_is_a_time(tmp_path: Path, text: str, expected: float) -> None:
    put(tmp_path, f"linger = {text}\n")

    assert expected == linger_of({}, str(tmp_path))
    assert [] == read(tmp_path)


@pytest.mark.parametrize("text", ['"soon"', "true", "[1]", '"-1s"', '"\\u001b[2J"'])
def test_what_is_no_time_is_said_once_and_half_an_hour_meant(tmp_path: Path, text: str) -> None:
    put(tmp_path, f'linger = {text}\n[dock.gpu-box]\naddress = "10.1.2.3"\n')

    found = read_docks({}, str(tmp_path))

    assert LINGER == linger_of({}, str(tmp_path))
    assert ["gpu-box"] == [one.name for one in found.docks]
    assert 1 == len(found.warnings)
    assert "linger is no time" in found.warnings[0]


def test_without_a_list_it_is_half_an_hour(tmp_path: Path) -> None:
    assert 1800 == linger_of({}, str(tmp_path))


# The quick way ------------------------------------------------------------------------------


def test_reading_imports_nothing_that_takes_long(tmp_path: Path) -> None:
    write_docks({}, str(tmp_path), [GPU, FULL])
    put_seed(tmp_path, "10.1.1.1", "none")
    code = f"""
import sys
before = set(sys.modules)
from dockerutils.docks.registry import read_docks
read_docks({{}}, {str(tmp_path)!r}).find("gpu-box")
print([one for one in {HEAVY!r} if one in set(sys.modules) - before])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]\n" == done.stdout
