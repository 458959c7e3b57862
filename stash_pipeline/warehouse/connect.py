"""Connections to the warehouse, and the lock that makes one writer per instance."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.pq import TransactionStatus

from stash_pipeline.errors import UserError
from stash_pipeline.settings import DATABASE_URL_VARIABLE, check_database_url, psycopg_url
from stash_pipeline.warehouse.database_session import (
    ENCODING,
    SharedSessionError,
    prepare_session,
    refuse_shared,
)

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


def connect(database_url: str, *, autocommit: bool = True) -> Connection:
    """A connection whose session is as our SQL needs it.

    In autocommit mode, unless told otherwise: transactions are opened where they are meant.

    Raises:
        UserError: if the database cannot be reached, or is not one that we can work with.
    """
    try:
        connection = _connect(database_url)
        try:
            backend = prepare_session(connection)
            if backend is not None:
                _require_own_session(database_url, connection, backend)
            connection.autocommit = autocommit
        except BaseException:
            connection.close()
            raise
        return connection
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        try:
            # libpq repeats parts of an address that it takes for something else, and those may be the password
            check_database_url(database_url)
        except ValueError as problem:
            raise UserError(f"{DATABASE_URL_VARIABLE}: {problem}.") from None
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"The database cannot be reached: {reason}") from None


def _connect(database_url: str) -> Connection:
    return _Connection.connect(
        psycopg_url(database_url),
        autocommit=True,
        application_name="stash_pipeline",
        # before PGCLIENTENCODING, and whatever the address says
        client_encoding=ENCODING,
        # of TCP: the connection that holds a lock is idle for hours, and a router in between forgets idle ones
        keepalives_idle=60,
        keepalives_interval=10,
        keepalives_count=6,
    )


_own_sessions: set[str] = set()
"""Addresses through which connections were found to have sessions of their own."""

_STATEMENTS_OF_A_TEST = 3


def _require_own_session(database_url: str, connection: Connection, backend: int) -> None:
    """For a connection through a pooler: sees, once per address, that it is not moved from session to session.

    Raises:
        SharedSessionError: if it is moved, or others are moved to its session.
    """
    if database_url in _own_sessions:
        return
    with _connect(database_url) as other:
        try:
            with other.transaction():
                pids = (_backend(connection) for _ in range(_STATEMENTS_OF_A_TEST))
                refuse_shared(backend, _backend(other), pids)
        except psycopg.OperationalError:
            # statement mode ends who begins a transaction; who does not is still served
            _backend(connection)
            raise SharedSessionError from None
    _own_sessions.add(database_url)


def _backend(connection: Connection) -> int:
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])


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


@contextmanager
def partitions_shared(connection: Connection) -> Iterator[None]:
    """The same for a block, whatever transactions there are in it: for those that must see one state of all tables."""
    connection.execute("SELECT pg_advisory_lock_shared(hashtext('stash_pipeline partitions'))")
    try:
        yield
    finally:
        with suppress(psycopg.Error):
            connection.execute("SELECT pg_advisory_unlock_shared(hashtext('stash_pipeline partitions'))")


def rearrange_partitions(connection: Connection) -> None:
    """For a transaction that attaches or detaches partitions: waits until nobody writes to attached ones."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('stash_pipeline partitions'))")


class InstanceLockedError(UserError):
    """Another process writes to the instance."""


class LockLostError(UserError):
    """The connection that held the lock is gone, and with it the right to write."""


# What pg_locks has of the lock, if this session holds it; a pooler may have given it to another one.
_HELD = """EXISTS (
    SELECT FROM pg_locks
    WHERE locktype = 'advisory' AND classid = %(class)s::oid AND objid = %(id)s::oid AND objsubid = 2
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND pid = pg_backend_pid() AND granted
)"""


class InstanceLock:
    """The lock of one instance, as long as its connection lives."""

    def __init__(self, connection: Connection, instance_id: int, name: str) -> None:
        self._connection = connection
        self._key = {"class": _LOCK_CLASS, "id": instance_id}
        self._name = name

    def acquire(self) -> bool:
        """Takes the lock if nobody holds it.

        Raises:
            SharedSessionError: if this session holds it already, which is new: it is somebody else's too.
        """
        row = self._connection.execute(
            f"SELECT CASE WHEN {_HELD} THEN NULL ELSE pg_try_advisory_lock(%(class)s, %(id)s) END", self._key
        ).fetchone()
        if row is None or row[0] is None:
            raise SharedSessionError
        return bool(row[0])

    def check(self) -> None:
        """To be called before every write: costs one round trip.

        Raises:
            LockLostError: if the lock is not this session's any more, so that another run may be writing by now.
        """
        try:
            row = self._connection.execute(f"SELECT {_HELD}", self._key).fetchone()
        except psycopg.Error as error:
            raise self._lost(f"with its connection ({str(error).splitlines()[0]})") from None
        if row is None or not row[0]:
            raise self._lost("to another session of the database")

    def release(self) -> None:
        """Gives the lock back, where there is still a connection to say so."""
        # said and not left to the end of the connection, which the server may notice only later
        with suppress(psycopg.Error):
            self._connection.execute("SELECT pg_advisory_unlock(%(class)s, %(id)s)", self._key)

    def _lost(self, how: str) -> LockLostError:
        return LockLostError(
            f"The lock of instance {self._name} was lost {how}; nothing more was written. Run it again."
        )


@contextmanager
def instance_lock(
    database_url: str, instance_id: int, name: str, *, wait_seconds: float = 0.0
) -> Iterator[InstanceLock]:
    """Holds the advisory lock of one instance, on a connection of its own; it ends with the process.

    Args:
        wait_seconds: how long to wait for another writer; 0 refuses at once.

    Raises:
        InstanceLockedError: if another process, on whatever host, holds it.
    """
    with connect(database_url) as connection:
        lock = InstanceLock(connection, instance_id, name)
        deadline = time.monotonic() + wait_seconds
        while not lock.acquire():
            if time.monotonic() >= deadline:
                raise InstanceLockedError(f"Another run is writing to instance {name}; try again when it has ended.")
            time.sleep(0.2)
        try:
            # also at the very start: a pooler may have moved the connection in between
            lock.check()
            yield lock
        finally:
            lock.release()
            connection.close()
