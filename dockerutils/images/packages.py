"""What a builder has to install below a virtualenv: Debian packages and a file of requirements.

It makes one image between the base and the virtualenv, from a Dockerfile that nobody wrote. That is
named after what it is made from, so an engine that has the name has the image.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dockerutils import docker_cli
from dockerutils.command import Command, Stdin
from dockerutils.config.image_kinds import is_file_of_packages, read_package
from dockerutils.errors import ProjectError
from dockerutils.images.build_secrets import BuildSecret, secret_words
from dockerutils.images.requirements import PLACE, Requirements

if TYPE_CHECKING:
    from dockerutils.images.recipe import BuildRequest

DIGITS = 12  # of the digest in a name
# A shell in the base, whatever its SHELL says; a secret that a machine has not is no file there.
TRUST = "[ ! -s /run/secrets/ca ] || set -- -o Acquire::https::CaInfo=/run/secrets/ca"
MACHINE = (
    "[ ! -s /run/secrets/ca ] || export PIP_CERT=/run/secrets/ca SSL_CERT_FILE=/run/secrets/ca",
    "[ ! -s /run/secrets/pip.conf ] || export PIP_CONFIG_FILE=/run/secrets/pip.conf",
    "[ ! -s /run/secrets/netrc ] || export NETRC=/run/secrets/netrc",
)
CONSTRAINTS = "/tmp/constraints.txt"  # noqa: S108  # in a container of its own


@dataclass(frozen=True)
class Packages:
    """What is to be installed, and for which virtualenv.

    `version` is its Python's, `dest` its place in the image, and `held` its own distributions, by
    name and version: requirements get along with these, and they are not installed twice.
    """

    repository: str
    dest: str
    version: tuple[int, int]
    apt: tuple[str, ...] = ()
    pip: Requirements | None = None
    held: tuple[tuple[str, str], ...] = ()
    secrets: tuple[BuildSecret, ...] = field(default=(), repr=False)

    @property
    def label(self) -> str:
        """The label's value by which the images of packages are found again."""
        return self.repository

    def instructions(self, in_context: bool = False) -> list[str]:
        """Give the steps of a Dockerfile; requirements are in the context, or each is a secret."""
        steps = [install_debian(self.apt)] if self.apt else []
        if self.pip:
            pip = self.pip
            files = (
                f"--mount=type=bind,source=requirements,target={PLACE}"
                if in_context
                else pip.mounts
            )
            steps.append(run([files, *mounted("pip.conf", "ca", "netrc")], self._pip_script(pip)))
        return steps

    def _pip_script(self, pip: Requirements) -> list[str]:
        python = "python{}.{}".format(*self.version)
        installed = f"{shlex.quote(self.dest)}/bin/python -m pip"
        quiet = "--disable-pip-version-check --root-user-action=ignore"
        held = " ".join(shlex.quote(f"{name}=={version}") for name, version in self.held)
        lines = [f": {pip.digest[:DIGITS]}", *MACHINE]
        lines.append(
            f'"$(command -v {python} || command -v python3)" -m venv {shlex.quote(self.dest)}'
        )
        lines.append(rf"printf '%s\n' {held or chr(39) * 2} >{CONSTRAINTS}")
        lines.append(
            f"{installed} install {quiet} --no-cache-dir --constraint {CONSTRAINTS}"
            f" --requirement {shlex.quote(pip.main)}"
        )
        if held:
            lines.append(f"{installed} uninstall --quiet --yes --requirement {CONSTRAINTS}")
        return [*lines, f"rm {CONSTRAINTS}"]

    def dockerfile(self, base: str, user: str = "", in_context: bool = False) -> list[str]:
        """Give the lines of the Dockerfile upon a base; what it installs is installed by root."""
        there, back = (["USER root"], [f"USER {user}"]) if user else ([], [])
        return [f"FROM {base}", *there, *self.instructions(in_context), *back]

    def reference(self, base: str, user: str = "") -> str:
        """Give the name of the image upon a base with this digest."""
        parts = (base, self.dockerfile("base", user), self.pip.digest if self.pip else "")
        digest = hashlib.sha256(json.dumps(parts).encode("utf-8", "surrogateescape")).hexdigest()
        return f"{self.repository}:{digest[:DIGITS]}"

    def command(self, reference: str, base: str, user: str, request: BuildRequest) -> Command:
        """Give the build of the image under a name, upon the base that has this name."""
        lines = self.dockerfile(base, user)
        stdin = Stdin("\n".join(lines) + "\n", shlex.join(["printf", r"%s\n", *lines]))
        what = docker_cli.Build(
            reference=reference,
            dockerfile=Path("-"),
            folder=Path("-"),
            label=self.label,
            no_cache=request.no_cache,
            quiet=request.quiet,
            progress="plain" if request.verbose else "",
            options=self.options,
        )
        return docker_cli.build_alone(what, stdin)

    @cached_property
    def options(self) -> tuple[str, ...]:
        """Give docker's options that hand over what the steps mount, as far as it is here."""
        wanted = {"ca"} | ({"pip.conf", "netrc"} if self.pip else set())
        mounted = secret_words(one for one in self.secrets if one.id in wanted)
        return (*(self.pip.words if self.pip else ()), *mounted)

    def details(self) -> dict[str, str]:
        """Give what is installed by name, and the digests of files."""
        files = dict(self.pip.details) if self.pip else {}
        return {**{f"apt {name}": "" for name in self.apt}, **files}


def install_debian(packages: Iterable[str]) -> str:
    """Give the step that installs Debian packages, and leaves no lists of them behind."""
    names = shlex.join(packages)
    return run(
        mounted("ca"),
        [
            TRUST,
            'apt-get "$@" update',
            "export DEBIAN_FRONTEND=noninteractive",
            f'apt-get "$@" install --yes --no-install-recommends {names}',
            "rm -rf /var/lib/apt/lists/*",
        ],
    )


def mounted(*ids: str) -> list[str]:
    """Give the options of RUN that mount secrets where they are looked for."""
    return [f"--mount=type=secret,id={id_}" for id_ in ids]


def run(options: Iterable[str], lines: Iterable[str]) -> str:
    """Give a RUN that ends at the first line that fails."""
    words = json.dumps(["/bin/sh", "-ec", "; ".join(lines), "sh"])
    return " ".join(["RUN", *options, words])


def debian_packages(root: Path, words: Iterable[str], place: Path) -> Iterator[str]:
    """Give the packages that words name, and those of the files among them, one on a line.

    Raises `ProjectError` for a file that cannot be read, or that names what is no package.
    """
    for word in words:
        if not is_file_of_packages(word):
            yield word
            continue
        for number, line in enumerate(lines_of(root / word, word, place, "apt"), 1):
            name = line.partition("#")[0].strip()
            if not name:
                continue
            try:
                if is_file_of_packages(read_package(name)):
                    raise ValueError("names a file, where packages are named")
            except ValueError as error:
                raise ProjectError(
                    f"{word}:{number}: {error}.", "Name one package on a line."
                ) from error
            yield name


def lines_of(path: Path, shown: str, place: Path, key: str) -> list[str]:
    """Read a text file that a key names; raise `ProjectError` where it cannot be read."""
    try:
        return path.read_bytes().decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise ProjectError(
            f"{place}: `{key}` names the file {shown}, which cannot be read: {reason}.",
            f"Make {path}, or name another file.",
        ) from error


def without_local(held: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Give distributions with their public versions: an index may not have local ones (PEP 440)."""
    return tuple((name, version.partition("+")[0]) for name, version in sorted(held.items()))
