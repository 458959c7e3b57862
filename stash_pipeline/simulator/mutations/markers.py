"""Scene markers: create, change, destroy. Mutations change updated_at of the marker, never of its scene."""

from typing import Any

from stash_pipeline.simulator.context import RequestContext
from stash_pipeline.simulator.errors import AnswerError
from stash_pipeline.simulator.mutations.changes import number, require
from stash_pipeline.simulator.mutations.common import (
    Mutation,
    creates,
    delete_row,
    destroys,
    updates,
    updates_bulk,
)
from stash_pipeline.simulator.mutations.specs import MARKER, SCENE, TAG


def _check(ctx: RequestContext, row_id: int | None, fields: dict[str, Any]) -> None:
    if fields.get("scene_id") is not None:
        require(ctx, SCENE, number(fields["scene_id"]))
    if fields.get("primary_tag_id") is not None:
        require(ctx, TAG, number(fields["primary_tag_id"]))
    for name in ("title", "seconds", "scene_id", "primary_tag_id"):
        if fields.get(name, ...) is None:
            del fields[name]
    current: dict[str, Any] = {}
    if row_id is not None:
        current = ctx.library.rows("SELECT * FROM scene_markers WHERE id = ?", (row_id,))[0]
    after = {**current, **fields}
    if after.get("end_seconds") is not None and after["end_seconds"] < after["seconds"]:
        raise AnswerError(f"end_seconds ({after['end_seconds']:f}) must be greater than seconds ({after['seconds']:f})")
    if isinstance(fields.get("tag_ids"), list):
        # The primary tag is not repeated in the list of tags.
        fields["tag_ids"] = [
            tag_id for tag_id in fields["tag_ids"] if number(tag_id) != number(after["primary_tag_id"])
        ]


def _required(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: fields[name] for name in ("title", "seconds", "scene_id", "primary_tag_id")}


_destroy = destroys(MARKER, delete_row("scene_markers"))
MUTATIONS: dict[str, Mutation] = {
    "sceneMarkerCreate": creates(MARKER, _required, _check),
    "sceneMarkerUpdate": updates(MARKER, _check),
    "bulkSceneMarkerUpdate": updates_bulk(MARKER, _check),
    "sceneMarkerDestroy": _destroy,
    "sceneMarkersDestroy": _destroy,
}
