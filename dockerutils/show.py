"""show: an image with its resolved settings, and where each value comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from dockerutils.config.kinds import toml_value
from dockerutils.config.model import IMAGE_KEYS, RUN_KEYS, given
from dockerutils.expansion import Expansion
from dockerutils.images.catalogue import Catalogue, Image
from dockerutils.session import Session


@dataclass(frozen=True)
class Row:
    """One setting as it holds here; `value` is as TOML would have it."""

    key: str
    value: object
    origin: str


def show_image(session: Session, name: str, as_json: bool) -> None:
    """Write the settings of an image, as a table or as JSON."""
    image = Catalogue(session.project).find(name)
    rows = list(image_rows(session, image))
    if as_json:
        facts = {"image": image.name, "reference": str(image.reference), "built": image.built}
        session.terminal.data(
            json.dumps({**facts, "settings": [asdict(row) for row in rows]}, indent=2)
        )
        return
    session.terminal.data(f"{image.name} is {image.reference}{whence(session, image)}")
    width = max(len(row.key) for row in rows)
    values = [row.value if isinstance(row.value, str) else json.dumps(row.value) for row in rows]
    wide = min(48, max(len(value) for value in values))
    for row, value in zip(rows, values, strict=True):
        session.terminal.data(f"  {row.key:<{width}}  {value:<{wide}}  # {row.origin}")


def whence(session: Session, image: Image) -> str:
    """Tell how there comes to be such an image."""
    if image.built:
        return f", built from {session.project.dockerfile(image.source)}"
    return ", which this project does not build"


def image_rows(session: Session, image: Image) -> Iterator[Row]:
    """Give every key with its value and its origin; variables stay names where they are secret."""
    expansion = Expansion(session.project, session.environ, image.name)
    settings = image.settings
    values = {**given(settings), **given(settings.running(session.docked))}
    docked = given(settings.docked) if session.docked else {}
    for name, key in {**IMAGE_KEYS, **RUN_KEYS}.items():
        if name not in values:
            yield Row(name, key.default, "default")
            continue
        written = f"{name}_docked" if name in docked else name
        place = session.project.config.origins.get((image.name, written))
        plain = toml_value(key.kind, values[name])
        yield Row(name, described(expansion, plain), f"{place or session.project.config.file}")


def described(expansion: Expansion, value: object) -> object:
    """Replace `{project_root}` and its like wherever a value holds them."""
    if isinstance(value, str):
        return expansion.scope.describe(value)
    if isinstance(value, list):
        return [described(expansion, item) for item in value]
    if isinstance(value, dict):
        return {name: described(expansion, item) for name, item in value.items()}
    return value
