"""The HTTP client of a Stash server: one client per instance; the API key is sent in a header only.

Transient errors are retried: connection errors, 5xx, a response that is not JSON, a locked database. A rejection (4xx,
an invalid document) is raised at once.
"""

import hashlib
import logging
import re
import threading
import time
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx
import orjson

from stash_pipeline.stash.access import Access
from stash_pipeline.stash.address import graphql_url
from stash_pipeline.stash.decoding import Part, loads
from stash_pipeline.stash.errors import (
    InvalidResponseError,
    StashConnectionError,
    StashError,
    StashHTTPError,
    StashNotReadyError,
    StashQueryError,
    shortened,
)
from stash_pipeline.stash.limits import Limits, bound, check_growth, decoded_size, read_body, until
from stash_pipeline.stash.memory import MemoryBudget, Reservation
from stash_pipeline.stash.refusals import refusal
from stash_pipeline.stash.retries import Retries, RetryPolicy
from stash_pipeline.stash.schema import INTROSPECTION, ServerSchema
from stash_pipeline.stash.transport_errors import connection_error

OLDEST = (0, 20)
_RELEASE_SHOWN = 100
_LONGEST = 32_767
"""Maximum characters of a path on Windows."""

_MOST_SCHEMAS = 8

_schemas: dict[bytes, ServerSchema] = {}
"""Schemas by the hash of the introspection. A sweep needs its schema several times, and parsing takes 5 ms."""

log = logging.getLogger(__name__)


# its debug lines contain response headers, in which a proxy may echo the key
logging.getLogger("httpcore").setLevel(logging.INFO)


@dataclass(frozen=True)
class Answer:
    """The ``data`` of a response, and its cost.

    Attributes:
        size: bytes, decompressed. seconds: from the request to the last byte.
        hash: of the response text, see :func:`answer_hash`.
        cached: the caller knows this hash; ``data`` was not decoded and is empty.
        reservation: of the memory for ``data``, if the caller has a budget; whoever holds the answer releases it.
    """

    data: dict[str, Any]
    size: int
    seconds: float
    hash: bytes
    cached: bool = False
    reservation: Reservation | None = None

    def release(self) -> None:
        """Releases the reserved memory, when ``data`` is no longer needed."""
        if self.reservation:
            self.reservation.release()


def answer_hash(body: bytes) -> bytes:
    """The 16-byte BLAKE2b hash of a response text."""
    return hashlib.blake2b(body, digest_size=16).digest()


@dataclass(frozen=True)
class ServerInfo:
    """The server: release in its own spelling, schema version of its database, path of the database."""

    version: str
    database_schema: int | None
    database_path: str | None


