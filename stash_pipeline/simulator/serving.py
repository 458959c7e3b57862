"""Serving an ASGI application on a port of this machine.

Contains binding, serving until interrupted, and serving in a thread. The applications are those of ``server`` and
``box.server``.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette


def _server(app: Starlette) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        log_level="error",
        access_log=False,
        lifespan="off",
        server_header=False,
        date_header=False,
        ws="websockets-sansio",
    )
    return uvicorn.Server(config)


def _bind(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def serve(app: Starlette, host: str, port: int, ready: Callable[[str], None] | None = None) -> None:
    """Serve until interrupted; `ready` is called with the URL once the port is bound."""
    listener = _bind(host, port)
    try:
        if ready:
            ready(f"http://{host}:{listener.getsockname()[1]}")
        _server(app).run(sockets=[listener])
    finally:
        listener.close()


@contextmanager
def serving(app: Starlette, port: int = 0) -> Iterator[str]:
    """Serve in a thread, on a free port of this machine, while the context is active; gives the URL."""
    listener = _bind("127.0.0.1", port)
    server = _server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="simulated", daemon=True)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()
