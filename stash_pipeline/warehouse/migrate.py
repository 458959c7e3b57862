"""Brings a database to the newest schema, once, whoever asks at the same time."""

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.errors import DiskFull, InsufficientPrivilege
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from stash_pipeline.errors import UserError
from stash_pipeline.warehouse.connect import connect, database_sentence
from stash_pipeline.warehouse.tables import SCHEMAS

_OLDEST = 150000


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("stash_pipeline.warehouse") / "migrations"))
    return config


def require_version(version: int) -> None:
    """UserError for a server that is too old; the number is Postgres' own, 150004 for 15.4."""
    if version < _OLDEST:
        raise UserError("The database is older than Postgres 15; upgrade it, or leave the URL unset.")


def upgrade(database_url: str) -> None:
    """Applies what is missing; does nothing, in one round trip, when nothing is.

    Raises:
        UserError: the database cannot be reached, is older than Postgres 15, has another encoding than UTF-8, does
            not let us create, or was migrated by a newer version of this program.
    """
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
