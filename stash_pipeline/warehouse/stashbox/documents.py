"""The documents of a stash-box: what becomes of a row when a box has answered about its id.

A row is never deleted: ids that a box no longer knows stay as history. A deleted record has lost its relations on the
box, so its last active document is kept.
"""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, Final

import orjson

from stash_pipeline.matching.stashbox_documents import parse_fingerprints
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.stashbox.due import is_id
from stash_pipeline.warehouse.stashbox.tables import DOCUMENTS, LOOKUPS, SCENE_FINGERPRINTS, typed_columns
from stash_pipeline.warehouse.tables import type_name

Document = Mapping[str, Any]

MISSES_BELIEVED: Final = 2
"""Consecutive answers without a record after which it is missing: a box can fail silently once."""


def store_documents(
    connection: Connection,
    endpoint_id: int,
    entity: str,
    documents: Mapping[str, Document | None],
    *,
    now: datetime,
) -> set[str]:
    """Stores what a box answered about some ids; returns those whose rows changed.

    Args:
        documents: by id; None for a record that the box does not have.
    """
    valid = {key: value for key, value in documents.items() if is_id(key)}
    live = {key: value for key, value in valid.items() if value is not None and not value.get("deleted")}
    dead = {key: value for key, value in valid.items() if value is not None and value.get("deleted")}
    missing = [key for key, value in valid.items() if value is None]
    changed: set[str] = set()
    if live:
        changed = _store_live(connection, endpoint_id, entity, live, now)
    if entity == "scenes" and changed:
        _store_fingerprints(connection, endpoint_id, {key: live[key] for key in changed})
    if dead:
        changed |= _store_dead(connection, endpoint_id, entity, dead, now)
    if missing:
        changed |= _store_missing(connection, endpoint_id, entity, missing, now)
    return changed


_LIVE: Final = """
WITH read AS (
    SELECT * FROM unnest(
        %(ids)s::text[], %(document)s::text[], %(digest)s::uuid[], %(updated_at)s::timestamptz[], {arrays}
    ) AS r(id, document, digest, updated_at, {columns})
), stored AS (
    INSERT INTO stashbox.{entity} AS d (
        endpoint_id, id, document, digest, updated_at, {columns}, status, fetched_at, changed_at)
    SELECT %(endpoint)s, id, document::jsonb, digest, updated_at, {columns}, 'active', %(now)s, %(now)s FROM read
    ON CONFLICT (endpoint_id, id) DO UPDATE SET {assignments}, status = 'active', successor_id = NULL,
        misses = 0, stale = false, fetched_at = excluded.fetched_at, changed_at = excluded.changed_at
    WHERE d.digest IS DISTINCT FROM excluded.digest OR d.status <> 'active' OR d.stale
    RETURNING d.id
), unchanged AS (
    UPDATE stashbox.{entity} AS d SET fetched_at = %(now)s, misses = 0 FROM read AS r
    WHERE d.endpoint_id = %(endpoint)s AND d.id = r.id AND NOT EXISTS (SELECT FROM stored AS s WHERE s.id = d.id)
)
SELECT id FROM stored"""


def _store_live(
    connection: Connection, endpoint_id: int, entity: str, documents: Mapping[str, Document], now: datetime
) -> set[str]:
    ids = sorted(documents)
    columns = typed_columns(entity)
    values = [_typed(entity, documents[key]) for key in ids]
    query = _LIVE.format(
        entity=entity,
        columns=", ".join(columns),
        arrays=", ".join(f"%({name})s::{type_name(DOCUMENTS[entity].columns[name])}[]" for name in columns),
        assignments=", ".join(f"{name} = excluded.{name}" for name in ("document", "digest", "updated_at", *columns)),
    )
    rows = connection.execute(
        query,
        {
            "endpoint": endpoint_id,
            "now": now,
            "ids": ids,
            "document": [_json(documents[key]) for key in ids],
            "digest": [document_digest(documents[key]) for key in ids],
            "updated_at": [_timestamp(documents[key].get("updated")) for key in ids],
            **{name: [row[number] for row in values] for number, name in enumerate(columns)},
        },
    )
    return {row[0] for row in rows}


