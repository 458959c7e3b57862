"""The database session that our SQL needs: what every connection sets before its first statement.

Every connection of this program goes through here, whatever its driver: psycopg (`connect`, `migrate`) and
psycopg2 (Dagster's storage). The result of a statement depends on settings that belong to the session, and any of
them may come from elsewhere: PG* environment variables, `ALTER ROLE … SET`, `ALTER DATABASE … SET`,
postgresql.conf, options in the address.

They are set by a statement after connecting, because that beats all of those, and because a pooler refuses startup
parameters that it does not know. The encoding is a startup parameter too: psycopg2 does not follow a later change.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from stash_pipeline.errors import UserError

ENCODING: Final = "UTF8"

_SETTINGS: Final[Mapping[str, str]] = {
    "client_encoding": ENCODING,
    # how values are written as text and read from it
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_numeric": "C",
    # what a statement means
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
    # what a transaction sees, and whether it may write
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    # A limit made for people at a prompt ends a run: a first load is one statement of minutes, a transaction waits
    # for the reader of a copy, and the connection that holds a lock is idle for as long as the run takes.
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
}
_SETTINGS_SINCE_17: Final[Mapping[str, str]] = {"transaction_timeout": "0"}

# Every name in our SQL is qualified; with another path Postgres would also write names of tables in another way.
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
    """Sets what our SQL needs, in one round trip; where a pooler is in between, gives the pid of its backend.

    Args:
        connection: in autocommit mode.
        more: settings beside ours, by name.

    Raises:
        UserError: if the database does not keep text as UTF-8, or cannot be written to.
    """
    settings = {**_SETTINGS, "search_path": search_path, **more}
    if connection.info.server_version >= 170000:
        settings.update(_SETTINGS_SINCE_17)
    calls = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in settings.items())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_backend_pid(), current_setting('server_encoding'), pg_is_in_recovery(), {calls}")
        backend, encoding, standby = cursor.fetchone()[:3]
    require_utf8(encoding)
    if standby:
        raise UserError(
            "The database is a standby, which nothing can be written to: give the address of its primary in "
            "STASH_PIPELINE_DATABASE_URL."
        )
    # a pooler makes up the number that it gives to its client
    return None if backend == connection.info.backend_pid else int(backend)


def require_utf8(encoding: str) -> None:
    """UserError for a database that cannot hold every text, or would hold it without knowing its encoding."""
    if encoding != ENCODING:
        raise UserError(
            f"The encoding of the database is {encoding}, which does not keep every text as the server has it: make a "
            "database with `CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`, and give its address in "
            "STASH_PIPELINE_DATABASE_URL."
        )


class SharedSessionError(UserError):
    """A pooler gives the statements of one connection to several sessions."""

    def __init__(self) -> None:
        super().__init__(
            "A connection pooler shares the sessions of the database between its clients (transaction or statement "
            f"mode), so that no lock holds: {_SESSION_MODE}."
        )


def refuse_shared(before: int, holder: int, after: Iterable[int]) -> None:
    """For a connection through a pooler: judges whether its session is its own.

    While another connection holds a transaction open, a pooler that shares sessions has either given it the session
    that the connection had, or gives the connection one after the other.

    Args:
        before: pid of the backend that the connection had. holder: that of the other one, which was opened later.
            after: those that the connection then had, statement by statement.

    Raises:
        SharedSessionError: if it is not.
    """
    if holder == before or any(pid != before for pid in after):
        raise SharedSessionError
