"""Groups, formerly movies: create, change, destroy, and the sub-groups of a group."""

from typing import Any

from stash_pipeline.simulator.context import RequestContext
from stash_pipeline.simulator.errors import AnswerError
from stash_pipeline.simulator.mutations.changes import number, numbers, require
from stash_pipeline.simulator.mutations.common import (
    Mutation,
    creates,
    delete_row,
    destroys,
    updates,
    updates_bulk,
)
from stash_pipeline.simulator.mutations.specs import GROUP


def _check(ctx: RequestContext, row_id: int | None, fields: dict[str, Any]) -> None:
    if "name" in fields and not fields["name"]:
        raise AnswerError("name must not be empty")


def _name(fields: dict[str, Any]) -> dict[str, Any]:
    return {"name": fields["name"]}


def _order(ctx: RequestContext, containing: int) -> list[tuple[int, str | None]]:
    rows = ctx.library.tuples(
        "SELECT sub_id, description FROM groups_relations WHERE containing_id = ? ORDER BY order_index",
        (containing,),
    )
    return [(sub, text) for sub, text in rows]


def _store(ctx: RequestContext, containing: int, subs: list[tuple[int, str | None]]) -> None:
    """Stores the sub-groups, without changing updated_at of any group."""
    ctx.library.execute("DELETE FROM groups_relations WHERE containing_id = ?", (containing,))
    ctx.library.execute_many(
        "INSERT INTO groups_relations (containing_id, sub_id, order_index, description) VALUES (?, ?, ?, ?)",
        [(containing, sub, index, text) for index, (sub, text) in enumerate(subs, 1)],
    )


def _add_subs(ctx: RequestContext, args: dict[str, Any]) -> Any:
    fields = args["input"]
    containing = number(fields["containing_group_id"])
    require(ctx, GROUP, containing)
    new = [(number(entry["group_id"]), entry.get("description")) for entry in fields["sub_groups"]]
    if any(sub == containing for sub, _ in new):
        raise AnswerError("a group cannot be a sub-group of itself")
    subs = _order(ctx, containing)
    if {sub for sub, _ in subs} & {sub for sub, _ in new}:
        raise AnswerError("UNIQUE constraint failed: groups_relations.containing_id, groups_relations.sub_id")
    index = fields.get("insert_index")
    position = len(subs) if index is None else max(index, 0)
    _store(ctx, containing, subs[:position] + new + subs[position:])
    return True


def _remove_subs(ctx: RequestContext, args: dict[str, Any]) -> Any:
    containing = number(args["input"]["containing_group_id"])
    require(ctx, GROUP, containing)
    removed = set(numbers(args["input"]["sub_group_ids"]))
    _store(ctx, containing, [(sub, text) for sub, text in _order(ctx, containing) if sub not in removed])
    return True


def _reorder_subs(ctx: RequestContext, args: dict[str, Any]) -> Any:
    fields = args["input"]
    containing, moved = number(fields["group_id"]), numbers(fields["sub_group_ids"])
    require(ctx, GROUP, containing)
    subs = _order(ctx, containing)
    texts = dict(subs)
    target = number(fields["insert_at_id"])
    rest = [sub for sub, _ in subs if sub not in moved]
    if target not in rest or any(sub not in texts for sub in moved):
        raise AnswerError("sub-group not found")
    position = rest.index(target) + (1 if fields.get("insert_after") else 0)
    _store(ctx, containing, [(sub, texts[sub]) for sub in rest[:position] + moved + rest[position:]])
    return True


_destroy = destroys(GROUP, delete_row("groups"))
MUTATIONS: dict[str, Mutation] = {
    "groupCreate": creates(GROUP, _name, _check),
    "groupUpdate": updates(GROUP, _check),
    "bulkGroupUpdate": updates_bulk(GROUP, _check),
    "groupDestroy": _destroy,
    "groupsDestroy": _destroy,
    "movieCreate": creates(GROUP, _name, _check),
    "movieUpdate": updates(GROUP, _check),
    "bulkMovieUpdate": updates_bulk(GROUP, _check),
    "movieDestroy": _destroy,
    "moviesDestroy": _destroy,
    "addGroupSubGroups": _add_subs,
    "removeGroupSubGroups": _remove_subs,
    "reorderSubGroups": _reorder_subs,
}
