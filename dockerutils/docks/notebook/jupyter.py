"""Jupyter on a dock's bare machine: the scripts that find, start and end it, and their answers.

It is ours if it was started by us: its process, its log and what it says of itself lie in a folder
of their own there, for each user. Its token stands in no command line: Jupyter makes it, and writes
it into that folder.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from dockerutils.docks.told import plain
from dockerutils.errors import DockerutilsError

FIRST = 8888  # the port that Jupyter tries first
MORE = 100  # ports that it tries besides
LINES = 12  # of a log that are shown
TOKEN = re.compile(r"[A-Za-z0-9_.~-]{0,200}")
SECRET = re.compile(r"(token=)[^&\s]+")
BASE = re.compile(r"/(?:[\x21-\x7e]{0,200}/)?")
NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_.-]")
# Beside the PATH of a login shell.
PLACES = (
    "$HOME/.local/bin:$HOME/.venv/bin:$HOME/miniconda3/bin:$HOME/anaconda3/bin"
    ":$HOME/miniforge3/bin:$HOME/mambaforge/bin:$HOME/conda/bin:/opt/conda/bin:/opt/miniconda3/bin"
    ":/opt/anaconda3/bin:/opt/miniforge3/bin:/usr/local/bin:/usr/bin:/bin"
)
# While a process becomes another program it has no words, for a moment.
KNOWN = """\
own=${{XDG_STATE_HOME:-$HOME/.local/state}}/dockerutils/notebook-{who}
named() {{
  kill -0 "$pid" && {{ tr '\\000' ' ' <"/proc/$pid/cmdline" || ps -p "$pid" -o args=; }} |
    grep -q jupyter
}}
runs() {{
  pid=$(cat "$own/pid") && [ "$pid" -gt 1 ] && kill -0 "$pid" || return 1
  named || {{ sleep 0.2; named; }}
}}
tell() {{
  for one in "$own/runtime/jpserver-$pid.json" "$own/runtime/nbserver-$pid.json"; do
    [ ! -s "$one" ] || {{ printf '%s ' "$1"; tr -d '\\n' <"$one"; echo; return 0; }}
  done
  return 1
}}
"""
FIND = "runs && tell found || echo none"
START = """\
while runs; do tell found && exit; sleep 0.2; done
rm -rf "$own"
(umask 077 && mkdir -p "$own/runtime" && : >"$own/log") && chmod 700 "$own" "$own/runtime" ||
  {{ echo no "$own"; exit; }}
path=$("${{SHELL:-sh}}" -lc env </dev/null | sed -n 's/^PATH=//p' | tail -n 1)
PATH=${{path:-$PATH}}:{places}
program=$(command -v jupyter-lab || command -v jupyter-notebook) || program=
if [ -n "$program" ]; then set -- "$program"
elif program=$(command -v jupyter) && "$program" lab --version >/dev/null; then
  set -- "$program" lab
else rm -rf "$own"; echo lacks; exit
fi
{entering}
export PATH JUPYTER_RUNTIME_DIR="$own/runtime"
start=$(command -v setsid || command -v nohup)
$start "$@" --no-browser --ip=127.0.0.1 --port={port} --port-retries={more} --certfile= --keyfile= \
  --notebook-dir="$PWD" >>"$own/log" 2>&1 </dev/null &
pid=$!
echo "$pid" >"$own/pid"
until tell server; do
  runs || {{
    tail -n 40 "$own/log" | cut -c1-400 | sed 's/^/log /'
    rm -rf "$own"
    echo died
    exit
  }}
  sleep 0.2
