"""Migrates a database to the newest schema, once, even if several processes try at the same time."""

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg.errors import DiskFull, InsufficientPrivilege

from stash_pipeline.errors import UserError
from stash_pipeline.warehouse.access import WANTS_ACCESS, ensure_access
from stash_pipeline.warehouse.connect import connect, database_sentence

if TYPE_CHECKING:
    from alembic.config import Config

_OLDEST = 150000


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(files("stash_pipeline.warehouse") / "migrations"))
    return config


def require_version(version: int) -> None:
    """Raises UserError for a server that is too old; the version is a number like 150004 for 15.4."""
    if version < _OLDEST:
        raise UserError("The database is older than Postgres 15; upgrade it, or unset the URL.")


def newest_revision() -> str:
    """The newest revision of the migrations, from their file names."""
    versions = Path(str(files("stash_pipeline.warehouse") / "migrations" / "versions"))
    return max(file.name for file in versions.glob("[0-9]*_*.py")).partition("_")[0]


def is_newest(database_url: str) -> bool:
    """Whether the database has the schema of this version.

    Raises:
        UserError: if it cannot be reached, or is older than Postgres 15.
    """
    with connect(database_url) as connection:
        require_version(connection.info.server_version)
        try:
            exists = connection.execute("SELECT to_regclass('ops.alembic_version') IS NOT NULL").fetchone()
            if not exists or not exists[0]:
                return False
            rows = connection.execute(f"SELECT version_num, {WANTS_ACCESS} FROM ops.alembic_version").fetchall()
        except psycopg.Error:
            # `upgrade` reports the error
            return False
        if [version for version, _ in rows] != [newest_revision()]:
            return False
        if rows[0][1]:
            ensure_access(connection)
        return True


def _complete_partitions(database_url: str) -> None:
    """Creates the partitions of new entities for every instance that was read."""
    from stash_pipeline.warehouse.partition_names import partition
    from stash_pipeline.warehouse.raw.partitions import ensure_partitions
    from stash_pipeline.warehouse.tables import HISTORY

    with connect(database_url) as connection:
        for (instance_id,) in connection.execute("SELECT id FROM ops.instances ORDER BY id").fetchall():
            history = partition(HISTORY.fullname, instance_id)
            (exists,) = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [history]).fetchone() or (False,)
            if exists:
                ensure_partitions(connection, instance_id)


def upgrade(database_url: str) -> None:
    """Applies the missing migrations; if there are none, takes one round trip.

    Raises:
        UserError: if the database cannot be reached, is older than Postgres 15, has another encoding than UTF-8, denies
            the right to create schemas, or was migrated by a newer version of this program.
    """
    if is_newest(database_url):
        return
    # imported here: it takes half a second
    from alembic import command
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from sqlalchemy import NullPool, create_engine, text
    from sqlalchemy.exc import OperationalError, ProgrammingError

    from stash_pipeline.layers import schemas

    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: connect(database_url, autocommit=False), poolclass=NullPool
    )
    config = _config()
    scripts = ScriptDirectory.from_config(config)
    try:
        with engine.begin() as connection:
            version = connection.scalar(text("SHOW server_version_num"))
            require_version(int(version or 0))
            context = MigrationContext.configure(connection, opts={"version_table_schema": "ops"})
            exists = connection.scalar(text("SELECT to_regclass('ops.alembic_version') IS NOT NULL"))
            current = context.get_current_revision() if exists else None
            if current == scripts.get_current_head():
                return
            if current is not None and current not in {s.revision for s in scripts.walk_revisions()}:
                raise UserError(
                    f"The database has schema {current}, which this version of stash-pipeline does not know; "
                    "install the version that migrated it."
                )
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('stash_pipeline migrations'))"))
            for schema in schemas():
                connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        _complete_partitions(database_url)
        with connect(database_url) as access:
            ensure_access(access)
    except OperationalError as error:
        if isinstance(error.orig, DiskFull):
            raise UserError(database_sentence(error.orig)) from None
        reason = str(error.orig).strip().splitlines()[0].rstrip(".")
        raise UserError(
            f"The database cannot be reached: {reason}; check that it runs, its address and its password."
        ) from None
    except ProgrammingError as error:
        # by class: the message is in the server's language
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        reason = str(error.orig).strip().splitlines()[0]
        raise UserError(
            f"The database user lacks a privilege: {reason}. Grant it the right to create schemas."
        ) from None
    finally:
        engine.dispose()
