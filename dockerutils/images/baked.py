"""What an image says of how its containers run: the settings of its base, and ours over them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# What an engine gives a process of an image that sets no PATH (moby, oci/defaults).
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ARGUMENT = re.compile(r"\$\$|\$(\w+)|\$\{(\w+)\}")


class Late(str):
    """A value that a Dockerfile takes from its arguments, which have the environment's values."""

    __slots__ = ()

    @property
    def names(self) -> list[str]:
        """The arguments that it names."""
        return [found[1] or found[2] for found in ARGUMENT.finditer(self) if found[1] or found[2]]


@dataclass(frozen=True)
class Baked:
    """Settings of the OCI image specification (config.md, "config"), None where not set.

    `paths` stand before those of the base on PATH, `python_paths` likewise on PYTHONPATH.
    """

    paths: tuple[str, ...] = ()
    python_paths: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    cmd: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    user: str | None = None
    workdir: str | None = None
    expose: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()

    def over(self, base: Mapping[str, Any]) -> dict[str, Any]:
        """Give the settings of an image upon a base, as a Dockerfile's instructions would.

        An ENTRYPOINT takes the base's CMD away, and triggers of the base are not handed on.
        """
        settings = {name: value for name, value in base.items() if name != "OnBuild"}
        settings["Env"] = self._environment(base.get("Env") or ())
        settings["Labels"] = {**(base.get("Labels") or {}), **dict(self.labels)}
        ports: dict[str, Any] = {port: {} for port in self.expose}
        settings["ExposedPorts"] = {**(base.get("ExposedPorts") or {}), **ports}
        if self.entrypoint is not None:
            settings["Entrypoint"] = list(self.entrypoint)
            settings.pop("Cmd", None)
        given = {"Cmd": self.cmd and list(self.cmd), "User": self.user, "WorkingDir": self.workdir}
        settings |= {name: value for name, value in given.items() if value is not None}
        return {name: value for name, value in settings.items() if value}

    def _environment(self, base: Iterable[str]) -> list[str]:
        variables = dict(text.partition("=")[::2] for text in base)
        own = dict(self.variables)
        for name, folders, usual in (
            ("PATH", self.paths, PATH),
            ("PYTHONPATH", self.python_paths, ""),
        ):
            if folders and name not in own:
                before = variables.get(name) or usual
                variables[name] = ":".join((*folders, *filter(None, [before])))
        return [f"{name}={value}" for name, value in {**variables, **own}.items()]

    @property
    def arguments(self) -> list[str]:
        """The build arguments that the instructions take values from."""
        late = [text for _, text in (*self.variables, *self.labels) if isinstance(text, Late)]
        return list(dict.fromkeys(name for text in late for name in text.names))

    def instructions(self) -> list[str]:
        """Give the instructions of a Dockerfile that say the same."""
        import json  # noqa: PLC0415  # only a dry run prints them

        path = ":".join((*self.paths, "$PATH"))
        lines = [f"ARG {name}" for name in self.arguments]
        lines += [f'ENV PATH="{path}"'] if self.paths else []
        if self.python_paths:
            path = ":".join(self.python_paths)
            lines.append(f'ENV PYTHONPATH="{path}${{PYTHONPATH:+:$PYTHONPATH}}"')
        lines += [f"ENV {name}={quoted(value)}" for name, value in self.variables]
        lines += [f"EXPOSE {port}" for port in self.expose]
        lines += [f"LABEL {quoted(name)}={quoted(value)}" for name, value in self.labels]
        words = {"WORKDIR": self.workdir, "USER": self.user}
        lines += [f"{name} {value}" for name, value in words.items() if value]
        commands = {"ENTRYPOINT": self.entrypoint, "CMD": self.cmd}
        return lines + [
            f"{name} {json.dumps(value)}" for name, value in commands.items() if value is not None
        ]


def quoted(text: str) -> str:
    """Write a word of a Dockerfile that stands for itself, or for what its arguments have."""
    if isinstance(text, Late):
        return '"' + re.sub(r'(["\\])', r"\\\1", text).replace("$$", r"\$") + '"'
    return '"' + re.sub(r'(["\\$])', r"\\\1", text) + '"'
