"""The memory budget for the decoded responses of one reader."""

import threading
from types import TracebackType

DECODED_BYTES = 192_000_000
"""Budget of one reader. A larger response, if the limits allow it, is decoded when there is no other."""


class MemoryBudget:
    """A number of bytes that several threads share. All methods are thread-safe.

    Args:
        size: maximum bytes reserved at once; a single reservation may be larger if it is the only one.
    """

    def __init__(self, size: int = DECODED_BYTES) -> None:
        self.size = size
        self.reserved = 0
        self._closed = False
        self._changed = threading.Condition()

    def reserve(self, size: int) -> "Reservation":
        """Reserves bytes, and waits until there is room for them; does not wait after :meth:`close`."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self.reserved or self.reserved + size <= self.size)
            self.reserved += size
        return Reservation(self, size)

    def give_back(self, size: int) -> None:
        """Returns bytes to the budget; called by reservations."""
        with self._changed:
            self.reserved -= size
            self._changed.notify_all()

    def close(self) -> None:
        """Ends all waiting, because the reader has ended."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Reservation:
    """A part of a budget, until it is released."""

    def __init__(self, budget: MemoryBudget, size: int) -> None:
        self._budget = budget
        self._size = size

    def shrink(self, size: int) -> None:
        """Reduces the reservation to ``size`` bytes."""
        if size < self._size:
            self._budget.give_back(self._size - size)
            self._size = size

    def release(self) -> None:
        """Returns all bytes; can be called repeatedly."""
        self.shrink(0)

    def __enter__(self) -> "Reservation":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
