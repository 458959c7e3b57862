"""Successors of vanished objects, derived from the objects that took over what they had.

Stash does not record merges. But files, stash ids and names move: a merged scene's files belong to the survivor, a
merged tag's name becomes an alias. If exactly one live object has most of these, it is recorded in ``stash.merges``
when the object is found missing; later changes of the survivor are no evidence. A rebuild of ``stash`` therefore keeps
merges, and they have their own watermark.
"""

from collections.abc import Collection
from typing import Any

from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers.versions import digest
from stash_pipeline.warehouse.ops.object_log import Touched
from stash_pipeline.warehouse.partition_names import partition

LAYER = "merges"
"""The name in ``ops.layer_watermarks``."""

# each selects (id of the vanished object, successor) from {gone}, once per piece of evidence

_FILES = """
    SELECT g.id, t.{owner} AS successor
    FROM {gone} AS g
    CROSS JOIN LATERAL jsonb_array_elements_text(g.document->'files') AS e(value)
    JOIN {files} AS t ON t.instance_id = %(i)s AND t.file_id = e.value::bigint"""

_STASH_IDS = """
    SELECT g.id, t.{owner} AS successor
    FROM {gone} AS g
    CROSS JOIN LATERAL jsonb_array_elements(g.document->'stash_ids') AS e(value)
    JOIN {stash_ids} AS t
        ON t.instance_id = %(i)s AND lower(t.stash_id) = lower(e.value->>'stash_id')
        AND t.endpoint = e.value->>'endpoint'"""

_ALIAS = """
    SELECT g.id, t.{owner} AS successor
    FROM {gone} AS g
    JOIN {aliases} AS t ON t.instance_id = %(i)s AND lower(t.alias) = lower(g.document->>'name')"""

# the file was scanned again, under another id, before the old one was cleaned up
_CONTENT = """
    SELECT g.id, t.{owner} AS successor
    FROM {gone} AS g
    CROSS JOIN LATERAL jsonb_array_elements_text(g.document->'files') AS e(value)
    JOIN {raw_files} AS f ON f.instance_id = %(i)s AND f.id = e.value::bigint AND f.deleted_at IS NOT NULL
    CROSS JOIN LATERAL jsonb_array_elements(f.document->'fingerprints') AS p(value)
    JOIN {fingerprints} AS q
        ON q.instance_id = %(i)s AND q.type = p.value->>'type' AND q.value = p.value->>'value'
       AND q.type IN ('oshash', 'md5')
    JOIN {files} AS t ON t.instance_id = %(i)s AND t.file_id = q.file_id"""

_EVIDENCE: dict[str, tuple[str, ...]] = {
    "scenes": (_FILES, _STASH_IDS, _CONTENT),
    "images": (_FILES, _CONTENT),
    "galleries": (_FILES, _CONTENT),
    "performers": (_STASH_IDS, _ALIAS),
    "studios": (_STASH_IDS, _ALIAS),
    "tags": (_ALIAS, _STASH_IDS),
}
"""Per entity, the strongest first."""

_NOTE = """
WITH gone AS MATERIALIZED (
    SELECT id, document, revision FROM {raw} AS r
    WHERE instance_id = %(i)s AND revision > %(since)s AND deleted_at IS NOT NULL
        AND NOT EXISTS (
            SELECT FROM stash.merges AS m WHERE m.instance_id = %(i)s AND m.entity = %(entity)s AND m.id = r.id
        )
),
evidence AS ({evidence}
),
ranked AS (
    SELECT id, successor, rank() OVER (PARTITION BY id ORDER BY count(*) DESC) AS place
    FROM evidence GROUP BY id, successor
),
best AS (
    SELECT id, min(successor) AS successor FROM ranked WHERE place = 1 GROUP BY id HAVING count(*) = 1
)
INSERT INTO stash.merges (instance_id, entity, id, successor_id, revision)
SELECT %(i)s, %(entity)s, b.id, b.successor, g.revision FROM best AS b JOIN gone AS g ON g.id = b.id
RETURNING id
"""

_RETURNED = """
DELETE FROM stash.merges AS m USING {raw} AS r
WHERE m.instance_id = %(i)s AND m.entity = %(entity)s AND r.instance_id = %(i)s AND r.id = m.id AND r.deleted_at IS NULL
RETURNING m.id
"""


