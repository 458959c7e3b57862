"""What the boxes list for favorite performers and studios, and which of it no instance owns.

A list is read page by page, and each page is stored with the number of the next one. Whether an instance owns a scene
is a question to the tables of the moment, so that the answer is a view: following and rebuilding cannot differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from stash_pipeline.stashbox.endpoints import same_endpoint_sql
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.stashbox.documents import scene_columns
from stash_pipeline.warehouse.stashbox.due import is_id
from stash_pipeline.warehouse.stashbox.links import links_query, single_query
from stash_pipeline.warehouse.stashbox.tables import LISTED_ENTITIES

Document = Mapping[str, Any]

MISSES_BELIEVED: Final = 2
"""Complete lists without a scene after which it is removed: what is deleted while pages are read shifts the others."""

FAILED_PAUSE: Final = timedelta(days=1)
"""After a failure, a list is left alone for so long."""


@dataclass(frozen=True)
class DueList:
    """A list to read.

    Attributes:
        identifier: the box's id of the performer or studio.
        page: to continue with. scenes: that the box counted at the start; None before the first page.
    """

    entity: str
    identifier: str
    page: int
    scenes: int | None


_FAVORITES: Final = """
SELECT DISTINCT '{entity}', s.box_id
FROM (
    WITH objects AS MATERIALIZED (
        SELECT m.canonical_id, m.instance_id, m.id FROM catalog.{entity} AS c
        JOIN catalog.members AS m ON m.entity = '{entity}' AND m.canonical_id = c.id
        WHERE c.favorite
    ), links AS MATERIALIZED ({links}
    ){single}
) AS s
WHERE s.endpoint_id = %(endpoint)s"""


def _favorites() -> str:
    return "\nUNION ALL".join(
        _FAVORITES.format(
            entity=entity,
            links=links_query(entity, "objects", "o.canonical_id"),
            single=single_query(entity, "links", "l.canonical_id"),
        )
        for entity in LISTED_ENTITIES
    )


_FOLLOW_FAVORITES: Final = f"""
WITH favorites (entity, id) AS MATERIALIZED ({_favorites()}
), gone AS (
    DELETE FROM stashbox.listings AS l
    WHERE l.endpoint_id = %(endpoint)s
      AND NOT EXISTS (SELECT FROM favorites AS f WHERE f.entity = l.entity AND f.id = l.id)
)
INSERT INTO stashbox.listings (endpoint_id, entity, id)
SELECT %(endpoint)s, entity, id FROM favorites
ON CONFLICT DO NOTHING"""

_DUE: Final = """
SELECT entity, id, next_page, scenes FROM stashbox.listings
WHERE endpoint_id = %(endpoint)s
  AND (next_page > 1 OR completed_at IS NULL OR completed_at < %(before)s)
  AND (failed_at IS NULL OR failed_at < %(failed_before)s)
ORDER BY next_page = 1, completed_at NULLS FIRST, entity, id"""


def due_lists(connection: Connection, endpoint_id: int, *, before: datetime, now: datetime) -> list[DueList]:
    """The lists to read: those that were begun, then those never read, then those that were read longest ago.

    The lists of what is a favorite no longer are removed, with their scenes.

    Args:
        before: what was complete before this time is due again.
    """
    connection.execute(_FOLLOW_FAVORITES, {"endpoint": endpoint_id})
    rows = connection.execute(
        _DUE, {"endpoint": endpoint_id, "before": before, "failed_before": now - FAILED_PAUSE}
    ).fetchall()
    return [DueList(*row) for row in rows]


_STORE: Final = """
INSERT INTO stashbox.listed_scenes AS s (endpoint_id, entity, owner_id, scene_id, title, date_text, duration, code,
    studio_id, studio, performers, seen_at)
SELECT %(endpoint)s, %(entity)s, %(owner)s, r.id, r.title, r.date_text, r.duration, r.code, r.studio_id, r.studio,
    r.performers::text[], %(now)s
FROM unnest(%(ids)s::text[], %(title)s::text[], %(date_text)s::text[], %(duration)s::integer[], %(code)s::text[],
    %(studio_id)s::text[], %(studio)s::text[], %(performers)s::text[])
    AS r(id, title, date_text, duration, code, studio_id, studio, performers)
ON CONFLICT (endpoint_id, entity, owner_id, scene_id) DO UPDATE
SET title = excluded.title, date_text = excluded.date_text, duration = excluded.duration, code = excluded.code,
    studio_id = excluded.studio_id, studio = excluded.studio, performers = excluded.performers,
    seen_at = excluded.seen_at, misses = 0"""

_TURN: Final = """
UPDATE stashbox.listings
SET next_page = %(page)s + 1, failed_at = NULL, error = NULL,
    scenes = CASE WHEN %(page)s = 1 THEN %(scenes)s ELSE scenes END,
    started_at = CASE WHEN %(page)s = 1 THEN %(now)s ELSE started_at END
