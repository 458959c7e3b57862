"""The HTTP side of a Stash server: one client per instance, the key in a header and nowhere else.

Retries cover what may pass by itself: connection errors, 5xx, an answer that is no JSON, a locked database. What
the server refuses (4xx, an invalid document) is raised at once.
"""

import hashlib
import json
import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import stamina

from stash_pipeline.stash.errors import (
    StashBadAnswer,
    StashError,
    StashHTTPError,
    StashNotReady,
    StashQueryError,
    StashUnreachable,
    may_pass,
)
from stash_pipeline.stash.json_values import without_surrogates
from stash_pipeline.stash.masking import masked, masked_bytes
from stash_pipeline.stash.schema import INTROSPECTION, ServerSchema

OLDEST = (0, 20)
KEY_CHARACTERS = re.compile(r"[\x21-\x7e]+\Z")

log = logging.getLogger(__name__)


def _log_retry(details: stamina.instrumentation.RetryDetails) -> None:
    log.info("Asking again in %.1f s (%s).", details.wait_for, details.caused_by)


# stamina's own hook prints to standard output where structlog is installed, and Dagster installs it
stamina.instrumentation.set_on_retry_hooks([_log_retry])
# its debugging lines hold the headers of answers, and a proxy may echo the key in those
logging.getLogger("httpcore").setLevel(logging.INFO)


def graphql_url(url: str) -> str:
    """The GraphQL endpoint for what a person types: with or without ``/graphql`` and a trailing slash.

    Raises:
        StashError: if it is not an http or https URL with a host.
    """
    text = url.strip().rstrip("/")
    # what was typed is not repeated: it may hold a key
    wrong = StashError("That is not the URL of a Stash server; write it as http://localhost:9999.")
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises for a port that is no number
    except ValueError:
        raise wrong from None
    if parts.username or parts.password or parts.query or parts.fragment:
        raise StashError("The URL must not carry a user, a password or a key; give the API key on its own.")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise wrong
    return text if text.endswith("/graphql") else text + "/graphql"


def server_key(url: str) -> tuple[str, str, int, str]:
    """What two spellings of one address have in common: scheme, host, port and path."""
    parts = urlsplit(graphql_url(url))
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, (parts.hostname or "").rstrip("."), port, parts.path


def trust(ca_file: str | Path) -> ssl.SSLContext:
    """A TLS context that trusts the authorities in a PEM file, and no others.

    Raises:
        StashError: if the file is not there, cannot be read or holds no certificate.
    """
    path = Path(ca_file)
    try:
        text = path.read_text("ascii", "replace")
    except FileNotFoundError:
        raise StashError(f"The CA file {path} does not exist.") from None
    except OSError as error:
        raise StashError(f"The CA file {path} cannot be read: {error.strerror}.") from None
    wrong = StashError(f"The CA file {path} holds no certificate that can be used; it must be PEM text.")
    # without any text, the context would trust the system's authorities instead
    if "BEGIN CERTIFICATE" not in text:
        raise wrong
    try:
        return ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError):
        raise wrong from None


@dataclass(frozen=True)
class Answer:
    """The ``data`` of an answer, and what it cost.

    Attributes:
        size: bytes, decompressed. seconds: from the request to the last byte.
        hash: of the answer as it came, see :func:`answer_hash`.
        known: the caller knew this hash; ``data`` was not decoded and is empty.
    """

    data: dict[str, Any]
    size: int
    seconds: float
    hash: bytes
    known: bool = False


def answer_hash(body: bytes) -> bytes:
    """BLAKE2b, 16 bytes, of an answer's text."""
    return hashlib.blake2b(body, digest_size=16).digest()


@dataclass(frozen=True)
class ServerInfo:
    """Who answers: release as the server spells it, schema version of its database, path of the database."""

    version: str
    database_schema: int | None
    database_path: str | None


