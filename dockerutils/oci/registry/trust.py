"""Whom we trust: authorities of certificates, and the few hosts that may speak plain http."""

from __future__ import annotations

import ipaddress
import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dockerutils.errors import ProjectError
from dockerutils.oci.registry.failures import RegistryError
from dockerutils.oci.registry.reference import split_port

BUNDLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_DIR")


@dataclass(frozen=True)
class Trust:
    """Where docker is told about hosts: folders of certificates, and the engine's settings."""

    certificates: tuple[Path, ...] = ()  # each with a folder for each host, as /etc/docker/certs.d
    settings: tuple[Path, ...] = ()  # daemon.json

    def allows_plain(self, host: str) -> bool:
        """Tell whether a host may be talked to in plain http: loopback, or what docker allows."""
        name, _ = split_port(host)
        if name == "localhost" or _inside(name, "127.0.0.0/8") or _inside(name, "::1/128"):
            return True
        return any(host == entry or _inside(name, entry) for entry in self._insecure())

    def _insecure(self) -> Iterator[str]:
        for path in self.settings:
            try:
                entries = json.loads(path.read_bytes()).get("insecure-registries") or ()
            except OSError:
                continue
            except (ValueError, AttributeError) as error:
                raise ProjectError(f"{path} is not readable as JSON.", "Correct it.") from error
            for entry in entries:
                yield str(entry).removeprefix("http://").removeprefix("https://").rstrip("/")

    def context(self, host: str, environ: Mapping[str, str]) -> ssl.SSLContext:
        """Give what verifies a host: the system's authorities, the environment's, docker's own."""
        context = ssl.create_default_context()
        # As Go and so docker: what is listed is trusted whoever signed it, and small faults of an
        # authority's certificate, which Python refuses since 3.13, are none.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        for path, variable in _bundles(environ).items():
            _add(context, path, f", which {variable} names,")
        for folder in (path / host for path in self.certificates):
            for bundle in sorted(folder.glob("*.crt")):
                _add(context, bundle)
            for certificate in sorted(folder.glob("*.cert")):  # ours, for hosts that ask for one
                _present(context, certificate)
        return context


def docker_trust(home: Path) -> Trust:
    """Give the places where docker looks, those of a rootless engine and of a desktop included."""
    system, own = Path("/etc/docker"), home / ".config/docker"
    return Trust(
        certificates=(system / "certs.d", own / "certs.d", home / ".docker/certs.d"),
        settings=tuple(place / "daemon.json" for place in (system, own, home / ".docker")),
    )


def _bundles(environ: Mapping[str, str]) -> dict[Path, str]:
    """Give what the environment names, each once: reading a bundle takes 15 ms.

    What OpenSSL takes by itself is left out.
    """
    usual = ssl.get_default_verify_paths()
    known = {Path(one).resolve() for one in (usual.cafile, usual.capath) if one}
    named = [(Path(environ[name]), name) for name in reversed(BUNDLES) if environ.get(name)]
    bundles = {path.resolve(): name for path, name in named}
    return {path: name for path, name in bundles.items() if path not in known}


def _inside(name: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(name) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _add(context: ssl.SSLContext, path: Path, why: str = "") -> None:
    try:
        if path.is_dir():
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except OSError as error:  # ssl.SSLError is one
        raise RegistryError(
            f"{path}{why} has no certificates that can be read.",
            "It has to be a file in PEM form, or a folder made by `openssl rehash`.",
        ) from error


def _present(context: ssl.SSLContext, certificate: Path) -> None:
    key = certificate.with_suffix(".key")
    try:
        # Without a word for an encrypted key, OpenSSL would ask for one on the terminal.
        context.load_cert_chain(certificate, key, password=b"")
    except OSError as error:
        raise RegistryError(
            f"{certificate} and {key.name} are not a certificate and its key.",
            "Docker's certs.d has both in PEM form, the key not encrypted.",
        ) from error
