"""Proof of the mirror: stored documents have their hashes, and the tables below are what a rebuild makes of them.

A refresh compares hashes with the server and never looks at what is stored, so it cannot see what happened to a row
afterwards: a failing disk, a hand-made UPDATE, a session with another encoding, rows that the SQL of an older version
wrote. The questions here read the rows themselves, each in one snapshot of the database, so that a refresh that goes on
meanwhile is no damage. Only :func:`mark_damaged` writes; its caller holds the instance's lock.
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
from stash_pipeline.warehouse.raw.document_hashes import has_hash, plain_hash
from stash_pipeline.warehouse.raw.sampling import random_ids
from stash_pipeline.warehouse.raw.watermarks import moment_of
from stash_pipeline.warehouse.tables import partition

_ROWS_AT_ONCE = 2000
_EXAMPLES = 10
"""Differing rows per table that are named."""

_NO_HASH = b"\0" * 16
"""Stands where a hash was that no longer is the document's: whatever the server sends is written."""


def dangling_references(connection: Connection, instance_id: int) -> dict[str, int]:
    """Rows that refer to an object that is not there, per ``table.column``; foreign keys should leave none."""
    found: dict[str, int] = {}
    for relation in RELATIONS:
        row = connection.execute(
            f"SELECT count(*) FROM {partition('stash.' + relation.table, instance_id)} AS t\n"
            f"WHERE t.{relation.column} IS NOT NULL AND NOT EXISTS (\n"
            f"    SELECT FROM {partition('stash.' + relation.target, instance_id)} AS o\n"
            f"    WHERE o.instance_id = t.instance_id AND o.id = t.{relation.column})"
        ).fetchone()
        if row and row[0]:
            found[relation.name] = row[0]
    return found


def watermark_lag(connection: Connection, instance_id: int) -> tuple[int, int]:
    """(newest revision of raw, the one that entities and joins hold)."""
    row = connection.execute(
        "SELECT i.revision, coalesce(w.revision, -1) FROM ops.instances AS i\n"
        "LEFT JOIN ops.layer_watermarks AS w ON w.instance_id = i.id AND w.layer = %s WHERE i.id = %s",
        [LAYER, instance_id],
    ).fetchone()
    assert row is not None
    return row[0], row[1]


@dataclass(frozen=True)
class DamagedDocument:
    """A row of ``raw`` that is not what was stored.

    Attributes:
        columns: that are wrong: ``document``, ``server_created_at``, ``server_updated_at``.
        deleted: it has a tombstone, so that the server cannot be asked for it.
    """

    entity: str
    id: int
    columns: tuple[str, ...]
    deleted: bool


@dataclass
class DocumentReport:
    """What reading the documents of an instance showed.

    Attributes:
        documents: how many were read. miscounted: per kind (rows, ``ops.row_counts``), where they differ.
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
            f"raw.{row.entity} {row.id}: {', '.join(row.columns)} {'is' if len(row.columns) == 1 else 'are'} not what "
            f"was stored{' (deleted on the server)' if row.deleted else ''}"
            for row in self.damaged
        ]
        return lines + [
            f"raw.{entity}: {rows} live documents, {counted} counted"
            for entity, (rows, counted) in self.miscounted.items()
        ]


@contextmanager
def _one_snapshot(connection: Connection) -> Iterator[None]:
    """A transaction that sees one moment, and leaves nothing behind."""
    with connection.transaction(force_rollback=True):
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def check_documents(connection: Connection, instance_id: int, sample: int | None = None) -> DocumentReport:
    """Computes the hashes of stored documents anew.

    Args:
        sample: so many documents of each kind, chosen at random; None reads all, and counts them.
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
    """Makes the next reading of the damaged kinds a whole one that writes the damaged documents anew.

    A document with a tombstone cannot be read again: it is taken as it stands.

    Returns:
        how many documents wait for the server.
    """
    waiting = [row for row in report.damaged if not row.deleted]
    with connection.transaction():
        for row in report.damaged:
            leaf = partition("raw." + row.entity, instance_id)
            if not row.deleted:
                connection.execute(f"UPDATE {leaf} SET hash = %s WHERE id = %s", [_NO_HASH, row.id])
                continue
            found = connection.execute(f"SELECT document::text FROM {leaf} WHERE id = %s", [row.id]).fetchone()
            assert found is not None
            text = found[0].encode()
            document = orjson.loads(text)
            connection.execute(
                f"UPDATE {leaf} SET hash = %s, server_created_at = %s, server_updated_at = %s WHERE id = %s",
                [plain_hash(text), _moment(document.get("created_at")), _moment(document.get("updated_at")), row.id],
            )
        kinds = {row.entity for row in waiting} | set(report.miscounted)
        for entity, (rows, _) in report.miscounted.items():
            connection.execute(
                "UPDATE ops.row_counts SET rows = %s WHERE instance_id = %s AND table_name = %s",
                [rows, instance_id, f"raw.{entity}"],
            )
        # without a reading that it could be like, a kind is read whole; a copy like the last one is opened again
        connection.execute(
            "DELETE FROM ops.complete_reads WHERE instance_id = %s AND (entity = ANY(%s) OR entity = 'snapshot')",
            [instance_id, sorted(kinds)],
        )
    return len(waiting)


