"""Connections to the warehouse, and the lock that makes one writer per instance."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.pq import TransactionStatus

from stash_pipeline.errors import UserError
from stash_pipeline.settings import psycopg_url

Connection = psycopg.Connection[Any]

_LOCK_CLASS = 0x53545348
"""First half of the two-part advisory lock key ("STSH"); the second is the instance's id."""


_CANCEL_SECONDS = 2.0


class _Connection(psycopg.Connection[Any]):
    """Cancels its statement at the server whatever interrupts it.

    psycopg itself does so for KeyboardInterrupt; in a step of Dagster a Ctrl-C is an exception of Dagster's, and
    the server would go on with the statement, and hold its locks, until its end.
    """

    def wait(self, gen: PQGen[RV], *arguments: Any, **options: Any) -> RV:
        """Waits for the server."""
        try:
            return super().wait(gen, *arguments, **options)
        except (Exception, KeyboardInterrupt, SystemExit):
            raise
        except BaseException:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                with suppress(psycopg.Error):
                    self.cancel_safe(timeout=_CANCEL_SECONDS)
                    super().wait(gen)
                if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                    self.pgconn.finish()
            raise


def connect(database_url: str) -> Connection:
    """A connection in autocommit mode: transactions are opened where they are meant.

    Raises:
        UserError: if the database cannot be reached.
    """
    try:
        return _Connection.connect(
            psycopg_url(database_url),
            autocommit=True,
            application_name="stash_pipeline",
            # of TCP: the connection that holds a lock is idle for hours, and a router in between forgets idle ones
            keepalives_idle=60,
            keepalives_interval=10,
            keepalives_count=6,
        )
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"The database cannot be reached: {reason}") from None


def database_sentence(error: BaseException) -> str:
    """What is wrong with the database itself (gone, restarted, full), by the error of either driver."""
    lines = str(error).strip().splitlines()
    reason = lines[0].rstrip(".") if lines else type(error).__name__
    if getattr(error, "sqlstate", getattr(error, "pgcode", None)) == psycopg.errors.DiskFull.sqlstate:
        return f"The disk of the database is full ({reason}): make room, and start again."
    return f"The database failed ({reason}): see that it runs and has room, and start again."


def share_partitions(connection: Connection) -> None:
    """For a transaction that writes to attached partitions: keeps them from being attached or detached meanwhile.

    Attaching and detaching lock the tables that foreign keys refer to, in an order of their own.
    """
    connection.execute("SELECT pg_advisory_xact_lock_shared(hashtext('stash_pipeline partitions'))")


def rearrange_partitions(connection: Connection) -> None:
    """For a transaction that attaches or detaches partitions: waits until nobody writes to attached ones."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('stash_pipeline partitions'))")


class InstanceBusy(UserError):
    """Another process writes to the instance."""


class LockLost(UserError):
    """The connection that held the lock is gone, and with it the right to write."""


class InstanceLock:
    """The lock of one instance, as long as its connection lives."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name

    def check(self) -> None:
        """To be called before every write: costs one round trip.

        Raises:
            LockLost: if the server has dropped the connection, so that another run may be writing by now.
        """
        try:
            self._connection.execute("SELECT 1")
        except psycopg.Error as error:
            raise LockLost(
                f"The lock of instance {self._name} was lost with its connection ({str(error).splitlines()[0]}); "
                "nothing more was written. Start again."
            ) from None


@contextmanager
def instance_lock(
    database_url: str, instance_id: int, name: str, *, wait_seconds: float = 0.0
) -> Iterator[InstanceLock]:
    """Holds the advisory lock of one instance, on a connection of its own; it ends with the process.

    Args:
        wait_seconds: how long to wait for another writer; 0 refuses at once.

    Raises:
        InstanceBusy: if another process, on whatever host, holds it.
    """
    with connect(database_url) as connection:
        deadline = time.monotonic() + wait_seconds
        while True:
            row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", [_LOCK_CLASS, instance_id]).fetchone()
            if row and row[0]:
                break
            if time.monotonic() >= deadline:
                raise InstanceBusy(f"Another run is writing to instance {name}; try again when it has ended.")
            time.sleep(0.2)
        try:
            yield InstanceLock(connection, name)
        finally:
            # said and not left to the end of the connection, which the server may notice only later
            with suppress(psycopg.Error):
                connection.execute("SELECT pg_advisory_unlock(%s, %s)", [_LOCK_CLASS, instance_id])
            connection.close()
