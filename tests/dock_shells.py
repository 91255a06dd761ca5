"""Shells on real terminals, and docks that answer without a host behind them."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pexpect

from dockerutils.docks.connection.presence import note_route
from dockerutils.docks.places import berth_of
from dockerutils.docks.registry import read_docks

SHELLS = ("bash", "zsh", "fish")
READY = "READY> "
TIMEOUT = 60  # seconds; nothing is timed here
ESCAPES = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]")
PONG = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK"
REGISTRY = """
[dock.h1]
address = "10.0.0.1"
user = "ubuntu"

[dock.h2]
address = "10.0.0.2"
user = "alice"
port = 2222

[dock.hidden]
address = "10.0.0.3"
jump = "gate"
"""
SOURCED = {"bash": "source {}", "zsh": "source {}", "fish": "source (command -s {})"}
# What a shell reads first, for a prompt that is told from everything else.
PROFILES = {
    "bash": ("bashrc", "PS1='READY> '\nbind 'set enable-bracketed-paste off'\n"),
    "zsh": (".zshrc", "PS1='READY> '\nunsetopt promptcr promptsp beep\n"),
    "fish": (
        ".config/fish/config.fish",
        "set -g fish_greeting\nfunction fish_prompt\n    printf 'READY> '\nend\n",
    ),
}
VALUE = {"bash": '"${{{}-}}"', "zsh": '"${{{}-}}"', "fish": '"${}"'}


@dataclass
class Quay:
    """A user's home with docks that are connected already: their engines' sockets answer."""

    folder: Path
    held: list[int] = field(default_factory=list)
    listening: list[socket.socket] = field(default_factory=list)

    @classmethod
    @contextlib.contextmanager
    def opened(cls, *names: str) -> Iterator[Quay]:
        """Have docks answer, as when their keepers lived. The folder's path is short: sockets."""
        quay = cls(Path(tempfile.mkdtemp(prefix="quay-", dir="/tmp")))
        completions = quay.home / ".local/share/fish/generated_completions"  # else fish makes them
        for path in (quay.runtime, quay.registry.parent, completions):
            path.mkdir(parents=True, mode=0o700)
        quay.registry.write_text(REGISTRY)
        quay.runtime.parent.chmod(0o700)
        try:
            for name in names:
                quay.connect(name)
            yield quay
        finally:
            for number in quay.held:
                os.close(number)
            for one in quay.listening:
                one.close()
            shutil.rmtree(quay.folder, ignore_errors=True)  # a fish that ends may write there

    @property
    def home(self) -> Path:
        """The user's home."""
        return self.folder / "home"

    @property
    def runtime(self) -> Path:
        """The folder of sockets."""
        return self.folder / "run" / "dockerutils"

    @property
    def registry(self) -> Path:
        """The list of docks."""
        return self.home / ".config/dockerutils/docks.toml"

    @property
    def environ(self) -> dict[str, str]:
        """The user's environment."""
        return {
            "HOME": str(self.home),
            "LOGNAME": "alice",
            "XDG_RUNTIME_DIR": str(self.runtime.parent),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "LANG": "C.UTF-8",
        }

    def connect(self, name: str) -> None:
        """Have a dock answer."""
        dock = read_docks({}, str(self.home)).find(name)
        note_route(berth_of(dock, {"XDG_RUNTIME_DIR": str(self.runtime.parent)}), dock)
        number = os.open(self.runtime / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(number, fcntl.LOCK_EX)
        self.held.append(number)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.runtime / f"{name}.sock"))
        listener.listen(50)
        self.listening.append(listener)
        threading.Thread(target=answer_pings, args=(listener,), daemon=True).start()

    def users(self, name: str) -> list[int]:
        """Give the processes that use a dock, as they are noted."""
        folder = self.runtime / f"{name}.users"
        return sorted(int(one.name) for one in folder.iterdir()) if folder.is_dir() else []


