"""nb-dock: the scripts for the dock and their answers, the browser, and who watches."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import fake_session
from processes import processes_with, wait_until
from projects import Projects

from dockerutils.docks.dock import Dock
from dockerutils.docks.notebook.api import last_use
from dockerutils.docks.notebook.browser import opener, opening, redirect
from dockerutils.docks.notebook.jupyter import (
    NoJupyter,
    Server,
    entering_first,
    entering_folder,
    finding,
    parse_server,
    starting,
    stopping,
)
from dockerutils.docks.notebook.serving import Notebook, check_port, spec
from dockerutils.docks.notebook.watch import Watch, leaf, watch_of, watching
from dockerutils.docks.places import Berth
from dockerutils.errors import DockerutilsError, UsageError
from dockerutils.nb_dock import same_port
from dockerutils.runner import Answer

SAID = {"port": 8889, "token": "c0ffee", "base_url": "/", "root_dir": "/home/ubuntu"}
# A Jupyter that says of itself what a real one does, and tells how it was started.
LAB = """#!/bin/sh
echo "$@" >"$HOME/words"; pwd >"$HOME/folder"; umask >"$HOME/umask"
printf '{"port": 8888, "token": "c0ffee",\\n "base_url": "/"}' \
  >"$JUPYTER_RUNTIME_DIR/jpserver-$$.json"
while sleep 0.05; do :; done
"""


def answer(**more: object) -> str:
    return f"server {json.dumps({**SAID, **more})}\n"


# On the dock --------------------------------------------------------------------------------


@pytest.fixture
def home() -> Iterator[Path]:
    """The home of a user on a dock, whom this machine plays."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
        on_the_dock(Path(folder), stopping("alice"))


def on_the_dock(home: Path, script: str) -> str:
    """Run a script as sshd has a user's shell do it."""
    environ = {"HOME": str(home), "PATH": os.environ["PATH"], "SHELL": "/bin/sh"}
    words = ["sh", "-c", f"({script}) 2>/dev/null"]
    done = subprocess.run(
        words, cwd=home, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout


def own(home: Path) -> Path:
    return home / ".local/state/dockerutils/notebook-alice"


def install(home: Path, text: str = LAB) -> None:
    program = home / ".local/bin/jupyter-lab"
    program.parent.mkdir(parents=True)
    program.write_text(text)
    program.chmod(0o755)


def test_jupyter_is_started_found_and_ended(home: Path) -> None:
    install(home)
    try:
        made = on_the_dock(home, starting("alice", entering_first([])))
        again = on_the_dock(home, starting("alice", entering_first([])))
        found = on_the_dock(home, finding("alice"))
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (own(home), own(home) / "runtime")]
        log = stat.S_IMODE((own(home) / "log").stat().st_mode)
    finally:
        ended = on_the_dock(home, stopping("alice"))
    after = on_the_dock(home, finding("alice"))

    assert Server(8888, "c0ffee") == parse_server(made, "gpu-box")
    assert Server(8888, "c0ffee", found=True) == parse_server(again, "gpu-box")
    assert again == found
    assert ([0o700, 0o700], 0o600) == (modes, log)
    assert ("stopped\n", "none\n") == (ended, after)
    assert not own(home).exists()
    words = (home / "words").read_text().split()
    assert ["--no-browser", "--ip=127.0.0.1", "--port=8888", "--port-retries=100"] == words[:4]
    assert "token" not in " ".join(words)
    assert (home / "umask").read_text() != "0077\n"


def test_a_jupyter_that_does_not_listen_is_ended_by_force(home: Path) -> None:
    install(home, LAB.replace("\n", "\ntrap '' TERM; (sleep 600; jupyter) &\n", 1))
    on_the_dock(home, starting("alice", entering_first([])))
    before = processes_with(str(home))

    assert "stopped\n" == on_the_dock(home, stopping("alice", 0.2))
    assert 2 == len(before)
    assert wait_until("all of it is gone", lambda: not processes_with(str(home)))


def test_it_starts_in_the_first_folder_that_is_there(home: Path) -> None:
    install(home)
    (home / "two words").mkdir()
    try:
        on_the_dock(home, starting("alice", entering_first(["/nowhere", '"$HOME"/"two words"'])))
    finally:
        on_the_dock(home, stopping("alice"))

    assert f"{home.resolve()}/two words" == (home / "folder").read_text().strip()


@pytest.mark.parametrize("folder", ["nix", "$(touch owned)", "-", "; touch owned"])
def test_a_folder_that_is_not_there_is_told(home: Path, folder: str) -> None:
    install(home)
    said = on_the_dock(home, starting("alice", entering_folder(folder)))

    with pytest.raises(NoJupyter, match="no folder"):
        parse_server(said, "gpu-box", folder)
    assert not (home / "owned").exists()
    assert not own(home).exists()


