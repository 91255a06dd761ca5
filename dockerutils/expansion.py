"""Settings with their variables replaced, for the place where they are used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from dockerutils.command import Secret
from dockerutils.config.model import Origin
from dockerutils.config.template import Scope, UnsetVariable, names_environment
from dockerutils.config.words import Option
from dockerutils.errors import ConfigError
from dockerutils.project import Project

Value = TypeVar("Value")

# Docker's own command line reads these, so a container's value cannot be handed over in them.
READ_BY_DOCKER = ("DOCKER_", "BUILDX_", "BUILDKIT_", "COMPOSE_", "LD_", "SSH_", "XDG_", "OTEL_")
READ_BY_EVERYTHING = frozenset(("PATH", "HOME", "USER", "SHELL", "TERM", "TMPDIR", "LANG", "PWD"))


@dataclass(frozen=True)
class Assigned:
    """An assignment as docker's option takes it, and what docker's environment needs for it."""

    word: str
    variables: Mapping[str, Secret]


@dataclass(frozen=True)
class Expansion:
    """Replaces the variables in the settings of one image."""

    project: Project
    environ: Mapping[str, str]
    image: str

    @property
    def scope(self) -> Scope:
        """What the variables stand for."""
        return Scope(self.project.variables, self.environ)

    def text(self, key: str, text: str) -> str:
        """Expand a value; raise `ConfigError` with its place if a variable is not set."""
        return self._settle(key, lambda: self.scope.expand(text))

    def words(self, key: str, words: Iterable[str]) -> tuple[str, ...]:
        """Expand each of several words."""
        return tuple(self.text(key, word) for word in words)

    def options(self, key: str, options: Iterable[Option]) -> tuple[Option, ...]:
        """Expand the words of options."""
        return tuple(self.words(key, option) for option in options)

    def assignment(self, key: str, text: str) -> Assigned:
        """Expand `NAME=VALUE`; a value from the environment goes through docker's environment."""
        name, equals, value = text.partition("=")
        if not equals or not names_environment(value):
            return Assigned(self.text(key, text), {})
        if reserved(name):
            return Assigned(f"{name}={self.text(key, value)}", {})
        secret = self._settle(key, lambda: self.scope.secret(value))
        same = self.environ.get(name) == secret.value and secret.shown in (
            f'"${name}"',
            f'"${{{name}}}"',
        )
        return Assigned(name, {} if same else {name: secret})

    def _settle(self, key: str, read: Callable[[], Value]) -> Value:
        try:
            return read()
        except UnsetVariable as error:
            origin = self.project.config.origins.get(
                (self.image, key), Origin(f"[{self.image}]", 0)
            )
            raise ConfigError(
                f"{origin}: [{self.image}] {key}: {error}.",
                f"Set it (`export {error.name}=…`), or write $$ for a dollar sign.",
            ) from error


def reserved(name: str) -> bool:
    """Tell whether a variable of this name would change what docker's command line does."""
    proxy = name.lower().endswith("_proxy")
    return proxy or name in READ_BY_EVERYTHING or name.startswith(READ_BY_DOCKER)