_DEAD: Final = """
WITH read AS (
    SELECT * FROM unnest(%(ids)s::text[], %(successors)s::text[]) AS r(id, successor_id)
), before AS (
    SELECT d.id, d.status, d.successor_id FROM stashbox.{entity} AS d
    WHERE d.endpoint_id = %(endpoint)s AND d.id = ANY(%(ids)s)
), known AS (
    -- a box may name what was merged again since
    SELECT r.id, coalesce(n.successor_id, r.successor_id, b.successor_id) AS successor_id, b.status AS status_before,
        b.successor_id AS successor_before
    FROM read AS r
    LEFT JOIN before AS b USING (id)
    LEFT JOIN stashbox.{entity} AS n
        ON n.endpoint_id = %(endpoint)s AND n.id = r.successor_id AND n.successor_id <> r.id
), stored AS (
    INSERT INTO stashbox.{entity} AS d (endpoint_id, id, status, successor_id, fetched_at, changed_at)
    SELECT %(endpoint)s, id, CASE WHEN successor_id IS NULL THEN 'deleted' ELSE 'merged' END, successor_id,
        %(now)s, %(now)s FROM known
    ON CONFLICT (endpoint_id, id) DO UPDATE
    SET status = excluded.status, successor_id = excluded.successor_id, misses = 0, fetched_at = excluded.fetched_at,
        changed_at = CASE WHEN (d.status, d.successor_id) IS DISTINCT FROM (excluded.status, excluded.successor_id)
            THEN excluded.changed_at ELSE d.changed_at END
    RETURNING d.id, d.status, d.successor_id
)
SELECT s.id FROM stored AS s JOIN known AS k USING (id)
WHERE (k.status_before, k.successor_before) IS DISTINCT FROM (s.status, s.successor_id)"""


def _store_dead(
    connection: Connection, endpoint_id: int, entity: str, documents: Mapping[str, Document], now: datetime
) -> set[str]:
    """Keeps the last active document: what a deleted record has lost is not data."""
    ids = sorted(documents)
    successors = [_successor(key, documents[key].get("merged_into_id")) for key in ids]
    rows = connection.execute(
        _DEAD.format(entity=entity),
        {"endpoint": endpoint_id, "now": now, "ids": ids, "successors": successors},
    ).fetchall()
    return {row[0] for row in rows} | _flatten(connection, endpoint_id, entity)


def _successor(key: str, value: Any) -> str | None:
    """An id of another record; None for what no box would send."""
    successor = value.lower() if isinstance(value, str) else ""
    return successor if is_id(successor) and successor != key else None


_MISSING: Final = """
INSERT INTO stashbox.{entity} AS d (endpoint_id, id, status, misses, fetched_at, changed_at)
-- a record that was never seen counts as active until it is missing twice
SELECT %(endpoint)s, id, 'active', 1, %(now)s, %(now)s FROM unnest(%(ids)s::text[]) AS r(id)
ON CONFLICT (endpoint_id, id) DO UPDATE SET misses = d.misses + 1, fetched_at = excluded.fetched_at,
    status = CASE WHEN d.misses + 1 >= %(believed)s AND d.status <> 'merged' THEN 'missing' ELSE d.status END,
    changed_at = CASE WHEN d.misses + 1 >= %(believed)s AND d.status NOT IN ('merged', 'missing')
        THEN excluded.changed_at ELSE d.changed_at END
RETURNING id, status = 'missing' AND changed_at = %(now)s"""


def _store_missing(
    connection: Connection, endpoint_id: int, entity: str, ids: Sequence[str], now: datetime
) -> set[str]:
    rows = connection.execute(
        _MISSING.format(entity=entity),
        {"endpoint": endpoint_id, "now": now, "ids": sorted(ids), "believed": MISSES_BELIEVED},
    )
    return {row[0] for row in rows if row[1]}


def store_successors(
    connection: Connection, endpoint_id: int, entity: str, successors: Mapping[str, str], *, now: datetime
) -> set[str]:
    """Stores into what deleted records were merged; returns the ids of those that changed."""
    pairs = [(old, new) for old, value in sorted(successors.items()) if (new := _successor(old, value))]
    rows = connection.execute(
        f"UPDATE stashbox.{entity} AS d SET status = 'merged', successor_id = r.successor_id, changed_at = %(now)s\n"
        "FROM unnest(%(ids)s::text[], %(successors)s::text[]) AS r(id, successor_id)\n"
        "WHERE d.endpoint_id = %(endpoint)s AND d.id = r.id AND d.successor_id IS DISTINCT FROM r.successor_id\n"
        "RETURNING d.id",
        {
            "endpoint": endpoint_id,
            "now": now,
            "ids": [old for old, _ in pairs],
            "successors": [new for _, new in pairs],
        },
    ).fetchall()
    return {row[0] for row in rows} | _flatten(connection, endpoint_id, entity)


