"""sync-up and sync-down with a real dock: ssh, rsync, and what people and hostile docks do."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from dock_hosts import DockHost
from dockyards import Dockyard
from lines import Line
from processes import wait_until
from projects import Result

pytestmark = pytest.mark.real

TARGET = "/data/workspaces/alice/code/shop"
BASIS = {"docker/dev/Dockerfile": "FROM scratch\n", "src/a.py": "one\n", "src/b.py": "two\n"}
IGNORED = "data\ndocs/*\n!docs/README.md\n*.pyc\n"


class Workplace:
    """A project of a user, and the same on a dock."""

    def __init__(self, yard: Dockyard, host: DockHost, root: Path, target: str = TARGET) -> None:
        self.yard, self.host, self.root, self.target = yard, host, root, target
        self.write(BASIS)

    def write(self, files: dict[str, str]) -> None:
        """Write files here."""
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def there(self, script: str) -> str:
        """Run a script in the project's folder on the dock, as its user."""
        return self.host.inside("sh", "-c", f"cd {self.target} && {script}", as_user="ubuntu")

    def up(self, *words: str, **environ: str) -> Result:
        """Run sync-up."""
        return self.yard.line(self.root, "sync-up", "gpu", *words, **environ)

    def down(self, *words: str) -> Result:
        """Run sync-down."""
        return self.yard.line(self.root, "sync-down", "gpu", *words)

    def files_there(self) -> set[str]:
        """Give the paths of the files on the dock."""
        return set(self.there("find . -type f -o -type l").replace("./", "").split()) - OWN

    def files_here(self) -> set[str]:
        """Give the paths of the files here."""
        found = (path for path in self.root.rglob("*") if path.is_symlink() or path.is_file())
        return {str(path.relative_to(self.root)) for path in found}


OWN = {".dockerutils-sync.id"}


@pytest.fixture
def place(clean_dockyard: Dockyard, tmp_path: Path) -> Workplace:
    host = clean_dockyard.host()
    host.clear()
    clean_dockyard.register(host, "gpu")
    (tmp_path / "shop").mkdir()
    return Workplace(clean_dockyard, host, tmp_path / "shop")


def done(result: Result, status: int = 0) -> Result:
    """Expect an exit status."""
    assert status == result.status, result.err
    return result


# What goes up, and down ----------------------------------------------------------------------


def test_a_dock_gets_what_dockerignore_lets_pass(place: Workplace) -> None:
    kept = {"docs/README.md", "src/x.pyc", "src/data/keep.py", ".dockerignore", *BASIS}
    others = {"data/big", "docs/x.md", "top.pyc", ".git/config", "src/.GIT/x", "src/.envrc"}
    place.write(dict.fromkeys({*kept, *others} - {*BASIS, ".dockerignore"}, "x"))
    place.write({".dockerignore": IGNORED})
    (place.root / "src/empty").mkdir()
    done(place.up())

    assert kept == place.files_there()
    assert "src/empty" in place.there("find src -type d")


def test_a_second_run_starts_no_rsync(place: Workplace) -> None:
    first = done(place.up())
    second = done(place.up())

    assert "rsync -ltEOzsI" in first.err
    assert "rsync" not in second.err
    assert f"# nothing to do: gpu:{TARGET} has what is to be there (3 files here).\n" == second.err


def test_changes_and_deletions_go_up(place: Workplace) -> None:
    done(place.up())
    place.write({"src/a.py": "1\n", "new/deep/c.py": "three\n"})
    (place.root / "src/b.py").unlink()
    told = done(place.up()).err

    assert {"docker/dev/Dockerfile", "src/a.py", "new/deep/c.py"} == place.files_there()
    assert "1\n" == place.there("cat src/a.py")
    assert "2 files, 0.0 MB, sent and 1 file deleted there" in told


def test_changes_and_deletions_come_down(place: Workplace) -> None:
    done(place.up())
    place.there(
        "echo more >>src/a.py; rm src/b.py; mkdir out; echo 42 >out/result; chmod +x src/a.py"
    )
    done(place.down())

    assert {"docker/dev/Dockerfile", "src/a.py", "out/result"} == place.files_here()
    assert "one\nmore\n" == (place.root / "src/a.py").read_text()
    assert (place.root / "src/a.py").stat().st_mode & 0o100
    assert "nothing to do" in done(place.down()).err
    assert "nothing to do" in done(place.up()).err


