"""Writes the documents that differ, the tags of markers, and the state that the documents reach."""

from typing import Final

from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers.layer import TableChange
from stash_pipeline.warehouse.search.affected import AFFECTED, add_readers
from stash_pipeline.warehouse.search.document_columns import DOCUMENT, MADE, STALE, TAGGED
from stash_pipeline.warehouse.search.document_tags import tagged_statement
from stash_pipeline.warehouse.search.documents_sql import made_statement

STATES_KEPT: Final = 500
"""An index that is older is rebuilt."""

_COMPARED: Final = tuple(name for name in DOCUMENT if name != "id")
_NEW: Final = ", ".join(f"m.{name}" for name in _COMPARED)
_OLD: Final = ", ".join(f"d.{name}" for name in _COMPARED)

_STALE: Final = f"""
CREATE TEMP TABLE search_stale ON COMMIT DROP AS
SELECT id, instance_id, object_id FROM {AFFECTED} WHERE entity = '{{entity}}'
"""

_UPDATE: Final = f"""
UPDATE search.documents AS d SET ({", ".join(_COMPARED)}, revision) = ROW({_NEW}, %(revision)s)
FROM {MADE} AS m WHERE d.id = m.id AND ROW({_OLD}) IS DISTINCT FROM ROW({_NEW})
"""

_INSERT: Final = f"""
INSERT INTO search.documents (id, entity, revision, {", ".join(_COMPARED)})
SELECT m.id, %(entity)s, %(revision)s, {_NEW} FROM {MADE} AS m
WHERE NOT EXISTS (SELECT FROM search.documents AS d WHERE d.id = m.id)
"""

_DELETE: Final = f"""
WITH gone AS (
    DELETE FROM search.documents AS d {{of}}
      AND NOT EXISTS (SELECT FROM {MADE} AS m WHERE m.id = d.id)
    RETURNING d.id
)
INSERT INTO search.vanished (id, entity, revision) SELECT id, %(entity)s, %(revision)s FROM gone
ON CONFLICT (id) DO UPDATE SET entity = excluded.entity, revision = excluded.revision
"""
_OF_ALL: Final = "WHERE d.entity = %(entity)s"
_OF_SOME: Final = f"USING {STALE} AS stale WHERE stale.id = d.id"

_REMOVE: Final = """
WITH gone AS (DELETE FROM search.documents AS d WHERE d.entity = %(entity)s RETURNING d.id)
INSERT INTO search.vanished (id, entity, revision) SELECT id, %(entity)s, %(revision)s FROM gone
ON CONFLICT (id) DO UPDATE SET entity = excluded.entity, revision = excluded.revision
"""

_RETURNED: Final = f"DELETE FROM search.vanished AS v USING {MADE} AS m WHERE v.id = m.id"


def write_documents(
    connection: Connection, entity: str, revision: int, entities: tuple[str, ...], *, everything: bool
) -> tuple[TableChange, TableChange]:
    """Makes the documents of an entity, or the affected ones, and writes those that differ.

    Returns:
        what was done to documents, and to the tags of markers.
    """
    if not everything:
        connection.execute(_STALE.format(entity=entity))
        connection.execute(f"ANALYZE {STALE}")
    connection.execute(tagged_statement(entity, everything=everything))
    connection.execute(f"ANALYZE {TAGGED}")
    connection.execute(made_statement(entity, everything=everything))
    connection.execute(f"ANALYZE {MADE} (id)")
    if not everything:
        add_readers(connection, entity, entities)
    parameters = {"entity": entity, "revision": revision}
    change = TableChange(
        updated=connection.execute(_UPDATE, parameters).rowcount,
        inserted=connection.execute(_INSERT, parameters).rowcount,
        removed=connection.execute(_DELETE.format(of=_OF_ALL if everything else _OF_SOME), parameters).rowcount,
    )
    if change.inserted:
        connection.execute(_RETURNED)
    tags = _write_marker_tags(connection, everything=everything) if entity == "scene_markers" else TableChange()
    connection.execute(f"DROP TABLE {MADE}, {TAGGED}{'' if everything else f', {STALE}'}")
    return change, tags


def remove_documents(connection: Connection, entity: str, revision: int) -> int:
    """Removes all documents of an entity that has none any more; returns how many."""
    return connection.execute(_REMOVE, {"entity": entity, "revision": revision}).rowcount


# --- tags of markers ----------------------------------------------------------------------------------------

