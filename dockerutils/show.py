"""show: an image with its resolved settings, and where each value comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType

from dockerutils.config import debian_keys, venv_keys
from dockerutils.config.key import Key, given
from dockerutils.config.model import DEBIAN, DOCKERFILE, IMAGE_KEYS, VENV
from dockerutils.config.run_keys import RUN_KEYS
from dockerutils.errors import ConfigError, ProjectError
from dockerutils.expansion import Expansion
from dockerutils.images.catalogue import Catalogue, Image
from dockerutils.images.recipes import open_graph
from dockerutils.session import Session

WIDEST = 48  # characters; a longer value pushes its origin to the right

# What holds where a key is not set and the image itself does not tell.
DEFAULTS: Mapping[str, object] = MappingProxyType(
    {
        "prefix": True,
        "pull_FROM_on_force": False,
        "interactive": True,
        "gpu": False,
        "init": True,
        "keep_container": False,
        "user": "image",
        "aws": False,
        "venv": venv_keys.VENV,
        "project_path": True,
        "dest": venv_keys.DEST,
        "bytecode": venv_keys.BYTECODE,
        "interpreter": venv_keys.INTERPRETER,
        "max_layers": venv_keys.MAX_LAYERS,
        "min_layer": venv_keys.MIN_LAYER,
        "variant": debian_keys.VARIANT,
        "documentation": True,
        "locales": True,
    }
)


@dataclass(frozen=True)
class Row:
    """One setting as it holds here; `value` is as TOML would have it, None for nothing."""

    key: str
    value: object
    origin: str


def show_image(session: Session, name: str, as_json: bool) -> None:
    """Write the settings of an image, as a table or as JSON."""
    image = Catalogue(session.project).find(name)
    rows = [*image_rows(session, image), *secret_rows(session, image)]
    if as_json:
        facts = {"image": image.name, "reference": str(image.reference), "built": image.built}
        settings = [asdict(row) for row in rows]
        session.terminal.data(json.dumps({**facts, "settings": settings}, indent=2))
        return
    session.terminal.data(f"{image.name} is {image.reference}{whence(session, image)}")
    for line in table(rows):
        session.terminal.data(line)


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Give the settings as lines, their origins behind them in a column."""
    values = [shown(row.value) for row in rows]
    key_width = max(len(row.key) for row in rows)
    value_width = min(WIDEST, max(len(value) for value in values))
    for row, value in zip(rows, values, strict=True):
        yield f"  {row.key:<{key_width}}  {value:<{value_width}}  # {row.origin}"


def shown(value: object) -> str:
    """Write a value for a reader."""
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def whence(session: Session, image: Image) -> str:
    """Tell how there comes to be such an image."""
    if not image.built:
        return ", which this project does not build"
    if image.made_as == VENV:
        folder = session.project.config.settings(image.source).venv
        return f", made from {folder or venv_keys.VENV}"
    if image.made_as == DEBIAN:
        return ", made from Debian packages"
    return f", built from {session.project.dockerfile(image.source)}"


def image_rows(session: Session, image: Image) -> Iterator[Row]:
    """Give every key that matters with its value and its origin; values of the environment stay
    names."""
    expansion = Expansion(session.project, session.environ, image.name)
    settings = image.settings
    values = {**given(settings), **given(settings.running(session.docked))}
    docked = given(settings.docked) if session.docked else {}
    for name, key in {**IMAGE_KEYS, **RUN_KEYS}.items():
        if name not in values:
            if matters(image, key):
                yield default_row(image, name, key)
            continue
        place = session.project.config.origins.get((image.name, origin_key(name, docked)))
        value = described(expansion, key.kind.to_toml(values[name]))
        yield Row(name, value, f"{place or session.project.config.file}")


def matters(image: Image, key: Key) -> bool:
    """Tell whether a key can say anything of an image: how one is made is said where it is made."""
    return not key.types or (image.source == image.name and key.suits(image.made_as))


def secret_rows(session: Session, image: Image) -> Iterator[Row]:
    """Give the build secrets that an image's sources mount, and where each comes from."""
    if not image.built or image.made_as != DOCKERFILE:
        return
    try:
        reading = open_graph(Catalogue(session.project), session.environ).node(image.source).reading
    except (ProjectError, ConfigError) as error:
        session.terminal.warn(error.message)
        return
    for id_, source in reading.mounted.items():
        yield Row("secret", id_, source)


def origin_key(name: str, docked: Mapping[str, object]) -> str:
    """Name the key that a value was written under."""
    return f"{name}_docked" if name in docked else name


def default_row(image: Image, name: str, key: Key) -> Row:
    """Give a key that is not set: what holds then, and the rule that says so."""
    reference = image.reference
    inherited = {"name": reference.repository, "tag": reference.tag, "type": image.made_as}
    if name in inherited and image.source != image.name:
        return Row(name, inherited[name], f"as {image.source}")
    value = inherited.get(name, DEFAULTS.get(name))
    rule = "default" if shown(value) == key.default or value is None else key.default
    return Row(name, value, rule if rule == "default" else f"default: {rule}")


def described(expansion: Expansion, value: object) -> object:
    """Replace `{project_root}` and its like wherever a value holds them."""
    if isinstance(value, str):
        return expansion.scope.describe(value)
    if isinstance(value, list):
        return [described(expansion, item) for item in value]
    if isinstance(value, dict):
        return {name: described(expansion, item) for name, item in value.items()}
    return value
