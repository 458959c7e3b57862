"""The context of a request to a box, for its resolvers.

Contains the request's context, and loading rows by their ids. HTTP is in ``http``.
"""

import zlib
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from stash_pipeline.simulator.box.box import Box
from stash_pipeline.simulator.box.releases import BoxRelease
from stash_pipeline.simulator.context import SelectedFields
from stash_pipeline.simulator.database import Row
from stash_pipeline.simulator.errors import AnswerError


@dataclass
class BoxContext:
    """One GraphQL request: the box, its release and settings, the user, and a cache of rows.

    Attributes:
        user: the id of the user whose key was sent; None without a key.
        salt: differs from request to request, and with it the order of what has no order.
    """

    box: Box
    release: BoxRelease
    base_url: str
    user: str | None
    user_name: str = "reader"
    api_key: str | None = None
    phash_distance: int = 0
    salt: int = 0
    row_cache: dict[Any, Row] = field(default_factory=dict)

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing."""
        return self.box.transaction()

    @property
    def marshals_nulls(self) -> bool:
        """Nulls are found while the response is written."""
        return True

    def shuffled(self, ids: Iterable[str]) -> list[str]:
        """The ids in no order: the same within a request, another one in the next."""
        return sorted(ids, key=lambda identifier: zlib.crc32(identifier.encode(), self.salt))


Loader = Callable[[BoxContext, list[Row], dict[str, Any], SelectedFields], list[Any]]
"""Loads a field for many rows at once: (context, rows, arguments, selected fields) -> one value per row."""


def marks(values: Collection[Any]) -> str:
    """The placeholders of a list of values."""
    return ", ".join("?" for _ in values)


def rows_by_id(ctx: BoxContext, table: str, ids: Iterable[Any]) -> dict[Any, Row]:
    """Rows of a table by their ids, read once per request."""
    distinct = dict.fromkeys(row_id for row_id in ids if row_id is not None)
    missing = [row_id for row_id in distinct if (table, row_id) not in ctx.row_cache]
    for start in range(0, len(missing), 500):
        part = missing[start : start + 500]
        for row in ctx.box.rows(f"SELECT * FROM {table} WHERE id IN ({marks(part)})", part):
            ctx.row_cache[table, row["id"]] = row
    return {row_id: ctx.row_cache[table, row_id] for row_id in distinct if (table, row_id) in ctx.row_cache}


def parse_id(value: Any, argument: str | int, *path: str | int) -> str:
    """An id that a client sent, as it is stored."""
    text = str(value).replace('"', "")
    try:
        if len(text) in (32, 36, 38):
            return str(UUID(text))
        reason = f'uuid: incorrect UUID length {len(text)} in string "{text}"'
    except ValueError:
        wrong = next((character for character in text if character not in "0123456789abcdefABCDEF-{}"), "-")
        reason = f"encoding/hex: invalid byte: U+{ord(wrong):04X} '{wrong}'"
    raise AnswerError(reason, argument=(argument, *path))


def optional_id(text: str) -> str | None:
    """The id that a search term may be."""
    try:
        return str(UUID(text.strip())) if len(text.strip()) in (32, 36, 38) else None
    except ValueError:
        return None


def reference(table: str, column: str) -> Loader:
    """A loader of the row that a column refers to."""

    def load(ctx: BoxContext, rows: list[Row], *_: Any) -> list[Any]:
        by_id = rows_by_id(ctx, table, (row[column] for row in rows))
        return [by_id.get(row[column]) for row in rows]

    return load


def column(name: str) -> Loader:
    """A loader of a column that has another name than the field."""
    return lambda _ctx, rows, *_: [row[name] for row in rows]


def grouped(ctx: BoxContext, sql: str, rows: list[Row]) -> dict[str, list[tuple[Any, ...]]]:
    """What a query finds for rows: `{ids}` stands for their ids, the first column is the id, the others the result."""
    groups: dict[str, list[tuple[Any, ...]]] = {}
    ids = list(dict.fromkeys(row["id"] for row in rows))
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        for first, *others in ctx.box.tuples(sql.replace("{ids}", marks(part)), part):
            groups.setdefault(first, []).append(tuple(others))
    return groups


def texts(sql: str) -> Loader:
    """A loader of lists of single values, sorted."""

    def load(ctx: BoxContext, rows: list[Row], *_: Any) -> list[Any]:
        groups = grouped(ctx, sql, rows)
        return [sorted(result[0] for result in groups.get(row["id"], ())) for row in rows]

    return load


def many(table: str, sql: str) -> Loader:
    """A loader of lists of rows of a table; the query returns their ids."""

    def load(ctx: BoxContext, rows: list[Row], *_: Any) -> list[Any]:
        groups = grouped(ctx, sql, rows)
        by_id = rows_by_id(ctx, table, (result[0] for results in groups.values() for result in results))
        return [[by_id[result[0]] for result in groups.get(row["id"], ())] for row in rows]

    return load


def constant(value: Any) -> Loader:
    """A loader of what does not depend on the row."""
    return lambda _ctx, rows, *_: [value for _ in rows]


Loaders = Mapping[tuple[str, str], Loader]
