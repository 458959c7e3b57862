"""The hierarchies of tags and studios: ``stash.tag_descendants``, ``stash.studio_tree``, ``stash.marker_all_tags``.

A recursive query at the top of a view is computed for all objects before a condition filters them. Here the recursion
is in a lateral subquery of the objects, so that a condition on an object comes first.

A recursion goes level by level and keeps what it has seen: each object appears once, with its shortest distance, also
where an object is reached by many ways or a hierarchy goes round in a circle.
"""

from typing import Final

from stash_pipeline.warehouse.views import View


def _levels(start: str, instance: str, source: str, target: str) -> str:
    """Objects with their distance from a start, as ``(id, depth)``; ``source`` leads to ``target``."""
    return f"""(
    WITH RECURSIVE level (ids, seen, depth) AS (
        SELECT started.ids, started.ids, 0 FROM (SELECT {start} AS ids) AS started
        UNION ALL
        SELECT found.ids, level.seen || found.ids, level.depth + 1
        FROM level CROSS JOIN LATERAL (
            SELECT array_agg(DISTINCT p.{target}) AS ids FROM stash.tag_parents p
            WHERE p.instance_id = {instance} AND p.{source} = ANY(level.ids) AND p.{target} <> ALL(level.seen)
        ) AS found
        WHERE found.ids IS NOT NULL
    )
    SELECT one.id, level.depth FROM level CROSS JOIN LATERAL unnest(level.ids) AS one (id)
)"""


_INSTANCE: Final = {"instance_id": "ops.instances.id", "instance": "name of the instance"}

TAG_DESCENDANTS: Final = View(
    "stash.tag_descendants",
    f"""SELECT t.instance_id, i.name AS instance, t.id AS tag_id, t.name AS tag,
    d.id AS descendant_id, d.name AS descendant, below.depth
FROM stash.tags t
JOIN ops.instances i ON i.id = t.instance_id
CROSS JOIN LATERAL {_levels("ARRAY[t.id]", "t.instance_id", "parent_id", "tag_id")} AS below
JOIN stash.tags d ON d.instance_id = t.instance_id AND d.id = below.id""",
    "Every tag with itself (depth 0) and all tags below it. Join descendant_id to find what has a tag or one below it.",
    {
        **_INSTANCE,
        "tag_id": "stash.tags.id of the upper tag",
        "tag": "name of the upper tag",
        "descendant_id": "stash.tags.id of the lower tag",
        "descendant": "name of the lower tag",
        "depth": "0: the tag itself, 1: its children, and so on, by the shortest way",
    },
)

STUDIO_TREE: Final = View(
    "stash.studio_tree",
    """SELECT s.instance_id, i.name AS instance, s.id, s.name, s.parent_studio_id, chain.ids[1] AS root_id,
    chain.ids AS path_ids, chain.names AS path, cardinality(chain.ids) - 1 AS depth, chain.circular
FROM stash.studios s
JOIN ops.instances i ON i.id = s.instance_id
CROSS JOIN LATERAL (
    WITH RECURSIVE above (ids, names, parent_id) AS (
        SELECT ARRAY[s.id], ARRAY[s.name], s.parent_studio_id
        UNION ALL
        SELECT p.id || above.ids, p.name || above.names, p.parent_studio_id
        FROM above JOIN stash.studios p ON p.instance_id = s.instance_id AND p.id = above.parent_id
        WHERE p.id <> ALL(above.ids)
    )
    SELECT above.ids, above.names, above.parent_id IS NOT NULL AS circular
    FROM above ORDER BY cardinality(above.ids) DESC LIMIT 1
) AS chain""",
    "Every studio with its path from the uppermost studio. path_ids @> ARRAY[id] finds a studio and all below it.",
    {
        **_INSTANCE,
        "id": "stash.studios.id",
        "name": "name of the studio",
        "parent_studio_id": "stash.studios.id of the studio above it",
        "root_id": "stash.studios.id of the uppermost studio; its own if there is none above it",
        "path_ids": "stash.studios.id from the uppermost studio to this one",
        "path": "names from the uppermost studio to this one",
        "depth": "studios above it",
        "circular": "whether the studios above it go round in a circle; path then begins where the circle would close",
    },
)

MARKER_ALL_TAGS: Final = View(
    "stash.marker_all_tags",
    f"""SELECT m.instance_id, i.name AS instance, m.id AS marker_id, m.scene_id, t.id AS tag_id, t.name AS tag,
    above.depth, t.id = m.primary_tag_id AS is_primary
FROM stash.scene_markers m
JOIN ops.instances i ON i.id = m.instance_id
CROSS JOIN LATERAL {
        _levels(
            "ARRAY(SELECT m.primary_tag_id WHERE m.primary_tag_id IS NOT NULL UNION SELECT o.tag_id "
            "FROM stash.marker_tags o WHERE o.instance_id = m.instance_id AND o.marker_id = m.id)",
            "m.instance_id",
            "tag_id",
            "parent_id",
        )
    } AS above
JOIN stash.tags t ON t.instance_id = m.instance_id AND t.id = above.id""",
    "The tags of every marker: its primary tag, its other tags, and all tags above them, each once.",
    {
        **_INSTANCE,
        "marker_id": "stash.scene_markers.id",
        "scene_id": "stash.scenes.id of its scene",
        "tag_id": "stash.tags.id",
        "tag": "name of the tag",
        "depth": "0: a tag of the marker itself, 1: a parent of one of them, and so on, by the shortest way",
        "is_primary": "whether it is the primary tag of the marker; null if the marker has none",
    },
)
