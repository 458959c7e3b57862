"""A Stash server that can send anything: each exchange is honest unless a case takes it over.

It listens on a socket of its own, so that a case may break HTTP itself: bodies without an end, bytes that trickle,
connections that close.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from stash_pipeline.simulator.http import encode, http_date
from stash_pipeline.simulator.server import SimulatedStash

Spoil = Callable[["Exchange"], bool]
"""Answers an exchange and returns True, or leaves it to the honest server."""


@dataclass
class Exchange:
    """A request, and the means to respond.

    Attributes:
        kind: ``status``, ``introspection``, ``probe``, ``page``, ``copy`` (the mutation) or ``download``.
        root: the first query field of a page, for instance ``findScenes``.
    """

    handler: BaseHTTPRequestHandler
    server: "HostileServer"
    kind: str
    query: str = ""
    variables: dict[str, Any] = field(default_factory=dict)

    @property
    def root(self) -> str:
        """The query field of a page; empty for other requests."""
        if self.kind != "page":
            return ""
        body = self.query[self.query.index("{") + 1 :].strip()
        return body.split("(")[0].split("{")[0].strip()

    @property
    def key(self) -> str:
        """The API key of the request."""
        return self.handler.headers.get("ApiKey", "")

    def honest(self) -> dict[str, Any]:
        """The response of the simulated server."""
        found = self.server.stash.engine.answer(
            self.server.stash.context(self.server.url), self.query, self.variables, None
        )
        body: dict[str, Any] = json.loads(encode(found.body))
        return body

    def send(self, body: Any, status: int = 200, **headers: str) -> bool:
        """Sends a response: JSON, or raw bytes."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named = {"Content-Type": "application/json", "Content-Length": str(len(content)), **named}
        self.begin(status, **named)
        self.write(content)
        return True

    def begin(self, status: int = 200, **headers: str) -> None:
        """Sends status and headers."""
        self.handler.send_response(status)
        self.handler.send_header("Date", self.server.date())
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()

    def write(self, content: bytes) -> None:
        """Sends a part of the body; raises if the client has disconnected."""
        self.handler.wfile.write(content)
        self.handler.wfile.flush()

    def close(self) -> bool:
        """Ends the connection."""
        self.handler.close_connection = True
        with suppress(OSError):
            self.handler.connection.shutdown(2)
        return True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def hostile(self) -> "HostileServer":
        return self.server.hostile  # type: ignore[attr-defined]

    def do_POST(self) -> None:
        payload = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        query = payload["query"]
        self._answer(Exchange(self, self.hostile, _kind(query), query, payload.get("variables") or {}))

    def do_GET(self) -> None:
        self._answer(Exchange(self, self.hostile, "download"))

    def _answer(self, exchange: Exchange) -> None:
        # a client that leaves is what these servers are for
        with suppress(OSError):
            if exchange.kind == "download" and not self.hostile.spoil(exchange):
                self._file(exchange)
            elif exchange.kind != "download" and not self.hostile.spoil(exchange):
                exchange.send(exchange.honest())

    def _file(self, exchange: Exchange) -> None:
        async def get() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.hostile.stash.app)
            async with httpx.AsyncClient(transport=transport, base_url=self.hostile.url) as browser:
                return await browser.get(self.path, headers=dict(self.headers))

        found = asyncio.run(get())
        headers = {name: value for name, value in found.headers.items() if name.lower() != "date"}
        exchange.begin(found.status_code, **headers)
        exchange.write(found.content)

    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing."""


def _kind(query: str) -> str:
    if "__schema" in query:
        return "introspection"
    if "query Probe" in query:
        return "probe"
    if "backupDatabase" in query:
        return "copy"
    if "systemStatus" in query and "find" not in query:
        return "status"
    return "page"


class HostileServer:
    """A simulated server behind a handler that a case can take over.

    Attributes:
        spoil: the case; honest answers without one.
    """

    def __init__(self, stash: SimulatedStash) -> None:
        self.stash = stash
        self.spoil: Spoil = lambda exchange: False
        self.url = ""

    def date(self) -> str:
        """The value of the header Date."""
        return http_date(self.stash.clock())

    @contextmanager
    def running(self) -> Iterator["HostileServer"]:
        """Listens on 127.0.0.1 while the context is active."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        server.hostile = self  # type: ignore[attr-defined]
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
