"""``matches.stashbox_proposals``: what a server lacks and a stash-box has, per object.

The rows of an object depend on its own row and stash ids, on the candidates of a scene, and on the documents of the
records that these lead to. They do not depend on clusters: what a server lacks is a question of its own object. So they
are made in this layer, with the candidates. Change plans read them; nothing here writes to a server.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers.layer import TableChange
from stash_pipeline.warehouse.layers.versions import digest
from stash_pipeline.warehouse.matches.features import Node
from stash_pipeline.warehouse.matches.tables import STASHBOX_PROPOSALS
from stash_pipeline.warehouse.stashbox.fields import BOX_FIELDS
from stash_pipeline.warehouse.stashbox.links import is_used, links_query, single_query
from stash_pipeline.warehouse.tables import STASH, type_name

_SELECTED: Final = "pg_temp.proposal_objects"
_COLUMNS: Final = tuple(column.name for column in STASHBOX_PROPOSALS.columns)
_KEY: Final = tuple(column.name for column in STASHBOX_PROPOSALS.primary_key.columns)

_MADE: Final = """
objects AS MATERIALIZED (
    SELECT o.* FROM stash.{entity} AS o{selection}
), links AS MATERIALIZED ({links}
), single AS MATERIALIZED ({single}
), made AS MATERIALIZED (
    -- ids: of a candidate, or the successor of one that the server has
    SELECT '{entity}' AS entity, l.instance_id, l.id, 'stash_id' AS field, l.endpoint_id, l.box_id, l.box_id AS value,
        l.replaces
    FROM (
        SELECT s.instance_id, s.id, s.endpoint_id, s.box_id,
            min(l.own_id) FILTER (WHERE l.own_id <> s.box_id) AS replaces,
            bool_or(l.own_id IS NOT DISTINCT FROM s.box_id) AS known
        FROM single AS s JOIN links AS l USING (instance_id, id, endpoint_id)
        GROUP BY s.instance_id, s.id, s.endpoint_id, s.box_id
    ) AS l
    WHERE NOT l.known
    UNION ALL
    -- fields: of the first box that has a value
    (SELECT DISTINCT ON (s.instance_id, s.id, f.field)
        '{entity}', s.instance_id, s.id, f.field, s.endpoint_id, s.box_id, f.value, NULL
    FROM single AS s
    JOIN stashbox.{entity} AS d ON d.endpoint_id = s.endpoint_id AND d.id = s.box_id
    JOIN objects AS o ON o.instance_id = s.instance_id AND o.id = s.id
    CROSS JOIN LATERAL (VALUES
        {fields}
    ) AS f(field, empty, value)
    WHERE f.empty AND f.value IS NOT NULL
    ORDER BY s.instance_id, s.id, f.field, s.endpoint_id)
)"""

_WRITE: Final = """
WITH {made}, stored AS MATERIALIZED (
    SELECT p.* FROM matches.stashbox_proposals AS p{among} WHERE p.entity = '{entity}'
), differing AS MATERIALIZED (
    SELECT m.*, s.id IS NULL AS is_new FROM made AS m LEFT JOIN stored AS s USING ({key})
    WHERE s.id IS NULL OR (s.value, s.replaces) IS DISTINCT FROM (m.value, m.replaces)
), gone AS (
    DELETE FROM matches.stashbox_proposals AS p USING stored AS s
    WHERE {same} AND NOT EXISTS (SELECT FROM made AS m WHERE {made_same})
    RETURNING p.id
), written AS (
    INSERT INTO matches.stashbox_proposals ({columns}) SELECT {columns} FROM differing ORDER BY {key}
    ON CONFLICT ({key}) DO UPDATE SET value = excluded.value, replaces = excluded.replaces
)
SELECT (SELECT count(*) FROM differing WHERE is_new), (SELECT count(*) FROM differing WHERE NOT is_new),
    (SELECT count(*) FROM gone)"""


def _fields(entity: str) -> str:
    rows = []
    for field, value in BOX_FIELDS[entity].items():
        own = f"o.{field}_text" if f"{field}_text" in STASH[entity].columns else f"o.{field}"
        is_text = own.endswith("_text") or type_name(STASH[entity].columns[field]) == "text"
        empty = f"nullif({own}, '') IS NULL" if is_text else f"{own} IS NULL"
        rows.append(f"('{field}', {empty}, ({value})::text)")
    return ",\n        ".join(rows)


def _statement(entity: str, *, some: bool) -> str:
    selection = f" JOIN {_SELECTED} AS w USING (instance_id, id)"
    made = _MADE.format(
        entity=entity,
        selection=selection if some else "",
        links=links_query(entity, "objects"),
        single=single_query(entity, "links", "l.instance_id, l.id"),
        fields=_fields(entity),
    )
    return _WRITE.format(
        entity=entity,
        made=made,
        among=selection if some else "",
        key=", ".join(_KEY),
        columns=", ".join(_COLUMNS),
        same=" AND ".join(f"p.{name} = s.{name}" for name in _KEY),
        made_same=" AND ".join(f"m.{name} = s.{name}" for name in _KEY),
    )


VERSION: Final = digest([_statement(entity, some=False) for entity in BOX_FIELDS])


def follow(connection: Connection, affected: Mapping[str, Iterable[Node]]) -> TableChange:
    """Makes the proposals for some objects anew; for those that are gone, none remain."""
    change = TableChange()
    for entity in BOX_FIELDS:
        nodes = sorted(set(affected.get(entity, ())))
        if nodes and _can_have_any(connection, entity):
            connection.execute("CREATE TEMP TABLE proposal_objects (instance_id integer, id bigint) ON COMMIT DROP")
            with connection.cursor().copy("COPY proposal_objects FROM STDIN") as copy:
                for node in nodes:
                    copy.write_row(node)
            connection.execute(f"ANALYZE {_SELECTED}")
            _write(connection, _statement(entity, some=True), change)
            connection.execute(f"DROP TABLE {_SELECTED}")
    return _counted(connection, change)


def rebuild(connection: Connection) -> TableChange:
    """Makes the proposals for all objects anew, and writes those that differ."""
    change = TableChange()
    for entity in BOX_FIELDS:
        if _can_have_any(connection, entity):
            _write(connection, _statement(entity, some=False), change)
    return _counted(connection, change)


def _can_have_any(connection: Connection, entity: str) -> bool:
    row = connection.execute(
        f"{is_used(entity)} OR EXISTS (SELECT FROM matches.stashbox_proposals WHERE entity = '{entity}')"
    ).fetchone()
    return bool(row and row[0])


def _write(connection: Connection, statement: str, change: TableChange) -> None:
    row = connection.execute(statement).fetchone()
    assert row is not None
    change.inserted += row[0]
    change.updated += row[1]
    change.removed += row[2]


def _counted(connection: Connection, change: TableChange) -> TableChange:
    row = connection.execute("SELECT count(*) FROM matches.stashbox_proposals").fetchone()
    assert row is not None
    change.rows = row[0]
    return change