def test_what_may_not_be_written_there_is_named_and_the_rest_is_sent(place: Workplace) -> None:
    place.write({"out/made": "here\n"})
    done(place.up())
    place.host.inside("chown", "-R", "0:0", f"{TARGET}/out")
    place.write({"out/made": "again\n", "src/a.py": "1\n"})
    told = done(place.up(), 1).err

    assert "1\n" == place.there("cat src/a.py")
    assert "here\n" == place.there("cat out/made")
    assert "out/made is not as it should be: it may not be written there." in told
    assert "`user = host`" in told
    assert "src/a.py" not in told


def test_what_changed_on_the_dock_alone_stays_there(place: Workplace) -> None:
    done(place.up())
    place.there("echo theirs >src/a.py; echo log >log.txt")
    told = done(place.up()).err

    assert "theirs\n" == place.there("cat src/a.py")
    assert "log.txt, src/a.py changed on gpu alone; `sync-down` brings that here." in told


def test_a_conflict_on_the_way_up_keeps_the_version_of_the_dock_beside(place: Workplace) -> None:
    done(place.up())
    place.there("echo theirs >src/a.py")
    place.write({"src/a.py": "ours, too\n"})
    told = done(place.up(), 1).err

    kept = place.there("cat src/a.py src/a.py.dock-conflict")
    assert "ours, too\ntheirs\n" == kept
    assert "the version of gpu is kept there as src/a.py.dock-conflict" in told
    assert "nothing to do" in done(place.up()).err
    assert "nothing to do" in done(place.down()).err


def test_a_conflict_on_the_way_down_never_touches_an_edit(place: Workplace) -> None:
    done(place.up())
    place.there("echo theirs >src/a.py")
    place.write({"src/a.py": "ours, too\n"})
    told = done(place.down(), 1).err
    again = done(place.down()).err
    done(place.up())

    here = [(place.root / name).read_text() for name in ("src/a.py", "src/a.py.dock-conflict")]
    assert ["ours, too\n", "theirs\n"] == here
    assert "the version of gpu is kept here as src/a.py.dock-conflict" in told
    assert "nothing to do" in again
    assert "ours, too\n" == place.there("cat src/a.py; ls src | grep conflict || true")


def test_edits_of_the_same_size_within_a_second_travel(place: Workplace) -> None:
    names = [f"file{number}" for number in range(9)]
    place.write(dict.fromkeys(names, "one"))
    for name in names:
        os.utime(place.root / name, ns=(0, 10**18))
    done(place.up())
    place.write(dict.fromkeys(names, "two"))
    for name in names:
        os.utime(place.root / name, ns=(0, 10**18 + 1))
    done(place.up())

    assert "two" * 9 == place.there("cat file*")
    place.there("for one in file*; do printf six >$one; touch -d @1000000000.5 $one; done")
    done(place.down())
    assert {"six"} == {(place.root / name).read_text() for name in names}


def test_the_same_content_with_other_times_is_no_conflict(place: Workplace) -> None:
    name = "odd\nname.py"
    place.write({name: "same"})
    done(place.up())
    place.there("touch src/a.py ./odd*")
    (place.root / "src/a.py").touch()
    (place.root / name).touch()
    told = done(place.up()).err

    assert "nothing to do" in told
    assert "nothing to do" in done(place.down()).err


def test_a_dock_that_was_set_up_anew_deletes_nothing_here(place: Workplace) -> None:
    done(place.up())
    place.there(f"cd / && rm -rf {TARGET} && mkdir {TARGET} && echo x >{TARGET}/other")
    done(place.down())
    assert {"other", *BASIS} == place.files_here()
    done(place.up())

    assert {"other", *BASIS} == place.files_there()


def test_an_emptied_folder_deletes_nothing_here(place: Workplace) -> None:
    done(place.up())
    place.there("rm -rf src docker")
    told = done(place.down()).err

    assert {*BASIS} == place.files_here()
    assert "the folder on the dock is empty: nothing is deleted here." in told


