"""The review queue: pairs of clusters that may be the same thing, ordered by what a decision is worth."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.matches.features import Node

_USES: Final = {
    "performers": ("stash.scene_performers", "performer_id"),
    "studios": ("stash.scenes", "studio_id"),
    "tags": ("stash.scene_tags", "tag_id"),
    "groups": ("stash.scene_groups", "group_id"),
}
"""Where scenes refer to an entity."""

_MOST_USES: Final = 1000
"""More are not counted: the order of the queue hardly depends on them."""

_OPEN = """
WITH links AS (
    SELECT l.*, lm.cluster_id AS left_cluster, rm.cluster_id AS right_cluster
    FROM matches.links AS l
    JOIN matches.members AS lm
        ON lm.entity = l.entity AND lm.instance_id = l.left_instance_id AND lm.id = l.left_id
    JOIN matches.members AS rm
        ON rm.entity = l.entity AND rm.instance_id = l.right_instance_id AND rm.id = l.right_id
    WHERE l.entity = %(entity)s AND (l.action = 'propose' OR l.refused IS NOT NULL)
      AND lm.cluster_id <> rm.cluster_id
), rejected AS (
    SELECT least(lm.cluster_id, rm.cluster_id) AS one, greatest(lm.cluster_id, rm.cluster_id) AS other
    FROM matches.resolved_decisions AS r
    JOIN matches.decisions AS d ON d.id = r.decision_id AND d.verdict = 'different'
    JOIN matches.members AS lm
        ON lm.entity = r.entity AND lm.instance_id = r.left_instance_id AND lm.id = r.left_id
    JOIN matches.members AS rm
        ON rm.entity = r.entity AND rm.instance_id = r.right_instance_id AND rm.id = r.right_id
    WHERE r.entity = %(entity)s
), pairs AS (
    SELECT DISTINCT ON (least(left_cluster, right_cluster), greatest(left_cluster, right_cluster)) l.*
    FROM links AS l
    WHERE NOT EXISTS (
        SELECT FROM rejected AS x
        WHERE x.one = least(left_cluster, right_cluster) AND x.other = greatest(left_cluster, right_cluster))
    ORDER BY least(left_cluster, right_cluster), greatest(left_cluster, right_cluster),
        confidence DESC, left_instance_id, left_id, right_instance_id, right_id
)
SELECT p.left_instance_id, p.left_id, p.right_instance_id, p.right_id, p.rule, p.confidence, p.evidence,
    p.refused, u.uses, p.confidence * (1 + log(2, 1 + u.uses)) AS worth, count(*) OVER () AS open
FROM pairs AS p
CROSS JOIN LATERAL (SELECT {uses} AS uses) AS u
ORDER BY worth DESC, p.left_instance_id, p.left_id, p.right_instance_id, p.right_id
LIMIT %(limit)s
"""

_COUNTED_USES = """least(
    (SELECT count(*) FROM (
        SELECT FROM {table} AS x WHERE x.instance_id = p.left_instance_id AND x.{column} = p.left_id LIMIT {most}
    ) AS n),
    (SELECT count(*) FROM (
        SELECT FROM {table} AS x WHERE x.instance_id = p.right_instance_id AND x.{column} = p.right_id LIMIT {most}
    ) AS n))"""


@dataclass(frozen=True)
class OpenPair:
    """Two objects for a person to decide on, for the clusters that they belong to.

    Attributes:
        refused: why a link that would merge them did not; None if the rule only proposes.
        uses: in how many scenes the less used one is, at most 1,000.
        worth: confidence × (1 + log₂(1 + uses)); what is used more is looked at more.
    """

    entity: str
    left: Node
    right: Node
    rule: str
    confidence: float
    evidence: Mapping[str, Any]
    refused: Mapping[str, Any] | None
    uses: int
    worth: float


@dataclass(frozen=True)
class Queue:
    """The most valuable open pairs, and how many are open."""

    pairs: list[OpenPair]
    open: int


def read_queue(connection: Connection, entities: Iterable[str], limit: int | None = None) -> Queue:
    """Reads the queue of some entities, what is worth most first.

    A pair is left out once its clusters are one, or a person called any two of their objects different.
    """
    pairs: list[OpenPair] = []
    total = 0
    for entity in entities:
        rows = connection.execute(_query(entity), {"entity": entity, "limit": limit}).fetchall()
        total += rows[0][-1] if rows else 0
        for row in rows:
            rule, confidence, evidence, refused, uses, worth = row[4:10]
            left, right = (row[0], row[1]), (row[2], row[3])
            pairs.append(OpenPair(entity, left, right, rule, confidence, evidence, refused, uses, float(worth)))
    pairs.sort(key=lambda pair: (-pair.worth, pair.entity, pair.left, pair.right))
    return Queue(pairs[:limit], total)


def _query(entity: str) -> str:
    uses = "0"
    if entity in _USES:
        table, column = _USES[entity]
        uses = _COUNTED_USES.format(table=table, column=column, most=_MOST_USES)
    return _OPEN.format(uses=uses)


# --- names --------------------------------------------------------------------------------------------------

_FILE = """coalesce(nullif(o.title, ''), (
    SELECT f.basename FROM stash.{table} AS x
    JOIN stash.files AS f ON f.instance_id = x.instance_id AND f.id = x.file_id
    WHERE x.instance_id = o.instance_id AND x.{owner} = o.id ORDER BY x.is_primary DESC, f.id LIMIT 1))"""

_NAMES: Final = {
    "scenes": _FILE.format(table="scene_files", owner="scene_id"),
    "performers": "o.name || coalesce(' (' || nullif(o.disambiguation, '') || ')', '')",
    "studios": "o.name",
    "tags": "o.name",
    "groups": "o.name",
    "galleries": _FILE.format(table="gallery_files", owner="gallery_id"),
    "images": _FILE.format(table="image_files", owner="image_id"),
}


def names_of(connection: Connection, entity: str, nodes: Iterable[Node]) -> dict[Node, str]:
    """Names or titles of objects, for people; a file name where there is no title."""
    selected = sorted(set(nodes))
    rows = connection.execute(
        f"SELECT o.instance_id, o.id, {_NAMES[entity]}\n"
        "FROM unnest(%s::integer[], %s::bigint[]) AS w(instance_id, id)\n"
        f"JOIN stash.{entity} AS o USING (instance_id, id)",
        [[node[0] for node in selected], [node[1] for node in selected]],
    )
    return {(row[0], row[1]): row[2] or "" for row in rows}
