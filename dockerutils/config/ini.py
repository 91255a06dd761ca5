"""The seed's spelling: `docker/dockerutils.cfg`, read by configparser with its own features."""

from __future__ import annotations

import configparser
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from dockerutils.config.model import (
    IMAGE_KEYS,
    RUN_KEYS,
    Config,
    ImageSettings,
    Key,
    Origin,
    RunSettings,
)
from dockerutils.config.problems import Problems, closest
from dockerutils.config.substitute import parse_substitutes

DOCKED = "_docked"
RUN_SECTIONS = ("run_image", "run-image")
PROJECT_SECTION = "dockerutils"
HEADER = configparser.ConfigParser.SECTCRE
ASSIGNMENT = re.compile(r"(?P<key>[^\s=:#;[][^=:]*?)\s*(?:[=:]|$)")


def read_ini(text: str, file: str, folders: Collection[str]) -> Config:
    """Read a .cfg text; `folders` are the names of the project's image folders.

    Raises `ConfigError` with all faults of the file.
    """
    problems = Problems(file)
    parser = configparser.ConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    lines = line_numbers(text, problems)
    try:
        parser.read_string(text, source=file)
    except configparser.Error as error:
        note_syntax(error, problems)
    reader = IniReader(parser, lines, problems, frozenset(folders))
    config = reader.config()
    return replace(config, warnings=problems.finish())