def test_names_that_are_odd_travel_both_ways(place: Workplace) -> None:
    names = [
        b"new\nline",
        b"not utf-8 \xff",
        b"-rf",
        b"a 'b' \"c\" $d `e`",
        b"*",
        b"\\",
        b"#x",
        b"~",
    ]
    for name in names:
        Path(os.fsdecode(bytes(place.root) + b"/" + name)).write_bytes(name)
    done(place.up())
    place.there('for one in ./*; do [ ! -f "$one" ] || echo more >>"$one"; done')
    done(place.down())

    for name in names:
        path = Path(os.fsdecode(bytes(place.root) + b"/" + name))
        assert name + b"more\n" == path.read_bytes()
        path.unlink()
    done(place.up())
    assert {*BASIS} == place.files_there()


def test_links_travel_if_they_stay_in_the_project(place: Workplace) -> None:
    (place.root / "good").symlink_to("src/a.py")
    (place.root / "src/up").symlink_to("../docker")
    (place.root / "absolute").symlink_to("/etc/passwd")
    (place.root / "src/out").symlink_to("../../else")
    told = done(place.up()).err

    assert {"good", "src/up", *BASIS} == place.files_there()
    assert "links that lead out of the project are left out: absolute, src/out." in told
    place.there("ln -sfn src/b.py good; ln -s a.py src/other")
    done(place.down())
    assert ["src/b.py", "a.py"] == [
        str((place.root / one).readlink()) for one in ("good", "src/other")
    ]


def test_a_folder_and_a_file_change_places(place: Workplace) -> None:
    place.write({"one/x": "x", "one/deep/y": "y", "two": "2"})
    done(place.up())
    for path in ("one/deep/y", "one/x", "two"):
        (place.root / path).unlink()
    (place.root / "one/deep").rmdir()
    (place.root / "one").rmdir()
    place.write({"one": "1", "two/z": "z"})
    done(place.up())

    assert "1z" == place.there("cat one two/z")
    place.there("rm one; rm -r two; mkdir one; echo x >one/x; echo 2 >two")
    done(place.down())
    assert "x\n2\n" == (place.root / "one/x").read_text() + (place.root / "two").read_text()


# A dry run and programs ----------------------------------------------------------------------


def test_a_dry_run_tells_and_changes_nothing(place: Workplace) -> None:
    told = done(place.up("--dry-run"))

    expected = ["docker/", "docker/dev/", "docker/dev/Dockerfile", "src/", "src/a.py", "src/b.py"]
    assert [f"send {name}" for name in expected] == told.out.splitlines()
    assert "3 files, 0.0 MB, sent" in told.err
    assert [] == list(place.host.data.iterdir())
    assert not list((place.yard.home / ".local").rglob("*.json"))


def test_a_dry_run_down_tells_and_changes_nothing(place: Workplace) -> None:
    done(place.up())
    place.there("echo new >new; rm src/b.py; echo theirs >src/a.py")
    place.write({"src/a.py": "ours, too"})
    before = place.files_here()
    told = done(place.down("--dry-run"), 1).out

    expected = (
        "fetch new\nfetch src/a.py\ndelete src/b.py\nconflict src/a.py: src/a.py.dock-conflict\n"
    )
    assert expected == told
    assert before == place.files_here()


def test_a_program_gets_json(place: Workplace) -> None:
    told = json.loads(done(place.up("--json")).out)

    assert (TARGET, ["docker/dev/Dockerfile"]) == (
        told["target"],
        [one for one in told["sent"] if one.startswith("docker/dev/D")],
    )


# Where it goes -------------------------------------------------------------------------------


def test_without_a_data_folder_it_goes_to_the_home(
    clean_dockyard: Dockyard, tmp_path: Path
) -> None:
    host = clean_dockyard.host("closed", "no-data")
    clean_dockyard.register(host, "gpu")
    (tmp_path / "shop").mkdir()
    place = Workplace(
        clean_dockyard, host, tmp_path / "shop", "/home/ubuntu/workspaces/alice/code/shop"
    )
    done(place.up())

    assert {*BASIS} == place.files_there()


