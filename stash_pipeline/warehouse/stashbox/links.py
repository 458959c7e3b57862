"""Which record of a box a local object is, as SQL.

A link is a stash id that the server has, or a candidate that was accepted; ids that were merged lead to their
successors. An object, or a record of several objects, is a record of a box if it is linked to that one alone: one of
several different ids is wrong, and nothing says which. Dead ids do not count; ids that were never read do.
"""

from typing import Final

from stash_pipeline.stashbox.endpoints import same_endpoint_sql
from stash_pipeline.warehouse.stashbox.due import SINGULAR

_OWN: Final = """
SELECT {columns}, e.id AS endpoint_id, lower(x.stash_id) AS own_id,
    coalesce(d.successor_id, lower(x.stash_id)) AS box_id
FROM {objects} AS o
JOIN ops.instances AS i ON i.id = o.instance_id AND i.use_stash_boxes
JOIN stash.{singular}_stash_ids AS x ON x.instance_id = o.instance_id AND x.{singular}_id = o.id
    AND lower(x.stash_id) ~ '^[0-9a-f-]{{1,64}}$'
JOIN ops.stashbox_endpoints AS e ON {same} AND {condition}
LEFT JOIN stashbox.{entity} AS d ON d.endpoint_id = e.id AND d.id = lower(x.stash_id)"""

_MATCHED: Final = """
UNION ALL
SELECT {columns}, c.endpoint_id, NULL, c.box_scene_id
FROM {objects} AS o
JOIN ops.instances AS i ON i.id = o.instance_id AND i.use_stash_boxes
JOIN matches.stashbox_candidates AS c ON c.instance_id = o.instance_id AND c.scene_id = o.id
    AND c.action IN ('automatic', 'accepted')
JOIN ops.stashbox_endpoints AS e ON e.id = c.endpoint_id AND {condition}"""


def links_query(entity: str, objects: str, columns: str = "o.instance_id, o.id", *, feeding: bool = False) -> str:
    """The links of objects: the given columns, endpoint_id, own_id (null for a candidate), box_id.

    Args:
        objects: a table with instance_id and id, as ``o``.
        columns: of that table.
        feeding: those to endpoints whose values enter the catalog.
    """
    query = _OWN + (_MATCHED if entity == "scenes" else "")
    return query.format(
        entity=entity,
        singular=SINGULAR[entity],
        objects=objects,
        columns=columns,
        same=same_endpoint_sql("x.endpoint", "e.url"),
        condition="e.enabled AND e.feed_catalog" if feeding else "e.enabled",
    )


def single_query(entity: str, links: str, columns: str) -> str:
    """The record of each box that is known and fresh: the given columns, endpoint_id, box_id.

    Args:
        links: a table of links.
        columns: of that table, by which links are of one thing.
    """
    return f"""
SELECT {columns}, l.endpoint_id, min(l.box_id) AS box_id
FROM {links} AS l
LEFT JOIN stashbox.{entity} AS d ON d.endpoint_id = l.endpoint_id AND d.id = l.box_id
WHERE d.status IS NULL OR d.status = 'active'
GROUP BY {columns}, l.endpoint_id
HAVING count(DISTINCT l.box_id) = 1 AND bool_and(d.document IS NOT NULL AND NOT d.stale)"""


def is_used(entity: str) -> str:
    """Whether any record of a box is known, as in few libraries."""
    return f"SELECT EXISTS (SELECT FROM stashbox.{entity} WHERE document IS NOT NULL)"