WHERE endpoint_id = %(endpoint)s AND entity = %(entity)s AND id = %(owner)s"""


_OF_SCENES: Final = ("title", "date_text", "duration", "code", "studio_id")
"""The columns that ``stashbox.scenes`` has, too."""


def store_page(
    connection: Connection, endpoint_id: int, due: DueList, scenes: Sequence[Document], *, now: datetime
) -> None:
    """Stores a page of a list, and where to continue.

    Args:
        due: with the number of the page, and the scenes that the box counted.
    """
    by_id = {key: scene for scene in scenes if is_id(key := scene["id"].lower())}
    ids = sorted(by_id)
    rows = [scene_columns(by_id[key]) for key in ids]
    place = {"endpoint": endpoint_id, "entity": due.entity, "owner": due.identifier, "now": now}
    with connection.transaction():
        # first, because it locks the list
        connection.execute(_TURN, {**place, "page": due.page, "scenes": due.scenes})
        connection.execute(
            _STORE,
            {
                **place,
                "ids": ids,
                **{name: [row[name] for row in rows] for name in _OF_SCENES},
                "studio": [_name(by_id[key].get("studio")) for key in ids],
                "performers": [_array(_performers(by_id[key])) for key in ids],
            },
        )


_FINISH: Final = """
WITH list AS (
    UPDATE stashbox.listings SET next_page = 1, completed_at = %(now)s
    WHERE endpoint_id = %(endpoint)s AND entity = %(entity)s AND id = %(owner)s
    RETURNING started_at
), missed AS (
    UPDATE stashbox.listed_scenes AS s SET misses = s.misses + 1 FROM list AS l
    WHERE s.endpoint_id = %(endpoint)s AND s.entity = %(entity)s AND s.owner_id = %(owner)s
      AND s.seen_at < l.started_at AND s.misses + 1 < %(believed)s
)
DELETE FROM stashbox.listed_scenes AS s USING list AS l
WHERE s.endpoint_id = %(endpoint)s AND s.entity = %(entity)s AND s.owner_id = %(owner)s
  AND s.seen_at < l.started_at AND s.misses + 1 >= %(believed)s"""


def finish_list(connection: Connection, endpoint_id: int, due: DueList, *, now: datetime) -> None:
    """Marks a list as complete; removes the scenes that were not in it, nor in the one before."""
    place = {"endpoint": endpoint_id, "entity": due.entity, "owner": due.identifier, "now": now}
    connection.execute(_FINISH, {**place, "believed": MISSES_BELIEVED})


def fail_list(connection: Connection, endpoint_id: int, due: DueList, error: str, *, now: datetime) -> None:
    """Records why a list could not be read; it starts again from its first page."""
    connection.execute(
        "UPDATE stashbox.listings SET failed_at = %s, error = %s, next_page = 1\n"
        "WHERE endpoint_id = %s AND entity = %s AND id = %s",
        [now, error, endpoint_id, due.entity, due.identifier],
    )


def known_scenes(connection: Connection, endpoint_id: int, due: DueList, ids: Sequence[str]) -> set[str]:
    """Those of some scenes that were on an earlier page of the same reading."""
    rows = connection.execute(
        "SELECT s.scene_id FROM stashbox.listed_scenes AS s\n"
        "JOIN stashbox.listings AS l ON l.endpoint_id = s.endpoint_id AND l.entity = s.entity AND l.id = s.owner_id\n"
        "WHERE s.endpoint_id = %s AND s.entity = %s AND s.owner_id = %s AND s.scene_id = ANY(%s)\n"
        "  AND s.seen_at >= l.started_at",
        [endpoint_id, due.entity, due.identifier, list(ids)],
    )
    return {row[0] for row in rows}


def _name(value: Any) -> str | None:
    name = value.get("name") if isinstance(value, Mapping) else None
    return name if isinstance(name, str) and name else None


def _performers(scene: Document) -> list[str]:
    listed = scene.get("performers")
    appearances = listed if isinstance(listed, list) else []
    names = (_name(appearance.get("performer")) for appearance in appearances if isinstance(appearance, Mapping))
    return [name for name in names if name]


def _array(values: Sequence[str]) -> str:
    """An array as text: Postgres has no arrays of arrays of different lengths."""
    return "{" + ",".join('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values) + "}"


# --- the view -----------------------------------------------------------------------------------------------

MISSING_COLUMNS: Final = (
    ("box", "text", "ops.stashbox_endpoints.name"),
    ("endpoint_id", "integer", "ops.stashbox_endpoints.id"),
    ("scene_id", "text", "the id of the box"),
    ("title", "text", "title on the stash-box"),
    ("date_text", "text", "with the precision that is known"),
    ("duration", "integer", "seconds"),
    ("code", "text", "code that the studio gave it"),
    ("studio", "text", "name of its studio on the box"),
    ("performers", "text[]", "their names on the box"),
    ("favorites", "text[]", "the favorite performers and studios in whose lists it is"),
    ("waits_for_decision", "boolean", "a local scene may be this one: decide with `stash-pipeline matches list --box`"),
    ("seen_at", "timestamptz", "when it was in a list last"),
)
"""Name, type and comment of each column of the view."""

_OWNED_BY_LINK: Final = f"""
    SELECT e.id AS endpoint_id, coalesce(d.successor_id, lower(x.stash_id)) AS scene_id
    FROM stash.scene_stash_ids x
    JOIN ops.instances i ON i.id = x.instance_id AND i.removed_at IS NULL
    JOIN ops.stashbox_endpoints e ON {same_endpoint_sql("x.endpoint", "e.url")}
    LEFT JOIN stashbox.scenes d ON d.endpoint_id = e.id AND d.id = lower(x.stash_id)"""

MISSING_QUERY: Final = f"""WITH owned AS MATERIALIZED ({_OWNED_BY_LINK}
    UNION
    SELECT c.endpoint_id, c.box_scene_id
    FROM matches.stashbox_candidates c
    JOIN ops.instances i ON i.id = c.instance_id AND i.removed_at IS NULL
    WHERE c.action IN ('automatic', 'accepted')
), possible AS MATERIALIZED (
    SELECT DISTINCT c.endpoint_id, c.box_scene_id AS scene_id FROM matches.stashbox_candidates c
    WHERE c.action = 'review'
), newest AS (
    SELECT DISTINCT ON (s.endpoint_id, s.scene_id) s.* FROM stashbox.listed_scenes s
    ORDER BY s.endpoint_id, s.scene_id, s.seen_at DESC, s.entity, s.owner_id
), owners AS (
    SELECT s.endpoint_id, s.scene_id, array_agg(DISTINCT coalesce(p.name, t.name, s.owner_id)) AS favorites
    FROM stashbox.listed_scenes s
    LEFT JOIN stashbox.performers p ON s.entity = 'performers' AND p.endpoint_id = s.endpoint_id AND p.id = s.owner_id
    LEFT JOIN stashbox.studios t ON s.entity = 'studios' AND t.endpoint_id = s.endpoint_id AND t.id = s.owner_id
    GROUP BY s.endpoint_id, s.scene_id
)
SELECT e.name AS box, l.endpoint_id, l.scene_id, l.title, l.date_text, l.duration, l.code, l.studio, l.performers,
    f.favorites,
    EXISTS (SELECT FROM possible m WHERE m.endpoint_id = l.endpoint_id AND m.scene_id = l.scene_id)
        AS waits_for_decision,
    l.seen_at
