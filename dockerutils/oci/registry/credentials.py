"""Logins as docker keeps them: in its config.json, or with a helper program that is named there."""

from __future__ import annotations

import base64
import binascii
import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dockerutils.command import Command, Secret, Stdin
from dockerutils.errors import CommandFailed, ProjectError
from dockerutils.oci.registry.failures import LONGEST_WORDS, RegistryError, Subject
from dockerutils.oci.registry.reference import HUB, HUB_NAMES, login_key

if TYPE_CHECKING:
    from dockerutils.runner import Answer

CONFIG = "config.json"
SHOWN = "***"
NOT_FOUND = "credentials not found"  # as docker-credential-helpers, errors.go, says it
TOKEN_USER = "<token>"  # noqa: S105 - the user name that marks an identity token
HELPER_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Credential:
    """A login at a registry: a user's password, or an identity token, which buys others."""

    user: str
    secret: Secret
    is_identity: bool = False


CredentialSource = Callable[[str], Credential | None]
"""Gives the login for a host, None where there is none; asked again when one is refused."""

Read = Callable[[Command], "Answer"]


def no_credentials(_host: str) -> None:
    """Have a login for no host."""


def docker_credentials(environ: Mapping[str, str], home: Path, read: Read) -> CredentialSource:
    """Give the logins of `docker login`; config.json is read at the first question.

    A question raises `ProjectError` for a damaged file, `RegistryError` for a helper that fails.
    """
    folder = docker_folder(environ, home)
    return lambda host: credential_for(host, folder / CONFIG, read)


def docker_folder(environ: Mapping[str, str], home: Path) -> Path:
    """Give the folder of docker's command line."""
    return Path(environ.get("DOCKER_CONFIG") or home / ".docker")


def credential_for(host: str, path: Path, read: Read) -> Credential | None:
    """Look a host up as docker does: its own helper, else the store of all, else the file."""
    config = read_docker_config(path)
    helper = _table(config, "credHelpers").get(login_key(host)) or config.get("credsStore")
    if host in HUB_NAMES:
        helper = _table(config, "credHelpers").get(HUB) or helper
    if helper:
        return _ask_helper(str(helper), host, path, read)
    return _from_file(_table(config, "auths"), host, path)


def read_docker_config(path: Path) -> dict[str, Any]:
    """Read docker's config.json; one that is not there is empty, `ProjectError` a damaged one."""
    try:
        config = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ProjectError(
            f"docker's {path} cannot be read: {error.strerror}.", "Make it readable for you."
        ) from error
    except ValueError:  # its text would stand in the cause, and holds secrets
        config = None
    if not isinstance(config, dict):
        raise ProjectError(f"docker's {path} is no JSON object.", "Correct it, or log in again.")
    return config


def _table(config: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = config.get(key)
    return value if isinstance(value, dict) else {}


# The file -----------------------------------------------------------------------------------


def _from_file(auths: Mapping[str, Any], host: str, path: Path) -> Credential | None:
    """Find a host under its key, or under a URL of older docker versions."""
    names = {login_key(host), *(HUB_NAMES if host in HUB_NAMES else ())}
    exact = auths.get(login_key(host))
    entries = [exact, *(value for key, value in auths.items() if _hostname(key) in names)]
    for entry in entries:
        found = _credential(entry, host, path) if isinstance(entry, dict) else None
        if found:
            return found
    return None


def _hostname(key: str) -> str:
    return key.removeprefix("http://").removeprefix("https://").partition("/")[0]


def _credential(entry: Mapping[str, Any], host: str, path: Path) -> Credential | None:
    user, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth"):
        user, password = _decoded(str(entry["auth"]), host, path)
    if entry.get("identitytoken"):
        return Credential(user, Secret(str(entry["identitytoken"]), SHOWN), is_identity=True)
    return Credential(user, Secret(password, SHOWN)) if user else None


def _decoded(auth: str, host: str, path: Path) -> tuple[str, str]:
    """Split `auth`: base64 of `user:password`, which old versions filled with NULs."""
    try:
        user, colon, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        user = colon = password = ""
    if not colon:
        raise ProjectError(
            f"docker's {path} has a damaged login for {host}.",
            f"Log in again: `{Subject(host).login}`.",
        )
    return user, password.strip("\0")


# Helpers ------------------------------------------------------------------------------------


def _ask_helper(name: str, host: str, path: Path, read: Read) -> Credential | None:
    """Ask a program (github.com/docker/docker-credential-helpers) for the login of a host."""
    program = f"docker-credential-{name}"
    if not HELPER_NAME.fullmatch(name):
        raise ProjectError(f"docker's {path} names a helper that cannot be: {name!r}.")
    key = login_key(host)
    stdin = Stdin(key, f"printf %s {shlex.quote(key)}")
    try:
        answer = read(Command((program, "get"), stdin=stdin))
    except CommandFailed as error:
        raise RegistryError(
            f"{program} cannot be started, which docker's {path} names for {host}.",
            "Install it, or take it out of that file and log in again.",
        ) from error
    if answer.status:
        if NOT_FOUND in answer.output or NOT_FOUND in answer.errors:
            return None
        raise _helper_failure(program, host, path, answer)
    try:
        found = json.loads(answer.output)
        user, secret = str(found["Username"]), str(found["Secret"])
    except (ValueError, KeyError, TypeError):
        raise RegistryError(
            f"{program} gives no login for {host} that can be read.",
            f"Log in again: `{Subject(host).login}`.",
        ) from None
    if not secret:
        return None
    return Credential(user, Secret(secret, SHOWN), is_identity=user == TOKEN_USER)


def _helper_failure(program: str, host: str, path: Path, answer: Answer) -> RegistryError:
    lines = (answer.errors.strip() or answer.output.strip()).splitlines()
    # What looks like a helper's answer may hold the secret.
    words = lines[0][:LONGEST_WORDS].rstrip(".") if lines and "{" not in lines[0] else ""
    told = f": {words}" if words else f" with status {answer.status}"
    return RegistryError(
        f"{program} fails at the login for {host}{told}.",
        f"Make it work, or take it out of {path} and log in again: `{Subject(host).login}`.",
    )
