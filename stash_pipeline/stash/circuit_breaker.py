"""Leaves a dying server alone: after a few failures in a row nobody asks it any more.

The client tries each request a few times. What still fails is asked again here, for a restart takes longer than
that, until the failures in a row of all workers of one reading are too many, or have gone on for too long.
"""

import threading
import time
from collections.abc import Callable, Container
from typing import Any, Protocol

import stamina

from stash_pipeline.stash.client import Answer
from stash_pipeline.stash.errors import StashConnectionError, StashError, StashQueryError, may_pass

FAILURES = 5
"""Requests in a row that may fail for good."""

PATIENCE = 300.0
"""Seconds for which failures in a row may go on."""


class QueryExecutor(Protocol):
    """What a walk needs of a client."""

    def execute(
        self,
        document: str,
        variables: dict[str, Any] | None = None,
        *,
        name: str = "query",
        known: Container[bytes] = (),
    ) -> Answer:
        """Sends a query and returns its answer."""


class CircuitBreaker:
    """Counts failures in a row over all threads of a reading.

    Args:
        failures: so many in a row open it. patience: so many seconds of nothing but failures open it as well.
        clock: for tests.
    """

    def __init__(
        self,
        failures: int | None = None,
        patience: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.failures = FAILURES if failures is None else failures
        self.patience = PATIENCE if patience is None else patience
        self._clock = clock
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._since = 0.0
        self._opened: str | None = None

    @property
    def is_open(self) -> bool:
        """Nobody may ask any more."""
        return self._opened is not None

    def check(self) -> None:
        """Called before a request.

        Raises:
            StashConnectionError: if the server is to be left alone.
        """
        if self._opened is not None:
            raise StashConnectionError(self._opened)

    def succeeded(self) -> None:
        """The server answered."""
        with self._lock:
            self._in_a_row = 0

    def failed(self, error: StashError) -> None:
        """A request failed, all its attempts used."""
        with self._lock:
            now = self._clock()
            if not self._in_a_row:
                self._since = now
            self._in_a_row += 1
            if self._opened is None and (
                self._in_a_row >= self.failures or (self._in_a_row > 1 and now - self._since >= self.patience)
            ):
                last = str(error).removesuffix(".")
                self._opened = f"The server was left alone after {self._in_a_row} failures in a row; the last: {last}."


class ResilientClient:
    """A client whose requests all pass through one circuit."""

    def __init__(self, client: QueryExecutor, circuit: CircuitBreaker | None = None) -> None:
        self.client = client
        self.circuit = circuit or CircuitBreaker()

    def execute(
        self,
        document: str,
        variables: dict[str, Any] | None = None,
        *,
        name: str = "query",
        known: Container[bytes] = (),
    ) -> Answer:
        """Sends a query; asks again while the server is in trouble and the circuit is closed.

        Raises:
            StashError: what the server refused, or that it was left alone.
        """
        for attempt in stamina.retry_context(
            on=self._again, attempts=max(self.circuit.failures, 1), timeout=None, wait_initial=1.0, wait_max=10.0
        ):
            with attempt:
                self.circuit.check()
                return self._once(document, variables, name, known)
        raise AssertionError("unreachable")

    def _again(self, error: Exception) -> bool:
        return may_pass(error) and not self.circuit.is_open

    def _once(self, document: str, variables: dict[str, Any] | None, name: str, known: Container[bytes]) -> Answer:
        try:
            answer = self.client.execute(document, variables, name=name, known=known)
        except StashError as error:
            if may_pass(error):
                self.circuit.failed(error)
                self.circuit.check()
            elif isinstance(error, StashQueryError):
                # it is alive, and says what is wrong
                self.circuit.succeeded()
            raise
        self.circuit.succeeded()
        return answer
