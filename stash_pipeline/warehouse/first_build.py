"""The first build of a layer: empty tables are filled before their indexes are created, which takes less time."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sqlalchemy import Table

from stash_pipeline.warehouse.connect import Connection

_INDEXES = """
SELECT format('DROP INDEX %%s', x.indexrelid::regclass), pg_get_indexdef(x.indexrelid)
FROM pg_index AS x WHERE x.indrelid = %(table)s::regclass AND NOT x.indisprimary ORDER BY 1
"""
_CONSTRAINTS = """
SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', c.conrelid::regclass, c.conname),
    format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid))
FROM pg_constraint AS c WHERE c.conrelid = %(table)s::regclass AND c.contype IN ('p', 'f') ORDER BY c.contype DESC
"""
_UNREFERENCED = "SELECT WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE confrelid = %(table)s::regclass)"


def are_empty(connection: Connection, tables: Iterable[Table]) -> bool:
    """Whether tables have no rows."""
    row = connection.execute(
        f"SELECT {' AND '.join(f'NOT EXISTS (SELECT FROM {table.fullname})' for table in tables)}"
    ).fetchone()
    return bool(row and row[0])


@contextmanager
def indexes_afterwards(
    connection: Connection, table: Table, *, first: bool, indexes: bool = True, keys: bool = False
) -> Iterator[None]:
    """Creates the indexes of a table after the block, instead of changing them row by row.

    Args:
        first: the table is empty; otherwise this does nothing.
        indexes: all that belong to no constraint.
        keys: the primary key, to which no other table may refer, and the foreign keys.
    """
    pairs: list[tuple[str, str]] = []
    if first:
        parameters = {"table": table.fullname}
        if connection.execute(_UNREFERENCED, parameters).fetchone():
            # a table that is filled in the transaction that truncates it needs no WAL, if there are no replicas
            connection.execute(f"TRUNCATE {table.fullname}")
        for included, query in ((indexes, _INDEXES), (keys, _CONSTRAINTS)):
            pairs += connection.execute(query, parameters).fetchall() if included else []
    for drop, _ in pairs:
        connection.execute(drop)
    yield
    for _, create in pairs:
        connection.execute(create)
