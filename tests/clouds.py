"""AWS on this machine: moto answers for it, and a registry that has what AWS's registry has."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
from processes import wait_until
from projects import CommandLine, Result
from registries import Certificates, Fault, debian_registry, error, free_port, make_certificates

from dockerutils.oci.media_types import OCI_MANIFEST

ACCOUNT = "123456789012"  # moto's
REGION = "us-east-1"
HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
ADDRESS = "127.43.21.9"  # of the registry: loopback, where nobody else is
HUB = "registry-1.docker.io"  # which Docker Hub's name leads to
HUB_ADDRESS = "127.43.21.10"
TOKEN = f"{ACCOUNT}-auth-token"  # moto gives no other
SECRETS = (TOKEN, "very-secret-key")
KEYS = {"AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "very-secret-key"}


class Gate(ThreadingHTTPServer):
    """What AWS does before a registry: it knows the repositories that were made, and no others."""

    daemon_threads = True

    def __init__(self, address: str, context: ssl.SSLContext, behind: str, ecr: Any) -> None:
        """Speak https at an address, for the registry behind it."""
        super().__init__((address, 443), GateAnswer)
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )
        self.behind = behind
        self.ecr = ecr
        self.faults: list[Fault] = []
        self.asked: list[str] = []
        self.watch: Callable[[str], object] = str  # is told of each request before its answer

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of those that hang up."""

    def repository(self, name: str) -> dict[str, Any] | None:
        """Give what AWS knows of a repository."""
        try:
            found = self.ecr.describe_repositories(repositoryNames=[name])
        except self.ecr.exceptions.RepositoryNotFoundException:
            return None
        return dict(found["repositories"][0])