def test_a_workspace_of_ones_own_is_taken(clean_dockyard: Dockyard, tmp_path: Path) -> None:
    host = clean_dockyard.host()
    clean_dockyard.register(host, "gpu", workspace="/home/ubuntu/a b/work")
    (tmp_path / "shop").mkdir()
    place = Workplace(clean_dockyard, host, tmp_path / "shop", "'/home/ubuntu/a b/work/shop'")
    done(place.up())

    assert {*BASIS} == place.files_there()


def test_a_workspace_that_cannot_be_made_is_one_sentence(
    clean_dockyard: Dockyard, tmp_path: Path
) -> None:
    clean_dockyard.register(clean_dockyard.host(), "gpu", workspace="/proc/none")
    (tmp_path / "shop").mkdir()
    place = Workplace(clean_dockyard, clean_dockyard.host(), tmp_path / "shop")
    told = done(place.up(), 1).err

    assert "sync-up: /proc/none cannot be written on gpu.\n" in told.replace(
        "dockerutils:", "sync-up:"
    )


def test_a_project_that_is_not_there_is_one_sentence(place: Workplace) -> None:
    told = done(place.down(), 1).err

    assert "there is nothing of shop on gpu.\n  `sync-up` brings it there.\n" in told


def test_a_dock_without_rsync_is_one_sentence(clean_dockyard: Dockyard, tmp_path: Path) -> None:
    host = clean_dockyard.host("without-rsync", "no-rsync")
    clean_dockyard.register(host, "gpu")
    (tmp_path / "shop").mkdir()
    place = Workplace(clean_dockyard, host, tmp_path / "shop")

    assert "gpu has no rsync.\n  Install it there" in done(place.up(), 1).err


# The version ---------------------------------------------------------------------------------


def test_the_version_file_takes_the_place_of_the_module(place: Workplace) -> None:
    settings = "[versioneer]\nVCS = git\nstyle = pep440\nversionfile_source = shop/_version.py\n"
    place.write({"setup.cfg": settings, "shop/_version.py": "# git asks here\n"})
    for words in ("init -q", "add .", "commit -qm one", "tag 1.2"):
        subprocess.run(["git", *words.split()], cwd=place.root, env=GIT, check=True)
    told = done(place.up(PYTHONDONTWRITEBYTECODE="1")).err

    assert "# _version.py.bld is of version 1.2." in told
    assert '"version": "1.2"' in place.there("cat shop/_version.py")
    assert "nothing to do" in done(place.up()).err
    place.there("echo theirs >>shop/_version.py")
    assert "nothing to do" in done(place.down()).err
    assert "# git asks here\n" == (place.root / "shop/_version.py").read_text()


GIT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    **{
        f"GIT_{who}_{what}": "alice"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    },
}


# Hostile docks -------------------------------------------------------------------------------


def test_what_a_hostile_dock_puts_there_stays_there(place: Workplace) -> None:
    done(place.up())
    place.there(
        "mkdir -p .git/hooks src/.Git && echo x | tee .git/hooks/post-checkout src/.Git/x .ENVRC;"
        "ln -s /etc etc; ln -s ../../.. out; ln -s .git/hooks hooks; mkfifo pipe;"
        "mkdir .dockerutils-sync-x; echo x >.dockerutils-sync-x/y; echo x >z.dock-conflict;"
        "mkdir git~1 .g\u200cit; echo x >git~1/config; echo x >.g\u200cit/config; echo x >envrc~1"
    )
    told = done(place.down()).err

    assert {*BASIS} == place.files_here()
    assert "links that lead out of the project are left out: etc, hooks, out." in told
    assert "what is no file, folder or link is left out: pipe." in told


