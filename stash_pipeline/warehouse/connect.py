"""Connections to the warehouse, and the lock that allows one writer per instance."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

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

APPLICATION_NAME: Final = "stash_pipeline"
"""Of all sessions, in pg_stat_activity."""

_LOCK_CLASS = 0x53545348
"""First half of the two-part advisory lock key ("STSH"); the second is the instance's id."""


_CANCEL_SECONDS = 2.0
_CANCELS, _CANCEL_PAUSE_SECONDS = 20, 0.05


class _Connection(psycopg.Connection[Any]):
    """Cancels its statement on the server, whatever interrupts it.

    psycopg does so only for KeyboardInterrupt. In a Dagster step a Ctrl-C raises an exception of Dagster, and the
    server would continue the statement, and hold its locks, until it ends.

    Attributes:
        stopped: every further statement fails, see :func:`cancel_statements`.
    """

    stopped = False

    def wait(self, gen: PQGen[RV], *arguments: Any, **options: Any) -> RV:
        """Waits for the server."""
        if self.stopped:
            raise psycopg.OperationalError("the work of this connection was interrupted")
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
    """Opens a connection with a prepared session, see ``database_session.py``.

    The default is autocommit mode; transactions are explicit.

    Raises:
        UserError: if the database cannot be reached or is not supported.
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
            # libpq's errors repeat parts of the address that it misinterprets, and those can be the password
            check_database_url(database_url)
        except ValueError as problem:
            raise UserError(f"{DATABASE_URL_VARIABLE}: {problem}.") from None
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise UserError(
            f"The database cannot be reached: {reason}; check that it runs, its address and its password."
        ) from None


def _connect(database_url: str) -> Connection:
    return _Connection.connect(
        psycopg_url(database_url),
        autocommit=True,
        application_name=APPLICATION_NAME,
        # overrides PGCLIENTENCODING and the address
        client_encoding=ENCODING,
        # TCP: the connection that holds a lock is idle for hours, and routers drop idle connections
        keepalives_idle=60,
        keepalives_interval=10,
        keepalives_count=6,
    )


def cancel_statements(connections: Iterable[Connection]) -> None:
    """Cancels the statements of connections that other threads use, and all further ones, so that these threads end."""
    left = list(connections)
    for connection in left:
        if isinstance(connection, _Connection):
            # a thread that computes something would send its next statement later
            connection.stopped = True
    for _ in range(_CANCELS):
        for connection in left:
            try:
                connection.cancel_safe(timeout=_CANCEL_SECONDS)
            except psycopg.Error:
                connection.close()
        # a thread that was just about to send a statement sends it after the server was told to cancel
        time.sleep(_CANCEL_PAUSE_SECONDS)
        left = [other for other in left if other.pgconn.transaction_status == TransactionStatus.ACTIVE]
        if not left:
            return


_own_sessions: set[str] = set()
"""Addresses whose connections have their own sessions."""

_STATEMENTS_OF_A_TEST = 3


def _require_own_session(database_url: str, connection: Connection, backend: int) -> None:
    """Checks once per address that a pooler does not share sessions between connections.

    Raises:
        SharedSessionError: if it does.
    """
    if database_url in _own_sessions:
        return
    with _connect(database_url) as other:
        try:
            with other.transaction():
                pids = (_backend(connection) for _ in range(_STATEMENTS_OF_A_TEST))
                refuse_shared(backend, _backend(other), pids)
        except psycopg.OperationalError:
            # statement mode closes connections that begin a transaction, and serves the others
            _backend(connection)
            raise SharedSessionError from None
    _own_sessions.add(database_url)


def _backend(connection: Connection) -> int:
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])


def database_sentence(error: BaseException) -> str:
    """The message for an error of the database itself (unreachable, restarted, full), of either driver."""
    lines = str(error).strip().splitlines()
    reason = lines[0].rstrip(".") if lines else type(error).__name__
    if getattr(error, "sqlstate", getattr(error, "pgcode", None)) == psycopg.errors.DiskFull.sqlstate:
        return f"The disk of the database is full ({reason}); free some space and try again."
    return f"The database failed ({reason}); check that it is running and has free space, and try again."


def share_partitions(connection: Connection) -> None:
    """Prevents partitions from being attached or detached while this transaction writes to attached partitions.

    Attaching and detaching lock the tables that foreign keys refer to, in a different order.
    """
    connection.execute("SELECT pg_advisory_xact_lock_shared(hashtext('stash_pipeline partitions'))")


@contextmanager
def partitions_shared(connection: Connection) -> Iterator[None]:
    """The same for a block with any transactions, which must see one state of all tables."""
    connection.execute("SELECT pg_advisory_lock_shared(hashtext('stash_pipeline partitions'))")
    try:
        yield
    finally:
        with suppress(psycopg.Error):
            connection.execute("SELECT pg_advisory_unlock_shared(hashtext('stash_pipeline partitions'))")


def rearrange_partitions(connection: Connection) -> None:
    """Waits, in a transaction that attaches or detaches partitions, until no other writes to attached partitions."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('stash_pipeline partitions'))")