FROM newest l
JOIN owners f USING (endpoint_id, scene_id)
JOIN ops.stashbox_endpoints e ON e.id = l.endpoint_id AND e.enabled AND e.list_missing
WHERE NOT EXISTS (SELECT FROM owned o WHERE o.endpoint_id = l.endpoint_id AND o.scene_id = l.scene_id)"""
"""An id that was merged is owned as its successor. Stale links count: a scene is owned whatever its box says of it."""


def missing_scenes(connection: Connection, endpoint_ids: Sequence[int]) -> list[dict[str, Any]]:
    """The rows of ``stashbox.missing`` of some boxes, the newest scenes first."""
    cursor = connection.execute(
        "SELECT * FROM stashbox.missing WHERE endpoint_id = ANY(%s)\n"
        "ORDER BY box, date_text DESC NULLS LAST, title, scene_id",
        [list(endpoint_ids)],
    )
    names = [column.name for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@dataclass(frozen=True)
class ListState:
    """How far the lists of a box were read.

    Attributes:
        complete: lists that were read to their end, once at least. failed: that failed last; error: one of them.
    """

    lists: int = 0
    complete: int = 0
    failed: int = 0
    error: str | None = None


def list_states(connection: Connection, endpoint_ids: Sequence[int]) -> dict[int, ListState]:
    """How far the lists of some boxes were read."""
    rows = connection.execute(
        "SELECT endpoint_id, count(*), count(completed_at), count(error), min(error) FROM stashbox.listings\n"
        "WHERE endpoint_id = ANY(%s) GROUP BY endpoint_id",
        [list(endpoint_ids)],
    )
    return dict.fromkeys(endpoint_ids, ListState()) | {row[0]: ListState(*row[1:]) for row in rows.fetchall()}
