"""Settings with their variables replaced, for the place where they are used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from dockerutils.command import Expanded, Secret
from dockerutils.config.model import Origin
from dockerutils.config.problems import unset_variable
from dockerutils.config.template import Scope, UnsetVariable, names_environment
from dockerutils.config.words import Option
from dockerutils.project import Project

Value = TypeVar("Value")

# Docker's own command line reads these, so a container's value cannot be handed over in them. They
# hold places and switches, no secrets; DOCKER_AUTH_CONFIG does, and is not among them.
READ_BY_DOCKER = (
    *("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS", "DOCKER_CERT_PATH"),
    *("DOCKER_API_VERSION", "DOCKER_BUILDKIT", "DOCKER_CLI_", "BUILDX_", "LD_", "XDG_", "OTEL_"),
)
READ_BY_EVERYTHING = frozenset(
    (
        *("PATH", "HOME", "USER", "SHELL", "TERM", "TMPDIR", "LANG", "PWD"),
        *("SSH_AUTH_SOCK", "SSH_AGENT_PID", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE"),
    )
)


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
    docked: bool = False

    @property
    def scope(self) -> Scope:
        """What the variables stand for."""
        return Scope(self.project.variables, self.environ)

    def text(self, key: str, text: str) -> str:
        """Expand a value; raise `ConfigError` with its place if a variable is not set.

        What comes from the environment cannot always be kept off a command line; it is never shown.
        """
        if not names_environment(text):
            return self.scope.expand(text)
        secret = self._settle(key, lambda: self.scope.secret(text))
        return Expanded(secret.value, secret.shown)

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
        if value in (f"${name}", f"${{{name}}}"):
            self.text(key, value)
            return Assigned(name, {})
        if reserved(name):
            return Assigned(f"{name}={self.text(key, value)}", {})
        return Assigned(name, {name: self._settle(key, lambda: self.scope.secret(value))})

    def _settle(self, key: str, read: Callable[[], Value]) -> Value:
        try:
            return read()
        except UnsetVariable as error:
            written, origin = self._place(key)
            raise unset_variable(error, origin, self.image, written) from error

    def _place(self, key: str) -> tuple[str, Origin]:
        """Give the key that holds here, and where it stands."""
        origins = self.project.config.origins
        docked = f"{key}_docked"
        written = docked if self.docked and (self.image, docked) in origins else key
        return written, origins.get((self.image, written), Origin(f"[{self.image}]", 0))


def reserved(name: str) -> bool:
    """Tell whether a variable of this name would change what docker's command line does."""
    return name in READ_BY_EVERYTHING or name.startswith(READ_BY_DOCKER)
