"""Verifies the stored data: documents have their hashes, and entities and joins equal a rebuild.

A sync compares hashes with the server and never examines the stored rows, so it cannot detect what happened to them
afterwards: a failing disk, a manual UPDATE, a session with another encoding, rows written by the SQL of an older
version. The functions here read the rows, each in one snapshot of the database, so that a concurrent sync does not look
like damage. Only :func:`mark_damaged` writes; its caller holds the instance's lock.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import psycopg

from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.entities import sql as statements
from stash_pipeline.warehouse.entities.referrers import LAYER
from stash_pipeline.warehouse.entities.sql import RELATIONS, TABLES
from stash_pipeline.warehouse.ops.row_counts import documents_counted
from stash_pipeline.warehouse.partition_names import partition
from stash_pipeline.warehouse.raw.document_hashes import has_hash, plain_hash
from stash_pipeline.warehouse.raw.sampling import random_ids
from stash_pipeline.warehouse.raw.watermarks import moment_of

_ROWS_AT_ONCE = 2000
_EXAMPLES = 10
"""The most differing rows per table that are named."""

_NO_HASH = b"\0" * 16
"""Replaces the hash of a damaged document, so that whatever the server sends is written."""


def dangling_references(connection: Connection, instance_id: int) -> dict[str, int]:
    """The number of rows that refer to a missing object, per ``table.column``; foreign keys should prevent them."""
    result: dict[str, int] = {}
    for relation in RELATIONS:
        row = connection.execute(
            f"SELECT count(*) FROM {partition('stash.' + relation.table, instance_id)} AS t\n"
            f"WHERE t.{relation.column} IS NOT NULL AND NOT EXISTS (\n"
            f"    SELECT FROM {partition('stash.' + relation.target, instance_id)} AS o\n"
            f"    WHERE o.instance_id = t.instance_id AND o.id = t.{relation.column})"
        ).fetchone()
        if row and row[0]:
            result[relation.name] = row[0]
    return result


def watermark_lag(connection: Connection, instance_id: int) -> tuple[int, int]:
    """(newest revision of raw, the one that entities and joins have reached)."""
    row = connection.execute(
        "SELECT i.revision, coalesce(w.revision, -1) FROM ops.instances AS i\n"
        "LEFT JOIN ops.layer_watermarks AS w ON w.instance_id = i.id AND w.layer = %s WHERE i.id = %s",
        [LAYER, instance_id],
    ).fetchone()
    assert row is not None
    return row[0], row[1]


@dataclass(frozen=True)
class DamagedDocument:
    """A row of ``raw`` that differs from what was stored.

    Attributes:
        columns: the wrong ones of ``document``, ``server_created_at``, ``server_updated_at``.
        deleted: it has a tombstone, so the server cannot send it again.
    """

    entity: str
    id: int
    columns: tuple[str, ...]
    deleted: bool


@dataclass
class DocumentReport:
    """The result of checking the documents of an instance.

    Attributes:
        documents: how many were read.
        miscounted: per entity (rows, ``ops.row_counts``), where they differ.
    """

    documents: int = 0
    damaged: list[DamagedDocument] = field(default_factory=list)
    miscounted: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def intact(self) -> bool:
        """Nothing differs."""
        return not self.damaged and not self.miscounted

    def lines(self) -> list[str]:
        """A line per difference."""
        lines = [
            f"raw.{row.entity} {row.id}: {', '.join(row.columns)} differ{'s' if len(row.columns) == 1 else ''} from "
            f"what was stored{' (deleted on the server)' if row.deleted else ''}"
            for row in self.damaged
        ]
        return lines + [
            f"raw.{entity}: {rows} live documents, {counted} counted"
            for entity, (rows, counted) in self.miscounted.items()
        ]


@contextmanager
def _one_snapshot(connection: Connection) -> Iterator[None]:
    """A transaction that sees one state, and is rolled back."""
    with connection.transaction(force_rollback=True):
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def check_documents(connection: Connection, instance_id: int, sample: int | None = None) -> DocumentReport:
    """Recomputes the hashes of stored documents.

    Args:
        sample: how many random documents per entity; None reads all, and counts them.
    """
    report = DocumentReport()
    with _one_snapshot(connection):
        counted = documents_counted(connection, instance_id)
        for entity in ENTITIES:
            live = 0
            for identifier, deleted, columns in _checked_rows(connection, instance_id, entity.name, sample):
                report.documents += 1
                live += not deleted
                if columns:
                    report.damaged.append(DamagedDocument(entity.name, identifier, columns, deleted))
            if sample is None and counted.get(entity.name, live) != live:
                report.miscounted[entity.name] = live, counted[entity.name]
    return report


def _checked_rows(
    connection: Connection, instance_id: int, entity: str, sample: int | None
) -> Iterator[tuple[int, bool, tuple[str, ...]]]:
    """(id, deleted, wrong columns) of each row."""
    query = (
        "SELECT id, document::text, hash, server_created_at, server_updated_at, deleted_at IS NOT NULL\n"
        f"FROM {partition('raw.' + entity, instance_id)}"
    )
    ids = None
    if sample is not None:
        ids = list(random_ids(connection, instance_id, entity, sample, live=False))
        query += "\nWHERE instance_id = %(i)s AND id = ANY(%(ids)s)"
    with connection.cursor(name="stored_documents", binary=True) as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        cursor.execute(query, {"i": instance_id, "ids": ids} if ids is not None else None)
        for identifier, text, digest, created_at, updated_at, deleted in cursor:
            wrong: tuple[str, ...] = () if has_hash(text.encode(), digest) else ("document",)
            if created_at or updated_at:
                document = orjson.loads(text)
                wrong += tuple(
                    f"server_{name}"
                    for name, moment in (("created_at", created_at), ("updated_at", updated_at))
                    if moment != _moment(document.get(name))
                )
            yield identifier, deleted, wrong


def _moment(stamp: Any) -> Any:
    return moment_of(stamp) if isinstance(stamp, str) else None


def mark_damaged(connection: Connection, instance_id: int, report: DocumentReport) -> int:
    """Makes the next read of the damaged entities a full one that writes the damaged documents again.

    A document with a tombstone cannot be read again and is accepted as stored.

    Returns:
        how many documents must be read from the server.
    """
    waiting = [row for row in report.damaged if not row.deleted]
    with connection.transaction():
        for row in report.damaged:
            leaf = partition("raw." + row.entity, instance_id)
            if not row.deleted:
                connection.execute(f"UPDATE {leaf} SET hash = %s WHERE id = %s", [_NO_HASH, row.id])
                continue
            stored = connection.execute(f"SELECT document::text FROM {leaf} WHERE id = %s", [row.id]).fetchone()
            assert stored is not None
            text = stored[0].encode()
            document = orjson.loads(text)
            connection.execute(
                f"UPDATE {leaf} SET hash = %s, server_created_at = %s, server_updated_at = %s WHERE id = %s",
                [plain_hash(text), _moment(document.get("created_at")), _moment(document.get("updated_at")), row.id],
            )
        entities = {row.entity for row in waiting} | set(report.miscounted)
        for entity, (rows, _) in report.miscounted.items():
            connection.execute(
                "UPDATE ops.row_counts SET rows = %s WHERE instance_id = %s AND table_name = %s",
                [rows, instance_id, f"raw.{entity}"],
            )
        # without a previous complete read, an entity is read in full, and an unchanged snapshot is read again
        connection.execute(
            "DELETE FROM ops.complete_reads WHERE instance_id = %s AND (entity = ANY(%s) OR entity = 'snapshot')",
            [instance_id, sorted(entities)],
        )
    return len(waiting)


@dataclass(frozen=True)
class TableDifference:
    """A table of schema ``stash`` that differs from a rebuild.

    Attributes:
        missing, stale, different: rows that a rebuild adds, removes, changes.
        counted: ``ops.row_counts``, if it differs from the number of rows.
        examples: a line for some of the rows.
    """

    table: str
    missing: int
    stale: int
    different: int
    counted: int | None
    examples: tuple[str, ...]

    def lines(self) -> list[str]:
        """A line with the differences, and the examples."""
        parts = [
            f"{count} {name}"
            for count, name in ((self.missing, "missing"), (self.stale, "left over"), (self.different, "different"))
            if count
        ]
        if self.counted is not None:
            parts.append(f"{self.counted} counted")
        return [f"{self.table}: {', '.join(parts)}", *(f"{self.table} {example}" for example in self.examples)]


@dataclass
class Report:
    """The result of checking one instance.

    Attributes:
        documents: the documents of ``raw``.
        tables: tables that differ from a rebuild.
        not_compared: why tables were not compared.
    """

    documents: DocumentReport
    tables: list[TableDifference] = field(default_factory=list)
    not_compared: str = ""

    @property
    def intact(self) -> bool:
        """Nothing differs."""
        return self.documents.intact and not self.tables and not self.not_compared

    def lines(self) -> list[str]:
        """A line per difference."""
        tables = [line for table in self.tables for line in table.lines()]
        return self.documents.lines() + tables + ([self.not_compared] if self.not_compared else [])


def check_instance(connection: Connection, instance_id: int, sample: int | None = None) -> Report:
    """Checks documents, then entities and joins.

    Args:
        sample: documents per entity; None checks all.
    """
    report = Report(check_documents(connection, instance_id, sample))
    newest, reached = watermark_lag(connection, instance_id)
    if newest == 0:
        return report
    try:
        tables = compare_with_rebuild(connection, instance_id)
    except psycopg.DataError as error:
        reason = str(error).splitlines()[0]
        report.not_compared = f"entities and joins cannot be built from the documents ({reason})"
        return report
    if tables is None:
        report.not_compared = (
            f"entities and joins are at revision {max(reached, 0)} of {newest}: run `stash-pipeline sync`"
        )
    report.tables = tables or []
    return report


def compare_with_rebuild(connection: Connection, instance_id: int) -> list[TableDifference] | None:
    """Builds entities and joins in temporary tables, and compares the real ones row by row.

    Also compares dangling references (``ops.dangling_references``) and the counts in ``ops.row_counts``.

    Returns:
        the tables that differ; None if entities and joins have not reached the newest revision of ``raw``.

    Raises:
        psycopg.DataError: if the documents cannot be turned into rows.
    """

    def scratch(table: str) -> str:
        return f"pg_temp.rebuilt_{table}"

    with _one_snapshot(connection):
        newest, reached = watermark_lag(connection, instance_id)
        if newest != reached:
            return None
        connection.execute(
            "CREATE TEMP TABLE rebuilt_dangling_references (LIKE ops.dangling_references INCLUDING ALL) ON COMMIT DROP"
        )
        for table in TABLES:
            connection.execute(f"CREATE TEMP TABLE rebuilt_{table} (LIKE stash.{table}) ON COMMIT DROP")
            connection.execute(statements.bulk_insert(table, instance_id, scratch(table)))
        for relation in RELATIONS:
            if relation.late:
                connection.execute(statements.fill_late(relation, instance_id, scratch))
        for table in TABLES:
            connection.execute(f"ANALYZE {scratch(table)}")
        for relation in RELATIONS:
            connection.execute(
                statements.move_dangling(relation, instance_id, None, scratch, "pg_temp.rebuilt_dangling_references")
            )
        differences = [_table_difference(connection, instance_id, table, scratch(table)) for table in TABLES]
        differences.append(_dangling_difference(connection, instance_id))
    return [difference for difference in differences if difference]


def _table_difference(connection: Connection, instance_id: int, table: str, rebuilt: str) -> TableDifference | None:
    s = TABLES[table]
    keys = ", ".join(s.key)
    joined = f"{partition('stash.' + table, instance_id)} AS t FULL JOIN {rebuilt} AS r USING ({keys})"
    values = [column for column in s.columns if column not in s.key]
    # rows of one column compare like the column, NULL with NULL
    other = (
        f"ROW({', '.join(f't.{c}' for c in values)}) IS DISTINCT FROM ROW({', '.join(f'r.{c}' for c in values)})"
        if values
        else "false"
    )
    difference = f"t.instance_id IS NULL OR r.instance_id IS NULL OR {other}"
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE t.instance_id IS NULL), count(*) FILTER (WHERE r.instance_id IS NULL),\n"
        f"    count(*) FILTER (WHERE t.instance_id IS NOT NULL AND r.instance_id IS NOT NULL AND ({other})),\n"
        "    count(t.instance_id),\n"
        "    (SELECT rows FROM ops.row_counts WHERE instance_id = %s AND table_name = %s)\n"
        f"FROM {joined}",
        [instance_id, f"stash.{table}"],
    ).fetchone()
    assert row is not None
    missing, stale, different, rows, counted = row
    miscounted = counted if counted != rows else None
    if not (missing or stale or different) and counted == rows:
        return None
    examples = connection.execute(
        f"SELECT {keys}, to_jsonb(t), to_jsonb(r) FROM {joined} WHERE {difference} ORDER BY {keys} LIMIT {_EXAMPLES}"
    ).fetchall()
    lines = tuple(_example(s.key, example[:-2], *example[-2:]) for example in examples)
    return TableDifference(table, missing, stale, different, miscounted, lines)


def _example(key: tuple[str, ...], values: tuple[Any, ...], stored: dict[str, Any] | None, rebuilt: Any) -> str:
    row = ", ".join(f"{name} {value}" for name, value in zip(key, values, strict=True))
    if stored is None:
        return f"{row}: missing"
    if rebuilt is None:
        return f"{row}: left over"
    columns = [name for name in stored if stored[name] != rebuilt[name]]
    return f"{row}: {', '.join(columns)} differ{'s' if len(columns) == 1 else ''}"


def _dangling_difference(connection: Connection, instance_id: int) -> TableDifference | None:
    columns = "relation, owner, owner_id, target, target_id"
    stored = f"SELECT {columns} FROM ops.dangling_references WHERE instance_id = {instance_id:d}"
    rebuilt = f"SELECT {columns} FROM pg_temp.rebuilt_dangling_references"
    missing, stale = (
        connection.execute(f"{first} EXCEPT {second} ORDER BY 1, 2, 3, 5").fetchall()
        for first, second in ((rebuilt, stored), (stored, rebuilt))
    )
    if not missing and not stale:
        return None
    lines = [
        f"{relation} of {owner} {owner_id}, target {target_id}: {state}"
        for rows, state in ((missing, "missing"), (stale, "left over"))
        for relation, owner, owner_id, _, target_id in rows[:_EXAMPLES]
    ]
    return TableDifference("ops.dangling_references", len(missing), len(stale), 0, None, tuple(lines))
