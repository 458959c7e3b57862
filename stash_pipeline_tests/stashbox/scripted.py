"""A server on loopback that answers by a script, and a client for it that does not wait."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from stash_pipeline.stash.access import Access
from stash_pipeline.stash.limits import Limits
from stash_pipeline.stash.retries import RetryPolicy
from stash_pipeline.stashbox.client import StashBoxClient
from stash_pipeline.stashbox.endpoints import Dialect
from stash_pipeline.stashbox.errors import RequestCancelledError
from stash_pipeline.stashbox.transport import RETRIES

KEY = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJBUElLZXkifQ.not-a-real-key-of-anybody"
JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html; charset=utf-8"}


@dataclass
class Reply:
    """One response. ``body`` is sent as JSON unless it is bytes; ``{key}`` in bytes is the key that was sent."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON))
    truncated: int = 0
    """Bytes that are announced and not sent."""
    seconds: float = 0.0


@dataclass
class Request:
    """What the box was asked."""

    document: str
    variables: dict[str, Any]
    headers: Mapping[str, str]

    @property
    def ids(self) -> list[str]:
        """The ids of a query by ids."""
        return list(self.variables.values())

    @property
    def groups(self) -> list[list[dict[str, str]]]:
        """The groups of a lookup."""
        groups: list[list[dict[str, str]]] = self.variables["fingerprints"]
        return groups


Script = Callable[[Request], Reply]


def data(errors: Sequence[Any] = (), **members: Any) -> Reply:
    """A GraphQL response."""
    return Reply({"data": members, "errors": list(errors)} if errors else {"data": members})


def refused(*messages: str, status: int = 422, code: str | None = "GRAPHQL_VALIDATION_FAILED") -> Reply:
    """A response that has errors only."""
    extensions = {"extensions": {"code": code}} if code else {}
    return Reply({"errors": [{"message": text, **extensions} for text in messages], "data": None}, status)


def unknown_field(kind: str, name: str) -> str:
    """How a box names a field that it does not have."""
    return f'Cannot query field "{name}" on type "{kind}".'


def in_turn(*replies: Reply) -> Script:
    """One response after another; the last one for all that follow."""
    left = list(replies)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]


@dataclass
class Box:
    """The running server, and what it was asked."""

    url: str
    script: Script
    requests: list[Request] = field(default_factory=list)


@contextmanager
def scripted(script: Script, *, tls: ssl.SSLContext | None = None) -> Iterator[Box]:
    """Serves a script."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            request = Request(body["query"], body["variables"], dict(self.headers.items()))
            box.requests.append(request)
            reply = box.script(request)
            time.sleep(reply.seconds)
            raw = isinstance(reply.body, bytes)
            key = self.headers.get("ApiKey") or ""
            content = reply.body.replace(b"{key}", key.encode()) if raw else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value.replace("{key}", key))
            self.send_header("Content-Length", str(len(content) + reply.truncated))
            self.end_headers()
            self.wfile.write(content)
            if reply.truncated:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Ignores clients that close the connection, which some tests intend."""

    server = Quiet(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    box = Box(f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}/graphql", script)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield box
    finally:
        server.shutdown()
        server.server_close()


class Unlimited:
    """A limiter that waits for nothing, and records what it is asked for."""

    def __init__(self) -> None:
        self.acquired = 0
        self.pauses: list[float] = []
        self.slept: list[float] = []
        self.cancelled = False

    def acquire(self) -> None:
        if self.cancelled:
            raise RequestCancelledError("The request was cancelled.")
        self.acquired += 1

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def cancel(self) -> None:
        self.cancelled = True

    def close(self) -> None:
        pass


def client_of(
    url: str,
    limiter: Unlimited | None = None,
    *,
    key: str = KEY,
    dialect: Dialect = "stash-box",
    ids_per_request: int = 30,
    timeout: float = 5.0,
    retries: RetryPolicy = RETRIES,
    limits: Limits | None = None,
) -> StashBoxClient:
    """A client with the key."""
    return StashBoxClient(
        url,
        "Testbox",
        Access(key),
        limiter or Unlimited(),
        dialect=dialect,
        ids_per_request=ids_per_request,
        timeout=timeout,
        limits=limits,
        retries=retries,
    )


@contextmanager
def asked(script: Script, limiter: Unlimited | None = None, **options: Any) -> Iterator[tuple[StashBoxClient, Box]]:
    """A client, and the box that it asks."""
    with scripted(script) as box, client_of(box.url, limiter, **options) as client:
        yield client, box


def identifier(number: int) -> str:
    """An id of a box."""
    return f"{number:08x}-0000-4000-8000-000000000000"


def find(make: Callable[[str], Any]) -> Script:
    """Answers queries by ids."""
    return lambda request: data(**{alias: make(wanted) for alias, wanted in request.variables.items()})


def named(wanted: str, **more: Any) -> dict[str, Any]:
    """A document."""
    return {"id": wanted, "name": f"Name of {wanted[:8]}", "deleted": False, **more}
