"""Limits for what a server sends: bytes, seconds, depth, length. A response that exceeds one is rejected."""

import threading
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpcore
import httpx

from stash_pipeline.stash.errors import IncompleteListingError, InvalidResponseError, LimitExceededError

MB: Final = 1_000_000

_ANSWER_SETTING: Final = "STASH_PIPELINE_ANSWER_MAX_MB"
_SECONDS_SETTING: Final = "STASH_PIPELINE_REQUEST_TOTAL_SECONDS"
_DOWNLOAD_SETTING: Final = "STASH_PIPELINE_DOWNLOAD_MAX_MB"
_DOWNLOAD_SECONDS_SETTING: Final = "STASH_PIPELINE_DOWNLOAD_MAX_SECONDS"

_SMALL: Final = 4 * MB
"""Bytes of a response that is decoded without estimating its decoded size."""

_GROWTH: Final = 8
"""Maximum decoded size, as a multiple of the limit for the text."""

_OBJECT, _LIST, _VALUE = 192, 72, 56
"""Minimum bytes that Python needs per ``{``, per ``[`` and per comma."""


@dataclass(frozen=True)
class Limits:
    """The limits of one client.

    Attributes:
        answer_bytes: of a response, decompressed. request_seconds: for a response, all attempts together.
        download_bytes, download_seconds: for a file.
        settings: a setting can raise the limits, and errors name it.
        program: what should answer, for errors.
    """

    answer_bytes: int = 32 * MB
    request_seconds: float = 300.0
    download_bytes: int = 65_536 * MB
    download_seconds: float = 3600.0
    settings: bool = True
    program: str = "a Stash server"

    def too_long(self, what: str) -> LimitExceededError:
        """The error for a response that is too long."""
        advice = f" {_ANSWER_SETTING} allows more." if self.settings else ""
        return LimitExceededError(
            f"{what} with more than {self.answer_bytes / MB:,.0f} MB, and was cut off; is it {self.program}?{advice}"
        )

    def too_slow(self, what: str) -> str:
        """The message for a response that takes too long."""
        setting = f" ({_SECONDS_SETTING})" if self.settings else ""
        return f"{what} was not complete within {self.request_seconds:,.0f} s{setting}."

    def download_too_long(self, size: int) -> str:
        """The message for a file that is too large."""
        return (
            f"The snapshot has {size / MB:,.0f} MB, more than the {self.download_bytes / MB:,.0f} MB of "
            f"{_DOWNLOAD_SETTING}."
        )

    def download_too_slow(self) -> str:
        """The message for a file that takes too long."""
        return f"The snapshot did not arrive within the {self.download_seconds:,.0f} s of {_DOWNLOAD_SECONDS_SETTING}."


# --- bytes --------------------------------------------------------------------------------------------------


def read_body(response: httpx.Response, limits: Limits, what: str, deadline: float) -> bytes:
    """The body of a response, decompressed. Reading stops as soon as a limit is exceeded.

    Raises:
        LimitExceededError: if it is too long. httpx.ReadTimeout: if it takes too long.
        InvalidResponseError: if it is damaged.
    """
    if response.is_stream_consumed:
        # the transport has read all of it
        return _within(response.content, limits, what)
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    raw = _timely(response.iter_raw(), deadline)
    if encoding in ("identity", ""):
        return _joined(raw, limits, what)
    if encoding not in ("gzip", "x-gzip", "deflate"):
        # its name is not shown: a proxy may echo anything in a header
        raise InvalidResponseError(f"{what} compressed in a way that was not requested.")
    try:
        return _joined(_inflated(_counted(raw, limits, what), encoding), limits, what)
    except zlib.error:
        raise InvalidResponseError(f"{what} with something that cannot be decompressed.") from None


def _within(body: bytes, limits: Limits, what: str) -> bytes:
    if len(body) > limits.answer_bytes:
        raise limits.too_long(what)
    return body


def _timely(blocks: Iterable[bytes], deadline: float) -> Iterator[bytes]:
    for block in blocks:
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout("deadline exceeded")
        yield block


def _counted(blocks: Iterable[bytes], limits: Limits, what: str) -> Iterator[bytes]:
    """Limits the size of a compressed stream, which can be endless and still decompress to nothing."""
    size = 0
    for block in blocks:
        size += len(block)
        if size > limits.answer_bytes:
            raise limits.too_long(what)
        yield block