def _flatten(connection: Connection, endpoint_id: int, entity: str) -> set[str]:
    """Replaces successors that were merged again by the last of the merges; returns what changed."""
    rows = connection.execute(
        f"UPDATE stashbox.{entity} AS d SET successor_id = n.successor_id FROM stashbox.{entity} AS n\n"
        "WHERE d.endpoint_id = %(endpoint)s AND n.endpoint_id = d.endpoint_id AND n.id = d.successor_id\n"
        # by their index: few were merged
        "    AND d.successor_id IS NOT NULL AND n.successor_id IS NOT NULL AND n.successor_id <> d.id\n"
        "RETURNING d.id",
        {"endpoint": endpoint_id},
    )
    return {row[0] for row in rows}


def mark_stale(connection: Connection, endpoint_id: int, entity: str, *, now: datetime) -> set[str]:
    """Marks the records about which the box has not answered for too long, and no others; returns what changed.

    That a record is stale is stored, because layers must not depend on when they follow.
    """
    rows = connection.execute(
        f"UPDATE stashbox.{entity} AS d SET stale = NOT d.stale, changed_at = %(now)s\n"
        "FROM ops.stashbox_endpoints AS e\nWHERE e.id = %(endpoint)s AND d.endpoint_id = e.id AND d.status = 'active'\n"
        "    AND d.stale <> (d.fetched_at < %(now)s - make_interval(days => e.fresh_days))\n"
        "RETURNING d.id",
        {"endpoint": endpoint_id, "now": now},
    )
    return {row[0] for row in rows}


def renew_statistics(connection: Connection, entity: str) -> None:
    """Lets the planner know how many rows there are; as long as it expects few, it reads all of them to find one."""
    tables = [LOOKUPS, SCENE_FINGERPRINTS] if entity == "scenes" else []
    connection.execute(f"ANALYZE {', '.join(table.fullname for table in (DOCUMENTS[entity], *tables))}")


def document_digest(document: Document) -> uuid.UUID:
    """A digest that does not depend on the order in which a box lists things."""
    return uuid.UUID(bytes=hashlib.blake2b(orjson.dumps(_ordered(document)), digest_size=16).digest())


def _ordered(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _ordered(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return sorted((_ordered(element) for element in value), key=orjson.dumps)
    return value


def _json(document: Document) -> str:
    text = orjson.dumps(document).decode()
    # Postgres has no such character in text
    return orjson.dumps(_without_nul(document)).decode() if "\\u0000" in text else text


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, Mapping):
        return {_without_nul(key): _without_nul(element) for key, element in value.items()}
    return [_without_nul(element) for element in value] if isinstance(value, list) else value


def _timestamp(value: Any) -> datetime | None:
    """A moment in UTC, as boxes write it."""
    try:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00")) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def scene_columns(document: Document) -> dict[str, Any]:
    """The values of the typed columns of a scene."""
    return dict(zip(typed_columns("scenes"), _typed("scenes", document), strict=True))


def _typed(entity: str, document: Document) -> list[Any]:
    def text(name: str) -> str | None:
        value = document.get(name)
        return value.replace("\0", "") if isinstance(value, str) and value else None

    def reference(name: str) -> str | None:
        other = document.get(name)
        value = other.get("id") if isinstance(other, Mapping) else None
        return value.lower() if isinstance(value, str) and is_id(value.lower()) else None

    if entity == "scenes":
        duration = document.get("duration")
        return [
            text("title"),
            text("release_date") or text("date"),
            duration if type(duration) is int and 0 <= duration < 1 << 31 else None,
            text("code"),
            text("director"),
            reference("studio"),
        ]
    if entity == "performers":
        return [text("name"), text("disambiguation"), text("gender"), text("birth_date")]
    if entity == "studios":
        return [text("name"), reference("parent")]
    return [text("name"), text("description")]


def _store_fingerprints(connection: Connection, endpoint_id: int, documents: Mapping[str, Document]) -> None:
    rows = [
        (key, fingerprint.algorithm, fingerprint.hash - (1 << 64) if fingerprint.hash >> 63 else fingerprint.hash,
         fingerprint.duration // 1000 if fingerprint.duration > 0 else None,
         fingerprint.submissions, fingerprint.reports)
        for key in sorted(documents) for fingerprint in parse_fingerprints(documents[key])
    ]  # fmt: skip
    connection.execute(
        "DELETE FROM stashbox.scene_fingerprints WHERE endpoint_id = %s AND scene_id = ANY(%s)",
        [endpoint_id, list(documents)],
    )
    connection.execute(
        "INSERT INTO stashbox.scene_fingerprints\n"
        "    (endpoint_id, scene_id, algorithm, hash, duration, submissions, reports)\n"
        "SELECT %s, r.* FROM unnest(\n"
        "    %s::text[], %s::text[], %s::bigint[], %s::integer[], %s::integer[], %s::integer[]) AS r",
        [endpoint_id, *([row[position] for row in rows] for position in range(6))],
    )
