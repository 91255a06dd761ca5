"""The seed's spelling: `docker/dockerutils.cfg`, read by configparser with its own features."""

from __future__ import annotations

import configparser
import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Any

from dockerutils.config.checks import ImageChecks, foreign_to
from dockerutils.config.ini_lines import DEFAULT, IniLines
from dockerutils.config.key import Key
from dockerutils.config.model import (
    DOCKERFILE,
    FOLDERLESS,
    IMAGE_KEYS,
    IMAGE_TYPES,
    Config,
    ImageSettings,
    Origin,
)
from dockerutils.config.problems import Problems, closest
from dockerutils.config.run_keys import RUN_KEYS, RunSettings
from dockerutils.config.substitute import parse_substitutes
from dockerutils.config.words import Option, unquoted

DOCKED = "_docked"
RUN_SECTIONS = ("run_image", "run-image")
RUN_SECTION_KEYS = frozenset(("synthetic_images",))
PROJECT_SECTION = "dockerutils"
PROJECT_KEYS = frozenset(("name", "substitute"))
ENV_KEYS = ("env", "env" + DOCKED)
INI_KEYS: Mapping[str, Key] = {
    name: key for name, key in IMAGE_KEYS.items() if key.ini_name == name
}
Named = tuple[str | None, bool]
EVERYWHERE = frozenset((*RUN_KEYS, *(key + DOCKED for key in RUN_KEYS), *ENV_KEYS))
KNOWN_KEYS = EVERYWHERE | frozenset(INI_KEYS)


def read_ini(text: str, file: str, folders: Collection[str]) -> Config:
    """Read a .cfg text; `folders` are the names of the project's image folders.

    Raises `ConfigError` with all faults of the file.
    """
    problems = Problems(file)
    lines = IniLines(problems)
    parser = configparser.ConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(lines.scan(text.replace("\r", "\n")), source=file)
    config = IniReader(parser, lines, problems, frozenset(folders)).config()
    ImageChecks(config, folders, problems, target="name").run()
    return replace(config, warnings=problems.finish())