def test_a_folder_of_the_dock_does_not_pass_through_a_link_of_ours(
    place: Workplace, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    done(place.up())
    (place.root / "results").symlink_to(outside)
    (place.root / "inner").symlink_to("src")
    place.there("mkdir results inner; echo x >results/x; echo x >inner/x")
    place.down()

    assert [] == list(outside.iterdir())
    assert {"a.py", "b.py"} == {path.name for path in (place.root / "src").iterdir()}


def test_words_of_a_hostile_dock_steer_no_terminal(place: Workplace) -> None:
    done(place.up())
    place.there("printf x >\"$(printf 'evil\\033]0;owned\\007\\nname')\"")
    told = done(place.down("-v"))

    assert "\x1b" not in told.err + told.out
    assert "# fetch evil name\n" in told.err


def test_a_shell_that_talks_is_no_trouble_for_the_list(place: Workplace) -> None:
    done(place.up())
    rc = place.host.home / ".bashrc"
    before = rc.read_text() if rc.exists() else ""
    rc.write_text("echo welcome; printf 'a\\0b'\n" + before)
    try:
        told = done(place.up()).err
    finally:
        rc.write_text(before)

    assert "nothing to do" in told


def test_a_list_without_an_end_is_refused(place: Workplace, tmp_path: Path) -> None:
    done(place.up())
    find = place.host.home / "find"
    find.write_text("#!/bin/sh\nexec yes 'f 1 1.0 with a long name that is repeated for ever'\n")
    find.chmod(0o755)
    rc = place.host.home / ".bashrc"
    rc.write_text("PATH=/home/ubuntu:$PATH\n")
    try:
        told = done(place.up(), 1).err
    finally:
        rc.unlink()
        find.unlink()

    assert "the dock lists more files than can be synchronized." in told


def test_another_project_of_that_name_is_refused_until_it_is_let_in(
    place: Workplace, tmp_path: Path
) -> None:
    done(place.up())
    other = Workplace(place.yard, place.host, tmp_path / "elsewhere/shop")
    told = done(other.up(), 1).err
    assert f"{TARGET} on gpu is the folder of another project, {place.root} on " in told

    words = told.partition("`ssh-dock gpu ")[2].partition("`")[0].split()
    done(place.yard.line(place.root, "ssh-dock", "gpu", *words))
    assert "nothing to do" in done(other.up()).err
    assert "nothing to do" in done(place.up()).err


def test_what_a_dock_complains_of_steers_no_terminal(place: Workplace) -> None:
    done(place.up())
    rc = place.host.home / ".bashrc"
    complain = "printf '\\033]0;owned\\007odd\\n' >&2; exit 3"
    rc.write_text(f"case $BASH_EXECUTION_STRING in *workspaces*) {complain};; esac\n")
    try:
        told = done(place.up(), 1).err
    finally:
        rc.unlink()

    assert "\x1b" not in told
    assert "status 3: odd" in told


# Faults --------------------------------------------------------------------------------------


def test_a_kept_connection_that_is_gone_is_made_anew(place: Workplace) -> None:
    left = place.yard.runtime / "dockerutils/gpu.ctl"
    left.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(left))
    done(place.up())

    assert {*BASIS} == place.files_there()


def big(place: Workplace, megabytes: int = 24) -> None:
    """Write files that take a while."""
    for number in range(megabytes):
        (place.root / f"big{number}").write_bytes(os.urandom(1 << 20))


def test_a_cut_on_the_way_up_is_one_sentence_and_is_made_good(
    clean_dockyard: Dockyard, tmp_path: Path
) -> None:
    host = clean_dockyard.host()
    host.clear()
    (tmp_path / "shop").mkdir()
    with clean_dockyard.behind(host, Line((host.address, 22), cuts=[8 << 20])) as (line, port):
        clean_dockyard.register(host, "gpu", address="127.0.0.1", port=port)
        place = Workplace(clean_dockyard, host, tmp_path / "shop")
        big(place)
        first = done(place.up(), 1)
        second = done(place.up())

    assert 1 == line.cut
    assert "the connection to gpu was lost." in first.err
    assert "sent" in second.err
    assert place.files_here() == place.files_there()


