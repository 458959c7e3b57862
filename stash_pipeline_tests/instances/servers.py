"""Servers on loopback with given responses, for everything that may stand in place of a Stash, and a CA."""

import ipaddress
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import AF_INET6
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html"}


@dataclass
class Canned:
    """The same response for every request. ``{key}`` in body and headers is the API key that was sent."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


Gate = Callable[[Mapping[str, str]], Canned | None]


@dataclass
class Running:
    """A running server, and the requests that it got."""

    url: str
    requests: list[tuple[str, str | None]]


def graphql(**data: Any) -> Canned:
    """A GraphQL response with this data."""
    return Canned(body=json.dumps({"data": data}), headers=JSON)


def stash_of(status: str = "OK", version: str = "v0.30.1", seconds: float = 0.0) -> Canned:
    """The responses of a Stash with a library of three tags."""
    counts = dict.fromkeys(("scenes", "images", "galleries", "performers", "studios", "groups"), 0)
    tags = [{"id": str(n), "created_at": f"2024-01-0{n}T00:00:00Z"} for n in (1, 2, 3)]
    answer = graphql(
        version={"version": version},
        systemStatus={"status": status},
        stats={**counts, "tags": 3},
        findTags={"tags": tags},
        findScenes={"scenes": []},
    )
    answer.seconds = seconds
    return answer


class _IPv6Server(ThreadingHTTPServer):
    address_family = AF_INET6


@contextmanager
def answering(
    with_key: Canned,
    without_key: Canned | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
    gate: Gate | None = None,
) -> Iterator[Running]:
    """Serves an answer, and another one to requests without a key if it is given.

    Args:
        gate: a proxy before it: gives its own answer to headers that it does not let pass, None to others.
    """
    requests: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            key = self.headers.get("ApiKey")
            requests.append((self.path, key))
            canned = (gate and gate(dict(self.headers.items()))) or (
                without_key if without_key and key is None else with_key
            )
            time.sleep(canned.seconds)
            body = canned.body.replace("{key}", key or "").encode()
            self.send_response(canned.status)
            for name, value in canned.headers.items():
                self.send_header(name, value.replace("{key}", key or ""))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Quiet(_IPv6Server if ":" in host else ThreadingHTTPServer):  # type: ignore[misc]
        def handle_error(self, request: Any, client_address: Any) -> None:
            """Ignores clients that close the connection, which some tests intend."""

    server = Quiet((host, 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        shown = f"[{host}]" if ":" in host else host
        yield Running(f"{'https' if tls else 'http'}://{shown}:{server.server_address[1]}", requests)
    finally:
        server.shutdown()
        server.server_close()


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: str, issuer: str, key: Any) -> x509.CertificateBuilder:
    now = datetime.now(timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def authority(directory: Path, address: str = "127.0.0.1") -> tuple[Path, ssl.SSLContext]:
    """A private CA: its PEM file, and the TLS context of a server with a certificate that it signed."""
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    usage = dict.fromkeys(
        (
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
            "encipher_only", "decipher_only",
        ),
        False,
    )  # fmt: skip
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    root = (
        _builder("Test authority", "Test authority", root_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    leaf = (
        _builder("stash", "Test authority", key)
        .add_extension(names, critical=False)
        .add_extension(issuer_id, critical=False)
        .sign(root_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    ca_file, chain = directory / "ca.pem", directory / "server.pem"
    ca_file.write_bytes(root.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    chain.write_bytes(private + leaf.public_bytes(pem))
    (directory / "server.crt").write_bytes(leaf.public_bytes(pem))
    (directory / "server.key").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return ca_file, context
