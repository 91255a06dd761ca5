"""why: what changed since an image was built, or why it was built the last time."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict

from dockerutils.errors import UsageError
from dockerutils.forecast import Below, forecast
from dockerutils.freshness import Verdict
from dockerutils.images.catalogue import Catalogue
from dockerutils.images.recipes import open_graph
from dockerutils.session import Session

AGES = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def explain_image(session: Session, name: str, as_json: bool) -> None:
    """Write why an image would be built now, or was built the last time."""
    catalogue = Catalogue(session.project)
    image = catalogue.find(name)
    if not image.built:
        raise UsageError(f"{name} is {image.reference}, which this project does not build.")
    graph = open_graph(catalogue, session.environ)
    outlook = forecast(session, graph.order([image.source]))
    verdict, below = outlook.verdicts[image.source], list(outlook.below(image.source))
    if as_json:
        facts = {**asdict(verdict), "below": [asdict(one) for one in below]}
        session.terminal.data(json.dumps(facts, indent=2))
        return
    for line in (*verdict_lines(verdict), *(below_line(one, image.source) for one in below)):
        session.terminal.data(line)


def verdict_lines(verdict: Verdict) -> Iterator[str]:
    """Give a verdict as sentences."""
    reasons = verdict.reasons if verdict.stale else verdict.last_reasons
    if verdict.stale:
        yield f"build-image {verdict.image} would build {verdict.reference}:"
    else:
        yield f"{verdict.image} is up to date ({verdict.reference}){last_built(verdict)}"
    yield from (f"  {reason}" for reason in reasons)


def last_built(verdict: Verdict) -> str:
    """Go on with the last build, as far as it is known."""
    if verdict.last_built is None:
        return "."
    built = f"; it was built {age(time.time() - verdict.last_built)} ago"
    return f"{built}, because:" if verdict.last_reasons else f"{built}."


def below_line(one: Below, image: str) -> str:
    """Tell what becomes of a sibling below an image that is not up to date."""
    state = "is not on the engine" if one.missing else "is not up to date"
    then = "it is built first" if one.first else f"`build-image -f {image}` builds it first"
    return f"{one.image}, which {image} stands on, {state}: {then}."


def age(seconds: float) -> str:
    """Write a time span for a reader; one before our time, by another clock, is a moment."""
    for size, name in AGES:
        count = int(seconds // size)
        if count > 0:
            return f"{count} {name}{'s' if count > 1 else ''}"
    return "a moment"
