"""nb-dock against a real dock: a real JupyterLab, in a real browser."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest
from dock_hosts import DockHost
from dockyards import Dockyard
from own_engines import missing
from pages import Browser
from processes import read_up_to, started, wait_until, words_of_processes

from dockerutils.docks.notebook.api import heard, lives
from dockerutils.docks.notebook.jupyter import Server

pytestmark = pytest.mark.real

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
LAB = f"""#!/bin/sh
export LD_LIBRARY_PATH=/opt/python/lib PYTHONPATH=/opt/site
export JUPYTER_PATH=/opt/share/jupyter JUPYTERLAB_DIR=/opt/share/jupyter/lab
exec /opt/python/bin/python{VERSION} -m jupyterlab "$@"
"""
FAILING = r"""#!/bin/sh
printf 'at http://127.0.0.1/?token=0123456789abcdef\n\033[31mno room\033[0m\n' >&2
exit 1
"""
PROGRAM = "/home/ubuntu/.local/bin/jupyter-lab"
OWN = "/home/ubuntu/.local/state/dockerutils/notebook-alice"
ADDRESS = re.compile(r"http://127\.0\.0\.1:([0-9]+)/\?token=([0-9a-f]{48})\n")


@pytest.fixture
def host(request: pytest.FixtureRequest, clean_dockyard: Dockyard) -> Iterator[DockHost]:
    if not find_spec("jupyterlab"):
        missing(request, "jupyterlab is not installed")
    host = clean_dockyard.host("lab", "jupyter")
    clean_dockyard.register(host, "lab")
    write_program(host, LAB)
    yield host
    clean_dockyard.line(clean_dockyard.home, "nb-dock", "lab", "--stop")
    host.clear()


@pytest.fixture
def yard(clean_dockyard: Dockyard, host: DockHost) -> Dockyard:
    return clean_dockyard


def write_program(host: DockHost, text: str) -> None:
    script = f"mkdir -p $(dirname {PROGRAM}); cat >{PROGRAM}; chmod 755 {PROGRAM}"
    host.inside("sh", "-c", script, as_user="ubuntu", stdin=text)


def jupyters(host: DockHost) -> list[str]:
    """Give the command lines of Jupyter there."""
    return [one for one in host.inside("ps", "-eo", "args").splitlines() if "-m jupyterlab" in one]


def status(port: str, token: str = "") -> int:
    """Ask for what only those may see who know the token; 0 where nobody answers."""
    headers = {"Authorization": f"token {token}"} if token else {}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/status", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def address(out: str) -> tuple[str, str]:
    """Give the port and the token of an address that was printed."""
    found = ADDRESS.fullmatch(out)
    assert found, out
    return found[1], found[2]


@pytest.fixture
def browser(request: pytest.FixtureRequest, tmp_path: Path) -> Browser:
    if not shutil.which("chromium"):
        missing(request, "chromium is not installed")
    return Browser(tmp_path / "browser")


def test_jupyter_opens_in_the_browser_until_ctrl_c(
    yard: Dockyard, host: DockHost, browser: Browser
) -> None:
    with started(yard.home, yard.environ, "nb-dock", "lab", **browser.variables) as process:
        page = browser.told("page.html")
        token = page.split("token=")[1][:48]
        title = browser.wait_for("document.querySelector('.jp-Launcher-body') && document.title")
        place = browser.wait_for("location.pathname")
        said = read_up_to(process.stderr, "Ctrl-C ends it")
        words = [word for one in words_of_processes() for word in one]
        port = re.findall(r"127\.0\.0\.1:(\d+) here", said)[0]

        assert ("JupyterLab", "/lab") == (title[-10:], place[:4])
        assert "600" == browser.told("mode")
        assert not Path(browser.told("path")).exists()
        assert not [word for word in words if token in word]
        assert [200, 403] == [status(port, token), status(port)]
        assert 1 == len(jupyters(host))

        process.send_signal(signal.SIGINT)
        rest = process.communicate()[1]

    assert 130 == process.returncode
    assert "has ended" in rest
    assert token not in said + rest
    assert [] == jupyters(host)
    assert 0 == status(port)
    assert "" == host.inside("sh", "-c", f"ls {OWN} 2>/dev/null", check=False)
    assert [] == list(yard.runtime.rglob("*notebook*"))


def test_a_detached_jupyter_is_found_again_and_stopped(yard: Dockyard, host: DockHost) -> None:
    project = yard.home / "Shop"
    (project / "docker/app").mkdir(parents=True)
    (project / "docker/app/Dockerfile").write_text("FROM scratch\n")
    synchronized = "/data/workspaces/alice/code/Shop"
    host.inside("mkdir", "-p", synchronized, as_user="ubuntu")

    first = yard.line(project, "nb-dock", "lab", "--detach")
    port, token = address(first.out)
    listening = [line.split()[3] for line in host.inside("ss", "-Hltn").splitlines()]
    listed = yard.line(yard.home, "ls-dock").out
    again = yard.line(yard.home, "nb-dock", "lab")

    assert (0, 0) == (first.status, again.status)
    assert f" in {synchronized}, at" in first.err
    assert first.out == again.out
    assert "has been running" in again.err
    assert [200, 403] == [status(port, token), status(port)]
    assert {"0.0.0.0:22"} == {one for one in listening if not one.startswith("127.0.0.1:")}
    assert f"Jupyter is on localhost here: {port}" in listed
    assert 1 == len(jupyters(host))

    stopped = yard.line(yard.home, "nb-dock", "lab", "--stop")
    once_more = yard.line(yard.home, "nb-dock", "lab", "--stop")

    assert [(0, "has ended"), (0, "did not run")] == [
        (one.status, one.err.strip().split("lab ")[1][:-1]) for one in (stopped, once_more)
    ]
    assert [] == jupyters(host)
    assert 0 == status(port)
    assert not [one for one in words_of_processes() if "watch_apart" in " ".join(one)]


def test_it_outlives_its_terminal_and_its_connection(yard: Dockyard, host: DockHost) -> None:
    host.inside("mkdir", "-p", "/data/else where", as_user="ubuntu")
    words = ("nb-dock", "lab", "--folder", "/data/else where")
    with held_port(8888), started(yard.home, yard.environ, *words) as process:
        told = read_up_to(process.stderr, "Ctrl-C ends it")
        os.kill(process.pid, signal.SIGKILL)

    found = yard.line(yard.home, "nb-dock", "lab")
    port, token = address(found.out)
    host.cut()
    wait_until("it does not answer", lambda: status(port, token) != 200)

    assert wait_until("it answers again", lambda: status(port, token) == 200)
    assert " in /data/else where, at" in told
    assert "127.0.0.1:8888 here" not in told
    assert "has been running" in found.err
    assert 1 == len(jupyters(host))


def held_port(port: int) -> socket.socket:
    """Hold a port, unless something else has it already."""
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError:
        return socket.socket()


def test_why_jupyter_does_not_start_is_told(yard: Dockyard, host: DockHost) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        number = str(other.getsockname()[1])
        taken = yard.line(yard.home, "nb-dock", "lab", "--port", number)
    nowhere = yard.line(yard.home, "nb-dock", "lab", "--folder", "/data/no")
    write_program(host, FAILING)
    failing = yard.line(yard.home, "nb-dock", "lab")
    host.inside("rm", "-r", "/home/ubuntu/.local")
    missing = yard.line(yard.home, "nb-dock", "lab")

    assert [2, 1, 1, 1] == [one.status for one in (taken, nowhere, failing, missing)]
    assert f"port {number} of this machine is taken" in taken.err
    assert "no folder /data/no on lab" in nowhere.err
    assert "Jupyter ended as soon as it had started on lab" in failing.err
    assert "token=…\n  no room\n" in failing.err
    assert "\x1b" not in failing.err
    assert "there is no Jupyter on lab" in missing.err
    assert "" == host.inside("sh", "-c", f"ls {OWN} 2>/dev/null", check=False)
    assert [] == jupyters(host)


class Stranger:
    """Somebody who listens on a port of this machine, and answers with these pieces."""

    def __init__(self, pieces: Iterable[bytes], pause: float = 0) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.heard, self.left = b"", list(pieces)
        self.thread = threading.Thread(target=self.answer, args=(pause,), daemon=True)
        self.thread.start()

    def answer(self, pause: float) -> None:
        """Answer one question, up to the end or until nobody listens any more."""
        client = self.listener.accept()[0]
        with client, self.listener, suppress(OSError):
            self.heard = client.recv(4096)
            while self.left:
                client.sendall(self.left.pop(0))
                time.sleep(pause)


LAB_SERVER = Server(8888, "c0ffee", locked=True)
YES, NO = b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 403 Forbidden\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "alive"),
    [
        (YES + b'{"version": "2.14"}', True),
        (NO, True),
        (YES + b"[]", False),
        (b"HTTP/1.1 302 Found\r\n\r\n", False),
        (b"", False),
        (b"200 200", False),
    ],
)
def test_whether_jupyter_lives_is_asked_without_its_token(answer: bytes, alive: bool) -> None:
    stranger = Stranger([answer])

    assert alive == lives(LAB_SERVER, stranger.port)
    stranger.thread.join()
    assert stranger.heard.startswith(b"GET /api HTTP/1.0\r\n")
    assert b"c0ffee" not in stranger.heard


def test_an_answer_that_never_ends_is_not_waited_for() -> None:
    pieces = [YES, *([b" "] * 600)]  # 30 seconds
    stranger = Stranger(pieces, 0.05)

    assert heard(LAB_SERVER, stranger.port, 0.3) is None
    stranger.thread.join()
    assert len(stranger.left) > 300
    assert b"Authorization: token c0ffee\r\n" in stranger.heard


def test_an_answer_without_end_is_cut() -> None:
    stranger = Stranger([YES, *([b" " * 1000] * 10_000)])

    assert heard(LAB_SERVER, stranger.port) is None
    stranger.thread.join()
    assert stranger.left


def test_jupyter_ends_with_the_dock_that_is_unregistered(yard: Dockyard, host: DockHost) -> None:
    with started(yard.home, yard.environ, "nb-dock", "lab") as process:
        read_up_to(process.stderr, "Ctrl-C ends it")
        yard.line(yard.home, "unregister-dock", "lab")
        said = process.communicate()[1]

    assert 1 == process.returncode
    assert "there is no dock lab any more" in said
    assert [] == jupyters(host)
