"""The lock of the one daemon of a database: two would launch everything twice. Does not import Dagster.

A lock on a file in the home cannot tell of another host, so this one is an advisory lock in the database. It lasts as
long as its connection; :meth:`DaemonLock.keep` takes it again after the database was restarted.
"""

import socket
import time
from contextlib import suppress
from types import TracebackType
from typing import Final

import psycopg
from typing_extensions import Self

from stash_pipeline.errors import UserError
from stash_pipeline.warehouse.connect import Connection, connect

_KEY: Final = 0x5354_4144_4D4E
"""An arbitrary number that nothing else uses."""

_KEEP_SECONDS: Final = 5.0
_HOLDER: Final = """
SELECT a.application_name FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'advisory' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (l.classid::bigint << 32 | l.objid::bigint) = %s AND l.granted
"""


class DaemonLock:
    """Held for the length of a block."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._connection: Connection | None = None
        self._looked = 0.0

    def __enter__(self) -> Self:
        """Takes the lock.

        Raises:
            UserError: if another daemon has it.
        """
        self._take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Releases it."""
        self._close()

    def keep(self) -> None:
        """Called often: takes the lock again if its connection was lost.

        Raises:
            UserError: if another daemon took it meanwhile.
        """
        if time.monotonic() - self._looked < _KEEP_SECONDS:
            return
        self._looked = time.monotonic()
        try:
            if self._connection is not None:
                self._connection.execute("SELECT")
                return
        except psycopg.Error:
            self._close()
        try:
            connection = connect(self._url)
        except UserError:
            # the daemon cannot launch anything either while the database is away
            return
        self._lock(connection)

    def _take(self) -> None:
        self._looked = time.monotonic()
        self._lock(connect(self._url))

    def _lock(self, connection: Connection) -> None:
        name = f"stash_pipeline daemon on {socket.gethostname()}"[:63]
        connection.execute("SELECT set_config('application_name', %s, false)", [name])
        if connection.execute("SELECT pg_try_advisory_lock(%s)", [_KEY]).fetchone() == (True,):
            self._connection = connection
            return
        row = connection.execute(_HOLDER, [_KEY]).fetchone()
        connection.close()
        host = (row[0] or "").rpartition(" on ")[2] if row else ""
        raise UserError(
            f"Another daemon serves this database{f', on {host}' if host else ''}: two would launch every run twice; "
            "stop that one, or use its UI."
        )

    def _close(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None
