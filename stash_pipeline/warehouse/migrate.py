"""Brings a database to the newest schema, once, whoever asks at the same time."""

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg.errors import DiskFull, InsufficientPrivilege

from stash_pipeline.errors import UserError
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
    """UserError for a server that is too old; the number is Postgres' own, 150004 for 15.4."""
    if version < _OLDEST:
        raise UserError("The database is older than Postgres 15; upgrade it, or leave the URL unset.")


def newest_revision() -> str:
    """The revision that the migrations end in: their files are named by it."""
    versions = Path(str(files("stash_pipeline.warehouse") / "migrations" / "versions"))
    return max(file.name for file in versions.glob("[0-9]*_*.py")).partition("_")[0]


def _is_newest(database_url: str) -> bool:
    with connect(database_url) as connection:
        require_version(connection.info.server_version)
        try:
            there = connection.execute("SELECT to_regclass('ops.alembic_version') IS NOT NULL").fetchone()
            if not there or not there[0]:
                return False
            found = connection.execute("SELECT version_num FROM ops.alembic_version").fetchall()
        except psycopg.Error:
            # that is said below
            return False
        return found == [(newest_revision(),)]


def _complete_partitions(database_url: str) -> None:
    """Gives every instance that was read the partitions of kinds that are new."""
    from stash_pipeline.warehouse.raw.partitions import ensure_partitions
    from stash_pipeline.warehouse.tables import HISTORY, partition

    with connect(database_url) as connection:
        for (instance_id,) in connection.execute("SELECT id FROM ops.instances ORDER BY id").fetchall():
            history = partition(HISTORY.fullname, instance_id)
            (there,) = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [history]).fetchone() or (False,)
            if there:
                ensure_partitions(connection, instance_id)


def upgrade(database_url: str) -> None:
    """Applies what is missing; does nothing, in one round trip, when nothing is.

    Raises:
        UserError: the database cannot be reached, is older than Postgres 15, has another encoding than UTF-8, does
            not let us create, or was migrated by a newer version of this program.
    """
    if _is_newest(database_url):
        return
    # half a second, which a command need not pay where there is nothing to do
    from alembic import command
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from sqlalchemy import NullPool, create_engine, text
    from sqlalchemy.exc import OperationalError, ProgrammingError

    from stash_pipeline.warehouse.tables import SCHEMAS

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
            there = connection.scalar(text("SELECT to_regclass('ops.alembic_version') IS NOT NULL"))
            current = context.get_current_revision() if there else None
            if current == scripts.get_current_head():
                return
            if current is not None and current not in {s.revision for s in scripts.walk_revisions()}:
                raise UserError(
                    f"The database has schema {current}, which is newer than this program knows; "
                    "install the version that migrated it."
                )
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('stash_pipeline migrations'))"))
            for schema in SCHEMAS:
                connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        _complete_partitions(database_url)
    except OperationalError as error:
        if isinstance(error.orig, DiskFull):
            raise UserError(database_sentence(error.orig)) from None
        reason = str(error.orig).strip().splitlines()[0]
        raise UserError(f"The database cannot be reached: {reason}") from None
    except ProgrammingError as error:
        # by its class: the words are in the server's language
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        reason = str(error.orig).strip().splitlines()[0]
        raise UserError(f"The database user lacks a right: {reason}. Let it create schemas.") from None
    finally:
        engine.dispose()
