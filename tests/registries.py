"""Registries to push to: Debian's docker-registry, one that cuts lines, and one that misbehaves."""

from __future__ import annotations

import base64
import datetime
import hashlib
import ipaddress
import json
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import bcrypt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dockerutils.oci.registry.client import Registry, open_registry
from dockerutils.oci.registry.credentials import CredentialSource, no_credentials
from dockerutils.oci.registry.patience import Patience
from dockerutils.oci.registry.trust import Trust

PROGRAM = "docker-registry"
STARTING = 20.0  # seconds that a registry may take until it answers


def digest(data: bytes) -> str:
    """Give the digest as registries write it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class Watch:
    """A clock that only sleeping moves."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.slept.append(seconds)
        self.now += seconds

    def patience(self) -> Patience:
        """Give the patience of somebody with this watch."""
        return Patience(clock=lambda: self.now, sleep=self.sleep, jitter=lambda: 0.5)


def client(
    host: str,
    credentials: CredentialSource = no_credentials,
    environ: Mapping[str, str] | None = None,
    trust: Trust | None = None,
    watch: Watch | None = None,
) -> Registry:
    """Give a client that never really waits."""
    patience = (watch or Watch()).patience()
    return open_registry(host, credentials, environ or {}, trust or Trust(), patience)


# Debian's registry --------------------------------------------------------------------------


def is_installed() -> bool:
    """Tell whether Debian's registry is there."""
    return shutil.which(PROGRAM) is not None


@dataclass(frozen=True)
class Certificates:
    """A certificate for this machine, and the authority that made it."""

    authority: Path
    certificate: Path
    key: Path


@contextmanager
def debian_registry(
    folder: Path,
    certificates: Certificates | None = None,
    login: tuple[str, str] | None = None,
    host: str = "",
) -> Iterator[str]:
    """Run Debian's registry, on a free port of this machine if no host is given; gives its host.

    Its store is in the folder.
    """
    host = host or f"127.0.0.1:{free_port()}"
    config = folder / "config.yml"
    config.write_text(json.dumps(settings(folder, host, certificates, login)))  # JSON is YAML
    with (folder / "log").open("wb") as log:
        words = [PROGRAM, "serve", str(config)]
        process = subprocess.Popen(words, stdout=log, stderr=log, env={"OTEL_TRACES_EXPORTER": ""})
    try:
        wait_for(host, process, folder / "log")
        yield host
    finally:
        process.terminate()
        process.wait()


def settings(
    folder: Path, host: str, certificates: Certificates | None, login: tuple[str, str] | None
) -> dict[str, object]:
    """Give the registry's configuration."""
    http: dict[str, object] = {"addr": host}
    if certificates:
        http["tls"] = {"certificate": str(certificates.certificate), "key": str(certificates.key)}
    config: dict[str, object] = {
        "version": 0.1,
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "store")}},
        "http": http,
    }
    if login:
        user, password = login
        hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
        (folder / "htpasswd").write_text(f"{user}:{hashed}\n")
        config["auth"] = {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}}
    return config


def free_port() -> int:
    """Give a port that nobody listens at."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(host: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a registry listens."""
    name, _, port = host.partition(":")
    until = time.monotonic() + STARTING
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection((name, int(port)), timeout=1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"{PROGRAM} does not come up: {log.read_text()}")