_VANISHED = "SELECT FROM {raw} WHERE instance_id = %(i)s AND revision > %(since)s AND deleted_at IS NOT NULL"


MERGED_ENTITIES = tuple(_EVIDENCE)
"""Entities whose objects can have a successor."""


def _evidence_tables() -> tuple[str, ...]:
    tables = {"file_fingerprints"}
    for entity, queries in _EVIDENCE.items():
        singular = BY_NAME[entity].singular
        for query, name in ((_FILES, "files"), (_CONTENT, "files"), (_STASH_IDS, "stash_ids"), (_ALIAS, "aliases")):
            if query in queries:
                tables.add(f"{singular}_{name}")
    return tuple(sorted(tables))


EVIDENCE_TABLES = _evidence_tables()
"""Tables of schema ``stash`` that are searched for successors."""


def merges_version() -> str:
    """A digest of the rules."""
    return digest([_NOTE, _RETURNED, *(query for queries in _EVIDENCE.values() for query in queries)])


def follow_merges(
    connection: Connection,
    instance_id: int,
    touched: Touched,
    *,
    gone: Collection[str],
    present: Collection[str],
) -> tuple[dict[str, int], int]:
    """Updates ``stash.merges`` from ``raw``; entities and joins must be up to date.

    Args:
        touched: gets the objects that got or lost a successor.
        gone: entities of which objects may have vanished since the last time.
        present: entities of which objects may have come or returned.

    Returns:
        per entity, how many objects got a successor; and how many returned and lost it.
    """
    returned = 0
    parameters: dict[str, Any] = {"i": instance_id}
    if present and _any(connection, "SELECT FROM stash.merges WHERE instance_id = %(i)s", parameters):
        for entity in present:
            if entity in _EVIDENCE:
                returned += _touch(
                    connection, _RETURNED.format(**_names(entity, instance_id)), entity, parameters, touched
                )
    merged: dict[str, int] = {}
    since = _watermark(connection, instance_id) if gone else None
    # objects that vanished before the first read of an instance left no evidence
    for entity in _EVIDENCE if since is not None else ():
        names = _names(entity, instance_id)
        parameters |= {"entity": entity, "since": since}
        if entity not in gone or not _any(connection, _VANISHED.format(**names), parameters):
            continue
        for evidence in _EVIDENCE[entity]:
            statement = _NOTE.format(evidence=evidence.format(**names), **names)
            count = _touch(connection, statement, entity, parameters, touched)
            if count:
                merged[entity] = merged.get(entity, 0) + count
    return merged, returned


def _touch(connection: Connection, statement: str, entity: str, parameters: dict[str, Any], touched: Touched) -> int:
    """Executes a statement that returns ids, and records and counts them."""
    ids = [row[0] for row in connection.execute(statement, {**parameters, "entity": entity}).fetchall()]
    touched.add(entity, ids)
    return len(ids)


def _watermark(connection: Connection, instance_id: int) -> int | None:
    row = connection.execute(
        "SELECT revision FROM ops.layer_watermarks WHERE instance_id = %s AND layer = %s", [instance_id, LAYER]
    ).fetchone()
    return row[0] if row else None


def _any(connection: Connection, query: str, parameters: dict[str, Any]) -> bool:
    row = connection.execute(f"SELECT EXISTS ({query})", parameters).fetchone()
    return bool(row and row[0])


def count_merges(connection: Connection, instance_id: int) -> int:
    """The number of objects of an instance with a successor."""
    row = connection.execute("SELECT count(*) FROM stash.merges WHERE instance_id = %s", [instance_id]).fetchone()
    assert row is not None
    return int(row[0])


def _names(entity: str, instance_id: int) -> dict[str, str]:
    """The table names for the statements."""
    singular = BY_NAME[entity].singular
    names = {"raw": partition("raw." + entity, instance_id), "owner": f"{singular}_id", "gone": "gone"}
    for name in ("files", "stash_ids", "aliases"):
        names[name] = partition(f"stash.{singular}_{name}", instance_id)
    names["fingerprints"] = partition("stash.file_fingerprints", instance_id)
    names["raw_files"] = partition("raw.files", instance_id)
    return names
