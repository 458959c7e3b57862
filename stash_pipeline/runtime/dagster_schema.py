"""Creates the tables of Dagster's storage, and migrates them when another version of Dagster is installed.

`dagster instance migrate` does the same by hand. Here, the first process of the new version does it: what a version of
Dagster has done is noted in the comment of a table, so that every other process needs one small query.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from logging import getLogger
from typing import Any, Final

import dagster
from alembic.util import CommandError
from dagster import DagsterError
from dagster_postgres import DagsterPostgresStorage
from sqlalchemy import URL, Connection, create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from sqlalchemy.pool import NullPool

from stash_pipeline.errors import UserError
from stash_pipeline.settings import DATABASE_URL_VARIABLE

SCHEMA: Final = "dagster"

# one table of each storage: Dagster creates the tables of a storage together
_MAIN_TABLES: Final = ("runs", "event_logs", "jobs")
# an arbitrary number that nothing else uses
_LOCK: Final = 0x5354_4153_4844
_POLL_SECONDS: Final = 0.1

_log = getLogger(__name__)


class StorageError(DagsterError, UserError):
    """Dagster's storage is unavailable for a reason that the user can fix."""


def ensure_tables(url: URL, *, private: bool) -> None:
    """Creates or migrates the tables, unless the installed version of Dagster has done so.

    Args:
        private: whether the address is that of the private Postgres.

    Raises:
        StorageError: if the database cannot be reached, or the tables cannot be used with this version.
    """
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with _connected(engine, private=private) as connection:
        if _migrated_by(connection) == _version():
            return
        with _alone(connection):
            if _migrated_by(connection) == _version():
                return
            if not _has_tables(connection):
                _clear_half_made(connection)
            connection.execute(text(f"create schema if not exists {SCHEMA}"))
            # creates the tables that are missing
            storage = DagsterPostgresStorage(url.render_as_string(hide_password=False))
            _migrate(connection, storage)
            _note_version(connection)


def _version() -> str:
    return f"Dagster {dagster.__version__}"


@contextmanager
def _connected(engine: Any, *, private: bool) -> Iterator[Connection]:
    try:
        connection = engine.connect()
    except UserError as error:
        raise StorageError(str(error)) from None
    except OperationalError as error:
        reason = _first_line(error)
        if private:
            raise StorageError(f"The private Postgres cannot be reached ({reason}); run the command again.") from error
        raise StorageError(
            f"The Postgres of {DATABASE_URL_VARIABLE} cannot be reached ({reason}); check that it runs, "
            "its address and its password."
        ) from error
    with connection:
        yield connection


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """One process at a time: a daemon and a web server start together.

    The lock is polled for. A statement that waits for it would have a snapshot, for whose end the index of a migration
    waits, while it holds the lock.
    """
    key = {"key": _LOCK}
    while not connection.execute(text("select pg_try_advisory_lock(:key)"), key).scalar_one():
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        connection.execute(text("select pg_advisory_unlock(:key)"), key)


def _migrate(connection: Connection, storage: DagsterPostgresStorage) -> None:
    """What `dagster instance migrate` does; nothing if the tables are of this version."""
    before = _revision(connection)
    try:
        storage.run_storage.upgrade()  # type: ignore[attr-defined]  # its class is declared as the base
        storage.run_storage.migrate(None)
        storage.event_log_storage.upgrade()
        storage.event_log_storage.reindex_assets(None)
        storage.schedule_storage.upgrade()
        storage.schedule_storage.migrate(None)
    except CommandError:
        raise StorageError(
            f"The tables of Dagster's storage have schema {before}, which {_version()} does not know; install the "
            "newer version of Dagster that migrated them, or restore a backup."
        ) from None
    except DBAPIError as error:
        raise StorageError(
            f"The tables of Dagster's storage cannot be migrated from schema {before} to that of {_version()} "
            f"({_first_line(error)}); mend that and start again, which continues the migration."
        ) from error
    after = _revision(connection)
    if before != after:
        _log.info("The tables of Dagster's storage were migrated from schema %s to %s.", before, after)


def _revision(connection: Connection) -> str | None:
    exists = connection.execute(text(f"select to_regclass('{SCHEMA}.alembic_version') is not null")).scalar_one()
    if not exists:
        return None
    return connection.execute(text(f"select version_num from {SCHEMA}.alembic_version")).scalar()


def _migrated_by(connection: Connection) -> str | None:
    """The version of Dagster in the comment of a table; None if the tables are not complete."""
    row = connection.execute(
        text(
            "select count(*), max(obj_description(c.oid, 'pg_class')) filter (where c.relname = :noted)\n"
            "from pg_class as c join pg_namespace as n on n.oid = c.relnamespace\n"
            "where n.nspname = :schema and c.relname = any(:tables) and c.relkind in ('r', 'p')"
        ),
        {"schema": SCHEMA, "tables": list(_MAIN_TABLES), "noted": _MAIN_TABLES[0]},
    ).one()
    return row[1] if row[0] == len(_MAIN_TABLES) else None


def _note_version(connection: Connection) -> None:
    try:
        connection.execute(text(f"comment on table {SCHEMA}.{_MAIN_TABLES[0]} is '{_version()}'"))
    except ProgrammingError:
        # the tables belong to another role: they are looked at again by the next process
        _log.debug("The version of Dagster's tables cannot be noted.", exc_info=True)


def _clear_half_made(connection: Connection) -> None:
    """Removes incomplete tables that a killed process or a full disk left.

    Dagster creates the tables one by one, and would mistake some of them for an old version of all. A schema that
    contains a run is never changed.
    """
    exists = connection.execute(text(f"select to_regclass('{SCHEMA}.runs') is not null")).scalar_one()
    if exists and connection.execute(text(f"select exists (select from {SCHEMA}.runs)")).scalar_one():
        return
    connection.execute(text(f"drop schema if exists {SCHEMA} cascade"))


def _has_tables(connection: Connection) -> bool:
    count = connection.execute(
        text("select count(*) from pg_tables where schemaname = :schema and tablename = any(:tables)"),
        {"schema": SCHEMA, "tables": list(_MAIN_TABLES)},
    )
    return bool(count.scalar_one() == len(_MAIN_TABLES))


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0]