class StashClient:
    """Talks GraphQL to one Stash server.

    Args:
        url: the server's URL.
        api_key: sent as header ``ApiKey``; without one no header is sent (a server without credentials
            refuses any key).
        timeout: seconds for an answer. connect_timeout: seconds for a connection.
        attempts: how often a request is tried before it is given up.
        ca_file: PEM file of the authority that signed the server's certificate; it alone is trusted then.
        transport: for tests.

    Attributes:
        requests, bytes: what was sent and what came back (decompressed) so far.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        timeout: float = 60.0,
        connect_timeout: float = 5.0,
        attempts: int = 5,
        connections: int = 2,
        ca_file: str | Path | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = graphql_url(url)
        self.prefix = urlsplit(self.url).path.removesuffix("/graphql")
        self.attempts = attempts
        if api_key and not KEY_CHARACTERS.match(api_key):
            # the library's own error would print it
            raise StashError("The API key holds spaces or characters that no API key has; copy it from Stash again.")
        self._api_key = api_key
        self.requests = 0
        self.bytes = 0
        self._clock: tuple[str, float] | None = None
        self._lock = threading.Lock()
        # without this Accept, releases from v0.29 on send another content type and do not compress it
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if api_key:
            headers["ApiKey"] = api_key
        self._http = httpx.Client(
            headers=headers,
            timeout=httpx.Timeout(timeout, connect=connect_timeout),
            limits=httpx.Limits(max_connections=max(connections, 1)),
            follow_redirects=False,
            verify=trust(ca_file) if ca_file else True,
            transport=transport,
        )

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
        known: Container[bytes] = (),
        timeout: float | None = None,
    ) -> Answer:
        """Sends a query, with retries.

        Args:
            document: GraphQL text. variables: its variables. name: how errors call it.
            known: hashes of good answers that need not be decoded again.
            timeout: seconds for an answer that is work for the server, and asked for only once; None for the usual.

        Raises:
            StashError: one of its kinds; the message never holds the key.
        """
        payload = orjson.dumps({"query": document, "variables": variables or {}})
        if timeout is not None:
            return self._once(payload, name, known, timeout)
        for attempt in self._attempts():
            with attempt:
                return self._once(payload, name, known)
        raise AssertionError("unreachable")

    def _attempts(self) -> Iterator[Any]:
        return iter(
            stamina.retry_context(on=_soon, attempts=self.attempts, timeout=None, wait_initial=0.3, wait_max=15.0)
        )

    def _once(self, payload: bytes, name: str, known: Container[bytes], timeout: float | None = None) -> Answer:
        try:
            return self._ask(payload, name, known, timeout)
        except StashQueryError as error:
            error.messages = [masked(message, self._api_key) for message in error.messages]
            error.args = (masked(str(error), self._api_key),)
            raise
        except StashError as error:
            error.args = (masked(str(error), self._api_key),)
            raise

    def masked(self, text: str) -> str:
        """A text without the key, to be shown or kept."""
        return masked(text, self._api_key)

    def _beginning(self, body: bytes) -> str:
        """Masked before it is cut: half a key would not be recognised."""
        return masked_bytes(body[:4096], self._api_key)[:200].decode("utf-8", "replace").strip()

    def _ask(self, payload: bytes, name: str, known: Container[bytes], timeout: float | None) -> Answer:
        started = time.perf_counter()
        patience = self._http.timeout if timeout is None else httpx.Timeout(timeout, connect=self._http.timeout.connect)
        with self._reaching("an answer"):
            response = self._http.post(self.url, content=payload, timeout=patience)
        seconds = time.perf_counter() - started
        body = response.content
        with self._lock:
            self.requests += 1
            self.bytes += len(body)
            self._clock = response.headers.get("date", ""), time.monotonic()
        status = response.status_code
        if status in (401, 403):
            raise StashHTTPError(
                status,
                f"{self.url} answered {status}: the API key is missing, wrong, or sent to a server "
                "that has no credentials set.",
            )
        if response.is_redirect:
            sentence = f"{self.url} redirects; give the URL that answers, or the API key."
            raise StashHTTPError(status, sentence, masked(response.headers.get("location", ""), self._api_key))
        if status >= 500:
            raise StashHTTPError(status, f"{self.url} answered {status}: {self._beginning(body)}")
        if status >= 400 and "json" not in response.headers.get("content-type", ""):
            raise StashHTTPError(
                status, f"{self.url} answered {status}: {self._beginning(body)}. Is it a Stash server?"
            )
        digest = answer_hash(body)
        if status == 200 and digest in known:
            return Answer({}, len(body), seconds, digest, known=True)
        answer = _parsed(body)
        if answer is None:
            raise StashBadAnswer(
                f"{self.url} answered something that is not JSON: {self._beginning(body)[:80]!r}. Is it a Stash server?"
            )
        if not isinstance(answer, dict) or not ({"data", "errors"} & answer.keys()):
            raise StashBadAnswer(f"{self.url} answered JSON that is not GraphQL's. Is it a Stash server?")
        if answer.get("errors"):
            safe = _parsed(masked_bytes(body, self._api_key)) or {"errors": "an error that cannot be shown"}
            raise StashQueryError(name, _errors(safe["errors"]))
        if status >= 400:
            raise StashHTTPError(status, f"{self.url} answered {status}.")
        data = answer.get("data")
        if not isinstance(data, dict):
            raise StashBadAnswer(f"{self.url} answered {name} without data.")
        return Answer(data, len(body), seconds, digest)

    @contextmanager
    def download(self, path: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """Asks for a file of the server's; its body is read by the caller, as it comes.

        Args:
            path: below the server's own URL, with a slash before it.

        Raises:
            StashError: if the answer does not begin, or ends too early, or is a redirect or a refusal.
        """
        url = self.url.removesuffix("/graphql") + path
        with self._reaching("a file"), self._http.stream("GET", url, headers={"Accept": "*/*", **headers}) as response:
            with self._lock:
                self.requests += 1
            if response.is_redirect or response.status_code in (401, 403):
                raise StashHTTPError(
                    response.status_code, f"{self.url} answers, and refuses to send files ({response.status_code})."
                )
            yield response

    @contextmanager
    def _reaching(self, what: str) -> Iterator[None]:
        """Errors of the connection as sentences."""
        try:
            yield
        except httpx.TimeoutException as error:
            raise StashUnreachable(f"{self.url} did not answer in time ({type(error).__name__}).", "timeout") from None
        except httpx.TransportError as error:
            unreachable = _unreachable(self.url, error)
            unreachable.args = (masked(str(unreachable), self._api_key),)
            raise unreachable from None
        except httpx.HTTPError as error:
            told = masked(str(error), self._api_key)
            raise StashBadAnswer(f"{self.url} sent {what} that cannot be decoded ({told}).") from None

    def received(self, size: int) -> None:
        """Counts bytes of a file that came."""
        with self._lock:
            self.bytes += size

    def now(self) -> datetime:
        """The server's clock, as its last answer told it; ours where it told none. In whole seconds, never too late."""
        if self._clock is not None:
            told, at = self._clock
            try:
                moment = parsedate_to_datetime(told)
            except (TypeError, ValueError):
                pass
            else:
                aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
                return aware + timedelta(seconds=int(time.monotonic() - at))
        return datetime.now(timezone.utc).replace(microsecond=0)

    def introspect(self) -> ServerSchema:
        """The server's schema, by its own introspection."""
        return ServerSchema(self.execute(INTROSPECTION, name="introspection").data)

    def server_info(self) -> ServerInfo:
        """Release and database of the server.

        Raises:
            StashNotReady: if set-up or a migration is pending. StashError: if the release is too old.
        """
        data = self.execute(
            "{version{version} systemStatus{status databaseSchema appSchema databasePath}}", name="systemStatus"
        ).data
        status = data["systemStatus"]
        if status["status"] == "SETUP":
            raise StashNotReady(f"{self.url} is not set up yet; open it in a browser and finish its set-up.")
        if status["status"] == "NEEDS_MIGRATION":
            raise StashNotReady(f"{self.url} waits for a database migration; open it in a browser and let it migrate.")
        version = str((data.get("version") or {}).get("version") or "")
        numbers = release_numbers(version)
        if numbers and numbers[:2] < OLDEST:
            raise StashError(f"{self.url} runs {version}; releases before v0.20 are not supported.")
        return ServerInfo(version, status.get("databaseSchema"), status.get("databasePath"))


