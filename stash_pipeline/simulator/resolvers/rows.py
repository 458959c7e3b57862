"""Batched reads of rows by id, and loaders for the common forms of relations.

The fields of each entity are in the other modules of this package.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

from stash_pipeline.simulator.context import Loader, RequestContext, SelectedFields
from stash_pipeline.simulator.errors import AnswerError
from stash_pipeline.simulator.library import Row

Presenter = Callable[[RequestContext, list[Row]], None]
_PRESENTERS: dict[str, tuple[str, str, Presenter]] = {}
_ID_ONLY = frozenset({"id", "__typename"})


def register_kind(kind: str, select: str, not_found: str, presenter: Presenter) -> None:
    """Register an entity: its SELECT (without WHERE), its name in errors, its presenter."""
    _PRESENTERS[kind] = (select, not_found, presenter)


def id_list(ids: Iterable[Any]) -> str:
    """Ids as one JSON parameter for `IN (SELECT value FROM json_each(?))`, which has no limit on their number."""
    return json.dumps(list(ids))


def load_rows(ctx: RequestContext, kind: str, ids: Iterable[int]) -> dict[int, Row]:
    """The presented rows with these ids; ids without a row are omitted."""
    unique_ids = list(dict.fromkeys(ids))
    missing = [row_id for row_id in unique_ids if (kind, row_id) not in ctx.row_cache]
    if missing:
        select, _, presenter = _PRESENTERS[kind]
        table = select.split()[-1] if " JOIN " not in select else "files"
        rows = ctx.library.rows(f"{select} WHERE {table}.id IN (SELECT value FROM json_each(?))", (id_list(missing),))
        presenter(ctx, rows)
        for row in rows:
            ctx.row_cache[kind, row["id"]] = row
    return {row_id: ctx.row_cache[kind, row_id] for row_id in unique_ids if (kind, row_id) in ctx.row_cache}


def load_or_stub(ctx: RequestContext, kind: str, ids: Iterable[int], selected: SelectedFields) -> dict[int, Row]:
    """Rows by id; does not read the table if only ids are selected."""
    if selected <= _ID_ONLY:
        return {identifier: {"id": identifier} for identifier in set(ids)}
    return load_rows(ctx, kind, ids)


def load_all(ctx: RequestContext, kind: str, ids: list[int]) -> list[Row]:
    """The rows with these ids, in this order; an unknown id fails the whole list, as on the server."""
    rows = load_rows(ctx, kind, ids)
    for identifier in ids:
        if identifier not in rows:
            raise AnswerError(f"{_PRESENTERS[kind][1]} with id {identifier} not found")
    return [rows[identifier] for identifier in ids]


def grouped(ctx: RequestContext, rows: list[Row], sql: str) -> dict[Any, list[tuple[Any, ...]]]:
    """The rows of a query, grouped by their first column; `?` in the query is the list of parent ids."""
    result: dict[Any, list[tuple[Any, ...]]] = {}
    for result_row in ctx.library.tuples(sql, (id_list(row["id"] for row in rows),)):
        result.setdefault(result_row[0], []).append(result_row)
    return result


def many(kind: str, sql: str) -> Loader:
    """A list of objects: the query gives (parent id, child id) in the order of the response."""

    def load(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
        pairs = grouped(ctx, rows, sql)
        ids = {pair[1] for parent_pairs in pairs.values() for pair in parent_pairs}
        if ctx.vanish:
            ctx.vanish(kind, ids)
            # the server loads rows even if only ids are selected
            children = load_rows(ctx, kind, ids)
        else:
            children = load_or_stub(ctx, kind, ids, selected)
        for index, row in enumerate(rows):
            for pair in pairs.get(row["id"], ()):
                if pair[1] not in children:
                    raise AnswerError(f"{_PRESENTERS[kind][1]} with id {pair[1]} not found", index)
        return [[children[pair[1]] for pair in pairs.get(row["id"], ())] for row in rows]

    return load


def joined(table: str, parent: str, child: str, kind: str, order: str | None = None) -> Loader:
    """A list of objects through a join table, ordered by the child's id by default."""
    return many(
        kind,
        f'SELECT "{parent}", "{child}" FROM "{table}"'
        f' WHERE "{parent}" IN (SELECT value FROM json_each(?)) ORDER BY "{parent}", {order or child}',
    )


