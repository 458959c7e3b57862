"""Differences between a database and its expected content."""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any

import psycopg

from stash_pipeline_tests.mirror.oracle.shapes import KEYS, Expected, Key, Mismatch, Row
from stash_pipeline_tests.mirror.oracle.values import found_moment

Connection = psycopg.Connection[Any]


def columns_of_schema(connection: Connection) -> dict[str, list[str]]:
    """Every table of schema ``stash`` (no views, no partitions) that is filled from responses, with its columns."""
    rows = connection.execute(
        # information_schema says the same, ten times as slowly
        "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid\n"
        "WHERE c.relnamespace = 'stash'::regnamespace AND c.relkind IN ('r', 'p')\n"
        "  AND a.attnum > 0 AND NOT a.attisdropped AND c.relname <> 'merges' ORDER BY 1, a.attnum"
    ).fetchall()
    tables: dict[str, list[str]] = {}
    for table, column in rows:
        tables.setdefault(table, []).append(column)
    return tables


def _found_value(value: Any) -> Any:
    return found_moment(value) if isinstance(value, datetime) else value


def _same(expected: Any, found: Any) -> bool:
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    return bool(expected == found)


def mismatches(
    connection: Connection,
    instance_id: int,
    expected: Expected,
    *,
    untold: Collection[tuple[str, str]] = (),
    only: str | None = None,
    most: int = 30,
) -> list[Mismatch]:
    """Differences between the database and its expected content, for one instance.

    Args:
        untold: (table, column) that the answers say nothing of, though the server would.
        only: look at this table alone.
        most: give up after so many.
    """
    found: list[Mismatch] = []
    schema = columns_of_schema(connection)
    for table in [only] if only else sorted(schema.keys() | KEYS.keys()):
        if table not in KEYS or table not in schema:
            found.append(Mismatch(table, (), "", table in KEYS, table in schema))
            continue
        rows = connection.execute(f"SELECT * FROM stash.{table} WHERE instance_id = %s", [instance_id])
        names = [column.name for column in rows.description or []]
        there: dict[Key, Row] = {}
        for values in rows.fetchall():
            row = {name: _found_value(value) for name, value in zip(names, values, strict=True)}
            there[tuple(row[name] for name in KEYS[table])] = row
        found += _compare(table, expected.tables[table], there, untold)
        if len(found) >= most:
            return found[:most]
    if only is None:
        found += _compare_dangling(connection, instance_id, expected)
    return found[:most]


def _compare(
    table: str, expected: dict[Key, Row], found: dict[Key, Row], untold: Collection[tuple[str, str]]
) -> list[Mismatch]:
    result = []
    for key in expected.keys() - found.keys():
        result.append(Mismatch(table, key, "", expected[key], None))
    for key in found.keys() - expected.keys():
        result.append(Mismatch(table, key, "", None, found[key]))
    for key in expected.keys() & found.keys():
        row, other = expected[key], found[key]
        for column in row.keys() | other.keys():
            if column == "instance_id" or (table, column) in untold:
                continue
            if column not in row or column not in other:
                result.append(Mismatch(table, key, column, column in row, column in other))
            elif not _same(row[column], other[column]):
                result.append(Mismatch(table, key, column, row[column], other[column]))
    return sorted(result, key=lambda m: (m.key == (), str(m.key), m.column))


def _compare_dangling(connection: Connection, instance_id: int, expected: Expected) -> list[Mismatch]:
    rows = connection.execute(
        "SELECT relation, owner, owner_id, target, target_id FROM ops.dangling_references\nWHERE instance_id = %s",
        [instance_id],
    ).fetchall()
    found = {tuple(row) for row in rows}
    table = "ops.dangling_references"
    return [Mismatch(table, key, "", "remembered", None) for key in sorted(expected.dangling - found)] + [
        Mismatch(table, key, "", None, "remembered") for key in sorted(found - expected.dangling)
    ]


def describe(found: list[Mismatch]) -> str:
    """The message of an assertion."""
    return "\n" + "\n".join(str(one) for one in found)


def whole_state(connection: Connection, instance_id: int) -> dict[str, list[str]]:
    """All rows of an instance in all tables of schema ``stash``, and its dangling references, as texts."""
    state = {}
    for table, columns in columns_of_schema(connection).items():
        names = ", ".join(f'"{name}"' for name in columns if name != "instance_id")
        rows = connection.execute(
            f"SELECT to_jsonb(t) FROM (SELECT {names} FROM stash.{table} WHERE instance_id = %s) t",
            [instance_id],
        ).fetchall()
        state[table] = sorted(json.dumps(row[0], sort_keys=True) for row in rows)
    rows = connection.execute(
        "SELECT relation, owner, owner_id, target, target_id FROM ops.dangling_references\nWHERE instance_id = %s",
        [instance_id],
    ).fetchall()
    state["ops.dangling_references"] = sorted(str(tuple(row)) for row in rows)
    return state
