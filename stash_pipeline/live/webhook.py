"""The webhook: ``POST /hint`` with a JSON object ``{"token": …, "type": "Scene.Update.Post", "id": 12}``.

It answers 204 to a hint, and says nothing more in any case: a wrong token is a 401 without text. Everything that a
stranger can send is bounded: the size of a body, the time of a connection, the number of connections, the number of
requests.
"""

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from stash_pipeline.errors import UserError
from stash_pipeline.live.hints import Hint, hint_of_trigger
from stash_pipeline.live.tokens import instance_of_token

PATH: Final = "/hint"
MOST_BYTES: Final = 4096
_SECONDS: Final = 5.0
_CONNECTIONS: Final = 32
_PER_SECOND: Final = 50.0
_BURST: Final = 500.0


class Allowance:
    """A token bucket: so many requests at once, so many per second afterwards."""

    def __init__(self, burst: float, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._per_second, self._clock = burst, per_second, clock
        self._left, self._at = burst, clock()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Whether one more request is allowed."""
        with self._lock:
            now = self._clock()
            self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
            self._at = now
            if self._left < 1:
                return False
            self._left -= 1
            return True


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"
    timeout = _SECONDS
    protocol_version = "HTTP/1.0"
    server_version, sys_version = "stash-pipeline", ""

    def do_POST(self) -> None:
        self._answer(self.server.status_of(self))

    def do_GET(self) -> None:
        self._answer(404 if self.path != PATH else 405)

    do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = do_GET

    def _answer(self, status: int) -> None:
        self.send_response_only(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answers an invalid request without repeating it."""
        self._answer(code)

    def log_message(self, format: str, *args: Any) -> None:
        """Logs nothing: a line can be anything that a stranger sends, including a token."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = _CONNECTIONS

    def __init__(self, address: tuple[str, int], webhook: "Webhook") -> None:
        self._webhook = webhook
        self._free = threading.BoundedSemaphore(_CONNECTIONS)
        super().__init__(address, _Handler)

    def status_of(self, request: _Handler) -> int:
        """The status of the answer to a POST; passes on the hint if there is one."""
        if request.path != PATH:
            return 404
        if not self._webhook.allowance.take():
            return 429
        if request.headers.get_content_type() != "application/json":
            return 415
        length = request.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            return 411
        if len(length) > 6 or int(length) > MOST_BYTES:
            return 413
        return self._webhook.receive(request.rfile.read(int(length)))

    def process_request(self, request: Any, client_address: Any) -> None:
        """Handles a connection in a thread, or closes it if there are too many."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The thread of a connection."""
        # the timeout of a socket counts from its last byte; a connection that sends one at a time must end, too
        ending = threading.Timer(2 * _SECONDS, _abort, [request])
        ending.daemon = True
        ending.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            ending.cancel()
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing about a connection that broke off."""


def _abort(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class Webhook:
    """Receives hints over HTTP.

    Attributes:
        tokens: the tokens by the uuid of the instance; may be replaced while it serves.
    """

    def __init__(self, host: str, port: int, on_hint: Callable[[str, Hint], None]) -> None:
        self.tokens: dict[str, str] = {}
        self.allowance = Allowance(_BURST, _PER_SECOND)
        self._on_hint = on_hint
        try:
            self._server = _Server((host, port), self)
        except OSError as error:
            raise UserError(
                f"The webhook cannot listen on port {port} of {host} ({error.strerror}); stop the program that uses "
                "it, or set STASH_PIPELINE_WEBHOOK_PORT to another port, or to 0 for no webhook."
            ) from error
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, name="webhook", daemon=True).start()

    def receive(self, body: bytes) -> int:
        """Passes on the hint in a body; returns the status of the answer."""
        try:
            sent = json.loads(body)
        except (ValueError, RecursionError):
            return 400
        if not isinstance(sent, dict):
            return 400
        token = sent.get("token")
        uuid = instance_of_token(self.tokens, token) if isinstance(token, str) else None
        if uuid is None:
            return 401
        trigger = sent.get("type")
        hint = hint_of_trigger("webhook", trigger, sent.get("id")) if isinstance(trigger, str) else None
        if hint is None:
            return 400
        self._on_hint(uuid, hint)
        return 204

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()
