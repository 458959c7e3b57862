"""Serves the metrics over HTTP for Prometheus, on this machine only unless another address is given."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final
from wsgiref.simple_server import WSGIServer

from prometheus_client import start_http_server

from stash_pipeline.errors import UserError
from stash_pipeline.metrics.collect import registry_of
from stash_pipeline.settings import Settings

LOCAL: Final = "127.0.0.1"
_ADDRESS: Final = re.compile(r"(?:(?P<host>[^:\[\]]*|\[[0-9a-fA-F:.]+\]):)?(?P<port>\d{1,5})\Z")


def address_of(text: str) -> tuple[str, int]:
    """Host and port of an argument like ``9464``, ``0.0.0.0:9464`` or ``[::1]:9464``.

    Raises:
        UserError: if it is something else.
    """
    match = _ADDRESS.match(text.strip())
    if not match or int(match["port"]) > 65535:
        raise UserError(f"{text!r} is not an address; give a port, or HOST:PORT such as {LOCAL}:9464.")
    return (match["host"] or LOCAL).strip("[]"), int(match["port"])


@contextmanager
def serving_metrics(settings: Callable[[], Settings], host: str, port: int) -> Iterator[str]:
    """Serves the metrics in a thread for the length of a block; yields the address. Port 0 is any free one.

    Raises:
        UserError: if the port is not available.
    """
    try:
        server, thread = start_http_server(port, addr=host, registry=registry_of(settings))
    except OSError as error:
        raise UserError(
            f"Metrics cannot be served at port {port} of {host} ({error.strerror}); stop the program that uses it, or "
            "choose another port."
        ) from None
    assert isinstance(server, WSGIServer)
    try:
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
