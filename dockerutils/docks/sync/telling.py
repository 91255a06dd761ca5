"""What is said of a synchronization."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from dockerutils.docks.sync.caution import deciding, is_rules
from dockerutils.docks.told import plain
from dockerutils.meter import megabytes
from dockerutils.terminal import Terminal

if TYPE_CHECKING:
    from dockerutils.docks.options import SyncOptions
    from dockerutils.docks.sync.outcome import Outcome

SHOWN = 5  # names of a list that are told
PLACED = {"up": "there", "down": "here"}
BROUGHT = {"up": "sent", "down": "fetched"}
LEFT_OUT = {
    "link": "links that lead out of the project are left out",
    "special": "what is no file, folder or link is left out",
}


def tell(terminal: Terminal, outcome: Outcome, options: SyncOptions) -> int:
    """Tell what was done, or would be; give the exit status."""
    if options.json:
        import json  # noqa: PLC0415

        terminal.data(json.dumps(as_data(outcome), indent=1))
    elif options.dry_run:
        for line in lines(outcome):
            terminal.data(line)
    elif options.verbose:
        for line in lines(outcome):
            terminal.note(line)
    summarize(terminal, outcome, options.dry_run)
    return outcome.status


def as_data(outcome: Outcome) -> dict[str, object]:
    """Give what was done for programs."""
    return {
        "dock": outcome.dock.name,
        "target": outcome.target,
        BROUGHT[outcome.way]: sorted(outcome.brought),
        "bytes": sum(outcome.brought.values()),
        "deleted": sorted(outcome.deleted),
        "kept": outcome.kept,
        "conflicts": outcome.conflicts,
        "left_out": outcome.left_out,
        "undone": outcome.undone,
        "spared": outcome.spared,
    }


def lines(outcome: Outcome) -> Iterable[str]:
    """Give a line for each file."""
    verb = {"up": "send", "down": "fetch"}[outcome.way]
    yield from (f"{verb} {plain(path)}" for path in sorted(outcome.brought))
    yield from (f"delete {plain(path)}" for path in sorted(outcome.deleted))
    yield from (f"keep {plain(path)}" for path in outcome.kept)
    for path, name in sorted(outcome.conflicts.items()):
        yield f"conflict {plain(path)}: {plain(name)}"


def summarize(terminal: Terminal, outcome: Outcome, dry: bool = False) -> None:
    """Say in a few lines what became of the files."""
    place = PLACED[outcome.way]
    terminal.note(headline(outcome, dry))
    if outcome.kept and outcome.way == "up":
        theirs = some(outcome.kept)
        terminal.note(f"{theirs} changed on {outcome.dock} alone; `sync-down` brings that here.")
    elif outcome.kept:
        terminal.note(f"{some(outcome.kept)} changed here alone; `sync-up` brings that there.")
    for text in cautions(outcome):
        terminal.warn(text)
    for text in outcome.warnings:
        terminal.warn(text)
    for kind, why in LEFT_OUT.items():
        names = sorted(path for path, one in outcome.left_out.items() if one == kind)
        if names:
            terminal.warn(f"{why}: {some(names)}.")
    for path, name in sorted(outcome.conflicts.items()):
        kept = f"{'would be' if dry else 'is'} kept {place} as {plain(name)}"
        terminal.warn(f"{_why(outcome, path)}: the version of {outcome.dock} {kept}.")
    for text in _undone(outcome):
        terminal.warn(text)


def _undone(outcome: Outcome) -> Iterable[str]:
    for path, reason in list(outcome.undone.items())[:SHOWN]:
        yield f"{plain(path)} is not as it should be: {plain(reason)}."
    if len(outcome.undone) > SHOWN:
        yield f"{len(outcome.undone) - SHOWN} more are not as they should be."


def _why(outcome: Outcome, path: str) -> str:
    """Say why a dock's version does not take the place of ours."""
    if outcome.way == "down" and is_rules(path):
        return f"{plain(path)} decides what is sent, and is not taken over"
    return f"{plain(path)} changed on both sides"


def cautions(outcome: Outcome) -> Iterable[str]:
    """Say what a dock would have had us delete, and what of its files is acted on next."""
    if outcome.way == "up":
        return
    if outcome.spared:
        gone = f"{outcome.dock} has {counted(outcome.spared)} no more: {some(outcome.spared)}"
        way_out = "Delete them here yourself, or `sync-up` brings them back there"
        yield f"{gone}. So many at once are not deleted here. {way_out}."
    if names := deciding(outcome):
        yield f"files from {outcome.dock} decide what is built or run next: {some(names)}."


def headline(outcome: Outcome, dry: bool) -> str:
    """Say in one sentence what was done."""
    where = f"{outcome.dock}:{plain(outcome.target)}" if outcome.target else str(outcome.dock)
    direction = {"up": "to", "down": "from"}[outcome.way]
    parts = []
    if outcome.brought:
        size = megabytes(sum(outcome.brought.values()))
        parts.append(f"{counted(outcome.brought)}, {size} MB, {BROUGHT[outcome.way]}")
    if outcome.deleted:
        parts.append(f"{counted(outcome.deleted)} deleted {PLACED[outcome.way]}")
    if not parts:
        return f"nothing to do: {where} has what is to be there ({outcome.files} files here)."
    words = " and ".join(parts)
    return f"{'would be ' if dry else ''}{words} ({direction} {where})."


def counted(names: Collection[str]) -> str:
    """Count files, or folders where there are only these."""
    folders = [name for name in names if name.endswith("/")]
    count, what = (
        (len(names) - len(folders), "file")
        if len(names) > len(folders)
        else (len(folders), "folder")
    )
    return f"{count} {what}{'' if count == 1 else 's'}"


def some(names: Sequence[str]) -> str:
    """Name a few, and count the others."""
    told = ", ".join(plain(name, 80) for name in names[:SHOWN])
    return told if len(names) <= SHOWN else f"{told} and {len(names) - SHOWN} more"
