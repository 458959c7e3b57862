"""How a kind is read from the database: the vocabulary of ``catalogue.py`` and ``media.py``.

A kind is one query for its own columns and one for each of its lists, all in the order of its ids, so that they are
read side by side and nothing is held in memory.
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
"""Of one list of one object."""

_CLEANED_UP = 48
"""The version of the schema (v0.22) from which on a date that means none is null."""


class Stretch(NamedTuple):
    """The ids that are above ``after``, and not above ``until``."""

    after: int = -1
    until: int = 2**63 - 1


ALL: Final = Stretch()


@dataclass(frozen=True)
class Value:
    """One column of the query.

    Attributes:
        sql: the expression. read: makes the document's value of what is not null; None takes it as it is.
    """

    sql: str
    read: Read | None = None


@dataclass(frozen=True)
class Several:
    """A list of each object.

    Attributes:
        sql: gives the owner's id and what belongs to it, in the order of the owners, of those after ``:after`` and up
            to ``:until``.
        read: makes the field's value, as GraphQL would send it, of the rows of one owner without that id; None
            for a list of ids, which needs nothing more done to it.
        short: makes the document's value of rows that are as nearly all are, and None of others; ``read`` is for those.
        otherwise: where it is given, ``sql`` gives the document's JSON, and null where it cannot; this one, asked with
            the owner's id, then gives the rows for ``read``.
        canonical: the value is as the document wants it already.
        also: other fields that the same rows tell of.
    """

    sql: str
    read: Callable[[list[Row]], Any] | None = None
    otherwise: str = ""
    canonical: bool = False
    short: Callable[[list[Row]], Any] | None = None
    also: dict[str, Callable[[list[Row]], Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """One kind of object.

    Attributes:
        source: what stands behind FROM. id: the expression of the id; no two rows may have the same.
        columns, lists: by field of the document.
        where: which rows there are objects of; empty for all.
    """

    source: str
    id: str
    columns: dict[str, Value]
    lists: dict[str, Several] = field(default_factory=dict)
    where: str = ""


# --- columns --------------------------------------------------------------------------------------------


def text(sql: str, *, empty: bool = False) -> Value:
    """A text; ``empty``: the server sends an empty one for null."""
    # as text whatever is stored there: so it need not be looked at again
    cast = f"CAST({sql} AS TEXT)"
    return Value(f"coalesce({cast}, '')" if empty else cast)


def integer(sql: str) -> Value:
    """A number of 32 bits."""
    return Value(sql, values.whole)


def big(sql: str) -> Value:
    """A number of 64 bits."""
    return Value(sql, values.big)


def real(sql: str) -> Value:
    """A number with a fraction."""
    return Value(sql, values.number)


def boolean(sql: str) -> Value:
    """True or false."""
    return Value(sql, values.boolean)


def moment(sql: str) -> Value:
    """A timestamp."""
    return Value(sql, values.set_time)


def date(snapshot: Snapshot, table: str, column: str, alias: str) -> Value:
    """A date; from version 75 on in the precision that it was entered with."""
    if not snapshot.since(_CLEANED_UP):
        return Value(f"{alias}.{column}", values.old_date_text)
    if not snapshot.has(table, f"{column}_precision"):
        return Value(f"{alias}.{column}", values.date_text)
    precision = f"coalesce({alias}.{column}_precision, 0)"
    # two values in one: the date, and how much of it is meant; a number is none of the server's
    both = f"{precision} || ' ' || {alias}.{column}"
    return Value(f"CASE WHEN typeof({alias}.{column}) = 'text' THEN {both} ELSE {alias}.{column} END", _read_date)


def _read_date(stored: Any) -> Any:
    if type(stored) is not str:
        return values.date_text(stored)
    precision, _, day = stored.partition(" ")
    return values.date_text(day, int(precision))


# --- lists ----------------------------------------------------------------------------------------------


def between(owner: str) -> str:
    """The condition that each list has: its owners are those of one stretch."""
    return f"{owner} > :after AND {owner} <= :until"


def ids(table: str, owner: str, column: str, *, first: str = "") -> Several:
    """Ids of a join table, sorted; ``first``: the expression that is greatest for the one that comes first."""
    order = f"{first} DESC, " if first else ""
    return Several(
        "SELECT owner, group_concat(CASE WHEN typeof(id) = 'integer' AND id >= 0 THEN id ELSE '\"\"' END) FROM (\n"
        f'    SELECT {owner} AS owner, {column} AS id FROM "{table}"\n'
        f"    WHERE {between(owner)} ORDER BY {owner}, {order}{column})\nGROUP BY owner"
    )


def texts(table: str, owner: str, column: str, order: str = "rowid") -> Several:
    """Texts of a join table."""
    return Several(
        f'SELECT {owner}, CAST({column} AS TEXT) FROM "{table}"\n'
        f"WHERE {between(owner)} AND {column} IS NOT NULL ORDER BY {owner}, {order}",
        firsts,
    )


def firsts(rows: list[Row]) -> list[Any]:
    """The first values of some rows."""
    return [row[0] for row in rows]


def records(sql: str, *names: str, times: tuple[str, ...] = ()) -> Several:
    """Objects with these fields; ``times`` are timestamps.

    GraphQL cannot send a list with one that was never set: it is left out of all of the owner's then.
    """

    def read(rows: list[Row]) -> list[dict[str, Any]]:
        found = [dict(zip(names, row, strict=True)) for row in rows]
        for name in times:
            told = [None if one[name] is None else values.set_time(one[name]) for one in found]
            known = None not in told
            for one, time in zip(found, told, strict=True):
                one[name] = time if known else None
        return found

    return Several(sql, read)


def stash_ids(snapshot: Snapshot, table: str, owner: str) -> Several:
    """Ids of other catalogues; from version 72 on with the time of their last change."""
    end = f"FROM {table} WHERE {between(owner)} ORDER BY {owner}, rowid"
    if snapshot.has(table, "updated_at"):
        sql = f"SELECT {owner}, endpoint, stash_id, updated_at {end}"
        several = records(sql, "endpoint", "stash_id", "updated_at", times=("updated_at",))
        return replace(several, short=_one_stash_id)
    return records(f"SELECT {owner}, endpoint, stash_id {end}", "endpoint", "stash_id")


def _one_stash_id(rows: list[Row]) -> Any:
    """The only one of an object, with texts that an index can hold."""
    endpoint, stash_id, moment = rows[0]
    usual = (
        len(rows) == 1
        and type(endpoint) is type(stash_id) is type(moment) is str
        and len(endpoint) + len(stash_id) < _SHORT
        and values.usual_time(moment)
    )
    return [{"endpoint": endpoint, "stash_id": stash_id, "updated_at": moment}] if usual else None


def custom_fields(table: str, owner: str) -> Several:
    """The fields that a person has added, by name."""

    def read(rows: list[Row]) -> dict[str, Any]:
        return {values.text(name): values.json_value(value) for name, value in rows}

    sql = f"SELECT {owner}, field, value FROM {table} WHERE {between(owner)} ORDER BY {owner}, field"
    return Several(sql, read, canonical=True)


# --- side by side ---------------------------------------------------------------------------------------


def grouped(snapshot: Snapshot, several: Several, stretch: Stretch) -> Iterator[tuple[Any, Any]]:
    """Pairs of an owner and what belongs to it, in the order of the owners: rows, or JSON that is ready.

    None stands for ids of which one is none.

    Raises:
        SnapshotError: at any owner, if more belongs to it than memory should hold.
    """
    rows = snapshot.rows(several.sql, stretch._asdict())
    if several.read is None:
        return ((owner, None if '"' in found else orjson.Fragment(f"[{found}]")) for owner, found in rows)
    if several.otherwise:
        return (
            (owner, _bounded(snapshot.rows(several.otherwise, (owner,))) if found is None else orjson.Fragment(found))
            for owner, found in rows
        )
    return ((owner, [row[1:] for row in _bounded(found)]) for owner, found in groupby(rows, itemgetter(0)))


def _bounded(rows: Iterator[Row]) -> list[Row]:
    found = list(islice(rows, _MOST_ROWS))
    if len(found) == _MOST_ROWS:
        raise SnapshotError(f"The copy of the database has an object with more than {_MOST_ROWS:,} rows of a list.")
    return found