class User(Protocol):
    """Whose shells are started: a quay's user, or a dockyard's."""

    @property
    def folder(self) -> Path:
        """A folder for the tests."""

    @property
    def home(self) -> Path:
        """The user's home."""

    @property
    def environ(self) -> dict[str, str]:
        """The user's environment."""


def write_profile(user: User, shell: str, more: str = "", before: str = "") -> None:
    """Write what a shell of a user reads first, with lines of a test's own."""
    name, text = PROFILES[shell]
    path = user.home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{before}\n{text}{more}\n")


def answer_pings(listener: socket.socket) -> None:
    """Answer whoever asks, as an engine answers /_ping, until nobody listens any more."""
    with contextlib.suppress(OSError):
        while True:
            client = listener.accept()[0]
            with client:
                client.recv(4096)
                client.sendall(PONG)


@dataclass
class Prompt:
    """A shell on a terminal: it is told lines, and tells what is in its variables."""

    shell: str
    child: pexpect.spawn[str]
    folder: Path
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    prompt: str = ""
    said: str = ""

    @classmethod
    def start(cls, shell: str, user: User, here: Path, **more: str) -> Prompt:
        """Start a shell in a folder, and wait for its prompt."""
        words = {
            "bash": ["bash", "--noprofile", "--rcfile", str(user.home / "bashrc"), "-i"],
            "zsh": ["zsh", "-d", "-i"],
            "fish": ["fish", "-i"],
        }[shell]
        environ = {**user.environ, "TERM": "dumb", "COLUMNS": "200", **more}
        child = pexpect.spawn(
            words[0],
            words[1:],
            cwd=str(here),
            env=environ,
            dimensions=(50, 200),
            timeout=TIMEOUT,
            encoding="utf-8",
        )
        child.delaybeforesend = None
        started = cls(shell, child, user.folder)
        started.child.expect_exact(READY)
        started.see(child.before or "")
        return started

    def do(self, line: str) -> str:
        """Have a line run, and give what came of it, up to the next prompt."""
        number = next(self.numbers)
        mark = {"fish": f"echo DONE-(math {number} + 1000)"}.get(
            self.shell, f"echo DONE-$(({number} + 1000))"
        )
        self.child.sendline(f"{line}; {mark}")
        self.child.expect_exact(f"DONE-{number + 1000}")
        echoed = ESCAPES.sub("", self.child.before or "").replace("\r\n", "\n")
        self.said = echoed.partition("\n")[2].replace("\r", "")
        self.child.expect_exact(READY)
        self.see(self.child.before or "")
        return self.said

    def see(self, text: str) -> None:
        """Note what the prompt shows before its end."""
        self.prompt = re.split(r"[\r\n]", ESCAPES.sub("", text))[-1]

    def get(self, name: str) -> str:
        """Give what is in a variable."""
        return self.write(VALUE[self.shell].format(name))

    def write(self, words: str) -> str:
        """Give what words become."""
        path = self.folder / "value"
        self.do(f"printf %s {words} >{path}")
        return path.read_text()

    def status(self, line: str) -> int:
        """Run a line, and give its status."""
        path = self.folder / "status"
        self.do(f"{line}; echo {'$status' if self.shell == 'fish' else '$?'} >{path}")
        return int(path.read_text())

    def source(self, script: str, *words: str) -> str:
        """Source a script of ours."""
        return " ".join((SOURCED[self.shell].format(script), *words))

    def close(self) -> None:
        """End it at once."""
        vars(self.child)["ptyproc"].delayafterclose = 0.01
        self.child.kill(signal.SIGKILL)
        self.child.close()


@dataclass(frozen=True)
class Done:
    """What a shell without a terminal wrote, and its status."""

    status: int
    out: str
    err: str


def run_in(shell: str, quay: Quay, line: str, *options: str, **more: str) -> Done:
    """Run a line in a shell without a terminal, in the quay's folder."""
    done = subprocess.run(
        [shell, *options, "-c", line],
        cwd=quay.folder,
        env={**quay.environ, **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)