class IniReader:
    """Turns the sections of a parsed file into settings."""

    def __init__(
        self,
        parser: configparser.ConfigParser,
        lines: Mapping[tuple[str, str], int],
        problems: Problems,
        folders: frozenset[str],
    ) -> None:
        self.parser = parser
        self.lines = lines
        self.problems = problems
        self.folders = folders
        self.origins: dict[tuple[str, str], Origin] = {}
        self.synthetic = tuple(self._synthetic())

    def config(self) -> Config:
        """Give the configuration; what is wrong is noted."""
        images = {name: self._image(name) for name in self._image_sections()}
        images |= {name: ImageSettings() for name in self.synthetic if name not in images}
        project, substitute = self._project()
        self._warn_of_unknown_sections(images)
        return Config(project=project, substitute=substitute, images=images, origins=self.origins)

    def _synthetic(self) -> Iterator[str]:
        for section in RUN_SECTIONS:
            if self.parser.has_section(section):
                for key, text in self._texts(section):
                    if key == "synthetic_images":
                        yield from (
                            name.strip() for name in re.split(r"[,\n]", text) if name.strip()
                        )
                    elif key not in self.parser.defaults():
                        self._unknown_key(section, key, ["synthetic_images"])

    def _project(self) -> tuple[str | None, tuple[tuple[str, str], ...]]:
        """Read the section of the project itself: its `name` and `substitute`."""
        texts: dict[str, str] = {}
        if self.parser.has_section(PROJECT_SECTION) and PROJECT_SECTION not in self.folders:
            texts = dict(self._texts(PROJECT_SECTION))
        for key in texts:
            if key not in ("name", "substitute", *self.parser.defaults()):
                self._unknown_key(PROJECT_SECTION, key, ["name", "substitute"])
        origin = self._origin(PROJECT_SECTION, "substitute")
        pairs = self.problems.attempt(
            lambda: parse_substitutes(texts.get("substitute", "")),
            origin,
            PROJECT_SECTION,
            "substitute",
        )
        return texts.get("name") or None, pairs or ()

    def _image_sections(self) -> list[str]:
        return [name for name in self.parser.sections() if self._is_image(name)]

    def _is_image(self, section: str) -> bool:
        if section in self.folders or section in self.synthetic:
            return True
        if section in (*RUN_SECTIONS, PROJECT_SECTION) or section in self._environment_sections():
            return False
        return self.parser.has_option(section, "name") and "name" not in self.parser.defaults()

    def _environment_sections(self) -> set[str]:
        """Name the sections that another section's `env` names."""
        named = (
            self.parser.get(section, "env", raw=True)
            for section in self.parser.sections()
            if self.parser.has_option(section, "env")
        )
        return set(named)

    def _image(self, section: str) -> ImageSettings:
        values: dict[str, Any] = {}
        run: dict[str, Any] = {}
        docked: dict[str, Any] = {}
        for name, text in self._texts(section):
            plain = name.removesuffix(DOCKED)
            if name in IMAGE_KEYS:
                self._take(values, section, IMAGE_KEYS[name], name, text)
            elif plain in RUN_KEYS:
                self._take(run if plain == name else docked, section, RUN_KEYS[plain], name, text)
            elif plain != "env" and name not in self.parser.defaults():
                self._unknown_key(section, name, self._known_keys())
        self._add_variables(section, "env", run)
        self._add_variables(section, "env" + DOCKED, docked)
        self._resolve_name(section, values)
        return ImageSettings(**values, run=RunSettings(**run), docked=RunSettings(**docked))

    def _take(self, into: dict[str, Any], section: str, key: Key, name: str, text: str) -> None:
        origin = self._origin(section, name)
        value = self.problems.attempt(lambda: key.kind.from_ini(text), origin, section, name)
        if value is not None and (text or key.name not in IMAGE_KEYS):
            into[key.name] = value
            self.origins[section, name] = origin

    def _add_variables(self, section: str, key: str, run: dict[str, Any]) -> None:
        """Put the variables of the section that `env` names before those of `environment`."""
        if not self.parser.has_option(section, key):
            return
        source = self.parser.get(section, key, raw=True)
        if not source:
            return
        if not self.parser.has_section(source):
            known = closest(source, self.parser.sections())
            self.problems.fault(
                self._origin(section, key),
                section,
                key,
                f"names the missing section [{source}]{known}.",
            )
            return
        defaults = set(self.parser.defaults()) & self._known_keys()
        variables = tuple(
            ("--env", f"{name}={text}")
            for name, text in self._texts(source)
            if name not in defaults
        )
        run["environment"] = variables + run.get("environment", ())
        self.origins.setdefault((section, "environment"), self._origin(section, key))

    def _resolve_name(self, section: str, values: dict[str, Any]) -> None:
        """Tell a synthetic image, whose `name` is another image, from one with its own name."""
        name = values.get("name")
        if name is None or section in self.folders or values.get("prefix") is False:
            return
        if name in self.folders or name in self.synthetic or self.parser.has_section(name):
            values["image"] = values.pop("name")
            self.origins[section, "image"] = self.origins.pop((section, "name"))

    def _texts(self, section: str) -> Iterator[tuple[str, str]]:
        """Give the options of a section with their values after interpolation."""
        for name in self.parser.options(section):
            try:
                yield name, self.parser.get(section, name) or ""
            except configparser.InterpolationError as error:
                sentence = str(error).splitlines()[0].rstrip(".:")
                origin = self._origin(section, name)
                self.problems.fault(
                    origin, section, name, f"cannot be interpolated ({sentence}); write %% for a %."
                )

    def _origin(self, section: str, key: str) -> Origin:
        line = self.lines.get((section, key)) or self.lines.get(("DEFAULT", key))
        return Origin(self.problems.file, line or self.lines.get((section, ""), 0))

    def _unknown_key(self, section: str, key: str, known: Collection[str]) -> None:
        hint = closest(key, known)
        self.problems.warn(
            self._origin(section, key),
            section,
            key,
            f"is no key that we know{hint or '; ignored.'}",
        )

    def _warn_of_unknown_sections(self, images: Mapping[str, ImageSettings]) -> None:
        known = {*images, *self.folders, *RUN_SECTIONS, PROJECT_SECTION}
        passed = known | self._environment_sections()
        for section in self.parser.sections():
            if section not in passed:
                hint = closest(section, known) or "; ignored."
                self.problems.warn(
                    self._origin(section, ""), section, "", f"belongs to no image{hint}"
                )

    def _known_keys(self) -> set[str]:
        docked = {key + DOCKED for key in (*RUN_KEYS, "env")}
        return {*IMAGE_KEYS, *RUN_KEYS, *docked, "env"}


def line_numbers(text: str, problems: Problems) -> dict[tuple[str, str], int]:
    """Find the line of each section and option; configparser does not tell. Doubles are faults."""
    found: dict[tuple[str, str], int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        header = HEADER.match(line.strip())
        option = ASSIGNMENT.match(line)
        if header:
            section = header["header"]
            place = (section, "")
        elif option and section:
            place = (section, option["key"].rstrip())
        else:
            continue
        if place in found:
            what = "is set twice" if place[1] else "stands twice"
            origin = Origin(problems.file, number)
            problems.fault(origin, *place, f"{what}; the first is in line {found[place]}.")
        found.setdefault(place, number)
    return found


def note_syntax(error: configparser.Error, problems: Problems) -> None:
    """Note the lines that configparser could not read."""
    if isinstance(error, configparser.MissingSectionHeaderError):
        origin = Origin(problems.file, error.lineno)
        problems.fault(origin, "", "", "stands before the first [section].")
    elif isinstance(error, configparser.ParsingError):
        for number, line in error.errors:
            origin = Origin(problems.file, number)
            problems.fault(origin, "", "", f"cannot be read: {line}. Write `key = value`.")
    else:
        problems.fault(Origin(problems.file, 0), "", "", f"{error}.")
