"""Parquet files by ADBC: Postgres' binary COPY becomes Arrow batches without a Python object per value."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from importlib.util import find_spec
from typing import Any, Final, TypeVar

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

_CANCEL_SECONDS: Final = 10.0

_T = TypeVar("_T")


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


def _interruptible(work: Callable[[], _T], cancel: Callable[[], None]) -> _T:
    """What a call of the driver returns.

    The call has a thread of its own: in the main thread, the driver would return to Python, which handles signals, only
    with the next batch. An interrupt cancels the query.
    """
    result: Future[_T] = Future()

    def run() -> None:
        try:
            result.set_result(work())
        except BaseException as error:
            result.set_exception(error)

    thread = threading.Thread(target=run, name="parquet", daemon=True)
    thread.start()
    try:
        return result.result()
    finally:
        if not result.done():
            cancel()
        thread.join(_CANCEL_SECONDS)


def _batches(reader: Any, cancel: Callable[[], None]) -> Iterator[Any]:
    """The batches of a reader. It reports errors of Postgres as OSError, like those of the file that is written."""

    def read() -> Any:
        try:
            return reader.read_next_batch()
        except StopIteration:
            return None

    while True:
        try:
            batch = _interruptible(read, cancel)
        except Exception as error:
            raise ReadError(str(error)) from error
        if batch is None:
            return
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
            _interruptible(lambda: cursor.execute(text), cursor.adbc_cancel)
            reader = cursor.fetch_record_batch()
            with pq.ParquetWriter(file, reader.schema, compression="zstd") as writer:
                group: list[Any] = []
                for batch in _batches(reader, cursor.adbc_cancel):
                    group.append(batch)
                    rows += batch.num_rows
                    size = sum(batch.nbytes for batch in group)
                    if size >= _GROUP_BYTES or sum(batch.num_rows for batch in group) >= _GROUP_ROWS:
                        writer.write_table(pa.Table.from_batches(group), row_group_size=_GROUP_ROWS)
                        group = []
                if group:
                    writer.write_table(pa.Table.from_batches(group), row_group_size=_GROUP_ROWS)
        return rows