def test_the_process_of_somebody_else_is_left_alone(home: Path) -> None:
    """Numbers of processes come again, after a restart at the latest."""
    own(home).mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"]) as other:
        (own(home) / "pid").write_text(f"{other.pid}\n")
        said = on_the_dock(home, stopping("alice"))
        alive = other.poll() is None
        other.kill()

    assert ("none\n", True) == (said, alive)
    assert not own(home).exists()


@pytest.mark.parametrize("pid", ["0", "1", "-1", "", "x; touch owned"])
def test_a_number_that_can_be_none_is_passed_over(home: Path, pid: str) -> None:
    own(home).mkdir(parents=True)
    (own(home) / "pid").write_text(pid)

    assert "none\n" == on_the_dock(home, stopping("alice"))
    assert not (home / "owned").exists()


def test_the_last_words_of_a_jupyter_that_fails_are_told(home: Path) -> None:
    install(
        home, "#!/bin/sh\necho at /?token=c0ffee; printf '\\033[31mbad\\033[0m\\n' >&2; exit 1\n"
    )
    said = on_the_dock(home, starting("alice", entering_first([])))

    with pytest.raises(NoJupyter) as failure:
        parse_server(said, "gpu-box")
    assert "at /?token=…\n  bad" == failure.value.hint
    assert not own(home).exists()


@pytest.mark.parametrize("user", ["bob smith", "../../x", "$(touch owned)", ""])
def test_any_name_makes_a_folder_of_its_own(home: Path, user: str) -> None:
    assert "none\n" == on_the_dock(home, finding(user))
    assert not (home / "owned").exists()


# Its answer ---------------------------------------------------------------------------------


def test_an_answer_tells_where_it_is() -> None:
    server = parse_server(answer(base_url="/a b/".replace(" ", "%20"), password=True), "gpu-box")

    assert Server(8889, "c0ffee", "/a%20b/", "/home/ubuntu", locked=True) == server
    assert server is not None
    assert "http://127.0.0.1:18889/a%20b/?token=c0ffee" == server.address(18889)
    assert "127.0.0.1:18889:127.0.0.1:8889" == spec(18889, server)


@pytest.mark.parametrize(
    "text",
    [
        answer(port="x"),
        answer(port=0),
        answer(port=70000),
        answer(token="a\r\nHost: evil"),
        answer(base_url="//evil.example/\r\n"),
        answer(base_url="evil"),
        "server {}\n",
        "server []\n",
        "server not JSON\n",
        f"server {'[' * 100_000}\n",
    ],
)
def test_an_answer_that_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(NoJupyter, match="cannot be read"):
        parse_server(text, "gpu-box")


@pytest.mark.parametrize(
    ("text", "message"),
    [("lacks\n", "no Jupyter on gpu-box"), ("no /home/x\n", "/home/x cannot be written")],
)
def test_why_there_is_none_is_told(text: str, message: str) -> None:
    with pytest.raises(NoJupyter, match=message):
        parse_server(text, "gpu-box")


def test_none_is_none() -> None:
    assert parse_server("none\n", "gpu-box") is None


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"last_activity": "2026-11-23T08:00:00Z"}', "2026-11-23T08:00:00Z"),
        (b"{}", None),
        (b"[]", None),
        (b"<html>", None),
        (b"\xff", None),
    ],
)
def test_jupyters_own_status_is_read_if_it_can_be(content: bytes, expected: str | None) -> None:
    assert expected == last_use(content)


# Through the tunnel --------------------------------------------------------------------------


class Obeyed(dict[str, Answer]):
    """What ssh answers to any order; the orders are kept."""

    def __init__(self, status: int = 0) -> None:
        super().__init__()
        self.status = status

    def __missing__(self, line: str) -> Answer:
        self[line] = Answer(self.status, "", "")
        return self[line]

    def ports(self) -> list[int]:
        """Give the ports of this machine that were to be forwarded."""
        return [int(line.split("127.0.0.1:")[1].split(":")[0]) for line in self]


def notebook(projects: Projects, folder: Path, ssh: Obeyed) -> Notebook:
    session, runner = fake_session(projects.images("app"))
    runner.answers = ssh
    return Notebook(session, Dock("lab", "10.1.2.3"), Berth(folder, "lab"))


@pytest.mark.parametrize("port", [-1, 80, 1023, 65536])
def test_only_ports_that_anybody_may_have_are_asked_for(port: int) -> None:
    with pytest.raises(UsageError, match=f"{port} is no port"):
        check_port(port)