def _joined(blocks: Iterable[bytes], limits: Limits, what: str) -> bytes:
    size, joined = 0, []
    for block in blocks:
        size += len(block)
        if size > limits.answer_bytes:
            raise limits.too_long(what)
        joined.append(block)
    return b"".join(joined)


_STEP: Final = 1 << 20


def _inflated(blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Decompresses in steps of limited size: a few bytes can expand to a thousand times as many."""
    decoder = zlib.decompressobj(zlib.MAX_WBITS | 16 if encoding != "deflate" else zlib.MAX_WBITS)
    first = True
    for block in blocks:
        data = block
        while data:
            try:
                yield decoder.decompress(data, _STEP)
            except zlib.error:
                if not first or encoding != "deflate":
                    raise
                # some servers send a raw deflate stream
                decoder = zlib.decompressobj(-zlib.MAX_WBITS)
                yield decoder.decompress(data, _STEP)
            first = False
            data = decoder.unconsumed_tail
            if decoder.eof:
                break
    yield decoder.flush()
    if not decoder.eof:
        raise zlib.error("incomplete stream")


# --- seconds ------------------------------------------------------------------------------------------------

_now: Final = threading.local()


@contextmanager
def until(deadline: float) -> Iterator[None]:
    """Sets the deadline, by the monotonic clock, for everything that this thread does with a bounded client."""
    before = getattr(_now, "deadline", None)
    _now.deadline = deadline
    try:
        yield
    finally:
        _now.deadline = before


def _left(timeout: float | None) -> float | None:
    deadline: float | None = getattr(_now, "deadline", None)
    if deadline is None:
        return timeout
    left = max(deadline - time.monotonic(), 0.001)
    return left if timeout is None else min(left, timeout)


class _Stream(httpcore.NetworkStream):
    """A connection on which every wait ends at the deadline. One header byte per second would never time out."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        _check(httpcore.ReadTimeout)
        return self._stream.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        _check(httpcore.WriteTimeout)
        self._stream.write(buffer, _left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _check(error: type[Exception]) -> None:
    deadline: float | None = getattr(_now, "deadline", None)
    if deadline is not None and time.monotonic() >= deadline:
        raise error("deadline exceeded")


class _Backend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        return _Stream(self._backend.connect_tcp(host, port, _left(timeout), local_address, socket_options))

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Any = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._backend.connect_unix_socket(path, _left(timeout), socket_options))

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


def bound(client: httpx.Client) -> None:
    """Makes the connections of a client observe the deadlines of :func:`until`."""
    # httpx has no public way to give its transports a backend
    for transport in (client._transport, *client._mounts.values()):
        pool = getattr(transport, "_pool", None)
        if pool is not None:
            pool._network_backend = _Backend(pool._network_backend)


# --- objects ------------------------------------------------------------------------------------------------

_NEW_OBJECTS: Final = 10_000
"""New objects that are accepted during a read: a scan may be running."""


def check_listed(received: int, counted: int | None, query: str) -> None:
    """Ends a listing that does not stop.

    Args:
        received: objects so far. counted: the server's own count; None if it is unknown.

    Raises:
        IncompleteListingError: if it is much longer than the server says.
    """
    if counted is not None and received > 2 * counted + _NEW_OBJECTS:
        raise IncompleteListingError(
            f"{query} reports {counted:,} objects and returned {received:,}; nothing was removed."
        )


def check_page(received: int, requested: int | None, query: str) -> None:
    """Checks that a page has no more objects than were requested.

    Raises:
        IncompleteListingError: if it has more.
    """
    if requested is not None and requested > 0 and received > requested:
        raise IncompleteListingError(
            f"{query} was asked for at most {requested:,} objects and returned {received:,}; nothing was removed."
        )


# --- decoded size -------------------------------------------------------------------------------------------


def decoded_size(body: bytes) -> int:
    """A lower estimate of the bytes that a JSON text takes when it is decoded, including the text itself."""
    return len(body) + _OBJECT * body.count(b"{") + _LIST * body.count(b"[") + _VALUE * body.count(b",")


def check_growth(body: bytes, limits: Limits, what: str) -> None:
    """Checks that a decoded text does not take many times its size: an empty list has three bytes of text.

    Raises:
        LimitExceededError: if it would.
    """
    if len(body) > _SMALL and decoded_size(body) > _GROWTH * limits.answer_bytes:
        raise LimitExceededError(
            f"{what} with {len(body) / MB:,.0f} MB of values that would take too much memory, and was not decoded; "
            f"is it {limits.program}?"
        )
