"""Logs the local objects whose matches depend on what a box has newly answered, so that the layers follow."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from stash_pipeline.stashbox.endpoints import same_endpoint_sql
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.ops.object_log import Touched, begin_publishing, publish
from stash_pipeline.warehouse.stashbox.due import SINGULAR
from stash_pipeline.warehouse.stashbox.hashes import scene_hashes
from stash_pipeline.warehouse.stashbox.lookups import DueLookup, Node

_LINKED: Final = """
SELECT x.instance_id, x.{singular}_id
FROM stash.{singular}_stash_ids AS x
JOIN ops.stashbox_endpoints AS e ON e.id = %(endpoint)s AND {same}
-- an array, because conditions that are joined by OR use no index
WHERE lower(x.stash_id) = ANY (ARRAY(
    SELECT unnest(%(ids)s::text[])
    -- an id that was merged stands for its successor
    UNION SELECT d.id FROM stashbox.{entity} AS d
    WHERE d.endpoint_id = %(endpoint)s AND d.successor_id = ANY(%(ids)s)
))"""

_CANDIDATES: Final = """
UNION SELECT c.instance_id, c.scene_id FROM matches.stashbox_candidates AS c
WHERE c.endpoint_id = %(endpoint)s AND c.box_scene_id = ANY(%(ids)s)"""

_DECIDED: Final = f"""
UNION SELECT r.left_instance_id, r.left_id FROM matches.decisions AS d
JOIN ops.stashbox_endpoints AS e
    ON e.id = %(endpoint)s AND {same_endpoint_sql("e.url", "d.stashbox_url")}
JOIN matches.resolved_decisions AS r ON r.decision_id = d.id
WHERE d.entity = 'scenes' AND d.stashbox_id = ANY(%(ids)s)"""


_WITH_HASHES: Final = f"""
WITH hit AS MATERIALIZED (
    SELECT x.instance_id, x.scene_id AS id
    FROM (
        SELECT p.instance_id, p.file_id FROM stash.file_fingerprints AS p
        WHERE p.type = 'oshash' AND p.value = ANY(%(oshashes)s)
        UNION
        SELECT p.instance_id, p.file_id FROM stash.file_fingerprints AS p WHERE p.phash = ANY(%(phashes)s)
    ) AS p
    JOIN stash.scene_files AS x ON x.instance_id = p.instance_id AND x.file_id = p.file_id
    GROUP BY 1, 2
), hashes AS ({scene_hashes("hit")}
)
SELECT instance_id, scene_id FROM hashes WHERE fingerprints = ANY(%(questions)s)"""


def scenes_of(connection: Connection, lookups: Iterable[DueLookup], questions: Collection[uuid.UUID]) -> set[Node]:
    """The scenes with some sets of hashes: those that had them when they became due, and those that have them now.

    Only :func:`objects_of` and :func:`publish_objects` may follow in the transaction.
    """
    asked = [lookup for lookup in lookups if lookup.fingerprints in questions]
    if not asked:
        return set()
    begin_publishing(connection)
    rows = connection.execute(
        _WITH_HASHES,
        {
            # as Stash writes them; scenes with another spelling are those that had it when they became due
            "oshashes": [f"{value:016x}" for lookup in asked for value in lookup.oshashes],
            "phashes": [value - (1 << 64) if value >> 63 else value for lookup in asked for value in lookup.phashes],
            "questions": [lookup.fingerprints for lookup in asked],
        },
    )
    return {(row[0], row[1]) for row in rows} | {node for lookup in asked for node in lookup.scenes}


def objects_of(connection: Connection, endpoint_id: int, entity: str, ids: Collection[str]) -> set[Node]:
    """The local objects that are linked to some records of a box, or may be.

    Only :func:`publish_objects` may follow in the transaction.
    """
    begin_publishing(connection)
    query = _LINKED.format(entity=entity, singular=SINGULAR[entity], same=same_endpoint_sql("x.endpoint", "e.url"))
    if entity == "scenes":
        query += _CANDIDATES + _DECIDED
    rows = connection.execute(query, {"endpoint": endpoint_id, "ids": sorted(ids)})
    return {(row[0], row[1]) for row in rows}


_ALL_LINKED: Final = """
SELECT DISTINCT x.instance_id, x.{singular}_id
FROM stash.{singular}_stash_ids AS x JOIN ops.stashbox_endpoints AS e ON {same}
WHERE (e.id = %(endpoint)s OR x.instance_id = %(instance)s)"""

_ALL_CANDIDATES: Final = """
UNION SELECT c.instance_id, c.scene_id FROM matches.stashbox_candidates AS c
WHERE c.endpoint_id = %(endpoint)s OR c.instance_id = %(instance)s"""

_ALL_DECIDED: Final = """
UNION SELECT r.left_instance_id, r.left_id FROM matches.decisions AS d
JOIN ops.stashbox_endpoints AS e ON {same}
JOIN matches.resolved_decisions AS r ON r.decision_id = d.id
WHERE d.entity = 'scenes' AND d.stashbox_id IS NOT NULL
  AND (e.id = %(endpoint)s OR r.left_instance_id = %(instance)s)"""


def publish_linked(connection: Connection, *, endpoint_id: int | None = None, instance_id: int | None = None) -> None:
    """Logs all objects that are linked to a box, or of an instance to any box: what the links mean has changed.

    Only changes of the box or the instance itself, whose row is locked already, may follow in the transaction.
    """
    begin_publishing(connection)
    touched: dict[int, Touched] = defaultdict(Touched)
    for entity, singular in SINGULAR.items():
        same = same_endpoint_sql("x.endpoint", "e.url")
        query = _ALL_LINKED.format(singular=singular, same=same)
        if entity == "scenes":
            decided = same_endpoint_sql("d.stashbox_url", "e.url")
            query += _ALL_CANDIDATES + _ALL_DECIDED.format(same=decided)
        for instance, identifier in connection.execute(query, {"endpoint": endpoint_id, "instance": instance_id}):
            touched[instance].add(entity, [identifier])
    _publish(connection, touched)


def publish_objects(connection: Connection, entity: str, nodes: Iterable[Node]) -> None:
    """Logs objects as changed. Must be the last statements of the transaction."""
    touched: dict[int, Touched] = defaultdict(Touched)
    for instance_id, identifier in nodes:
        touched[instance_id].add(entity, [identifier])
    _publish(connection, touched)


def _publish(connection: Connection, touched: Mapping[int, Touched]) -> None:
    for instance_id in sorted(touched):
        publish(connection, instance_id, touched[instance_id])