def test_there_is_no_port_above_the_highest(projects: Projects, tmp_path: Path) -> None:
    ssh = Obeyed(255)
    with pytest.raises(DockerutilsError, match="no port from 65530 on could be had here"):
        notebook(projects, tmp_path, ssh).reach(Server(65530, "c0ffee"))

    assert {*ssh.ports()} <= {*range(65530, 65536)}


def test_a_dock_has_no_low_port_taken_here(projects: Projects, tmp_path: Path) -> None:
    ssh = Obeyed()
    port = notebook(projects, tmp_path, ssh).reach(Server(80, "c0ffee"))

    assert [port] == ssh.ports()
    assert port >= 1024


def test_the_token_goes_nowhere_but_through_our_connection(
    projects: Projects, tmp_path: Path
) -> None:
    """Whatever connects fails the test: somebody else may have the port."""
    ssh = Obeyed(255)

    assert notebook(projects, tmp_path, ssh).last_use(Server(8888, "c0ffee"), 8888) is None
    assert [8888] == ssh.ports()


def test_a_port_that_somebody_else_got_is_not_jupyters_any_more(
    projects: Projects, tmp_path: Path
) -> None:
    lab, watch = notebook(projects, tmp_path, Obeyed(255)), Watch(1, "1", 8890)

    with pytest.raises(DockerutilsError, match="port 8890 of this machine, which was Jupyter's"):
        same_port(lab, Server(8888, "c0ffee", found=True), watch)


# The browser --------------------------------------------------------------------------------


@pytest.fixture
def screen(tmp_path: Path) -> dict[str, str]:
    """The environment of a user with a screen, and two programs."""
    for name in ("xdg-open", "firefox", "open"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    return {"PATH": str(tmp_path), "DISPLAY": ":0"}


def test_the_users_browser_comes_first(screen: dict[str, str]) -> None:
    wayland = {"PATH": screen["PATH"], "WAYLAND_DISPLAY": "wayland-0"}

    assert ("xdg-open",) == opener(screen, "linux") == opener(wayland, "linux")
    assert ("firefox", "-P", "a b") == opener({**screen, "BROWSER": "firefox -P 'a b'"}, "linux")
    assert ("firefox",) == opener({**screen, "BROWSER": "gone:firefox &"}, "linux")
    assert ("xdg-open",) == opener({**screen, "BROWSER": "gone:'"}, "linux")


def test_without_a_screen_there_is_no_browser(screen: dict[str, str]) -> None:
    blind = {"PATH": screen["PATH"], "BROWSER": "firefox"}

    assert () == opener(blind, "linux")
    assert () == opener({**screen, "PATH": "/nowhere"}, "linux")
    assert ("open",) == opener({"PATH": screen["PATH"]}, "darwin")


def test_a_browser_is_told_the_page() -> None:
    page = Path("/run/a b.html")

    assert ("firefox", "--url=/run/a b.html") == opening(("firefox", "--url=%s"), page).argv
    assert ("firefox", "-P", "/run/a b.html") == opening(("firefox", "-P"), page).argv


def test_the_page_that_leads_on_is_private_and_goes(tmp_path: Path) -> None:
    with redirect(tmp_path, "<gpu>", 'http://127.0.0.1:1/?a="&token=c0ffee') as page:
        mode, text = stat.S_IMODE(page.stat().st_mode), page.read_text()

    assert 0o600 == mode
    assert 'url=http://127.0.0.1:1/?a=&quot;&amp;token=c0ffee"' in text
    assert "&lt;gpu&gt;" in text
    assert [] == list(tmp_path.iterdir())


# Who watches --------------------------------------------------------------------------------


def test_who_watches_is_known_until_they_end(tmp_path: Path) -> None:
    berth = Berth(tmp_path, "gpu-box")
    with watching(berth, 8888, apart=True):
        watch = watch_of(berth)
        left = leaf(berth).read_bytes()
    leaf(berth).write_bytes(left.replace(b'"start": "', b'"start": "9'))

    assert watch is not None
    assert (os.getpid(), 8888, True) == (watch.pid, watch.port, watch.apart)
    assert watch_of(berth) is None
    for odd in (b"", b"[]", b'{"pid": 1}'):
        leaf(berth).write_bytes(odd)
        assert watch_of(berth) is None


def test_another_watcher_stays(tmp_path: Path) -> None:
    berth = Berth(tmp_path, "gpu-box")
    with watching(berth, 8888, apart=True):
        leaf(berth).write_bytes(b"somebody else")

    assert leaf(berth).exists()
