"""A server that writes arbitrary bytes to the socket, including invalid HTTP."""

import re
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache

Blocks = Callable[[], Iterable[bytes]]

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def _received(connection: socket.socket) -> bytes:
    """The next received bytes; OSError if the other side has closed the connection."""
    received = connection.recv(65536)
    if not received:
        raise ConnectionResetError
    return received


@contextmanager
def hostile(blocks: Blocks) -> Iterator[str]:
    """The URL of a server that answers every request with these blocks, and then closes the connection."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    stopped = threading.Event()

    def answer(connection: socket.socket) -> None:
        # whoever has had enough of it closes the connection
        with suppress(OSError), connection:
            asked = b""
            while b"\r\n\r\n" not in asked:
                asked += _received(connection)
            head, _, body = asked.partition(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            left = int(length[1]) - len(body) if length else 0
            while left > 0:
                # what is left unread would reset the connection
                left -= len(_received(connection))
            for block in blocks():
                if stopped.is_set():
                    return
                connection.sendall(block)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stopped.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def whole(body: bytes, *headers: bytes) -> Blocks:
    """A response with this body and its length."""
    lines = b"".join(header + b"\r\n" for header in headers)
    return lambda: [OK + lines + b"Content-Length: %d\r\n\r\n" % len(body), body]


def built_on_request(make: Callable[[], Blocks]) -> Blocks:
    """A response that is built on request: a large one costs nothing if its test does not run."""
    made = cache(make)
    return lambda: made()()


def endless(block: bytes, *headers: bytes) -> Blocks:
    """A response that never ends."""

    def blocks() -> Iterator[bytes]:
        yield OK + b"".join(header + b"\r\n" for header in headers) + b"\r\n"
        while True:
            yield block

    return blocks


def slowly(before: bytes, drop: bytes, seconds: float = 0.02) -> Blocks:
    """A response that sends a byte just before each timeout."""

    def blocks() -> Iterator[bytes]:
        yield before
        while True:
            time.sleep(seconds)
            yield drop

    return blocks


def bomb(size: int) -> bytes:
    """Gzip text that expands to a number of bytes, which never exist at once."""
    packer = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
    zeros = b"0" * 1_000_000
    parts = [packer.compress(b'{"data":{"x":"'), *(packer.compress(zeros) for _ in range(size // len(zeros)))]
    return b"".join([*parts, packer.compress(b'"}}'), packer.flush()])


def hang() -> Iterable[bytes]:
    """No response for a while."""
    time.sleep(30)
    return []