class InstanceLockedError(UserError):
    """Another process writes to the instance."""


class LockLostError(UserError):
    """The connection that held the lock was lost, and with it the right to write."""


# whether this session holds the lock; a pooler can have given the connection another session
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
        """Acquires the lock if it is free.

        Raises:
            SharedSessionError: if this new session already holds it, so that other clients share the session.
        """
        row = self._connection.execute(
            f"SELECT CASE WHEN {_HELD} THEN NULL ELSE pg_try_advisory_lock(%(class)s, %(id)s) END", self._key
        ).fetchone()
        if row is None or row[0] is None:
            raise SharedSessionError
        return bool(row[0])

    def check(self) -> None:
        """Checks before every write that the lock is still held; costs one round trip.

        Raises:
            LockLostError: if this session no longer holds the lock, so that another run can be writing.
        """
        try:
            row = self._connection.execute(f"SELECT {_HELD}", self._key).fetchone()
        except psycopg.Error as error:
            raise self._lost(f"with its connection ({str(error).splitlines()[0]})") from None
        if row is None or not row[0]:
            raise self._lost("to another session of the database")

    def release(self) -> None:
        """Releases the lock if the connection still works."""
        # explicitly, because the server may notice the end of the connection only later
        with suppress(psycopg.Error):
            self._connection.execute("SELECT pg_advisory_unlock(%(class)s, %(id)s)", self._key)

    def _lost(self, how: str) -> LockLostError:
        return LockLostError(
            f"The lock of instance {self._name} was lost {how}; nothing more was written. Run the command again."
        )


@contextmanager
def instance_lock(
    database_url: str, instance_id: int, name: str, *, wait_seconds: float = 0.0
) -> Iterator[InstanceLock]:
    """Holds the advisory lock of one instance on its own connection; the lock ends with the process.

    Args:
        wait_seconds: how long to wait for another writer; 0 fails at once.

    Raises:
        InstanceLockedError: if another process, on any host, holds it.
    """
    with connect(database_url) as connection:
        lock = InstanceLock(connection, instance_id, name)
        deadline = time.monotonic() + wait_seconds
        while not lock.acquire():
            if time.monotonic() >= deadline:
                raise InstanceLockedError(f"Another run is writing to instance {name}; try again after it ends.")
            time.sleep(0.2)
        try:
            # also at the start: a pooler may have moved the connection in between
            lock.check()
            yield lock
        finally:
            lock.release()
            connection.close()


def is_written(connection: Connection, instance_id: int) -> bool:
    """Whether any process, on any host, holds the lock of an instance."""
    row = connection.execute(
        "SELECT EXISTS (\n"
        "    SELECT FROM pg_locks\n"
        "    WHERE locktype = 'advisory' AND classid = %s::oid AND objid = %s::oid AND objsubid = 2 AND granted\n"
        "        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())\n"
        ")",
        [_LOCK_CLASS, instance_id],
    ).fetchone()
    return row is not None and bool(row[0])
