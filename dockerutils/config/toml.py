"""The typed spelling: `docker/dockerutils.toml`, or `[tool.dockerutils]` in pyproject.toml."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from dockerutils.config.checks import ImageChecks
from dockerutils.config.key import Key
from dockerutils.config.kind import toml_type
from dockerutils.config.kinds import Text
from dockerutils.config.model import IMAGE_KEYS, Config, ImageSettings, Origin
from dockerutils.config.problems import Problems, closest
from dockerutils.config.run_keys import RUN_KEYS, RunSettings
from dockerutils.config.toml_lines import Path, line_numbers
from dockerutils.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT_KEYS = ("name", "substitute", "image")
PLACE = re.compile(r" \(at line (?P<line>\d+), column \d+\)$")


def read_toml(text: str, file: str, folders: Collection[str], table: Path = ()) -> Config | None:
    """Read a TOML text; `table` is where in it our tables stand. None where they are absent.

    Raises `ConfigError` with all faults of the file.
    """
    try:
        content: object = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise invalid_toml(file, str(error)) from error
    for part in table:
        content = content.get(part) if isinstance(content, dict) else None
    if content is None:
        return None
    problems = Problems(file)
    reader = TomlReader(line_numbers(text, table), problems)
    config = reader.config(content)
    ImageChecks(config, folders, problems, target="image").run()
    return replace(config, warnings=problems.finish())


class TomlReader:
    """Turns parsed tables into settings."""

    def __init__(self, lines: Mapping[Path, int], problems: Problems) -> None:
        self.lines = lines
        self.problems = problems
        self.origins: dict[tuple[str, str], Origin] = {}

    def config(self, content: object) -> Config:
        """Give the configuration; what is wrong is noted."""
        table = self._table(content, ())
        for name in table:
            if name not in PROJECT_KEYS:
                self._unknown((name,), "", name, PROJECT_KEYS)
        sections = self._table(table.get("image", {}), ("image",))
        images = {name: self._image(name, section) for name, section in sections.items()}
        return Config(
            project=self._project_name(table),
            substitute=self._substitute(table),
            images=images,
            origins=self.origins,
        )

    def _project_name(self, table: Mapping[str, object]) -> str | None:
        if "name" not in table:
            return None
        origin = self._origin(("name",))
        return self.problems.attempt(lambda: Text().from_toml(table["name"]), origin, "", "name")

    def _substitute(self, table: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
        pairs = self._table(table.get("substitute", {}), ("substitute",))
        for name, value in pairs.items():
            if not (isinstance(value, str) and value):
                sentence = f"has to give {name} the name of an image, not {toml_type(value)}."
                self.problems.fault(self._origin(("substitute", name)), "", "substitute", sentence)
        return tuple((name, value) for name, value in pairs.items() if isinstance(value, str))

    def _image(self, name: str, content: object) -> ImageSettings:
        section = dict(self._table(content, ("image", name)))
        self.origins[name, ""] = self._origin(("image", name))
        docked = self._table(section.pop("docked", {}), ("image", name, "docked"))
        values = self._take(name, section, ("image", name), {**IMAGE_KEYS, **RUN_KEYS})
        run = {key: values.pop(key) for key in list(values) if key in RUN_KEYS}
        over = self._take(name, docked, ("image", name, "docked"), RUN_KEYS)
        if "image" in values and "name" in values:
            self.problems.fault(
                self._origin(("image", name, "image")),
                name,
                "image",
                "cannot stand beside name: a synthetic image has the name of the one it names;"
                " remove one of them.",
            )
        return ImageSettings(**values, run=RunSettings(**run), docked=RunSettings(**over))

    def _take(
        self, section: str, table: Mapping[str, object], at: Path, keys: Mapping[str, Key]
    ) -> dict[str, Any]:
        values: dict[str, Any] = {}
        suffix = "_docked" if at[-1] == "docked" and len(at) == 3 else ""
        for name, raw in table.items():
            known = keys.get(name)
            if known is None:
                self._unknown((*at, name), section, name, (*keys, "docked"))
                continue
            origin = self.origins[section, name + suffix] = self._origin((*at, name))
            value = self.problems.attempt(
                lambda kind=known.kind, raw=raw: kind.from_toml(raw),  # type: ignore[misc]
                origin,
                section,
                name,
            )
            if value is not None:
                values[name] = value
        return values

    def _table(self, content: object, at: Path) -> Mapping[str, object]:
        if isinstance(content, dict):
            return content
        name = ".".join(at) or "dockerutils"
        sentence = f"has to be a table, not {toml_type(content)}."
        self.problems.fault(self._origin(at), "", name, sentence)
        return {}

    def _unknown(self, at: Path, section: str, key: str, known: Collection[str]) -> None:
        hint = closest(key, known) or "."
        self.problems.fault(self._origin(at), section, key, f"is no key that we know{hint}")

    def _origin(self, at: Path) -> Origin:
        """Find where a key stands; a key of an inline table stands where the table does."""
        while at and at not in self.lines:
            at = at[:-1]
        return Origin(self.problems.file, self.lines.get(at, 0))


def invalid_toml(file: str, reason: str) -> ConfigError:
    """Give the error for a text that is no TOML, with its line as in all our messages."""
    found = PLACE.search(reason)
    origin = Origin(file, int(found["line"]) if found else 0)
    return ConfigError(f"{origin}: is no valid TOML: {PLACE.sub('', reason)}.")
