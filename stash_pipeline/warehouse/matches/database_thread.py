"""The thread in which Postgres reads and writes while another one computes."""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, ParamSpec, TypeVar

import psycopg

P = ParamSpec("P")
T = TypeVar("T")


class DatabaseThread(ThreadPoolExecutor):
    """One thread for all that a connection does in a transaction, in the order in which it is submitted.

    After a failure all that follows fails by the same error: Postgres would say only that the transaction is aborted.
    """

    def __init__(self) -> None:
        super().__init__(1, "database")
        self._failure: BaseException | None = None
        self._readers: list[Generator[Any, None, None]] = []

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Does something after all that was submitted before."""

        def run() -> T:
            if self._failure is not None:
                raise self._failure
            try:
                return fn(*args, **kwargs)
            except BaseException as error:
                self._failure = error
                raise

        return super().submit(run)

    def close_at_end(self, reader: Generator[Any, None, None]) -> None:
        """Closes a generator that reads from a cursor when the thread ends, if it was not read to its end."""
        self._readers.append(reader)

    def close_readers(self) -> None:
        """Closes the generators. Left to the garbage collection, one of a failed block would print its error."""
        for reader in self._readers:
            # after a second Ctrl-C, a generator may still run; like its cursor, it ends with the transaction
            with suppress(psycopg.Error, ValueError):
                reader.close()


@contextmanager
def database_thread() -> Iterator[DatabaseThread]:
    """The thread for the statements of a block, which waits for the results of all that it submits."""
    thread = DatabaseThread()
    try:
        yield thread
    finally:
        try:
            # of a block that failed, nothing more is worth doing
            thread.shutdown(cancel_futures=True)
        finally:
            thread.close_readers()
