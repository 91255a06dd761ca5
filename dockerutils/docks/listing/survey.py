"""What a dock says of itself in answer to one script, and what it means if it says nothing."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dockerutils.docker_cli import RUN_LABEL
from dockerutils.docks.dock import Dock
from dockerutils.docks.errand import LATE, LONG, Reply
from dockerutils.docks.told import plain
from dockerutils.ssh.host import PLACES

UP = "up"
ENGINE_DOWN = "engine down"
NO_DOCKER = "no docker"
NOT_ALLOWED = "not allowed"
UNREACHABLE = "unreachable"
REFUSED = "refused"
KEY_CHANGED = "key changed"
KEY_UNKNOWN = "key unknown"
ODD = "odd answer"

KEEPER = re.compile(r"dockerutils-keeper of ([^\s'\"]{1,120})")
NUMBER = re.compile(r"[0-9]{1,16}")
FIELDS = ("ID", "Image", "Names", "State", "Status", "Ports")
# As JSON, one container a line: names hold no line ends then, whatever they hold.
CONTAINER = ",".join(
    [*(f"{{{{json .{one}}}}}" for one in FIELDS), f'{{{{json (.Label "{RUN_LABEL}")}}}}']
)
VERSION = "version {{.Server.Version}}{{println}}architecture {{.Server.Arch}}"
# What may hang is cut short there as well. What takes long runs beside the rest; `printf`, because
# some shells' echo reads backslashes.
SCRIPT = """\
PATH=$PATH:{places}
limited() {{
  if command -v timeout >/dev/null; then timeout {seconds} "$@"; else "$@"; fi
}}
ps -eo args | grep '[d]ockerutils-keeper of ' | cut -c1-1000 | head -n 200 | sed 's/^/keeper /'
docker=$(command -v docker) || docker=
{{ [ -n "$docker" ] || [ -S {path} ]; }} || {{ echo no docker; exit; }}
[ -n "$docker" ] || {{ echo no command; exit; }}
said=$(limited "$docker" -H {socket} version --format {version} 2>/dev/null)
case $said in
version\\ [0-9]*) printf '%s\\n' "$said" ;;
*) printf 'fault %s\\n' "$(limited "$docker" -H {socket} ps --quiet 2>&1 | tail -n 1)"; exit ;;
esac
(
  root=$(limited "$docker" -H {socket} info --format '{{{{.DockerRootDir}}}}')
  printf 'root %s\\n' "$root"
  df -Pk "$root" | tail -n 1 | sed 's/^/disk /'
) &
if command -v nvidia-smi >/dev/null; then
  limited nvidia-smi --query-gpu=name --format=csv,noheader | head -n 64 | sed 's/^/gpu /' &
fi
running=$(limited "$docker" -H {socket} ps --no-trunc --format {container})
wait
printf '%s\\n' "$running" | sed -n 's/^\\[/container [/p'
"""
# What ssh says, the state that it means, and why in few words.
COMPLAINTS: Sequence[tuple[str, str, str]] = (
    (
        "remote host identification has changed",
        KEY_CHANGED,
        "another machine may answer in its place",
    ),
    ("host key verification failed", KEY_UNKNOWN, "register-dock makes its key known"),
    ("permission denied", REFUSED, "it does not let {login} in"),
    ("too many authentication failures", REFUSED, "it does not let {login} in"),
    ("could not resolve hostname", UNREACHABLE, "there is no such host"),
    ("connection refused", UNREACHABLE, "nothing answers on its ssh port"),
    ("no route to host", UNREACHABLE, "no route to it"),
    ("network is unreachable", UNREACHABLE, "no network leads to it"),
    ("timed out", UNREACHABLE, "no answer in {seconds:g} s"),
)
CONTROL = "control socket"  # a stale one is passed over by ssh


@dataclass(frozen=True)
class Container:
    """A container that runs on a dock; `user` is whose run-image started it, "" for nobody's."""

    id: str
    image: str
    name: str
    state: str
    status: str
    ports: str
    user: str


@dataclass(frozen=True)
class Survey:
    """What is known of a dock. Sizes are in bytes, -1 where they are not known.

    `keepers` are the people whose terminals are docked to it, as user@host. `cut` says that its
    answer was longer than what we look at.
    """

    state: str
    reason: str = ""
    version: str = ""
    architecture: str = ""
    gpus: tuple[str, ...] = ()
    root: str = ""
    free: int = -1
    size: int = -1
    containers: tuple[Container, ...] = ()
    keepers: tuple[str, ...] = ()
    cut: bool = False

    def without_keeper(self, name: str) -> Survey:
        """Leave out a keeper: this machine knows its own terminals better."""
        return replace(self, keepers=tuple(one for one in self.keepers if one != name))


def script_for(dock: Dock, seconds: float) -> str:
    """Give the script that a dock is asked with."""
    return SCRIPT.format(
        places=PLACES,
        seconds=max(1, round(seconds)),
        path=shlex.quote(dock.socket),
        socket=shlex.quote(f"unix://{dock.socket}"),
        version=shlex.quote(VERSION),
        container=shlex.quote(f"[{CONTAINER}]"),
    )


