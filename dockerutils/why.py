"""why: what changed since an image was built, or why it was built the last time."""

from __future__ import annotations

import json
import time
from dataclasses import asdict

from dockerutils.errors import UsageError
from dockerutils.freshness import Verdict, names_of, open_freshness
from dockerutils.images.catalogue import Catalogue
from dockerutils.images.recipes import open_graph
from dockerutils.session import Session

AGES = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def explain_image(session: Session, name: str, as_json: bool) -> None:
    """Write why an image would be built now, or was built the last time."""
    image = Catalogue(session.project).find(name)
    if not image.built:
        raise UsageError(f"{name} is {image.reference}, which this project does not build.")
    node = open_graph(Catalogue(session.project), session.environ).node(image.source)
    freshness = open_freshness(session.project, session.environ)
    freshness.facts.update(session.engine.facts(names_of([node])))
    verdict = freshness.judge(node)
    if as_json:
        session.terminal.data(json.dumps(asdict(verdict), indent=2))
        return
    for line in told(verdict):
        session.terminal.data(line)


def told(verdict: Verdict) -> list[str]:
    """Give a verdict as sentences."""
    if verdict.stale:
        head = f"build-image {verdict.image} would build {verdict.reference}:"
        return [head, *(f"  {reason}" for reason in verdict.reasons)]
    head = f"{verdict.image} is up to date ({verdict.reference})"
    if verdict.last_built is None:
        return [f"{head}."]
    return [
        f"{head}; it was built {age(time.time() - verdict.last_built)} ago, because:",
        *(f"  {reason}" for reason in verdict.last_reasons),
    ]


def age(seconds: float) -> str:
    """Write a time span for a reader."""
    for size, name in AGES:
        count = int(seconds // size)
        if count:
            return f"{count} {name}{'s' if count > 1 else ''}"
    return "a moment"