@dataclass(frozen=True)
class TableDifference:
    """A table of schema ``stash`` that is not what a rebuild makes.

    Attributes:
        missing, stale, different: rows that a rebuild adds, removes, changes. counted: ``ops.row_counts``, where it
            differs from the rows. examples: a line for some of the rows.
    """

    table: str
    missing: int
    stale: int
    different: int
    counted: int | None
    examples: tuple[str, ...]

    def lines(self) -> list[str]:
        """What differs, in a line, and the examples."""
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
    """Everything that a check of one instance showed.

    Attributes:
        documents: of ``raw``. tables: that differ from a rebuild. not_compared: why tables were not compared.
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
        sample: documents of each kind; None checks all.
    """
    report = Report(check_documents(connection, instance_id, sample))
    newest, held = watermark_lag(connection, instance_id)
    if newest == 0:
        return report
    try:
        tables = compare_with_rebuild(connection, instance_id)
    except psycopg.DataError as error:
        reason = str(error).splitlines()[0]
        report.not_compared = f"entities and joins cannot be built from the documents ({reason})"
        return report
    if tables is None:
        report.not_compared = f"entities and joins hold revision {max(held, 0)} of {newest}: run `stash-pipeline sync`"
    report.tables = tables or []
    return report


def compare_with_rebuild(connection: Connection, instance_id: int) -> list[TableDifference] | None:
    """Builds entities and joins in temporary tables, and compares the real ones row by row.

    References without a target (``ops.dangling_references``) and the numbers of ``ops.row_counts`` are compared too.

    Returns:
        the tables that differ; None where entities and joins do not hold the newest revision of ``raw``.

    Raises:
        psycopg.DataError: if the documents cannot be turned into rows.
    """

    def scratch(table: str) -> str:
        return f"pg_temp.rebuilt_{table}"

    with _one_snapshot(connection):
        newest, held = watermark_lag(connection, instance_id)
        if newest != held:
            return None
        connection.execute(
            "CREATE TEMP TABLE rebuilt_dangling_references (LIKE ops.dangling_references INCLUDING ALL) ON COMMIT DROP"
        )
        for table in TABLES:
            connection.execute(f"CREATE TEMP TABLE rebuilt_{table} (LIKE stash.{table}) ON COMMIT DROP")
            connection.execute(statements.fill(table, instance_id, scratch(table)))
        for relation in RELATIONS:
            if relation.late:
                connection.execute(statements.fill_late(relation, instance_id, scratch))
        for table in TABLES:
            connection.execute(f"ANALYZE {scratch(table)}")
        for relation in RELATIONS:
            connection.execute(
                statements.sweep(relation, instance_id, None, scratch, "pg_temp.rebuilt_dangling_references")
            )
        differences = [_table_difference(connection, instance_id, table, scratch(table)) for table in TABLES]
        differences.append(_dangling_difference(connection, instance_id))
    return [difference for difference in differences if difference]


def _table_difference(connection: Connection, instance_id: int, table: str, rebuilt: str) -> TableDifference | None:
    s = TABLES[table]
    keys = ", ".join(s.key)
    joined = f"{partition('stash.' + table, instance_id)} AS t FULL JOIN {rebuilt} AS r USING ({keys})"
    values = [column for column in s.columns if column not in s.key]
    # a row of one column compares as that column would, NULL with NULL
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
    lines = tuple(_example(s.key, found[:-2], *found[-2:]) for found in examples)
    return TableDifference(table, missing, stale, different, miscounted, lines)


def _example(key: tuple[str, ...], values: tuple[Any, ...], here: dict[str, Any] | None, rebuilt: Any) -> str:
    which = ", ".join(f"{name} {value}" for name, value in zip(key, values, strict=True))
    if here is None:
        return f"{which}: missing"
    if rebuilt is None:
        return f"{which}: left over"
    columns = [name for name in here if here[name] != rebuilt[name]]
    return f"{which}: {', '.join(columns)} differ{'s' if len(columns) == 1 else ''}"


def _dangling_difference(connection: Connection, instance_id: int) -> TableDifference | None:
    columns = "relation, owner, owner_id, target, target_id"
    here = f"SELECT {columns} FROM ops.dangling_references WHERE instance_id = {instance_id:d}"
    rebuilt = f"SELECT {columns} FROM pg_temp.rebuilt_dangling_references"
    missing, stale = (
        connection.execute(f"{first} EXCEPT {second} ORDER BY 1, 2, 3, 5").fetchall()
        for first, second in ((rebuilt, here), (here, rebuilt))
    )
    if not missing and not stale:
        return None
    lines = [
        f"{relation} of {owner} {owner_id}, target {target_id}: {state}"
        for rows, state in ((missing, "missing"), (stale, "left over"))
        for relation, owner, owner_id, _, target_id in rows[:_EXAMPLES]
    ]
    return TableDifference("ops.dangling_references", len(missing), len(stale), 0, None, tuple(lines))
