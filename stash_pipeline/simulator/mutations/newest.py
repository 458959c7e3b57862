"""Merging with values, which the newest release supports (see simulator/newest.py)."""

from typing import Any

from stash_pipeline.simulator.context import RequestContext
from stash_pipeline.simulator.errors import AnswerError
from stash_pipeline.simulator.mutations.catalogue import MUTATIONS as CATALOGUE
from stash_pipeline.simulator.mutations.changes import number, numbers, require
from stash_pipeline.simulator.mutations.common import Mutation, fresh
from stash_pipeline.simulator.mutations.specs import PERFORMER

_JOINS = ("performers_scenes", "performers_images", "performers_galleries", "performers_tags")


def _merge_performers(ctx: RequestContext, args: dict[str, Any]) -> Any:
    fields = args["input"]
    destination, sources = number(fields["destination"]), numbers(fields["source"])
    if destination in sources:
        raise AnswerError("destination performer cannot be in source list")
    for performer_id in (destination, *sources):
        require(ctx, PERFORMER, performer_id)
    for source in sources:
        for table in _JOINS:
            ctx.library.execute(
                f"UPDATE OR IGNORE {table} SET performer_id = ? WHERE performer_id = ?", (destination, source)
            )
        ctx.library.execute("DELETE FROM performers WHERE id = ?", (source,))
    CATALOGUE["performerUpdate"](ctx, {"input": {**(fields.get("values") or {}), "id": str(destination)}})
    return fresh(ctx, "Performer", destination)


def _merge_tags(ctx: RequestContext, args: dict[str, Any]) -> Any:
    result = CATALOGUE["tagsMerge"](ctx, args)
    values = args["input"].get("values")
    if values:
        result = CATALOGUE["tagUpdate"](ctx, {"input": {**values, "id": str(args["input"]["destination"])}})
    return result


MUTATIONS: dict[str, Mutation] = {"performerMerge": _merge_performers, "tagsMerge": _merge_tags}