class GateAnswer(BaseHTTPRequestHandler):
    """The answers on one connection."""

    protocol_version = "HTTP/1.1"
    server: Gate

    def answer(self) -> None:
        """Answer as AWS does where it is about repositories, else as the registry behind."""
        body = self.body()
        self.server.asked.append(f"{self.command} {self.path}")
        self.server.watch(self.server.asked[-1])
        fault = next((f for f in self.server.faults if f.matches(self.command, self.path)), None)
        if fault:
            self.server.faults.remove(fault)
            self.reply(fault.status, error(fault.code, fault.message), fault.headers)
            return
        refusal = self.refusal()
        if refusal:
            self.reply(*refusal)
            return
        status, headers, data = self.passed_on(body)
        self.reply(status, data, headers)

    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = answer

    def refusal(self) -> tuple[int, bytes] | None:
        """Give AWS's answer about a repository that is not there, or a tag that stays."""
        found = re.fullmatch(r"/v2/(.+?)/(?:blobs|manifests)/(.*)", self.path)
        if found is None or "Authorization" not in self.headers:
            return None
        name, reference = found.groups()
        known = self.server.repository(name)
        if known is None:
            words = f"The repository with name '{name}' does not exist in the registry with id"
            return 404, error("NAME_UNKNOWN", f"{words} '{ACCOUNT}'")
        if self.command == "PUT" and "/manifests/" in self.path:
            there = self.passed_on(b"", "GET", {"Accept": OCI_MANIFEST})[0] == 200
            if there and known["imageTagMutability"] == "IMMUTABLE":
                words = f"The image tag '{reference}' already exists in the '{name}' repository"
                words += " and cannot be overwritten because the repository is immutable."
                return 400, error("TAG_INVALID", words)
        return None

    def passed_on(
        self, body: bytes, method: str = "", more: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Ask the registry behind."""
        connection = http.client.HTTPConnection(self.server.behind, timeout=60)
        kept = {name: value for name, value in self.headers.items() if name != "Transfer-Encoding"}
        own = {"Content-Length": str(len(body)), "X-Forwarded-Proto": "https"}
        headers = {**kept, **own, **(more or {})}
        with contextlib.closing(connection):
            connection.request(method or self.command, self.path, body, headers)
            got = connection.getresponse()
            return got.status, dict(got.getheaders()), got.read()

    def body(self) -> bytes:
        """Read what is sent, in chunks or at once."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        data = b""
        while size := int(self.rfile.readline() or b"0", 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def reply(self, status: int, data: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Write an answer."""
        self.send_response_only(status)
        for name, value in (headers or {}).items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        told = (headers or {}).get("Content-Length") if self.command == "HEAD" else None
        if status != 204:
            self.send_header("Content-Length", told or str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def moto(folder: Path) -> Iterator[str]:
    """Run moto as a server; gives its URL."""
    port = free_port()
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with (folder / "moto.log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, (folder / "moto.log").read_text()
        with (
            contextlib.suppress(OSError),
            contextlib.closing(
                http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            ) as connection,
        ):
            connection.request("GET", "/moto-api/")
            return connection.getresponse().status == 200
        return False

    try:
        wait_until("moto answers", answers)
        yield url
    finally:
        process.terminate()
        process.wait()


@dataclass
class Cloud:
    """AWS, its registry, and what a user needs to be known there."""

    folder: Path
    url: str
    gate: Gate
    certificates: Certificates
    ecr: Any
    hosts: Path = field(init=False)

    def __post_init__(self) -> None:
        self.hosts = self.folder / "hosts"
        self.hosts.write_text(f"127.0.0.1 localhost\n{ADDRESS} {HOST}\n{HUB_ADDRESS} {HUB}\n")

    @property
    def environ(self) -> dict[str, str]:
        """What a user has in the environment."""
        own = {"AWS_ENDPOINT_URL": self.url, "AWS_EC2_METADATA_DISABLED": "true"}
        return {
            **own,
            **KEYS,
            "AWS_DEFAULT_REGION": REGION,
            "SSL_CERT_FILE": str(self.certificates.authority),
        }

    def words(self, *words: str) -> list[str]:
        """Give a command that sees the registry under its name, as nobody else does."""
        script = 'mount --bind "$0" /etc/hosts && exec "$@"'
        apart = ("unshare", "--mount", "--propagation", "private")
        return [*apart, "sh", "-c", script, str(self.hosts), *words]

    def start(
        self, line: CommandLine, folder: Path, *words: str, **more: str
    ) -> subprocess.Popen[str]:
        """Start one of our commands; an empty variable is not set."""
        given = {**line.environ, **self.environ, **more}
        return subprocess.Popen(
            self.words(sys.executable, "-m", "dockerutils", *words),
            cwd=folder,
            env={name: value for name, value in given.items() if value},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def run(self, line: CommandLine, folder: Path, *words: str, **more: str) -> Result:
        """Run one of our commands to its end."""
        with self.start(line, folder, *words, **more) as process:
            out, err = process.communicate()
        return Result(process.returncode, out, err)

    def tags(self, repository: str) -> dict[str, str]:
        """Give the tags of a repository, and the digests of what they mean."""
        connection = http.client.HTTPConnection(self.gate.behind, timeout=60)
        found: dict[str, str] = {}
        with contextlib.closing(connection):
            for tag in self._asked(connection, f"/v2/{repository}/tags/list")[1].get("tags") or ():
                head, _ = self._asked(connection, f"/v2/{repository}/manifests/{tag}")
                found[tag] = head["Docker-Content-Digest"]
        return found

    def manifest(self, repository: str, tag: str) -> dict[str, Any]:
        """Give a manifest."""
        connection = http.client.HTTPConnection(self.gate.behind, timeout=60)
        with contextlib.closing(connection):
            return self._asked(connection, f"/v2/{repository}/manifests/{tag}")[1]

    def _asked(
        self, connection: http.client.HTTPConnection, path: str
    ) -> tuple[Mapping[str, str], dict[str, Any]]:
        login = base64.b64encode(f"AWS:{TOKEN}".encode()).decode()
        connection.request(
            "GET", path, headers={"Authorization": f"Basic {login}", "Accept": OCI_MANIFEST}
        )
        got = connection.getresponse()
        return dict(got.getheaders()), json.loads(got.read() or b"{}")


@contextlib.contextmanager
def running_cloud(folder: Path) -> Iterator[Cloud]:
    """Give an AWS that answers as long as the `with` lasts."""
    certificates = make_certificates(folder, HOST, HUB)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate, certificates.key)
    with moto(folder) as url, debian_registry(folder, login=("AWS", TOKEN)) as behind:
        ecr = boto3.client(
            "ecr",
            region_name=REGION,
            endpoint_url=url,
            aws_access_key_id="x",
            aws_secret_access_key="x",
        )
        with Gate(ADDRESS, context, behind, ecr) as gate:
            thread = threading.Thread(target=gate.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            try:
                yield Cloud(folder, url, gate, certificates, ecr)
            finally:
                gate.shutdown()
                thread.join()


def can_run() -> bool:
    """Tell whether this machine lets us have a name and a port of our own."""
    return os.getuid() == 0
