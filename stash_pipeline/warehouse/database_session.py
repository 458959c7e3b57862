"""Prepares database sessions: the settings of every connection before its first statement.

Every connection of this program is prepared here, whatever its driver: psycopg (`connect`, `migrate`) and psycopg2
(Dagster's storage). The result of a statement depends on session settings, each of which can come from elsewhere: PG*
environment variables, `ALTER ROLE … SET`, `ALTER DATABASE … SET`, postgresql.conf, options in the address.

They are set by a statement after connecting, because that overrides all of those, and because poolers refuse unknown
startup parameters. The encoding is also a startup parameter, because psycopg2 ignores a later change.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from stash_pipeline.errors import UserError

ENCODING: Final = "UTF8"

_SETTINGS: Final[Mapping[str, str]] = {
    "client_encoding": ENCODING,
    # conversion of values to and from text
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_numeric": "C",
    # meaning of statements
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
    # transactions
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    # Timeouts for interactive sessions would fail a run: an initial load is one statement of minutes, a transaction
    # waits for the reader of a snapshot, and the connection that holds a lock is idle during the run.
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
}
_SETTINGS_SINCE_17: Final[Mapping[str, str]] = {"transaction_timeout": "0"}

# all names in the SQL are qualified; with another path Postgres would also print table names differently
_SEARCH_PATH: Final = "pg_catalog"

_SESSION_MODE: Final = (
    "use its session mode (pool_mode = session in PgBouncer), or the address of Postgres itself, in "
    "STASH_PIPELINE_DATABASE_URL"
)


class _Info(Protocol):
    @property
    def backend_pid(self) -> int: ...

    @property
    def server_version(self) -> int: ...


class DriverConnection(Protocol):
    """A connection of psycopg or psycopg2."""

    @property
    def info(self) -> _Info: ...

    def cursor(self) -> Any: ...


def prepare_session(connection: DriverConnection, *, search_path: str = _SEARCH_PATH, **more: str) -> int | None:
    """Sets the session settings in one round trip.

    Args:
        connection: in autocommit mode.
        more: additional settings, by name.

    Returns:
        the pid of the backend if there is a pooler in between, else None.

    Raises:
        UserError: if the database does not store text as UTF-8, or is read-only.
    """
    with connection.cursor() as cursor:
        cursor.execute(session_statement(connection.info.server_version, search_path=search_path, **more))
        backend, encoding, standby = cursor.fetchone()[:3]
    require_utf8(encoding)
    if standby:
        raise UserError(
            "The database is a read-only standby; set STASH_PIPELINE_DATABASE_URL to the address of its primary."
        )
    # a pooler invents the pid that it reports to its client
    return None if backend == connection.info.backend_pid else int(backend)


def session_statement(server_version: int, *, search_path: str = _SEARCH_PATH, **more: str) -> str:
    """The statement that sets the session settings, for drivers without psycopg's interface."""
    settings = {**_SETTINGS, "search_path": search_path, **more}
    if server_version >= 170000:
        settings = {**settings, **_SETTINGS_SINCE_17}
    calls = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in settings.items())
    return f"SELECT pg_backend_pid(), current_setting('server_encoding'), pg_is_in_recovery(), {calls}"


def require_utf8(encoding: str) -> None:
    """Raises UserError for a database whose encoding cannot store every text."""
    if encoding != ENCODING:
        raise UserError(
            f"The encoding of the database is {encoding}, which cannot store every text; create a database with "
            "`CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`, and set STASH_PIPELINE_DATABASE_URL to its "
            "address."
        )


class SharedSessionError(UserError):
    """A pooler distributes the statements of one connection over several sessions."""

    def __init__(self) -> None:
        super().__init__(
            "A connection pooler shares database sessions between its clients (transaction or statement mode), which "
            f"breaks locks; {_SESSION_MODE}."
        )


def refuse_shared(before: int, holder: int, after: Iterable[int]) -> None:
    """Determines whether a connection through a pooler has its own session.

    While another connection holds a transaction open, a pooler that shares sessions has either given it the session of
    this connection, or gives this connection changing sessions.

    Args:
        before: backend pid of the connection.
        holder: backend pid of the other connection, which was opened later.
        after: backend pids of the connection after that, statement by statement.

    Raises:
        SharedSessionError: if the session is shared.
    """
    if holder == before or any(pid != before for pid in after):
        raise SharedSessionError