def make_certificates(folder: Path, *names: str) -> Certificates:
    """Make an authority, and have it vouch for this machine's loopback address, and more names."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority of the tests")])
    local = x509.SubjectAlternativeName(
        [
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
            *map(x509.DNSName, ("localhost", *names)),
        ]
    )
    is_authority = x509.BasicConstraints(ca=True, path_length=None)
    authority = certified(name, authority_key, authority_key, is_authority)
    own = certified(name, key, authority_key, local, "registry")
    made = Certificates(folder / "ca.crt", folder / "own.crt", folder / "own.key")
    made.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    made.certificate.write_bytes(own.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return made


def certified(
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
    name: str = "",
) -> x509.Certificate:
    """Make a certificate for a day."""
    now = datetime.datetime.now(datetime.timezone.utc)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) if name else issuer
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        .sign(signer, hashes.SHA256())
    )


# A line that breaks -------------------------------------------------------------------------


class Line:
    """A port that leads to a registry, and hangs up after so many bytes, as often as is said."""

    def __init__(self, target: str) -> None:
        """Lead to a registry, given by host and port."""
        self.target = target
        self.cuts_up: list[int] = []  # bytes of a connection to the registry, one for each cut
        self.cuts_down: list[int] = []
        self.up = 0  # bytes that went to the registry in all
        self.down = 0
        self.server = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self.server.getsockname()[1]}"
        self.lock = threading.Lock()
        self.threads: list[threading.Thread] = []

    def serve(self) -> None:
        """Take connections until the port is closed."""
        with suppress(OSError):
            while True:
                near, _ = self.server.accept()
                name, _, port = self.target.partition(":")
                far = socket.create_connection((name, int(port)))
                for source, sink, upward in ((near, far, True), (far, near, False)):
                    self.start(self.pump, source, sink, upward)

    def start(self, work: Callable[..., None], *arguments: object) -> None:
        """Work in a thread."""
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def pump(self, source: socket.socket, sink: socket.socket, upward: bool) -> None:
        """Hand bytes on, up to the cut."""
        cuts, passed = self.cuts_up if upward else self.cuts_down, 0
        with suppress(OSError):
            while data := source.recv(65536):
                passed += len(data)
                sink.sendall(data)
                with self.lock:
                    self.up += len(data) if upward else 0
                    self.down += 0 if upward else len(data)
                    if cuts and passed >= cuts[0]:
                        cuts.pop(0)
                        break
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@contextmanager
def breaking_line(target: str) -> Iterator[Line]:
    """Give a line to a registry, there as long as the `with` lasts."""
    line = Line(target)
    line.start(line.serve)
    try:
        yield line
    finally:
        line.server.shutdown(socket.SHUT_RDWR)
        line.server.close()
        for thread in line.threads:
            thread.join(timeout=10)


# A registry that misbehaves -----------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """What the next matching request gets instead of an answer; status 0 hangs up."""

    method: str
    part: str  # of the path
    status: int = 0
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = "no such luck"

    def matches(self, method: str, path: str) -> bool:
        """Tell whether it is meant for a request."""
        return method == self.method and self.part in path


class Front(ThreadingHTTPServer):
    """A small registry in memory: follows the protocol, except where faults are listed.

    With `password` a login `alice` is wanted, with `tokens` by way of the token service /token.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        """Take a free port of this machine; with a context, speak https there."""
        super().__init__(("127.0.0.1", 0), FrontAnswer)
        self.context = context
        self.host = f"127.0.0.1:{self.server_port}"
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, tuple[str, bytes]] = {}
        self.uploads: dict[str, bytes] = {}
        self.uploading = threading.Lock()  # what arrives is counted once all of it is there
        self.faults: list[Fault] = []
        self.asked: list[str] = []
        self.connections = 0
        self.password = ""
        self.identity_token = ""
        self.tokens = False
        self.basic = False
        self.realm = f"http://{self.host}/token"
        self.expires_in = 300
        self.given: list[str] = []  # tokens that still hold
        self.token_requests: list[dict[str, str]] = []

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """Count connections that speak as we do; others are hung up on."""
        connection, address = super().get_request()
        connection.settimeout(STARTING)
        if (connection.recv(1, socket.MSG_PEEK) == b"\x16") != bool(self.context):
            connection.close()
            raise OSError
        if self.context:
            connection = self.context.wrap_socket(connection, server_side=True)
        self.connections += 1
        return connection, address

    def keep(self, blob: bytes) -> str:
        """Keep a blob; gives its digest."""
        self.blobs[digest(blob)] = blob
        return digest(blob)


