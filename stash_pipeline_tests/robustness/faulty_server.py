"""Servers that fail and echo the request, which is the worst case for a key."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FAULTS = ("error page", "proxy page", "json error", "not graphql", "echoed header", "redirect", "no answer")


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        fault = self.server.fault  # type: ignore[attr-defined]
        told = " ".join(f"{name}={value}" for name, value in self.headers.items() if name.lower() == "apikey")
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if fault == "no answer":
            time.sleep(1.0)
        answers = {
            "error page": (500, "text/plain", f"panic: {told}"),
            "proxy page": (200, "text/html", f"<html>{told}</html>"),
            "json error": (200, "application/json", json.dumps({"errors": [{"message": f"no: {told}"}]})),
            "not graphql": (200, "application/json", json.dumps({"headers": told})),
            "redirect": (302, "text/html", told),
        }
        status, kind, text = answers.get(fault, (502, "text/plain", ""))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-Asked-With", told)
        if fault == "redirect":
            self.send_header("Location", f"/login?{told}")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing."""


@contextmanager
def faulty_server(fault: str) -> Iterator[str]:
    """The URL of a server with this fault, while the context is active."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.fault = fault  # type: ignore[attr-defined]
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
