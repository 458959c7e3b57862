"""Reading rows by id, and the shapes of relations that most fields have.

Here: batched reads. Not here: the fields of one kind (the other modules of this package).
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

from stash_pipeline.simulator.context import Loader, ReadRequest, RequestContext
from stash_pipeline.simulator.errors import AnswerError
from stash_pipeline.simulator.library import Row

Presenter = Callable[[RequestContext, list[Row]], None]
_PRESENTERS: dict[str, tuple[str, str, Presenter]] = {}
_ID_ONLY = frozenset({"id", "__typename"})


def register_kind(kind: str, select: str, not_found: str, presenter: Presenter) -> None:
    """Make a kind loadable: its SELECT (ending before WHERE), its name in errors, its presenter."""
    _PRESENTERS[kind] = (select, not_found, presenter)


def id_list(ids: Iterable[Any]) -> str:
    """Ids as one JSON parameter: `IN (SELECT value FROM json_each(?))` has no limit on their number."""
    return json.dumps(list(ids))


def load_rows(ctx: RequestContext, kind: str, ids: Iterable[int]) -> dict[int, Row]:
    """The presented rows of these ids; an id without a row is left out."""
    wanted = list(dict.fromkeys(ids))
    missing = [one for one in wanted if (kind, one) not in ctx.row_cache]
    if missing:
        select, _, presenter = _PRESENTERS[kind]
        table = select.split()[-1] if " JOIN " not in select else "files"
        found = ctx.library.rows(f"{select} WHERE {table}.id IN (SELECT value FROM json_each(?))", (id_list(missing),))
        presenter(ctx, found)
        for row in found:
            ctx.row_cache[kind, row["id"]] = row
    return {one: ctx.row_cache[kind, one] for one in wanted if (kind, one) in ctx.row_cache}


def load_or_stub(ctx: RequestContext, kind: str, ids: Iterable[int], wanted: ReadRequest) -> dict[int, Row]:
    """Rows by id; when only ids are asked for, without reading the table."""
    if wanted <= _ID_ONLY:
        return {one: {"id": one} for one in set(ids)}
    return load_rows(ctx, kind, ids)


def load_all(ctx: RequestContext, kind: str, ids: list[int]) -> list[Row]:
    """The rows of these ids in this order; an unknown id fails the whole list, as on the server."""
    rows = load_rows(ctx, kind, ids)
    for one in ids:
        if one not in rows:
            raise AnswerError(f"{_PRESENTERS[kind][1]} with id {one} not found")
    return [rows[one] for one in ids]


def grouped(ctx: RequestContext, rows: list[Row], sql: str) -> dict[Any, list[tuple[Any, ...]]]:
    """Rows of a query by their first column; `?` in the query is the list of the parents' ids."""
    result: dict[Any, list[tuple[Any, ...]]] = {}
    for found in ctx.library.tuples(sql, (id_list(row["id"] for row in rows),)):
        result.setdefault(found[0], []).append(found)
    return result


def many(kind: str, sql: str) -> Loader:
    """A list of objects: the query gives (parent id, child id) in the order of the answer."""

    def load(ctx: RequestContext, rows: list[Row], _: dict[str, Any], wanted: ReadRequest) -> list[Any]:
        pairs = grouped(ctx, rows, sql)
        ids = {pair[1] for found in pairs.values() for pair in found}
        if ctx.vanish:
            ctx.vanish(kind, ids)
            # the server looks up rows even when only ids are asked for
            children = load_rows(ctx, kind, ids)
        else:
            children = load_or_stub(ctx, kind, ids, wanted)
        for index, row in enumerate(rows):
            for pair in pairs.get(row["id"], ()):
                if pair[1] not in children:
                    raise AnswerError(f"{_PRESENTERS[kind][1]} with id {pair[1]} not found", index)
        return [[children[pair[1]] for pair in pairs.get(row["id"], ())] for row in rows]

    return load


def joined(table: str, parent: str, child: str, kind: str, order: str | None = None) -> Loader:
    """A list of objects through a join table, ordered by the child's id unless told otherwise."""
    return many(
        kind,
        f'SELECT "{parent}", "{child}" FROM "{table}"'
        f' WHERE "{parent}" IN (SELECT value FROM json_each(?)) ORDER BY "{parent}", {order or child}',
    )


def reference(column: str, kind: str) -> Loader:
    """One object, or null, through a column of the row."""

    def load(ctx: RequestContext, rows: list[Row], _: dict[str, Any], wanted: ReadRequest) -> list[Any]:
        children = load_or_stub(ctx, kind, (row[column] for row in rows if row[column] is not None), wanted)
        return [None if row[column] is None else children.get(row[column]) for row in rows]

    return load


def values(sql: str) -> Loader:
    """A list of scalars: the query gives (parent id, value) in the order of the answer."""

    def load(ctx: RequestContext, rows: list[Row], _: dict[str, Any], wanted: ReadRequest) -> list[Any]:
        found = grouped(ctx, rows, sql)
        return [[pair[1] for pair in found.get(row["id"], ())] for row in rows]

    return load


