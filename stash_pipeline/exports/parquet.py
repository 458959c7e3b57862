"""Parquet files by ADBC: Postgres' binary COPY becomes Arrow batches without a Python object per value."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, Final

from stash_pipeline.errors import UserError
from stash_pipeline.exports.folder import HashedFile
from stash_pipeline.exports.selection import PAGE_COST
from stash_pipeline.settings import psycopg_url
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.database_session import session_statement

_MODULES: Final = ("pyarrow", "adbc_driver_postgresql")
_BATCH_BYTES: Final = 4 << 20
_GROUP_ROWS: Final = 50_000
_GROUP_BYTES: Final = 32 << 20
"""A row group is held in memory until it is written."""


def require_parquet() -> None:
    """Refuses the format if the extra ``export`` is not installed.

    Raises:
        UserError: names what to install.
    """
    missing = [name for name in _MODULES if find_spec(name) is None]
    if missing:
        raise UserError(
            f"The format parquet needs {' and '.join(missing)}; install them with "
            "`pip install 'stash-pipeline[export]'`, or use --format csv or jsonl."
        )


class ReadError(Exception):
    """Postgres ended a query whose rows were already arriving."""


def _batches(reader: Any) -> Iterator[Any]:
    """The batches of a reader. It reports errors of Postgres as OSError, like those of the file that is written."""
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return
        except Exception as error:
            raise ReadError(str(error)) from error
        yield batch


class ParquetSession:
    """A second session that sees exactly what the first one sees."""

    def __init__(self, database_url: str, first: Connection, timeout_seconds: float, role: str | None) -> None:
        """Opens it; `role` is that of its statements, if not that of the address."""
        from adbc_driver_postgresql import dbapi

        self._role = role or "NONE"
        (snapshot,) = first.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
        self._connection = dbapi.connect(psycopg_url(database_url), autocommit=True)
        with self._connection.cursor() as cursor:
            cursor.execute(
                session_statement(
                    first.info.server_version,
                    statement_timeout=str(round(timeout_seconds * 1000)),
                    application_name="stash_pipeline",
                    search_path="stash",
                    random_page_cost=PAGE_COST,
                )
            )
            cursor.fetchall()
        self._connection.adbc_connection.set_autocommit(False)
        with self._connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")

    def close(self) -> None:
        """Ends the session."""
        self._connection.close()

    def write(self, text: str, file: HashedFile) -> int:
        """Writes the rows of a query; returns their number."""
        import pyarrow as pa
        import pyarrow.parquet as pq
        from adbc_driver_postgresql import StatementOptions

        rows = 0
        with self._connection.cursor(
            adbc_stmt_kwargs={StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(_BATCH_BYTES)}
        ) as cursor:
            cursor.execute(f"SET LOCAL ROLE {self._role}")
            cursor.execute(text)
            reader = cursor.fetch_record_batch()
            with pq.ParquetWriter(file, reader.schema, compression="zstd") as writer:
                group: list[Any] = []
                for batch in _batches(reader):
                    group.append(batch)
                    rows += batch.num_rows
                    held = sum(one.nbytes for one in group)
                    if held >= _GROUP_BYTES or sum(one.num_rows for one in group) >= _GROUP_ROWS:
                        writer.write_table(pa.Table.from_batches(group), row_group_size=_GROUP_ROWS)
                        group = []
                if group:
                    writer.write_table(pa.Table.from_batches(group), row_group_size=_GROUP_ROWS)
        return rows