done
"""
STOP = """\
runs || {{ rm -rf "$own"; echo none; exit; }}
kill "$pid"
left={tenths}
while runs && [ "$left" -gt 0 ]; do sleep 0.1; left=$((left - 1)); done
runs && {{ kill -KILL "-$pid" || kill -KILL "$pid"; }}
rm -rf "$own"
echo stopped
"""


class NoJupyter(DockerutilsError):
    """There is no Jupyter on a dock, or it does not start."""


@dataclass(frozen=True)
class Server:
    """A Jupyter that runs on a dock. `found` says that it ran before we came.

    `token` is "" where the configuration there wants a password (`locked`), or nothing at all.
    """

    port: int
    token: str
    base: str = "/"
    folder: str = ""
    locked: bool = False
    found: bool = False

    def address(self, port: int) -> str:
        """Give the address at which it answers through a port of this machine, with its token."""
        token = f"?token={self.token}" if self.token else ""
        return f"http://127.0.0.1:{port}{quote(self.base, safe='/%~@:')}{token}"


def finding(user: str) -> str:
    """Give the script that tells of a user's Jupyter."""
    return known(user) + FIND


def stopping(user: str, patience: float = 6.0) -> str:
    """Give the script that ends a user's Jupyter, by force after so many seconds, and removes its
    folder."""
    return known(user) + STOP.format(tenths=round(patience * 10))


def starting(user: str, entering: str) -> str:
    """Give the script that starts Jupyter in a folder that it enters, unless one runs."""
    return known(user) + START.format(places=PLACES, entering=entering, port=FIRST, more=MORE)


def known(user: str) -> str:
    """Give what all scripts begin with."""
    return KNOWN.format(who=NOT_IN_NAME.sub("-", user) or "-")


def entering_folder(folder: str) -> str:
    """Give the lines that enter a folder, from the home; without it nothing is started."""
    path = folder if folder.startswith("/") else f"./{folder.removeprefix('~/')}"
    return f'cd {shlex.quote(path)} || {{ rm -rf "$own"; echo folder; exit; }}'


def entering_first(places: Iterable[str]) -> str:
    """Give the lines that enter the first of the folders that is there, words of a shell; without
    one it stays in the home."""
    return f'for one in {" ".join(places)}; do cd -- "$one" && break; done'


def parse_server(answer: str, dock: str, folder: str = "") -> Server | None:
    """Read what a script says of Jupyter; None where none runs. Raises `NoJupyter`."""
    lines = [line.partition(" ") for line in answer.splitlines()]
    said = {key: text for key, _, text in lines}
    for key in ("server", "found"):
        if key in said:
            return read_server(said[key], dock, key == "found")
    if "lacks" in said:
        raise NoJupyter(
            f"there is no Jupyter on {dock}, or not where it is looked for.",
            f"Install it there: `ssh-dock {dock} -- python3 -m pip install --user jupyterlab`, or"
            " into ~/.venv.",
        )
    if "folder" in said:
        raise NoJupyter(
            f"there is no folder {folder} on {dock} that Jupyter could start in.",
            "Name one that is there with --folder; sync-up brings a project there.",
        )
    if "no" in said:
        raise NoJupyter(
            f"{plain(said['no'])} cannot be written on {dock}.", "See whose it is, and for room."
        )
    if "died" in said:
        log = last_words([text for key, _, text in lines if key == "log"])
        raise NoJupyter(f"Jupyter ended as soon as it had started on {dock}.", log)
    return None


def read_server(text: str, dock: str, found: bool) -> Server:
    """Read what Jupyter wrote of itself; raise `NoJupyter` for what cannot be meant."""
    try:
        said = json.loads(text)
        port, token, base = int(said["port"]), str(said["token"]), str(said["base_url"])
        folder = plain(str(said.get("root_dir") or said.get("notebook_dir") or ""))
        locked = bool(said.get("password"))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise odd(dock) from error
    if not 0 < port < 1 << 16 or not TOKEN.fullmatch(token) or not BASE.fullmatch(base):
        raise odd(dock)
    return Server(port, token, base, folder, locked, found)


def odd(dock: str) -> NoJupyter:
    """Describe an answer that cannot be meant."""
    return NoJupyter(
        f"what Jupyter on {dock} says of itself cannot be read.",
        f"End it with `nb-dock {dock} --stop`, and try again.",
    )


def last_words(lines: Sequence[str]) -> str:
    """Give the last lines of a log, harmless and without tokens."""
    shown = [plain(SECRET.sub(r"\1…", line)) for line in lines]
    kept = [line for line in shown if line][-LINES:]
    return "\n  ".join(kept) if kept else "It wrote nothing."
