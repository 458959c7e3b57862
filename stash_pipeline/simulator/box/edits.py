"""Edits: what was merged into what, and what was deleted.

Contains the list of edits and their fields. What an edit changed in detail is not simulated. The edits of merges are
the only place where the successor of a scene, studio or tag can be found.
"""

import json
from typing import Any

from stash_pipeline.simulator.box.context import (
    BoxContext,
    Loader,
    Loaders,
    column,
    constant,
    grouped,
    many,
    parse_id,
    reference,
    rows_by_id,
)
from stash_pipeline.simulator.box.querying import Selection
from stash_pipeline.simulator.database import Row
from stash_pipeline.simulator.errors import AnswerError

_KINDS = ("scene", "performer", "studio", "tag")


def _select(ctx: BoxContext, arguments: Row) -> Selection:
    """The edits of a query. `vote_count` and favorites have no effect, as nobody has any."""
    selection = Selection("edits", conditions=["1"])
    direction = arguments.get("direction") or "DESC"
    moment = (arguments.get("sort") or "CREATED_AT").lower()
    selection.order = f"COALESCE({moment}, created_at) {direction}, id {direction}"
    target_type = arguments.get("target_type")
    if arguments.get("target_id"):
        if not target_type:
            raise AnswerError("TargetType is required when TargetID filter is used")
        target = parse_id(arguments["target_id"], "input", "target_id")
        kind = target_type.lower()
        selection.where(
            f"(id IN (SELECT edit_id FROM {kind}_edits WHERE {kind}_id = ?)"
            " OR EXISTS (SELECT 1 FROM json_each(data, '$.merge_sources') WHERE value = ?))",
            target,
            target,
        )
    elif target_type:
        selection.where("target_type = ?", target_type)
    if arguments.get("user_id"):
        selection.where("user_id = ?", parse_id(arguments["user_id"], "input", "user_id"))
    for name, column_name in (
        ("status", "status"),
        ("operation", "operation"),
        ("applied", "applied"),
        ("is_bot", "bot"),
    ):
        if arguments.get(name) is not None:
            selection.where(f"{column_name} = ?", arguments[name])
    if arguments.get("is_favorite") or arguments.get("voted") not in (None, "NOT_VOTED"):
        selection.where("0")
    if arguments.get("include_user_submitted") is False:
        selection.where("user_id <> ?", ctx.user)
    return selection


def _query(_: BoxContext, __: list[Row], arguments: dict[str, Any], ___: frozenset[str]) -> list[Any]:
    return [{"input": arguments["input"]}]


def _count(ctx: BoxContext, rows: list[Row], *_: Any) -> list[Any]:
    return [_select(ctx, row["input"]).count(ctx) for row in rows]


def _page(ctx: BoxContext, rows: list[Row], *_: Any) -> list[Any]:
    return [_select(ctx, row["input"]).page(ctx, row["input"]) for row in rows]


def _typed(ctx: BoxContext, kind: str, ids: Any) -> dict[str, Row]:
    by_id = rows_by_id(ctx, f"{kind}s", ids)
    return {row_id: {**row, "__typename": kind.capitalize()} for row_id, row in by_id.items()}


def _target(ctx: BoxContext, rows: list[Row], *_: Any) -> list[Any]:
    targets: dict[str, Row] = {}
    for kind in _KINDS:
        sql = f"SELECT edit_id, {kind}_id FROM {kind}_edits WHERE edit_id IN ({{ids}})"
        ids = {edit: results[0][0] for edit, results in grouped(ctx, sql, rows).items()}
        typed = _typed(ctx, kind, ids.values())
        targets.update({edit: typed[identifier] for edit, identifier in ids.items() if identifier in typed})
    return [targets.get(row["id"]) for row in rows]


def _merge_sources(ctx: BoxContext, rows: list[Row], *_: Any) -> list[Any]:
    results = []
    for row in rows:
        sources = json.loads(row["data"]).get("merge_sources") or []
        known = _typed(ctx, row["target_type"].lower(), sources)
        results.append(list(known.values()))
    return results


def _destructive(_: BoxContext, rows: list[Row], *__: Any) -> list[Any]:
    return [row["operation"] in ("DESTROY", "MERGE") for row in rows]


def _of(kind: str) -> Loader:
    return many(
        "edits",
        f"SELECT {kind}_id, edits.id FROM {kind}_edits JOIN edits ON edits.id = edit_id"
        f" WHERE {kind}_id IN ({{ids}}) ORDER BY created_at DESC",
    )


def _user(ctx: BoxContext, rows: list[Row], *arguments: Any) -> list[Any]:
    users = reference("users", "user_id")(ctx, rows, {}, frozenset())
    hidden: Row = {"roles": [], "email": None, "api_key": None, "api_calls": 0, "invite_tokens": None}
    return [None if user is None else {**hidden, **user} for user in users]


LOADERS: Loaders = {
    ("Query", "queryEdits"): _query,
    ("QueryEditsResultType", "count"): _count,
    ("QueryEditsResultType", "edits"): _page,
    ("Edit", "user"): _user,
    ("Edit", "target"): _target,
    ("Edit", "merge_sources"): _merge_sources,
    ("Edit", "created"): column("created_at"),
    ("Edit", "updated"): column("updated_at"),
    ("Edit", "closed"): column("closed_at"),
    ("Edit", "expires"): constant(None),
    ("Edit", "vote_count"): column("votes"),
    ("Edit", "destructive"): _destructive,
    ("Edit", "updatable"): constant(False),
    ("Edit", "details"): constant(None),
    ("Edit", "old_details"): constant(None),
    ("Edit", "options"): constant(None),
    ("Edit", "comments"): constant([]),
    ("Edit", "votes"): constant([]),
    ("Scene", "edits"): _of("scene"),
    ("Performer", "edits"): _of("performer"),
    ("Tag", "edits"): _of("tag"),
}