def survey_of(dock: Dock, reply: Reply, seconds: float) -> Survey:
    """Tell what a reply means."""
    if not reply.begun:
        return silence(dock, reply, seconds)
    found: dict[str, list[str]] = {}
    for line in reply.answer.splitlines():
        key, _, value = line.partition(" ")
        found.setdefault(key, []).append(value)
    survey = replace(engine_state(dock, found), **facts(found), cut=reply.stopped == LONG)  # type: ignore[arg-type]
    if reply.stopped == LATE:
        return late(survey, seconds)
    if not reply.ended and not survey.cut:
        return replace(survey, state=UNREACHABLE, reason="the connection was lost")
    return survey


def late(survey: Survey, seconds: float) -> Survey:
    """Tell what it means that an answer began, and did not end in time: the shell there works."""
    if survey.state == UP:
        return replace(survey, reason=f"it had not said all in {seconds:g} s")
    if survey.state == ODD:
        reason = f"the engine gave no answer in {seconds:g} s"
        return replace(survey, state=ENGINE_DOWN, reason=reason)
    return survey


def silence(dock: Dock, reply: Reply, seconds: float) -> Survey:
    """Tell why a dock did not answer at all."""
    lines = [one for one in reply.talk.splitlines() if one.strip()]
    talk = [one for one in lines if not one.lower().startswith(CONTROL)]
    if reply.lost:
        for mark, state, reason in COMPLAINTS:
            if any(mark in one.lower() for one in talk):
                return Survey(state, plain(reason.format(login=dock.login, seconds=seconds)))
        return Survey(
            UNREACHABLE, plain(talk[-1], 120).rstrip(".") if talk else "ssh gave no reason"
        )
    if reply.stopped == LONG:
        return Survey(ODD, "it says too much, and nothing that was asked")
    if reply.stopped == LATE:
        return Survey(UNREACHABLE, f"no answer in {seconds:g} s")
    return Survey(ODD, plain(talk[-1], 120) if talk else "it says nothing")


def engine_state(dock: Dock, found: Mapping[str, list[str]]) -> Survey:
    """Tell how the engine is by the answer's lines."""
    if NUMBER.match((found.get("version") or [""])[0]):
        return Survey(UP)
    if "fault" in found:
        return fault(dock, plain(found["fault"][0], 160))
    missing = (found.get("no") or [""])[0]
    if missing == "command":
        return Survey(NO_DOCKER, "it has an engine, and no docker command")
    return Survey(NO_DOCKER) if missing else Survey(ODD, "it says nothing of its engine")


def fault(dock: Dock, said: str) -> Survey:
    """Tell what docker's complaint means."""
    socket = plain(dock.socket, 80)
    if "ermission denied" in said:
        return Survey(NOT_ALLOWED, f"the user may not use {socket}")
    if "annot connect" in said:
        return Survey(ENGINE_DOWN, f"nobody answers at {socket}")
    return Survey(ENGINE_DOWN, said or "it does not answer")


def facts(found: Mapping[str, list[str]]) -> dict[str, object]:
    """Give what the answer's lines say besides."""

    def first(key: str, limit: int) -> str:
        return plain((found.get(key) or [""])[0], limit)

    size, free = disk((found.get("disk") or [""])[0])
    return {
        "version": first("version", 40),
        "architecture": first("architecture", 20),
        "root": first("root", 200),
        "gpus": tuple(plain(one, 60) for one in found.get("gpu", ()) if one.strip())[:64],
        "size": size,
        "free": free,
        "containers": tuple(containers(found.get("container", ()))),
        "keepers": tuple(keepers(found.get("keeper", ()))),
    }


def disk(line: str) -> tuple[int, int]:
    """Give the size and the room of a line of `df -Pk`, in bytes; a device may have spaces."""
    numbers = re.search(r"\s([0-9]{1,16})\s+[0-9]+\s+([0-9]{1,16})\s+[0-9]+%\s", line)
    return (int(numbers[1]) * 1024, int(numbers[2]) * 1024) if numbers else (-1, -1)


def containers(lines: Sequence[str]) -> Iterator[Container]:
    """Read the containers that can be read; a line that was cut in the middle cannot."""
    for line in lines:
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(values, list) and len(values) == len(FIELDS) + 1:
            texts = [plain(one) if isinstance(one, str) else "" for one in values]
            texts[-1] = texts[-1].partition("/")[2] or texts[-1]
            yield Container(*texts)


def keepers(lines: Sequence[str]) -> list[str]:
    """Give whose keepers these command lines are; each is seen as several processes."""
    found = (KEEPER.search(line) for line in lines)
    return sorted({plain(one[1], 80) for one in found if one})


def counted(names: Sequence[str]) -> str:
    """Tell how many there are of each: `2 x A, B`."""
    counts = Counter(names).items()
    return ", ".join(f"{count} x {name}" if count > 1 else name for name, count in counts)
