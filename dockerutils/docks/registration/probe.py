"""What there is on a dock: its engine and whether that answers, and the programs that we use."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dockerutils.docks.dock import ENGINE_SOCKET
from dockerutils.docks.entries import SOCKET
from dockerutils.docks.told import plain
from dockerutils.ssh.connection import Connection
from dockerutils.ssh.host import PLACES

LARGEST = 1 << 18  # letters of an answer: there are a dozen lines in one
VERSION = "{{.Server.Version}} {{.Server.Arch}}"
CONTEXT = "{{.Endpoints.docker.Host}}"
# The engine is asked at the socket that is forwarded later, as the user who logs in: sudo would be
# of no use then. A program that hangs is not waited for.
QUESTION = """(
PATH=$PATH:{places}
soon=; command -v timeout >/dev/null && soon='timeout 10'
echo machine "$(uname -m)"
echo home "$HOME"
for one in docker rsync curl; do command -v $one >/dev/null && echo has $one; done
find --version 2>/dev/null | grep -q GNU && echo has find
$soon sudo -n true 2>/dev/null && echo has sudo
context=$(DOCKER_HOST= $soon docker context inspect --format {context} 2>/dev/null)
tried=
for place in "$DOCKER_HOST" "$context" /var/run/docker.sock "/run/user/$(id -u)/docker.sock" \\
  "$HOME/.docker/run/docker.sock"; do
  socket=${{place#unix://}}
  case $socket in /*) ;; ?*) echo elsewhere "$socket"; continue ;; *) continue ;; esac
  case "$tried " in *" $socket "*) continue ;; esac
  tried="$tried $socket"
  [ -S "$socket" ] || continue
  [ -w "$socket" ] || {{ echo denied "$socket"; continue; }}
  if command -v docker >/dev/null; then
    said=$(DOCKER_CONTEXT= DOCKER_HOST=unix://$socket $soon docker version --format {version} 2>&1)
  elif command -v curl >/dev/null; then
    said=$(curl -sS --max-time 10 --unix-socket "$socket" http://docker/version 2>&1)
  else
    echo unasked "$socket"; break
  fi
  case $said in
  [0-9]* | {{*) echo engine "$said"; echo socket "$socket"; break ;;
  *) echo mute "$(echo "$said" | tail -n 1)" ;;
  esac
done
)"""
ARCHITECTURES: Mapping[str, str] = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "i686": "386",
}
ENGINE = re.compile(r"(\d[\w.+~-]{0,60}) (\w{1,20})")
PROGRAMS: Mapping[str, str] = {
    "docker": "{0} has no docker command, which transfer-image needs there: install Docker's.",
    "rsync": (
        "{0} has no rsync, which sync-up and sync-down need there: `sudo apt install rsync`."
    ),
    "find": "{0} has no GNU find, which sync-down needs there: `sudo apt install findutils`.",
    "sudo": (
        "{0} does not let you use sudo without a password: install yourself what is missing there."
    ),
}
"""What is missing without a program, in the order in which it is said."""


@dataclass(frozen=True)
class Findings:
    """What a dock says of itself, which is data.

    `said` has the words behind each key of its answer, `engine` and `architecture` those of the
    engine that answers, "" where none does.
    """

    said: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    engine: str = ""
    architecture: str = ""

    def first(self, key: str) -> str:
        """Give what it says of something first, "" where it says nothing."""
        return self.said.get(key, ("",))[0]

    @property
    def socket(self) -> str:
        """The path of its engine's socket, as far as that is known."""
        return self.first("socket") or self.first("unasked") or self.first("denied")

    @property
    def home(self) -> str:
        """The home of the user there."""
        return self.first("home")

    def lacks(self, name: str, user: str) -> Iterator[str]:
        """Give a sentence for each thing that is missing, with what to do about it."""
        programs = self.said.get("has", ())
        lost = self._oddity(name) or self._hindrance(name, user)
        if lost:
            yield lost
        for program, sentence in PROGRAMS.items():
            if program not in programs and not (program == "docker" and lost):
                yield sentence.format(name)

    def _oddity(self, name: str) -> str:
        """Tell that its engine is where ssh cannot lead to; "" where it can."""
        if not self.socket or SOCKET.fullmatch(self.socket):
            return ""
        return (
            f"the socket of Docker on {name} cannot be used: {plain(self.socket, 80)}"
            f" is no path for ssh. Have the engine listen at {ENGINE_SOCKET} as well."
        )

    def _hindrance(self, name: str, user: str) -> str:
        """Tell why no engine answers this user; "" where one does, or nothing can ask it."""
        if self.engine or self.first("unasked"):
            return ""
        if socket := self.first("denied"):
            return (
                f"{user} may not use Docker on {name} ({plain(socket)}): "
                f"`sudo usermod -aG docker {user}` there, then log in there anew."
            )
        if why := self.first("mute"):
            return (
                f"the Docker engine on {name} does not answer ({plain(why).rstrip('.')}): "
                "start it there, for example with `sudo systemctl start docker`."
            )
        if where := self.first("elsewhere"):
            return (
                f"docker on {name} talks to {plain(where)}, and a dock needs a socket: "
                "have the engine listen at /var/run/docker.sock as well."
            )
        if "docker" in self.said.get("has", ()):
            return (
                f"no Docker engine runs on {name}: "
                "start it there, for example with `sudo systemctl start docker`."
            )
        return f"{name} has no Docker: install its engine and command line there."


def probe(connection: Connection) -> Findings:
    """Ask a dock what there is on it; raise `Dropped`, or `Unreachable` for an endless answer."""
    question = QUESTION.format(
        places=PLACES, version=shlex.quote(VERSION), context=shlex.quote(CONTEXT)
    )
    return parse_findings(connection.ask(question, LARGEST))


def parse_findings(answer: str) -> Findings:
    """Read a dock's answer to our question; what does not belong to one is passed over."""
    said: dict[str, tuple[str, ...]] = {}
    for line in answer.splitlines():
        key, _, value = line.partition(" ")
        said[key] = (*said.get(key, ()), value)
    version, architecture = parse_engine(said.get("engine", ("",))[0])
    machine = said.get("machine", ("",))[0]
    return Findings(said, version, architecture or ARCHITECTURES.get(machine, ""))


def parse_engine(text: str) -> tuple[str, str]:
    """Read an engine's version and architecture from docker's words or the engine's JSON."""
    if text.startswith("{"):
        try:
            told = json.loads(text)
            text = f"{told.get('Version')} {told.get('Arch')}"
        except (ValueError, RecursionError):
            return "", ""
    found = ENGINE.fullmatch(text)
    return (found[1], found[2]) if found else ("", "")