class IniReader:
    """Turns the sections of a parsed file into settings."""

    def __init__(
        self,
        parser: configparser.ConfigParser,
        lines: IniLines,
        problems: Problems,
        folders: frozenset[str],
    ) -> None:
        self.parser = parser
        self.lines = lines
        self.problems = problems
        self.folders = folders
        self.origins: dict[tuple[str, str], Origin] = {}

    def config(self) -> Config:
        """Give the configuration; what is wrong is noted."""
        sections = [section for section in self.parser.sections() if self._is_image(section)]
        images = {section: self._image(section) for section in sections}
        images |= {name: ImageSettings() for name in self._synthetic if name not in images}
        for name in self._synthetic:
            self.origins.setdefault((name, ""), self._synthetic[name])
        self._warn_of_unknown_sections(images)
        return Config(
            project=self._project.get("name"),
            substitute=self._substitute(),
            images=self._with_targets(images),
            origins=self.origins,
        )

    @cached_property
    def _synthetic(self) -> dict[str, Origin]:
        """The listed images, with the place of the list."""
        found: dict[str, Origin] = {}
        for section in filter(self.parser.has_section, RUN_SECTIONS):
            text = self._own_texts(section, RUN_SECTION_KEYS).get("synthetic_images", "")
            origin = self._origin(section, "synthetic_images")
            names = (name.strip() for name in re.split(r"[,\n]", text))
            found |= {name: origin for name in names if name}
        return found

    @cached_property
    def _project(self) -> dict[str, str]:
        """The section of the project itself."""
        if PROJECT_SECTION in self.folders or not self.parser.has_section(PROJECT_SECTION):
            return {}
        texts = self._own_texts(PROJECT_SECTION, PROJECT_KEYS)
        return {key: unquoted(text) for key, text in texts.items() if text}

    def _substitute(self) -> tuple[tuple[str, str], ...]:
        origin = self._origin(PROJECT_SECTION, "substitute")
        pairs = self.problems.attempt(
            lambda: parse_substitutes(self._project.get("substitute", "")),
            origin,
            PROJECT_SECTION,
            "substitute",
        )
        return pairs or ()

    def _own_texts(self, section: str, known: frozenset[str]) -> dict[str, str]:
        """Give the texts of a section that is no image's; warn of other keys than the known."""
        texts: dict[str, str] = {}
        for key in self.parser.options(section):
            if key not in known:
                self._unknown_key(section, key, known)
            elif (text := self._text(section, key)) is not None:
                texts[key] = text
        return texts

    def _is_image(self, section: str) -> bool:
        if section in self.folders or section in self._synthetic:
            return True
        if section in (*RUN_SECTIONS, PROJECT_SECTION) or section in self._variable_sections:
            return False
        if self._own_type(section) in FOLDERLESS:
            return True
        return self.parser.has_option(section, "name") and "name" not in self.parser.defaults()

    def _own_type(self, section: str) -> str:
        """Give the type that a section sets itself, or nothing."""
        if "type" in self.parser.defaults() or not self.parser.has_option(section, "type"):
            return ""
        return self._type(section)

    def _type(self, section: str) -> str:
        """Give the type of an image, as far as it can be read."""
        with suppress(configparser.InterpolationError):  # noted where the key is read
            return unquoted(self.parser.get(section, "type", fallback="").strip()) or DOCKERFILE
        return DOCKERFILE

    @cached_property
    def _variable_sections(self) -> frozenset[str]:
        """The sections that another section's `env` names."""
        found: set[str] = set()
        for section in self.parser.sections():
            for key in ENV_KEYS:
                with suppress(configparser.InterpolationError):  # noted where it is an image's
                    found.add(self.parser.get(section, key, fallback=""))
        return frozenset(found)

    def _image(self, section: str) -> ImageSettings:
        values: dict[str, Any] = {}
        run: dict[str, Any] = {}
        docked: dict[str, Any] = {}
        known = self._known_keys(section)
        for name in self.parser.options(section):
            plain = name.removesuffix(DOCKED)
            if name in INI_KEYS and name in known:
                self._take(values, section, INI_KEYS[name], name)
            elif plain in RUN_KEYS:
                self._take(run if plain == name else docked, section, RUN_KEYS[plain], name)
            elif name not in ENV_KEYS:
                self._unknown_key(section, name, known)
        self._add_variables(section, run, docked)
        self.origins[section, ""] = self._origin(section, "")
        return ImageSettings(**values, run=RunSettings(**run), docked=RunSettings(**docked))

    def _known_keys(self, section: str) -> frozenset[str]:
        """Give the keys that a section of its type can have; all for a type that there is not."""
        image_type = self._type(section)
        if image_type not in IMAGE_TYPES:
            return KNOWN_KEYS
        return EVERYWHERE | {name for name, key in INI_KEYS.items() if key.suits(image_type)}

    def _take(self, into: dict[str, Any], section: str, key: Key, name: str) -> None:
        text = self._text(section, name)
        if text is None:
            return
        origin = self._origin(section, name)
        value = self.problems.attempt(lambda: key.kind.from_ini(text), origin, section, name)
        if value is not None:
            into[key.name] = value
        if value is not None or self.problems.faults:  # a faulty one is not as if it were absent
            self.origins[section, name] = origin

    def _add_variables(self, section: str, run: dict[str, Any], docked: dict[str, Any]) -> None:
        """Put the variables that `env` names before those of `environment`, which win."""
        env, env_docked = (self._variables(section, key) for key in ENV_KEYS)
        environment = run.get("environment", ())
        if env is not None:
            run["environment"] = with_variables(env, environment)
        if env_docked is not None or (env is not None and "environment" in docked):
            first = env if env_docked is None else env_docked
            docked["environment"] = with_variables(
                first or (), docked.get("environment", environment)
            )

    def _variables(self, section: str, key: str) -> tuple[Option, ...] | None:
        """Give the variables of the section that a key names; None without such a key."""
        source = self._text(section, key) if self.parser.has_option(section, key) else None
        if not source:
            return None
        if not self.parser.has_section(source):
            known = closest(source, self.parser.sections()) or "; write it, or leave the key out."
            sentence = f"names the missing section [{source}]{known}"
            self.problems.fault(self._origin(section, key), section, key, sentence)
            return None
        written = "environment" + key.removeprefix("env")
        self.origins.setdefault((section, written), self._origin(section, key))
        ours = self.parser.defaults().keys() & self._known_keys(section)
        names = [name for name in self.parser.options(source) if name not in ours]
        texts = {name: self._text(source, name) or "" for name in names}
        return tuple(("--env", f"{name}={unquoted(text)}") for name, text in texts.items())

    def _with_targets(self, images: Mapping[str, ImageSettings]) -> dict[str, ImageSettings]:
        """Tell synthetic images, whose `name` is another image, from those with their own name."""
        targets: dict[Named, str] = {(name, False): name for name in (*images, *self.folders)}
        made = self.folders | {name for name, settings in images.items() if settings.folderless}
        for name in sorted(made & set(images)):
            targets.setdefault(named(images[name]), name)
        return {
            name: settings
            if name in made
            else self._with_target(name, settings, targets.get(named(settings)))
            for name, settings in images.items()
        }

    def _with_target(self, name: str, settings: ImageSettings, target: str | None) -> ImageSettings:
        if settings.name is None or target in (None, name):
            return settings
        self.origins[name, "image"] = self.origins.pop((name, "name"))
        return replace(settings, name=None, image=target)

    def _text(self, section: str, key: str) -> str | None:
        """Give a value after interpolation; None where that fails, which is noted."""
        try:
            return self.parser.get(section, key)
        except configparser.InterpolationError as error:
            sentence = f"{interpolation_fault(error)}; write %% for a percent sign."
            place = section if (section, key) in self.lines.found else DEFAULT
            self.problems.fault(self._origin(section, key), place, key, sentence)
            return None

    def _origin(self, section: str, key: str) -> Origin:
        return Origin(self.problems.file, self.lines.line(section, key))

    def _unknown_key(self, section: str, key: str, known: frozenset[str]) -> None:
        """Warn of a key, unless it is one of [DEFAULT], which other values may use."""
        if key in self.parser.defaults():
            return
        if key in KNOWN_KEYS and known >= EVERYWHERE:
            sentence = f"{foreign_to(self._type(section), INI_KEYS[key])}; ignored."
        elif key in KNOWN_KEYS:
            sentence = "has no meaning here; it belongs into the section of an image."
        else:
            sentence = f"is no key that we know{closest(key, known) or '; ignored.'}"
        self.problems.warn(self._origin(section, key), section, key, sentence)

    def _warn_of_unknown_sections(self, images: Iterable[str]) -> None:
        known = {*images, *self.folders, *RUN_SECTIONS, PROJECT_SECTION}
        for section in self.parser.sections():
            if section not in known | self._variable_sections:
                hint = closest(section, known) or self._type_hint(section) or "; ignored."
                origin = self._origin(section, "")
                self.problems.warn(origin, section, "", f"belongs to no image{hint}")

    def _type_hint(self, section: str) -> str:
        """Say what is missing where a section reads as if it were an image's of another type."""
        own = set(self.parser.options(section)) - set(self.parser.defaults())
        likely = closest(self._type(section), FOLDERLESS) if "type" in own else ""
        missing = (f"; write `type = {one}`." for one in FOLDERLESS if one in own)
        return likely or next(missing, "")


def named(settings: ImageSettings) -> Named:
    """Give the name that a section says, and whether it is the whole name."""
    return settings.name, settings.prefix is False


def with_variables(first: Iterable[Option], second: Iterable[Option]) -> tuple[Option, ...]:
    """Put options before others, without the variables that those set again."""
    later = tuple(second)
    again = {option[1].partition("=")[0] for option in later if option[0] == "--env"}
    kept = (option for option in first if option[1].partition("=")[0] not in again)
    return (*kept, *later)


def interpolation_fault(error: configparser.InterpolationError) -> str:
    """Say what is wrong with the percent signs of a value."""
    if isinstance(error, configparser.InterpolationMissingOptionError):
        return f"uses %({error.reference})s, a key that neither its section nor [DEFAULT] has"
    if isinstance(error, configparser.InterpolationDepthError):
        return "uses itself"
    return "has a percent sign that begins no %(key)s"
