"""A docked terminal: docker's commands, 60 at once, a long line, the shell's part, and sync."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.far_dock import FAR, NEAR, DockUser, Terminal, dock_user
from benchmarks.measurement import Case, Group, Target

PS = ("docker", "ps")
CROWD = 60
FILES, EACH, SIZE = 5000, 50, 10_000  # files, in a folder, bytes of one
PLAIN, SHARED, DOCKED = "ssh://", "ssh:// with ControlMaster", "docked"
FRESH, SAME = "rsync, a fresh ssh", "rsync, the same master"
SYNC = "sync-up"
IGNORED = ".git\n__pycache__\n*.pyc\ndata/**\n!data/README\n"
# bash tells the microseconds itself: what it takes to start and to dock is no part of it.
CASTOFF = """
source dock {0} || exit
before=${{EPOCHREALTIME/[^0-9]/}}
castoff || exit
echo $((${{EPOCHREALTIME/[^0-9]/}} - before))
"""


@dataclass
class Crowd:
    """Many processes at once, and how many of them failed."""

    terminal: Terminal
    failures: list[int] = field(default_factory=list)

    def run(self) -> None:
        """Start all, and wait for all."""
        processes = [self._start() for _ in range(CROWD)]
        self.failures.append(sum(process.wait() != 0 for process in processes))

    def _start(self) -> subprocess.Popen[bytes]:
        quiet = subprocess.DEVNULL
        return subprocess.Popen(PS, env=self.terminal.environment, stdout=quiet, stderr=quiet)

    def failed(self) -> int:
        """Give how many have failed up to now."""
        return sum(self.failures)


@contextmanager
def groups() -> Iterator[list[Group]]:
    """Give the cases."""
    with dock_user() as user:
        yield [
            one_command(user, NEAR, "docks, docker ps", 0.15, 0.5),
            at_once(user),
            one_command(user, FAR, "docks, docker ps, 50 ms of round trip", 0.3),
            shell(user),
            *(sync(user, changes) for changes in (False, True)),
        ]


def ways(user: DockUser, name: str) -> dict[str, Terminal]:
    """Give the terminals that reach a dock's engine, by what they are called."""
    return {
        PLAIN: user.over_ssh(f"{name}-plain"),
        SHARED: user.over_ssh(f"{name}-shared"),
        DOCKED: user.docked(name),
    }


def one_command(
    user: DockUser, name: str, title: str, of_plain: float, of_shared: float = 0
) -> Group:
    """Give the cases of one command of docker's."""
    targets = [Target(of_plain, "ratio")]
    targets += [Target(of_shared, "ratio", SHARED)] if of_shared else []
    cases = tuple(
        Case(way, running(terminal, *PS), tuple(targets) if way == DOCKED else ())
        for way, terminal in ways(user, name).items()
    )
    return Group(title, cases)


def running(terminal: Terminal, *words: str | Path) -> Callable[[], object]:
    """Give what runs a command."""
    return lambda: terminal.run(*words)


def at_once(user: DockUser) -> Group:
    """Give the cases of many commands at once."""
    crowds = {way: Crowd(terminal) for way, terminal in ways(user, NEAR).items()}
    cases = tuple(
        Case(
            way,
            crowd.run,
            (Target(0, "failed"),) if way == DOCKED else (),
            items=CROWD,
            failed=crowd.failed,
        )
        for way, crowd in crowds.items()
    )
    return Group(f"docks, {CROWD} docker ps at once", cases, most_runs=5)


def shell(user: DockUser) -> Group:
    """Give the cases of what a shell waits for."""
    bare = user.terminal
    user.docked(NEAR)  # the connection is there

    def castoff() -> float:
        return int(bare.run("bash", "-c", CASTOFF.format(NEAR)).split()[-1]) / 1e6

    names = ("dockerutils", "_shell", "complete", "bash", "1", "dock", "")
    return Group(
        "docks, the shell",
        (
            Case("python -c pass", running(bare, sys.executable, "-c", "pass")),
            Case("bash -c 'source dock NAME'", docking(bare), (Target(0.1),)),
            Case("castoff", castoff, (Target(0.08),), timed=False),
            Case("completion of names", running(bare, *names), (Target(0.06),)),
        ),
    )


def docking(terminal: Terminal) -> Callable[[], object]:
    """Give what docks a shell that ends at once."""
    return running(terminal, "bash", "-c", f"source dock {NEAR}")


def sync(user: DockUser, changes: bool) -> Group:
    """Give the cases of a project that is on the dock already, but for a change."""
    terminal = user.docked(NEAR)
    name = "changed" if changes else "same"
    root = project(user.terminal.folder / name)
    docked = Terminal(root, {**terminal.variables, "PWD": str(root)})
    prepare = (lambda: change(root)) if changes else (lambda: None)
    rsync = ("rsync", "--archive", "--delete", "--mkpath")
    source, host = f"{root}/", f"ubuntu@{user.addresses[NEAR]}:/data/rsync/{name}"
    shared = f"ssh -S {user.control(NEAR)}"
    cases = (
        Case(FRESH, running(docked, *rsync, source, f"{host}-1/"), prepare=prepare),
        Case(SAME, running(docked, *rsync, "-e", shared, source, f"{host}-2/"), prepare=prepare),
        Case(
            SYNC,
            running(docked, "sync-up"),
            (Target(0.6, "ratio"), Target(2, "ratio", SAME)),
            prepare=prepare,
        ),
    )
    return Group(f"docks, {FILES} files, {'one changed' if changes else 'nothing to do'}", cases)


def project(root: Path, files: int = FILES) -> Path:
    """Make a project of so many files, 10 KB each."""
    for number in range(files):
        file = root / f"src/part{number // EACH}/file{number % EACH}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(random.randbytes(SIZE // 2).hex())
    (root / "docker/dev").mkdir(parents=True)
    (root / "docker/dev/Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (root / ".dockerignore").write_text(IGNORED)
    return root


def change(root: Path) -> None:
    """Change a file."""
    (root / "src/part7/file7.py").write_text(random.randbytes(SIZE // 2).hex())