class FrontAnswer(BaseHTTPRequestHandler):
    """The answers on one connection."""

    protocol_version = "HTTP/1.1"
    server: Front

    def handle_one_request(self) -> None:
        """Answer, also where the other side hangs up."""
        try:
            super().handle_one_request()
        except (ConnectionError, ValueError):
            self.close_connection = True

    def answer(self) -> None:
        """Answer one request."""
        self.server.asked.append(f"{self.command} {self.path}")
        fault = next((f for f in self.server.faults if f.matches(self.command, self.path)), None)
        if fault:
            self.server.faults.remove(fault)
            self.fail(fault)
        elif self.path.startswith("/token"):
            self.give_token()
        elif self.is_allowed():
            self.serve_registry()
        else:
            self.challenge()

    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = answer

    def fail(self, fault: Fault) -> None:
        """Do what a fault says."""
        if not fault.status:
            self.read_body(limit=1)
            self.close_connection = True
            return
        self.read_body()
        self.reply(fault.status, error(fault.code, fault.message), fault.headers)

    # Logins

    def is_allowed(self) -> bool:
        """Tell whether the request proves what is wanted."""
        shown = self.headers.get("Authorization", "")
        if self.server.tokens:
            return shown.removeprefix("Bearer ") in self.server.given
        return not self.server.basic or shown == f"Basic {self.expected_login()}"

    def expected_login(self) -> str:
        """Give what alice shows."""
        return base64.b64encode(f"alice:{self.server.password}".encode()).decode()

    def challenge(self) -> None:
        """Tell how to log in."""
        self.read_body()
        found = re.match(r"/v2/(.+?)/(?:blobs|manifests)/", self.path)
        scope = f',scope="repository:{found[1]}:pull"' if found else ""
        how = f'Bearer realm="{self.server.realm}",service="the tests"{scope}'
        header = how if self.server.tokens else 'Basic realm="the tests"'
        self.reply(401, error("UNAUTHORIZED"), {"WWW-Authenticate": header})

    def give_token(self) -> None:
        """Be the token service."""
        query = {
            name: " ".join(values) for name, values in parse_qs(urlsplit(self.path).query).items()
        }
        form = {name: values[0] for name, values in parse_qs(self.read_body().decode()).items()}
        shown = self.headers.get("Authorization", "")
        self.server.token_requests.append({**query, **form, "shown": shown})
        right = f"Basic {self.expected_login()}"
        if form:
            allowed = form["refresh_token"] == self.server.identity_token
        else:
            allowed = shown == right if self.server.password else not shown
        if not allowed:
            self.reply(401, error("UNAUTHORIZED"))
            return
        token = f"token-{len(self.server.token_requests)}"
        self.server.given.append(token)
        body = {"access_token": token, "expires_in": self.server.expires_in}
        self.reply(200, json.dumps(body).encode())

    # The registry

    def serve_registry(self) -> None:
        """Be a registry."""
        path = urlsplit(self.path).path
        if "/blobs/uploads/" in path:
            self.serve_upload(path.rpartition("/")[2])
        elif "/manifests/" in path:
            self.serve_manifest(path)
        elif "/blobs/" in path:
            self.serve_blob(path.rpartition("/")[2])
        else:
            self.reply(200, b"{}")

    def serve_blob(self, name: str) -> None:
        """Give a blob, or a part of it."""
        blob = self.server.blobs.get(name)
        if blob is None:
            self.reply(404, error("BLOB_UNKNOWN"))
            return
        begin = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if begin is None:
            self.reply(200, blob)
            return
        first = int(begin[1])
        part = {"Content-Range": f"bytes {first}-{len(blob) - 1}/{len(blob)}"}
        self.reply(206, blob[first:], part)

    def serve_manifest(self, path: str) -> None:
        """Give or take a manifest."""
        if self.command == "PUT":
            data = self.read_body()
            kept = (self.headers["Content-Type"], data)
            for name in (path, f"{path.rpartition('/')[0]}/{digest(data)}"):
                self.server.manifests[name] = kept
            self.reply(201, b"", {"Docker-Content-Digest": digest(data)})
            return
        if path not in self.server.manifests:
            self.reply(404, error("MANIFEST_UNKNOWN"))
            return
        kind, data = self.server.manifests[path]
        self.reply(200, data, {"Content-Type": kind})

    def serve_upload(self, name: str) -> None:
        """Take a blob in parts."""
        uploads = self.server.uploads
        query = parse_qs(urlsplit(self.path).query)
        with self.server.uploading:
            data = self.read_body(keep=name if self.command == "PATCH" else "")
        if self.command == "POST":
            name = f"upload-{len(uploads) + 1}"
            uploads[name] = b""
        elif name not in uploads:
            self.reply(404, error("BLOB_UPLOAD_UNKNOWN"))
            return
        elif self.command == "PUT":
            blob = uploads.pop(name) + data
            if digest(blob) != query["digest"][0]:
                self.reply(400, error("DIGEST_INVALID"))
                return
            self.server.keep(blob)
            self.reply(201)
            return
        elif self.command == "DELETE":
            del uploads[name]
            self.reply(204)
            return
        there = {"Range": f"0-{max(0, len(uploads[name]) - 1)}"}
        base = urlsplit(self.path).path.rpartition("/")[0]
        status = 204 if self.command == "GET" else 202
        self.reply(status, b"", {"Location": f"http://{self.server.host}{base}/{name}", **there})

    # HTTP

    def read_body(self, limit: int | None = None, keep: str = "") -> bytes:
        """Read what is sent, in chunks or at once; of `limit` chunks, or into an upload."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        data = b""
        while size := int(self.rfile.readline() or b"0", 16):
            chunk = self.rfile.read(size)
            self.rfile.readline()
            if keep in self.server.uploads:
                self.server.uploads[keep] += chunk
            data += chunk
            limit = limit and limit - 1
            if limit == 0:
                return data
        self.rfile.readline()
        return data

    def reply(
        self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        """Write an answer."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def error(code: str, message: str = "no such luck") -> bytes:
    """Write an error as registries do."""
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


@contextmanager
def running_front(context: ssl.SSLContext | None = None) -> Iterator[Front]:
    """Give a registry in memory that answers as long as the `with` lasts."""
    with Front(context) as front:
        thread = threading.Thread(target=front.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield front
        finally:
            front.shutdown()
            thread.join()
