"""How an entity is read from the database: the vocabulary of ``catalogue.py`` and ``media.py``.

An entity has one query for its own columns and one query per list. All are in the order of its ids, so they are read in
parallel without holding rows in memory.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, Final, NamedTuple

import orjson

from stash_pipeline.stash.snapshot import values
from stash_pipeline.stash.snapshot.database import Row, Snapshot, SnapshotError

Read = Callable[[Any], Any]

_SHORT = 400

_MOST_ROWS = 300_000
"""Maximum rows of one list of one object."""

_CLEANED_UP = 48
"""The schema version (v0.22) from which an empty date is null."""


class IdSpan(NamedTuple):
    """The ids in (``after``, ``until``]."""

    after: int = -1
    until: int = 2**63 - 1


ALL: Final = IdSpan()


@dataclass(frozen=True)
class Value:
    """One column of the query.

    Attributes:
        sql: the expression. read: converts a value that is not null for the document; None keeps it unchanged.
    """

    sql: str
    read: Read | None = None


@dataclass(frozen=True)
class ListMapping:
    """A list of each object.

    Attributes:
        sql: selects the owner's id and the element, ordered by owner, for owners after ``:after`` up to ``:until``.
        read: converts the rows of one owner (without its id) into the field's value as GraphQL would send it; None for
            a list of ids, which needs no conversion.
        fast: converts common rows directly into the document's value. Returns None for other rows, which need ``read``.
        fallback_sql: if given, ``sql`` selects the document's JSON, or null if it cannot. In that case, this query
            selects the rows for ``read``; its parameter is the owner's id.
        canonical: the value already has the document's form.
        also: other fields that are derived from the same rows.
    """

    sql: str
    read: Callable[[list[Row]], Any] | None = None
    fallback_sql: str = ""
    canonical: bool = False
    fast: Callable[[list[Row]], Any] | None = None
    also: dict[str, Callable[[list[Row]], Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class EntityMapping:
    """Where the database has one entity.

    Attributes:
        source: the FROM clause. id: the expression of the id; it must be unique.
        columns, lists: by field of the document.
        where: the condition for rows that are objects; empty for all rows.
    """

    source: str
    id: str
    columns: dict[str, Value]
    lists: dict[str, ListMapping] = field(default_factory=dict)
    where: str = ""


# --- columns --------------------------------------------------------------------------------------------


def text(sql: str, *, empty: bool = False) -> Value:
    """A text; ``empty``: the server sends null as an empty text."""
    # cast whatever is stored to text, so its type needs no check
    cast = f"CAST({sql} AS TEXT)"
    return Value(f"coalesce({cast}, '')" if empty else cast)


def integer(sql: str) -> Value:
    """A 32-bit integer."""
    return Value(sql, values.whole)


def big(sql: str) -> Value:
    """A 64-bit integer."""
    return Value(sql, values.big)


def real(sql: str) -> Value:
    """A floating-point number."""
    return Value(sql, values.number)


def boolean(sql: str) -> Value:
    """A boolean."""
    return Value(sql, values.boolean)


def moment(sql: str) -> Value:
    """A timestamp."""
    return Value(sql, values.set_time)


def date(snapshot: Snapshot, table: str, column: str, alias: str) -> Value:
    """A date; from schema version 75 on, with the precision that it was entered with."""
    if not snapshot.since(_CLEANED_UP):
        return Value(f"{alias}.{column}", values.old_date_text)
    if not snapshot.has(table, f"{column}_precision"):
        return Value(f"{alias}.{column}", values.date_text)
    precision = f"coalesce({alias}.{column}_precision, 0)"
    # two values in one: the precision and the date; the server never stores a date as a number
    combined = f"{precision} || ' ' || {alias}.{column}"
    return Value(f"CASE WHEN typeof({alias}.{column}) = 'text' THEN {combined} ELSE {alias}.{column} END", _read_date)


def _read_date(stored: Any) -> Any:
    if type(stored) is not str:
        return values.date_text(stored)
    precision, _, day = stored.partition(" ")
    return values.date_text(day, int(precision))


# --- lists ----------------------------------------------------------------------------------------------


def between(owner: str) -> str:
    """The condition of every list: its owners are in one span of ids."""
    return f"{owner} > :after AND {owner} <= :until"


def ids(table: str, owner: str, column: str, *, first: str = "") -> ListMapping:
    """Ids of a join table, sorted; ``first``: an expression that is greatest for the first element."""
    order = f"{first} DESC, " if first else ""
    return ListMapping(
        "SELECT owner, group_concat(CASE WHEN typeof(id) = 'integer' AND id >= 0 THEN id ELSE '\"\"' END) FROM (\n"
        f'    SELECT {owner} AS owner, {column} AS id FROM "{table}"\n'
        f"    WHERE {between(owner)} ORDER BY {owner}, {order}{column})\nGROUP BY owner"
    )


def texts(table: str, owner: str, column: str, order: str = "rowid") -> ListMapping:
    """Texts of a join table."""
    return ListMapping(
        f'SELECT {owner}, CAST({column} AS TEXT) FROM "{table}"\n'
        f"WHERE {between(owner)} AND {column} IS NOT NULL ORDER BY {owner}, {order}",
        firsts,
    )


def firsts(rows: list[Row]) -> list[Any]:
    """The first value of each row."""
    return [row[0] for row in rows]


def records(sql: str, *names: str, times: tuple[str, ...] = ()) -> ListMapping:
    """Objects with these fields; ``times`` are timestamps.

    GraphQL cannot send a list with a timestamp that was never set. The field is then omitted for all of the owner's
    objects.
    """

    def read(rows: list[Row]) -> list[dict[str, Any]]:
        objects = [dict(zip(names, row, strict=True)) for row in rows]
        for name in times:
            timestamps = [None if record[name] is None else values.set_time(record[name]) for record in objects]
            all_set = None not in timestamps
            for record, timestamp in zip(objects, timestamps, strict=True):
                record[name] = timestamp if all_set else None
        return objects

    return ListMapping(sql, read)


def stash_ids(snapshot: Snapshot, table: str, owner: str) -> ListMapping:
    """Ids in stash-boxes; from schema version 72 on, with the time of their last change."""
    end = f"FROM {table} WHERE {between(owner)} ORDER BY {owner}, rowid"
    if snapshot.has(table, "updated_at"):
        sql = f"SELECT {owner}, endpoint, stash_id, updated_at {end}"
        list_mapping = records(sql, "endpoint", "stash_id", "updated_at", times=("updated_at",))
        return replace(list_mapping, fast=_one_stash_id)
    return records(f"SELECT {owner}, endpoint, stash_id {end}", "endpoint", "stash_id")


def _one_stash_id(rows: list[Row]) -> Any:
    """The single stash id of an object, if an index can hold its texts."""
    endpoint, stash_id, moment = rows[0]
    usual = (
        len(rows) == 1
        and type(endpoint) is type(stash_id) is type(moment) is str
        and len(endpoint) + len(stash_id) < _SHORT
        and values.usual_time(moment)
    )
    return [{"endpoint": endpoint, "stash_id": stash_id, "updated_at": moment}] if usual else None


def custom_fields(table: str, owner: str) -> ListMapping:
    """User-defined fields, by name."""

    def read(rows: list[Row]) -> dict[str, Any]:
        return {values.text(name): values.json_value(value) for name, value in rows}

    sql = f"SELECT {owner}, field, value FROM {table} WHERE {between(owner)} ORDER BY {owner}, field"
    return ListMapping(sql, read, canonical=True)


# --- grouping -------------------------------------------------------------------------------------------


def grouped(snapshot: Snapshot, list_mapping: ListMapping, span: IdSpan) -> Iterator[tuple[Any, Any]]:
    """Pairs of an owner and its elements, ordered by owner: rows, or serialized JSON.

    None in place of the elements means that one of the ids is invalid.

    Raises:
        SnapshotError: if an owner has too many rows.
    """
    rows = snapshot.rows(list_mapping.sql, span._asdict())
    if list_mapping.read is None:
        return ((owner, None if '"' in elements else orjson.Fragment(f"[{elements}]")) for owner, elements in rows)
    if list_mapping.fallback_sql:
        return (
            (
                owner,
                _bounded(snapshot.rows(list_mapping.fallback_sql, (owner,)))
                if elements is None
                else orjson.Fragment(elements),
            )
            for owner, elements in rows
        )
    return ((owner, [row[1:] for row in _bounded(elements)]) for owner, elements in groupby(rows, itemgetter(0)))


def _bounded(rows: Iterator[Row]) -> list[Row]:
    bounded = list(islice(rows, _MOST_ROWS))
    if len(bounded) == _MOST_ROWS:
        raise SnapshotError(f"The snapshot has an object with a list of more than {_MOST_ROWS:,} rows.")
    return bounded