def release_numbers(version: str) -> tuple[int, ...]:
    """``v0.27.2-3-gabc`` → (0, 27, 2); empty if there is no number in it."""
    head = version.strip().lstrip("v").split("-")[0].split("+")[0]
    parts = head.split(".")
    return tuple(int(p) for p in parts) if all(p.isdecimal() and len(p) < 10 for p in parts) else ()


def _errors(errors: Any) -> list[dict[str, Any]]:
    """GraphQL's list of errors; a proxy's text is made one."""
    listed = errors if isinstance(errors, list) else [errors]
    return [error if isinstance(error, dict) else {"message": str(error)} for error in listed]


def _loads(body: bytes) -> Any:
    """JSON, also where a server passed on a file name's bytes that are not UTF-8, or half a surrogate pair."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        value = json.loads(body.decode("utf-8", "replace"))
        return json.loads(without_surrogates(json.dumps(value, ensure_ascii=False)))


def _parsed(body: bytes) -> Any:
    """What the text says, None if it is not JSON."""
    try:
        return _loads(body)
    except ValueError:
        return None


def _unreachable(url: str, error: httpx.TransportError) -> StashUnreachable:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            detail = getattr(cause, "verify_message", None) or cause.reason
            return StashUnreachable(f"{url}: the TLS connection failed ({detail}).", "tls")
        if isinstance(cause, socket.gaierror):
            return StashUnreachable(f"The host name of {url} is not known.", "name")
        cause = cause.__cause__ or cause.__context__
    text = str(error)
    if "Name or service not known" in text or "nodename nor servname" in text or "name resolution" in text:
        return StashUnreachable(f"The host name of {url} is not known.", "name")
    if "refused" in text:
        return StashUnreachable(f"{url} refuses connections: is Stash running there, on that port?", "refused")
    return StashUnreachable(f"{url} cannot be reached: {text or type(error).__name__}.")


def _soon(error: Exception) -> bool:
    """Whether it may pass within seconds: a name that is not known and a certificate that is wrong do not."""
    return may_pass(error) and not (isinstance(error, StashUnreachable) and error.reason in ("name", "tls"))
