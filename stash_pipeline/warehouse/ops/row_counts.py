"""``ops.row_counts``: the number of live rows per table and instance, maintained without counting.

An entity of ``raw`` has a count after its first complete read.
"""

from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.partition_names import partition


def documents_counted(connection: Connection, instance_id: int) -> dict[str, int]:
    """Live documents by entity, of the entities that were read completely."""
    rows = connection.execute(
        "SELECT substr(table_name, 5), rows FROM ops.row_counts WHERE instance_id = %s AND table_name LIKE 'raw.%%'",
        [instance_id],
    )
    return dict(rows.fetchall())


def counted(connection: Connection, instance_id: int, table: str) -> int | None:
    """Rows of one table, by its name with the schema; None if it was never counted."""
    row = connection.execute(
        "SELECT rows FROM ops.row_counts WHERE instance_id = %s AND table_name = %s", [instance_id, table]
    ).fetchone()
    return int(row[0]) if row else None


def add_documents(connection: Connection, instance_id: int, entity: str, more: int) -> None:
    """Adds to the count of live documents, if the entity was counted before."""
    if more:
        connection.execute(
            "UPDATE ops.row_counts SET rows = rows + %s WHERE instance_id = %s AND table_name = %s",
            [more, instance_id, f"raw.{entity}"],
        )


def count_documents(connection: Connection, instance_id: int, entity: str) -> int:
    """Counts the live documents of an entity for the first time."""
    row = connection.execute(
        "INSERT INTO ops.row_counts (instance_id, table_name, rows)\n"
        f"SELECT %s, %s, count(*) FROM {partition('raw.' + entity, instance_id)}\n"
        "WHERE deleted_at IS NULL RETURNING rows",
        [instance_id, f"raw.{entity}"],
    ).fetchone()
    assert row is not None
    return int(row[0])
