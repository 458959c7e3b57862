"""When a request is sent again, and when a server in trouble is left alone: one policy for every request.

Failures that may pass (no connection, a timeout, 5xx, a locked database) are retried with growing pauses. An error
about one object is retried a few times, because an answer is no snapshot: an object that vanishes while the server
makes the answer fails the whole page. Nothing else is retried: a refused key or document is refused again.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import stamina

from stash_pipeline.stash.errors import StashConnectionError, StashError, StashQueryError, may_pass
from stash_pipeline.stash.query_errors import may_concern_changing_object

log = logging.getLogger(__name__)

T = TypeVar("T")


def _log_retry(details: stamina.instrumentation.RetryDetails) -> None:
    log.info("Retrying in %.1f s (%s).", details.wait_for, details.caused_by)


# stamina's own hook prints to standard output where structlog is installed, and Dagster installs it
stamina.instrumentation.set_on_retry_hooks([_log_retry])


@dataclass(frozen=True)
class RetryPolicy:
    """How often a request is sent, and a run started.

    The total is bounded: a request ends after ``attempts``, or when its own time limit has passed
    (:attr:`Limits.request_seconds`, all attempts together). A server that answers nothing for ``patience`` is left
    alone by all requests of its client. A run is started ``run_retries`` times more.

    Attributes:
        first_attempts: of one request, before the server has answered any: it may not be there at all.
        attempts: of one request, once the server has answered; enough for it to restart.
        object_attempts: of one request that fails because of one object.
        first_pause, longest_pause: seconds between the attempts of a request, growing by two, with jitter.
        patience: seconds without any answer after which the server is left alone.
        run_retries: how often a Dagster run is started again after such a failure; a setting.
        run_pause: seconds before the first retry of a run; each further one waits twice as long.
    """

    first_attempts: int = 5
    attempts: int = 9
    object_attempts: int = 3
    first_pause: float = 0.3
    longest_pause: float = 15.0
    patience: float = 300.0
    run_retries: int = 3
    run_pause: float = 10.0

    def pause(self, failures: int) -> float:
        """Seconds before the next attempt, after so many failures in a row."""
        return min(self.first_pause * 2 ** (failures - 1), self.longest_pause)

    def pause_before_run(self, retries: int) -> float:
        """Seconds before a run is started again, after so many retries; with jitter, so that runs do not coincide."""
        return self.run_pause * 2**retries * random.uniform(0.8, 1.2)


NO_RETRIES: Final = RetryPolicy(first_attempts=1, attempts=1, object_attempts=1)
"""For a caller who wants to know how the server is now."""


class Retries:
    """Sends the requests of one client by a policy; any thread may call it.

    Attributes:
        given_up: why the server is left alone; None while it is not.

    Args:
        clock: for tests.
    """

    def __init__(self, policy: RetryPolicy | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.policy = policy or RetryPolicy()
        self.given_up: str | None = None
        self._clock = clock
        self._lock = threading.Lock()
        self._answered = False
        self._failures = 0
        self._failing_since = 0.0
        self._series = 0

    def call(self, send: Callable[[], T], *, deadline: float | None = None) -> T:
        """Sends a request, again while the policy says so.

        Args:
            send: sends it once. deadline: of the clock, after which it is not sent again.

        Raises:
            StashError: why the last attempt failed. StashConnectionError: that the server is left alone.
        """
        if self.policy.attempts == 1:
            return send()
        number_of = {"transient": 0, "object": 0}

        def again(error: Exception) -> bool:
            if self.given_up is not None or (deadline is not None and self._clock() >= deadline):
                return False
            if self._is_transient(error):
                number_of["transient"] += 1
                return number_of["transient"] < self._attempts
            number_of["object"] += 1
            return may_concern_changing_object(error) and number_of["object"] < self.policy.object_attempts

        most = self.policy.first_attempts + self.policy.attempts + self.policy.object_attempts
        for attempt in stamina.retry_context(
            on=again,
            attempts=most,
            timeout=None,
            wait_initial=self.policy.first_pause,
            wait_max=self.policy.longest_pause,
        ):
            with attempt:
                return self._send(send, number_of)
        raise AssertionError("unreachable")

    @property
    def _attempts(self) -> int:
        return self.policy.attempts if self._answered else self.policy.first_attempts

    def _is_transient(self, error: Exception) -> bool:
        # where nothing was ever answered, a name or a certificate is wrong, and stays so
        permanent = isinstance(error, StashConnectionError) and error.reason in ("name", "tls")
        return may_pass(error) and (self._answered or not permanent)

    def _send(self, send: Callable[[], T], number_of: dict[str, int]) -> T:
        if self.given_up is not None:
            raise StashConnectionError(self.given_up)
        series = self._series
        try:
            answer = send()
        except StashError as error:
            if may_pass(error):
                self._record_failure(error, last=number_of["transient"] + 1 >= self._attempts)
            elif isinstance(error, StashQueryError):
                # the server works, and says what is wrong
                self._record_answer(series)
            raise
        self._record_answer(series)
        return answer

    def _record_answer(self, series: int) -> None:
        """Ends the series of failures, unless the request was sent before it: the server may have died since."""
        with self._lock:
            self._answered = True
            if series == self._series:
                self._failures = 0

    def _record_failure(self, error: StashError, *, last: bool) -> None:
        """Gives the server up when a request has used all its attempts, or nothing was answered for too long."""
        with self._lock:
            now = self._clock()
            if not self._failures:
                self._failing_since = now
                self._series += 1
            self._failures += 1
            if not self._answered or self.given_up is not None:
                return
            # not all of them: another request may have been answered after the first failure, before the server died
            exhausted = last and self._failures > self.policy.attempts // 2
            if exhausted or (self._failures > 1 and now - self._failing_since >= self.policy.patience):
                reason = str(error).removesuffix(".")
                self.given_up = (
                    f"The server was left alone after {self._failures} failures in a row; the last: {reason}."
                )
                raise StashConnectionError(self.given_up) from None
