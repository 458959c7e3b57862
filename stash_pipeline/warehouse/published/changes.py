"""``stash.recent_changes``: what changed in the objects of the servers, field by field, from ``raw.history``."""

from typing import Final

from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.warehouse.views import View

# The document of today is read only for the newest change of an object. It is a scalar, not a join per entity: the
# order of raw.history is kept, so that a query with ORDER BY recorded_at DESC and LIMIT stops early.
_PRESENT: Final = (
    "CASE h.entity\n"
    + "\n".join(
        f"            WHEN '{entity.name}' THEN (SELECT d.document FROM raw.{entity.name} d "
        "WHERE d.instance_id = h.instance_id AND d.id = h.id)"
        for entity in ENTITIES
    )
    + "\n        END"
)


_NAME: Final = "coalesce(nullif({0} ->> 'title', ''), nullif({0} ->> 'name', ''), {0} ->> 'path')"

RECENT_CHANGES: Final = View(
    "stash.recent_changes",
    f"""SELECT h.recorded_at, h.instance_id, i.name AS instance, h.entity, h.id,
    {_NAME.format("h.document")} AS name, h.change, differing.field,
    h.document ->> differing.field AS old, following.document ->> differing.field AS new, h.run_id, h.revision
FROM raw.history h
JOIN ops.instances i ON i.id = h.instance_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN h.change <> 'removed' THEN coalesce(
        (SELECT n.document FROM raw.history n
            WHERE n.instance_id = h.instance_id AND n.entity = h.entity AND n.id = h.id AND n.revision > h.revision
            ORDER BY n.revision LIMIT 1),
        {_PRESENT}
    ) END AS document
    OFFSET 0
) AS following
CROSS JOIN LATERAL (
    SELECT NULL::text AS field WHERE h.change = 'removed'
    UNION ALL
    SELECT either.name
    FROM (
        SELECT jsonb_object_keys(h.document)
        UNION SELECT jsonb_object_keys(following.document)
    ) AS either (name)
    -- null and absent are one
    WHERE h.change <> 'removed'
        AND coalesce(h.document -> either.name, 'null') <> coalesce(following.document -> either.name, 'null')
) AS differing""",
    "What changed in the objects of the servers, and when: one row per field; of a removed object one row without a "
    "field. Goes back STASH_PIPELINE_KEEP_HISTORY_DAYS.",
    {
        "recorded_at": "when the pipeline found the change",
        "instance_id": "ops.instances.id",
        "instance": "name of the instance",
        "entity": "scenes, performers, …",
        "id": "the server's id of the object",
        "name": "title, name or path of the object before the change",
        "change": "changed, removed, or returned (after a removal)",
        "field": "of the server's response, in its spelling there; null if the object was removed",
        "old": "value before the change; lists and objects as JSON",
        "new": "value after the change; lists and objects as JSON",
        "run_id": "ops.sync_runs.id of the run that found the change",
        "revision": "of the instance when the document was replaced",
    },
)
