"""Build secrets by convention: what a Dockerfile mounts under these ids is found on this machine.

Nothing of a secret gets into a layer, the history or the build's arguments. An id that a
Dockerfile does not mount is not passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dockerutils.config.words import csv_field

# Where the roots of the system's certificates are, on Debian, Fedora, Alpine and macOS.
CA_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
PIP_CONF = "pip.conf"
TEMPLATE = "pip.conf.template"


@dataclass(frozen=True)
class BuildSecret:
    """A secret that a Dockerfile mounts: its id, and its file if this machine has one."""

    id: str
    file: Path | None
    looked_for: str


def known_secrets(root: Path, home: Path, environ: Mapping[str, str]) -> dict[str, BuildSecret]:
    """Give the secrets that we know by id, found or not."""
    places = {
        "pip.conf": (
            (root / PIP_CONF, root / TEMPLATE, *pip_files(home, environ)),
            f"{PIP_CONF} or {TEMPLATE} at the project's root, or your own pip configuration",
        ),
        "ca": (
            ca_files(environ),
            "the CA bundle that SSL_CERT_FILE and its like name, else the system's",
        ),
        "netrc": (netrc_files(home, environ), "the file that NETRC names, else ~/.netrc"),
    }
    return {
        name: BuildSecret(name, next(filter(is_file, files), None), looked_for)
        for name, (files, looked_for) in places.items()
    }


def is_file(path: Path) -> bool:
    """Tell whether there is a file; one in a place that is closed to us is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def pip_files(home: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    """Give the places of pip's own configuration, the nearest first; one that is named is all."""
    if environ.get("PIP_CONFIG_FILE"):
        yield Path(environ["PIP_CONFIG_FILE"])
        return
    yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip/pip.conf"
    yield home / ".pip/pip.conf"
    yield Path("/etc/pip.conf")


def ca_files(environ: Mapping[str, str]) -> Iterator[Path]:
    """Give the places of a bundle of certificates: those that are named, else the system's."""
    named = [Path(environ[name]) for name in CA_VARIABLES if environ.get(name)]
    yield from named or map(Path, CA_BUNDLES)


def netrc_files(home: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    """Give the place of the file with logins."""
    yield Path(environ["NETRC"]) if environ.get("NETRC") else home / ".netrc"


def secret_words(secrets: Iterable[BuildSecret]) -> tuple[str, ...]:
    """Give docker build's options for the secrets that were found."""
    # docker takes relative paths from the project's root; the user means the folder they are in.
    found = ((secret.id, f"src={secret.file.absolute()}") for secret in secrets if secret.file)
    return tuple(word for id_, src in found for word in ("--secret", f"id={id_},{csv_field(src)}"))


def is_copy(root: Path) -> bool:
    """Tell whether pip.conf at a project's root says the same as its template."""
    try:
        return (root / PIP_CONF).read_bytes() == (root / TEMPLATE).read_bytes()
    except OSError:
        return False
