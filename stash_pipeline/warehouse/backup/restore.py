"""Restores a backup into a new database, which takes the place of the old one when it is complete.

Until then nothing of the old one changes, and both names change in one transaction. Its user needs the right to create
databases; without it, a backup can only be restored into an empty database, in one transaction.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql

from stash_pipeline.errors import UserError
from stash_pipeline.layers import schemas
from stash_pipeline.warehouse.backup.contents import RUNS_SCHEMA
from stash_pipeline.warehouse.backup.programs import candidates, run
from stash_pipeline.warehouse.backup.write import Manifest, count_rows, read_manifest, stored_keys
from stash_pipeline.warehouse.connect import APPLICATION_NAME, Connection, connect
from stash_pipeline.warehouse.migrate import newest_revision, upgrade

_MAINTENANCE: Final = ("postgres", "template1")
_SERVER_WITH_TIMEOUT: Final = 170000
_BROKEN: Final = "The backup cannot be restored"


@dataclass(frozen=True)
class Restored:
    """What was restored.

    Attributes:
        revision: of the migrations, in the backup.
        upgraded: whether it was older than this program.
        rows: in all tables of the backup.
        missing_roles: roles that had privileges and do not exist here; their privileges were left out.
        stored_keys: servers with keys or headers that only the key file can decrypt.
    """

    revision: str
    upgraded: bool
    rows: int
    missing_roles: list[str]
    stored_keys: int


def restore(url: str, file: Path, *, replace: bool = False) -> Restored:
    """Restores a backup.

    Args:
        url: of the database; it need not be migrated.
        replace: also if it has data, which are dropped once the backup is restored.

    Raises:
        UserError: if the file is no backup, the backup is of a newer version, the database has data or is in use, or
            the restore fails. The database is then as it was.
    """
    with connect(url) as connection:
        server = connection.info.server_version
        revision, manifest = inspect(file, server)
        has_schemas = _has_schemas(connection)
        if has_schemas and not replace and _has_data(connection):
            raise UserError(
                "The database has data; give --replace to drop it once the backup is restored, or set "
                "STASH_PIPELINE_DATABASE_URL to the address of an empty database."
            )
        if has_schemas:
            # before the work, which can take long; and once more before the names change
            _require_unused(connection, connection.info.dbname)
        may_create = _may_create(connection)
        missing = _missing_roles(connection, manifest)
    arguments = ["--exit-on-error", "--no-owner", *(["--no-privileges"] if missing or manifest is None else [])]
    if may_create:
        with _new_database(url) as fresh:
            _fill(fresh, server, file, arguments, manifest)
            _swap(url, fresh)
    elif has_schemas:
        raise UserError(
            "The database user may not create databases, so the old data cannot be kept until the backup is restored; "
            "grant it CREATEDB, or set STASH_PIPELINE_DATABASE_URL to the address of an empty database."
        )
    else:
        _fill(url, server, file, [*arguments, "--single-transaction"], manifest)
    with connect(url) as connection:
        keys = stored_keys(connection)
    rows = sum(manifest.rows.values()) if manifest else 0
    return Restored(revision, revision != newest_revision(), rows, sorted(missing), keys)


def inspect(file: Path, server_version: int) -> tuple[str, Manifest | None]:
    """The revision of the migrations in an archive, and its manifest.

    Raises:
        UserError: if it is no backup, or one of a newer version.
    """
    if not file.is_file():
        raise UserError(f"There is no file {file}; name the file that `stash-pipeline backup` wrote.")
    manifest = read_manifest(file)
    try:
        reader = _reader(server_version, file)
        data = run(reader, ["--data-only", "--schema=ops", "--table=alembic_version", "-f", "-", file], failed=_BROKEN)
    except UserError as error:
        raise UserError(f"{file} is not a backup of stash-pipeline, or is damaged. {error}") from None
    match = re.search(r"^COPY ops\.alembic_version .*\n(\w+)\n\\\.$", data, re.MULTILINE)
    if match is None:
        raise UserError(f"{file} is an archive of pg_dump, but not of stash-pipeline; name another file.")
    if match[1] > newest_revision():
        raise UserError(
            f"{file} has schema {match[1]}, and this version of stash-pipeline knows {newest_revision()}; install the "
            "version that made the backup, or a newer one."
        )
    return match[1], manifest


def _reader(server_version: int, file: Path) -> Path:
    """The `pg_restore` for a server that can read an archive: one of a newer `pg_dump` needs a newer one.

    Raises:
        UserError: if none can read it.
    """
    *older, newest = candidates("pg_restore", server_version)
    for path in older:
        with suppress(UserError):
            run(path, ["--list", file], failed=_BROKEN)
            return path
    run(newest, ["--list", file], failed=_BROKEN)
    return newest


# -- the database that is restored to ------------------------------------------------------------------------


def _has_schemas(connection: Connection) -> bool:
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = ANY(%s))", [[*schemas(), RUNS_SCHEMA]]
    ).fetchone()
    return bool(row and row[0])


def _has_data(connection: Connection) -> bool:
    """Whether the database has anything that a new installation does not have."""
    for table in ("ops.instances", "ops.stashbox_endpoints", "matches.decisions"):
        with suppress(psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            row = connection.execute(f"SELECT EXISTS (SELECT FROM {table})").fetchone()
            if row and row[0]:
                return True
    return False


def _may_create(connection: Connection) -> bool:
    row = connection.execute("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    return bool(row and row[0])


def _missing_roles(connection: Connection, manifest: Manifest | None) -> set[str]:
    if manifest is None:
        return set()
    existing = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles").fetchall()}
    return set(manifest.roles) - existing


def _fill(url: str, server: int, file: Path, arguments: list[str], manifest: Manifest | None) -> None:
    tolerated = None
    if server < _SERVER_WITH_TIMEOUT and "--single-transaction" not in arguments:
        # a newer pg_restore begins with this setting of newer servers
        arguments = [argument for argument in arguments if argument != "--exit-on-error"]
        tolerated = "transaction_timeout"
    reader = _reader(server, file)
    with NamedTemporaryFile("w", suffix=".list", encoding="utf-8") as entries:
        # default privileges are those of the role that made the backup, which only that role may set; the migration
        # below sets them for the role that restores
        listed = run(reader, ["--list", file], failed=_BROKEN).splitlines(keepends=True)
        entries.writelines(line for line in listed if " DEFAULT ACL " not in line)
        entries.flush()
        only = f"--use-list={entries.name}"
        run(reader, [*arguments, only, file], url=url, failed=_BROKEN, tolerated=tolerated)
    with connect(url) as connection:
        if manifest is not None:
            rows = count_rows(connection, manifest.schemas)
            differing = sorted(name for name, count in manifest.rows.items() if rows.get(name) != count)
            if differing:
                raise UserError(f"{_BROKEN}: {', '.join(differing[:5])} have other row counts than the manifest says.")
    upgrade(url)
    with connect(url) as connection:
        # without statistics, the first statements would choose bad plans
        connection.execute("ANALYZE")


def database_of(url: str, name: str) -> str:
    """The address of another database of the same server."""
    return urlsplit(url)._replace(path=f"/{quote(name, safe='')}").geturl()


def _name_of(url: str) -> str:
    with connect(url) as connection:
        return connection.info.dbname


@contextmanager
def _maintenance(url: str) -> Iterator[Connection]:
    """A connection to a database that is neither of the two."""
    name = _name_of(url)
    connection = None
    for other in _MAINTENANCE:
        if other != name and connection is None:
            with suppress(UserError):
                connection = connect(database_of(url, other))
    if connection is not None:
        with connection:
            yield connection
        return
    raise UserError(
        "No other database of the server can be reached (postgres, template1), so the restored one cannot take its "
        "name; grant the right to connect to the database postgres."
    )


@contextmanager
def _new_database(url: str) -> Iterator[str]:
    """The address of a new, empty database with the encoding and locale of another; dropped if the block fails."""
    with connect(url) as connection:
        old = connection.info.dbname
        provider = "datlocale" if connection.info.server_version >= 170000 else "daticulocale"
        row = connection.execute(
            f"SELECT datcollate, datctype, datlocprovider, {provider} FROM pg_database WHERE datname = %s", [old]
        ).fetchone()
    assert row is not None
    collate, ctype, kind, locale = row
    name = f"{old[:40]}_restored_{datetime.now(timezone.utc):%Y%m%d%H%M%S%f}"
    options = sql.SQL("TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE {} LC_CTYPE {} LOCALE_PROVIDER {}").format(
        collate, ctype, sql.SQL({"i": "icu", "b": "builtin"}.get(str(kind), "libc"))
    )
    if str(kind) in "ib" and locale is not None:
        options += sql.SQL(" {} {}").format(sql.SQL("ICU_LOCALE" if kind == "i" else "BUILTIN_LOCALE"), locale)
    with _maintenance(url) as maintenance:
        maintenance.execute(sql.SQL("CREATE DATABASE {} {}").format(sql.Identifier(name), options))
    try:
        yield database_of(url, name)
    except BaseException:
        with suppress(UserError, psycopg.Error), _maintenance(url) as maintenance:
            maintenance.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        raise


def _swap(url: str, fresh: str) -> None:
    """Gives a new database the name of the old one, and drops that."""
    old, new = _name_of(url), _name_of(fresh)
    aside = f"{new}_old"
    with _maintenance(url) as connection:
        _require_unused(connection, old)
        _copy_settings(connection, old, new)
        rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
        try:
            with connection.transaction():
                connection.execute(rename.format(sql.Identifier(old), sql.Identifier(aside)))
                connection.execute(rename.format(sql.Identifier(new), sql.Identifier(old)))
        except psycopg.Error as error:
            raise UserError(f"{_BROKEN}: {str(error).splitlines()[0]}; nothing was changed.") from None
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(aside)))


def _require_unused(connection: Connection, database: str) -> None:
    """Refuses while sessions other than this one use a database.

    Raises:
        UserError: names the programs.
    """
    # our own sessions were closed a moment ago, and end a moment later
    for _ in range(20):
        rows = connection.execute(
            "SELECT DISTINCT coalesce(nullif(application_name, ''), 'unnamed') FROM pg_stat_activity\n"
            "WHERE datname = %s AND pid <> pg_backend_pid() AND (backend_type = 'client backend'\n"
            # what those of another role are is hidden; background processes have none
            "    OR backend_type IS NULL AND usesysid IS NOT NULL) ORDER BY 1",
            [database],
        ).fetchall()
        if not any(row[0] == APPLICATION_NAME for row in rows):
            break
        time.sleep(0.1)
    if rows:
        names = ", ".join(row[0] for row in rows)
        raise UserError(
            f"Other programs are connected to the database ({names}); end them, also `stash-pipeline up` and `serve`, "
            "and try again."
        )


def _copy_settings(connection: Connection, old: str, new: str) -> None:
    """Applies the settings of a database (``ALTER DATABASE … SET``) to another."""
    rows = connection.execute(
        "SELECT r.rolname, s.setconfig FROM pg_db_role_setting AS s JOIN pg_database AS d ON d.oid = s.setdatabase\n"
        "LEFT JOIN pg_roles AS r ON r.oid = s.setrole WHERE d.datname = %s",
        [old],
    ).fetchall()
    for role, settings in rows:
        for setting in settings:
            name, _, value = setting.partition("=")
            subject = (
                sql.SQL("DATABASE {}").format(sql.Identifier(new))
                if role is None
                else sql.SQL("ROLE {} IN DATABASE {}").format(sql.Identifier(role), sql.Identifier(new))
            )
            # lists are stored as they are written
            shown = sql.SQL(value) if name == "search_path" else sql.Literal(value)
            connection.execute(sql.SQL("ALTER {} SET {} TO {}").format(subject, sql.Identifier(name), shown))