def test_a_cut_on_the_way_down_keeps_what_has_arrived(
    clean_dockyard: Dockyard, tmp_path: Path
) -> None:
    host = clean_dockyard.host()
    host.clear()
    (tmp_path / "shop").mkdir()
    with clean_dockyard.behind(host) as (_, port):
        clean_dockyard.register(host, "gpu", address="127.0.0.1", port=port)
        place = Workplace(clean_dockyard, host, tmp_path / "shop")
        done(place.up())
        place.there("for n in 1 2 3 4 5 6 7 8; do head -c 8000000 /dev/urandom >big$n; done")
        with subprocess.Popen(
            [sys.executable, "-m", "dockerutils", "sync-down", "gpu"],
            cwd=place.root,
            env=clean_dockyard.environ,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            staged = lambda: list(place.root.glob(".dockerutils-sync-*/big1"))  # noqa: E731
            wait_until("a file has arrived", staged)
            host.cut()
            told = process.communicate()[1]
        status, arrived = process.returncode, list(place.root.glob("big*"))
        left = list(place.root.glob(".dockerutils-*"))
        done(place.down())

    assert (1, []) == (status, left)
    assert "was lost" in told
    assert arrived
    assert place.files_here() == place.files_there()


def test_a_file_that_was_renamed_is_not_lost_where_it_does_not_come(place: Workplace) -> None:
    done(place.up())
    place.there("mv src/a.py src/new.py")
    rsync = place.host.home / "rsync"
    rsync.write_text("#!/bin/sh\nexit 12\n")
    rsync.chmod(0o755)
    rc = place.host.home / ".bashrc"
    rc.write_text("PATH=/home/ubuntu:$PATH\n")
    try:
        done(place.down(), 1)
    finally:
        rc.unlink()
        rsync.unlink()
    assert {*BASIS} == place.files_here()

    done(place.down())
    assert {*BASIS, "src/new.py"} - {"src/a.py"} == place.files_here()


def test_holes_in_files_stay_holes(place: Workplace) -> None:
    done(place.up())
    place.there("truncate -s 64M holes")
    done(place.down())
    os.truncate(place.root / "holes", 80 << 20)
    done(place.up())

    about = (place.root / "holes").stat()
    assert (80 << 20, True) == (about.st_size, about.st_blocks < 2000)
    assert int(place.there("stat -c %b holes")) < 2000


def test_ctrl_c_leaves_nothing_half_done(place: Workplace) -> None:
    done(place.up())
    place.there("for n in 1 2 3 4 5 6 7 8; do head -c 16000000 /dev/urandom >big$n; done")
    with subprocess.Popen(
        [sys.executable, "-m", "dockerutils", "sync-down", "gpu"],
        cwd=place.root,
        env=place.yard.environ,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_until("it stages", lambda: list(place.root.glob(".dockerutils-sync-*/.big*")))
        process.send_signal(signal.SIGINT)
        told = process.communicate()[1]

    assert 130 == process.returncode, told
    assert [] == list(place.root.glob(".dockerutils-*"))
    done(place.down())
    assert place.files_here() == place.files_there()


def test_a_full_disk_on_the_dock_is_one_sentence(place: Workplace) -> None:
    mount = "mkdir -p /data/workspaces && mount -t tmpfs -o size=4m,mode=777 tmpfs /data/workspaces"
    place.host.inside("sh", "-c", mount)
    big(place, 8)
    try:
        told = done(place.up(), 1).err
        for number in range(7):
            (place.root / f"big{number}").unlink()
        done(place.up())
        assert place.files_here() == place.files_there()
    finally:
        place.host.inside("umount", "-l", "/data/workspaces")

    assert "dockerutils: not all files could be written on gpu: " in told


def test_what_somebody_else_owns_there_is_told(place: Workplace) -> None:
    done(place.up())
    script = f"cd {TARGET}; mkdir -m 700 closed; echo x >closed/x; echo x >secret; chmod 600 secret"
    place.host.inside("sh", "-c", script)
    place.there("rm src/b.py")
    told = done(place.down(), 1).err

    assert {*BASIS} == place.files_here()
    assert "some folders on the dock cannot be read: nothing is deleted here." in told
    assert "secret is not as it should be: it did not arrive." in told


def test_an_unknown_dock_and_no_dock_are_one_sentence(place: Workplace) -> None:
    unknown = place.yard.line(place.root, "sync-up", "gpx")
    none = place.yard.line(place.root, "sync-up")

    assert (1, "Did you mean gpu?") == (unknown.status, unknown.err.split("\n  ")[1][:17])
    assert 2 == none.status
