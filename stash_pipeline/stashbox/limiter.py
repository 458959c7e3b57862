"""What the client needs of a limiter. All threads and processes share one per endpoint, in the database."""

from typing import Protocol


class Limiter(Protocol):
    """Permits requests, one after another."""

    def acquire(self) -> object:
        """Waits for this request's turn.

        Raises:
            BudgetExhaustedError: if all requests of the day are used. StashBoxPausedError: if the box asked for a long
                pause. EndpointDisabledError: if the endpoint was disabled. RequestCancelledError: after ``cancel``.
        """

    def pause(self, seconds: float) -> None:
        """Lets nobody send a request for so long."""

    def sleep(self, seconds: float) -> None:
        """Waits before a retry.

        Raises:
            RequestCancelledError: after ``cancel``.
        """

    def cancel(self) -> None:
        """Ends all waiting, because the caller ends."""

    def close(self) -> None:
        """Releases what it holds."""
