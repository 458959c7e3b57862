"""Create, update, bulk update and destroy, for any entity.

Contains the common form of these mutations. Special cases are in the modules of the entities.
"""

from collections.abc import Callable
from typing import Any

from stash_pipeline.simulator.context import Loader, RequestContext, SelectedFields
from stash_pipeline.simulator.errors import AnswerError
from stash_pipeline.simulator.library import Row
from stash_pipeline.simulator.mutations.changes import (
    Spec,
    apply_input,
    exists,
    number,
    numbers,
    require,
    touch,
)
from stash_pipeline.simulator.resolvers.rows import load_rows

Check = Callable[[RequestContext, int | None, dict[str, Any]], None]
Mutation = Callable[[RequestContext, dict[str, Any]], Any]


def _no_check(ctx: RequestContext, row_id: int | None, fields: dict[str, Any]) -> None:
    return


def mutation(change: Mutation) -> Loader:
    """The loader of a mutation field."""

    def load(ctx: RequestContext, rows: list[Row], args: dict[str, Any], selected: SelectedFields) -> list[Any]:
        return [change(ctx, args)]

    return load


def fresh(ctx: RequestContext, kind: str, row_id: int) -> Row | None:
    """The row after a change."""
    ctx.row_cache.clear()
    return load_rows(ctx, kind, [row_id]).get(row_id)


def insert(ctx: RequestContext, spec: Spec, required: dict[str, Any]) -> int:
    """Insert a row with its required columns; created and updated now."""
    now = ctx.local_now()
    return ctx.library.insert(spec.table, {**required, "created_at": now, "updated_at": now})


def creates(spec: Spec, required: Callable[[dict[str, Any]], dict[str, Any]], check: Check = _no_check) -> Mutation:
    """xCreate(input:)."""

    def change(ctx: RequestContext, args: dict[str, Any]) -> Any:
        fields = args["input"]
        check(ctx, None, fields)
        row_id = insert(ctx, spec, required(fields))
        apply_input(ctx, spec, row_id, fields)
        return fresh(ctx, spec.kind, row_id)

    return change


def update_one(ctx: RequestContext, spec: Spec, fields: dict[str, Any], check: Check = _no_check) -> int:
    """Apply an input to one row; updated_at changes even if nothing else does."""
    row_id = number(fields["id"])
    require(ctx, spec, row_id)
    check(ctx, row_id, fields)
    apply_input(ctx, spec, row_id, fields)
    touch(ctx, spec.table, row_id)
    return row_id


def updates(spec: Spec, check: Check = _no_check) -> Mutation:
    """xUpdate(input:)."""

    def change(ctx: RequestContext, args: dict[str, Any]) -> Any:
        return fresh(ctx, spec.kind, update_one(ctx, spec, args["input"], check))

    return change


def updates_list(spec: Spec, check: Check = _no_check) -> Mutation:
    """xsUpdate(input: […]): all or nothing."""

    def change(ctx: RequestContext, args: dict[str, Any]) -> Any:
        ids = [update_one(ctx, spec, fields, check) for fields in args["input"]]
        ctx.row_cache.clear()
        rows = load_rows(ctx, spec.kind, ids)
        return [rows[row_id] for row_id in ids]

    return change


def updates_bulk(spec: Spec, check: Check = _no_check) -> Mutation:
    """bulkXUpdate(input:): the same change to many rows, all or nothing."""

    def change(ctx: RequestContext, args: dict[str, Any]) -> Any:
        fields = dict(args["input"])
        ids = numbers(fields.pop("ids", None))
        # A list that is null is left alone here; {ids: null, mode: SET} empties it.
        for name in (*spec.joins, *spec.texts):
            if fields.get(name, ...) is None:
                del fields[name]
        for row_id in ids:
            if not exists(ctx, spec.table, row_id):
                raise AnswerError("sql: no rows in result set")
            check(ctx, row_id, fields)
            apply_input(ctx, spec, row_id, fields)
            touch(ctx, spec.table, row_id)
        ctx.row_cache.clear()
        rows = load_rows(ctx, spec.kind, ids)
        return [rows[row_id] for row_id in ids]

    return change


def destroys(spec: Spec, destroy: Callable[[RequestContext, int, dict[str, Any]], None]) -> Mutation:
    """xDestroy(input: {id}), xsDestroy(ids:) or xsDestroy(input: {ids}): all or nothing."""

    def change(ctx: RequestContext, args: dict[str, Any]) -> Any:
        fields = args.get("input") or args
        texts = fields["ids"] if fields.get("ids") is not None else [fields["id"]]
        for row_id in numbers(texts):
            require(ctx, spec, row_id)
            destroy(ctx, row_id, fields)
        return True

    return change


def delete_row(table: str) -> Callable[[RequestContext, int, dict[str, Any]], None]:
    """Delete a row; foreign keys delete or clear references to it, without changing any updated_at."""

    def destroy(ctx: RequestContext, row_id: int, fields: dict[str, Any]) -> None:
        ctx.library.execute(f'DELETE FROM "{table}" WHERE id = ?', (row_id,))

    return destroy
