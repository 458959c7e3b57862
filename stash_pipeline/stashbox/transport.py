"""Sends requests to one box: the only place that does. It waits for the limiter, retries, and never sends a mutation.

An attempt is a request: each waits for its turn. A box that asks for a pause gets it from all threads and processes.
"""

import logging
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from types import TracebackType
from typing import Any, Final

import httpx
import orjson

from stash_pipeline.stash.access import Access
from stash_pipeline.stash.decoding import loads
from stash_pipeline.stash.errors import LimitExceededError, StashError, shortened
from stash_pipeline.stash.limits import Limits, bound, check_growth, read_body, until
from stash_pipeline.stash.retries import RetryPolicy
from stash_pipeline.stash.transport_errors import connection_error
from stash_pipeline.stashbox.answers import graphql_errors, refusal_of, status_error
from stash_pipeline.stashbox.errors import (
    StashBoxAnswerError,
    StashBoxConnectionError,
    StashBoxError,
    StashBoxHTTPError,
    StashBoxQueryError,
    StashBoxThrottledError,
    StashBoxTooLargeError,
    is_validation,
)
from stash_pipeline.stashbox.limiter import Limiter

log = logging.getLogger(__name__)

# its debug lines contain response headers, in which a proxy may echo the key
logging.getLogger("httpcore").setLevel(logging.INFO)

RETRIES: Final = RetryPolicy(first_attempts=2, attempts=4, object_attempts=2, first_pause=2.0, longest_pause=60.0)
"""Few and slow, because a box is a community's: its users wait behind each of them."""

FIRST_PAUSE: Final = 60.0
LONGEST_PAUSE: Final = 3600.0
"""Seconds of a pause that a box asks for: without a number, and at most."""

USER_AGENT: Final = f"stash-pipeline/{version('stash-pipeline')} (read-only; Postgres copy of Stash libraries)"


@dataclass(frozen=True)
class Answer:
    """The ``data`` of a response, and its errors that concern parts of it."""

    data: dict[str, Any]
    errors: list[dict[str, Any]]


def refuse_writes(document: str) -> None:
    """Lets only queries pass.

    Raises:
        AssertionError: if the document has another operation, or a text in which one could hide.
    """
    depth, outside = 0, []
    for character in document:
        depth += (character == "{") - (character == "}")
        outside.append(character if depth == 0 else " ")
    words = re.findall(r"\w+", "".join(outside))
    if words[:1] != ["query"] or not {"mutation", "subscription"}.isdisjoint(words) or '"' in document:
        raise AssertionError("Only queries are sent to a stash-box.")


