"""How much memory the answers of one reading may take together, from the moment they are decoded."""

import threading
from types import TracebackType

DECODED_BYTES = 192_000_000
"""Of one reading. A larger answer, as far as the limits allow one, is decoded when there is no other."""


class MemoryBudget:
    """Bytes that several threads share. All methods may be called from any thread.

    Args:
        size: so many bytes may be reserved at once; one reservation may be larger if it is the only one.
    """

    def __init__(self, size: int = DECODED_BYTES) -> None:
        self.size = size
        self.reserved = 0
        self._closed = False
        self._changed = threading.Condition()

    def reserve(self, size: int) -> "Reservation":
        """Waits until there is room for so many bytes; after :meth:`close`, not at all."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self.reserved or self.reserved + size <= self.size)
            self.reserved += size
        return Reservation(self, size)

    def give_back(self, size: int) -> None:
        """Makes room again; called by reservations."""
        with self._changed:
            self.reserved -= size
            self._changed.notify_all()

    def close(self) -> None:
        """Lets everybody go on: the reading has ended, and nothing is kept any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Reservation:
    """A part of a budget, until it is released."""

    def __init__(self, budget: MemoryBudget, size: int) -> None:
        self._budget = budget
        self._size = size

    def shrink(self, size: int) -> None:
        """Gives back what is more than so many bytes."""
        if size < self._size:
            self._budget.give_back(self._size - size)
            self._size = size

    def release(self) -> None:
        """Gives all of it back; any number of times."""
        self.shrink(0)

    def __enter__(self) -> "Reservation":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