def reference(column: str, kind: str) -> Loader:
    """An object, or null, through a column of the row."""

    def load(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
        children = load_or_stub(ctx, kind, (row[column] for row in rows if row[column] is not None), selected)
        return [None if row[column] is None else children.get(row[column]) for row in rows]

    return load


def values(sql: str) -> Loader:
    """A list of scalars: the query gives (parent id, value) in the order of the response."""

    def load(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
        by_parent = grouped(ctx, rows, sql)
        return [[pair[1] for pair in by_parent.get(row["id"], ())] for row in rows]

    return load


def first_value(sql: str, default: Any = None) -> Loader:
    """One scalar: the first (parent id, value) of the query."""

    def load(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
        by_parent = grouped(ctx, rows, sql)
        return [by_parent[row["id"]][0][1] if row["id"] in by_parent else default for row in rows]

    return load


def objects(sql: str, *columns: str) -> Loader:
    """A list of plain objects: the query gives the parent id and then the named columns."""

    def load(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
        by_parent = grouped(ctx, rows, sql)
        return [
            [dict(zip(columns, row_values[1:], strict=True)) for row_values in by_parent.get(row["id"], ())]
            for row in rows
        ]

    return load


def urls_of(table: str, parent: str) -> Loader:
    """The URLs of a row, in order."""
    return values(
        f'SELECT "{parent}", url FROM "{table}" WHERE "{parent}" IN (SELECT value FROM json_each(?))'
        f' ORDER BY "{parent}", position'
    )


def url_of(table: str, parent: str, empty_before: int) -> Loader:
    """The first URL; without one, null, or an empty text before v0.<empty_before>."""
    first = first_value(
        f'SELECT "{parent}", url FROM "{table}" WHERE "{parent}" IN (SELECT value FROM json_each(?))'
        f' ORDER BY "{parent}", position'
    )

    def load(ctx: RequestContext, rows: list[Row], args: dict[str, Any], selected: SelectedFields) -> list[Any]:
        urls = first(ctx, rows, args, selected)
        return urls if ctx.release.since(empty_before) else [url or "" for url in urls]

    return load


def stash_ids_of(table: str, parent: str) -> Loader:
    """The stash ids of a row, in insertion order."""
    return objects(
        f'SELECT "{parent}", endpoint, stash_id, updated_at FROM "{table}"'
        f' WHERE "{parent}" IN (SELECT value FROM json_each(?)) ORDER BY "{parent}", rowid',
        "endpoint",
        "stash_id",
        "updated_at",
    )


def tags_of(table: str, parent: str, unordered_before: int = 0) -> Loader:
    """The tags of a row: by sort name since v0.28, before that by plain name, or unordered in older releases."""
    select = (
        f'SELECT "{parent}", tag_id FROM "{table}" JOIN tags ON tags.id = tag_id'
        f' WHERE "{parent}" IN (SELECT value FROM json_each(?)) ORDER BY "{parent}", '
    )
    natural = many("Tag", select + "natural_key(COALESCE(tags.sort_name, tags.name)), tags.id")
    plain = many("Tag", select + "tags.name, tags.id")
    unordered = many("Tag", select + "tags.id")

    def load(ctx: RequestContext, rows: list[Row], args: dict[str, Any], selected: SelectedFields) -> list[Any]:
        if not ctx.release.since(unordered_before):
            return unordered(ctx, rows, args, selected)
        return (natural if ctx.release.since(28) else plain)(ctx, rows, args, selected)

    return load


def count_of(sql: str, tree: str | None = None) -> Loader:
    """A count: the query gives (parent id, count). With a tree, the argument `depth` includes descendants.

    `sql` counts over the ids of `(SELECT root, id FROM family)`; `tree` selects the pairs (parent, child) of the
    hierarchy.
    """

    def load(ctx: RequestContext, rows: list[Row], args: dict[str, Any], selected: SelectedFields) -> list[Any]:
        depth = args.get("depth") or 0
        family = "SELECT value AS root, value AS id, 0 AS level FROM json_each(?)"
        if tree and depth != 0:
            limit = "" if depth < 0 else f" WHERE family.level < {int(depth)}"
            family += (
                f" UNION SELECT family.root, tree.child, family.level + 1 FROM family"
                f" JOIN ({tree}) AS tree ON tree.parent = family.id{limit}"
            )
        counts = dict(
            ctx.library.tuples(
                f"WITH RECURSIVE family(root, id, level) AS ({family}) {sql}",
                (id_list(row["id"] for row in rows),),
            )
        )
        return [counts.get(row["id"], 0) for row in rows]

    return load


def count_through(table: str, parent: str, child: str, tree: str | None = None) -> Loader:
    """Distinct children in a join table."""
    return count_of(
        f'SELECT family.root, COUNT(DISTINCT j."{child}") FROM family JOIN "{table}" AS j'
        f' ON j."{parent}" = family.id GROUP BY family.root',
        tree,
    )


def texts(row: Row, *columns: str) -> None:
    """Replace null texts by empty texts."""
    for column in columns:
        if row[column] is None:
            row[column] = ""


_FIRST_DATE = "0001-01-01"


def partial_date(ctx: RequestContext, row: Row, column: str) -> None:
    """A date with the precision that it was entered with: 2024-05-06, or since v0.30 2024-05 or 2024.

    An invalid text becomes 0001-01-01, or null before v0.22.
    """
    date = row[column]
    if date is None:
        return
    date = date[:10] or _FIRST_DATE
    precision = row.get(f"{column}_precision") if ctx.release.since(30) else None
    row[column] = date if not precision else date[:7] if precision == 1 else date[:4]
    if date == _FIRST_DATE and not ctx.release.since(22):
        row[column] = None


def five_stars(rating: int | None) -> int | None:
    """The rating from 1 to 5 that releases before v0.24 also return."""
    return None if rating is None else max(1, round(rating / 20))