class Transport:
    """The HTTP side of one endpoint. Any thread may use it.

    Args:
        url: the endpoint. name: in the registry, for messages.
        access: the key. limiter: shared by all who ask this endpoint.
        timeout: seconds without data. connect_timeout: seconds for a connection.

    Attributes:
        requests, bytes: sent and received so far.
    """

    def __init__(
        self,
        url: str,
        name: str,
        access: Access,
        limiter: Limiter,
        *,
        timeout: float = 60.0,
        connect_timeout: float = 10.0,
        retries: RetryPolicy = RETRIES,
        limits: Limits | None = None,
    ) -> None:
        self.url = url
        self.name = name
        self.limiter = limiter
        self.requests = 0
        self.bytes = 0
        self._policy = retries
        self._limits = replace(limits or Limits(), program="a stash-box")
        self._mask = access.mask()
        self._answered = False
        self._throttled = 0
        self._lock = threading.Lock()
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": USER_AGENT,
        }
        self._http = httpx.Client(
            headers={**headers, **access.request_headers()},
            timeout=httpx.Timeout(timeout, connect=connect_timeout),
            follow_redirects=False,
            verify=access.ssl_context(url),
        )
        bound(self._http)

    def __repr__(self) -> str:
        return f"Transport({self.name!r}, {self.url!r})"

    def __enter__(self) -> "Transport":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends waiting requests and closes the connections."""
        self.limiter.cancel()
        self._http.close()
        self.limiter.close()

    def send(self, document: str, variables: dict[str, Any], what: str, *, retry: bool = True) -> Answer:
        """Sends a query, again if that may help.

        Args:
            what: the query's name for messages. retry: False sends it once.

        Raises:
            StashBoxError: one of its subclasses.
        """
        refuse_writes(document)
        payload = orjson.dumps({"query": document, "variables": variables})
        failures = 0
        while True:
            self.limiter.acquire()
            try:
                answer = self._ask(payload, what)
            except StashBoxError as error:
                failures += 1
                if isinstance(error, StashBoxThrottledError):
                    self._pause(error)
                if not retry or not self._may_help(error) or failures >= self._attempts(error):
                    raise
                if not isinstance(error, StashBoxThrottledError):
                    pause = self._policy.pause(failures) * random.uniform(0.5, 1.5)
                    log.info("Retrying in %.1f s (%s)", pause, error)
                    self.limiter.sleep(pause)
            else:
                self._throttled = 0
                return answer

    def _attempts(self, error: StashBoxError) -> int:
        if isinstance(error, StashBoxQueryError):
            return self._policy.object_attempts
        return self._policy.attempts if self._answered else self._policy.first_attempts

    def _may_help(self, error: StashBoxError) -> bool:
        # where nothing was ever answered, a name or a certificate is wrong, and stays so
        wrong = isinstance(error, StashBoxConnectionError) and error.reason in ("name", "tls")
        return error.transient and (self._answered or not wrong)

    def _pause(self, error: StashBoxThrottledError) -> None:
        with self._lock:
            self._throttled += 1
            pause = FIRST_PAUSE * 2 ** min(self._throttled - 1, 8) if error.retry_after is None else error.retry_after
        pause = min(max(pause, 1.0), LONGEST_PAUSE)
        log.warning("%s asks for a pause; no request is sent to it for %.0f s.", self.name, pause)
        self.limiter.pause(pause)

    def _ask(self, payload: bytes, what: str) -> Answer:
        end = time.monotonic() + self._limits.request_seconds
        subject = f"{self.name} answered {what}"
        request = self._http.build_request("POST", self.url, content=payload)
        with self._lock:
            self.requests += 1
        with self._reaching(what, end), until(end):
            response = self._http.send(request, stream=True)
            try:
                body = read_body(response, self._limits, subject, end)
            finally:
                # do not wait for the unread rest: close the connection
                response.close()
        with self._lock:
            self.bytes += len(body)
        return self._read(response, body, what, subject)

    def _read(self, response: httpx.Response, body: bytes, what: str, subject: str) -> Answer:
        json = body.lstrip()[:1] == b"{"
        headers = {name.lower(): self._mask.text(value) for name, value in response.headers.items()}
        refused = status_error(self.name, self.url, response.status_code, headers, self._beginning(body), json=json)
        if refused:
            raise refused
        try:
            check_growth(body, self._limits, subject)
            answer = loads(self._mask.answer(body), subject)
            if b"\\u0000" in body:
                # JSONB cannot hold it
                answer = _mapped(answer, lambda text: text.replace("\x00", "\N{REPLACEMENT CHARACTER}"))
        except LimitExceededError as error:
            raise StashBoxTooLargeError(str(error)) from None
        except ValueError:
            raise StashBoxAnswerError(
                f"{self.name} answered {what} with JSON that is damaged or truncated; try again later."
            ) from None
        self._answered = True
        # after decoding, because escaped secrets are plain text only now
        errors = _mapped(graphql_errors(answer), self._mask.text)
        data = answer.get("data")
        if errors:
            refusal = refusal_of(self.name, what, errors)
            if refusal:
                raise refusal
            invalid = response.status_code in (400, 422)
            if invalid or not isinstance(data, dict) or is_validation(errors):
                raise StashBoxQueryError(self.name, what, errors, validation=invalid)
        if response.status_code >= 400:
            raise StashBoxHTTPError(response.status_code, f"{self.name} answered {response.status_code} to {what}.")
        if not isinstance(data, dict):
            raise StashBoxAnswerError(
                f"{self.name} answered {what} with JSON that has no data; is {self.url} the endpoint of a stash-box?"
            )
        return Answer(data, errors)

    def _beginning(self, body: bytes) -> str:
        # masked before it is truncated: half a key would not be recognised
        return shortened(self._mask.raw(body[:8192]).decode("utf-8", "replace")[:4096], 4096)

    @contextmanager
    def _reaching(self, what: str, end: float) -> Iterator[None]:
        try:
            yield
        except httpx.TimeoutException:
            seconds = self._limits.request_seconds
            late = f"not complete within {seconds:,.0f} s" if time.monotonic() >= end else "not sent in time"
            raise StashBoxConnectionError(f"The answer of {self.name} to {what} was {late}.", "timeout") from None
        except httpx.RemoteProtocolError:
            raise StashBoxConnectionError(f"The answer of {self.name} to {what} broke off, or is not HTTP.") from None
        except httpx.TransportError as error:
            reason = connection_error(self.url, error, "a stash-box")
            message = shortened(self._mask.text(f"{self.name}: {reason}"), 500)
            if reason.reason == "tls":
                message += (
                    " If a private authority signed its certificate, give its PEM file with "
                    f"`stash-pipeline boxes edit {self.name} --ca-file PATH`, or set SSL_CERT_FILE to it."
                )
            raise StashBoxConnectionError(message, reason.reason) from None
        except httpx.HTTPError as error:
            detail = shortened(self._mask.text(str(error)), 300)
            raise StashBoxAnswerError(f"{self.name} sent an answer that cannot be decoded ({detail}).") from None
        except LimitExceededError as error:
            raise StashBoxTooLargeError(str(error)) from None
        except StashError as error:
            raise StashBoxAnswerError(str(error)) from None


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """A JSON value with every text in it changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_mapped(element, change) for element in value]
    if isinstance(value, dict):
        return {name: _mapped(member, change) for name, member in value.items()}
    return value
