"""Docker's own settings with a login more, for a while and for one command."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from dockerutils.errors import DockerutilsError
from dockerutils.files import replace_file
from dockerutils.oci.registry.credentials import CONFIG, Credential, read_docker_config


@contextlib.contextmanager
def borrowed_settings(own: Path, logins: Mapping[str, Credential]) -> Iterator[Path]:
    """Give a folder for DOCKER_CONFIG, only ours to read, that is gone at the end.

    It has the user's settings, with links to his contexts, plugins and builders, and the logins,
    which win over helpers. Raises `ProjectError` where the settings cannot be read.
    """
    settings = read_docker_config(own / CONFIG)
    settings["auths"] = {**(settings.get("auths") or {}), **entries(logins)}
    # Docker asks the helper of a host, else that of all hosts; an empty one means the file.
    helpers = settings.get("credHelpers") or {}
    settings["credHelpers"] = {**helpers, **dict.fromkeys(logins, "")}
    with contextlib.ExitStack() as stack:
        try:
            name = stack.enter_context(TemporaryDirectory(prefix="dockerutils-"))
            folder = Path(name)
            link_others(own.absolute(), folder)
            replace_file(folder / CONFIG, json.dumps(settings).encode())
        except OSError as error:
            raise DockerutilsError(
                f"docker cannot be given a login for a moment: {error.strerror}.",
                "Make room, or name another folder for files that are gone afterwards in TMPDIR.",
            ) from error
        yield folder


def entries(logins: Mapping[str, Credential]) -> dict[str, dict[str, str]]:
    """Write logins as docker's config.json has them."""
    texts = {host: f"{one.user}:{one.secret.value}".encode() for host, one in logins.items()}
    return {host: {"auth": base64.b64encode(text).decode()} for host, text in texts.items()}


def link_others(own: Path, folder: Path) -> None:
    """Have in a folder all that lies in another one, but for the settings."""
    if not own.is_dir():
        return
    for entry in own.iterdir():
        if entry.name != CONFIG:
            (folder / entry.name).symlink_to(entry)
