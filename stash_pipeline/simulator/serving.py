"""Serving an ASGI application on a port of this machine.

Contains binding, serving until interrupted, and serving in a thread. The applications are those of ``server`` and
``box.server``.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.applications import Starlette

_LOOK_SECONDS = 0.005


class _PromptServer(uvicorn.Server):
    """Stops as soon as it should and nothing is being answered: uvicorn looks ten times a second, and waits a tenth.

    Tests start and stop hundreds of servers.
    """

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._ending = asyncio.Event()
        await super().startup(sockets)

    async def main_loop(self) -> None:
        if not await self.on_tick(0):
            await self._ending.wait()

    def end(self) -> None:
        """Makes it stop; called by another thread."""
        self.should_exit = True
        if self.started:
            # a loop that failed is closed
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._ending.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        while self.server_state.connections or self.server_state.tasks:
            await asyncio.sleep(_LOOK_SECONDS)
        for server in self.servers:
            await server.wait_closed()


def _config(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_level="error",
        access_log=False,
        lifespan="off",
        server_header=False,
        date_header=False,
        ws="websockets-sansio",
    )


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
        uvicorn.Server(_config(app)).run(sockets=[listener])
    finally:
        listener.close()


@contextmanager
def serving(app: Starlette, port: int = 0) -> Iterator[str]:
    """Serve in a thread, on a free port of this machine, while the context is active; gives the URL."""
    listener = _bind("127.0.0.1", port)
    server = _PromptServer(_config(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="simulated", daemon=True)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(_LOOK_SECONDS)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.end()
        thread.join(timeout=10)
        listener.close()