_MARKER_TAGS: Final = f"""
SELECT t.id AS tag_id, m.scene_id, m.seconds, m.id AS marker_id, m.instance_id, m.end_seconds, t.own
FROM {MADE} AS m JOIN {TAGGED} AS t ON t.owner = m.id WHERE m.scene_id IS NOT NULL
"""

_WRITE_MARKER_TAGS: Final = f"""
WITH made AS MATERIALIZED (
{_MARKER_TAGS}
), gone AS (
    DELETE FROM search.marker_tags AS s {{of}} NOT EXISTS (
        SELECT FROM made AS m WHERE m.tag_id = s.tag_id AND m.scene_id = s.scene_id AND m.seconds = s.seconds
            AND m.marker_id = s.marker_id
    )
    RETURNING s.tag_id
), differing AS MATERIALIZED (
    SELECT m.*, s.tag_id IS NULL AS is_new
    FROM made AS m LEFT JOIN search.marker_tags AS s
        ON s.tag_id = m.tag_id AND s.scene_id = m.scene_id AND s.seconds = m.seconds AND s.marker_id = m.marker_id
    WHERE s.tag_id IS NULL
       OR ROW(s.instance_id, s.end_seconds, s.own) IS DISTINCT FROM ROW(m.instance_id, m.end_seconds, m.own)
), written AS (
    INSERT INTO search.marker_tags (tag_id, scene_id, seconds, marker_id, instance_id, end_seconds, own)
    SELECT tag_id, scene_id, seconds, marker_id, instance_id, end_seconds, own
    FROM differing ORDER BY tag_id, scene_id, seconds, marker_id
    ON CONFLICT (tag_id, scene_id, seconds, marker_id) DO UPDATE
    SET instance_id = excluded.instance_id, end_seconds = excluded.end_seconds, own = excluded.own
)
SELECT (SELECT count(*) FROM differing WHERE is_new), (SELECT count(*) FROM differing WHERE NOT is_new),
    (SELECT count(*) FROM gone)
"""


def _write_marker_tags(connection: Connection, *, everything: bool) -> TableChange:
    of = "WHERE" if everything else f"USING {STALE} AS stale WHERE stale.id = s.marker_id AND"
    row = connection.execute(_WRITE_MARKER_TAGS.format(of=of)).fetchone()
    assert row is not None
    return TableChange(inserted=row[0], updated=row[1], removed=row[2])


# --- states -------------------------------------------------------------------------------------------------

_FORGET_STATES: Final = f"""
WITH old AS (
    DELETE FROM search.states WHERE id <= (SELECT max(id) FROM search.states) - {STATES_KEPT}
)
DELETE FROM search.vanished AS v
WHERE v.revision <= (
    SELECT min(s.revision) FROM search.states AS s WHERE s.id > (SELECT max(id) FROM search.states) - {STATES_KEPT}
)
"""


def record_state(connection: Connection, revision: int) -> None:
    """Records that documents changed, under a token that no other state has.

    An index of a state of the same revision cannot see what changed after it, so such states are forgotten.
    """
    connection.execute("DELETE FROM search.states WHERE revision >= %s", [revision])
    connection.execute("INSERT INTO search.states (token, revision) VALUES (gen_random_uuid(), %s)", [revision])
    connection.execute(_FORGET_STATES)


# --- counts -------------------------------------------------------------------------------------------------

_ADD_COUNTS: Final = """
INSERT INTO search.row_counts (entity, rows)
SELECT * FROM unnest(%(entities)s::text[], %(rows)s::bigint[])
ON CONFLICT (entity) DO UPDATE SET rows = row_counts.rows + excluded.rows
"""

_COUNT: Final = """
INSERT INTO search.row_counts (entity, rows)
SELECT entity, count(*) FROM search.documents GROUP BY entity
UNION ALL SELECT 'marker_tags', count(*) FROM search.marker_tags
"""


def update_counts(connection: Connection, changes: dict[str, TableChange], *, everything: bool) -> dict[str, int]:
    """Keeps the numbers of documents per entity, and of rows of the other tables; returns them."""
    if everything:
        connection.execute("DELETE FROM search.row_counts")
        connection.execute(_COUNT)
    else:
        connection.execute(
            _ADD_COUNTS,
            {"entities": list(changes), "rows": [change.inserted - change.removed for change in changes.values()]},
        )
    return dict(connection.execute("SELECT entity, rows FROM search.row_counts ORDER BY entity").fetchall())