def first_value(sql: str, otherwise: Any = None) -> Loader:
    """One scalar: the first (parent id, value) of the query."""

    def load(ctx: RequestContext, rows: list[Row], _: dict[str, Any], wanted: ReadRequest) -> list[Any]:
        found = grouped(ctx, rows, sql)
        return [found[row["id"]][0][1] if row["id"] in found else otherwise for row in rows]

    return load


def objects(sql: str, *columns: str) -> Loader:
    """A list of plain objects: the query gives the parent id and then the named columns."""

    def load(ctx: RequestContext, rows: list[Row], _: dict[str, Any], wanted: ReadRequest) -> list[Any]:
        found = grouped(ctx, rows, sql)
        return [[dict(zip(columns, one[1:], strict=True)) for one in found.get(row["id"], ())] for row in rows]

    return load


def urls_of(table: str, parent: str) -> Loader:
    """The urls of a row, in their positions."""
    return values(
        f'SELECT "{parent}", url FROM "{table}" WHERE "{parent}" IN (SELECT value FROM json_each(?))'
        f' ORDER BY "{parent}", position'
    )


def url_of(table: str, parent: str, empty_before: int) -> Loader:
    """The first url; without one it is null, but an empty text before v0.<empty_before>."""
    first = first_value(
        f'SELECT "{parent}", url FROM "{table}" WHERE "{parent}" IN (SELECT value FROM json_each(?))'
        f' ORDER BY "{parent}", position'
    )

    def load(ctx: RequestContext, rows: list[Row], args: dict[str, Any], wanted: ReadRequest) -> list[Any]:
        found = first(ctx, rows, args, wanted)
        return found if ctx.release.since(empty_before) else [url or "" for url in found]

    return load


def stash_ids_of(table: str, parent: str) -> Loader:
    """The stash ids of a row, in the order in which they were added."""
    return objects(
        f'SELECT "{parent}", endpoint, stash_id, updated_at FROM "{table}"'
        f' WHERE "{parent}" IN (SELECT value FROM json_each(?)) ORDER BY "{parent}", rowid',
        "endpoint",
        "stash_id",
        "updated_at",
    )


def tags_of(table: str, parent: str, unordered_before: int = 0) -> Loader:
    """The tags of a row: by sort name since v0.28, by plain name before, unordered where it was so."""
    select = (
        f'SELECT "{parent}", tag_id FROM "{table}" JOIN tags ON tags.id = tag_id'
        f' WHERE "{parent}" IN (SELECT value FROM json_each(?)) ORDER BY "{parent}", '
    )
    natural = many("Tag", select + "natural_key(COALESCE(tags.sort_name, tags.name)), tags.id")
    plain = many("Tag", select + "tags.name, tags.id")
    unordered = many("Tag", select + "tags.id")

    def load(ctx: RequestContext, rows: list[Row], args: dict[str, Any], wanted: ReadRequest) -> list[Any]:
        if not ctx.release.since(unordered_before):
            return unordered(ctx, rows, args, wanted)
        return (natural if ctx.release.since(28) else plain)(ctx, rows, args, wanted)

    return load


def count_of(sql: str, tree: str | None = None) -> Loader:
    """A count: the query gives (parent id, count). With a tree, `depth` also counts below.

    `sql` counts over the ids of `(SELECT root, id FROM family)`; `tree` is the SELECT of the pairs
    (parent, child) of the hierarchy.
    """

    def load(ctx: RequestContext, rows: list[Row], args: dict[str, Any], wanted: ReadRequest) -> list[Any]:
        depth = args.get("depth") or 0
        family = "SELECT value AS root, value AS id, 0 AS level FROM json_each(?)"
        if tree and depth != 0:
            limit = "" if depth < 0 else f" WHERE family.level < {int(depth)}"
            family += (
                f" UNION SELECT family.root, tree.child, family.level + 1 FROM family"
                f" JOIN ({tree}) AS tree ON tree.parent = family.id{limit}"
            )
        found = dict(
            ctx.library.tuples(
                f"WITH RECURSIVE family(root, id, level) AS ({family}) {sql}",
                (id_list(row["id"] for row in rows),),
            )
        )
        return [found.get(row["id"], 0) for row in rows]

    return load


def count_through(table: str, parent: str, child: str, tree: str | None = None) -> Loader:
    """Distinct children in a join table."""
    return count_of(
        f'SELECT family.root, COUNT(DISTINCT j."{child}") FROM family JOIN "{table}" AS j'
        f' ON j."{parent}" = family.id GROUP BY family.root',
        tree,
    )


def texts(row: Row, *columns: str) -> None:
    """Null texts are answered as empty ones."""
    for column in columns:
        if row[column] is None:
            row[column] = ""


_FIRST_DATE = "0001-01-01"


def partial_date(ctx: RequestContext, row: Row, column: str) -> None:
    """A date in the precision that it was entered with: 2024-05-06, or since v0.30 2024-05 or 2024.

    A text that is none is the first of all dates, which was no date before v0.22.
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
    """The rating from 1 to 5 that releases before v0.24 also answer."""
    return None if rating is None else max(1, round(rating / 20))
