"""``stashbox.lookups``: what was asked about which hashes, and what is due to be asked."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.stashbox.due import IS_ASKED_ABOUT
from stash_pipeline.warehouse.stashbox.hashes import scene_hashes

Node = tuple[int, int]
"""A local scene: the id of its instance, and its own."""


@dataclass(frozen=True)
class DueLookup:
    """A set of hashes to ask about.

    Attributes:
        fingerprints: the digest of the set.
        oshashes, phashes: unsigned.
        scenes: all that have exactly these hashes, also of instances that are not asked about.
    """

    fingerprints: uuid.UUID
    oshashes: tuple[int, ...]
    phashes: tuple[int, ...]
    scenes: tuple[Node, ...]


_DUE: Final = f"""
WITH hashes AS MATERIALIZED ({scene_hashes("stash.scenes")}
), questions AS (
    -- with the scenes of instances that are not asked about: the answer is theirs, too
    SELECT fingerprints, min(oshashes) AS oshashes, min(phashes) AS phashes,
        array_agg(instance_id ORDER BY instance_id, scene_id) AS instance_ids,
        array_agg(scene_id ORDER BY instance_id, scene_id) AS scene_ids
    FROM hashes GROUP BY fingerprints
    HAVING bool_or(instance_id IN (SELECT i.id FROM ops.instances AS i WHERE {IS_ASKED_ABOUT} AND i.enabled))
)
SELECT q.fingerprints, q.oshashes, q.phashes, q.instance_ids, q.scene_ids
FROM questions AS q
LEFT JOIN stashbox.lookups AS l ON l.endpoint_id = %(endpoint)s AND l.fingerprints = q.fingerprints
WHERE l.asked_at IS NULL
   OR l.asked_at < CASE WHEN l.scene_ids = '{{}}' THEN %(unmatched_before)s ELSE %(matched_before)s END
ORDER BY l.asked_at NULLS FIRST, q.fingerprints
"""


def due_lookups(
    connection: Connection, endpoint_id: int, *, unmatched_before: datetime, matched_before: datetime
) -> list[DueLookup]:
    """The sets of hashes to ask a box about: the new ones first, then those that were asked longest ago.

    Sets that only scenes of disabled or removed instances have, or of those that do not use boxes, are left out.

    Args:
        unmatched_before: empty answers from before this time are due again. matched_before: the others.
    """
    rows = connection.execute(
        _DUE,
        {"endpoint": endpoint_id, "unmatched_before": unmatched_before, "matched_before": matched_before},
    )
    return [
        DueLookup(
            fingerprints,
            _unsigned(oshashes),
            _unsigned(phashes),
            tuple(zip(instances, scenes, strict=True)),
        )
        for fingerprints, oshashes, phashes, instances, scenes in rows
    ]


_STORE: Final = """
WITH answers AS (
    SELECT * FROM unnest(%(fingerprints)s::uuid[], %(oshashes)s::text[], %(phashes)s::text[], %(scenes)s::text[])
        AS a(fingerprints, oshashes, phashes, scene_ids)
), before AS (
    SELECT l.fingerprints, l.scene_ids FROM stashbox.lookups AS l
    WHERE l.endpoint_id = %(endpoint)s AND l.fingerprints = ANY(%(fingerprints)s)
), stored AS (
    INSERT INTO stashbox.lookups AS l (
        endpoint_id, fingerprints, oshashes, phashes, scene_ids, asked_at, changed_at, box_version)
    SELECT %(endpoint)s, a.fingerprints, a.oshashes::bigint[], a.phashes::bigint[], a.scene_ids::text[], %(now)s,
        %(now)s, %(version)s
    FROM answers AS a
    ON CONFLICT (endpoint_id, fingerprints) DO UPDATE
    SET scene_ids = excluded.scene_ids, asked_at = excluded.asked_at, box_version = excluded.box_version,
        changed_at = CASE WHEN l.scene_ids = excluded.scene_ids THEN l.changed_at ELSE excluded.changed_at END
)
SELECT a.fingerprints, coalesce(b.scene_ids, '{}') <> a.scene_ids::text[], coalesce(b.scene_ids, '{}') <> '{}',
    a.scene_ids::text[] <> '{}'
FROM answers AS a LEFT JOIN before AS b USING (fingerprints)
"""


@dataclass(frozen=True)
class StoredAnswers:
    """What became of answers.

    Attributes:
        changed: the questions whose answers are not what they were; no answer yet counts as an empty one.
        known: how many had scenes before. lost: how many of these have none now.
    """

    changed: set[uuid.UUID]
    known: int
    lost: int


def store_lookups(
    connection: Connection,
    endpoint_id: int,
    answers: Mapping[DueLookup, Sequence[str]],
    *,
    now: datetime,
    box_version: str | None,
) -> StoredAnswers:
    """Stores answers.

    Args:
        answers: ids of scenes; their order says nothing.
    """
    lookups = list(answers)
    rows = connection.execute(
        _STORE,
        {
            "endpoint": endpoint_id,
            "fingerprints": [lookup.fingerprints for lookup in lookups],
            "oshashes": [_array(_signed(lookup.oshashes)) for lookup in lookups],
            "phashes": [_array(_signed(lookup.phashes)) for lookup in lookups],
            "scenes": [_array(sorted(set(answers[lookup]))) for lookup in lookups],
            "now": now,
            "version": box_version,
        },
    ).fetchall()
    return StoredAnswers(
        {row[0] for row in rows if row[1]},
        sum(row[2] for row in rows),
        sum(row[2] and not row[3] for row in rows),
    )


def remove_unused(connection: Connection, endpoint_id: int) -> int:
    """Removes answers about hashes that no scene has; returns how many."""
    return connection.execute(
        f"WITH hashes AS MATERIALIZED ({scene_hashes('stash.scenes')}\n)\n"
        "DELETE FROM stashbox.lookups AS l WHERE l.endpoint_id = %s\n"
        "    AND NOT EXISTS (SELECT FROM hashes AS h WHERE h.fingerprints = l.fingerprints)",
        [endpoint_id],
    ).rowcount


def _array(values: Sequence[object]) -> str:
    """An array as text: Postgres has no arrays of arrays of different lengths."""
    return "{" + ",".join(f'"{value}"' for value in values) + "}"


def _unsigned(values: Sequence[int]) -> tuple[int, ...]:
    return tuple(value % (1 << 64) for value in values)


def _signed(values: Sequence[int]) -> list[int]:
    return [value - (1 << 64) if value >> 63 else value for value in values]
