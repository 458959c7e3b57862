"""Exports tables and views as files, all from one consistent state of the database."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

from stash_pipeline.errors import UserError
from stash_pipeline.exports.folder import HashedFile, export_folder
from stash_pipeline.exports.parquet import ParquetSession, ReadError, require_parquet
from stash_pipeline.exports.relations import Relation, chosen, relations
from stash_pipeline.exports.selection import PAGE_COST, Format, Rows, columns_of, query, reason, require_valid
from stash_pipeline.instances import get_instance
from stash_pipeline.warehouse.access import READER, may_read_as_reader
from stash_pipeline.warehouse.connect import Connection, connect, database_sentence

MANIFEST: Final = "manifest.json"

_LOCK_SECONDS: Final = 60

# JSON has neither control character in it, so that nothing is quoted: one object per line
_COPY_JSON: Final = "COPY ({}) TO STDOUT (FORMAT csv, DELIMITER E'\\x02', QUOTE E'\\x01')"
# of the driver, around the message of Postgres
_MESSAGE: Final = re.compile(r"^.*ERROR:|\. SQLSTATE: \w+$")
_COPY_CSV: Final = "COPY ({}) TO STDOUT (FORMAT csv, HEADER)"


@dataclass(frozen=True)
class ExportedTable:
    """A file that was written.

    Attributes:
        table: with its schema.
        file: its name in the folder.
    """

    table: str
    file: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Export:
    """What was written, and from which state of the database."""

    folder: Path
    revision: int
    tables: tuple[ExportedTable, ...]


def export_tables(
    database_url: str,
    names: Sequence[str],
    *,
    file_format: Format,
    folder: Path,
    where: str | None = None,
    instances: Sequence[str] = (),
    timeout_seconds: float = 3600,
) -> Export:
    """Writes one file per table, and a manifest. Files of the same names are replaced when all are complete.

    Args:
        names: tables, views, and patterns such as ``catalog.*``.
        where: a condition in SQL, for each of the tables.
        instances: names of the instances whose rows are exported; none for all.
        timeout_seconds: how long one table may take.

    Raises:
        UserError: if a name or the condition is invalid, a table takes too long, or the files cannot be written.
    """
    if file_format == "parquet":
        require_parquet()
    with _one_state(database_url, where, timeout_seconds) as connection:
        tables = chosen(names, relations(connection))
        only = tuple(get_instance(connection, name).id for name in instances)
        rows = Rows(where, only)
        queries = {table: query(table, rows, file_format) for table in tables}
        # a condition of --where can call functions, and those with the rights of the reader only
        role = READER if may_read_as_reader(connection, [table.name for table in tables]) else None
        _begin(connection, tables)
        for table, statement in queries.items():
            _work_as(connection, role)
            require_valid(connection, table, statement, where)
        with (
            export_folder(folder) as target,
            _writer(database_url, connection, file_format, timeout_seconds, role) as write,
        ):
            written = []
            for table, statement in queries.items():
                name = f"{table.name}.{file_format}"
                with target.file(name) as file:
                    number = write(table, statement, file)
                written.append(ExportedTable(table.name, name, number, file.bytes, file.sha256))
            _work_as(connection, None)
            manifest = _manifest(connection, tables, written, file_format, rows)
            with target.file(MANIFEST) as file:
                file.write(json.dumps(manifest, indent=2, ensure_ascii=False).encode() + b"\n")
            target.publish()
    return Export(folder, manifest["revision"], tuple(written))


@contextmanager
def _one_state(database_url: str, where: str | None, timeout_seconds: float) -> Iterator[Connection]:
    """A connection for reading, whose errors are sentences."""
    try:
        with connect(database_url) as connection:
            connection.execute(
                "SELECT set_config('search_path', 'stash', false), set_config('default_transaction_read_only', 'on',\n"
                "    false), set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false),\n"
                "    set_config('random_page_cost', %s, false)",
                [f"{_LOCK_SECONDS}s", str(round(timeout_seconds * 1000)), PAGE_COST],
            )
            yield connection
    except psycopg.errors.LockNotAvailable:
        raise UserError(
            f"A table is being rebuilt or migrated and was not free for {_LOCK_SECONDS} s; export again later."
        ) from None
    except psycopg.errors.QueryCanceled as error:
        raise _too_long(timeout_seconds, reason(error)) from None
    except psycopg.OperationalError as error:
        raise UserError(database_sentence(error)) from None
    except psycopg.Error as error:
        if where is None:
            raise
        raise UserError(f"The export failed: {reason(error)}; change the condition of --where.") from None


def _too_long(seconds: float, why: str) -> UserError:
    return UserError(
        f"A table took longer than {seconds:g} s ({why}); narrow it with --where or --instance, or raise "
        "STASH_PIPELINE_EXPORT_SECONDS."
    )


def _begin(connection: Connection, tables: Sequence[Relation]) -> None:
    """Begins the transaction whose snapshot all tables are read with.

    The locks come before the snapshot: a table that is truncated later would be empty for it.
    """
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    names = [sql.Identifier(*table.name.split(".")) for table in tables]
    connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(sql.SQL(", ").join(names)))


def _work_as(connection: Connection, role: str | None) -> None:
    """Sets the role again before every statement: a condition could have left it."""
    connection.execute(f"SET LOCAL ROLE {role or 'NONE'}")


@contextmanager
def _writer(
    database_url: str, connection: Connection, file_format: Format, timeout_seconds: float, role: str | None
) -> Iterator[Any]:
    """The function that writes the rows of a query into a file, and returns their number."""
    if file_format != "parquet":
        copy = sql.SQL(_COPY_JSON if file_format == "jsonl" else _COPY_CSV)

        def write(_: Relation, statement: sql.Composed, file: HashedFile) -> int:
            _work_as(connection, role)
            with connection.cursor() as cursor:
                with cursor.copy(copy.format(statement)) as blocks:
                    for block in blocks:
                        file.write(block)
                return cursor.rowcount

        yield write
        return
    from adbc_driver_postgresql import dbapi

    session = None
    try:
        session = ParquetSession(database_url, connection, timeout_seconds, role)
        opened = session

        def write_parquet(_: Relation, statement: sql.Composed, file: HashedFile) -> int:
            return opened.write(statement.as_string(connection), file)

        yield write_parquet
    except (dbapi.Error, ReadError) as error:
        text = _MESSAGE.sub("", str(error).strip().splitlines()[0]).strip().rstrip(".")
        if "statement timeout" in text:
            raise _too_long(timeout_seconds, text) from None
        raise UserError(f"The export failed: {text}; change the condition of --where, or check the database.") from None
    finally:
        if session is not None:
            session.close()


def _manifest(
    connection: Connection,
    tables: Sequence[Relation],
    written: Sequence[ExportedTable],
    file_format: Format,
    rows: Rows,
) -> dict[str, Any]:
    row = connection.execute(
        "SELECT (SELECT revision FROM ops.object_log_head), (SELECT version_num FROM ops.alembic_version), now()"
    ).fetchone()
    revision, schema, moment = row or (0, "", datetime.now(timezone.utc))
    names = connection.execute(
        "SELECT id, name FROM ops.instances WHERE id = ANY(%(only)s) OR %(only)s = '{}' ORDER BY id",
        {"only": list(rows.instances)},
    ).fetchall()
    return {
        "program": f"stash-pipeline {version('stash-pipeline')}",
        "read_at": moment.isoformat(),
        "revision": revision,
        "schema": schema,
        "format": file_format,
        "where": rows.where,
        "instances": [{"id": number, "name": name} for number, name in names],
        "tables": [
            {
                "table": exported.table, "file": exported.file, "rows": exported.rows, "bytes": exported.bytes,
                "sha256": exported.sha256, "columns": columns_of(relation),
            }
            for relation, exported in zip(tables, written, strict=True)
        ],
    }  # fmt: skip