def is_this_machine(url: str) -> bool:
    """Whether a URL leads to this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


class QueryExecutor(Protocol):
    """What a paginator needs of a client."""

    def execute(
        self,
        document: str,
        variables: dict[str, Any] | None = None,
        *,
        name: str = "query",
        cached: Container[bytes] = (),
    ) -> Answer:
        """Sends a query and returns its answer; see :meth:`StashClient.execute`."""


class StashClient:
    """Talks GraphQL to one Stash server.

    Args:
        url: the server's URL.
        api_key: sent as header ``ApiKey``; None sends no header (a server without credentials rejects any key).
        access: everything that the server and its proxies require, instead of ``api_key``.
        timeout: seconds without data. connect_timeout: seconds for a connection.
        retries: when a request is sent again.
        limits: for what the server sends.
        transport: for tests.

    Attributes:
        requests, bytes: number of requests and of received bytes (decompressed) so far.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        access: Access | None = None,
        timeout: float = 60.0,
        connect_timeout: float = 5.0,
        retries: RetryPolicy | None = None,
        connections: int = 2,
        limits: Limits | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = graphql_url(url)
        self.prefix = urlsplit(self.url).path.removesuffix("/graphql")
        self.retry_policy = retries or RetryPolicy()
        self._retries = Retries(self.retry_policy)
        self.access = access or Access(api_key)
        self.limits = limits or Limits()
        self._mask = self.access.mask()
        self.requests = 0
        self.bytes = 0
        self._clock: tuple[str, float] | None = None
        self._lock = threading.Lock()
        # without this Accept header, releases from v0.29 on send another content type and do not compress it
        # on this machine, compression saves nothing and costs CPU time
        encoding = "identity" if is_this_machine(self.url) else "gzip"
        headers = {"Accept": "application/json", "Content-Type": "application/json", "Accept-Encoding": encoding}
        self._http = httpx.Client(
            headers={**headers, **self.access.request_headers()},
            timeout=httpx.Timeout(timeout, connect=connect_timeout),
            limits=httpx.Limits(max_connections=max(connections, 1)),
            follow_redirects=False,
            verify=self.access.ssl_context(self.url),
            transport=transport,
        )
        bound(self._http)

    def __enter__(self) -> "StashClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def execute(
        self,
        document: str,
        variables: dict[str, Any] | None = None,
        *,
        name: str = "query",
        cached: Container[bytes] = (),
        budget: MemoryBudget | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
    ) -> Answer:
        """Sends a query, with retries.

        Args:
            document: GraphQL text. variables: its variables. name: of the query, for error messages.
            cached: hashes of responses that need not be decoded again.
            budget: the response is decoded when there is room for it, and keeps its room until it is released.
            timeout: seconds for an expensive request, which is sent only once; None for normal requests.
            deadline: by the monotonic clock.

        Raises:
            StashError: one of its subclasses; the message never contains the key.
        """
        payload = orjson.dumps({"query": document, "variables": variables or {}})
        end = time.monotonic() + (self.limits.request_seconds if timeout is None else timeout)
        end = end if deadline is None else min(end, deadline)
        if timeout is not None:
            return self._ask(payload, name, cached, budget, timeout, end)
        return self._retries.call(lambda: self._ask(payload, name, cached, budget, None, end), deadline=end)

    def _ask(
        self,
        payload: bytes,
        name: str,
        cached: Container[bytes],
        budget: MemoryBudget | None,
        timeout: float | None,
        end: float,
    ) -> Answer:
        started = time.perf_counter()
        what = f"{self.url} answered {name}"
        patience = self._http.timeout if timeout is None else httpx.Timeout(timeout, connect=self._http.timeout.connect)
        request = self._http.build_request("POST", self.url, content=payload, timeout=patience)
        with (
            self._reaching("an answer", self.limits.too_slow(f"{self.url} was asked for {name}, and its answer"), end),
            until(end),
        ):
            response = self._http.send(request, stream=True)
            try:
                body = read_body(response, self.limits, what, end)
            finally:
                # do not wait for the unread rest: close the connection
                response.close()
        seconds = time.perf_counter() - started
        with self._lock:
            self.requests += 1
            self.bytes += len(body)
            self._clock = response.headers.get("date", ""), time.monotonic()
        digest = answer_hash(body)
        if response.status_code == 200 and digest in cached:
            return Answer({}, len(body), seconds, digest, cached=True)
        reservation = budget.reserve(decoded_size(body)) if budget else None
        try:
            return Answer(self._data(response, body, name, what), len(body), seconds, digest, reservation=reservation)
        except BaseException:
            if reservation:
                reservation.release()
            raise

    def _data(self, response: httpx.Response, body: bytes, name: str, what: str) -> dict[str, Any]:
        """The ``data`` of a response; GraphQL errors take precedence."""
        status, headers = response.status_code, response.headers
        is_json = "json" in headers.get("content-type", "")
        if status != 200 or not is_json:
            beginning = self._beginning(body)
            refused = refusal(self.url, status, headers, beginning, self.access)
            if refused:
                raise refused
            message = _sentence(f"{self.url} answered {status}{_excerpt(beginning)}")
            # 501: it knows no POST
            if status >= 500 and status != 501:
                raise StashHTTPError(status, message)
            if status >= 400 and not is_json:
                raise StashHTTPError(status, f"{message} Is it a Stash server?")
        check_growth(body, self.limits, what)
        answer = self._parsed(body, what)
        if not isinstance(answer, dict) or not ({"data", "errors"} & answer.keys()):
            raise InvalidResponseError(
                f"{self.url} answered JSON that is not a GraphQL response. Is it a Stash server?"
            )
        if answer.get("errors"):
            raise self._query_error(name, answer["errors"])
        if status >= 400:
            raise StashHTTPError(status, f"{self.url} answered {status}.")
        data = answer.get("data")
        if not isinstance(data, dict):
            raise InvalidResponseError(f"{self.url} answered {name} without data.")
        return data

    def _parsed(self, body: bytes, what: str) -> Any:
        try:
            return loads(self._mask.answer(body), what)
        except ValueError:
            raise InvalidResponseError(
                f"{self.url} answered something that is not JSON: {self._beginning(body)[:80]!r}. Is it a Stash server?"
            ) from None

    def _query_error(self, name: str, errors: Any) -> StashQueryError:
        # after decoding, because escaped secrets are plain text only now
        return StashQueryError(name, _errors(self._without_secrets(errors)))

    def _without_secrets(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._mask.text(value)
        if isinstance(value, list):
            return [self._without_secrets(element) for element in value]
        if isinstance(value, dict):
            return {name: self._without_secrets(member) for name, member in value.items()}
        return value

    def masked(self, text: str) -> str:
        """A text without secrets, safe to show and to store."""
        return self._mask.text(text)

    def _beginning(self, body: bytes) -> str:
        """The beginning of a body. It is masked before it is truncated: half a key would not be recognised."""
        return shortened(self._mask.raw(body[:8192]).decode("utf-8", "replace")[:4096], 4096)

    @contextmanager
    def download(self, path: str, headers: Mapping[str, str], end: float | None = None) -> Iterator[httpx.Response]:
        """Requests a file from the server; the caller streams the body.

        Args:
            path: below the server's own URL, with a leading slash.
            end: deadline for the whole file, by the monotonic clock.

        Raises:
            StashError: if there is no response, if it ends too early, or if it is a redirect or a rejection.
        """
        url = self.url.removesuffix("/graphql") + path
        end = time.monotonic() + self.limits.download_seconds if end is None else end
        slow = self.limits.download_too_slow()
        with (
            self._reaching("a file", slow, end),
            until(end),
            self._http.stream("GET", url, headers={"Accept": "*/*", **headers}) as response,
        ):
            with self._lock:
                self.requests += 1
            refused = refusal(self.url, response.status_code, response.headers, "", self.access)
            if refused:
                refused.args = (f"{self.url} refused to send a file ({path}): {refused}",)
                raise refused
            yield response

    @contextmanager
    def _reaching(self, what: str, slow: str, end: float) -> Iterator[None]:
        """Converts connection errors into StashErrors; ``slow`` is the message for an exceeded deadline."""
        try:
            yield
        except httpx.TimeoutException as error:
            late = time.monotonic() >= end
            message = slow if late else f"{self.url} did not answer in time ({type(error).__name__})."
            raise StashConnectionError(message, "timeout") from None
        except httpx.TransportError as error:
            unreachable = connection_error(self.url, error)
            unreachable.args = (shortened(self._mask.text(str(unreachable)), 500),)
            raise unreachable from None
        except httpx.HTTPError as error:
            detail = shortened(self._mask.text(str(error)), 300)
            raise InvalidResponseError(f"{self.url} sent {what} that cannot be decoded ({detail}).") from None

    def received(self, size: int) -> None:
        """Counts received bytes of a file."""
        with self._lock:
            self.bytes += size

    def now(self) -> datetime:
        """The server's time by the Date header of its last response, else ours; in whole seconds, never too late."""
        if self._clock is not None:
            header, received_at = self._clock
            try:
                date = parsedate_to_datetime(header)
            except (TypeError, ValueError):
                pass
            else:
                aware = date if date.tzinfo else date.replace(tzinfo=timezone.utc)
                return aware + timedelta(seconds=int(time.monotonic() - received_at))
        return datetime.now(timezone.utc).replace(microsecond=0)

    def introspect(self) -> ServerSchema:
        """The server's schema, from its own introspection.

        Raises:
            UnexpectedResponseError: if the response is not an introspection.
        """
        # a copy, because another thread may clear the original
        schemas = dict(_schemas)
        answer = self.execute(INTROSPECTION, name="introspection", cached=schemas)
        if answer.cached:
            return schemas[answer.hash]
        schema = ServerSchema(answer.data, f"{self.url} answered introspection")
        if len(_schemas) >= _MOST_SCHEMAS:
            _schemas.clear()
        _schemas[answer.hash] = schema
        return schema

    def part(self, data: dict[str, Any], name: str) -> Part:
        """The response to the named query, to be read value by value."""
        return Part(data, f"{self.url} answered {name}")

    def server_info(self) -> ServerInfo:
        """Release and database of the server.

        Raises:
            StashNotReadyError: if the setup or a migration is pending. StashError: if the release is too old.
        """
        name = "systemStatus"
        query = "{version{version} systemStatus{status databaseSchema appSchema databasePath}}"
        data = self.part(self.execute(query, name=name).data, name)
        status = data.get("systemStatus")
        state = status.get("status").text()
        if state == "SETUP":
            raise StashNotReadyError(f"{self.url} is not set up yet; open it in a browser and finish its setup.")
        if state == "NEEDS_MIGRATION":
            raise StashNotReadyError(f"{self.url} needs a database migration; open it in a browser and start it.")
        version = data.get("version")
        release = release_of(version)
        numbers = release_numbers(release)
        if numbers and numbers[:2] < OLDEST:
            raise StashError(f"{self.url} runs {release}; releases before v0.20 are not supported.")
        schema = status.get("databaseSchema")
        return ServerInfo(
            release,
            None if schema.value is None else schema.number(),
            status.get("databasePath").text_or_none(_LONGEST),
        )


def release_of(version: Part) -> str:
    """The name of a release, from the server's version object; empty if it has none."""
    name = None if version.value is None else version.get("version").text_or_none(_LONGEST)
    return shortened(name or "", _RELEASE_SHOWN)


def release_numbers(version: str) -> tuple[int, ...]:
    """``v0.27.2-3-gabc`` → (0, 27, 2); empty if the text is not a version number."""
    head = version.strip().lstrip("v").split("-")[0].split("+")[0]
    parts = head.split(".")
    return tuple(int(p) for p in parts) if all(p.isdecimal() and len(p) < 10 for p in parts) else ()


def _errors(errors: Any) -> list[dict[str, Any]]:
    """The list of GraphQL errors; a plain text from a proxy is converted."""
    listed = errors if isinstance(errors, list) else [errors]
    return [error if isinstance(error, dict) else {"message": str(error)} for error in listed]


def _excerpt(beginning: str) -> str:
    """What a body says, to follow a status: its beginning, or the title of a web page."""
    if not beginning.lstrip().startswith("<"):
        return f": {beginning[:200]}"
    title = re.search(r"<title[^>]*>\s*([^<]+?)\s*</title>", beginning, re.IGNORECASE)
    return f" with a web page: {title[1][:200]}" if title else " with a web page"


def _sentence(text: str) -> str:
    """The text with a full stop at its end instead of a dangling colon."""
    return text.rstrip(" :.") + "."
