"""The part of the review queue that is about stash-boxes: scenes of boxes that may be local ones."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.matches.features import Node

_OPEN: Final = """
WITH open AS (
    SELECT DISTINCT ON (m.cluster_id, c.endpoint_id, c.box_scene_id) c.*
    FROM matches.stashbox_candidates AS c
    JOIN ops.stashbox_endpoints AS e ON e.id = c.endpoint_id
    JOIN matches.members AS m ON m.entity = 'scenes' AND m.instance_id = c.instance_id AND m.id = c.scene_id
    WHERE c.action = 'review' AND (%(endpoints)s::integer[] IS NULL OR c.endpoint_id = ANY(%(endpoints)s))
      AND (coalesce(c.evidence ->> 'obstacle', '') = 'accepted_another' OR NOT EXISTS (
        SELECT FROM matches.members AS f
        JOIN matches.stashbox_candidates AS k
            ON k.instance_id = f.instance_id AND k.scene_id = f.id AND k.endpoint_id = c.endpoint_id
        WHERE f.cluster_id = m.cluster_id AND (
            k.action = 'accepted'
            OR k.box_scene_id = c.box_scene_id AND k.action IN ('automatic', 'rejected'))))
    ORDER BY m.cluster_id, c.endpoint_id, c.box_scene_id, c.confidence DESC, c.instance_id, c.scene_id
)
SELECT o.instance_id, o.scene_id, o.endpoint_id, o.box_scene_id, o.rule, o.confidence, o.evidence,
    count(*) OVER () AS total
FROM open AS o
ORDER BY o.confidence DESC, o.instance_id, o.scene_id, o.endpoint_id, o.box_scene_id
LIMIT %(limit)s"""


@dataclass(frozen=True)
class OpenCandidate:
    """A scene of a box for a person to decide on, for the cluster of a local one."""

    scene: Node
    endpoint_id: int
    box_scene_id: str
    rule: str
    confidence: float
    evidence: dict[str, Any]

    @property
    def worth(self) -> float:
        """As of a pair of scenes, which nothing uses."""
        return self.confidence


@dataclass(frozen=True)
class CandidateQueue:
    """The most valuable open candidates, and how many are open."""

    candidates: list[OpenCandidate]
    open: int


def read_candidate_queue(
    connection: Connection, endpoint_ids: Collection[int] | None = None, limit: int | None = None
) -> CandidateQueue:
    """Reads the open candidates, what is worth most first.

    One is left out once a scene of the cluster is matched with it or rejected, or another scene of the box was
    accepted; unless that stopped an automatic match.

    Args:
        endpoint_ids: of these boxes; None: of all.
    """
    rows = connection.execute(
        _OPEN, {"endpoints": None if endpoint_ids is None else list(endpoint_ids), "limit": limit}
    ).fetchall()
    candidates = [OpenCandidate((row[0], row[1]), row[2], row[3], row[4], row[5], row[6]) for row in rows]
    return CandidateQueue(candidates, rows[0][7] if rows else 0)


_CANDIDATES: Final = """
SELECT c.endpoint_id, c.box_scene_id, c.action, c.rule, c.confidence, c.evidence
FROM matches.stashbox_candidates AS c
JOIN ops.stashbox_endpoints AS e ON e.id = c.endpoint_id
WHERE c.instance_id = %s AND c.scene_id = %s
ORDER BY array_position(ARRAY['accepted', 'automatic', 'review', 'rejected', 'reject'], c.action), c.confidence DESC,
    lower(e.name), c.box_scene_id"""


@dataclass(frozen=True)
class Candidate:
    """A scene of a box, and what it is to a local one."""

    endpoint_id: int
    box_scene_id: str
    action: str
    rule: str | None
    confidence: float
    evidence: dict[str, Any]


def candidates_of(connection: Connection, scene: Node) -> list[Candidate]:
    """The scenes of boxes that are, may be, or are not a local one."""
    return [Candidate(*row) for row in connection.execute(_CANDIDATES, scene)]


@dataclass(frozen=True)
class BoxScene:
    """What people recognise a scene of a box by."""

    title: str
    date: str
    studio: str
    duration: int | None


def box_scenes(connection: Connection, records: Collection[tuple[int, str]]) -> dict[tuple[int, str], BoxScene]:
    """The scenes that were read, by endpoint and id."""
    rows = connection.execute(
        "SELECT d.endpoint_id, d.id, d.title, d.date_text, d.document #>> '{studio,name}', d.duration\n"
        "FROM unnest(%s::integer[], %s::text[]) AS w(endpoint_id, id)\n"
        "JOIN stashbox.scenes AS d USING (endpoint_id, id)",
        [[record[0] for record in records], [record[1] for record in records]],
    )
    return {(row[0], row[1]): BoxScene(row[2] or "", row[3] or "", row[4] or "", row[5]) for row in rows}
