"""The first build: empty tables are filled before their indexes are created, which takes less time."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex

from stash_pipeline.warehouse.catalog.tables import LISTS, MEMBERS, RECORDS
from stash_pipeline.warehouse.connect import Connection


def is_empty(connection: Connection) -> bool:
    """Whether there are no records, and no rows of lists."""
    tables = (MEMBERS, *RECORDS.values(), *LISTS.values())
    row = connection.execute(
        f"SELECT {' AND '.join(f'NOT EXISTS (SELECT FROM {table.fullname})' for table in tables)}"
    ).fetchone()
    return bool(row and row[0])


@contextmanager
def indexes_afterwards(connection: Connection, table: Table, *, first: bool) -> Iterator[None]:
    """Creates the indexes of a table, except that of its key, after the block instead of row by row.

    Args:
        first: the table is empty; otherwise this does nothing.
    """
    indexes = sorted(table.indexes, key=lambda index: str(index.name)) if first else []
    for index in indexes:
        connection.execute(f"DROP INDEX {table.schema}.{index.name}")
    yield
    for index in indexes:
        connection.execute(str(CreateIndex(index).compile(dialect=postgresql.dialect())))
